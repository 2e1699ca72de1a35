"""What moves NPS or CSAT: for each topic how the score would be without those who speak of it."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from flask_babel import gettext, lazy_gettext
from pydantic import Field

from voc import reports
from voc.dashboard import charts, texts
from voc.dashboard.charts import Chart, Series
from voc.dashboard.shell import View, ViewQuery, page, shown
from voc.reports import Driver, Drivers, Period

#: Topics that the chart shows; the table has all.
DRAWN = 20
#: Days that are offered where the period has not enough data.
LONGER_DAYS = 182

_ = lazy_gettext
SCORES: dict[Literal["nps", "csat"], tuple[str, Any]] = {
    "nps": ("NPS", _("would they recommend us, 0 to 10")),
    "csat": ("CSAT", _("are they satisfied, 1 to 5")),
}


class DriversQuery(ViewQuery):
    """Which score."""

    score: Literal["nps", "csat"] | None = Field(None, description="`nps` if left out and there are answers.")


@page("/drivers", query=DriversQuery)
def drivers(view: View) -> str:
    """The chart and all figures of one score."""
    assert isinstance(view.query, DriversQuery)  # noqa: S101  # the page says so
    found = reports.drivers(view.facts, view.rows, view.period, view.query.score or "nps")
    if found.overall is None and view.query.score is None:
        found = reports.drivers(view.facts, view.rows, view.period, "csat")
    told = [one for one in found.items if one.enough]
    return shown(
        "drivers.html",
        found=found,
        scores=SCORES,
        told=told,
        rest=[one for one in found.items if not one.enough],
        worst=min((one for one in told if pulls(one) < 0), key=_impact, default=None),
        best=max((one for one in told if pulls(one) > 0), key=_impact, default=None),
        chart=chart_of(view, found, told[:DRAWN]),
        left=max(0, len(told) - DRAWN),
        reach=reach(told),
        pulls=pulls,
        signed=signed,
        whole=whole,
        longer=longer(view.period),
    )


def longer(period: Period) -> Period | None:
    """Half a year up to the same day; None where the period is as long."""
    since = period.until.toordinal() - LONGER_DAYS
    return Period(date.fromordinal(since), period.until) if 1 <= since < period.since.toordinal() else None


def _impact(one: Driver) -> float:
    return one.impact or 0.0


def pulls(one: Driver) -> int:
    """-1 where a topic pulls the score down, 1 where it lifts it, 0 where that may be chance."""
    if not one.is_real or not one.impact:
        return 0
    return 1 if one.impact > 0 else -1


def signed(points: float | None) -> str:
    """Points of an impact with their sign and one decimal place."""
    if points is None:
        return "–"
    return _sign(round(points, 1)) + texts.number(abs(points), 1)


def whole(points: float | None) -> str:
    """A score in whole points."""
    if points is None:
        return "–"
    return ("−" if round(points) < 0 else "") + texts.number(abs(round(points)))


def _sign(points: float) -> str:
    return "+" if points > 0 else "−" if points < 0 else "±"


def reach(told: list[Driver]) -> float:
    """How far the scale of the intervals goes to either side."""
    return max((abs(end or 0.0) for one in told for end in (one.low, one.high)), default=1.0) or 1.0


def chart_of(view: View, found: Drivers, told: list[Driver]) -> Chart:
    """Impact of each topic as a point with its interval: what pulls down most on top."""
    order = sorted(told, key=_impact)
    name = SCORES["nps" if found.score == "nps" else "csat"][0]
    colors = {-1: "$negative", 0: "$neutral", 1: "$positive"}
    impact = Series(
        gettext("Impact"),
        [one.impact for one in order],
        [one.low for one in order],
        [one.high for one in order],
        urls=[view.list_url(topic=one.key) for one in order],
    )
    return charts.intervals(
        gettext("Impact on %(score)s, in points", score=name),
        [texts.topic_name(one.key) for one in order],
        [impact],
        by=gettext("Topic"),
        zero=gettext("no impact"),
        colors=[colors[pulls(one)] for one in order],
        summary=gettext(
            "By how many points each topic with enough answers moves %(score)s, with its interval; left of"
            " zero it pulls the score down",
            score=name,
        ),
        note=gettext("Left of zero: pulls the score down. Grey: may be chance."),
    )
