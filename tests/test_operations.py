"""Running it: logs without a customer's word, probes that mean it, the doctor, a stop that loses nothing."""

from __future__ import annotations

import configparser
import http.client
import io
import json
import logging
import os
import re
import shlex
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, ValidationError

from voc import doctor, logs
from voc.app import create_app
from voc.cli import main
from voc.errors import InvalidInput, StoreError
from voc.records import Feedback
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter, Store, Vitals, translated

ROOT = Path(__file__).parents[1]
PRIVATE = "số 0912345678 của chị Hoa"

Make = Callable[..., Feedback]


# ---- logs


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What was logged since the last look, as JSON."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.formatter("json"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)

    def read() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in written.getvalue().splitlines()]
        written.seek(0)
        written.truncate()
        return found

    yield read
    root.removeHandler(handler)
    root.setLevel(level)


Lines = Callable[[], list[dict[str, Any]]]


def test_a_request_is_one_line_without_what_was_sent(client: FlaskClient, lines: Lines) -> None:
    body = json.dumps({"text": PRIVATE, "source": "s"}).encode()
    answer = client.post(
        "/v1/feedback?", data=body, content_type="application/json", headers={"X-Request-ID": "abc-1.2"}
    )
    assert answer.headers["X-Request-ID"] == "abc-1.2"
    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("time"))
    assert 0 < line.pop("ms") < 60_000
    assert line == {
        "level": "info", "logger": "voc.api.watching", "event": "request", "request": "abc-1.2",
        "method": "POST", "route": "/v1/feedback", "status": 201, "actor": "loopback",
        "bytes_in": len(body), "bytes_out": len(answer.get_data()),
    }  # fmt: skip
    client.get("/v1/feedback", query_string={"q": PRIVATE})
    client.get(f"/v1/feedback/{PRIVATE}")
    client.get(f"/{PRIVATE}")
    client.open("/v1/feedback", method="HOA")
    found = lines()
    assert [(line["route"], line["method"], line["status"]) for line in found] == [
        ("/v1/feedback", "GET", 200), ("/v1/feedback/<key>", "GET", 404), ("none", "GET", 404),
        ("none", "other", 405),
    ]  # fmt: skip
    assert "Hoa" not in str(found)
    assert "0912345678" not in str(found)
    assert "HOA" not in str(found)


@pytest.mark.parametrize("given", [None, "", "x" * 65, "a b", "a\tb", "é", '"', "a;b"])
def test_an_unsafe_request_id_is_not_repeated(client: FlaskClient, given: str | None, lines: Lines) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    made = client.get("/health", headers=headers).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{16}", made)
    assert lines()[0]["request"] == made


def test_an_error_is_logged_by_type_and_place_with_the_request_it_belongs_to(
    client: FlaskClient, services: Services, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError(PRIVATE)

    monkeypatch.setattr(services.store.queue, "waiting", fail)
    answer = client.get("/v1/review")
    assert answer.status_code == 500
    error, request = lines()
    assert (error["event"], error["level"]) == ("unexpected error", "error")
    assert error["request"] == request["request"] == answer.headers["X-Request-ID"]
    assert error["error"]["type"] == "ValueError"
    assert error["error"]["at"][-1].endswith(" fail")
    assert "Hoa" not in str(error)


def raised_by(fail: Callable[[], Any]) -> BaseException:
    try:
        fail()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


class Row(BaseModel):
    number: int


def _chained() -> None:
    try:
        json.loads(f'{{"{PRIVATE}": }}')
    except ValueError as error:
        raise InvalidInput("row_invalid", f"{PRIVATE} is wrong", PRIVATE) from error


def _query() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"SELECT '{PRIVATE}' FROM {PRIVATE.split()[0]}")  # noqa: S608


@pytest.mark.parametrize(
    ("fail", "kind", "code"),
    [
        (lambda: Row.model_validate({"number": PRIVATE}), "ValidationError", "int_parsing"),
        (lambda: json.loads(PRIVATE), "JSONDecodeError", None),
        (_query, "OperationalError", "SQLITE_ERROR"),
        (lambda: Path(f"/nowhere/{PRIVATE}").read_text(), "FileNotFoundError", "ENOENT"),
        (lambda: int(PRIVATE), "ValueError", None),
        (_chained, "InvalidInput", "row_invalid"),
    ],
)
def test_what_is_told_of_an_error_quotes_nothing(
    fail: Callable[[], Any], kind: str, code: str | None
) -> None:
    error = raised_by(fail)
    assert "Hoa" in str(error) or isinstance(error, json.JSONDecodeError | sqlite3.Error)
    told = logs.told_of(error)
    assert (told["type"], told.get("code")) == (kind, code)
    assert told["at"]
    assert str(ROOT) not in str(told)
    assert "Hoa" not in str(told)
    if fail is _chained:
        assert told["from"] == {"type": "JSONDecodeError", "code": None}
    assert isinstance(error, ValidationError) is (kind == "ValidationError")


