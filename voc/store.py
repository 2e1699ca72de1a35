"""Keeps everything in one SQLite file. The one room that knows SQL.

Enters: records. Leaves: records. What must hold: what was added is on disk (WAL, ``synchronous=FULL``)
when `Store.add` returns; a ``(source, external_id)`` is kept once; a feedback has one analysis per
pipeline version, and ``feedback.pipeline`` names the one that counts; a row waits on the work list, in the
same transaction as it was added, until its analysis is kept.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sqlite_utils import Database

from voc.clock import utc_now
from voc.errors import StoreError
from voc.migrations import migrate
from voc.records import Analysis, Candidate, Feedback, Reading, Segment, Span
from voc.text import fold

Outcome = Literal["created", "exists", "conflict"]
Grain = Literal["day", "week", "month"]
Dimension = Literal["topic", "department", "touchpoint"]

_PERIOD: dict[Grain, str] = {
    "day": "substr(f.occurred_at, 1, 10)",
    "week": "date(f.occurred_at, 'weekday 0', '-6 days')",  # the Monday of its ISO week
    "month": "substr(f.occurred_at, 1, 7) || '-01'",
}
_FEEDBACK = (
    "f.number, f.id, f.text, f.source, f.external_id, f.occurred_at, f.received_at, f.channel, "
    "f.touchpoint AS told_touchpoint, f.customer_ref, f.scores, f.attributes"
)
_ANALYSIS = (
    "a.pipeline, a.language, a.sentiment, a.sentiment_score, a.sentiment_confidence, a.owner, "
    "a.owner_confidence, a.cooperators, a.touchpoint, a.status, a.candidates, a.hops"
)
_CURRENT = "LEFT JOIN analyses a ON a.feedback = f.number AND a.pipeline = f.pipeline"


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one row that was handed to `Store.add`; ``feedback`` is the row as kept."""

    feedback: Feedback
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Filter:
    """Which feedback to look at; everything left out does not narrow."""

    q: str | None = None
    department: str | None = None
    role: Literal["owner", "cooperator"] | None = None
    topic: str | None = None
    sentiment: str | None = None
    status: str | None = None
    language: str | None = None
    source: str | None = None
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A feedback with its current analysis, None while it waits on the work list."""

    feedback: Feedback
    analysis: Analysis | None


@dataclass(frozen=True, slots=True)
class KeptReading:
    """A feedback's number, id, text and what was read from it, if that is still of use."""

    number: int
    id: str
    text: str
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class TrendCount:
    """Feedback of one period that concern one key, and how many of them are negative."""

    period: str
    key: str
    count: int
    negative: int


