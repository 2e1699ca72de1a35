"""The database: durable, idempotent, searchable, safe between threads and processes."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voc.errors import InvalidInput, StoreError
from voc.ingest import validate
from voc.records import Analysis, Candidate, Feedback, Reading, Segment, Span
from voc.store import Filter, Kept, KeptReading, Store, as_kept, match_query

Make = Callable[..., Feedback]
NOW = 1_800_000_000.0


class Clock:
    """What the store takes for the time."""

    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still until it is set."""
    clock = Clock()
    monkeypatch.setattr("voc.store.store.time.time", clock)
    return clock


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for the examples of a property."""
    store = Store(tmp_path_factory.mktemp("store") / "voc.db")
    store.prepare()
    yield store
    store.close()


def analysis(key: str, topics: tuple[str | None, ...] = (), **fields: Any) -> Analysis:
    """An analysis made by hand; its segments are the first letters of the text, one per topic."""
    segments = tuple(
        Segment(i, i + 1, "", "vi", "negative", -0.5, topic, "care", 0.75) for i, topic in enumerate(topics)
    )
    given: dict[str, Any] = {
        "language": "vi", "sentiment": "negative", "sentiment_score": -0.5, "sentiment_confidence": 0.875,
        "owner": "care", "owner_confidence": 0.75, "cooperators": (), "touchpoint": "support",
        "status": "routed", "candidates": (), "hops": (), "segments": segments, "pipeline": "p1",
    } | fields  # fmt: skip
    return Analysis(id=key, **given)


def reading(rows: int = 1, spans: int | None = None) -> Reading:
    """A reading of that many rows."""
    vectors = np.random.default_rng(rows).normal(size=(rows, 8)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return Reading(
        tuple(Span(2 * i, 2 * i + 1) for i in range(rows if spans is None else spans)),
        ("vi", "en", "mixed", "und")[:rows],
        ("giao_hàng chậm", "", "ôi 😡", "x")[:rows],
        vectors,
    )


def keep(store: Store, row: Feedback, judged: Analysis | None = None) -> None:
    """Keeps a row with its analysis."""
    store.add([row], holder="h", lease_s=30)
    if judged is not None:
        store.save([judged], [None], "r1")


def ids(found: list[Kept]) -> list[str]:
    return [kept.feedback.id for kept in found]


def search(store: Store, q: str) -> list[str]:
    return sorted(ids(list(store.every(Filter(q=q)))))


# ---- the file


def test_every_connection_is_wal_and_fully_synchronous(store: Store) -> None:
    def pragmas() -> tuple[Any, ...]:
        return tuple(
            store.db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        )

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: (pragmas(), store.close())[0]).result()
    assert pragmas() == other == ("wal", 2, 1)


def test_folders_are_made_and_a_second_prepare_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b" / "voc.db")
    assert len(store.prepare()) == 19
    assert store.prepare() == []
    store.close()


def test_a_path_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "text.db").write_text("this is no database\n" * 100)
    for path, code in (
        (tmp_path, "store_unusable"),
        (tmp_path / "file" / "voc.db", "store_unusable"),
        (tmp_path / "text.db", "store_corrupt"),
    ):
        with pytest.raises(StoreError) as caught:
            Store(path, busy_timeout_ms=0).prepare()
        assert caught.value.code == code
        assert str(path) in caught.value.message


def test_a_failed_transaction_leaves_nothing(store: Store, feedback: Make) -> None:
    same = feedback("a", "một")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        store.add([feedback("b", "hai"), same, same], holder="h", lease_s=1)
    assert (store.count(Filter()), store.waiting(), search(store, "hai")) == (0, 0, [])
    store.add([same], holder="h", lease_s=1)
    assert store.count(Filter()) == 1


DYING_PROCESS = """
import os, sys
from pathlib import Path
from voc.ingest import validate
from voc.store import Store

