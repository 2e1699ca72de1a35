"""The topics of the registry."""

from __future__ import annotations

import json

import click

from voc.cli.shared import Context, as_json, pass_context


@click.group()
def topics() -> None:
    """The topics of the registry."""


@topics.command("list")
@as_json
@pass_context
def topics_list(context: Context, as_json: bool) -> None:
    """All topics with how many feedback mention them."""
    from voc import reports

    found = reports.topics(context.services.store, context.services.pipelines.get().topics)
    if as_json:
        click.echo(json.dumps([summary.as_dict() for summary in found], ensure_ascii=False))
        return
    for summary in found:
        topic = summary.topic
        click.echo(
            f"{topic.key:<30} {summary.count:>6}  {topic.department:<11} "
            f"{topic.name['vi']} / {topic.name['en']}"
        )


@topics.command("show")
@click.argument("key")
@as_json
@pass_context
def topics_show(context: Context, key: str, as_json: bool) -> None:
    """One topic: names, words, examples, counts."""
    from voc import reports
    from voc.errors import NotFound

    for summary in reports.topics(context.services.store, context.services.pipelines.get().topics):
        if summary.topic.key == key:
            click.echo(json.dumps(summary.as_dict(), ensure_ascii=False, indent=None if as_json else 2))
            return
    raise NotFound("topic_unknown", f"no topic has the key {key!r}", "key")
