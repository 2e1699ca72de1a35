"""Files that people bring in a browser: looked at first, then read into feedback beside everything else.

Enters: the bytes of a file; then which column is what. Leaves: feedback, and how far it got. What must hold:
a file that was begun is read to its end though processes die; a row is kept once, though it is read twice; a
file's bytes are gone when it is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from voc.clock import utc_at
from voc.errors import InvalidInput, StoreError, VocError
from voc.ingest import (
    SOURCES,
    FeedbackIn,
    FileFormat,
    Row,
    Scores,
    columns_of,
    format_of,
    read_file,
    validate,
)
from voc.process import is_dead, new_holder
from voc.records import Feedback
from voc.settings import Settings
from voc.store import DateOrder, RowProblem, Store, Upload, UploadPage, Vitals
from voc.text import fold, has_lone_surrogate, is_phrase
from voc.worklist import WorkList

#: Rows that are kept and analyzed before progress is noted: as many as are analyzed together.
#: Between two pages it is seen that the service is to stop, which waits ten seconds for that.
PAGE = 32
#: Rows that are shown before a file is read.
PREVIEW = 5
#: Seconds for which a file may be held between two pages, or twice as long as a page waits for its analyses.
LEASE_S = 120.0
#: Seconds after which a file is thrown away that nobody let be read.
FORGOTTEN_S = 86_400.0
NAME_MAX_CHARS = 200
#: Columns of a file: far more than a feedback has fields and attributes.
COLUMNS_MOST = 1_000
#: Beginning of the name of the file in which bytes lie while they are looked at, before machine and process.
ON_DISK = "voc-file-"
_SHOWN_DATE = re.compile(
    r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII
)
#: Fields that a column can be, in the order in which people think of them.
FIELDS: tuple[str, ...] = (
    "text", "occurred_at", "source", "channel", "touchpoint", "customer_ref", "external_id",
    *(f"scores.{name}" for name in Scores.model_fields),
)  # fmt: skip
#: Names of columns that spreadsheets give a field, folded; the first that a file has is suggested.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "text": (
        "text", "noi dung", "phan hoi", "y kien", "gop y", "binh luan", "nhan xet", "danh gia chi tiet",
        "comment", "comments", "feedback", "review", "message", "verbatim", "content", "body", "description",
    ),
    "occurred_at": (
        "occurred_at", "ngay", "thoi gian", "ngay gui", "date", "created at", "created", "time", "timestamp",
    ),
    "source": ("source", "nguon"),
    "channel": ("channel", "kenh"),
    "touchpoint": ("touchpoint", "diem cham"),
    "customer_ref": ("customer_ref", "ma khach hang", "khach hang", "customer", "customer id"),
    "external_id": ("external_id", "ma phan hoi", "ma phieu", "id", "ticket", "ticket id", "response id"),
    "scores.nps": ("nps", "diem nps", "nps score"),
    "scores.csat": ("csat", "hai long", "diem hai long", "csat score"),
    "scores.ces": ("ces", "ces score"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file would become.

    Attributes:
        mapping: field -> column, as suggested or as given.
        rows: the first rows: number, and either the feedback as it would be kept or what is wrong.
    """

    mapping: Mapping[str, str]
    rows: tuple[tuple[int, Feedback | VocError], ...]


