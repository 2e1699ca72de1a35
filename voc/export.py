"""Writes feedback with their analyses to a file, page by page, in constant memory.

Enters: a store. Leaves: CSV, JSONL or Parquet. What must hold: one row per feedback; cells that a
spreadsheet would run as a formula are neutralized in CSV (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from voc.store import Filter, Kept, Store

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
COLUMNS = (
    "id", "text", "source", "external_id", "occurred_at", "received_at", "channel", "customer_ref",
    "language", "sentiment", "sentiment_score", "sentiment_confidence", "owner", "owner_confidence",
    "cooperators", "touchpoint", "status", "hops", "topics", "segments", "scores", "attributes", "corrected",
    "pipeline",
)  # fmt: skip
NUMBERS = frozenset({"sentiment_score", "sentiment_confidence", "owner_confidence"})
PAGE = 1_000


def write(
    store: Store, path: Path, file_format: str, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Writes every feedback; returns how many."""
    writer = {"csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet}[file_format]
    return writer(_pages(store), path, progress)


def _pages(store: Store) -> Iterator[list[Kept]]:
    rows = store.every(Filter(), PAGE)
    while page := list(islice(rows, PAGE)):
        yield page


def _write_jsonl(pages: Iterator[list[Kept]], path: Path, progress: Callable[[int], None]) -> int:
    total = 0
    with path.open("w", encoding="utf-8") as file:
        for page in pages:
            for kept in page:
                file.write(json.dumps(kept.as_dict(), ensure_ascii=False) + "\n")
            total += len(page)
            progress(len(page))
    return total


def _write_csv(pages: Iterator[list[Kept]], path: Path, progress: Callable[[int], None]) -> int:
    total = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for page in pages:
            for kept in page:
                row = _flat(kept)
                writer.writerow([safe_cell(row[name]) for name in COLUMNS])
            total += len(page)
            progress(len(page))
    return total


def _write_parquet(pages: Iterator[list[Kept]], path: Path, progress: Callable[[int], None]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema_of(COLUMNS)
    total = 0
    with pq.ParquetWriter(path, schema) as writer:
        for page in pages:
            writer.write_table(pa.Table.from_pylist([_flat(kept) for kept in page], schema))
            total += len(page)
            progress(len(page))
    return total


def _flat(kept: Kept) -> dict[str, Any]:
    """One level of columns; lists and maps as JSON text."""
    feedback, analysis = kept.feedback.as_dict(), kept.analysis.as_dict() if kept.analysis else {}
    row = {name: analysis.get(name, feedback.get(name)) for name in COLUMNS}
    topics = dict.fromkeys(part["topic"] for part in analysis.get("segments", []) if part["topic"])
    row["topics"] = list(topics)
    row["corrected"] = list(kept.corrected)
    for name in ("cooperators", "hops", "topics", "segments", "scores", "attributes", "corrected"):
        row[name] = json.dumps(row[name], ensure_ascii=False)
    return row


def schema_of(columns: Sequence[str]) -> Any:
    """The Parquet schema of columns: text, but for `NUMBERS`."""
    import pyarrow as pa

    return pa.schema([(name, pa.float64() if name in NUMBERS else pa.string()) for name in columns])


def safe_cell(value: Any) -> Any:
    """A leading ``'`` before text that a spreadsheet would take for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"):
        return "'" + value
    return value
