"""Two services on one database, each with workers of its own.

    python tests/faults/run.py two-services --trials 10

In each trial the same pairs of source and external id are handed in to both at the same moment; then many
rows to one of them, to be analyzed later, and while they wait one of the two is ended, by turns with
SIGTERM and SIGKILL.

What must hold: each pair is kept once: one service answers 201, the other 200, with the same body; both
work on the list that they share; what the one that ended had taken is done by the other within a lease.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.faults.ledger import Ledger, caller, drain, row_of
from tests.faults.result import Result
from tests.faults.service import Service

PAIRS = 8
WAITING = 120
SETTINGS = {"VOC_ANALYSIS_TIMEOUT_S": "0", "VOC_LEASE_S": "3", "VOC_POLL_S": "0.1"}


def run(trials: int = 10, seed: int = 37) -> Result:
    """Ends one of the two in each trial and starts it again."""
    chance = random.Random(seed)
    ledger = Ledger()
    shared = 0
    with tempfile.TemporaryDirectory() as name:
        db = Path(name) / "voc.db"
        services = [Service(db, Path(name) / f"log-{number}.txt", SETTINGS, workers=1) for number in range(2)]
        try:
            for service in services:
                service.start()
            for trial in range(trials):
                pairs = [row_of(f"{trial}/pair-{number}") for number in range(PAIRS)]
                for row in pairs:
                    _both(ledger, services, row)
                rows = [row_of(f"{trial}/{number}") for number in range(WAITING)]
                _hand_in(ledger, services[trial % 2], rows)
                ended = services[chance.randrange(2)]
                shared += _at_work(db, services)
                if trial % 2:
                    ended.kill()
                else:
                    assert ended.stop() == 0
                (other,) = [service for service in services if service is not ended]
                drain(other.url, 120.0)
                ended.start()
                _both_show_the_same(ledger, services, [row["external_id"] for row in pairs])
            for service in services:
                assert service.stop() == 0
        finally:
            for service in services:
                service.end()
        lost, doubled = ledger.compared(db)
    assert not ledger.refused, ledger.refused
    assert not ledger.unanswered
    assert shared, "only one of the two was ever seen at work on the list"
    return Result(
        "two services on one database, one of them ended", trials, len(ledger.texts), lost, doubled,
        "the same answer from both; the one that is left goes on with the work of the other",
        {"trials_with_both_seen_at_work": shared},
    )  # fmt: skip


def _both(ledger: Ledger, services: list[Service], row: dict[str, str]) -> None:
    """Hands the same in to both at once."""
    gate = threading.Barrier(len(services))
    answers: list[tuple[int, dict[str, Any]]] = []

    def post(service: Service) -> None:
        with caller() as client:
            gate.wait(10)
            answer = ledger.post(client, service.url, row)
            answers.append((answer.status_code, answer.json()))

    threads = [threading.Thread(target=post, args=(service,), daemon=True) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(status for status, _ in answers) == [200, 201], answers
    (one, other) = [body for _, body in answers]
    assert one["feedback"] == other["feedback"]


def _both_show_the_same(ledger: Ledger, services: list[Service], keys: list[str]) -> None:
    with caller() as client:
        for key in keys:
            bodies = [
                client.get(f"{service.url}/v1/feedback/{ledger.ids[key]}").json() for service in services
            ]
            assert bodies[0] == bodies[1]
            assert bodies[0]["analysis"] is not None


def _hand_in(ledger: Ledger, service: Service, rows: list[dict[str, str]]) -> None:
    """Many rows in one request, to be analyzed later."""
    with caller() as client:
        results = client.post(f"{service.url}/v1/feedback/batch", json={"items": rows}).json()["results"]
    for row, result in zip(rows, results, strict=True):
        assert result["status"] == 201, result
        ledger.texts[row["external_id"]] = row["text"]


def _at_work(db: Path, services: list[Service]) -> bool:
    """Watches the work list until half of it is done; whether both were seen to hold rows of it."""
    process_of = {
        str(pid): number for number, service in enumerate(services) for pid in service.worker_pids()
    }
    seen: set[int] = set()
    with closing(sqlite3.connect(db, timeout=15)) as open_db:
        while open_db.execute("SELECT count(*) FROM work_list").fetchone()[0] > WAITING // 2:
            for (holder,) in open_db.execute("SELECT DISTINCT held_by FROM work_list WHERE held_by NOT NULL"):
                seen.add(process_of[holder.rpartition("/")[2].partition("-")[0]])
            time.sleep(0.01)
    return len(seen) == len(services)
