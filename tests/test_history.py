"""History judged again: dry runs count what runs do, killed ones go on, rolled back ones never were."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from voc import registry as topics
from voc.errors import Conflict, NotFound
from voc.history import Change, judged
from voc.pipeline import Pipeline
from voc.process import new_holder
from voc.records import Feedback, Reading
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter, KeptReading, Store

Make = Callable[..., Feedback]
TEXTS = (
    "giao hàng chậm quá, gọi tổng đài không ai nghe", "app lỗi hoài không đăng nhập được", "😍",
    "shop giao trễ ba ngày", "the parcel arrived late again", "nhân viên thô lỗ", "giao hàng trễ, hàng móp",
    "phí chuyển khoản cao", "ship lâu, shipper cọc cằn",
)  # fmt: skip


@pytest.fixture
def filled(services: Services, feedback: Make) -> Services:
    """Nine feedback judged by the shipped pipeline."""
    sources = [("shop", "app")[i % 2] for i in range(len(TEXTS))]
    rows = [feedback(f"f{i}", TEXTS[i], source=sources[i]) for i in range(len(TEXTS))]
    services.worklist.submit(rows)
    return services


def move(services: Services, key: str = "delivery-late", department: str = "sales") -> None:
    """A person sends a topic to another department: a real change of the pipeline that encodes nothing."""
    known = services.pipelines.get().topics.registry
    services.store.topics.make(topics.move(known, key, department), known, author="lan")


def tables(store: Store, *left_out: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for times and who held what."""
    found = {}
    for (name,) in store.db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
        if name.startswith(("feedback_words", "sqlite_")) or name in left_out:
            continue
        columns = [row[1] for row in store.db.execute(f"PRAGMA table_info({name})")]
        kept = [one for one in columns if one not in ("started_at", "finished_at", "held_by", "held_until")]
        chosen = ", ".join(f'"{column}"' for column in kept)
        rows = store.db.execute(f"SELECT {chosen} FROM {name}")  # noqa: S608
        found[name] = sorted((tuple(row) for row in rows), key=repr)
    return found


def shown(store: Store) -> dict[str, tuple[Any, ...]]:
    return {
        kept.feedback.id: (kept.analysis.pipeline, kept.analysis.owner, kept.analysis.segments)
        for kept in store.every(Filter())
    }


def no_encoding(texts: list[str]) -> list[Reading]:
    """Stands where texts are read: there must be none."""
    assert texts == []
    return []


def test_nothing_to_do_is_no_run(filled: Services) -> None:
    run, change = filled.history.run(Filter())
    assert (run, change.rows) == (None, 0)
    assert filled.store.runs.every() == []


def test_a_run_judges_all_by_the_new_pipeline_and_encodes_nothing(filled: Services, monkeypatch) -> None:
    before = filled.pipelines.get().version
    move(filled)
    pipeline = filled.pipelines.get()
    assert pipeline.version != before
    monkeypatch.setattr(pipeline.reader, "read", no_encoding)
    run, change = filled.history.run(Filter())
    assert (run.state, run.rows, change.rows, change.encoded) == ("finished", 9, 9, 0)
    owners = {key: owner for key, (_, owner, _) in shown(filled.store).items()}
    assert {version for version, _, _ in shown(filled.store).values()} == {pipeline.version}
    assert (owners["f3"], owners["f4"]) == ("sales", "sales")
    assert (owners["f1"], owners["f7"]) == ("digital", "finance")
    moved = {(one["from"], one["to"]): one["count"] for one in change.as_dict()["owners_moved"]}
    assert moved == {("logistics", "sales"): sum(owner == "sales" for owner in owners.values())}


def test_a_dry_run_counts_what_the_run_then_does(filled: Services) -> None:
    before = tables(filled.store)
    owners_before = {key: owner for key, (_, owner, _) in shown(filled.store).items()}
    move(filled)
    dry = filled.history.try_out(Filter())
    untouched = tables(
        filled.store, "topics", "themes", "prototypes", "topic_events", "topic_space", "sqlite_sequence"
    )
    assert untouched == {name: rows for name, rows in before.items() if name in untouched}
    _, done = filled.history.run(Filter())
    assert dry.as_dict() == done.as_dict()
    counted = Counter(
        (owners_before[key], owner)
        for key, (_, owner, _) in shown(filled.store).items()
        if owner != owners_before[key]
    )
    told = {(one["from"], one["to"]): one["count"] for one in done.as_dict()["owners_moved"]}
    assert told == dict(counted)
    balance = {one["department"]: one["gains"] - one["loses"] for one in done.as_dict()["departments"]}
    assert balance["sales"] == -balance["logistics"] == sum(counted.values()) > 0


