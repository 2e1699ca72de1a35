"""Texts in, analyses out: same number, same order, the same alone and among others."""

from __future__ import annotations

from zipfile import BadZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voc.artefacts import Artefacts
from voc.pipeline import Instance, Pipeline, base_of
from voc.privacy import mask, pseudonymize
from voc.records import SENTIMENTS, STATUSES, TOUCHPOINTS
from voc.settings import Settings
from voc.store import as_kept

TEXTS = [
    "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe",
    "giao hang tre ba ngay khong bao",
    "The app keeps crashing when I try to log in",
    "Nhân viên rất nhiệt tình nhưng phòng nhỏ và ồn quá không ngủ được",
    "ok",
    "Hi team, cho mình hỏi gói Business có support SSO không?",
    "😍",
]


def test_one_analysis_per_text_in_order(pipeline: Pipeline) -> None:
    analyses = pipeline.analyze([str(i) for i in range(len(TEXTS))], TEXTS)
    assert [a.id for a in analyses] == [str(i) for i in range(len(TEXTS))]
    assert [a.language for a in analyses] == ["vi", "vi", "en", "vi", "vi", "mixed", "und"]
    assert [a.sentiment for a in analyses[:3]] == ["negative"] * 3
    assert analyses[2].owner == "digital"
    assert len({a.pipeline for a in analyses}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Shop ơi sđt em 0912 345 678, đổi địa chỉ sang 12 ngõ 45 đường Láng, Đống Đa, Hà Nội nhé",
        "Hoàn tiền vào stk 0071000123456 Vietcombank giúp em, chờ 10 ngày rồi",
        "Tôi là Nguyễn Văn Nam. Nhân viên Trần Thị Lan tư vấn nhiệt tình nhưng giao hàng chậm",
        "The driver John Smith was rude and never called +44 7400 128553",
        "app báo lỗi\nlan99@gmail.com\n0912345678",
    ],
)
def test_a_text_is_judged_alike_masked_or_not(pipeline: Pipeline, text: str) -> None:
    texts = [text, mask(text), pseudonymize(text, b"key")]
    assert len(set(texts)) == 3
    raw, masked, coded = pipeline.analyze(["x"] * 3, texts)
    for analysis, shown in ((masked, texts[1]), (coded, texts[2])):
        assert [shown[part.start : part.end] for part in analysis.segments] == [
            part.text for part in analysis.segments
        ]
        assert [(part.topic, part.department, part.language) for part in analysis.segments] == [
            (part.topic, part.department, part.language) for part in raw.segments
        ]
        assert (analysis.owner, analysis.status, analysis.language, analysis.touchpoint) == (
            raw.owner, raw.status, raw.language, raw.touchpoint,
        )  # fmt: skip


def test_no_segment_ends_inside_what_was_masked(pipeline: Pipeline) -> None:
    text = "giao chậm ba ngày [phone:0123456789], gọi [phone] nhưng [name] không nghe máy của tôi đâu"
    (analysis,) = pipeline.analyze(["x"], [text])
    assert len(analysis.segments) > 1
    assert all(part.text.count("[") == part.text.count("]") for part in analysis.segments)


def test_nothing_gives_nothing(pipeline: Pipeline) -> None:
    assert pipeline.analyze([], []) == []


def test_a_text_without_signs_is_nobodys(pipeline: Pipeline) -> None:
    (analysis,) = pipeline.analyze(["x"], [" \u200b\n"])
    assert (analysis.segments, analysis.status, analysis.sentiment) == ((), "no_owner", "neutral")


def test_batch_equals_single(pipeline: Pipeline) -> None:
    ids = [str(i) for i in range(len(TEXTS))]
    together = pipeline.analyze(ids, TEXTS)
    alone = [pipeline.analyze([key], [text])[0] for key, text in zip(ids, TEXTS, strict=True)]
    assert together == alone


def test_kept_readings_give_the_same_verdicts(pipeline: Pipeline) -> None:
    ids = [str(i) for i in range(len(TEXTS))]
    readings = pipeline.read(TEXTS)
    fresh = pipeline.judge(ids, TEXTS, readings)
    kept = pipeline.judge(ids, TEXTS, [as_kept(reading) for reading in readings])
    assert [(a.owner, a.sentiment, a.status) for a in fresh] == [
        (a.owner, a.sentiment, a.status) for a in kept
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=120), min_size=1, max_size=4))
def test_any_text_keeps_the_contract(pipeline: Pipeline, texts: list[str]) -> None:
    analyses = pipeline.analyze([str(i) for i in range(len(texts))], texts)
    departments = set(pipeline.router.organization.by_key)
    for text, analysis in zip(texts, analyses, strict=True):
        assert all(text[s.start : s.end] == s.text for s in analysis.segments)
        assert analysis.sentiment in SENTIMENTS
        assert -1 <= analysis.sentiment_score <= 1
        assert 0 <= analysis.sentiment_confidence <= 1
        assert 0 <= analysis.owner_confidence <= 1.0001
        assert analysis.owner is None or analysis.owner in departments
        assert analysis.owner not in analysis.cooperators
        evident = {s.department for s in analysis.segments}
        assert set(analysis.cooperators) <= evident
        assert analysis.status in STATUSES
        assert analysis.touchpoint in TOUCHPOINTS
        assert (len(analysis.candidates) > 0) == (analysis.status == "review")
        assert len(analysis.candidates) <= 3


@pytest.mark.parametrize("text", ["giao hàng chậm " * 1_300, "a" * 20_000, "?!" * 5_000, "🙂" * 3_000])
def test_very_long_texts(pipeline: Pipeline, text: str) -> None:
    (analysis,) = pipeline.analyze(["x"], [text])
    assert analysis.segments
    assert all(text[s.start : s.end] == s.text for s in analysis.segments)


def test_heads_that_were_moved_from_other_models_are_not_used(pipeline: Pipeline, caplog) -> None:
    heads = {"sentiment.skops": b"no zip file"}
    opened = Pipeline.open(Settings(), Instance(heads=heads, base="other models"), pipeline.reader)
    assert opened.version == pipeline.version
    assert "run voc learn again" in caplog.text
    mine = base_of(Artefacts(Settings().models))
    with pytest.raises(BadZipFile):
        Pipeline.open(Settings(), Instance(heads=heads, base=mine), pipeline.reader)
