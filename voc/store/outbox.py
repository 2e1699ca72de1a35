"""Events for other programs, kept with what they tell of, until each target has them.

What must hold: an event is written in the transaction that changes what it tells of, so that neither is there
without the other; the numbers of events are in the order of those transactions.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Literal, TypeAlias

from sqlite_utils import Database

from voc.clock import utc_now
from voc.errors import Conflict
from voc.store.analyses import segments_of
from voc.store.connection import Connection
from voc.store.deliveries import drop_bodies, number_of, unknown_target
from voc.store.rows import ANALYSIS, CURRENT, FEEDBACK, analysis_of, as_json, feedback_of

TargetState: TypeAlias = Literal["active", "paused"]

#: What a target may ask for.
EVENTS: tuple[str, ...] = ("feedback.routed", "feedback.review", "topic.emerging", "run.finished")
#: Tells of all feedback, so it is not for a target that is limited to a department.
UNLIMITED = "run.finished"
#: Sent to one target on demand, whatever it asked for.
PING = "webhook.ping"
#: The event that tells of a feedback with this status; one that nobody owns is no event.
_TYPE_OF_STATUS = {"routed": "feedback.routed", "review": "feedback.review"}
#: Findings that grow within the same week are one event: ids come from this name space (RFC 9562, version 5).
_FINDINGS = uuid.UUID("6a3f7f0e-6a0c-5b8e-9d55-0d1c1f4a7b21")


@dataclass(frozen=True, slots=True)
class Target:
    """A program that gets events.

    Attributes:
        events: the types that it asked for, of `EVENTS`.
        department: key of the one department whose feedback it gets; None for all.
        state: ``active``, or ``paused``: nothing is sent and no new event is kept for it.
        pending, dead: events that it is still to get, and those that were given up.
    """

    name: str
    url: str
    events: tuple[str, ...]
    department: str | None
    state: TargetState
    made_at: str
    made_by: str
    pending: int
    dead: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; the secret is not among them."""
        return asdict(self) | {"events": list(self.events)}


