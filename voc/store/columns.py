"""Many feedback column by column, for what counts over all of them.

Enters: nothing, or numbers of feedback. Leaves: columns of plain values, as the current analyses have them.
What must hold: what is read within one `Columns.moment` is of one moment of the database.

SQLite writes each column of some thousand rows as one JSON list, which takes a fraction of the time of a
Python object for each row, and lets other threads run meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc.store.changes import as_list
from voc.store.connection import Connection
from voc.store.filters import Filter, where_of
from voc.store.rows import CURRENT

#: Feedback that are read with one query.
AT_ONCE = 50_000

_FEEDBACK = f"""
SELECT json_group_array(number), json_group_array(at), group_concat(attributes, char(10)),
    json_group_array(source), json_group_array(scores), json_group_array(language),
    json_group_array(sentiment), json_group_array(status), json_group_array(touchpoint),
    json_group_array(owner), json_group_array(cooperators), json_group_array(hops),
    json_group_array(corrected)
FROM (
    SELECT f.number, unixepoch(f.occurred_at) * 1000 + substr(f.occurred_at, 21, 3) AS at, f.source, f.scores,
        f.attributes, a.language, a.sentiment, a.status, a.touchpoint, a.owner, a.cooperators, a.hops,
        a.corrected != '[]' AS corrected
    FROM feedback f {CURRENT} WHERE {{here}} ORDER BY f.number
)
"""  # noqa: S608
_SEGMENTS = """
SELECT json_group_array(s.feedback), json_group_array(s.topic), json_group_array(s.department),
    json_group_array(s.sentiment)
FROM shown h JOIN segments s ON s.feedback = h.feedback AND s.pipeline = h.pipeline
WHERE (s.topic IS NOT NULL OR s.department IS NOT NULL) AND {here}
"""


@dataclass(frozen=True, slots=True)
class FeedbackColumns:
    """Some feedback in the order of their numbers; what an analysis says is None while it waits for one.

    Attributes:
        at: milliseconds since 1970.
        attributes, scores, cooperators, hops: JSON as text, so that equal ones need to be read once.
    """

    number: NDArray[np.int64]
    at: NDArray[np.int64]
    attributes: Sequence[str]
    source: Sequence[str]
    scores: Sequence[str]
    language: Sequence[str | None]
    sentiment: Sequence[str | None]
    status: Sequence[str | None]
    touchpoint: Sequence[str | None]
    owner: Sequence[str | None]
    cooperators: Sequence[str | None]
    hops: Sequence[str | None]
    corrected: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class SegmentColumns:
    """The shown segments of some feedback that speak of a topic or a department, in no order.

    Attributes:
        feedback: numbers of the feedback.
    """

    feedback: NDArray[np.int64]
    topic: Sequence[str | None]
    department: Sequence[str | None]
    sentiment: Sequence[str]


def _asked(
    db: sqlite3.Connection, here: str, values: dict[str, Any]
) -> tuple[Sequence[str | None], Sequence[str]]:
    return (
        db.execute(_FEEDBACK.format(here=f"f.number {here}"), values).fetchone(),
        db.execute(_SEGMENTS.format(here=f"h.feedback {here}"), values).fetchone(),
    )


def _bounds(start: int) -> dict[str, Any]:
    return {"first": start, "last": start + AT_ONCE - 1}


def _parsed(rows: Sequence[str | None], segments: Sequence[str]) -> tuple[FeedbackColumns, SegmentColumns]:
    number, at, attributes, *texts = (text or "" for text in rows)
    of, *parts = segments
    return (
        FeedbackColumns(
            _whole(number), _whole(at), attributes.split("\n") if attributes else (),
            *(json.loads(text) for text in texts),
        ),
        SegmentColumns(_whole(of), *(json.loads(text) for text in parts)),
    )  # fmt: skip


class Columns:
    """Reads columns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Everything that this thread reads inside is of one moment."""
        db = self._connection.db.conn
        if db.in_transaction:
            yield
            return
        db.execute("BEGIN")
        try:
            yield
        finally:
            db.rollback()

    def read(self, numbers: Sequence[int] | None = None) -> Iterator[tuple[FeedbackColumns, SegmentColumns]]:
        """All feedback, some at a time, in the order of their numbers; or those that are wanted, at once."""
        db = self._connection.db.conn
        if numbers is not None:
            here = "IN (SELECT value FROM json_each(:wanted))"
            yield _parsed(*_asked(db, here, {"wanted": as_list(numbers)}))
            return
        first, last = db.execute("SELECT min(number), max(number) FROM feedback").fetchone()
        if first is None:
            return
        here = "BETWEEN :first AND :last"
        starts = range(first, last + 1, AT_ONCE)
        with ThreadPoolExecutor(1) as ahead:  # asks for the next rows while these are parsed
            coming = ahead.submit(_asked, db, here, _bounds(first))
            for start in starts:
                now = coming.result()
                if start != starts[-1]:
                    coming = ahead.submit(_asked, db, here, _bounds(start + AT_ONCE))
                yield _parsed(*now)

    def last_number(self) -> int:
        """Number of the newest feedback, 0 where there is none: about how many there are."""
        row = self._connection.db.conn.execute("SELECT coalesce(max(number), 0) FROM feedback").fetchone()
        return int(row[0])

    def matching(self, chosen: Filter) -> NDArray[np.int64]:
        """Numbers of the feedback that match, in no order."""
        where, values = where_of(chosen)
        return self._numbers(
            f"SELECT group_concat(f.number) FROM feedback f {CURRENT} WHERE {' AND '.join(where) or '1'}",  # noqa: S608
            values,
        )

    def speaking_of(self, query: str) -> NDArray[np.int64]:
        """Numbers of the feedback whose words match, as `match_query` writes it, ascending."""
        return self._numbers(
            "SELECT group_concat(rowid) FROM feedback_words WHERE feedback_words MATCH ?", [query]
        )

    def said_at(self, moment: str, before: str | None = None) -> Iterator[int]:
        """Numbers of the feedback of one moment, those below an id, the greatest id first."""
        below, values = ("AND id < ?", [before]) if before is not None else ("", [])
        for row in self._connection.db.conn.execute(
            f"SELECT number FROM feedback WHERE occurred_at = ? {below} ORDER BY id DESC",  # noqa: S608
            [moment, *values],
        ):
            yield row[0]

    def ids(self, numbers: Iterable[int]) -> dict[int, str]:
        """Ids of feedback by their numbers."""
        rows = self._connection.db.conn.execute(
            "SELECT number, id FROM feedback WHERE number IN (SELECT value FROM json_each(?))",
            (as_list(numbers),),
        )
        return {row[0]: row[1] for row in rows}

    def _numbers(self, query: str, values: Sequence[Any]) -> NDArray[np.int64]:
        (found,) = self._connection.db.conn.execute(query, values).fetchone()
        return _whole(f"[{found or ''}]")


def _whole(text: str) -> NDArray[np.int64]:
    """A JSON list of whole numbers."""
    return np.fromstring(text[1:-1], np.int64, sep=",")
