"""What the scikit-learn heads read, and the heads themselves, each kept as one skops file.

Enters: vectors (n, n_dims) and the words of the same n texts. Leaves: class probabilities (n, n_classes).
What must hold: files are read without running code, only the types named in `TRUSTED` are built; features
are computed once per text and shared by all heads.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import skops.io
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import StandardScaler

from voc.errors import ArtefactError
from voc.text import fold_word

#: scikit-learn's own types that skops does not trust by default and that a head is made of.
TRUSTED = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._TemperatureScaling",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.link.Interval",
)
#: Length of the scaled vectors beside TF-IDF rows of length 1; chosen on texts kept for calibration.
VECTOR_NORM = 0.5
#: Terms are hashed into so many columns: no vocabulary is kept, and unseen words need no special case.
N_COLUMNS = 2**15


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """Encoder vectors beside token features, as one sparse matrix.

    Attributes:
        scaler: centres the vectors and gives every dimension the same spread; e5 vectors lie in a
            narrow cone, and a head could not tell them apart otherwise.
        exact: inverse document frequencies of hashed words as typed (one and two of them).
        folded: the same of syllables without diacritics, so that ``giao hàng`` and ``giao hang`` meet.
        norm: length of the scaled vectors beside the token features.
    """

    scaler: StandardScaler
    exact: TfidfTransformer
    folded: TfidfTransformer
    norm: float = VECTOR_NORM

    @classmethod
    def fit(cls, vectors: NDArray[np.float32], words: Sequence[str], norm: float = VECTOR_NORM) -> FeatureMap:
        """Learns means, spreads and document frequencies; it sees no label."""
        return cls(
            StandardScaler().fit(vectors),
            TfidfTransformer(sublinear_tf=True).fit(_hashed(words)),
            TfidfTransformer(sublinear_tf=True).fit(_hashed(_syllables(words))),
            norm,
        )

    def transform(self, vectors: NDArray[np.float32], words: Sequence[str]) -> sp.csr_matrix:
        """float32 (n, n_dims + 2 * `N_COLUMNS`)."""
        dense = self.scaler.transform(vectors) * np.float32(self.norm / np.sqrt(vectors.shape[1]))
        parts = [
            sp.csr_matrix(dense, dtype=np.float32),
            self.exact.transform(_hashed(words)),
            self.folded.transform(_hashed(_syllables(words))),
        ]
        return sp.hstack(parts, format="csr", dtype=np.float32)

    def save(self, path: Path) -> None:
        """Writes a skops file."""
        _dump({"scaler": self.scaler, "exact": self.exact, "folded": self.folded}, path)

    @classmethod
    def open(cls, path: Path) -> FeatureMap:
        """Reads a skops file; errors as `open_classifier`."""
        return cls(**_load(path))


def _hashed(words: Sequence[str]) -> sp.csr_matrix:
    return HashingVectorizer(
        analyzer=_terms,
        n_features=N_COLUMNS,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    ).transform(words)


def _terms(text: str) -> list[str]:
    """Words and pairs of neighbours, in lower case."""
    words = text.lower().split()
    return [*words, *map(" ".join, pairwise(words))]


def _syllables(words: Sequence[str]) -> list[str]:
    return [" ".join(map(fold_word, text.replace("_", " ").split())) for text in words]


def probabilities(classifier: Any, features: sp.csr_matrix) -> NDArray[np.float32]:
    """float32 (n, n_classes), rows sum to 1, columns in the order of ``classifier.classes_``."""
    return np.asarray(classifier.predict_proba(features), np.float32)


def save_classifier(classifier: Any, path: Path) -> None:
    """Writes a scikit-learn classifier as a skops file."""
    _dump(classifier, path)


def open_classifier(source: Path | bytes) -> Any:
    """Reads a scikit-learn classifier with ``predict_proba`` from a file or from a file's content.

    Raises:
        ArtefactError: ``artefact_untrusted`` if the file holds a type beyond `TRUSTED`.
    """
    return _load(source)


def _dump(thing: Any, path: Path) -> None:
    skops.io.dump(thing, path, compression=zipfile.ZIP_DEFLATED)


def _load(source: Path | bytes) -> Any:
    given = {"data": source} if isinstance(source, bytes) else {"file": source}
    strangers = set(skops.io.get_untrusted_types(**given)) - set(TRUSTED)
    if strangers:
        name = "a learned head" if isinstance(source, bytes) else source
        raise ArtefactError(
            "artefact_untrusted", f"{name} holds types that are not trusted: {sorted(strangers)}"
        )
    if isinstance(source, bytes):
        return skops.io.loads(source, trusted=list(TRUSTED))
    return skops.io.load(source, trusted=list(TRUSTED))
