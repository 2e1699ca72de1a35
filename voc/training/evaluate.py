"""Measures the pipeline on labelled texts, and heads trained on the shipped encoder on a benchmark.

Enters: labelled texts. Leaves: figures as JSON values. What must hold: one definition of each figure.

* Owner accuracy: the department that would act, or none, is the labelled one, sure or not.
* Departments, micro-F1: owner and cooperators as sets, counted over all texts.
* Sentiment, three classes: texts labelled mixed left out, a verdict of mixed taken by the sign of its score.
* Coverage: the share of texts whose status is not ``review``; "covered" figures are on those alone.
* ECE: expected calibration error over 10 bins of equal width (Guo et al. 2017).
* Risk at a coverage: the share of wrong owners among so many texts of which the service is surest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.utils.class_weight import compute_sample_weight

from voc.heads import FeatureMap, probabilities
from voc.hops import find_hops
from voc.pipeline import Pipeline
from voc.records import Analysis
from voc.routing import NONE
from voc.training import data as sets
from voc.training.data import Example
from voc.training.heads import fit_head
from voc.training.hop_figures import hop_figures
from voc.training.table import TableReader

THREE = ("negative", "neutral", "positive")
FOUR = (*THREE, "mixed")
BINS = 10
#: Points of the risk-coverage curve: every twentieth of the texts.
RISK_POINTS = 20

Pair = tuple[Example, Analysis]
Progress = Callable[[int], None]


def analyzed(
    pipeline: Pipeline, examples: Sequence[Example], progress: Progress = lambda _: None
) -> list[Pair]:
    """Each example with what the pipeline says of it, in order."""
    analyses: list[Analysis] = []
    for at in range(0, len(examples), 128):
        chunk = examples[at : at + 128]
        analyses += pipeline.analyze([e.group for e in chunk], [e.text for e in chunk])
        progress(len(chunk))
    return list(zip(examples, analyses, strict=True))


def evaluate_routing(
    pipeline: Pipeline, examples: Sequence[Example], progress: Progress = lambda _: None
) -> dict[str, Any]:
    """All figures on a labelled set, for the whole, by language, by length and by source."""
    return _report(pipeline, analyzed(pipeline, examples, progress))


def _report(pipeline: Pipeline, pairs: Sequence[Pair]) -> dict[str, Any]:
    def by(key: Callable[[Example, Analysis], str]) -> dict[str, Any]:
        keys = sorted({key(e, a) for e, a in pairs})
        return {name: _figures([pair for pair in pairs if key(*pair) == name]) for name in keys}

    owners = sorted({_owner(e) for e, _ in pairs} | {a.owner or NONE for _, a in pairs})
    return {
        "pipeline": pipeline.version,
        "review_below": pipeline.router.thresholds.review_below,
        **_figures(pairs),
        "by_language": by(_language),
        "by_length": by(lambda e, _: _length(e.text)),
        "by_source": by(lambda e, _: e.source),
        "reliability": {
            "owner": reliability(
                np.array([a.owner_confidence for _, a in pairs]),
                np.array([owner_right(e, a) for e, a in pairs], bool),
            ),
            "sentiment": reliability(
                np.array([a.sentiment_confidence for _, a in pairs]),
                np.array([e.sentiment == a.sentiment for e, a in pairs], bool),
            ),
        },
        "risk_coverage": _risk_coverage(pairs),
        "confusion": {
            "owner": _confusion([_owner(e) for e, _ in pairs], [a.owner or NONE for _, a in pairs], owners),
            "sentiment": _confusion([e.sentiment for e, _ in pairs], [a.sentiment for _, a in pairs], FOUR),
        },
    }


def evaluate_held_out(
    pipeline: Pipeline, data: Path, corpora: Path, progress: Progress = lambda _: None
) -> dict[str, dict[str, Any]]:
    """`evaluate_routing` on what nothing learned from.

    Returns:
        Figures on ``real`` texts, on the same without diacritics, and on our ``corpus``; where
        ``labels/unseen.jsonl`` is there, ``unseen`` too: see `evaluate_relabelled`.
    """
    real = sets.held_out(sets.hand_labelled(data, corpora))
    figures = {
        name: evaluate_routing(pipeline, examples, progress)
        for name, examples in (
            ("real", real),
            ("real_without_diacritics", [sets.without_diacritics(example) for example in real]),
            ("corpus", sets.held_out(sets.corpus(corpora))),
        )
    }
    labels = corpora / "labels" / "unseen.jsonl"
    if labels.exists():
        figures["unseen"] = evaluate_relabelled(pipeline, sets.relabelled(real, labels), progress)
    return figures


def evaluate_relabelled(
    pipeline: Pipeline, labelled: Sequence[tuple[Example, Example]], progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Figures on texts that two annotators labelled without seeing each other's labels.

    Args:
        labelled: each text as labelled first, and as labelled by the second annotator.

    Returns:
        Figures against the first labels, for all and by language, as `evaluate_routing` gives them, and:
        ``second``, against the second labels; ``agreed``, on the texts of which both said the same owner and
        the same sentiment; ``annotators``, how often they did, which is what any program could be held to.
    """
    pairs = analyzed(pipeline, [first for first, _ in labelled], progress)
    seconds = [(second, said) for (_, second), (_, said) in zip(labelled, pairs, strict=True)]
    same_owner = [_owner(first) == _owner(second) for first, second in labelled]
    same_sentiment = [first.sentiment == second.sentiment for first, second in labelled]
    both = [owner and feeling for owner, feeling in zip(same_owner, same_sentiment, strict=True)]
    agreed = [pair for pair, same in zip(pairs, both, strict=True) if same]
    return _report(pipeline, pairs) | {
        "second": _figures(seconds),
        "agreed": _figures(agreed) | {
            "by_language": {
                name: _figures([pair for pair in agreed if _language(*pair) == name])
                for name in sorted({_language(*pair) for pair in agreed})
            }
        },
        "annotators": {
            "owner": share(same_owner), "sentiment": share(same_sentiment), "both": share(both),
        },
    }  # fmt: skip


