"""Feedback with their analyses on the way out, page by page, in constant memory.

Enters: a store and which feedback. Leaves: CSV, JSONL or Parquet, as a stream of bytes or a file. What must
hold: one row per feedback; cells that a spreadsheet would run as a formula are neutralized in CSV (OWASP, CSV
injection); no transaction of the database is open between two pages, however slowly they are taken; a file
appears under its name once all of it is there.
"""

from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

from voc.errors import InvalidInput
from voc.store import Filter, Kept, Store

Format: TypeAlias = Literal["csv", "jsonl", "parquet"]

FORMATS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
COLUMNS = (
    "id", "text", "source", "external_id", "occurred_at", "received_at", "channel", "customer_ref",
    "language", "sentiment", "sentiment_score", "sentiment_confidence", "owner", "owner_confidence",
    "cooperators", "touchpoint", "status", "hops", "topics", "segments", "scores", "attributes", "corrected",
    "pipeline",
)  # fmt: skip
NUMBERS = frozenset({"sentiment_score", "sentiment_confidence", "owner_confidence"})
PAGE = 1_000


def stream(
    store: Store, chosen: Filter, file_format: Format, progress: Callable[[int], None] = lambda _: None
) -> Iterator[bytes]:
    """The feedback that match, the latest first, as the bytes of a file; about a page of it in memory.

    Feedback that comes in or is corrected meanwhile may be in it or not. A stream that breaks off is not a
    file: Parquet then lacks its end and cannot be read; of CSV and JSONL whoever takes the bytes must see
    that the exception ended them (over HTTP, that the last chunk did not come).

    Args:
        progress: is told how many rows each page had.
    """
    writer = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}[file_format]
    return writer(_pages(store, chosen, progress))


def write(
    store: Store,
    path: Path,
    file_format: Format,
    progress: Callable[[int], None] = lambda _: None,
    chosen: Filter | None = None,
) -> int:
    """Writes the feedback that match to a file for its owner alone; returns how many.

    It appears whole or not at all.

    Raises:
        InvalidInput: ``out_unwritable``.
    """
    total = 0

    def count(rows: int) -> None:
        nonlocal total
        total += rows
        progress(rows)

    chunks = stream(store, chosen or Filter(), file_format, count)
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():  # a pipe or a device
            with path.open("wb") as file:
                file.writelines(chunks)
            return total
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with open(beside, "wb", opener=for_its_owner) as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput("out_unwritable", f"{path} cannot be written: {error}", "file") from error
    return total


def for_its_owner(path: str, flags: int) -> int:
    """An opener for `open`: what customers said is for nobody else on this machine."""
    return os.open(path, flags, 0o600)


def _pages(store: Store, chosen: Filter, progress: Callable[[int], None]) -> Iterator[list[Kept]]:
    rows = store.every(chosen, PAGE)
    while page := list(islice(rows, PAGE)):
        progress(len(page))
        yield page


def _jsonl(pages: Iterator[list[Kept]]) -> Iterator[bytes]:
    for page in pages:
        yield "".join(json.dumps(kept.as_dict(), ensure_ascii=False) + "\n" for kept in page).encode()


def _csv(pages: Iterator[list[Kept]]) -> Iterator[bytes]:
    # The mark tells spreadsheets that this is UTF-8.
    yield b"\xef\xbb\xbf" + ",".join(COLUMNS).encode() + b"\r\n"
    for page in pages:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        for kept in page:
            row = _flat(kept)
            writer.writerow([safe_cell(row[name]) for name in COLUMNS])
        yield text.getvalue().encode()


def _parquet(pages: Iterator[list[Kept]]) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, taken = schema_of(COLUMNS), _Taken()
    with pq.ParquetWriter(taken, schema) as writer:
        for page in pages:
            writer.write_table(pa.Table.from_pylist([_flat(kept) for kept in page], schema))
            yield taken.all()
    yield taken.all()


class _Taken:
    """An open file that hands on what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        """Keeps it until it is taken."""
        self._parts.append(bytes(part))
        return len(part)

    def all(self) -> bytes:
        """What was written since the last time."""
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole

    def flush(self) -> None:
        """Nothing waits elsewhere."""

    def close(self) -> None:
        """What is left can still be taken."""
        self.closed = True


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


#: What a spreadsheet takes for the beginning of a formula, in the width of both alphabets.
_SIGNS = frozenset("=+-@＝＋－＠")


def safe_cell(value: Any) -> Any:
    """A leading ``'`` before text that a spreadsheet would take for a formula; numbers stay numbers.

    Text that begins with ``=``, ``+``, ``-`` or ``@``, also of full width and also behind white space and
    characters that cannot be seen, or with a tab, a carriage return or a line feed (OWASP, CSV injection).
    """
    if not isinstance(value, str) or not value:
        return value
    for char in value:
        if char in _SIGNS:
            return "'" + value
        if unicodedata.category(char)[0] not in "ZC":
            break
    return "'" + value if value[0] in "\t\r\n" else value
