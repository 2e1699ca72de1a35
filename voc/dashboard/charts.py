"""Charts as values: figures for plotly.js, each with a title, a sentence that says the same, and a table.

Enters: series of numbers. Leaves: a `Chart`, which the macro ``chart`` of ``macros.html`` shows. What must
hold: bars begin at zero; where there is an interval it is drawn; what a chart says can be read without it.

Colours are names of the tokens of ``voc.css``, such as ``"$negative"`` or ``"$dept-3/0.2"`` (with an alpha):
the page puts in what the reader's theme has. A point may carry a link, which a click on it follows; the table
has the same link for who does not use a mouse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any, TypeAlias

from flask_babel import gettext

from voc.dashboard.texts import day, department_slot, language, month, number, percent, short_day
from voc.reports.periods import Period

Json: TypeAlias = dict[str, Any]
#: Height of one bar with the room around it, in pixels.
BAR_PX = 30
#: Longest name beside a bar; the table has the whole.
NAME_CHARS = 34


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table that is a link."""

    text: str
    url: str | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Table:
    """The same figures to be read; the first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart shows.

    Attributes:
        title: what it is about.
        figure: ``data`` and ``layout`` for plotly.js, colours as tokens.
        summary: one sentence that says what is to be seen.
        table: all of its figures.
        note: one line under the title, such as what the band is.
    """

    title: str
    figure: Json
    summary: str
    table: Table
    note: str | None = None
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one set of bars.

    Attributes:
        low, high: bounds of an interval around each value; a line gets a band of them.
        color: a token; given by its place among the series if left out.
        urls: where a click on each point leads.
    """

    name: str
    values: Sequence[float | None]
    low: Sequence[float | None] | None = None
    high: Sequence[float | None] | None = None
    color: str | None = None
    urls: Sequence[str | None] | None = None
    is_share: bool = False
    dash: str | None = None


SYMBOLS = ("circle", "diamond", "square")
#: Of series that stand for nothing that has a colour of its own.
ORDER = ("$accent", "$dept-2", "$dept-4", "$dept-1", "$dept-6", "$dept-8", "$dept-9", "$dept-10")


def department_color(key: str | None) -> str:
    """The token of a department's colour."""
    return f"$dept-{department_slot(key)}"


def as_text(name: object) -> str:
    """A name that plotly.js shows letter by letter. Of what it is given it takes tags and links for such, and
    fills in what stands in braces after ``%``; what begins with ``$`` the page takes for a token."""
    text = str(name).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "&#37;{")
    return f"&#36;{text[1:]}" if text.startswith("$") else text


def shown_value(value: float | None, is_share: bool) -> str:
    """A figure as it stands in a table; a dash where there is none."""
    if value is None:
        return "–"
    return percent(value, 1) if is_share else number(value, 0 if float(value).is_integer() else 2)


def _layout(**more: Any) -> Json:
    """What all charts have in common: the page's own letters, quiet lines, separators of the language."""
    axis = {"gridcolor": "$line", "zerolinecolor": "$line-strong", "linecolor": "$line-strong",
            "tickcolor": "$line", "automargin": True, "fixedrange": True}  # fmt: skip
    layout: Json = {
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": "$soft"},
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8}, "separators": ",." if language() == "vi" else ".,",
        "hoverlabel": {
            "bgcolor": "$ink", "bordercolor": "$ink", "font": {"color": "$ground", "family": FONT},
        },
        "showlegend": False, "dragmode": False,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"color": "$ink"}},
    }  # fmt: skip
    for name, given in more.items():
        layout[name] = axis | given if name[:5] in ("xaxis", "yaxis") else given
    return layout


FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif'


