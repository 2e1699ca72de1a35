"""The client against the real application on a real socket, behind a network that can be made to fail."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from voc import __version__, client
from voc.app import Voc
from voc.client import Client, ClientError
from voc.services import Services
from voc.store import Filter

Step = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes] | None]


class Network:
    """A WSGI wrapper that does to each request what the next step says; without steps, nothing."""

    def __init__(self, application: Voc) -> None:
        self.application = application
        self.steps: deque[Step] = deque()
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.seen.append((f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", dict(environ)))
        if self.steps:
            answer = self.steps.popleft()(environ, start_response)
            if answer is not None:
                return answer
        return self.application(environ, start_response)

    @property
    def requests(self) -> list[str]:
        return [request for request, _ in self.seen]

    def lose_the_answer(self, environ: dict[str, Any], _start: Callable[..., Any]) -> Iterable[bytes]:
        """The service does everything; then the connection breaks before a byte is answered."""
        b"".join(self.application(environ, lambda *_: lambda _: None))
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionError

    def break_in_the_middle(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Half of the answer arrives."""
        body = b"".join(self.application(environ, lambda *_: lambda _: None))
        start("200 OK", [("Content-Length", str(len(body)))])
        yield body[: len(body) // 2]
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionError


def answer(status: str, body: bytes = b"<html>", **headers: str) -> Step:
    """A step that answers in the service's place."""

    def step(_environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        start(status, [("Content-Length", str(len(body))), *named])
        return [body]

    return step


BUSY = b'{"error": {"code": "overloaded", "message": "try again", "field": null}}'


@pytest.fixture
def network(app: Voc) -> Network:
    return Network(app)


@pytest.fixture
def url(network: Network) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, network, threaded=True)
    server.log_startup = lambda *_: None  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def voc(url: str, waits: list[float]) -> Iterator[Client]:
    with Client(url, retries=4, sleep=waits.append) as voc:
        yield voc


# ---- what it is for


def test_submit_get_and_analyze(voc: Client, network: Network) -> None:
    kept = voc.submit("Giao hàng trễ ba ngày không báo", source="zalo", external_id="77-1", channel="chat")
    assert kept["feedback"]["source"] == "zalo"
    assert kept["feedback"]["channel"] == "chat"
    assert kept["analysis"]["owner"] == "logistics"
    assert voc.get(kept["feedback"]["id"]) == kept
    assert voc.analyze("Giao hàng trễ ba ngày không báo")["owner"] == "logistics"
    assert network.seen[0][1]["HTTP_USER_AGENT"] == f"voc/{__version__}"


def test_a_date_is_written_as_one(voc: Client) -> None:
    said = datetime(2026, 11, 2, 8, tzinfo=UTC)
    assert voc.submit("ok", occurred_at=said)["feedback"]["occurred_at"] == "2026-11-02T08:00:00.000Z"


def test_the_key_goes_along(url: str, network: Network, waits: list[float]) -> None:
    with Client(url + "/", key="voc_secret", sleep=waits.append) as voc, pytest.raises(ClientError) as caught:
        voc.submit("hàng lỗi")
    assert caught.value.status == 401
    assert network.seen[0][1]["HTTP_AUTHORIZATION"] == "Bearer voc_secret"
    assert waits == []


def test_submit_many_takes_rows_as_they_are_needed(voc: Client, network: Network, services: Services) -> None:
    taken = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for number in range(1_000_000):
            taken += 1
            yield {"text": f"đơn số {number} giao thiếu", "source": "many"}

    results = list(islice(voc.submit_many(rows(), batch=3), 7))
    assert [result["index"] for result in results] == list(range(7))
    assert [result["feedback"]["text"] for result in results] == [f"đơn số {n} giao thiếu" for n in range(7)]
    assert taken == 9
    assert network.requests == ["POST /v1/feedback/batch"] * 3
    assert services.store.count(Filter()) == 9


def test_a_bad_row_stops_nothing(voc: Client) -> None:
    rows: list[Any] = [{"text": "ok"}, {"text": ""}, "no row", {"text": "a\ud800"}]
    rows += [{"text": "tốt", "size": 1}, {"text": "hay"}]
    results = list(voc.submit_many(rows, batch=4))
    assert [result["status"] for result in results] == [201, 422, 422, 422, 422, 201]
    assert [result["index"] for result in results] == list(range(6))
    assert results[4]["error"]["code"] == "field_unknown"


def test_a_batch_that_is_too_large_is_halved(voc: Client, app: Voc, services: Services) -> None:
    services.settings = services.settings.model_copy(update={"batch_max_items": 2})
    results = list(voc.submit_many([{"text": f"lần {n}"} for n in range(5)]))
    assert [result["feedback"]["text"] for result in results] == [f"lần {n}" for n in range(5)]
    assert [result["index"] for result in results] == list(range(5))
    app.config["MAX_CONTENT_LENGTH"] = 1024
    small, large = voc.submit_many([{"text": "vừa"}, {"text": "x" * 5000}])
    assert small["status"] == 201
    assert (large["status"], large["error"]["code"]) == (413, "body_too_large")


def test_find_reads_all_pages(voc: Client, network: Network) -> None:
    list(voc.submit_many([{"text": f"giao chậm {n}", "source": "a"} for n in range(5)] + [{"text": "hay"}]))
    found = list(voc.find(page=2, source="a", since="2020-01-01", until=None))
    assert sorted(kept["feedback"]["text"] for kept in found) == [f"giao chậm {n}" for n in range(5)]
    assert network.requests.count("GET /v1/feedback") == 3
    assert list(voc.find(until="2020-01-01")) == []


def test_correct_and_trends(voc: Client) -> None:
    key = voc.submit("Giao hàng trễ", occurred_at="2026-11-02")["feedback"]["id"]
    assert voc.correct(key, owner="care", reason="they promised")["analysis"]["owner"] == "care"
    (point,) = voc.trends("department", since="2026-11-01", until="2026-11-30")["points"]
    assert (point["period"], point["key"], point["count"]) == ("2026-11-02", "care", 1)


def test_export_writes_a_whole_file_or_none(voc: Client, network: Network, tmp_path: Path) -> None:
    voc.submit("Giao hàng trễ", source="a")
    voc.submit("hay", source="b")
    network.steps.append(network.break_in_the_middle)
    path = tmp_path / "out.jsonl"
    size = voc.export(path, source="a")
    assert network.requests.count("GET /v1/export") == 2
    assert size == path.stat().st_size
    assert path.read_text("utf-8").count("\n") == 1
    assert "Giao hàng trễ" in path.read_text("utf-8")
    with pytest.raises(ClientError, match="format"):
        voc.export(tmp_path / "out.docx")
    assert [one.name for one in tmp_path.iterdir() if one.suffix in (".docx", ".part")] == []


# ---- what goes wrong


def test_an_answer_that_is_lost_doubles_nothing(
    voc: Client, network: Network, services: Services, waits: list[float]
) -> None:
    network.steps += [network.lose_the_answer, network.lose_the_answer]
    kept = voc.submit("Giao hàng trễ ba ngày")
    assert network.requests == ["POST /v1/feedback"] * 3
    assert services.store.count(Filter()) == 1
    assert services.store.get(kept["feedback"]["id"]).as_dict() == kept
    assert len(waits) == 2

    network.steps.append(network.lose_the_answer)
    results = list(voc.submit_many([{"text": "a"}, {"text": "b"}, {"text": "c"}], batch=2))
    assert [result["status"] for result in results] == [200, 200, 201]  # the first two were kept before
    assert services.store.count(Filter()) == 4


def test_the_service_is_waited_for_as_long_as_it_says(
    voc: Client, network: Network, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_JITTER", lambda _state: 0.25)
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    network.steps += [
        answer("503 Service Unavailable", BUSY, Retry_After="7"),
        answer("429 Too Many Requests", BUSY, Retry_After=soon),
        answer("502 Bad Gateway"),
        answer("504 Gateway Timeout", Retry_After="soon"),
    ]
    assert voc.submit("hàng lỗi")["feedback"]["text"] == "hàng lỗi"
    assert waits[0] == 7.25
    assert 45 < waits[1] <= 50.25
    assert waits[2:] == [0.25, 0.25]


def test_waits_grow_and_are_drawn_from_nothing_on(
    voc: Client, network: Network, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)
    network.steps += [answer("503 Service Unavailable", BUSY)] * 4
    voc.analyze("hàng lỗi")
    assert waits == [0.25, 0.5, 1.0, 2.0]


def test_a_service_that_stays_busy_is_given_up(voc: Client, network: Network, waits: list[float]) -> None:
    network.steps += [answer("503 Service Unavailable", BUSY)] * 9
    with pytest.raises(ClientError) as caught:
        voc.submit("hàng lỗi")
    assert (caught.value.code, caught.value.status, len(waits)) == ("overloaded", 503, 4)


def test_one_that_asks_for_an_hour_is_not_waited_for(
    voc: Client, network: Network, waits: list[float]
) -> None:
    network.steps.append(answer("429 Too Many Requests", BUSY, Retry_After="3600"))
    with pytest.raises(ClientError, match="overloaded"):
        voc.submit("hàng lỗi")
    assert waits == []


def test_nobody_there(waits: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    voc = Client(f"http://127.0.0.1:{port}", retries=2, sleep=waits.append)
    with voc, pytest.raises(ClientError) as caught:
        voc.submit("hàng lỗi")
    assert (caught.value.code, caught.value.status, len(waits)) == ("unreachable", None, 2)


def test_what_the_sender_can_mend_is_told_at_once(voc: Client, network: Network, waits: list[float]) -> None:
    with pytest.raises(ClientError) as caught:
        voc.submit("")
    assert (caught.value.code, caught.value.field, caught.value.status) == ("text_empty", "text", 422)
    voc.submit("một", external_id="1")
    with pytest.raises(ClientError) as caught:
        voc.submit("hai", external_id="1")
    assert (caught.value.code, caught.value.status) == ("external_id_conflict", 409)
    with pytest.raises(ClientError) as caught:
        voc.get("nobody")
    assert (caught.value.code, caught.value.status) == ("feedback_unknown", 404)
    with pytest.raises(ClientError) as caught:
        voc.get("../topics")  # no way out of the path
    assert caught.value.status == 404
    with pytest.raises(ClientError) as caught:
        voc.submit("hàng lỗi", attributes={"weight": float("nan")})
    assert caught.value.code == "request_invalid"
    network.steps.append(answer("200 OK", b"<html>a proxy's page"))
    with pytest.raises(ClientError) as caught:
        voc.get("x")
    assert (caught.value.code, caught.value.status) == ("answer_invalid", 200)
    assert waits == []


def test_a_url_that_is_none_is_told() -> None:
    with Client("ftp://127.0.0.1") as voc, pytest.raises(ClientError, match="request_invalid"):
        voc.get("x")
