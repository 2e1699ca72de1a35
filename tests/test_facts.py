"""The columns in memory equal the database after whatever was written, and so do masks and pages."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from numpy.typing import NDArray

from voc import backup
from voc.cli import main
from voc.facts import DEPARTMENTS_MOST, VALUES_MOST, WORST_FIRST, Facts, FactTable, milliseconds, text_of
from voc.facts.table import AHEAD_FROM
from voc.ingest import validate
from voc.organization import Organization
from voc.records import LANGUAGES, SENTIMENTS, STATUSES, TOUCHPOINTS, Analysis, Feedback, Segment, Span
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter, Kept, Store, value_text
from voc.store.changes import KEPT, SWEPT, Stamp, note, note_all

DEPARTMENTS = ("care", "sales", "logistics", "operations")
TOPICS = ("late", "rude", "slow")
SOURCES = ("app", "mail")
DAYS = ("2026-10-05", "2026-10-06T07:08:09.010Z", "2026-11-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z")
OF_TOPIC = {"late": "logistics", "rude": "care", "slow": "operations"}
VALUES: tuple[Any, ...] = ("fibre", "1", 1, True, False, 2.5, 1e30, -3, "a:b", "true")


def feedback(dice: Random) -> Feedback:
    """A row of few values, so that rows share them; many are of one moment."""
    given: dict[str, Any] = {
        "text": dice.choice(("Giao hàng trễ quá", "nhân viên thô lỗ", "mạng chậm, giao chậm", "ok")),
        "source": dice.choice(SOURCES),
        "occurred_at": dice.choice(DAYS),
        "scores": dice.choice(({}, {}, {"nps": 9}, {"nps": 0, "csat": 3}, {"ces": 7})),
    }
    if dice.random() < 0.6:
        given["attributes"] = {
            name: dice.choice(VALUES) for name in dice.sample(('vùng "x"', "plan", "vip"), dice.randint(1, 3))
        }
    return validate(given)


def analysis(dice: Random, key: str, pipeline: str = "p1") -> Analysis:
    """An analysis with any values that can stand together."""
    owner = dice.choice((None, *DEPARTMENTS))
    others = [name for name in DEPARTMENTS if name != owner]
    segments = tuple(
        Segment(
            place, place + 1, "", "vi", dice.choice(SENTIMENTS), 0.5, dice.choice((None, *TOPICS)),
            dice.choice((None, *DEPARTMENTS)), 0.5,
        )
        for place in range(dice.randint(0, 2))
    )  # fmt: skip
    return Analysis(
        key, dice.choice(LANGUAGES), dice.choice(SENTIMENTS), 0.25, 0.5, owner, 0.5,
        tuple(dice.sample(others, dice.randint(0, 2))), dice.choice(TOUCHPOINTS), dice.choice(STATUSES), (),
        tuple(dice.choices(DEPARTMENTS, k=3)) if dice.random() < 0.3 else (), segments, pipeline,
    )  # fmt: skip


def expected(kept: Kept) -> dict[str, Any]:
    """What the facts must say of a feedback, from its records alone."""
    one, judged = kept.feedback, kept.analysis
    mentions: dict[tuple[str | None, str | None], set[str]] = {}
    for part in judged.segments if judged else ():
        if part.topic or part.department:
            mentions.setdefault((part.topic, part.department), set()).add(part.sentiment)
    return {
        "at": one.occurred_at,
        "source": one.source,
        "language": judged and judged.language,
        "sentiment": judged and judged.sentiment,
        "status": judged and judged.status,
        "touchpoint": judged and judged.touchpoint,
        "owner": judged and judged.owner,
        "cooperators": set(judged.cooperators) if judged else set(),
        "corrected": bool(kept.corrected),
        "scores": dict(one.scores),
        "attributes": {name: value_text(value) for name, value in one.attributes.items()},
        "mentions": {
            key: next(name for name in WORST_FIRST if name in found) for key, found in mentions.items()
        },
        "hops": judged.hops if judged else (),
    }


def told(facts: Facts, ids: dict[int, str]) -> dict[str, dict[str, Any]]:
    """The facts, row by row, with words for numbers."""

    def word(words: tuple[str, ...], code: int) -> str | None:
        return words[code] if code >= 0 else None

    found: list[dict[str, Any]] = []
    for row in range(len(facts)):
        bits = int(facts.cooperators[row])
        found.append({
            "at": text_of(int(facts.at[row])),
            "source": word(facts.sources, facts.source[row]),
            "language": word(LANGUAGES, facts.language[row]),
            "sentiment": word(SENTIMENTS, facts.sentiment[row]),
            "status": word(STATUSES, facts.status[row]),
            "touchpoint": word(TOUCHPOINTS, facts.touchpoint[row]),
            "owner": word(facts.departments, facts.owner[row]),
            "cooperators": {name for place, name in enumerate(facts.departments) if bits >> place & 1},
            "corrected": bool(facts.corrected[row]),
            "scores": {
                name: given[row] for name, given in facts.scores.items() if not np.isnan(given[row])
            },
            "attributes": {
                name: column.values[column.codes[row]]
                for name, column in facts.attributes.items()
                if column.codes[row] >= 0
            },
            "mentions": {},
            "hops": (),
        })  # fmt: skip
    for line, row in enumerate(facts.mention_row):
        key = (
            word(facts.topics, facts.mention_topic[line]),
            word(facts.departments, facts.mention_department[line]),
        )
        assert key not in found[row]["mentions"]
        found[row]["mentions"][key] = SENTIMENTS[facts.mention_sentiment[line]]
    for line, row in enumerate(facts.hop_row):
        found[row]["hops"] += (facts.departments[facts.hop_department[line]],)
    return {ids[int(number)]: row for number, row in zip(facts.number, found, strict=True)}


def columns(facts: Facts) -> dict[str, NDArray[Any]]:
    """Every array of the facts."""
    plain = {name: getattr(facts, name) for name in facts.__slots__}
    inner: dict[str, Any] = {f"score {name}": column for name, column in facts.scores.items()}
    inner |= {f"attribute {name}": column.codes for name, column in facts.attributes.items()}
    return {name: one for name, one in (plain | inner).items() if isinstance(one, np.ndarray)}


def check(facts: Facts, store: Store) -> None:
    """The facts equal what the store says of every feedback, and are in order."""
    ids = store.columns.ids(facts.number.tolist())
    assert told(facts, ids) == {kept.feedback.id: expected(kept) for kept in store.every(Filter())}
    assert (np.diff(facts.number) > 0).all()
    assert (np.diff(facts.mention_row) >= 0).all()
    assert (np.diff(facts.hop_row) >= 0).all()
    assert (np.diff(facts.at[facts.order]) >= 0).all()
    assert sorted(facts.order) == list(range(len(facts)))
    assert not any(column.flags.writeable for column in columns(facts).values())


def check_filter(table: FactTable, store: Store, chosen: Filter) -> int:
    """A mask equals what SQL finds; how many rows it has."""
    facts = table.now()
    mask = table.rows(facts, chosen)
    assert mask.dtype == np.bool_
    assert mask.shape == (len(facts),)
    assert sorted(facts.number[mask]) == sorted(store.columns.matching(chosen)), chosen
    return int(mask.sum())


def check_pages(table: FactTable, store: Store, chosen: Filter, limit: int) -> None:
    """Page for page the same feedback and cursors as `Store.find`."""
    after: tuple[str, str] | None = None
    while True:
        page = table.find(chosen, limit, after)
        assert page == store.find(chosen, limit, after)
        after = page[1]
        if after is None:
            return


FILTERS: dict[str, tuple[Any, ...]] = {
    "q": ("giao", "GIAO hàng", '"giao cham"', "khong-co", "?!"),
    "department": (*DEPARTMENTS, "nobody"),
    "topic": (*TOPICS, "nothing"),
    "sentiment": SENTIMENTS,
    "status": STATUSES,
    "language": LANGUAGES,
    "source": (*SOURCES, "other"),
    "since": (*DAYS[:3], "2026-10-06", "0001-01-01", "tomorrow"),
    "until": ("2026-10-06T07:08:09.010Z", "2026-10-07", "9999-12-31T24:00:00.000Z", "1970"),
    "within": DEPARTMENTS,
    "touchpoint": TOUCHPOINTS,
    "also": (*DEPARTMENTS, "nobody"),
    "attribute": (
        *((name, value_text(value)) for name in ('vùng "x"', "plan", "vip", "none") for value in VALUES),
        ("plan", "1.0"), ("plan", "[" * 300), ("plan", ""), ("wide", "v7"), ("wide", "v300"),
    ),
    "firefighting": ("care", "sales", ""),
}  # fmt: skip


def test_every_field_of_the_filter_is_tried() -> None:
    assert {*FILTERS, "role"} == set(Filter.__slots__)


# ---- all that is written


class Writing(RuleBasedStateMachine):
    """Two stores on one file, each with its facts; anything may be written through either."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stores = [Store(self.folder / "voc.db") for _ in range(2)]
        self.stores[0].prepare()
        self.tables = [FactTable(store) for store in self.stores]
        self.keys: list[str] = []
        self.runs: list[int] = []
        self.pipelines = 1
        self.seen: list[tuple[Facts, dict[str, bytes]]] = []

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)

    dice = st.integers(0, 2**32).map(Random)
    side = st.sampled_from((0, 1))

    @initialize(dice=dice)
    def begin(self, dice: Random) -> None:
        self.add(dice, 0)

    @rule(dice=dice, side=side)
    def add(self, dice: Random, side: int) -> None:
        rows = [feedback(dice) for _ in range(dice.randint(1, 6))]
        added = self.stores[side].add(
            [*rows, *rows[:1]] if rows[0].external_id else rows, holder="t", lease_s=9
        )
        self.keys += [one.feedback.id for one in added]

    @rule(dice=dice, side=side)
    def save(self, dice: Random, side: int) -> None:
        chosen = dice.sample(self.keys, min(len(self.keys), dice.randint(1, 5)))
        pipeline = dice.choice(("p1", "p2"))
        self.stores[side].save(
            [analysis(dice, key, pipeline) for key in chosen], [None] * len(chosen), "r", OF_TOPIC
        )

    @rule(dice=dice, side=side)
    def correct(self, dice: Random, side: int) -> None:
        store = self.stores[side]
        open_to_it = [
            kept for kept in store.every(Filter())
            if kept.analysis and kept.feedback.erased_at is None
        ]  # fmt: skip
        if not open_to_it:
            return
        kept = dice.choice(open_to_it)
        said: list[tuple[Span | None, str, Any, Any]] = [
            (None, "sentiment", dice.choice(SENTIMENTS), None),
            (None, "owner", dice.choice((None, *DEPARTMENTS)), None),
            (None, "touchpoint", dice.choice(TOUCHPOINTS), None),
        ]
        assert kept.analysis is not None
        for part in kept.analysis.segments:
            said.append((Span(part.start, part.end), "topic", dice.choice((None, *TOPICS)), part.topic))
        store.corrections.add(
            kept.feedback.id, [dice.choice(said)], author="an", reason=None, departments=OF_TOPIC
        )

    @rule(dice=dice, side=side)
    def withdraw(self, dice: Random, side: int) -> None:
        standing = [one for one in self.stores[side].corrections.every() if one.withdrawn_at is None]
        if standing:
            number = dice.choice(standing).number
            self.stores[side].corrections.withdraw(number, author="an", departments=OF_TOPIC)

    @rule(dice=dice, side=side, whole=st.booleans())
    def run(self, dice: Random, side: int, whole: bool) -> None:
        runs = self.stores[side].runs
        self.pipelines += 1
        run = runs.begin(f"run-{self.pipelines}", Filter(), holder="t", lease_s=60)
        while rows := runs.page("r", run.pipeline, Filter(), 0, 4, run):
            judged = [analysis(dice, row.id, run.pipeline) for row in rows]
            runs.keep(run, rows, judged, [None] * len(rows), "r", {}, OF_TOPIC, lease_s=60)
            if not whole:
                runs.release(run)  # the next one abandons it
                return
        if runs.finish(run):
            self.runs.append(run.number)

    @precondition(lambda self: self.runs)
    @rule(side=side)
    def roll_back(self, side: int) -> None:
        self.stores[side].runs.rollback(self.runs.pop())

    @rule(side=side, keep=st.integers(0, 1))
    def prune(self, side: int, keep: int) -> None:
        self.stores[side].runs.prune(keep)
        self.runs = self.runs[len(self.runs) - keep :]

    @rule(dice=dice, side=side)
    def erase(self, dice: Random, side: int) -> None:
        store = self.stores[side]
        numbers = store.erasures.numbers_by_id(dice.sample(self.keys, min(2, len(self.keys))))
        store.erasures.erase(numbers, kind="feedback", author="an")

    @invariant()
    def everything_is_equal(self) -> None:
        for store, table in zip(self.stores, self.tables, strict=True):
            facts = table.now()
            assert table.now() is facts
            check(facts, store)
        self.seen.append((facts, {name: one.tobytes() for name, one in columns(facts).items()}))
        fresh = FactTable(self.stores[0]).now()
        ids = self.stores[0].columns.ids(fresh.number.tolist())
        assert told(fresh, ids) == told(facts, ids)

    @rule(dice=dice, side=side)
    def filters_and_pages(self, dice: Random, side: int) -> None:
        names = dice.sample(list(FILTERS), 2)
        chosen = Filter(**{name: dice.choice(FILTERS[name]) for name in names})
        check_filter(self.tables[side], self.stores[side], chosen)
        check_pages(self.tables[side], self.stores[side], chosen, 3)

    @rule()
    def what_was_handed_out_did_not_change(self) -> None:
        for facts, before in self.seen:
            assert {name: one.tobytes() for name, one in columns(facts).items()} == before


