"""How a database is, asked on connections of its own that wait for others only shortly.

What asks is a probe, a scrape or `voc doctor`: it must get its answer also where the service's own
connections wait, and it must see the file that is there now, not one that was moved away under an open
connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from voc.errors import StoreError
from voc.migrations import standing
from voc.store.connection import Connection
from voc.store.failures import UNREADABLE, translated
from voc.store.review import REVIEW_COUNT

#: Milliseconds that a probe waits for a lock.
PROBE_MS = 500


@dataclass(frozen=True, slots=True)
class Figures:
    """What is to be watched.

    Attributes:
        waiting: rows on the work list.
        oldest: when the first of them was received, ISO 8601 in UTC; None where none waits.
        review: feedback that wait for a person.
        dead: events that were given up.
        file_bytes, wal_bytes: of the database, and of its write-ahead log.
    """

    waiting: int
    oldest: str | None
    review: int
    dead: int
    file_bytes: int
    wal_bytes: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What an examination of a database found.

    Attributes:
        problems: what ``quick_check`` or ``integrity_check`` says is wrong, at most 100 lines.
        orphans: rows that point to a row that is not there, as far as the deep examination counts them.
        journal_mode: ``wal`` as it should be.
        feedback, waiting: rows.
        overdue: rows of the work list received more than an hour ago that nobody holds.
        latest_received: of all feedback; None where there is none.
        departments: that keys and people are limited to.
        keys, people: that may come in.
        latest_backup: when the last backup was made, ISO 8601 in UTC; None where none was.
    """

    problems: tuple[str, ...]
    orphans: int
    journal_mode: str
    feedback: int
    waiting: int
    overdue: int
    latest_received: str | None
    departments: tuple[str, ...]
    keys: int
    people: int
    latest_backup: str | None


class Vitals:
    """Looks at one database file.

    Every method raises `StoreError` as `voc.store.failures.translated` tells them apart, and
    ``store_missing`` where there is no file; none makes one.

    Args:
        timeout_ms: how long to wait for somebody who holds it.
    """

    def __init__(self, path: Path, timeout_ms: int = PROBE_MS) -> None:
        self.path = path
        self._timeout_ms = timeout_ms

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        if not self.path.exists():
            raise StoreError("store_missing", f"{self.path} is not there")
        try:
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw", uri=True, timeout=self._timeout_ms / 1000
            )
            try:
                yield connection
            finally:
                connection.close()
        except UNREADABLE as error:
            raise translated(error, str(self.path)) from error

    def waiting(self) -> int:
        """Rows on the work list: the least that shows that the database can be read."""
        with self._opened() as db:
            return int(db.execute("SELECT count(*) FROM work_list").fetchone()[0])

    def check_writable(self) -> None:
        """Takes the lock of a writer and gives it back; nothing is written."""
        with self._opened() as db:
            db.execute("BEGIN IMMEDIATE")
            db.rollback()

    def schema(self) -> tuple[list[str], list[str]]:
        """Steps that are still to be applied, and steps that this version does not know."""
        with self._opened() as db:
            return standing(Database(db, execute_plugins=False))

    def figures(self) -> Figures:
        """What is to be watched."""
        with self._opened() as db:
            oldest = db.execute(
                "SELECT f.received_at FROM work_list w JOIN feedback f ON f.number = w.feedback "
                "ORDER BY w.feedback LIMIT 1"
            ).fetchone()
            counts = [
                int(db.execute(query).fetchone()[0])
                for query in (
                    "SELECT count(*) FROM work_list",
                    REVIEW_COUNT,
                    "SELECT count(*) FROM deliveries WHERE state = 'dead'",
                )
            ]
        log = self.path.with_name(f"{self.path.name}-wal")
        return Figures(
            counts[0], oldest[0] if oldest else None, counts[1], counts[2],
            self.path.stat().st_size, log.stat().st_size if log.exists() else 0,
        )  # fmt: skip

    def examine(self, hour_ago: str, *, deep: bool = False) -> Findings:
        """Reads the whole database.

        Args:
            hour_ago: an hour before now, ISO 8601 in UTC.
            deep: every index is compared with its table and every reference looked up; takes long.
        """
        with self._opened() as db:
            check = "integrity_check" if deep else "quick_check"
            problems = [str(row[0]) for row in db.execute(f"PRAGMA {check}")]
            orphans = len(db.execute("PRAGMA foreign_key_check").fetchall()) if deep else 0

            def number(query: str, *values: str) -> int:
                return int(db.execute(query, values).fetchone()[0])

            def moment(query: str) -> str | None:
                row = db.execute(query).fetchone()
                return row[0] if row else None

            return Findings(
                problems=() if problems == ["ok"] else tuple(problems),
                orphans=orphans,
                journal_mode=str(db.execute("PRAGMA journal_mode").fetchone()[0]),
                feedback=number("SELECT count(*) FROM feedback"),
                waiting=number("SELECT count(*) FROM work_list"),
                overdue=number(
                    "SELECT count(*) FROM work_list w JOIN feedback f ON f.number = w.feedback "
                    "WHERE f.received_at < ? AND w.held_until <= unixepoch()",
                    hour_ago,
                ),
                latest_received=moment("SELECT received_at FROM feedback ORDER BY number DESC LIMIT 1"),
                departments=tuple(
                    row[0]
                    for row in db.execute(
                        "SELECT department FROM api_keys WHERE department IS NOT NULL AND revoked_at IS NULL "
                        "UNION SELECT department FROM people WHERE department IS NOT NULL "
                        "AND disabled_at IS NULL"
                    )
                ),
                keys=number("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL"),
                people=number("SELECT count(*) FROM people WHERE disabled_at IS NULL"),
                latest_backup=moment("SELECT max(made_at) FROM copies WHERE kind = 'backup'"),
            )

    def checkpoint(self) -> None:
        """Writes the log back into the database and empties it, as far as nobody reads from it now."""
        with self._opened() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def engine() -> tuple[str, tuple[str, ...]]:
    """SQLite's version and the options it was built with."""
    with closing(sqlite3.connect(":memory:")) as db:
        options = tuple(str(row[0]) for row in db.execute("PRAGMA compile_options"))
    return sqlite3.sqlite_version, options


def synchronous(connection: Connection) -> int:
    """How a connection of the service syncs: 2 (full) means that a commit is on the disk."""
    return int(connection.db.conn.execute("PRAGMA synchronous").fetchone()[0])
