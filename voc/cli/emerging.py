"""What grows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from voc.cli.shared import Context, as_json, pass_context


@click.command()
@click.option("--window-days", default=14, show_default=True, type=click.IntRange(1, 366),
              help="Days of the present.")  # fmt: skip
@click.option("--past-days", default=56, show_default=True, type=click.IntRange(1, 3660),
              help="Days before it.")  # fmt: skip
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]),
              help="Last day of the present [default: that of the latest feedback up to now].")  # fmt: skip
@click.option("--topic", metavar="KEY", help="This topic and inside it only.")
@click.option("--notify", is_flag=True, help="Tell webhooks of each thing that grows, once a week.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="Rows.")
@as_json
@pass_context
def emerging(
    context: Context,
    window_days: int,
    past_days: int,
    until: datetime | None,
    topic: str | None,
    notify: bool,
    limit: int,
    as_json: bool,
) -> None:
    """What is said more often than it was, per feedback.

    Looked for among the segments that belong to no topic, inside each topic, and in topics as a whole. Of all
    that is listed, 5 % is there by chance at most, on average.
    """
    from voc.emerging import Question
    from voc.emerging import emerging as ask

    pipeline = context.services.pipelines.get()
    question = Question(window_days, past_days, until.date() if until else None, topic)
    found = ask(context.services.store, pipeline.topics.registry, pipeline.reader.version, question)
    told = 0
    if notify and found.turn is not None:
        items = [item.as_dict() for item in found.items]
        told = context.services.store.outbox.announce(items, found.turn, pipeline.department_of_topic)
    body = found.as_dict(limit) | ({"notified": told} if notify else {})
    context.record()
    if as_json:
        click.echo(json.dumps(body, ensure_ascii=False))
        return
    if found.turn is None:
        click.echo("nothing was analyzed yet")
        return
    click.echo(
        f"{found.now} feedback since {found.turn[:10]} against {found.past} since {body['since'][:10]}: "
        f"{len(found.items)} of {found.tested} things grow"
    )
    for item in body["items"]:
        _say(item)
    if notify:
        click.echo(f"\n{told} new events for webhooks")


def _say(item: dict[str, Any]) -> None:
    place = {"none": "no topic", "topic": item["topic"], "within": f"in {item['topic']}"}[item["kind"]]
    times = "new" if item["ratio"] is None else f"x{item['ratio']:g}"
    click.echo(
        f"\n{item['label']}  ({place})\n"
        f"  {times} (at least x{item['ratio_low']:g}): {item['now']} now, {item['past']} before; "
        f"q {item['q']:.2g}; {item['negative_share']['value']:.0%} negative"
    )
    for example in item["examples"]:
        words = " ".join(example["text"].split())[:100]
        click.echo(f"  {example['occurred_at'][:10]}  {example['id']}  {words}")
