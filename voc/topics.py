"""Which stable topic a segment belongs to, or none. The one room that knows BERTopic.

Enters: segment vectors. Leaves: topic keys. What must hold: a key never changes its meaning by a refit; no
BERTopic number leaves this room; serving does not import bertopic (its import takes seconds), since
assignment is one matrix product.

A topic lies where its prototypes lie in the space of centred vectors (the mean over many segments taken away,
which removes what all sentences share); `voc.registry` says which of them chooses first.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from voc.registry import Registry, Theme, Topic

#: How many points of cosine a natural logarithm of a field's probability is worth. On segments of the texts
#: kept for calibration the topic's department is then right more often at the same share of placed segments.
FIELD_WEIGHT = 0.06


class TopicModel:
    """Gives segments their topics by one registry.

    Args:
        registry: topics and prototypes.
        must_assign: whether a segment that is near to no topic gets the nearest.
    """

    def __init__(self, registry: Registry, *, must_assign: bool = False) -> None:
        self.registry = registry
        self.must_assign = must_assign
        outer = sorted((one for one in registry.prototypes if one.within is None), key=lambda one: one.layer)
        self._keys = [one.topic for one in outer]
        self._layers = np.array([one.layer for one in outer], np.int64)
        self._thresholds = np.array([one.threshold for one in outer], np.float32)
        self._vectors = _stacked([one.vector for one in outer], registry.center)
        self._parts = {
            key: [one for one in registry.prototypes if one.within == key]
            for key in {one.within for one in registry.prototypes if one.within is not None}
        }

    @property
    def topics(self) -> list[Topic]:
        """The topics that segments can belong to."""
        return self.registry.active

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
        if len(vectors) == 0 or not self._keys:
            return [None] * len(vectors)
        points = centred(vectors, self.registry.center)
        cosines = points @ self._vectors.T
        ranks = cosines
        if fields is not None:
            columns = [list(names).index(self.registry.topics[key].department) for key in self._keys]
            ranks = cosines + FIELD_WEIGHT * np.log(np.clip(fields[:, columns], 1e-3, 1.0))
        placed = self._first(cosines, ranks)
        if self.must_assign:
            placed = np.where(placed < 0, ranks.argmax(axis=1), placed)
        return [
            None if where < 0 else self._handed_on(self._keys[where], points[row])
            for row, where in enumerate(placed)
        ]

    def _first(self, cosines: NDArray[np.float32], ranks: NDArray[np.float32]) -> NDArray[np.int64]:
        """The prototype of each row, -1 for none: that of the first layer whose best is near enough."""
        placed = np.full(len(cosines), -1, np.int64)
        for layer in np.unique(self._layers):
            columns = np.flatnonzero(self._layers == layer)
            best = columns[ranks[:, columns].argmax(axis=1)]
            near = cosines[np.arange(len(best)), best] >= self._thresholds[best]
            placed = np.where((placed < 0) & near, best, placed)
        return placed

    def _handed_on(self, key: str, point: NDArray[np.float32]) -> str | None:
        """Where the segments of a topic go that is no longer active."""
        topic = self.registry.topics[key]
        while topic.state != "active":
            if topic.state == "retired":
                return None
            if topic.state == "merged":
                topic = self.registry.topics[topic.into[0]]
                continue
            parts = self._parts.get(topic.key)
            if not parts:
                return None
            nearest = int(np.argmax([float(point @ part.vector) for part in parts]))
            topic = self.registry.topics[parts[nearest].topic]
        return topic.key


def _stacked(vectors: Sequence[NDArray[np.float32]], center: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.array(vectors, np.float32) if vectors else np.zeros((0, len(center)), np.float32)


def open_registry(content: Mapping[str, Any], tensors: Path, encoder: str) -> Registry:
    """The shipped registry: ``topics`` and ``themes``, and a safetensors file with ``centroids`` and
    ``center``.

    Each topic there has one prototype, in layer 0, with its ``threshold``.
    """
    arrays = load_file(tensors)
    topics = [Topic.from_dict(_without_threshold(entry)) for entry in content["topics"]]
    thresholds = [float(entry["threshold"]) for entry in content["topics"]]
    themes = [Theme(**entry) for entry in content.get("themes", ())]
    return Registry.flat(
        topics, arrays["centroids"], thresholds, arrays["center"], themes=themes, encoder=encoder
    )


def _without_threshold(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "threshold"}


def save_registry(registry: Registry, tensors: Path) -> dict[str, Any]:
    """The reverse of `open_registry`: writes the arrays; returns the rest as JSON values."""
    vectors = np.array([one.vector for one in registry.prototypes], np.float32)
    save_file({"centroids": vectors, "center": registry.center}, tensors)
    shown = ("key", "name", "remit", "theme", "department", "words", "examples", "size")
    topics = []
    for one in registry.prototypes:
        values = registry.topics[one.topic].as_dict()
        topics.append({name: values[name] for name in shown} | {"threshold": one.threshold})
    return {"themes": [theme.as_dict() for theme in registry.themes.values()], "topics": topics}


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
    most: int | None = None,
    random_state: int = 0,
) -> tuple[NDArray[np.int64], dict[int, list[str]]]:
    """Runs BERTopic on vectors that are already centred; docs/topics-quality.md says why it is set up so.

    The order of the rows has no say: equal rows are fitted once, in the order of their SHA-256.

    Args:
        words: one text per row, its words joined by blanks (Vietnamese words whole, joined by ``_``).
        vectors: float32 (n, n_dims), unit rows.
        min_topic_size: least number of different rows of a topic; no topic is found that has over twenty
            times as many and over a tenth of all rows.
        hints: for each row the number of a theme that it is likely about, -1 for not known
            (semi-supervised topic modelling: UMAP draws rows of one theme together).
        most: how many topics at most; the smallest one joins the one it is nearest to until there are no
            more (Grootendorst 2022). None for as many as there are.

    Returns:
        The cluster of each row (-1 for none), and the top words of each cluster. The numbers mean
        nothing beyond this call. Fewer than 20 different rows have no clusters.
    """
    themes = [-1] * len(words) if hints is None else list(hints)
    keys = [_digest(*row) for row in zip(words, vectors, themes, strict=True)]
    _, first, copies = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) < 20:  # nothing that ten dimensions could be laid through
        return np.full(len(words), -1, np.int64), {}

    from bertopic import BERTopic
    from bertopic.vectorizers import ClassTfidfTransformer
    from hdbscan import HDBSCAN
    from sklearn.feature_extraction.text import CountVectorizer
    from umap import UMAP

    points = vectors[first]
    # A segment counts a word once: one that shouts a word ten times must not speak for its topic.
    texts = [" ".join(dict.fromkeys(words[row].split())) for row in first]
    counting = {
        "vectorizer_model": CountVectorizer(
            token_pattern=r"(?u)[^\W\d_][\w]+",  # noqa: S106
            stop_words=list(stop_words),
            min_df=1,
        ),
        "ctfidf_model": ClassTfidfTransformer(reduce_frequent_words=True),
    }
    model = BERTopic(
        umap_model=UMAP(
            n_neighbors=min(30, len(first) - 1), n_components=10, min_dist=0.0, metric="cosine",
            random_state=random_state,
        ),
        hdbscan_model=HDBSCAN(
            min_cluster_size=min_topic_size, max_cluster_size=max(20 * min_topic_size, len(first) // 10),
            metric="euclidean", prediction_data=False,
        ),
        calculate_probabilities=False,
        language=None,
        **counting,
    )  # fmt: skip
    found, _ = model.fit_transform(texts, points, y=None if hints is None else [themes[row] for row in first])
    groups = rejoined(merged(np.asarray(found, np.int64), points, most), points)
    # It warns that reducing topics after this would go wrong; nothing does.
    logging.getLogger("BERTopic").setLevel(logging.ERROR)
    model.update_topics(texts, topics=groups.tolist(), **counting)
    top = {number: [word for word, _ in pairs if word] for number, pairs in model.get_topics().items()}
    return groups[copies], top


def _digest(words: str, vector: NDArray[np.float32], theme: int) -> str:
    """What tells one row of a fit from another."""
    return hashlib.sha256(f"{theme} {words}\0".encode() + vector.tobytes()).hexdigest()


def centroids(groups: NDArray[np.int64], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit rows, float32 (n_groups, n_dims), of the groups 0, 1, 2 and on."""
    means = np.array([points[groups == number].mean(axis=0) for number in range(groups.max() + 1)])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9), np.float32)


