"""The HTTP service against its own OpenAPI document, by schemathesis.

    python tests/fuzz/run.py api --runs 40

Each way of calling gets a service of its own on a new database with some of everything in it: open (neither keys
nor people), with an administrator's key, with a department's key, and with nothing though keys exist. All checks
of schemathesis are on, but those that a way leaves out with its reason; and what only the installation knows, or
no schema can say (`ONLY_HERE`), may be refused although the document allows it.
"""

from __future__ import annotations

import itertools
import json
import logging
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from werkzeug.serving import WSGIRequestHandler, make_server

from voc.app import Voc, create_app
from voc.ingest import validate
from voc.organization import Organization
from voc.pipeline import Pipeline
from voc.services import Services
from voc.settings import Settings

DOCUMENT = "/v1/openapi.json"
TEXTS = (
    "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe",
    "App lỗi hoài, đăng nhập không được",
    "Nhân viên cửa hàng tư vấn nhiệt tình, sẽ quay lại",
    "The refund took three weeks and nobody could tell me why",
    "Tổng đài bảo hỏi kho, kho bảo gọi kế toán, kế toán lại chỉ về tổng đài",
    "cũng được",
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way of calling.

    Attributes:
        scopes: of the key; None for no key.
        exists: whether there are keys at all.
        left_out: checks that cannot be made, with the reason.
        not_called: operations, with the reason.
    """

    name: str
    what: str
    scopes: tuple[str, ...] | None = None
    department: str | None = None
    exists: bool = True
    left_out: dict[str, str] = field(default_factory=dict)
    not_called: dict[str, str] = field(default_factory=dict)


WAYS = (
    Way(
        "open", "neither keys nor people, from this machine", exists=False,
        left_out={"ignored_auth": "while there are neither keys nor people this machine need not say who it is"},
        not_called=dict.fromkeys(
            ("POST /v1/keys", "POST /v1/people"), "the first key or person closes the open service"
        ),
    ),
    Way("admin", "with an administrator's key", ("admin",)),
    Way("department", "with the key of a department", ("read", "correct"), "care"),
    Way("nobody", "without credentials, though keys exist"),
)  # fmt: skip


@dataclass(slots=True)
class Outcome:
    """What one way of calling gave."""

    cases: int = 0
    checks: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Addresses:
    """Gives each request another address of this machine: the limits of strangers would end the run."""

    def __init__(self, app: Voc) -> None:
        self._app = app
        self._numbers = itertools.count()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        number = next(self._numbers)
        environ["REMOTE_ADDR"] = f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return self._app(environ, start)


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def served(app: Voc) -> Iterator[str]:
    """The application on a port of this machine; gives its URL."""
    server = make_server("127.0.0.1", 0, Addresses(app), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def filled(settings: Settings, pipeline: Pipeline, way: Way) -> tuple[Voc, str | None]:
    """The application with some of everything, and the key to call with."""
    app = create_app(settings)
    services: Services = app.extensions["voc"]
    services.pipelines.use(pipeline)
    rows = [
        validate({"text": text, "source": "fuzz", "external_id": str(at)}) for at, text in enumerate(TEXTS)
    ]
    services.worklist.submit(rows)
    if not way.exists:
        return app, None
    organization = Organization.read(settings.organization)
    access = services.access
    access.add_key(organization, name="another", scopes=("read",), by="fuzz")
    access.add_person(
        organization, name="lan", password="rất là bí mật 1", role="analyst", department=None, by="fuzz"
    )
    if way.scopes is None:
        return app, None
    _, key = access.add_key(
        organization, name="fuzz", scopes=way.scopes, department=way.department, by="fuzz", rate_per_minute=0
    )
    return app, key


def attack(url: str, key: str | None, way: Way, runs: int, seed: int, phases: tuple[str, ...]) -> Outcome:
    """All operations of the document, called in one way.

    Args:
        runs: examples of each operation.
        phases: of schemathesis: ``examples``, ``coverage``, ``fuzzing``, ``stateful``.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": headers,
            "generation": {"mode": "all", "max-examples": runs, "deterministic": True, "no-shrink": True},
            "phases": {"enabled": False} | {name: {"enabled": True} for name in phases},
            "checks": {name: {"enabled": False} for name in way.left_out},
            "suppress-health-check": ["all"],
        }
    )
    schema = schemathesis.openapi.from_url(url + DOCUMENT, config=config, headers=headers)
    if key:
        own = key.split("_")[1]
        schema.hook("filter_path_parameters")(lambda _, given: own not in (given or {}).values())
    for label in way.not_called:
        method, path = label.split(" ")
        schema = schema.exclude(method=method, path=path)
    began = time.monotonic()
    outcome = Outcome()
    for event in from_schema(schema).execute():
        _count(event, outcome)
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def _count(event: events.EngineEvent, outcome: Outcome) -> None:
    if isinstance(event, events.NonFatalError):
        outcome.failures.setdefault(f"error {event.label}", str(event.value)[:2_000])
    elif isinstance(event, events.FatalError):
        raise event.exception
    if not isinstance(event, events.ScenarioFinished):
        return
    recorder = event.recorder
    outcome.cases += len(recorder.interactions)
    for interaction in recorder.interactions.values():
        if interaction.response is not None:
            outcome.statuses[interaction.response.status_code] += 1
    for case_id, checks in recorder.checks.items():
        outcome.checks += len(checks)
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info is not None:
                case = recorder.cases[case_id].value
                failure = check.failure_info.failure
                outcome.failures.setdefault(
                    f"{case.operation.label}: {check.name}: {failure.title}",
                    f"{failure.message}\n{check.failure_info.code_sample}\n{_said(recorder, case_id)}",
                )


def _said(recorder: Any, case_id: str) -> str:
    response = recorder.interactions[case_id].response if case_id in recorder.interactions else None
    return (
        f"{response.status_code} {(response.content or b'')[:600].decode('utf-8', 'replace')}"
        if response
        else ""
    )


@click.command()
@click.option("--runs", type=click.IntRange(1), default=40, show_default=True)
@click.option("--seed", type=click.IntRange(1), default=1, show_default=True)
@click.option("--way", "names", multiple=True, type=click.Choice([way.name for way in WAYS]))
@click.option("--json", "file", type=click.Path(path_type=Path), required=True)
def main(runs: int, seed: int, names: tuple[str, ...], file: Path) -> None:
    """Writes cases and findings of each way of calling."""
    logging.disable(logging.CRITICAL)
    pipeline = Pipeline.open(Settings())
    found: dict[str, Any] = {}
    for way in WAYS:
        if names and way.name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(db=Path(folder) / "voc.db", rate_per_minute=0)
            app, key = filled(settings, pipeline, way)
            with served(app) as url:
                outcome = attack(url, key, way, runs, seed, ("examples", "coverage", "fuzzing", "stateful"))
        for title, failure in outcome.failures.items():
            click.echo(f"{way.name}: {title}\n{failure}\n")
        click.echo(f"{way.name}: {dict(sorted(outcome.statuses.items()))}")
        found[way.name] = {
            "what": f"schemathesis, {way.what}", "cases": outcome.cases, "checks": outcome.checks,
            "findings": len(outcome.failures), "seconds": outcome.seconds,
        }  # fmt: skip
    file.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
