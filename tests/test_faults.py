"""Faults, a few of each and mostly in one process; `tests/faults/run.py` does many to a real service."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.faults import corrupt_model, corrupt_page, power_cut
from tests.faults.ledger import row_of
from tests.faults.locked import held
from tests.faults.result import NotHere
from tests.faults.run import FAULTS
from voc.api.throttling import Throttle
from voc.app import create_app
from voc.artefacts import Artefacts
from voc.cli import main
from voc.clock import utc_now
from voc.errors import ArtefactError, StoreError
from voc.pipeline import Pipeline
from voc.settings import Settings
from voc.store import Store, Vitals, translated
from voc.store.store import LONGEST_S

STRACE = shutil.which("strace")


def test_each_fault_is_there_and_says_how_to_run_it(root: Path) -> None:
    for name, (module, trials) in FAULTS.items():
        said = (root / "tests" / "faults" / f"{module}.py").read_text("utf-8")
        assert f"python tests/faults/run.py {name} --trials {trials}\n" in said


# ---- power


@pytest.mark.skipif(STRACE is None, reason="it needs strace")
@pytest.mark.parametrize(("synchronous", "loses"), [("FULL", False), ("NORMAL", True)])
def test_a_power_cut_loses_nothing_as_the_store_is_set(synchronous: str, loses: bool) -> None:
    try:
        done = power_cut.cut(10, 60, 3, synchronous)
    except (NotHere, subprocess.CalledProcessError) as error:  # tracing is forbidden in some containers
        pytest.skip(str(error))
    assert done.accepted > 100
    assert (done.lost > 0) == loses  # with NORMAL answers go out before the flush: the trial can fail
    assert done.doubled == 0


# ---- kill


def test_what_a_killed_writer_was_answered_for_is_kept(tmp_path: Path, root: Path) -> None:
    """Each writer begins with what is kept already, and is killed a random number of answers later."""
    chance = random.Random(5)
    db = tmp_path / "voc.db"
    answered = 0
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.power_cut", str(db), "10000", "FULL"],
            stdout=subprocess.PIPE, cwd=root,
        )  # fmt: skip
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        for number in range(answered + chance.randrange(40)):
            assert writer.stdout.readline() == b"ack %d\n" % number
            answered = max(answered, number + 1)
        writer.kill()
        rest, _ = writer.communicate()
        answered = max([answered, *(int(line.split()[1]) + 1 for line in rest.splitlines())])
        store = Store(db)
        store.prepare()
        assert store.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        kept = dict(store.db.execute("SELECT external_id, text FROM feedback").fetchall())
        assert {number: kept.get(str(number)) for number in range(answered)} == {
            number: power_cut.row_of(number).text for number in range(answered)
        }
        assert len(kept) - answered in (0, 1)  # one may be kept whose answer did not get out
        assert store.waiting() == len(kept)
        store.close()
    assert answered > 20


# ---- locked


def test_while_another_process_holds_the_database_nothing_is_half_kept(
    tmp_path: Path, pipeline: Pipeline
) -> None:
    app = create_app(Settings(db=tmp_path / "voc.db", busy_timeout_ms=50))
    app.extensions["voc"].pipelines.use(pipeline)
    client = app.test_client()
    assert client.post("/v1/feedback", json=row_of("before")).status_code == 201
    with held(tmp_path / "voc.db"):
        answer = client.post("/v1/feedback", json=row_of("meanwhile"))
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "store_busy")
        assert answer.headers["Retry-After"] == "1"
        assert client.get("/v1/health").get_json()["waiting"] == 0
        assert client.get("/v1/trends?by=department").status_code == 200
        ready = client.get("/v1/ready")
        assert (ready.status_code, ready.get_json()["checks"]["database"]) == (503, "store_busy")
    assert client.post("/v1/feedback", json=row_of("meanwhile")).status_code == 201
    items = client.get("/v1/feedback").get_json()["items"]
    assert sorted(one["feedback"]["external_id"] for one in items) == ["before", "meanwhile"]
    app.extensions["voc"].close()


def test_who_finds_the_database_held_for_a_moment_waits(store: Store, settings: Settings) -> None:
    kept: list[str] = []

    def add() -> None:
        kept.extend(added.outcome for added in store.add([power_cut.row_of(1)], holder="test", lease_s=30))
        store.close()

    with held(settings.db):
        writer = threading.Thread(target=add)
        writer.start()
    writer.join(15)
    assert kept == ["created"]


# ---- damaged files


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "models"
    shutil.copytree(root / "models", folder)
    return folder


@pytest.mark.parametrize("kind", corrupt_model.DAMAGES)
def test_a_damaged_model_file_is_named_before_anything_is_served(
    kind: str, models: Path, tmp_path: Path
) -> None:
    for seed in range(3):
        file, mend = corrupt_model.damage(models, kind, random.Random(seed))
        with pytest.raises(ArtefactError, match=re.escape(str(models / file))):
            Artefacts(models).check()
        mend()
    file, mend = corrupt_model.damage(models, kind, random.Random(3))
    options = ["--models", str(models), "--db", str(tmp_path / "voc.db")]
    result = CliRunner().invoke(main, [*options, "serve", "--port", "0"])
    mend()
    assert result.exit_code == 3
    assert str(models / file) in result.stderr
    Artefacts(models).check()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "voc.db"
    store = Store(path)
    store.prepare()
    store.add([power_cut.row_of(number) for number in range(100)], holder="test", lease_s=30)
    store.close()
    Vitals(path).checkpoint()
    return path


@pytest.mark.parametrize("kind", corrupt_page.KINDS)
def test_a_damaged_page_never_shows_another_text(kind: str, database: Path, tmp_path: Path) -> None:
    found = refused = 0
    for seed in range(15):
        path = tmp_path / f"{seed}.db"
        shutil.copy(database, path)
        corrupt_page.overwrite(path, kind, random.Random(seed))
        found += _is_found(path)
        store = Store(path)
        for number in range(100):
            try:
                kept = store.get(f"id-{number}")
            except (sqlite3.Error, StoreError) as error:
                known = error if isinstance(error, StoreError) else translated(error)
                assert known.code == "store_corrupt"
                refused += 1
            else:
                assert kept is None or kept.feedback.text == power_cut.row_of(number).text
        store.close()
    assert refused > 100
    assert found == 15


def _is_found(path: Path) -> bool:
    try:
        return bool(Vitals(path).examine(utc_now(), deep=True).problems)
    except StoreError as error:
        return error.code == "store_corrupt"


def test_of_flipped_bits_only_those_in_the_structure_are_found(database: Path) -> None:
    found = corrupt_page.found_flips(database, 60, random.Random(1))
    assert 0 < found < 30  # SQLite keeps no checksums: a backup's SHA-256 does


# ---- the clock


def test_a_lease_of_before_the_clock_was_set_back_holds_nothing(store: Store) -> None:
    rows = [power_cut.row_of(number) for number in range(3)]
    for row, ahead_s in zip(rows, (60.0, LONGEST_S - 60.0, LONGEST_S + 60.0), strict=True):
        store.add([row], holder="another-machine/1-dead", lease_s=ahead_s)
    assert [key for key, _ in store.claim("here", 10, 30.0)] == ["id-2"]
    assert store.claim("here", 10, 30.0) == []


def test_who_asked_too_often_may_ask_again_when_the_clock_was_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    throttle = Throttle(workers=1)
    assert [throttle.hit("key:1", 3).wait_s > 0 for _ in range(4)] == [False, False, False, True]
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 86_400)
    assert [throttle.hit("key:1", 3).wait_s > 0 for _ in range(4)] == [False, False, False, True]


def test_a_service_does_not_start_on_damage_that_no_worker_could_read(tmp_path: Path) -> None:
    database = tmp_path / "voc.db"
    store = Store(database)
    store.prepare()
    (page,) = store.db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'topic_space'").fetchone()
    (size,) = store.db.execute("PRAGMA page_size").fetchone()
    store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    done = subprocess.run(
        [sys.executable, "-m", "voc.cli", "--db", str(database), "serve", "--port", "0"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "store_corrupt" in done.stderr
    assert "Listening" not in done.stderr
