"""Figures of topics by hand, a fit that no order of rows changes, and a page that shows what was measured."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from voc.pipeline import Pipeline
from voc.topics import centred, centroids, fit, merged, rejoined
from voc.training import data as sets
from voc.training.topic_quality import diversity, label_figures, npmi, outlier_share, stability


def test_npmi_counts_windows_of_ten_words() -> None:
    # Texts of ten words at most are one window each: p(a) = 3/4, p(b) = 1/2, p(a, b) = 1/2.
    texts = [["a", "b", "c"], ["a", "b"], ["c", "d"], ["a", "d"]]
    by_hand = math.log((1 / 2) / (3 / 4 * 1 / 2)) / -math.log(1 / 2)
    assert npmi([["a", "b"]], texts) == pytest.approx(by_hand, abs=1e-4)
    apart = npmi([["b", "d"]], texts)  # never together: -1, but for gensim's epsilon of 1e-12
    assert apart == pytest.approx(math.log(1e-12 / 0.25) / -math.log(1e-12), abs=1e-4)
    assert npmi([["a", "b"], ["b", "d"]], texts) == pytest.approx((by_hand + apart) / 2, abs=1e-4)
    # Twelve words are three windows; x and y stand eleven apart and are never in one.
    far = [["x", *"0123456789", "y"]] * 3
    assert npmi([["x", "y"]], far) < -0.9
    assert npmi([], texts) == 0.0


def test_npmi_reads_ten_words_of_a_topic() -> None:
    words = [f"w{number}" for number in range(10)]
    texts = [words, words, ["else"]]
    assert npmi([[*words, "else"]], texts) == npmi([words], texts) == pytest.approx(1.0, abs=1e-4)


def test_diversity_is_the_share_of_different_words() -> None:
    assert diversity([["a", "b"], ["b", "c"]]) == 0.75
    assert diversity([[f"w{number}" for number in range(12)], ["w10", "w11"]]) == 1.0  # ten words count
    assert diversity([]) == 0.0


def test_groups_beside_labels() -> None:
    groups = np.array([0, 0, 0, 1, 1, -1], np.int64)
    figures = label_figures(groups, ["a", "a", "b", "b", "b", "a"])
    assert (figures["topics"], figures["outliers"]) == (2, 0.1667)
    assert (figures["purity"], figures["purity_placed"]) == (0.8333, 0.8)
    # Placed: I = 2/5 ln(5/3) + 1/5 ln(5/9) + 2/5 ln(5/3); both entropies are 0.6730.
    shared = 0.8 * math.log(5 / 3) + 0.2 * math.log(5 / 9)
    entropy = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))
    assert figures["nmi_placed"] == pytest.approx(shared / entropy, abs=1e-4)
    nothing = label_figures(np.full(3, -1, np.int64), ["a", "b", "b"])
    assert nothing == {
        "topics": 0, "outliers": 1.0, "nmi": 0.0, "nmi_placed": 0.0, "purity": 0.6667, "purity_placed": 0.0
    }  # fmt: skip
    assert outlier_share(np.array([], np.int64)) == 0.0


def test_stability_looks_at_the_rows_of_both_samples() -> None:
    one = np.array([0, 0, 1, 1, -1, -2, 0], np.int64)
    other = np.array([5, 5, 3, 3, -1, 5, -2], np.int64)
    assert stability([one, other]) == {"ari": 1.0, "ari_placed": 1.0, "both_placed": 0.8}
    crossed = stability([np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])])
    assert (crossed["ari"], crossed["both_placed"]) == (-0.5, 1.0)
    mixed = stability([np.array([0, 0, 1, 1, -1]), np.array([0, 0, 1, 1, 1])])
    assert mixed["ari_placed"] == 1.0
    assert 0 < mixed["ari"] < 1
    assert stability([one]) == {"ari": 0.0, "ari_placed": 0.0, "both_placed": 0.0}


POINTS = np.array(
    [[1, 0], [0.9, 0.1], [0.8, 0.2], [0.5, 0.5], [0.4, 0.6], [0, 1], [0, 1], [0, 1], [-1, 0], [0.95, 0.05]],
    np.float32,
)
POINTS /= np.linalg.norm(POINTS, axis=1, keepdims=True)
GROUPS = np.array([0, 0, 0, 1, 1, 2, 2, 2, -1, -1], np.int64)


def test_the_smallest_group_joins_the_nearest() -> None:
    assert merged(GROUPS, POINTS, None).tolist() == merged(GROUPS, POINTS, 3).tolist() == GROUPS.tolist()
    cosines = centroids(GROUPS, POINTS) @ centroids(GROUPS, POINTS)[1]
    assert cosines[2] > cosines[0]
    assert merged(GROUPS, POINTS, 2).tolist() == [0, 0, 0, 1, 1, 1, 1, 1, -1, -1]
    assert merged(GROUPS, POINTS, 1).tolist() == [0] * 8 + [-1, -1]
    assert merged(GROUPS, POINTS, 0).tolist() == [0] * 8 + [-1, -1]
    assert GROUPS.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, -1, -1]


def test_an_outlier_rejoins_where_it_is_as_near_as_members() -> None:
    assert rejoined(GROUPS, POINTS).tolist() == [0, 0, 0, 1, 1, 2, 2, 2, -1, 0]
    none = np.full(3, -1, np.int64)
    assert rejoined(none, POINTS[:3]).tolist() == [-1, -1, -1]


def test_too_few_rows_have_no_clusters() -> None:
    vectors = np.eye(16, dtype=np.float32)
    found, top = fit(["a"] * 160, np.tile(vectors, (10, 1)), min_topic_size=2, stop_words=[])
    assert (found.tolist(), top) == ([-1] * 160, {})


@pytest.mark.filterwarnings("ignore")  # umap and numba warn of what we chose
def test_the_order_of_segments_changes_nothing(pipeline: Pipeline, root: Path) -> None:
    examples = sets.corpus(root / "corpora")[:80]
    readings = pipeline.reader.read([example.text for example in examples])
    words = [said for reading in readings for said in reading.words]
    vectors = np.concatenate([reading.vectors for reading in readings])
    points = centred(vectors, vectors.mean(axis=0))
    groups, top = fit(words, points, min_topic_size=6, stop_words=[], most=3)
    assert set(groups.tolist()) - {-1} == {0, 1, 2}
    # In another order, and every row twice: a row said twice counts once.
    order = np.random.default_rng(3).permutation(len(words))
    rows = np.concatenate([order, order[::-1]])
    again, top_again = fit([words[i] for i in rows], points[rows], min_topic_size=6, stop_words=[], most=3)
    assert again.tolist() == groups[rows].tolist()
    assert top_again == top
