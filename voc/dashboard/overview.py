"""The first page: how much was said, how it feels, what changed, what to look at."""

from __future__ import annotations

from flask_babel import gettext

from voc import reports
from voc.dashboard import texts
from voc.dashboard.changes import share_said
from voc.dashboard.charts import Chart, Series, bucket_periods, columns, line
from voc.dashboard.shell import View, page, shown

#: With fewer feedback than this in a period the page says that its intervals are wide.
FEW = 30


@page("/")
def overview(view: View) -> str:
    """The morning's view."""
    if not len(view.facts):
        return shown("welcome.html")
    pipeline = view.services.pipelines.get()
    care = texts.organization().department_of_field.get("care", "care")
    found = reports.overview(view.facts, view.rows, view.period, pipeline.department_of_topic, care)
    return shown(
        "overview.html",
        found=found,
        few=found.count < FEW,
        volume=_volume(view, found),
        feeling=_feeling(view, found),
        care=care,
        most_owned=max((part.count for part in found.owners), default=0),
    )


def _volume(view: View, found: reports.Overview) -> Chart:
    negative = gettext("Negative")
    periods = bucket_periods([bucket.start for bucket in found.series], view.period)
    return columns(
        gettext("How much was said"),
        [bucket.start for bucket in found.series],
        [
            Series(
                negative, [bucket.negative_count for bucket in found.series], color="$negative",
                urls=[view.list_url(one, sentiment="negative") for one in periods],
            ),
            Series(
                gettext("All others"), [bucket.count - bucket.negative_count for bucket in found.series],
                color="$line-strong",
            ),
        ],
        summary=gettext(
            "%(count)s feedback, %(negative)s of them negative.",
            count=texts.number(found.count), negative=texts.number(found.negative.count),
        ),
        note=_cut_note(found),
        by=_by_grain(found.grain),
        partial=[bucket.is_partial for bucket in found.series],
    )  # fmt: skip


def _feeling(view: View, found: reports.Overview) -> Chart:
    said = share_said(found.negative)
    share = texts.percent(found.negative.now.value)
    there = [bucket.analyzed > 0 for bucket in found.series]
    periods = bucket_periods([bucket.start for bucket in found.series], view.period)
    bounds = [bucket.negative for bucket in found.series]

    def drawn(values: list[float]) -> list[float | None]:
        return [value if is_there else None for value, is_there in zip(values, there, strict=True)]

    return line(
        gettext("Share of negative feedback"),
        [bucket.start for bucket in found.series],
        [
            Series(
                gettext("Negative"), drawn([one.value for one in bounds]), drawn([one.low for one in bounds]),
                drawn([one.high for one in bounds]), color="$negative", is_share=True,
                urls=[view.list_url(one, sentiment="negative") for one in periods],
            )
        ],
        summary=gettext("%(share)s of the feedback is negative. %(change)s.", share=share, change=said.words),
        note=gettext("The band is the interval of each point (95%)."),
        by=_by_grain(found.grain),
    )  # fmt: skip


def _by_grain(grain: str) -> str:
    names = {"day": gettext("Day"), "week": gettext("Week from"), "month": gettext("Month")}
    return str(names[grain])


def _cut_note(found: reports.Overview) -> str | None:
    if any(bucket.is_partial for bucket in found.series):
        return str(gettext("Pale: only a part of it lies in the period."))
    return None
