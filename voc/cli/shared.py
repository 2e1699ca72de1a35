"""What all commands share: the group, its context, and how things are shown."""

from __future__ import annotations

import getpass
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from voc import __version__
from voc.acts import Act, during, telling
from voc.errors import StoreError, VocError
from voc.records import LANGUAGES, SENTIMENTS, STATUSES, TOUCHPOINTS
from voc.settings import Settings
from voc.text import is_phrase

if TYPE_CHECKING:
    from voc.store import Filter


class Group(click.Group):
    """Turns voc's errors and the database's into one line on standard error and the fitting exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; what it did stands in the audit log then."""
        try:
            return self._logged(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            known = error if isinstance(error, VocError) else _of_the_database(error)
            if known is None:
                raise
            click.echo(f"voc: {known.code}: {known.message}", err=True)
            ctx.exit(known.exit_status)
        finally:
            if isinstance(ctx.obj, Context):
                ctx.obj.close()

    def _logged(self, ctx: click.Context) -> Any:
        """Runs the command and writes down what is not written yet, whatever status it exits with."""
        try:
            result = super().invoke(ctx)
        except click.exceptions.Exit:
            _record(ctx.obj)
            raise
        _record(ctx.obj)
        return result


def _record(obj: Any) -> None:
    if isinstance(obj, Context):
        obj.record()


def _of_the_database(error: Exception) -> StoreError | None:
    """What the database said, as an error of the store; None where it did not come from there."""
    import sqlite3  # not at the top: what opens no database starts without it

    if not isinstance(error, sqlite3.Error):
        return None
    from voc.store import translated

    return translated(error)


def _phrase(most: int) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Checks text of 1 to ``most`` characters that the database can keep; space around it goes."""

    def check(_ctx: click.Context, _param: click.Parameter, said: str | None) -> str | None:
        if said is None:
            return None
        if not is_phrase(said, most):
            raise click.BadParameter(f"must be text of 1 to {most:,} characters")
        return said.strip()

    return check


def _pair(_ctx: click.Context, _param: click.Parameter, said: str | None) -> tuple[str, str] | None:
    """A name and a value with a colon between them."""
    if said is None:
        return None
    name, colon, value = said.partition(":")
    if not name or not colon:
        raise click.BadParameter("must be NAME:VALUE")
    return name, value


def the_user() -> str:
    """The name that the operating system has for the user, ``unknown`` where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user of a container, by number alone; no `pwd` on Windows
        return "unknown"


#: Commands, or groups of them, that are no acts: they keep nothing and show nothing of what is kept but
#: counts, or look after the log or the file itself.
UNLOGGED = frozenset({
    "analyze", "audit.head", "audit.verify", "doctor", "evaluate", "init", "report", "serve", "train",
    "trends",
})  # fmt: skip


class Context:
    """What the commands share; nothing is opened before a command asks for it.

    A command that asks for the services is one act in the audit log, but for `UNLOGGED`: written with the
    first thing that it changes, or else when it is done.
    """

    def __init__(self, **overrides: Any) -> None:
        self.settings = Settings.from_environment(**overrides)
        self._act: Act | None = None
        self._acting = ExitStack()

    @property
    def services(self) -> Any:
        """The store, the pipeline and the work list."""
        from voc.services import Services

        if not hasattr(self, "_services"):
            self._services = Services(self.settings)
            self._act = _act_of(click.get_current_context(silent=True))
            if self._act is not None:
                self._acting.enter_context(during(self._act))
        return self._services

    def record(self) -> None:
        """Writes the act of this command down, unless it stands there; before it prints what customers said.

        Raises:
            StoreError: it cannot be written, and so nothing may be shown.
        """
        if self._act is not None and self.settings.db.exists():
            self._services.store.audit.record(self._act)

    def outcome(self, **figures: int) -> None:
        """Writes down what came of an act that was written when it began."""
        if self._act is not None:
            self.record()
            done = Act(self._act.actor, f"{self._act.action}.done", self._act.subject, figures)
            self._services.store.audit.record(done)

    def close(self) -> None:
        """The act is over."""
        self._acting.close()


#: Arguments that name what a command is done to.
_SUBJECTS = ("key", "number", "version", "prefix", "name")


def _act_of(ctx: click.Context | None) -> Act | None:
    """The command that runs, as an act; None where it is none."""
    names: list[str] = []
    at = ctx
    while at is not None and at.parent is not None:
        names.insert(0, at.info_name or "")
        at = at.parent
    if ctx is None or not names or not UNLOGGED.isdisjoint({names[0], ".".join(names)}):
        return None
    given = {
        name: value
        for name, value in ctx.params.items()
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT and value is not None
    }
    named = {one.name for one in ctx.command.params if isinstance(one, click.Argument)} & given.keys()
    subject = next((str(given.pop(name)) for name in _SUBJECTS if name in named), None)
    return Act(f"command:{the_user()}", ".".join(["cli", *names]), subject, telling(given))


class _Later(logging.Formatter):
    """Makes the formatter at the first record: most commands log nothing, and start without."""

    def __init__(self, log_format: str) -> None:
        super().__init__()
        self._format = log_format
        self._inner: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        if self._inner is None:
            from voc.logs import formatter

            self._inner = formatter("json" if self._format == "json" else "text")
        return self._inner.format(record)


pass_context = click.make_pass_decorator(Context)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON that a program may read.")
by = click.option("--by", callback=_phrase(200), default=the_user, show_default="the user of this computer",
                  help="Who decides.")  # fmt: skip
because = click.option("--reason", callback=_phrase(2_000), help="Why; kept with the decision.")
#: A day, such as 2026-11-21.
DAY = click.DateTime(["%Y-%m-%d"])
#: A number that the database gave; no greater one fits into it.
NUMBER = click.IntRange(1, 2**63 - 1)


_FILTERS = (
    click.option("--q", help="Only with these words; diacritics do not matter."),
    click.option("--department", help="Only what this department owns or co-operates on."),
    click.option("--role", type=click.Choice(["owner", "cooperator"]), help="The department's part in it."),
    click.option("--also", help="Only what this department owns or co-operates on, too."),
    click.option("--topic", help="Only with this topic."),
    click.option("--sentiment", type=click.Choice(SENTIMENTS), help="Only with this feeling."),
    click.option("--status", type=click.Choice(STATUSES), help="Only in this state."),
    click.option("--language", type=click.Choice(LANGUAGES), help="Only in this language."),
    click.option("--source", help="Only this source."),
    click.option("--touchpoint", type=click.Choice(TOUCHPOINTS), help="Only from this part of the journey."),
    click.option("--attribute", metavar="NAME:VALUE", callback=_pair, help="Only with this attribute."),
    click.option("--firefighting", is_flag=True,
                 help="Only what reaches customer care and belongs to another department."),
    click.option("--since", type=DAY, help="Only what occurred on or after this day."),
    click.option("--until", type=DAY, help="Only what occurred up to this day, the day included."),
)  # fmt: skip
_FILTER_NAMES = (
    "q", "department", "role", "also", "topic", "sentiment", "status", "language", "source", "touchpoint",
    "attribute", "firefighting", "since", "until",
)  # fmt: skip


def filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that choose feedback; it takes what they say as ``chosen``, a `Filter`."""

    @wraps(command)
    def run(*args: Any, **given: Any) -> Any:
        named = {name: given.pop(name) for name in _FILTER_NAMES}
        return command(*args, chosen=_filter_of(**named), **given)

    for option in reversed(_FILTERS):
        run = option(run)
    return run


def _filter_of(since: datetime | None, until: datetime | None, firefighting: bool, **given: Any) -> Filter:
    from voc.organization import Organization
    from voc.store import Filter

    context = click.get_current_context().find_object(Context)
    care: str | None = None
    if firefighting and context is not None:
        care = Organization.read(context.settings.organization).care or ""  # empty: a key that none has
    after: str | None = None
    if until is not None:
        last = until.date()  # there is no day after the last
        after = f"{last}T24:00:00.000Z" if last == date.max else (last + timedelta(days=1)).isoformat()
    return Filter(since=since.date().isoformat() if since else None, until=after, firefighting=care, **given)


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
    ctx.obj = Context(db=db, models=models, organization=organization)
    handler = logging.StreamHandler()
    handler.set_name("voc")
    handler.setFormatter(_Later(ctx.obj.settings.log_format))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


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
