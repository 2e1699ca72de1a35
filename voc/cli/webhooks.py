"""Where events go, and what became of them."""

from __future__ import annotations

import json
from typing import Any

import click

from voc.cli.shared import Context, as_json, pass_context, the_user

_name = click.argument("key", metavar="NAME")


@click.group()
def webhooks() -> None:
    """Events for other programs: where they go, and what became of them."""


@webhooks.command("add")
@_name
@click.argument("url")
@click.option("--event", "events", multiple=True, required=True, metavar="TYPE",
              help="feedback.routed, feedback.review, topic.emerging or run.finished; often.")  # fmt: skip
@click.option("--department", metavar="KEY", help="Only what this department owns or co-operates on.")
@as_json
@pass_context
def webhooks_add(
    context: Context, key: str, url: str, events: tuple[str, ...], department: str | None, as_json: bool
) -> None:
    """Send events to URL, under the name NAME.

    Prints the secret by which they are signed; it is not shown again.
    """
    from voc.webhooks import add

    services = context.services
    target, secret = add(
        services.store, services.settings, key, url, events, department, by=f"command:{the_user()}"
    )
    _say_secret(key, target.as_dict() | {"secret": secret}, as_json)


@webhooks.command("list")
@as_json
@pass_context
def webhooks_list(context: Context, as_json: bool) -> None:
    """Every target, how many events wait for it and how many were given up."""
    found = [target.as_dict() for target in context.services.store.outbox.targets()]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        click.echo(
            f"{one['name']}  {one['state']}  {one['pending']} waiting  {one['dead']} dead  "
            f"{', '.join(one['events'])}  {one['department'] or 'every department'}  {one['url']}"
        )


@webhooks.command("remove")
@_name
@as_json
@pass_context
def webhooks_remove(context: Context, key: str, as_json: bool) -> None:
    """Send nothing more to NAME, and forget what it was still to get."""
    context.services.store.outbox.remove(key)
    _say({"name": key, "removed": True}, as_json, f"{key} removed")


@webhooks.command("pause")
@_name
@as_json
@pass_context
def webhooks_pause(context: Context, key: str, as_json: bool) -> None:
    """Send nothing to NAME until it is resumed; events that arise meanwhile are not kept for it."""
    target = context.services.store.outbox.set_state(key, "paused")
    _say(target.as_dict(), as_json, f"{key} paused with {target.pending} waiting")


@webhooks.command("resume")
@_name
@as_json
@pass_context
def webhooks_resume(context: Context, key: str, as_json: bool) -> None:
    """Send to NAME again, what waited first."""
    target = context.services.store.outbox.set_state(key, "active")
    _say(target.as_dict(), as_json, f"{key} resumed with {target.pending} waiting")


@webhooks.command("rotate")
@_name
@as_json
@pass_context
def webhooks_rotate(context: Context, key: str, as_json: bool) -> None:
    """Give NAME a new secret; for a day events are signed by the old one as well."""
    from voc.webhooks import rotate

    _say_secret(key, {"name": key, "secret": rotate(context.services.store, key)}, as_json)


@webhooks.command("dead")
@click.argument("key", metavar="[NAME]", required=False)
@as_json
@pass_context
def webhooks_dead(context: Context, key: str | None, as_json: bool) -> None:
    """Events that were given up, for NAME or for all."""
    found = [letter.as_dict() for letter in context.services.store.deliveries.letters(key)]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        click.echo(_line(one))


@webhooks.command("replay")
@_name
@click.argument("events", metavar="[EVENT]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that were given up.")
@as_json
@pass_context
def webhooks_replay(
    context: Context, key: str, events: tuple[str, ...], everything: bool, as_json: bool
) -> None:
    """Put events that were given up for NAME back in its queue, in their old order."""
    if bool(events) == everything:
        raise click.UsageError("name events, or give --all")
    count = context.services.store.deliveries.replay(key, None if everything else events)
    _say({"replayed": count}, as_json, f"{count} events are in the queue again")


@webhooks.command("test")
@_name
@as_json
@pass_context
def webhooks_test(context: Context, key: str, as_json: bool) -> None:
    """Send NAME an event that tells nothing, after what waits for it; say what became of it."""
    services = context.services
    event = services.store.outbox.ping(key)
    services.webhooks.once(key)
    letter = services.store.deliveries.letter(key, event).as_dict()
    _say(letter, as_json, _line(letter))


@webhooks.command("deliver")
@as_json
@pass_context
def webhooks_deliver(context: Context, as_json: bool) -> None:
    """Send all that is due, once; the service does so by itself."""
    services = context.services
    services.webhooks.once()
    found = services.store.outbox.targets()
    counts = {name: sum(getattr(target, name) for target in found) for name in ("pending", "dead")}
    _say(counts, as_json, f"{counts['pending']} events wait, {counts['dead']} were given up")


def _line(letter: dict[str, Any]) -> str:
    tail = f"  {letter['error']}" if letter["error"] else ""
    return (
        f"{letter['event']}  {letter['target']}  {letter['type']}  {letter['subject']}  {letter['state']}  "
        f"{letter['attempts']} attempts  {letter['ended_at'] or letter['made_at']}{tail}"
    )


def _say_secret(name: str, body: dict[str, Any], as_json: bool) -> None:
    _say(body, as_json, f"{name}: keep this secret, it is not shown again\n{body['secret']}")


def _say(body: dict[str, Any], as_json: bool, sentence: str) -> None:
    click.echo(json.dumps(body, ensure_ascii=False) if as_json else sentence)
