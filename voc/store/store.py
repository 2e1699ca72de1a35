"""Feedback, their analyses and the work list."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlite_utils import Database

from voc.records import Analysis, Feedback, Reading
from voc.store.analyses import keep_analyses, keep_readings, numbers_of, segments_of
from voc.store.audit import Audit
from voc.store.changes import Changes, note
from voc.store.columns import Columns
from voc.store.connection import Connection
from voc.store.copies import Copies
from voc.store.corrections import Corrections
from voc.store.deliveries import Deliveries
from voc.store.digests import Digests
from voc.store.emerging import Stretches
from voc.store.erasure import Erasures
from voc.store.filters import Filter, where_of
from voc.store.models import ModelTables
from voc.store.outbox import Outbox
from voc.store.people import People
from voc.store.precedents import Precedents
from voc.store.proposals import Proposals
from voc.store.receipts import Receipts
from voc.store.review import Queue
from voc.store.rows import ANALYSIS, CURRENT, FEEDBACK, analysis_of, as_json, feedback_of
from voc.store.runs import Runs
from voc.store.secrets import Secrets
from voc.store.topics import TopicTables
from voc.store.uploads import Uploads
from voc.text import fold

Outcome = Literal["created", "exists", "conflict"]

#: Longest that a row is held, or has to wait, in seconds: more than the settings allow for a lease and the
#: time-out of a request together. What is held for longer was so before the clock was set back, and is free.
LONGEST_S = 7_200.0


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one row that was handed to `Store.add`; ``feedback`` is the row as kept."""

    feedback: Feedback
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Kept:
    """A feedback with its current analysis, None while it waits on the work list; ``corrected`` names what
    people decided of it."""

    feedback: Feedback
    analysis: Analysis | None
    corrected: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; ``corrected`` is left out where people decided nothing."""
        body: dict[str, Any] = {
            "feedback": self.feedback.as_dict(),
            "analysis": self.analysis.as_dict() if self.analysis else None,
        }
        return body | {"corrected": list(self.corrected)} if self.corrected else body


class Store(Connection):
    """Feedback, their analyses and the work list; other tables through its parts.

    Attributes:
        outbox: events for other programs.
        deliveries: how far each of them got.
        corrections: what people said.
        topics: the installation's own topics and their history.
        proposals: what fits of topics proposed, and what they read.
        models: heads that the installation has learned.
        runs: history judged again.
        stretches: segments of a stretch of time with their vectors.
        queue: what waits for a person's decision.
        precedents: what was said of a feedback before, and of others like it.
        receipts: signed messages that were taken lately.
        people: keys, people and their sessions.
        audit: who did what.
        changes: which feedback changed since when.
        columns: many feedback column by column.
        copies: where copies were written to disk.
        secrets: made by this installation, for itself.
        digests: which department's week was sent.
        erasures: what was erased, and all that is kept of a customer.
        uploads: files that people brought, until they are read.
    """

    def __init__(self, path: Path, busy_timeout_ms: int = 15_000) -> None:
        super().__init__(path, busy_timeout_ms)
        self.outbox = Outbox(self)
        self.deliveries = Deliveries(self)
        self.corrections = Corrections(self, self.outbox)
        self.topics = TopicTables(self)
        self.proposals = Proposals(self, self.topics)
        self.models = ModelTables(self)
        self.runs = Runs(self, self.outbox)
        self.stretches = Stretches(self)
        self.queue = Queue(self)
        self.precedents = Precedents(self)
        self.receipts = Receipts(self)
        self.people = People(self)
        self.audit = Audit(self)
        self.changes = Changes(self)
        self.columns = Columns(self)
        self.copies = Copies(self)
        self.secrets = Secrets(self)
        self.digests = Digests(self)
        self.erasures = Erasures(self, self.outbox, self.secrets)
        self.uploads = Uploads(self)

    # ---- feedback

    def add(self, rows: Sequence[Feedback], *, holder: str, lease_s: float) -> list[Added]:
        """Keeps new rows and puts them on the work list, held by ``holder``, in one transaction.

        A row whose ``(source, external_id)`` is known is not kept again: ``exists`` if its text is the
        same, ``conflict`` if not, or if it was erased; both come with the row as it was kept first.
        """
        until = time.time() + lease_s
        fresh: list[int] = []
        with self.write() as db:
            added = [self._add(db, row, holder, until, fresh) for row in rows]
            note(db, fresh)
        return added

    def _add(self, db: Database, row: Feedback, holder: str, until: float, fresh: list[int]) -> Added:
        """Keeps one row; the numbers of those that are new are put to ``fresh``."""
        if row.external_id is not None:
            known = db.conn.execute(
                f"SELECT {FEEDBACK} FROM feedback f WHERE f.source = ? AND f.external_id = ?",  # noqa: S608
                (row.source, row.external_id),
            ).fetchone()
            if known:
                kept = feedback_of(known)
                return Added(kept, "exists" if kept.text == row.text else "conflict")
            if erased := self.erasures.known(row.source, row.external_id):
                return Added(erased, "conflict")
        values = row.as_dict() | {"scores": as_json(row.scores), "attributes": as_json(row.attributes)}
        table = db["feedback"]
        number: int = table.insert(values).last_pk  # type: ignore[union-attr,assignment]
        fresh.append(number)
        db["feedback_words"].insert({"rowid": number, "folded": fold(row.text)})  # type: ignore[union-attr]
        db["work_list"].insert({"feedback": number, "held_by": holder, "held_until": until})  # type: ignore[union-attr]
        return Added(row, "created")

    def get(self, key: str) -> Kept | None:
        """One feedback with its current analysis, or None."""
        return next(iter(self.get_many([key]).values()), None)

    def has(self, source: str, external_id: str) -> bool:
        """Whether a feedback is kept under the sender's own id."""
        row = self.db.conn.execute(
            "SELECT 1 FROM feedback WHERE source = ? AND external_id = ?", (source, external_id)
        ).fetchone()
        return row is not None

    def get_many(self, keys: Sequence[str]) -> dict[str, Kept]:
        """Those of the feedback that exist, by id."""
        rows = self.db.conn.execute(
            f"SELECT {FEEDBACK}, {ANALYSIS} FROM feedback f {CURRENT} "  # noqa: S608
            "WHERE f.id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        ).fetchall()
        return {kept.feedback.id: kept for kept in self._kept(rows)}

    def numbered(self, numbers: Sequence[int]) -> dict[int, Kept]:
        """Those of the feedback that exist, by row number."""
        rows = self.db.conn.execute(
            f"SELECT {FEEDBACK}, {ANALYSIS} FROM feedback f {CURRENT} "  # noqa: S608
            "WHERE f.number IN (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        ).fetchall()
        return dict(zip((row["number"] for row in rows), self._kept(rows), strict=True))

    def find(
        self, chosen: Filter, limit: int, after: tuple[str, str] | None = None
    ) -> tuple[list[Kept], tuple[str, str] | None]:
        """The latest feedback first, at most ``limit``, and where the next page begins.

        Args:
            after: ``(occurred_at, id)`` of the last row of the page before.
        """
        where, values = where_of(chosen)
        if after is not None:
            where.append("(f.occurred_at, f.id) < (?, ?)")
            values += after
        rows = self.db.conn.execute(
            f"SELECT {FEEDBACK}, {ANALYSIS} FROM feedback f {CURRENT} "  # noqa: S608
            f"WHERE {' AND '.join(where) or '1'} ORDER BY f.occurred_at DESC, f.id DESC LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
        found = self._kept(rows[:limit])
        last = found[-1].feedback if len(rows) > limit else None
        return found, (last.occurred_at, last.id) if last else None

    def every(self, chosen: Filter, page: int = 500) -> Iterator[Kept]:
        """All feedback that match, latest first, read page by page."""
        after: tuple[str, str] | None = None
        while True:
            found, after = self.find(chosen, page, after)
            yield from found
            if after is None:
                return

    def count(self, chosen: Filter) -> int:
        """How many feedback match."""
        where, values = where_of(chosen)
        row = self.db.conn.execute(
            f"SELECT count(*) FROM feedback f {CURRENT} WHERE {' AND '.join(where) or '1'}",  # noqa: S608
            values,
        ).fetchone()
        return int(row[0])

    def _kept(self, rows: Sequence[sqlite3.Row]) -> list[Kept]:
        shown = ((row["number"], row["pipeline"]) for row in rows if row["pipeline"])
        segments = segments_of(self.db, shown)
        return [
            Kept(
                feedback_of(row),
                analysis_of(row, segments[row["number"]]) if row["pipeline"] else None,
                tuple(json.loads(row["corrected"])) if row["pipeline"] else (),
            )
            for row in rows
        ]

    # ---- work list

    def claim(self, holder: str, limit: int, lease_s: float) -> list[tuple[str, str]]:
        """Takes up to ``limit`` rows that nobody holds, oldest first: their ids and texts."""
        now = time.time()
        with self.write() as db:
            rows = db.conn.execute(
                "SELECT w.feedback, f.id, f.text FROM work_list w JOIN feedback f ON f.number = w.feedback "
                "WHERE w.held_until <= ? OR w.held_until > ? ORDER BY w.feedback LIMIT ?",
                (now, now + LONGEST_S, limit),
            ).fetchall()
            db.conn.executemany(
                "UPDATE work_list SET held_by = ?, held_until = ?, attempts = attempts + 1 "
                "WHERE feedback = ?",
                [(holder, now + lease_s, row["feedback"]) for row in rows],
            )
        return [(row["id"], row["text"]) for row in rows]

    def release(self, holder: str, keys: Sequence[str], delay_s: float = 0.0) -> None:
        """Gives rows back to the work list; they can be claimed again after ``delay_s`` seconds."""
        with self.write() as db:
            db.conn.execute(
                "UPDATE work_list SET held_by = NULL, held_until = ? WHERE held_by = ? AND feedback IN "
                "(SELECT number FROM feedback WHERE id IN (SELECT value FROM json_each(?)))",
                (time.time() + delay_s if delay_s else 0.0, holder, json.dumps(list(keys))),
            )

    def holders(self) -> list[str]:
        """Everybody who holds a row of the work list."""
        rows = self.db.conn.execute("SELECT DISTINCT held_by FROM work_list WHERE held_by IS NOT NULL")
        return [str(row[0]) for row in rows]

    def release_holder(self, holder: str) -> None:
        """Gives back every row that ``holder`` holds."""
        with self.write() as db:
            db.conn.execute(
                "UPDATE work_list SET held_by = NULL, held_until = 0 WHERE held_by = ?", (holder,)
            )

    def waiting(self) -> int:
        """Rows on the work list, held or not."""
        return int(self.db.conn.execute("SELECT count(*) FROM work_list").fetchone()[0])

    # ---- analyses

    def save(
        self,
        analyses: Sequence[Analysis],
        readings: Sequence[Reading | None],
        reader: str,
        departments: Mapping[str, str] | None = None,
    ) -> None:
        """Keeps analyses (and new readings), makes them current, takes the rows off the work list.

        What people said of a feedback is applied to its analysis. Saving the same pipeline's analysis again
        replaces it, so that doing work twice leaves one result, and one event in the outbox.

        Args:
            departments: key of the department that each topic belongs to.
        """
        with self.write() as db:
            numbers = numbers_of(db, [analysis.id for analysis in analyses], erased=False)
            present = [
                (numbers[analysis.id], analysis, reading)
                for analysis, reading in zip(analyses, readings, strict=True)
                if analysis.id in numbers
            ]
            db.conn.executemany(
                "DELETE FROM analyses WHERE feedback = ? AND pipeline = ?",
                [(number, analysis.pipeline) for number, analysis, _ in present],
            )
            keep_analyses(
                db, [(number, analysis) for number, analysis, _ in present], None, departments or {}
            )
            keep_readings(db, [(number, reading) for number, _, reading in present], reader)
            fresh = self.outbox.unseen(db, [number for number, _, _ in present])
            db.conn.executemany(
                "INSERT INTO shown VALUES (?, ?) ON CONFLICT DO UPDATE SET pipeline = excluded.pipeline",
                [(number, analysis.pipeline) for number, analysis, _ in present],
            )
            db.conn.executemany(
                "DELETE FROM work_list WHERE feedback = ?", [(number,) for number, _, _ in present]
            )
            note(db, [number for number, _, _ in present])
            self.outbox.feedback(db, fresh, cause="analysis")

    def revision(self) -> tuple[int, int, int]:
        """The last change of topics, the last promotion of heads, and the database's own number, which is
        another after a restore: tells one state of all from another."""
        row = self.db.conn.execute(
            "SELECT coalesce((SELECT max(number) FROM topic_events), 0), "
            "coalesce((SELECT max(number) FROM promotions), 0), "
            "(SELECT user_version FROM pragma_user_version)"
        ).fetchone()
        return int(row[0]), int(row[1]), int(row[2])