TestWriting = Writing.TestCase
TestWriting.settings = hypothesis_settings(max_examples=15, stateful_step_count=25, deadline=None)


def test_nothing_at_all(store: Store) -> None:
    table = FactTable(store)
    facts = table.now()
    assert len(facts) == 0
    assert facts.scores["nps"].dtype == np.float32
    assert facts.departments == facts.topics == facts.sources == ()
    assert check_filter(table, store, Filter(q="a", topic="late", attribute=("a", "b"))) == 0
    assert table.find(Filter(), 5) == ([], None)
    check(facts, store)


# ---- filters and pages


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, FactTable]]:
    """Four hundred feedback, some of them waiting, and an attribute with more values than a column has."""
    dice = Random(6)
    store = Store(tmp_path_factory.mktemp("facts") / "voc.db")
    store.prepare()
    rows = [feedback(dice) for _ in range(400)]
    wide = [
        validate({"text": "rộng", "attributes": {"wide": f"v{place}"}}) for place in range(VALUES_MOST + 50)
    ]
    keys = [one.feedback.id for one in store.add([*rows, *wide], holder="t", lease_s=9)]
    store.save([analysis(dice, key) for key in keys[:-30]], [None] * (len(keys) - 30), "r", OF_TOPIC)
    yield store, FactTable(store)
    store.close()