store = Store(Path(sys.argv[1]))
store.prepare()
store.add([validate({"text": "còn mãi"})], holder="dead", lease_s=0)
os._exit(9)
"""


def test_a_row_outlives_a_process_that_dies_at_once(tmp_path: Path) -> None:
    path = tmp_path / "voc.db"
    assert subprocess.run([sys.executable, "-c", DYING_PROCESS, str(path)], check=False).returncode == 9
    store = Store(path)
    assert [text for _, text in store.claim("next", 10, 30)] == ["còn mãi"]
    store.close()


# ---- adding


def test_a_row_comes_back_as_it_was_kept(store: Store, feedback: Make) -> None:
    row = feedback(
        "a", "Đổi trả\n😡", external_id="17", channel="chat", touchpoint="receive", customer_ref="c",
        scores={"nps": 0, "ces": 7}, attributes={"vùng": "HN", "n": 3, "giá": 3.0, "vip": True, "to": 10**30},
    )  # fmt: skip
    added = store.add([row], holder="h", lease_s=1)
    assert [(one.feedback, one.outcome) for one in added] == [(row, "created")]
    kept = store.get("a")
    assert kept == Kept(row, None)
    assert [repr(value) for value in kept.feedback.attributes.values()] == [
        "'HN'", "3", "3.0", "True", "1" + "0" * 30
    ]  # fmt: skip
    assert store.get("b") is None
    assert store.get_many(["a", "b", "a"]) == {"a": kept}


def test_the_same_again_is_answered_with_what_was_kept_first(store: Store, feedback: Make) -> None:
    first = feedback("a", "một", external_id="17", channel="chat")
    again = feedback("b", "một", external_id="17", channel="call")
    other = feedback("c", "hai", external_id="17")
    elsewhere = feedback("d", "hai", external_id="17", source="other")
    added = store.add([first, again, other, elsewhere], holder="h", lease_s=1)
    assert [(one.feedback, one.outcome) for one in added] == [
        (first, "created"), (first, "exists"), (first, "conflict"), (elsewhere, "created")
    ]  # fmt: skip
    added = store.add([again, other], holder="h", lease_s=1)
    assert [(one.feedback, one.outcome) for one in added] == [(first, "exists"), (first, "conflict")]
    assert store.get("a") == Kept(first, None)
    assert (store.count(Filter()), store.waiting()) == (2, 2)
    assert (search(store, "một"), search(store, "hai")) == (["a"], ["d"])


def test_rows_without_an_external_id_are_all_kept(store: Store, feedback: Make) -> None:
    added = store.add([feedback("a", "một"), feedback("b", "một")], holder="h", lease_s=1)
    assert [one.outcome for one in added] == ["created", "created"]


TEXT = st.text(st.characters(exclude_categories=[]), min_size=1, max_size=60)
SCALAR = (
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
)


@settings(deadline=None)
@given(TEXT, st.dictionaries(st.text(min_size=1, max_size=9), SCALAR, max_size=4))
@example("a\r\nb\u2028c\x7f\ufeff", {"đ": "\x00"})
@example("e\u0302\u0301 ế 👨‍👩‍👧", {"n": -0.0})
def test_any_text_that_is_valid_comes_back_equal(
    shared: Store, text: str, attributes: dict[str, Any]
) -> None:
    try:
        row = validate({"text": text, "attributes": attributes, "channel": "chat"})
    except InvalidInput:
        return
    shared.add([row], holder="h", lease_s=1)
    kept = shared.get(row.id)
    assert kept is not None
    assert kept.feedback == row
    assert repr(sorted(kept.feedback.attributes.items())) == repr(sorted(attributes.items()))


# ---- searching


@pytest.fixture
def library(store: Store, feedback: Make) -> Store:
    """A store with a few texts to search."""
    texts = {
        "a": "Muốn ĐỔI TRẢ hàng mà không được",
        "b": "muon doi tra hang",
        "c": "trả lại, đổi ý",
        "d": "Đường đi đâu?",
        "e": "NOT good AND NEAR here OR there",
        "f": "giá 3.5 triệu ở TP.HCM, mã foo_bar",
        "g": "đo\u0302\u0309i nhé",
    }
    store.add([feedback(key, text) for key, text in texts.items()], holder="h", lease_s=1)
    return store


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("đổi trả", "abc"),
        ("doi tra", "abc"),
        ("DOI TRẢ", "abc"),
        ("  trả\tđổi ", "abc"),
        ('"đổi trả"', "ab"),
        ('"doi tra" hàng', "ab"),
        ('hàng "tra doi"', ""),
        ('"đổi trả', "abc"),
        ('"đổi" "trả"', "abc"),
        ("đổi", "abcg"),
        ("đ", ""),
        ("Đường", "d"),
        ("đường", "d"),
        ("duong DAU", "d"),
        ("đổi,trả", "ab"),  # joined by signs it is a phrase
        ("TP.HCM", "f"),
        ("hcm", "f"),
        ("3.5", "f"),
        ("3,5", "f"),
        ("foo_bar", "f"),
        ("bar", "f"),
        ("đổi _ trả", "abc"),
        ("doi -tra", "abc"),
        ("NOT", "e"),
        ("AND", "e"),
        ("OR", "e"),
        ("đổi OR there", ""),
        ("đổi NOT trả", ""),
        ("NEAR(good, 5)", ""),
        ("near good", "e"),
        ("do*", ""),
        ("đổi*", "abcg"),
        ("folded:doi", ""),
        ("{folded} : doi", ""),
        ("^muon", "ab"),
        ("(đổi", "abcg"),
        ("đổi)", "abcg"),
        ("doi + tra", "abc"),
        ("\ud800 đổi", "abcg"),
    ],
)
def test_search(library: Store, q: str, expected: str) -> None:
    assert search(library, q) == list(expected)
    assert library.count(Filter(q=q)) == len(expected)


@pytest.mark.parametrize(
    "q",
    [
        "",
        " ",
        "?!",
        '"',
        '""',
        '" "',
        '"""',
        "*",
        "-",
        "()",
        "^",
        ":",
        "_",
        "😡",
        "\x00",
        "\ud800",
        "'",
        "'; --",
    ],
)
def test_signs_alone_find_nothing(library: Store, q: str) -> None:
    assert search(library, q) == []


