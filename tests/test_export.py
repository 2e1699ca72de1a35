"""Files that leave: one row per feedback, in CSV, JSONL and Parquet, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from voc import export
from voc.records import Analysis, Candidate, Feedback, Segment
from voc.store import Store

Make = Callable[..., Feedback]
TEXT = 'Giao "trễ"; 😡,\nkhông báo'
JUDGED = Analysis(
    "b", "vi", "negative", -0.82, 0.94, "logistics", 0.97, ("care", "sales"), "receive", "routed",
    (Candidate("care", 0.5),), ("care", "sales"),
    (Segment(0, 14, TEXT[:14], "vi", "negative", -0.9, "delivery-late", "logistics", 0.97),
     Segment(15, 25, TEXT[15:25], "vi", "negative", -0.7, "no-word", "care", 0.6),
     Segment(0, 4, TEXT[:4], "vi", "neutral", 0.0, "delivery-late", None, 0.0),
     Segment(4, 5, TEXT[4:5], "und", "neutral", 0.0, None, None, 0.0)),
    "2026.11-abc",
)  # fmt: skip


@pytest.fixture
def filled(store: Store, feedback: Make) -> Store:
    """One row with everything and an analysis, one with little that still waits."""
    full = feedback(
        "b", TEXT, source="zendesk", external_id="17", channel="chat", touchpoint="buy", customer_ref="c",
        scores={"nps": 3}, attributes={"vùng": "HN", "vip": True}, occurred_at="2026-11-03T00:00:00.000Z",
    )  # fmt: skip
    store.add([full, feedback("a", "tốt", touchpoint="pay")], holder="h", lease_s=1)
    store.save([JUDGED], [None], "r1")
    return store


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


FULL = {
    "id": "b", "text": TEXT, "source": "zendesk", "external_id": "17",
    "occurred_at": "2026-11-03T00:00:00.000Z", "received_at": "2026-11-02T08:00:01.000Z", "channel": "chat",
    "customer_ref": "c", "language": "vi", "sentiment": "negative", "sentiment_score": -0.82,
    "sentiment_confidence": 0.94, "owner": "logistics", "owner_confidence": 0.97,
    "cooperators": ["care", "sales"], "touchpoint": "receive", "status": "routed", "hops": ["care", "sales"],
    "topics": ["delivery-late", "no-word"], "segments": JUDGED.as_dict()["segments"], "scores": {"nps": 3},
    "attributes": {"vùng": "HN", "vip": True}, "corrected": [], "pipeline": "2026.11-abc",
}  # fmt: skip
NESTED = ("cooperators", "hops", "topics", "segments", "scores", "attributes", "corrected")


def test_csv_holds_every_column(filled: Store, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert export.write(filled, path, "csv") == 2
    assert path.read_bytes().startswith(b"\xef\xbb\xbfid,text,")
    full, waiting = cells(path)
    assert tuple(full) == export.COLUMNS == tuple(FULL)
    for name in NESTED:
        assert json.loads(full[name]) == FULL[name]
    assert full["sentiment_score"] == "-0.82"
    plain = [name for name in FULL if name not in NESTED]
    assert [full[name] for name in plain] == [str(FULL[name]) for name in plain]
    assert (waiting["id"], waiting["text"], waiting["touchpoint"]) == ("a", "tốt", "pay")
    assert [waiting[name] for name in ("owner", "sentiment", "sentiment_score", "pipeline")] == [""] * 4
    assert json.loads(waiting["topics"]) == []


def test_jsonl_holds_the_records(filled: Store, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    assert export.write(filled, path, "jsonl") == 2
    lines = path.read_text("utf-8").split("\n")
    assert lines.pop() == ""
    kept = [filled.get("b"), filled.get("a")]
    assert [json.loads(line) for line in lines] == [
        {"feedback": kept[0].feedback.as_dict(), "analysis": JUDGED.as_dict()},
        {"feedback": kept[1].feedback.as_dict(), "analysis": None},
    ]
    assert "😡" in lines[0]


def test_what_people_decided_is_marked(filled: Store, tmp_path: Path) -> None:
    filled.corrections.add(
        "b", [(None, "owner", "sales", "logistics")], author="lan", reason=None, departments={}
    )
    for ending in ("csv", "jsonl"):
        export.write(filled, tmp_path / ending, ending)
    full, waiting = cells(tmp_path / "csv")
    assert (full["owner"], full["corrected"], waiting["corrected"]) == ("sales", '["owner"]', "[]")
    lines = [json.loads(line) for line in (tmp_path / "jsonl").read_text("utf-8").splitlines()]
    assert [line.get("corrected") for line in lines] == [["owner"], None]


def test_parquet_holds_every_column_with_its_type(filled: Store, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert export.write(filled, path, "parquet") == 2
    table = pq.read_table(path)
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {name: "double" if name in export.NUMBERS else "string" for name in export.COLUMNS}
    full, waiting = table.to_pylist()
    assert {name: json.loads(full[name]) if name in NESTED else full[name] for name in FULL} == FULL
    assert (waiting["id"], waiting["owner"], waiting["sentiment_score"]) == ("a", None, None)


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_pages_lose_nothing_and_report_progress(
    store: Store, feedback: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    monkeypatch.setattr(export, "PAGE", 3)
    store.add([feedback(f"k{n}", "chữ") for n in range(8)], holder="h", lease_s=1)
    path, steps = tmp_path / "out", []
    assert export.write(store, path, file_format, steps.append) == 8
    assert steps == [3, 3, 2]
    found = {
        "csv": lambda: [row["id"] for row in cells(path)],
        "jsonl": lambda: [
            json.loads(line)["feedback"]["id"] for line in path.read_text("utf-8").splitlines()
        ],
        "parquet": lambda: pq.read_table(path)["id"].to_pylist(),
    }[file_format]()
    assert found == [f"k{n}" for n in reversed(range(8))]


def test_an_empty_store_gives_a_readable_file(store: Store, tmp_path: Path) -> None:
    for file_format in ("csv", "jsonl", "parquet"):
        assert export.write(store, tmp_path / file_format, file_format) == 0
    assert (tmp_path / "csv").read_bytes().decode("utf-8-sig") == ",".join(export.COLUMNS) + "\r\n"
    assert (tmp_path / "jsonl").read_text("utf-8") == ""
    assert pq.read_table(tmp_path / "parquet").column_names == list(export.COLUMNS)


@pytest.mark.parametrize(
    "text", ["=1+1", "+84 90", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", '=HYPERLINK("x")']
)
def test_formulas_are_neutralized_in_csv_only(
    store: Store, feedback: Make, tmp_path: Path, text: str
) -> None:
    row = feedback("k", text, channel=text, external_id=text)
    store.add([row], holder="h", lease_s=1)
    export.write(store, tmp_path / "out.csv", "csv")
    export.write(store, tmp_path / "out.jsonl", "jsonl")
    export.write(store, tmp_path / "out.parquet", "parquet")
    (found,) = cells(tmp_path / "out.csv")
    assert [found[name] for name in ("text", "channel", "external_id")] == ["'" + text] * 3
    assert json.loads((tmp_path / "out.jsonl").read_text("utf-8"))["feedback"]["text"] == text
    assert pq.read_table(tmp_path / "out.parquet")["text"].to_pylist() == [text]


@pytest.mark.parametrize("text", ["1+1=2", "a@b.vn", "'=1", "a\n=1", "😡"])
def test_harmless_cells_are_left_alone(store: Store, feedback: Make, tmp_path: Path, text: str) -> None:
    store.add([feedback("k", text)], holder="h", lease_s=1)
    export.write(store, tmp_path / "out.csv", "csv")
    assert [row["text"] for row in cells(tmp_path / "out.csv")] == [text]


def test_every_ending_leads_to_a_writer(filled: Store, tmp_path: Path) -> None:
    written: dict[str, Any] = {
        ending: export.write(filled, tmp_path / f"out{ending}", file_format)
        for ending, file_format in export.FORMATS.items()
    }
    assert written == {".csv": 2, ".jsonl": 2, ".ndjson": 2, ".parquet": 2}
