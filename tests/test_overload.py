"""More than can be done: refused at once or put off, never lost, and said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Response
from flask.testing import FlaskClient

from voc import admission
from voc.app import Voc, create_app
from voc.errors import StoreError
from voc.pipeline import Pipeline
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter

TEXTS = ["Giao hàng trễ ba ngày không báo", "The app crashes at login", "nhân viên nhiệt tình", "ok"]


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    return Settings(db=tmp_path / "voc.db", max_in_flight=1, analysis_slots=1)


def test_over_the_limit_is_refused_and_nothing_is_kept(
    app: Voc, client: FlaskClient, services: Services
) -> None:
    assert app.admission.enter()  # somebody is at work
    refused = client.post("/v1/feedback", data=b"not read, so not even found to be no JSON")
    assert refused.status_code == 503
    assert refused.get_json()["error"]["code"] == "overloaded"
    assert refused.headers["Retry-After"] == "1"
    assert client.get("/v1/feedback").status_code == 503
    assert services.store.count(Filter()) == 0
    app.admission.leave()
    assert client.post("/v1/feedback", json={"text": TEXTS[0]}).status_code == 201
    assert app.admission.in_flight == 0


def test_how_the_service_is_can_always_be_asked(app: Voc, client: FlaskClient) -> None:
    assert app.admission.enter()
    assert client.get("/v1/health").status_code == 200
    assert client.get("/v1/ready").status_code == 200
    assert app.admission.in_flight == 1
    assert {rule.rule for rule in app.url_map.iter_rules()} >= admission.ALWAYS


def test_the_body_of_a_refused_request_is_not_read(app: Voc) -> None:
    class Unread:
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    assert app.admission.enter()
    client = app.test_client()
    body = {"wsgi.input": Unread(), "CONTENT_LENGTH": "1000000"}
    answer = client.post("/v1/feedback", environ_overrides=body)
    assert answer.status_code == 503


def test_places_come_back_whatever_happens(app: Voc, client: FlaskClient) -> None:
    assert client.post("/v1/feedback", json={"text": ""}).status_code == 422
    assert client.get("/v1/nowhere").status_code == 404
    assert app.admission.in_flight == 0

    def broken(_environ: Any, _start: Any) -> Any:
        raise RuntimeError("broken")

    door = admission.Admission(broken, 1)
    with pytest.raises(RuntimeError):
        door({"PATH_INFO": "/v1/feedback"}, lambda *_: lambda _: None)
    assert door.in_flight == 0


def test_a_streamed_answer_holds_its_place_to_the_end(settings: Settings) -> None:
    app = create_app(settings)
    app.add_url_rule("/stream", "stream", lambda: Response(iter(["a", "b"])))
    client = app.test_client()
    answer = client.get("/stream", buffered=False)
    assert app.admission.in_flight == 1
    assert client.get("/docs").status_code == 503
    answer.close()
    assert app.admission.in_flight == 0
    assert client.get("/docs").status_code == 302


@pytest.fixture
def held(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Somebody's analysis is at work, and stays so until this is called."""
    pipeline = services.pipelines.get()
    read = pipeline.read
    began, go = threading.Event(), threading.Event()

    def slow(texts: list[str]) -> Any:
        began.set()
        assert go.wait(30)
        return read(texts)

    monkeypatch.setattr(pipeline, "read", slow)
    thread = threading.Thread(target=services.worklist.analyze, args=(["x"], ["chậm"]))
    thread.start()
    assert began.wait(30)

    def let_go() -> None:
        go.set()
        thread.join()

    yield let_go
    let_go()


def test_who_finds_no_slot_is_answered_and_analyzed_later(
    client: FlaskClient, services: Services, pipeline: Pipeline, held: Callable[[], None]
) -> None:
    posted = [client.post("/v1/feedback", json={"text": text}) for text in TEXTS[:2]]
    batch = client.post("/v1/feedback/batch", json={"items": [{"text": text} for text in TEXTS[2:]]})
    rows = batch.get_json()["results"]
    assert [answer.status_code for answer in posted] + [row["status"] for row in rows] == [201] * 4
    answers = [answer.get_json() for answer in posted] + rows
    assert [answer["analysis"] for answer in answers] == [None] * 4
    assert {answer.get_json()["status"] for answer in posted} == {"queued"}
    assert services.store.waiting() == 4
    held()

    assert services.worklist.drain_once() == 4
    assert services.store.waiting() == 0
    ids = [answer["feedback"]["id"] for answer in answers]
    direct = pipeline.analyze(ids, TEXTS)
    assert [services.store.get(key).analysis for key in ids] == direct


def test_what_waits_together_is_analyzed_together_and_says_the_same(
    services: Services, pipeline: Pipeline, feedback: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    services.worklist.settings = services.settings.model_copy(update={"analysis_slots": 8})
    batches: list[int] = []
    began, go = threading.Event(), threading.Event()
    read = pipeline.read

    def seen(texts: list[str]) -> Any:
        batches.append(len(texts))
        began.set()
        assert go.wait(30)
        return read(texts)

    monkeypatch.setattr(pipeline, "read", seen)
    worklist = services.worklist
    worklist.batches._slots = 8
    found: dict[str, Any] = {}

    def submit(key: str, text: str) -> None:
        (found[key],) = worklist.submit([feedback(key, text)])
        services.store.close()

    threads = [threading.Thread(target=submit, args=(str(n), text)) for n, text in enumerate(TEXTS)]
    threads[0].start()
    assert began.wait(30)
    for thread in threads[1:]:
        thread.start()
    pause = threading.Event()
    while len(worklist.batches._groups) < 4:
        pause.wait(0.001)
    go.set()
    for thread in threads:
        thread.join()
    assert batches == [1, 3]
    direct = pipeline.analyze([str(n) for n in range(4)], TEXTS)
    assert [found[str(n)].analysis for n in range(4)] == direct
    assert services.store.waiting() == 0


def test_a_database_that_fails_is_told_to_all_whose_rows_came_together(
    services: Services, feedback: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError("no space left")

    monkeypatch.setattr(services.store, "add", full)
    with pytest.raises(OSError, match="no space left"):
        services.worklist.submit([feedback("a", "hàng lỗi")])
    monkeypatch.undo()
    assert services.store.count(Filter()) == 0
    (kept,) = services.worklist.submit([feedback("a", "hàng lỗi")])
    assert kept.analysis is not None


def test_a_database_that_is_locked_is_asked_once_for_a_batch(
    services: Services, feedback: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def locked(*_: Any, **__: Any) -> Any:
        asked.append(1)
        raise StoreError("store_busy", "the database cannot take this now")

    monkeypatch.setattr(services.store, "save", locked)
    submitted = services.worklist.submit([feedback(str(n), text) for n, text in enumerate(TEXTS)])
    assert [one.analysis for one in submitted] == [None] * 4  # kept all the same, and answered
    assert len(asked) == 1
    assert services.store.waiting() == 4
    monkeypatch.undo()
    assert services.worklist.drain_once() == 0  # until the lease ends
    for holder in services.store.holders():
        services.store.release_holder(holder)
    assert services.worklist.drain_once() == 4


def test_analyze_says_that_it_had_no_turn(app: Voc, services: Services, held: Callable[[], None]) -> None:
    services.worklist.settings = services.settings.model_copy(update={"analysis_timeout_s": 0.0})
    answer = app.test_client().post("/v1/analyze", json={"text": "hàng lỗi"})
    assert answer.status_code == 503
    assert answer.get_json()["error"]["code"] == "overloaded"
    assert answer.headers["Retry-After"] == "1"
