"""Rows of the database as records, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from voc.errors import StoreError
from voc.records import Analysis, Candidate, Correction, Feedback, Reading, Segment, Span

FEEDBACK = (
    "f.number, f.id, f.text, f.source, f.external_id, f.occurred_at, f.received_at, f.channel, "
    "f.touchpoint AS told_touchpoint, f.customer_ref, f.scores, f.attributes, f.erased_at"
)
ANALYSIS = (
    "a.pipeline, a.language, a.sentiment, a.sentiment_score, a.sentiment_confidence, a.owner, "
    "a.owner_confidence, a.cooperators, a.touchpoint, a.status, a.candidates, a.hops, a.corrected"
)
INSERT_ANALYSIS = (
    "INSERT OR IGNORE INTO analyses (feedback, pipeline, run, language, sentiment, sentiment_score, "
    "sentiment_confidence, owner, owner_confidence, cooperators, touchpoint, status, candidates, hops, "
    "corrected, said) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_SEGMENT = "INSERT OR IGNORE INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#: Joins the analysis that counts: ``shown`` names the pipeline version whose word it is.
CURRENT = (
    "LEFT JOIN shown h ON h.feedback = f.number "
    "LEFT JOIN analyses a ON a.feedback = h.feedback AND a.pipeline = h.pipeline"
)


@dataclass(frozen=True, slots=True)
class KeptReading:
    """A feedback with what was read from it, if that is still of use, and what is shown of it now.

    Attributes:
        corrected: whether people decided something of it.
    """

    number: int
    id: str
    text: str
    reading: Reading | None
    shown: Analysis
    corrected: bool


def as_json(value: Any) -> str:
    """A value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, default=dict, separators=(",", ":"))


def _read(text: str) -> Any:
    """JSON; what is empty, as most of it is, at once."""
    return [] if text == "[]" else {} if text == "{}" else json.loads(text)


def feedback_of(row: sqlite3.Row) -> Feedback:
    """A row with the columns `FEEDBACK`.

    Raises:
        StoreError: ``store_corrupt``: this is no row of that table. Where a page of another stands in its
            place, SQLite, which keeps no checksums, does not always see it.
    """
    if any(str(row[moment])[10:11] != "T" for moment in ("occurred_at", "received_at")):
        raise StoreError("store_corrupt", f"feedback {row['number']} is damaged; restore a backup")
    return Feedback(
        row["id"], row["text"], row["source"], row["external_id"], row["occurred_at"], row["received_at"],
        row["channel"], row["told_touchpoint"], row["customer_ref"],
        _read(row["scores"]), _read(row["attributes"]), row["erased_at"],
    )  # fmt: skip


def analysis_of(row: sqlite3.Row, parts: Sequence[sqlite3.Row]) -> Analysis:
    """A row with the columns `ANALYSIS`, and the rows of its segments."""
    segments = tuple(segment_of(part, row["text"]) for part in parts)
    candidates = tuple(Candidate(**entry) for entry in _read(row["candidates"]))
    return Analysis(
        row["id"], row["language"], row["sentiment"], row["sentiment_score"], row["sentiment_confidence"],
        row["owner"], row["owner_confidence"], tuple(_read(row["cooperators"])), row["touchpoint"],
        row["status"], candidates, tuple(_read(row["hops"])), segments, row["pipeline"],
    )  # fmt: skip


def segment_of(part: sqlite3.Row, text: str) -> Segment:
    """A row of the table ``segments`` and the text that it is a part of."""
    return Segment(
        part["start"], part["end"], text[part["start"] : part["end"]], part["language"], part["sentiment"],
        part["sentiment_score"], part["topic"], part["department"], part["department_confidence"],
    )  # fmt: skip


def analysis_values(
    number: int, analysis: Analysis, run: int | None, corrected: Sequence[str] = (), said: str | None = None
) -> tuple[Any, ...]:
    """The values of `INSERT_ANALYSIS`."""
    return (
        number, analysis.pipeline, run, analysis.language, analysis.sentiment, analysis.sentiment_score,
        analysis.sentiment_confidence, analysis.owner, analysis.owner_confidence,
        as_json(analysis.cooperators), analysis.touchpoint, analysis.status,
        as_json([{"department": c.department, "confidence": c.confidence} for c in analysis.candidates]),
        as_json(analysis.hops), as_json(corrected), said,
    )  # fmt: skip


def segment_values(number: int, analysis: Analysis) -> Iterator[tuple[Any, ...]]:
    """The values of `INSERT_SEGMENT`."""
    for position, part in enumerate(analysis.segments):
        yield (
            number, analysis.pipeline, position, part.start, part.end, part.language, part.sentiment,
            part.sentiment_score, part.topic, part.department, part.department_confidence,
        )  # fmt: skip


def reading_values(reading: Reading) -> tuple[str, str, str, bytes]:
    """Half precision: unit vectors lose less than 1e-3 of cosine and half of the space."""
    return (
        as_json([[span.start, span.end] for span in reading.spans]),
        " ".join(reading.languages),
        "\n".join(reading.words),
        reading.vectors.astype(np.float16).tobytes(),
    )


def reading_of(row: sqlite3.Row) -> Reading:
    """A row of the table ``readings``."""
    spans = tuple(Span(start, end) for start, end in json.loads(row["spans"]))
    languages = tuple(row["languages"].split())
    vectors = np.frombuffer(row["vectors"], np.float16).astype(np.float32)
    rows = len(languages)
    words = tuple(row["words"].split("\n")) if rows else ()
    return Reading(spans, languages, words, vectors.reshape(rows, -1 if rows else 0))


def analysis_from(values: dict[str, Any]) -> Analysis:
    """The reverse of `Analysis.as_dict`."""
    parts = tuple(Segment(**part) for part in values["segments"])
    candidates = tuple(Candidate(**entry) for entry in values["candidates"])
    lists = {name: tuple(values[name]) for name in ("cooperators", "hops")}
    return Analysis(**{**values, **lists, "segments": parts, "candidates": candidates})


def correction_of(row: sqlite3.Row) -> Correction:
    """A row of the table ``corrections`` with the feedback's id as ``feedback_id``."""
    return Correction(
        row["number"], row["feedback_id"],
        None if row["start"] is None else Span(row["start"], row["end"]), row["field"],
        _frozen(json.loads(row["value"])), _frozen(json.loads(row["said"])), row["pipeline"], row["author"],
        row["reason"], row["made_at"], row["withdrawn_at"], row["withdrawn_by"],
    )  # fmt: skip


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def as_kept(reading: Reading) -> Reading:
    """The reading as it would come back from the store, so that judging now and later agree exactly."""
    return replace(reading, vectors=reading.vectors.astype(np.float16).astype(np.float32))
