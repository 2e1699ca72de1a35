"""Feedback in and out: keep, analyze, export."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from voc.cli.shared import Context, as_json, dumped, pass_context, progress, say_counts
from voc.errors import InvalidInput, VocError


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "file_format", type=click.Choice(["csv", "ndjson", "json", "xlsx"]),
              help="Taken from the file's ending if left out.")  # fmt: skip
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN",
              help="Column of a field, such as text='Nội dung'; may be given often.")  # fmt: skip
@click.option("--source", help="Source of rows that name none.")
@as_json
@click.pass_context
def ingest(
    ctx: click.Context,
    file: Path,
    file_format: str | None,
    mapping: Sequence[str],
    source: str | None,
    as_json: bool,
) -> None:
    """Keep and analyze the rows of FILE (CSV, NDJSON, JSON or XLSX).

    Columns that are no field of a feedback become attributes. Good rows are kept beside bad ones; each bad
    row is named on standard error, and the exit status is then 1.
    """
    from voc.ingest import read_file

    rows = read_file(file, file_format, _mapping(mapping))  # type: ignore[arg-type]
    counts = ingest_rows(
        ctx.obj,
        ((row.number, row.values, row.error) for row in rows),
        label=file.name,
        source=source or file.stem,
    )
    say_counts(
        counts,
        as_json,
        "{created} new, {exists} already there, {bad} bad rows, {queued} still to be analyzed",
    )
    ctx.exit(1 if counts["bad"] else 0)


def _mapping(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not equals or not field or not column:
            raise click.BadParameter(f"must be FIELD=COLUMN, got {pair!r}", param_hint="--map")
        found[field] = column
    return found


def ingest_rows(
    context: Context,
    rows: Iterator[tuple[int, Any, InvalidInput | None]],
    *,
    label: str,
    source: str | None = None,
) -> dict[str, int]:
    """Validates and submits rows in chunks; bad ones are named on standard error."""
    from voc.ingest import validate
    from voc.records import Feedback

    counts = {"created": 0, "exists": 0, "bad": 0, "queued": 0}
    chunk: list[tuple[int, Feedback]] = []

    def bad(number: int, error: VocError) -> None:
        counts["bad"] += 1
        click.echo(f"row {number}: {error.field or 'row'}: {error.code}: {error.message}", err=True)

    def flush() -> None:
        submissions = context.services.worklist.submit([row for _, row in chunk])
        for (number, row), submission in zip(chunk, submissions, strict=True):
            if submission.added.outcome == "conflict":
                known = f"source {row.source!r} and external_id {row.external_id!r} hold another text"
                bad(number, InvalidInput("external_id_conflict", known, "external_id"))
                continue
            counts[submission.added.outcome] += 1
            counts["queued"] += submission.analysis is None
        advance(len(chunk))
        chunk.clear()

    with progress(f"analyzing {label}") as advance:
        for number, values, error in rows:
            try:
                if error is not None:
                    raise error
                limit = context.settings.text_max_chars
                chunk.append((number, validate(values, text_max_chars=limit, source=source)))
            except InvalidInput as problem:
                bad(number, problem)
            if len(chunk) == 256:
                flush()
        if chunk:
            flush()
    return counts


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8", errors="surrogateescape"), default="-")
@pass_context
def analyze(context: Context, file: TextIO) -> None:
    """Analyze JSONL lines of FILE or standard input; keep nothing.

    Each line holds `text` and, if you like, `id`; other keys are ignored. One line comes out per line that
    went in, in order. A bad line gives {"id", "error"} in its place, and the exit status is then 1.
    """
    failed = False
    chunk: list[str] = []
    with progress("analyzing") as advance:

        def flush() -> None:
            nonlocal failed
            for result in _analyze_lines(context, start, chunk):
                failed = failed or "error" in result
                sys.stdout.write(dumped(result) + "\n")
            sys.stdout.flush()
            advance(len(chunk))

        start = 0
        for line in file:
            chunk.append(line)
            if len(chunk) == 256:
                flush()
                start += len(chunk)
                chunk.clear()
        if chunk:
            flush()
    sys.exit(1 if failed else 0)


def _analyze_lines(context: Context, start: int, lines: Sequence[str]) -> list[dict[str, Any]]:
    """A result per line; blank lines are bad lines, so that line numbers stay true."""
    from voc.ingest import loads, validate

    results: list[dict[str, Any]] = []
    good: list[tuple[int, str, str]] = []
    for place, line in enumerate(lines):
        key = str(start + place + 1)
        try:
            values = loads(line)
            given = values.get("id") if isinstance(values, dict) else None
            key = str(given) if isinstance(given, str | int) else key
            text = {"text": values["text"]} if isinstance(values, dict) and "text" in values else values
            if isinstance(values, dict) and "text" not in values:
                text = {}
            good.append((place, key, validate(text, text_max_chars=context.settings.text_max_chars).text))
            results.append({})
        except (ValueError, RecursionError) as error:
            body = InvalidInput("json_invalid", f"the line is not JSON: {error}").body()
            results.append({"id": key, "error": body})
        except InvalidInput as error:
            results.append({"id": key, "error": error.body()})
    pipeline = context.services.pipelines.get()
    analyses = pipeline.analyze([key for _, key, _ in good], [text for *_, text in good])
    for (place, _, _), analysis in zip(good, analyses, strict=True):
        results[place] = analysis.as_dict()
    return results


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "file_format", type=click.Choice(["csv", "jsonl", "parquet"]),
              help="Taken from the file's ending if left out.")  # fmt: skip
@pass_context
def export(context: Context, file: Path, file_format: str | None) -> None:
    """Write all feedback with their analyses to FILE (csv, jsonl or parquet)."""
    from voc.export import FORMATS, write

    chosen = file_format or FORMATS.get(file.suffix.lower())
    if chosen is None:
        raise InvalidInput("file_format_unknown", f"{file.name} must end in one of {', '.join(FORMATS)}")
    with progress(f"writing {file.name}") as advance:
        rows = write(context.services.store, file, chosen, advance)
    click.echo(f"{file}: {rows} feedback")