def test_the_query_is_words_and_phrases() -> None:
    assert match_query('Đổi  "Trả lại" x-y') == '"doi" "tra lai" "x y"'
    assert match_query("?! 😡") == ""


def test_a_very_long_query_is_only_a_query(library: Store) -> None:
    assert search(library, "đổi trả " * 5_000) == ["a", "b", "c"]
    assert search(library, " ".join(f"từ{number}" for number in range(5_000))) == []
    assert search(library, '"' + "đổi trả " * 5_000 + '"') == []
    assert search(library, "đ" * 100_000) == []


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=[]) | st.sampled_from('"*^():+-{}'), max_size=30))
def test_no_query_raises(shared: Store, q: str) -> None:
    assert shared.count(Filter(q=q)) == len(list(shared.every(Filter(q=q))))
    if not re.search(r"\w", unicodedata.normalize("NFKC", q)):  # "⒜" is an a in brackets
        assert shared.count(Filter(q=q)) == 0


LETTERS = "aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"
WORD = st.text(st.sampled_from(LETTERS + LETTERS.upper()), min_size=1, max_size=7)


@settings(deadline=None)
@given(st.lists(WORD, min_size=1, max_size=6), st.data())
def test_every_word_finds_its_text_however_it_is_typed(
    shared: Store, words: list[str], data: st.DataObject
) -> None:
    row = validate({"text": " ".join(words), "source": "words"})
    shared.add([row], holder="h", lease_s=1)
    start = data.draw(st.integers(0, len(words) - 1))
    plain = data.draw(st.sampled_from([str.upper, str.lower, _without_marks, _decomposed]))
    for q in (plain(words[start]), '"' + plain(" ".join(words[start:])) + '"'):
        assert row.id in ids(list(shared.every(Filter(q=q, source="words"))))


