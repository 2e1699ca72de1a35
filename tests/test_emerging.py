"""What grows: the test by hand and against SciPy, planted growth is found and named, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom, binomtest

from voc.cli import main
from voc.emerging import Example, Findings, Question, emerging, weeks_of
from voc.errors import Conflict, NotFound
from voc.growth import dispersion, growth, interval, tail
from voc.phrases import typical_phrase
from voc.pipeline import Pipeline, PipelineHolder
from voc.records import Analysis, Feedback, Reading, Segment, Span
from voc.registry import Registry, Topic, retire
from voc.settings import Settings
from voc.store import Store

Make = Callable[..., Feedback]
NO_WEEKS = np.zeros((1, 0), np.int64)


def ints(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


# ---- the test


@pytest.mark.parametrize(
    ("now", "past", "share", "expected"),
    [
        (2, 0, 0.25, 0.0625),  # 1/4 twice
        (1, 1, 0.5, 0.75),  # all but two of the past
        (3, 1, 0.5, 0.3125),  # (4 + 1) / 16
        (0, 9, 0.2, 1.0),
    ],
)
def test_the_tail_by_hand(now: int, past: int, share: float, expected: float) -> None:
    assert tail(np.array([now]), np.array([past]), share)[0] == pytest.approx(expected)


@run_with(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.02, 0.98))
def test_tail_and_interval_are_exact(now: int, past: int, share: float) -> None:
    found = tail(np.array([float(now)]), np.array([float(past)]), share)[0]
    assert found == pytest.approx(binom.sf(now - 1, now + past, share), abs=1e-9)
    if now + past:
        low, high = interval(np.array([float(now)]), np.array([float(past)]))
        exact = binomtest(now, now + past).proportion_ci(0.95, "exact")
        assert (low[0], high[0]) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_more_feedback_is_no_growth() -> None:
    doubled = growth(ints(40), NO_WEEKS, ints(20), 2000, ints(), 1000)
    assert doubled.ratio[0] == pytest.approx(1.0)
    assert doubled.p[0] > 0.5
    same = growth(ints(40), NO_WEEKS, ints(20), 1000, ints(), 1000)
    assert same.ratio[0] == pytest.approx(2.0)
    assert same.p[0] == pytest.approx(binom.sf(39, 60, 0.5))


def test_what_was_never_there_has_no_ratio_but_a_lower_bound() -> None:
    new = growth(ints(10), NO_WEEKS, ints(0), 100, ints(), 400)
    assert new.ratio[0] == np.inf
    assert new.high[0] == np.inf
    share = 0.025 ** (1 / 10)  # Clopper and Pearson's lower end of 10 of 10
    assert new.low[0] == pytest.approx(share / (1 - share) * 4)
    assert new.p[0] == pytest.approx(0.2**10)


def test_q_of_benjamini_and_hochberg() -> None:
    # halves of 2, 4, 5 and 10 mentions: p = 1/4, 1/16, 1/32, 1/1024
    found = growth(ints(2, 4, 5, 10), np.zeros((4, 0), np.int64), ints(0, 0, 0, 0), 10, ints(), 10)
    assert found.p == pytest.approx([1 / 4, 1 / 16, 1 / 32, 1 / 1024])
    assert found.q == pytest.approx([1 / 4, 4 / 3 / 16, 2 / 32, 4 / 1024])


def test_dispersion_by_hand() -> None:
    # expected 2 in each of four cells, off by 2: Pearson's statistic is 8 with 2 degrees of freedom, so that
    # a = (8 - 2) / (2 + 2); a thing heard 6 times in 30 feedback is heard twice in a week of 10
    found = dispersion(ints(6, 12), np.array([[0, 4], [4, 0]]), 30, ints(10, 10))
    assert found == pytest.approx([1 + 1.5 * 2, 1 + 1.5 * 4])


def test_counts_that_vary_less_than_poisson_counts_are_tested_as_they_are() -> None:
    assert dispersion(ints(6), np.array([[2, 2]]), 30, ints(10, 10)) == pytest.approx([1.0])
    one_week = dispersion(ints(6), np.array([[4]]), 30, ints(10))
    assert one_week == pytest.approx([1.0])
    assert dispersion(ints(6), np.array([[4, 0]]), 30, ints(10, 0)) == pytest.approx([1.0])


def test_what_comes_and_goes_has_to_grow_more() -> None:
    of_weeks = ints(*[100] * 8)
    flat = growth(ints(12), np.array([[2] * 8]), ints(16), 200, of_weeks, 800)
    restless = growth(ints(12), np.array([[0, 8, 0, 0, 8, 0, 0, 0]]), ints(16), 200, of_weeks, 800)
    assert flat.dispersion[0] == 1
    assert restless.dispersion[0] > 3
    assert flat.q[0] < 0.05 < restless.q[0]
    assert restless.low[0] < flat.low[0] < flat.ratio[0] == restless.ratio[0] == pytest.approx(3.0)


def test_where_nothing_grows_hardly_anything_is_found() -> None:
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.002, 0.05, 150)
    runs = 0
    for _ in range(200):
        weeks = rng.poisson(rates[:, None] * 100, (150, 8))
        now = rng.poisson(rates * 200)
        found = growth(now, weeks, weeks.sum(axis=1), 200, ints(*[100] * 8), 800)
        runs += bool((found.q <= 0.05).any())
    assert runs <= 10  # 5 % of 200


# ---- phrases


def test_a_phrase_that_sets_segments_apart() -> None:
    ours = ["bãi_xe chật quá", "bãi_xe chật , trả tiền", "app bãi_xe chật"]
    assert typical_phrase(ours, [*ours, *["app lỗi quá", "trả tiền app"] * 5]) == "bãi xe chật"


def test_a_longer_phrase_if_a_third_still_says_it() -> None:
    others = ["the app"] * 50 + ["trả lời"] * 50
    ours = ["kẹt thang_máy", "kẹt thang_máy lâu", "thang_máy kêu", "the thang_máy"]
    assert typical_phrase(ours, [*ours, *others]) == "kẹt thang máy"
    assert typical_phrase(["the thang_máy"] * 3, ["the thang_máy"] * 3 + others) == "thang máy"


def test_a_phrase_stands_in_one_clause() -> None:
    assert typical_phrase(["chật , xe"] * 3, ["chật , xe"] * 3 + ["nhanh"] * 9) in {"chật", "xe"}
    assert typical_phrase(["10 !"], ["10 !", "a"]) == ""


# ---- planted growth

DIMS = 24
LAST = date(2026, 11, 21)
#: Directions 0 to 7 belong to nothing, 8 to the topic, 9 and 10 to parts of it; 11 is the new thing.
TOPIC, NEW = 8, 11


@pytest.fixture(autouse=True)
def the_day_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last day has just gone by, whenever these tests are run."""
    monkeypatch.setattr("voc.store.emerging.utc_now", lambda: "2026-11-22T00:00:00.000Z")


