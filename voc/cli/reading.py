"""Looking at what was said: search and trends."""

from __future__ import annotations

import json

import click

from voc.cli.shared import Context, as_json, pass_context


@click.command()
@click.argument("query")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="Rows.")
@as_json
@pass_context
def search(context: Context, query: str, limit: int, as_json: bool) -> None:
    """Find feedback by words; diacritics do not matter."""
    from voc.store import Filter

    found, _ = context.services.store.find(Filter(q=query), limit)
    context.record()
    if as_json:
        click.echo(json.dumps([kept.as_dict() for kept in found], ensure_ascii=False))
        return
    for kept in found:
        owner = kept.analysis.owner if kept.analysis else "queued"
        line = " ".join(kept.feedback.text.split())[:140]
        click.echo(f"{kept.feedback.occurred_at[:10]}  {owner or '-':<11} {line}")


@click.command()
@click.option("--by", type=click.Choice(["topic", "department", "touchpoint"]), default="department",
              show_default=True, help="What is counted.")  # fmt: skip
@click.option("--grain", type=click.Choice(["day", "week", "month"]), default="week", show_default=True,
              help="Length of a period.")  # fmt: skip
@click.option("--source", help="Only this source.")
@as_json
@pass_context
def trends(context: Context, by: str, grain: str, source: str | None, as_json: bool) -> None:
    """Count feedback over time."""
    from voc import reports
    from voc.store import Filter

    table = context.services.facts
    facts = table.now()
    points = reports.trends(facts, table.rows(facts, Filter(source=source)), by, grain)  # type: ignore[arg-type]
    if as_json:
        click.echo(json.dumps([point.as_dict() for point in points], ensure_ascii=False))
        return
    for point in points:
        share = point.negative_share
        click.echo(
            f"{point.period}  {point.key:<28} {point.count:>6}   "
            f"{share.value:>6.1%} negative ({share.low:.0%}-{share.high:.0%})"
        )
