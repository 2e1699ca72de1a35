"""How far each event got at each target.

What must hold: a target gets its events in the order of their numbers; one process at a time serves it; what
nobody is to get any more, nor could get again, loses its body.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database

from voc.clock import utc_at, utc_now
from voc.errors import Conflict, NotFound
from voc.store.connection import Connection

#: No due time or lease lies further ahead than this, in seconds, unless the clock went back since.
LONGEST_S = 86_400.0
#: Days for which the ids of findings are remembered, so that none is announced twice.
FINDINGS_KEPT_DAYS = 90
#: Events that one transaction of `Deliveries.prune` removes.
PRUNED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Due:
    """An event that a target is to get now.

    Attributes:
        target, name, url: where it goes.
        secrets: by which it is signed, the present one first.
        event: its number, which gives its place in the order.
        body: what it tells, as JSON text.
        attempts: made so far.
        queued_at: when it began to wait, in seconds since 1970.
    """

    target: int
    name: str
    url: str
    secrets: tuple[str, ...]
    event: int
    id: str
    type: str
    subject: str
    made_at: str
    body: str
    attempts: int
    queued_at: float


@dataclass(frozen=True, slots=True)
class Letter:
    """How far one event got at one target; ``dead`` where it was given up.

    Attributes:
        status: HTTP status of the last answer, None if there was none.
        error: what went wrong, in a word; never what the target said.
    """

    target: str
    event: str
    type: str
    subject: str
    made_at: str
    state: str
    attempts: int
    status: int | None
    error: str | None
    ended_at: str | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class Deliveries:
    """The table of deliveries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # ---- sending

    def claim(self, holder: str, lease_s: float, only: str | None = None) -> int | None:
        """Takes the target that has something due and was served longest ago; its number, None for none.

        Args:
            only: name of the one target to take.
        """
        if self._due(self._connection.db, only) is None:
            return None
        with self._connection.write() as db:
            found = self._due(db, only)
            if found is not None:
                db.conn.execute(
                    "UPDATE targets SET held_by = ?, held_until = ? WHERE number = ?",
                    (holder, time.time() + lease_s, found),
                )
        return found

    def _due(self, db: Database, only: str | None) -> int | None:
        now = time.time()
        row = db.conn.execute(
            "SELECT t.number FROM targets t WHERE t.state = 'active' AND t.name = coalesce(:only, t.name) "
            "AND (t.held_by IS NULL OR t.held_until NOT BETWEEN :now AND :now + :longest) "
            "AND (SELECT d.due_at NOT BETWEEN :now AND :now + :longest FROM deliveries d "
            "WHERE d.target = t.number AND d.state = 'pending' ORDER BY d.event LIMIT 1) "
            "ORDER BY t.held_until, t.number LIMIT 1",
            {"now": now, "longest": LONGEST_S, "only": only},
        ).fetchone()
        return int(row[0]) if row else None

    def next(self, target: int, holder: str) -> Due | None:
        """What the target is to get first, if that is due and ``holder`` still holds the target."""
        now = time.time()
        row = self._connection.db.conn.execute(
            "SELECT d.*, e.id, e.type, e.subject, e.made_at, e.body, t.name, t.url, t.secret, "
            "t.former_secret, t.former_until FROM targets t "
            "JOIN deliveries d ON d.target = t.number AND d.state = 'pending' "
            "JOIN events e ON e.number = d.event "
            "WHERE t.number = ? AND t.held_by = ? AND t.state = 'active' ORDER BY d.event LIMIT 1",
            (target, holder),
        ).fetchone()
        if row is None or now <= row["due_at"] <= now + LONGEST_S:
            return None
        former = (row["former_secret"],) if row["former_secret"] and row["former_until"] > now else ()
        return Due(
            row["target"], row["name"], row["url"], (row["secret"], *former), row["event"], row["id"],
            row["type"], row["subject"], row["made_at"], row["body"], row["attempts"], row["queued_at"],
        )  # fmt: skip

    def delivered(self, due: Due, status: int, holder: str, lease_s: float) -> None:
        """The target has it, whoever holds the target by now."""
        with self._connection.write() as db:
            db.conn.execute(
                "UPDATE deliveries SET state = 'delivered', attempts = attempts + 1, status = ?, "
                "error = NULL, ended_at = ? WHERE target = ? AND event = ?",
                (status, utc_now(), due.target, due.event),
            )
            drop_bodies(db, [due.event])
            self._hold_on(db, due.target, holder, lease_s)

    def failed(
        self,
        due: Due,
        status: int | None,
        error: str,
        again_in_s: float | None,
        holder: str,
        lease_s: float,
    ) -> None:
        """It did not get there; nothing is written if ``holder`` lost the target meanwhile.

        Args:
            again_in_s: seconds until it is tried again; None gives it up, and the next event goes on.
        """
        with self._connection.write() as db:
            if not self._hold_on(db, due.target, holder, lease_s):
                return
            given_up = again_in_s is None
            db.conn.execute(
                "UPDATE deliveries SET state = ?, attempts = attempts + 1, due_at = ?, status = ?, "
                "error = ?, ended_at = ? WHERE target = ? AND event = ? AND state = 'pending'",
                (
                    "dead" if given_up else "pending", time.time() + again_in_s if again_in_s else 0.0,
                    status, error, utc_now() if given_up else None, due.target, due.event,
                ),
            )  # fmt: skip

    def _hold_on(self, db: Database, target: int, holder: str, lease_s: float) -> bool:
        cursor = db.conn.execute(
            "UPDATE targets SET held_until = ? WHERE number = ? AND held_by = ?",
            (time.time() + lease_s, target, holder),
        )
        return cursor.rowcount > 0

    def release(self, target: int, holder: str) -> None:
        """Lets go of a target; those that were served longer ago come before it."""
        with self._connection.write() as db:
            db.conn.execute(
                "UPDATE targets SET held_by = NULL, held_until = ? WHERE number = ? AND held_by = ?",
                (time.time(), target, holder),
            )

    def holders(self) -> list[str]:
        """Everybody who holds a target."""
        rows = self._connection.db.conn.execute(
            "SELECT DISTINCT held_by FROM targets WHERE held_by IS NOT NULL"
        )
        return [str(row[0]) for row in rows]

    def release_holder(self, holder: str) -> None:
        """Takes back every target that ``holder`` holds."""
        with self._connection.write() as db:
            db.conn.execute("UPDATE targets SET held_by = NULL WHERE held_by = ?", (holder,))

    # ---- what became of events

    def letters(self, name: str | None = None, state: str = "dead", limit: int = 1000) -> list[Letter]:
        """Events of one target or of all that are in this state, in their order.

        Raises:
            NotFound: ``webhook_unknown``.
        """
        db = self._connection.db
        target = None if name is None else number_of(db, name)
        rows = db.conn.execute(
            f"{_LETTERS} WHERE d.state = ? AND d.target = coalesce(?, d.target) "
            "ORDER BY d.target, d.event LIMIT ?",
            (state, target, limit),
        )
        return [Letter(**dict(row)) for row in rows]

    def letter(self, name: str, event: str) -> Letter:
        """How far one event got at one target.

        Raises:
            NotFound: ``webhook_unknown`` or ``event_unknown``.
        """
        db = self._connection.db
        row = db.conn.execute(
            f"{_LETTERS} WHERE d.target = ? AND e.id = ?", (number_of(db, name), event)
        ).fetchone()
        if row is None:
            raise _no_event(name, event)
        return Letter(**dict(row))

    def replay(self, name: str, events: Sequence[str] | None = None) -> int:
        """Puts dead events back, in their old place of the order and with all attempts before them.

        Args:
            events: their ids; None for all.

        Returns:
            How many were put back.

        Raises:
            NotFound: ``webhook_unknown`` or ``event_unknown``.
            Conflict: ``event_not_dead`` if one of them was delivered, or waits still.
        """
        with self._connection.write() as db:
            number = number_of(db, name)
            for event in events or ():
                row = db.conn.execute(
                    "SELECT d.state FROM deliveries d JOIN events e ON e.number = d.event "
                    "WHERE d.target = ? AND e.id = ?",
                    (number, event),
                ).fetchone()
                if row is None:
                    raise _no_event(name, event)
                if row["state"] != "dead":
                    raise Conflict("event_not_dead", f"event {event} is {row['state']}", "events")
            ids = None if events is None else json.dumps(list(events))
            cursor = db.conn.execute(
                "UPDATE deliveries SET state = 'pending', attempts = 0, due_at = 0, queued_at = ?, "
                "status = NULL, error = NULL, ended_at = NULL WHERE target = ? AND state = 'dead' "
                "AND (? IS NULL OR event IN "
                "(SELECT number FROM events WHERE id IN (SELECT value FROM json_each(?))))",
                (time.time(), number, ids, ids),
            )
            return int(cursor.rowcount)

    def prune(self, delivered_days: float, unsent_days: float) -> int:
        """Removes old events, some in one transaction, so that others can write in between.

        Args:
            delivered_days: days after which those go that every target has.
            unsent_days: days after which those go that are dead, or wait at a paused target.

        Returns:
            How many events are gone.
        """
        gone = 0
        while True:
            with self._connection.write() as db:
                old = [
                    row[0]
                    for row in db.conn.execute(
                        "SELECT e.number FROM events e WHERE e.made_at < :unsent AND "
                        "(e.type != 'topic.emerging' OR e.made_at < :findings) AND NOT EXISTS "
                        "(SELECT 1 FROM deliveries d JOIN targets t ON t.number = d.target "
                        "WHERE d.event = e.number AND d.state = 'pending' AND t.state = 'active') "
                        "UNION SELECT e.number FROM events e WHERE e.made_at < :delivered AND "
                        "(e.type != 'topic.emerging' OR e.made_at < :findings) AND NOT EXISTS "
                        "(SELECT 1 FROM deliveries d WHERE d.event = e.number AND d.state != 'delivered') "
                        "LIMIT :most",
                        {
                            "unsent": _days_ago(unsent_days), "delivered": _days_ago(delivered_days),
                            "findings": _days_ago(FINDINGS_KEPT_DAYS), "most": PRUNED_AT_ONCE,
                        },
                    )
                ]  # fmt: skip
                db.conn.execute(
                    "DELETE FROM events WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(old),)
                )
            gone += len(old)
            if len(old) < PRUNED_AT_ONCE:
                return gone


