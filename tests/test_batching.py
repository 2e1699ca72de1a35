"""Many threads, one batch at a time; nobody waits for another's thousand items."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from voc.batching import FOREVER, Batcher


class Gate:
    """Work that a test lets through, batch by batch, and looks at."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.arrived = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.at_once = 0
        self.most_at_once = 0

    def work(self, items: Sequence[str]) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.batches.append(list(items))
        self.arrived.release()
        assert self.go.acquire(timeout=30)
        self.at_once -= 1


class Callers:
    """Threads that hand in items, in an order that is sure."""

    def __init__(self, batcher: Batcher[str]) -> None:
        self.batcher = batcher
        self.threads: list[threading.Thread] = []
        self.left: dict[str, list[str]] = {}

    def call(self, name: str, count: int, *, background: bool = False) -> None:
        """Returns when the items wait, or are at work."""
        before = len(self.batcher._groups)
        items = [f"{name}{number}" for number in range(count)]

        def run() -> None:
            if background:
                self.batcher.run_in_background(items)
            else:
                self.left[name] = self.batcher.run(items, FOREVER)

        thread = threading.Thread(target=run)
        thread.start()
        self.threads.append(thread)
        pause = threading.Event()
        while len(self.batcher._groups) == before and thread.is_alive():
            pause.wait(0.001)

    def join(self) -> None:
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive()


def test_alone_everything_is_done_in_batches_and_in_order() -> None:
    done: list[list[int]] = []
    batcher = Batcher[int](lambda items: done.append(list(items)), most=3)
    assert batcher.run(range(7), FOREVER) == []
    assert done == [[0, 1, 2], [3, 4, 5], [6]]
    assert batcher.run([], FOREVER) == []
    assert len(done) == 3


def test_what_comes_meanwhile_is_done_together_by_turns() -> None:
    gate = Gate()
    batcher = Batcher[str](gate.work, most=4)
    callers = Callers(batcher)
    callers.call("first", 1)
    assert gate.arrived.acquire(timeout=30)
    callers.call("long", 6)
    callers.call("a", 1)
    callers.call("b", 1)
    for _ in range(3):
        gate.go.release()
    callers.join()
    assert gate.batches == [["first0"], ["long0", "a0", "b0", "long1"], ["long2", "long3", "long4", "long5"]]
    assert gate.most_at_once == 1
    assert callers.left == {"first": [], "long": [], "a": [], "b": []}


def test_the_background_has_its_share_and_no_more() -> None:
    gate = Gate()
    batcher = Batcher[str](gate.work, most=8)
    callers = Callers(batcher)
    callers.call("first", 1)
    assert gate.arrived.acquire(timeout=30)
    callers.call("late", 4, background=True)
    callers.call("asked", 12)
    for _ in range(4):
        gate.go.release()
    callers.join()
    assert [sum(item.startswith("late") for item in batch) for batch in gate.batches] == [0, 2, 1, 1]
    assert [sum(item.startswith("asked") for item in batch) for batch in gate.batches] == [0, 8, 4, 0]


def test_who_finds_no_slot_has_everything_back_at_once() -> None:
    gate = Gate()
    batcher = Batcher[str](gate.work, most=8, slots=2)
    callers = Callers(batcher)
    callers.call("late", 1, background=True)
    assert gate.arrived.acquire(timeout=30)
    callers.call("a", 1)
    callers.call("b", 1)
    assert batcher.run(["c"], FOREVER) == ["c"]
    for _ in range(2):
        gate.go.release()
    callers.join()
    assert gate.batches == [["late0"], ["a0", "b0"]]


def test_out_of_time_leaves_what_nobody_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("voc.batching.monotonic", lambda: now[0])
    done: list[int] = []

    def work(items: Sequence[int]) -> None:
        done.extend(items)
        now[0] += 1.0

    assert Batcher[int](work, most=2).run(range(6), 1.5) == [4, 5]
    assert done == [0, 1, 2, 3]
    assert Batcher[int](work, most=2).run(range(2), 0.0) == [0, 1]


def test_work_that_fails_stops_its_caller_alone() -> None:
    calls = []

    def work(items: Sequence[int]) -> None:
        calls.append(list(items))
        if 13 in items:
            raise ValueError("unlucky")

    batcher = Batcher[int](work, most=2)
    with pytest.raises(ValueError, match="unlucky"):
        batcher.run([13, 14, 15], FOREVER)
    assert batcher.run([1], FOREVER) == []
    assert calls == [[13, 14], [1]]


def test_many_threads_lose_and_double_nothing() -> None:
    done: list[int] = []
    batcher = Batcher[int](done.extend, most=5)
    threads = [
        threading.Thread(target=lambda n=n: [batcher.run([n * 100 + i], FOREVER) for i in range(50)])
        for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(n * 100 + i for n in range(16) for i in range(50))