def test_moves_are_told_with_examples(filled: Services) -> None:
    move(filled)
    change = filled.history.try_out(Filter())
    (moved,) = filled.history.told(change)["owners_moved"]
    assert (moved["from"], moved["to"]) == ("logistics", "sales")
    texts = {f"f{i}": text for i, text in enumerate(TEXTS)}
    assert len(moved["examples"]) == min(3, moved["count"])
    assert all(example["text"] == texts[example["id"]] for example in moved["examples"])


def test_the_old_answers_are_shown_until_the_last_new_one_is_there(filled: Services, monkeypatch) -> None:
    monkeypatch.setattr("voc.history.PAGE", 2)
    before = shown(filled.store)
    move(filled)
    seen = []

    def watched(_: int) -> None:
        seen.append(shown(filled.store) == before)

    filled.history.run(Filter(), watched)
    assert seen == [True] * 5
    assert shown(filled.store).keys() == before.keys()
    assert shown(filled.store) != before


def stop_after(pages: int) -> Callable[[int], None]:
    """A progress callback that ends the run in the middle."""
    left = iter(range(pages))

    def progress(_: int) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return progress


def test_a_stopped_run_goes_on_and_ends_as_if_undisturbed(
    filled: Services, tmp_path: Path, feedback: Make, pipeline: Pipeline, monkeypatch
) -> None:
    monkeypatch.setattr("voc.history.PAGE", 2)
    other = Services(Settings(db=tmp_path / "other.db"))
    other.pipelines.use(pipeline)
    other.worklist.submit([kept.feedback for kept in reversed(list(filled.store.every(Filter())))])
    sorted_rows = sorted(kept.feedback.id for kept in filled.store.every(Filter()))
    assert sorted(kept.feedback.id for kept in other.store.every(Filter())) == sorted_rows
    move(filled)
    move(other)
    with pytest.raises(KeyboardInterrupt):
        filled.history.run(Filter(), stop_after(2))
    (half,) = filled.store.runs.every()
    assert (half.state, half.rows) == ("running", 6)
    run, change = filled.history.run(Filter())
    assert (run.number, run.rows, change.rows) == (half.number, 9, 9)
    other_run, other_change = other.history.run(Filter())
    assert other_change.as_dict()["owners_moved"] != []
    assert {key: value for key, value in change.as_dict().items() if key != "owners_moved"} == {
        key: value for key, value in other_change.as_dict().items() if key != "owners_moved"
    }
    assert shown(filled.store) == shown(other.store)
    assert other_run.rows == run.rows
    other.store.close()


KILLED = """
    import os, signal, sys
    from voc import history
    from voc.services import Services
    from voc.settings import Settings
    from voc.store import Filter

    history.PAGE = 2
    pages = iter(range(2))

    def progress(_):
        if next(pages, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    Services(Settings(db=sys.argv[1])).history.run(Filter(), progress)
"""


def test_a_killed_run_leaves_identical_tables_in_the_end(
    filled: Services, settings: Settings, monkeypatch
) -> None:
    move(filled)
    monkeypatch.setattr("voc.history.PAGE", 2)
    filled.store.close()
    copy = settings.db.with_name("undisturbed.db")
    for ending in ("", "-wal"):
        source = Path(f"{settings.db}{ending}")
        if source.exists():
            Path(f"{copy}{ending}").write_bytes(source.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(settings.db)], capture_output=True
    )
    assert done.returncode == -signal.SIGKILL
    (half,) = filled.store.runs.every()
    assert (half.state, half.rows) == ("running", 6)
    filled.history.run(Filter())

    undisturbed = Services(Settings(db=copy))
    undisturbed.history.run(Filter())
    assert tables(filled.store) == tables(undisturbed.store)
    assert tables(filled.store)["runs"] != []
    undisturbed.store.close()


def test_a_rollback_leaves_what_was_before(filled: Services) -> None:
    move(filled)
    before = tables(filled.store, "runs", "changes")
    run, _ = filled.history.run(Filter())
    assert tables(filled.store, "runs", "changes") != before
    assert filled.history.rollback(run.number).state == "rolled_back"
    assert tables(filled.store, "runs", "changes") == before
    with pytest.raises(Conflict) as caught:
        filled.history.rollback(run.number)
    assert caught.value.code == "run_not_finished"
    with pytest.raises(NotFound) as unknown:
        filled.history.rollback(99)
    assert unknown.value.code == "run_unknown"


