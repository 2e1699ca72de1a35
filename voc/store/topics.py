"""The installation's own topics: as they are, how they came to be, and what fits proposed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlite_utils import Database

from voc.clock import utc_now
from voc.errors import Conflict, NotFound
from voc.registry import Change, Prototype, Registry, Theme, Topic
from voc.store.connection import Connection
from voc.store.rows import as_json

INSERT_PROTOTYPE = (
    "INSERT INTO prototypes (event, topic, layer, within, threshold, vector) VALUES (?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class TopicEvent:
    """One line of the registry's history.

    Attributes:
        before, after: the topics and themes that it changed: ``{"topics": {key: ...}, "themes": {key:
            ...}}``, null for not there.
        undoes: number of the event that it took back.
        undone: whether it was taken back itself.
    """

    number: int
    made_at: str
    author: str
    action: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    reason: str | None
    undoes: int | None
    undone: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """Topics and themes that it changed."""
        return (*self.after["topics"], *self.after["themes"])

    def as_dict(self) -> dict[str, Any]:
        """The line as JSON values."""
        return {
            "number": self.number, "made_at": self.made_at, "author": self.author, "action": self.action,
            "keys": list(self.keys), "before": dict(self.before), "after": dict(self.after),
            "reason": self.reason, "undoes": self.undoes, "undone": self.undone,
        }  # fmt: skip


class TopicTables:
    """The tables of topics."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self) -> Registry | None:
        """The installation's registry; None while it still uses the shipped one."""
        db = self._connection.db
        space = db.conn.execute("SELECT encoder, center FROM topic_space").fetchone()
        if space is None:
            return None
        topics = [
            Topic.from_dict(json.loads(row["content"]))
            for row in db.conn.execute("SELECT content FROM topics ORDER BY position, key")
        ]
        themes = [
            Theme(**json.loads(row["content"]))
            for row in db.conn.execute("SELECT content FROM themes ORDER BY position, key")
        ]
        places = tuple(
            Prototype(
                row["topic"], np.frombuffer(row["vector"], np.float32), row["threshold"], row["layer"],
                row["within"],
            )
            for row in db.conn.execute("SELECT * FROM prototypes ORDER BY number")
        )  # fmt: skip
        return Registry(
            {topic.key: topic for topic in topics}, {theme.key: theme for theme in themes}, places,
            np.frombuffer(space["center"], np.float32), str(space["encoder"]),
        )  # fmt: skip

    def make(self, change: Change, start: Registry, *, author: str, reason: str | None = None) -> TopicEvent:
        """Makes a change and its line of history, in one transaction.

        Args:
            start: the registry that the change was thought of. Where the installation has none of its own
                yet, this one is taken over first.

        Raises:
            Conflict: ``registry_changed`` if one of the topics is not any more as it was there.
        """
        with self._connection.write() as db:
            return self.make_in(db, change, start, author=author, reason=reason)

    def make_in(
        self, db: Database, change: Change, start: Registry, *, author: str, reason: str | None = None
    ) -> TopicEvent:
        """`make` inside a transaction that is open already."""
        self._take_over(db, start)
        self._rebase(db, start)
        self._refuse_reuse(db, change)
        before = {
            "topics": {key: self._content(db, "topics", key) for key in change.topics},
            "themes": {key: self._content(db, "themes", key) for key in change.themes},
        }
        thought = {key: start.topics[key].as_dict() if key in start.topics else None for key in change.topics}
        changed = [key for key in thought if before["topics"][key] != _plain(thought[key])]
        if changed:
            raise Conflict(
                "registry_changed", f"topic {changed[0]!r} was changed meanwhile; look again", "key"
            )
        after = {
            "topics": {key: topic.as_dict() if topic else None for key, topic in change.topics.items()},
            "themes": {key: theme.as_dict() if theme else None for key, theme in change.themes.items()},
        }
        number = self._event(db, author, change.action, before, after, reason, None)
        self._put(db, after)
        db.conn.executemany(
            INSERT_PROTOTYPE,
            [_prototype_values(number, place) for place in change.prototypes],
        )
        return self._one(db, number)

    def undo(self, number: int, *, author: str, reason: str | None = None) -> TopicEvent:
        """Takes a change back: its topics are again what they were, its prototypes are gone.

        Raises:
            NotFound: ``event_unknown``.
            Conflict: ``event_undone``, or ``event_followed`` if a later change of the same topics still
                stands.
        """
        return self.undo_many([number], author=author, reason=reason)[0]

    def undo_many(
        self, numbers: Iterable[int], *, author: str, reason: str | None = None
    ) -> list[TopicEvent]:
        """Takes changes back, the latest first: all of them, or none where one is refused; see `undo`."""
        with self._connection.write() as db:
            return [self._undo(db, number, author, reason) for number in sorted(set(numbers), reverse=True)]

    def _undo(self, db: Database, number: int, author: str, reason: str | None) -> TopicEvent:
        event = self._one(db, number)
        if event.undone or event.action in ("undo", "start", "rebase"):
            raise Conflict("event_undone", f"change {number} is undone or cannot be", "number")
        for later in self.history(after=number):
            if not later.undone and later.action != "undo" and set(later.keys) & set(event.keys):
                raise Conflict(
                    "event_followed", f"change {later.number} came after it; undo that first", "number"
                )
        for key in (key for key, theme in event.before["themes"].items() if theme is None):
            under = db.conn.execute(
                "SELECT key FROM topics WHERE json_extract(content, '$.theme') = ? LIMIT 1", (key,)
            ).fetchone()
            if under:
                raise Conflict(
                    "event_followed",
                    f"topic {under[0]!r} is under theme {key!r}; move it first",
                    "number",
                )
        undone = self._event(db, author, "undo", event.after, event.before, reason, number)
        gone = [key for key, topic in event.before["topics"].items() if topic is None]
        db.conn.execute(
            "DELETE FROM prototypes WHERE event = ? OR topic IN (SELECT value FROM json_each(?))",
            (number, json.dumps(gone)),
        )
        self._put(db, event.before)
        return self._one(db, undone)

    def history(self, key: str | None = None, after: int = 0) -> list[TopicEvent]:
        """The changes of all topics, or of one, in the order they were made."""
        rows = self._connection.db.conn.execute(
            "SELECT e.*, EXISTS (SELECT 1 FROM topic_events u WHERE u.undoes = e.number) AS undone "
            "FROM topic_events e WHERE e.number > ? ORDER BY e.number",
            (after,),
        )
        events = [_event_of(row) for row in rows]
        return [event for event in events if key is None or key in event.keys]

    def _take_over(self, db: Database, start: Registry) -> None:
        """The shipped registry becomes the installation's own."""
        if db.conn.execute("SELECT 1 FROM topic_space").fetchone():
            return
        db.conn.execute(
            "INSERT INTO topic_space VALUES (?, ?)",
            (start.encoder, np.ascontiguousarray(start.center, np.float32).tobytes()),
        )
        number = self._event(
            db, "voc", "start", {"topics": {}, "themes": {}}, {"topics": {}, "themes": {}}, "as shipped", None
        )
        self._put(
            db,
            {
                "topics": {key: topic.as_dict() for key, topic in start.topics.items()},
                "themes": {key: theme.as_dict() for key, theme in start.themes.items()},
            },
        )
        db.conn.executemany(
            INSERT_PROTOTYPE,
            [_prototype_values(number, place) for place in start.prototypes],
        )

    def _rebase(self, db: Database, start: Registry) -> None:
        """After an encoder was changed: the places of all topics are those of ``start``, for good."""
        (encoder,) = db.conn.execute("SELECT encoder FROM topic_space").fetchone()
        if encoder == start.encoder:
            return
        nothing: dict[str, dict[str, Any]] = {"topics": {}, "themes": {}}
        number = self._event(
            db, "voc", "rebase", nothing, nothing, f"from {encoder} to {start.encoder}", None
        )
        db.conn.execute(
            "UPDATE topic_space SET encoder = ?, center = ?",
            (start.encoder, np.ascontiguousarray(start.center, np.float32).tobytes()),
        )
        db.conn.execute("DELETE FROM prototypes")
        db.conn.executemany(INSERT_PROTOTYPE, [_prototype_values(number, one) for one in start.prototypes])

    def _refuse_reuse(self, db: Database, change: Change) -> None:
        """A key that another topic has had, whose making was undone, stays that topic's."""
        for key, topic in change.topics.items():
            if topic is None or self._content(db, "topics", key) is not None:
                continue
            for event in self.history(key):
                had = event.after["topics"].get(key)
                if had is not None and had["words"] != list(topic.words):
                    raise Conflict("topic_exists", f"another topic has had the key {key!r}", "key")

    def _content(self, db: Database, table: str, key: str) -> dict[str, Any] | None:
        row = db.conn.execute(f"SELECT content FROM {table} WHERE key = ?", (key,)).fetchone()  # noqa: S608
        content: dict[str, Any] | None = json.loads(row[0]) if row else None
        return content

    def _put(self, db: Database, state: Mapping[str, Mapping[str, Any]]) -> None:
        for table in ("topics", "themes"):
            for key, content in state[table].items():
                if content is None:
                    db.conn.execute(f"DELETE FROM {table} WHERE key = ?", (key,))  # noqa: S608
                else:
                    db.conn.execute(
                        f"INSERT INTO {table} VALUES (?, (SELECT count(*) FROM {table}), ?) "  # noqa: S608
                        "ON CONFLICT DO UPDATE SET content = excluded.content",
                        (key, as_json(content)),
                    )

    def _event(
        self,
        db: Database,
        author: str,
        action: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        reason: str | None,
        undoes: int | None,
    ) -> int:
        cursor = db.conn.execute(
            "INSERT INTO topic_events (made_at, author, action, before, after, reason, undoes) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (utc_now(), author, action, as_json(before), as_json(after), reason, undoes),
        )
        return int(cursor.lastrowid or 0)

    def _one(self, db: Database, number: int) -> TopicEvent:
        row = db.conn.execute(
            "SELECT e.*, EXISTS (SELECT 1 FROM topic_events u WHERE u.undoes = e.number) AS undone "
            "FROM topic_events e WHERE e.number = ?",
            (number,),
        ).fetchone()
        if row is None:
            raise NotFound("event_unknown", f"no change of topics has the number {number}", "number")
        return _event_of(row)


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    return json.loads(as_json(value))


def _prototype_values(event: int, place: Prototype) -> tuple[Any, ...]:
    vector: Any = np.ascontiguousarray(place.vector, np.float32)
    return event, place.topic, place.layer, place.within, place.threshold, vector.tobytes()


def _event_of(row: sqlite3.Row) -> TopicEvent:
    return TopicEvent(
        row["number"], row["made_at"], row["author"], row["action"], json.loads(row["before"]),
        json.loads(row["after"]), row["reason"], row["undoes"], bool(row["undone"]),
    )  # fmt: skip
