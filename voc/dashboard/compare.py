"""Two choices of feedback side by side: periods, sources, departments, products.

Side a is what is compared with, side b what is looked at: everywhere a difference is b less a.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, TypeAlias, get_args

from flask_babel import gettext
from pydantic import Field

from voc import reports
from voc.dashboard import choices, texts
from voc.dashboard.charts import Chart, Series, intervals
from voc.dashboard.choices import Choice
from voc.dashboard.shell import View, ViewQuery, page, shown
from voc.errors import InvalidInput
from voc.reports import CompareRow, Comparison, Period, Share, before
from voc.reports.periods import bounded
from voc.store import Filter

By: TypeAlias = Literal["period", "source", "department", "attribute", "touchpoint", "language"]
#: Rows of a table that are shown at once, and of the chart.
ROWS = 12
DRAWN = 8


class CompareQuery(ViewQuery):
    """What is compared."""

    by: By = "period"
    a: str | None = Field(None, max_length=400)
    b: str | None = Field(None, max_length=400)
    a_from: date | None = None
    a_to: date | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """One side: its name, its feedback, its days, and what of the address stands for it."""

    name: str
    filter: Filter
    period: Period
    part: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """One table."""

    title: str
    rows: Sequence[tuple[str, CompareRow, dict[str, Any]]]

    @property
    def reach(self) -> float:
        """How far the marks of all its rows reach to both sides, so that they can be compared."""
        ends = [end for _, row, _ in self.rows for end in (row.share.low, row.share.high) if end is not None]
        return max(map(abs, ends), default=1.0)

    @property
    def clear(self) -> int:
        """How many of its rows differ by more than chance."""
        return sum(row.share.is_real for _, row, _ in self.rows)


@page("/compare", query=CompareQuery)
def compare(view: View) -> str:
    """The two sides and where they differ."""
    query = view.query
    assert isinstance(query, CompareQuery)  # noqa: S101  # the decorator made it
    offered = _offered(view, query.by)
    sides = _periods(view, query) if query.by == "period" else _values(view, query, offered)
    context: dict[str, Any] = {"query": query, "offered": offered, "ways": _ways(), "sides": sides}
    if sides is None:
        return shown("compare.html", found=None, **context)
    a, b = sides
    rows_a, rows_b = (view.services.facts.rows(view.facts, one.filter) for one in sides)
    found = reports.compare(view.facts, rows_a, rows_b, a.period, b.period)
    return shown(
        "compare.html",
        found=found,
        chart=_chart(view, found, a, b),
        sections=_sections(found, query.by),
        **context,
    )


def _ways() -> list[Choice]:
    names = {
        "period": gettext("Two periods"), "source": gettext("Two sources"),
        "department": gettext("Two departments"), "attribute": gettext("Two values of an attribute"),
        "touchpoint": gettext("Two touchpoints"), "language": gettext("Two languages"),
    }  # fmt: skip
    return [Choice(way, names[way]) for way in get_args(By)]


def _offered(view: View, by: By) -> list[Choice]:
    """What a side may be; nothing for periods, which are typed."""
    if by == "source":
        return choices.sources(view)
    if by == "department":
        return choices.departments()
    if by == "attribute":
        return choices.attributes(view)
    if by == "touchpoint":
        return choices.touchpoints()
    return choices.languages() if by == "language" else []


def _periods(view: View, query: CompareQuery) -> tuple[Chosen, Chosen] | None:
    now = view.period
    if query.a_from is None and query.a_to is None:
        earlier = before(now)
        if earlier is None:
            return None
    else:
        first = query.a_from or query.a_to
        last = query.a_to or query.a_from
        assert first is not None and last is not None  # noqa: S101, PT018  # one of them was given
        if last < first:
            raise InvalidInput("period_empty", f"a_to: {last} lies before a_from, {first}", "a_to")
        earlier = bounded(first, last)
    return (
        Chosen(_days(earlier), view.timeless, earlier, {}), Chosen(_days(now), view.timeless, now, {}),
    )  # fmt: skip


def _days(period: Period) -> str:
    return f"{texts.day(period.since)} – {texts.day(period.last)}"


def _values(view: View, query: CompareQuery, offered: Sequence[Choice]) -> tuple[Chosen, Chosen] | None:
    """The two values of the address; where it names none, the first two that there are."""
    rest = [one.value for one in offered if one.value not in (query.a, query.b)]
    given = [value if value is not None else (rest.pop(0) if rest else None) for value in (query.a, query.b)]
    if given[0] is None or given[1] is None:
        return None
    names = {one.value: one.name for one in offered}
    a, b = (_side(view, query.by, value, names.get(value, value)) for value in given if value is not None)
    return a, b


def _side(view: View, by: By, value: str, name: str) -> Chosen:
    if by == "attribute":
        key, separator, text = value.partition(":")
        if not separator:
            raise InvalidInput("field_invalid", "a, b: must be name:value of an attribute", "a")
        chosen = replace(view.timeless, attribute=(key, text))
        return Chosen(f"{key}: {text}", chosen, view.period, {"attribute": value})
    if by == "department":  # owners, so that no feedback lies on both sides
        chosen = replace(view.timeless, department=value, role="owner")
        return Chosen(name, chosen, view.period, {"department": value, "role": "owner"})
    changes: dict[str, Any] = {by: value}
    return Chosen(name, replace(view.timeless, **changes), view.period, changes)


def _sections(found: Comparison, by: By) -> list[Section]:
    """The tables, but that of what is compared itself; one with a single key says nothing."""
    owners = [(texts.department_name(row.key), row, _owner(row.key)) for row in found.departments]
    parts = {
        "topic": _section(gettext("Topics"), found.topics, texts.topic_name, "topic"),
        "department": Section(gettext("Departments (owners)"), owners),
        "touchpoint": _section(
            gettext("Touchpoints"), found.touchpoints, texts.touchpoint_name, "touchpoint"
        ),
        "sentiment": _section(gettext("Feeling"), found.sentiments, texts.sentiment_name, "sentiment"),
        "source": _section(gettext("Sources"), found.sources, str, "source"),
        "language": _section(gettext("Written in"), found.languages, texts.language_name, "language"),
    }
    return [one for key, one in parts.items() if key != by and len(one.rows) > 1]


def _section(title: str, rows: Sequence[CompareRow], name: Callable[[str], str], parameter: str) -> Section:
    return Section(title, [(name(row.key), row, {parameter: row.key}) for row in rows if row.key is not None])


def _owner(key: str | None) -> dict[str, Any]:
    """The filter of an owner; none for those without: some are still to review, which no filter says."""
    return {} if key is None else {"department": key, "role": "owner"}


def _chart(view: View, found: Comparison, a: Chosen, b: Chosen) -> Chart:
    rows = [row for row in found.topics if row.share.before is not None][:DRAWN]
    sides: list[tuple[Chosen, list[Share | None], str]] = [
        (a, [row.share.before for row in rows], "$neutral"), (b, [row.share.now for row in rows], "$accent"),
    ]  # fmt: skip
    return intervals(
        gettext("Where the topics differ"),
        [texts.topic_name(row.key) for row in rows],
        [
            Series(
                side.name, [share.value for share in shares if share],
                [share.low for share in shares if share], [share.high for share in shares if share],
                color=color, is_share=True,
                urls=[view.list_url(side.period, topic=row.key, **side.part) for row in rows],
            )
            for side, shares, color in sides
        ],
        summary=gettext("How much of each side speaks of a topic, the clearest difference first."),
        note=gettext("Share of the feedback of each side, with its interval (95%)."),
        by=gettext("Topic"),
    )  # fmt: skip
