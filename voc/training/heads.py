"""Fits the scikit-learn heads: sentiment, segment departments, owner, touchpoint.

Enters: `Example`s and their tables. Leaves: fitted heads and the thresholds that were chosen. What must
hold: what the second heads learn from was said by first heads that had not seen the text (cross-fitting by
group), and no routing_dev row is among the examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from voc import segment as segmenting
from voc.heads import FeatureMap, probabilities
from voc.routing import FIELDS, NONE, Thresholds, owner_features
from voc.sentiment import CLASSES, verdict_features
from voc.training.data import Example, without_diacritics
from voc.training.table import TableReader

FOLDS = 5
RANDOM_STATE = 20261121
#: Regularization (inverse strength) and weights, chosen by grouped cross-validation on the training data.
C_FIRST, C_SECOND = 5.0, 0.3
MAX_ITER = 100
#: Weight of a segment's own label beside a whole text's, and of a copy typed without diacritics.
SEGMENT_TRUST, BARE_TRUST = 0.7, 0.5
#: Owner confidence is asked about below this share of texts, least sure first.
REVIEW_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Item:
    """One text to fit on, with its label and weight."""

    text: str
    label: str
    weight: float


def fit_features(examples: Sequence[Example], tables: TableReader) -> FeatureMap:
    """The feature map of all heads, fitted on whole texts and hand-labelled segments, labels unseen."""
    texts = sorted({item.text for item in department_items(examples)})
    table = tables.read(texts)
    return FeatureMap.fit(table.vectors, table.words)


def fit_head(
    features: sp.csr_matrix,
    labels: Sequence[str],
    weights: Sequence[float],
    c: float = C_FIRST,
    tol: float = 1e-3,
) -> LogisticRegression:
    """A logistic regression over `voc.heads.FeatureMap`.

    Args:
        features: (n, n_features).
        labels, weights: one per row.
    """
    model = LogisticRegression(C=c, max_iter=MAX_ITER, tol=tol)
    return model.fit(features, list(labels), sample_weight=list(weights))


def fit_items(items: Sequence[Item], tables: TableReader, features: FeatureMap) -> LogisticRegression:
    """`fit_head` on items."""
    table = tables.read([item.text for item in items])
    return fit_head(
        features.transform(table.vectors, table.words),
        [item.label for item in items],
        [item.weight for item in items],
    )


def sentiment_items(examples: Sequence[Example]) -> list[Item]:
    """Whole texts with one of three feelings, hand-labelled segments, and copies without diacritics."""
    return _items(
        examples,
        whole=lambda example: example.sentiment if example.sentiment in CLASSES else None,
        part=lambda feeling, _: feeling,
    )


def department_items(examples: Sequence[Example]) -> list[Item]:
    """Whole texts with their owner, hand-labelled segments with theirs, and copies without diacritics."""
    return _items(
        examples,
        whole=lambda example: example.owner,
        part=lambda _, department: department or NONE,
    )


def _items(
    examples: Sequence[Example],
    whole: Callable[[Example], str | None],
    part: Callable[[str, str | None], str],
) -> list[Item]:
    """Items of whole texts where ``whole`` has a label, and of segments where there are several."""
    items: list[Item] = []
    for example in examples:
        label = whole(example)
        for shown, trust in _renderings(example):
            if label is not None:
                items.append(Item(shown.text, label, trust))
            items += [
                Item(shown.text[start:end].strip(), part(feeling, department), trust * SEGMENT_TRUST)
                for start, end, feeling, department in (shown.parts if len(shown.parts) > 1 else ())
            ]
    return items


def touchpoint_items(examples: Sequence[Example]) -> list[Item]:
    """Whole texts whose touchpoint was labelled by hand."""
    return [
        Item(shown.text, example.touchpoint, trust)
        for example in examples
        if example.touchpoint is not None
        for shown, trust in _renderings(example)
    ]


def _renderings(example: Example) -> list[tuple[Example, float]]:
    bare = without_diacritics(example)
    if bare.text == example.text:
        return [(example, example.trust)]
    return [(example, example.trust), (bare, example.trust * BARE_TRUST)]


@dataclass(frozen=True, slots=True)
class Parts:
    """A text's whole and segments as rows of one table of probabilities."""

    whole: int
    parts: slice
    lengths: NDArray[np.int64]


