"""Fits the scikit-learn heads: sentiment, segment departments, owner, touchpoint.

Enters: `Example`s and their tables. Leaves: fitted heads and the thresholds that were chosen. What must
hold: what the second heads learn from was said by first heads, and of vectors by an encoder, that had not
learned from the text; no routing_dev row is among the examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from voc import segment as segmenting
from voc.heads import FeatureMap, probabilities
from voc.routing import FIELDS, NONE, Thresholds, owner_features
from voc.sentiment import CLASSES, verdict_features
from voc.training.data import Example, without_diacritics
from voc.training.table import Piece, TableReader

FOLDS = 4
RANDOM_STATE = 20261121
#: Regularization (inverse strength) and weights, chosen on the texts kept for calibration.
C_FIRST, C_SECOND = 5.0, 0.3
MAX_ITER = 100
#: Weight of a segment's own label beside a whole text's, and of a copy typed without diacritics.
SEGMENT_TRUST, BARE_TRUST = 0.7, 0.5
#: Owner confidence is asked about below this share of texts, least sure first.
REVIEW_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Item:
    """One text or segment to fit on, with its label and weight."""

    piece: Piece
    label: str
    weight: float


def fit_features(examples: Sequence[Example], tables: TableReader) -> FeatureMap:
    """The feature map of all heads, fitted on whole texts and hand-labelled segments, labels unseen."""
    pieces = dict.fromkeys(item.piece for item in department_items(examples))
    table = tables.rows(list(pieces))
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
    table = tables.rows([item.piece for item in items])
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
            spans = tuple((start, end) for start, end, *_ in shown.parts) or None
            if label is not None:
                items.append(Item(Piece(shown.text, spans), label, trust))
            items += [
                Item(Piece(shown.text, spans, row), part(feeling, department), trust * SEGMENT_TRUST)
                for row, (_, _, feeling, department) in enumerate(shown.parts, 1)
                if len(shown.parts) > 1
            ]
    return items


def touchpoint_items(examples: Sequence[Example]) -> list[Item]:
    """Whole texts whose touchpoint was labelled by hand."""
    return [
        Item(Piece(shown.text), example.touchpoint, trust)
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


def asked_of(
    examples: Sequence[Example],
    head: LogisticRegression,
    classes: Sequence[str],
    tables: TableReader,
    features: FeatureMap,
) -> Said:
    """`asked`, with its examples."""
    return Said(examples, *asked(examples, head, classes, tables, features))


def asked(
    examples: Sequence[Example],
    head: LogisticRegression,
    classes: Sequence[str],
    tables: TableReader,
    features: FeatureMap,
) -> tuple[NDArray[np.float32], list[Parts]]:
    """What a head says of texts and of their segments, cut as the service cuts them.

    Returns:
        float32 (n_rows, n_classes) and, for each example, where its rows are.
    """
    pieces: list[Piece] = []
    places: list[Parts] = []
    for example in examples:
        spans = segmenting.segment(example.text)
        n_rows = len(spans) + 1 if len(spans) > 1 else 1
        lengths = np.array([span.end - span.start for span in spans], np.int64)
        end = len(pieces) + n_rows
        places.append(Parts(len(pieces), slice(end - max(len(spans), 1), end), lengths))
        pieces += [Piece(example.text, None, row) for row in range(n_rows)]
    table = tables.rows(pieces)
    columns = [list(head.classes_).index(name) for name in classes]
    return probabilities(head, features.transform(table.vectors, table.words))[:, columns], places


@dataclass(frozen=True, slots=True)
class Said:
    """What first heads said of texts that they had not learned from.

    Attributes:
        rows: float32 (n_rows, n_classes), of wholes and segments.
        places: where each example's rows are.
    """

    examples: Sequence[Example]
    rows: NDArray[np.float32]
    places: Sequence[Parts]


def cross_fitted(
    examples: Sequence[Example],
    extra: Sequence[Example],
    items_of: Callable[[Sequence[Example]], list[Item]],
    classes: Sequence[str],
    tables: TableReader,
    features: FeatureMap,
) -> Said:
    """In each fold the heads learn from the other examples and from ``extra``, groups kept apart."""
    groups = [example.group for example in examples]
    rows = np.zeros((0, len(classes)), np.float32)
    folds = GroupKFold(FOLDS, shuffle=True, random_state=RANDOM_STATE)
    for train, test in folds.split(examples, groups=groups):
        held = {groups[i] for i in test}
        known = [examples[i] for i in train] + [other for other in extra if other.group not in held]
        head = fit_items(items_of(known), tables, features)
        said, places = asked(examples, head, classes, tables, features)
        rows = rows if len(rows) else np.zeros_like(said)
        for i in test:
            here = slice(places[i].whole, places[i].parts.stop)
            rows[here] = said[here]
    return Said(examples, rows, places)


def fit_verdict(learned: Said, kept: Said) -> CalibratedClassifierCV:
    """The four-class document verdict over `verdict_features`; ``kept`` sets its temperature."""
    labels = [[str(example.sentiment) for example in said.examples] for said in (learned, kept)]
    return _second(learned, kept, verdict_features, labels)


def fit_owner(learned: Said, kept: Said) -> CalibratedClassifierCV:
    """The owner over `owner_features`; ``kept`` sets its temperature."""
    labels = [[str(example.owner) for example in said.examples] for said in (learned, kept)]
    return _second(learned, kept, owner_features, labels)


def features_of(said: Said, make: Callable[..., NDArray[np.float32]]) -> NDArray[np.float32]:
    """What a second head reads of each example, (n_examples, n_features)."""
    return np.array([make(said.rows[p.whole], said.rows[p.parts], p.lengths) for p in said.places])


def _second(
    learned: Said, kept: Said, make: Callable[..., NDArray[np.float32]], labels: Sequence[list[str]]
) -> CalibratedClassifierCV:
    """A second head: its weights from texts that the encoder knows, its temperature from texts it does not.

    What the encoder has learned makes first heads surer, not differently wrong: weights learned from the many
    known texts beat those from the few unknown ones, but their confidence has to be set on the latter.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C_SECOND, max_iter=300))
    model.fit(features_of(learned, make), labels[0])
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), method="temperature")
    return calibrated.fit(features_of(kept, make), labels[1])


def choose_thresholds(
    kept: Said, owner: CalibratedClassifierCV, topic_weight: float
) -> tuple[Thresholds, dict[str, float]]:
    """Thresholds from probabilities on the texts kept for calibration, and what they reach there.

    ``review_below`` leaves `REVIEW_SHARE` of the texts to people; ``cooperator_above`` gives the best
    micro-F1 of implicated departments.
    """
    examples, owners = kept.examples, owner.predict_proba(features_of(kept, owner_features))
    confidence = owners.max(axis=1)
    review_below = float(np.quantile(confidence, REVIEW_SHARE))
    predicted = [FIELDS[i] for i in owners.argmax(axis=1)]
    best, chosen = -1.0, 0.5
    for threshold in np.arange(0.3, 0.96, 0.025):
        score = _micro_f1(examples, predicted, kept.rows, kept.places, float(threshold))
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
