"""What the law gives a customer: all that is kept, its erasure; and texts kept no longer than promised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from voc.cli.shared import Context, as_json, because, by, pass_context, progress

if TYPE_CHECKING:
    from voc.rights import Done

_customer = click.option("--customer", metavar="REF", help="The customer, as `customer_ref` names it.")


@click.group()
def privacy() -> None:
    """What is kept of a customer, and its erasure."""


@privacy.command("export")
@click.option("--customer", metavar="REF", required=True, help="The customer, as `customer_ref` names it.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@by
@pass_context
def export_customer(context: Context, customer: str, file: Path | None, by: str) -> None:
    """Write all that is kept of a customer as JSON lines, to FILE (for its owner alone) or standard output.

    Each line is one feedback with every analysis, correction and event of it.
    """
    from voc import rights
    from voc.export import for_its_owner

    store = context.services.store
    context.record()  # before anything of it is shown
    lines = (json.dumps(one, ensure_ascii=False) for one in rights.everything_of(store, customer))
    if file is None:
        for line in lines:
            click.echo(line)
        return
    copy = store.copies.add("privacy", file, by=by)
    rows = 0
    with open(file, "w", encoding="utf-8", opener=for_its_owner) as out:
        for line in lines:
            out.write(line + "\n")
            rows += 1
    store.copies.finished(copy, rows)
    click.echo(f"{file}: {rows} feedback")


@privacy.command()
@_customer
@click.option("--feedback", "keys", multiple=True, metavar="ID",
              help="One feedback, where no reference names the customer; may be given often.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--no-compact", is_flag=True,
              help="Do not write the file anew: what was erased may be left in free pages.")  # fmt: skip
@by
@because
@as_json
@pass_context
def erase(
    context: Context,
    customer: str | None,
    keys: Sequence[str],
    yes: bool,
    no_compact: bool,
    by: str,
    reason: str | None,
    as_json: bool,
) -> None:
    """Erase what a customer said: text, vectors, search index, events that wait.

    Counts stay. It cannot be undone. Exports and backups on disk are listed: erase those yourself.
    """
    from voc import rights

    if (customer is None) == (not keys):
        raise click.UsageError("give --customer or --feedback")
    if not yes:
        click.confirm("Erase for good?", abort=True, err=True)
    store = context.services.store
    if customer is not None:
        done = rights.erase_customer(store, customer, author=by, reason=reason)
    else:
        done = rights.erase_feedback(store, keys, author=by, reason=reason)
    try:
        if not no_compact:
            store.erasures.compact()
    finally:  # what is done is done, and has to be told
        _say(done, as_json)


def _say(done: Done, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(done.as_dict(), ensure_ascii=False))
        return
    click.echo(f"erasure {done.erasure.number}: {done.erasure.feedback} feedback erased")
    for copy in done.copies:
        click.echo(f"  still on disk: {copy.path} ({copy.kind} of {copy.made_at[:10]} by {copy.made_by})")


@privacy.command()
@click.option("--days", type=click.IntRange(1, 36_500),
              help="Erase what was received longer ago [default: VOC_RETENTION_DAYS].")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say how many, erase nothing.")
@click.option("--no-compact", is_flag=True, help="Do not write the database file anew.")
@by
@as_json
@pass_context
def retention(
    context: Context, days: int | None, dry_run: bool, no_compact: bool, by: str, as_json: bool
) -> None:
    """Erase feedback older than so many days; for a daily timer."""
    from voc import rights

    kept = days if days is not None else context.settings.retention_days
    if kept is None:
        raise click.UsageError("give --days or set VOC_RETENTION_DAYS")
    store = context.services.store
    if dry_run:
        erased = rights.too_old(store, kept)
    else:
        with progress("erasing") as advance:
            erased = sum(one.feedback for one in rights.retire(store, kept, author=by, progress=advance))
    try:
        if erased and not (dry_run or no_compact):
            store.erasures.compact()
    finally:
        if as_json:
            click.echo(json.dumps({"days": kept, "feedback": erased, "dry_run": dry_run}))
        else:
            done = "would be" if dry_run else "were"
            click.echo(f"{erased} feedback {done} erased, received over {kept} days ago")


@privacy.command()
@pass_context
def compact(context: Context) -> None:
    """Write the database file anew, so that nothing erased is left in its free pages or in the log beside it.

    `erase` and `retention` do it themselves, unless they were told not to or somebody was in the way.
    """
    context.services.store.erasures.compact()
    click.echo(f"{context.settings.db}: nothing that was erased is left in it")


@privacy.command("list")
@as_json
@pass_context
def list_erasures(context: Context, as_json: bool) -> None:
    """Erasures so far, the latest first, and copies of the data that were written to disk."""
    store = context.services.store
    body: dict[str, Any] = {
        "erasures": [one.as_dict() for one in store.erasures.every()],
        "copies": [copy.as_dict() for copy in store.copies.list()],
    }
    if as_json:
        click.echo(json.dumps(body, ensure_ascii=False))
        return
    for one in body["erasures"]:
        click.echo(
            f"erasure {one['number']}  {one['made_at'][:10]}  {one['kind']:<9} "
            f"{one['feedback']} feedback  {one['made_by']}"
        )
    for copy in body["copies"]:
        click.echo(f"copy  {copy['made_at'][:10]}  {copy['kind']:<7} {copy['path']}")
