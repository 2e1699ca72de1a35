"""Copies of a whole database while others work with it, and putting one in its place.

Both directions use SQLite's online backup (<https://sqlite.org/backup.html>). Out: under one read
transaction, so that the copy is the state of one moment and, in WAL mode, no writer waits for it. In: under
the lock of a writer, which the others see as one transaction, so that they read the old database or the new
one and nothing between.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from voc.errors import InvalidInput, StoreError, Unavailable
from voc.store.failures import UNREADABLE, translated

#: Pages (of 4 KiB) that are copied between two looks at the clock.
PAGES = 1_024
#: Tables that every database of voc has had since its first version.
_OURS = frozenset({"_sqlite_migrations", "feedback", "analyses", "segments"})

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds.

    Attributes:
        tables: rows by table.
        problems: what ``integrity_check`` says is wrong; none if all is well.
        orphans: rows that point to a row that is not there.
    """

    tables: dict[str, int]
    problems: tuple[str, ...]
    orphans: int


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What SQLite says of ``path`` in here becomes a `StoreError`."""
    try:
        yield
    except UNREADABLE as error:
        raise translated(error, str(path)) from error


def copy_out(source: Path, target: Path, progress: Progress, *, counted: bool = True) -> dict[str, int]:
    """Copies the database as it is now.

    Args:
        target: a new, empty file; it is one whole file afterwards, with no log beside it.
        progress: is told pages left and pages in all.
        counted: whether to count the rows of the source, in the same moment.

    Returns:
        rows by table; none where they were not counted.
    """
    with readable(source), closing(_opened(source, "ro")) as old, closing(_opened(target, "rw")) as new:
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on it is one moment
        counts = _counts(old) if counted else {}
        old.backup(new, pages=PAGES, progress=lambda _, left, total: progress(left, total), sleep=0.01)
        old.rollback()
        new.execute("PRAGMA journal_mode = DELETE").fetchall()
        return counts


def check_kind(path: Path) -> None:
    """Looks whether the file is a database of voc, whole or not.

    Raises:
        InvalidInput: ``backup_invalid``: it is not.
        StoreError: it cannot be read.
    """
    try:
        with closing(_opened(path, "ro")) as db:
            names = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    except UNREADABLE as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
            raise InvalidInput("backup_invalid", f"{path} is no database", "file") from error
        raise translated(error, str(path)) from error
    if not names >= _OURS:
        raise InvalidInput("backup_invalid", f"{path} is no database of voc", "file")


def contents_of(path: Path) -> Contents:
    """Reads a database to its last page; one that has problems is not counted."""
    with readable(path), closing(_opened(path, "ro")) as db:
        try:
            problems = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # not even that can be said
            if translated(error).code != "store_corrupt":
                raise
            problems = [str(translated(error, str(path)))]
        if problems != ["ok"]:
            return Contents({}, tuple(problems), 0)
        return Contents(_counts(db), (), len(db.execute("PRAGMA foreign_key_check").fetchall()))


_DIGEST = "week, department, state, attempts, due_at, held_by, held_until, sent_at, recipients, error"
_CARRIED = {
    "sessions": "DELETE FROM sessions",
    "api_keys": (
        "UPDATE api_keys SET expires_at = l.expires_at, "
        "revoked_at = coalesce(api_keys.revoked_at, l.revoked_at), "
        "revoked_by = coalesce(api_keys.revoked_by, l.revoked_by) "
        "FROM live.api_keys l WHERE l.prefix = api_keys.prefix"
    ),
    "people": (
        "UPDATE people SET password = l.password, disabled_at = l.disabled_at, disabled_by = l.disabled_by "
        "FROM live.people l WHERE l.name = people.name"
    ),
    "copies": (
        "INSERT INTO copies (kind, path, made_at, made_by, rows) "
        "SELECT kind, path, made_at, made_by, rows FROM live.copies l WHERE NOT EXISTS "
        "(SELECT 1 FROM copies c WHERE (c.path, c.made_at) = (l.path, l.made_at)) ORDER BY l.number"
    ),
    "digests": f"INSERT OR REPLACE INTO digests ({_DIGEST}) SELECT {_DIGEST} FROM live.digests",  # noqa: S608
    "uploads": (
        "UPDATE uploads SET state = l.state, finished_at = l.finished_at FROM live.uploads l "
        "WHERE l.id = uploads.id AND l.state = 'cancelled'"
    ),
    "upload_files": (
        "DELETE FROM upload_files WHERE upload IN (SELECT id FROM uploads WHERE state = 'cancelled')"
    ),
}


def carry_over(live: Path, copy: Path) -> None:
    """What must not come back with an older database: keys that were revoked, people who were shut out, old
    passwords, sessions, files that somebody took back. And what must not be forgotten: where copies were
    written, and which department was sent its week.

    Each table by itself, so that damage to one keeps nothing of another.

    Raises:
        StoreError: ``store_corrupt`` where a table cannot be read, once the others are done.
    """
    with readable(live), closing(_opened(copy, "rw")) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("ATTACH ? AS live", (f"{live.absolute().as_uri()}?mode=ro",))
        there = {row[0] for row in db.execute("SELECT name FROM live.sqlite_schema WHERE type = 'table'")}
        damage: sqlite3.DatabaseError | None = None
        for table, statement in _CARRIED.items():
            if table in there or table == "sessions":
                try:
                    db.execute(statement)
                    db.commit()
                except sqlite3.DatabaseError as error:
                    db.rollback()
                    damage = damage or error
        if isinstance(damage, sqlite3.IntegrityError):  # values that no table of voc takes: another's page
            raise StoreError("store_corrupt", f"{live} is damaged ({damage})") from damage
        if damage is not None:
            raise damage


def renew_generation(live: Path | None, copy: Path) -> None:
    """Gives the copy a number that the live database does not have, so that `Store.revision` tells them apart
    whatever else is equal."""
    present = 0
    if live is not None:
        with readable(live), closing(_opened(live, "ro")) as db:
            present = db.execute("PRAGMA user_version").fetchone()[0]
    number = present
    while number == present:
        number = 1 + secrets.randbelow(2**31 - 1)
    with readable(copy), closing(_opened(copy, "rw")) as db:
        db.execute(f"PRAGMA user_version = {number}")


def erasures_in(path: Path) -> int:
    """How many feedback were erased, to see whether one was erased meanwhile."""
    with readable(path), closing(_opened(path, "ro")) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'erased'").fetchone():
            return 0
        return int(db.execute("SELECT count(*) FROM erased").fetchone()[0])


def swap_in(
    copy: Path, live: Path, progress: Progress, *, timeout_s: float, locked: Callable[[], None]
) -> None:
    """Puts a copy in the place of the live database, for all processes in one moment.

    Args:
        timeout_s: how long to wait for somebody who writes.
        locked: called when nobody else can write any more and all can still read the old database; what it
            raises leaves that as it is.

    Raises:
        StoreError: ``store_busy``, ``disk_full`` and so on; the live database is as it was.
    """
    deadline = monotonic() + timeout_s
    holds = False

    def step(status: int, left: int, total: int) -> None:
        nonlocal holds
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            if monotonic() > deadline:
                raise Unavailable("store_busy", f"{live} cannot take this now; try again")
        elif not holds:
            holds = True
            locked()
        progress(left, total)

    with readable(live), closing(_opened(copy, "ro")) as new, closing(_opened(live, "rw")) as old:
        sizes = [db.execute("PRAGMA page_size").fetchone()[0] for db in (new, old)]
        if sizes[0] != sizes[1]:
            raise InvalidInput("backup_invalid", f"{copy} has pages of another size than {live}", "file")
        # The first step must not be the last: between them stands ``locked``.
        pages = min(PAGES, new.execute("PRAGMA page_count").fetchone()[0] - 1)
        new.backup(old, pages=pages, progress=step, sleep=0.01)


def as_one_file(path: Path) -> None:
    """Writes a database's log back and takes it away."""
    with readable(path), closing(_opened(path, "rw")) as db:
        db.execute("PRAGMA journal_mode = DELETE").fetchall()


def beside(path: Path) -> list[Path]:
    """The database's own file and those that SQLite keeps beside it."""
    return [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))]


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    if not path.exists():
        raise StoreError("store_missing", f"{path} is not there")
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=15.0, isolation_level=None)


def _counts(db: sqlite3.Connection) -> dict[str, int]:
    names = [
        str(row[0])
        for row in db.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        )
    ]
    return {name: int(db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in names}  # noqa: S608
