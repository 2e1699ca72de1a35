"""What was accepted is analyzed, once, whoever dies."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from voc.records import Feedback
from voc.services import Services
from voc.store import Filter, Store

Make = Callable[..., Feedback]


def test_submit_keeps_and_analyzes_in_order(services: Services, feedback: Make) -> None:
    rows = [feedback("b", "giao hàng chậm quá"), feedback("a", "the app crashed again")]
    submitted = services.worklist.submit(rows)
    assert [s.added.feedback.id for s in submitted] == ["b", "a"]
    assert [s.analysis.owner for s in submitted if s.analysis] == ["logistics", "digital"]
    assert services.store.waiting() == 0


def test_what_is_out_of_time_is_queued_and_drained(services: Services, feedback: Make, monkeypatch) -> None:
    monkeypatch.setattr("voc.worklist.CHUNK", 2)
    rows = [feedback(str(i), f"hàng lỗi số {i}") for i in range(6)]
    now = [0.0]
    monkeypatch.setattr("voc.batching.monotonic", lambda: now[0])
    pipeline = services.pipelines.get()
    read = pipeline.read

    def slow(texts):
        now[0] = 99.0
        return read(texts)

    monkeypatch.setattr(pipeline, "read", slow)
    submitted = services.worklist.submit(rows)
    assert [s.analysis is None for s in submitted] == [False, False, True, True, True, True]
    assert services.store.waiting() == 4
    assert [services.worklist.drain_once() for _ in range(3)] == [2, 2, 0]
    assert services.store.waiting() == 0
    assert all(kept.analysis for kept in services.store.every(Filter()))


def test_rows_of_a_dead_process_are_taken_over_after_the_lease(services: Services, feedback: Make) -> None:
    store = services.store
    store.add([feedback("a", "hàng lỗi")], holder="dead", lease_s=-1.0)
    store.add([feedback("b", "hàng lỗi")], holder="alive", lease_s=600.0)
    assert services.worklist.drain_once() == 1
    assert store.get("a").analysis is not None
    assert store.get("b").analysis is None


def test_one_bad_row_does_not_stop_the_others(services: Services, feedback: Make, monkeypatch) -> None:
    pipeline = services.pipelines.get()
    read = pipeline.read

    def picky(texts):
        if any("poison" in text for text in texts):
            raise ValueError("cannot read this")
        return read(texts)

    monkeypatch.setattr(pipeline, "read", picky)
    rows = [feedback("a", "hàng lỗi"), feedback("b", "poison"), feedback("c", "giao chậm")]
    submitted = services.worklist.submit(rows)
    assert [s.analysis is None for s in submitted] == [False, True, False]
    assert services.worklist.drain_once() == 0  # it waits before it is tried again
    assert services.store.waiting() == 1


def test_eight_threads_at_once_lose_nothing(services: Services, feedback: Make) -> None:
    failures: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for i in range(5):
                services.worklist.submit([feedback(f"{thread}-{i}", f"giao hàng chậm lần {i}")])
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            services.store.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert services.store.count(Filter()) == 40
    assert services.store.waiting() == 0


def test_the_background_thread_stops_when_told(services: Services, feedback: Make) -> None:
    services.store.add([feedback("a", "hàng lỗi")], holder="dead", lease_s=-1.0)
    stop = threading.Event()

    def stop_when_done(_claimed: float) -> bool:
        stop.set()
        return True

    stop.wait = stop_when_done  # type: ignore[method-assign, assignment]
    services.worklist.run(stop)
    assert services.store.waiting() == 0


def test_the_store_of_a_dead_process_is_whole(services: Services, settings, feedback: Make) -> None:
    services.worklist.submit([feedback("a", "giao hàng chậm")])
    fresh = Store(settings.db)
    assert fresh.db.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    fresh.close()


OTHERWISE = ("keep", "mask", "pseudonymize")


@pytest.mark.parametrize(("before", "after"), [(one, other) for one in OTHERWISE for other in OTHERWISE])
def test_the_same_text_is_known_again_after_the_setting_was_changed(
    services: Services, feedback: Make, before: str, after: str
) -> None:
    worklist = services.worklist
    worklist.settings = worklist.settings.model_copy(update={"pii": before})
    (kept,) = worklist.submit([feedback("a", "Gọi tôi 0912 345 678", external_id="7")])
    worklist.settings = worklist.settings.model_copy(update={"pii": after})
    (again,) = worklist.submit([feedback("b", "Gọi tôi 0912 345 678", external_id="7")])
    assert (again.added.outcome, again.added.feedback) == ("exists", kept.added.feedback)
    (other,) = worklist.submit([feedback("c", "Đừng gọi tôi 0912 345 678", external_id="7")])
    assert other.added.outcome == "conflict"
    (number,) = worklist.submit([feedback("d", "Gọi tôi 0987 654 321", external_id="7")])
    alike = before == "mask" or (before, after) == ("keep", "mask")
    assert number.added.outcome == ("exists" if alike else "conflict")


def test_what_an_older_version_did_not_mask_is_known_again(services: Services, feedback: Make) -> None:
    services.store.add(
        [feedback("a", "Gọi 0912 345 678 hoặc [email]", external_id="7")], holder="t", lease_s=1.0
    )
    (again,) = services.worklist.submit(
        [feedback("b", "Gọi 0912 345 678 hoặc lan@voc.example", external_id="7")]
    )
    assert (again.added.outcome, again.added.feedback.id) == ("exists", "a")
