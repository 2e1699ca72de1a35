"""What people said of feedback: kept, applied at once, taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from sqlite_utils import Database

from voc.clock import utc_now
from voc.corrections import apply, is_new, standing
from voc.errors import Conflict, NotFound
from voc.records import Analysis, Correction, Span
from voc.store.analyses import corrections_of, numbers_of, rewrite_analyses, successors_of
from voc.store.connection import Connection
from voc.store.outbox import Outbox
from voc.store.rows import KeptReading, as_json, correction_of

#: Span (None for the whole), field, value, and what stood there; see `voc.corrections.read`.
Said = tuple[Span | None, str, Any, Any]


class Corrections:
    """The table of corrections."""

    def __init__(self, connection: Connection, outbox: Outbox) -> None:
        self._connection = connection
        self._outbox = outbox

    def add(
        self,
        key: str,
        said: Sequence[Said],
        *,
        author: str,
        reason: str | None,
        departments: Mapping[str, str],
        unless_decided: bool = False,
    ) -> list[Correction]:
        """Keeps what a person said of one feedback and applies it to all its analyses, in one transaction.

        What holds already, whoever said it, is not kept again.

        Args:
            key: id of the feedback.
            departments: key of the department that each topic belongs to.
            unless_decided: whether to leave it be where it does not wait for review any more.

        Returns:
            The corrections that are new.

        Raises:
            NotFound: ``feedback_unknown``.
            Conflict: ``feedback_queued`` if it was not analyzed yet, ``feedback_erased``, or
                ``feedback_decided``.
        """
        with self._connection.write() as db:
            number = numbers_of(db, [key]).get(key)
            if number is None:
                raise NotFound("feedback_unknown", f"no feedback has the id {key!r}", "id")
            if not numbers_of(db, [key], erased=False):
                raise Conflict("feedback_erased", f"feedback {key!r} was erased; no text is left", "id")
            shown = db.conn.execute("SELECT pipeline FROM shown WHERE feedback = ?", (number,)).fetchone()
            if shown is None:
                raise Conflict("feedback_queued", f"feedback {key!r} was not analyzed yet", "id")
            held = standing(corrections_of(db, [number])[number])
            if unless_decided:
                _refuse_decided(db, number, shown[0], key, held)
            fresh = [one for one in said if is_new(held, *one[:3])]
            last = db.conn.execute("SELECT coalesce(max(number), 0) FROM corrections").fetchone()[0]
            db.conn.executemany(
                'INSERT INTO corrections (feedback, start, "end", field, value, said, pipeline, '
                "author, reason, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        number, span.start if span else None, span.end if span else None, field,
                        as_json(value), as_json(stood), shown[0], author, reason, utc_now(),
                    )
                    for span, field, value, stood in fresh
                ],
            )  # fmt: skip
            if fresh:
                with self._outbox.watching(db, number):
                    rewrite_analyses(db, number, departments)
            return [one for one in corrections_of(db, [number])[number] if one.number > last]

    def withdraw(
        self, number: int, *, author: str, departments: Mapping[str, str], key: str | None = None
    ) -> Correction:
        """Takes one back; what was said before it holds again.

        Args:
            key: id of the feedback that it must be of; of any if left out.

        Raises:
            NotFound: ``correction_unknown``.
            Conflict: ``correction_withdrawn``.
        """
        with self._connection.write() as db:
            row = db.conn.execute(
                "SELECT c.*, f.id FROM corrections c JOIN feedback f ON f.number = c.feedback "
                "WHERE c.number = ?",
                (number,),
            ).fetchone()
            if row is None or key not in (None, row["id"]):
                of = "" if key is None else f" of feedback {key!r}"
                raise NotFound("correction_unknown", f"no correction{of} has the number {number}", "number")
            if row["withdrawn_at"] is not None:
                raise Conflict("correction_withdrawn", f"correction {number} was withdrawn already", "number")
            db.conn.execute(
                "UPDATE corrections SET withdrawn_at = ?, withdrawn_by = ? WHERE number = ?",
                (utc_now(), author, number),
            )
            with self._outbox.watching(db, row["feedback"]):
                rewrite_analyses(db, row["feedback"], departments)
            return next(
                one for one in corrections_of(db, [row["feedback"]])[row["feedback"]] if one.number == number
            )

    def applied(
        self,
        numbers: Sequence[int],
        rows: Sequence[KeptReading],
        analyses: Sequence[Analysis],
        departments: Mapping[str, str],
    ) -> list[Analysis]:
        """Analyses as they will be shown, what people said of them applied; same order.

        Args:
            numbers: of the rows that have corrections.
            rows: the rows that the analyses are of.
        """
        db = self._connection.db
        found = corrections_of(db, numbers) if numbers else {}
        successors = successors_of(db, chain.from_iterable(found.values()))
        return [
            apply(analysis, found[row.number], departments, successors) if row.number in found else analysis
            for row, analysis in zip(rows, analyses, strict=True)
        ]

    def of(self, key: str) -> list[Correction]:
        """All corrections of one feedback, withdrawn ones too, in the order they were made."""
        rows = self._connection.db.conn.execute(
            "SELECT c.*, f.id AS feedback_id FROM corrections c JOIN feedback f ON f.number = c.feedback "
            "WHERE f.id = ? ORDER BY c.number",
            (key,),
        )
        return [correction_of(row) for row in rows]

    def every(self) -> Iterator[Correction]:
        """All corrections of all feedback, in the order they were made."""
        rows = self._connection.db.conn.execute(
            "SELECT c.*, f.id AS feedback_id FROM corrections c JOIN feedback f ON f.number = c.feedback "
            "ORDER BY c.number"
        )
        for row in rows:
            yield correction_of(row)


def _refuse_decided(db: Database, number: int, pipeline: str, key: str, held: Sequence[Correction]) -> None:
    row = db.conn.execute(
        "SELECT status FROM analyses WHERE feedback = ? AND pipeline = ?", (number, pipeline)
    ).fetchone()
    if row["status"] != "review":
        by = f" by {held[-1].author}" if held else ""
        raise Conflict("feedback_decided", f"feedback {key!r} was decided{by} meanwhile", "id")