@pytest.mark.parametrize("name", FILTERS)
def test_each_value_of_a_field_is_what_sql_says(full: tuple[Store, FactTable], name: str) -> None:
    store, table = full
    found = [check_filter(table, store, Filter(**{name: value})) for value in FILTERS[name]]
    assert max(found) > 0
    assert len(set(found)) > 1 or name == "within"


@pytest.mark.parametrize(("one", "other"), list(combinations(FILTERS, 2)))
def test_each_pair_of_fields_is_what_sql_says(full: tuple[Store, FactTable], one: str, other: str) -> None:
    store, table = full
    dice = Random(f"{one} {other}")
    for _ in range(4):
        chosen = Filter(
            **{name: dice.choice(FILTERS[name]) for name in (one, other)},
            role=dice.choice((None, "owner", "cooperator")),
        )
        check_filter(table, store, chosen)


@pytest.mark.parametrize("limit", [1, 7, 60, 500])
def test_pages_are_those_of_the_store(full: tuple[Store, FactTable], limit: int) -> None:
    store, table = full
    for chosen in (Filter(), Filter(department="care"), Filter(q="giao"), Filter(attribute=("wide", "v7"))):
        check_pages(table, store, chosen, limit)


@pytest.mark.parametrize(
    "after",
    [("2026-10-05", "z"), ("2026-10-05T00:00:00.000Z", ""), ("", ""), ("zz", "0"), ("2026-99-99", "")],
)
def test_a_cursor_that_no_page_gave(full: tuple[Store, FactTable], after: tuple[str, str]) -> None:
    store, table = full
    assert table.find(Filter(), 9, after) == store.find(Filter(), 9, after)


