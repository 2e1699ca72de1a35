"""How reclassifying history grows: rows per second and memory from ten thousand feedback to a million.

    python benchmarks/million.py --sizes 10000 100000 1000000 --json docs/figures/million.json

The feedback are copies of the project's own corpus under other ids and days. The corpus is analyzed once, in
the usual way; the copies' vectors and analyses are copies too, since reclassifying reads them as any others.
What changes is the organization's mind: one topic goes to another department, which needs no encoding. Each
size is a database of its own, and each command a process of its own; the kernel tells its time on the
processor and its greatest resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TABLES = {
    "feedback": "number + :by, id || :tag, text, source, external_id || :tag, "
    "strftime('%Y-%m-%dT%H:%M:%fZ', occurred_at, :days), received_at, channel, touchpoint, "
    "customer_ref, scores, attributes",
    "analyses": "feedback + :by, pipeline, run, language, sentiment, sentiment_score, sentiment_confidence, "
    "owner, owner_confidence, cooperators, touchpoint, status, candidates, hops, corrected, said",
    "segments": 'feedback + :by, pipeline, position, start, "end", language, sentiment, sentiment_score, '
    "topic, department, department_confidence",
    "readings": "feedback + :by, reader, spans, languages, words, vectors",
    "shown": "feedback + :by, pipeline",
}


def corpus(folder: Path) -> Path:
    """A database with the corpus, analyzed."""
    path = folder / "corpus.db"
    if not path.exists():
        voc(path, "demo", "--no-serve")
    return path


def voc(path: Path, *arguments: str) -> tuple[str, float, float, int]:
    """Runs a command; its output, seconds by the clock and on the processor, greatest memory in bytes."""
    command = [sys.executable, "-m", "voc.cli", "--db", str(path), *arguments]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return output, time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def multiplied(base: Path, path: Path, rows: int) -> None:
    """Copies of the corpus until there are ``rows`` feedback."""
    shutil.copy(base, path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA journal_mode = WAL")
    size = db.execute("SELECT max(number) FROM feedback").fetchone()[0]
    copy = 0
    while (have := db.execute("SELECT count(*) FROM feedback").fetchone()[0]) < rows:
        copy += 1
        values = {"by": copy * size, "tag": f"-{copy}", "days": f"{-7 * (copy % 50)} days"}
        values["last"] = min(size, rows - have)
        for table, columns in TABLES.items():
            key = "number" if table == "feedback" else "feedback"
            db.execute(f"INSERT INTO {table} SELECT {columns} FROM {table} WHERE {key} <= :last", values)  # noqa: S608
        db.execute(
            "INSERT INTO feedback_words (rowid, folded) "
            "SELECT rowid + :by, folded FROM feedback_words WHERE rowid <= :last",
            values,
        )
        db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def measured(base: Path, folder: Path, rows: int) -> dict[str, Any]:
    """One size: try out, reclassify, take back."""
    path = folder / f"voc-{rows}.db"
    multiplied(base, path, rows)
    bytes_before = path.stat().st_size
    voc(path, "topics", "move", "delivery-late", "--department", "care", "--by", "benchmark")
    tried, try_s, _, try_bytes = voc(path, "reclassify", "--dry-run", "--json")
    done, run_s, run_cpu_s, run_bytes = voc(path, "reclassify", "--json")
    dry, run = json.loads(tried), json.loads(done)
    _, back_s, _, back_bytes = voc(path, "reclassify", "--rollback", str(run["run"]), "--json")
    figures = {
        "feedback": rows,
        "database_mb": round(bytes_before / 1e6),
        "dry_run_s": round(try_s, 1),
        "run_s": round(run_s, 1),
        "rows_per_s": round(rows / run_s),
        "run_cpu_s": round(run_cpu_s, 1),
        "rows_per_cpu_s": round(rows / run_cpu_s),
        "rollback_s": round(back_s, 1),
        "peak_mb": round(max(try_bytes, run_bytes, back_bytes) / 1e6),
        "moved": sum(one["count"] for one in run["owners_moved"]),
        "dry_run_equals_run": {**dry, "dry_run": 0, "run": 0} == {**run, "dry_run": 0, "run": 0},
    }
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where the databases lie meanwhile; about 6 GB a million")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    base = corpus(folder)
    found = []
    for rows in given.sizes:
        found.append(measured(base, folder, rows))
        print(json.dumps(found[-1]), flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