def _without_marks(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return plain.encode("ascii", "ignore").decode()


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


# ---- filters


ROWS: tuple[tuple[str, dict[str, Any], dict[str, Any] | None], ...] = (
    ("a", {"occurred_at": "2026-11-01T00:00:00.000Z"},
     {"owner": "care", "cooperators": ("logistics",), "topics": ("late", "late", "rude")}),
    ("b", {"occurred_at": "2026-11-02T00:00:00.000Z", "source": "shop"},
     {"owner": "logistics", "sentiment": "positive", "language": "en", "topics": ("late",)}),
    ("c", {"occurred_at": "2026-11-02T23:59:59.999Z"},
     {"owner": None, "status": "no_owner", "sentiment": "neutral", "topics": (None,)}),
    ("d", {"occurred_at": "2026-11-03T00:00:00.000Z", "source": "shop"},
     {"owner": None, "status": "review", "cooperators": ("care", "sales"), "topics": ("rude",)}),
    ("e", {"occurred_at": "2026-11-04T00:00:00.000Z"}, None),
)  # fmt: skip


def fill(store: Store, make: Make) -> None:
    for key, fields, judged in ROWS:
        text = f"thư {key} giao hàng" if key in "ab" else f"thư {key} khác"
        keep(store, make(key, text, **fields), analysis(key, **judged) if judged is not None else None)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(), "edcba"),
        (Filter(q="giao hàng"), "ba"),
        (Filter(department="care"), "da"),
        (Filter(department="care", role="owner"), "a"),
        (Filter(department="care", role="cooperator"), "d"),
        (Filter(department="logistics"), "ba"),
        (Filter(department="sales", role="owner"), ""),
        (Filter(topic="late"), "ba"),
        (Filter(topic="rude"), "da"),
        (Filter(topic="none"), ""),
        (Filter(sentiment="negative"), "da"),
        (Filter(sentiment="neutral"), "c"),
        (Filter(status="routed"), "ba"),
        (Filter(status="review"), "d"),
        (Filter(status="no_owner"), "c"),
        (Filter(language="en"), "b"),
        (Filter(source="shop"), "db"),
        (Filter(source="SHOP"), ""),
        (Filter(since="2026-11-02T00:00:00.000Z"), "edcb"),
        (Filter(until="2026-11-03T00:00:00.000Z"), "cba"),
        (Filter(since="2026-11-02T00:00:00.000Z", until="2026-11-03T00:00:00.000Z"), "cb"),
        (Filter(department="care", topic="rude", sentiment="negative", source="shop"), "d"),
        (Filter(q="giao", topic="late", status="routed", language="vi", department="logistics"), "a"),
        (Filter(q="giao", source="shop", sentiment="negative"), ""),
        (Filter(source="' OR 1 --"), ""),
    ],
)
def test_filters(store: Store, feedback: Make, chosen: Filter, expected: str) -> None:
    fill(store, feedback)
    assert "".join(ids(list(store.every(chosen)))) == expected
    assert store.count(chosen) == len(expected)


def _holds(chosen: Filter, kept: Kept) -> bool:
    """The filter's meaning said in Python."""
    row, judged = kept.feedback, kept.analysis
    told = [
        (chosen.source, row.source),
        (chosen.sentiment, judged and judged.sentiment),
        (chosen.status, judged and judged.status),
        (chosen.language, judged and judged.language),
    ]
    implicated = {
        "owner": {judged.owner} if judged else set(),
        "cooperator": set(judged.cooperators) if judged else set(),
    }
    concerned = implicated[chosen.role] if chosen.role else implicated["owner"] | implicated["cooperator"]
    return (
        all(wanted is None or wanted == value for wanted, value in told)
        and (chosen.q is None or chosen.q in row.text)
        and (chosen.department is None or chosen.department in concerned)
        and (chosen.topic is None or bool(judged and chosen.topic in {s.topic for s in judged.segments}))
        and (chosen.since is None or row.occurred_at >= chosen.since)
        and (chosen.until is None or row.occurred_at < chosen.until)
    )


