"""What fits of topics proposed, what people decided of it, and the kept segments that a fit reads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from voc.clock import utc_now
from voc.errors import Conflict, NotFound
from voc.records import Language, Span
from voc.registry import Change, Prototype, Registry
from voc.store.connection import Connection
from voc.store.rows import as_json, reading_of
from voc.store.topics import TopicEvent, TopicTables

Kind = Literal["same", "grown", "split", "merged", "new", "gone"]
KINDS: tuple[Kind, ...] = ("new", "split", "merged", "grown", "gone", "same")
Decision = Literal["accepted", "rejected"]


@dataclass(frozen=True, slots=True, eq=False)
class KeptSegment:
    """A segment of kept feedback with what was read from it and what is shown of it.

    Attributes:
        feedback: row number of its feedback.
        whole: the whole text; ``text`` is ``whole[span.start:span.end]``.
        words: its words joined by blanks, the syllables of one word by ``_``.
        vector: float32 (n_dims,), of unit length.
        topic, department: keys, None for none.
    """

    feedback: int
    span: Span
    whole: str
    language: Language
    words: str
    vector: NDArray[np.float32]
    topic: str | None
    department: str | None

    @property
    def text(self) -> str:
        """The segment as the customer typed it."""
        return self.whole[self.span.start : self.span.end]


@dataclass(frozen=True, slots=True, eq=False)
class ProposalItem:
    """What a fit proposes of one topic or of a few.

    Attributes:
        position: its number within the proposal, from 1.
        keys: topics of the registry that it is about; none where it is new.
        content: all that people read of it, as JSON values.
        places: where the topics of ``content["parts"]`` lie, each named by the part's key.
        decision: what a person decided, None while it is open.
        event: number of the change that accepting it made.
    """

    position: int
    kind: Kind
    keys: tuple[str, ...]
    content: Mapping[str, Any]
    places: tuple[Prototype, ...] = ()
    decision: Decision | None = None
    decided_at: str | None = None
    decided_by: str | None = None
    event: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The item as JSON values, its vectors left out."""
        return {
            "item": self.position, "kind": self.kind, "keys": list(self.keys), **self.content,
            "decision": self.decision, "decided_at": self.decided_at, "decided_by": self.decided_by,
            "event": self.event,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What one fit says of the registry.

    Attributes:
        number: 0 before it is kept.
        revision: number of the registry's last change when the fit was made.
        encoder: version of the encoder in whose space its prototypes lie.
        figures: counts and shares of the whole.
    """

    revision: int
    encoder: str
    figures: Mapping[str, Any]
    items: tuple[ProposalItem, ...] = field(default=())
    number: int = 0
    made_at: str = ""
    author: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The proposal as JSON values."""
        return {
            "proposal": self.number, "made_at": self.made_at, "author": self.author,
            "revision": self.revision, "encoder": self.encoder, "figures": dict(self.figures),
            "items": [item.as_dict() for item in self.items],
        }  # fmt: skip


class Proposals:
    """The tables of proposals."""

    def __init__(self, connection: Connection, topics: TopicTables) -> None:
        self._connection = connection
        self._topics = topics

    # ---- what a fit reads

    def segments(self, reader: str, page: int = 1000) -> Iterator[KeptSegment]:
        """All segments that ``reader`` read, in the order in which their feedback were kept.

        Feedback that wait for their analysis, or that another reader read, have none. Read page by page, so
        memory does not grow with the database.
        """
        after = 0
        while True:
            rows = self._connection.db.conn.execute(
                "SELECT f.number, f.text, r.spans, r.languages, r.words, r.vectors FROM feedback f "
                "JOIN readings r ON r.feedback = f.number AND r.reader = ? "
                "WHERE f.number > ? ORDER BY f.number LIMIT ?",
                (reader, after, page),
            ).fetchall()
            if not rows:
                return
            shown = self._shown(after, rows[-1]["number"])
            for row in rows:
                yield from _segments_of(row, shown)
            after = rows[-1]["number"]

    def _shown(self, after: int, last: int) -> dict[tuple[int, int, int], tuple[str | None, str | None]]:
        found = self._connection.db.conn.execute(
            'SELECT s.feedback, s.start, s."end", s.topic, s.department FROM segments s '
            "JOIN shown h ON h.feedback = s.feedback AND h.pipeline = s.pipeline "
            "WHERE s.feedback > ? AND s.feedback <= ?",
            (after, last),
        )
        return {
            (row["feedback"], row["start"], row["end"]): (row["topic"], row["department"]) for row in found
        }

    # ---- proposals

    def add(self, proposal: Proposal, *, author: str) -> Proposal:
        """Keeps what a fit proposed; it changes nothing."""
        with self._connection.write() as db:
            cursor = db.conn.execute(
                "INSERT INTO proposals (made_at, author, revision, encoder, figures) VALUES (?, ?, ?, ?, ?)",
                (utc_now(), author, proposal.revision, proposal.encoder, as_json(dict(proposal.figures))),
            )
            number = int(cursor.lastrowid or 0)
            db.conn.executemany(
                "INSERT INTO proposal_items (proposal, position, kind, content, vectors) "
                "VALUES (?, ?, ?, ?, ?)",
                [_item_values(number, item) for item in proposal.items],
            )
            return self._one(db, number)

    def get(self, number: int) -> Proposal:
        """One proposal with its items.

        Raises:
            NotFound: ``proposal_unknown``.
        """
        return self._one(self._connection.db, number)

    def latest(self) -> Proposal:
        """The last proposal.

        Raises:
            NotFound: ``proposal_unknown`` if there is none yet.
        """
        row = self._connection.db.conn.execute("SELECT max(number) FROM proposals").fetchone()
        if row[0] is None:
            raise NotFound("proposal_unknown", "no fit has been made yet: voc topics fit", "proposal")
        return self.get(int(row[0]))

    def decide(
        self,
        number: int,
        decisions: Sequence[tuple[int, Decision, Change | None]],
        start: Registry,
        *,
        author: str,
        reason: str | None = None,
    ) -> list[TopicEvent | None]:
        """Keeps what a person decided of items, with the changes that follow, in one transaction.

        Args:
            decisions: position of an item, what was decided, the change that it makes if any.
            start: the registry that the changes were thought of.

        Returns:
            The line of history of each decision, None where the registry stays as it is.

        Raises:
            NotFound: ``proposal_unknown``, ``item_unknown``.
            Conflict: ``item_decided``; or see `TopicTables.make`.
        """
        with self._connection.write() as db:
            items = {item.position: item for item in self._one(db, number).items}
            events: list[TopicEvent | None] = []
            for position, decision, change in decisions:
                if position not in items:
                    raise NotFound("item_unknown", f"proposal {number} has no item {position}", "item")
                if items[position].decision is not None:
                    raise Conflict(
                        "item_decided", f"item {position} was {items[position].decision} already", "item"
                    )
                event = None
                if change is not None:
                    event = self._topics.make_in(db, change, start, author=author, reason=reason)
                db.conn.execute(
                    "UPDATE proposal_items SET decision = ?, decided_at = ?, decided_by = ?, event = ? "
                    "WHERE proposal = ? AND position = ?",
                    (decision, utc_now(), author, event.number if event else None, number, position),
                )
                events.append(event)
            return events

    def _one(self, db: Database, number: int) -> Proposal:
        row = db.conn.execute("SELECT * FROM proposals WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise NotFound("proposal_unknown", f"no proposal has the number {number}", "proposal")
        # An item whose change was undone is open again.
        items = db.conn.execute(
            "SELECT i.*, EXISTS (SELECT 1 FROM topic_events u WHERE u.undoes = i.event) AS undone "
            "FROM proposal_items i WHERE i.proposal = ? ORDER BY i.position",
            (number,),
        ).fetchall()
        return Proposal(
            row["revision"], row["encoder"], json.loads(row["figures"]),
            tuple(_item_of(item) for item in items), row["number"], row["made_at"], row["author"],
        )  # fmt: skip


def _segments_of(
    row: sqlite3.Row, shown: Mapping[tuple[int, int, int], tuple[str | None, str | None]]
) -> Iterator[KeptSegment]:
    reading = reading_of(row)
    first = len(reading.words) - len(reading.spans)  # the row of the whole text, if there is one
    for number, span in enumerate(reading.spans, first):
        topic, department = shown.get((row["number"], span.start, span.end), (None, None))
        yield KeptSegment(
            row["number"], span, row["text"], reading.languages[number], reading.words[number],
            reading.vectors[number], topic, department,
        )  # fmt: skip


def _item_values(proposal: int, item: ProposalItem) -> tuple[Any, ...]:
    content = {
        **item.content,
        "keys": list(item.keys),
        "places": [[place.topic, place.threshold] for place in item.places],
    }
    vectors = np.array([place.vector for place in item.places], np.float32).tobytes()
    return proposal, item.position, item.kind, as_json(content), vectors


def _item_of(row: sqlite3.Row) -> ProposalItem:
    content = json.loads(row["content"])
    keys, places = content.pop("keys"), content.pop("places")
    vectors = np.frombuffer(row["vectors"], np.float32).reshape(len(places), -1) if places else ()
    decided = (None, None, None, None)
    if not row["undone"]:
        decided = (row["decision"], row["decided_at"], row["decided_by"], row["event"])
    return ProposalItem(
        row["position"], row["kind"], tuple(keys), content,
        tuple(
            Prototype(key, vector, threshold)
            for (key, threshold), vector in zip(places, vectors, strict=True)
        ),
        *decided,
    )  # fmt: skip
