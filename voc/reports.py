"""Questions that people ask of the store. One definition of each figure, for page, API and CLI alike.

Enters: a filter. Leaves: records with counts and shares. What must hold: counts add up to rows of the
database; a share comes with its interval.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from voc.intervals import Share, wilson
from voc.registry import Topic
from voc.store import Dimension, Filter, Grain, Store
from voc.topics import TopicModel


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """Feedback of one period (named by its first day) that concern one key."""

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
    """A topic with the feedback it has in this database."""

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


def trends(store: Store, dimension: Dimension, grain: Grain, chosen: Filter) -> list[TrendPoint]:
    """Counts and negative shares per period and key, oldest period first."""
    return [
        TrendPoint(row.period, row.key, row.count, row.negative, wilson(row.negative, row.count))
        for row in store.trends(dimension, grain, chosen)
    ]


def topics(store: Store, model: TopicModel, chosen: Filter | None = None) -> list[TopicSummary]:
    """All topics of the registry with their counts, the most frequent first.

    Topics that are no longer active are among them as long as feedback have them, so that counts add up.
    """
    counts = store.topic_counts(chosen or Filter())
    found = [
        TopicSummary(topic, *counts.get(topic.key, (0, 0)))
        for topic in model.registry.topics.values()
        if topic.state == "active" or topic.key in counts
    ]
    return sorted(found, key=lambda summary: (-summary.count, summary.topic.key))