@dataclass(frozen=True)
class Said:
    """One feedback: days before the last, and for each segment its direction and topic."""

    days: int
    segments: Sequence[tuple[int, str | None]]


def registry() -> Registry:
    topic = Topic("late", {"vi": "Trễ", "en": "Late"}, "logistics", ("trễ",), ("trễ",), 5)
    return Registry.flat([topic], np.eye(DIMS, dtype=np.float32)[[TOPIC]], [0.5], np.zeros(DIMS, np.float32))


def fill(store: Store, make: Make, said: Sequence[Said], reader: str = "r1", start: int = 0) -> None:
    """Keeps feedback whose segments lie near their directions; what direction 11 says is of parking."""
    rng = np.random.default_rng(start)
    rows, analyses, readings = [], [], []
    for number, one in enumerate(said, start=start):
        words = [f"chỗ {at} chuyện_{at}" if at != NEW else "bãi_xe chật" for at, _ in one.segments]
        text = " ".join(words)
        ends = np.cumsum([len(piece) + 1 for piece in words]).tolist()
        spans = [Span(end - 1 - len(piece), end - 1) for end, piece in zip(ends, words, strict=True)]
        noise = 0.12 * rng.standard_normal((len(words), DIMS))
        vectors = noise + np.eye(DIMS)[[at for at, _ in one.segments]]
        if len(words) > 1:
            vectors = np.concatenate([vectors.mean(axis=0)[None], vectors])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        whole = [text] if len(words) > 1 else []
        moment = f"{LAST - timedelta(days=one.days)}T08:00:00.000Z"
        rows.append(make(f"f{number}", text, occurred_at=moment))
        readings.append(
            Reading(tuple(spans), ("vi",) * len(vectors), (*whole, *words), vectors.astype(np.float32))
        )
        parts = tuple(
            Segment(
                span.start, span.end, words[i], "vi", "negative" if at == NEW else "neutral", 0.0, topic,
                "operations", 0.9,
            )
            for i, (span, (at, topic)) in enumerate(zip(spans, one.segments, strict=True))
        )  # fmt: skip
        analyses.append(
            Analysis(
                f"f{number}", "vi", "neutral", 0.0, 1.0, None, 0.9, (), "use", "routed", (), (), parts, "p1"
            )
        )
    store.add(rows, holder="h", lease_s=1)
    store.save(analyses, readings, reader)


