"""The segments of a stretch of time with their vectors, for asking what grows among them.

What must hold: the time narrows first, so that a million feedback cost no more than those of the stretch;
where there are more than asked for, which of them are read depends on their row numbers alone, never on
what they say or when.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voc.clock import utc_now
from voc.records import Segment
from voc.store.analyses import segments_of
from voc.store.connection import Connection
from voc.store.filters import IMPLICATED
from voc.store.rows import reading_of, segment_of

#: Spreads row numbers evenly over 0..2^32-1 (Knuth, The Art of Computer Programming 3, section 6.4).
_SPREAD = "(f.number * 2654435761) % 4294967296"
#: Analyzed feedback, and those that the present reader has read.
_ANALYZED = "FROM feedback f JOIN shown h ON h.feedback = f.number"
_READ = f"{_ANALYZED} JOIN readings r ON r.feedback = f.number AND r.reader = ?"
_COLUMNS = "f.number, f.id, f.text, f.occurred_at, h.pipeline, r.spans, r.languages, r.words, r.vectors"
#: Those whose numbers are given, and those of a stretch of time.
_CHOSEN = "f.number IN (SELECT value FROM json_each(?))"
_MEANWHILE = "f.occurred_at >= ? AND f.occurred_at < ?"
#: Those that a department owns or co-operates on.
_ITS_ANALYSIS = "SELECT 1 FROM analyses a WHERE a.feedback = f.number AND a.pipeline = h.pipeline"
_ITS_OWN = f"EXISTS ({_ITS_ANALYSIS} AND {IMPLICATED})"


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Feedback of a stretch of time and their segments.

    Attributes:
        ids: of each feedback, in an order that depends on row numbers alone.
        times: when each feedback occurred.
        total: analyzed feedback of the stretch, those that were not read too.
        segments: of all the feedback, in the order of ``ids``.
        owners: int64 (n_segments,), which feedback each belongs to.
        words: of each segment, as a reading has them.
        vectors: float32 (n_segments, n_dims), unit rows.
    """

    ids: tuple[str, ...]
    times: tuple[str, ...]
    total: int
    segments: tuple[Segment, ...]
    owners: NDArray[np.int64]
    words: tuple[str, ...]
    vectors: NDArray[np.float32]


class Stretches:
    """Reads stretches of time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def latest(self, within: str | None = None) -> str | None:
        """When the latest analyzed feedback occurred, None where there is none.

        One that is dated in the future, by a clock or a typing error, does not count: it would move the
        present to where nothing else is.

        Args:
            within: see `read`.
        """
        limit, values = _limit(within)
        row = self._connection.db.conn.execute(
            f"SELECT f.occurred_at {_ANALYZED} WHERE f.occurred_at <= ?{limit} "
            "ORDER BY f.occurred_at DESC LIMIT 1",
            (utc_now(), *values),
        ).fetchone()
        return row[0] if row else None

    def read(self, since: str, until: str, reader: str, most: int, within: str | None = None) -> Stretch:
        """The feedback that occurred in ``[since, until)``, at most ``most`` of them.

        Args:
            since, until: ISO 8601 in UTC, as the store writes them.
            reader: version of the reader whose vectors are wanted; what it has not read is left out.
            within: only what this department owns or co-operates on; for a reader who may see no other, to
                whom the rest is not there.
        """
        db = self._connection.db.conn
        limit, values = _limit(within)
        total = db.execute(
            f"SELECT count(*) {_ANALYZED} WHERE {_MEANWHILE}{limit}", (since, until, *values)
        ).fetchone()[0]
        chosen = db.execute(
            f"SELECT f.number {_READ} WHERE {_MEANWHILE}{limit} ORDER BY {_SPREAD}, f.number LIMIT ?",
            (reader, since, until, *values, most),
        ).fetchall()
        numbers = [row[0] for row in chosen]
        wanted = json.dumps(numbers)
        rows = {
            row["number"]: row
            for row in db.execute(
                f"SELECT {_COLUMNS} {_READ} WHERE {_CHOSEN}",
                (reader, wanted),
            )
        }
        shown = ((number, row["pipeline"]) for number, row in rows.items())
        parts = segments_of(self._connection.db, shown)
        return _stretch([rows[number] for number in numbers], parts, int(total))


def _limit(within: str | None) -> tuple[str, tuple[str, ...]]:
    """A condition to go with others, and its values."""
    return ("", ()) if within is None else (f" AND {_ITS_OWN}", (within, within))


def _stretch(rows: Sequence[sqlite3.Row], parts: dict[int, list[sqlite3.Row]], total: int) -> Stretch:
    segments: list[Segment] = []
    owners: list[int] = []
    words: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    for owner, row in enumerate(rows):
        reading = reading_of(row)
        before = len(reading.words) - len(reading.spans)  # the row of the whole text, where there is one
        at = {(span.start, span.end): before + i for i, span in enumerate(reading.spans)}
        for part in parts[row["number"]]:
            place = at.get((part["start"], part["end"]))
            if place is None:  # judged from what another reader read
                continue
            segments.append(segment_of(part, row["text"]))
            owners.append(owner)
            words.append(reading.words[place])
            vectors.append(reading.vectors[place])
    return Stretch(
        tuple(row["id"] for row in rows), tuple(row["occurred_at"] for row in rows), total, tuple(segments),
        np.array(owners, np.int64), tuple(words),
        np.array(vectors, np.float32) if vectors else np.zeros((0, 0), np.float32),
    )  # fmt: skip