def test_other_libraries_say_nothing_of_requests(lines: Lines) -> None:
    gunicorn = logging.getLogger("gunicorn.error")
    gunicorn.info("Booting worker with pid: %s", 12)
    gunicorn.warning(f"Invalid request from ip=10.0.0.1: GET /?q={PRIVATE}")
    gunicorn.error("Error handling request %s after %d s", f"/?q={PRIVATE}", 3)
    logging.getLogger("elsewhere").warning(f"odd: {PRIVATE}")
    logging.getLogger("elsewhere").warning("%(text)s", {"text": PRIVATE})
    logging.getLogger("voc.somewhere").warning("%d rows of %s", 2, "a source", extra={"rows": 2})
    found = lines()
    assert [line["event"] for line in found] == [
        "Booting worker with pid: 12", "Invalid request from ip=10.0.0.1",
        "Error handling request … after 3 s", "odd", "%(text)s", "2 rows of a source",
    ]  # fmt: skip
    assert found[-1]["rows"] == 2


def test_text_for_people() -> None:
    record = logging.makeLogRecord(
        {"name": "voc.x", "levelname": "ERROR", "levelno": 40, "msg": "it failed", "rows": 3}
    )
    error = raised_by(lambda: int(PRIVATE))
    record.exc_info = (type(error), error, error.__traceback__)
    first, *rest = logs.formatter("text").format(record).splitlines()
    assert re.fullmatch(r"\S+Z ERROR voc\.x: it failed rows=3 \[ValueError\]", first)
    assert all(line.startswith("    ") for line in rest)
    assert rest


# ---- probes


def test_health_and_ready_at_both_addresses(client: FlaskClient, services: Services) -> None:
    version = services.pipelines.get().version
    for prefix in ("", "/v1"):
        health, ready = client.get(f"{prefix}/health"), client.get(f"{prefix}/ready")
        assert health.get_json() == {"status": "ok", "version": "0.1.0", "waiting": 0}
        assert ready.get_json() == {
            "status": "ready", "pipeline": version,
            "checks": {"models": "ok", "schema": "ok", "database": "ok", "disk": "ok"},
        }  # fmt: skip
        assert (health.status_code, ready.status_code) == (200, 200)


def wrong(answer: Any) -> tuple[int, str, dict[str, str]]:
    body = answer.get_json()
    assert answer.headers["Retry-After"] == "1"
    return answer.status_code, body["error"]["code"], body["checks"]


def test_a_probe_says_what_is_wrong_and_tells_no_path(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/health")
    db = services.settings.db
    with closing(sqlite3.connect(db)) as other:
        other.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('voc', '99', 't')"
        )
        other.commit()
        status, code, checks = wrong(client.get("/ready"))
        assert (status, code, checks["schema"], checks["database"]) == (
            503,
            "schema_too_new",
            "schema_too_new",
            "ok",
        )
        assert client.get("/health").status_code == 200
        other.execute("DELETE FROM _sqlite_migrations WHERE name IN ('99', '0016_receipts')")
        other.commit()
        assert wrong(client.get("/ready"))[1] == "schema_old"
        other.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('voc', '0016_receipts', 't')"
        )
        other.commit()
        monkeypatch.setattr("voc.api.watching.WRITER_MS", 1)
        other.execute("BEGIN IMMEDIATE")  # somebody writes and does not end
        assert wrong(client.get("/ready"))[1:] == (
            "store_busy", {"models": "ok", "schema": "ok", "database": "store_busy", "disk": "ok"},
        )  # fmt: skip
        assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 200
    Vitals(db).checkpoint()
    db.write_bytes(b"no database\n" * 1000)
    for path in ("/health", "/ready"):
        answer = client.get(path)
        assert wrong(answer)[:2] == (503, "store_corrupt")
        assert str(db) not in answer.get_data(as_text=True)
    assert client.get("/health").get_json()["checks"] == {"database": "store_corrupt"}
    db.unlink()
    assert wrong(client.get("/health"))[:2] == (503, "store_missing")


