"""A file analyzed into a file, in partitions; here or by a cluster, it is the same code.

Enters: CSV, JSONL or Parquet with a column of texts, or a folder of such files. Leaves: JSONL, CSV or
Parquet, one file or a folder of parts. What must hold: one row out per row in, same order, bad ones in their
place; memory for a few partitions only, except that a CSV file is read whole; what is written appears under
its name only when all of it is there.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

from voc.errors import Conflict, InvalidInput
from voc.export import FORMATS, safe_cell, schema_of
from voc.ingest import TEXT_MAX_CHARS, loads, read_file, validate
from voc.pipeline import Pipeline
from voc.privacy import find
from voc.text import has_lone_surrogate

Format: TypeAlias = Literal["csv", "jsonl", "parquet"]
#: Rows of a partition that goes to a worker or a part file.
PARTITION_ROWS = 2_000
#: Rows that are read and judged together.
CHUNK = 256
#: Columns of CSV and Parquet; lists are JSON text.
COLUMNS = (
    "id", "language", "sentiment", "sentiment_score", "sentiment_confidence", "owner", "owner_confidence",
    "cooperators", "touchpoint", "status", "candidates", "hops", "topics", "segments", "pii", "pipeline",
    "error_code", "error_message", "error_field",
)  # fmt: skip
LISTS = ("cooperators", "candidates", "hops", "topics", "segments", "pii")


@dataclass(frozen=True, slots=True)
class BulkRow:
    """A row as it came: its id, and its text or what is wrong with it."""

    id: str
    text: str | None
    error: InvalidInput | None = None


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows that are analyzed together.

    Attributes:
        start: rows before the first one.
    """

    start: int
    rows: tuple[BulkRow, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A partition analyzed, in the form in which it is written.

    Attributes:
        content: lines of JSON or CSV without a header in UTF-8, or a whole Parquet file.
    """

    rows: int
    bad: int
    content: bytes


# ---- what goes in


def format_of(path: Path, *, otherwise: Format | None = None) -> Format:
    """The format that a file's ending stands for; of a folder, that of its first file.

    Args:
        otherwise: for an ending that stands for none.

    Raises:
        InvalidInput: ``file_format_unknown``; ``files_missing`` for a folder without one file to read.
    """
    ending = (_files(path)[0] if path.is_dir() else path).suffix.lower()
    if ending not in FORMATS:
        if otherwise:
            return otherwise
        endings = ", ".join(FORMATS)
        raise InvalidInput("file_format_unknown", f"{path.name} must end in one of {endings}", "format")
    return FORMATS[ending]


def read_rows(
    path: Path,
    file_format: Format | None = None,
    mapping: Mapping[str, str] | None = None,
    *,
    text_max_chars: int = TEXT_MAX_CHARS,
) -> Iterator[BulkRow]:
    """The rows of a file, or of a folder's files by name. A row without an id is called by its number (its
    line in JSONL and CSV), in a folder by file and number.

    Args:
        mapping: column of ``text`` and of ``id`` where they are called otherwise.

    Raises:
        InvalidInput: as `format_of`; ``file_unreadable``, ``file_empty`` or ``column_missing``.
    """
    columns = dict(mapping or {})
    for file in _files(path) if path.is_dir() else [path]:
        reader = _READERS[file_format or format_of(file)]
        prefix = f"{file.name}:" if path.is_dir() else ""
        for number, values, error in reader(file, columns):
            yield _row(f"{prefix}{number}", values, error, text_max_chars)


def read_lines(
    lines: Iterable[str], mapping: Mapping[str, str] | None = None, *, text_max_chars: int = TEXT_MAX_CHARS
) -> Iterator[BulkRow]:
    """The rows of JSONL that comes line by line; blank lines are bad rows, so that numbers stay true."""
    columns = dict(mapping or {})
    for number, line in enumerate(lines, start=1):
        yield _row(str(number), *_parsed(line, columns), text_max_chars)


def partitions(rows: Iterable[BulkRow], size: int = PARTITION_ROWS) -> Iterator[Partition]:
    """Rows in their order, ``size`` at a time."""
    start, left = 0, iter(rows)
    while taken := tuple(islice(left, size)):
        yield Partition(start, taken)
        start += len(taken)


def name_of(number: int, partition: Partition) -> str:
    """What a partition is called in an error."""
    first, last = partition.start + 1, partition.start + len(partition.rows)
    return f"partition {number} (rows {first} to {last})"


def _files(folder: Path) -> list[Path]:
    found = sorted(
        path for path in folder.iterdir()
        if path.suffix.lower() in FORMATS and not path.name.startswith((".", "_"))
    )  # fmt: skip
    if not found:
        raise InvalidInput("files_missing", f"{folder} has no file that ends in {', '.join(FORMATS)}")
    return found


#: Number of a row, its ``text`` and ``id`` as far as there are any (or what stands there if it is no object).
Raw: TypeAlias = tuple[int, Any, InvalidInput | None]
_FIELDS = ("text", "id")


def _parsed(line: str, columns: Mapping[str, str]) -> tuple[Any, InvalidInput | None]:
    try:
        return _chosen(loads(line), columns), None
    except (ValueError, RecursionError) as error:
        return None, InvalidInput("json_invalid", f"the line is not JSON: {error}")


def _chosen(values: Any, columns: Mapping[str, str]) -> Any:
    if not isinstance(values, dict):
        return values
    wanted = {field: columns.get(field, field) for field in _FIELDS}
    return {field: values[column] for field, column in wanted.items() if column in values}


def _jsonl(path: Path, columns: Mapping[str, str]) -> Iterator[Raw]:
    try:
        # What is no UTF-8 becomes lone surrogates, which make a bad row of its line alone.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                yield (number, *_parsed(line, columns))
    except OSError as error:
        raise InvalidInput("file_unreadable", f"{path} cannot be read: {error}") from error


def _csv(path: Path, columns: Mapping[str, str]) -> Iterator[Raw]:
    for row in read_file(path, "csv", columns):
        values = dict(row.values or {})
        # To `voc.ingest`, an id is an attribute like any other unless it is mapped.
        others = {name.lower(): value for name, value in values.get("attributes", {}).items()}
        yield row.number, _chosen(others | values, {}), row.error


def _parquet(path: Path, columns: Mapping[str, str]) -> Iterator[Raw]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            there = set(file.schema_arrow.names)
            wanted = {field: columns.get(field, field) for field in _FIELDS}
            for field, column in wanted.items():
                if column not in there and (field == "text" or field in columns):
                    raise InvalidInput("column_missing", f"there is no column {column!r} for {field}", field)
            number = 0
            for batch in file.iter_batches(CHUNK, columns=sorted(there & set(wanted.values()))):
                for values in batch.to_pylist():
                    number += 1
                    filled = {name: value for name, value in values.items() if value is not None}
                    yield number, _chosen(filled, columns), None
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput("file_unreadable", f"{path} cannot be read: {error}") from error


_READERS: dict[Format, Callable[[Path, Mapping[str, str]], Iterator[Raw]]] = {
    "csv": _csv, "jsonl": _jsonl, "parquet": _parquet,
}  # fmt: skip


def _row(number: str, values: Any, error: InvalidInput | None, text_max_chars: int) -> BulkRow:
    key = number
    try:
        if error is not None:
            raise error
        if isinstance(values, dict):
            given = values.pop("id", None)
            key = str(given) if isinstance(given, str | int) else key
        return BulkRow(key, validate(values, text_max_chars=text_max_chars).text)
    except InvalidInput as problem:
        return BulkRow(key, None, problem)


# ---- what is done with it, here or by a worker


def analyzed(pipeline: Pipeline, partition: Partition) -> list[dict[str, Any]]:
    """One analysis, with the personal data in the text under ``pii``, or ``{"id", "error"}``, per row; same
    order."""
    results: list[dict[str, Any]] = []
    for at in range(0, len(partition.rows), CHUNK):
        rows = partition.rows[at : at + CHUNK]
        good = [(row.id, row.text) for row in rows if row.text is not None]
        said = iter(pipeline.analyze([key for key, _ in good], [text for _, text in good]))
        results += [
            {"id": row.id, "error": row.error.body()}
            if row.error is not None
            else next(said).as_dict() | {"pii": [found.as_dict() for found in find(row.text or "")]}
            for row in rows
        ]
    return results


def part_of(file_format: Format) -> Callable[[Pipeline, Partition], Part]:
    """The task that turns a partition into a part of a file of this format."""
    return partial(_part, file_format)


def _part(file_format: Format, pipeline: Pipeline, partition: Partition) -> Part:
    results = analyzed(pipeline, partition)
    bad = sum("error" in result for result in results)
    return Part(len(results), bad, _WRITTEN[file_format](results))


def _as_jsonl(results: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(_line(result) + "\n" for result in results).encode()


def _line(result: Mapping[str, Any]) -> str:
    text = json.dumps(result, ensure_ascii=False)
    # An id may hold a lone surrogate, which UTF-8 cannot carry.
    return json.dumps(result) if has_lone_surrogate(text) else text


def _as_csv(results: Sequence[Mapping[str, Any]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    for result in results:
        row = _flat(result)
        writer.writerow([safe_cell(row[name]) for name in COLUMNS])
    return file.getvalue().encode("utf-8", "backslashreplace")


def _as_parquet(results: Sequence[Mapping[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [_flat(result) for result in results]
    for row in rows:
        row["id"] = row["id"].encode("utf-8", "backslashreplace").decode()
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema_of(COLUMNS)), file)
    return file.getvalue()


def _flat(result: Mapping[str, Any]) -> dict[str, Any]:
    """One level of columns; those that a bad row has not are None."""
    row = {name: result.get(name) for name in COLUMNS}
    if error := result.get("error"):
        return row | {f"error_{name}": error[name] for name in ("code", "message", "field")}
    row["topics"] = list(dict.fromkeys(part["topic"] for part in result["segments"] if part["topic"]))
    return row | {name: json.dumps(row[name], ensure_ascii=False) for name in LISTS}


_WRITTEN: dict[Format, Callable[[Sequence[Mapping[str, Any]]], bytes]] = {
    "csv": _as_csv, "jsonl": _as_jsonl, "parquet": _as_parquet,
}  # fmt: skip


# ---- what comes out


def write(
    parts: Iterable[Part], out: Path, file_format: Format, *, folder: bool, progress: Callable[[int], None]
) -> tuple[int, int]:
    """Writes parts in their order as one file, or each as a file of a folder; returns rows and bad rows.

    They are written beside their place under another name and moved there at the end: a run that is stopped
    or killed leaves nothing that looks whole.

    Raises:
        Conflict: ``out_not_empty`` if the folder holds something.
        InvalidInput: ``out_unwritable``.
    """
    if folder and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Conflict("out_not_empty", f"{out} must be a folder that is new or empty", "out")
    beside = out.parent / f".{out.name}.{os.getpid()}.tmp"
    rows = bad = 0
    try:
        with _parts(beside, file_format) if folder else _one_file(beside, file_format) as keep:
            for part in parts:
                keep(part.content)
                rows += part.rows
                bad += part.bad
                progress(part.rows)
        beside.replace(out)
    except OSError as error:
        raise InvalidInput("out_unwritable", f"{out} cannot be written: {error}", "out") from error
    finally:
        if folder:
            shutil.rmtree(beside, ignore_errors=True)
        else:
            beside.unlink(missing_ok=True)
    return rows, bad


Keep: TypeAlias = Callable[[bytes], object]


def _header() -> bytes:
    # The mark tells spreadsheets that this is UTF-8.
    return b"\xef\xbb\xbf" + ",".join(COLUMNS).encode() + b"\r\n"


@contextmanager
def _parts(folder: Path, file_format: Format) -> Iterator[Keep]:
    """Each part a file of its own, numbered from 0."""
    folder.mkdir()
    numbers = iter(range(10**9))

    def keep(content: bytes) -> None:
        header = _header() if file_format == "csv" else b""
        (folder / f"part-{next(numbers):05d}.{file_format}").write_bytes(header + content)

    yield keep


@contextmanager
def _one_file(path: Path, file_format: Format) -> Iterator[Keep]:
    """All parts after each other; of Parquet, each as a row group."""
    if file_format == "parquet":
        import pyarrow.parquet as pq

        empty = pq.read_table(io.BytesIO(_as_parquet([])))
        with pq.ParquetWriter(path, empty.schema) as writer:
            yield lambda content: writer.write_table(pq.read_table(io.BytesIO(content)))
        return
    with path.open("wb") as file:
        if file_format == "csv":
            file.write(_header())
        yield file.write
        file.flush()
        os.fsync(file.fileno())


def print_parts(parts: Iterable[Part], to: IO[bytes], progress: Callable[[int], None]) -> tuple[int, int]:
    """Writes parts to an open file as they come, such as standard output; returns rows and bad rows."""
    rows = bad = 0
    for part in parts:
        to.write(part.content)
        to.flush()
        rows += part.rows
        bad += part.bad
        progress(part.rows)
    return rows, bad
