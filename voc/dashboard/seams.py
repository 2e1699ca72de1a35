"""What falls between departments: which two are needed together, how that changes, where customers were sent.

With ``department`` and ``also`` in the address the page shows that seam: its weeks and what customers said,
each department's words in its colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from flask_babel import gettext, ngettext
from pydantic import Field

from voc import reports
from voc.api.feedback import decode_cursor, encode_cursor
from voc.dashboard import charts, texts
from voc.dashboard.charts import Chart, Series
from voc.dashboard.shell import View, ViewQuery, page, shown
from voc.facts import Mask
from voc.records import Segment
from voc.reports import Link, Period, SeamCell, SeamHistory, SeamLine, Seams, TopicRow
from voc.store import Filter, Kept

#: Feedback of a seam on one page.
PAGE = 10
#: Seams that are listed beside the matrix, topics of a seam.
LOUDEST = 6
TOPICS = 6
#: From which share that is surely negative (the lower end of its interval) each shade of the matrix begins.
SHADES = (0.15, 0.3, 0.45, 0.6, 0.75)
#: Ways of the flow that are drawn, and the height of the picture in pixels.
WAYS = 24
FLOW_PX = 460
#: Characters of a text that stand beside its chain.
EXCERPT = 180
#: Whose work is firefighting, where the organization does not say who covers it.
CARE = "care"


class SeamsQuery(ViewQuery):
    """One seam's feedback have pages."""

    cursor: str | None = Field(None, max_length=500, description="Where the page begins.")


@dataclass(frozen=True, slots=True)
class Square:
    """A cell of the matrix: a seam, how dark it is (0 to 5), where it leads, what it says."""

    seam: SeamCell
    shade: int
    url: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """Departments against departments, each pair once: row i has the columns from i on.

    Attributes:
        columns: keys of all but the first department.
        rows: key and squares of all but the last; None where nothing falls between the two.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Square | None]]]


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of a text that are one department's, and whether it is one of the two that are looked at."""

    text: str
    department: str | None
    is_of_pair: bool


@dataclass(frozen=True, slots=True)
class Voice:
    """One feedback, cut by whose words they are."""

    kept: Kept
    passages: Sequence[Passage]


@dataclass(frozen=True, slots=True)
class Seam:
    """One seam as it was chosen.

    Attributes:
        a, b: as the address has them.
        cell: its figures of the period; None where it has none.
        line: its weeks.
        shares: key of a department or None for others, and how many feedback of the seam it owns.
    """

    a: str
    b: str
    cell: SeamCell | None
    line: SeamLine | None
    chart: Chart | None
    topics: Sequence[TopicRow]
    shares: Sequence[tuple[str | None, int]]
    voices: Sequence[Voice]
    following: str | None
    is_first: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """One customer's way, with the beginning of what they said."""

    hops: Sequence[str]
    at: str
    kept: Kept | None

    @property
    def excerpt(self) -> str:
        """The beginning of the text, cut between words."""
        text = " ".join(self.kept.feedback.text.split()) if self.kept else ""
        return text if len(text) <= EXCERPT else text[:EXCERPT].rsplit(" ", 1)[0] + " …"

    @property
    def returns(self) -> int:
        """How often the customer stood where they had been."""
        return len(self.hops) - len(set(self.hops))


@page("/seams", act="reports.seams", query=SeamsQuery)
def seams(view: View) -> str:
    """All seams; with ``department`` and ``also``, one of them too."""
    pair = pair_of(view.filter)
    chosen = view.timeless if pair is None else replace(view.timeless, department=None, also=None, role=None)
    across = _report(view, replace(chosen, touchpoint=None))
    found = across if chosen.touchpoint is None else _report(view, chosen)
    history = reports.seam_history(view.facts, _rows(view, chosen), view.period)
    seam = _seam(view, pair, found, history) if pair else None
    view.told(rows=len(seam.voices) if seam else len(found.longest))
    return shown(
        "seams.html",
        found=found,
        touchpoints=across.touchpoints,
        matrix=matrix(view, found, across, pair),
        history=history,
        loudest=[one for one in found.pairs if one.count][:LOUDEST],
        seam=seam,
        flow=flow_chart(found),
        ways=[one for one in found.links if one.count][:LOUDEST],
        chains=_chains(view, found),
        care=care_of(view),
        apart={"department": None, "also": None, "role": None, "cursor": None},
    )


