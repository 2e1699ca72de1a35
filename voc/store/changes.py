"""Which feedback changed since when, so that what lies in memory can be brought up to date.

Enters: numbers of feedback, inside the transaction that changes what reports count of them. Leaves: what
changed after a moment. What must hold: the note and the change are kept together, or neither is; the table
stays small, and who is behind its oldest line is told so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from voc.store.connection import Connection

#: Lines that are kept at least; who is further behind reads all anew.
KEPT = 100_000
#: Lines that are thrown away at once: not one at every write.
SWEPT = 1_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment of the database.

    Attributes:
        change: number of the last change.
        oldest: number of the oldest change that is still told; 0 where none is.
        generation: the database's own number, which is another after a restore.
    """

    change: int
    oldest: int
    generation: int


def note(db: Database, numbers: Iterable[int]) -> None:
    """Writes down that these feedback changed; inside the transaction that changes them."""
    db.conn.executemany("INSERT INTO changes (feedback) VALUES (?)", [(number,) for number in numbers])
    first, last = db.conn.execute(
        "SELECT (SELECT min(number) FROM changes), (SELECT max(number) FROM changes)"
    ).fetchone()
    if first is not None and last - first >= KEPT + SWEPT:
        db.conn.execute("DELETE FROM changes WHERE number <= ?", (last - KEPT,))


def note_all(db: Database) -> None:
    """Writes down that any feedback may have changed; what was noted before need not be told any more."""
    number = db.conn.execute("INSERT INTO changes (feedback) VALUES (NULL)").lastrowid
    db.conn.execute("DELETE FROM changes WHERE number < ?", (number,))


class Changes:
    """The table of changes, to be read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def stamp(self) -> Stamp:
        """The moment that a reader sees now."""
        row = self._connection.db.conn.execute(
            "SELECT coalesce((SELECT max(number) FROM changes), 0), "
            "coalesce((SELECT min(number) FROM changes), 0), "
            "(SELECT user_version FROM pragma_user_version)"
        ).fetchone()
        return Stamp(*row)

    def since(self, before: Stamp, now: Stamp, most: int) -> list[int] | None:
        """Numbers of the feedback that changed between two moments, ascending.

        Args:
            most: how many can be told at most.

        Returns:
            None where that is not known, or where they are more: any may have changed then.
        """
        if before.generation != now.generation or before.change > now.change:
            return None
        if before.change + 1 < now.oldest:
            return None
        found: list[int | None] = [
            row[0]
            for row in self._connection.db.conn.execute(
                "SELECT DISTINCT feedback FROM changes WHERE number > ? AND number <= ? "
                "ORDER BY feedback LIMIT ?",
                (before.change, now.change, most + 1),
            )
        ]
        if len(found) > most or None in found:
            return None
        return [number for number in found if number is not None]


def as_list(numbers: Iterable[int]) -> str:
    """Numbers as a list that ``json_each`` reads."""
    return json.dumps(list(numbers))
