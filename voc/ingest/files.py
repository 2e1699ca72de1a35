"""Rows of a file: CSV, NDJSON, JSON or XLSX, in the encodings that spreadsheets write; app reviews; mail."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from voc.errors import InvalidInput
from voc.ingest.mail import read_mbox
from voc.ingest.reviews import Store, read_reviews
from voc.ingest.rows import FeedbackIn, Row, Scores
from voc.records import Scalar

FileFormat = Literal["csv", "ndjson", "json", "xlsx", "google-play", "app-store", "mbox"]
#: Source of the rows of formats that belong to one tool.
SOURCES: dict[FileFormat, str] = {"google-play": "google-play", "app-store": "app-store", "mbox": "email"}
#: Rows of JSON whose names `columns_of` gathers.
ROWS_WITH_NAMES = 100
#: Lines that one CSV record may run over.
RECORD_MAX_LINES = 1_000
#: Rows that a sheet can have (ECMA-376); a row that says it stands further down is none.
SHEET_MAX_ROWS = 1_048_576
#: A workbook is a ZIP file: bytes that it may unpack to, or how many times its own size where that is more.
UNPACKED_BYTES = 256 * 1024 * 1024
UNPACKED_TIMES = 20
csv.field_size_limit(10_000_000)


def read_file(
    path: Path, file_format: FileFormat | None = None, mapping: Mapping[str, str] | None = None
) -> Iterator[Row]:
    """The rows of a file, one by one.

    Args:
        file_format: taken from the file's ending if left out.
        mapping: field of a feedback -> column of the file, such as ``{"text": "Nội dung"}``.
            ``attributes.region`` puts a column into the attributes, ``scores.nps`` into the scores.

    Raises:
        InvalidInput: ``file_format_unknown``, ``file_unreadable``, ``column_missing``, or ``mapping_unused``
            for a format whose columns are known.
    """
    chosen = file_format or format_of(path)
    readers: dict[FileFormat, Callable[[Path, dict[str, str]], Iterator[Row]]] = {
        "csv": _read_csv, "ndjson": _read_ndjson, "json": _read_json, "xlsx": _read_xlsx,
        "google-play": partial(_read_reviews, "google-play"),
        "app-store": partial(_read_reviews, "app-store"), "mbox": _read_mail,
    }  # fmt: skip
    if mapping and chosen in SOURCES:
        raise InvalidInput("mapping_unused", f"the columns of {chosen} are known; none can be mapped", "map")
    try:
        yield from readers[chosen](path, dict(mapping or {}))
    except (OSError, zipfile.BadZipFile) as error:
        raise InvalidInput("file_unreadable", f"{path} cannot be read: {error}") from error


def format_of(path: Path) -> FileFormat:
    """The format that a file's ending tells.

    Raises:
        InvalidInput: ``file_format_unknown``.
    """
    endings: dict[str, FileFormat] = {
        ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "ndjson", ".ndjson": "ndjson",
        ".json": "json", ".xlsx": "xlsx", ".mbox": "mbox",
    }  # fmt: skip
    try:
        return endings[path.suffix.lower()]
    except KeyError:
        raise InvalidInput(
            "file_format_unknown", f"{path.name} must end in one of {', '.join(endings)}", "format"
        ) from None


def columns_of(path: Path, file_format: FileFormat | None = None) -> tuple[str, ...]:
    """Names of the columns of a table, or of the values of the first rows of JSON; none for formats whose
    columns are known.

    Raises:
        InvalidInput: ``file_unreadable``, ``file_empty`` or ``json_invalid``.
    """
    chosen = file_format or format_of(path)
    if chosen in SOURCES:
        return ()
    if chosen in ("csv", "xlsx"):
        try:
            header = _header(path) if chosen == "csv" else _names(next(_sheet(path)))
        except (OSError, zipfile.BadZipFile) as error:
            raise InvalidInput("file_unreadable", f"{path} cannot be read: {error}") from error
        return tuple(dict.fromkeys(name for name in header if name))
    found: dict[str, None] = {}
    for row in islice(read_file(path, chosen), ROWS_WITH_NAMES):
        if isinstance(row.values, dict):
            found |= dict.fromkeys(str(name) for name in row.values)
    return tuple(found)


def decode(content: bytes) -> str:
    """Text of a file in UTF-8 (with or without BOM), UTF-16 or Windows-1258, composed to whole letters.

    Vietnamese spreadsheets still write Windows-1258, which keeps tone marks as separate characters; that
    text is composed (NFC), so that it equals what a person types. UTF-8 content is left as it is.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    start = content[:400]
    if start.count(0) > len(start) // 5:  # UTF-8 text has no NUL; in UTF-16 every ASCII letter brings one
        low_first = start[1::2].count(0) >= start[::2].count(0)
        return content.decode("utf-16-le" if low_first else "utf-16-be")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return unicodedata.normalize("NFC", content.decode("cp1258"))


