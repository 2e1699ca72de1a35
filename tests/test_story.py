"""The story of the demonstration: the same each day, and found by the pipeline where it was planted."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path

import pytest

from voc.ingest import validate
from voc.pipeline import Pipeline
from voc.privacy import find
from voc.story import BACKGROUND, WEEKS, Told, tell, without_marks
from voc.text import fold

UNTIL = date(2026, 11, 22)
PROMISED = {"promised-by-sales", "promised-by-advertising"}


@pytest.fixture(scope="module")
def story(root: Path) -> list[Told]:
    return tell(root / "corpora", UNTIL)


def weeks_of(story: list[Told], *threads: str) -> list[int]:
    found = Counter(one.week for one in story if one.thread in threads)
    return [found[week] for week in range(1, WEEKS + 1)]


def test_its_length_and_its_threads(story: list[Told]) -> None:
    assert len(story) == 3069
    assert sum(one.thread == BACKGROUND for one in story) == 717
    assert weeks_of(story, *PROMISED) == [3, 4, 4, 5, 9, 15, 23, 34, 47, 62, 75, 56, 22, 13, 9, 6]
    assert weeks_of(story, "sent-around") == [1, 1, 1, 1, 2, 3, 5, 7, 9, 12, 14, 11, 6, 4, 3, 2]
    assert weeks_of(story, "holiday-delivery") == [2, 1, 2, 2, 3, 8, 26, 38, 22, 9, 4, 2, 2, 1, 2, 2]
    assert weeks_of(story, "esim") == [0] * 13 + [11, 24, 38]
    assert weeks_of(story, "promise-mended") == [0] * 11 + [3, 9, 13, 12, 11]


def test_every_row_is_taken_and_lies_in_its_week(story: list[Told]) -> None:
    first = date(2026, 8, 3)
    for one in story:
        feedback = validate(one.row)
        day = date.fromisoformat(feedback.occurred_at[:10])
        assert first + timedelta(7 * (one.week - 1)) <= day < first + timedelta(7 * one.week)
    times = [one.row["occurred_at"] for one in story]
    assert times == sorted(times)
    last = [time for time in times if time >= "2026-11-22"]
    assert last
    assert max(last) < "2026-11-22T01"
    assert len({(one.row["source"], one.row["external_id"]) for one in story}) == len(story)


def test_another_day_moves_the_times_alone(story: list[Told], root: Path) -> None:
    later = tell(root / "corpora", UNTIL + timedelta(30))

    def rest(told: list[Told]) -> dict[str, dict[str, object]]:
        return {
            one.row["external_id"]: {k: v for k, v in one.row.items() if k != "occurred_at"} for one in told
        }

    assert rest(later) == rest(story)
    assert tell(root / "corpora", UNTIL) == story


def test_a_share_is_part_of_the_whole(story: list[Told], root: Path) -> None:
    part = tell(root / "corpora", UNTIL, 0.12)
    assert len(part) == 369
    whole = {one.row["external_id"]: one for one in story}
    assert all(whole[one.row["external_id"]] == one for one in part)
    assert weeks_of(part, *PROMISED) == [0, 0, 1, 1, 1, 2, 3, 4, 5, 8, 9, 7, 3, 1, 0, 2]
    for share in (0, -1, 1.01):
        with pytest.raises(ValueError, match="share must lie over 0 and at most 1"):
            tell(root / "corpora", UNTIL, share)


def test_languages_sources_scores(story: list[Told]) -> None:
    sources = Counter(one.row["source"] for one in story)
    assert sources.keys() == {
        "survey-nps", "app-store", "tickets", "chat", "social", "email", "store-csat",
    }  # fmt: skip
    assert min(sources.values()) > 100
    scored = Counter(name for one in story for name in one.row["scores"])
    assert scored["nps"] == sources["survey-nps"]
    assert scored["csat"] > sources["store-csat"]
    assert {one.row["attributes"]["plan"] for one in story} == {
        "Max", "Plus", "Basic", "Student", "Home", "Business",
    }  # fmt: skip
    promised = Counter(one.row["attributes"]["plan"] for one in story if one.thread in PROMISED)
    assert promised["Max"] > 0.7 * promised.total()
    bare = sum(one.row["text"].isascii() for one in story)
    assert 0.2 * len(story) < bare < 0.5 * len(story)


def nps(story: list[Told], weeks: range) -> float:
    scores = [one.row["scores"]["nps"] for one in story if one.week in weeks and "nps" in one.row["scores"]]
    return 100 * (sum(score > 8 for score in scores) - sum(score < 7 for score in scores)) / len(scores)


def test_nps_falls_with_the_seam_and_comes_back(story: list[Told]) -> None:
    before, trouble, after = nps(story, range(1, 6)), nps(story, range(8, 13)), nps(story, range(14, 17))
    assert before > trouble + 15
    assert after > trouble + 10


def pieces(story: list[Told]) -> Iterator[str]:
    return (one.row["text"] for one in story if one.thread != BACKGROUND)


def test_no_text_is_in_an_evaluation_set(story: list[Told], root: Path) -> None:
    labelled = {
        json.loads(line)["sha256"]
        for path in sorted((root / "corpora" / "labels").glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    }
    assert len(labelled) > 1000
    own = {
        fold(json.loads(line)["text"])
        for name in ("renderings.jsonl", "pii/dev.jsonl", "pii/test.jsonl")
        for line in (root / "corpora" / name).read_text("utf-8").splitlines()
    }
    long = [text for text in pieces(story) if len(text) > 20]
    assert len(long) > 1500
    for text in long:
        assert hashlib.sha256(unicodedata.normalize("NFC", text).encode()).hexdigest() not in labelled
        assert fold(text) not in own


def test_nothing_that_trains_or_measures_reads_it(root: Path) -> None:
    for path in (root / "voc" / "training").rglob("*.py"):
        assert not re.search(r"story\.toml|voc\.story", path.read_text("utf-8")), path


def test_nobody_is_named_in_it(story: list[Told]) -> None:
    found = {text: {one.type for one in find(text)} - {"address"} for text in pieces(story)}
    assert {text: types for text, types in found.items() if types} == {}


@pytest.mark.parametrize(
    ("text", "bare"),
    [("Đổi trả", "Doi tra"), ("mạng chậm, đo được 2G", "mang cham, do duoc 2G"), ("ok", "ok")],
)
def test_marks_are_left_out(text: str, bare: str) -> None:
    assert without_marks(text) == bare


def test_the_pipeline_finds_the_seam_where_it_was_planted(story: list[Told], pipeline: Pipeline) -> None:
    """Each third of what was planted, and some of every day; `voc demo` analyzes the whole."""
    planted = [one for one in story if one.thread in PROMISED][::3]
    others = [one for one in story if one.thread in {"goods", "care-praised", "bill"}][::6]
    told = [*planted, *others]
    found = pipeline.analyze([str(i) for i in range(len(told))], [one.row["text"] for one in told])
    implicated = [{analysis.owner, *analysis.cooperators} for analysis in found]
    seams = Counter(
        pair
        for departments in implicated[: len(planted)]
        for pair in combinations(sorted(departments - {None}), 2)
    )
    assert [pair for pair, _ in seams.most_common(1)] == [("operations", "sales")]
    both = [
        {"operations", "sales" if one.thread == "promised-by-sales" else "marketing"} <= departments
        for one, departments in zip(planted, implicated, strict=False)
    ]
    assert sum(both) > 0.6 * len(planted)
    peak = sum(ok for one, ok in zip(planted, both, strict=True) if 9 <= one.week <= 12)
    assert peak > 5 * sum(ok for one, ok in zip(planted, both, strict=True) if one.week <= 4)
    assert peak > 3 * sum(ok for one, ok in zip(planted, both, strict=True) if one.week >= 13)
    assert sum({"operations", "sales"} <= departments for departments in implicated[len(planted) :]) <= 2
