"""The whole database out and back, while others work with it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from voc import acts, migrations, rights
from voc.backup import Backup, backup, restore
from voc.cli import main
from voc.errors import Conflict, InvalidInput, NotFound, SchemaTooNew, StoreError, Unavailable
from voc.pipeline import Pipeline
from voc.records import Feedback
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter, Store, Vitals, translated
from voc.store import backup as pages

Make = Callable[..., Feedback]


def none_erased(_copy: Store, _live: Store) -> int:
    return 0


def put_back(live: Path, source: Path, **given: Any) -> Any:
    return restore(live, source, by="test", **({"after_restore": none_erased} | given))


@pytest.fixture
def filled(store: Store, feedback: Make) -> Store:
    """A store with three feedback."""
    store.add([feedback(key, f"giao trễ {key}") for key in "abc"], holder="t", lease_s=60)
    return store


@pytest.fixture
def kept(filled: Store, tmp_path: Path) -> Path:
    """A backup of it."""
    path = tmp_path / "kept.db"
    backup(filled, path, by="test")
    return path


def ids(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        return {row[0] for row in db.execute("SELECT id FROM feedback")}


def damage(path: Path, page: int) -> None:
    """Overwrites one page of 4,096 bytes."""
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xde\xad\xbe\xef" * 1024)


def root_of(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
        return int(page)


def leftovers(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.name.endswith(".part") or "before" in path.name
    )


# ---- out


def test_a_backup_is_one_whole_file(filled: Store, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    done = backup(filled, target, by="command:lan")
    assert done == Backup(
        str(target), hashlib.sha256(target.read_bytes()).hexdigest(), target.stat().st_size, 3, done.tables
    )
    assert (done.tables["feedback"], done.tables["work_list"], done.tables["segments"]) == (3, 3, 0)
    assert target.stat().st_mode & 0o777 == 0o600
    assert ids(target) == {"a", "b", "c"}
    with closing(sqlite3.connect(target)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    assert leftovers(tmp_path) == []
    (noted,) = filled.copies.list("backup")
    assert (noted.path, noted.made_by, noted.rows) == (str(target), "command:lan", 3)


def test_what_is_there_is_replaced_by_force_only(filled: Store, kept: Path) -> None:
    before = kept.read_bytes()
    with pytest.raises(Conflict) as caught:
        backup(filled, kept, by="test")
    assert caught.value.code == "backup_exists"
    assert kept.read_bytes() == before
    assert backup(filled, kept, by="test", force=True).sha256 == hashlib.sha256(kept.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["voc.db", "voc.db-wal", "link.db", "nowhere/copy.db", "folder"])
def test_where_no_backup_can_be(filled: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / "link.db").symlink_to(filled.path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInput) as caught:
        backup(filled, tmp_path / name, by="test", force=True)
    assert caught.value.code == "backup_target_invalid"
    assert ids(filled.path) == {"a", "b", "c"}


def test_a_damaged_database_gives_no_backup(filled: Store, tmp_path: Path) -> None:
    filled.close()
    Vitals(filled.path).checkpoint()
    damage(filled.path, root_of(filled.path, "feedback_source"))
    with pytest.raises(StoreError) as caught:
        backup(filled, tmp_path / "copy.db", by="test")
    assert caught.value.code in {"backup_damaged", "store_corrupt"}
    assert not (tmp_path / "copy.db").exists()
    assert leftovers(tmp_path) == []


def test_writers_go_on_while_it_is_written_and_it_is_one_moment(
    filled: Store, feedback: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGES", 5)
    written: list[str] = []

    def write_meanwhile(left: int, _total: int) -> None:
        if left and len(written) < 10:
            key = f"m{len(written)}"
            other = Store(filled.path, busy_timeout_ms=0)  # it would fail if it had to wait
            other.add([feedback(key, "trong lúc sao")], holder="t", lease_s=60)
            other.close()
            written.append(key)

    done = backup(filled, tmp_path / "copy.db", by="test", progress=write_meanwhile)
    assert len(written) == 10
    assert done.rows == 3
    assert ids(tmp_path / "copy.db") == {"a", "b", "c"}
    assert filled.count(Filter()) == 13


# ---- back


def test_a_restore_brings_the_rows_back_and_keeps_those_of_before(
    filled: Store, kept: Path, feedback: Make
) -> None:
    filled.add([feedback("later", "đến sau")], holder="t", lease_s=60)
    done = put_back(filled.path, kept)
    assert (done.rows, done.steps, done.erased, done.moved) == (3, (), 0, False)
    assert {row.feedback.id for row in filled.every(Filter())} == {"a", "b", "c"}  # over an open connection
    assert ids(Path(done.safety)) == {"a", "b", "c", "later"}
    assert Path(done.safety).stat().st_mode & 0o777 == 0o600
    assert [(copy.path, copy.rows) for copy in filled.copies.list("backup")] == [
        (done.safety, None), (str(kept.absolute()), 3),
    ]  # fmt: skip
    assert leftovers(filled.path.parent) == [Path(done.safety).name]
    filled.add([feedback("new", "tiếp tục")], holder="t", lease_s=60)
    assert filled.count(Filter()) == 4
    assert put_back(filled.path, Path(done.safety), safety=False).safety is None
    assert filled.count(Filter()) == 4


def test_a_restore_where_there_is_no_database(kept: Path, tmp_path: Path) -> None:
    done = put_back(tmp_path / "new" / "voc.db", kept)
    assert (done.rows, done.safety) == (3, None)
    assert ids(tmp_path / "new" / "voc.db") == {"a", "b", "c"}


def test_nobody_sees_half_of_it(
    filled: Store, kept: Path, feedback: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGES", 5)
    filled.add([feedback(f"x{i}", "thêm") for i in range(50)], holder="t", lease_s=60)
    seen: set[int] = set()

    def look(left: int, _total: int) -> None:
        other = Store(filled.path, busy_timeout_ms=0)
        seen.add(other.count(Filter()))
        if left:
            with pytest.raises(sqlite3.OperationalError, match="locked"), other.write():
                pass
        other.close()

    locked = threading.Event()
    copy_out = pages.copy_out

    def copied(source: Path, *rest: Any, **given: Any) -> Any:
        if source == filled.path:  # the safety backup: from here on the lock is held
            locked.set()
        return copy_out(source, *rest, **given)

    monkeypatch.setattr(pages, "copy_out", copied)
    put_back(filled.path, kept, progress=lambda *step: look(*step) if locked.is_set() else None)
    assert seen == {53, 3}


def test_a_row_accepted_to_the_last_moment_is_in_the_safety_backup(
    filled: Store, kept: Path, feedback: Make
) -> None:
    def accept(_copy: Store, live: Store) -> int:
        live.add([feedback("last", "phút chót")], holder="t", lease_s=60)
        return 0

    with closing(sqlite3.connect(filled.path)) as db:  # something was erased once, so that it is asked
        db.execute("INSERT INTO erasures VALUES (1, 't', 't', 'feedback', NULL, NULL, 1)")
        db.execute("INSERT INTO erased VALUES ('gone', 's', NULL, 1)")
        db.commit()
    done = put_back(filled.path, kept, after_restore=accept)
    assert "last" in ids(Path(done.safety))
    assert "last" not in ids(filled.path)


def test_an_erasure_meanwhile_stops_the_restore(filled: Store, kept: Path) -> None:
    def erase(number: int) -> None:
        with closing(sqlite3.connect(filled.path)) as db:
            db.execute("INSERT INTO erasures VALUES (?, 't', 't', 'feedback', NULL, NULL, 1)", (number,))
            db.execute("INSERT INTO erased VALUES (?, 's', NULL, ?)", (f"gone{number}", number))
            db.commit()

    def erase_again(copy: Store, live: Store) -> int:
        assert (copy.path.name.endswith(".part"), live.path) == (True, filled.path)
        erase(2)
        return 0

    erase(1)
    before = filled.revision()
    with pytest.raises(Unavailable) as caught:
        put_back(filled.path, kept, after_restore=erase_again)
    assert caught.value.code == "restore_disturbed"
    assert filled.revision() == before
    assert leftovers(filled.path.parent) == []


def test_a_running_process_notices_though_all_numbers_are_the_same(
    services: Services, pipeline: Pipeline, tmp_path: Path
) -> None:
    store = services.store
    backup(store, tmp_path / "copy.db", by="test")
    revision = store.revision()
    first = services.pipelines.get()
    assert first is services.pipelines.get()
    put_back(store.path, tmp_path / "copy.db")
    assert store.revision()[:2] == revision[:2]
    assert store.revision() != revision
    again = services.pipelines.get()
    assert again is not first
    assert again is services.pipelines.get()


def test_keys_that_were_revoked_stay_revoked_and_old_passwords_do_not_return(
    filled: Store, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(filled.path)) as db:
        for prefix in ("p1", "p2"):
            db.execute(
                "INSERT INTO api_keys (prefix, digest, name, scopes, made_at, made_by) "
                "VALUES (?, ?, 'n', '[]', 't', 't')",
                (prefix, f"d{prefix}"),
            )
        db.execute(
            "INSERT INTO people (name, password, role, made_at, made_by) "
            "VALUES ('lan', 'old', 'admin', 't', 't')"
        )
        db.execute("INSERT INTO sessions VALUES ('digest', 'lan', 't', 't')")
        db.commit()
        backup(filled, tmp_path / "copy.db", by="test")
        db.execute("UPDATE api_keys SET revoked_at = 'now', revoked_by = 'me' WHERE prefix = 'p1'")
        db.execute("UPDATE api_keys SET expires_at = 'soon' WHERE prefix = 'p2'")
        db.execute("UPDATE people SET password = 'new', disabled_at = 'now'")
        db.commit()
    put_back(filled.path, tmp_path / "copy.db")
    rows = filled.db.conn.execute(
        "SELECT prefix, revoked_at, revoked_by, expires_at FROM api_keys ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("p1", "now", "me", None), ("p2", None, None, "soon")]
    assert tuple(filled.db.conn.execute("SELECT password, disabled_at FROM people").fetchone()) == (
        "new",
        "now",
    )
    assert filled.db.conn.execute("SELECT count(*) FROM sessions").fetchone()[0] == 0


def test_a_week_that_was_sent_is_not_sent_again_by_a_restore(filled: Store, tmp_path: Path) -> None:
    digests = filled.digests
    digests.claim("2026-11-09", "sales", "t", 0.0, 600.0)
    backup(filled, tmp_path / "copy.db", by="test")
    for department, state in (("care", "sent"), ("sales", "handing")):
        digests.claim("2026-11-09", department, "t", 1_000.0, 600.0)
        digests.hand_over("2026-11-09", department, "t")
        if state == "sent":
            digests.sent("2026-11-09", department, "t", 1_001.0, 2, None)
    put_back(filled.path, tmp_path / "copy.db")
    for department, state in (("care", "sent"), ("sales", "handing")):
        found = digests.get("2026-11-09", department)
        assert found is not None
        assert found.state == state
        assert not digests.claim("2026-11-09", department, "other", 10_000.0, 600.0)


def test_a_file_that_was_taken_back_does_not_return(filled: Store, tmp_path: Path) -> None:
    uploads = filled.uploads
    cancelled, other = (
        uploads.start(
            uploads.add(name, "csv", b"text\n" + name.encode(), name, 1, ["text"], author="t").id,
            {"text": "text"}, "s", "day-first",
        ).id
        for name in ("cancelled-words", "other-words")
    )  # fmt: skip
    backup(filled, tmp_path / "copy.db", by="test")
    uploads.cancel(cancelled)
    uploads.cancel(other)
    with filled.write() as db:
        db.conn.execute("DELETE FROM uploads WHERE id = ?", (other,))  # the live one knows nothing of it
    put_back(filled.path, tmp_path / "copy.db")
    assert (uploads.get(cancelled).state, uploads.get(other).state) == ("cancelled", "running")
    assert uploads.content(other) == b"text\nother-words"
    with pytest.raises(NotFound):
        uploads.content(cancelled)
    filled.close()
    Vitals(filled.path).checkpoint()
    assert b"text\ncancelled-words" not in filled.path.read_bytes()


def test_where_one_table_holds_a_page_of_another_the_others_are_carried_over(
    filled: Store, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(filled.path)) as db:
        db.execute(
            "INSERT INTO api_keys (prefix, digest, name, scopes, made_at, made_by) "
            "VALUES ('p1', 'd1', 'n', '[]', 't', 't')"
        )
        db.commit()
        backup(filled, tmp_path / "copy.db", by="test")
        db.execute("UPDATE api_keys SET revoked_at = 'now'")
        db.commit()
    filled.close()
    Vitals(filled.path).checkpoint()
    page = 4096 * (root_of(filled.path, "feedback") - 1)
    content = filled.path.read_bytes()[page : page + 4096]
    with filled.path.open("r+b") as file:
        file.seek(4096 * (root_of(filled.path, "copies") - 1))
        file.write(content)
    put_back(filled.path, tmp_path / "copy.db")
    assert ids(filled.path) == {"a", "b", "c"}
    assert filled.db.conn.execute("SELECT revoked_at FROM api_keys").fetchone()[0] == "now"
    assert [tuple(row) for row in filled.db.conn.execute("PRAGMA integrity_check")] == [("ok",)]


def test_the_log_says_what_it_replaces(filled: Store, kept: Path) -> None:
    filled.audit.record(acts.Act("command:lan", "topic.rename"))
    head = filled.audit.head()
    with acts.during(acts.Act("command:lan", "cli.restore", "kept.db")):
        put_back(filled.path, kept)
    lines, _ = filled.audit.entries(limit=10)
    assert [(line.action, line.actor) for line in lines] == [
        ("backup.restore", "command:lan"), ("cli.restore", "command:lan"),
    ]  # fmt: skip
    assert head is not None
    assert lines[0].details == {"replaced_number": head.number, "replaced_hash": head.hash}
    assert filled.audit.verify().wrong is None


def test_an_older_backup_gets_the_steps_it_lacks(filled: Store, kept: Path) -> None:
    with closing(sqlite3.connect(kept)) as db:
        db.execute("DROP TABLE receipts")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '0016_receipts'")
        db.commit()
    assert put_back(filled.path, kept).steps == ("0016_receipts",)
    assert filled.db["receipts"].exists()


@pytest.mark.parametrize(
    ("make", "error", "code"),
    [
        (lambda path: path.unlink(), NotFound, "backup_missing"),
        (lambda path: path.write_text("no database\n" * 999), InvalidInput, "backup_invalid"),
        (lambda path: path.write_bytes(b""), InvalidInput, "backup_invalid"),
        (lambda path: damage(path, root_of(path, "feedback")), StoreError, "backup_damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-8192]), StoreError, "store_corrupt"),
    ],
)
def test_what_is_no_whole_backup_changes_nothing(
    filled: Store, kept: Path, make: Callable[[Path], None], error: type[Exception], code: str
) -> None:
    make(kept)
    before = filled.revision()
    with pytest.raises(error) as caught:
        put_back(filled.path, kept)
    assert getattr(caught.value, "code", None) == code
    assert filled.revision() == before
    assert leftovers(filled.path.parent) == []


def test_a_database_of_somebody_else_and_the_live_one_are_refused(filled: Store, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE mail (id INTEGER)")
    for source in (other, filled.path):
        with pytest.raises(InvalidInput) as caught:
            put_back(filled.path, source)
        assert caught.value.code == "backup_invalid"


def test_a_backup_of_a_newer_voc_is_refused(filled: Store, kept: Path) -> None:
    with closing(sqlite3.connect(kept)) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('voc', '9999_new', 't')"
        )
        db.commit()
    with pytest.raises(SchemaTooNew, match="9999_new"):
        put_back(filled.path, kept)
    assert filled.count(Filter()) == 3


def test_orphans_are_found(filled: Store, kept: Path) -> None:
    with closing(sqlite3.connect(kept)) as db:
        db.execute("INSERT INTO work_list (feedback) VALUES (99)")
        db.commit()
    with pytest.raises(StoreError, match="1 rows point to rows that are not there"):
        put_back(filled.path, kept)


def test_a_writer_is_waited_for_and_then_not(filled: Store, kept: Path) -> None:
    with closing(sqlite3.connect(filled.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as caught:
            put_back(filled.path, kept, timeout_s=0.05)
    assert caught.value.code == "store_busy"
    assert leftovers(filled.path.parent) == []
    assert put_back(filled.path, kept).rows == 3


def test_a_file_that_is_no_database_any_more_is_put_aside(filled: Store, kept: Path) -> None:
    filled.close()
    Vitals(filled.path).checkpoint()
    filled.path.write_bytes(b"\0garbage" * 1024)
    done = put_back(filled.path, kept)
    assert (done.moved, done.erased) == (True, None)
    assert Path(done.safety).read_bytes().startswith(b"\0garbage")
    assert ids(filled.path) == {"a", "b", "c"}


# ---- on the command line


@pytest.fixture
def voc(tmp_path: Path) -> Callable[..., Any]:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["--db", str(tmp_path / "voc.db"), *arguments])

    return run


def test_commands(voc: Callable[..., Any], filled: Store, tmp_path: Path) -> None:
    filled.close()
    copy = tmp_path / "c.db"
    made = json.loads(voc("backup", str(copy), "--json").stdout)
    assert (made["rows"], made["sha256"]) == (3, hashlib.sha256(copy.read_bytes()).hexdigest())
    again = voc("backup", str(copy))
    assert (again.exit_code, again.stderr.split(":")[1]) == (1, " backup_exists")
    assert f"sha256 {made['sha256']}" not in voc("backup", str(copy), "--force").stdout  # noted since
    done = json.loads(voc("restore", str(copy), "--no-safety", "--json").stdout)
    assert (done["rows"], done["safety"], done["moved"]) == (3, None, False)
    said = voc("restore", str(copy)).stdout.splitlines()
    assert said[0].startswith(f"{tmp_path / 'voc.db'}: 3 feedback, as in {copy} (sha256 ")
    assert said[1].startswith(f"the database before: {tmp_path / 'voc.db'}.before-")
    assert voc("restore", str(tmp_path / "none.db")).exit_code == 1
    assert ids(tmp_path / "voc.db") == {"a", "b", "c"}


def test_what_was_erased_since_does_not_come_back(voc: Callable[..., Any], filled: Store, kept: Path) -> None:
    rights.erase_feedback(filled, ["b"], author="test")
    filled.close()
    done = json.loads(voc("restore", str(kept), "--json").stdout)
    assert (done["rows"], done["erased"]) == (3, 1)
    texts = {row.feedback.id: row.feedback.text for row in filled.every(Filter())}
    assert texts == {"a": "giao trễ a", "b": "", "c": "giao trễ c"}
    assert [one.id for one in filled.erasures.erased()] == ["b"]


def test_every_step_of_the_schema_is_known_to_a_new_database(settings: Settings) -> None:
    Store(settings.db).prepare()
    assert Vitals(settings.db).schema() == ([], [])
    assert len(migrations.steps._migrations) >= 16


def test_a_schema_that_is_no_text_is_damage(filled: Store, kept: Path) -> None:
    filled.close()
    Vitals(filled.path).checkpoint()
    content = filled.path.read_bytes()
    wrong = content.replace(b"INDEX feedback_time ON feedback", b"INDEX feedback_time ON \xeeeedback")
    assert wrong != content
    filled.path.write_bytes(wrong)
    for ask in (
        Vitals(filled.path).waiting,
        lambda: Vitals(filled.path).examine("", deep=True),
        filled.prepare,
    ):
        with pytest.raises(StoreError) as error:
            ask()
        assert error.value.code == "store_corrupt"
    assert put_back(filled.path, kept).moved
    assert ids(filled.path) == {"a", "b", "c"}


def test_a_text_that_is_none_is_damage_and_is_not_quoted(filled: Store) -> None:
    with closing(sqlite3.connect(filled.path)) as db:
        db.execute("UPDATE feedback SET text = CAST(x'73656372657420ee' AS TEXT) WHERE id = 'a'")
        db.commit()
    with pytest.raises(sqlite3.OperationalError) as error:
        filled.get("a")
    said = translated(error.value)
    assert said.code == "store_corrupt"
    assert "secret" not in said.message
