"""Topics: the nearest that is near enough, by stable keys, without BERTopic where nothing is fitted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voc.registry import Registry, Theme, Topic
from voc.topics import TopicModel, centred, fit, open_registry, save_registry

CENTER = np.array([0.5, 0.0, 0.0], np.float32)


def topic(key: str, department: str = "logistics") -> Topic:
    return Topic(key, {"vi": "Giao trễ", "en": "Late"}, department, ("giao_hàng", "trễ"), ("câu",), 9)


@pytest.fixture
def registry() -> Registry:
    """Two topics on two axes of the centred space."""
    return Registry.flat(
        [topic("delivery-late"), topic("price", "sales")], np.eye(3, dtype=np.float32)[:2], [0.8, 1.0],
        CENTER, themes=[Theme("delivery", {"vi": "Giao hàng", "en": "Delivery"})], encoder="e1",
    )  # fmt: skip


@pytest.fixture
def model(registry: Registry) -> TopicModel:
    return TopicModel(registry)


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ([1.0, 0.0, 0.0], "delivery-late"),
        ([5.0, 0.0, 0.0], "delivery-late"),
        ([0.81, 0.0, 0.586], "delivery-late"),
        ([0.79, 0.0, 0.613], None),
        ([0.0, 2.0, 0.0], "price"),  # a cosine equal to the threshold belongs to it
        ([0.1, 0.99, 0.0], None),
        ([0.9, 0.44, 0.0], "delivery-late"),
        ([-1.0, 0.0, 0.0], None),
        ([0.0, 0.0, 1.0], None),
        ([0.0, 0.0, 0.0], None),
    ],
)
def test_the_nearest_topic_if_near_enough(
    model: TopicModel, moved: list[float], expected: str | None
) -> None:
    assert model.assign(np.array([moved], np.float32) + CENTER) == [expected]


def test_rows_are_assigned_in_order_and_alone_as_together(model: TopicModel) -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    together = model.assign(vectors)
    assert together == [model.assign(row[None])[0] for row in vectors]
    assert set(together) == {"delivery-late", None}


def test_nothing_has_no_topic(model: TopicModel) -> None:
    assert model.assign(np.zeros((0, 3), np.float32)) == []
    none = TopicModel(Registry.flat([], np.zeros((0, 3), np.float32), [], CENTER))
    assert none.assign(np.ones((2, 3), np.float32)) == [None, None]


def test_a_segment_may_have_to_have_a_topic(registry: Registry) -> None:
    moved = np.array([[0.7, 0.0, 0.7], [0.0, 0.1, 0.99], [-1.0, -0.1, 0.0]], np.float32) + CENTER
    assert TopicModel(registry).assign(moved) == [None, None, None]
    assert TopicModel(registry, must_assign=True).assign(moved) == ["delivery-late", "price", "price"]


def test_of_topics_about_as_near_the_one_of_a_probable_field_goes_first() -> None:
    both = Registry.flat(
        [topic("delivery-late"), topic("price", "sales")], np.eye(3, dtype=np.float32)[:2], [0.6, 0.6], CENTER
    )
    moved = np.array([[0.72, 0.69, 0.0]], np.float32) + CENTER
    fields = np.array([[0.1, 0.9]], np.float32)
    assert TopicModel(both).assign(moved) == ["delivery-late"]
    assert TopicModel(both).assign(moved, fields, ["logistics", "sales"]) == ["price"]
    assert TopicModel(both).assign(moved, fields, ["sales", "logistics"]) == ["delivery-late"]
    far = np.array([[0.9, 0.3, 0.0]], np.float32) + CENTER
    assert TopicModel(both).assign(far, fields, ["logistics", "sales"]) == ["delivery-late"]


def test_a_registry_comes_back_from_its_files(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "topics.safetensors"
    content = json.loads(json.dumps(save_registry(registry, file), ensure_ascii=False))
    assert content["themes"] == [{"key": "delivery", "name": {"vi": "Giao hàng", "en": "Delivery"}}]
    assert content["topics"][0] == {
        "key": "delivery-late", "name": {"vi": "Giao trễ", "en": "Late"}, "remit": {"vi": "", "en": ""},
        "theme": None, "department": "logistics", "words": ["giao_hàng", "trễ"], "examples": ["câu"],
        "size": 9, "threshold": 0.8,
    }  # fmt: skip
    opened = open_registry(content, file, "e1")
    assert (opened.topics, opened.themes) == (registry.topics, registry.themes)
    assert opened.digest == registry.digest
    assert open_registry(content, file, "e2").digest != registry.digest
    vectors = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    assert TopicModel(opened).assign(vectors) == TopicModel(registry).assign(vectors)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3), max_size=5))
def test_centred_rows_have_length_one_or_nothing(rows: list[list[float]]) -> None:
    vectors = np.array(rows, np.float32).reshape(-1, 3)
    found = centred(vectors, CENTER)
    assert found.dtype == np.float32
    for before, after in zip(vectors - CENTER, found, strict=True):
        length = np.linalg.norm(before)
        assert np.linalg.norm(after) <= 1.0001
        assert length < 1e-6 or np.allclose(after * length, before, rtol=1e-3, atol=1e-6)


def test_assigning_loads_no_bertopic() -> None:
    script = (
        "import sys, numpy as np\nfrom voc.registry import Registry\nfrom voc.topics import TopicModel\n"
        "flat = Registry.flat([], np.zeros((0, 3)), [], np.zeros(3))\n"
        "TopicModel(flat).assign(np.ones((1, 3)))\n"
        "print(sorted({'bertopic', 'hdbscan', 'umap', 'sklearn', 'numba', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def heaps() -> tuple[list[str], NDArray[np.float32]]:
    """Three heaps of 40 vectors far from each other, each with words of its own."""
    random = np.random.default_rng(0)
    words = [("giao_hàng", "trễ"), ("giá", "đắt"), ("nhân_viên", "thô_lỗ")]
    texts = [" ".join(words[row % 3]) + " và" for row in range(120)]
    vectors = np.eye(16, dtype=np.float32)[[row % 3 for row in range(120)]]
    vectors = vectors + random.normal(0, 0.05, vectors.shape).astype(np.float32)
    return texts, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.filterwarnings("ignore")  # umap and numba warn of what we chose
def test_a_fit_finds_the_heaps_and_their_words() -> None:
    texts, vectors = heaps()
    found, top = fit(texts, vectors, min_topic_size=10, stop_words=["và"])
    numbers = [int(found[row]) for row in range(3)]
    assert len(set(numbers) - {-1}) == 3
    assert list(found) == numbers * 40
    assert [sorted(top[number]) for number in numbers] == [
        ["giao_hàng", "trễ"], ["giá", "đắt"], ["nhân_viên", "thô_lỗ"]
    ]  # fmt: skip
    again, _ = fit(texts, vectors, min_topic_size=10, stop_words=["và"])
    assert list(again) == list(found)