def test_a_disk_with_too_little_room_is_not_ready(settings: Settings, pipeline: Any) -> None:
    app = create_app(settings.model_copy(update={"disk_min_free_mb": 10**9}))
    app.extensions["voc"].pipelines.use(pipeline)
    client = app.test_client()
    status, code, checks = wrong(client.get("/ready"))
    assert (status, code, checks["disk"], checks["database"]) == (503, "disk_full", "disk_full", "ok")
    assert client.get("/health").status_code == 200
    app.extensions["voc"].close()


# ---- what the database says


def code_of(name: str) -> str:
    error = sqlite3.OperationalError("why")
    error.sqlite_errorname = name
    return translated(error).code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SQLITE_BUSY", "store_busy"), ("SQLITE_BUSY_SNAPSHOT", "store_busy"),
        ("SQLITE_LOCKED", "store_busy"),
        ("SQLITE_FULL", "disk_full"), ("SQLITE_IOERR_WRITE", "disk_full"),
        ("SQLITE_IOERR_SHMSIZE", "disk_full"),
        ("SQLITE_CORRUPT_VTAB", "store_corrupt"), ("SQLITE_NOTADB", "store_corrupt"),
        ("SQLITE_READONLY_DBMOVED", "store_readonly"), ("SQLITE_IOERR_READ", "store_unusable"),
        ("SQLITE_ERROR", "store_unusable"),
    ],
)  # fmt: skip
def test_errors_of_the_database_are_told_apart(name: str, code: str) -> None:
    assert code_of(name) == code


def test_a_real_full_disk_a_read_only_and_a_damaged_database(
    client: FlaskClient, services: Services, feedback: Make
) -> None:
    def post() -> tuple[int, str, str]:
        answer = client.post("/v1/feedback", json={"text": "giao trễ " * 900, "source": "s"})
        return answer.status_code, answer.get_json()["error"]["code"], answer.headers["Retry-After"]

    store = services.store
    store.add([feedback("a", "một")], holder="t", lease_s=60)
    db = store.db.conn
    most = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {most}")  # as a disk that has no more room
    assert post() == (503, "disk_full", "60")
    db.execute("PRAGMA max_page_count = 1000000")
    db.execute("PRAGMA query_only = ON")
    assert post() == (503, "store_readonly", "60")
    db.execute("PRAGMA query_only = OFF")
    assert store.count(Filter()) == 1
    db.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(services.settings.db)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert post() == (503, "store_busy", "1")


