"""What a segment feels, and what the whole text feels.

Enters: vectors and words of segments and of whole texts. Leaves: a label, a score in -1..1 and a
calibrated confidence. What must hold: the score is P(positive) - P(negative); ``mixed`` is said of a
whole text only, never of a segment.

Two heads: one reads a single text (three classes), the second weighs what the first said of the whole and
of its segments (four classes, see `verdict_features`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from voc.heads import open_classifier
from voc.records import Sentiment

#: Columns of the three-class probabilities, alphabetical as scikit-learn sorts them.
CLASSES: Final[tuple[Sentiment, ...]] = ("negative", "neutral", "positive")
NEGATIVE, NEUTRAL, POSITIVE = range(3)
VERDICTS: Final[tuple[Sentiment, ...]] = ("mixed", "negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The feeling of one whole text."""

    label: Sentiment
    score: float
    confidence: float


def score(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) in -1..1: P(positive) - P(negative)."""
    return np.asarray(probabilities[:, POSITIVE] - probabilities[:, NEGATIVE], np.float32)


def verdict_features(
    whole: NDArray[np.float32], parts: NDArray[np.float32], lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    """float32 (12,): what the first head said of the whole and of the parts of one text.

    Args:
        whole: (3,) probabilities of the whole text.
        parts: (n_segments, 3) probabilities of its segments.
        lengths: (n_segments,) code points of each segment, used as weights.
    """
    weights = lengths / max(int(lengths.sum()), 1)
    mean = weights @ parts
    loudest = parts.max(axis=0)
    last = parts[-1]
    conflict = min(float(loudest[NEGATIVE]), float(loudest[POSITIVE]))
    shared = min(float(mean[NEGATIVE]), float(mean[POSITIVE]))
    return np.asarray(
        [
            *whole,
            *mean,
            loudest[NEGATIVE],
            loudest[POSITIVE],
            conflict,
            shared,
            last[NEGATIVE],
            last[POSITIVE],
        ],
        np.float32,
    )


class SentimentModel:
    """Both heads, opened from their skops files."""

    def __init__(self, head: Any, verdict: Any) -> None:
        self.head = head
        self.verdict = verdict

    @classmethod
    def open(cls, head: Path | bytes, verdict: Path | bytes) -> SentimentModel:
        """Reads both heads; see `voc.heads.open_classifier` for errors."""
        return cls(open_classifier(head), open_classifier(verdict))

    def verdicts(self, features: NDArray[np.float32]) -> list[Verdict]:
        """One `Verdict` per row of `verdict_features`, same order."""
        if len(features) == 0:
            return []
        probabilities = self.verdict.predict_proba(features)
        labels: list[Sentiment] = list(self.verdict.classes_)
        best = probabilities.argmax(axis=1)
        scores = probabilities[:, labels.index("positive")] - probabilities[:, labels.index("negative")]
        return [
            Verdict(labels[int(column)], float(value), float(row[column]))
            for column, value, row in zip(best, scores, probabilities, strict=True)
        ]