def test_what_a_killed_rollback_leaves_is_swept_before_the_next_run(filled: Services, monkeypatch) -> None:
    monkeypatch.setattr("voc.store.runs.SWEPT_AT_ONCE", 2)
    start = shown(filled.store)
    move(filled)
    run, _ = filled.history.run(Filter())
    done = shown(filled.store)
    with monkeypatch.context() as patch:  # as if killed after the first of its transactions
        patch.setattr(type(filled.store.runs), "_sweep", lambda _: None)
        filled.history.rollback(run.number)
    assert shown(filled.store) == start
    assert filled.store.db["analyses"].count == 18
    again, _ = filled.history.run(Filter())
    assert shown(filled.store) == done
    assert {row["run"] for row in filled.store.db["analyses"].rows} == {None, again.number}
    assert {row["run"] for row in filled.store.db["replaced"].rows} == {again.number}


def test_runs_are_rolled_back_in_the_order_of_a_stack(filled: Services) -> None:
    start = shown(filled.store)
    move(filled)
    first, _ = filled.history.run(Filter())
    middle = shown(filled.store)
    move(filled, "delivery-late", "care")
    second, _ = filled.history.run(Filter())
    with pytest.raises(Conflict) as caught:
        filled.history.rollback(first.number)
    assert caught.value.code == "run_followed"
    filled.history.rollback(second.number)
    assert shown(filled.store) == middle
    filled.history.rollback(first.number)
    assert shown(filled.store) == start


def test_pruned_runs_are_final_and_the_last_one_can_be_taken_back(filled: Services) -> None:
    move(filled)
    first, _ = filled.history.run(Filter())
    middle = shown(filled.store)
    move(filled, "delivery-late", "care")
    second, _ = filled.history.run(Filter())
    assert filled.store.db["analyses"].count == 27
    assert filled.store.runs.prune(1) == 9
    assert filled.store.runs.get(first.number).state == "final"
    filled.history.rollback(second.number)
    assert shown(filled.store) == middle
    with pytest.raises(Conflict) as caught:
        filled.history.rollback(first.number)
    assert caught.value.code == "run_not_finished"
    assert filled.store.runs.prune(0) == 0
    assert filled.store.db["analyses"].count == 9


def undo_last_move(services: Services) -> None:
    moved = [one for one in services.store.topics.history() if one.action == "move" and not one.undone]
    services.store.topics.undo(moved[-1].number, author="lan")


def test_taking_back_a_run_under_a_stopped_one_abandons_that(filled: Services, monkeypatch) -> None:
    monkeypatch.setattr("voc.history.PAGE", 4)
    start = shown(filled.store)
    move(filled)
    first, _ = filled.history.run(Filter())
    move(filled, "delivery-late", "care")
    with pytest.raises(KeyboardInterrupt):
        filled.history.run(Filter(), stop_after(1))
    filled.history.rollback(first.number)
    assert [run.state for run in filled.store.runs.every()] == ["abandoned", "rolled_back"]
    assert shown(filled.store) == start
    again, _ = filled.history.run(Filter())
    filled.history.rollback(again.number)
    assert shown(filled.store) == start


def test_pruning_keeps_what_a_stopped_run_will_show(filled: Services, monkeypatch) -> None:
    monkeypatch.setattr("voc.history.PAGE", 4)
    start = shown(filled.store)
    move(filled)
    filled.history.run(Filter())
    undo_last_move(filled)
    with pytest.raises(KeyboardInterrupt):
        filled.history.run(Filter(), stop_after(1))
    filled.store.runs.prune(0)
    filled.history.run(Filter())
    assert shown(filled.store) == start


