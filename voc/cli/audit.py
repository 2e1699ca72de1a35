"""Who did what, and whether the log of it is whole."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import click

from voc.cli.shared import DAY, Context, as_json, pass_context


@click.group()
def audit() -> None:
    """Who read, exported, corrected or changed what."""


@audit.command("verify")
@click.option(
    "--head", metavar="HASH", help="Hash that `voc audit head` gave once and that you kept elsewhere."
)
@as_json
@pass_context
def audit_verify(context: Context, head: str | None, as_json: bool) -> None:
    """Check every line against its hash and the line before; the exit status is 1 if something is wrong.

    Without --head it cannot tell that the end was cut off, or all written anew from some line on, by somebody
    who also mended the database's own counter.
    """
    kept = head.strip().lower() if head is not None else None
    verdict = context.services.store.audit.verify(kept)
    if as_json:
        body = {
            "lines": verdict.lines,
            "head": verdict.head,
            "number": verdict.number,
            "wrong": verdict.wrong,
        }
        click.echo(json.dumps(body))
    elif verdict.wrong is None:
        click.echo(f"{verdict.lines} lines, all as they were written; head {verdict.head or '-'}")
    else:
        click.echo(f"{verdict.wrong}\n{verdict.lines} lines before it are as they were written")
    if verdict.wrong is not None:
        click.get_current_context().exit(1)


@audit.command("head")
@as_json
@pass_context
def audit_head(context: Context, as_json: bool) -> None:
    """The hash of the last line, to be kept elsewhere for `voc audit verify --head`."""
    head = context.services.store.audit.head()
    if as_json:
        click.echo(json.dumps({"number": head.number, "at": head.at, "hash": head.hash} if head else None))
        return
    click.echo(head.hash if head else "nothing was logged yet")


@audit.command("list")
@click.option("--actor", help="Only of this one, such as key:3f9c2a1b or person:lan.")
@click.option("--action", help="Only actions that begin so, such as topic. or cli.export.")
@click.option("--subject", help="Only what was done to this id or key.")
@click.option("--since", type=DAY, help="Only on or after this day (UTC).")
@click.option("--until", type=DAY, help="Only up to this day, the day included.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="Lines.")
@as_json
@pass_context
def audit_list(
    context: Context,
    actor: str | None,
    action: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """The latest lines first."""
    found, _ = context.services.store.audit.entries(
        actor=actor, action=action, subject=subject,
        since=since.date().isoformat() if since else None,
        until=(until.date() + timedelta(days=1)).isoformat() if until else None,
        limit=limit,
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps([line.as_dict() for line in found], ensure_ascii=False))
        return
    for line in found:
        details = json.dumps(line.details, ensure_ascii=False) if line.details else ""
        words = f"{line.number:>6}  {line.at}  {line.actor:<20} {line.action:<24} {line.subject or '-'}"
        click.echo(f"{words}  {details}".rstrip())
