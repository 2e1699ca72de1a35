"""Models built from data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from voc.cli.shared import Context, as_json, pass_context
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
