"""What was accepted is analyzed, once, whoever dies."""

from __future__ import annotations

import re
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


SAID = "Tôi là Nguyễn Văn Nam, gọi 0912 345 678, giao chậm quá"
ALONE = {
    "keep": (SAID, "+84 912 345 678"),
    "mask": ("Tôi là [name], gọi [phone], giao chậm quá", "[phone]"),
    "pseudonymize": (r"Tôi là \[name:\w{10}\], gọi \[phone:(\w{10})\], giao chậm quá", r"\[phone:(\w{10})\]"),
}


@pytest.mark.parametrize("setting", ["keep", "mask", "pseudonymize"])
def test_personal_data_are_dealt_with_before_anything_is_kept(
    services: Services, feedback: Make, setting: str
) -> None:
    services.worklist.settings = services.worklist.settings.model_copy(update={"pii": setting})
    row = feedback(
        "a", SAID, customer_ref="0912345678", external_id="0987654321",
        attributes={"0912345678": "+84 912 345 678", "orders": 3, "vip": True},
    )  # fmt: skip
    (submitted,) = services.worklist.submit([row])
    kept = services.store.get("a")
    assert kept is not None
    assert kept.feedback == submitted.added.feedback
    assert (kept.feedback.customer_ref, kept.feedback.external_id) == ("0912345678", "0987654321")
    attributes = dict(kept.feedback.attributes)
    assert (attributes.pop("orders"), attributes.pop("vip")) == (3, True)
    text, value = ALONE[setting]
    if setting == "pseudonymize":
        in_text = re.fullmatch(text, kept.feedback.text)
        in_value = re.fullmatch(value, attributes["0912345678"])
        assert in_text
        assert in_value
        assert in_text[1] == in_value[1]
        assert len(services.store.secrets.get("pseudonym") or b"") == 32
    else:
        assert (kept.feedback.text, attributes) == (text, {"0912345678": value})
        assert services.store.secrets.get("pseudonym") is None
    assert submitted.analysis is not None
    assert [kept.feedback.text[part.start : part.end] for part in submitted.analysis.segments] == [
        part.text for part in submitted.analysis.segments
    ]
    assert submitted.analysis.owner == "logistics"


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
