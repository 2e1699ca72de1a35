"""Why a feedback was routed so: words, topics, others like it, what was said before; over HTTP too."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from voc import evidence, review
from voc.errors import Conflict, NotFound
from voc.ingest import validate
from voc.pipeline import Pipeline
from voc.records import Span
from voc.rights import erase_feedback
from voc.services import Services
from voc.store import matches
from voc.text import folded_words, places

LATE = "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe"
OTHERS = ("Giao hàng trễ cả tuần", "Giao hàng chậm quá, shipper thì cáu", "Bị trừ tiền hai lần")


def keep(services: Services, *texts: str) -> list[str]:
    rows = [validate({"text": text}, text_max_chars=20_000) for text in texts]
    return [one.added.feedback.id for one in services.worklist.submit(rows)]


def explained(services: Services, key: str, within: str | None = None) -> evidence.Evidence:
    return evidence.explain(services.store, services.pipelines.get(), key, within)


def log_odds(share: float) -> float:
    return math.log(share / (1 - share))


# ---- words


def test_each_part_names_its_topic_and_the_words_of_its_department(services: Services) -> None:
    (key,) = keep(services, LATE)
    found = explained(services, key)
    late, phone = found.parts
    assert (late.topic, late.department, late.ground) == ("delivery-late", "logistics", "topic")
    assert (phone.topic, phone.department, phone.ground) == ("hotline-unreachable", "care", "topic")
    assert {"Giao", "hàng"} <= {word.text for word in late.words}
    assert "tổng đài" in {word.text for word in phone.words}
    for part in found.parts:
        assert all(LATE[word.start : word.end] == word.text for word in part.words)
        assert all(part.start <= word.start < part.end for word in part.words)
        assert part.near[0].topic == part.topic
        assert part.near[0].cosine >= part.near[0].threshold
        assert part.departments[0].department == part.department
    assert [LATE[one.start : one.end] for one in late.topic_words] == ["trễ"]
    assert found.owners[0].department == "logistics"
    assert found.owners[0].confidence == pytest.approx(found.kept.analysis.owner_confidence, abs=0.01)  # type: ignore[union-attr]
    assert {one.department: bool(one.words) for one in found.owners} == {
        "logistics": True, "care": True, found.owners[2].department: False,
    }  # fmt: skip


def test_a_word_weighs_what_its_absence_does(services: Services, pipeline: Pipeline) -> None:
    (key,) = keep(services, OTHERS[0])
    found = explained(services, key)
    spans = tuple(Span(part.start, part.end) for part in found.parts)
    word = max(found.owners[0].words, key=lambda one: one.weight)
    without = OTHERS[0][: word.start] + " " * len(word.text) + OTHERS[0][word.end :]
    (whole, less) = pipeline.judge(
        ["a", "b"], [OTHERS[0], without], pipeline.reader.read_spans([OTHERS[0], without], [spans] * 2)
    )
    assert whole.owner == less.owner == "logistics"
    fall = log_odds(whole.owner_confidence) - log_odds(less.owner_confidence)
    assert fall == pytest.approx(word.weight, abs=0.02)
    assert fall > evidence.LEAST_WEIGHT


def test_what_is_masked_is_no_word(services: Services) -> None:
    (key,) = keep(services, "Giao hàng trễ, gọi lại cho tôi số 0912345678 đi")
    found = explained(services, key)
    text = found.kept.feedback.text
    assert "0912345678" not in text
    masked = text.index("[")
    words = [word for part in found.parts for word in part.words] + [
        word for claim in found.owners for word in claim.words
    ]
    assert words
    assert not [word for word in words if word.start <= masked < word.end]


def test_a_long_text_is_explained_without_its_words(services: Services) -> None:
    (key,) = keep(services, " ".join(["Giao hàng trễ ba ngày không báo."] * 60))
    found = explained(services, key)
    assert not found.are_words_known
    assert {part.words for part in found.parts} == {()}
    assert len(found.parts[0].near) >= evidence.NEAREST
    assert found.parts[0].departments[0].department == found.parts[0].department == "logistics"


def test_a_text_in_which_nothing_can_be_read(services: Services) -> None:
    (key,) = keep(services, "!!! ???")
    now = services.store.get(key).analysis  # type: ignore[union-attr]
    assert now is not None
    services.store.save([replace(now, segments=())], [None], "r")
    found = explained(services, key)
    assert (found.parts, found.owners, found.like, len(found.past)) == ((), (), (), 1)


def test_a_segment_without_a_topic_is_told_the_nearest(services: Services) -> None:
    (key,) = keep(services, "Gói gia đình xài chung 4 số tiện thiệt")
    (part,) = explained(services, key).parts
    assert part.topic is None
    assert part.ground == "words"
    assert part.near[0].cosine < part.near[0].threshold


# ---- people


def test_a_persons_word_is_the_ground(services: Services) -> None:
    (key,) = keep(services, LATE)
    pipeline = services.pipelines.get()
    body = {"segment": {"start": 33, "end": 59}, "department": "operations"}
    review.correct(services.store, pipeline, key, body, author="lan")
    late, phone = explained(services, key).parts
    assert (late.ground, phone.ground, phone.department) == ("topic", "person", "operations")
    assert phone.departments[0].department == "care"  # what the head says itself


def test_a_topic_that_was_sent_elsewhere_is_the_ground(services: Services) -> None:
    services.curation.move("delivery-late", "care", author="lan")
    (key,) = keep(services, OTHERS[0])
    (part,) = explained(services, key).parts
    assert (part.topic, part.department, part.ground) == ("delivery-late", "care", "decision")


# ---- others and before


def test_what_people_decided_comes_first_among_what_is_alike(services: Services) -> None:
    late, week, slow, money = keep(services, LATE, *OTHERS)
    review.correct(services.store, services.pipelines.get(), slow, {"confirm": True}, author="lan")
    found = explained(services, late).like
    assert [(one.kept.feedback.id, one.is_decided) for one in found][:2] == [(slow, True), (week, False)]
    assert late not in {one.kept.feedback.id for one in found}
    assert all(one.cosine >= evidence.LEAST_ALIKE for one in found)
    number = services.store.corrections.of(slow)[0].number
    for correction in services.store.corrections.of(slow):
        services.store.corrections.withdraw(correction.number, author="lan", departments={})
    assert number == 1
    assert not [one for one in explained(services, late).like if one.is_decided]
    assert money not in {one.kept.feedback.id for one in found}


def test_who_is_limited_sees_no_others(services: Services) -> None:
    late, week, *_ = keep(services, LATE, *OTHERS)
    review.correct(services.store, services.pipelines.get(), week, {"confirm": True}, author="lan")
    assert {one.kept.feedback.id for one in explained(services, late, "logistics").like} >= {week}
    assert explained(services, late, "care").like == ()
    with pytest.raises(NotFound):
        explained(services, week, "finance")


def test_every_version_is_told_and_what_it_said_itself(services: Services) -> None:
    (key,) = keep(services, OTHERS[0])
    now = services.store.get(key).analysis  # type: ignore[union-attr]
    assert now is not None
    services.store.save([replace(now, owner="sales", pipeline="2025.01-old000")], [None], "r")
    services.store.save([now], [None], "r")
    review.correct(services.store, services.pipelines.get(), key, {"owner": "care"}, author="lan")
    first, second = explained(services, key).past
    assert (first.analysis.pipeline, first.is_shown, first.run) == (now.pipeline, True, None)
    assert (first.analysis.owner, first.own.owner) == ("care", "logistics")
    assert (second.is_shown, second.analysis.owner, second.own.owner) == (False, "care", "sales")


def test_what_waits_or_was_erased_has_no_evidence(services: Services) -> None:
    erased, waiting = keep(services, *OTHERS[:2])
    erase_feedback(services.store, [erased], author="lan")
    with services.store.write() as db:
        db.conn.execute("DELETE FROM shown WHERE feedback = 2")
    with pytest.raises(Conflict) as queued:
        explained(services, waiting)
    assert queued.value.code == "feedback_queued"
    with pytest.raises(Conflict) as gone:
        explained(services, erased)
    assert gone.value.code == "feedback_erased"


def test_the_words_are_weighed_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    (key,) = keep(services, "Giao hàng trễ hai hôm rồi")
    before = explained(services, key)
    monkeypatch.setattr(Pipeline, "read", None)
    monkeypatch.setattr(type(services.pipelines.get().reader), "read_spans", None)
    assert explained(services, key).parts == before.parts


# ---- over HTTP


def test_the_evidence_over_http(client: FlaskClient, services: Services) -> None:
    (key,) = keep(services, LATE)
    body = client.get(f"/v1/feedback/{key}/evidence").get_json()
    assert body["id"] == key
    assert body["segments"][0]["ground"] == "topic"
    assert body["segments"][1]["words"][0]["text"] == "tổng đài"
    assert body["analyses"][0]["analysis"]["pipeline"] == body["pipeline"]
    assert client.get("/v1/feedback/none/evidence").get_json()["error"]["code"] == "feedback_unknown"


# ---- where words stand


def test_words_are_found_with_and_without_diacritics() -> None:
    text = "Đơn hàng ĐƠN  HÀNG, don\thang; đơn_hàng"
    assert [text[start:end] for start, end in matches(text, '"don hang"')] == [
        "Đơn hàng", "ĐƠN  HÀNG", "don\thang", "đơn_hàng",
    ]  # fmt: skip
    assert [text[start:end] for start, end in matches(text, "hàng")] == ["hàng", "HÀNG", "hang", "hàng"]
    assert matches(text, "han") == []
    assert matches(text, "!!") == []


def test_marks_that_stand_alone_belong_to_their_letter() -> None:
    text = "Giao ha\u0300ng tre\u0302\u0303"
    assert folded_words(text) == [("giao", 0, 4), ("hang", 5, 10), ("tre", 11, 16)]


def test_the_longest_phrase_is_taken() -> None:
    assert places("giao hàng trễ", [["giao"], ["giao", "hang"], ["tre"]]) == [(0, 9), (10, 13)]
    assert places("giao", [["giao", "hang"]]) == []
    assert places("giao", []) == []
