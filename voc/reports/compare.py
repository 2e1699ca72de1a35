"""Two choices of feedback side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voc.intervals import Change, CountChange, change, count_change, judged
from voc.records import LANGUAGES, SENTIMENTS, TOUCHPOINTS
from voc.reports.counting import Cut, negative_change, score_of
from voc.reports.figures import Bucket, Figures, Score
from voc.reports.periods import Period

if TYPE_CHECKING:
    from voc.facts import Facts


@dataclass(frozen=True, slots=True)
class CompareRow(Figures):
    """One key on both sides.

    Attributes:
        key: of a topic, department, touchpoint, sentiment, source or language; None for no owner.
        a, b: analyzed feedback of each side that have it.
        share: ``b`` of what was analyzed on side b against ``a`` of what was on side a: `Change` with a as
            ``before`` and b as ``now``; judged over the rows of its table.
        negative: share of negative ones among those, in the same way (of topics: that speak of it
            negatively); None in the table of sentiments.
    """

    key: str | None
    a: int
    b: int
    share: Change
    negative: Change | None


@dataclass(frozen=True, slots=True)
class Side(Figures):
    """One side.

    Attributes:
        count: feedback, those that wait among them.
        analyzed: of them, those with an analysis.
        grain, series: over its period.
    """

    period: Period
    count: int
    analyzed: int
    grain: str
    series: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class Comparison(Figures):
    """Two sides; everywhere side a is ``before`` and side b is ``now``.

    Attributes:
        overlap: feedback that lie on both sides. Tests and intervals take the sides to be of different
            feedback; where this is above 0, say so.
        volume: rates per day compared; None where one side has no feedback at all.
        negative: share of analyzed feedback that is negative.
        sentiment, nps, csat: `Score` of side b with side a as before; None where side b has no answer.
        topics, departments, touchpoints, sentiments, sources, languages: the keys of both sides, the largest
            difference (either way) first where it is real, then the most feedback; touchpoints and sentiments
            in their own order. Departments are owners.
    """

    a: Side
    b: Side
    overlap: int
    volume: CountChange | None
    negative: Change
    sentiment: Score | None
    nps: Score | None
    csat: Score | None
    topics: tuple[CompareRow, ...]
    departments: tuple[CompareRow, ...]
    touchpoints: tuple[CompareRow, ...]
    sentiments: tuple[CompareRow, ...]
    sources: tuple[CompareRow, ...]
    languages: tuple[CompareRow, ...]


def compare(
    facts: Facts,
    rows_a: NDArray[np.bool_],
    rows_b: NDArray[np.bool_],
    period_a: Period,
    period_b: Period,
) -> Comparison:
    """Two choices of feedback side by side: periods, sources, attributes, departments.

    Args:
        rows_a, rows_b: bool (n,), the masks of the two filters without their periods.
    """
    a, b = Cut.of(facts, rows_a, period_a), Cut.of(facts, rows_b, period_b)
    volume = count_change(len(b), len(a), period_b.days, period_a.days) if len(a) and len(b) else None

    def table(
        column: NDArray[np.integer], keys: Sequence[str], *, in_order: bool = False, judge: bool = True
    ) -> tuple[CompareRow, ...]:
        return _table(a, b, column, keys, in_order=in_order, with_negative=judge)

    return Comparison(
        a=_side(a, period_a),
        b=_side(b, period_b),
        overlap=len(np.intersect1d(a.index, b.index, assume_unique=True)),
        volume=volume,
        negative=negative_change(b, a),
        sentiment=score_of("sentiment", b, a),
        nps=score_of("nps", b, a),
        csat=score_of("csat", b, a),
        topics=_topics(a, b),
        departments=table(facts.owner, facts.departments),
        touchpoints=table(facts.touchpoint, TOUCHPOINTS, in_order=True),
        sentiments=table(facts.sentiment, SENTIMENTS, in_order=True, judge=False),
        sources=table(facts.source, facts.sources),
        languages=table(facts.language, LANGUAGES),
    )


def _side(cut: Cut, period: Period) -> Side:
    return Side(period, len(cut), cut.analyzed, period.grain, cut.series(period.grain))


def _topics(a: Cut, b: Cut) -> tuple[CompareRow, ...]:
    here, there = b.mentions, a.mentions
    return _judged(
        [
            _row(
                (a, b), name, (int(there.count[i]), int(here.count[i])),
                (int(there.negative[i]), int(here.negative[i])),
            )
            for i, name in enumerate(a.facts.topics)
            if there.count[i] or here.count[i]
        ]
    )  # fmt: skip


def _table(
    a: Cut,
    b: Cut,
    column: NDArray[np.integer],
    keys: Sequence[str],
    *,
    in_order: bool,
    with_negative: bool,
) -> tuple[CompareRow, ...]:
    a, b = a.part(a.sentiment >= 0), b.part(b.sentiment >= 0)
    (there, upset_there), (here, upset_here) = (
        a.by(column[a.index], len(keys)),
        b.by(column[b.index], len(keys)),
    )
    rows = [
        _row(
            (a, b), name, (int(there[i]), int(here[i])),
            (int(upset_there[i]), int(upset_here[i])) if with_negative else None,
        )
        for i, name in enumerate((*keys, None))
        if there[i] or here[i]
    ]  # fmt: skip
    return _judged(rows, in_order=in_order)


def _row(
    sides: tuple[Cut, Cut], key: str | None, counts: tuple[int, int], upset: tuple[int, int] | None
) -> CompareRow:
    a, b = counts
    share = change(b, sides[1].analyzed, a, sides[0].analyzed)
    return CompareRow(key, a, b, share, change(upset[1], b, upset[0], a) if upset else None)


def _judged(rows: list[CompareRow], *, in_order: bool = False) -> tuple[CompareRow, ...]:
    shares = judged([row.share for row in rows])
    negatives = iter(judged([row.negative for row in rows if row.negative is not None]))
    found = [
        replace(row, share=share, negative=None if row.negative is None else next(negatives))
        for row, share in zip(rows, shares, strict=True)
    ]
    if not in_order:
        found.sort(key=_largest_real_first)
    return tuple(found)


def _largest_real_first(row: CompareRow) -> tuple[bool, float, int, bool, str]:
    real = row.share.is_real
    return (
        not real,
        -abs(row.share.difference or 0.0) if real else 0.0,
        -row.a - row.b,
        not row.key,
        row.key or "",
    )
