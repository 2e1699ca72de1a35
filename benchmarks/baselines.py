"""What a user would take instead, on the same rows: sentiment and owner side by side.

    pip install vaderSentiment==3.3.2 textblob==0.20.1   # in an environment that has voc; needed here alone
    python benchmarks/baselines.py --data ../shared/data --json baselines.json

Prints two tables and writes all figures as JSON. Asked are the rows that no side learned from: routing_dev,
held-out real texts, the held-out part of our corpus. Sentiment: macro-F1 over three classes, rows labelled
mixed left out; owner: accuracy over eight departments and none. A side that reads English alone is asked
about English rows alone.

* vader, textblob: their lexicons, by the thresholds of their documentation. Real English rows are partly the
  very texts that VADER was measured on by its authors.
* svc: TF-IDF of words and characters, linear support vectors.
* encoder: the shipped encoder's vector of the whole text, logistic regression.
* remit: the department whose name and remit (organization.toml) is nearest by the shipped encoder; none below
  a cosine chosen on the training rows. It learns nothing else.
* voc: the pipeline as shipped.

svc and encoder learn from what the pipeline learned from: the hand-labelled rows and our corpus without the
held-out tenth and without near twins of routing_dev. Their regularization is chosen on the tenth that is kept
for calibration, as the shipped encoder did not learn from it either.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from voc.organization import Department, Organization
from voc.pipeline import Pipeline
from voc.records import Analysis
from voc.routing import NONE
from voc.settings import Settings, bundled
from voc.training import data as sets
from voc.training.data import Example
from voc.training.evaluate import THREE, analyzed, macro_f1, share, three_way

Say = Callable[[Sequence[str]], list[str]]
Encode = Callable[[Sequence[str]], NDArray[np.float32]]
TRIED = {"svc": (0.03, 0.1, 0.3, 1.0), "encoder": (0.003, 0.01, 0.03, 0.1, 0.3)}


@dataclass(frozen=True, slots=True)
class Side:
    """One program to compare: texts to labels, None for what it does not do."""

    name: str
    sentiment: Say | None
    owner: Say | None
    english_only: bool = False


# ---- those that learn nothing


def vader() -> Say:
    """VADER by the thresholds of its README."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return lambda texts: [by_sign(analyzer.polarity_scores(text)["compound"], 0.05) for text in texts]


def textblob() -> Say:
    """TextBlob by the sign of its polarity."""
    from textblob import TextBlob

    return lambda texts: [by_sign(TextBlob(text).sentiment.polarity, 1e-9) for text in texts]


def by_sign(score: float, least: float) -> str:
    """A score from -1 to 1 as one of three feelings; neutral nearer to 0 than ``least``."""
    return "positive" if score >= least else "negative" if score <= -least else "neutral"


def nearest_remit(encode: Encode, departments: Sequence[Department], train: Sequence[tuple[str, str]]) -> Say:
    """The department whose description in either language is nearest; none below the best cosine."""
    keys = [department.key for department in departments]
    remits = [
        encode([f"{getattr(d.name, language)}: {getattr(d.remit, language)}" for d in departments])
        for language in ("vi", "en")
    ]

    def nearest(texts: Sequence[str]) -> tuple[list[str], NDArray[np.float32]]:
        vectors = encode(texts)
        cosines = np.maximum(*(vectors @ remit.T for remit in remits))
        return [keys[i] for i in cosines.argmax(axis=1)], cosines.max(axis=1)

    said, sure = nearest([text for text, _ in train])
    labels = [label for _, label in train]
    tried = [-1.0, *np.quantile(sure, np.arange(0.01, 0.6, 0.01))]
    least = max(tried, key=lambda cosine: share(_right(said, sure, labels, float(cosine))))

    def say(texts: Sequence[str]) -> list[str]:
        found, near = nearest(texts)
        return [key if cosine >= least else NONE for key, cosine in zip(found, near, strict=True)]

    return say


def _right(said: Sequence[str], sure: NDArray[np.float32], labels: Sequence[str], least: float) -> list[bool]:
    return [
        (key if cosine >= least else NONE) == label
        for key, cosine, label in zip(said, sure, labels, strict=True)
    ]


