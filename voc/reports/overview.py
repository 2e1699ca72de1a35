"""What an analyst sees first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voc.intervals import Change, CountChange, Share, change, judged, wilson
from voc.records import LANGUAGES, SENTIMENTS, STATUSES
from voc.reports.counting import Asked, Cut, counts, named, negative_change, parts_of, score_of
from voc.reports.figures import Bucket, Figures, Part, Score, SeamCell, TopicPart, TopicRow
from voc.reports.periods import Period
from voc.reports.seams import pairs_of
from voc.reports.topics import moved, pains, praised, table_of

if TYPE_CHECKING:
    from voc.facts import Facts

#: Topics that rise, and that fall, at most.
MOVED_MOST = 8
SEAMS_MOST = 5


@dataclass(frozen=True, slots=True)
class Coverage(Figures):
    """What became of the feedback of a period; the four counts add up to all of them.

    Attributes:
        routed, review, no_owner: by the status of their analysis.
        waiting: not analyzed yet.
        routed_share, review_share, no_owner_share, waiting_share: of all feedback of the period.
    """

    routed: int
    review: int
    no_owner: int
    waiting: int
    routed_share: Share
    review_share: Share
    no_owner_share: Share
    waiting_share: Share


@dataclass(frozen=True, slots=True)
class Overview(Figures):
    """The figures of a period.

    Attributes:
        period: what was asked.
        period_before: as long, just before; None where the calendar has none.
        count: feedback of the period, those that wait among them.
        analyzed: of them, those with an analysis; most shares are of these.
        before: feedback of the period before; None where there is no feedback that old: nothing to compare
            with.
        change: of ``count`` against ``before``; None where that is None.
        sentiments: analyzed feedback by sentiment, all four keys; add up to ``analyzed``.
        negative: share of analyzed feedback that is negative.
        sentiment: net sentiment in points; None where nothing was analyzed.
        nps, csat: None where the period has no such answer.
        coverage: what became of them.
        owners: analyzed feedback by owner, most first, and last the key None for those without one; counts
            add up to ``analyzed`` and shares are of it. Those whose owner a person has still to confirm
            (review) count for the owner that is proposed, as in the filter ``department`` with
            ``role=owner``.
        sources: all feedback by source, most first; shares are of ``count``, negative ones of the analyzed.
        languages: analyzed feedback by language, most first.
        grain: what ``series`` is cut into: day, week or month.
        series: oldest first; counts add up to ``count``.
        rising, falling: topics whose share changed by more than noise, largest difference first, 8 at most.
        seams: the 5 with most negative feedback.
        firefighting: of the feedback that reach care and have an owner, the share that another owns.
        praised: topics that most feedback speak of positively, 5 at most.
        pains: topics that most feedback speak of negatively, 5 at most.
    """

    period: Period
    period_before: Period | None
    count: int
    analyzed: int
    before: int | None
    change: CountChange | None
    sentiments: Mapping[str, int]
    negative: Change
    sentiment: Score | None
    nps: Score | None
    csat: Score | None
    coverage: Coverage
    owners: tuple[Part, ...]
    sources: tuple[Part, ...]
    languages: tuple[Part, ...]
    grain: str
    series: tuple[Bucket, ...]
    rising: tuple[TopicRow, ...]
    falling: tuple[TopicRow, ...]
    seams: tuple[SeamCell, ...]
    firefighting: Change
    praised: tuple[TopicPart, ...]
    pains: tuple[TopicPart, ...]


def overview(
    facts: Facts,
    rows: NDArray[np.bool_],
    period: Period,
    departments: Mapping[str, str] | None = None,
    care: str = "care",
) -> Overview:
    """The figures of a period against the period before.

    Args:
        rows: bool (n,), the mask of the filter without its period.
        departments: key of the department that each topic belongs to, ``pipeline.department_of_topic``.
        care: key of the department that answers for care, ``organization.department_of_field["care"]``.
    """
    asked = Asked(facts, rows, period)
    now, earlier = asked.now, asked.before
    table = table_of(asked, departments or {})
    pairs = pairs_of(asked)
    reached, burning = now.firefighting(care)
    reached_before, burning_before = earlier.firefighting(care)
    negative, firefighting = judged([
        negative_change(now, earlier),
        change(int(burning.sum()), int(reached.sum()), int(burning_before.sum()), int(reached_before.sum())),
    ])  # fmt: skip
    comparable = asked.reaches_back(asked.period_before)
    return Overview(
        period=period,
        period_before=asked.period_before,
        count=len(now),
        analyzed=now.analyzed,
        before=len(earlier) if comparable else None,
        change=asked.counted(len(now), len(earlier)),
        sentiments=named(SENTIMENTS, now.sentiments),
        negative=negative,
        sentiment=score_of("sentiment", now, earlier),
        nps=score_of("nps", now, earlier),
        csat=score_of("csat", now, earlier),
        coverage=_coverage(now),
        owners=parts_of(now, now.owner, facts.departments, now.analyzed, of_analyzed=True),
        sources=parts_of(now, facts.source[now.index], facts.sources, len(now)),
        languages=parts_of(now, facts.language[now.index], LANGUAGES, now.analyzed, of_analyzed=True),
        grain=period.grain,
        series=now.series(period.grain),
        rising=moved(table, up=True, most=MOVED_MOST),
        falling=moved(table, up=False, most=MOVED_MOST),
        seams=pairs[:SEAMS_MOST],
        firefighting=firefighting,
        praised=praised(table),
        pains=pains(table),
    )


def _coverage(now: Cut) -> Coverage:
    found = counts(now.facts.status[now.index], len(STATUSES))
    waiting = len(now) - int(found.sum())
    routed, review, none = (int(found[STATUSES.index(name)]) for name in ("routed", "review", "no_owner"))
    shares = (wilson(count, len(now)) for count in (routed, review, none, waiting))
    return Coverage(routed, review, none, waiting, *shares)
