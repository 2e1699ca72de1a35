"""The first fit of topics: BERTopic finds groups of segments, the registry's anchors give them names.

Enters: texts of the training sets and of our corpus, and ``corpora/topics.toml``. Leaves: a `Registry`.
What must hold: a topic has members enough in the data, found by BERTopic or near its anchors; examples
are our own sentences, labelled with the topic's department.
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
from voc.registry import Registry, Theme, Topic
from voc.topics import TopicModel, centred, top_words
from voc.topics import fit as fit_groups
from voc.training import data as sets
from voc.training.table import Piece, TableReader

#: Segments of each public set that the fit sees, so that no one set rules it.
PER_SET = 800
MIN_TOPIC_SIZE = 10
#: Least cosine of a segment to one of a topic's anchors to count as a hint: lower where a person gave the
#: segment to the topic's department. Least cosine of a group's centroid to the anchors to be named by them.
HINT_COSINE, OWN_HINT_COSINE, GROUP_COSINE = 0.5, 0.36, 0.4
#: Least cosine of a group's member to the anchors of the topic that the group belongs to.
MEMBER_COSINE = 0.2
#: A topic's threshold: this quantile of its members' cosines to the centroid, but never below `FLOOR`.
MEMBER_QUANTILE, FLOOR = 0.05, 0.23
EXAMPLES, WORDS = 3, 10
RANDOM_STATE = 20261121


def fit(
    tables: TableReader, data: Path, corpora: Path, say: Callable[[str], None]
) -> tuple[Registry, dict[str, Any]]:
    """Fits, names, and measures.

    Returns:
        The registry, and: segments, groups found, groups named, topics, share of segments that BERTopic left
        out, share of segments that have a topic in the end.
    """
    found, departments = _segments(data, corpora)
    say(f"topics: {len(found)} segments")
    table = tables.rows([piece for piece, _ in found])
    pieces = [text for _, text in found]
    center = table.vectors.mean(axis=0)
    points = centred(table.vectors, center)
    stop = sets.stop_words(Path(__file__).parent / "stopwords.toml")
    content = tomllib.loads((corpora / "topics.toml").read_text("utf-8"))
    declared = content["topics"]
    anchors, cosines_to_anchors = _anchors(tables, declared, center, points)
    _forbid(cosines_to_anchors, departments, declared)
    best = cosines_to_anchors.argmax(axis=1)
    least = np.array([HINT_COSINE if department is None else OWN_HINT_COSINE for department in departments])
    hints = np.where(cosines_to_anchors.max(axis=1) >= least, best, -1)
    groups, top = fit_groups(
        table.words, points, min_topic_size=MIN_TOPIC_SIZE, stop_words=stop, hints=hints.tolist(),
        random_state=RANDOM_STATE,
    )  # fmt: skip
    members, unnamed = _named(groups, points, anchors, cosines_to_anchors, hints, top)
    named = [number for number in range(len(declared)) if number in members]
    words = top_words(
        [" ".join(table.words[row] for row in members[number]) for number in named], stop, WORDS
    )
    say(f"topics: {len(top)} groups, {len(unnamed)} without a name: {unnamed[:12]}")
    topics, centroids, thresholds = [], [], []
    for number, said in zip(named, words, strict=True):
        entry = declared[number]
        rows = np.array(members[number])
        centroid = points[rows].mean(axis=0)
        centroid = centroid / np.linalg.norm(centroid) + anchors[number]
        centroid /= np.linalg.norm(centroid)
        cosines = points[rows] @ centroid
        centroids.append(centroid)
        thresholds.append(round(max(FLOOR, float(np.quantile(cosines, MEMBER_QUANTILE))), 3))
        topics.append(
            Topic(
                entry["key"], entry["name"], entry["department"], said,
                _examples(rows, cosines, pieces, departments, entry["department"]), len(rows),
                remit=entry["remit"], theme=entry["theme"],
            )
        )  # fmt: skip
    registry = Registry.flat(
        topics, np.array(centroids, np.float32), thresholds, np.asarray(center, np.float32),
        themes=[Theme(**theme) for theme in content["themes"]],
    )  # fmt: skip
    assigned = TopicModel(registry).assign(table.vectors)
    figures = {
        "segments": len(pieces),
        "groups": len([number for number in top if number >= 0]),
        "groups_unnamed": len(unnamed),
        "topics": len(topics),
        "outliers_bertopic": round(float((groups < 0).mean()), 4),
        "segments_with_topic": round(sum(key is not None for key in assigned) / len(assigned), 4),
    }
    return registry, figures


def _segments(data: Path, corpora: Path) -> tuple[list[tuple[Piece, str]], list[str | None]]:
    """Distinct segments inside their texts, and as text; of our own the department that they were labelled
    with, of others None."""
    rng = random.Random(RANDOM_STATE)
    by_set: dict[str, list[str]] = defaultdict(list)
    for source, text in sets.training_texts(data):
        by_set[source].append(text)
    found: dict[str, tuple[Piece, str | None]] = {}
    for example in sets.corpus(corpora):
        if not sets.is_held_out(example.group):
            spans = tuple((start, end) for start, end, *_ in example.parts)
            for row, (start, end, _, department) in enumerate(example.parts, 1):
                piece = Piece(example.text, spans, row if len(spans) > 1 else 0)
                found.setdefault(example.text[start:end].strip(), (piece, department or "none"))
    for source in sorted(by_set):
        rng.shuffle(by_set[source])
        taken = 0
        for text in by_set[source]:
            cut = segmenting.segment(text)
            for row, span in enumerate(cut, 1):
                words = text[span.start : span.end]
                if taken < PER_SET and len(words) >= 8 and words not in found:
                    found[words] = (Piece(text, None, row if len(cut) > 1 else 0), None)
                    taken += 1
    texts = sorted(found)  # the order of input must not matter
    return [(found[text][0], text) for text in texts], [found[text][1] for text in texts]


def _forbid(
    cosines: NDArray[np.float32], departments: Sequence[str | None], declared: Sequence[dict[str, Any]]
) -> None:
    """A segment that a person gave to one department is no member of another department's topic."""
    owners = np.array([entry["department"] for entry in declared])
    for row, department in enumerate(departments):
        if department is not None:
            cosines[row, owners != department] = -1.0


