"""One department's own view: what it owns, what is praised, what hurts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voc.intervals import Change, CountChange, change, judged
from voc.records import SENTIMENTS, TOUCHPOINTS
from voc.reports.counting import (
    PLEASED,
    RANK,
    REVIEW,
    Asked,
    Cut,
    has_bit,
    index_of,
    named,
    negative_change,
    parts_of,
    score_of,
)
from voc.reports.figures import Bucket, Figures, Part, Score, SeamCell, TopicPart, TopicRow
from voc.reports.periods import Period, day_of, starts
from voc.reports.seams import pairs_of
from voc.reports.topics import moved, table_of

if TYPE_CHECKING:
    from voc.facts import Facts

#: Days that "new" looks back from the end of the period.
NEW_DAYS = 7
#: A number that no owner has.
_NOBODY = -2
#: Topics of praise and of pain.
TOPICS_MOST = 8


@dataclass(frozen=True, slots=True)
class NewTopic(Figures):
    """A topic of the department that was first mentioned in the last 7 days of the period.

    Attributes:
        count, negative_count: feedback of those days that mention it, and that speak of it negatively.
        first_at: the day, ISO 8601.
    """

    key: str
    count: int
    negative_count: int
    first_at: str


@dataclass(frozen=True, slots=True)
class DepartmentLens(Figures):
    """One department over a period.

    Attributes:
        key: of the department.
        implicated: feedback that it owns or co-operates on; ``owned + cooperating``.
        owned, cooperating: its two parts.
        owned_change, cooperating_change: against the period before; None where there is no feedback that old.
        sentiments: of ``implicated``, all four keys.
        negative: share of ``owned`` that is negative, against the period before.
        review: of ``owned``, those that a person has still to confirm.
        nps, csat: of those who gave the feedback that it owns; None where none of them answered.
        praise_count: feedback of which segments that speak of this department are positive, and none of them
            negative or mixed.
        praise: topics of its segments that are spoken of positively, most first, 8 at most; each with what is
            said by the segments that speak of this department.
        pains: the same spoken of negatively, most first, 8 at most.
        new: topics of its segments that were first mentioned in the last 7 days of the period, most first.
        new_since: first of those days, ISO 8601.
        week: feedback that implicate it in the last 7 days of the period against the 7 days before; None
            where there is no feedback that old.
        risen: topics of its segments whose share (of what implicates the department) rose by more than noise
            in those 7 days against the 7 before; largest difference first.
        touchpoints: of ``implicated``, in the order of the journey; shares are of it.
        sources: of ``implicated``, most first.
        seams: those it lies on, most negative feedback first.
        grain, series: of ``implicated``.
    """

    key: str
    period: Period
    period_before: Period | None
    implicated: int
    owned: int
    cooperating: int
    owned_change: CountChange | None
    cooperating_change: CountChange | None
    sentiments: Mapping[str, int]
    negative: Change
    review: int
    nps: Score | None
    csat: Score | None
    praise_count: int
    praise: tuple[TopicPart, ...]
    pains: tuple[TopicPart, ...]
    new: tuple[NewTopic, ...]
    new_since: str
    week: CountChange | None
    risen: tuple[TopicRow, ...]
    touchpoints: tuple[Part, ...]
    sources: tuple[Part, ...]
    seams: tuple[SeamCell, ...]
    grain: str
    series: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class DepartmentRow(Figures):
    """One department beside the others.

    Attributes:
        owned, cooperating: feedback of the period.
        owned_before: feedback of the period before that it owned.
        share: ``owned`` of the analyzed feedback, against the period before; judged over all departments.
        negative: share of ``owned`` that is negative; judged over all departments.
        praise_count, review: see `DepartmentLens`.
        trend: ``owned`` per bucket of the period.
    """

    key: str
    owned: int
    cooperating: int
    owned_before: int
    share: Change
    negative: Change
    praise_count: int
    review: int
    trend: tuple[int, ...]


def department_lens(
    facts: Facts,
    rows: NDArray[np.bool_],
    period: Period,
    key: str,
    departments: Mapping[str, str] | None = None,
) -> DepartmentLens:
    """One department over a period; all nought for one that has no feedback.

    Args:
        rows: bool (n,), the mask of the filter without its period; it need not name the department.
        key: of the department.
        departments: key of the department that each topic belongs to, ``pipeline.department_of_topic``.
    """
    place = index_of(facts.departments, key)
    code = _NOBODY if place is None else place
    mine = rows & _implicated(facts, code)
    asked = Asked(facts, mine, period, code)
    now, earlier = asked.now, asked.before
    owned, owned_before = now.part(now.owner == code), earlier.part(earlier.owner == code)
    cooperating, cooperating_before = len(now) - len(owned), len(earlier) - len(owned_before)
    week = Asked(facts, mine, _last_days(period), code)
    week_table = table_of(week, departments or {})
    return DepartmentLens(
        key=key,
        period=period,
        period_before=asked.period_before,
        implicated=len(now),
        owned=len(owned),
        cooperating=cooperating,
        owned_change=asked.counted(len(owned), len(owned_before)),
        cooperating_change=asked.counted(cooperating, cooperating_before),
        sentiments=named(SENTIMENTS, now.sentiments),
        negative=negative_change(owned, owned_before),
        review=int((facts.status[owned.index] == REVIEW).sum()),
        nps=score_of("nps", owned, owned_before),
        csat=score_of("csat", owned, owned_before),
        praise_count=_praise(now, code),
        praise=asked.spoken.parts(asked.spoken.positive, TOPICS_MOST),
        pains=asked.spoken.parts(asked.spoken.negative, TOPICS_MOST),
        new=_new(week),
        new_since=week.period.since.isoformat(),
        week=week.counted(len(week.now), len(week.before)),
        risen=moved([row for row in week_table if row.count], up=True, most=TOPICS_MOST),
        touchpoints=parts_of(now, now.touchpoint, TOUCHPOINTS, len(now), in_order=True),
        sources=parts_of(now, facts.source[now.index], facts.sources, len(now)),
        seams=pairs_of(Asked(facts, rows, period), code),
        grain=period.grain,
        series=now.series(period.grain),
    )


def department_table(facts: Facts, rows: NDArray[np.bool_], period: Period) -> list[DepartmentRow]:
    """All departments that have feedback in the period or the one before, by key.

    Args:
        rows: bool (n,), the mask of the filter without its period.
    """
    asked = Asked(facts, rows, period)
    now, earlier = asked.now, asked.before
    width = len(facts.departments)
    owned, upset = now.by(now.owner, width)
    owned_before, upset_before = earlier.by(earlier.owner, width)
    buckets = len(starts(period, period.grain))
    there = now.owner >= 0
    trends = np.bincount(
        now.owner[there].astype(np.int64) * buckets + now.bucket[there], minlength=width * buckets
    ).reshape(width, buckets)
    found: list[DepartmentRow] = []
    for code, key in sorted(enumerate(facts.departments), key=lambda one: one[1]):
        cooperating = int((has_bit(now.implicated, code) & (now.owner != code)).sum())
        if not (owned[code] or cooperating or has_bit(earlier.implicated, code).any()):
            continue
        mine, before = int(owned[code]), int(owned_before[code])
        found.append(
            DepartmentRow(
                key=key,
                owned=mine,
                cooperating=cooperating,
                owned_before=before,
                share=change(mine, now.analyzed, before, earlier.analyzed),
                negative=change(int(upset[code]), mine, int(upset_before[code]), before),
                praise_count=_praise(now, code),
                review=int(((now.owner == code) & (facts.status[now.index] == REVIEW)).sum()),
                trend=tuple(trends[code].tolist()),
            )
        )
    shares, feelings = judged([row.share for row in found]), judged([row.negative for row in found])
    return [
        replace(row, share=share, negative=feeling)
        for row, share, feeling in zip(found, shares, feelings, strict=True)
    ]


def _implicated(facts: Facts, code: int) -> NDArray[np.bool_]:
    return np.asarray((facts.owner == code) | has_bit(facts.cooperators, code), np.bool_)


def _last_days(period: Period) -> Period:
    first = max(period.until.toordinal() - NEW_DAYS, 1)
    return Period(date.fromordinal(first), period.until)


def _praise(cut: Cut, code: int) -> int:
    """Feedback whose segments on a department are positive, and none of them negative or mixed."""
    lines = np.flatnonzero((cut.facts.mention_department == code) & (cut.mention_place >= 0))
    if not len(lines):
        return 0
    place = cut.mention_place[lines]
    first = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    feelings = np.maximum.reduceat(RANK[cut.facts.mention_sentiment[lines]], first)
    return int((feelings == PLEASED).sum())


def _new(week: Asked) -> tuple[NewTopic, ...]:
    """Topics of a department's segments that nobody mentioned before these days."""
    spoken = week.spoken
    if not week.is_old or not spoken.count.any():
        return ()
    topics = np.flatnonzero((spoken.count > 0) & ~week.topics_before())
    at = week.facts.at[week.now.index[spoken.place]]
    found = [
        NewTopic(
            week.facts.topics[topic], int(spoken.count[topic]), int(spoken.negative[topic]),
            day_of(int(at[spoken.topic == topic].min())).isoformat(),
        )
        for topic in topics.tolist()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (-one.count, one.key)))