def test_thousands_of_one_moment(store: Store) -> None:
    """A file with days only: the index of the database tells their order."""
    rows = [validate({"text": "x", "occurred_at": "2026-10-05", "source": "ab"[n % 2]}) for n in range(2_100)]
    store.add(rows, holder="t", lease_s=9)
    table = FactTable(store)
    check_pages(table, store, Filter(source="a"), 500)
    check_pages(table, store, Filter(), 499)


def test_more_departments_than_bits(store: Store) -> None:
    dice = Random(1)
    names = [f"d{n}" for n in range(DEPARTMENTS_MOST + 6)]
    rows = [feedback(dice) for _ in names]
    store.add(rows, holder="t", lease_s=9)
    judged = [
        Analysis(row.id, "vi", "negative", 0, 1, own, 1, (names[-1 - n],), "buy", "routed", (), (), (), "p")
        for n, (row, own) in enumerate(zip(rows, names, strict=True))
    ]  # fmt: skip
    store.save(judged, [None] * len(rows), "r")
    table = FactTable(store)
    for place in (0, len(names) - 1, DEPARTMENTS_MOST):
        name, other = names[place], names[-1 - place]
        assert check_filter(table, store, Filter(department=name)) == 2
        assert check_filter(table, store, Filter(department=name, role="owner")) == 1
        assert check_filter(table, store, Filter(department=name, role="cooperator")) == 1
        assert check_filter(table, store, Filter(within=name, also=other)) == 2
        assert check_filter(table, store, Filter(firefighting=name)) == 1
        assert table.now().implicates(name)[place]  # what it owns, though it may have no bit


