"""The command line. Options parse, rooms work, this prints.

Exit statuses: 0 done; 1 some rows were bad, or the command failed; 2 wrong use or settings; 3 a model file
is missing or altered; 4 the database cannot be used.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from voc import __version__
from voc.errors import InvalidInput, VocError
from voc.settings import Settings, bundled


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


# ---- the service


@main.command()
@pass_context
def init(context: Context) -> None:
    """Make the database, or bring its schema up to date."""
    from voc.store import Store

    applied = Store(context.settings.db, context.settings.busy_timeout_ms).prepare()
    click.echo(f"{context.settings.db}: {len(applied)} schema steps applied" if applied else "up to date")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 256), help="Threads each.")
@pass_context
def serve(context: Context, host: str, port: int, workers: int, threads: int) -> None:
    """Serve the HTTP API and its documentation."""
    from voc.serving import run

    click.echo(f"voc serves http://{host}:{port}/  (documentation at /docs, database {context.settings.db})")
    run(context.settings, host=host, port=port, workers=workers, threads=threads)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port.")
@click.option("--no-serve", is_flag=True, help="Fill the database and stop.")
@click.pass_context
def demo(ctx: click.Context, host: str, port: int, no_serve: bool) -> None:
    """Fill the database with the project's own corpus, then serve it."""
    context: Context = ctx.obj
    counts = _ingest_rows(context, _corpus_rows(bundled("corpora") / "feedback.jsonl"), label="corpus")
    click.echo(f"{context.settings.db}: {counts['created']} new, {counts['exists']} already there")
    if no_serve:
        return
    click.echo("\nTry, from another shell:\n")
    click.echo(f"  curl -s http://{host}:{port}/v1/feedback -H 'Content-Type: application/json' \\")
    click.echo('    -d \'{"text": "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe"}\'')
    click.echo(f"\nand open http://{host}:{port}/docs\n")
    ctx.invoke(serve, host=host, port=port)