def merged(groups: NDArray[np.int64], points: NDArray[np.float32], most: int | None) -> NDArray[np.int64]:
    """At most so many groups: the smallest joins the one whose centroid is nearest, again and again."""
    groups = groups.copy()
    while most is not None and groups.max() + 1 > max(most, 1):
        smallest = int(np.bincount(groups[groups >= 0]).argmin())
        means = centroids(groups, points)
        cosines = means @ means[smallest]
        cosines[smallest] = -2.0
        groups[groups == smallest] = cosines.argmax()
        groups[groups > smallest] -= 1
    return groups


def rejoined(groups: NDArray[np.int64], points: NDArray[np.float32]) -> NDArray[np.int64]:
    """Rows of no group join the nearest one, if they are nearer to it than its farthest tenth of members."""
    if groups.max() < 0:
        return groups
    cosines = points @ centroids(groups, points).T
    least = [np.quantile(cosines[groups == number, number], 0.1) for number in range(groups.max() + 1)]
    best = cosines.argmax(axis=1)
    near = cosines[np.arange(len(best)), best] >= np.array(least)[best]
    return np.where((groups < 0) & near, best, groups)


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


def hierarchy(
    texts: Sequence[str], vectors: NDArray[np.float32], stop_words: Sequence[str]
) -> list[tuple[tuple[int, ...], float]]:
    """BERTopic's own hierarchy over topics that are there already (its "manual topic modeling").

    Args:
        texts: per topic, its words joined by blanks.
        vectors: float32 (n_topics, n_dims), where each topic lies; their cosines make the tree (Ward), since
            words would part the languages.

    Returns:
        The rows that each merge brings under one roof, and at which distance, nearest first. Nothing for
        fewer than three topics.
    """
    import contextlib
    import io

    from bertopic import BERTopic
    from bertopic.backend import BaseEmbedder
    from bertopic.cluster import BaseCluster
    from bertopic.dimensionality import BaseDimensionalityReduction
    from sklearn.feature_extraction.text import CountVectorizer

    if len(texts) < 3:
        return []
    model = BERTopic(
        embedding_model=BaseEmbedder(),
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=BaseCluster(),
        vectorizer_model=CountVectorizer(token_pattern=r"(?u)[^\W\d_][\w]+", stop_words=list(stop_words)),  # noqa: S106
        language=None,
    )
    said = [text or f"topic{row}" for row, text in enumerate(texts)]
    found, _ = model.fit_transform(said, np.asarray(vectors, np.float32), y=list(range(len(said))))
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        tree = model.hierarchical_topics(said, use_ctfidf=False)
    row_of = {int(number): row for row, number in enumerate(found)}
    merges = [
        (tuple(sorted(row_of[int(number)] for number in numbers)), float(distance))
        for numbers, distance in zip(tree["Topics"], tree["Distance"], strict=True)
    ]
    return sorted(merges, key=lambda merge: (merge[1], len(merge[0])))