def pair_of(chosen: Filter) -> tuple[str, str] | None:
    """The two departments that a filter names; None where it does not name two."""
    if chosen.department is None or chosen.also is None or chosen.department == chosen.also:
        return None
    return chosen.department, chosen.also


def care_of(view: View) -> str:
    """Key of the department that covers care."""
    return view.services.organization.care or CARE


def _rows(view: View, chosen: Filter) -> Mask:
    return view.services.facts.rows(view.facts, chosen)


def _report(view: View, chosen: Filter) -> Seams:
    return reports.seams(view.facts, _rows(view, chosen), view.period, care_of(view))


# ---- the matrix


def matrix(view: View, found: Seams, across: Seams, pair: tuple[str, str] | None) -> Matrix:
    """All seams of a report. Its axes are those of ``across``, so that nothing moves from one touchpoint to
    the next; in the order of the organization."""
    order = [*texts.organization().by_key, *across.departments]
    keys = sorted(across.departments, key=order.index)
    cells = {(one.a, one.b): one for one in found.pairs if one.count}
    rows = [
        (
            a,
            [
                _square(view, cell, (a, b), pair) if (cell := cells.get((min(a, b), max(a, b)))) else None
                for b in keys[place + 1 :]
            ],
        )
        for place, a in enumerate(keys[:-1])
    ]
    return Matrix(keys[1:], rows)


def _square(view: View, cell: SeamCell, names: tuple[str, str], pair: tuple[str, str] | None) -> Square:
    a, b = names
    return Square(
        cell,
        shade(cell),
        view.url(department=a, also=b, role=None, _anchor="seam"),
        spoken(cell, names),
        pair is not None and set(pair) == {a, b},
    )


def shade(cell: SeamCell) -> int:
    """From 0 to 5, by the share that is surely negative: few voices stay pale."""
    return sum(cell.negative.low >= least for least in SHADES)


def spoken(cell: SeamCell, names: tuple[str, str]) -> str:
    """A cell in words, for who cannot see it."""
    said = ngettext(
        "%(a)s and %(b)s: %(count)s feedback, %(share)s negative",
        "%(a)s and %(b)s: %(count)s feedback, %(share)s negative",
        cell.count,
        count=texts.number(cell.count),
        a=texts.department_name(names[0]),
        b=texts.department_name(names[1]),
        share=texts.percent(cell.negative.value),
    )
    if not cell.change.is_real:
        return str(said)
    rises = (cell.change.difference or 0) > 0
    return f"{said}, {gettext('more than before') if rises else gettext('less than before')}"


# ---- one seam


def _seam(view: View, pair: tuple[str, str], found: Seams, history: SeamHistory) -> Seam:
    a, b = pair
    cell = next((one for one in found.pairs if {one.a, one.b} == {a, b} and one.count), None)
    line = history.of(a, b)
    rows = _rows(view, replace(view.timeless, role=None))
    within = rows & (view.facts.at >= view.period.since_ms) & (view.facts.at < view.period.until_ms)
    given = view.args.get("cursor")
    after = decode_cursor(given) if given is not None else None
    kept, following = view.services.facts.page(view.facts, within, PAGE, after)
    topics = reports.topic_table(view.facts, rows, view.period, _departments_of_topics(view))
    return Seam(
        a, b, cell, line,
        chart=line_chart(view, line) if line else None,
        topics=sorted((one for one in topics if one.count), key=lambda one: -one.negative_count)[:TOPICS],
        shares=_owners(cell, pair) if cell else [],
        voices=[Voice(one, passages(one, pair)) for one in kept if one.analysis],
        following=encode_cursor(following) if following else None,
        is_first=after is None,
    )  # fmt: skip


def _departments_of_topics(view: View) -> Mapping[str, str]:
    return view.services.pipelines.get().department_of_topic


def _owners(cell: SeamCell, pair: tuple[str, str]) -> list[tuple[str | None, int]]:
    of_a, of_b, of_others = cell.by_owner
    owned = {cell.a: of_a, cell.b: of_b}
    return [(key, owned[key]) for key in pair] + ([(None, of_others)] if of_others else [])