def test_a_database_that_is_held_is_busy_from_the_start(tmp_path: Path) -> None:
    Store(tmp_path / "voc.db").prepare()
    with closing(sqlite3.connect(tmp_path / "voc.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            Store(tmp_path / "voc.db", busy_timeout_ms=1).prepare()
    assert caught.value.code == "store_busy"


def test_a_new_database_is_for_its_owner_alone(settings: Settings) -> None:
    Store(settings.db).prepare()
    assert stat.S_IMODE(settings.db.stat().st_mode) == 0o600


# ---- the doctor


def examined(settings: Settings, **given: Any) -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.examine(settings, given.pop("environment", {}), **given)}


def test_the_doctor_finds_nothing_wrong(settings: Settings, feedback: Make) -> None:
    store = Store(settings.db)
    store.prepare()
    store.add([feedback("a", "một")], holder="t", lease_s=60)
    found = examined(settings, environment={"VOC_DB": "x", "PATH": "y"}, deep=True)
    assert {name: check.state for name, check in found.items()} == dict.fromkeys(
        ("python", "packages", "sqlite", "settings", "models", "organization", "schema", "writable",
         "database",
         "work list", "durability", "size", "clock", "disk", "permissions"), "ok",
    ) | {"access": "warn", "backup": "warn"}  # fmt: skip
    assert found["database"].says == "1 feedback; integrity_check found nothing wrong"
    assert found["settings"].says == "from the environment: VOC_DB"
    assert found["models"].says.startswith("release 2026.11: 13 files, ")
    assert doctor.worst(found.values()) == "warn"
    store.close()


def test_the_doctor_says_what_is_wrong_and_what_to_do(
    settings: Settings, feedback: Make, tmp_path: Path
) -> None:
    store = Store(settings.db)
    store.prepare()
    old = feedback("old", "một", received_at="2026-01-01T00:00:00.000Z")
    ahead = feedback("new", "hai", received_at="2999-01-01T00:00:00.000Z")
    store.add([old, ahead], holder="t", lease_s=-1)
    with store.write() as db:
        db.conn.execute(
            "INSERT INTO api_keys (prefix, digest, name, scopes, department, made_at, made_by) "
            "VALUES ('p', 'd', 'n', '[]', 'gone', 't', 't')"
        )
        db.conn.execute(
            "INSERT INTO copies (kind, path, made_at, made_by) "
            "VALUES ('backup', 'p', '2026-01-01T00:00:00.000Z', 't')"
        )
    settings.db.chmod(0o644)
    models = tmp_path / "models"
    models.mkdir()
    for name in ("manifest.json", "segment.json"):
        source = settings.models / name
        if source.exists():
            (models / name).write_bytes(source.read_bytes())
    (tmp_path / "o.toml").write_text("departments = 3\n")
    found = examined(settings.model_copy(update={"models": models, "disk_min_free_mb": 10**9}))
    assert {name: check.state for name, check in found.items() if check.state != "ok"} == {
        "models": "fail", "work list": "warn", "clock": "fail", "access": "fail", "backup": "warn",
        "disk": "fail", "permissions": "warn",
    }  # fmt: skip
    assert found["work list"].says == "1 of 2 rows wait for more than an hour and nobody holds them"
    assert found["access"].says.endswith("there are not: gone")
    assert found["clock"].says.endswith("was received at 2999-01-01T00:00:00.000Z")
    assert all(check.advice for check in found.values() if check.state != "ok")
    assert (
        examined(settings.model_copy(update={"organization": tmp_path / "o.toml"}))["organization"].state
        == "fail"
    )
    with store.write() as db:
        db.conn.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('voc', '99_x', 't')"
        )
    schema = examined(settings)["schema"]
    assert (schema.state, schema.says) == ("fail", "it was written by a newer voc, with the step 99_x")
    store.close()


def test_a_damaged_page_is_found(settings: Settings, feedback: Make) -> None:
    store = Store(settings.db)
    store.prepare()
    store.add([feedback(str(number), "giao trễ") for number in range(50)], holder="t", lease_s=60)
    page = store.db.conn.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'feedback_time'"
    ).fetchone()[0]
    store.close()
    with settings.db.open("r+b") as file:
        file.seek((page - 1) * 4096 + 100)
        file.write(b"\xff" * 2000)
    check = examined(settings)["database"]
    assert check.state == "fail"
    assert check.advice == "restore a backup: `voc restore FILE`"


def test_the_doctor_on_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["--db", str(tmp_path / "voc.db"), *arguments])

    empty = run("doctor")
    assert empty.exit_code == 0
    assert "WARN  database" in empty.stdout
    assert not (tmp_path / "voc.db").exists()
    run("init")
    told = json.loads(run("doctor", "--json").stdout)
    assert (told["state"], told["checks"][0]["name"]) == ("warn", "python")
    (tmp_path / "voc.db").write_bytes(b"nothing\n" * 1000)
    bad = run("doctor")
    assert bad.exit_code == 1
    assert "FAIL  database" in bad.stdout


# ---- the process


