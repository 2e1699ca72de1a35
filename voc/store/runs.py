"""History judged again: runs that go on after a stop, show their answers all at once, and can be taken back.

While a run goes on, its analyses lie beside the old ones and nobody sees them. `Runs.finish` shows them in
one transaction; ``replaced`` remembers what each feedback showed before, and `Runs.rollback` shows that
again.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from voc.clock import utc_now
from voc.errors import Conflict, NotFound
from voc.records import Analysis, Reading
from voc.store.analyses import keep_analyses, keep_readings, rewrite_analyses, segments_of
from voc.store.changes import note_all
from voc.store.connection import Connection
from voc.store.filters import Filter, where_of
from voc.store.outbox import Outbox
from voc.store.rows import ANALYSIS, CURRENT, KeptReading, analysis_of, as_json, reading_of

#: Enough to tell what is left, without the rows of analyses.
SHOWN = "shown h JOIN feedback f ON f.number = h.feedback"
#: Feedback whose old analyses are thrown away in one transaction.
SWEPT_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over history.

    Attributes:
        pipeline: the version that judges.
        selection: which feedback, as `Filter` takes it.
        state: ``running``, ``finished``, ``final`` (finished, and can not be rolled back any more),
            ``abandoned`` (another pipeline's run began before it was done) or ``rolled_back``.
        rows: feedback judged.
        after: number of the last one.
        change: what it moved.
        held_by: who works on it.
    """

    number: int
    kind: str
    pipeline: str
    selection: Mapping[str, Any]
    state: str
    started_at: str
    finished_at: str | None
    rows: int
    after: int
    change: Mapping[str, Any]
    held_by: str | None

    def as_dict(self) -> dict[str, Any]:
        """The run as JSON values."""
        return {
            "run": self.number, "kind": self.kind, "pipeline": self.pipeline,
            "selection": dict(self.selection), "state": self.state, "started_at": self.started_at,
            "finished_at": self.finished_at, "rows": self.rows, "change": dict(self.change),
        }  # fmt: skip


