"""Who did what: lines that are added and never changed, each bound to the one before by its hash.

Enters: acts. Leaves: lines, and whether they are all there as they were written. What must hold: a line
stands in the same transaction as the first thing that its act changes; numbers have no gaps; the hash of a
line covers all of it and the hash of the line before, so that nothing can be changed, taken out or put
between without every later line giving it away.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voc.acts import Act, during
from voc.clock import utc_now

if TYPE_CHECKING:
    from voc.store.connection import Connection

#: What stands in the first line for the hash of the line before.
NOTHING = "0" * 64
#: Lines that are held in memory at once while all are walked.
PAGE = 1_000
_COLUMNS = ("number", "at", "actor", "action", "subject", "details", "previous", "hash")


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line of the log.

    Attributes:
        number: from 1, without gaps.
        details: a JSON object; the text as it stands there if somebody made it unreadable.
        previous: the hash of the line before.
        hash: see `hash_of`.
    """

    number: int
    at: str
    actor: str
    action: str
    subject: str | None
    details: Any
    previous: str
    hash: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in _COLUMNS}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of checking the log.

    Attributes:
        lines: how many fit, from the first on.
        head: hash of the last of them; None for none.
        number: of the first line that is wrong; None if all is well, or where no line can be named.
        wrong: what is wrong there, in a sentence; None if all is well.
    """

    lines: int
    head: str | None
    number: int | None = None
    wrong: str | None = None


def hash_of(line: Mapping[str, Any]) -> str:
    """SHA-256 over a line as canonical JSON, in hexadecimal.

    Canonical: the keys action, actor, at, details, number, previous and subject, sorted, no white space,
    UTF-8 without escapes of letters; ``details`` is the text that is kept, not what it means.
    """
    values = {name: line[name] for name in _COLUMNS if name != "hash"}
    body = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(body.encode()).hexdigest()


def append(db: sqlite3.Connection, act: Act) -> None:
    """Adds the line of an act; inside a write transaction, so that nobody comes between.

    The number follows the highest that was ever given, so that lines cut off the end leave a gap.
    """
    last = db.execute(
        "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0), "
        "coalesce((SELECT max(number) FROM audit), 0)), "
        "(SELECT hash FROM audit ORDER BY number DESC LIMIT 1)"
    ).fetchone()
    details = json.dumps(dict(act.details), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    line: dict[str, Any] = {
        "number": last[0] + 1,
        "at": utc_now(),
        "actor": _clean(act.actor),
        "action": _clean(act.action),
        "subject": None if act.subject is None else _clean(act.subject),
        "details": _clean(details),
        "previous": last[1] or NOTHING,
    }
    db.execute(
        "INSERT INTO audit (number, at, actor, action, subject, details, previous, hash) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*line.values(), hash_of(line)),
    )


def _clean(text: str) -> str:
    """Without halves of pairs and zeros, which the database cannot keep."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


class Audit:
    """The table ``audit`` of a store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, act: Act) -> None:
        """Writes the line of an act that changed nothing, unless it stands there already."""
        if not act.written:
            with during(act), self._connection.write():
                pass  # the transaction writes the act

    def head(self) -> AuditLine | None:
        """The last line."""
        found, _ = self.entries(limit=1)
        return found[0] if found else None

    def entries(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 50,
        before: int | None = None,
    ) -> tuple[list[AuditLine], int | None]:
        """The latest lines first, at most ``limit``, and the number before which the next page begins.

        Args:
            actor: exactly this one.
            action: how it begins, such as ``topic.`` for all that is done to topics.
            subject: exactly this one.
            since: first moment, ISO 8601 in UTC.
            until: the moment after the last.
            before: only lines with lesser numbers.
        """
        conditions = (
            ("actor = ?", actor),
            ("instr(action, ?) = 1", action),
            ("subject = ?", subject),
            ("at >= ?", since),
            ("at < ?", until),
            ("number < ?", before),
        )
        chosen = [(sql, value) for sql, value in conditions if value is not None]
        rows = self._connection.db.conn.execute(
            f"SELECT * FROM audit WHERE {' AND '.join(sql for sql, _ in chosen) or '1'} "  # noqa: S608
            "ORDER BY number DESC LIMIT ?",
            (*(value for _, value in chosen), limit + 1),
        ).fetchall()
        found = [_line_of(row) for row in rows[:limit]]
        return found, found[-1].number if len(rows) > limit else None

    def verify(self, head: str | None = None) -> Verdict:
        """Walks all lines, a page at a time, and names the first thing that is wrong.

        Args:
            head: hash of a line that somebody kept elsewhere; it must be there. Without it a log whose end
                was cut off, or that was written anew from some line on, by somebody who also mended the
                counter of the database, looks whole.
        """
        last, given = self._connection.db.conn.execute(
            "SELECT coalesce((SELECT max(number) FROM audit), 0), "
            "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)"
        ).fetchone()
        number, previous, seen = 0, NOTHING, False
        for line in self._walk(last):
            wrong = _wrong_with(line, number, previous)
            if wrong is not None:
                return Verdict(number, previous if number else None, wrong[0], wrong[1])
            number, previous = line["number"], line["hash"]
            seen = seen or previous == head
        verdict = (number, previous if number else None)
        if given > number:
            return Verdict(*verdict, number + 1, f"{_lines(number + 1, given)} cut off the end")
        if given < number:
            return Verdict(*verdict, given + 1, f"the database counts {given} lines, and there are {number}")
        if head is not None and not seen:
            missing = "no line has the hash that was kept: lines were cut off, or written anew"
            return Verdict(*verdict, None, missing)
        return Verdict(*verdict)

    def _walk(self, last: int) -> Iterator[dict[str, Any]]:
        """All lines up to a number as they stand there; `_UNREADABLE` for text that is not UTF-8."""
        texts = ", ".join(f"CAST({name} AS BLOB)" for name in _COLUMNS[1:])
        after = -(2**63)
        while True:
            rows = self._connection.db.conn.execute(
                f"SELECT number, {texts} FROM audit "  # noqa: S608
                "WHERE number > ? AND number <= ? ORDER BY number LIMIT ?",
                (after, last, PAGE),
            ).fetchall()
            if not rows:
                return
            for row in rows:
                yield dict(zip(_COLUMNS, (row[0], *map(_decoded, tuple(row)[1:])), strict=True))
            after = rows[-1][0]


_UNREADABLE = object()


def _decoded(raw: bytes | None) -> Any:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return _UNREADABLE


def _wrong_with(line: Mapping[str, Any], before: int, previous: str) -> tuple[int, str] | None:
    """What is wrong with a line that should follow the line ``before``, whose hash is ``previous``."""
    number = line["number"]
    if number != before + 1:
        if number <= 0:
            return number, f"line {number}: no line has such a number"
        return before + 1, f"{_lines(before + 1, number - 1)} taken out"
    if _UNREADABLE in line.values() or hash_of(line) != line["hash"]:
        return number, f"line {number} was changed: its hash does not fit"
    if line["previous"] != previous:
        if number == 1:
            return 1, "line 1 is not the first that was written: it follows another"
        return number, f"line {number} does not follow line {before}: one of them was written anew"
    return None


def _lines(first: int, last: int) -> str:
    return f"line {first} was" if first == last else f"lines {first} to {last} were"


def _line_of(row: sqlite3.Row) -> AuditLine:
    values = {name: row[name] for name in _COLUMNS}
    with suppress(ValueError):
        values["details"] = json.loads(values["details"])
    return AuditLine(**values)
