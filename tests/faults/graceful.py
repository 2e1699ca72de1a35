"""SIGTERM while clients hand in feedback.

    python tests/faults/run.py graceful --trials 20

What must hold: every request that the service had taken is answered; it ends with status 0; what was
answered for is there when it is started again, and what waited for its analysis is analyzed then. A client
that comes when nobody listens any more cannot connect; one whose connection the kernel had taken and no
worker yet is told so by a reset (counted): neither was read by anybody.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from tests.faults.ledger import Flood, Ledger, drain, kept_in
from tests.faults.result import Result
from tests.faults.service import Service

CLIENTS = 6


def run(trials: int = 20, seed: int = 31) -> Result:
    """Stops and starts the service ``trials`` times."""
    chance = random.Random(seed)
    ledger = Ledger()
    longest = 0.0
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name) / "voc.db", Path(name) / "log.txt")
        try:
            for trial in range(trials):
                service.start()
                with Flood(ledger, service.url, CLIENTS, name=f"{trial}/"):
                    time.sleep(chance.uniform(0.2, 2.0))
                    began = time.monotonic()
                    status = service.stop()
                    longest = max(longest, time.monotonic() - began)
                    assert status == 0, f"the service ended with {status}"
            service.start()
            drain(service.url)
            assert service.stop() == 0
        finally:
            service.end()
        lost, doubled = ledger.compared(service.db)
        unanswered = kept_in(service.db).keys() - ledger.texts.keys()
    assert not ledger.refused, ledger.refused
    assert not unanswered, f"taken, and not answered: {sorted(unanswered)[:3]}"
    reset = sum(number for kind, number in ledger.unanswered.items() if kind != "ConnectError")
    return Result(
        "SIGTERM under load", trials, len(ledger.texts), lost, doubled,
        "requests that were taken are answered, then connections are refused; exit status 0",
        {"reset_before_they_were_read": reset, "longest_stop_s": round(longest, 1)},
    )  # fmt: skip