def _anchors(
    tables: TableReader,
    declared: Sequence[dict[str, Any]],
    center: NDArray[np.float32],
    points: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean of each topic's anchors (n_topics, n_dims), and each point's cosine to its nearest one
    of each topic (n_points, n_topics)."""
    table = tables.read([text for entry in declared for text in entry["anchors"]])
    ends = np.cumsum([len(entry["anchors"]) for entry in declared])
    parts = np.split(centred(table.vectors, center), ends[:-1])
    means = np.array([part.mean(axis=0) for part in parts])
    nearest = np.stack([(points @ part.T).max(axis=1) for part in parts], axis=1)
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32), nearest


def _named(
    groups: NDArray[np.int64],
    points: NDArray[np.float32],
    anchors: NDArray[np.float32],
    cosines: NDArray[np.float32],
    hints: NDArray[np.int64],
    top: dict[int, list[str]],
) -> tuple[dict[int, list[int]], list[str]]:
    """Rows of each declared topic, and the top words of groups that got no name.

    The segments that point to a topic by themselves are its members; the groups that BERTopic found add
    theirs.
    A group belongs to the topic that most of its hinted members point to, if they are a fifth of it; else
    to the topic whose anchors its centroid is nearest to, if near enough.
    """
    members: dict[int, set[int]] = defaultdict(set)
    for row in np.flatnonzero(hints >= 0):
        members[int(hints[row])].add(int(row))
    unnamed: list[str] = []
    for group in sorted(number for number in top if number >= 0):
        rows = np.flatnonzero(groups == group)
        hinted = Counter(int(hint) for hint in hints[rows] if hint >= 0).most_common(1)
        centroid = points[rows].mean(axis=0)
        near = anchors @ (centroid / np.linalg.norm(centroid))
        if hinted and hinted[0][1] >= len(rows) / 5:
            topic = hinted[0][0]
        elif near.max() >= GROUP_COSINE:
            topic = int(near.argmax())
        else:
            unnamed.append(" ".join(top[group][:4]))
            continue
        kept = [int(row) for row in rows if cosines[row, topic] >= MEMBER_COSINE]
        members[topic].update(kept)
    named = {topic: sorted(rows) for topic, rows in members.items() if len(rows) >= MIN_TOPIC_SIZE}
    return named, unnamed


def _examples(
    rows: NDArray[np.int64],
    cosines: NDArray[np.float32],
    pieces: Sequence[str],
    departments: Sequence[str | None],
    department: str,
) -> tuple[str, ...]:
    """The members nearest to the centroid, of our own sentences with that department alone."""
    ranked = [int(rows[i]) for i in np.argsort(-cosines)]
    fitting = [pieces[row] for row in ranked if departments[row] == department and len(pieces[row]) > 15]
    return tuple(fitting[:EXAMPLES])
