"""The figures of a period, as tables or as JSON: the same functions as the pages and ``/v1/reports``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from voc.cli.shared import Context, as_json, filtered, pass_context

if TYPE_CHECKING:
    from voc.facts import Facts, Mask
    from voc.intervals import Change, CountChange, Share
    from voc.reports import Part, Period, Score, SeamCell, TopicPart, TopicRow
    from voc.store import Filter


@dataclass(frozen=True, eq=False)
class Asked:
    """What a report is made of.

    Attributes:
        rows: the mask of the filter without its period.
        chosen: the filter.
        departments: key of the department that each topic belongs to.
        care: key of the department that covers care.
    """

    context: Context
    chosen: Filter
    facts: Facts
    rows: Mask
    period: Period

    def masks(self, chosen: Filter) -> Mask:
        """The mask of another filter."""
        found: Mask = self.context.services.facts.rows(self.facts, chosen)
        return found

    @property
    def departments(self) -> dict[str, str]:
        """Key of the department that each topic belongs to."""
        found: dict[str, str] = self.context.services.pipelines.get().department_of_topic
        return found

    @property
    def care(self) -> str:
        """Key of the department that covers care; empty where none does."""
        return self.context.services.organization.care or ""


def _asking(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the filter's options, ``--json``, and what a report is made of."""

    @pass_context
    def run(context: Context, /, chosen: Filter, as_json: bool, **given: Any) -> None:
        from voc import reports

        table = context.services.facts
        facts = table.now()
        period = reports.chosen_period(facts, reports.first_day(chosen.since), reports.last_day(chosen.until))
        rows = table.rows(facts, replace(chosen, since=None, until=None))
        command(Asked(context, chosen, facts, rows, period), as_json, **given)

    wrapped: Callable[..., None] = wraps(command)(as_json(filtered(run)))
    return wrapped


@click.group()
def report() -> None:
    """Figures of a period against the period before, with their intervals.

    The period is --since to --until, whole days in UTC; by default the last 28 days that have feedback.
    docs/metrics.md defines each figure.
    """


@report.command()
@_asking
def overview(asked: Asked, as_json: bool) -> None:
    """Volume, feeling, NPS and CSAT, coverage, what rises and falls, the loudest seams."""
    from voc import reports

    found = reports.overview(asked.facts, asked.rows, asked.period, asked.departments, asked.care)
    if as_json:
        _print(found.as_dict())
        return
    _head(found.period, found.period_before)
    click.echo(f"feedback      {found.count:>8,}   {_counted(found.change)}")
    click.echo(f"negative      {_changed(found.negative)}")
    for score in (found.sentiment, found.nps, found.csat):
        if score is not None:
            click.echo(f"{score.name:<13} {_scored(score)}")
    click.echo(f"firefighting  {_changed(found.firefighting)}")
    kept = found.coverage
    click.echo(
        f"coverage      {kept.routed:,} routed ({kept.routed_share.value:.1%}), {kept.review:,} for review, "
        f"{kept.no_owner:,} nobody's, {kept.waiting:,} waiting"
    )
    _parts("owners", found.owners)
    _table("rising", _topic_rows(found.rising))
    _table("falling", _topic_rows(found.falling))
    _table("seams", map(_seam, found.seams))
    _table("praised", map(_spoken, found.praised))
    _table("pains", map(_spoken, found.pains))


@report.command()
@_asking
def topics(asked: Asked, as_json: bool) -> None:
    """Each topic with its share, feeling, and whether it changed by more than noise."""
    from voc import reports

    found = reports.topic_table(asked.facts, asked.rows, asked.period, asked.departments)
    if as_json:
        _print(reports.listed(asked.period, found))
        return
    _head(asked.period, reports.before(asked.period))
    _table("", _topic_rows(row for row in found if row.count or row.before))


@report.command()
@click.argument("key")
@_asking
def topic(asked: Asked, as_json: bool, key: str) -> None:
    """One topic over time, by source, touchpoint and department."""
    from voc import reports

    asked.context.services.pipelines.get().topics.registry.get(key)
    found = reports.topic_story(asked.facts, asked.rows, asked.period, key, asked.departments)
    if as_json:
        _print(found.as_dict())
        return
    _head(found.period, found.period_before)
    _table("", _topic_rows([found.row]))
    _table("over time", (
        f"{bucket.start}  {bucket.count:>7,}   {_share(bucket.negative)} negative" for bucket in found.series
    ))  # fmt: skip
    for name in ("sources", "touchpoints", "owners", "departments"):
        _parts(name, getattr(found, name))
    _table("together with", (
        f"{other.key:<32} {other.count:>7,}   x{other.lift:g}" for other in found.together
    ))  # fmt: skip


