"""The service as it is run: gunicorn, real models, real processes that die."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from voc.records import Feedback
from voc.services import Services
from voc.store import Filter, Store

WORKERS = 2


class Service:
    """``voc serve`` in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.db = folder / "service.db"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Starts it and returns when every worker has said that it is ready."""
        command = [sys.executable, "-m", "voc.cli", "--db", str(self.db), "serve"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), "--workers", str(WORKERS)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        ready = 0
        while ready < WORKERS:
            line = self.process.stderr.readline()
            assert line, "the service ended before it was ready"
            ready += "is ready" in line
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def kill(self) -> None:
        """kill -9 for the master and all workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()  # type: ignore[union-attr]

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    if service.process.poll() is None:
        service.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    """Looks until it is so; gives up after about a minute."""
    pause = threading.Event()
    for _ in range(6_000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen in time")


def test_eight_threads_at_once_and_a_kill_in_the_middle_of_a_batch(service: Service) -> None:
    answers: list[int] = []

    def post(thread: int) -> None:
        for i in range(5):
            row = {"text": f"giao hàng chậm quá {thread}", "source": "t", "external_id": f"{thread}-{i}"}
            answers.append(service.request("POST", "/v1/feedback", row)[0])

    threads = [threading.Thread(target=post, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 40

    store = Store(service.db)
    rows = [
        {"text": f"đơn số {i} giao thiếu hàng", "source": "b", "external_id": str(i)} for i in range(1000)
    ]

    def post_batch() -> None:
        with pytest.raises((OSError, http.client.HTTPException)):
            service.request("POST", "/v1/feedback/batch", {"items": rows})

    batch = threading.Thread(target=post_batch)
    batch.start()
    wait_until(lambda: 0 < store.waiting() <= 1000 - 64)  # a first chunk is analyzed, others are not
    service.kill()
    batch.join()
    left = store.waiting()
    assert 0 < left < 1000
    assert store.count(Filter()) == 1040  # all rows were kept before the first was analyzed

    service.start()
    wait_until(lambda: store.waiting() == 0)
    kept = list(store.every(Filter()))
    assert len({k.feedback.id for k in kept}) == len(kept) == 1040
    assert all(k.analysis is not None for k in kept)
    status, again = service.request("POST", "/v1/feedback/batch", {"items": rows})
    assert status == 200
    assert {result["status"] for result in again["results"]} == {200}
    assert store.count(Filter()) == 1040
    store.close()


def test_rows_of_a_dead_process_are_reclaimed_at_once(services: Services) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    row = Feedback("a", "hàng lỗi", "s", None, "2026-11-02T08:00:00.000Z", "2026-11-02T08:00:00.000Z")
    services.store.add([row], holder=f"{socket.gethostname()}/{ended.pid}-x", lease_s=600.0)
    assert services.worklist.drain_once() == 0
    services.worklist.reclaim()
    assert services.worklist.drain_once() == 1
    assert services.store.waiting() == 0
