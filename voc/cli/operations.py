"""Keeping the installation well: backups, restores, the doctor."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voc.cli.shared import Context, as_json, by, pass_context

if TYPE_CHECKING:
    from voc.store import Store

_MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@by
@as_json
@pass_context
def backup(context: Context, file: Path, force: bool, by: str, as_json: bool) -> None:
    """Write a checked copy of the whole database to FILE, also while the service runs.

    FILE appears once it is whole: read to its last page, its rows counted, its bytes on the disk. It holds
    everything that the database holds; only its owner may read it.
    """
    from voc.backup import backup as write

    with _pages("copying") as progress:
        done = write(context.services.store, file, by=by, force=force, progress=progress)
    context.outcome(rows=done.rows)
    if as_json:
        click.echo(json.dumps(done.as_dict()))
        return
    click.echo(f"{done.path}: {done.rows:,} feedback, {done.bytes:,} bytes")
    click.echo(f"sha256 {done.sha256}")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--no-safety", is_flag=True, help="Do not keep the database that is replaced.")
@by
@as_json
@pass_context
def restore(context: Context, file: Path, no_safety: bool, by: str, as_json: bool) -> None:
    """Put the backup FILE in the place of the database, also while the service runs.

    It is checked and brought to this version's schema first, and takes its place in one moment; the database
    that it replaces is kept beside it. What was erased, revoked or shut out since FILE was written stays so.
    """
    from voc.backup import restore as put_back

    settings = context.settings
    _ = context.services  # from here on it is an act, which the restored database has in its log
    with _pages("restoring") as progress:
        done = put_back(
            settings.db, file, by=by, after_restore=_after_restore(by), safety=not no_safety,
            timeout_s=settings.busy_timeout_ms / 1000, progress=progress,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(done.as_dict()))
        return
    click.echo(f"{done.path}: {done.rows:,} feedback, as in {file} (sha256 {done.sha256})")
    if done.steps:
        click.echo(f"{len(done.steps)} schema steps applied")
    if done.erased:
        click.echo(f"{done.erased:,} feedback that had been erased since were erased again")
    if done.safety:
        click.echo(f"the database before: {done.safety}")
    if done.moved:
        click.echo("it was damaged and was moved away: start the service anew, what runs still has it open")
    if done.erased is None:
        click.echo("what was erased since the backup could not be read: erase it again (voc privacy erase)")


def _after_restore(author: str) -> Callable[[Store, Store], int]:
    """Erases in a restored copy what was erased in the database that it is to replace."""

    def erase_again(copy: Store, live: Store) -> int:
        from voc.rights import reapply

        return reapply(copy, live, author=author)

    return erase_again


@click.command()
@click.option("--deep", is_flag=True, help="Compare every index with its table; takes long.")
@as_json
@pass_context
def doctor(context: Context, deep: bool, as_json: bool) -> None:
    """Look whether this installation is well; the exit status is 1 if a check fails.

    Versions, SQLite, settings, models, organization, database, work list, access, backups, disk, files,
    clock.
    """
    from voc.doctor import examine, worst

    checks = examine(context.settings, os.environ, deep=deep)
    state = worst(checks)
    if as_json:
        click.echo(json.dumps({"state": state, "checks": [check.as_dict() for check in checks]}))
    else:
        for check in checks:
            click.echo(f"{_MARKS[check.state]}  {check.name:<12} {check.says}")
            if check.advice:
                click.echo(f"{'':<19}{check.advice}")
    if state == "fail":
        click.get_current_context().exit(1)


@contextmanager
def _pages(label: str) -> Iterator[Callable[[int, int], None]]:
    """Says on standard error how far it is; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _left, _total: None
        return
    shown = -1

    def tell(left: int, total: int) -> None:
        nonlocal shown
        done = 100 * (total - left) // max(total, 1)
        if done != shown:
            shown = done
            click.echo(f"\r{label} {done:3d} %", nl=False, err=True)

    yield tell
    click.echo(err=True)
