"""Figures: each is what plain loops over the same feedback count; they add up, of little too."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap, false_discovery_control, ttest_ind

from voc import reports
from voc.clock import utc_at
from voc.errors import InvalidInput
from voc.facts import Facts, FactTable
from voc.intervals import wilson
from voc.records import SENTIMENTS, TOUCHPOINTS, Analysis, Feedback, Segment
from voc.registry import Registry, Topic
from voc.reports import Period
from voc.reports.periods import DAY_MS, bucket_of, end_of, start_of, starts
from voc.store import Filter, Store

Make = Callable[..., Feedback]
DEPARTMENTS = ("care", "digital", "finance", "logistics", "sales")
TOPICS = ("app", "bill", "late", "price", "rude", "slow")
LAST = date(2026, 11, 21)
PERIOD = Period.of(LAST - timedelta(days=27), LAST)
BEFORE = Period(PERIOD.since - timedelta(days=28), PERIOD.since)


def topic(key: str) -> Topic:
    return Topic(key, {"vi": f"Tên {key}", "en": f"Name {key}"}, "care", ("a", "b"), ("câu",), 7)


def registry(*keys: str) -> Registry:
    return Registry.flat(
        [topic(key) for key in keys],
        np.eye(len(keys), dtype=np.float32), [0.5] * len(keys), np.zeros(len(keys), np.float32),
    )  # fmt: skip


def judged(key: str, segments: Iterable[tuple[Any, Any, Any]] = (), **fields: Any) -> Analysis:
    """An analysis made by hand; segments are (topic, department, sentiment)."""
    parts = tuple(
        Segment(i, i + 1, "", "vi", feeling, 0.0, name, department, 0.5)
        for i, (name, department, feeling) in enumerate(segments)
    )
    given = {
        "language": "vi", "sentiment": "negative", "sentiment_score": 0.0, "sentiment_confidence": 1.0,
        "owner": "care", "owner_confidence": 0.9, "cooperators": (), "touchpoint": "support",
        "status": "routed", "candidates": (), "hops": (), "segments": parts, "pipeline": "p1",
    } | fields  # fmt: skip
    return Analysis(id=key, **given)


def keep(store: Store, rows: Iterable[tuple[Feedback, Analysis | None]]) -> None:
    found = list(rows)
    store.add([row for row, _ in found], holder="h", lease_s=1)
    analyses = [analysis for _, analysis in found if analysis is not None]
    store.save(analyses, [None] * len(analyses), "r1")


def everything(store: Store) -> tuple[Facts, Any]:
    table = FactTable(store)
    facts = table.now()
    return facts, table.rows(facts, Filter())


def at(day: date, hour: int = 10) -> str:
    return f"{day.isoformat()}T{hour:02d}:00:00.000Z"


@pytest.mark.parametrize(
    "moment", ["2026-10-09T08:53:20.123Z", "0001-01-01T00:00:00.001Z", "1969-12-31T23:59:59.999Z"]
)
def test_a_chain_is_of_the_moment_that_was_sent(store: Store, feedback: Make, moment: str) -> None:
    keep(store, [(feedback("a", "a", occurred_at=moment), judged("a", hops=("care", "sales")))])
    facts, rows = everything(store)
    day = date.fromisoformat(moment[:10])
    (chain,) = reports.seams(facts, rows, Period.of(day, day)).longest
    assert chain.at == moment


# ---- trends and topics over any stretch of time


@pytest.fixture
def filled(store: Store, feedback: Make) -> Store:
    """Five rows in two weeks of two months, and one that waits."""

    def row(key: str, day: str, feeling: Any, *found: str | None, **fields: Any) -> tuple[Feedback, Analysis]:
        segments = [(name, None, feeling) for name in found]
        kept = feedback(key, "chữ chữ chữ", occurred_at=f"{day}T10:00:00.000Z")
        return kept, judged(key, segments, sentiment=feeling, **fields)

    keep(store, [
        row("a", "2026-11-30", "negative", "late", "late", "rude"),
        row("b", "2026-11-30", "positive", "late", None, owner="sales"),
        row("c", "2026-12-07", "negative", "late"),
        row("d", "2026-12-07", "mixed", "rude", "price", owner=None),
        row("e", "2026-12-07", "negative", None),
        (feedback("f", "chữ", occurred_at="2026-12-07T10:00:00.000Z"), None),
    ])  # fmt: skip
    return store


def test_trends_carry_counts_and_shares(filled: Store) -> None:
    facts, rows = everything(filled)
    found = [point.as_dict() for point in reports.trends(facts, rows, "topic", "week")]
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
    table = FactTable(filled)
    facts = table.now()
    december = table.rows(facts, Filter(since="2026-12-01T00:00:00.000Z"))
    found = reports.trends(facts, december, "department", "month")
    assert [(point.period, point.key, point.count, point.negative) for point in found] == [
        ("2026-12-01", "care", 2, 2)
    ]
    assert reports.trends(facts, table.rows(facts, Filter(source="nowhere")), "topic", "day") == []


def test_counts_add_up_to_rows(filled: Store) -> None:
    facts, rows = everything(filled)
    owned = sum(filled.count(Filter(department=key, role="owner")) for key in ("care", "sales"))
    for grain in ("day", "week", "month"):
        found = {
            by: sum(point.count for point in reports.trends(facts, rows, by, grain))
            for by in ("department", "touchpoint")
        }
        assert found == {"department": owned, "touchpoint": 5}
    assert owned == 4


def test_a_topic_is_negative_where_the_segments_that_speak_of_it_are(store: Store, feedback: Make) -> None:
    segments = [
        ("late", "logistics", "negative"), ("rude", "care", "positive"), ("late", "care", "positive"),
        ("app", None, "positive"), ("app", "digital", "mixed"), ("price", "sales", "neutral"),
        ("price", "finance", "positive"),
    ]  # fmt: skip
    keep(store, [(feedback("a", "chữ chữ chữ"), judged("a", segments, sentiment="negative"))])
    facts, rows = everything(store)
    assert reports.topic_counts(facts, rows) == {
        "late": (1, 1), "rude": (1, 0), "app": (1, 0), "price": (1, 0)
    }  # fmt: skip
    period = Period.of(date(2026, 11, 1), date(2026, 11, 7))
    found = {row.key: row for row in reports.topic_table(facts, rows, period)}
    assert {key: (row.positive_count, row.negative_count) for key, row in found.items()} == {
        "late": (0, 1), "rude": (1, 0), "app": (0, 0), "price": (1, 0)
    }  # fmt: skip
    feelings = {key: reports.topic_story(facts, rows, period, key).sentiments for key in found}
    assert [key for key in found if feelings[key]["mixed"]] == ["app"]
    assert {sum(one.values()) for one in feelings.values()} == {1}


@pytest.mark.parametrize(
    ("moment", "day", "week", "month"),
    [
        ("2025-12-29T00:00:00.000Z", "2025-12-29", "2025-12-29", "2025-12-01"),  # a Monday
        ("2026-01-01T12:00:00.000Z", "2026-01-01", "2025-12-29", "2026-01-01"),
        ("2026-01-04T23:59:59.999Z", "2026-01-04", "2025-12-29", "2026-01-01"),  # a Sunday
        ("2026-01-05T00:00:00.000Z", "2026-01-05", "2026-01-05", "2026-01-01"),
        ("2027-01-01T08:00:00.000Z", "2027-01-01", "2026-12-28", "2027-01-01"),
        ("2028-02-29T08:00:00.000Z", "2028-02-29", "2028-02-28", "2028-02-01"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31", "1969-12-29", "1969-12-01"),
        ("0001-01-01T00:00:00.000Z", "0001-01-01", "0001-01-01", "0001-01-01"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31", "9999-12-27", "9999-12-01"),
    ],
)  # fmt: skip
def test_a_moment_lies_in_its_day_week_and_month(
    store: Store, feedback: Make, moment: str, day: str, week: str, month: str
) -> None:
    keep(store, [(feedback("a", "chữ", occurred_at=moment), judged("a"))])
    facts, rows = everything(store)
    for grain, expected in (("day", day), ("week", week), ("month", month)):
        (point,) = reports.trends(facts, rows, "department", grain)  # type: ignore[arg-type]
        assert (point.period, point.key, point.count, point.negative) == (expected, "care", 1, 1)


def test_what_is_shown_counts(filled: Store) -> None:
    """Neither what waits nor what another version said."""
    other = judged("a", [("old", None, "negative")], pipeline="p0")
    again = judged("a", [("late", None, "negative"), ("rude", None, "negative")])
    filled.save([other], [None], "r1")
    facts, rows = everything(filled)
    assert reports.topic_counts(facts, rows)["old"] == (1, 1)
    filled.save([again], [None], "r1")
    facts, rows = everything(filled)
    assert reports.topic_counts(facts, rows) == {"late": (3, 2), "rude": (2, 1), "price": (1, 0)}


def test_all_topics_the_most_frequent_first(filled: Store) -> None:
    facts, rows = everything(filled)
    found = reports.topics(facts, rows, registry("late", "rude", "price", "app"))
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
    table = FactTable(filled)
    facts = table.now()
    november = table.rows(facts, Filter(until="2026-12-01T00:00:00.000Z"))
    found = reports.topics(facts, november, registry("late", "rude", "price", "app"))
    assert [(one.topic.key, one.count) for one in found] == [
        ("late", 2), ("rude", 1), ("app", 0), ("price", 0)
    ]  # fmt: skip


# ---- the same by plain loops


@dataclass(frozen=True)
class Kept:
    """One feedback as it was made."""

    day: date
    row: Feedback
    said: Analysis | None

    @property
    def implicated(self) -> set[str]:
        if self.said is None:
            return set()
        return {key for key in (self.said.owner, *self.said.cooperators) if key is not None}

    def feelings(self, department: str | None = None) -> dict[str, str]:
        """By topic how its segments speak of it."""
        found: dict[str, set[str]] = {}
        for part in self.said.segments if self.said else ():
            if part.topic is not None and department in (None, part.department):
                found.setdefault(part.topic, set()).add(part.sentiment)
        order = ("negative", "mixed", "positive", "neutral")
        return {key: next(one for one in order if one in said) for key, said in found.items()}

    def praises(self, department: str) -> bool:
        """Whether its segments on a department are positive, and none of them negative or mixed."""
        parts = self.said.segments if self.said else ()
        said = {part.sentiment for part in parts if part.department == department}
        return "positive" in said and not said & {"negative", "mixed"}


def world(seed: int, size: int, feedback: Make) -> list[Kept]:
    """Feedback of nine weeks, of all kinds, made by chance."""
    chance = random.Random(seed)
    found = []
    for number in range(size):
        day = LAST - timedelta(days=chance.randrange(63))
        scores: dict[str, int] = {}
        if chance.random() < 0.4:
            scores["nps"] = chance.randrange(11)
        if chance.random() < 0.3:
            scores["csat"] = chance.randint(1, 5)
        key = f"f{number}"
        row = feedback(
            key, "c" * 9, occurred_at=at(day, chance.randrange(24)), scores=scores,
            source=chance.choice(["zalo", "tickets", "app-store"]),
        )  # fmt: skip
        if chance.random() < 0.05:
            found.append(Kept(day, row, None))
            continue
        owner = chance.choice([*DEPARTMENTS, *DEPARTMENTS, None])
        others = [key for key in DEPARTMENTS if key != owner]
        status = "no_owner" if owner is None else chance.choice(["routed", "routed", "review"])
        hops = chance.choices(DEPARTMENTS, k=chance.randint(2, 7)) if chance.random() < 0.2 else []
        segments = [
            (
                chance.choice([*TOPICS, None]),
                chance.choice([*DEPARTMENTS, None]),
                chance.choice(["negative", "neutral", "positive"]),
            )
            for _ in range(chance.randint(0, 4))
        ]
        found.append(Kept(day, row, judged(
            key, segments, sentiment=chance.choice(SENTIMENTS), owner=owner, status=status,
            cooperators=tuple(chance.sample(others, chance.choice([0, 0, 1, 2]))),
            touchpoint=chance.choice(TOUCHPOINTS), language=chance.choice(["vi", "vi", "en", "mixed"]),
            hops=tuple(hops),
        )))  # fmt: skip
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Kept], Facts, Any]:
    """Six hundred feedback, as they were made and as facts."""

    def make(key: str, text: str, **fields: Any) -> Feedback:
        return Feedback(key, text, external_id=None, received_at=at(LAST), **fields)

    store = Store(tmp_path_factory.mktemp("reports") / "voc.db")
    store.prepare()
    rows = world(7, 600, make)
    keep(store, [(one.row, one.said) for one in rows])
    facts, mask = everything(store)
    store.close()
    return rows, facts, mask


def of(rows: list[Kept], period: Period) -> list[Kept]:
    return [one for one in rows if period.since <= one.day < period.until]


def analyzed(rows: list[Kept]) -> list[Kept]:
    return [one for one in rows if one.said is not None]


def upset(rows: Iterable[Kept]) -> int:
    return sum(one.said is not None and one.said.sentiment == "negative" for one in rows)


def pair(change: reports.Change) -> tuple[int, int, int, int]:
    return change.count, change.total, change.count_before, change.total_before


def answers(rows: Iterable[Kept], name: str) -> list[int]:
    """Points of those who gave a score."""
    values = [one.row.scores[name] for one in rows if name in one.row.scores]
    if name == "csat":
        return [100 if value >= 4 else 0 for value in values]
    return [100 if value >= 9 else -100 if value <= 6 else 0 for value in values]


def parted(parts: Iterable[reports.Part]) -> dict[str | None, tuple[int, int]]:
    return {part.key: (part.count, part.negative_count) for part in parts}


def by(rows: Iterable[Kept], key: Callable[[Kept], Any]) -> dict[Any, tuple[int, int]]:
    groups: dict[Any, list[Kept]] = {}
    for one in rows:
        groups.setdefault(key(one), []).append(one)
    return {name: (len(found), upset(found)) for name, found in groups.items()}


def test_the_overview_counts_what_is_there(made: tuple[list[Kept], Facts, Any]) -> None:
    rows, facts, mask = made
    found = reports.overview(facts, mask, PERIOD, {"app": "digital"})
    now, before = of(rows, PERIOD), of(rows, BEFORE)
    seen, past = analyzed(now), analyzed(before)
    assert (found.count, found.analyzed, found.before) == (len(now), len(seen), len(before))
    assert found.change is not None
    assert (found.change.now, found.change.before) == (len(now), len(before))
    assert pair(found.negative) == (upset(seen), len(seen), upset(past), len(past))
    assert found.sentiments == {name: sum(one.said.sentiment == name for one in seen) for name in SENTIMENTS}
    kept = found.coverage
    statuses = Counter(one.said.status if one.said else "waiting" for one in now)
    assert (kept.routed, kept.review, kept.no_owner, kept.waiting) == tuple(
        statuses[name] for name in ("routed", "review", "no_owner", "waiting")
    )
    assert kept.routed + kept.review + kept.no_owner + kept.waiting == found.count
    assert kept.waiting_share == wilson(kept.waiting, found.count)
    assert parted(found.owners) == by(seen, lambda one: one.said.owner)
    assert sum(part.count for part in found.owners) == found.analyzed
    assert found.owners[-1].key is None
    assert parted(found.sources) == by(now, lambda one: one.row.source)
    assert parted(found.languages) == by(seen, lambda one: one.said.language)
    assert sum(bucket.count for bucket in found.series) == found.count
    assert [bucket.start for bucket in found.series] == [
        (PERIOD.since + timedelta(days=i)).isoformat() for i in range(28)
    ]
    days = {
        bucket.start: [one for one in now if one.day.isoformat() == bucket.start] for bucket in found.series
    }
    assert {one.start: (one.count, one.analyzed, one.negative_count) for one in found.series} == {
        start: (len(day), len(analyzed(day)), upset(day)) for start, day in days.items()
    }
    for name, score in (("nps", found.nps), ("csat", found.csat)):
        points, earlier = answers(now, name), answers(before, name)
        assert score is not None
        assert (score.n, score.n_before) == (len(points), len(earlier))
        assert (score.value, score.before) == (
            pytest.approx(sum(points) / len(points), abs=0.01),
            pytest.approx(sum(earlier) / len(earlier), abs=0.01),
        )
        assert score.low <= score.value <= score.high
    assert found.sentiment is not None
    glad = sum(one.said.sentiment == "positive" for one in seen)
    assert found.sentiment.value == pytest.approx(100 * (glad - upset(seen)) / len(seen), abs=0.01)
    assert pair(found.firefighting) == (*fires(now)[::-1], *fires(before)[::-1])
    json.dumps(found.as_dict(), allow_nan=False)


def fires(rows: Iterable[Kept]) -> tuple[int, int]:
    """Those that reach care and have an owner, and of them those of another."""
    reached = [
        one.said for one in analyzed(list(rows))
        if one.said.owner is not None and "care" in {*one.implicated, *one.said.hops}
    ]  # fmt: skip
    return len(reached), sum(said.owner != "care" for said in reached)


def test_topics_count_what_is_there(made: tuple[list[Kept], Facts, Any]) -> None:
    rows, facts, mask = made
    now, before = analyzed(of(rows, PERIOD)), analyzed(of(rows, BEFORE))
    found = reports.topic_table(facts, mask, PERIOD, {"app": "digital", "silent": "care"})
    assert {row.key for row in found} == {*TOPICS, "silent"}
    assert [row.count for row in found] == sorted((row.count for row in found), reverse=True)
    for row in found:
        said = [one.feelings()[row.key] for one in now if row.key in one.feelings()]
        earlier = [one.feelings()[row.key] for one in before if row.key in one.feelings()]
        counts = Counter(said)
        assert (row.count, row.positive_count, row.negative_count, row.before) == (
            len(said), counts["positive"], counts["negative"], len(earlier)
        )  # fmt: skip
        assert row.share == wilson(len(said), len(now))
        assert pair(row.change) == (len(said), len(now), len(earlier), len(before))
        assert pair(row.negative_change) == (
            counts["negative"], len(said), Counter(earlier)["negative"], len(earlier)
        )  # fmt: skip
        assert row.trend == tuple(
            sum(one.day == PERIOD.since + timedelta(days=i) and row.key in one.feelings() for one in now)
            for i in range(28)
        )
        assert not row.is_new
    assert {row.key: row.department for row in found}["app"] == "digital"
    ps = [row.change.p for row in found if row.change.p is not None]
    assert [row.change.q for row in found] == pytest.approx(false_discovery_control(ps), rel=0.01)


def test_a_topic_is_told_by_all_that_it_has(made: tuple[list[Kept], Facts, Any]) -> None:
    rows, facts, mask = made
    found = reports.topic_story(facts, mask, PERIOD, "late")
    now = [one for one in of(rows, PERIOD) if "late" in one.feelings()]

    def expected(key: Callable[[Kept], Any]) -> dict[Any, tuple[int, int]]:
        groups: dict[Any, list[str]] = {}
        for one in now:
            groups.setdefault(key(one), []).append(one.feelings()["late"])
        return {name: (len(said), said.count("negative")) for name, said in groups.items()}

    assert found.sentiments == {
        name: sum(one.feelings()["late"] == name for one in now) for name in SENTIMENTS
    }
    assert parted(found.sources) == expected(lambda one: one.row.source)
    assert parted(found.touchpoints) == expected(lambda one: one.said.touchpoint)
    assert [part.key for part in found.touchpoints] == [
        name for name in TOUCHPOINTS if name in {part.key for part in found.touchpoints}
    ]
    assert parted(found.languages) == expected(lambda one: one.said.language)
    assert parted(found.owners) == expected(lambda one: one.said.owner)
    spoken: Counter[Any] = Counter()
    for one in now:
        spoken.update({part.department for part in one.said.segments if part.topic == "late"})
    assert {part.key: part.count for part in found.departments} == spoken
    both = Counter(key for one in now for key in one.feelings() if key != "late")
    assert {other.key: other.count for other in found.together} == both
    everyone = analyzed(of(rows, PERIOD))
    first = found.together[0]
    alone = sum(first.key in one.feelings() for one in everyone)
    assert first.lift == pytest.approx(both[first.key] * len(everyone) / (len(now) * alone), abs=0.01)
    assert sum(bucket.count for bucket in found.series) == found.row.count == len(now)
    assert sum(bucket.negative_count for bucket in found.series) == found.row.negative_count
    assert found.first_at == min(one.day for one in rows if "late" in one.feelings()).isoformat()
    points = answers(now, "nps")
    assert found.nps is not None
    assert (found.nps.n, found.nps.value) == (len(points), pytest.approx(sum(points) / len(points), abs=0.01))
    silent = reports.topic_story(facts, mask, PERIOD, "silent")
    assert (silent.row.count, silent.first_at, silent.sources, silent.nps) == (0, None, (), None)


def test_seams_count_what_is_there(made: tuple[list[Kept], Facts, Any]) -> None:
    rows, facts, mask = made
    found = reports.seams(facts, mask, PERIOD)
    now, before = analyzed(of(rows, PERIOD)), analyzed(of(rows, BEFORE))
    several = [one for one in now if len(one.implicated) > 1]
    past = [one for one in before if len(one.implicated) > 1]
    assert pair(found.between) == (len(several), len(now), len(past), len(before))
    assert pair(found.between_negative) == (upset(several), len(several), upset(past), len(past))
    one_only = [one for one in now if len(one.implicated) == 1]
    assert (found.within_negative.count, found.within_negative.total) == (upset(one_only), len(one_only))
    assert {(cell.a, cell.b) for cell in found.pairs} == {
        (a, b) for one in (*several, *past) for a in one.implicated for b in one.implicated if a < b
    }
    for cell in found.pairs:
        mine = [one for one in several if {cell.a, cell.b} <= one.implicated]
        earlier = [one for one in past if {cell.a, cell.b} <= one.implicated]
        assert (cell.count, cell.negative_count, cell.before) == (len(mine), upset(mine), len(earlier))
        assert pair(cell.change) == (len(mine), len(now), len(earlier), len(before))
        assert pair(cell.negative_change) == (upset(mine), len(mine), upset(earlier), len(earlier))
        assert parted(cell.by_touchpoint) == by(mine, lambda one: one.said.touchpoint)
        owners = Counter(one.said.owner for one in mine)
        assert cell.by_owner == (
            owners[cell.a], owners[cell.b], len(mine) - owners[cell.a] - owners[cell.b]
        )  # fmt: skip
    ranks = [(cell.negative_count, cell.count) for cell in found.pairs]
    assert ranks == sorted(ranks, reverse=True)
    chains = [one for one in now if one.said.hops]
    assert (found.chains.count, found.chains.total) == (len(chains), len(now))
    assert dict(found.chain_lengths) == Counter(len(one.said.hops) for one in chains)
    steps: Counter[tuple[int, str, str]] = Counter()
    for one in chains:
        for step, way in enumerate(pairwise(one.said.hops), 1):
            steps[step, *way] += 1
    assert {(link.step, link.source, link.target): link.count for link in found.flow} == {
        key: count for key, count in steps.items() if key[0] <= 5
    }
    ways: Counter[tuple[str, str]] = Counter()
    for (_, source, target), count in steps.items():
        ways[source, target] += count
    assert {(link.source, link.target): link.count for link in found.links} == ways
    order = sorted(chains, key=lambda one: (len(one.said.hops), one.row.occurred_at), reverse=True)
    numbers = {one.number: facts.number.tolist().index(one.number) for one in found.longest}
    assert [one.hops for one in found.longest] == [rows[place].said.hops for place in numbers.values()]
    assert [len(one.hops) for one in found.longest] == [len(one.said.hops) for one in order[:10]]
    assert [one.at for one in found.longest] == [rows[place].row.occurred_at for place in numbers.values()]
    assert pair(found.firefighting) == (*fires(now)[::-1], *fires(before)[::-1])
    assert sum(part.count for part in found.firefighting_owners) == found.firefighting.count
    assert "care" not in {part.key for part in found.firefighting_owners}
    body = found.with_ids({one.number: f"id{one.number}" for one in found.longest[1:]})
    assert [one["id"] for one in body["longest"]] == [f"id{one.number}" for one in found.longest[1:]]
    json.dumps(body, allow_nan=False)


def test_a_department_sees_what_is_its_own(made: tuple[list[Kept], Facts, Any]) -> None:
    rows, facts, mask = made
    now, before = of(rows, PERIOD), of(rows, BEFORE)
    table = {row.key: row for row in reports.department_table(facts, mask, PERIOD)}
    assert list(table) == sorted(DEPARTMENTS)
    for key in DEPARTMENTS:
        found = reports.department_lens(facts, mask, PERIOD, key)
        mine = [one for one in now if key in one.implicated]
        owned = [one for one in mine if one.said.owner == key]
        earlier = [one for one in before if one.said and one.said.owner == key]
        assert (found.implicated, found.owned, found.cooperating) == (
            len(mine), len(owned), len(mine) - len(owned)
        )  # fmt: skip
        assert found.owned_change is not None
        assert (found.owned_change.now, found.owned_change.before) == (len(owned), len(earlier))
        assert pair(found.negative) == (upset(owned), len(owned), upset(earlier), len(earlier))
        assert sum(found.sentiments.values()) == found.implicated
        assert found.review == sum(one.said.status == "review" for one in owned)
        feelings = [one.feelings(key) for one in mine]
        glad = Counter(name for said in feelings for name in said if said[name] == "positive")
        sad = Counter(name for said in feelings for name in said if said[name] == "negative")
        assert {part.key: part.positive_count for part in found.praise} == glad
        assert {part.key: part.negative_count for part in found.pains} == sad
        counts = [part.negative_count for part in found.pains]
        assert counts == sorted(counts, reverse=True)
        assert found.praise_count == sum(one.praises(key) for one in mine)
        week = [one for one in mine if one.day > LAST - timedelta(days=7)]
        assert found.week is not None
        assert found.week.now == len(week)
        assert found.new_since == (LAST - timedelta(days=6)).isoformat()
        assert found.new == ()
        assert parted(found.touchpoints) == by(mine, lambda one: one.said.touchpoint)
        assert parted(found.sources) == by(mine, lambda one: one.row.source)
        assert all(key in (cell.a, cell.b) for cell in found.seams)
        whole = {(cell.a, cell.b): cell.count for cell in reports.seams(facts, mask, PERIOD).pairs}
        assert {(cell.a, cell.b): cell.count for cell in found.seams} == {
            pair: count for pair, count in whole.items() if key in pair
        }
        row = table[key]
        assert (row.owned, row.cooperating, row.owned_before) == (
            found.owned, found.cooperating, len(earlier)
        )  # fmt: skip
        assert pair(row.negative) == pair(found.negative)
        assert (sum(row.trend), row.share.total) == (found.owned, len(analyzed(now)))
        assert row.praise_count == sum(one.praises(key) for one in now)


def test_the_journey_counts_what_is_there(made: tuple[list[Kept], Facts, Any]) -> None:
    rows, facts, mask = made
    found = reports.journey(facts, mask, PERIOD)
    now, before = analyzed(of(rows, PERIOD)), analyzed(of(rows, BEFORE))
    assert [stage.touchpoint for stage in found.stages] == list(TOUCHPOINTS)
    assert sum(stage.count for stage in found.stages) == found.analyzed == len(now)
    for stage in found.stages:
        here = [one for one in now if one.said.touchpoint == stage.touchpoint]
        past = [one for one in before if one.said.touchpoint == stage.touchpoint]
        assert pair(stage.share) == (len(here), len(now), len(past), len(before))
        assert pair(stage.negative) == (upset(here), len(here), upset(past), len(past))
        sad = Counter(name for one in here for name, said in one.feelings().items() if said == "negative")
        assert [part.negative_count for part in stage.breaking] == sorted(sad.values(), reverse=True)[:3]
        assert all(part.negative_count == sad[part.key] for part in stage.breaking)
        assert sum(stage.trend) == stage.count
        assert stage.nps is None or stage.nps.n == len(answers(here, "nps"))


@pytest.mark.parametrize("name", ["nps", "csat"])
def test_drivers_say_what_the_score_would_be_without(made: tuple[list[Kept], Facts, Any], name: Any) -> None:
    rows, facts, mask = made
    period = Period.of(LAST - timedelta(days=62), LAST)
    found = reports.drivers(facts, mask, period, name)
    now = [one for one in of(rows, period) if name in one.row.scores]
    overall = answers(now, name)
    assert found.overall is not None
    assert found.overall.value == pytest.approx(np.mean(overall), abs=0.01)
    assert {one.key for one in found.items} == set(TOPICS)
    assert found.not_enough == sum(not one.enough for one in found.items)
    for one in found.items:
        those = answers([row for row in now if one.key in row.feelings()], name)
        rest = answers([row for row in now if one.key not in row.feelings()], name)
        assert (one.n, one.value) == (len(those), pytest.approx(np.mean(those), abs=0.01))
        assert one.enough == (len(those) >= 30)
        if not one.enough:
            assert (one.impact, one.low, one.high, one.p, one.q, one.is_real) == (*[None] * 5, False)
            continue
        assert one.impact == pytest.approx(np.mean(overall) - np.mean(rest), abs=0.011)
        assert one.low <= one.impact <= one.high
        assert one.p == pytest.approx(ttest_ind(those, rest, equal_var=False).pvalue, rel=0.01)
    assert any(one.enough for one in found.items)
    assert found == reports.drivers(facts, mask, period, name)


def test_two_sides_are_counted_each(made: tuple[list[Kept], Facts, Any]) -> None:
    rows, facts, mask = made
    zalo = mask & (facts.source == facts.sources.index("zalo"))
    tickets = mask & (facts.source == facts.sources.index("tickets"))
    found = reports.compare(facts, zalo, tickets, BEFORE, PERIOD)
    a = [one for one in of(rows, BEFORE) if one.row.source == "zalo"]
    b = [one for one in of(rows, PERIOD) if one.row.source == "tickets"]
    seen = {"a": analyzed(a), "b": analyzed(b)}
    assert (found.a.count, found.a.analyzed, found.b.count, found.b.analyzed) == (
        len(a), len(seen["a"]), len(b), len(seen["b"])
    )  # fmt: skip
    assert found.overlap == 0
    assert pair(found.negative) == (upset(seen["b"]), len(seen["b"]), upset(seen["a"]), len(seen["a"]))
    for table, key in (
        (found.departments, lambda one: one.said.owner),
        (found.touchpoints, lambda one: one.said.touchpoint),
        (found.sources, lambda one: one.row.source),
        (found.languages, lambda one: one.said.language),
    ):
        there, here = by(seen["a"], key), by(seen["b"], key)
        assert {row.key: (row.a, row.b) for row in table} == {
            name: (there.get(name, (0, 0))[0], here.get(name, (0, 0))[0]) for name in there | here
        }
        assert {row.key: pair(row.negative) for row in table if row.negative} == {
            name: (*here.get(name, (0, 0))[::-1], *there.get(name, (0, 0))[::-1]) for name in there | here
        }
    assert {row.key: (row.a, row.b) for row in found.sentiments} == {
        name: tuple(sum(one.said.sentiment == name for one in side) for side in seen.values())
        for name in SENTIMENTS
    }
    for row in found.topics:
        assert (row.a, row.b) == tuple(
            sum(row.key in one.feelings() for one in side) for side in seen.values()
        )
    same = reports.compare(facts, mask, zalo, PERIOD, PERIOD)
    assert same.overlap == same.b.count < same.a.count


# ---- periods


@pytest.mark.parametrize(
    ("days", "grain"), [(1, "day"), (35, "day"), (36, "week"), (400, "week"), (401, "month")]
)
def test_the_grain_follows_the_length(days: int, grain: str) -> None:
    assert Period.of(LAST - timedelta(days=days - 1), LAST).grain == grain


@given(
    st.dates(date(1, 1, 1), date(9999, 12, 30)),
    st.integers(1, 900),
    st.sampled_from(["day", "week", "month"]),
)
def test_buckets_meet_and_fill_the_period(first: date, days: int, grain: Any) -> None:
    last = date.fromordinal(min(first.toordinal() + days - 1, date(9999, 12, 30).toordinal()))
    period = Period.of(first, last)
    found = starts(period, grain)
    assert found[0] <= period.since
    assert end_of(found[-1], grain) >= period.until
    assert all(end_of(a, grain) == b for a, b in pairwise(found))
    moments = np.array([period.since_ms, period.until_ms - 1, (period.since_ms + period.until_ms) // 2])
    for moment, bucket in zip(moments, bucket_of(moments, period, grain), strict=True):
        assert found[bucket] == start_of(reports.periods.day_of(int(moment)), grain)


def test_the_period_before_is_as_long_and_ends_where_it_begins() -> None:
    assert reports.before(PERIOD) == BEFORE
    assert reports.before(Period.of(date(1, 1, 5), date(1, 1, 9))) is None
    assert reports.before(Period.of(date(1, 1, 5), date(1, 1, 8))) == Period.of(date(1, 1, 1), date(1, 1, 4))
    assert PERIOD.as_dict() == {"from": "2026-10-25", "to": "2026-11-21", "days": 28}
    assert (PERIOD.until_ms - PERIOD.since_ms) == 28 * DAY_MS
    assert utc_at(PERIOD.since_ms / 1000) == "2026-10-25T00:00:00.000Z"
    assert Period.of(date.max, date.max).days == 1
    with pytest.raises(ValueError, match="must lie after"):
        Period(LAST, LAST)


def test_nobody_chooses_a_period(store: Store, feedback: Make) -> None:
    facts, _ = everything(store)
    assert reports.default_period(facts, today=LAST) == PERIOD
    keep(store, [(feedback("a", "chữ", occurred_at=at(date(2026, 5, 20))), judged("a"))])
    facts, rows = everything(store)
    assert reports.default_period(facts, today=LAST) == Period.of(date(2026, 4, 23), date(2026, 5, 20))
    keep(store, [(feedback("b", "chữ", occurred_at=at(date(2027, 5, 20))), judged("b"))])
    facts, rows = everything(store)  # what is dated in the future moves nothing
    assert reports.default_period(facts, today=LAST).last == date(2026, 5, 20)
    assert reports.default_period(facts, rows & (facts.number == 2), today=LAST).last == date(2027, 5, 20)
    keep(store, [(feedback("c", "chữ", occurred_at=at(date(2026, 10, 25))), judged("c"))])
    facts, rows = everything(store)
    assert reports.default_period(facts, today=LAST) == PERIOD
    assert reports.default_period(facts, rows & (facts.number == 1), today=LAST).last == date(2026, 5, 20)


def test_somebody_chooses_a_period(store: Store) -> None:
    facts, _ = everything(store)
    first, last = date(2026, 1, 5), date(2026, 1, 9)
    assert reports.chosen_period(facts, first, last) == Period.of(first, last)
    assert reports.chosen_period(facts, None, last).days == 28
    assert reports.chosen_period(facts, first, None).since == first
    for wrong, code in (((last, first), "period_empty"), ((date(1, 1, 1), last), "period_too_long")):
        with pytest.raises(InvalidInput) as caught:
            reports.chosen_period(facts, *wrong)
        assert caught.value.code == code
    assert reports.first_day("2026-11-21T08:00:00.000Z") == LAST
    assert reports.last_day("2026-11-22T00:00:00.000Z") == reports.last_day("2026-11-22") == LAST
    assert reports.last_day("2026-11-21T08:00:00.000Z") == LAST
    assert reports.last_day("9999-12-31T24:00:00.000Z") == date.max
    assert reports.first_day(None) is reports.last_day(None) is None


def test_the_other_side_has_a_period() -> None:
    assert reports.other_period(PERIOD, None, None, same=False) == BEFORE
    assert reports.other_period(PERIOD, None, None, same=True) == PERIOD
    assert reports.other_period(PERIOD, BEFORE.since, None, same=True) == BEFORE
    assert reports.other_period(PERIOD, None, BEFORE.last, same=False) == BEFORE
    assert reports.other_period(PERIOD, LAST, LAST, same=False) == Period.of(LAST, LAST)
    for period, first, last in (
        (Period.of(date(1, 1, 1), LAST), None, None), (PERIOD, None, date(1, 1, 2)), (PERIOD, date.max, None),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            reports.other_period(period, first, last, same=False)
        assert caught.value.code == "period_missing"


# ---- empty, tiny, new, changed


def all_reports(facts: Facts, rows: Any, period: Period = PERIOD) -> Mapping[str, Any]:
    return {
        "overview": reports.overview(facts, rows, period, {"late": "care"}),
        "topics": reports.topic_table(facts, rows, period, {"late": "care"}),
        "topic": reports.topic_story(facts, rows, period, "late"),
        "department": reports.department_lens(facts, rows, period, "care"),
        "departments": reports.department_table(facts, rows, period),
        "seams": reports.seams(facts, rows, period),
        "journey": reports.journey(facts, rows, period),
        "drivers": reports.drivers(facts, rows, period),
        "compare": reports.compare(facts, rows, rows, BEFORE, period),
    }


def test_nothing_at_all_makes_sense(store: Store) -> None:
    facts, rows = everything(store)
    found = all_reports(facts, rows)
    assert (found["overview"].count, found["overview"].before, found["overview"].change) == (0, None, None)
    assert found["overview"].nps is found["overview"].sentiment is None
    assert found["overview"].negative.difference is None
    assert [bucket.count for bucket in found["overview"].series] == [0] * 28
    assert [(row.key, row.count, row.is_new) for row in found["topics"]] == [("late", 0, False)]
    assert (found["seams"].pairs, found["seams"].flow, found["departments"]) == ((), (), [])
    assert [stage.count for stage in found["journey"].stages] == [0] * 8
    assert (found["drivers"].overall, found["drivers"].items) == (None, ())
    assert found["compare"].volume is None
    assert reports.trends(facts, rows, "topic", "week") == []
    for report in found.values():
        body = [one.as_dict() for one in report] if isinstance(report, list) else report.as_dict()
        json.dumps(body, allow_nan=False)


def test_a_single_feedback_makes_sense_and_decides_nothing(store: Store, feedback: Make) -> None:
    said = judged(
        "a", [("late", "logistics", "negative")], cooperators=("logistics",), hops=("care", "sales")
    )
    keep(store, [(feedback("a", "chữ", occurred_at=at(LAST), scores={"nps": 3}), said)])
    facts, rows = everything(store)
    found = all_reports(facts, rows)
    assert found["overview"].negative.now == wilson(1, 1)
    assert found["overview"].change is None  # nothing is old enough to compare with
    nps = found["overview"].nps
    assert (nps.value, nps.low, nps.n, nps.change) == (-100.0, -100.0, 1, None)
    assert nps.high > 0
    (row,) = found["topics"]
    assert (row.count, row.is_new, row.is_real, row.change.before) == (1, False, False, None)
    (cell,) = found["seams"].pairs
    assert (cell.a, cell.b, cell.count, cell.by_owner) == ("care", "logistics", 1, (1, 0, 0))
    assert found["drivers"].not_enough == 1
    assert found["department"].week is None
    assert all_reports(facts, rows, Period.of(date(1, 1, 1), date(1, 1, 9)))["overview"].count == 0


def test_a_topic_is_new_once(store: Store, feedback: Make) -> None:
    """Old ones have been spoken of since before; a new one has not."""

    def row(number: int, day: date, name: str) -> tuple[Feedback, Analysis]:
        kept = feedback(f"{name}{number}", "chữ", occurred_at=at(day))
        return kept, judged(f"{name}{number}", [(name, "care", "negative")])

    keep(store, [
        *(row(i, LAST - timedelta(days=i), "late") for i in range(70)),
        *(row(i, LAST - timedelta(days=i), "app") for i in range(5)),
        *(row(i, LAST - timedelta(days=i), "bill") for i in range(10, 15)),
        row(1, LAST - timedelta(days=65), "price"), row(2, LAST, "price"),
    ])  # fmt: skip
    facts, rows = everything(store)
    found = {one.key: one for one in reports.topic_table(facts, rows, PERIOD)}
    assert {key: one.is_new for key, one in found.items()} == {
        "late": False, "app": True, "bill": True, "price": False
    }  # fmt: skip
    lens = reports.department_lens(facts, rows, PERIOD, "care")
    assert [(one.key, one.count, one.negative_count, one.first_at) for one in lens.new] == [
        ("app", 5, 5, "2026-11-17")
    ]
    assert lens.week is not None
    assert (lens.week.now, lens.week.before) == (7 + 5 + 1, 7 + 4)


def test_what_is_planted_is_found_and_what_is_not_is_not(store: Store, feedback: Make) -> None:
    """One topic of six triples, a seam doubles; all else stays."""
    chance = random.Random(1)
    rows = []
    for number in range(3000):
        now = number % 2
        day = (PERIOD if now else BEFORE).since + timedelta(days=chance.randrange(28))
        weights = [3 if key == "late" and now else 1 for key in TOPICS]
        (name,) = chance.choices(TOPICS, weights)
        other = chance.random() < (0.2 if now else 0.1)
        said = judged(
            f"f{number}", [(name, "care", "negative")], cooperators=("sales",) if other else (),
            sentiment=chance.choice(SENTIMENTS),
        )  # fmt: skip
        rows.append((feedback(f"f{number}", "chữ", occurred_at=at(day)), said))
    rows.append((feedback("old", "chữ", occurred_at=at(BEFORE.since)), judged("old")))
    keep(store, rows)
    facts, mask = everything(store)
    found = reports.overview(facts, mask, PERIOD)
    assert [row.key for row in found.rising] == ["late"]
    assert len(found.falling) >= 4
    assert found.rising[0].change.low > 0.1
    (seam,) = found.seams
    assert (seam.change.is_real, seam.negative_change.is_real) == (True, False)
    assert not found.negative.is_real
    assert found.change is not None
    assert (found.change.now, found.change.before, found.change.is_real) == (1500, 1501, False)


def test_an_impact_has_the_interval_of_the_bootstrap(store: Store, feedback: Make) -> None:
    """Those who wait give worse answers; the interval is that of SciPy's bootstrap over the same rows."""
    chance = random.Random(2)
    rows, points, mention = [], [], []
    for number in range(400):
        late = chance.random() < 0.2
        score = chance.choice([2, 5, 7] if late else [6, 8, 9, 10])
        points.append(100 if score >= 9 else -100 if score <= 6 else 0)
        mention.append(late)
        said = judged(f"f{number}", [("late" if late else "price", "care", "negative")])
        rows.append((feedback(f"f{number}", "chữ", occurred_at=at(LAST), scores={"nps": score}), said))
    keep(store, rows)
    facts, mask = everything(store)
    found = {one.key: one for one in reports.drivers(facts, mask, PERIOD).items}
    late = found["late"]
    assert late.impact is not None
    assert late.impact < -15
    assert late.is_real
    assert late.high < 0

    def impact(points: Any, mention: Any, axis: int) -> Any:
        without = np.where(mention, np.nan, points)
        return np.mean(points, axis=axis) - np.nanmean(without, axis=axis)

    theirs = bootstrap(
        (np.array(points, float), np.array(mention)), impact, paired=True, vectorized=True,
        method="percentile", n_resamples=4000, rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    assert (late.low, late.high) == pytest.approx((theirs.low, theirs.high), abs=0.8)


def test_more_departments_than_have_bits_of_their_own_in_a_table(store: Store, feedback: Make) -> None:
    """Twenty departments: sets of them are sorted, not looked up."""
    chance = random.Random(4)
    names = [f"d{number:02d}" for number in range(20)]
    expected: Counter[tuple[str, str]] = Counter()
    rows = []
    for number in range(300):
        owner, *others = chance.sample(names, chance.choice([1, 2, 3]))
        members = sorted([owner, *others])
        expected.update((a, b) for i, a in enumerate(members) for b in members[i + 1 :])
        said = judged(f"f{number}", owner=owner, cooperators=tuple(others))
        rows.append((feedback(f"f{number}", "chữ", occurred_at=at(LAST)), said))
    keep(store, rows)
    facts, mask = everything(store)
    found = reports.seams(facts, mask, PERIOD)
    assert {(cell.a, cell.b): cell.count for cell in found.pairs} == expected
