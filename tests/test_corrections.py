"""What people say goes before what the service says: the rules, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from voc import reports
from voc.corrections import apply, decided, read, standing
from voc.errors import Conflict, InvalidInput, NotFound
from voc.facts import FactTable
from voc.records import Analysis, Candidate, Correction, Feedback, Segment, Span
from voc.registry import Registry, Topic, merge, retire, split
from voc.store import Filter, Store

Make = Callable[..., Feedback]
TEXT = "giao trễ, gọi không ai nghe"
DEPARTMENTS = {
    "late": "logistics", "lost": "logistics", "hotline": "care", "price": "sales", "app": "digital",
}  # fmt: skip
KEYS = ["care", "digital", "logistics", "product", "sales"]


def part(start: int, end: int, topic: str | None, department: str | None, **fields: Any) -> Segment:
    given = {"sentiment": "negative", "sentiment_score": -0.6, "department_confidence": 0.9} | fields
    return Segment(start, end, TEXT[start:end], "vi", topic=topic, department=department, **given)


TWO = (part(0, 9, "late", "logistics"), part(10, 27, "hotline", "care"))
ONE = (part(0, 27, "late", "logistics"),)


def analysis(segments: tuple[Segment, ...] = TWO, **fields: Any) -> Analysis:
    given: dict[str, Any] = {
        "language": "vi", "sentiment": "negative", "sentiment_score": -0.6, "sentiment_confidence": 0.9,
        "owner": "logistics", "owner_confidence": 0.8,
        "cooperators": ("care",) if segments == TWO else (),
        "touchpoint": "receive", "status": "routed", "candidates": (), "hops": (), "pipeline": "p1",
    } | fields  # fmt: skip
    return Analysis(id="a", segments=segments, **given)


def unsure(segments: tuple[Segment, ...] = TWO, **fields: Any) -> Analysis:
    candidates = (Candidate("logistics", 0.41), Candidate("care", 0.4))
    return analysis(
        segments, **{"owner_confidence": 0.41, "status": "review", "candidates": candidates} | fields
    )


def said(number: int, field: str, value: Any, span: tuple[int, int] | None = None, **more: Any) -> Correction:
    return Correction(
        number, "a", Span(*span) if span else None, field, value, None, "p1", "an", None, "t", **more
    )


def corrected(judged: Analysis, *held: Correction, **more: Any) -> Analysis:
    return apply(judged, held, DEPARTMENTS, **more)


def departments(judged: Analysis) -> list[str | None]:
    return [one.department for one in judged.segments]


def topics(judged: Analysis) -> list[str | None]:
    return [one.topic for one in judged.segments]


# ---- which hold


def test_the_last_of_each_field_and_segment_holds() -> None:
    held = standing(
        [
            said(4, "topic", "lost", (0, 9)),
            said(1, "owner", "care"),
            said(2, "owner", "sales"),
            said(3, "topic", "late", (0, 9)),
            said(5, "topic", "price", (10, 27)),
            said(6, "sentiment", "neutral", withdrawn_at="t"),
        ]
    )
    assert [(one.number, one.value) for one in held] == [(2, "sales"), (4, "lost"), (5, "price")]
    assert decided(held) == ("owner", "segments.topic")


def test_what_was_withdrawn_leaves_what_was_said_before() -> None:
    earlier, later = said(1, "owner", "care"), said(2, "owner", "sales", withdrawn_at="t")
    assert corrected(unsure(), earlier, later).owner == "care"
    assert corrected(unsure(), later) == unsure()


# ---- owner, cooperators, status


def test_an_owner_who_has_a_segment_leaves_the_other_implicated() -> None:
    found = corrected(unsure(), said(1, "owner", "care"))
    assert (found.owner, found.owner_confidence, found.status, found.candidates) == (
        "care",
        1.0,
        "routed",
        (),
    )
    assert found.cooperators == ("logistics",)
    assert departments(found) == ["logistics", "care"]


def test_an_owner_without_a_segment_takes_over_those_of_the_owner_before() -> None:
    found = corrected(unsure(), said(1, "owner", "sales"))
    assert (departments(found), found.cooperators) == (["sales", "care"], ("care",))
    alone = corrected(unsure(ONE), said(1, "owner", "sales"))
    assert (departments(alone), alone.cooperators, topics(alone)) == (["sales"], (), ["late"])


def test_nobody_as_owner_implicates_nobody() -> None:
    found = corrected(unsure(), said(1, "owner", None))
    assert (found.owner, found.status, found.owner_confidence) == (None, "no_owner", 1.0)
    assert (found.cooperators, found.candidates, departments(found)) == ((), (), [None, "care"])


def test_cooperators_named_stay_whoever_owns_it_and_never_hold_the_owner() -> None:
    named = said(1, "cooperators", ("care", "digital"))
    assert corrected(analysis(), named).cooperators == ("care", "digital")
    assert corrected(analysis(owner="care"), named).cooperators == ("digital",)
    assert corrected(analysis(), named, said(2, "owner", "digital")).cooperators == ("care",)
    assert corrected(unsure(), named).status == "review"


def test_no_cooperators_can_be_said_too() -> None:
    assert corrected(analysis(), said(1, "cooperators", ())).cooperators == ()


# ---- topics and departments of segments


def test_a_topic_takes_its_segment_to_its_department() -> None:
    found = corrected(analysis(), said(1, "topic", "app", (10, 27)))
    assert (topics(found), departments(found)) == (["late", "app"], ["logistics", "digital"])
    assert (found.owner, found.cooperators, found.status) == ("logistics", ("digital",), "routed")
    assert found.segments[1].department_confidence == 1.0


def test_an_owner_who_lost_every_segment_gives_way() -> None:
    found = corrected(unsure(), said(1, "topic", "app", (0, 9)))
    assert (found.owner, found.cooperators, found.status) == ("digital", ("care",), "routed")
    nobody = corrected(unsure(), said(1, "department", None, (0, 9)))
    assert (nobody.owner, nobody.cooperators, nobody.status) == ("care", (), "routed")
    none_left = corrected(unsure(ONE), said(1, "department", None, (0, 27)))
    assert (none_left.owner, none_left.cooperators, none_left.status) == (None, (), "no_owner")


def test_a_department_found_where_there_was_none_owns_it() -> None:
    silent = analysis((part(0, 9, None, None), part(10, 27, None, None)), owner=None, status="no_owner")
    found = corrected(silent, said(1, "department", "care", (10, 27)))
    assert (found.owner, found.cooperators, found.status) == ("care", (), "routed")
    still = corrected(silent, said(1, "department", None, (10, 27)))
    assert (still.owner, still.cooperators, still.status) == (None, (), "no_owner")


def test_one_segment_decided_decides_the_owner_and_one_of_two_does_not() -> None:
    assert corrected(unsure(ONE), said(1, "topic", "lost", (0, 27))).status == "routed"
    assert corrected(unsure(), said(1, "topic", "lost", (0, 9))).status == "review"


def test_a_department_named_goes_before_that_of_the_topic_whichever_came_first() -> None:
    named, topic = said(1, "department", "sales", (0, 9)), said(2, "topic", "app", (0, 9))
    found = corrected(analysis(), named, topic)
    assert (found.segments[0].topic, found.segments[0].department) == ("app", "sales")


def test_a_topic_of_the_whole_is_that_of_every_segment_until_one_is_named() -> None:
    whole = said(1, "topic", "price")
    found = corrected(analysis(), whole)
    assert (topics(found), departments(found)) == (["price", "price"], ["sales", "sales"])
    assert (found.owner, found.cooperators) == ("sales", ())
    one = corrected(analysis(), whole, said(2, "topic", "hotline", (10, 27)))
    assert (topics(one), one.owner, one.cooperators) == (["price", "hotline"], "sales", ("care",))
    again = corrected(analysis(), whole, said(2, "topic", "hotline", (10, 27)), said(3, "topic", "late"))
    assert topics(again) == ["late", "late"]
    assert topics(corrected(analysis(), said(1, "topic", None))) == [None, None]


def test_an_owner_goes_before_the_department_of_a_topic() -> None:
    found = corrected(unsure(ONE), said(1, "topic", "app"), said(2, "owner", "care"))
    assert (found.owner, found.cooperators, departments(found), topics(found)) == (
        "care", (), ["care"], ["app"],
    )  # fmt: skip


def test_segments_that_are_cut_otherwise_by_a_later_reader() -> None:
    thirds = (
        part(0, 9, "app", "digital"), part(10, 18, "app", "digital"), part(18, 27, "app", "digital"),
    )  # fmt: skip
    judged = analysis(thirds, owner="digital", cooperators=())
    assert topics(corrected(judged, said(1, "topic", "hotline", (10, 27)))) == ["app", "hotline", "hotline"]
    assert topics(corrected(judged, said(1, "topic", "late", (2, 7)))) == ["late", "app", "app"]
    whole = analysis((part(0, 27, "app", "digital"),), owner="digital")
    both = (said(1, "topic", "hotline", (10, 27)), said(2, "topic", "late", (0, 9)))
    assert topics(corrected(whole, *both)) == ["late"]
    assert corrected(judged, said(1, "topic", "late", (40, 50))) == judged


def test_a_topic_that_is_no_more_stands_for_what_took_its_place() -> None:
    held = said(1, "topic", "old", (10, 27))
    gone = {"old": ("older",), "older": ("app",)}
    assert corrected(analysis(), held, successors=gone).segments[1].topic == "app"
    assert corrected(analysis(), held, successors=gone).segments[1].department == "digital"
    assert corrected(analysis(), held, successors={"old": ()}).segments[1].topic is None
    assert corrected(analysis(), held, successors={"old": ()}).segments[1].department == "care"
    parts = {"old": ("price", "hotline")}
    assert (
        corrected(analysis(), held, successors=parts).segments[1].topic == "hotline"
    )  # the service's choice
    elsewhere = said(1, "topic", "old", (0, 9))
    assert corrected(analysis(), elsewhere, successors=parts).segments[0].topic == "price"


# ---- feeling, touchpoint


@pytest.mark.parametrize(
    ("label", "score"), [("negative", -0.6), ("neutral", 0.0), ("positive", 1.0), ("mixed", -0.6)]
)
def test_a_feeling_keeps_a_score_that_agrees(label: str, score: float) -> None:
    found = corrected(analysis(), said(1, "sentiment", label))
    assert (found.sentiment, found.sentiment_score, found.sentiment_confidence) == (label, score, 1.0)
    assert [one.sentiment for one in found.segments] == ["negative", "negative"]


def test_a_segment_that_is_alone_feels_as_the_whole() -> None:
    down = corrected(analysis(ONE), said(1, "sentiment", "positive"))
    assert (down.segments[0].sentiment, down.segments[0].sentiment_score) == ("positive", 1.0)
    up = corrected(analysis(ONE), said(1, "sentiment", "positive", (0, 27)))
    assert (up.sentiment, up.sentiment_score) == ("positive", 1.0)
    assert corrected(analysis(ONE), said(1, "sentiment", "mixed")).segments == ONE


def test_the_whole_feels_as_all_its_segments_once_they_agree() -> None:
    torn = analysis((TWO[0], part(10, 27, "hotline", "care", sentiment="positive")), sentiment="mixed")
    assert corrected(torn, said(1, "sentiment", "negative", (10, 27))).sentiment == "negative"
    assert corrected(torn, said(1, "sentiment", "neutral", (10, 27))).sentiment == "mixed"
    both = (said(1, "sentiment", "negative", (10, 27)), said(2, "sentiment", "neutral"))
    assert corrected(torn, *both).sentiment == "neutral"


def test_what_is_not_named_stays() -> None:
    found = corrected(unsure(), said(1, "touchpoint", "support"))
    assert found.touchpoint == "support"
    assert found == unsure(touchpoint="support")


# ---- reading a decision


def reading(body: dict[str, Any], judged: Analysis | None = None) -> list[Any]:
    return read(body, judged or unsure(), departments=KEYS, topics=list(DEPARTMENTS))


def test_a_decision_is_read_with_what_stood_there() -> None:
    assert reading({"owner": "care", "touchpoint": "use", "topic": "app"}) == [
        (None, "owner", "care", "logistics"),
        (None, "touchpoint", "use", "receive"),
        (None, "topic", "app", ("late", "hotline")),
    ]
    assert reading({"segment": {"start": 10, "end": 27}, "topic": None, "department": "sales"}) == [
        (Span(10, 27), "topic", None, "hotline"), (Span(10, 27), "department", "sales", "care"),
    ]  # fmt: skip
    assert reading({"cooperators": ["care", "care"], "owner": None})[0][2] == ("care",)


def test_confirming_says_what_stands_but_for_what_is_named() -> None:
    assert reading({"confirm": True}) == [
        (None, "owner", "logistics", "logistics"),
        (None, "cooperators", ("care",), ("care",)),
        (None, "sentiment", "negative", "negative"),
    ]
    assert {field: value for _, field, value, _ in reading({"confirm": True, "owner": "care"})} == {
        "owner": "care", "cooperators": (), "sentiment": "negative",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "correction_empty", None),
        ({"confirm": False}, "correction_empty", None),
        ({"segment": {"start": 0, "end": 9}}, "correction_empty", None),
        ({"colour": "red"}, "field_unknown", "colour"),
        ({"department": "care"}, "field_unknown", "department"),
        ({"segment": {"start": 0, "end": 9}, "owner": "care"}, "field_unknown", "owner"),
        ({"segment": {"start": 0, "end": 8}, "topic": "late"}, "segment_unknown", "segment"),
        ({"segment": [0, 9], "topic": "late"}, "segment_unknown", "segment"),
        ({"segment": {"start": 0, "end": 9}, "confirm": True}, "field_invalid", "confirm"),
        ({"confirm": 1}, "field_invalid", "confirm"),
        ({"owner": "nobody"}, "department_unknown", "owner"),
        ({"owner": 5}, "department_unknown", "owner"),
        ({"cooperators": "care"}, "field_invalid", "cooperators"),
        ({"cooperators": [None]}, "department_unknown", "cooperators"),
        ({"cooperators": ["logistics"]}, "field_invalid", "cooperators"),
        ({"cooperators": ["care"], "owner": "care"}, "field_invalid", "cooperators"),
        ({"topic": "old"}, "topic_unknown", "topic"),
        ({"sentiment": None}, "field_invalid", "sentiment"),
        ({"sentiment": ["negative"]}, "field_invalid", "sentiment"),
        ({"segment": {"start": 0, "end": 9}, "sentiment": "mixed"}, "field_invalid", "sentiment"),
        ({"touchpoint": "nowhere"}, "field_invalid", "touchpoint"),
    ],
)
def test_a_decision_that_cannot_be(body: dict[str, Any], code: str, field: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        reading(body)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_a_text_without_segments_can_have_no_topic() -> None:
    silent = analysis((), owner=None, cooperators=(), status="no_owner")
    with pytest.raises(InvalidInput, match="nothing in this text"):
        reading({"topic": "late"}, silent)
    assert reading({"owner": "care"}, silent) == [(None, "owner", "care", None)]


# ---- kept


def keep(store: Store, row: Feedback, *judged: Analysis) -> None:
    store.add([row], holder="h", lease_s=30)
    for one in judged:
        store.save([one], [None], "r1", DEPARTMENTS)


def say(store: Store, key: str, body: dict[str, Any], **more: Any) -> list[Correction]:
    found = read(body, store.get(key).analysis, departments=KEYS, topics=list(DEPARTMENTS))
    given = {"author": "an", "reason": None, "departments": DEPARTMENTS} | more
    return store.corrections.add(key, found, **given)


def shown(store: Store, key: str = "a") -> Analysis:
    found = store.get(key).analysis
    assert found is not None
    return found


def test_who_when_why_and_what_stood_there(store: Store, feedback: Make, monkeypatch) -> None:
    monkeypatch.setattr("voc.store.corrections.utc_now", lambda: "2026-11-02T09:00:00.000Z")
    keep(store, feedback("a", TEXT), unsure())
    (kept,) = say(store, "a", {"owner": "care"}, reason="nghe máy là việc của họ")
    assert kept == Correction(
        1, "a", None, "owner", "care", "logistics", "p1", "an", "nghe máy là việc của họ",
        "2026-11-02T09:00:00.000Z",
    )  # fmt: skip
    assert kept.as_dict()["segment"] is None
    assert store.corrections.of("a") == list(store.corrections.every()) == [kept]
    assert store.get("a").corrected == ("owner",)
    assert (shown(store).owner, shown(store).cooperators, shown(store).status) == (
        "care", ("logistics",), "routed",
    )  # fmt: skip


def test_what_holds_is_not_said_again_and_what_was_gone_over_is(store: Store, feedback: Make) -> None:
    keep(store, feedback("a", TEXT), analysis())
    assert len(say(store, "a", {"owner": "logistics", "cooperators": ["care"]})) == 2
    assert say(store, "a", {"owner": "logistics", "cooperators": ["care"]}, author="binh") == []
    part_of = {"segment": {"start": 10, "end": 27}, "topic": "app"}
    assert len(say(store, "a", part_of)) == 1
    assert len(say(store, "a", {"topic": "price"})) == 1
    assert [one.topic for one in shown(store).segments] == ["price", "price"]
    assert len(say(store, "a", part_of)) == 1
    assert [one.topic for one in shown(store).segments] == ["price", "app"]
    assert say(store, "a", part_of) == []


def test_withdrawing_gives_back_what_was_there(store: Store, feedback: Make) -> None:
    keep(store, feedback("a", TEXT), unsure())
    before = store.get("a")
    say(store, "a", {"owner": "care"})
    say(store, "a", {"owner": "sales", "topic": "app"})
    taken = store.corrections.withdraw(2, author="binh", departments=DEPARTMENTS, key="a")
    assert (taken.number, taken.withdrawn_by) == (2, "binh")
    assert taken.withdrawn_at is not None
    assert (shown(store).owner, [one.topic for one in shown(store).segments]) == ("care", ["app", "app"])
    for number in (1, 3):
        store.corrections.withdraw(number, author="binh", departments=DEPARTMENTS)
    assert store.get("a") == before
    assert [one.withdrawn_by for one in store.corrections.of("a")] == ["binh"] * 3


def test_what_cannot_be_corrected_or_withdrawn(store: Store, feedback: Make) -> None:
    keep(store, feedback("a", TEXT), analysis())
    store.add([feedback("b", TEXT)], holder="h", lease_s=30)
    say(store, "a", {"owner": "care"})
    store.corrections.withdraw(1, author="an", departments=DEPARTMENTS)
    one: Any = [(None, "owner", "care", None)]
    for expected, code, call in (
        (NotFound, "feedback_unknown", lambda: store.corrections.add(
            "none", one, author="an", reason=None, departments={})),
        (Conflict, "feedback_queued", lambda: store.corrections.add(
            "b", one, author="an", reason=None, departments={})),
        (NotFound, "correction_unknown", lambda: store.corrections.withdraw(9, author="an", departments={})),
        (NotFound, "correction_unknown", lambda: store.corrections.withdraw(
            1, author="an", departments={}, key="b")),
        (Conflict, "correction_withdrawn", lambda: store.corrections.withdraw(
            1, author="an", departments={})),
    ):  # fmt: skip
        with pytest.raises(expected) as caught:
            call()
        assert caught.value.code == code
    assert len(store.corrections.of("a")) == 1


def test_every_analysis_that_is_kept_has_it_and_every_later_one(store: Store, feedback: Make) -> None:
    keep(store, feedback("a", TEXT), analysis(), analysis(pipeline="p2", owner="care", cooperators=()))
    say(store, "a", {"owner": "sales"})
    owners = {row["pipeline"]: row["owner"] for row in store.db["analyses"].rows}
    assert owners == {"p1": "sales", "p2": "sales"}
    store.save([analysis(pipeline="p3", touchpoint="pay")], [None], "r1", DEPARTMENTS)
    assert (shown(store).pipeline, shown(store).owner, shown(store).touchpoint) == ("p3", "sales", "pay")
    assert store.get("a").corrected == ("owner",)
    store.corrections.withdraw(1, author="an", departments=DEPARTMENTS)
    owners = {row["pipeline"]: row["owner"] for row in store.db["analyses"].rows}
    assert owners == {"p1": "logistics", "p2": "care", "p3": "logistics"}


def test_filters_count_what_people_said(store: Store, feedback: Make) -> None:
    keep(store, feedback("a", TEXT), unsure())
    say(store, "a", {"owner": "sales", "sentiment": "positive", "topic": "price", "cooperators": ["digital"]})

    def count(**chosen: Any) -> int:
        return store.count(Filter(**chosen))

    assert count(department="sales", role="owner") == 1
    assert count(department="digital", role="cooperator") == 1
    assert count(department="logistics") == count(department="care") == 0
    assert (count(topic="price"), count(topic="late"), count(topic="hotline")) == (1, 0, 0)
    assert (count(sentiment="positive"), count(sentiment="negative")) == (1, 0)
    assert (count(status="routed"), count(status="review")) == (1, 0)
    facts = FactTable(store).now()
    rows = np.ones(len(facts), np.bool_)
    assert reports.topic_counts(facts, rows) == {"price": (1, 1)}  # of its segments nobody said more
    for dimension, key, negative in (("department", "sales", 0), ("topic", "price", 1)):
        (point,) = reports.trends(facts, rows, dimension, "month")  # type: ignore[arg-type]
        assert (point.key, point.count, point.negative) == (key, 1, negative)


def registry(*keys: str) -> Registry:
    names = {"vi": "t", "en": "t"}
    made = [Topic(key, names, "logistics", (), (), 1) for key in keys]
    rows = np.eye(len(keys), dtype=np.float32)
    return Registry.flat(made, rows, [0.5] * len(keys), np.zeros(len(keys), np.float32))


def test_topics_that_change_in_the_registry(store: Store, feedback: Make) -> None:
    start = registry(*DEPARTMENTS)
    for key in ("a", "b", "c"):
        keep(store, feedback(key, TEXT), replace(analysis(), id=key))
    say(store, "a", {"segment": {"start": 10, "end": 27}, "topic": "lost"})
    say(store, "b", {"topic": "price"})
    say(store, "c", {"segment": {"start": 10, "end": 27}, "topic": "late"})
    for change in (
        lambda now: merge(now, ["lost"], "app"),
        lambda now: retire(now, "price"),
        lambda now: split(
            now, "late", [(Topic(k, {"vi": k, "en": k}, "logistics", (), (), 1), ()) for k in ("x", "y")]
        ),
    ):
        now = store.topics.read() or start
        store.topics.make(change(now), now, author="an")

    def judged(key: str, topic: str) -> Analysis:
        return replace(analysis((TWO[0], part(10, 27, topic, "care")), pipeline="p2"), id=key)

    again = [judged("a", "hotline"), judged("b", "hotline"), judged("c", "y")]
    store.save(again, [None] * 3, "r1", DEPARTMENTS | {"x": "logistics", "y": "logistics"})
    assert [one.topic for one in shown(store, "a").segments] == ["late", "app"]
    assert shown(store, "a").segments[1].department == "digital"
    assert [one.topic for one in shown(store, "b").segments] == [None, None]
    assert [one.topic for one in shown(store, "c").segments] == ["late", "y"]
    assert store.get("b").corrected == ("topic",)
    store.topics.undo(store.topics.history("lost")[-1].number, author="an")
    store.save(again, [None] * 3, "r1", DEPARTMENTS)
    assert shown(store, "a").segments[1].topic == "lost"