def passages(kept: Kept, pair: tuple[str, str]) -> list[Passage]:
    """A text cut where the words of one department end; neighbouring segments of one stay together."""
    text = kept.feedback.text
    parts: Sequence[Segment] = kept.analysis.segments if kept.analysis else ()
    found: list[Passage] = []
    end = 0
    for part in sorted(parts, key=lambda one: one.start):
        between, words = text[end : part.start], text[part.start : part.end]
        last = found[-1] if found else None
        if last and last.department == part.department and not between.strip():
            found[-1] = replace(last, text=last.text + between + words)
        else:
            if between:
                found.append(Passage(between, None, is_of_pair=False))
            found.append(Passage(words, part.department, part.department in pair))
        end = max(end, part.end)
    if text[end:]:
        found.append(Passage(text[end:], None, is_of_pair=False))
    return found


def line_chart(view: View, line: SeamLine) -> Chart:
    """One seam's weeks, with a mark where the period begins."""
    counts = [week.count for week in line.weeks]
    most = max(range(len(counts)), key=counts.__getitem__)
    weeks = [_week(week.start) for week in line.weeks]
    urls = [view.list_url(week, role=None) for week in weeks]
    bad = [view.list_url(week, role=None, sentiment="negative") for week in weeks]
    begins = view.period.since.isoformat()
    negative = [week.negative_count for week in line.weeks]
    chart = charts.line(
        gettext("Week by week"),
        [week.start for week in line.weeks],
        [
            Series(gettext("All feedback"), counts, color="$accent", urls=urls),
            Series(gettext("Negative"), negative, color="$negative", urls=bad),
        ],
        summary=gettext(
            "%(a)s and %(b)s, feedback per week: %(first)s in the first week, %(most)s at most, in the week"
            " from %(when)s, %(last)s in the last week",
            a=texts.department_name(line.a),
            b=texts.department_name(line.b),
            first=texts.number(counts[0]),
            most=texts.number(counts[most]),
            when=texts.day(line.weeks[most].start),
            last=texts.number(counts[-1]),
        ),
        note=gettext("Stretches of seven days up to the last day of the period, so that each is whole."),
        by=gettext("Week from"),
        marks={begins: gettext("period shown")} if begins > line.weeks[0].start else None,
    )
    for mark in chart.figure["layout"].get("annotations", ()):
        if begins > line.weeks[len(line.weeks) // 2].start:
            mark["xanchor"] = "right"  # there is room on the left only
    return chart


def _week(start: str) -> Period:
    """The seven days from a day on."""
    first = date.fromisoformat(start)
    return Period.of(first, first + timedelta(days=6))


# ---- chains


def flow_chart(found: Seams) -> Chart:
    """The chains by their steps, from left to right: a return is a station further on."""
    ways: Sequence[Link] = sorted(found.flow, key=lambda one: -one.count)[:WAYS]
    ways = sorted(ways, key=lambda one: (one.step, -one.count))
    links = [(f"{one.step}.{one.source}", f"{one.step + 1}.{one.target}", float(one.count)) for one in ways]
    keys = {key for source, target, _ in links for key in (source, target)}
    departments = {key: key.split(".", 1)[1] for key in keys}
    note = gettext("Where a customer turned first, and where from there; a return is one more station.")
    if len(found.flow) > len(ways):
        most = gettext("The %(num)s most frequent ways.", num=len(ways))
        note = f"{note} {most}"
    chart = charts.sankey(
        gettext("The ways customers were sent"),
        links,
        names={key: texts.department_name(department) for key, department in departments.items()},
        colors={key: charts.department_color(department) for key, department in departments.items()},
        summary=_flow_said(found),
        note=note,
        columns=(gettext("From"), gettext("To"), gettext("Feedback")),
    )
    chart.figure["layout"]["height"] = FLOW_PX
    chart.figure["data"][0]["node"]["align"] = "left"  # each station has its column, the last one too
    return chart


def _flow_said(found: Seams) -> str:
    if not found.links:
        return ""
    first = found.links[0]
    said = gettext(
        "Ways from department to department, the first station on the left; most often from %(a)s to %(b)s,"
        " %(num)s times",
        a=texts.department_name(first.source),
        b=texts.department_name(first.target),
        num=texts.number(first.count),
    )
    return str(said)


def _chains(view: View, found: Seams) -> list[Chain]:
    """The longest ways with their texts."""
    kept = view.services.store.numbered([one.number for one in found.longest])
    return [Chain(one.hops, one.at, kept.get(one.number)) for one in found.longest]
