"""Faults, a few of each, within one process where that does; `tests/faults/run.py` does many to a real service."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
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
from voc.records import Feedback
from voc.settings import Settings
from voc.store import Store, Vitals
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
        done = power_cut.run(10, rows=60, seed=3, synchronous=synchronous)
    except (NotHere, subprocess.CalledProcessError) as error:  # tracing is forbidden in some containers
        pytest.skip(str(error))
    assert done.accepted > 100
    assert (done.lost > 0) == loses  # with NORMAL answers go out before the flush: the trial can fail
    assert done.doubled == 0


# ---- kill


def test_what_a_killed_writer_was_answered_for_is_kept(tmp_path: Path, root: Path) -> None:
    """Each writer begins with what those before it kept, and is killed a random number of answers later."""
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
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate()
        last = [line for line in rest.split(b"\n") if line.startswith(b"ack ")]
        answered = int(last[-1].split()[1]) + 1 if last else answered
        store = Store(db)
        store.prepare()
        assert store.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        kept = {kept.id: kept.feedback.text for kept in ()} or _texts(store)
        assert all(kept[f"id-{number}"] == power_cut.row_of(number).text for number in range(answered))
        assert len(kept) - answered in (0, 1)  # one may be kept whose answer did not get out
        assert store.waiting() == len(kept)
        store.close()
    assert answered > 20


def _texts(store: Store) -> dict[str, str]:
    return {row[0]: row[1] for row in store.db.execute("SELECT id, text FROM feedback")}
