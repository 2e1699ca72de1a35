"""What several reports are made of.

Every report and every part of one is a frozen dataclass with ``as_dict()``: its fields as JSON values, under
the same names. Keys are those of departments, topics and touchpoints; whoever renders puts the names on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from voc.intervals import Change, MeanChange, Share
from voc.reports.periods import Period


class Figures:
    """Whatever has an `as_dict`."""

    __slots__ = ()

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        found: dict[str, Any] = plain(self, whole=True)
        return found


def plain(value: Any, *, whole: bool = False) -> Any:
    """A value as JSON values.

    Args:
        whole: it is a report itself, not something with a form of its own.
    """
    if isinstance(value, Period):
        return value.as_dict()
    if not whole and isinstance(value, Figures):
        return value.as_dict()
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Part(Figures):
    """Those feedback of a whole that have one key.

    Attributes:
        key: of a source, touchpoint, language, department or topic; None for those that have none.
        count: how many.
        share: ``count`` of the whole, which the field that holds the part names.
        negative_count: negative ones among them; where the key is a topic, those that speak of it negatively.
        negative: ``negative_count`` of ``count``.
    """

    key: str | None
    count: int
    share: Share
    negative_count: int
    negative: Share


@dataclass(frozen=True, slots=True)
class TopicPart(Figures):
    """Feedback that mention one topic, by what they say of it.

    Attributes:
        count: how many mention it; each once.
        positive_count, negative_count: of them, those that speak of it so (docs/metrics.md, feeling about a
            topic); the others are neutral or mixed.
        negative: ``negative_count`` of ``count``.
    """

    key: str
    count: int
    positive_count: int
    negative_count: int
    negative: Share


@dataclass(frozen=True, slots=True)
class Bucket(Figures):
    """A day, week or month of a line over time.

    Attributes:
        start: its first day, ISO 8601; the Monday of a week, the first of a month, even where that lies
            before the period.
        is_partial: whether the period cuts it, so that its count is smaller than those of the others.
        count: feedback, those that wait for their analysis among them.
        analyzed: feedback that were analyzed.
        negative_count: negative ones among them.
        negative: ``negative_count`` of ``analyzed``; 0 within 0..1 where there are none: draw a gap there.
    """

    start: str
    is_partial: bool
    count: int
    analyzed: int
    negative_count: int
    negative: Share


@dataclass(frozen=True, slots=True)
class Score(Figures):
    """A mean over answers, in points, with what it was before.

    ``nps``: share of 9 and 10 less share of 0 to 6, in points -100..100. ``csat``: share of 4 and 5 of a
    scale of 1 to 5, in points 0..100. ``sentiment``: share of positive less share of negative feedback, in
    points -100..100.

    Attributes:
        name: ``nps``, ``csat`` or ``sentiment``.
        value, low, high: points and 95 % interval.
        n: answers.
        before, n_before: the same of the period before; None and 0 if that has no answer.
        change: None if there is nothing to compare with.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    before: float | None
    n_before: int
    change: MeanChange | None


@dataclass(frozen=True, slots=True)
class TopicRow(Figures):
    """One topic in a period, against the period before.

    Attributes:
        key: of the topic.
        department: key of the department that it belongs to; None where there is none.
        count: feedback of the period that mention it; each once.
        share: of all analyzed feedback of the period.
        positive_count, negative_count: of ``count``, those that speak of it so.
        negative: ``negative_count`` of ``count``.
        before: feedback of the period before that mention it.
        change: of ``share``; judged over all topics of the table.
        negative_change: of ``negative``; judged over all topics of the table.
        trend: feedback that mention it per bucket of the period, oldest first.
        is_new: mentioned in the period and never before, though there is feedback from before.
    """

    key: str
    department: str | None
    count: int
    share: Share
    positive_count: int
    negative_count: int
    negative: Share
    before: int
    change: Change
    negative_change: Change
    trend: tuple[int, ...]
    is_new: bool

    @property
    def is_real(self) -> bool:
        """Whether its share changed by more than noise."""
        return self.change.is_real


@dataclass(frozen=True, slots=True)
class SeamCell(Figures):
    """Feedback that implicate two departments: one owns it or co-operates on it, and so does the other.

    Attributes:
        a, b: their keys, in the order of the alphabet.
        count: how many; one that implicates three departments lies on three seams.
        share: of all analyzed feedback of the period.
        negative_count, negative: negative ones, and their share of ``count``.
        before: how many in the period before.
        change: of ``share``; judged over all seams of the report.
        negative_change: of ``negative``; judged over all seams of the report.
        by_touchpoint: those touchpoints that it has, in the order of the journey; shares are of ``count``.
        by_owner: how many a owns, b owns, and a third owns or nobody does.
    """

    a: str
    b: str
    count: int
    share: Share
    negative_count: int
    negative: Share
    before: int
    change: Change
    negative_change: Change
    by_touchpoint: tuple[Part, ...]
    by_owner: tuple[int, int, int]
