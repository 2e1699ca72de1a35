"""Counts per period and key, and per topic, over any stretch of time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from voc.intervals import Share, wilson
from voc.records import TOUCHPOINTS
from voc.registry import Registry, Topic
from voc.reports.counting import NEGATIVE, UPSET, Cut, distinct
from voc.reports.periods import DAY_MS, Grain, day_of

if TYPE_CHECKING:
    from voc.facts import Facts

#: By ``department`` a feedback counts for its owner; by ``topic``, for every topic of its segments, and there
#: it is negative if segments that speak of the topic are.
Dimension = Literal["topic", "department", "touchpoint"]


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """Feedback of one period (named by its first day) that concern one key, and the negative ones of them."""

    period: str
    key: str
    count: int
    negative: int
    negative_share: Share

    def as_dict(self) -> dict[str, Any]:
        """The point as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TopicSummary:
    """A topic with the feedback that mention it, and those of them that speak of it negatively."""

    topic: Topic
    count: int
    negative: int

    def as_dict(self) -> dict[str, Any]:
        """The summary as JSON values."""
        return self.topic.as_dict() | {
            "count": self.count,
            "negative": self.negative,
            "negative_share": asdict(wilson(self.negative, self.count)),
        }


def trends(facts: Facts, rows: NDArray[np.bool_], dimension: Dimension, grain: Grain) -> list[TrendPoint]:
    """Counts and negative shares per period and key, oldest period first; see `Dimension`.

    Args:
        rows: bool (n,), the mask of the filter.
    """
    cut = Cut(facts, np.flatnonzero(rows), None)
    if dimension == "topic":
        spoken, keys = cut.mentions, facts.topics
        row, key, upset = cut.index[spoken.place], spoken.topic, spoken.feeling == UPSET
    else:
        codes, keys = (
            (facts.owner, facts.departments) if dimension == "department" else (facts.touchpoint, TOUCHPOINTS)
        )
        row = cut.index[codes[cut.index] >= 0]
        key, upset = codes[row].astype(np.int64), facts.sentiment[row] == NEGATIVE
    if not len(row):
        return []
    start = _starts(facts.at[row] // DAY_MS, grain)
    first = int(start.min())
    width = len(keys)
    code = (start - first) * width + key
    space = (int(start.max()) - first + 1) * width
    found, times = distinct(code, space)
    angry = dict(zip(*(part.tolist() for part in distinct(code[upset], space)), strict=True))
    points = [
        (first + one // width, keys[one % width], count, angry.get(one, 0))
        for one, count in zip(found.tolist(), times.tolist(), strict=True)
    ]
    return [
        TrendPoint(day_of(day * DAY_MS).isoformat(), name, count, negative, wilson(negative, count))
        for day, name, count, negative in sorted(points)
    ]


def _starts(days: NDArray[np.int64], grain: Grain) -> NDArray[np.int64]:
    """First days of the periods that days lie in, both counted from 1970-01-01, a Thursday."""
    if grain == "day":
        return days
    if grain == "week":
        return days - (days + 3) % 7
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    return np.asarray(months.astype("datetime64[D]").astype(np.int64), np.int64)


def topics(facts: Facts, rows: NDArray[np.bool_], registry: Registry) -> list[TopicSummary]:
    """All topics of the registry with their counts, the most frequent first.

    Topics that are no longer active are among them as long as feedback have them, so that counts add up.

    Args:
        rows: bool (n,), the mask of the filter.
    """
    counts = topic_counts(facts, rows)
    found = [
        TopicSummary(topic, *counts.get(topic.key, (0, 0)))
        for topic in registry.topics.values()
        if topic.state == "active" or topic.key in counts
    ]
    return sorted(found, key=lambda summary: (-summary.count, summary.topic.key))


def topic_counts(facts: Facts, rows: NDArray[np.bool_]) -> dict[str, tuple[int, int]]:
    """By topic that anybody mentions, how many feedback do, and how many of them speak of it negatively."""
    spoken = Cut(facts, np.flatnonzero(rows), None).mentions
    return {
        facts.topics[place]: (int(spoken.count[place]), int(spoken.negative[place]))
        for place in np.flatnonzero(spoken.count)
    }
