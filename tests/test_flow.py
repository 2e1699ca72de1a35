"""A dozen comments from CSV to JSON: the whole way, with one exact expected result.

``python tests/test_flow.py`` writes what the models say now; read the difference before committing it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from voc.ingest import read_file, validate
from voc.pipeline import Pipeline
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter

DATA = Path(__file__).parent / "data"
EXPECTED = DATA / "flow.json"


def flow(pipeline: Pipeline, folder: Path) -> list[dict[str, Any]]:
    """Reads the CSV, keeps and analyzes it, and reads it back out of the database."""
    services = Services(Settings(db=folder / "flow.db"))
    services.pipelines.use(pipeline)
    mapping = {"text": "Nội dung", "occurred_at": "Ngày"}
    rows = [validate(row.values, source="flow") for row in read_file(DATA / "flow.csv", mapping=mapping)]
    services.worklist.submit(rows)
    kept = sorted(services.store.every(Filter()), key=lambda k: int(k.feedback.external_id or 0))
    services.store.close()
    return [told(k.feedback.as_dict(), k.analysis.as_dict()) for k in kept if k.analysis]


def told(feedback: dict[str, Any], analysis: dict[str, Any]) -> dict[str, Any]:
    """What the test holds: all that is said, without ids, times and the digits of confidences."""
    named = ("language", "sentiment", "owner", "cooperators", "touchpoint", "status")
    parts = ("start", "end", "text", "language", "sentiment", "topic", "department")
    return {
        "external_id": feedback["external_id"],
        "occurred_at": feedback["occurred_at"],
        "scores": feedback["scores"],
        **{name: analysis[name] for name in named},
        "candidates": [candidate["department"] for candidate in analysis["candidates"]],
        "segments": [{name: part[name] for name in parts} for part in analysis["segments"]],
    }


def test_a_dozen_comments_from_csv_to_json(pipeline: Pipeline, tmp_path: Path) -> None:
    assert flow(pipeline, tmp_path) == json.loads(EXPECTED.read_text("utf-8"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        result = flow(Pipeline.open(Settings()), Path(name))
    EXPECTED.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