# ---- those that learn


def words_and_characters() -> Any:
    """TF-IDF of one and two words, and of two to five characters inside words."""
    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"(?u)\w+"),  # noqa: S106
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True),
    )


def support_vectors(c: float, weight: str | None) -> Any:
    """A linear classifier for counts of words."""
    return LinearSVC(C=c, class_weight=weight)


def logistic(c: float, weight: str | None) -> Any:
    """A linear classifier for vectors."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, class_weight=weight, max_iter=500))


def learned(
    rows: Any, labels: Sequence[str], for_choice: Sequence[bool], make: Callable[[float], Any],
    tried: Sequence[float], score: Callable[[Sequence[str], Sequence[str]], float],
) -> Any:  # fmt: skip
    """A classifier of ``rows``, its regularization the best on those marked ``for_choice``."""
    chosen, known = np.flatnonzero(for_choice), np.flatnonzero(~np.array(for_choice))
    all_labels = np.array(labels)

    def reached(c: float) -> float:
        model = make(c).fit(rows[known], all_labels[known])
        return score(list(all_labels[chosen]), list(model.predict(rows[chosen])))

    best = max(tried, key=reached) if len(chosen) and len(known) else tried[0]
    return make(best).fit(rows, all_labels)


def accuracy(true: Sequence[str], said: Sequence[str]) -> float:
    """The share of equal labels."""
    return share([a == b for a, b in zip(true, said, strict=True)])


def taught(
    name: str,
    read: Callable[[Sequence[str]], Any],
    make: Callable[[float, str | None], Any],
    train: Sequence[Example],
) -> Side:
    """A side that learns both labels from ``train``; ``read`` turns texts into rows of a matrix.

    Classes count alike where macro-F1 is asked for, as they come where accuracy is.
    """
    says: dict[str, Say] = {}
    for task, score, weight in (("sentiment", macro_f1, "balanced"), ("owner", accuracy, None)):
        known = [e for e in train if task == "owner" or e.sentiment in THREE]
        model = learned(
            read([e.text for e in known]),
            [str(getattr(e, task)) for e in known],
            [sets.is_for_calibration(e.group) for e in known],
            lambda c, weight=weight: make(c, weight), TRIED[name], score,
        )  # fmt: skip
        says[task] = lambda texts, model=model: [str(label) for label in model.predict(read(texts))]
    return Side(name, says["sentiment"], says["owner"])


# ---- the rows


def training_rows(data: Path, corpora: Path) -> list[Example]:
    """What the shipped heads learned from, weakly labelled rows apart."""
    own = [*sets.corpus(corpora), *sets.hand_labelled(data, corpora)]
    dev = [example.text for example in sets.routing_set(data / "routing_dev.jsonl")]
    return sets.without_twins([e for e in own if not sets.is_held_out(e.group)], dev)


def test_rows(data: Path, corpora: Path) -> dict[str, list[Example]]:
    """The rows that are asked about."""
    return {
        "routing_dev": sets.routing_set(data / "routing_dev.jsonl"),
        "held-out real": sets.held_out(sets.hand_labelled(data, corpora)),
        "held-out corpus": sets.held_out(sets.corpus(corpora)),
    }


def spread(rows: Sequence[Example], limit: int | None) -> list[Example]:
    """About ``limit`` of the rows, taken evenly; all of them without one."""
    return list(rows[:: max(1, len(rows) // limit)] if limit else rows)


# ---- the figures


def compare(sides: Sequence[Side], examples: Sequence[Example], languages: Sequence[str]) -> dict[str, Any]:
    """Figures of all sides on all rows, and on the rows of each language alone."""
    found: dict[str, Any] = {}
    for part in ("all", "en", "vi"):
        asked = [e for e, told in zip(examples, languages, strict=True) if part in ("all", told)]
        plain = [e for e in asked if e.sentiment in THREE]
        able = [side for side in sides if part == "en" or not side.english_only]
        found[part] = {
            "rows": len(asked),
            "sentiment_rows": len(plain),
            "sentiment_macro_f1": {
                side.name: macro_f1(
                    [str(e.sentiment) for e in plain], side.sentiment([e.text for e in plain])
                )
                for side in able
                if side.sentiment and plain
            },
            "owner_accuracy": {
                side.name: accuracy([e.owner or NONE for e in asked], side.owner([e.text for e in asked]))
                for side in able
                if side.owner and asked
            },
        }
    return found


def table(figures: dict[str, Any], measure: str, names: Sequence[str]) -> str:
    """A markdown table of one measure: a row per set and part, a column per side that has a figure."""
    shown = [
        name
        for name in names
        if any(name in part[measure] for parts in figures.values() for part in parts.values())
    ]
    count = "sentiment_rows" if measure.startswith("sentiment") else "rows"
    lines = [f"| {measure} | rows | {' | '.join(shown)} |", "|---|---|" + "---|" * len(shown)]
    for name, parts in figures.items():
        for part, values in parts.items():
            told = [f"{values[measure][side]:.3f}" if side in values[measure] else "–" for side in shown]
            lines.append(f"| {name}, {part} | {values[count]} | {' | '.join(told)} |")
    return "\n".join(lines)


def shipped(pipeline: Pipeline) -> Side:
    """The product itself; each text is analyzed but once."""
    kept: dict[str, Analysis] = {}

    def said(texts: Sequence[str]) -> list[Analysis]:
        new = [Example(text, "", "") for text in dict.fromkeys(texts) if text not in kept]
        kept.update((example.text, analysis) for example, analysis in analyzed(pipeline, new))
        return [kept[text] for text in texts]

    return Side(
        "voc",
        lambda texts: [three_way(analysis) for analysis in said(texts)],
        lambda texts: [analysis.owner or NONE for analysis in said(texts)],
    )


def encoding_once(encode: Encode) -> Encode:
    """The same, each text encoded but once."""
    kept: dict[str, NDArray[np.float32]] = {}

    def encoded(texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in kept]
        kept.update(zip(new, encode(new), strict=True))
        return np.array([kept[text] for text in texts])

    return encoded


def all_sides(pipeline: Pipeline, train: Sequence[Example], organization: Organization) -> list[Side]:
    """Every side that is installed, the product last."""
    encode = encoding_once(pipeline.reader.encoder.encode)
    counts = words_and_characters().fit([example.text for example in train])
    labelled = [(example.text, example.owner or NONE) for example in train]
    sides = []
    for name, package, make in (("vader", "vaderSentiment", vader), ("textblob", "textblob", textblob)):
        if find_spec(package):
            sides.append(Side(name, make(), None, english_only=True))
        else:
            print(f"{package} is not installed and is left out", file=sys.stderr)
    return [
        *sides,
        Side("remit", None, nearest_remit(encode, organization.departments, labelled)),
        taught("svc", counts.transform, support_vectors, train),
        taught("encoder", encode, logistic, train),
        shipped(pipeline),
    ]


def main() -> None:
    """Prints the tables, writes the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--limit", type=int, help="only so many rows of each set, for a quick look")
    options = parser.parse_args()
    settings, corpora = Settings(), bundled("corpora")
    pipeline = Pipeline.open(settings)
    train = training_rows(options.data, corpora)
    train = spread(train, options.limit)
    sides = all_sides(pipeline, train, Organization.read(settings.organization))
    figures = {}
    for name, examples in test_rows(options.data, corpora).items():
        rows = spread(examples, options.limit)
        said = analyzed(pipeline, rows)
        figures[name] = compare(sides, rows, [e.language or a.language for e, a in said])
    names = [side.name for side in sides]
    measures = ("sentiment_macro_f1", "owner_accuracy")
    markdown = "\n\n".join(table(figures, measure, names) for measure in measures)
    print(markdown)
    if options.json:
        result = {
            "pipeline": pipeline.version,
            "trained_on": len(train),
            "sets": figures,
            "markdown": markdown,
        }
        options.json.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