@report.command()
@click.argument("key", required=False)
@_asking
def department(asked: Asked, as_json: bool, key: str | None) -> None:
    """One department: what it owns, praise, pains, what is new; all of them without KEY."""
    from voc import reports
    from voc.errors import NotFound

    if key is None:
        _all_departments(asked, as_json)
        return
    if key not in {*asked.context.services.organization.by_key, *asked.facts.departments}:
        raise NotFound("department_unknown", f"there is no department {key}")
    found = reports.department_lens(asked.facts, asked.rows, asked.period, key, asked.departments)
    if as_json:
        _print(found.as_dict())
        return
    _head(found.period, found.period_before)
    click.echo(f"owns          {found.owned:>8,}   {_counted(found.owned_change)}")
    click.echo(f"co-operates   {found.cooperating:>8,}   {_counted(found.cooperating_change)}")
    click.echo(f"last week     {found.week.now if found.week else 0:>8,}   {_counted(found.week)}")
    click.echo(f"negative      {_changed(found.negative)}")
    click.echo(f"praise        {found.praise_count:>8,}")
    _table("praise", (
        f"{one.key:<32} {one.positive_count:>7,} of {one.count:,}" for one in found.praise
    ))  # fmt: skip
    _table("pains", map(_spoken, found.pains))
    _table(f"new since {found.new_since}", (
        f"{one.key:<32} {one.count:>7,}   {one.negative_count:,} negative" for one in found.new
    ))  # fmt: skip
    _table("risen in a week", _topic_rows(found.risen))
    _parts("touchpoints", found.touchpoints)
    _table("seams", map(_seam, found.seams))


def _all_departments(asked: Asked, as_json: bool) -> None:
    from voc import reports

    found = reports.department_table(asked.facts, asked.rows, asked.period)
    if as_json:
        _print(reports.listed(asked.period, found))
        return
    _head(asked.period, reports.before(asked.period))
    _table("", (
        f"{row.key:<14} owns {row.owned:>7,}  co-operates {row.cooperating:>7,}   "
        f"{_share(row.negative.now)} negative{_real(row.negative)}" for row in found
    ))  # fmt: skip


@report.command()
@_asking
def seams(asked: Asked, as_json: bool) -> None:
    """What falls between departments: pairs, chains, firefighting."""
    from voc import reports

    found = reports.seams(asked.facts, asked.rows, asked.period, asked.care)
    ids = asked.context.services.store.columns.ids(one.number for one in found.longest)
    if as_json:
        _print(found.with_ids(ids))
        return
    _head(found.period, found.period_before)
    click.echo(f"on a seam     {_changed(found.between)}")
    click.echo(f"  negative    {_changed(found.between_negative)}")
    click.echo(f"  of the rest {_changed(found.within_negative)}")
    click.echo(f"sent around   {_changed(found.chains)}")
    click.echo(f"firefighting  {_changed(found.firefighting)}")
    _table("seams", map(_seam, found.pairs))
    _table("ways", (
        f"{link.source:<12} -> {link.target:<12} {link.count:>7,}" for link in found.links
    ))  # fmt: skip
    _table("longest", (
        f"{one.at[:10]}  {ids[one.number]}  {' -> '.join(one.hops)}"
        for one in found.longest if one.number in ids
    ))  # fmt: skip


@report.command()
@_asking
def seam_history(asked: Asked, as_json: bool) -> None:
    """Seams week by week, up to the last day of the period."""
    from voc import reports

    found = reports.seam_history(asked.facts, asked.rows, asked.period)
    if as_json:
        _print(found.as_dict())
        return
    click.echo(f"{found.weeks} weeks from {found.since}")
    _table("seams", (
        f"{line.a:<12} x {line.b:<12} {' '.join(f'{week.count:>5,}' for week in line.weeks)}"
        for line in found.lines
    ))  # fmt: skip


@report.command()
@_asking
def journey(asked: Asked, as_json: bool) -> None:
    """Volume and feeling at each touchpoint, and the topics that break it."""
    from voc import reports

    found = reports.journey(asked.facts, asked.rows, asked.period)
    if as_json:
        _print(found.as_dict())
        return
    _head(found.period, found.period_before)
    _table("", (
        f"{stage.touchpoint:<10} {stage.count:>7,}   {_share(stage.negative.now)} negative"
        f"{_real(stage.negative)}   {', '.join(topic.key for topic in stage.breaking)}"
        for stage in found.stages
    ))  # fmt: skip


@report.command()
@click.option("--score", type=click.Choice(["nps", "csat"]), default="nps", show_default=True,
              help="Of which answers.")  # fmt: skip
@_asking
def drivers(asked: Asked, as_json: bool, score: Any) -> None:
    """For each topic what it does to NPS or CSAT."""
    from voc import reports

    found = reports.drivers(asked.facts, asked.rows, asked.period, score)
    if as_json:
        _print(found.as_dict())
        return
    _head(found.period, None)
    if found.overall is None:
        click.echo(f"no {score} in this period")
        return
    click.echo(f"{score:<13} {_scored(found.overall)}")
    for one in found.items:
        if one.enough:
            click.echo(
                f"{one.key:<32} {one.impact:>+7.2f} ({one.low:+.2f} to {one.high:+.2f})"
                f"{_mark(one.is_real)}   n {one.n:,}"
            )
    if found.not_enough:
        click.echo(f"{found.not_enough} more topics have not enough data")
    click.echo(f"\n{found.method}")


