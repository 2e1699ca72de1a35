"""Another process holds the database for itself (``BEGIN EXCLUSIVE``) while feedback comes in.

    python tests/faults/run.py locked --trials 20

By turns for a moment, with the time-out that the service has by default, and for longer than it waits
(``VOC_BUSY_TIMEOUT_MS``).

What must hold: for a moment, whoever hands in feedback waits and is answered 201. For longer, each is
answered 503 ``store_busy`` with ``Retry-After``, and nothing of it is in the database; handed in again
afterwards it is kept, without a restart. Meanwhile ``/health`` is answered at once, since counts are still
read, and ``/ready`` says ``store_busy`` within its own time-out.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.ledger import Ledger, caller, code_of, drain, kept_in, row_of
from tests.faults.result import Result
from tests.faults.service import Service

#: Rows of a trial, handed in at the same time.
ROWS = 8
#: The time-out of a service that is to give up, in milliseconds.
SHORT_MS = 300
HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
db.rollback()
"""


def run(trials: int = 20, seed: int = 17) -> Result:
    """Half of the trials for a moment, half for long."""
    chance = random.Random(seed)
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as name:
        db = Path(name) / "voc.db"
        for kind, environment in (("short", {}), ("long", {"VOC_BUSY_TIMEOUT_MS": str(SHORT_MS)})):
            service = Service(db, Path(name) / "log.txt", environment)
            service.start()
            try:
                for trial in range((trials + (kind == "short")) // 2):
                    rows = [row_of(f"{kind}-{trial}-{number}") for number in range(ROWS)]
                    if kind == "short":
                        _held_shortly(ledger, service, rows, chance.uniform(0.2, 2.0))
                    else:
                        _held_long(ledger, service, rows)
                drain(service.url)
                assert service.stop() == 0
            finally:
                service.end()
        lost, doubled = ledger.compared(db)
    assert set(ledger.refused) <= {"503 store_busy"}, ledger.refused
    assert not ledger.unanswered
    return Result(
        "database locked by another process", trials, len(ledger.texts), lost, doubled,
        "shorter than the time-out: the answer comes later; longer: 503 `store_busy`, nothing of it is kept, "
        "and the same again afterwards is taken",
        {"refused": ledger.refused.total()},
    )  # fmt: skip


@contextmanager
def held(db: Path) -> Iterator[None]:
    """Somebody else has the database."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    try:
        yield
    finally:
        holder.communicate()


def _held_shortly(ledger: Ledger, service: Service, rows: list[dict[str, str]], seconds: float) -> None:
    with held(service.db):
        began = time.monotonic()
        threads = _posting(ledger, service, rows)
        time.sleep(seconds)
        assert not ledger.texts.keys() & {row["external_id"] for row in rows}
    for thread in threads:
        thread.join(60)
    assert time.monotonic() - began >= seconds
    assert ledger.texts.keys() >= {row["external_id"] for row in rows}


def _held_long(ledger: Ledger, service: Service, rows: list[dict[str, str]]) -> None:
    with held(service.db), caller() as client:
        threads = _posting(ledger, service, rows)
        began = time.monotonic()
        health = client.get(f"{service.url}/v1/health")
        assert health.status_code == 200, health.text
        ready = client.get(f"{service.url}/v1/ready")
        assert (ready.status_code, code_of(ready)) == (503, "store_busy"), ready.text
        assert time.monotonic() - began < 10
        for thread in threads:
            thread.join(60)
        assert not ledger.texts.keys() & {row["external_id"] for row in rows}
        assert not kept_in(service.db).keys() & {row["external_id"] for row in rows}
        refused = ledger.refused.total()
        answer = ledger.post(client, service.url, rows[0])
        assert answer.headers["Retry-After"] == "1"
        assert ledger.refused.total() == refused + 1
    with caller() as client:
        for row in rows:
            assert ledger.post(client, service.url, row).status_code == 201


def _posting(ledger: Ledger, service: Service, rows: list[dict[str, str]]) -> list[threading.Thread]:
    def post(row: dict[str, str]) -> None:
        with caller() as client:
            ledger.post(client, service.url, row)

    threads = [threading.Thread(target=post, args=(row,), daemon=True) for row in rows]
    for thread in threads:
        thread.start()
    return threads