def _corpus_rows(path: Path) -> Iterator[tuple[int, Any, InvalidInput | None]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            row = json.loads(line)
            values = {
                "text": row["text"], "source": row["source"], "external_id": row["id"],
                "occurred_at": row["occurred_at"], "channel": row["channel"], "scores": row["scores"],
                "attributes": {"sector": row["sector"], "corpus": True},
            }  # fmt: skip
            yield number, values, None


# ---- in and out


@main.command()
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
    counts = _ingest_rows(
        ctx.obj,
        ((row.number, row.values, row.error) for row in rows),
        label=file.name,
        source=source or file.stem,
    )
    _say(
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


def _ingest_rows(
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

    with _progress(f"analyzing {label}") as advance:
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


@main.command()
@click.argument("file", type=click.File("r", encoding="utf-8", errors="surrogateescape"), default="-")
@pass_context
def analyze(context: Context, file: TextIO) -> None:
    """Analyze JSONL lines of FILE or standard input; keep nothing.

    Each line holds `text` and, if you like, `id`; other keys are ignored. One line comes out per line that
    went in, in order. A bad line gives {"id", "error"} in its place, and the exit status is then 1.
    """
    failed = False
    chunk: list[str] = []
    with _progress("analyzing") as advance:

        def flush() -> None:
            nonlocal failed
            for result in _analyze_lines(context, start, chunk):
                failed = failed or "error" in result
                sys.stdout.write(_dumped(result) + "\n")
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


def _dumped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


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


@main.command()
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
    with _progress(f"writing {file.name}") as advance:
        rows = write(context.services.store, file, chosen, advance)
    click.echo(f"{file}: {rows} feedback")


# ---- looking


@main.command()
@click.argument("query")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 500), help="Rows.")
@as_json
@pass_context
def search(context: Context, query: str, limit: int, as_json: bool) -> None:
    """Find feedback by words; diacritics do not matter."""
    from voc.store import Filter

    found, _ = context.services.store.find(Filter(q=query), limit)
    if as_json:
        rows = [
            {"feedback": k.feedback.as_dict(), "analysis": k.analysis.as_dict() if k.analysis else None}
            for k in found
        ]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for kept in found:
        owner = kept.analysis.owner if kept.analysis else "queued"
        line = " ".join(kept.feedback.text.split())[:140]
        click.echo(f"{kept.feedback.occurred_at[:10]}  {owner or '-':<11} {line}")


@main.command()
@click.option("--by", type=click.Choice(["topic", "department", "touchpoint"]), default="department",
              show_default=True, help="What is counted.")  # fmt: skip
@click.option("--grain", type=click.Choice(["day", "week", "month"]), default="week", show_default=True,
              help="Length of a period.")  # fmt: skip
@click.option("--source", help="Only this source.")
@as_json
@pass_context
def trends(context: Context, by: str, grain: str, source: str | None, as_json: bool) -> None:
    """Count feedback over time."""
    from voc import reports
    from voc.store import Filter

    points = reports.trends(context.services.store, by, grain, Filter(source=source))  # type: ignore[arg-type]
    if as_json:
        click.echo(json.dumps([point.as_dict() for point in points], ensure_ascii=False))
        return
    for point in points:
        share = point.negative_share
        click.echo(
            f"{point.period}  {point.key:<28} {point.count:>6}   "
            f"{share.value:>6.1%} negative ({share.low:.0%}-{share.high:.0%})"
        )


@main.group()
def topics() -> None:
    """The topics of the registry."""


@topics.command("list")
@as_json
@pass_context
def topics_list(context: Context, as_json: bool) -> None:
    """All topics with how many feedback mention them."""
    from voc import reports

    found = reports.topics(context.services.store, context.services.pipelines.get().topics)
    if as_json:
        click.echo(json.dumps([summary.as_dict() for summary in found], ensure_ascii=False))
        return
    for summary in found:
        topic = summary.topic
        click.echo(
            f"{topic.key:<30} {summary.count:>6}  {topic.department:<11} "
            f"{topic.name['vi']} / {topic.name['en']}"
        )


@topics.command("show")
@click.argument("key")
@as_json
@pass_context
def topics_show(context: Context, key: str, as_json: bool) -> None:
    """One topic: names, words, examples, counts."""
    from voc import reports
    from voc.errors import NotFound

    for summary in reports.topics(context.services.store, context.services.pipelines.get().topics):
        if summary.topic.key == key:
            click.echo(json.dumps(summary.as_dict(), ensure_ascii=False, indent=None if as_json else 2))
            return
    raise NotFound("topic_unknown", f"no topic has the key {key!r}", "key")


# ---- again


@main.command()
@click.option("--dry-run", is_flag=True, help="Say what would move and keep nothing.")
@click.option("--since", help="Only feedback that occurred on or after this day (YYYY-MM-DD).")
@click.option("--source", help="Only this source.")
@as_json
@pass_context
def reclassify(context: Context, dry_run: bool, since: str | None, source: str | None, as_json: bool) -> None:
    """Judge kept feedback again by the current models and organization.

    Kept vectors are used, so nothing is encoded again unless the encoder changed. It can be stopped and
    started again: rows that are done are left out.
    """
    from voc.store import Filter

    chosen = Filter(since=since, source=source)
    with _progress("reclassifying") as advance:
        change = context.services.worklist.reclassify(chosen, dry_run=dry_run, progress=advance)
    result = {"dry_run": dry_run, "pipeline": context.services.pipelines.get().version, **change.as_dict()}
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    click.echo(f"{change.rows} feedback {'would be ' if dry_run else ''}judged by {result['pipeline']}")
    for moved in result["owners_moved"]:
        click.echo(f"  owner {moved['from'] or 'none'} -> {moved['to'] or 'none'}: {moved['count']}")


# ---- learning and measuring


@main.command()
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


@main.group()
def evaluate() -> None:
    """Measure on labelled texts."""


@evaluate.command("routing")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
@pass_context
def evaluate_routing(context: Context, file: Path, as_json: bool) -> None:
    """Owner, departments and sentiment as shipped, on FILE.

    FILE is JSONL with text, sentiment, owner and cooperators.
    """
    from voc.training.data import routing_set
    from voc.training.evaluate import evaluate_routing as measure

    with _progress("evaluating") as advance:
        figures = measure(context.services.pipelines.get(), routing_set(file), advance)
    _print_figures(figures, as_json)


@evaluate.command("sentiment")
@click.option("--train", "train_file", required=True, type=click.Path(exists=True, path_type=Path),
              help="JSONL with text and label.")  # fmt: skip
@click.option("--test", "test_file", required=True, type=click.Path(exists=True, path_type=Path),
              help="JSONL with text and label.")  # fmt: skip
@click.option("--label", default="sentiment", show_default=True, help="Key of the label.")
@as_json
@pass_context
def evaluate_sentiment(
    context: Context, train_file: Path, test_file: Path, label: str, as_json: bool
) -> None:
    """A head trained on the shipped encoder with one file and measured on another."""
    from voc.artefacts import Artefacts
    from voc.pipeline import Reader
    from voc.training.data import read_jsonl
    from voc.training.evaluate import evaluate_head
    from voc.training.table import TableReader

    sets = [[(row["text"], str(row[label])) for row in read_jsonl(path)] for path in (train_file, test_file)]
    reader = Reader.open(Artefacts(context.settings.models), context.settings.encoder_threads)
    _print_figures(evaluate_head(TableReader(reader), *sets), as_json)


@evaluate.command("finetuned")
@click.option("--train", "train_file", required=True, type=click.Path(exists=True, path_type=Path),
              help="JSONL with text and labels.")  # fmt: skip
@click.option("--test", "test_file", required=True, type=click.Path(exists=True, path_type=Path),
              help="JSONL with text and labels.")  # fmt: skip
@click.option("--label", "labels", multiple=True, default=("sentiment",), show_default=True,
              help="Key of a label; may be given more than once.")  # fmt: skip
@click.option("--weights", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="tuned.safetensors, which `voc train encoder` leaves in the cache.")  # fmt: skip
@click.option("--cache", default=Path("runs"), show_default=True, type=click.Path(path_type=Path),
              help="Folder for checkpoints.")  # fmt: skip
@as_json
@pass_context
def evaluate_finetuned(
    context: Context, train_file: Path, test_file: Path, labels: tuple[str, ...], weights: Path, cache: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """The encoder fine-tuned on one file and measured on another, for published comparisons.

    What it learns is thrown away. Needs the extra voc[training].
    """
    from voc.training.finetune import finetune_on

    tokenizer = context.settings.models / "tokenizer.json"
    say: Callable[[str], None] = lambda line: click.echo(line, err=True)  # noqa: E731
    figures = finetune_on(train_file, test_file, labels, weights, tokenizer, cache / "encoder", say)
    _print_parts(figures, as_json)


@evaluate.command("held-out")
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder with train/*.jsonl: real texts are found there by their hash.")  # fmt: skip
@as_json
@pass_context
def evaluate_held_out(context: Context, data: Path, as_json: bool) -> None:
    """As `routing`, on the tenth of our corpus and of the labelled real texts that nothing learned from.

    Where labels/unseen.jsonl is there, the real texts that a second annotator labelled are measured apart:
    against the first labels, against the second, and where both annotators agree.
    """
    from voc.training.evaluate import evaluate_held_out as measure

    with _progress("evaluating") as advance:
        figures = measure(context.services.pipelines.get(), data, bundled("corpora"), advance)
    if not as_json and "unseen" in figures:
        parts = ("second", "agreed", "annotators")
        figures |= {f"unseen, {name}": figures["unseen"][name] for name in parts}
    _print_parts(figures, as_json)


@evaluate.command("renderings")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--held-out-of-corpus", is_flag=True, help="Only groups that no shipped model learned from.")
@as_json
@pass_context
def evaluate_renderings(context: Context, file: Path | None, held_out_of_corpus: bool, as_json: bool) -> None:
    """How far owner and sentiment stay the same however one complaint is typed.

    FILE is JSONL in the form of corpora/feedback.jsonl, renderings of one complaint sharing their group; left
    out, it is corpora/renderings.jsonl, or with --held-out-of-corpus corpora/feedback.jsonl. Rows that are
    alone in their group are left out.
    """
    from voc.training.data import read_jsonl
    from voc.training.renderings import evaluate_renderings as measure
    from voc.training.renderings import held_out_rows

    name = "feedback.jsonl" if held_out_of_corpus else "renderings.jsonl"
    path = file or bundled("corpora") / name
    if not path.exists():
        raise click.BadParameter(f"{path} does not exist", param_hint="FILE")
    rows = list(read_jsonl(path))
    with _progress("evaluating") as advance:
        figures = measure(
            context.services.pipelines.get(), held_out_rows(rows) if held_out_of_corpus else rows, advance
        )
    _print_figures(figures, as_json)
    if not as_json:
        _print_parts(figures["by_style"], as_json)


@evaluate.command("translations")
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Folder with benchmark/sib200/{vi,en}.{train,dev,test}.jsonl.")  # fmt: skip
@click.option("--limit", type=click.IntRange(20), help="Only so many sentences of sib200, for a quick look.")
@as_json
@pass_context
def evaluate_translations(context: Context, data: Path, limit: int | None, as_json: bool) -> None:
    """Whether a text and its translation get the same topic, owner and sentiment.

    On sib200 with topics that BERTopic finds in half of its sentences; on the held-out part of our corpus
    with the topics as shipped.
    """
    from voc.training import translations
    from voc.training.data import corpus

    pipeline = context.services.pipelines.get()
    sentences = translations.read_sib200(data / "benchmark" / "sib200")[:limit]
    topics = translations.evaluate_topics(pipeline.reader.encoder.encode, sentences)
    pairs = translations.translated_pairs(corpus(bundled("corpora")))
    figures = {"sib200": topics, "corpus": translations.evaluate_pairs(pipeline, pairs)}
    if not as_json:
        figures |= {f"sib200, {name}": part for name, part in topics.items() if isinstance(part, dict)}
    _print_parts(figures, as_json)


@evaluate.command("hops")
@as_json
def evaluate_hops(as_json: bool) -> None:
    """How well chains of departments are found, on the part of our corpus that nothing learned from."""
    from voc.training.data import corpus, held_out
    from voc.training.evaluate import evaluate_hops as measure

    _print_figures(measure(held_out(corpus(bundled("corpora")))), as_json)


@evaluate.command("corpora")
@click.option("--corpora", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Our corpus and labels [default: the shipped ones].")  # fmt: skip
def evaluate_corpora(corpora: Path | None) -> None:
    """Counts of our corpus and labels, and how far two passes of labelling agree."""
    from voc.training.agreement import describe

    click.echo(json.dumps(describe(corpora or bundled("corpora")), ensure_ascii=False, indent=2))


def _print_parts(parts: dict[str, dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(parts, ensure_ascii=False))
        return
    for name, figures in parts.items():
        click.echo(f"# {name}")
        _print_figures(figures, as_json)


def _print_figures(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
        return
    for name, value in figures.items():
        if not isinstance(value, dict | list):
            click.echo(f"{name:<32} {value}")


def _say(counts: dict[str, int], as_json: bool, sentence: str) -> None:
    click.echo(json.dumps(counts) if as_json else sentence.format(**counts))


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int], None]]:
    """A count of rows on standard error; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn(label), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=None)
        yield lambda rows: bar.advance(task, rows)


if __name__ == "__main__":
    main()
