"""What was said of a feedback before, and of others that may be like it.

What must hold: however many feedback there are, the vectors of no more than a few hundred are read; who is
limited to a department is told of no other's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc.records import Analysis
from voc.store.analyses import segments_of
from voc.store.connection import Connection
from voc.store.filters import IMPLICATED
from voc.store.rows import ANALYSIS, analysis_from, analysis_of, reading_of

_ITS_ANALYSIS = "SELECT 1 FROM analyses a WHERE a.feedback = h.feedback AND a.pipeline = h.pipeline"
#: What people decided last, a feedback once, by the last thing that they said of it. A feedback is decided
#: where its owner or a segment's department or topic is; a feeling is no precedent for a department.
_DECIDED = (
    "SELECT max(c.number) AS last, c.feedback FROM corrections c JOIN shown h ON h.feedback = c.feedback "
    "WHERE c.withdrawn_at IS NULL AND c.field IN ('owner', 'cooperators', 'department', 'topic') {limit}"
    "GROUP BY c.feedback ORDER BY last DESC LIMIT ?"
)
_READ = (
    "SELECT f.number, f.id, r.spans, r.languages, r.words, r.vectors FROM feedback f "
    "JOIN readings r ON r.feedback = f.number AND r.reader = ? "
    "WHERE f.number IN (SELECT value FROM json_each(?)) AND f.id != ? AND f.erased_at IS NULL "
    "ORDER BY f.number DESC"
)


@dataclass(frozen=True, slots=True)
class Past:
    """What one pipeline version says of a feedback.

    Attributes:
        analysis: as it is shown, or would be, with what people said.
        own: what the pipeline said itself.
        run: number of the pass over history that it comes from, None for the one at its coming in.
        at: when that run began, or the feedback came in.
        is_shown: whether it is the one that counts.
    """

    analysis: Analysis
    own: Analysis
    run: int | None
    at: str
    is_shown: bool


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Feedback with where they lie: ``vectors`` is float32 (n, n_dims), unit rows, of the whole texts."""

    ids: tuple[str, ...]
    vectors: NDArray[np.float32]


class Precedents:
    """Reads what was said of a feedback and of others."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def past(self, key: str) -> list[Past]:
        """What every pipeline version that is still kept says of one feedback; the one that counts first,
        then the latest first."""
        db = self._connection.db
        rows = db.conn.execute(
            f"SELECT f.number, f.id, f.text, f.received_at, {ANALYSIS}, a.said, a.run, "  # noqa: S608
            "u.started_at, h.pipeline = a.pipeline AS is_shown "
            "FROM feedback f JOIN analyses a ON a.feedback = f.number "
            "LEFT JOIN shown h ON h.feedback = f.number LEFT JOIN runs u ON u.id = a.run WHERE f.id = ? "
            "ORDER BY is_shown DESC, coalesce(u.started_at, f.received_at) DESC, a.pipeline",
            (key,),
        ).fetchall()
        found: list[Past] = []
        for row in rows:
            parts = segments_of(db, [(row["number"], row["pipeline"])])[row["number"]]
            analysis = analysis_of(row, parts)
            own = analysis if row["said"] is None else analysis_from(json.loads(row["said"]))
            at = row["started_at"] or row["received_at"]
            found.append(Past(analysis, _with_text(own, row["text"]), row["run"], at, bool(row["is_shown"])))
        return found

    def decided(self, reader: str, most: int, *, but: str, within: str | None = None) -> Neighbours:
        """The feedback of whose departments or topics people decided last.

        Args:
            reader: version of the reader whose vectors are wanted; what it has not read is left out.
            most: how many are looked at.
            but: id of the one that is left out.
            within: only those that this department owns or co-operates on.
        """
        limit, values = _limit(within)
        rows = self._connection.db.conn.execute(_DECIDED.format(limit=limit), (*values, most))
        return self._read([row["feedback"] for row in rows], reader, but)

    def alike(
        self, pipeline: str, topics: Iterable[str], departments: Iterable[str], reader: str, most: int,
        *, but: str, within: str | None = None,
    ) -> Neighbours:  # fmt: skip
        """The latest feedback with one of these topics, or a segment of one of these departments.

        Args:
            pipeline: the version whose word it is.
            most: how many are looked at for each topic and department.
            reader, but, within: see `decided`.
        """
        limit, values = _limit(within)
        numbers: dict[int, None] = {}
        for column, keys in (("topic", topics), ("department", departments)):
            for key in keys:
                rows = self._connection.db.conn.execute(
                    f"SELECT DISTINCT s.feedback FROM segments s "  # noqa: S608
                    "JOIN shown h ON h.feedback = s.feedback AND h.pipeline = s.pipeline "
                    f"WHERE s.pipeline = ? AND s.{column} = ? {limit}ORDER BY s.feedback DESC LIMIT ?",
                    (pipeline, key, *values, most),
                )
                numbers.update(dict.fromkeys(row["feedback"] for row in rows))
        return self._read(list(numbers), reader, but)

    def _read(self, numbers: Sequence[int], reader: str, but: str) -> Neighbours:
        rows = self._connection.db.conn.execute(_READ, (reader, json.dumps(list(numbers)), but))
        known = [(row["id"], vector) for row in rows if (vector := _whole(row)) is not None]
        vectors = np.array([vector for _, vector in known], np.float32)
        return Neighbours(tuple(key for key, _ in known), vectors)


def _whole(row: sqlite3.Row) -> NDArray[np.float32] | None:
    """The first row of a reading speaks of the whole text."""
    vectors = reading_of(row).vectors
    return vectors[0] if len(vectors) else None


def _with_text(analysis: Analysis, text: str) -> Analysis:
    """With the words of its segments as they are kept: what was erased or masked since is so here too."""
    parts = tuple(replace(part, text=text[part.start : part.end]) for part in analysis.segments)
    return replace(analysis, segments=parts)


def _limit(within: str | None) -> tuple[str, tuple[Any, ...]]:
    """A condition to go with others, and its values."""
    return ("", ()) if within is None else (f"AND EXISTS ({_ITS_ANALYSIS} AND {IMPLICATED}) ", (within,) * 2)
