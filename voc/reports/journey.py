"""What customers say along their way, from discover to leave."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voc.intervals import Change, change, judged
from voc.records import TOUCHPOINTS
from voc.reports.counting import Asked, negative_change, parts_of, score_of
from voc.reports.figures import Figures, Score, TopicPart
from voc.reports.periods import Period, starts

if TYPE_CHECKING:
    from voc.facts import Facts

#: Topics and owners of a touchpoint that are named.
BREAKING_MOST = 3
OWNERS_MOST = 3


@dataclass(frozen=True, slots=True)
class Stage(Figures):
    """One touchpoint.

    Attributes:
        touchpoint: its key; ``unknown`` stands last.
        count: analyzed feedback of the period there.
        before: of the period before.
        share: ``count`` of all analyzed feedback, against the period before; judged over all touchpoints.
        negative: share of ``count`` that is negative, against the period before; judged over all touchpoints.
        sentiment: net sentiment in points; None where ``count`` is 0.
        nps, csat: None where nobody there answered.
        breaking: the 3 topics that most feedback there speak of negatively.
        owners: keys of the 3 departments that own most of it.
        trend: ``count`` per bucket of the period.
    """

    touchpoint: str
    count: int
    before: int
    share: Change
    negative: Change
    sentiment: Score | None
    nps: Score | None
    csat: Score | None
    breaking: tuple[TopicPart, ...]
    owners: tuple[str, ...]
    trend: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Journey(Figures):
    """All touchpoints in their order, those without feedback among them; counts add up to ``analyzed``."""

    period: Period
    period_before: Period | None
    analyzed: int
    grain: str
    stages: tuple[Stage, ...]


def journey(facts: Facts, rows: NDArray[np.bool_], period: Period) -> Journey:
    """All touchpoints in a period.

    Args:
        rows: bool (n,), the mask of the filter without its period.
    """
    asked = Asked(facts, rows, period)
    now, earlier = asked.now, asked.before
    spoken = now.mentions
    stage_of_mention = now.touchpoint[spoken.place]
    buckets = len(starts(period, period.grain))
    found: list[Stage] = []
    for code, name in enumerate(TOUCHPOINTS):
        there = now.touchpoint == code
        here, past = now.part(there), earlier.part(earlier.touchpoint == code)
        mentions = spoken.where(stage_of_mention == code)
        owners = parts_of(here, here.owner, facts.departments, len(here))
        found.append(
            Stage(
                touchpoint=name,
                count=len(here),
                before=len(past),
                share=change(len(here), now.analyzed, len(past), earlier.analyzed),
                negative=negative_change(here, past),
                sentiment=score_of("sentiment", here, past),
                nps=score_of("nps", here, past),
                csat=score_of("csat", here, past),
                breaking=mentions.parts(mentions.negative, BREAKING_MOST),
                owners=tuple(part.key for part in owners if part.key is not None)[:OWNERS_MOST],
                trend=tuple(np.bincount(here.bucket, minlength=buckets).tolist()),
            )
        )
    shares, feelings = judged([stage.share for stage in found]), judged([stage.negative for stage in found])
    stages = tuple(
        replace(stage, share=share, negative=feeling)
        for stage, share, feeling in zip(found, shares, feelings, strict=True)
    )
    return Journey(period, asked.period_before, now.analyzed, period.grain, stages)
