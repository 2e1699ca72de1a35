"""Files that people brought, and how far each of them was read."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from voc.clock import utc_now
from voc.errors import Conflict, NotFound
from voc.store.connection import Connection
from voc.store.rows import as_json

if TYPE_CHECKING:
    import sqlite3

    from sqlite_utils import Database

State: TypeAlias = Literal["waiting", "running", "finished", "failed", "cancelled"]
DateOrder: TypeAlias = Literal["day-first", "month-first"]
#: Problems that are kept of one file, with the number of the row; more are counted.
MOST_PROBLEMS = 200


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row of a file was not kept."""

    row: int
    code: str
    message: str
    field: str | None


@dataclass(frozen=True, slots=True)
class UploadPage:
    """What became of some rows of a file.

    Attributes:
        after: number of the last of them.
        done: rows that were read: ``created``, ``known``, ``skipped`` and bad ones together.
        created: new feedback.
        known: feedback that was there already.
        skipped: rows that hold no feedback, such as a review without words.
        queued: of the new ones, those that still wait for their analysis.
        problems: one for each bad row.
    """

    after: int
    done: int
    created: int
    known: int
    skipped: int
    queued: int
    problems: Sequence[RowProblem]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody brought.

    Attributes:
        format: as `voc.ingest.FileFormat`.
        rows: rows that it has, its header not counted.
        columns: names of its columns; none for formats whose columns are known.
        mapping: field of a feedback -> column.
        source: of rows that name none.
        dates: how dates such as 03/04/2026 are read.
        state: ``waiting`` for somebody to say what the columns are; ``running``; ``finished``; ``failed``
            with ``error``; ``cancelled``.
        after: number of the last row that was dealt with.
        done, created, known, skipped, queued, bad: as in `UploadPage`, of all rows so far.
        problems: the first `MOST_PROBLEMS` bad rows.
    """

    id: str
    name: str
    format: str
    bytes: int
    sha256: str
    rows: int
    columns: tuple[str, ...]
    mapping: Mapping[str, str]
    source: str | None
    dates: DateOrder
    state: State
    author: str
    made_at: str
    started_at: str | None
    finished_at: str | None
    after: int
    done: int
    created: int
    known: int
    skipped: int
    queued: int
    bad: int
    problems: tuple[RowProblem, ...]
    error: str | None
    held_by: str | None

    def as_dict(self) -> dict[str, Any]:
        """The upload as JSON values, without who holds it."""
        body = asdict(self) | {"columns": list(self.columns), "mapping": dict(self.mapping)}
        del body["held_by"], body["after"]
        body["problems"] = [asdict(problem) for problem in self.problems]
        return body


class Uploads:
    """The table of uploads and their bytes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, name: str, file_format: str, content: bytes, sha256: str, rows: int, columns: Sequence[str],
        *, author: str,
    ) -> Upload:  # fmt: skip
        """Keeps a file until somebody says what its columns are."""
        key = uuid.uuid4().hex
        with self._connection.write() as db:
            db.conn.execute(
                "INSERT INTO uploads (id, name, format, bytes, sha256, rows, columns, author, made_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    name,
                    file_format,
                    len(content),
                    sha256,
                    rows,
                    as_json(list(columns)),
                    author,
                    utc_now(),
                ),
            )
            db.conn.execute("INSERT INTO upload_files VALUES (?, ?)", (key, content))
            return self._one(db, key)

    def start(self, key: str, mapping: Mapping[str, str], source: str, dates: DateOrder) -> Upload:
        """Lets a file be read.

        Raises:
            NotFound: ``upload_unknown``.
            Conflict: ``upload_started`` if that was said already.
        """
        with self._connection.write() as db:
            found = self._one(db, key)
            if found.state != "waiting":
                raise Conflict("upload_started", f"upload {key} is {found.state}", "id")
            db.conn.execute(
                "UPDATE uploads SET state = 'running', mapping = ?, source = ?, dates = ?, started_at = ? "
                "WHERE id = ?",
                (as_json(dict(mapping)), source, dates, utc_now(), key),
            )
            return self._one(db, key)

    def claim(self, holder: str, lease_s: float) -> Upload | None:
        """The oldest file that is to be read and that nobody holds, then held by ``holder``, or None."""
        now = time.time()
        with self._connection.write() as db:
            row = db.conn.execute(
                "SELECT id FROM uploads WHERE state = 'running' AND (held_until <= ? OR held_until > ?) "
                "ORDER BY started_at, id LIMIT 1",
                (now, now + 2 * lease_s),  # held for longer than anybody can: the clock was set back
            ).fetchone()
            if row is None:
                return None
            db.conn.execute(
                "UPDATE uploads SET held_by = ?, held_until = ? WHERE id = ?",
                (holder, now + lease_s, row["id"]),
            )
            return self._one(db, row["id"])

    def any_to_read(self) -> bool:
        """Whether a file is to be read, held or not; reads alone."""
        found = self._connection.db.conn.execute("SELECT 1 FROM uploads WHERE state = 'running' LIMIT 1")
        return found.fetchone() is not None

    def holders(self) -> list[str]:
        """Everybody who holds a file."""
        rows = self._connection.db.conn.execute(
            "SELECT DISTINCT held_by FROM uploads WHERE held_by IS NOT NULL AND state = 'running'"
        )
        return [str(row[0]) for row in rows]

    def release(self, holder: str) -> None:
        """Lets go of what ``holder`` holds, so that anybody may go on at once."""
        with self._connection.write() as db:
            db.conn.execute("UPDATE uploads SET held_by = NULL, held_until = 0 WHERE held_by = ?", (holder,))

    def advance(self, upload: Upload, page: UploadPage, lease_s: float) -> Upload | None:
        """Notes what became of some rows; None if the file is not this holder's to read any more."""
        with self._connection.write() as db:
            found = self._one(db, upload.id)
            if found.state != "running" or found.held_by != upload.held_by:
                return None
            problems = [*found.problems, *page.problems][:MOST_PROBLEMS]
            db.conn.execute(
                "UPDATE uploads SET after = ?, done = done + ?, created = created + ?, known = known + ?, "
                "skipped = skipped + ?, queued = queued + ?, bad = bad + ?, problems = ?, held_until = ? "
                "WHERE id = ?",
                (
                    page.after, page.done, page.created, page.known, page.skipped, page.queued,
                    len(page.problems), as_json([asdict(one) for one in problems]), time.time() + lease_s,
                    upload.id,
                ),
            )  # fmt: skip
            return self._one(db, upload.id)

    def end(self, upload: Upload, state: State, error: str | None = None) -> None:
        """Ends a file that this holder reads, and throws its bytes away."""
        with self._connection.write() as db:
            ended = db.conn.execute(
                "UPDATE uploads SET state = ?, error = ?, finished_at = ?, held_by = NULL, held_until = 0 "
                "WHERE id = ? AND state = 'running' AND held_by = ?",
                (state, error, utc_now(), upload.id, upload.held_by),
            ).rowcount
            if ended:
                _throw_away(db, upload.id)

    def cancel(self, key: str) -> Upload:
        """Stops reading a file, or throws one away that waits; what was kept of it stays.

        Raises:
            NotFound: ``upload_unknown``.
            Conflict: ``upload_ended`` if it is over already.
        """
        with self._connection.write() as db:
            found = self._one(db, key)
            if found.state not in ("waiting", "running"):
                raise Conflict("upload_ended", f"upload {key} is {found.state}", "id")
            db.conn.execute(
                "UPDATE uploads SET state = 'cancelled', finished_at = ?, held_by = NULL, held_until = 0 "
                "WHERE id = ?",
                (utc_now(), key),
            )
            _throw_away(db, key)
            return self._one(db, key)

    def forget(self, before: str) -> int:
        """Cancels files that wait since before a moment; returns how many."""
        query = "SELECT id FROM uploads WHERE state = 'waiting' AND made_at < ?"
        if self._connection.db.conn.execute(query, (before,)).fetchone() is None:
            return 0  # asked without the lock first: most looks find nothing to do
        with self._connection.write() as db:
            rows = db.conn.execute(query, (before,)).fetchall()
            for row in rows:
                db.conn.execute(
                    "UPDATE uploads SET state = 'cancelled', finished_at = ? WHERE id = ?",
                    (utc_now(), row["id"]),
                )
                _throw_away(db, row["id"])
            return len(rows)

    def content(self, key: str) -> bytes:
        """The bytes of a file that is not ended.

        Raises:
            NotFound: ``upload_unknown``.
        """
        row = self._connection.db.conn.execute(
            "SELECT content FROM upload_files WHERE upload = ?", (key,)
        ).fetchone()
        if row is None:
            raise _unknown(key)
        return bytes(row[0])

    def get(self, key: str) -> Upload:
        """One upload.

        Raises:
            NotFound: ``upload_unknown``.
        """
        return self._one(self._connection.db, key)

    def latest(self, limit: int = 50) -> list[Upload]:
        """The latest first."""
        rows = self._connection.db.conn.execute(
            "SELECT * FROM uploads ORDER BY made_at DESC, id DESC LIMIT ?", (limit,)
        ).fetchall()
        return [_upload_of(row) for row in rows]

    def _one(self, db: Database, key: str) -> Upload:
        row = db.conn.execute("SELECT * FROM uploads WHERE id = ?", (key,)).fetchone()
        if row is None:
            raise _unknown(key)
        return _upload_of(row)


def _throw_away(db: Database, key: str) -> None:
    """Deletes a file's bytes and overwrites where they were: they hold what was not masked yet."""
    db.conn.execute("PRAGMA secure_delete = ON")
    db.conn.execute("DELETE FROM upload_files WHERE upload = ?", (key,))


def _unknown(key: str) -> NotFound:
    return NotFound("upload_unknown", f"no upload has the id {key!r}", "id")


def _upload_of(row: sqlite3.Row) -> Upload:
    return Upload(
        row["id"], row["name"], row["format"], row["bytes"], row["sha256"], row["rows"],
        tuple(json.loads(row["columns"])), json.loads(row["mapping"]), row["source"], row["dates"],
        row["state"], row["author"], row["made_at"], row["started_at"], row["finished_at"], row["after"],
        row["done"], row["created"], row["known"], row["skipped"], row["queued"], row["bad"],
        tuple(RowProblem(**one) for one in json.loads(row["problems"])), row["error"], row["held_by"],
    )  # fmt: skip