def line(
    title: str,
    buckets: Sequence[str],
    series: Sequence[Series],
    *,
    summary: str = "",
    note: str | None = None,
    by: str | None = None,
    marks: Mapping[str, str] | None = None,
) -> Chart:
    """Values over time, zero based, with a band where a series has an interval.

    Args:
        buckets: first days of the periods, ISO 8601, ascending.
        by: heading of the first column of the table.
        marks: sentences at days, such as when a fix was made.
    """
    places = list(range(len(buckets)))
    data: list[Json] = []
    for place, one in enumerate(series):
        color = one.color or ORDER[place % len(ORDER)]
        if one.low is not None and one.high is not None:
            data += _band(one.low, one.high, color)
        data.append({
            "type": "scatter", "mode": "lines+markers" if len(buckets) <= 40 else "lines",
            "name": as_text(one.name), "x": places, "y": list(one.values), "connectgaps": False,
            "line": {"color": color, "width": 2, "dash": one.dash or "solid"},
            "marker": {"size": 5, "color": color}, "customdata": list(one.urls or ()) or None,
            "text": _with_bounds(one), "hovertext": [day(bucket) for bucket in buckets],
            "hovertemplate": f"%{{hovertext}}<br><b>%{{text}}</b><extra>{as_text(one.name)}</extra>",
        })  # fmt: skip
    is_share = bool(series) and all(one.is_share for one in series)
    layout = _layout(
        xaxis=_days(buckets),
        yaxis={"rangemode": "tozero", "tickformat": ".0%" if is_share else ",~r", "nticks": 5},
        showlegend=len(series) > 1, hovermode="x" if len(series) > 1 else "closest",
        **_marked(buckets, marks or {}),
    )  # fmt: skip
    return _over_time(title, buckets, series, {"data": data, "layout": layout}, summary, note, by)


def columns(
    title: str,
    buckets: Sequence[str],
    series: Sequence[Series],
    *,
    summary: str = "",
    note: str | None = None,
    by: str | None = None,
    partial: Sequence[bool] = (),
) -> Chart:
    """Counts over time as bars that stand on each other, from zero.

    Args:
        partial: which buckets the period cuts; they are drawn paler.
    """
    pale = [0.45 if one else 1.0 for one in partial] or [1.0] * len(buckets)
    data = [
        {
            "type": "bar", "name": as_text(one.name), "x": list(range(len(buckets))), "y": list(one.values),
            "marker": {"color": one.color or ORDER[place % len(ORDER)], "opacity": pale},
            "customdata": list(one.urls or ()) or None, "hovertext": [day(one) for one in buckets],
            "text": [shown_value(value, one.is_share) for value in one.values], "textposition": "none",
            "hovertemplate": f"%{{hovertext}}<br><b>%{{text}}</b><extra>{as_text(one.name)}</extra>",
        }
        for place, one in enumerate(series)
    ]  # fmt: skip
    layout = _layout(
        xaxis=_days(buckets), yaxis={"rangemode": "tozero", "tickformat": ",~r", "nticks": 5},
        barmode="stack", bargap=0.18, showlegend=len(series) > 1,
        hovermode="x" if len(series) > 1 else "closest",
    )  # fmt: skip
    return _over_time(title, buckets, series, {"data": data, "layout": layout}, summary, note, by)


def _over_time(
    title: str, buckets: Sequence[str], series: Sequence[Series], figure: Json, summary: str,
    note: str | None, by: str | None,
) -> Chart:  # fmt: skip
    """What charts over time have beside their figure: the table, a row a bucket."""
    rows = [[day(bucket), *_cells(series, i)] for i, bucket in enumerate(buckets)]
    empty = not any(value for one in series for value in one.values)
    table = Table(title, [by or gettext("From day"), *_columns(series)], rows)
    return Chart(title, figure, summary or title, table, note, empty)


def bars(
    title: str,
    names: Sequence[str],
    series: Sequence[Series],
    *,
    summary: str = "",
    note: str | None = None,
    by: str = "",
    colors: Sequence[str] | None = None,
    is_stacked: bool = False,
) -> Chart:
    """Bars that lie, the first on top, from zero; with an error bar where a series has an interval.

    Args:
        names: of the bars.
        by: heading of the column of names.
        colors: a token for each bar, such as those of departments, in place of one per series.
    """
    data: list[Json] = []
    for place, one in enumerate(series):
        color: Any = list(colors) if colors else one.color or ORDER[place % len(ORDER)]
        bar: Json = {
            "type": "bar", "orientation": "h", "name": as_text(one.name), "y": list(range(len(names))),
            "x": [value or 0 for value in one.values], "marker": {"color": color},
            "customdata": list(one.urls or ()) or None,
            "text": [shown_value(value, one.is_share) for value in one.values], "textposition": "none",
            "hovertext": [as_text(name) for name in names],
            "hovertemplate": f"%{{hovertext}}<br><b>%{{text}}</b><extra>{as_text(one.name)}</extra>",
        }  # fmt: skip
        if one.low is not None and one.high is not None:
            bar["error_x"] = _errors(one)
        data.append(bar)
    is_share = bool(series) and all(one.is_share for one in series)
    layout = _layout(
        xaxis={"rangemode": "tozero", "tickformat": ".0%" if is_share else ",~r", "nticks": 5},
        yaxis=_named(names), barmode="stack" if is_stacked else "group", bargap=0.3,
        showlegend=len(series) > 1, hovermode="closest",
        height=_height(
            len(names) * (1 if is_stacked else max(1, len(series) * 0.7)), legend=len(series) > 1
        ),
    )  # fmt: skip
    table = Table(title, [by, *_columns(series)], [_row(names[i], series, i) for i in range(len(names))])
    return Chart(title, {"data": data, "layout": layout}, summary or title, table, note, not names)