def test_firefighting_is_what_reaches_care_and_belongs_elsewhere(store: Store) -> None:
    def judged(key: str, owner: str | None, cooperators: tuple[str, ...], hops: tuple[str, ...]) -> Analysis:
        return Analysis(
            key, "vi", "negative", 0, 1, owner, 1, cooperators, "buy", "routed", (), hops, (), "p"
        )

    cases = [
        ("sales", ("care",), (), True),
        ("sales", (), ("care", "sales"), True),
        ("sales", (), ("sales", "operations"), False),
        ("care", ("sales",), ("care", "sales"), False),
        (None, ("care",), ("care", "sales"), False),
    ]
    rows = [validate({"text": "a"}) for _ in cases]
    store.add(rows, holder="t", lease_s=9)
    store.save([judged(row.id, *case[:3]) for row, case in zip(rows, cases, strict=True)], [None] * 5, "r")
    table = FactTable(store)
    assert table.now().firefighting("care").tolist() == [case[3] for case in cases]
    assert check_filter(table, store, Filter(firefighting="care")) == 2


@pytest.mark.parametrize("text", DAYS)
def test_moments_are_whole_milliseconds(text: str) -> None:
    moment = milliseconds(text)
    assert moment is not None
    assert text_of(moment).startswith(text)


# ---- changes


