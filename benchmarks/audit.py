"""What it costs that a request stands in the audit log: the same reads with and without, in turns.

    python benchmarks/audit.py [--rows 2000] [--requests 300]

Requests go through the application in this process, without a network, so that the ratio is the worst there
is. The database lies beside the working directory, since a folder in memory would sync for nothing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voc.api import guard
from voc.api.acting import acting
from voc.app import create_app
from voc.records import Analysis, Feedback, Segment
from voc.services import Services
from voc.settings import Settings

TEXT = "giao hàng trễ ba ngày không báo"


def fill(services: Services, rows: int) -> None:
    """Feedback with an analysis each."""
    at = "2026-11-02T08:00:00.000Z"
    given = [Feedback(f"k{n}", TEXT, "s", None, at, at) for n in range(rows)]
    services.store.add(given, holder="h", lease_s=60)
    part = Segment(0, len(TEXT), TEXT, "vi", "negative", -0.9, "delivery-late", "logistics", 0.9)
    services.store.save(
        [Analysis(row.id, "vi", "negative", -0.9, 0.9, "logistics", 0.9, (), "receive", "routed", (), (),
                  (part,), "p") for row in given],
        [None] * rows, "r",
    )  # fmt: skip


def unlogged(_name: str | None, _actor: str, _given: Any, run: Callable[[], Any]) -> Any:
    """The route alone."""
    return run()


def main() -> None:
    """Prints the medians and their ratio for two routes, and what checking the log takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--requests", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        app = create_app(Settings(db=Path(folder) / "voc.db"))
        services: Services = app.extensions["voc"]
        fill(services, options.rows)
        client = app.test_client()
        for address in ("/v1/feedback/k7", "/v1/feedback?limit=50"):
            taken: dict[str, list[float]] = {"unlogged": [], "logged": []}
            for _ in range(options.requests):
                for name, act in (("unlogged", unlogged), ("logged", acting)):
                    vars(guard)["acting"] = act
                    began = time.perf_counter()
                    assert client.get(address).status_code == 200
                    taken[name].append((time.perf_counter() - began) * 1000)
            without, with_it = (statistics.median(taken[name]) for name in ("unlogged", "logged"))
            print(f"{address}: {without:.2f} ms unlogged, {with_it:.2f} ms logged, x{with_it / without:.2f}")
        began = time.perf_counter()
        verdict = services.store.audit.verify()
        rate = verdict.lines / (time.perf_counter() - began)
        print(f"verify: {verdict.lines} lines, {rate:,.0f} lines a second")
        services.store.close()


if __name__ == "__main__":
    main()