class Runs:
    """The table of runs, and pages of history for them."""

    def __init__(self, connection: Connection, outbox: Outbox) -> None:
        self._connection = connection
        self._outbox = outbox

    # ---- the life of a run

    def begin(self, pipeline: str, chosen: Filter, *, holder: str, lease_s: float) -> Run:
        """The unfinished run of the same pipeline over the same feedback, or a new one, held by ``holder``.

        An unfinished run of another pipeline is abandoned: what it had judged is thrown away.

        Raises:
            Conflict: ``run_in_progress`` if somebody else holds one; ``run_unfinished`` if one of the same
                pipeline over other feedback was stopped: its work is not thrown away unasked.
        """
        selection = {name: value for name, value in _selection(chosen).items() if value is not None}
        with self._connection.write() as db:
            self._make_room(db, pipeline, selection, holder)
        self._sweep()
        with self._connection.write() as db:
            self._make_room(db, pipeline, selection, holder)
            row = db.conn.execute("SELECT id FROM runs WHERE state = 'running'").fetchone()
            found = row["id"] if row else None
            if found is None:
                cursor = db.conn.execute(
                    "INSERT INTO runs (kind, pipeline, selection, started_at, state) "
                    "VALUES ('reclassify', ?, ?, ?, 'running')",
                    (pipeline, as_json(selection), utc_now()),
                )
                found = int(cursor.lastrowid or 0)
            db.conn.execute(
                "UPDATE runs SET held_by = ?, held_until = ? WHERE id = ?",
                (holder, time.time() + lease_s, found),
            )
            return self._one(db, found)

    def _make_room(self, db: Database, pipeline: str, selection: Mapping[str, Any], holder: str) -> None:
        """Leaves no unfinished run but the one to go on with; see `begin` for errors."""
        for row in db.conn.execute("SELECT * FROM runs WHERE state = 'running'").fetchall():
            self._not_held(row, holder)
            if row["pipeline"] != pipeline:
                self._end(db, row["id"], "abandoned")
            elif json.loads(row["selection"]) != selection:
                over = row["selection"] if row["selection"] != "{}" else "all feedback"
                raise Conflict(
                    "run_unfinished", f"run {row['id']} over {over} was stopped; finish it first", "run"
                )

    def _not_held(self, row: sqlite3.Row, holder: str | None = None) -> None:
        if row["held_by"] not in (None, holder) and row["held_until"] > time.time():
            raise Conflict(
                "run_in_progress", f"run {row['id']} is being worked on by {row['held_by']}", "run"
            )

    def keep(
        self,
        run: Run,
        rows: Sequence[KeptReading],
        judged: Sequence[Analysis],
        fresh: Sequence[Reading | None],
        reader: str,
        change: Mapping[str, Any],
        departments: Mapping[str, str],
        *,
        lease_s: float,
    ) -> None:
        """Keeps one page of a run with how far it got and what it moved so far, in one transaction.

        Args:
            rows, judged, fresh: the page, its analyses, and readings where they are new.
            change: totals up to and with this page.
        """
        with self._connection.write() as db:
            self._held(db, run)
            keep_analyses(
                db,
                [(row.number, one) for row, one in zip(rows, judged, strict=True)],
                run.number,
                departments,
            )
            for row in rows:
                if row.corrected:  # an analysis that was there already speaks of the topics as they were
                    rewrite_analyses(db, row.number, departments, run.pipeline)
            keep_readings(
                db, [(row.number, reading) for row, reading in zip(rows, fresh, strict=True)], reader
            )
            db.conn.executemany(
                "INSERT OR IGNORE INTO replaced VALUES (?, ?, ?)",
                [(run.number, row.number, row.shown.pipeline) for row in rows],
            )
            db.conn.execute(
                "UPDATE runs SET after = ?, rows = rows + ?, change = ?, held_until = ? WHERE id = ?",
                (rows[-1].number, len(rows), as_json(change), time.time() + lease_s, run.number),
            )

    def finish(self, run: Run) -> bool:
        """Shows what the run judged, all at once; False if feedback are left that it has not judged."""
        with self._connection.write() as db:
            self._held(db, run)
            if self.any_left(run.pipeline, Filter(**run.selection), run):
                db.conn.execute("UPDATE runs SET after = 0 WHERE id = ?", (run.number,))
                return False
            db.conn.execute(
                "UPDATE shown SET pipeline = ? "
                "WHERE feedback IN (SELECT feedback FROM replaced WHERE run = ?)",
                (run.pipeline, run.number),
            )
            note_all(db)
            db.conn.execute(
                "UPDATE runs SET state = 'finished', finished_at = ?, held_by = NULL WHERE id = ?",
                (utc_now(), run.number),
            )
            self._outbox.run(db, self._one(db, run.number).as_dict())
            return True

    def rollback(self, number: int) -> Run:
        """Shows again, row for row, what was shown before a finished run, and throws its analyses away.

        Raises:
            NotFound: ``run_unknown``.
            Conflict: ``run_not_finished``, or ``run_followed`` if a later run showed something else since.
        """
        with self._connection.write() as db:
            run = self._one(db, number)
            if run.state != "finished":
                raise Conflict("run_not_finished", f"run {number} is {run.state}", "run")
            later = db.conn.execute(
                "SELECT r.run FROM replaced r JOIN runs ON runs.id = r.run "
                "WHERE r.run > ? AND runs.state = 'finished' LIMIT 1",
                (number,),
            ).fetchone()
            if later:
                raise Conflict("run_followed", f"run {later[0]} came after it; roll that back first", "run")
            for row in db.conn.execute("SELECT * FROM runs WHERE state = 'running'").fetchall():
                self._not_held(row)
                self._end(db, row["id"], "abandoned")  # it remembers what is about to go
            db.conn.execute(
                "UPDATE shown SET pipeline = r.pipeline FROM replaced r "
                "WHERE r.run = ? AND r.feedback = shown.feedback",
                (number,),
            )
            note_all(db)
            self._end(db, number, "rolled_back")
            self._outbox.run(db, self._one(db, number).as_dict())
        self._sweep()
        return self.get(number)

    def _end(self, db: Database, number: int, state: str) -> None:
        db.conn.execute("UPDATE runs SET state = ?, held_by = NULL WHERE id = ?", (state, number))

    def _sweep(self) -> None:
        """Throws away what runs judged that were abandoned or rolled back.

        Some feedback at a time, so that others can write in between. What a kill leaves behind is swept
        before the next run begins.
        """
        while True:
            with self._connection.write() as db:
                found = db.conn.execute(
                    "SELECT r.run, r.feedback, runs.pipeline FROM replaced r JOIN runs ON runs.id = r.run "
                    "WHERE runs.state IN ('abandoned', 'rolled_back') LIMIT ?",
                    (SWEPT_AT_ONCE,),
                ).fetchall()
                db.conn.executemany(
                    "DELETE FROM analyses WHERE feedback = ? AND pipeline = ? AND run = ?",
                    [(row["feedback"], row["pipeline"], row["run"]) for row in found],
                )
                db.conn.executemany(
                    "DELETE FROM replaced WHERE run = ? AND feedback = ?",
                    [(row["run"], row["feedback"]) for row in found],
                )
            if len(found) < SWEPT_AT_ONCE:
                return

    def _held(self, db: Database, run: Run) -> None:
        """Refuses to go on with a run that somebody else took over, or that ended, meanwhile."""
        now = self._one(db, run.number)
        if (now.state, now.held_by) != ("running", run.held_by):
            raise Conflict("run_in_progress", f"run {run.number} was taken over by {now.held_by}", "run")

    def release(self, run: Run) -> None:
        """Lets go of a run that is not done, so that anybody may go on with it at once."""
        with self._connection.write() as db:
            db.conn.execute(
                "UPDATE runs SET held_by = NULL WHERE id = ? AND held_by IS ?", (run.number, run.held_by)
            )

    def prune(self, keep: int, progress: Callable[[int], None] = lambda _: None) -> int:
        """Throws away analyses that are not shown, but for what the last ``keep`` finished runs replaced.

        Runs before those can then not be rolled back. A range of feedback at a time, so that others can write
        in between; unfinished runs lose nothing.

        Returns:
            How many analyses are gone.
        """
        with self._connection.write() as db:
            db.conn.execute(
                "UPDATE runs SET state = 'final' WHERE state = 'finished' AND id NOT IN "
                "(SELECT id FROM runs WHERE state = 'finished' ORDER BY id DESC LIMIT ?)",
                (keep,),
            )
            last = db.conn.execute("SELECT coalesce(max(number), 0) FROM feedback").fetchone()[0]
        gone = 0
        for start in range(0, last + 1, SWEPT_AT_ONCE):
            here = (start, start + SWEPT_AT_ONCE - 1)
            with self._connection.write() as db:
                db.conn.execute(
                    "DELETE FROM replaced WHERE feedback BETWEEN ? AND ? "
                    "AND run IN (SELECT id FROM runs WHERE state = 'final')",
                    here,
                )
                gone += db.conn.execute(
                    "DELETE FROM analyses WHERE feedback BETWEEN ? AND ? "
                    "AND pipeline != (SELECT pipeline FROM shown h WHERE h.feedback = analyses.feedback) "
                    "AND NOT EXISTS (SELECT 1 FROM replaced r "
                    "WHERE r.feedback = analyses.feedback AND r.pipeline = analyses.pipeline) "
                    "AND pipeline NOT IN (SELECT pipeline FROM runs WHERE state = 'running')",
                    here,
                ).rowcount
            progress(SWEPT_AT_ONCE)
        return gone

    def unfinished(self) -> list[Run]:
        """Runs that are going on, or were stopped."""
        rows = self._connection.db.conn.execute("SELECT * FROM runs WHERE state = 'running' ORDER BY id")
        return [_run_of(row) for row in rows]

    def get(self, number: int) -> Run:
        """One run.

        Raises:
            NotFound: ``run_unknown``.
        """
        return self._one(self._connection.db, number)

    def every(self) -> list[Run]:
        """All runs, the latest first."""
        rows = self._connection.db.conn.execute("SELECT * FROM runs ORDER BY id DESC")
        return [_run_of(row) for row in rows]

    def _one(self, db: Database, number: int) -> Run:
        row = db.conn.execute("SELECT * FROM runs WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise NotFound("run_unknown", f"no run has the number {number}", "run")
        return _run_of(row)

    # ---- pages of history

    def left(self, pipeline: str, chosen: Filter, run: Run | None = None) -> int:
        """How many feedback ``pipeline`` has not judged, without those that ``run`` has."""
        where, values = _unjudged(pipeline, chosen, run)
        row = self._connection.db.conn.execute(
            f"SELECT count(*) FROM {SHOWN} WHERE {' AND '.join(where)}",  # noqa: S608
            values,
        ).fetchone()
        return int(row[0])

    def any_left(self, pipeline: str, chosen: Filter, run: Run | None = None) -> bool:
        """Whether `left` is more than none."""
        where, values = _unjudged(pipeline, chosen, run)
        found = self._connection.db.conn.execute(
            f"SELECT 1 FROM {SHOWN} WHERE {' AND '.join(where)} LIMIT 1",  # noqa: S608
            values,
        )
        return found.fetchone() is not None

    def page(
        self, reader: str, pipeline: str, chosen: Filter, after: int, limit: int, run: Run | None = None
    ) -> list[KeptReading]:
        """Feedback that ``pipeline`` has not judged, by number, with their readings by ``reader``."""
        where, values = _unjudged(pipeline, chosen, run)
        db = self._connection.db
        found = db.conn.execute(
            f"SELECT f.number, f.id, f.text, {ANALYSIS}, r.spans, r.languages, r.words, r.vectors "  # noqa: S608
            f"FROM feedback f {CURRENT} "
            "LEFT JOIN readings r ON r.feedback = f.number AND r.reader = ? "
            f"WHERE f.number > ? AND {' AND '.join(where)} ORDER BY f.number LIMIT ?",
            (reader, after, *values, limit),
        ).fetchall()
        segments = segments_of(db, ((row["number"], row["pipeline"]) for row in found))
        return [
            KeptReading(
                row["number"], row["id"], row["text"],
                reading_of(row) if row["spans"] is not None else None,
                analysis_of(row, segments[row["number"]]), row["corrected"] != "[]",
            )
            for row in found
        ]  # fmt: skip


def _unjudged(pipeline: str, chosen: Filter, run: Run | None) -> tuple[list[str], list[Any]]:
    where, values = where_of(chosen)
    where += ["h.pipeline IS NOT NULL", "h.pipeline != ?", "f.erased_at IS NULL"]
    values.append(pipeline)
    if run is not None:
        where.append("NOT EXISTS (SELECT 1 FROM replaced d WHERE d.run = ? AND d.feedback = f.number)")
        values.append(run.number)
    return where, values


def _selection(chosen: Filter) -> dict[str, Any]:
    return {"source": chosen.source, "since": chosen.since}


def _run_of(row: sqlite3.Row) -> Run:
    return Run(
        row["id"], row["kind"], row["pipeline"], json.loads(row["selection"]), row["state"],
        row["started_at"], row["finished_at"], row["rows"], row["after"], json.loads(row["change"]),
        row["held_by"],
    )  # fmt: skip
