"""A scikit-learn head over encoder vectors and token features, kept as one skops file.

Enters: vectors (n, n_dims) and the words of the same n texts. Leaves: calibrated class probabilities
(n, n_classes). What must hold: the file is read without running code; only the types named in `TRUSTED`
are built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import skops.io
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from voc.errors import ArtefactError
from voc.text import fold

#: scikit-learn's own types that skops does not trust by default and that a head is made of.
TRUSTED = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.link.Interval",
)

#: Length of the scaled vectors beside TF-IDF rows of length 1; chosen by cross-validation on training data.
VECTOR_NORM = 3.0


@dataclass(frozen=True, slots=True)
class Head:
    """A fitted classifier with the token vectorizers it was fitted on.

    Attributes:
        exact: TF-IDF over words as typed.
        folded: TF-IDF over words without diacritics, so that ``giao hàng`` and ``giao hang`` meet.
        scaler: centres the vectors and gives every dimension the same spread; e5 vectors lie in a
            narrow cone, and a head could not tell them apart otherwise.
        classifier: any scikit-learn classifier with ``predict_proba``.
    """

    scaler: StandardScaler
    exact: TfidfVectorizer
    folded: TfidfVectorizer
    classifier: Any

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of the probabilities' columns."""
        return tuple(str(name) for name in self.classifier.classes_)

    def features(self, vectors: NDArray[np.float32], words: Sequence[str]) -> sp.csr_matrix:
        """float32 (n, n_dims + n_terms): the vectors beside the TF-IDF weights of the words."""
        return features(vectors, words, self.scaler, self.exact, self.folded)

    def probabilities(self, vectors: NDArray[np.float32], words: Sequence[str]) -> NDArray[np.float32]:
        """float32 (n, n_classes), rows sum to 1; (0, n_classes) for nothing."""
        if len(words) == 0:
            return np.zeros((0, len(self.classes)), np.float32)
        probabilities = self.classifier.predict_proba(self.features(vectors, words))
        return np.asarray(probabilities, np.float32)

    def save(self, path: Path) -> None:
        """Writes the head as a skops file."""
        skops.io.dump({"exact": self.exact, "folded": self.folded, "classifier": self.classifier}, path)

    @classmethod
    def open(cls, path: Path) -> Head:
        """Reads a head.

        Raises:
            ArtefactError: ``artefact_untrusted`` if the file holds a type beyond `TRUSTED`.
        """
        return cls(**_load(path))


def open_classifier(path: Path) -> Any:
    """Reads a bare scikit-learn classifier with ``predict_proba``; errors as `Head.open`."""
    return _load(path)


def save_classifier(classifier: Any, path: Path) -> None:
    """Writes a bare scikit-learn classifier as a skops file."""
    skops.io.dump(classifier, path)


def _load(path: Path) -> Any:
    strangers = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED)
    if strangers:
        raise ArtefactError(
            "artefact_untrusted", f"{path} holds types that are not trusted: {sorted(strangers)}"
        )
    return skops.io.load(path, trusted=list(TRUSTED))


def features(
    vectors: NDArray[np.float32],
    words: Sequence[str],
    scaler: StandardScaler,
    exact: TfidfVectorizer,
    folded: TfidfVectorizer,
) -> sp.csr_matrix:
    """The vectors, scaled to rows of length `VECTOR_NORM` or so, beside both TF-IDF blocks of length 1."""
    dense = scaler.transform(vectors) * np.float32(VECTOR_NORM / np.sqrt(vectors.shape[1]))
    parts = [
        sp.csr_matrix(dense, dtype=np.float32),
        exact.transform(words),
        folded.transform([fold(text) for text in words]),
    ]
    return sp.hstack(parts, format="csr", dtype=np.float32)