class Store:
    """One database file, safe for many threads and processes.

    Args:
        path: the SQLite file; it is made by `prepare` if it does not exist.
        busy_timeout_ms: how long to wait for another writer.
    """

    def __init__(self, path: Path, busy_timeout_ms: int = 15_000) -> None:
        self.path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._local = threading.local()

    # ---- connections and transactions

    @property
    def db(self) -> Database:
        """This thread's connection. Connections are never carried over a fork."""
        if getattr(self._local, "pid", None) != os.getpid():
            self._local.db = self._connect()
            self._local.pid = os.getpid()
        db: Database = self._local.db
        return db

    def _connect(self) -> Database:
        try:
            connection = sqlite3.connect(
                self.path, timeout=self._busy_timeout_ms / 1000, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
            db = Database(connection, execute_plugins=False)
            db.execute("PRAGMA synchronous = FULL")  # an answer means that the row survives a power cut
            db.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error as error:
            raise StoreError("store_unusable", f"{self.path} cannot be opened: {error}") from error
        return db

    def prepare(self) -> list[str]:
        """Makes the file or brings its schema up to date; returns the steps that were applied.

        Raises:
            StoreError: ``store_unusable``; or `SchemaTooNew`.
        """
        try:
            if self.path.parent != Path():
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._enable_wal()
            with self.write() as db:
                return migrate(db)
        except (sqlite3.Error, OSError) as error:
            raise StoreError("store_unusable", f"{self.path} cannot be prepared: {error}") from error

    def _enable_wal(self) -> None:
        """Switching to WAL does not wait for other connections, so it is tried until the time-out."""
        deadline = time.monotonic() + self._busy_timeout_ms / 1000
        while True:
            try:
                self.db.enable_wal()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    @contextmanager
    def write(self) -> Iterator[Database]:
        """A write transaction. It takes the lock at once: one upgraded later cannot be waited for."""
        db = self.db
        db.conn.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.conn.commit()
        except BaseException:
            db.conn.rollback()
            raise

    def close(self) -> None:
        """Closes this thread's connection."""
        if getattr(self._local, "pid", None) == os.getpid():
            self._local.db.close()
            self._local.pid = None

    # ---- feedback

    def add(self, rows: Sequence[Feedback], *, holder: str, lease_s: float) -> list[Added]:
        """Keeps new rows and puts them on the work list, held by ``holder``, in one transaction.

        A row whose ``(source, external_id)`` is known is not kept again: ``exists`` if its text is the
        same, ``conflict`` if not; both come with the row as it was kept first.
        """
        until = time.time() + lease_s
        with self.write() as db:
            return [self._add(db, row, holder, until) for row in rows]

    def _add(self, db: Database, row: Feedback, holder: str, until: float) -> Added:
        if row.external_id is not None:
            known = db.conn.execute(
                f"SELECT {_FEEDBACK} FROM feedback f WHERE f.source = ? AND f.external_id = ?",  # noqa: S608
                (row.source, row.external_id),
            ).fetchone()
            if known:
                kept = _feedback(known)
                return Added(kept, "exists" if kept.text == row.text else "conflict")
        values = row.as_dict() | {"scores": _json(row.scores), "attributes": _json(row.attributes)}
        table = db["feedback"]
        number = table.insert(values).last_pk  # type: ignore[union-attr]
        db["feedback_words"].insert({"rowid": number, "folded": fold(row.text)})  # type: ignore[union-attr]
        db["work_list"].insert({"feedback": number, "held_by": holder, "held_until": until})  # type: ignore[union-attr]
        return Added(row, "created")

    def get(self, key: str) -> Kept | None:
        """One feedback with its current analysis, or None."""
        return next(iter(self.get_many([key]).values()), None)

    def get_many(self, keys: Sequence[str]) -> dict[str, Kept]:
        """Those of the feedback that exist, by id."""
        rows = self.db.conn.execute(
            f"SELECT {_FEEDBACK}, {_ANALYSIS} FROM feedback f {_CURRENT} "  # noqa: S608
            "WHERE f.id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        ).fetchall()
        return {kept.feedback.id: kept for kept in self._kept(rows)}

    def find(
        self, chosen: Filter, limit: int, after: tuple[str, str] | None = None
    ) -> tuple[list[Kept], tuple[str, str] | None]:
        """The latest feedback first, at most ``limit``, and where the next page begins.

        Args:
            after: ``(occurred_at, id)`` of the last row of the page before.
        """
        where, values = _where(chosen)
        if after is not None:
            where.append("(f.occurred_at, f.id) < (?, ?)")
            values += after
        rows = self.db.conn.execute(
            f"SELECT {_FEEDBACK}, {_ANALYSIS} FROM feedback f {_CURRENT} "  # noqa: S608
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
        where, values = _where(chosen)
        row = self.db.conn.execute(
            f"SELECT count(*) FROM feedback f {_CURRENT} WHERE {' AND '.join(where) or '1'}",  # noqa: S608
            values,
        ).fetchone()
        return int(row[0])

    def _kept(self, rows: Sequence[sqlite3.Row]) -> list[Kept]:
        shown = [(row["number"], row["pipeline"]) for row in rows if row["pipeline"]]
        segments: dict[int, list[sqlite3.Row]] = {number: [] for number, _ in shown}
        for part in self.db.conn.execute(
            "SELECT * FROM segments WHERE (feedback, pipeline) IN "
            "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)) "
            "ORDER BY feedback, position",
            (json.dumps(shown),),
        ):
            segments[part["feedback"]].append(part)
        return [
            Kept(_feedback(row), _analysis(row, segments[row["number"]]) if row["pipeline"] else None)
            for row in rows
        ]

    # ---- work list

    def claim(self, holder: str, limit: int, lease_s: float) -> list[tuple[str, str]]:
        """Takes up to ``limit`` rows that nobody holds, oldest first: their ids and texts."""
        now = time.time()
        with self.write() as db:
            rows = db.conn.execute(
                "SELECT w.feedback, f.id, f.text FROM work_list w JOIN feedback f ON f.number = w.feedback "
                "WHERE w.held_until <= ? ORDER BY w.feedback LIMIT ?",
                (now, limit),
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
        run: int | None = None,
    ) -> None:
        """Keeps analyses (and new readings), makes them current, takes the rows off the work list.

        Saving the same pipeline's analysis of a feedback again replaces it, so that doing work twice
        leaves one result.
        """
        with self.write() as db:
            numbers = {
                row["id"]: row["number"]
                for row in db.conn.execute(
                    "SELECT id, number FROM feedback WHERE id IN (SELECT value FROM json_each(?))",
                    (json.dumps([analysis.id for analysis in analyses]),),
                )
            }
            present = [
                (numbers[analysis.id], analysis, reading)
                for analysis, reading in zip(analyses, readings, strict=True)
                if analysis.id in numbers
            ]
            db.conn.executemany(
                "DELETE FROM analyses WHERE feedback = ? AND pipeline = ?",
                [(number, analysis.pipeline) for number, analysis, _ in present],
            )
            db.conn.executemany(
                "INSERT INTO analyses (feedback, pipeline, run, language, sentiment, sentiment_score, "
                "sentiment_confidence, owner, owner_confidence, cooperators, touchpoint, status, candidates, "
                "hops) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_analysis_values(number, analysis, run) for number, analysis, _ in present],
            )
            db.conn.executemany(
                "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [values for number, analysis, _ in present for values in _segment_values(number, analysis)],
            )
            db.conn.executemany(
                "INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (number, reader, *_reading_values(reading))
                    for number, _, reading in present
                    if reading is not None
                ],
            )
            db.conn.executemany(
                "UPDATE feedback SET pipeline = ? WHERE number = ?",
                [(analysis.pipeline, number) for number, analysis, _ in present],
            )
            db.conn.executemany(
                "DELETE FROM work_list WHERE feedback = ?", [(number,) for number, _, _ in present]
            )

    def readings(
        self, reader: str, pipeline: str, chosen: Filter, after: int, limit: int
    ) -> list[KeptReading]:
        """Feedback that ``pipeline`` has not judged, by number, with their readings by ``reader``."""
        where, values = _where(chosen)
        where += ["f.number > ?", "f.pipeline IS NOT NULL", "f.pipeline != ?"]
        rows = self.db.conn.execute(
            "SELECT f.number, f.id, f.text, r.spans, r.languages, r.words, r.vectors "  # noqa: S608
            f"FROM feedback f {_CURRENT} "
            "LEFT JOIN readings r ON r.feedback = f.number AND r.reader = ? "
            f"WHERE {' AND '.join(where)} ORDER BY f.number LIMIT ?",
            (reader, *values, after, pipeline, limit),
        ).fetchall()
        return [
            KeptReading(row["number"], row["id"], row["text"], _reading(row) if row["spans"] else None)
            for row in rows
        ]

    # ---- runs

    def start_run(self, kind: str, pipeline: str, selection: dict[str, Any]) -> int:
        """Notes that a run has begun; returns its number."""
        with self.write() as db:
            values = {
                "kind": kind, "pipeline": pipeline, "selection": _json(selection), "started_at": utc_now()
            }  # fmt: skip
            return int(db["runs"].insert(values).last_pk)  # type: ignore[union-attr, arg-type]

    def finish_run(self, run: int, rows: int) -> None:
        """Notes that a run is done and how many rows it analyzed."""
        with self.write() as db:
            db["runs"].update(run, {"finished_at": utc_now(), "rows": rows})  # type: ignore[union-attr]

    # ---- counts

    def trends(self, dimension: Dimension, grain: Grain, chosen: Filter) -> list[TrendCount]:
        """Feedback per period and key. A feedback counts once for each topic or department it has.

        By department a feedback counts for its owner; by topic, for every topic of its segments.
        """
        where, values = _where(chosen)
        key = {"topic": "s.topic", "department": "a.owner", "touchpoint": "a.touchpoint"}[dimension]
        joined = (
            "JOIN (SELECT DISTINCT feedback, pipeline, topic FROM segments WHERE topic IS NOT NULL) s "
            "ON s.feedback = f.number AND s.pipeline = f.pipeline"
            if dimension == "topic"
            else ""
        )
        where.append(f"{key} IS NOT NULL")
        rows = self.db.conn.execute(
            f"SELECT {_PERIOD[grain]} AS period, {key} AS key, count(*) AS count, "  # noqa: S608
            "sum(a.sentiment = 'negative') AS negative "
            f"FROM feedback f {_CURRENT} {joined} WHERE {' AND '.join(where)} "
            "GROUP BY period, key ORDER BY period, key",
            values,
        ).fetchall()
        return [TrendCount(row["period"], row["key"], row["count"], row["negative"]) for row in rows]

    def topic_counts(self, chosen: Filter) -> dict[str, tuple[int, int]]:
        """Feedback and negative feedback per topic key."""
        totals: dict[str, tuple[int, int]] = {}
        for row in self.trends("topic", "month", chosen):
            count, negative = totals.get(row.key, (0, 0))
            totals[row.key] = (count + row.count, negative + row.negative)
        return totals


def match_query(q: str) -> str:
    """An FTS5 query over folded words: all words must stand; words in double quotes, in that order.

    The empty string if ``q`` has no letter or digit.
    """
    terms: list[str] = []
    for quoted, bare in re.findall(r'"([^"]*)"|([^"\s]+)', q):
        found = re.findall(r"\w+", fold(quoted or bare))
        if found:
            terms.append('"' + " ".join(found) + '"')
    return " ".join(terms)


def _where(chosen: Filter) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    if chosen.q is not None:
        query = match_query(chosen.q)
        if query:
            where.append("f.number IN (SELECT rowid FROM feedback_words WHERE feedback_words MATCH ?)")
            values.append(query)
        else:
            where.append("0")
    if chosen.department is not None:
        cooperates = "EXISTS (SELECT 1 FROM json_each(a.cooperators) WHERE value = ?)"
        if chosen.role == "owner":
            where.append("a.owner = ?")
        elif chosen.role == "cooperator":
            where.append(cooperates)
        else:
            where.append(f"(a.owner = ? OR {cooperates})")
            values.append(chosen.department)
        values.append(chosen.department)
    if chosen.topic is not None:
        where.append(
            "EXISTS (SELECT 1 FROM segments t WHERE t.feedback = f.number AND t.pipeline = f.pipeline "
            "AND t.topic = ?)"
        )
        values.append(chosen.topic)
    for column, value in (
        ("a.sentiment = ?", chosen.sentiment),
        ("a.status = ?", chosen.status),
        ("a.language = ?", chosen.language),
        ("f.source = ?", chosen.source),
        ("f.occurred_at >= ?", chosen.since),
        ("f.occurred_at < ?", chosen.until),
    ):
        if value is not None:
            where.append(column)
            values.append(value)
    return where, values


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=dict, separators=(",", ":"))


def _feedback(row: sqlite3.Row) -> Feedback:
    return Feedback(
        row["id"], row["text"], row["source"], row["external_id"], row["occurred_at"], row["received_at"],
        row["channel"], row["told_touchpoint"], row["customer_ref"],
        json.loads(row["scores"]), json.loads(row["attributes"]),
    )  # fmt: skip


def _analysis(row: sqlite3.Row, parts: Sequence[sqlite3.Row]) -> Analysis:
    text: str = row["text"]
    segments = tuple(
        Segment(
            part["start"], part["end"], text[part["start"] : part["end"]], part["language"],
            part["sentiment"], part["sentiment_score"], part["topic"], part["department"],
            part["department_confidence"],
        )
        for part in parts
    )  # fmt: skip
    candidates = tuple(Candidate(**entry) for entry in json.loads(row["candidates"]))
    return Analysis(
        row["id"], row["language"], row["sentiment"], row["sentiment_score"], row["sentiment_confidence"],
        row["owner"], row["owner_confidence"], tuple(json.loads(row["cooperators"])), row["touchpoint"],
        row["status"], candidates, tuple(json.loads(row["hops"])), segments, row["pipeline"],
    )  # fmt: skip


def _analysis_values(number: int, analysis: Analysis, run: int | None) -> tuple[Any, ...]:
    return (
        number, analysis.pipeline, run, analysis.language, analysis.sentiment, analysis.sentiment_score,
        analysis.sentiment_confidence, analysis.owner, analysis.owner_confidence,
        _json(analysis.cooperators), analysis.touchpoint, analysis.status,
        _json([{"department": c.department, "confidence": c.confidence} for c in analysis.candidates]),
        _json(analysis.hops),
    )  # fmt: skip


def _segment_values(number: int, analysis: Analysis) -> Iterator[tuple[Any, ...]]:
    for position, part in enumerate(analysis.segments):
        yield (
            number, analysis.pipeline, position, part.start, part.end, part.language, part.sentiment,
            part.sentiment_score, part.topic, part.department, part.department_confidence,
        )  # fmt: skip


def _reading_values(reading: Reading) -> tuple[str, str, str, bytes]:
    """Half precision: unit vectors lose less than 1e-3 of cosine and half of the space."""
    return (
        _json([[span.start, span.end] for span in reading.spans]),
        " ".join(reading.languages),
        "\n".join(reading.words),
        reading.vectors.astype(np.float16).tobytes(),
    )


def _reading(row: sqlite3.Row) -> Reading:
    spans = tuple(Span(start, end) for start, end in json.loads(row["spans"]))
    languages = tuple(row["languages"].split())
    vectors = np.frombuffer(row["vectors"], np.float16).astype(np.float32)
    rows = len(languages)
    words = tuple(row["words"].split("\n")) if rows else ()
    return Reading(spans, languages, words, vectors.reshape(rows, -1 if rows else 0))


def as_kept(reading: Reading) -> Reading:
    """The reading as it would come back from the store, so that judging now and later agree exactly."""
    return replace(reading, vectors=reading.vectors.astype(np.float16).astype(np.float32))
