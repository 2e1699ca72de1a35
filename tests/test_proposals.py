"""Proposals: the same from any order of rows; unchanged topics keep their rows; names are phrases."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voc.curation import Curation, change_of
from voc.pipeline import Pipeline
from voc.records import Feedback, Span
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter, KeptSegment, Proposal, as_kept
from voc.topics import hierarchy
from voc.training.naming import Namer, key_of, phrases_of
from voc.training.proposals import compare, propose, sample

# ---- a small store, filled twice


@dataclass(frozen=True, slots=True)
class Installation:
    services: Services
    curation: Curation

    def fit(self) -> Proposal:
        """A proposal, kept."""
        store, pipeline = self.services.store, self.services.pipelines.get()
        found = propose(
            pipeline, store.proposals.segments(pipeline.reader.version, page=64), change_of,
            revision=store.revision()[0], min_topic_size=8,
        )  # fmt: skip
        return store.proposals.add(found, author="Lan")

    def routing(self) -> dict[str, list[Any]]:
        """Owner, cooperators and topics as shown, by external id."""
        rows: dict[str, list[Any]] = {}
        for key in self.ids():
            kept = self.services.store.get(key)
            assert kept is not None
            assert kept.analysis is not None
            topics = [segment.topic for segment in kept.analysis.segments]
            rows[str(kept.feedback.external_id)] = [
                kept.analysis.owner, kept.analysis.cooperators, kept.analysis.status, topics,
            ]  # fmt: skip
        return rows

    def ids(self) -> list[str]:
        store = self.services.store
        found = store.db.conn.execute("SELECT id FROM feedback").fetchall()
        return [str(row[0]) for row in found]


@pytest.fixture(scope="module")
def rows(root: Path) -> list[Feedback]:
    """Every fifteenth row of our corpus."""
    lines = (root / "corpora" / "feedback.jsonl").read_text("utf-8").splitlines()[::15]
    given = [json.loads(line) for line in lines]
    return [
        Feedback(
            f"f{number}", row["text"], "corpus", row["id"], row["occurred_at"], row["occurred_at"]
        )
        for number, row in enumerate(given)
    ]  # fmt: skip


def installed(path: Path, pipeline: Pipeline, rows: Sequence[Feedback], readings: Any) -> Installation:
    services = Services(Settings(db=path))
    store = services.store
    store.add(rows, holder="test", lease_s=60)
    services.pipelines.use(pipeline)
    taken = [readings[row.external_id] for row in rows]
    judged = pipeline.judge([row.id for row in rows], [row.text for row in rows], taken)
    store.save(judged, taken, pipeline.reader.version, pipeline.department_of_topic)
    return Installation(services, Curation(store, services.pipelines))


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, pipeline: Pipeline, rows: list[Feedback]
) -> Iterator[tuple[Installation, Installation]]:
    """The same rows, read once, kept in two databases in different orders under different ids."""
    readings = {
        row.external_id: as_kept(reading)
        for row, reading in zip(rows, pipeline.read([row.text for row in rows]), strict=True)
    }
    folder = tmp_path_factory.mktemp("proposals")
    order = list(range(len(rows)))
    random.Random(7).shuffle(order)
    shuffled = [
        Feedback(f"g{place}", rows[row].text, "corpus", rows[row].external_id, *[rows[row].occurred_at] * 2)
        for place, row in enumerate(order)
    ]
    first = installed(folder / "first.db", pipeline, rows, readings)
    second = installed(folder / "second.db", pipeline, shuffled, readings)
    yield first, second
    first.services.store.close()
    second.services.store.close()


@pytest.fixture(scope="module")
def proposals(both: tuple[Installation, Installation]) -> tuple[Proposal, Proposal]:
    first, second = both
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap and numba warn of what we chose
        return first.fit(), second.fit()


def said(proposal: Proposal) -> dict[str, Any]:
    """All that does not tell when, where and by whom."""
    body = proposal.as_dict()
    return {name: body[name] for name in ("revision", "encoder", "figures", "items")}


def test_the_order_of_rows_has_no_say(proposals: tuple[Proposal, Proposal]) -> None:
    first, second = proposals
    assert said(first) == said(second)
    for one, other in zip(first.items, second.items, strict=True):
        for place, twin in zip(one.places, other.places, strict=True):
            assert np.array_equal(place.vector, twin.vector)


def test_each_topic_is_in_one_item(proposals: tuple[Proposal, Proposal], pipeline: Pipeline) -> None:
    keys = [key for item in proposals[0].items for key in item.keys]
    assert sorted(keys) == sorted(topic.key for topic in pipeline.topics.topics)


def test_what_is_proposed_can_be_read(proposals: tuple[Proposal, Proposal], pipeline: Pipeline) -> None:
    proposal = proposals[0]
    kinds = {item.kind for item in proposal.items}
    assert {"same", "gone"} <= kinds
    assert kinds & {"new", "grown", "merged", "split"}
    for item in proposal.items:
        assert item.content["reason"]
        for group in item.content["groups"]:
            assert set(group["name"]) == {"vi", "en"}
            assert group["department"] in {topic.department for topic in pipeline.topics.topics}
            assert 1 <= len(group["examples"]) <= 5
            assert group["words"] or group["segments"] < 20
            assert group["segments"] >= 8 or item.kind in ("same", "grown", "merged")
            assert sum(group["languages"].values()) == pytest.approx(1.0, abs=0.01)
    figures = proposal.figures
    assert figures["distinct"] == figures["fitted"] <= figures["segments"]
    assert 0 < figures["outliers_after"] <= figures["outliers_before"] < 1
    assert figures["topics"] == len(pipeline.topics.topics)


def test_accepted_and_fitted_again_in_another_order_unchanged_topics_keep_their_rows(
    both: tuple[Installation, Installation], proposals: tuple[Proposal, Proposal], pipeline: Pipeline
) -> None:
    first, second = both
    before = first.routing()
    assert before == second.routing()
    changed: set[str] = set()
    for one, proposal in zip(both, proposals, strict=True):
        events = one.curation.accept(proposal, one.curation.find(proposal, []), author="Lan")
        assert any(events)
        changed |= {key for event in events if event for key in event.keys}
        run, _ = one.services.history.run(Filter())
        assert run.rows == len(before)
    after = first.routing()
    assert after == second.routing()
    unchanged = set(pipeline.topics.registry.topics) - changed
    kept = [key for key, (*_, topics) in before.items() if any(topic in unchanged for topic in topics)]
    assert len(kept) > 100
    for key in before:
        for old, new in zip(before[key][3], after[key][3], strict=True):
            assert old == new or old is None or old in changed
        if all(topic in unchanged for topic in after[key][3]):
            assert after[key] == before[key]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = second.fit()
    assert again.figures["outliers_before"] == proposals[1].figures["outliers_after"]
    assert second.routing() == after
    for event in reversed(first.curation.history()[1:]):
        first.curation.undo([event.number], author="Lan")
    assert first.curation.registry.digest == pipeline.topics.registry.digest


# ---- comparing


def table(**cells: int) -> tuple[np.ndarray, list[str | None]]:
    """Groups and topics of segments: ``a0=5`` stands for five of topic a in group 0, ``_1`` for none,
    ``ax`` for no group."""
    groups: list[int] = []
    topics: list[str | None] = []
    for name, count in cells.items():
        topic, group = (None, name[-1]) if name.startswith("_") else (name[0], name[-1])
        groups += [-1 if group == "x" else int(group)] * count
        topics += [topic] * count
    return np.array(groups, np.int64), topics


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"a0": 20}, [("same", ("a",), (0,))]),
        ({"a0": 4, "ax": 16}, [("same", ("a",), (0,))]),
        ({"a0": 3, "ax": 17}, [("gone", ("a",), ())]),
        ({"a0": 9}, [("gone", ("a",), ())]),
        ({"a0": 20, "_0": 9}, [("same", ("a",), (0,))]),
        ({"a0": 40, "_0": 10}, [("grown", ("a",), (0,))]),
        ({"a0": 40, "_0": 9}, [("same", ("a",), (0,))]),
        ({"a0": 20, "_0": 60}, [("grown", ("a",), (0,))]),
        ({"a0": 18, "ax": 20, "_0": 30}, [("same", ("a",), (0,)), ("new", (), (0,))]),
        ({"a0": 20, "a1": 20}, [("split", ("a",), (0, 1))]),
        ({"a0": 40, "a1": 11}, [("split", ("a",), (0, 1))]),
        ({"a0": 40, "a1": 9}, [("same", ("a",), (0,))]),
        ({"a0": 60, "a1": 14}, [("same", ("a",), (0,))]),
        ({"a0": 20, "b0": 12}, [("merged", ("a", "b"), (0,))]),
        ({"a0": 20, "b0": 12, "_0": 40}, [("grown", ("a",), (0,)), ("same", ("b",), (0,))]),
        ({"a0": 20, "b0": 6, "bx": 14}, [("same", ("a",), (0,)), ("same", ("b",), (0,))]),
        ({"_0": 10, "a1": 20}, [("same", ("a",), (1,)), ("new", (), (0,))]),
        ({"_0": 9, "a1": 20}, [("same", ("a",), (1,))]),
    ],
)
def test_groups_held_against_topics(cells: dict[str, int], expected: list[Any]) -> None:
    groups, topics = table(**cells)
    active = sorted({topic for topic in topics if topic})
    every = {int(group) for group in groups}
    near = {(group, key) for group in every for key in active}
    found = compare(groups, topics, active, every, near, 10)
    assert [(one.kind, one.keys, one.groups) for one in found] == expected
    assert all(one.reason for one in found)


def test_groups_that_are_no_theme_propose_nothing() -> None:
    groups, topics = table(a0=20, _0=60, b1=20, c1=20, _2=30)
    found = compare(groups, topics, ["a", "b", "c"], set(), {(0, "a")}, 10)
    assert [one.kind for one in found] == ["same", "same", "same"]


def test_a_topic_does_not_grow_by_what_is_far_from_it() -> None:
    groups, topics = table(a0=20, _0=60)
    found = compare(groups, topics, ["a"], {0}, set(), 10)
    assert [(one.kind, one.keys) for one in found] == [("same", ("a",)), ("new", ())]


# ---- sampling


def segment(text: str, feedback: int = 1) -> KeptSegment:
    return KeptSegment(
        feedback, Span(0, len(text)), text, "vi", text, np.zeros(3, np.float32), None, None
    )  # fmt: skip


def test_a_sample_is_chosen_by_content() -> None:
    texts = [f"segment number {number}" for number in range(400)]
    whole = sample([segment(text) for text in texts], 1000)
    assert (whole.seen, whole.distinct, len(whole.segments)) == (400, 400, 400)
    part = sample([segment(text) for text in reversed(texts)], 100)
    assert [one.text for one in part.segments] == [one.text for one in whole.segments[:100]]
    assert part.distinct == pytest.approx(400, rel=0.25)


def test_segments_that_differ_in_marks_alone_are_one() -> None:
    same = ["Giao hàng  trễ", "giao hang tre", "GIAO HÀNG TRỄ", "Giao hàng  trễ"]
    found = [sample([segment(text) for text in order], 9) for order in (same, same[::-1])]
    assert [len(one.segments) for one in found] == [1, 1]
    assert found[0].segments[0].text == found[1].segments[0].text
    assert found[0].seen == 4
    assert sample([segment("ok ạ")], 9).segments == []


# ---- naming


def test_phrases_are_runs_of_words_with_content_at_both_ends() -> None:
    stop = ["là", "và", "không", "the", "is"]
    assert list(phrases_of("giao_hàng là chậm , tổng_đài và", stop)) == ["giao hàng là chậm"]
    assert list(phrases_of("không gọi được", stop)) == ["không gọi", "không gọi được", "gọi được"]
    assert list(phrases_of("driver did n't call", ["did"])) == ["driver didn't", "driver didn't call"]
    assert list(phrases_of("giao 3 ngày", stop)) == []
    assert list(phrases_of("gọi ngay n", stop)) == ["gọi ngay"]


def test_keys_are_told_apart() -> None:
    assert key_of("Late delivery, again!", set()) == "late-delivery-again"
    assert key_of("Late delivery", {"late-delivery", "late-delivery-2"}) == "late-delivery-3"
    assert key_of("Giao hàng trễ", set()) == "giao-hang-tre"
    assert key_of("Door won't lock", set()) == "door-wont-lock"
    assert key_of("…", set()) == "topic"


def test_a_group_is_named_by_what_it_says_and_borrows_the_other_language(pipeline: Pipeline) -> None:
    words = [
        "thùng hàng bị móp nặng", "nhận thùng hàng móp góc", "thùng_hàng móp rồi", "shop giao thùng hàng móp",
        "the box arrived crushed", "nobody answers the hotline", "hotline never answers me",
        "tổng_đài không ai nghe",
    ]  # fmt: skip
    languages = ["vi"] * 4 + ["en"] * 3 + ["vi"]
    points = pipeline.reader.encoder.encode([text.replace("_", " ") for text in words])
    center = points.mean(axis=0)
    points = points - center
    namer = Namer(
        words, languages, points, lambda said: pipeline.reader.encoder.encode(said) - center,
        ["bị", "rồi", "the", "me", "không", "ai"],
    )  # fmt: skip
    rows = np.arange(4)
    found = namer.name([rows], points[rows].mean(axis=0)[None])[0]
    assert "hàng" in found.name["vi"].lower()
    assert "móp" in found.name["vi"]
    assert found.name["vi"][0].isupper()
    assert found.name["en"] in ("Box arrived crushed", "Arrived crushed", "Box arrived")
    assert found.borrowed == ("en",)
    assert found.rare in ((), ("vi",))
    alone = namer.name([np.array([0, 4, 5, 6])], points[[0, 4, 5, 6]].mean(axis=0)[None])[0]
    assert (alone.borrowed, alone.rare) == (("vi",), ("en",))


def test_where_there_is_no_phrase_the_first_words_of_a_segment_are_the_name(pipeline: Pipeline) -> None:
    points = np.eye(4, dtype=np.float32)[:3]
    namer = Namer(["ok", "ok", "ok"], ["vi"] * 3, points, pipeline.reader.encoder.encode, [])
    (named,) = namer.name([np.arange(3)], points[:1])
    assert (named.name, named.borrowed) == ({"vi": "Ok", "en": "Ok"}, ("vi", "en"))


def test_where_no_segment_is_of_a_language_the_other_lends_its_name(pipeline: Pipeline) -> None:
    words = ["thùng hàng móp góc", "giao thùng hàng móp", "thùng hàng móp rồi"]
    points = pipeline.reader.encoder.encode(words)
    for language, other in (("vi", "en"), ("en", "vi")):
        said = words if language == "vi" else ["box arrived crushed", "crushed box arrived", "box arrived"]
        namer = Namer(said, [language] * 3, points, pipeline.reader.encoder.encode, [])
        [found] = namer.name([np.arange(3)], points.mean(axis=0)[None])
        assert found.name[language] == found.name[other] != ""
        assert found.borrowed == (other,)


@pytest.mark.filterwarnings("ignore")  # umap and numba warn of what we chose
def test_an_installation_without_english_gets_topics_too(
    both: tuple[Installation, Installation], pipeline: Pipeline
) -> None:
    kept = both[1].services.store.proposals.segments(pipeline.reader.version, page=64)
    vietnamese = [one for one in kept if one.language == "vi"]
    found = propose(pipeline, vietnamese, change_of, revision=0, min_topic_size=8)
    new = [group for item in found.items if item.kind in ("new", "split") for group in item.content["groups"]]
    assert new
    for group in new:
        assert group["name"]["en"] == group["name"]["vi"] != ""
        assert "en" in group["name_borrowed"]
        assert group["key"] != "topic"


# ---- themes


@pytest.mark.filterwarnings("ignore")  # umap warns of what is not installed
def test_the_hierarchy_brings_near_topics_under_one_roof_first() -> None:
    vectors = np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0.9, 0.2], [0, 0, 1]], np.float32)
    tree = hierarchy(["giao", "ship", "giá", "đắt", "app"], vectors, [])
    assert {rows for rows, _ in tree[:2]} == {(0, 1), (2, 3)}
    assert tree[-1][0] == (0, 1, 2, 3, 4)
    assert [distance for _, distance in tree] == sorted(distance for _, distance in tree)
    assert hierarchy(["a", "b"], vectors[:2], []) == []