def test_who_is_behind_the_oldest_line_reads_all_anew(store: Store) -> None:
    table = FactTable(store)
    before = store.changes.stamp()
    store.add([validate({"text": "a"})], holder="t", lease_s=9)
    after = store.changes.stamp()
    assert store.changes.since(before, after, 10) == [1]
    assert store.changes.since(before, after, 0) is None
    with store.write() as db:
        note(db, range(1, KEPT + SWEPT + 1))
    now = store.changes.stamp()
    assert now.change - now.oldest < KEPT + SWEPT
    assert store.changes.since(before, now, 10 * KEPT) is None
    assert store.changes.since(Stamp(now.change - 3, 0, 0), now, 10) == [
        KEPT + SWEPT - 2,
        KEPT + SWEPT - 1,
        KEPT + SWEPT,
    ]
    check(table.now(), store)


def test_one_line_stands_for_all(store: Store) -> None:
    before = store.changes.stamp()
    with store.write() as db:
        note(db, [1, 2])
        note_all(db)
    now = store.changes.stamp()
    assert now.oldest == now.change == before.change + 3
    assert store.changes.since(before, now, 10) is None
    with store.write() as db:
        note(db, [])
    assert store.changes.stamp() == now


def test_what_is_rolled_back_is_no_change(store: Store) -> None:
    before = store.changes.stamp()
    store.db.conn.execute("BEGIN")
    note(store.db, [1])
    store.db.conn.rollback()
    assert store.changes.stamp() == before


def test_after_a_restore_all_is_read_anew(store: Store, tmp_path: Path) -> None:
    dice = Random(3)
    store.add([feedback(dice) for _ in range(5)], holder="t", lease_s=9)
    backup.backup(store, tmp_path / "copy.db", by="an")
    table = FactTable(store)
    first = table.now()
    store.add([feedback(dice) for _ in range(5)], holder="t", lease_s=9)
    assert len(table.now()) == 10
    backup.restore(store.path, tmp_path / "copy.db", by="an", after_restore=lambda _copy, _live: 0)
    assert len(table.now()) == 5
    check(table.now(), store)
    store.add([feedback(dice) for _ in range(5)], holder="t", lease_s=9)  # as many changes as there were
    assert len(table.now()) == 10
    check(table.now(), store)
    assert len(first) == 5


def test_many_threads_see_every_change(store: Store) -> None:
    """Whoever asks after a write has it in the answer, while others write and ask."""
    table = FactTable(store)

    def work(seed: int) -> None:
        dice = Random(seed)
        try:
            for _ in range(15):
                rows = [feedback(dice) for _ in range(3)]
                store.add(rows, holder="t", lease_s=9)
                store.save([analysis(dice, rows[0].id)], [None], "r", OF_TOPIC)
                facts = table.now()
                numbers = store.erasures.numbers_by_id([row.id for row in rows])
                places = np.searchsorted(facts.number, numbers)
                assert facts.number[places].tolist() == numbers
                assert facts.language[places].tolist()[1:] == [-1, -1]
                assert facts.language[places[0]] >= 0
                before = store.count(Filter())
                assert min(20, before) <= len(table.find(Filter(), 20)[0]) <= 20
        finally:
            store.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, seed) for seed in range(4)]:
            done.result()
    assert len(table.now()) == 180
    check(table.now(), store)


def test_a_small_database_is_not_read_ahead(store: Store) -> None:
    stop = threading.Event()
    table = FactTable(store)
    store.add([feedback(Random(1))], holder="t", lease_s=9)
    assert store.columns.last_number() < AHEAD_FROM
    stop.set()
    table.run(stop)
    assert table.loaded is None
    table.now()
    assert table.loaded is not None


# ---- as the routes and the commands take the filter


