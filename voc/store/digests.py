"""Which department's week was sent, so that each is sent once.

What must hold: one process at a time sends a department's week; what may be with the mail server already is
never sent again by itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from voc.clock import utc_at
from voc.errors import Conflict
from voc.store.connection import Connection

#: ``waiting`` for its first or next attempt; ``handing``: given to the mail server, which has not said yet
#: that it took it, nor ever will if the process died then; ``sent``.
DigestState: TypeAlias = Literal["waiting", "handing", "sent"]


@dataclass(frozen=True, slots=True)
class SentDigest:
    """How far one department's week got.

    Attributes:
        week: the Monday that it began with, ISO 8601.
        attempts: made so far.
        due_at: not before this moment is it tried again, seconds since 1970.
        sent_at: when the mail server took it.
        recipients: how many addresses it took it for.
        error: what went wrong last, in a word.
    """

    week: str
    department: str
    state: DigestState
    attempts: int
    due_at: float
    sent_at: str | None
    recipients: int
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class Digests:
    """The table of digests."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, week: str, department: str) -> SentDigest | None:
        """How far a department's week got; None where nobody tried."""
        row = self._connection.db.conn.execute(
            f"SELECT {_COLUMNS} FROM digests WHERE week = ? AND department = ?",  # noqa: S608
            (week, department),
        ).fetchone()
        return SentDigest(**dict(row)) if row else None

    def claim(
        self, week: str, department: str, holder: str, now: float, lease_s: float, *, again: bool = False
    ) -> bool:
        """Takes a department's week to send it; False where it is sent, held by another, or not due.

        Args:
            now: seconds since 1970.
            again: takes one that is sent, or may be, or is not due, all the same.
        """
        known = self.get(week, department)
        if known is not None and not again and (known.state != "waiting" or known.due_at > now):
            return False  # asked without the lock first: most looks find nothing to do
        free = "held_until <= ?" if again else "held_until <= ? AND due_at <= ? AND state = 'waiting'"
        moments = (now,) if again else (now, now)
        with self._connection.write() as db:
            db.conn.execute(
                "INSERT OR IGNORE INTO digests (week, department) VALUES (?, ?)", (week, department)
            )
            taken = db.conn.execute(
                "UPDATE digests SET state = 'waiting', held_by = ?, held_until = ?, attempts = attempts + 1 "  # noqa: S608
                f"WHERE week = ? AND department = ? AND {free}",
                (holder, now + lease_s, week, department, *moments),
            ).rowcount
        return bool(taken)

    def hand_over(self, week: str, department: str, holder: str) -> None:
        """Notes, before the mail server gets it, that from now on it may have it.

        Raises:
            Conflict: ``digest_lost`` if another holds it meanwhile.
        """
        with self._connection.write() as db:
            if not self._set(db, "state = 'handing'", (), week, department, holder):
                raise Conflict("digest_lost", f"another process sends the week {week} of {department}")

    def hasten(self, week: str, department: str) -> None:
        """Makes a week that waits for its next attempt due at once."""
        with self._connection.write() as db:
            db.conn.execute(
                "UPDATE digests SET due_at = 0 WHERE week = ? AND department = ? AND state = 'waiting'",
                (week, department),
            )

    def sent(
        self, week: str, department: str, holder: str, now: float, recipients: int, error: str | None
    ) -> None:
        """Notes that the mail server took it; ``error`` where it did not for every address."""
        with self._connection.write() as db:
            self._set(
                db,
                "state = 'sent', sent_at = ?, recipients = ?, error = ?, held_by = NULL, held_until = 0",
                (utc_at(now), recipients, error), week, department, holder,
            )  # fmt: skip

    def failed(self, week: str, department: str, holder: str, error: str, due_at: float | None) -> None:
        """Notes that an attempt came to nothing.

        Args:
            error: what went wrong, in a word.
            due_at: when to try again, seconds since 1970; None where the mail server may have it, so that it
                is not tried again.
        """
        state = "handing" if due_at is None else "waiting"
        with self._connection.write() as db:
            self._set(
                db, "state = ?, error = ?, due_at = ?, held_by = NULL, held_until = 0",
                (state, error, due_at or 0.0), week, department, holder,
            )  # fmt: skip

    def _set(
        self, db: Any, columns: str, values: tuple[Any, ...], week: str, department: str, holder: str
    ) -> int:
        return int(
            db.conn.execute(
                f"UPDATE digests SET {columns} WHERE week = ? AND department = ? AND held_by = ?",  # noqa: S608
                (*values, week, department, holder),
            ).rowcount
        )


_COLUMNS = "week, department, state, attempts, due_at, sent_at, recipients, error"
