"""Ten corrections on one topic, learned: what `voc` prints, command by command, in a database of its own.

python benchmarks/learning.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from click.testing import CliRunner

from voc.cli import main

CHARGING = Path(__file__).parents[1] / "tests" / "data" / "charging.jsonl"
DEPARTMENT = "product"


def voc(db: Path, *arguments: str, given: str | None = None) -> str:
    """Runs one command; returns what it printed."""
    done = CliRunner().invoke(main, ["--db", str(db), *arguments], input=given, catch_exceptions=False)
    if done.exit_code:
        raise SystemExit(done.output)
    return done.output


def owner(db: Path, text: str) -> str:
    """The owner of a text, and how sure that is."""
    said = json.loads(voc(db, "analyze", "-", given=json.dumps({"text": text})))
    return f"{said['owner']} {said['owner_confidence']:.2f}  ({said['pipeline']})"


def run(folder: Path) -> None:
    """The whole way: kept, corrected, learned, rolled back."""
    db, first = folder / "voc.db", folder / "charging.jsonl"
    *lines, eleventh = CHARGING.read_text("utf-8").splitlines()
    first.write_text("\n".join(lines), "utf-8")
    text = json.loads(eleventh)["text"]
    voc(db, "ingest", str(first), "--format", "ndjson", "--source", "hall")
    voc(db, "export", str(folder / "kept.jsonl"))
    for line in (folder / "kept.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        key = row["feedback"]["id"] if "feedback" in row else row["id"]
        voc(db, "correct", key, "--owner", DEPARTMENT, "--by", "demo")
    print(f"the eleventh text: {owner(db, text)}")
    print("$ voc learn")
    print(voc(db, "learn", "--by", "demo"), end="")
    print(f"the eleventh text: {owner(db, text)}")
    print("$ voc models rollback")
    print(voc(db, "models", "rollback", "--by", "demo"), end="")
    print(f"the eleventh text: {owner(db, text)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        run(Path(scratch))