def test_a_run_that_was_taken_over_writes_nothing_more(filled: Services) -> None:
    move(filled)
    pipeline = filled.pipelines.get()
    runs = filled.store.runs
    mine = runs.begin(pipeline.version, Filter(), holder="elsewhere/1-a", lease_s=-1)
    theirs = runs.begin(pipeline.version, Filter(), holder="elsewhere/2-b", lease_s=600)
    assert theirs.number == mine.number
    rows = runs.page(pipeline.reader.version, pipeline.version, Filter(), 0, 100, mine)
    analyses, fresh = judged(pipeline, rows)
    with pytest.raises(Conflict) as kept:
        runs.keep(mine, rows, analyses, fresh, pipeline.reader.version, {}, {}, lease_s=9)
    with pytest.raises(Conflict) as finished:
        runs.finish(mine)
    assert kept.value.code == finished.value.code == "run_in_progress"
    runs.release(mine)
    assert (runs.get(mine.number).held_by, runs.get(mine.number).rows) == ("elsewhere/2-b", 0)


def test_a_stopped_run_is_not_thrown_away_for_another_selection(filled: Services, monkeypatch) -> None:
    monkeypatch.setattr("voc.history.PAGE", 4)
    move(filled)
    with pytest.raises(KeyboardInterrupt):
        filled.history.run(Filter(), stop_after(1))
    with pytest.raises(Conflict) as caught:
        filled.history.run(Filter(source="app"))
    assert caught.value.code == "run_unfinished"
    run, _ = filled.history.run(Filter())
    assert (run.number, run.rows) == (1, 9)


def test_a_corrected_topic_follows_the_registry_back(filled: Services) -> None:
    departments = filled.pipelines.get().department_of_topic
    filled.store.corrections.add(
        "f7", [(None, "topic", "delivery-late", None)], author="lan", reason=None, departments=departments
    )
    assert filled.store.get("f7").analysis.owner == "logistics"
    move(filled)
    filled.history.run(Filter())
    assert filled.store.get("f7").analysis.owner == "sales"
    filled.store.corrections.add(
        "f7", [(None, "sentiment", "mixed", "negative")], author="lan", reason=None,
        departments=filled.pipelines.get().department_of_topic,
    )  # fmt: skip
    undo_last_move(filled)
    dry = filled.history.try_out(Filter())
    _, done = filled.history.run(Filter())
    assert dry.as_dict() == done.as_dict()
    assert filled.store.get("f7").analysis.owner == "logistics"


def test_back_to_a_pipeline_that_judged_before(filled: Services) -> None:
    start = shown(filled.store)
    move(filled)
    filled.history.run(Filter())
    (event,) = [one for one in filled.store.topics.history() if one.action == "move"]
    filled.store.topics.undo(event.number, author="lan")
    run, change = filled.history.run(Filter())
    assert change.rows == 9
    assert shown(filled.store) == start
    filled.history.rollback(run.number)
    assert {owner for _, owner, _ in shown(filled.store).values()} >= {"sales"}


def test_an_unfinished_run_of_another_pipeline_is_thrown_away(filled: Services, monkeypatch) -> None:
    monkeypatch.setattr("voc.history.PAGE", 2)
    move(filled)
    abandoned = filled.pipelines.get().version
    with pytest.raises(KeyboardInterrupt):
        filled.history.run(Filter(), stop_after(1))
    move(filled, "delivery-late", "care")
    run, _ = filled.history.run(Filter())
    assert [one.state for one in filled.store.runs.every()] == ["finished", "abandoned"]
    assert run.rows == 9
    kept = {row[0] for row in filled.store.db.execute("SELECT DISTINCT pipeline FROM analyses")}
    assert abandoned not in kept


def test_two_runs_at_once_are_refused(filled: Services) -> None:
    move(filled)
    version = filled.pipelines.get().version
    filled.store.runs.begin(version, Filter(), holder="elsewhere/1-a", lease_s=600)
    with pytest.raises(Conflict) as caught:
        filled.history.run(Filter())
    assert caught.value.code == "run_in_progress"
    assert "elsewhere/1-a" in caught.value.message


def test_a_run_of_a_dead_process_is_taken_over_at_once(filled: Services) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    holder = new_holder().replace(f"/{os.getpid()}-", f"/{child.pid}-")
    move(filled)
    begun = filled.store.runs.begin(filled.pipelines.get().version, Filter(), holder=holder, lease_s=600)
    run, _ = filled.history.run(Filter())
    assert (run.number, run.state, run.rows) == (begun.number, "finished", 9)