class Process:
    """``voc serve`` with what it wrote to standard error."""

    def __init__(self, folder: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.db = folder / "service.db"
        self.counts = folder / "tmp"
        self.counts.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "voc.cli", "--db", str(self.db), "serve", "--port", str(self.port),
             "--workers", "2"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=os.environ | {"TMPDIR": str(self.counts), "VOC_ENCODER_THREADS": "1"} | environment,
        )  # fmt: skip
        self.lines: list[str] = []
        while sum("is ready" in line for line in self.lines) < 2:
            assert self.process.stderr is not None
            self.lines.append(self.process.stderr.readline())
            assert self.lines[-1], self.lines
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    def get(self, path: str, body: Any = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            data = json.dumps(body) if body is not None else None
            connection.request("POST" if data else "GET", path, data)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stop(self) -> int:
        """SIGTERM to the main process, as systemd and docker send it; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


def test_a_stop_lets_requests_finish_and_loses_nothing(tmp_path: Path) -> None:
    service = Process(tmp_path)
    assert len(list(service.counts.glob("voc-counts-*"))) == 1
    for _ in range(6):
        assert service.get("/health")[0] == 200
    counted = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(service.get("/metrics")[1].decode())
        for sample in family.samples
    }
    assert counted["voc_requests_total", "GET", "/health", "2xx"] == 6  # of both workers together
    assert counted["voc_requests_in_flight",] == 1

    rows = [{"text": f"đơn số {i} giao thiếu hàng", "source": "b", "external_id": str(i)} for i in range(300)]
    answers: list[int] = []
    begun = threading.Thread(
        target=lambda: answers.append(service.get("/v1/feedback/batch", {"items": rows})[0])
    )
    begun.start()
    store = Store(service.db)
    pause = threading.Event()
    for _ in range(6000):
        if service.db.exists() and store.count(Filter()) == 300:
            break
        pause.wait(0.01)
    assert service.stop() == 0
    begun.join()
    assert answers == [200]
    assert store.count(Filter()) == 300
    store.close()
    assert all(path.stat().st_size == 0 for path in tmp_path.glob("service.db-wal"))  # it was written back
    assert list(service.counts.glob("voc-counts-*")) == []

    told = [json.loads(line) for line in service.lines]  # every line is one object
    assert {"time", "level", "logger", "event"} <= set.intersection(*(set(line) for line in told))
    assert told[-1]["event"] == "the service has stopped"
    assert [line["status"] for line in told if line.get("route") == "/v1/feedback/batch"] == [200]
    assert "giao thiếu" not in "".join(service.lines)


def test_a_worker_that_is_killed_is_replaced_and_no_longer_counted_in_flight(tmp_path: Path) -> None:
    service = Process(tmp_path, VOC_LOG_FORMAT="text")
    workers = [int(line.rsplit("worker=", 1)[1]) for line in service.lines if "is ready" in line]
    os.kill(workers[0], signal.SIGKILL)
    pause = threading.Event()
    for _ in range(6000):
        if sum("is ready" in line for line in service.lines) == 3:
            break
        pause.wait(0.01)
    assert sum("is ready" in line for line in service.lines) == 3
    text = service.get("/metrics")[1].decode()
    assert "voc_requests_in_flight 1.0" in text
    assert service.stop() == 0
    assert any(" INFO gunicorn.error: " in line for line in service.lines)


def test_what_a_killed_service_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from voc import serving

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, alive = tmp_path / f"{serving.COUNTS}{ended.pid}-x", tmp_path / f"{serving.COUNTS}{os.getpid()}-y"
    left.mkdir()
    alive.mkdir()
    with serving._counting_together():
        assert not left.exists()
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [alive]
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


# ---- what is shipped to run it with


@pytest.mark.parametrize("name", ["voc.service", "voc-daily.service"])
def test_the_units_name_commands_that_there_are(name: str) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    text = (ROOT / "deploy" / name).read_text("utf-8")
    unit.read_string(text)
    service = unit["Service"]
    assert (service["User"], service["NoNewPrivileges"], service["ProtectSystem"]) == ("voc", "yes", "strict")
    lines = re.findall(r"(?m)^Exec(?:Start|StartPre)=(.+)$", text)
    assert lines
    for line in lines:
        words = shlex.split(line.removeprefix("-"))
        if words[0] == "/bin/sh":
            words = shlex.split(words[2])
        assert words.pop(0) == "/opt/voc/.venv/bin/voc"
        group: Any = main
        known = {option for parameter in main.params for option in parameter.opts}
        while words and hasattr(group, "commands"):
            assert words[0] in group.commands, words
            group = group.commands[words.pop(0)]
            known |= {option for parameter in group.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known


def test_the_service_is_stopped_as_it_wants_to_be() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string((ROOT / "deploy" / "voc.service").read_text("utf-8"))
    service = unit["Service"]
    assert (service["KillSignal"], service["KillMode"], service["Restart"]) == (
        "SIGTERM",
        "mixed",
        "on-failure",
    )
    assert int(service["TimeoutStopSec"]) > Settings().analysis_timeout_s + 10
    timer = configparser.ConfigParser(strict=False, interpolation=None)
    timer.read_string((ROOT / "deploy" / "voc-daily.timer").read_text("utf-8"))
    assert timer["Timer"]["OnCalendar"]


def test_the_image_brings_all_it_needs() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    assert re.search(r"(?m)^USER voc$", text)
    assert "--no-deps -r requirements.txt" in text
    assert re.search(r"(?m)^HEALTHCHECK ", text)
    assert re.findall(r"(?m)^FROM (\S+)$", text) == ["python:3.11-slim"]
    assert "://" not in text.replace("http://127.0.0.1", "")