@pytest.fixture
def three(services: Services) -> list[str]:
    """Ids of three feedback: of sales with care, of care, and one that waits."""
    rows = [
        validate({"text": "Tư vấn sai", "attributes": {"product": "fibre: 100", "seats": 3, "vip": True}}),
        validate({"text": "Tổng đài bận", "attributes": {"product": "data", "seats": 3.5}}),
        validate({"text": "Chờ", "attributes": {"product": "data", "seats": "3"}}),
    ]
    services.store.add(rows, holder="t", lease_s=1e6)
    judged = [
        Analysis(
            rows[0].id, "vi", "negative", -1, 1, "sales", 1, ("care",), "buy", "routed", (), (), (), "p"
        ),
        Analysis(rows[1].id, "vi", "negative", -1, 1, "care", 1, (), "support", "routed", (), (), (), "p"),
    ]
    services.store.save(judged, [None, None], "r")
    return [row.id for row in rows]


FOUND: tuple[tuple[dict[str, str], list[int]], ...] = (
    ({"touchpoint": "buy"}, [0]),
    ({"department": "sales", "also": "care"}, [0]),
    ({"also": "care"}, [0, 1]),
    ({"attribute": "product:fibre: 100"}, [0]),
    ({"attribute": "product:data"}, [1, 2]),
    ({"attribute": "seats:3"}, [0, 2]),
    ({"attribute": "seats:3.5"}, [1]),
    ({"attribute": "vip:true"}, [0]),
    ({"attribute": "vip:"}, []),
    ({"attribute": "shape:round"}, []),
    ({"firefighting": "true"}, [0]),
    ({"firefighting": "false"}, [0, 1, 2]),
)


@pytest.mark.parametrize(("address", "places"), FOUND)
def test_the_list_of_the_service(
    client: FlaskClient, three: list[str], address: dict[str, str], places: list[int]
) -> None:
    items = client.get("/v1/feedback", query_string=address).get_json()["items"]
    assert {item["feedback"]["id"] for item in items} == {three[place] for place in places}


@pytest.mark.parametrize("said", ["product", ":data", ""])
def test_an_attribute_needs_name_and_value(client: FlaskClient, said: str) -> None:
    answer = client.get("/v1/feedback", query_string={"attribute": said})
    assert answer.status_code == 422
    assert answer.get_json()["error"]["field"] == "attribute"


def test_who_puts_out_fires_is_who_covers_care(
    client: FlaskClient, three: list[str], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company that calls customer care by another name, and one that has none."""

    def found(*departments: dict[str, Any]) -> list[str]:
        names = {"vi": "a", "en": "a"}
        organization = Organization.model_validate({
            "departments": [{"key": "x", "name": names, "remit": names, **one} for one in departments],
            "touchpoints": dict.fromkeys(TOUCHPOINTS, names),
        })  # fmt: skip
        monkeypatch.setattr(type(services), "organization", organization)
        items = client.get("/v1/feedback?firefighting=true").get_json()["items"]
        return [item["feedback"]["id"] for item in items]

    assert found({"key": "help-desk", "covers": ["care"]}) == []
    assert found({"key": "sales", "covers": ["care"]}) == []
    assert found({"key": "care", "covers": ["care"]}) == [three[0]]
    assert found({"key": "x", "covers": ["sales"]}) == []


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (["--touchpoint", "buy"], [0]),
        (["--department", "sales", "--also", "care"], [0]),
        (["--attribute", "product:fibre: 100"], [0]),
        (["--firefighting"], [0]),
        (["--until", "9999-12-31"], [0, 1, 2]),
        ([], [0, 1, 2]),
    ],
)
def test_the_options_of_the_commands(
    settings: Settings, three: list[str], tmp_path: Path, options: list[str], places: list[int]
) -> None:
    file = tmp_path / "out.jsonl"
    done = CliRunner().invoke(main, ["--db", str(settings.db), "export", str(file), *options])
    assert done.exit_code == 0, done.output
    lines = file.read_text("utf-8").splitlines()
    assert {json.loads(line)["feedback"]["id"] for line in lines} == {three[place] for place in places}


def test_an_option_for_an_attribute_needs_name_and_value(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    done = CliRunner().invoke(main, ["--db", str(settings.db), "export", str(file), "--attribute", "product"])
    assert done.exit_code == 2
    assert "must be NAME:VALUE" in done.output