def intervals(
    title: str,
    names: Sequence[str],
    series: Sequence[Series],
    *,
    summary: str = "",
    note: str | None = None,
    by: str = "",
    zero: str | None = None,
    colors: Sequence[str] | None = None,
) -> Chart:
    """Points with their intervals, one row each, the first on top: for what may lie on both sides of zero.

    Args:
        zero: what the line at zero stands for, such as ``no change``; None for no line.
        colors: a token for each point.
    """
    data: list[Json] = []
    shift = 0.16 if len(series) > 1 else 0.0
    for place, one in enumerate(series):
        color: Any = list(colors) if colors else one.color or ORDER[place % len(ORDER)]
        found = [i for i, value in enumerate(one.values) if value is not None]
        part = Series(
            one.name, [one.values[i] for i in found], [(one.low or one.values)[i] for i in found],
            [(one.high or one.values)[i] for i in found],
        )  # fmt: skip
        data.append({
            "type": "scatter", "mode": "markers", "name": as_text(one.name), "x": list(part.values),
            "y": [i + shift * (2 * place - len(series) + 1) for i in found],
            "marker": {
                "color": [color[i] for i in found] if colors else color, "size": 10,
                "symbol": SYMBOLS[place % len(SYMBOLS)],
            },
            "error_x": _errors(part)
            | {"color": "$line-strong" if colors else color, "thickness": 2, "width": 4},
            "customdata": [one.urls[i] for i in found] if one.urls else None,
            "text": [shown for i, shown in enumerate(_with_bounds(one)) if i in found],
            "hovertext": [as_text(names[i]) for i in found],
            "hovertemplate": f"%{{hovertext}}<br><b>%{{text}}</b><extra>{as_text(one.name)}</extra>",
        })  # fmt: skip
    is_share = bool(series) and all(one.is_share for one in series)
    layout = _layout(
        xaxis={
            "tickformat": ".0%" if is_share else ",~r", "nticks": 6, "zeroline": zero is not None,
            "zerolinewidth": 1.5,
        }
        | ({} if zero is not None else {"rangemode": "tozero"}),
        yaxis=_named(names) | {"range": [len(names) - 0.5, -0.5], "autorange": False, "showgrid": True},
        showlegend=len(series) > 1, hovermode="closest", height=_height(len(names), legend=len(series) > 1),
    )  # fmt: skip
    table = Table(title, [by, *_columns(series)], [_row(names[i], series, i) for i in range(len(names))])
    return Chart(title, {"data": data, "layout": layout}, summary or title, table, note, not names)


