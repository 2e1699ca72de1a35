"""Measuring on labelled texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from voc.cli.shared import Context, as_json, pass_context, print_figures, print_parts, progress
from voc.settings import bundled


@click.group()
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

    with progress("evaluating") as advance:
        figures = measure(context.services.pipelines.get(), routing_set(file), advance)
    print_figures(figures, as_json)


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
    print_figures(evaluate_head(TableReader(reader), *sets), as_json)


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
    print_parts(figures, as_json)


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

    with progress("evaluating") as advance:
        figures = measure(context.services.pipelines.get(), data, bundled("corpora"), advance)
    if not as_json and "unseen" in figures:
        parts = ("second", "agreed", "annotators")
        figures |= {f"unseen, {name}": figures["unseen"][name] for name in parts}
    print_parts(figures, as_json)


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
    with progress("evaluating") as advance:
        figures = measure(
            context.services.pipelines.get(), held_out_rows(rows) if held_out_of_corpus else rows, advance
        )
    print_figures(figures, as_json)
    if not as_json:
        print_parts(figures["by_style"], as_json)


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
    print_parts(figures, as_json)


@evaluate.command("hops")
@as_json
def evaluate_hops(as_json: bool) -> None:
    """How well chains of departments are found, on the part of our corpus that nothing learned from."""
    from voc.training.data import corpus, held_out
    from voc.training.evaluate import evaluate_hops as measure

    print_figures(measure(held_out(corpus(bundled("corpora")))), as_json)


@evaluate.command("pii")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--errors", is_flag=True, help="Also list what was missed, shifted or found falsely.")
@as_json
def evaluate_pii(file: Path | None, errors: bool, as_json: bool) -> None:
    """How well personal data is found.

    FILE is JSONL in the form of corpora/pii/test.jsonl; left out, it is that file. A found item is exact
    where type, start and end are as labelled; it overlaps where the type is right and a character is shared.
    """
    from voc.privacy import find
    from voc.training.pii import read_rows, score

    figures = score(find, read_rows(file or bundled("corpora") / "pii" / "test.jsonl"))
    told = figures.pop("errors")
    if as_json:
        click.echo(json.dumps(figures | ({"errors": told} if errors else {}), ensure_ascii=False))
        return
    print_figures(figures, as_json)
    alarms = figures["false_alarms"]
    click.echo(f"{'rows_with_a_false_alarm':<32} {alarms['rows']} ({_interval(alarms)})")
    for match in ("exact", "overlap"):
        click.echo(f"# {match}")
        click.echo(f"{'type':<8} {'items':>5} {'found':>5}  {'precision':<20}  {'recall':<20}  f1")
        for name, part in figures["by_type"].items():
            precision, recall = (_interval(part[match][share]) for share in ("precision", "recall"))
            counts = f"{name:<8} {part['items']:>5} {part['found']:>5}"
            click.echo(f"{counts}  {precision:<20}  {recall:<20}  {part[match]['f1']:.4f}")
    for error in told if errors else ():
        said = f" found {error['found_start']}-{error['found_end']}" if "found_start" in error else ""
        place = f"{error['start']}-{error['end']}"
        click.echo(f"{error['kind']:<8} {error['type']:<8} {error['id']:<14} {place}{said}")


def _interval(share: dict[str, float]) -> str:
    return f"{share['value']:.4f} {share['low']:.4f}-{share['high']:.4f}"


@evaluate.command("corpora")
@click.option("--corpora", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Our corpus and labels [default: the shipped ones].")  # fmt: skip
def evaluate_corpora(corpora: Path | None) -> None:
    """Counts of our corpus and labels, and how far two passes of labelling agree."""
    from voc.training.agreement import describe

    click.echo(json.dumps(describe(corpora or bundled("corpora")), ensure_ascii=False, indent=2))
