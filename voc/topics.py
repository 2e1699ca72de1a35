"""Which stable topic a segment belongs to, or none. The one room that knows BERTopic.

Enters: segment vectors. Leaves: topic keys. What must hold: a key never changes its meaning by a refit; no
BERTopic number leaves this room; serving does not import bertopic (its import takes seconds), since
assignment is one matrix product.

A topic is a centroid in the space of centred vectors (the mean over many segments taken away, which
removes what all sentences share) and the least cosine at which a segment still belongs to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file


@dataclass(frozen=True, slots=True)
class Topic:
    """A stable, named theme.

    Attributes:
        key: such as ``delivery-late``; never reused.
        name: shown to people, by language.
        department: the field of work that owns it.
        words: top words by class-based TF-IDF, strongest first.
        examples: segments of the project's own corpus.
        size: segments that belonged to it at the fit.
        threshold: least cosine to the centroid, -1..1.
    """

    key: str
    name: Mapping[str, str]
    department: str
    words: tuple[str, ...]
    examples: tuple[str, ...]
    size: int
    threshold: float

    def as_dict(self) -> dict[str, Any]:
        """The topic as JSON values."""
        return asdict(self) | {
            "name": dict(self.name), "words": list(self.words), "examples": list(self.examples)
        }  # fmt: skip


#: How many points of cosine a natural logarithm of a field's probability is worth. On segments of the texts
#: kept for calibration the topic's department is then right more often at the same share of placed segments.
FIELD_WEIGHT = 0.06


class TopicModel:
    """Topics with their centroids.

    Args:
        topics: in the order of the centroids' rows.
        centroids: float32 (n_topics, n_dims), unit rows, in the centred space.
        center: float32 (n_dims,), the mean that is taken away first.
    """

    def __init__(
        self, topics: Sequence[Topic], centroids: NDArray[np.float32], center: NDArray[np.float32]
    ) -> None:
        self.topics = tuple(topics)
        self.centroids = centroids
        self.center = center
        self.by_key = {topic.key: topic for topic in self.topics}
        self._thresholds = np.array([topic.threshold for topic in self.topics], np.float32)

    def assign(
        self,
        vectors: NDArray[np.float32],
        fields: NDArray[np.float32] | None = None,
        names: Sequence[str] = (),
    ) -> list[str | None]:
        """The key of the best topic that is near enough, per row of ``vectors`` (n, n_dims).

        Args:
            fields: (n, n_fields), how probable it is that a segment is about a field of work; among topics
                that are about as near, one of a probable field goes first.
            names: the field of each column.
        """
        if len(vectors) == 0 or not self.topics:
            return [None] * len(vectors)
        cosines = centred(vectors, self.center) @ self.centroids.T
        ranks = cosines
        if fields is not None:
            columns = [list(names).index(topic.department) for topic in self.topics]
            ranks = cosines + FIELD_WEIGHT * np.log(np.clip(fields[:, columns], 1e-3, 1.0))
        best = ranks.argmax(axis=1)
        near = cosines[np.arange(len(best)), best] >= self._thresholds[best]
        return [self.topics[i].key if ok else None for i, ok in zip(best, near, strict=True)]

    @classmethod
    def open(cls, registry: Mapping[str, Any], tensors: Path) -> TopicModel:
        """Reads the registry's ``topics`` and the safetensors file with ``centroids`` and ``center``."""
        topics = [
            Topic(**{**entry, "words": tuple(entry["words"]), "examples": tuple(entry["examples"])})
            for entry in registry["topics"]
        ]
        arrays = load_file(tensors)
        return cls(topics, arrays["centroids"], arrays["center"])

    def save(self, tensors: Path) -> dict[str, Any]:
        """Writes the arrays; returns the registry as JSON values."""
        save_file({"centroids": self.centroids, "center": self.center}, tensors)
        return {"topics": [topic.as_dict() for topic in self.topics]}


def centred(vectors: NDArray[np.float32], center: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit rows of ``vectors - center``."""
    moved = vectors - center
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9), np.float32)


def fit(
    words: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    min_topic_size: int,
    stop_words: Sequence[str],
    hints: Sequence[int] | None = None,
    random_state: int = 0,
) -> tuple[NDArray[np.int64], dict[int, list[str]]]:
    """Runs BERTopic on vectors that are already centred.

    Args:
        words: one text per row, its words joined by blanks (Vietnamese words whole, joined by ``_``).
        vectors: float32 (n, n_dims), unit rows.
        hints: for each row the number of a theme that it is likely about, -1 for not known
            (semi-supervised topic modelling: UMAP draws rows of one theme together).

    Returns:
        The cluster of each row (-1 for none), and the top words of each cluster. The numbers mean
        nothing beyond this call.
    """
    from bertopic import BERTopic
    from bertopic.vectorizers import ClassTfidfTransformer
    from hdbscan import HDBSCAN
    from sklearn.feature_extraction.text import CountVectorizer
    from umap import UMAP

    model = BERTopic(
        umap_model=UMAP(
            n_neighbors=15, n_components=10, min_dist=0.0, metric="cosine", random_state=random_state
        ),
        hdbscan_model=HDBSCAN(
            min_cluster_size=min_topic_size, min_samples=3, metric="euclidean", prediction_data=False
        ),
        vectorizer_model=CountVectorizer(
            token_pattern=r"(?u)[^\W\d_][\w]+",  # noqa: S106
            stop_words=list(stop_words),
            min_df=1,
        ),
        ctfidf_model=ClassTfidfTransformer(reduce_frequent_words=True),
        calculate_probabilities=False,
        language=None,
    )
    found, _ = model.fit_transform(list(words), vectors, y=None if hints is None else list(hints))
    top = {number: [word for word, _ in pairs if word] for number, pairs in model.get_topics().items()}
    return np.asarray(found, np.int64), top


def top_words(texts: Sequence[str], stop_words: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """The words that set each topic apart from the others, strongest first.

    Class-based TF-IDF (Grootendorst 2022), frequent words reduced.

    Args:
        texts: per topic, the words of all its segments joined by blanks.
    """
    from bertopic.vectorizers import ClassTfidfTransformer
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(token_pattern=r"(?u)[^\W\d_][\w]+", stop_words=list(stop_words))  # noqa: S106
    counts = vectorizer.fit_transform(texts)
    counts.data[counts.data < 2] = 0  # a word that a topic has but once says nothing of it
    kept = np.flatnonzero(np.asarray(counts.sum(axis=0)).ravel())
    counts = counts[:, kept]
    weights = ClassTfidfTransformer(reduce_frequent_words=True).fit_transform(counts).toarray()
    names = vectorizer.get_feature_names_out()[kept]
    return [
        tuple(str(names[i]).replace("_", " ") for i in np.argsort(-row, kind="stable")[:count] if row[i] > 0)
        for row in weights
    ]