def heatmap(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    *,
    urls: Sequence[Sequence[str | None]] | None = None,
    texts: Sequence[Sequence[str]] | None = None,
    summary: str = "",
    note: str | None = None,
    by: str = "",
    color: str = "$scale-1",
) -> Chart:
    """A matrix, from no colour at zero to the full one at its greatest value; the figure stands in each cell.

    Args:
        values: one list per row; None where there is nothing.
        urls: where a click on each cell leads.
        texts: what stands in each cell in place of the figure.
    """
    shown = texts or [["" if value is None else shown_value(value, False) for value in row] for row in values]
    most = max([value or 0 for row in values for value in row], default=0)
    cells = [(i, j) for i in range(len(rows)) for j in range(len(columns)) if values[i][j] is not None]
    depths = [0.04 + 0.96 * (values[i][j] or 0) / (most or 1) for i, j in cells]
    # bars and not plotly's heatmap, which is a picture in a data: address that the policy refuses
    data = [{
        "type": "bar", "x": [j for _, j in cells], "y": [0.94] * len(cells),
        "base": [i - 0.47 for i, _ in cells], "width": 0.97,
        "marker": {"color": [f"{color}/{depth:.3f}" for depth in depths], "line": {"width": 0}},
        "insidetextfont": {"color": ["$surface" if depth > 0.55 else "$ink" for depth in depths]},
        "text": [shown[i][j] for i, j in cells], "textposition": "inside", "insidetextanchor": "middle",
        "textangle": 0, "constraintext": "none",
        "customdata": [urls[i][j] for i, j in cells] if urls else None,
        "hovertext": [f"{as_text(rows[i])} × {as_text(columns[j])}" for i, j in cells],
        "hovertemplate": "%{hovertext}<br><b>%{text}</b><extra></extra>",
    }]  # fmt: skip
    layout = _layout(
        xaxis=_named(columns) | {"side": "top", "autorange": False, "range": [-0.5, len(columns) - 0.5]},
        yaxis=_named(rows) | {"autorange": False, "range": [len(rows) - 0.5, -0.5]},
        barmode="overlay", hovermode="closest", height=_height(len(rows) * 1.25, legend=True),
    )  # fmt: skip
    body: list[list[str | Cell]] = [
        [name, *(Cell(shown[i][j] or "–", urls[i][j] if urls else None) for j in range(len(columns)))]
        for i, name in enumerate(rows)
    ]
    table = Table(title, [by, *columns], body)
    return Chart(title, {"data": data, "layout": layout}, summary or title, table, note, not most)


def sankey(
    title: str,
    links: Sequence[tuple[str, str, float]],
    *,
    names: Mapping[str, str],
    colors: Mapping[str, str] | None = None,
    urls: Sequence[str | None] | None = None,
    summary: str = "",
    note: str | None = None,
    columns: Sequence[str] = ("", "", ""),
) -> Chart:
    """Flows between nodes.

    Args:
        links: from, to, how many; a node that stands for a step of a way has a key of its own.
        names: of the nodes by key.
        colors: a token for each node.
        columns: headings of the table.
    """
    keys = list(dict.fromkeys(key for source, target, _ in links for key in (source, target)))
    place = {key: i for i, key in enumerate(keys)}
    tokens = [(colors or {}).get(key, "$accent") for key in keys]
    data = [{
        "type": "sankey", "arrangement": "snap",
        "node": {"label": [as_text(names.get(key, key)) for key in keys], "color": tokens, "pad": 18,
                 "thickness": 14, "line": {"width": 0},
                 "hovertemplate": "%{label}: <b>%{value}</b><extra></extra>"},
        "link": {"source": [place[one] for one, _, _ in links], "target": [place[one] for _, one, _ in links],
                 "value": [count for _, _, count in links],
                 "color": [f"{tokens[place[one]]}/0.35" for one, _, _ in links],
                 "customdata": list(urls or [None] * len(links)),
                 "hovertemplate": "%{source.label} → %{target.label}: <b>%{value}</b><extra></extra>"},
        "textfont": {"color": "$ink", "size": 13, "shadow": "none"},
    }]  # fmt: skip
    rows: list[list[str | Cell]] = [
        [Cell(names.get(a, a), urls[i] if urls else None), names.get(b, b), shown_value(count, False)]
        for i, (a, b, count) in enumerate(links)
    ]
    layout = _layout(height=_height(max(8, len(keys) * 1.1), legend=False))
    table = Table(title, list(columns), rows)
    return Chart(title, {"data": data, "layout": layout}, summary or title, table, note, not links)


# ---- parts


def bucket_periods(starts: Sequence[str], period: Period) -> list[Period]:
    """The days of each bucket that lie in the period, for the links of its points."""
    firsts = [date.fromisoformat(start) for start in starts]
    ends = [*firsts[1:], period.until]
    return [
        Period(max(first, period.since), max(end, max(first, period.since) + timedelta(days=1)))
        for first, end in zip(firsts, ends, strict=True)
    ]


