"""Writing analyses, with what people said of their feedback, and readings. For use inside a transaction."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from sqlite_utils import Database

from voc import corrections as decisions
from voc.records import Analysis, Correction, Reading
from voc.store.changes import note
from voc.store.rows import (
    ANALYSIS,
    INSERT_ANALYSIS,
    INSERT_SEGMENT,
    analysis_from,
    analysis_of,
    analysis_values,
    as_json,
    correction_of,
    reading_values,
    segment_values,
)


def numbers_of(db: Database, keys: Sequence[str], *, erased: bool = True) -> dict[str, int]:
    """Row numbers of those feedback that exist, by id.

    Args:
        erased: with those that were erased.
    """
    found = db.conn.execute(
        "SELECT id, number FROM feedback WHERE id IN (SELECT value FROM json_each(?)) "
        "AND (? OR erased_at IS NULL)",
        (json.dumps(list(keys)), erased),
    )
    return {row["id"]: row["number"] for row in found}


def segments_of(db: Database, analyses: Iterable[tuple[int, str]]) -> dict[int, list[sqlite3.Row]]:
    """The segments of analyses in their order, by row number of the feedback.

    Args:
        analyses: row number and pipeline of each, one for a feedback.
    """
    wanted = list(analyses)
    found: dict[int, list[sqlite3.Row]] = {number: [] for number, _ in wanted}
    for part in db.conn.execute(
        "SELECT * FROM segments WHERE (feedback, pipeline) IN "
        "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)) "
        "ORDER BY feedback, position",
        (json.dumps(wanted),),
    ):
        found[part["feedback"]].append(part)
    return found


def corrections_of(db: Database, numbers: Sequence[int]) -> dict[int, list[Correction]]:
    """All corrections of these feedback, in the order they were made, by row number."""
    found: dict[int, list[Correction]] = defaultdict(list)
    for row in db.conn.execute(
        "SELECT c.*, f.id AS feedback_id FROM corrections c JOIN feedback f ON f.number = c.feedback "
        "WHERE c.feedback IN (SELECT value FROM json_each(?)) ORDER BY c.number",
        (json.dumps(list(numbers)),),
    ):
        found[row["feedback"]].append(correction_of(row))
    return found


def successors_of(db: Database, corrections: Iterable[Correction]) -> dict[str, tuple[str, ...]]:
    """Topics that corrections name and that are no longer active here, with those that took their place.

    Empty while the installation still uses the shipped topics: all of those are active.
    """
    named = {one.value for one in corrections if one.field == "topic" and isinstance(one.value, str)}
    if not named or not db.conn.execute("SELECT 1 FROM topic_space").fetchone():
        return {}
    topics = {
        row["key"]: json.loads(row["content"]) for row in db.conn.execute("SELECT key, content FROM topics")
    }
    lost = dict.fromkeys(named - topics.keys(), ())  # their making was taken back
    return lost | {key: tuple(topic["into"]) for key, topic in topics.items() if topic["state"] != "active"}


def keep_analyses(
    db: Database, rows: Sequence[tuple[int, Analysis]], run: int | None, departments: Mapping[str, str]
) -> None:
    """Inserts analyses as people corrected them; one that is there already stays as it is."""
    corrections = corrections_of(db, [number for number, _ in rows])
    successors = successors_of(db, chain.from_iterable(corrections.values()))
    values: list[tuple[Any, ...]] = []
    segments: list[tuple[Any, ...]] = []
    for number, analysis in rows:
        shown = analysis
        corrected: tuple[str, ...] = ()
        said: str | None = None
        if number in corrections:
            shown = decisions.apply(analysis, corrections[number], departments, successors)
            corrected = decisions.decided(corrections[number])
            said = as_json(analysis.as_dict()) if corrected else None
        values.append(analysis_values(number, shown, run, corrected, said))
        segments += segment_values(number, shown)
    db.conn.executemany(INSERT_ANALYSIS, values)
    db.conn.executemany(INSERT_SEGMENT, segments)


def keep_readings(db: Database, rows: Sequence[tuple[int, Reading | None]], reader: str) -> None:
    """Keeps what was read anew."""
    db.conn.executemany(
        "INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?, ?)",
        [(number, reader, *reading_values(reading)) for number, reading in rows if reading is not None],
    )


def rewrite_analyses(
    db: Database, number: int, departments: Mapping[str, str], pipeline: str | None = None
) -> None:
    """Applies all that people say of one feedback to every analysis that is kept of it, or to one."""
    kept = db.conn.execute(
        f"SELECT f.id, f.text, {ANALYSIS}, a.said, a.run FROM feedback f "  # noqa: S608
        "JOIN analyses a ON a.feedback = f.number "
        "WHERE f.number = ? AND a.pipeline = coalesce(?, a.pipeline)",
        (number, pipeline),
    ).fetchall()
    for row in kept:
        if row["said"] is not None:
            own = analysis_from(json.loads(row["said"]))
        else:
            own = analysis_of(row, segments_of(db, [(number, row["pipeline"])])[number])
        db.conn.execute("DELETE FROM analyses WHERE feedback = ? AND pipeline = ?", (number, own.pipeline))
        keep_analyses(db, [(number, own)], row["run"], departments)
    note(db, [number])
