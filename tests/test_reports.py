"""Figures: counts add up to rows, shares come with an interval that holds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from voc.records import Analysis, Feedback, Segment
from voc.registry import Registry, Topic
from voc.reports import topics, trends
from voc.store import Filter, Store
from voc.topics import TopicModel

Make = Callable[..., Feedback]


def topic(key: str) -> Topic:
    return Topic(key, {"vi": f"Tên {key}", "en": f"Name {key}"}, "care", ("a", "b"), ("câu",), 7)


MODEL = TopicModel(
    Registry.flat(
        [topic(key) for key in ("late", "rude", "price", "app")],
        np.eye(4, dtype=np.float32), [0.5] * 4, np.zeros(4, np.float32),
    )
)  # fmt: skip


def keep(store: Store, row: Feedback, sentiment: Any, *found: str | None, owner: str | None = "care") -> None:
    """Keeps a row with an analysis made by hand."""
    parts = tuple(Segment(i, i + 1, "", "vi", sentiment, 0.0, key, None, 0.0) for i, key in enumerate(found))
    store.add([row], holder="h", lease_s=1)
    judged = Analysis(
        row.id, "vi", sentiment, 0.0, 1.0, owner, 0.9, (), "support", "routed", (), (), parts, "p1"
    )  # fmt: skip
    store.save([judged], [None], "r1")


@pytest.fixture
def filled(store: Store, feedback: Make) -> Store:
    """Five rows in two weeks of two months."""
    november, december = "2026-11-30T10:00:00.000Z", "2026-12-07T10:00:00.000Z"
    keep(store, feedback("a", "chữ", occurred_at=november), "negative", "late", "late", "rude")
    keep(store, feedback("b", "chữ", occurred_at=november), "positive", "late", None, owner="sales")
    keep(store, feedback("c", "chữ", occurred_at=december), "negative", "late")
    keep(store, feedback("d", "chữ", occurred_at=december), "mixed", "rude", "price", owner=None)
    keep(store, feedback("e", "chữ", occurred_at=december), "negative", None)
    return store


def test_trends_carry_counts_and_shares(filled: Store) -> None:
    found = [point.as_dict() for point in trends(filled, "topic", "week", Filter())]
    expected = [("2026-11-30", "late", 2, 1), ("2026-11-30", "rude", 1, 1), ("2026-12-07", "late", 1, 1),
                ("2026-12-07", "price", 1, 0), ("2026-12-07", "rude", 1, 0)]  # fmt: skip
    shares = {
        (2, 1): {"value": 0.5, "low": 0.0945, "high": 0.9055},
        (1, 1): {"value": 1.0, "low": 0.2065, "high": 1.0},
        (1, 0): {"value": 0.0, "low": 0.0, "high": 0.7935},
    }
    assert found == [
        {"period": period, "key": key, "count": count, "negative": negative,
         "negative_share": shares[count, negative]}
        for period, key, count, negative in expected
    ]  # fmt: skip


def test_trends_take_a_filter_and_a_grain(filled: Store) -> None:
    chosen = Filter(since="2026-12-01T00:00:00.000Z")
    found = trends(filled, "department", "month", chosen)
    assert [(point.period, point.key, point.count, point.negative) for point in found] == [
        ("2026-12-01", "care", 2, 2)
    ]
    assert trends(filled, "topic", "day", Filter(source="nowhere")) == []


def test_counts_add_up_to_rows(filled: Store) -> None:
    owned = sum(filled.count(Filter(department=key, role="owner")) for key in ("care", "sales"))
    for grain in ("day", "week", "month"):
        assert sum(point.count for point in trends(filled, "department", grain, Filter())) == owned == 4
        assert sum(point.count for point in trends(filled, "touchpoint", grain, Filter())) == 5


def test_all_topics_the_most_frequent_first(filled: Store) -> None:
    found = topics(filled, MODEL)
    assert [(one.topic.key, one.count, one.negative) for one in found] == [
        ("late", 3, 2), ("rude", 2, 1), ("price", 1, 0), ("app", 0, 0)
    ]  # fmt: skip
    assert found[0].as_dict() == {
        "key": "late", "name": {"vi": "Tên late", "en": "Name late"}, "department": "care",
        "words": ["a", "b"], "examples": ["câu"], "size": 7, "remit": {"vi": "", "en": ""},
        "theme": None, "moved_to": None, "state": "active", "into": [], "origin": [],
        "count": 3, "negative": 2,
        "negative_share": {"value": 0.6667, "low": 0.2077, "high": 0.9385},
    }  # fmt: skip
    assert found[-1].as_dict()["negative_share"] == {"value": 0.0, "low": 0.0, "high": 1.0}


def test_topics_of_a_choice_equal_ones_by_key(filled: Store) -> None:
    found = topics(filled, MODEL, Filter(until="2026-12-01T00:00:00.000Z"))
    assert [(one.topic.key, one.count) for one in found] == [
        ("late", 2), ("rude", 1), ("app", 0), ("price", 0)
    ]  # fmt: skip


def test_an_empty_store_has_all_topics_with_nothing(store: Store) -> None:
    assert [(one.topic.key, one.count) for one in topics(store, MODEL)] == [
        ("app", 0), ("late", 0), ("price", 0), ("rude", 0)
    ]  # fmt: skip
    assert trends(store, "topic", "day", Filter()) == []