def _figures(pairs: Sequence[Pair]) -> dict[str, Any]:
    if not pairs:
        return {"rows": 0}
    covered = [(e, a) for e, a in pairs if a.status != "review"]
    confidence = np.array([a.owner_confidence for _, a in pairs])
    right = np.array([owner_right(e, a) for e, a in pairs])
    return {
        "rows": len(pairs),
        "owner_accuracy": _rounded(right.mean()),
        "departments_micro_f1": _departments_micro_f1(pairs),
        **_sentiment_figures(pairs),
        "owner_ece": expected_calibration_error(confidence, right),
        "coverage": _rounded(len(covered) / len(pairs)),
        "owner_accuracy_covered": _rounded(
            np.mean([owner_right(e, a) for e, a in covered]) if covered else 0.0
        ),
        "departments_micro_f1_covered": _departments_micro_f1(covered),
    }


def _sentiment_figures(pairs: Sequence[Pair]) -> dict[str, Any]:
    plain = [(e, a) for e, a in pairs if e.sentiment in THREE]
    signed = [three_way(a) for _, a in plain]
    right = np.array([e.sentiment == a.sentiment for e, a in pairs])
    confidence = np.array([a.sentiment_confidence for _, a in pairs])
    return {
        "sentiment_macro_f1": macro_f1([str(e.sentiment) for e, _ in plain], signed, THREE),
        "sentiment_accuracy": share(
            [e.sentiment == said for (e, _), said in zip(plain, signed, strict=True)]
        ),
        "sentiment_macro_f1_with_mixed": macro_f1(
            [str(e.sentiment) for e, _ in pairs], [a.sentiment for _, a in pairs], FOUR
        ),
        "sentiment_ece": expected_calibration_error(confidence, right),
    }


def owner_right(example: Example, analysis: Analysis) -> bool:
    """Whether the department that would act, or none, is the labelled one."""
    return _owner(example) == (analysis.owner or NONE)


def three_way(analysis: Analysis) -> str:
    """The verdict as one of `THREE`: a mixed one by the sign of its score."""
    if analysis.sentiment != "mixed":
        return analysis.sentiment
    return "positive" if analysis.sentiment_score > 0 else "negative"


def share(hits: Sequence[bool]) -> float:
    """The share that is true; 0 of nothing."""
    return _rounded(np.mean(hits)) if hits else 0.0


def _departments_micro_f1(pairs: Sequence[Pair]) -> float:
    hits = told = true = 0
    for example, analysis in pairs:
        guessed = {analysis.owner, *analysis.cooperators} - {None}
        meant = {_owner(example), *(example.cooperators or ())} - {NONE}
        hits += len(guessed & meant)
        told += len(guessed)
        true += len(meant)
    return _rounded(2 * hits / max(told + true, 1))