class Outbox:
    """The tables of targets, events and deliveries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # ---- targets

    def add(
        self, name: str, url: str, secret: str, events: Sequence[str], department: str | None, *, by: str
    ) -> Target:
        """Keeps a new target.

        Raises:
            Conflict: ``webhook_exists``.
        """
        with self._connection.write() as db:
            if db.conn.execute("SELECT 1 FROM targets WHERE name = ?", (name,)).fetchone():
                raise Conflict("webhook_exists", f"there is a webhook {name!r} already", "name")
            db.conn.execute(
                "INSERT INTO targets (name, url, secret, events, department, made_at, made_by) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, url, secret, as_json(list(events)), department, utc_now(), by),
            )
        return self.get(name)

    def get(self, name: str) -> Target:
        """One target.

        Raises:
            NotFound: ``webhook_unknown``.
        """
        row = self._connection.db.conn.execute(f"{_TARGETS} WHERE t.name = ?", (name,)).fetchone()
        if row is None:
            raise unknown_target(name)
        return _target_of(row)

    def targets(self) -> list[Target]:
        """All targets, by name."""
        return [_target_of(row) for row in self._connection.db.conn.execute(f"{_TARGETS} ORDER BY t.name")]

    def remove(self, name: str) -> None:
        """Forgets a target and what it was still to get.

        Raises:
            NotFound: ``webhook_unknown``.
        """
        with self._connection.write() as db:
            number = number_of(db, name)
            events = [
                row[0]
                for row in db.conn.execute(
                    "SELECT event FROM deliveries WHERE target = ? AND state != 'delivered'", (number,)
                )
            ]
            db.conn.execute("DELETE FROM targets WHERE number = ?", (number,))
            drop_bodies(db, events)

    def set_state(self, name: str, state: TargetState) -> Target:
        """Pauses a target or lets it go on; what waited goes first.

        Raises:
            NotFound: ``webhook_unknown``.
        """
        with self._connection.write() as db:
            number = number_of(db, name)
            db.conn.execute("UPDATE targets SET state = ? WHERE number = ?", (state, number))
            if state == "active":
                db.conn.execute(
                    "UPDATE deliveries SET due_at = 0 WHERE target = ? AND state = 'pending'", (number,)
                )
        return self.get(name)

    def rotate(self, name: str, secret: str, grace_s: float) -> None:
        """Gives a target a new secret; for ``grace_s`` seconds events are signed by the old one as well.

        Raises:
            NotFound: ``webhook_unknown``.
        """
        with self._connection.write() as db:
            db.conn.execute(
                "UPDATE targets SET former_secret = secret, former_until = ?, secret = ? WHERE number = ?",
                (time.time() + grace_s, secret, number_of(db, name)),
            )

    # ---- events, inside the transaction that changes what they tell of

    def unseen(self, db: Database, numbers: Sequence[int]) -> list[int]:
        """Those feedback that show no analysis yet, same order; none where no target would hear of them."""
        if not _wanting(db, *_TYPE_OF_STATUS.values()):
            return []
        shown = db.conn.execute(
            "SELECT feedback FROM shown WHERE feedback IN (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        )
        seen = {row[0] for row in shown}
        return [number for number in numbers if number not in seen]

    @contextmanager
    def watching(self, db: Database, number: int) -> Iterator[None]:
        """Tells of a feedback if what happens meanwhile changes its owner, cooperators or status."""
        if not _wanting(db, *_TYPE_OF_STATUS.values()):
            yield
            return
        before = _standing(db, number)
        yield
        if _standing(db, number) != before:
            self.feedback(db, [number], cause="correction")

    def feedback(self, db: Database, numbers: Sequence[int], *, cause: str) -> None:
        """Tells of feedback as they are shown now, in the order of their numbers.

        A target that is limited to a department hears of those that it owns or co-operates on.

        Args:
            cause: ``analysis`` for the first one, ``correction`` where people decided otherwise.
        """
        targets = _wanting(db, *_TYPE_OF_STATUS.values()) if numbers else []
        if not targets:
            return
        rows = db.conn.execute(
            f"SELECT {FEEDBACK}, {ANALYSIS} FROM feedback f {CURRENT} "  # noqa: S608
            "WHERE f.number IN (SELECT value FROM json_each(?)) AND h.pipeline IS NOT NULL "
            "AND f.erased_at IS NULL ORDER BY f.number",
            (json.dumps(list(numbers)),),
        ).fetchall()
        parts = segments_of(db, ((row["number"], row["pipeline"]) for row in rows))
        for row in rows:
            kind = _TYPE_OF_STATUS.get(row["status"])
            implicated = {row["owner"], *json.loads(row["cooperators"])}
            wanted = [
                target["number"]
                for target in targets
                if kind in json.loads(target["events"])
                and (target["department"] is None or target["department"] in implicated)
            ]
            if kind is None or not wanted:
                continue
            body = {
                "feedback": feedback_of(row).as_dict(),
                "analysis": analysis_of(row, parts[row["number"]]).as_dict(),
                "cause": cause,
            }
            _put(db, kind, row["id"], body, wanted, feedback=row["number"])

    def run(self, db: Database, run: Mapping[str, Any]) -> None:
        """Tells that a run over history was shown, or taken back.

        Args:
            run: as `Run.as_dict` gives it; of what it moved the counts are told, no feedback is named.
        """
        wanted = [target["number"] for target in _wanting(db, "run.finished") if target["department"] is None]
        if wanted:
            _put(db, "run.finished", str(run["run"]), {"run": dict(run) | {"change": _counts(run)}}, wanted)

    def announce(self, items: Sequence[Mapping[str, Any]], turn: str, departments: Mapping[str, str]) -> int:
        """Tells of what grows, each thing once a week, in a transaction of its own.

        A target that is limited to a department hears of the topics of that department, without examples.

        Args:
            items: as `voc.emerging.Emerging.as_dict` gives them.
            turn: where the present begins, ISO 8601.
            departments: key of the department that each topic belongs to.

        Returns:
            How many events are new.
        """
        first = date.fromisoformat(turn[:10])
        week = (first - timedelta(days=first.weekday())).isoformat()
        told = 0
        with self._connection.write() as db:
            targets = _wanting(db, "topic.emerging")
            for item in items:
                topic = item["topic"]
                for limit in dict.fromkeys(target["department"] for target in targets):
                    if limit is not None and departments.get(topic) != limit:
                        continue
                    wanted = [target["number"] for target in targets if target["department"] == limit]
                    body = {name: value for name, value in item.items() if not limit or name != "examples"}
                    name = json.dumps([item["kind"], topic, item["label"], week, limit])
                    told += _put(
                        db, "topic.emerging", topic or "none", {"turn": turn, "finding": body}, wanted,
                        key=str(uuid.uuid5(_FINDINGS, name)),
                    )  # fmt: skip
        return told

    def ping(self, name: str) -> str:
        """Puts an event that tells nothing at the end of a target's queue; returns the event's id.

        Raises:
            NotFound: ``webhook_unknown``.
            Conflict: ``webhook_paused``.
        """
        key = str(uuid.uuid4())
        with self._connection.write() as db:
            number = number_of(db, name)
            state = db.conn.execute("SELECT state FROM targets WHERE number = ?", (number,)).fetchone()[0]
            if state != "active":
                raise Conflict("webhook_paused", f"webhook {name!r} is paused", "name")
            _put(db, PING, name, {"webhook": name}, [number], key=key)
        return key

    def erase(self, db: Database, numbers: Sequence[int]) -> None:
        """Removes every event of these feedback, sent or not, and their words where others quote them.

        Inside the transaction that erases the feedback, whose rows have to be there still.
        """
        wanted = json.dumps(list(numbers))
        db.conn.execute("DELETE FROM events WHERE feedback IN (SELECT value FROM json_each(?))", (wanted,))
        ids = {
            row[0]
            for row in db.conn.execute(
                "SELECT id FROM feedback WHERE number IN (SELECT value FROM json_each(?))", (wanted,)
            )
        }
        for row in db.conn.execute(
            "SELECT number, body FROM events WHERE type = 'topic.emerging' AND body != ''"
        ).fetchall():
            body = json.loads(row["body"])
            examples = body["finding"].get("examples", [])
            left = [one for one in examples if one["id"] not in ids]
            if len(left) < len(examples):
                body["finding"]["examples"] = left
                db.conn.execute("UPDATE events SET body = ? WHERE number = ?", (as_json(body), row["number"]))


_TARGETS = (
    "SELECT t.name, t.url, t.events, t.department, t.state, t.made_at, t.made_by, "
    "(SELECT count(*) FROM deliveries d WHERE d.target = t.number AND d.state = 'pending') AS pending, "
    "(SELECT count(*) FROM deliveries d WHERE d.target = t.number AND d.state = 'dead') AS dead "
    "FROM targets t"
)


def _target_of(row: sqlite3.Row) -> Target:
    return Target(**{**dict(row), "events": tuple(json.loads(row["events"]))})


def _wanting(db: Database, *types: str) -> list[sqlite3.Row]:
    """The active targets that asked for one of these events."""
    found = db.conn.execute("SELECT number, events, department FROM targets WHERE state = 'active'")
    return [row for row in found if not set(types).isdisjoint(json.loads(row["events"]))]


def _standing(db: Database, number: int) -> tuple[Any, ...] | None:
    """Owner, cooperators and status of a feedback as shown."""
    row = db.conn.execute(
        "SELECT a.owner, a.cooperators, a.status FROM shown h "
        "JOIN analyses a ON a.feedback = h.feedback AND a.pipeline = h.pipeline WHERE h.feedback = ?",
        (number,),
    ).fetchone()
    return tuple(row) if row else None


def _put(
    db: Database,
    kind: str,
    subject: str,
    body: Mapping[str, Any],
    targets: Sequence[int],
    *,
    feedback: int | None = None,
    key: str | None = None,
) -> bool:
    """Keeps one event for these targets; False if one of the same key is there already."""
    cursor = db.conn.execute(
        "INSERT OR IGNORE INTO events (id, type, subject, feedback, made_at, body) VALUES (?, ?, ?, ?, ?, ?)",
        (key or str(uuid.uuid4()), kind, subject, feedback, utc_now(), as_json(body)),
    )
    if not cursor.rowcount:
        return False
    db.conn.executemany(
        "INSERT INTO deliveries (target, event, queued_at) VALUES (?, ?, ?)",
        [(target, cursor.lastrowid, time.time()) for target in targets],
    )
    return True


def _counts(run: Mapping[str, Any]) -> dict[str, Any]:
    """What a run moved, as counts: each list holds only what changed, most frequent first."""
    change = run["change"]
    counts: dict[str, Any] = {name: change[name] for name in ("encoded", "corrected") if name in change}
    for name in ("owners", "sentiments", "statuses", "topics"):
        moved = sorted(
            (one for one in change.get(name, ()) if one[0] != one[1]),
            key=lambda one: (-one[2], str(one[0]), str(one[1])),
        )
        counts[f"{name}_moved"] = [{"from": old, "to": new, "count": n} for old, new, n in moved]
    return counts