def cross_fitted(
    examples: Sequence[Example],
    extra: Sequence[Example],
    items_of: Callable[[Sequence[Example]], list[Item]],
    classes: Sequence[str],
    tables: TableReader,
    features: FeatureMap,
) -> tuple[NDArray[np.float32], list[Parts]]:
    """What heads that never saw a text say of it and of its segments.

    Args:
        examples: texts to speak of; in each fold the heads learn from the others and from ``extra``.
        extra: examples that are learned from only (their groups are left out where they meet the fold's).

    Returns:
        float32 (n_rows, n_classes) and, for each example, where its rows are.
    """
    pieces: list[str] = []
    places: list[Parts] = []
    for example in examples:
        spans = segmenting.segment(example.text)
        found = [example.text[span.start : span.end] for span in spans]
        rows = [example.text.strip(), *found] if len(found) > 1 else found
        end = len(pieces) + len(rows)
        lengths = np.array([span.end - span.start for span in spans], np.int64)
        places.append(Parts(len(pieces), slice(end - len(found), end), lengths))
        pieces += rows
    table = tables.read(pieces)
    read = features.transform(table.vectors, table.words)
    said = np.zeros((len(pieces), len(classes)), np.float32)
    groups = [example.group for example in examples]
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=RANDOM_STATE).split(
        examples, groups=groups
    ):
        held = {groups[i] for i in test}
        known = [examples[i] for i in train] + [other for other in extra if other.group not in held]
        head = fit_items(items_of(known), tables, features)
        asked_rows = [row for i in test for row in range(places[i].whole, places[i].parts.stop)]
        columns = [list(head.classes_).index(name) for name in classes]
        said[asked_rows] = probabilities(head, read[asked_rows])[:, columns]
    return said, places


def fit_verdict(
    examples: Sequence[Example], said: NDArray[np.float32], places: Sequence[Parts]
) -> CalibratedClassifierCV:
    """The four-class document verdict over `verdict_features`, calibrated by temperature."""
    rows = np.array([verdict_features(said[p.whole], said[p.parts], p.lengths) for p in places])
    return _second(rows, [str(example.sentiment) for example in examples], [e.group for e in examples])


def fit_owner(
    examples: Sequence[Example], said: NDArray[np.float32], places: Sequence[Parts]
) -> tuple[CalibratedClassifierCV, NDArray[np.float32]]:
    """The owner over `owner_features`, and its cross-fitted probabilities (n, n_fields)."""
    rows = np.array([owner_features(said[p.whole], said[p.parts], p.lengths) for p in places])
    labels = [str(example.owner) for example in examples]
    groups = [example.group for example in examples]
    held_out = np.zeros((len(rows), len(FIELDS)), np.float32)
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=1).split(rows, groups=groups):
        model = _second(rows[train], [labels[i] for i in train], [groups[i] for i in train])
        held_out[test] = model.predict_proba(rows[test])
    return _second(rows, labels, groups), held_out


def _second(
    rows: NDArray[np.float32], labels: Sequence[str], groups: Sequence[str]
) -> CalibratedClassifierCV:
    folds = list(GroupKFold(3, shuffle=True, random_state=2).split(rows, groups=groups))
    model = CalibratedClassifierCV(
        make_pipeline(StandardScaler(), LogisticRegression(C=C_SECOND, max_iter=200)),
        method="temperature",
        cv=folds,
        ensemble=False,
    )
    return model.fit(rows, list(labels))


def choose_thresholds(
    examples: Sequence[Example],
    owners: NDArray[np.float32],
    said: NDArray[np.float32],
    places: Sequence[Parts],
    topic_weight: float,
) -> tuple[Thresholds, dict[str, float]]:
    """Thresholds from cross-fitted probabilities on the training texts, and what they reach there.

    ``review_below`` leaves `REVIEW_SHARE` of the texts to people; ``cooperator_above`` gives the best
    micro-F1 of implicated departments.
    """
    confidence = owners.max(axis=1)
    review_below = float(np.quantile(confidence, REVIEW_SHARE))
    predicted = [FIELDS[i] for i in owners.argmax(axis=1)]
    best, chosen = -1.0, 0.5
    for threshold in np.arange(0.3, 0.96, 0.025):
        score = _micro_f1(examples, predicted, said, places, float(threshold))
        if score > best:
            best, chosen = score, float(threshold)
    right = np.array([p == e.owner for p, e in zip(predicted, examples, strict=True)])
    figures = {
        "owner_accuracy": float(right.mean()),
        "owner_accuracy_covered": float(right[confidence >= review_below].mean()),
        "departments_micro_f1": best,
    }
    return Thresholds(round(review_below, 3), round(chosen, 3), topic_weight), figures


def _micro_f1(
    examples: Sequence[Example],
    owners: Sequence[str],
    said: NDArray[np.float32],
    places: Sequence[Parts],
    threshold: float,
) -> float:
    hits = told = true = 0
    for example, owner, place in zip(examples, owners, places, strict=True):
        parts = said[place.parts]
        found = {FIELDS[int(row.argmax())] for row in parts if float(row.max()) >= threshold}
        guessed = (found | {owner}) - {NONE}
        meant = ({str(example.owner)} | set(example.cooperators or ())) - {NONE}
        hits += len(guessed & meant)
        told += len(guessed)
        true += len(meant)
    return 2 * hits / max(told + true, 1)