_LETTERS = (
    "SELECT t.name AS target, e.id AS event, e.type, e.subject, e.made_at, d.state, d.attempts, d.status, "
    "d.error, d.ended_at FROM deliveries d JOIN events e ON e.number = d.event "
    "JOIN targets t ON t.number = d.target"
)


def number_of(db: Database, name: str) -> int:
    """The number of a target.

    Raises:
        NotFound: ``webhook_unknown``.
    """
    row = db.conn.execute("SELECT number FROM targets WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise unknown_target(name)
    return int(row[0])


def unknown_target(name: str) -> NotFound:
    """What is said where no target has this name."""
    return NotFound("webhook_unknown", f"there is no webhook {name!r}", "name")


def _no_event(name: str, event: str) -> NotFound:
    return NotFound("event_unknown", f"webhook {name!r} has no event {event!r}", "events")


def drop_bodies(db: Database, events: Sequence[int]) -> None:
    """Empties events that no target is to get any more, nor could get again."""
    db.conn.execute(
        "UPDATE events SET body = '' WHERE number IN (SELECT value FROM json_each(?)) AND NOT EXISTS "
        "(SELECT 1 FROM deliveries d WHERE d.event = events.number AND d.state != 'delivered')",
        (json.dumps(list(events)),),
    )


def _days_ago(days: float) -> str:
    return utc_at(time.time() - days * 86_400)
