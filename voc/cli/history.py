"""History judged again: tried, run, listed, taken back."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial
from typing import Any

import click

from voc.cli.engine import cluster_at, dask_option
from voc.cli.shared import NUMBER, Context, as_json, pass_context, progress


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would move and keep nothing.")
@click.option("--rollback", type=NUMBER, metavar="RUN", help="Show again what was shown before this run.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]),
              help="Only feedback that occurred on or after this day.")  # fmt: skip
@click.option("--source", help="Only this source.")
@dask_option
@as_json
@pass_context
def reclassify(
    context: Context,
    dry_run: bool,
    rollback: int | None,
    since: datetime | None,
    source: str | None,
    dask: str | None,
    as_json: bool,
) -> None:
    """Judge kept feedback again by the current models, topics and organization.

    Kept vectors are used, so nothing is encoded again unless the encoder changed. The old answers are shown
    until all new ones are there. A run that is stopped, or killed, goes on where it was when this is called
    again. What people corrected stays. With --dask the workers judge; this process alone reads and writes
    the database.
    """
    from voc.history import judged
    from voc.store import Filter

    history = context.services.history
    if rollback is not None:
        if dry_run or since or source or dask:
            raise click.UsageError("--rollback takes back a whole run; it goes with no other option")
        run = history.rollback(rollback)
        _say_run(_told(run), as_json, f"run {rollback} rolled back: {run.rows} feedback as they were before")
        return
    chosen = Filter(since=since.date().isoformat() if since else None, source=source)
    total = history.left(chosen)
    with (
        progress("trying" if dry_run else "reclassifying", total) as advance,
        cluster_at(context, dask) as cluster,
    ):
        judge = None if cluster is None else partial(cluster.map, judged)
        if dry_run:
            number, change = None, history.try_out(chosen, advance, judge)
        else:
            run, change = history.run(chosen, advance, judge)
            number = run.number if run else None
    version = context.services.pipelines.get().version
    result = {"dry_run": dry_run, "run": number, "pipeline": version, **history.told(change)}
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    _say_change(result)


def _say_change(result: dict[str, Any]) -> None:
    done = "would be judged" if result["dry_run"] else "judged"
    if result["run"] is not None:
        done += f" in run {result['run']}"
    click.echo(f"{result['rows']} feedback {done} by {result['pipeline']}")
    if result["corrections_kept"]:
        click.echo(f"  {result['corrections_kept']} of them keep what people decided")
    for moved in result["owners_moved"]:
        click.echo(f"  owner {moved['from'] or 'none'} -> {moved['to'] or 'none'}: {moved['count']}")
        for example in moved["examples"]:
            click.echo(f"      {example['id']}  {' '.join(example['text'].split())[:90]}")
    for entry in result["departments"]:
        name = entry["department"] or "none"
        click.echo(f"  {name:<11} gains {entry['gains']}, loses {entry['loses']}")
    for kind, name in (
        ("sentiments_moved", "sentiment"),
        ("statuses_moved", "status"),
        ("topics_moved", "topic"),
    ):
        for moved in result[kind]:
            click.echo(f"  {name} {moved['from'] or 'none'} -> {moved['to'] or 'none'}: {moved['count']}")


@click.group()
def runs() -> None:
    """Runs over history."""


@runs.command("list")
@as_json
@pass_context
def runs_list(context: Context, as_json: bool) -> None:
    """All runs, the latest first."""
    found = [_told(run) for run in context.services.store.runs.every()]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for run in found:
        done = run["finished_at"] or "-"
        click.echo(
            f"{run['run']:>5}  {run['state']:<11} {run['rows']:>9} feedback  {run['pipeline']}  "
            f"{run['started_at']}  {done}"
        )


@runs.command("prune")
@click.option(
    "--keep",
    default=1,
    show_default=True,
    type=click.IntRange(0, 1_000_000),
    help="Runs to be able to take back.",
)
@as_json
@pass_context
def runs_prune(context: Context, keep: int, as_json: bool) -> None:
    """Throw away answers that are no longer shown; runs before the last --keep cannot be taken back then."""
    with progress("pruning") as advance:
        gone = context.services.store.runs.prune(keep, advance)
    _say_run({"analyses": gone}, as_json, f"{gone} analyses thrown away; the file shrinks with VACUUM")


def _told(run: Any) -> dict[str, Any]:
    """A run with what it moved, in the words in which `voc reclassify` tells it."""
    from voc.history import Change

    told: dict[str, Any] = run.as_dict() | {"change": Change.of(run.change).as_dict()}
    return told


def _say_run(run: dict[str, Any], as_json: bool, sentence: str) -> None:
    click.echo(json.dumps(run, ensure_ascii=False) if as_json else sentence)
