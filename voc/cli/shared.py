"""What all commands share: the group, its context, and how things are shown."""

from __future__ import annotations

import getpass
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from voc import __version__
from voc.errors import StoreError, VocError
from voc.settings import Settings
from voc.text import is_phrase


class Group(click.Group):
    """Turns voc's errors and the database's into one line on standard error and the fitting exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            known = error if isinstance(error, VocError) else _of_the_database(error)
            if known is None:
                raise
            click.echo(f"voc: {known.code}: {known.message}", err=True)
            ctx.exit(known.exit_status)


def _of_the_database(error: Exception) -> StoreError | None:
    """What the database said, as an error of the store; None where it did not come from there."""
    import sqlite3  # not at the top: what opens no database starts without it

    if not isinstance(error, sqlite3.Error):
        return None
    if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError("store_busy", f"the database cannot take this now; try again ({error})")
    return StoreError("store_unusable", f"the database cannot be used: {error}")


def _phrase(most: int) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Checks text of 1 to ``most`` characters that the database can keep; space around it goes."""

    def check(_ctx: click.Context, _param: click.Parameter, said: str | None) -> str | None:
        if said is None:
            return None
        if not is_phrase(said, most):
            raise click.BadParameter(f"must be text of 1 to {most:,} characters")
        return said.strip()

    return check


def the_user() -> str:
    """The name that the operating system has for the user, ``unknown`` where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user of a container, by number alone; no `pwd` on Windows
        return "unknown"


class Context:
    """What the commands share; nothing is opened before a command asks for it."""

    def __init__(self, **overrides: Any) -> None:
        self.settings = Settings.from_environment(**overrides)

    @property
    def services(self) -> Any:
        """The store, the pipeline and the work list."""
        from voc.services import Services

        if not hasattr(self, "_services"):
            self._services = Services(self.settings)
        return self._services


pass_context = click.make_pass_decorator(Context)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON that a program may read.")
by = click.option("--by", callback=_phrase(200), default=the_user, show_default="the user of this computer",
                  help="Who decides.")  # fmt: skip
because = click.option("--reason", callback=_phrase(2_000), help="Why; kept with the decision.")
#: A number that the database gave; no greater one fits into it.
NUMBER = click.IntRange(1, 2**63 - 1)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="voc")
@click.option("--db", type=click.Path(path_type=Path), help="SQLite database [default: $VOC_DB or voc.db].")
@click.option(
    "--models", type=click.Path(path_type=Path), help="Folder of model files [default: the shipped one]."
)
@click.option(
    "--organization", type=click.Path(path_type=Path), help="organization.toml [default: the shipped one]."
)
@click.pass_context
def main(ctx: click.Context, db: Path | None, models: Path | None, organization: Path | None) -> None:
    """Voice-of-customer analytics for Vietnamese and English feedback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    ctx.obj = Context(db=db, models=models, organization=organization)


def print_parts(parts: dict[str, dict[str, Any]], as_json: bool) -> None:
    """Figures of several parts, each under its name."""
    if as_json:
        click.echo(json.dumps(parts, ensure_ascii=False))
        return
    for name, figures in parts.items():
        click.echo(f"# {name}")
        print_figures(figures, as_json)


def print_figures(figures: dict[str, Any], as_json: bool) -> None:
    """One figure a line; tables within are left to JSON."""
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
        return
    for name, value in figures.items():
        if not isinstance(value, dict | list):
            click.echo(f"{name:<32} {value}")


def say_counts(counts: dict[str, int], as_json: bool, sentence: str) -> None:
    """Counts as JSON or in a sentence."""
    click.echo(json.dumps(counts) if as_json else sentence.format(**counts))


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A count of rows on standard error, with the time left where the total is known; nothing where that is
    no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    left: tuple[ProgressColumn, ...] = (BarColumn(), TimeRemainingColumn()) if total else ()
    columns = (SpinnerColumn(), TextColumn(label), MofNCompleteColumn(), TimeElapsedColumn(), *left)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda rows: bar.advance(task, rows)
