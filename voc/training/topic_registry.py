"""The first fit of topics: BERTopic finds groups of segments, the registry's anchors give them names.

Enters: texts of the training sets and of our corpus, and ``corpora/topics.toml``. Leaves: a `TopicModel`.
What must hold: a topic is in the model only if BERTopic found it; examples are our own sentences.
"""

from __future__ import annotations

import random
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc import segment as segmenting
from voc.topics import Topic, TopicModel, centred
from voc.topics import fit as fit_groups
from voc.training import data as sets
from voc.training.table import TableReader

#: Segments of each public set that the fit sees, so that no one set rules it.
PER_SET = 800
MIN_TOPIC_SIZE = 15
#: Least cosine between a group and a topic's anchors for the group to get the topic's name.
MIN_ANCHOR_COSINE = 0.35
#: A topic's threshold: this quantile of its members' cosines to the centroid, but never below `FLOOR`.
MEMBER_QUANTILE, FLOOR = 0.25, 0.35
EXAMPLES, WORDS = 3, 10
RANDOM_STATE = 20261121


def fit(
    tables: TableReader, data: Path, corpora: Path, say: Callable[[str], None]
) -> tuple[TopicModel, dict[str, Any]]:
    """Fits, names, and measures.

    Returns:
        The model, and: segments, groups found, groups named, topics, share of segments that BERTopic left
        out, share of segments that have a topic in the end.
    """
    pieces, own = _segments(data, corpora)
    say(f"topics: {len(pieces)} segments")
    table = tables.read(pieces)
    center = table.vectors.mean(axis=0)
    points = centred(table.vectors, center)
    stop = sets.stop_words(Path(__file__).parent / "stopwords.toml")
    groups, top = fit_groups(
        table.words, points, min_topic_size=MIN_TOPIC_SIZE, stop_words=stop, random_state=RANDOM_STATE
    )
    declared = tomllib.loads((corpora / "topics.toml").read_text("utf-8"))["topics"]
    anchors = _anchors(tables, declared, center)
    members, words, unnamed = _named(groups, points, anchors, top)
    say(f"topics: {len(top)} groups, {len(unnamed)} without a name: {unnamed[:12]}")
    topics, centroids = [], []
    for number, entry in enumerate(declared):
        if number not in members:
            continue
        rows = np.array(members[number])
        centroid = points[rows].mean(axis=0) + anchors[number]
        centroid /= np.linalg.norm(centroid)
        cosines = points[rows] @ centroid
        centroids.append(centroid)
        topics.append(
            Topic(
                entry["key"], entry["name"], entry["department"],
                tuple(word for word, _ in words[number].most_common(WORDS)),
                _examples(rows, cosines, pieces, own), len(rows),
                round(max(FLOOR, float(np.quantile(cosines, MEMBER_QUANTILE))), 3),
            )
        )  # fmt: skip
    model = TopicModel(topics, np.array(centroids, np.float32), np.asarray(center, np.float32))
    assigned = model.assign(table.vectors)
    figures = {
        "segments": len(pieces),
        "groups": len([number for number in top if number >= 0]),
        "groups_unnamed": len(unnamed),
        "topics": len(topics),
        "outliers_bertopic": round(float((groups < 0).mean()), 4),
        "segments_with_topic": round(sum(key is not None for key in assigned) / len(assigned), 4),
    }
    return model, figures


def _segments(data: Path, corpora: Path) -> tuple[list[str], list[bool]]:
    """Distinct segments, and which of them are our own."""
    rng = random.Random(RANDOM_STATE)
    by_set: dict[str, list[str]] = defaultdict(list)
    for source, text in sets.training_texts(data):
        by_set[source].append(text)
    for texts in by_set.values():
        rng.shuffle(texts)
    ours = [example.text for example in sets.corpus(corpora) if not sets.is_held_out(example.group)]
    found: dict[str, bool] = {}
    for text in ours:
        for span in segmenting.segment(text):
            found.setdefault(text[span.start : span.end], True)
    for source in sorted(by_set):
        taken = 0
        for text in by_set[source]:
            for span in segmenting.segment(text):
                if taken < PER_SET and span.end - span.start >= 8:
                    taken += found.setdefault(text[span.start : span.end], False) is False
    pieces = sorted(found)  # the order of input must not matter
    return pieces, [found[piece] for piece in pieces]


def _anchors(
    tables: TableReader, declared: Sequence[dict[str, Any]], center: NDArray[np.float32]
) -> NDArray[np.float32]:
    """float32 (n_topics, n_dims), unit rows: the mean of each topic's anchors in the centred space."""
    table = tables.read([text for entry in declared for text in entry["anchors"]])
    points = centred(table.vectors, center)
    ends = np.cumsum([len(entry["anchors"]) for entry in declared])
    means = np.array([part.mean(axis=0) for part in np.split(points, ends[:-1])])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


def _named(
    groups: NDArray[np.int64],
    points: NDArray[np.float32],
    anchors: NDArray[np.float32],
    top: dict[int, list[str]],
) -> tuple[dict[int, list[int]], dict[int, Counter[str]], list[str]]:
    """Rows and words of each declared topic, and the top words of groups that got no name."""
    members: dict[int, list[int]] = defaultdict(list)
    words: dict[int, Counter[str]] = defaultdict(Counter)
    unnamed: list[str] = []
    for group in sorted(number for number in top if number >= 0):
        rows = np.flatnonzero(groups == group)
        centroid = points[rows].mean(axis=0)
        cosines = anchors @ (centroid / np.linalg.norm(centroid))
        best = int(cosines.argmax())
        if cosines[best] < MIN_ANCHOR_COSINE:
            unnamed.append(" ".join(top[group][:4]))
            continue
        members[best] += rows.tolist()
        for rank, word in enumerate(top[group][:WORDS]):
            words[best][word.replace("_", " ")] += (WORDS - rank) * len(rows)
    return members, words, unnamed


def _examples(
    rows: NDArray[np.int64], cosines: NDArray[np.float32], pieces: Sequence[str], own: Sequence[bool]
) -> tuple[str, ...]:
    """The members nearest to the centroid, of our own sentences alone."""
    ranked = [int(rows[i]) for i in np.argsort(-cosines)]
    return tuple([pieces[row] for row in ranked if own[row] and len(pieces[row]) > 15][:EXAMPLES])
