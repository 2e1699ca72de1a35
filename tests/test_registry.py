"""The registry's rules: a decision about one topic never moves a segment of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voc.errors import Conflict, InvalidInput, NotFound
from voc.registry import (
    Prototype,
    Registry,
    Theme,
    Topic,
    add,
    add_theme,
    grow,
    merge,
    move,
    place,
    rebased,
    rename,
    retire,
    split,
)
from voc.topics import TopicModel

N_DIMS = 6
THEMES = [Theme("delivery", {"vi": "Giao hàng", "en": "Delivery"})]


def topic(key: str, department: str = "logistics") -> Topic:
    return Topic(key, {"vi": f"Tên {key}", "en": f"Name {key}"}, department, ("giao",), ("câu",), 20)


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@pytest.fixture
def registry() -> Registry:
    """Four topics on four axes of a space of six."""
    keys = ["late", "price", "app", "staff"]
    return Registry.flat(
        [topic(key) for key in keys], np.eye(N_DIMS, dtype=np.float32)[:4], [0.5] * 4,
        np.zeros(N_DIMS, np.float32), themes=THEMES, encoder="e1",
    )  # fmt: skip


def points(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, N_DIMS)).astype(np.float32)


def near(axis: int, other: int, share: float = 0.3) -> NDArray[np.float32]:
    vector = np.zeros(N_DIMS, np.float32)
    vector[axis], vector[other] = 1.0, share
    return unit(vector)


def assigned(registry: Registry, vectors: NDArray[np.float32]) -> list[str | None]:
    return TopicModel(registry).assign(vectors)


# ---- what a decision may move: each entry names the topics whose segments may have another topic after it


Step = Callable[[Registry, NDArray[np.float32], str], tuple[Registry, set[str | None]]]


def _added(registry: Registry, vector: NDArray[np.float32], key: str) -> tuple[Registry, set[str | None]]:
    name = f"new-{len(registry.topics)}"
    return registry.after(add(registry, topic(name), [Prototype(name, vector, 0.3)])), {None}


def _grown(registry: Registry, vector: NDArray[np.float32], key: str) -> tuple[Registry, set[str | None]]:
    return registry.after(grow(registry, key, 30, [Prototype(key, vector, 0.2)])), {None}


def _merged(registry: Registry, vector: NDArray[np.float32], key: str) -> tuple[Registry, set[str | None]]:
    other = next((one.key for one in registry.active if one.key != key), None)
    return (registry.after(merge(registry, [key], other)), {key}) if other else (registry, set())


def _split(registry: Registry, vector: NDArray[np.float32], key: str) -> tuple[Registry, set[str | None]]:
    names = [f"part-{len(registry.topics)}-{side}" for side in "ab"]
    parts = [
        (topic(name), [Prototype(name, sign * vector, 0.9)])
        for name, sign in zip(names, (1.0, -1.0), strict=True)
    ]
    return registry.after(split(registry, key, parts)), {key}


def _retired(registry: Registry, vector: NDArray[np.float32], key: str) -> tuple[Registry, set[str | None]]:
    return registry.after(retire(registry, key)), {key}


def _moved(registry: Registry, vector: NDArray[np.float32], key: str) -> tuple[Registry, set[str | None]]:
    return registry.after(move(registry, key, "care")), set()


def _renamed(registry: Registry, vector: NDArray[np.float32], key: str) -> tuple[Registry, set[str | None]]:
    return registry.after(rename(registry, key, {"en": "Other"})), set()


STEPS: tuple[Step, ...] = (_added, _grown, _merged, _split, _retired, _moved, _renamed)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99), st.integers(0, 2**32 - 1)), max_size=8))
def test_no_decision_moves_a_segment_of_another_topic(steps: list[tuple[Step, int, int]]) -> None:
    current = Registry.flat(
        [topic(key) for key in ("late", "price", "app", "staff")], np.eye(N_DIMS, dtype=np.float32)[:4],
        [0.5] * 4, np.zeros(N_DIMS, np.float32),
    )  # fmt: skip
    vectors = points(200)
    before = assigned(current, vectors)
    for step, choice, seed in steps:
        active = current.active
        if not active:
            break
        key = active[choice % len(active)].key
        current, involved = step(current, unit(points(1, seed)[0]), key)
        after = assigned(current, vectors)
        for old, new in zip(before, after, strict=True):
            assert old == new or old in involved
            assert new is None or current.topics[new].state == "active"
        before = after


def test_a_new_topic_takes_what_belonged_to_none(registry: Registry) -> None:
    vectors = np.array([near(4, 0), near(0, 4), near(4, 5)])
    assert assigned(registry, vectors) == [None, "late", None]
    after = registry.after(add(registry, topic("noise"), [Prototype("x", near(4, 5), 0.6)]))
    assert assigned(after, vectors) == ["noise", "late", "noise"]
    assert after.prototypes[-1].layer == 1
    assert after.prototypes[-1].topic == "noise"


def test_a_topic_grows_beside_what_it_has(registry: Registry) -> None:
    vectors = np.array([near(4, 5), near(0, 4), near(1, 4)])
    after = registry.after(grow(registry, "late", 33, [Prototype("late", near(4, 5), 0.2)]))
    assert assigned(registry, vectors) == [None, "late", "price"]
    assert assigned(after, vectors) == ["late", "late", "price"]
    assert after.topics["late"].size == 33


def test_a_merged_topic_hands_its_segments_on_and_again(registry: Registry) -> None:
    vectors = np.eye(N_DIMS, dtype=np.float32)
    once = registry.after(merge(registry, ["late"], "price"))
    assert assigned(once, vectors) == ["price", "price", "app", "staff", None, None]
    twice = once.after(merge(once, ["price"], "app"))
    assert assigned(twice, vectors) == ["app", "app", "app", "staff", None, None]
    assert [one.key for one in twice.active] == ["app", "staff"]
    assert once.topics["price"].origin == ("late",)
    assert once.topics["price"].size == 40


def test_a_split_divides_its_own_segments_whatever_the_distance(registry: Registry) -> None:
    parts = [
        (topic("late-a"), [Prototype("x", near(0, 4), 0.99)]),
        (topic("late-b"), [Prototype("x", near(0, 5), 0.99)]),
    ]
    start = registry.after(move(registry, "late", "care")).after(place(registry, "late", "delivery"))
    after = start.after(split(start, "late", parts))
    vectors = np.array([near(0, 4, 0.1), near(0, 5, 0.1), near(1, 4), near(4, 5)])
    assert assigned(after, vectors) == ["late-a", "late-b", "price", None]
    assert after.topics["late"].into == ("late-a", "late-b")
    assert after.topics["late-a"].origin == ("late",)
    assert after.topics["late-a"].theme == "delivery"


def test_a_retired_topic_leaves_its_segments_to_none(registry: Registry) -> None:
    after = registry.after(retire(registry, "late"))
    assert assigned(after, np.eye(N_DIMS, dtype=np.float32)[:2]) == [None, "price"]


def test_a_moved_topic_keeps_its_segments_and_the_digest_tells(registry: Registry) -> None:
    after = registry.after(move(registry, "late", "care"))
    assert after.moved == {"late": "care"}
    assert assigned(after, points(50)) == assigned(registry, points(50))
    assert after.digest != registry.digest
    assert after.after(move(after, "late", None)).digest == registry.digest


def test_names_decide_nothing(registry: Registry) -> None:
    after = registry.after(rename(registry, "late", {"vi": "  Giao  trễ "}, {"en": "Parcels past the day"}))
    assert after.topics["late"].name == {"vi": "Giao trễ", "en": "Name late"}
    assert after.topics["late"].remit == {"vi": "", "en": "Parcels past the day"}
    assert after.digest == registry.digest


def test_themes_are_added_and_topics_placed(registry: Registry) -> None:
    after = registry.after(add_theme(registry, "price-and-fees", {"vi": "Giá", "en": "Price"}))
    after = after.after(place(after, "price", "price-and-fees"))
    assert list(after.themes) == ["delivery", "price-and-fees"]
    assert after.topics["price"].theme == "price-and-fees"
    assert after.after(place(after, "price", None)).topics["price"].theme is None
    renamed = after.after(add_theme(after, "delivery", {"en": "Parcels"}))
    assert renamed.themes["delivery"].name == {"vi": "Giao hàng", "en": "Parcels"}


@pytest.mark.parametrize(
    ("decide", "error", "code"),
    [
        (lambda r: rename(r, "nothing", {"vi": "x"}), NotFound, "topic_unknown"),
        (lambda r: rename(r, "late", {"fr": "x"}), InvalidInput, "name_invalid"),
        (lambda r: rename(r, "late", {"vi": "  "}), InvalidInput, "name_invalid"),
        (lambda r: rename(r, "late", {"vi": "x" * 201}), InvalidInput, "name_invalid"),
        (lambda r: merge(r, ["late"], "late"), InvalidInput, "topics_missing"),
        (lambda r: merge(r, ["late"], "nothing"), NotFound, "topic_unknown"),
        (lambda r: place(r, "late", "nothing"), NotFound, "theme_unknown"),
        (lambda r: add_theme(r, "x", {"vi": "X"}), InvalidInput, "name_invalid"),
        (lambda r: add(r, topic("late"), []), Conflict, "topic_exists"),
        (lambda r: add(r, topic("Late One"), []), InvalidInput, "key_invalid"),
        (lambda r: add(r, topic("-late"), []), InvalidInput, "key_invalid"),
        (lambda r: split(r, "late", [(topic("a"), [])]), InvalidInput, "parts_missing"),
        (lambda r: split(r, "late", [(topic("a"), []), (topic("app"), [])]), Conflict, "topic_exists"),
        (lambda r: split(r, "late", [(topic("a"), []), (topic("a"), [])]), Conflict, "topic_exists"),
        (lambda r: retire(r.after(retire(r, "late")), "late"), Conflict, "topic_not_active"),
        (lambda r: merge(r.after(retire(r, "late")), ["late"], "app"), Conflict, "topic_not_active"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided(
    registry: Registry, decide: Callable[[Registry], object], error: type[Exception], code: str
) -> None:
    with pytest.raises(error) as raised:
        decide(registry)
    assert raised.value.code == code  # type: ignore[attr-defined]


def test_a_registry_in_the_space_of_another_encoder_keeps_what_was_shipped(registry: Registry) -> None:
    own = registry.after(add(registry, topic("own"), [Prototype("own", near(4, 5), 0.5)]))
    shipped = replace(
        registry, encoder="e2",
        prototypes=tuple(replace(one, vector=np.roll(one.vector, 2)) for one in registry.prototypes),
    )  # fmt: skip
    points = {"own": np.eye(N_DIMS, dtype=np.float32)[0]}
    moved = rebased(own, shipped, lambda one: points.get(one.key))
    assert [(one.topic, one.layer, one.threshold) for one in moved.prototypes][-1] == ("own", 1, 0.5)
    assert assigned(moved, np.eye(N_DIMS, dtype=np.float32)[:1]) == ["own"]
    nowhere = rebased(own, shipped, lambda _: None)
    assert {one.topic for one in nowhere.prototypes} == set(registry.topics)
    moved = nowhere
    assert assigned(moved, np.eye(N_DIMS, dtype=np.float32)) == [None, None, "late", "price", "app", "staff"]
    assert "own" in moved.topics
    assert moved.encoder == "e2"


def test_a_topic_comes_back_from_json() -> None:
    one = replace(topic("late"), theme="delivery", into=("a", "b"), state="split", moved_to="care")
    assert Topic.from_dict(one.as_dict()) == one
