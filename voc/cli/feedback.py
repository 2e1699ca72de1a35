"""Feedback in and out: keep, analyze, export."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from voc.cli.engine import cluster_at, dask_option
from voc.cli.shared import Context, as_json, filtered, pass_context, progress, say_counts, the_user
from voc.errors import InvalidInput, VocError

if TYPE_CHECKING:
    from voc import bulk
    from voc.export import Format
    from voc.ingest import FileFormat, Row
    from voc.store import Filter


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "file_format",
              type=click.Choice(["csv", "ndjson", "json", "xlsx", "google-play", "app-store", "mbox"]),
              help="Taken from the file's ending if left out; app reviews have to be named.")  # fmt: skip
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN",
              help="Column of a field, such as text='Nội dung'; may be given often.")  # fmt: skip
@click.option("--source", help="Source of rows that name none [default: the file's name; google-play, "
              "app-store or email for those formats].")  # fmt: skip
@as_json
@click.pass_context
def ingest(
    ctx: click.Context,
    file: Path,
    file_format: FileFormat | None,
    mapping: Sequence[str],
    source: str | None,
    as_json: bool,
) -> None:
    """Keep and analyze the rows of FILE (CSV, NDJSON, JSON or XLSX; reviews of Google Play or the App Store;
    mail as mbox).

    Columns that are no field of a feedback become attributes. Good rows are kept beside bad ones; each bad
    row is named on standard error, and the exit status is then 1. Reviews without words and mail that no
    customer wrote are skipped and counted.
    """
    from voc.ingest import SOURCES, format_of, read_file

    file_format = file_format or format_of(file)
    rows = read_file(file, file_format, _mapping(mapping))
    skipped: Counter[str] = Counter()
    counts = ingest_rows(
        ctx.obj,
        _not_skipped(rows, skipped),
        label=file.name,
        source=source or SOURCES.get(file_format, file.stem),
    )
    if file_format in SOURCES:
        counts["skipped"] = skipped.total()
        for reason, count in skipped.most_common():
            click.echo(f"skipped: {count} {reason}", err=True)
    say_counts(
        counts,
        as_json,
        "{created} new, {exists} already there, {bad} bad rows, {queued} still to be analyzed",
    )
    ctx.exit(1 if counts["bad"] else 0)


def _not_skipped(
    rows: Iterable[Row], skipped: Counter[str]
) -> Iterator[tuple[int, Any, InvalidInput | None]]:
    """The rows that hold a feedback or an error; ``skipped`` counts the others by their reason."""
    for row in rows:
        if row.skipped is not None:
            skipped[row.skipped] += 1
        else:
            yield row.number, row.values, row.error


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
            if submission.added.feedback.erased_at is not None:
                erased = "this feedback was erased and is not taken again"
                bad(number, InvalidInput("feedback_erased", erased, "external_id"))
                continue
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
    context.outcome(**counts)
    return counts


@click.command()
@click.argument("file", type=click.Path(exists=True, allow_dash=True, path_type=Path), default="-")
@click.option("--format", "file_format", type=click.Choice(["csv", "jsonl", "parquet"]),
              help="Of FILE; taken from its ending if left out, JSONL where that says nothing.")  # fmt: skip
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN",
              help="Column of `text` or `id`, such as text='Nội dung'; may be given often.")  # fmt: skip
@click.option("--out", help="File to write, or a folder (with / at its end) that gets a file per partition "
              "[default: standard output].")  # fmt: skip
@click.option("--out-format", type=click.Choice(["csv", "jsonl", "parquet"]),
              help="Of --out; taken from its ending if left out, that of FILE for a folder.")  # fmt: skip
@click.option("--partition-rows", type=click.IntRange(min=1), help="Rows of a partition [default: 2000, or "
              "256 if this process writes to standard output].")  # fmt: skip
@dask_option
@pass_context
def analyze(
    context: Context,
    file: Path,
    file_format: bulk.Format | None,
    mapping: Sequence[str],
    out: str | None,
    out_format: bulk.Format | None,
    partition_rows: int | None,
    dask: str | None,
) -> None:
    """Analyze the rows of FILE or standard input; keep nothing.

    FILE is JSONL, CSV or Parquet, or a folder of such files. Each row holds `text` and, if you like, `id`;
    other columns are ignored. One row comes out per row that went in, in order, as JSONL on standard output
    or as --out says; that file appears once all of it is there. A bad row gives {"id", "error"} in its place,
    and the exit status is then 1.
    """
    from voc import bulk

    given, rows = _rows_of(context, file, file_format, _mapping(mapping))
    partitions = bulk.partitions(rows, partition_rows or (bulk.PARTITION_ROWS if out or dask else bulk.CHUNK))
    with progress("analyzing") as advance, cluster_at(context, dask) as cluster:

        def parts(written_as: bulk.Format) -> Iterator[bulk.Part]:
            task = bulk.part_of(written_as)
            if cluster is None:
                return map(partial(task, context.services.pipelines.get()), partitions)
            return cluster.map(task, partitions, bulk.name_of)

        if out is None:
            _, bad = bulk.print_parts(parts("jsonl"), click.open_file("-", "wb"), advance)
        else:
            folder = out.endswith("/") or Path(out).is_dir()
            chosen = out_format or (given if folder else bulk.format_of(Path(out)))
            count, bad = bulk.write(parts(chosen), Path(out), chosen, folder=folder, progress=advance)
            click.echo(f"{out}: {count} rows, {bad} of them bad")
    sys.exit(1 if bad else 0)


def _rows_of(
    context: Context, file: Path, file_format: bulk.Format | None, columns: dict[str, str]
) -> tuple[bulk.Format, Iterator[bulk.BulkRow]]:
    """The format of what `analyze` reads, and its rows."""
    from voc import bulk

    if strange := sorted(set(columns) - {"text", "id"}):
        raise click.BadParameter(f"text and id can be mapped, not {', '.join(strange)}", param_hint="--map")
    limit = context.settings.text_max_chars
    if str(file) == "-":
        if file_format not in (None, "jsonl"):
            raise click.BadParameter("standard input is read as JSONL", param_hint="--format")
        lines = click.open_file("-", "r", "utf-8", "surrogateescape")
        return "jsonl", bulk.read_lines(lines, columns, text_max_chars=limit)
    given = file_format or bulk.format_of(file, otherwise="jsonl")
    return given, bulk.read_rows(file, given, columns, text_max_chars=limit)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "file_format", type=click.Choice(["csv", "jsonl", "parquet"]),
              help="Taken from the file's ending if left out.")  # fmt: skip
@filtered
@pass_context
def export(context: Context, file: Path, file_format: Format | None, chosen: Filter) -> None:
    """Write feedback with their analyses to FILE (csv, jsonl or parquet): all, or what the options choose.

    FILE appears once all of it is there. Where it is stands in the database, for `voc privacy erase` to tell.
    """
    from voc.export import FORMATS, write

    kind = file_format or FORMATS.get(file.suffix.lower())
    if kind is None:
        raise InvalidInput("file_format_unknown", f"{file.name} must end in one of {', '.join(FORMATS)}")
    store = context.services.store
    number = store.copies.add("export", file, by=the_user())
    try:
        with progress(f"writing {file.name}") as advance:
            rows = write(store, file, kind, advance, chosen)
    except BaseException:
        store.copies.forget(number)
        raise
    store.copies.finished(number, rows)
    context.outcome(rows=rows)
    click.echo(f"{file}: {rows} feedback")
