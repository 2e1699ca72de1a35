"""Events go out: signed, in order, at least once; each target for itself, and none into this network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from flask.testing import FlaskClient

from voc import webhooks
from voc.cli import main
from voc.errors import Conflict, InvalidInput, NotFound
from voc.records import Analysis, Candidate, Correction, Feedback, Segment
from voc.settings import Settings
from voc.store import Store
from voc.webhooks import Deliverer, Limits, Schedule, delivery

#: Tries again at once, gives up after three attempts.
AT_ONCE = Schedule(first_s=0.0, most_s=0.0, attempts=3, refused_attempts=2)
LATE = "Giao hàng trễ ba ngày."


@dataclass
class Got:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """A program that gets events; ``answer`` says what it answers to each, 204 if it returns None."""

    answer: Callable[[Got], tuple[int, dict[str, str]] | None] = lambda _: None
    certificate: Path | None = None
    got: list[Got] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.got.append(got)
                status, headers = receiver.answer(got) or (204, {})
                with suppress(ConnectionError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if status != 204:
                        self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/events"
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def close(self) -> None:
        """Takes no more."""
        self.server.shutdown()
        self.server.server_close()

    @property
    def ids(self) -> list[str]:
        """Ids of the events in the order they came."""
        return [got.headers["webhook-id"] for got in self.got]

    @property
    def subjects(self) -> list[str]:
        """What the events tell of, in the order they came."""
        return [got.event["subject"] for got in self.got]


@pytest.fixture
def receivers() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(
        answer: Callable[[Got], tuple[int, dict[str, str]] | None] = lambda _: None,
        certificate: Path | None = None,
    ) -> Receiver:
        made.append(Receiver(answer, certificate))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


@pytest.fixture
def inside(settings: Settings) -> Settings:
    """Settings that allow addresses of this machine."""
    return settings.model_copy(update={"webhook_allow_private": True})


@pytest.fixture
def deliverer(store: Store, inside: Settings) -> Deliverer:
    return Deliverer(store, inside, schedule=AT_ONCE)


@pytest.fixture
def target(store: Store, inside: Settings) -> Callable[..., str]:
    """Adds a target for what is routed; returns its secret."""

    def add(name: str, url: str, *events: str, department: str | None = None) -> str:
        wanted = events or ("feedback.routed",)
        return webhooks.add(store, inside, name, url, wanted, department, by="command:test")[1]

    return add


def analysis(key: str, owner: str | None = "logistics", *cooperators: str, **fields: Any) -> Analysis:
    parts = (Segment(0, len(LATE), LATE, "vi", "negative", -0.8, "delivery-late", owner, 0.9),)
    status = "routed" if owner else "no_owner"
    made = Analysis(
        key, "vi", "negative", -0.8, 0.9, owner, 0.9, cooperators, "receive", status,
        (), (), parts, "2026.11-000000",
    )  # fmt: skip
    return replace(made, **fields)


@pytest.fixture
def keep(store: Store, feedback: Callable[..., Feedback]) -> Callable[..., None]:
    """Keeps feedback with the analyses given, in one transaction each."""

    def save(*analyses: Analysis) -> None:
        store.add([feedback(one.id, LATE) for one in analyses], holder="test", lease_s=60)
        store.save(analyses, [None] * len(analyses), "reader")

    return save


def count(store: Store, table: str) -> int:
    return int(store.db.conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


def states(store: Store) -> list[tuple[str, int]]:
    """State and attempts of every delivery, in the order of events."""
    rows = store.db.conn.execute("SELECT state, attempts FROM deliveries ORDER BY event, target")
    return [(row[0], row[1]) for row in rows]


# ---- what is sent


def test_an_event_arrives_signed(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    receiver = receivers()
    secret = target("crm", receiver.url)
    keep(analysis("f1", "logistics", "care"))
    deliverer.once()
    (got,) = receiver.got
    assert got.path == "/events"
    assert got.headers["host"] == receiver.url.split("/")[2]
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert got.headers["user-agent"].startswith("voc/")
    # verified as Standard Webhooks says, without our own code
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert len(key) == 32
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(time.time() - int(got.headers["webhook-timestamp"])) < 60
    event = from_http(HTTPMessage({"content-type": got.headers["content-type"]}, got.body), JSONFormat())
    assert event.get_id() == got.headers["webhook-id"]
    assert event.get_type() == "feedback.routed"
    assert event.get_source() == "/voc"
    assert event.get_subject() == "f1"
    assert event.get_specversion() == "1.0"
    assert re.fullmatch(r"\d{19}", event.get_extension("sequence"))
    kept = store.get("f1")
    assert kept is not None
    assert event.get_data() == kept.as_dict() | {"cause": "analysis"}
    assert states(store) == [("delivered", 1)]


def test_an_event_that_everybody_has_keeps_no_text(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    fine, away = receivers(), receivers(lambda _: (500, {}))
    target("a", fine.url)
    target("b", away.url)
    keep(analysis("f1"))
    deliverer.once()
    body = "SELECT body FROM events"
    assert LATE in store.db.conn.execute(body).fetchone()[0], "it can still be replayed"
    assert (store.outbox.get("a").pending, store.outbox.get("b").dead) == (0, 1)
    store.outbox.remove("b")
    assert store.db.conn.execute(body).fetchone()[0] == ""


def test_the_old_secret_signs_too_until_its_day_is_over(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    receiver = receivers()
    old = target("crm", receiver.url)
    new = webhooks.rotate(store, "crm")
    keep(analysis("f1"))
    deliverer.once()
    store.db.execute("UPDATE targets SET former_until = 1")
    store.db.conn.commit()
    keep(analysis("f2"))
    deliverer.once()
    first, second = receiver.got

    def signs(secret: str, got: Got) -> str:
        moment = int(got.headers["webhook-timestamp"])
        return webhooks.signature(secret, got.headers["webhook-id"], moment, got.body)

    assert first.headers["webhook-signature"] == f"{signs(new, first)} {signs(old, first)}"
    assert second.headers["webhook-signature"] == signs(new, second)
    assert old != new


def test_a_signature_is_that_of_the_specification() -> None:
    # the example of github.com/standard-webhooks/standard-webhooks, libraries/python
    found = webhooks.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


# ---- what is told to whom


def test_each_status_has_its_event_and_nobodys_has_none(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    receiver = receivers()
    target("crm", receiver.url, "feedback.routed", "feedback.review")
    unsure = analysis("f2", status="review", candidates=(Candidate("logistics", 0.4),))
    keep(analysis("f1"), unsure, analysis("f3", None))
    deliverer.once()
    assert [(got.event["type"], got.event["subject"]) for got in receiver.got] == [
        ("feedback.routed", "f1"), ("feedback.review", "f2"),
    ]  # fmt: skip


def test_saving_twice_tells_once(store: Store, target: Any, keep: Any) -> None:
    target("crm", "http://127.0.0.1:9/")
    keep(analysis("f1"))
    store.save([analysis("f1")], [None], "reader")
    store.save([analysis("f1", "care", pipeline="2026.12-000000")], [None], "reader")
    assert count(store, "events") == count(store, "deliveries") == 1


def test_without_a_target_nothing_is_kept_and_one_question_is_asked(store: Store, keep: Any) -> None:
    asked: list[str] = []
    store.db.conn.set_trace_callback(asked.append)
    keep(analysis("f1"), analysis("f2"))
    store.db.conn.set_trace_callback(None)
    assert count(store, "events") == 0
    assert len([one for one in asked if "targets" in one]) == 1
    assert not [one for one in asked if "INTO events" in one]


def test_a_transaction_that_fails_leaves_no_event(store: Store, target: Any, keep: Any) -> None:
    target("crm", "http://127.0.0.1:9/")
    store.db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    with pytest.raises(sqlite3.IntegrityError, match="disk full"):
        keep(analysis("f1"))
    assert count(store, "events") == 0
    assert store.get("f1").analysis is None  # type: ignore[union-attr]
    assert store.waiting() == 1
    store.db.execute("DROP TRIGGER full")
    store.save([analysis("f1")], [None], "reader")
    assert (count(store, "events"), count(store, "deliveries"), store.waiting()) == (1, 1, 0)


def test_a_department_gets_only_its_own(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    everything, care, sales = receivers(), receivers(), receivers()
    target("all", everything.url)
    target("care", care.url, department="care")
    target("sales", sales.url, department="sales")
    keep(analysis("f1", "logistics"), analysis("f2", "care"), analysis("f3", "logistics", "care"))
    deliverer.once()
    assert everything.subjects == ["f1", "f2", "f3"]
    assert care.subjects == ["f2", "f3"]
    assert sales.got == []


def test_a_correction_is_told_to_those_it_concerns_now(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    logistics, care = receivers(), receivers()
    target("logistics", logistics.url, department="logistics")
    target("care", care.url, department="care")
    keep(analysis("f1", "logistics"))
    deliverer.once()

    def correct(name: str, value: Any, stood: Any) -> list[Correction]:
        said = [(None, name, value, stood)]
        return store.corrections.add("f1", said, author="lan", reason=None, departments={})

    correct("sentiment", "neutral", "negative")  # changes nobody's work
    (one,) = correct("owner", "care", "logistics")
    correct("owner", "care", "logistics")  # holds already
    deliverer.once()
    assert [got.event["data"]["cause"] for got in care.got] == ["correction"]
    assert care.got[0].event["data"]["analysis"]["owner"] == "care"
    assert len(logistics.got) == 1
    store.corrections.withdraw(one.number, author="lan", departments={})
    deliverer.once()
    assert [got.event["data"]["cause"] for got in logistics.got] == ["analysis", "correction"]
    assert len(care.got) == 1


def test_a_run_is_told_in_counts(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    from voc.store import Filter

    receiver = receivers()
    target("crm", receiver.url, "run.finished")
    keep(analysis("f1"))
    run = store.runs.begin("2026.12-000000", Filter(), holder="test", lease_s=60)
    rows = store.runs.page("reader", run.pipeline, Filter(), 0, 10, run)
    change = {
        "rows": 1, "encoded": 0, "corrected": 0, "owners": [["logistics", "care", 1], ["care", "care", 5]],
        "sentiments": [], "statuses": [], "topics": [], "examples": [["logistics", "care", ["f1"]]],
    }  # fmt: skip
    judged = [analysis("f1", "care", pipeline=run.pipeline)]
    store.runs.keep(run, rows, judged, [None], "reader", change, {}, lease_s=60)
    assert store.runs.finish(run)
    store.runs.rollback(run.number)
    deliverer.once()
    first, second = (got.event for got in receiver.got)
    assert (first["type"], first["subject"]) == ("run.finished", str(run.number))
    assert [one["data"]["run"]["state"] for one in (first, second)] == ["finished", "rolled_back"]
    assert first["data"]["run"]["rows"] == 1
    assert first["data"]["run"]["change"] == {
        "encoded": 0, "corrected": 0, "owners_moved": [{"from": "logistics", "to": "care", "count": 1}],
        "sentiments_moved": [], "statuses_moved": [], "topics_moved": [],
    }  # fmt: skip
    assert b'"f1"' not in receiver.got[0].body


FINDING = {
    "kind": "topic", "topic": "delivery-late", "label": "giao trễ", "now": 12, "past": 3,
    "examples": [{"id": "f1", "occurred_at": "2026-11-02", "start": 0, "end": 22, "text": LATE}],
}  # fmt: skip


def test_what_grows_is_told_once_a_week_and_to_departments_without_words(
    store: Store, target: Any, deliverer: Deliverer, receivers: Any
) -> None:
    everything, logistics, care = receivers(), receivers(), receivers()
    target("all", everything.url, "topic.emerging")
    target("logistics", logistics.url, "topic.emerging", department="logistics")
    target("care", care.url, "topic.emerging", department="care")
    items = [FINDING, FINDING | {"kind": "none", "topic": None, "label": "mã giảm giá"}]
    departments = {"delivery-late": "logistics"}
    assert store.outbox.announce(items, "2026-11-02T00:00:00.000Z", departments) == 3
    assert store.outbox.announce(items, "2026-11-08T00:00:00.000Z", departments) == 0, "the same week"
    assert store.outbox.announce(items[:1], "2026-11-09T00:00:00.000Z", departments) == 2
    deliverer.once()
    assert everything.subjects == ["delivery-late", "none", "delivery-late"]
    assert everything.got[0].event["data"]["finding"] == FINDING
    assert logistics.subjects == ["delivery-late"] * 2
    assert logistics.got[0].event["data"]["finding"] == {
        "kind": "topic", "topic": "delivery-late", "label": "giao trễ", "now": 12, "past": 3,
    }  # fmt: skip
    assert care.got == []


# ---- order, patience, death


def test_order_is_kept_across_failures(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    failures = iter([503, 200, 500, 500, 204])
    receiver = receivers(lambda _: (next(failures, 204), {}))
    target("crm", receiver.url)
    for number in range(4):
        keep(analysis(f"f{number}"))
    deliverer.once()
    assert receiver.subjects == ["f0", "f0", "f1", "f1", "f1", "f2", "f3"]
    sequence = [got.event["sequence"] for got in receiver.got]
    assert sequence == sorted(sequence)
    assert states(store) == [("delivered", 2), ("delivered", 3), ("delivered", 1), ("delivered", 1)]


def test_what_fails_to_the_end_dies_and_can_be_replayed(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    away = True
    receiver = receivers(lambda got: (500, {}) if away and got.event["subject"] != "f2" else None)
    target("crm", receiver.url)
    for number in range(3):
        keep(analysis(f"f{number}"))
    deliverer.once()
    assert receiver.subjects == ["f0"] * 3 + ["f1"] * 3 + ["f2"]
    first, second = store.deliveries.letters("crm")
    assert (first.subject, first.attempts, first.status, first.error) == ("f0", 3, 500, "status 500")
    assert first.ended_at is not None
    with pytest.raises(Conflict, match="is delivered") as refused:
        store.deliveries.replay("crm", [receiver.ids[-1]])
    assert refused.value.code == "event_not_dead"
    with pytest.raises(NotFound):
        store.deliveries.replay("crm", ["no-such-event"])
    away = False
    assert store.deliveries.replay("crm", [second.event]) == 1
    assert store.deliveries.replay("crm") == 1
    deliverer.once()
    assert receiver.subjects[7:] == ["f0", "f1"]
    assert receiver.ids[7] == first.event
    assert store.deliveries.letters() == []


@pytest.mark.parametrize(
    ("status", "attempts"), [(400, 2), (302, 2), (404, 2), (408, 3), (429, 3), (500, 3), (503, 3)]
)
def test_a_refusal_is_tried_less_often(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any, status: int, attempts: int
) -> None:
    receiver = receivers(lambda _: (status, {}))
    target("crm", receiver.url)
    keep(analysis("f1"))
    deliverer.once()
    assert len(receiver.got) == attempts
    assert states(store) == [("dead", attempts)]


def test_a_redirect_is_not_followed(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    other = receivers()
    receiver = receivers(lambda _: (307, {"Location": other.url}))
    target("crm", receiver.url)
    keep(analysis("f1"))
    deliverer.once()
    assert len(receiver.got) == 2
    assert other.got == []
    assert store.deliveries.letters()[0].error == "status 307"


def test_who_is_gone_is_paused_and_goes_on_when_resumed(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    gone = True
    receiver = receivers(lambda _: (410, {}) if gone else None)
    target("crm", receiver.url)
    keep(analysis("f1"), analysis("f2"))
    deliverer.once()
    assert len(receiver.got) == 1
    assert (store.outbox.get("crm").state, store.outbox.get("crm").pending) == ("paused", 2)
    keep(analysis("f3"))  # not kept for it
    gone = False
    store.outbox.set_state("crm", "active")
    deliverer.once()
    assert receiver.subjects == ["f1", "f1", "f2"]


def test_the_waits_grow_to_about_a_day() -> None:
    schedule = Schedule()
    failed = webhooks.Answer(500)
    waits = [schedule.again_in_s(made, 0.0, failed) for made in range(1, 11)]
    assert waits[-1] is None
    least = [15, 45, 135, 405, 1_215, 3_645, 10_935, 28_800, 28_800]
    for wait, bound in zip(waits, least, strict=False):
        assert wait is not None
        assert bound <= wait <= 1.2 * bound
    assert 20 < sum(wait for wait in waits if wait) / 3600 < 25
    assert schedule.again_in_s(3, 0.0, webhooks.Answer(404)) is None
    assert schedule.again_in_s(1, 4 * 86_400.0, failed) is None, "a queue that waited for days goes on fast"


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [("120", 120, 120), ("1", 15, 18), ("9999999", 28_800, 28_800), ("soon", 15, 18), ("-5", 15, 18)],
)
def test_retry_after_is_followed_within_bounds(
    store: Store, target: Any, keep: Any, inside: Settings, receivers: Any, said: str, least: int, most: int
) -> None:
    receiver = receivers(lambda _: (429, {"Retry-After": said}))
    target("crm", receiver.url)
    keep(analysis("f1"))
    before = time.time()
    Deliverer(store, inside).once()
    due = store.db.conn.execute("SELECT due_at FROM deliveries").fetchone()[0]
    assert least <= due - before <= most + 10
    assert len(receiver.got) == 1


def test_retry_after_may_be_a_date(
    store: Store, target: Any, keep: Any, inside: Settings, receivers: Any
) -> None:
    moment = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 600))
    receiver = receivers(lambda _: (503, {"Retry-After": moment}))
    target("crm", receiver.url)
    keep(analysis("f1"))
    Deliverer(store, inside).once()
    due = store.db.conn.execute("SELECT due_at FROM deliveries").fetchone()[0]
    assert 590 < due - time.time() < 610


def test_a_wait_survives_a_restart_and_a_clock_that_goes_back(
    store: Store, target: Any, keep: Any, inside: Settings, receivers: Any
) -> None:
    receiver = receivers(lambda _: (500, {}) if len(receiver.got) == 1 else None)
    target("crm", receiver.url)
    keep(analysis("f1"))
    Deliverer(store, inside).once()
    Deliverer(store, inside).once()  # another process: it is not due yet
    assert len(receiver.got) == 1
    store.db.execute("UPDATE deliveries SET due_at = due_at + 1000000")  # the clock was days ahead
    store.db.conn.commit()
    Deliverer(store, inside).once()
    assert len(receiver.got) == 2
    assert states(store) == [("delivered", 2)]


# ---- those that hang, and many processes


def test_a_target_that_hangs_delays_no_other(
    store: Store, target: Any, keep: Any, inside: Settings, receivers: Any
) -> None:
    release, arrived = threading.Event(), threading.Event()
    here: list[str] = []

    def hang(_: Got) -> None:
        arrived.set()
        assert release.wait(30)

    slow = receivers(hang)
    fast = receivers(lambda got: here.append(got.event["subject"]))
    target("slow", slow.url)
    target("fast", fast.url)
    keep(*(analysis(f"f{number}") for number in range(5)))
    deliverer = Deliverer(store, inside, schedule=AT_ONCE)
    sending = threading.Thread(target=deliverer.once)
    sending.start()
    assert arrived.wait(30)
    wait_until(lambda: len(here) == 5)
    assert len(slow.got) == 1, "it still hangs"
    keep(analysis("f5"))  # nor does it delay what comes in
    assert store.outbox.get("slow").pending == 6
    release.set()
    sending.join(30)
    assert slow.subjects == fast.subjects == [f"f{number}" for number in range(6)]


def wait_until(condition: Callable[[], bool]) -> None:
    """Looks until it is so; gives up after about half a minute."""
    pause = threading.Event()
    for _ in range(3_000):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it did not come to pass")


class Dripping:
    """Answers one byte at a time, for ever."""

    def __init__(self, start: bytes) -> None:
        self.stop = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        self.start = start
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self.stop.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(self.start)
            while not self.stop.wait(0.01):
                connection.sendall(b"x")

    def close(self) -> None:
        """Ends it."""
        self.stop.set()
        self.socket.close()


@pytest.mark.parametrize(
    ("start", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", ("dead", 1, "timeout")),
        (b"", ("dead", 1, "timeout")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", ("delivered", 1, None)),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000, ("delivered", 1, None)),
    ],
)
def test_an_answer_that_drips_is_bounded(
    store: Store, target: Any, keep: Any, inside: Settings, start: bytes, outcome: tuple[str, int, str | None]
) -> None:
    slow = Dripping(start)
    try:
        target("slow", slow.url)
        keep(analysis("f1"))
        limits, once = Limits(connect_s=1.0, whole_s=0.4), replace(AT_ONCE, attempts=1)
        begun = time.monotonic()
        Deliverer(store, inside, limits, once).once()
        assert time.monotonic() - begun < 10
    finally:
        slow.close()
    row = store.db.conn.execute("SELECT state, attempts, error FROM deliveries").fetchone()
    assert tuple(row) == outcome


def test_nobody_listens(store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any) -> None:
    receiver = receivers()
    target("crm", receiver.url)
    receiver.close()
    keep(analysis("f1"))
    deliverer.once()
    (letter,) = store.deliveries.letters()
    assert (letter.status, letter.error) == (None, "connection_refused")


def test_two_processes_send_each_event_once(
    store: Store, target: Any, keep: Any, inside: Settings, receivers: Any
) -> None:
    receiver = receivers()
    target("crm", receiver.url)
    keep(*(analysis(f"f{number}") for number in range(30)))
    stop = threading.Event()
    quick = inside.model_copy(update={"poll_s": 0.01})
    few = Limits(events=3)  # they take turns
    deliverers = [Deliverer(Store(inside.db), quick, few, AT_ONCE) for _ in range(2)]
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in deliverers]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(receiver.got) >= 30 and store.outbox.get("crm").pending == 0)
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert receiver.subjects == [f"f{number}" for number in range(30)]
    assert count(store, "deliveries") == 30


def test_a_process_that_is_killed_between_sending_and_marking_sends_again(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, inside: Settings, receivers: Any
) -> None:
    sender: list[subprocess.Popen[bytes]] = []
    known = threading.Event()

    def kill(_: Got) -> None:
        assert known.wait(60)
        if sender:
            sender.pop().kill()

    receiver = receivers(kill)
    target("crm", receiver.url)
    keep(analysis("f1"), analysis("f2"))
    command = [sys.executable, "-m", "voc.cli", "--db", str(inside.db), "webhooks", "deliver"]
    environment = os.environ | {"VOC_WEBHOOK_ALLOW_PRIVATE": "true"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sender.append(process)
    known.set()
    assert process.wait(120) == -signal.SIGKILL
    assert receiver.subjects == ["f1"]
    assert states(store) == [("pending", 0)] * 2
    deliverer.once()  # it knows that the holder is dead, and waits for no lease
    assert receiver.subjects == ["f1", "f1", "f2"]
    assert receiver.ids[0] == receiver.ids[1] != receiver.ids[2]
    assert receiver.got[0].body == receiver.got[1].body


def test_who_lost_the_lease_writes_no_failure(store: Store, target: Any, keep: Any) -> None:
    target("crm", "http://127.0.0.1:9/")
    keep(analysis("f1"))
    number = store.deliveries.claim("one", 60)
    assert number is not None
    assert store.deliveries.claim("two", 60) is None
    due = store.deliveries.next(number, "one")
    assert due is not None
    store.deliveries.release_holder("one")
    assert store.deliveries.claim("two", 60) == number
    store.deliveries.failed(due, 500, "status 500", None, "one", 60)
    assert store.deliveries.next(number, "one") is None
    assert states(store) == [("pending", 0)]
    store.deliveries.delivered(due, 200, "one", 60)  # but it did arrive
    assert states(store) == [("delivered", 1)]


def test_the_background_sends_and_stops(app: Any, inside: Settings, feedback: Any, receivers: Any) -> None:
    services = app.extensions["voc"]
    receiver = receivers()
    webhooks.add(services.store, inside, "crm", receiver.url, ["feedback.routed"], by="command:test")
    services.webhooks.settings = inside.model_copy(update={"poll_s": 0.01})
    background = app.start_background()
    services.store.add([feedback("f1", LATE)], holder="test", lease_s=60)
    services.store.save([analysis("f1")], [None], "reader")
    wait_until(lambda: services.store.outbox.get("crm").pending == 0)
    assert background.stop(30)
    assert receiver.subjects == ["f1"]


# ---- where it may go


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://10.1.2.3/", "http://172.16.0.1/", "http://192.168.1.1:8080/",
        "http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
        "http://2130706433/", "http://0177.0.0.1/", "http://0x7f000001/", "http://127.1/",
        "http://localhost/", "http://0.0.0.0/", "http://[::]/", "http://100.64.0.1/", "http://224.0.0.1/",
        "http://[64:ff9b::a00:1]/", "http://[64:ff9b:1::1]/", "http://[fe80::1]/", "http://[fd00::1]/",
        "http://[2002:a00:1::1]/", "http://[::7f00:1]/", "http://[fec0::1]/", "http://255.255.255.255/",
    ],
)  # fmt: skip
def test_an_address_inside_this_network_is_refused(store: Store, settings: Settings, url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        webhooks.add(store, settings, "crm", url, ["feedback.routed"], by="command:test")
    octal = "//017" in url  # cannot even be read
    assert (refused.value.code, refused.value.field) == ("url_invalid" if octal else "url_private", "url")
    assert store.outbox.targets() == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True),
        ("::ffff:127.0.0.1", False), ("::1", False), ("::", False), ("fe80::1%eth0", False),
        ("2002:7f00:1::", False), ("64:ff9b::7f00:1", False), ("ff02::1", False), ("198.18.0.1", False),
        ("192.0.0.192", False), ("192.88.99.1", False), ("3fff::1", False), ("5f00::1", False),
        ("::ffff:0:127.0.0.1", False), ("2001::1", False), ("2a00:1450::1", True),
    ],
)  # fmt: skip
def test_what_is_public(address: str, public: bool) -> None:
    assert webhooks.is_public(address) is public


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/", "file:///etc/passwd", "//example.com/", "https://", "example.com", "https://a@b.vn/",
     "https://lan:secret@example.com/", "https://example.com/#x", "http://[::1", "http://a:99999/",
     "http://a:0/",
     "https://example.com/" + "x" * 2000, "http://\ud800.vn/", "http://a\x00b.vn/", ""],
)  # fmt: skip
def test_an_address_must_be_plain(store: Store, settings: Settings, url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        webhooks.add(store, settings, "crm", url, ["feedback.routed"], by="command:test")
    assert (refused.value.code, refused.value.field) == ("url_invalid", "url")


def resolver(*addresses: str) -> Callable[..., list[Any]]:
    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return look_up


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver("8.8.8.8", "10.0.0.5"))
    with pytest.raises(InvalidInput) as refused:
        webhooks.add(store, settings, "crm", "https://crm.example/", ["feedback.routed"], by="x")
    assert refused.value.code == "url_private"
    monkeypatch.setattr(socket, "getaddrinfo", resolver("8.8.8.8"))
    webhooks.add(store, settings, "crm", "https://crm.example/", ["feedback.routed"], by="x")
    assert store.outbox.get("crm").url == "https://crm.example/"


def test_a_name_that_turned_private_gets_nothing(
    store: Store, settings: Settings, keep: Any, receivers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receivers()
    url = receiver.url.replace("127.0.0.1", "crm.example")
    monkeypatch.setattr(socket, "getaddrinfo", resolver("8.8.8.8"))
    webhooks.add(store, settings, "crm", url, ["feedback.routed"], by="x")
    monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.1"))
    keep(analysis("f1"))
    Deliverer(store, settings, schedule=AT_ONCE).once()
    assert receiver.got == []
    assert store.deliveries.letters()[0].error == "url_private"


def test_what_was_judged_is_what_is_connected_to(
    store: Store, inside: Settings, keep: Any, receivers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receivers()
    url = receiver.url.replace("127.0.0.1", "crm.example")
    asked: list[str] = []

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return resolver("127.0.0.1")(host, port)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    webhooks.add(store, inside, "crm", url, ["feedback.routed"], by="x")
    keep(analysis("f1"))
    Deliverer(store, inside, schedule=AT_ONCE).once()
    assert asked == ["crm.example"] * 2, "once when it was added, once for the attempt"
    assert receiver.got[0].headers["host"] == url.split("/")[2]


def test_the_certificate_must_be_of_the_name_though_an_address_is_connected_to(
    store: Store, inside: Settings, keep: Any, receivers: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = root / "tests" / "data" / "crm-example.pem"
    receiver = receivers(certificate=certificate)
    monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.1"))
    for name, host in (("right", "crm.example"), ("wrong", "other.example"), ("bare", "127.0.0.1")):
        url = receiver.url.replace("127.0.0.1", host)
        webhooks.add(store, inside, name, url, ["feedback.routed"], by="x")
    keep(analysis("f1"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    delivery._trusted.cache_clear()
    try:
        Deliverer(store, inside, schedule=AT_ONCE).once()
        assert receiver.subjects == ["f1"]
        assert receiver.got[0].headers["host"].startswith("crm.example:")
        found = [(letter.target, letter.error) for letter in store.deliveries.letters()]
        assert found == [("wrong", "ssl_cert_verification"), ("bare", "ssl_cert_verification")]
    finally:
        delivery._trusted.cache_clear()


def test_the_next_address_is_tried_when_the_first_does_not_answer(
    store: Store, inside: Settings, keep: Any, receivers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receivers()
    # 127.0.0.1 answers; nobody listens at the same port of ::1
    monkeypatch.setattr(socket, "getaddrinfo", resolver("::1", "127.0.0.1"))
    url = receiver.url.replace("127.0.0.1", "crm.example")
    webhooks.add(store, inside, "crm", url, ["feedback.routed"], by="x")
    keep(analysis("f1"))
    Deliverer(store, inside, schedule=AT_ONCE).once()
    assert receiver.subjects == ["f1"]
    assert states(store) == [("delivered", 1)]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": "a b"}, "name_invalid"), ({"name": ""}, "name_invalid"), ({"events": []}, "event_unknown"),
        ({"events": ["feedback.lost"]}, "event_unknown"), ({"department": "nobody"}, "department_unknown"),
        ({"department": "care", "events": ["run.finished"]}, "event_not_limited"),
    ],
)  # fmt: skip
def test_a_target_must_make_sense(store: Store, inside: Settings, given: dict[str, Any], code: str) -> None:
    values = {"name": "crm", "url": "http://127.0.0.1:9/", "events": ["feedback.routed"]} | given
    with pytest.raises(InvalidInput) as refused:
        webhooks.add(store, inside, by="x", **values)
    assert refused.value.code == code


# ---- what is forgotten


def test_old_events_are_forgotten_and_what_waits_is_not(
    store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    receiver = receivers(lambda got: (500, {}) if got.event["subject"] == "f1" else None)
    target("crm", receiver.url)
    keep(analysis("f0"), analysis("f1"), analysis("f2"))
    deliverer.once()
    keep(analysis("f3"))  # waits
    assert deliverer.prune() == 0
    old = "UPDATE events SET made_at = ? WHERE subject IN ('f0', 'f1', 'f3')"
    store.db.conn.execute(old, (days_ago(8),))
    store.db.conn.commit()
    assert deliverer.prune() == 1
    store.db.conn.execute(old, (days_ago(31),))
    store.db.conn.commit()
    assert deliverer.prune() == 1
    left = [row[0] for row in store.db.conn.execute("SELECT subject FROM events ORDER BY number")]
    assert left == ["f2", "f3"]
    assert count(store, "deliveries") == 2


def days_ago(days: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - days * 86_400))


def test_erasing_a_feedback_erases_what_was_to_be_told_of_it(store: Store, target: Any, keep: Any) -> None:
    target("crm", "http://127.0.0.1:9/", "feedback.routed", "topic.emerging")
    keep(analysis("f1"), analysis("f2"))
    other = {"id": "f2", "occurred_at": "2026-11-02", "start": 0, "end": 4, "text": "Giao"}
    finding = FINDING | {"examples": [*FINDING["examples"], other]}
    store.outbox.announce([finding], "2026-11-02T00:00:00.000Z", {})
    with store.write() as db:
        number = db.conn.execute("SELECT number FROM feedback WHERE id = 'f1'").fetchone()[0]
        store.outbox.erase(db, [number])
    rows = store.db.conn.execute("SELECT type, subject, body FROM events ORDER BY number").fetchall()
    assert [(row["type"], row["subject"]) for row in rows] == [
        ("feedback.routed", "f2"), ("topic.emerging", "delivery-late"),
    ]  # fmt: skip
    assert json.loads(rows[1]["body"])["finding"]["examples"] == [other]
    assert count(store, "deliveries") == 2


# ---- at the edges


def test_over_http(client: FlaskClient, inside: Settings, services: Any, receivers: Any) -> None:
    receiver = receivers()
    services.settings = inside
    services.webhooks.settings = inside
    body = {"name": "crm", "url": receiver.url, "events": ["feedback.routed"], "department": "logistics"}
    made = client.post("/v1/webhooks", json=body)
    assert made.status_code == 201
    secret = made.get_json()["secret"]
    assert secret.startswith("whsec_")
    assert client.post("/v1/webhooks", json=body).status_code == 409
    (listed,) = client.get("/v1/webhooks").get_json()["items"]
    assert listed == {name: value for name, value in made.get_json().items() if name != "secret"}
    assert client.get("/v1/webhooks/crm").get_json() == listed
    assert client.get("/v1/webhooks/no").status_code == 404
    rotated = client.post("/v1/webhooks/crm/rotate", json={}).get_json()
    assert rotated["secret"] != secret
    said = client.post("/v1/feedback", json={"text": "Giao hàng trễ ba ngày không báo"}).get_json()
    test = client.post("/v1/webhooks/crm/test", json={})
    assert test.status_code == 202
    services.webhooks.once()
    assert [got.event["type"] for got in receiver.got] == ["feedback.routed", "webhook.ping"]
    assert receiver.got[0].event["data"]["analysis"] == said["analysis"]
    assert receiver.ids[1] == test.get_json()["event"]
    paused = client.patch("/v1/webhooks/crm", json={"state": "paused"})
    assert paused.get_json()["state"] == "paused"
    assert client.post("/v1/webhooks/crm/test", json={}).get_json()["error"]["code"] == "webhook_paused"
    assert client.get("/v1/webhooks/crm/dead").get_json() == {"items": []}
    assert client.post("/v1/webhooks/crm/replay", json={}).get_json() == {"replayed": 0}
    unknown = client.post("/v1/webhooks/crm/replay", json={"events": ["no"]})
    assert (unknown.status_code, unknown.get_json()["error"]["code"]) == (404, "event_unknown")
    assert client.delete("/v1/webhooks/crm").status_code == 204
    assert client.delete("/v1/webhooks/crm").status_code == 404
    assert client.get("/v1/webhooks").get_json() == {"items": []}


def test_on_the_command_line(
    settings: Settings, store: Store, keep: Any, receivers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOC_WEBHOOK_ALLOW_PRIVATE", "true")
    away = False
    receiver = receivers(lambda _: (400, {}) if away else None)

    def voc(*words: str, status: int = 0) -> Any:
        done = CliRunner().invoke(main, ["--db", str(settings.db), "webhooks", *words, "--json"])
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if status == 0 else done.output

    made = voc("add", "crm", receiver.url, "--event", "feedback.routed")
    assert made["secret"].startswith("whsec_")
    assert [target["name"] for target in voc("list")] == ["crm"]
    assert "secret" not in voc("list")[0]
    assert "webhook_exists" in voc("add", "crm", receiver.url, "--event", "feedback.routed", status=1)
    assert (voc("test", "crm")["state"], len(receiver.got)) == ("delivered", 1)
    keep(analysis("f1"))
    assert voc("deliver") == {"pending": 0, "dead": 0}
    assert receiver.subjects == ["crm", "f1"]
    away = True
    keep(analysis("f2"))
    for _ in range(3):
        store.db.execute("UPDATE deliveries SET due_at = 0")
        store.db.conn.commit()
        voc("deliver")
    (letter,) = voc("dead", "crm")
    assert (letter["subject"], letter["attempts"], letter["error"]) == ("f2", 3, "status 400")
    assert voc("dead") == [letter]
    away = False
    assert voc("replay", "crm", letter["event"]) == {"replayed": 1}
    voc("deliver")
    assert voc("dead") == []
    assert receiver.subjects[-1] == "f2"
    assert "name events" in voc("replay", "crm", status=2)
    assert voc("pause", "crm")["state"] == "paused"
    assert voc("resume", "crm")["state"] == "active"
    assert voc("rotate", "crm")["secret"] != made["secret"]
    assert voc("remove", "crm") == {"name": "crm", "removed": True}
    assert "webhook_unknown" in voc("remove", "crm", status=1)


def test_the_documentation_verifies_what_is_sent(
    root: Path, store: Store, target: Any, keep: Any, deliverer: Deliverer, receivers: Any
) -> None:
    receiver = receivers()
    secret = target("crm", receiver.url)
    webhooks.rotate(store, "crm")
    keep(analysis("f1"))
    deliverer.once()
    (got,) = receiver.got
    (code,) = re.findall(
        r"```python\n(.*?)```", (root / "docs" / "webhooks.md").read_text("utf-8"), re.DOTALL
    )
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102
    is_from_voc = found["is_from_voc"]
    assert is_from_voc(secret, got.headers, got.body)
    assert not is_from_voc(secret, got.headers, got.body + b" ")
    assert not is_from_voc(webhooks.messages.new_secret(), got.headers, got.body)
    old = got.headers | {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 400)}
    assert not is_from_voc(secret, old, got.body)
