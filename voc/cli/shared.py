"""What all commands share: the group, its context, and how things are shown."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from voc import __version__
from voc.errors import VocError
from voc.settings import Settings


class Group(click.Group):
    """Turns voc's errors into one line on standard error and the fitting exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except VocError as error:
            click.echo(f"voc: {error.code}: {error.message}", err=True)
            ctx.exit(error.exit_status)


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
