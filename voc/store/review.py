"""Feedback that wait for a person's decision: those whose shown analysis has the status ``review``."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc.records import Candidate
from voc.store.connection import Connection
from voc.store.filters import IMPLICATED
from voc.store.rows import reading_of

#: The index ``analyses_review`` holds those that wait in any pipeline's word; ``shown`` keeps the one that
#: counts.
_COUNTED = "FROM analyses a JOIN shown h ON h.feedback = a.feedback AND h.pipeline = a.pipeline "
#: How many wait in all.
REVIEW_COUNT = f"SELECT count(*) {_COUNTED} WHERE a.status = 'review'"
_WAITING = f"{_COUNTED} JOIN feedback f ON f.number = a.feedback"

#: There is nothing left to decide of what was erased.
_NOT_ERASED = "NOT EXISTS (SELECT 1 FROM feedback e WHERE e.number = a.feedback AND e.erased_at IS NOT NULL)"


@dataclass(frozen=True, slots=True)
class Undecided:
    """One feedback that waits.

    Attributes:
        number, id: of the feedback.
        confidence: of the owner.
        candidates: the best departments, surest first.
        vector: float32 (n_dims,), of the whole text; None where it was not asked for or is not kept.
    """

    number: int
    id: str
    confidence: float
    candidates: tuple[Candidate, ...]
    vector: NDArray[np.float32] | None = None


class Queue:
    """The review queue of one database, least sure first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def waiting(
        self, department: str | None = None, source: str | None = None, within: str | None = None
    ) -> int:
        """How many wait."""
        where, values = _where(department, source, within)
        row = self._connection.db.conn.execute(
            f"SELECT count(*) {_WAITING if source is not None else _COUNTED} WHERE {' AND '.join(where)}",
            values,
        ).fetchone()
        return int(row[0])

    def page(
        self,
        limit: int,
        after: tuple[float, int] | None = None,
        *,
        department: str | None = None,
        source: str | None = None,
        within: str | None = None,
    ) -> list[Undecided]:
        """At most ``limit`` that wait, the least sure first.

        Args:
            after: confidence and number of the last one of the page before.
            department: only those of which it is a candidate.
            within: only those that this department owns or co-operates on, as far as was said yet.
        """
        where, values = _where(department, source, within)
        if after is not None:
            where.append("(a.owner_confidence, a.feedback) > (?, ?)")
            values += after
        rows = self._connection.db.conn.execute(
            f"SELECT f.number, f.id, a.owner_confidence, a.candidates {_WAITING} "
            f"WHERE {' AND '.join(where)} ORDER BY a.owner_confidence, a.feedback LIMIT ?",
            (*values, limit),
        )
        return [
            Undecided(row["number"], row["id"], row["owner_confidence"], _candidates(row)) for row in rows
        ]

    def with_vectors(
        self,
        limit: int,
        reader: str,
        *,
        department: str | None = None,
        source: str | None = None,
        within: str | None = None,
    ) -> list[Undecided]:
        """The ``limit`` least sure with what ``reader`` read of them."""
        where, values = _where(department, source, within)
        rows = self._connection.db.conn.execute(
            "SELECT f.number, f.id, a.owner_confidence, a.candidates, "
            f"r.spans, r.languages, r.words, r.vectors {_WAITING} "
            "LEFT JOIN readings r ON r.feedback = f.number AND r.reader = ? "
            f"WHERE {' AND '.join(where)} ORDER BY a.owner_confidence, a.feedback LIMIT ?",
            (reader, *values, limit),
        )
        return [
            Undecided(row["number"], row["id"], row["owner_confidence"], _candidates(row), _whole(row))
            for row in rows
        ]


def _candidates(row: sqlite3.Row) -> tuple[Candidate, ...]:
    return tuple(Candidate(**entry) for entry in json.loads(row["candidates"]))


def _whole(row: sqlite3.Row) -> NDArray[np.float32] | None:
    """The first row of a reading speaks of the whole text."""
    vectors = reading_of(row).vectors if row["spans"] is not None else None
    return None if vectors is None or not len(vectors) else vectors[0]


def _where(department: str | None, source: str | None, within: str | None) -> tuple[list[str], list[Any]]:
    where, values = ["a.status = 'review'", _NOT_ERASED], list[Any]()
    if within is not None:
        where.append(IMPLICATED)
        values += [within] * 2
    if department is not None:
        where.append(
            "EXISTS (SELECT 1 FROM json_each(a.candidates) WHERE json_extract(value, '$.department') = ?)"
        )
        values.append(department)
    if source is not None:
        where.append("f.source = ?")
        values.append(source)
    return where, values