@report.command()
@click.option("--against", "against", multiple=True, metavar="NAME=VALUE",
              help="What the other side has instead, such as source=zalo, attribute=plan:gold, "
              "from=2026-10-01; may be given often [default: the period before].")  # fmt: skip
@_asking
def compare(asked: Asked, as_json: bool, against: Sequence[str]) -> None:
    """Two choices of feedback side by side: the options, and what --against changes of them."""
    from voc import reports

    changed, first, last = _against(against)
    other = reports.other_period(asked.period, first, last, same=bool(changed))
    timeless = replace(asked.chosen, since=None, until=None)
    theirs = asked.masks(replace(timeless, **changed))
    found = reports.compare(asked.facts, theirs, asked.rows, other, asked.period)
    if as_json:
        _print(found.as_dict())
        return
    for side in (found.a, found.b):
        click.echo(f"{side.period.since} to {side.period.last}: {side.count:,} feedback")
    if found.overlap:
        click.echo(f"{found.overlap:,} feedback are on both sides: tests and intervals do not hold")
    click.echo(f"negative      {_changed(found.negative)}")
    for score in (found.sentiment, found.nps, found.csat):
        if score is not None:
            click.echo(f"{score.name:<13} {_scored(score)}")
    for name in ("topics", "departments", "touchpoints", "sentiments", "sources", "languages"):
        _table(name, (
            f"{row.key or '-':<32} {row.a:>7,} {row.b:>7,}   {_changed(row.share)}"
            for row in getattr(found, name)
        ))  # fmt: skip


def _against(given: Sequence[str]) -> tuple[dict[str, Any], date | None, date | None]:
    """What the other side's filter has instead, its first day and its last."""
    names = ("department", "role", "topic", "source", "language", "touchpoint", "attribute", "from", "to")
    found: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or name not in names:
            raise click.BadParameter(f"NAME=VALUE with one of {', '.join(names)}", param_hint="--against")
        found[name] = value
    days: dict[str, date] = {}
    for name in found.keys() & {"from", "to"}:
        try:
            days[name] = date.fromisoformat(found.pop(name))
        except ValueError:
            raise click.BadParameter(f"{name}: a day such as 2026-11-21", param_hint="--against") from None
    if "attribute" in found:
        attribute, colon, value = found["attribute"].partition(":")
        if not attribute or not colon:
            raise click.BadParameter("attribute must be NAME:VALUE", param_hint="--against")
        found["attribute"] = (attribute, value)
    return found, days.get("from"), days.get("to")


# ---- how things are shown


def _print(body: dict[str, Any]) -> None:
    click.echo(json.dumps(body, ensure_ascii=False))


def _head(period: Period, before: Period | None) -> None:
    against = f", against {before.since} to {before.last}" if before else ""
    click.echo(f"{period.since} to {period.last}{against}   (* more than noise)")


def _table(title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found and title:
        click.echo(f"\n{title}")
    for line in found:
        click.echo(f"  {line}" if title else line)


def _parts(title: str, parts: Sequence[Part]) -> None:
    _table(title, (
        f"{part.key or '-':<32} {part.count:>7,}  {part.share.value:>6.1%}   {_share(part.negative)} negative"
        for part in parts
    ))  # fmt: skip


def _topic_rows(rows: Iterable[TopicRow]) -> list[str]:
    return [
        f"{row.key:<32} {row.count:>7,}   {_share(row.negative)} negative   share {_changed(row.change)}"
        f"{' new' if row.is_new else ''}"
        for row in rows
    ]


def _seam(cell: SeamCell) -> str:
    pair = f"{cell.a} + {cell.b}"
    return f"{pair:<32} {cell.count:>7,}   {_share(cell.negative)} negative   share {_changed(cell.change)}"


def _spoken(part: TopicPart) -> str:
    return f"{part.key:<32} {part.count:>7,}   {_share(part.negative)} negative"


def _share(share: Share) -> str:
    return f"{share.value:>6.1%} ({share.low:.0%}-{share.high:.0%})"


def _changed(change: Change) -> str:
    if change.difference is None or change.low is None or change.high is None:
        return f"{_share(change.now)}  nothing to compare with"
    points = f"{100 * change.difference:+.1f} points ({100 * change.low:+.1f} to {100 * change.high:+.1f})"
    return f"{_share(change.now)}  {points}{_mark(change.is_real)}"


def _counted(change: CountChange | None) -> str:
    if change is None:
        return "nothing to compare with"
    ratio = "new" if change.ratio is None else f"x{change.ratio:.2f}"
    high = "" if change.high is None else f" to x{change.high:.2f}"
    return f"{ratio} (x{change.low:.2f}{high}) against {change.before:,}{_mark(change.is_real)}"


def _scored(score: Score) -> str:
    found = f"{score.value:+.1f} ({score.low:+.1f} to {score.high:+.1f}, n {score.n:,})"
    if score.change is None:
        return f"{found}  nothing to compare with"
    change = score.change
    return (
        f"{found}  {change.difference:+.1f} ({change.low:+.1f} to {change.high:+.1f}){_mark(change.is_real)}"
    )


def _real(change: Change) -> str:
    return _mark(change.is_real)


def _mark(is_real: bool) -> str:
    return " *" if is_real else ""