def _read_text(path: Path) -> str:
    try:
        return decode(path.read_bytes())
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "file_unreadable", f"{path} is not UTF-8, UTF-16 or Windows-1258 (byte {error.start})"
        ) from None


def _read_mail(path: Path, _mapping: dict[str, str]) -> Iterator[Row]:
    yield from read_mbox(path)


def _read_reviews(store: Store, path: Path, _mapping: dict[str, str]) -> Iterator[Row]:
    yield from read_reviews(path, _table(path), store)


def _table(path: Path) -> Iterator[tuple[int, list[str], str | None]]:
    """The CSV records of a file, as `_records` gives them."""
    lines = io.StringIO(_read_text(path), newline="").readlines()
    yield from _records(lines, _delimiter(lines[0]) if lines else ",")


def _header(path: Path) -> list[str]:
    """The names in the header of a CSV file."""
    for _, cells, problem in _table(path):
        if problem or not cells:
            break
        return [name.strip() for name in cells]
    raise InvalidInput("file_empty", f"{path} has no readable header line", "row")


def _read_csv(path: Path, mapping: dict[str, str]) -> Iterator[Row]:
    header: list[str] = []
    columns: Columns = []
    for number, cells, problem in _table(path):
        if not header:
            if problem or not cells:
                raise InvalidInput("file_empty", f"{path} has no readable header line", "row")
            header = [name.strip() for name in cells]
            columns = _columns(header, mapping)
        elif problem:
            yield Row(number, None, InvalidInput("row_broken", f"line {number}: {problem}", "row"))
        elif len(cells) > len(header):
            message = f"line {number} has {len(cells)} cells under {len(header)} columns"
            yield Row(number, None, InvalidInput("row_broken", message, "row"))
        elif any(cell.strip() for cell in cells):
            yield Row(number, _from_cells(columns, cells))
    if not header:
        raise InvalidInput("file_empty", f"{path} has no header line", "row")


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """Each CSV record with the number of its first line, or what is broken about that line.

    A quote that is never closed would swallow all rows after it. So a record may run over at most
    `RECORD_MAX_LINES` lines; when it does not end properly, its first line alone is broken and reading
    goes on with the next.
    """
    at = 0
    while at < len(lines):
        record, quotes, problem = "", 0, "a quote is opened and never closed"
        for end in range(at, min(at + RECORD_MAX_LINES, len(lines))):
            record += lines[end]
            quotes += lines[end].count('"')
            if quotes % 2 == 0:
                try:
                    cells = next(csv.reader([record], delimiter=delimiter, strict=True), [])
                except csv.Error as error:
                    problem = str(error)
                    break
                yield at + 1, cells, None
                at = end + 1
                break
        else:
            end = -1
        if end < 0 or at <= end:
            yield at + 1, [], problem
            at += 1


def _delimiter(first: str) -> str:
    """Comma, semicolon or tab: the one that stands most often in the header, outside quotes."""
    bare = "".join(first.split('"')[::2])
    return max(",;\t", key=bare.count)


Columns = list[tuple[str, ...]]


def _columns(header: list[str], mapping: dict[str, str]) -> Columns:
    """The feedback fields that each column fills; columns that are not mapped are attributes.

    Raises:
        InvalidInput: ``column_missing`` if a mapped column, or the text, is not there.
    """
    for field, column in mapping.items():
        if column not in header:
            raise InvalidInput("column_missing", f"there is no column {column!r} for {field}", field)
    known = set(FeedbackIn.model_fields) | {f"scores.{name}" for name in Scores.model_fields}
    fields: Columns = []
    for name in header:
        lowered = name.lower().replace(" ", "_")
        bare = f"scores.{lowered}" if lowered in Scores.model_fields else lowered
        mapped = tuple(field for field, column in mapping.items() if column == name)
        if not mapped and bare in known and bare not in mapping:
            mapped = (bare,)
        fields.append(mapped or ((f"attributes.{name}",) if name else ()))
    if not any("text" in names for names in fields):
        raise InvalidInput(
            "column_missing", f"no column is named text; choose one of {', '.join(header)} by mapping", "text"
        )
    return fields


