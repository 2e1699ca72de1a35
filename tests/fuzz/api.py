"""The HTTP service against its own OpenAPI document, by schemathesis.

    python tests/fuzz/run.py api --runs 10

Each way of calling gets a service of its own, on a new database with some of everything in it: open (neither
keys nor people), with an administrator's key, with a department's key, and with nothing though keys exist.
All checks of schemathesis are on, but those that a way leaves out with its reason; and what only the
installation knows, or no schema can say (`ONLY_HERE`), may be refused although the document allows it.
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
from schemathesis import Case, CheckContext, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.specs.openapi.checks import positive_data_acceptance
from werkzeug.serving import WSGIRequestHandler, make_server

from voc.app import Voc, create_app
from voc.ingest import validate
from voc.organization import Organization
from voc.pipeline import Pipeline
from voc.services import Services
from voc.settings import Settings

DOCUMENT = "/v1/openapi.json"
SECRET = "rất là bí mật 1"  # noqa: S105
TEXTS = (
    "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe",
    "App lỗi hoài, đăng nhập không được",
    "Nhân viên cửa hàng tư vấn nhiệt tình, sẽ quay lại",
    "The refund took three weeks and nobody could tell me why",
    "Tổng đài bảo hỏi kho, kho bảo gọi kế toán, kế toán lại chỉ về tổng đài",
    "cũng được",
)


PHASES = ("examples", "coverage", "fuzzing", "stateful")
#: Codes of 422 that valid data may get, since no schema can say what this depends on.
ONLY_HERE = {
    "cursor_invalid": "a cursor is the `next` of a page of this installation",
    "period_empty": "the last day must not lie before the first",
    "period_too_long": "a period has a century at most",
    "period_missing": "the calendar has no days before its first",
    "department_unknown": "the operator names the departments",
    "topic_unknown": "people make and retire topics",
    "segment_unknown": "a text has its own segments",
    "correction_empty": "a decision that names nothing; `confirm: false` names nothing either",
    "password_too_short": "a password is counted as NFKC has it",
    "password_too_long": "the same",
    "password_is_name": "it depends on the name",
    "url_invalid": "a URI may be one that nothing can be posted to",
    "url_unresolvable": "hosts are looked up",
    "url_private": "it depends on where the host lies",
    "file_format_unknown": "a name's ending tells the format, unless it is given",
    "file_unreadable": "bytes are what they are: no workbook, no text",
    "file_empty": "a file may have no rows",
    "json_invalid": "a file's bytes may be no JSON",
    "mapping_unused": "the columns of some formats are known",
    "column_missing": "a file has its own columns",
    "field_unknown": "a mapping names fields of a feedback, or attributes by any name",
    "topics_missing": "a topic cannot be merged into itself",
}
#: Checks that do not fit an operation: its path is one of `/v1/feedback/{key}` too, with other methods.
SHARED = {"POST /v1/feedback/batch": ("allow_header_conformance", "unsupported_method")}
#: Operations of which the tools, and not the document, say what a body must hold.
OF_TOOLS = frozenset({"POST /v1/hooks/{tool}", "POST /v1/hooks/generic/{name}"})


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
        left_out={"ignored_auth": "without keys and people this machine need not say who it is"},
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


@dataclass(frozen=True, slots=True)
class Filled:
    """An application with some of everything.

    Attributes:
        key: to call with; None for no key.
        reader: a key that may read the document; None where nobody needs one.
    """

    app: Voc
    key: str | None = None
    reader: str | None = None


def filled(settings: Settings, pipeline: Pipeline, way: Way) -> Filled:
    """The application on a new database."""
    app = create_app(settings)
    services: Services = app.extensions["voc"]
    services.pipelines.use(pipeline)
    rows = [
        validate({"text": text, "source": "fuzz", "external_id": str(at)}) for at, text in enumerate(TEXTS)
    ]
    services.worklist.submit(rows)
    if not way.exists:
        return Filled(app)
    organization = Organization.read(settings.organization)
    access = services.access
    _, reader = access.add_key(organization, name="reader", scopes=("read",), by="fuzz")
    access.add_person(organization, name="lan", password=SECRET, role="analyst", department=None, by="fuzz")
    if way.scopes is None:
        return Filled(app, reader=reader)
    _, key = access.add_key(
        organization, name="fuzz", scopes=way.scopes, department=way.department, by="fuzz", rate_per_minute=0
    )
    return Filled(app, key, reader)


def _bearer(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def attack(filled: Filled, way: Way, runs: int, seed: int, phases: tuple[str, ...]) -> Outcome:
    """All operations of the document, called in one way.

    Args:
        runs: examples of each operation.
        phases: of schemathesis: ``examples``, ``coverage``, ``fuzzing``, ``stateful``.
    """
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": _bearer(filled.key),
            "generation": {
                "mode": "all",
                "max-examples": runs,
                "deterministic": True,
                "no-shrink": True,
                "with-security-parameters": False,  # an X-API-Key made up would go before the key that holds
            },
            "phases": {"enabled": False} | {name: {"enabled": True} for name in phases},
            "checks": {name: {"enabled": False} for name in (*way.left_out, "positive_data_acceptance")},
            "operations": [
                {"include-name": label, "checks": {name: {"enabled": False} for name in names}}
                for label, names in SHARED.items()
            ],
            "request-timeout": 120,  # a text of 20,000 characters takes long where others use the processor
            "suppress-health-check": ["all"],
        }
    )
    outcome = Outcome()
    with served(filled.app) as url:
        schema = schemathesis.openapi.from_url(url + DOCUMENT, config=config, headers=_bearer(filled.reader))
        if filled.key:  # who calls must not end its own key
            own = filled.key.split("_")[1]
            schema.hook("filter_path_parameters")(lambda _, given: own not in (given or {}).values())
        for label in way.not_called:
            method, path = label.split(" ")
            schema = schema.exclude(method=method, path=path)
        began = time.monotonic()
        for event in from_schema(schema).execute():
            _count(event, outcome)
        outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def _is_known(error: dict[str, Any]) -> bool:
    """Whether no schema, or none that flask-openapi3 can write, says what is refused here."""
    if error["code"] in ONLY_HERE:
        return True
    if error["code"] != "field_invalid":
        return False
    # 1.0 is an integer for JSON Schema and none here; of a map's names nothing can be said (propertyNames).
    return error["message"].endswith("a valid integer") or str(error["field"]).startswith("attributes.")


@schemathesis.check
def valid_data_is_taken(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """`positive_data_acceptance`, but for `ONLY_HERE` and `OF_TOOLS`."""
    if response.status_code == 422 and (
        case.operation.label in OF_TOOLS or _is_known(response.json()["error"])
    ):
        return None
    return positive_data_acceptance(ctx, response, case)


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
@click.option("--runs", type=click.IntRange(1), default=10, show_default=True)
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
            target = filled(settings, pipeline, way)
            outcome = attack(target, way, runs, seed, PHASES)
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