def steady(count: int = 280) -> list[Said]:
    """Four feedback a day over ten weeks; nothing of it grows."""
    rng = np.random.default_rng(1)
    return [Said(i * 70 // count, [(int(rng.integers(8)), None)]) for i in range(count)]


def ask(store: Store, **question: Any) -> Findings:
    return emerging(store, registry(), "r1", Question(**question))


def test_where_nothing_grows_nothing_is_listed(store: Store, feedback: Make) -> None:
    fill(store, feedback, [*steady(), *[Said(i, [(TOPIC, "late")]) for i in range(70)]])
    found = ask(store)
    assert (found.since, found.turn, found.until) == (
        "2026-09-13T00:00:00.000Z", "2026-11-08T00:00:00.000Z", "2026-11-22T00:00:00.000Z",
    )  # fmt: skip
    assert (found.now, found.past, found.left_out, found.items) == (70, 280, 0, ())
    assert found.tested == 10  # eight directions, the topic, the one group inside it


def test_what_grows_without_a_topic_is_found_and_named(store: Store, feedback: Make) -> None:
    grown = [Said(20 + i, [(NEW, None)]) for i in range(2)] + [Said(i % 10, [(NEW, None)]) for i in range(14)]
    fill(store, feedback, [*steady(), *grown])
    found = ask(store)
    assert (found.now, found.past, found.tested) == (70, 226, 9)
    (item,) = found.items
    assert (item.kind, item.topic, item.label) == ("none", None, "bãi xe chật")
    assert (item.now, item.past) == (14, 2)
    assert (item.rate_now, item.rate_past) == (200.0, 8.85)
    assert item.ratio == pytest.approx(14 / 70 / (2 / 226), abs=0.005)
    assert item.ratio_low > 4
    assert item.p <= item.q < 0.001
    assert item.first_seen == "2026-10-31T08:00:00.000Z"
    assert (item.negative, item.negative_share.value) == (14, 1.0)
    assert (item.languages, item.departments) == ({"vi": 14}, {"operations": 14})
    (example,) = item.examples  # all say the same in the same words
    assert example == Example(example.id, example.occurred_at, 0, 11, "bãi_xe chật")
    assert example.id in {f"f{number}" for number in range(282, 296)}


def test_what_was_never_said_before(store: Store, feedback: Make) -> None:
    fill(store, feedback, [*steady(), *[Said(3, [(NEW, None)])] * 9])
    (item,) = ask(store).items
    assert (item.now, item.past, item.ratio, item.ratio_high) == (9, 0, None, None)
    assert item.ratio_low > 1


def test_a_topic_grows_as_a_whole(store: Store, feedback: Make) -> None:
    past = [Said(14 + i, [(TOPIC, "late")]) for i in range(10)]
    fill(store, feedback, [*steady(), *past, *[Said(i % 14, [(TOPIC, "late")]) for i in range(25)]])
    whole = next(item for item in ask(store).items if item.kind == "topic")
    assert (whole.topic, whole.now, whole.past) == ("late", 25, 10)
    assert ask(store, topic="late").tested == 2


def test_a_part_of_a_topic_grows(store: Store, feedback: Make) -> None:
    both = [Said(i, [(9, "late")]) for i in range(70) for _ in range(3)]
    part = [Said(30, [(10, "late")])] * 3 + [Said(i % 14, [(10, "late")]) for i in range(20)]
    fill(store, feedback, [*steady(), *both, *part])
    within = [item for item in ask(store).items if item.kind == "within"]
    assert [(item.topic, item.now, item.past) for item in within] == [("late", 20, 3)]


def test_a_feedback_counts_once(store: Store, feedback: Make) -> None:
    fill(store, feedback, [*steady(), *[Said(3, [(NEW, None)] * 3)] * 9])
    (item,) = ask(store).items
    assert (item.now, item.past, item.negative) == (9, 0, 9)
    assert item.languages == {"vi": 27}


def test_few_are_not_listed(store: Store, feedback: Make) -> None:
    fill(store, feedback, [*steady(2100), *[Said(3, [(NEW, None)])] * 4, *[Said(90, [(NEW, None)])] * 3])
    assert ask(store).items == ()


# ---- edges


def test_an_empty_database(store: Store) -> None:
    assert ask(store) == Findings(None, None, None, 0, 0, 0, 0, ())


def test_without_a_past_nothing_grows(store: Store, feedback: Make) -> None:
    fill(store, feedback, [Said(0, [(NEW, None)])] * 30)
    found = ask(store)
    assert (found.now, found.past, found.tested, found.items) == (30, 0, 0, ())
    assert ask(store, until=LAST + timedelta(days=30)).now == 0


def test_only_one_day_of_past(store: Store, feedback: Make) -> None:
    fill(store, feedback, [*[Said(14, [(i % 8, None)]) for i in range(40)], *[Said(0, [(NEW, None)])] * 20])
    found = ask(store)
    assert (found.now, found.past) == (20, 40)
    assert [(item.now, item.past, item.dispersion) for item in found.items] == [(20, 0, 1.0)]


def test_an_earlier_day(store: Store, feedback: Make) -> None:
    fill(store, feedback, [*steady(), *[Said(20 + i % 5, [(NEW, None)]) for i in range(12)]])
    assert ask(store).items == ()
    (item,) = ask(store, until=LAST - timedelta(days=16)).items
    assert (item.now, item.past) == (12, 0)


def test_feedback_of_the_future_moves_nothing(store: Store, feedback: Make) -> None:
    grown = [Said(i % 10, [(NEW, None)]) for i in range(14)]
    fill(store, feedback, [*steady(), *grown])
    before = ask(store)
    far = (LAST - date(2099, 1, 1)).days
    fill(store, feedback, [Said(far, [(NEW, None)]), Said(-1, [(NEW, None)])], start=1000)
    assert store.db.conn.execute("SELECT max(occurred_at) FROM feedback").fetchone()[0][:4] == "2099"
    assert [item.label for item in before.items] == ["bãi xe chật"]
    assert ask(store) == before
    assert ask(store, until=LAST + timedelta(days=1)).until == "2026-11-23T00:00:00.000Z"


def test_of_the_future_alone_nothing_is_the_latest(store: Store, feedback: Make) -> None:
    fill(store, feedback, [Said(-1, [(NEW, None)])])
    assert store.stretches.latest() is None
    assert ask(store) == Findings(None, None, None, 0, 0, 0, 0, ())


def test_years_without_end(store: Store, feedback: Make) -> None:
    fill(store, feedback, steady(10))
    assert ask(store, until=date.max).now == 0
    assert ask(store, until=date.min, past_days=3660).now == 0


def test_what_another_reader_read_is_left_out(store: Store, feedback: Make) -> None:
    fill(store, feedback, steady())
    fill(store, feedback, [Said(3, [(NEW, None)])] * 30, reader="r0", start=1000)
    found = ask(store)
    assert (found.now, found.past, found.left_out, found.items) == (56, 224, 30, ())


def test_more_than_are_read(store: Store, feedback: Make) -> None:
    fill(store, feedback, steady())
    some = store.stretches.read("2026-09-13", "2026-11-22", "r1", 100)
    assert (len(some.ids), some.total, len(set(some.ids))) == (100, 280, 100)
    every = store.stretches.read("2026-09-13", "2026-11-22", "r1", 1000)
    assert every.ids[:100] == some.ids
    late = sum(moment >= "2026-10-18" for moment in some.times)
    assert 40 <= late <= 60  # of all, half are


def test_segments_come_with_their_own_vectors(store: Store, feedback: Make) -> None:
    fill(store, feedback, [Said(1, [(NEW, None), (TOPIC, "late")]), Said(2, [(3, None)])])
    found = store.stretches.read("2026-11-01", "2026-11-22", "r1", 10)
    said = {
        (found.ids[owner], segment.topic, int(vector.argmax()))
        for owner, segment, vector in zip(found.owners, found.segments, found.vectors, strict=True)
    }
    assert said == {("f0", None, NEW), ("f0", "late", TOPIC), ("f1", None, 3)}
    assert sorted(found.words) == ["bãi_xe chật", "chỗ 3 chuyện_3", f"chỗ {TOPIC} chuyện_{TOPIC}"]


def test_weeks_are_counted_back_from_the_present() -> None:
    times = [f"2026-{day}T00:00:00.000Z" for day in ("11-08", "11-07", "11-01", "10-31", "10-18", "10-17")]
    assert weeks_of(times, "2026-11-08T00:00:00.000Z", 20).tolist() == [-1, 0, 0, 1, -1, -1]


def test_a_topic_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound, match="no topic has the key 'x'"):
        ask(store, topic="x")
    retired = registry().after(retire(registry(), "late"))
    with pytest.raises(Conflict, match="was retired"):
        emerging(store, retired, "r1", Question(topic="late"))


# ---- as its users have it

PARKING = (
    "bãi giữ xe của trung tâm chật kín, chạy ba vòng không có chỗ",
    "cuối tuần bãi xe hết chỗ, phải gửi ngoài đường",
    "bãi đậu xe quá nhỏ, chờ hai mươi phút mới vào được",
    "không có chỗ đậu xe hơi, bãi xe lúc nào cũng đầy",
    "bãi xe tầng hầm đầy từ chín giờ sáng",
    "hầm gửi xe hết chỗ mà vẫn phát vé cho vào",
    "gửi xe ở đây cực quá, bãi giữ xe không còn một chỗ trống",
    "bãi xe đầy, bảo vệ đuổi ra gửi bên kia đường",
    "tìm chỗ đậu xe mất nửa tiếng vì bãi xe quá tải",
    "the car park is full every evening, nowhere to park",
    "no parking space left at the mall, we drove around for half an hour",
    "bãi giữ xe quá tải, xe máy để tràn ra lối đi",
)


@pytest.fixture(scope="module")
def corpus(root: Path) -> list[str]:
    lines = (root / "corpora" / "feedback.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines[:2100:15]]


@pytest.fixture
def filled(client: FlaskClient, corpus: list[str]) -> FlaskClient:
    """Feedback of the corpus over ten weeks, and a dozen about parking in the last."""
    rows = [
        {"text": text, "occurred_at": str(LAST - timedelta(days=number % 70))}
        for number, text in enumerate(corpus)
    ]
    rows += [{"text": text, "occurred_at": str(LAST)} for text in PARKING]
    assert client.post("/v1/feedback/batch", json={"items": rows}).status_code == 200
    return client


def test_what_grows_over_http_and_on_the_command_line(
    filled: FlaskClient, settings: Settings, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = filled.get("/v1/topics/emerging").get_json()
    assert (body["now"] + body["past"], body["left_out"]) == (152, 0)
    assert body["grown"] == len(body["items"]) >= 1
    first = body["items"][0]
    assert first["now"] >= 7  # of twelve
    assert {example["text"] for example in first["examples"]} <= {
        text[at:end] for text in PARKING for at in range(len(text)) for end in range(at + 1, len(text) + 1)
    }
    assert body["items"][0]["q"] <= 0.05

    monkeypatch.setattr(PipelineHolder, "get", lambda _self: pipeline)
    run: Callable[..., Any] = lambda *more: CliRunner().invoke(  # noqa: E731
        main, ["--db", str(settings.db), "topics", "emerging", *more]
    )
    assert json.loads(run("--json").stdout) == body
    said = run().stdout
    compared = f"{body['now']} feedback since 2026-11-08 against {body['past']} since 2026-09-13"
    assert said.startswith(f"{compared}: {body['grown']} of {body['tested']} things grow\n")
    assert first["label"] in said
    assert first["examples"][0]["id"] in said

    store = Store(settings.db)
    store.outbox.add("crm", "https://crm.example/", "whsec_", ["topic.emerging"], None, by="command:test")
    assert json.loads(run("--json", "--notify", "--limit", "1").stdout)["notified"] == body["grown"]
    assert store.outbox.get("crm").pending == body["grown"]
    assert run("--notify").stdout.endswith("\n0 new events for webhooks\n")
    store.close()


def test_an_empty_service_answers(client: FlaskClient, settings: Settings) -> None:
    body = client.get("/v1/topics/emerging").get_json()
    assert body == {
        "since": None, "turn": None, "until": None, "now": 0, "past": 0, "left_out": 0, "tested": 0,
        "grown": 0, "items": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ("window_days=0", 422, "field_invalid", "window_days"),
        ("past_days=x", 422, "field_invalid", "past_days"),
        ("to=yesterday", 422, "field_invalid", "to"),
        ("other=1", 422, "field_unknown", "other"),
        ("topic=never-there", 404, "topic_unknown", "key"),
    ],
)
def test_wrong_questions(client: FlaskClient, query: str, status: int, code: str, field: str) -> None:
    response = client.get(f"/v1/topics/emerging?{query}")
    error = response.get_json()["error"]
    assert (response.status_code, error["code"], error["field"]) == (status, code, field)
