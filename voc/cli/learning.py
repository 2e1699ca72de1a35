"""Models built from data, and heads learned from what people said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from voc.cli.shared import Context, as_json, because, by, pass_context, progress
from voc.settings import bundled


@click.command()
@click.argument("part", type=click.Choice(["encoder", "language", "sentiment", "topics", "routing", "all"]))
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder with train/*.jsonl and weak_departments.json.")  # fmt: skip
@click.option("--corpora", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Our corpus and labels [default: the shipped ones].")  # fmt: skip
@click.option("--cache", default=Path("runs"), show_default=True, type=click.Path(path_type=Path),
              help="Folder for vectors that were computed already.")  # fmt: skip
@as_json
@pass_context
def train(context: Context, part: str, data: Path, corpora: Path | None, cache: Path, as_json: bool) -> None:
    """Rebuild a PART of the models from data.

    `encoder` needs the extra voc[training]; all other parts run on what the service runs on.
    """
    from voc.training.build import Builder

    say: Callable[[str], None] = lambda line: click.echo(line, err=True)  # noqa: E731
    builder = Builder(data, corpora or bundled("corpora"), context.settings.models, cache, say)
    steps = {
        "encoder": builder.encoder, "language": builder.languages, "topics": builder.topics,
        "sentiment": builder.sentiment, "routing": builder.routing,
    }  # fmt: skip
    chosen = list(steps) if part == "all" else [part]
    figures = {name: steps[name]() for name in chosen}
    click.echo(json.dumps(figures, ensure_ascii=False, indent=None if as_json else 2))


@click.command()
@click.option("--dry-run", is_flag=True, help="Measure and keep nothing.")
@by
@as_json
@pass_context
def learn(context: Context, dry_run: bool, by: str, as_json: bool) -> None:
    """Learn from what people corrected and confirmed.

    The shipped heads are moved by it, measured on corrections that they did not learn from and on the tenth
    of our corpus that nothing learned from, and used from then on if they are better by a stated margin and
    nothing falls by more than a stated loss. If not, they are kept and listed with the reason. A correction
    is learned once, however often it is posted. `voc models rollback` goes back.
    """
    from voc.training.learn import Learner, Yardstick

    services = context.services
    yardstick = Yardstick(services.pipelines.get().reader, bundled("corpora"))
    learner = Learner(services.store, services.pipelines, context.settings, yardstick)
    with progress("measuring", yardstick.rows) as advance:
        outcome = learner.learn(author=by, dry_run=dry_run, progress=advance)
    result = outcome.as_dict()
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    for line in _learned(result):
        click.echo(line)


def _learned(result: Mapping[str, Any]) -> Iterator[str]:
    """What came of learning, for a person."""
    figures = result["figures"]
    learned = {name: count for name, count in figures["learned"].items() if count}
    kinds = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in learned.items())
    yield f"{sum(learned.values())} corrections can be learned{f' ({kinds})' if kinds else ''}"
    for reason, count in figures["left_out"].items():
        yield f"  {count} cannot: {reason}"
    if result["version"] is not None:
        yield f"{'':<34}{'shipped':>9}{'before':>9}{'after':>9}"
        yield from _rows(figures)
        yield f"{result['version']} {result['verdict']}"
    else:
        yield result["verdict"]
    yield _what_now(result)


def _rows(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "corrections, held out"
    for name, row in figures["held_out"].items():
        if row["rows"]:
            label = f"  {name.replace('_', ' ')} ({row['rows']})"
            yield f"{label:<43}{_two(row)}"
    committed = figures["committed"]
    yield f"committed set ({committed['rows']} texts)"
    for name, row in committed.items():
        if isinstance(row, dict) and "shipped" in row:
            yield f"  {name.replace('_', ' '):<32}{row['shipped']:>9.4f}{_two(row)}"
    for name, row in committed["departments"].items():
        label = f"  {name}, F1 ({row['rows']})"
        yield f"{label:<34}{row['shipped']:>9.4f}{_two(row)}"


def _two(row: Mapping[str, float]) -> str:
    return f"{row['before']:>9.4f}{row['after']:>9.4f}"


def _what_now(result: Mapping[str, Any]) -> str:
    if result["dry_run"]:
        return "nothing was kept"
    if result["promoted"]:
        return (
            f"in use now: {result['pipeline']}; new feedback is judged by it, `voc reclassify` brings "
            "history to it, `voc models rollback` goes back"
        )
    kept = f"; `voc models promote {result['version']}` uses it anyway" if result["version"] else ""
    return f"in use as before: {result['pipeline']}{kept}"


@click.group()
def models() -> None:
    """Heads that were learned here: which there are, and which is in use."""


@models.command("list")
@as_json
@pass_context
def models_list(context: Context, as_json: bool) -> None:
    """All versions, the oldest first, with their verdicts; a star marks the one in use."""
    tables = context.services.store.models
    found = [
        {
            "version": one.version, "made_at": one.made_at, "by": one.author, "parent": one.parent,
            "promoted": one.promoted, "verdict": one.verdict, "figures": dict(one.figures),
        }
        for one in tables.versions()
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo(f"{' ' if tables.promoted() else '*'} shipped")
    for one in found:
        mark = "*" if one["promoted"] else " "
        click.echo(f"{mark} {one['version']}  {one['made_at']}  {one['by']}  {one['verdict']}")


@models.command("promote")
@click.argument("version")
@by
@because
@as_json
@pass_context
def models_promote(context: Context, version: str, by: str, reason: str | None, as_json: bool) -> None:
    """Use VERSION from now on, whatever was measured; `shipped` names the shipped heads."""
    services = context.services
    services.store.models.promote(None if version == "shipped" else version, author=by, reason=reason)
    _say_in_use(services, as_json)


@models.command("rollback")
@by
@because
@as_json
@pass_context
def models_rollback(context: Context, by: str, reason: str | None, as_json: bool) -> None:
    """Use again what was used before the last promotion."""
    services = context.services
    services.store.models.rollback(author=by, reason=reason)
    _say_in_use(services, as_json)


def _say_in_use(services: Any, as_json: bool) -> None:
    version = services.store.models.promoted() or "shipped"
    pipeline = services.pipelines.get().version
    if as_json:
        click.echo(json.dumps({"version": version, "pipeline": pipeline}))
        return
    click.echo(f"{version} in use now: {pipeline}; `voc reclassify` brings history to it")
