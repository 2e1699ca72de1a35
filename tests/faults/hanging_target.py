"""Targets of webhooks that take the connection and never answer, drip a byte a second, or answer 500.

    python tests/faults/run.py hanging-target --trials 5

Two services take feedback by turns, trial by trial, on databases of their own: one without targets, one
with a good target and the three bad ones beside it.

What must hold: the good target gets every event, in order; the bad ones keep theirs for later, none is given
up; everything handed in is kept and analyzed. How fast feedback is taken with and without targets is counted.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import closing
from itertools import count
from pathlib import Path

from tests.faults.ledger import Ledger, caller, drain, row_of
from tests.faults.result import Result
from tests.faults.service import Service
from tests.faults.targets import Target, in_order, targets

POSTS = 150
CLIENTS = 4
EVENTS = ("--event", "feedback.routed", "--event", "feedback.review")


def run(trials: int = 5, seed: int = 41) -> Result:
    """Hands in `POSTS` feedback to each of the two in each trial.

    Args:
        seed: is not used: nothing here is left to chance.
    """
    rates: dict[str, list[float]] = {"without": [], "with": []}
    ledgers = {kind: Ledger() for kind in rates}
    with tempfile.TemporaryDirectory() as name, targets("hangs", "drips", "fails", "good") as made:
        services = {
            kind: Service(
                Path(name) / f"{kind}.db", Path(name) / f"{kind}.log",
                {"VOC_WEBHOOK_ALLOW_PRIVATE": "1", "VOC_POLL_S": "0.2"},
            )
            for kind in rates
        }  # fmt: skip
        try:
            for target in made:
                services["with"].voc("webhooks", "add", target.manner, target.url, *EVENTS)
            for service in services.values():
                service.start()
            for kind, service in services.items():
                _rate(ledgers[kind], service, "warm")
            for trial in range(trials):
                for kind, service in services.items():
                    rates[kind].append(_rate(ledgers[kind], service, str(trial)))
                    drain(service.url)
            kept = _arrived(services["with"].db, made)
            for service in services.values():
                assert service.stop() == 0
        finally:
            for service in services.values():
                service.end()
        compared = [ledgers[kind].compared(service.db) for kind, service in services.items()]
    assert not any(ledger.refused or ledger.unanswered for ledger in ledgers.values())
    ratios = [slow / fast for slow, fast in zip(rates["with"], rates["without"], strict=True)]
    accepted = sum(len(ledger.texts) for ledger in ledgers.values())
    return Result(
        "webhook targets that hang, drip or fail", trials, accepted,
        sum(lost for lost, _ in compared), sum(doubled for _, doubled in compared),
        "nothing: the other target gets its events in order, theirs are kept and tried again",
        {
            "events": kept,
            "posts_per_s_without_targets": round(statistics.median(rates["without"]), 1),
            "posts_per_s_with_targets": round(statistics.median(rates["with"]), 1),
            "ratio": round(statistics.median(ratios), 2),
        },
    )  # fmt: skip


def _rate(ledger: Ledger, service: Service, name: str) -> float:
    """Feedback that the service takes in a second, from `CLIENTS` clients."""
    numbers = count()
    lock = threading.Lock()

    def client() -> None:
        with caller() as one:
            while True:
                with lock:
                    number = next(numbers)
                if number >= POSTS:
                    return
                ledger.post(one, service.url, row_of(f"{name}/{number}"))

    threads = [threading.Thread(target=client, daemon=True) for _ in range(CLIENTS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return POSTS / (time.monotonic() - began)


def _arrived(db: Path, made: list[Target]) -> int:
    """Waits until the good target has everything; the number of events. Of the others' none is gone."""
    end = time.monotonic() + 120
    while True:
        with closing(sqlite3.connect(db, timeout=15)) as open_db:
            wanted = {row[0] for row in open_db.execute("SELECT id FROM events")}
            standing = dict(
                open_db.execute(
                    "SELECT t.name, count(*) FROM deliveries d JOIN targets t ON t.number = d.target "
                    "WHERE d.state = 'pending' GROUP BY t.name"
                ).fetchall()
            )
        (good,) = [target for target in made if target.manner == "good"]
        if wanted <= {event["id"] for event in good.events} and "good" not in standing:
            break
        assert time.monotonic() < end, f"the good target has {len(good.events)} of {len(wanted)} events"
        time.sleep(0.2)
    assert in_order(good.events)
    bad = [target for target in made if target is not good]
    assert standing == {target.manner: len(wanted) for target in bad}, standing
    assert all(target.attempts for target in bad)
    return len(wanted)
