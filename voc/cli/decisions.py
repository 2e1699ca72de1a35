"""People decide: corrections, and the queue of what waits for a decision."""

from __future__ import annotations

import json
from typing import Any

import click

from voc.cli.shared import NUMBER, Context, as_json, because, by, pass_context

#: Said on the command line for no owner, no topic, no department or no cooperators.
NOBODY = "none"


@click.command()
@click.argument("key", metavar="ID")
@click.option("--owner", help="Key of the department that owns it, or none.")
@click.option("--cooperators", metavar="KEY,KEY", help="Keys of the departments implicated too, or none.")
@click.option("--sentiment", help="negative, neutral, positive or, of the whole, mixed.")
@click.option("--topic", help="Key of its topic, or none.")
@click.option("--touchpoint", help="Where the customer stood, such as use.")
@click.option("--segment", metavar="START:END", help="Correct this segment and not the whole.")
@click.option("--department", help="Key of the segment's department, or none; goes with --segment.")
@click.option("--confirm", is_flag=True, help="Owner, cooperators and sentiment are right as they are.")
@by
@because
@as_json
@pass_context
def correct(
    context: Context,
    /,
    key: str,
    segment: str | None,
    confirm: bool,
    by: str,
    reason: str | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Say what is right of the feedback ID, of the whole or of one segment.

    It holds at once, in every count, and over every later run.
    """
    from voc import review

    said: dict[str, Any] = {
        name: None if value == NOBODY and name in ("owner", "topic", "department") else value
        for name, value in given.items()
        if value is not None
    }
    if given["cooperators"] is not None:
        listed = "" if given["cooperators"] == NOBODY else given["cooperators"]
        said["cooperators"] = [name.strip() for name in listed.split(",") if name.strip()]
    if segment is not None:
        said["segment"] = _span(segment)
    if confirm:
        said["confirm"] = True
    services = context.services
    decision = review.correct(services.store, services.pipelines.get(), key, said, author=by, reason=reason)
    _say(decision, as_json, "" if decision.fresh else "nothing new: that holds already")


def _span(given: str) -> dict[str, int]:
    start, _, end = given.partition(":")
    try:
        return {"start": int(start), "end": int(end)}
    except ValueError:
        raise click.BadParameter(f"must be START:END, got {given!r}", param_hint="--segment") from None


@click.group()
def corrections() -> None:
    """What people said of one feedback."""


@corrections.command("list")
@click.argument("key", metavar="ID")
@as_json
@pass_context
def corrections_list(context: Context, key: str, as_json: bool) -> None:
    """All corrections of the feedback ID, the oldest first."""
    from voc import review

    found = [one.as_dict() for one in review.corrections_of(context.services.store, key)]
    context.record()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        click.echo(_line(one))


@corrections.command("withdraw")
@click.argument("number", type=NUMBER)
@by
@as_json
@pass_context
def corrections_withdraw(context: Context, number: int, by: str, as_json: bool) -> None:
    """Take correction NUMBER back; what was said before it holds again."""
    from voc import review

    services = context.services
    decision = review.withdraw(services.store, services.pipelines.get(), number, author=by)
    _say(decision, as_json, f"correction {number} withdrawn")


@click.command("review")
@click.option("--order", type=click.Choice(["least-sure", "most-informative"]), default="least-sure",
              show_default=True, help="What comes first.")  # fmt: skip
@click.option("--department", help="Only those of which this department is a candidate.")
@click.option("--source", help="Only this source.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many.")
@as_json
@pass_context
def review_queue(
    context: Context, order: str, department: str | None, source: str | None, limit: int, as_json: bool
) -> None:
    """What waits for a person to decide whose it is.

    Decide with `voc correct ID --owner KEY`, or with `voc correct ID --confirm`.
    """
    from voc import review

    services = context.services
    if order == "least-sure":
        page = review.least_sure(services.store, limit, department=department, source=source)
    else:
        page = review.most_informative(
            services.store, services.pipelines.get(), limit, department=department, source=source
        )
    context.record()
    if as_json:
        click.echo(json.dumps({"items": [one.as_dict() for one in page.items], "waiting": page.waiting},
                              ensure_ascii=False))  # fmt: skip
        return
    for entry in page.items:
        worth = "" if entry.informativeness is None else f"  informativeness {entry.informativeness:.2f}"
        click.echo(f"{entry.kept.feedback.id}  {entry.reason}{worth}")
        click.echo(f"    {_short(entry.kept.feedback.text)}")
    click.echo(f"{len(page.items)} of {page.waiting} waiting")


def _say(decision: Any, as_json: bool, sentence: str) -> None:
    body = decision.as_dict()
    if as_json:
        click.echo(json.dumps(body, ensure_ascii=False))
        return
    analysis = body["analysis"]
    if sentence:
        click.echo(sentence)
    click.echo(
        f"{analysis['id']}  owner {analysis['owner'] or NOBODY}  "
        f"cooperators {', '.join(analysis['cooperators']) or NOBODY}  sentiment {analysis['sentiment']}  "
        f"touchpoint {analysis['touchpoint']}  status {analysis['status']}"
    )
    for part in analysis["segments"]:
        click.echo(
            f"  {part['start']}:{part['end']}  {part['department'] or NOBODY}  {part['topic'] or NOBODY}  "
            f"{part['sentiment']}  {_short(part['text'])}"
        )
    for one in body["corrections"]:
        click.echo(f"  {_line(one)}")


def _line(one: dict[str, Any]) -> str:
    of = f" of {one['segment']['start']}:{one['segment']['end']}" if one["segment"] else ""
    why = f" ({one['reason']})" if one["reason"] else ""
    taken = f", withdrawn by {one['withdrawn_by']} {one['withdrawn_at']}" if one["withdrawn_at"] else ""
    return (
        f"{one['number']:>5}  {one['field']}{of}: {_value(one['said'])} -> {_value(one['value'])}  "
        f"by {one['author']} {one['made_at']}{why}{taken}"
    )


def _value(value: Any) -> str:
    return (", ".join(value) if isinstance(value, list) else value) or NOBODY


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:99] + "…"