def _risk_coverage(pairs: Sequence[Pair]) -> list[dict[str, float]]:
    """Error of the owner on the surest twentieth, two twentieths, … of the texts, and the least confidence
    among them."""
    ranked = sorted(pairs, key=lambda pair: -pair[1].owner_confidence)
    wrong = np.array([not owner_right(e, a) for e, a in ranked], float)
    curve = []
    for point in range(1, RISK_POINTS + 1) if ranked else ():
        most = max(1, round(len(ranked) * point / RISK_POINTS))
        curve.append(
            {
                "coverage": point / RISK_POINTS,
                "risk": _rounded(wrong[:most].mean()),
                "confidence": _rounded(ranked[most - 1][1].owner_confidence),
            }
        )
    return curve


def reliability(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], bins: int = BINS
) -> list[dict[str, float]]:
    """Rows, mean confidence and accuracy of each bin of equal width that has rows, least sure first."""
    return [
        {
            "from": number / bins,
            "to": (number + 1) / bins,
            "count": int(rows.sum()),
            "confidence": _rounded(confidence[rows].mean()),
            "accuracy": _rounded(right[rows].mean()),
        }
        for number, rows in _bins(confidence, bins)
    ]


def expected_calibration_error(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Mean distance between confidence and accuracy over the bins, weighted by their rows."""
    gaps = [
        rows.sum() * abs(float(confidence[rows].mean() - right[rows].mean()))
        for _, rows in _bins(confidence, bins)
    ]
    return _rounded(sum(gaps) / max(len(confidence), 1))


def _bins(confidence: NDArray[np.floating[Any]], bins: int) -> list[tuple[int, NDArray[np.bool_]]]:
    """The bins that have rows, each with its rows."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [(number, place == number) for number in range(bins) if (place == number).any()]


def evaluate_hops(examples: Sequence[Example]) -> dict[str, float]:
    """Chains of departments found in texts against the labelled ones.

    Returns:
        Rows, rows with a labelled chain, and the figures of `hop_figures`. One department alone is no chain.
    """
    chains = [example.hops if len(example.hops) > 1 else () for example in examples]
    agreement = hop_figures(chains, [find_hops(example.text) for example in examples])
    return {"rows": len(examples), "chains": sum(map(bool, chains))} | {
        name: _rounded(value) for name, value in agreement.items()
    }


def evaluate_head(
    tables: TableReader,
    train: Sequence[tuple[str, str]],
    test: Sequence[tuple[str, str]],
    *,
    regularizations: Sequence[float] = (0.5, 2.0, 5.0),
    norms: Sequence[float] = (0.5, 1.0, 2.0, 4.0),
) -> dict[str, Any]:
    """A head on the shipped encoder, trained on one labelled set and measured on another.

    The regularization and the weight of the vectors beside the words are chosen on every tenth row of the
    training set: an encoder that did not learn from these texts may be worth more than in the shipped heads.
    Rows are weighted by the square root of how rare their class is, between taking classes as they come and
    counting all alike.
    """
    dev = [pair for i, pair in enumerate(train) if i % 10 == 0]
    fit = [pair for i, pair in enumerate(train) if i % 10]
    tables.read([text for text, _ in [*train, *test]])

    def scored(
        known: Sequence[tuple[str, str]], asked: Sequence[tuple[str, str]], c: float, norm: float
    ) -> dict[str, Any]:
        table = tables.read([t for t, _ in known])
        features = FeatureMap.fit(table.vectors, table.words, norm)
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

    tried = [(c, norm) for norm in norms for c in regularizations]
    c, norm = max(tried, key=lambda one: scored(fit, dev, *one)["weighted_f1"])
    return {"train": len(train), "test": len(test), "c": c, "norm": norm, **scored(train, test, c, norm)}


def _confusion(true: Sequence[Any], predicted: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """Rows: as labelled; columns: as said."""
    if not true:
        return {"labels": [], "matrix": []}
    matrix = confusion_matrix(list(true), list(predicted), labels=list(names))
    return {"labels": list(names), "matrix": matrix.tolist()}


def macro_f1(true: Sequence[str], predicted: Sequence[str], names: Sequence[str] = THREE) -> float:
    """Mean F1 of the classes that were meant or said; 0 of nothing."""
    present = [name for name in names if name in true or name in predicted]
    if not present:
        return 0.0
    return _rounded(f1_score(list(true), list(predicted), labels=present, average="macro", zero_division=0))


def _language(example: Example, analysis: Analysis) -> str:
    return example.language or analysis.language


def _owner(example: Example) -> str:
    return example.owner or NONE


def _length(text: str) -> str:
    words = len(text.split())
    return "1-8 words" if words <= 8 else "9-25 words" if words <= 25 else "over 25 words"


def _rounded(value: Any) -> float:
    return round(float(value), 4)