class Uploads:
    """Takes files and reads them, for one process."""

    def __init__(self, store: Store, worklist: WorkList, settings: Settings) -> None:
        self._store = store
        self._worklist = worklist
        self._settings = settings
        self._lease_s = max(LEASE_S, 2 * settings.analysis_timeout_s)

    def take(self, name: str, content: bytes, file_format: FileFormat | None, *, author: str) -> Upload:
        """Keeps a file to be looked at.

        Raises:
            InvalidInput: what is wrong with its name or its bytes, as `voc.ingest.read_file` says it.
        """
        if not is_phrase(name, NAME_MAX_CHARS):
            raise InvalidInput("field_invalid", f"name must have 1 to {NAME_MAX_CHARS} characters", "name")
        shown = name.replace("\\", "/").rsplit("/", 1)[-1].strip() or "file"
        chosen = file_format or format_of(Path(shown))
        if not content:
            raise InvalidInput("file_empty", f"{shown} is empty", "file")
        with _on_disk(content) as path, _named(path, shown):
            columns = () if chosen in SOURCES else columns_of(path, chosen)
            # Any column does for the text while rows are only counted.
            mapping = {"text": columns[0]} if columns else {}
            rows = sum(1 for _ in read_file(path, chosen, mapping))
        if not rows:
            raise InvalidInput("file_empty", f"{shown} has no rows", "file")
        if len(columns) > COLUMNS_MOST:
            message = f"{shown} must have at most {COLUMNS_MOST:,} columns, got {len(columns):,}"
            raise InvalidInput("columns_too_many", message, "file")
        return self._store.uploads.add(
            shown, chosen, content, hashlib.sha256(content).hexdigest(), rows, columns, author=author
        )

    def preview(
        self, upload: Upload, mapping: Mapping[str, str] | None = None, dates: DateOrder = "day-first"
    ) -> Preview:
        """The first rows as they would be kept, personal data dealt with.

        Raises:
            InvalidInput: ``column_missing``, or ``field_unknown`` for what is no field.
            NotFound: ``upload_unknown`` where its bytes are gone.
        """
        chosen = dict(suggested(upload.columns) if mapping is None else mapping)
        check_fields(chosen)
        found: list[tuple[int, Feedback | VocError]] = []
        if upload.columns and "text" not in chosen:
            return Preview(chosen, ())
        for row in islice(self._rows(upload, chosen), PREVIEW):
            read = self._validated(row, upload, source_of(upload), dates)
            if isinstance(read, Feedback):
                (read,) = self._worklist.without_personal_data([read])
            found.append((row.number, read))
        return Preview(chosen, tuple(found))

    def start(
        self, upload: Upload, mapping: Mapping[str, str], source: str | None, dates: DateOrder = "day-first"
    ) -> Upload:
        """Lets a file be read, once its first rows make sense.

        Raises:
            InvalidInput: as `preview`; ``field_invalid`` for a source that is none.
            Conflict: ``upload_started``.
        """
        chosen = dict(mapping)
        named = source or source_of(upload)
        validate({"text": "x", "source": named})
        check_fields(chosen)
        if upload.columns and "text" not in chosen:
            raise InvalidInput("column_missing", "say which column is the text", "mapping.text")
        next(iter(self._rows(upload, chosen)), None)
        return self._store.uploads.start(upload.id, chosen, named, dates)

    def run(self, stop: threading.Event) -> None:
        """Reads what there is to read until ``stop`` is set."""
        _sweep()
        for holder in self._store.uploads.holders():
            if is_dead(holder):
                self._store.uploads.release(holder)
        while not stop.is_set():
            self._store.uploads.forget(utc_at(time.time() - FORGOTTEN_S))
            if not (self._store.uploads.any_to_read() and self.read_next(stop)):
                stop.wait(self._settings.poll_s)

    def read_next(self, stop: threading.Event | None = None) -> Upload | None:
        """Reads the file that has waited longest; None if there is none that nobody else reads.

        One that fails for another reason than what stands in it is held to the end of its lease, so that the
        others are read before it is tried again.
        """
        holder = new_holder()
        upload = self._store.uploads.claim(holder, self._lease_s)
        if upload is None:
            return None
        is_kept = False
        try:
            self._read(upload, stop)
        except VocError as error:
            self._store.uploads.end(upload, "failed", f"{error.code}: {error.message}")
        except Exception:
            is_kept = True
            raise
        finally:
            if not is_kept:
                self._store.uploads.release(holder)
        found = self._store.uploads.get(upload.id)
        if found.state != "running":
            # Its bytes went through the log too, where they would lie until as much is written again.
            with suppress(StoreError):  # who holds it now: the next file, or the service at its end, does it
                Vitals(self._store.path, 0).checkpoint()
        return found

    def _read(self, upload: Upload, stop: threading.Event | None) -> None:
        rows = (row for row in self._rows(upload, dict(upload.mapping)) if row.number > upload.after)
        while page := list(islice(rows, PAGE)):
            if stop is not None and stop.is_set():
                return
            if self._store.uploads.advance(upload, self._kept(upload, page), self._lease_s) is None:
                return  # cancelled, or somebody else went on
        self._store.uploads.end(upload, "finished")

    def _kept(self, upload: Upload, page: Sequence[Row]) -> UploadPage:
        problems: list[RowProblem] = []
        good: list[tuple[int, Feedback]] = []
        for row in page:
            if row.skipped is not None:
                continue
            read = self._validated(row, upload, source_of(upload), upload.dates)
            if isinstance(read, Feedback):
                good.append((row.number, read))
            else:
                problems.append(_problem(row.number, read))
        created = known = queued = 0
        submissions = self._worklist.submit([feedback for _, feedback in good])
        for (number, _), submission in zip(good, submissions, strict=True):
            if submission.added.feedback.erased_at is not None:
                problems.append(
                    RowProblem(number, "feedback_erased", "this feedback was erased", "external_id")
                )
            elif submission.added.outcome == "conflict":
                problems.append(
                    RowProblem(number, "external_id_conflict", "this id holds another text", "external_id")
                )
            else:
                created += submission.added.outcome == "created"
                known += submission.added.outcome == "exists"
                queued += submission.analysis is None
        skipped = sum(row.skipped is not None for row in page)
        problems.sort(key=lambda problem: problem.row)
        return UploadPage(page[-1].number, len(page), created, known, skipped, queued, problems)

    def _validated(self, row: Row, upload: Upload, source: str, dates: DateOrder) -> Feedback | VocError:
        """The feedback of a row. One that names no id gets one of file, mapping and number, so that a row
        that is read again is known again."""
        if row.error is not None:
            return row.error
        if row.values and not isinstance(row.values, Mapping):  # a number or a list where JSON has rows
            return self._checked(row.values, source)
        values: dict[str, Any] = dict(row.values or {})
        if not values.get("external_id"):
            values["external_id"] = f"file-{_digest(upload)}-{row.number}"
        if isinstance(values.get("occurred_at"), str):
            values["occurred_at"] = as_iso(values["occurred_at"], dates)
        return self._checked(values, source)

    def _checked(self, values: object, source: str) -> Feedback | VocError:
        try:
            return validate(values, text_max_chars=self._settings.text_max_chars, source=source)
        except InvalidInput as error:
            return error

    def _rows(self, upload: Upload, mapping: dict[str, str]) -> Iterator[Row]:
        with _on_disk(self._store.uploads.content(upload.id)) as path, _named(path, upload.name):
            yield from read_file(path, upload.format, mapping)  # type: ignore[arg-type]


