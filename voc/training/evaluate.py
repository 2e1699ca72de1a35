"""Measures the pipeline on labelled texts, and heads trained on the shipped encoder on a benchmark.

Enters: labelled texts. Leaves: figures as JSON values. What must hold: one definition of each figure.

* Owner accuracy: the department that would act, or none, is the labelled one, sure or not.
* Departments, micro-F1: owner and cooperators as sets, counted over all texts.
* Sentiment, three classes: texts labelled mixed left out, a verdict of mixed taken by the sign of its score.
* Coverage: the share of texts whose status is not ``review``; "covered" figures are on those alone.
* ECE: expected calibration error over 10 bins of equal width (Guo et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from sklearn.utils.class_weight import compute_sample_weight

from voc.heads import FeatureMap, probabilities
from voc.pipeline import Pipeline
from voc.records import Analysis
from voc.routing import NONE
from voc.training.data import Example
from voc.training.heads import fit_head
from voc.training.table import TableReader

THREE = ("negative", "neutral", "positive")
FOUR = (*THREE, "mixed")


def evaluate_routing(
    pipeline: Pipeline, examples: Sequence[Example], progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """All figures on a labelled set, for the whole, by language, by length and by source."""
    analyses: list[Analysis] = []
    for at in range(0, len(examples), 128):
        chunk = examples[at : at + 128]
        analyses += pipeline.analyze([e.group for e in chunk], [e.text for e in chunk])
        progress(len(chunk))
    pairs = list(zip(examples, analyses, strict=True))

    def by(key: Callable[[Example, Analysis], str]) -> dict[str, Any]:
        keys = sorted({key(e, a) for e, a in pairs})
        return {name: _figures([pair for pair in pairs if key(*pair) == name]) for name in keys}

    owners = sorted({_owner(e) for e in examples} | {a.owner or NONE for a in analyses})
    return {
        "pipeline": pipeline.version,
        "review_below": pipeline.router.thresholds.review_below,
        **_figures(pairs),
        "by_language": by(lambda e, a: e.language or a.language),
        "by_length": by(lambda e, _: _length(e.text)),
        "by_source": by(lambda e, _: e.source),
        "risk_coverage": _risk_coverage(pairs),
        "confusion": {
            "owner": _confusion([_owner(e) for e in examples], [a.owner or NONE for a in analyses], owners),
            "sentiment": _confusion([e.sentiment for e in examples], [a.sentiment for a in analyses], FOUR),
        },
    }


def _figures(pairs: Sequence[tuple[Example, Analysis]]) -> dict[str, Any]:
    covered = [(e, a) for e, a in pairs if a.status != "review"]
    confidence = np.array([a.owner_confidence for _, a in pairs])
    right = np.array([_owner(e) == (a.owner or NONE) for e, a in pairs])
    return {
        "rows": len(pairs),
        "owner_accuracy": _rounded(right.mean()),
        "departments_micro_f1": _departments_micro_f1(pairs),
        **_sentiment_figures(pairs),
        "owner_ece": expected_calibration_error(confidence, right),
        "coverage": _rounded(len(covered) / len(pairs)),
        "owner_accuracy_covered": _rounded(
            np.mean([_owner(e) == (a.owner or NONE) for e, a in covered]) if covered else 0.0
        ),
        "departments_micro_f1_covered": _departments_micro_f1(covered),
    }


def _sentiment_figures(pairs: Sequence[tuple[Example, Analysis]]) -> dict[str, Any]:
    plain = [(e, a) for e, a in pairs if e.sentiment in THREE]
    signed = [
        a.sentiment if a.sentiment != "mixed" else ("positive" if a.sentiment_score > 0 else "negative")
        for _, a in plain
    ]
    right = np.array([e.sentiment == a.sentiment for e, a in pairs])
    confidence = np.array([a.sentiment_confidence for _, a in pairs])
    return {
        "sentiment_macro_f1": _macro_f1([str(e.sentiment) for e, _ in plain], signed, THREE),
        "sentiment_accuracy": _rounded(accuracy_score([e.sentiment for e, _ in plain], signed)),
        "sentiment_macro_f1_with_mixed": _macro_f1(
            [str(e.sentiment) for e, _ in pairs], [a.sentiment for _, a in pairs], FOUR
        ),
        "sentiment_ece": expected_calibration_error(confidence, right),
    }


def _departments_micro_f1(pairs: Sequence[tuple[Example, Analysis]]) -> float:
    hits = told = true = 0
    for example, analysis in pairs:
        guessed = {analysis.owner, *analysis.cooperators} - {None}
        meant = {_owner(example), *(example.cooperators or ())} - {NONE}
        hits += len(guessed & meant)
        told += len(guessed)
        true += len(meant)
    return _rounded(2 * hits / max(told + true, 1))


def _risk_coverage(pairs: Sequence[tuple[Example, Analysis]]) -> list[dict[str, float]]:
    """Error of the owner on the surest tenth, two tenths, … of the texts."""
    ranked = sorted(pairs, key=lambda pair: -pair[1].owner_confidence)
    wrong = np.array([_owner(e) != (a.owner or NONE) for e, a in ranked], float)
    curve = []
    for tenth in range(1, 11):
        most = max(1, round(len(ranked) * tenth / 10))
        curve.append({"coverage": tenth / 10, "risk": _rounded(wrong[:most].mean())})
    return curve


def expected_calibration_error(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], bins: int = 10
) -> float:
    """Mean distance between confidence and accuracy over bins of equal width, weighted by their rows."""
    if len(confidence) == 0:
        return 0.0
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (place == b).sum() * abs(float(confidence[place == b].mean() - right[place == b].mean()))
        for b in range(bins)
        if (place == b).any()
    ]
    return _rounded(sum(gaps) / len(confidence))


def evaluate_head(
    tables: TableReader,
    train: Sequence[tuple[str, str]],
    test: Sequence[tuple[str, str]],
    *,
    regularizations: Sequence[float] = (0.5, 1.0, 2.0, 5.0),
) -> dict[str, Any]:
    """A head on the shipped encoder, trained on one labelled set and measured on another.

    The regularization is chosen on every tenth row of the training set. Rows are weighted by the square root
    of how rare their class is, between taking classes as they come and counting all alike.
    """
    dev = [pair for i, pair in enumerate(train) if i % 10 == 0]
    fit = [pair for i, pair in enumerate(train) if i % 10]
    tables.read([text for text, _ in [*train, *test]])

    def scored(
        known: Sequence[tuple[str, str]], asked: Sequence[tuple[str, str]], c: float
    ) -> dict[str, Any]:
        table = tables.read([t for t, _ in known])
        features = FeatureMap.fit(table.vectors, table.words)
        read = features.transform(table.vectors, table.words)
        labels = [y for _, y in known]
        head = fit_head(read, labels, np.sqrt(compute_sample_weight("balanced", labels)), c, tol=1e-4)
        table = tables.read([t for t, _ in asked])
        said = probabilities(head, features.transform(table.vectors, table.words))
        predicted = [str(head.classes_[i]) for i in said.argmax(axis=1)]
        true = [y for _, y in asked]
        names = sorted(set(true))
        right = np.array([p == y for p, y in zip(predicted, true, strict=True)])
        return {
            "accuracy": _rounded(right.mean()),
            "weighted_f1": _rounded(f1_score(true, predicted, average="weighted", labels=names)),
            "macro_f1": _rounded(f1_score(true, predicted, average="macro", labels=names)),
            "ece": expected_calibration_error(said.max(axis=1), right),
            "confusion": _confusion(true, predicted, names),
        }

    chosen = max(regularizations, key=lambda c: scored(fit, dev, c)["weighted_f1"])
    return {"train": len(train), "test": len(test), "c": chosen, **scored(train, test, chosen)}


def _confusion(true: Sequence[Any], predicted: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """Rows: as labelled; columns: as said."""
    matrix = confusion_matrix(list(true), list(predicted), labels=list(names))
    return {"labels": list(names), "matrix": matrix.tolist()}


def _macro_f1(true: Sequence[str], predicted: Sequence[str], names: Sequence[str]) -> float:
    present = [name for name in names if name in true or name in predicted]
    if not present:
        return 0.0
    return _rounded(f1_score(list(true), list(predicted), labels=present, average="macro", zero_division=0))


def _owner(example: Example) -> str:
    return example.owner or NONE


def _length(text: str) -> str:
    words = len(text.split())
    return "1-8 words" if words <= 8 else "9-25 words" if words <= 25 else "over 25 words"


def _rounded(value: Any) -> float:
    return round(float(value), 4)
