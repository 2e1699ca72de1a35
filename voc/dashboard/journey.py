"""The way of a customer from discover to leave: how many speak where, what they feel, what breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from flask_babel import gettext

from voc import reports
from voc.dashboard import texts
from voc.dashboard.shell import View, page, shown
from voc.reports import Score, Stage

#: Feedback from which on a touchpoint can be the worst.
ENOUGH = 10
#: The picture, in percent from the top: where the feeling is drawn, and the bars below it.
CURVE_TOP, CURVE_BOTTOM = 9.0, 68.0
BARS_TOP, BARS_BOTTOM = 78.0, 100.0
#: Points that the scale of the feeling reaches at least to both sides of even.
REACH_LEAST = 20.0


@dataclass(frozen=True, slots=True)
class Spot:
    """One touchpoint in the picture; all lengths in percent of its width or height.

    Attributes:
        x: the middle of its column.
        y, y_low, y_high: the feeling and the ends of its interval; None where nobody spoke.
        bar_y, bar_height: of the bar that shows how many spoke.
        tone: ``negative`` or ``positive`` where the whole interval lies on one side of even, else empty.
    """

    stage: Stage
    x: float
    y: float | None
    y_low: float | None
    y_high: float | None
    bar_y: float
    bar_height: float
    tone: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The journey from left to right.

    Attributes:
        spots: one per touchpoint.
        ways: neighbours that are joined by a line: both have a feeling.
        even: where a net feeling of 0 is drawn.
        width: of a column.
        most: feedback of the touchpoint that most speak of.
    """

    spots: Sequence[Spot]
    ways: Sequence[tuple[Spot, Spot]]
    even: float
    width: float
    most: int


@page("/journey")
def journey(view: View) -> str:
    """All touchpoints in their order."""
    found = reports.journey(view.facts, view.rows, view.period)
    known = [one for one in found.stages if one.touchpoint != "unknown"]
    return shown(
        "journey.html",
        found=found,
        picture=picture(known),
        unknown=next((one for one in found.stages if one.touchpoint == "unknown" and one.count), None),
        lowest=lowest(known),
        summary=summary(known),
        signed=signed,
    )


def picture(stages: Sequence[Stage]) -> Picture:
    """Where each touchpoint stands; the scale of the feeling is as wide as the intervals, with even in it."""
    scores = [one.sentiment for one in stages if one.sentiment]
    bottom = min([-REACH_LEAST, *(one.low for one in scores)])
    top = max([REACH_LEAST, *(one.high for one in scores)])

    def height(points: float) -> float:
        return round(CURVE_TOP + (CURVE_BOTTOM - CURVE_TOP) * (top - points) / (top - bottom), 2)

    most = max((one.count for one in stages), default=0) or 1
    spots = []
    for place, one in enumerate(stages):
        score = one.sentiment
        length = round((BARS_BOTTOM - BARS_TOP) * one.count / most, 2)
        spots.append(
            Spot(
                one,
                x=round(100 * (place + 0.5) / len(stages), 2),
                y=height(score.value) if score else None,
                y_low=height(score.low) if score else None,
                y_high=height(score.high) if score else None,
                bar_y=round(BARS_BOTTOM - length, 2),
                bar_height=length,
                tone=_tone(score),
            )
        )
    ways = [(here, there) for here, there in pairwise(spots) if here.y is not None and there.y is not None]
    return Picture(spots, ways, height(0.0), round(100 / max(1, len(stages)), 2), most)


def _tone(score: Score | None) -> str:
    if score is None or score.low <= 0 <= score.high:
        return ""
    return "negative" if score.high < 0 else "positive"


def signed(points: float) -> str:
    """Points with their sign, in the way of the language."""
    whole = round(points)
    return ("+" if whole > 0 else "−" if whole < 0 else "") + texts.number(abs(whole))


def lowest(stages: Sequence[Stage]) -> Stage | None:
    """The touchpoint with the worst feeling, where enough people spoke and it is surely below even."""
    heard = [one for one in stages if one.sentiment and one.sentiment.n >= ENOUGH and one.sentiment.high < 0]
    return min(heard, key=lambda one: one.sentiment.value if one.sentiment else 0.0, default=None)


def summary(stages: Sequence[Stage]) -> str:
    """The picture in words."""
    return "; ".join(
        gettext(
            "%(name)s: %(count)s feedback, net feeling %(points)s",
            name=texts.touchpoint_name(one.touchpoint),
            count=texts.number(one.count),
            points=signed(one.sentiment.value),
        )
        for one in stages
        if one.sentiment
    )