def suggested(columns: Sequence[str]) -> dict[str, str]:
    """Field -> column, by the columns' names in Vietnamese or English; each column at most once."""
    folded = {_bare(column): column for column in reversed(columns)}
    found: dict[str, str] = {}
    for field, names in SYNONYMS.items():
        column = next((folded[_bare(name)] for name in names if _bare(name) in folded), None)
        if column is not None and column not in found.values():
            found[field] = column
    return found


def _bare(name: str) -> str:
    return fold(name).replace("_", " ").strip()


def as_iso(written: str, dates: DateOrder) -> str:
    """A date as spreadsheets show it (``31/10/2026 14:05``) in ISO 8601; anything else as it is.

    Args:
        dates: which number of ``03/04/2026`` is the day; where only one can be, it is that one.
    """
    found = _SHOWN_DATE.fullmatch(written.strip())
    if not found:
        return written
    first, second, year, hour, minute, second_of = (int(part) if part else 0 for part in found.groups())
    is_month_first = second > 12 or (first <= 12 and dates == "month-first")
    day, month = (second, first) if is_month_first else (first, second)
    stamp = f"{year:04d}-{month:02d}-{day:02d}"
    return f"{stamp}T{hour:02d}:{minute:02d}:{second_of:02d}" if found[4] else stamp


def check_fields(mapping: Mapping[str, str]) -> None:
    """Refuses what is no field of a feedback.

    Raises:
        InvalidInput: ``field_unknown``, naming it.
    """
    for field in mapping:
        group, _, name = field.partition(".")
        is_known = field in FIELDS or field in FeedbackIn.model_fields or (group == "attributes" and name)
        if not is_known or has_lone_surrogate(field):
            raise InvalidInput("field_unknown", f"{field} is no field of a feedback", f"mapping.{field}")


def source_of(upload: Upload) -> str:
    """Source of rows that name none."""
    return upload.source or SOURCES.get(upload.format, Path(upload.name).stem)  # type: ignore[call-overload]


def _digest(upload: Upload) -> str:
    said = repr((upload.sha256, sorted(upload.mapping.items())))
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _problem(number: int, error: VocError) -> RowProblem:
    return RowProblem(number, error.code, error.message, error.field)


@contextmanager
def _on_disk(content: bytes) -> Iterator[Path]:
    """The bytes as a file that nobody else can read, for as long as it is needed."""
    with tempfile.NamedTemporaryFile(prefix=f"{_of_this_machine()}{os.getpid()}-") as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


def _of_this_machine() -> str:
    return f"{ON_DISK}{socket.gethostname()}-"


def _sweep() -> None:
    """Deletes what processes left behind that were killed over a file: it holds what was not masked yet."""
    for left in Path(tempfile.gettempdir()).glob(f"{_of_this_machine()}*"):
        number = left.name.removeprefix(_of_this_machine()).partition("-")[0]
        if is_dead(f"{socket.gethostname()}/{number}"):
            with suppress(OSError):  # somebody else's
                left.unlink()


@contextmanager
def _named(path: Path, name: str) -> Iterator[None]:
    """Errors name the file as people know it."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(error.code, error.message.replace(str(path), name), error.field) from None