def test_filters_combined(store: Store, feedback: Make) -> None:
    fill(store, feedback)
    everything = list(store.every(Filter()))
    choices: dict[str, tuple[Any, ...]] = {
        "q": (None, "giao"), "department": (None, "care", "logistics"), "role": (None, "owner", "cooperator"),
        "topic": (None, "late"), "sentiment": (None, "negative"), "status": (None, "routed", "review"),
        "language": (None, "vi"), "source": (None, "shop"), "since": (None, "2026-11-02T00:00:00.000Z"),
        "until": (None, "2026-11-04T00:00:00.000Z"),
    }  # fmt: skip
    hits = 0
    for values in itertools.product(*choices.values()):
        chosen = Filter(*values)
        expected = [kept for kept in everything if _holds(chosen, kept)]
        assert list(store.every(chosen)) == expected, chosen
        hits += bool(expected)
    assert hits > 300


# ---- paging


def test_pages_over_equal_times_hold_each_row_once(store: Store, feedback: Make) -> None:
    times = ["2026-11-02T08:00:00.000Z", "2026-11-02T08:00:00.001Z", "2026-11-02T08:00:00.002Z"]
    rows = [feedback(f"k{n:02}", "chữ", occurred_at=times[n % 7 // 3]) for n in range(25)]
    store.add(rows, holder="h", lease_s=1)
    expected = [row.id for row in sorted(rows, key=lambda row: (row.occurred_at, row.id), reverse=True)]
    for limit in (1, 4, 5, 24, 25, 26):
        seen: list[str] = []
        after: tuple[str, str] | None = None
        while True:
            found, after = store.find(Filter(), limit, after)
            seen += ids(found)
            if after is None:
                break
            assert len(found) == limit
        assert seen == expected
        assert ids(list(store.every(Filter(), limit))) == expected


def test_rows_that_arrive_between_pages_move_nothing(store: Store, feedback: Make) -> None:
    rows = [feedback(f"k{n}", "chữ", occurred_at=f"2026-11-0{n}T00:00:00.000Z") for n in range(1, 7)]
    store.add(rows[:5], holder="h", lease_s=1)
    first, after = store.find(Filter(), 2)
    store.add(rows[5:], holder="h", lease_s=1)
    second, last = store.find(Filter(), 5, after)
    assert (ids(first), ids(second), last) == (["k5", "k4"], ["k3", "k2", "k1"], None)


# ---- the work list


def test_rows_are_held_from_the_moment_they_are_kept(store: Store, feedback: Make, clock: Clock) -> None:
    store.add([feedback(key, f"chữ {key}") for key in "ba"], holder="one", lease_s=5)
    assert store.waiting() == 2
    assert store.claim("two", 10, 5) == []
    clock.now = NOW + 4.999
    assert store.claim("two", 10, 5) == []
    clock.now = NOW + 5
    assert store.claim("two", 10, 5) == [("b", "chữ b"), ("a", "chữ a")]  # oldest kept first
    assert store.waiting() == 2


def test_a_claim_takes_the_oldest_up_to_the_limit(store: Store, feedback: Make) -> None:
    store.add([feedback(key, "chữ") for key in "cab"], holder="h", lease_s=0)
    assert [key for key, _ in store.claim("one", 2, 30)] == ["c", "a"]
    assert [key for key, _ in store.claim("two", 2, 30)] == ["b"]
    assert store.claim("three", 2, 30) == []
    assert sorted(store.holders()) == ["one", "two"]


def test_released_rows_can_be_claimed_at_once_or_later(store: Store, feedback: Make, clock: Clock) -> None:
    store.add([feedback(key, "chữ") for key in "abc"], holder="one", lease_s=30)
    store.release("one", ["a"])
    store.release("one", ["b"], delay_s=7)
    assert [key for key, _ in store.claim("two", 10, 30)] == ["a"]
    clock.now = NOW + 7
    assert [key for key, _ in store.claim("two", 10, 30)] == ["b"]
    clock.now = NOW + 30
    assert [key for key, _ in store.claim("three", 10, 30)] == ["a", "c"]


def test_who_lost_a_lease_releases_nothing(store: Store, feedback: Make, clock: Clock) -> None:
    store.add([feedback("a", "chữ")], holder="one", lease_s=1)
    clock.now = NOW + 2
    assert len(store.claim("two", 1, 30)) == 1
    store.release("one", ["a"])
    store.release_holder("one")
    assert store.claim("three", 1, 30) == []
    store.release_holder("two")
    assert store.claim("three", 1, 30) == [("a", "chữ")]


def test_saving_takes_the_row_off_the_work_list_for_good(store: Store, feedback: Make, clock: Clock) -> None:
    store.add([feedback("a", "chữ"), feedback("b", "chữ")], holder="one", lease_s=1)
    clock.now = NOW + 2
    assert [key for key, _ in store.claim("two", 1, 1)] == ["a"]
    store.save([analysis("a")], [None], "r1")
    assert store.waiting() == 1
    clock.now = NOW + 100
    assert [key for key, _ in store.claim("three", 10, 1)] == ["b"]


def test_two_holders_never_hold_the_same_row(store: Store, feedback: Make) -> None:
    store.add([feedback(f"k{n}", "chữ") for n in range(60)], holder="h", lease_s=0)
    start = threading.Barrier(6)

    def work(name: int) -> list[str]:
        start.wait()
        mine: list[str] = []
        while taken := store.claim(f"holder {name}", 3, 600):
            mine += [key for key, _ in taken]
        store.close()
        return mine

    with ThreadPoolExecutor(6) as pool:
        taken = [key for mine in pool.map(work, range(6)) for key in mine]
    assert len(taken) == 60
    assert set(taken) == {f"k{n}" for n in range(60)}


# ---- analyses


def test_an_analysis_comes_back_as_it_was_saved(store: Store, feedback: Make) -> None:
    text = "Giao trễ 😡, gọi không ai nghe"
    parts = (
        Segment(0, 10, text[0:10], "vi", "negative", -0.9, "delivery-late", "logistics", 0.97),
        Segment(12, 29, text[12:29], "und", "neutral", 0.1, None, None, 0.0),
    )
    judged = analysis(
        "a", language="mixed", sentiment="mixed", owner=None, cooperators=("care", "logistics"),
        touchpoint="receive", status="review", segments=parts,
        candidates=(Candidate("logistics", 0.4), Candidate("care", 0.3)), hops=("care", "sales", "care"),
    )  # fmt: skip
    keep(store, feedback("a", text, touchpoint="buy"), judged)
    kept = store.get("a")
    assert kept == Kept(feedback("a", text, touchpoint="buy"), judged)
    assert [part.text for part in kept.analysis.segments] == ["Giao trễ 😡", "gọi không ai nghe"]
    assert json.dumps(kept.analysis.as_dict()) == json.dumps(judged.as_dict())


def test_saving_twice_leaves_one_analysis(store: Store, feedback: Make) -> None:
    keep(store, feedback("a", "chữ"), analysis("a", ("late", "rude", None)))
    store.save([analysis("a", ("late",), owner="sales")], [None], "r1")
    kept = store.get("a")
    assert kept.analysis == analysis("a", ("late",), owner="sales", segments=kept.analysis.segments)
    assert [part.topic for part in kept.analysis.segments] == ["late"]
    assert (store.db["analyses"].count, store.db["segments"].count) == (1, 1)


def test_the_analysis_saved_last_counts_and_older_ones_stay(store: Store, feedback: Make) -> None:
    keep(store, feedback("a", "chữ"), analysis("a", ("late",)))
    store.save([analysis("a", ("rude",), pipeline="p2", owner="sales")], [None], "r1")
    assert (store.count(Filter(topic="rude")), store.count(Filter(topic="late"))) == (1, 0)
    assert (store.count(Filter(department="sales")), store.count(Filter(department="care"))) == (1, 0)
    assert sorted(row["pipeline"] for row in store.db["analyses"].rows) == ["p1", "p2"]
    store.save([analysis("a", ("late",))], [None], "r1")
    assert store.get("a").analysis.pipeline == "p1"


def test_an_analysis_of_nothing_is_not_kept(store: Store, feedback: Make) -> None:
    keep(store, feedback("a", "chữ"))
    store.save([analysis("gone"), analysis("a")], [reading(), None], "r1")
    assert store.db["analyses"].count == 1
    assert store.db["readings"].count == 0


def test_an_analysis_is_read_whole_while_another_is_saved(
    store: Store, feedback: Make, settings: Any
) -> None:
    keep(store, feedback("a", "chữ"), analysis("a", ("late",)))
    other = Store(settings.db)
    waiting = [analysis("a", ("rude", "rude"), pipeline="p2", owner="sales")]

    def save_in_between(statement: str) -> None:
        if "FROM segments" in statement and waiting:
            other.save([waiting.pop()], [None], "r1")

    store.db.conn.set_trace_callback(save_in_between)
    kept = store.get("a")
    store.db.conn.set_trace_callback(None)
    other.close()
    assert not waiting
    found = (kept.analysis.pipeline, kept.analysis.owner, [part.topic for part in kept.analysis.segments])
    assert found in (("p1", "care", ["late"]), ("p2", "sales", ["rude", "rude"]))


# ---- readings


@pytest.mark.parametrize(("rows", "spans"), [(1, 1), (3, 2), (4, 3)])
def test_a_reading_comes_back(store: Store, feedback: Make, rows: int, spans: int) -> None:
    read = reading(rows, spans)
    store.add([feedback("a", "chữ")], holder="h", lease_s=1)
    store.save([analysis("a")], [read], "r1")
    (found,) = store.runs.page("r1", "p2", Filter(), 0, 10)
    assert (found.id, found.text) == ("a", "chữ")
    assert (found.reading.spans, found.reading.languages, found.reading.words) == (
        read.spans, read.languages, read.words
    )  # fmt: skip
    assert found.reading.vectors.dtype == np.float32
    assert found.reading.vectors.shape == read.vectors.shape
    assert np.abs(found.reading.vectors - read.vectors).max() < 5e-4
    assert np.array_equal(found.reading.vectors, as_kept(read).vectors)


def test_an_empty_reading_is_a_reading(store: Store, feedback: Make) -> None:
    store.add([feedback("a", "?")], holder="h", lease_s=1)
    store.save([analysis("a")], [Reading((), (), (), np.zeros((0, 8), np.float32))], "r1")
    (found,) = store.runs.page("r1", "p2", Filter(), 0, 10)
    assert found.reading is not None
    assert (found.reading.spans, found.reading.languages, found.reading.words) == ((), (), ())
    assert len(found.reading.vectors) == 0


def test_readings_are_of_rows_that_the_pipeline_has_not_judged(store: Store, feedback: Make) -> None:
    rows = [feedback(key, f"chữ {key}", source="shop" if key == "d" else "test") for key in "abcd"]
    store.add(rows, holder="h", lease_s=1)
    store.save([analysis("a"), analysis("d")], [reading(), None], "r1")
    store.save([analysis("b", pipeline="p2")], [reading()], "r2")  # and c waits

    def found(*arguments: Any) -> list[tuple[str, bool]]:
        return [(row.id, row.reading is not None) for row in store.runs.page(*arguments)]

    assert found("r1", "p1", Filter(), 0, 10) == [("b", False)]
    assert found("r1", "p2", Filter(), 0, 10) == [("a", True), ("d", False)]
    assert found("r1", "p3", Filter(), 0, 10) == [("a", True), ("b", False), ("d", False)]
    assert found("r2", "p3", Filter(), 0, 2) == [("a", False), ("b", True)]
    assert found("r2", "p3", Filter(source="shop"), 0, 10) == [("d", False)]
    after = store.runs.page("r1", "p3", Filter(), 0, 1)[0]
    assert after == KeptReading(after.number, "a", "chữ a", after.reading, store.get("a").analysis, False)
    assert found("r1", "p3", Filter(), after.number, 10) == [("b", False), ("d", False)]


def test_each_reader_has_its_own_reading_and_none_keeps_it(store: Store, feedback: Make) -> None:
    store.add([feedback("a", "chữ")], holder="h", lease_s=1)
    store.save([analysis("a")], [reading(1)], "r1")
    store.save([analysis("a", pipeline="p2")], [None], "r1")
    assert len(store.runs.page("r1", "p3", Filter(), 0, 9)[0].reading.words) == 1
    store.save([analysis("a")], [reading(3)], "r2")
    assert len(store.runs.page("r1", "p3", Filter(), 0, 9)[0].reading.words) == 1
    assert len(store.runs.page("r2", "p3", Filter(), 0, 9)[0].reading.words) == 3


# ---- many at once


def test_many_threads_write(store: Store, feedback: Make) -> None:
    start = threading.Barrier(8)

    def work(name: int) -> list[str]:
        start.wait()
        outcomes = [
            added.outcome
            for n in range(25)
            for added in store.add([feedback(f"{name}-{n}", f"chữ {name}")], holder="h", lease_s=1)
        ]
        store.close()
        return outcomes

    with ThreadPoolExecutor(8) as pool:
        outcomes = [outcome for done in pool.map(work, range(8)) for outcome in done]
    assert outcomes == ["created"] * 200
    assert (store.count(Filter()), store.waiting()) == (200, 200)
    assert [store.count(Filter(q=f"chữ {name}")) for name in range(8)] == [25] * 8


def test_one_external_id_from_many_threads_is_kept_once(store: Store, feedback: Make) -> None:
    start = threading.Barrier(8)

    def work(name: int) -> tuple[str, str]:
        start.wait()
        (added,) = store.add([feedback(f"k{name}", "chữ", external_id="17")], holder="h", lease_s=1)
        store.close()
        return added.outcome, added.feedback.id

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(work, range(8)))
    (winner,) = [key for outcome, key in done if outcome == "created"]
    assert sorted(done) == [("created", winner)] + [("exists", winner)] * 7
    assert store.count(Filter()) == 1


OTHER_PROCESS = """
import sys
from pathlib import Path
from voc.records import Feedback
from voc.store import Store

name, path = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
store = Store(Path(path))
store.prepare()
for n in range(50):
    time = "2026-11-02T08:00:00.000Z"
    own = Feedback(f"{name}-{n}", "chữ", "test", None, time, time)
    both = Feedback(f"{name}-both-{n}", "chữ", "test", f"both-{n}", time, time)
    print(*(added.outcome for added in store.add([own, both], holder=name, lease_s=1)))
"""


def test_several_processes_make_and_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "voc.db"
    others = [
        subprocess.Popen(
            [sys.executable, "-c", OTHER_PROCESS, name, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in ("one", "two", "three")
    ]  # fmt: skip
    for other in others:
        assert other.stdout.readline() == "ready\n"
    for other in others:
        other.stdin.write("go\n")
        other.stdin.flush()
    answers = [other.communicate(timeout=60) for other in others]
    assert [error for _, error in answers] == ["", "", ""]
    outcomes = [line.split() for said, _ in answers for line in said.splitlines()]
    assert [own for own, _ in outcomes] == ["created"] * 150
    assert sorted(both for _, both in outcomes) == ["created"] * 50 + ["exists"] * 100
    store = Store(path)
    assert (store.count(Filter()), store.waiting()) == (200, 200)
    store.close()


def test_a_busy_database_is_waited_for_and_then_named(settings: Any, store: Store, feedback: Make) -> None:
    hasty = Store(settings.db, busy_timeout_ms=1)
    with store.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        hasty.add([feedback("a", "chữ")], holder="h", lease_s=1)
    assert hasty.add([feedback("a", "chữ")], holder="h", lease_s=1)[0].outcome == "created"
    hasty.close()