def _from_cells(columns: Columns, cells: list[Any]) -> dict[str, Any]:
    """The values of one row of a spreadsheet: empty cells say nothing, scores are written as text."""
    pairs: list[tuple[str, Any]] = []
    for fields, cell in zip(columns, cells, strict=False):
        for field in fields:
            group, _, name = field.partition(".")
            if cell is None or (isinstance(cell, str) and field != "text" and not cell.strip()):
                continue
            if group == "scores" and name:
                pairs.append((field, _whole_number(cell)))
            elif group == "attributes" and name:
                pairs.append((field, cell if isinstance(cell, Scalar) else str(cell)))
            elif field in ("scores", "attributes"):
                pairs.append((field, _inline_json(cell)))
            else:
                pairs.append((field, cell if isinstance(cell, str | date) else str(cell)))
    values = _placed(pairs)
    values.setdefault("text", "")
    return values


def _placed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Puts ``scores.nps`` and the like into their group, whole groups merged with single values."""
    values: dict[str, Any] = {field: value for field, value in pairs if "." not in field}
    own: dict[str, dict[str, Any]] = {}
    for field, value in pairs:
        group, dot, name = field.partition(".")
        if not dot or not isinstance(values.setdefault(group, {}), dict):
            continue
        if group not in own:
            own[group] = values[group] = dict(values[group])  # what was sent stays as it is
        own[group][name] = value
    return values


def _whole_number(cell: Any) -> Any:
    """A score as spreadsheets write it: ``9``, ``"9"`` or ``9.0``; anything else is left to be refused."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, str) and (number := re.fullmatch(r"\s*(-?\d{1,9})(?:\.0+)?\s*", cell)):
        return int(number.group(1))
    return cell


def _inline_json(cell: Any) -> Any:
    try:
        return loads(cell) if isinstance(cell, str) else cell
    except (ValueError, RecursionError):
        return cell


def _read_ndjson(path: Path, mapping: dict[str, str]) -> Iterator[Row]:
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if line.strip():
            yield _json_row(number, line, mapping)


def _json_row(number: int, line: str, mapping: dict[str, str]) -> Row:
    try:
        return Row(number, _renamed(loads(line), mapping))
    except (ValueError, RecursionError) as error:
        return Row(number, None, InvalidInput("json_invalid", f"line {number}: {error}", "row"))


def _read_json(path: Path, mapping: dict[str, str]) -> Iterator[Row]:
    try:
        content = loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("json_invalid", f"{path} is not JSON: {error}") from None
    for number, values in enumerate(content if isinstance(content, list) else [content], start=1):
        yield Row(number, _renamed(values, mapping))


def _renamed(values: Any, mapping: dict[str, str]) -> Any:
    if not mapping or not isinstance(values, dict):
        return values
    pairs: list[tuple[str, Any]] = []
    for name, value in values.items():
        mapped = [field for field, column in mapping.items() if column == name]
        pairs += [(field, value) for field in mapped or [name]]
    return _placed(pairs)


#: What openpyxl and the zip and XML readers under it raise on a file that is broken somewhere, or locked.
_BROKEN_WORKBOOK = (
    LookupError, ValueError, TypeError, AttributeError, ArithmeticError, EOFError, RuntimeError, SyntaxError,
    OSError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def _sheet(path: Path) -> Iterator[tuple[Any, ...]]:
    """The rows of the first sheet of a workbook, one by one, the header first; none is wider than that."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        _check_unpacked(path)
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            try:
                sheet = book.worksheets[0]
                sheet.reset_dimensions()  # what a file says of its size is too small, or the whole grid
                header = next(iter(sheet.iter_rows(max_row=1, values_only=True)), ())
                width = max((i for i, cell in enumerate(header, 1) if cell is not None), default=0)
                if not any(_names(header)):
                    raise InvalidInput("file_empty", f"{path} has no header row")
                yield header[:width]
                for count, row in enumerate(sheet.iter_rows(min_row=2, max_col=width, values_only=True), 2):
                    if count > SHEET_MAX_ROWS:
                        raise ValueError(f"it has more than {SHEET_MAX_ROWS:,} rows")
                    yield row
            finally:
                book.close()
    except (InvalidFileException, *_BROKEN_WORKBOOK) as error:
        raise InvalidInput("file_unreadable", f"{path} is no XLSX workbook: {error}") from None


def _check_unpacked(path: Path) -> None:
    """Refuses a file that would fill the memory; of a member that is longer than it says, no more is read."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > max(UNPACKED_BYTES, UNPACKED_TIMES * path.stat().st_size):
        raise ValueError(f"it unpacks to {size:,} bytes")


def _names(header: Iterable[Any]) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in header]


def _read_xlsx(path: Path, mapping: dict[str, str]) -> Iterator[Row]:
    table = _sheet(path)
    columns = _columns(_names(next(table)), mapping)
    for number, cells in enumerate(table, start=2):
        if any(cell is not None for cell in cells):
            yield Row(number, _from_cells(columns, list(cells)))


def loads(text: str | bytes) -> Any:
    """JSON without NaN and infinities, which are no JSON.

    Raises:
        ValueError: for anything that is not JSON.
    """
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