def _days(buckets: Sequence[str]) -> Json:
    """An axis of days that stand on numbers: bars of weeks would else be drawn as thin as a day."""
    step = max(1, -(-len(buckets) // 8))
    places = list(range(0, len(buckets), step))
    short = [short_day(one) if len(buckets) < 60 else month(one) for one in buckets]
    return {
        "tickmode": "array", "tickvals": places, "ticktext": [short[place] for place in places],
        "showgrid": False, "range": [-0.6, len(buckets) - 0.4], "zeroline": False, "tickangle": 0,
    }  # fmt: skip


def _band(low: Sequence[float | None], high: Sequence[float | None], color: str) -> list[Json]:
    """The band of a line, in parts where values are missing: plotly.js would fill across the gap."""
    whole = [i for i, ends in enumerate(zip(low, high, strict=True)) if None not in ends]
    parts = [[i for _, i in run] for _, run in groupby(enumerate(whole), lambda one: one[1] - one[0])]
    return [
        line
        for places in parts
        for line in (
            _edge(places, [high[i] for i in places], color),
            _edge(places, [low[i] for i in places], color) | _filled(color),
        )
    ]


def _edge(places: Sequence[int], values: Sequence[float | None], color: str) -> Json:
    return {
        "type": "scatter", "mode": "lines", "x": list(places), "y": list(values), "hoverinfo": "skip",
        "line": {"width": 0, "color": color}, "showlegend": False,
    }  # fmt: skip


def _filled(color: str) -> Json:
    return {"fill": "tonexty", "fillcolor": f"{color}/0.16"}


def _marked(buckets: Sequence[str], marks: Mapping[str, str]) -> Json:
    """Dotted lines at the buckets that hold the days."""
    at = {
        max((i for i, one in enumerate(buckets) if one <= when), default=0): text
        for when, text in marks.items()
    }
    if not at:
        return {}
    lines = [
        {"type": "line", "x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1,
         "line": {"color": "$line-strong", "dash": "dot", "width": 1}}
        for place in at
    ]  # fmt: skip
    notes = [
        {"x": place, "yref": "paper", "y": 1, "text": as_text(text), "showarrow": False, "xanchor": "left",
         "font": {"color": "$soft", "size": 12}}
        for place, text in at.items()
    ]  # fmt: skip
    return {"shapes": lines, "annotations": notes}


def _with_bounds(one: Series) -> list[str]:
    """Each value in words, with its interval if it has one."""
    shown = [shown_value(value, one.is_share) for value in one.values]
    if one.low is None or one.high is None:
        return shown
    return [
        text if low is None or high is None
        else f"{text} ({shown_value(low, one.is_share)} – {shown_value(high, one.is_share)})"
        for text, low, high in zip(shown, one.low, one.high, strict=True)
    ]  # fmt: skip


def _errors(one: Series) -> Json:
    values, lows, highs = list(one.values), list(one.low or ()), list(one.high or ())
    return {
        "type": "data", "symmetric": False, "color": "$ink", "thickness": 1.5, "width": 3,
        "array": [max(0.0, (h or 0) - (v or 0)) for v, h in zip(values, highs, strict=True)],
        "arrayminus": [max(0.0, (v or 0) - (low or 0)) for v, low in zip(values, lows, strict=True)],
    }  # fmt: skip


def _named(names: Sequence[str]) -> Json:
    """An axis of names: plotly.js would put two of the same name into one row, so they are put on numbers."""
    short = [name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…" for name in map(str, names)]
    return {
        "tickmode": "array", "tickvals": list(range(len(names))), "ticktext": [as_text(one) for one in short],
        "autorange": "reversed",
        "showgrid": False, "zeroline": False, "ticks": "", "tickfont": {"color": "$ink"},
    }  # fmt: skip


def _height(rows: float, *, legend: bool) -> int:
    return round(max(3, rows) * BAR_PX + 50 + (30 if legend else 0))


def _columns(series: Sequence[Series]) -> list[str]:
    return [
        name
        for one in series
        for name in ([one.name, gettext("from"), gettext("to")] if one.low is not None else [one.name])
    ]


def _cell(one: Series, i: int) -> str | Cell:
    text = shown_value(one.values[i], one.is_share)
    url = one.urls[i] if one.urls else None
    return Cell(text, url) if url else text


def _row(name: str, series: Sequence[Series], i: int) -> list[str | Cell]:
    return [str(name), *_cells(series, i)]


def _cells(series: Sequence[Series], i: int) -> list[str | Cell]:
    row: list[str | Cell] = []
    for one in series:
        row.append(_cell(one, i))
        if one.low is not None and one.high is not None:
            row += [shown_value(one.low[i], one.is_share), shown_value(one.high[i], one.is_share)]
    return row
