"""Texts in, analyses out: same number, same order, the same alone and among others."""

from __future__ import annotations

from zipfile import BadZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voc.artefacts import Artefacts
from voc.pipeline import Instance, Pipeline, base_of
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
