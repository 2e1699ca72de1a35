"""Schema steps: from blank and from each older schema, once, in transactions, never backwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from voc.errors import SchemaTooNew
from voc.migrations import migrate, steps
from voc.records import Feedback
from voc.store import Filter, Store

NAMES = [step.name for step in steps._migrations]
KEPT = Feedback(
    "f1", "Muốn đổi trả", "test", "e1", "2026-11-02T08:00:00.000Z", "2026-11-02T08:00:01.000Z",
    "chat", "buy", "c1", {"nps": 3}, {"vùng": "HN", "vip": True},
)  # fmt: skip
TABLES = {
    "feedback", "feedback_words", "analyses", "segments", "runs", "readings", "work_list", "topics", "shown",
    "corrections", "themes", "prototypes", "topic_events", "topic_space", "proposals", "proposal_items",
    "models", "model_files", "promotions", "replaced", "changes",
}  # fmt: skip


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An empty database file."""
    db = Database(tmp_path / "voc.db")
    yield db
    db.close()


def schema(db: Database) -> list[tuple[str, str]]:
    rows = db.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '_sqlite%' ORDER BY name")
    return [tuple(row) for row in rows]


def add_by_hand(db: Database) -> None:
    """A row as the oldest version kept it."""
    db.execute(
        "INSERT INTO feedback (number, id, text, source, external_id, occurred_at, received_at, channel, "
        "touchpoint, customer_ref, scores, attributes) VALUES "
        "(7, 'f1', 'Muốn đổi trả', 'test', 'e1', '2026-11-02T08:00:00.000Z', '2026-11-02T08:00:01.000Z', "
        """'chat', 'buy', 'c1', '{"nps":3}', '{"vùng":"HN","vip":true}')"""
    )
    db.execute("INSERT INTO feedback_words (rowid, folded) VALUES (7, 'muon doi tra')")
    db.conn.commit()


def test_from_blank(db: Database) -> None:
    assert migrate(db) == NAMES
    assert set(db.table_names()) >= TABLES
    assert [step.name for step in steps.applied(db)] == NAMES


def test_a_second_time_nothing_is_applied(db: Database) -> None:
    migrate(db)
    before = schema(db)
    assert migrate(db) == []
    assert schema(db) == before


def test_names_are_ordered() -> None:
    assert sorted(NAMES) == NAMES
    assert [name[:4] for name in NAMES] == [f"{number:04}" for number in range(1, len(NAMES) + 1)]


@pytest.mark.parametrize("next_step", range(1, len(NAMES)))
def test_rows_of_each_older_schema_are_kept(tmp_path: Path, db: Database, next_step: int) -> None:
    steps.apply(db, stop_before=NAMES[next_step])
    add_by_hand(db)
    blank = Database(memory=True)
    migrate(blank)
    store = Store(tmp_path / "voc.db")
    assert store.prepare() == NAMES[next_step:]
    assert schema(store.db) == schema(blank)
    kept = store.get("f1")
    assert kept is not None
    assert (kept.feedback, kept.analysis) == (KEPT, None)
    assert store.count(Filter(q="đổi trả")) == 1
    assert store.add([KEPT], holder="h", lease_s=1)[0].outcome == "exists"
    store.close()
    blank.close()


@pytest.mark.parametrize("next_step", [1, 2, 3])
def test_rows_without_an_analysis_wait_after_the_step(tmp_path: Path, db: Database, next_step: int) -> None:
    steps.apply(db, stop_before=NAMES[next_step])
    add_by_hand(db)
    store = Store(tmp_path / "voc.db")
    store.prepare()
    assert store.claim("h", 10, 1) == [("f1", "Muốn đổi trả")]
    store.close()


def test_a_newer_database_is_refused_and_left_alone(db: Database) -> None:
    steps.apply(db, stop_before=NAMES[2])
    db["_sqlite_migrations"].insert({"migration_set": "voc", "name": "0099_later", "applied_at": "2027"})
    before = schema(db)
    with pytest.raises(SchemaTooNew, match="0099_later") as caught:
        migrate(db)
    assert caught.value.code == "schema_too_new"
    assert schema(db) == before


def test_the_store_refuses_a_newer_database(tmp_path: Path, db: Database) -> None:
    migrate(db)
    db["_sqlite_migrations"].insert({"migration_set": "voc", "name": "0099_later", "applied_at": "2027"})
    store = Store(tmp_path / "voc.db")
    with pytest.raises(SchemaTooNew):
        store.prepare()
    store.close()


def test_steps_of_other_programs_do_not_matter(db: Database) -> None:
    migrate(db)
    db["_sqlite_migrations"].insert({"migration_set": "other", "name": "0099_later", "applied_at": "2027"})
    assert migrate(db) == []


def _half(db: Database) -> None:
    db.execute("CREATE TABLE half_done (a)")
    db.execute("INSERT INTO feedback (id) VALUES ('no text')")


def test_a_failing_step_leaves_nothing_and_stays_pending(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(db)
    add_by_hand(db)
    before = schema(db)
    failing = steps._Migration("0099_half", _half)
    monkeypatch.setattr(steps, "_migrations", [*steps._migrations, failing])
    with pytest.raises(sqlite3.IntegrityError):
        migrate(db)
    assert schema(db) == before
    assert [step.name for step in steps.pending(db)] == ["0099_half"]
    assert db["feedback"].count == 1


def test_a_failing_step_in_a_new_store_leaves_it_blank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = steps._Migration("0099_half", _half)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "_migrations", [*steps._migrations, failing])
        store = Store(tmp_path / "new.db")
        with pytest.raises(Exception, match="NOT NULL") as caught:
            store.prepare()
        assert getattr(caught.value, "code", None) == "store_unusable"
        assert store.db.table_names() == []
    assert store.prepare() == NAMES
    store.close()