def test_feedback_that_comes_in_meanwhile_is_judged_too(
    filled: Services, feedback: Make, monkeypatch
) -> None:
    monkeypatch.setattr("voc.history.PAGE", 4)
    old = filled.pipelines.get()
    move(filled)
    arrived = iter(["late"])

    def arriving(_: int) -> None:
        for key in arrived:
            row = feedback(key, "giao hàng trễ quá trời")
            filled.store.add([row], holder="h", lease_s=9)
            filled.store.save(old.analyze([key], [row.text]), [None], old.reader.version)

    run, change = filled.history.run(Filter(), arriving)
    assert (run.rows, change.rows, change.encoded) == (10, 10, 1)
    assert filled.store.get("late").analysis.pipeline == filled.pipelines.get().version


def test_a_run_narrows_by_source_and_day(filled: Services) -> None:
    move(filled)
    run, change = filled.history.run(Filter(source="app"))
    assert (run.selection, change.rows) == ({"source": "app"}, 4)
    assert filled.history.left(Filter()) == 5
    assert filled.history.left(Filter(since="2027-01-01")) == 0


def test_corrections_stay_and_are_counted(filled: Services) -> None:
    departments = filled.pipelines.get().department_of_topic
    filled.store.corrections.add(
        "f3", [(None, "owner", "finance", "logistics")], author="lan", reason=None, departments=departments
    )
    move(filled)
    dry = filled.history.try_out(Filter())
    _, change = filled.history.run(Filter())
    assert dry.as_dict() == change.as_dict()
    assert change.corrected == 1
    kept = filled.store.get("f3")
    assert (kept.analysis.owner, kept.corrected) == ("finance", ("owner",))
    assert all("f3" not in one["examples"] for one in change.as_dict()["owners_moved"])


def test_a_correction_during_a_run_is_there_when_it_ends(filled: Services, monkeypatch) -> None:
    monkeypatch.setattr("voc.history.PAGE", 4)
    move(filled)
    departments = filled.pipelines.get().department_of_topic
    pending = iter([1])

    def correcting(_: int) -> None:
        for _ in pending:
            filled.store.corrections.add(
                "f0", [(None, "owner", "product", "x")], author="lan", reason=None, departments=departments
            )

    filled.history.run(Filter(), correcting)
    assert filled.store.get("f0").analysis.owner == "product"
    assert filled.store.get("f0").analysis.pipeline == filled.pipelines.get().version


def test_a_new_reader_reads_again_and_the_old_reading_stays(filled: Services, monkeypatch) -> None:
    pipeline = filled.pipelines.get()
    old = pipeline.reader.version
    before = tables(filled.store, "runs", "changes")
    monkeypatch.setattr(pipeline, "version", "2099.01-eeeeee")
    monkeypatch.setattr(pipeline.reader, "version", "e5s-new-r1")
    run, change = filled.history.run(Filter())
    assert (change.rows, change.encoded) == (9, 9)
    readers = Counter(row[0] for row in filled.store.db.execute("SELECT reader FROM readings"))
    assert readers == {old: 9, "e5s-new-r1": 9}
    filled.history.rollback(run.number)
    after = tables(filled.store, "runs", "changes")
    assert {name: rows for name, rows in after.items() if name != "readings"} == {
        name: rows for name, rows in before.items() if name != "readings"
    }


def test_counting_goes_on_from_its_state() -> None:
    assert Change.of({}) == Change()
    change = Change(3, 1, 2)
    change.owners["care", None] = 2
    change.owners["care", "care"] = 1
    change.topics[None, "late"] = 4
    change.examples["care", None] = ["a"]
    again = Change.of(change.state())
    assert again == change
    assert again.as_dict()["departments"] == [
        {"department": None, "gains": 2, "loses": 0}, {"department": "care", "gains": 0, "loses": 2},
    ]  # fmt: skip
    assert again.as_dict()["owners_moved"] == [{"from": "care", "to": None, "count": 2, "examples": ["a"]}]


def rows_of(store: Store, pipeline: Pipeline) -> Iterator[KeptReading]:
    yield from store.runs.page(pipeline.reader.version, "another", Filter(), 0, 100)


def test_a_page_is_judged_as_the_pipeline_does(filled: Services) -> None:
    pipeline = filled.pipelines.get()
    rows = list(rows_of(filled.store, pipeline))
    kept, fresh = judged(pipeline, rows)
    assert fresh == [None] * 9
    assert kept == [row.shown for row in rows]
    unread = [replace(row, reading=None) for row in rows]
    read, fresh = judged(pipeline, unread)
    assert [one is not None for one in fresh] == [True] * 9
    assert [(one.owner, one.sentiment) for one in read] == [(one.owner, one.sentiment) for one in kept]
