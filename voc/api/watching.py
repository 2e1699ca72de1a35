"""Every request is timed, counted and logged; and whoever watches is told how the service is.

What must hold: of a request there stand its route's rule, sizes and who asked, never a path or what was sent;
the answers to probes need no key and tell no secret; a probe waits for nothing longer than a moment.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Response, g, jsonify, make_response, request
from flask_openapi3.openapi import OpenAPI

from voc import __version__, logs
from voc.admission import REFUSED
from voc.api import schemas
from voc.api.blueprint import ANY_OF_THEM, ERRORS, SERVICE, services
from voc.api.guard import needs
from voc.errors import StoreError, Unavailable, VocError
from voc.identity import Principal
from voc.metrics import CONTENT_TYPE, METHODS
from voc.store import Vitals

log = logging.getLogger(__name__)

ID = "X-Request-ID"
MIB = 1024 * 1024
#: Seconds that a probe waits for a writer before it says that nothing can be written.
WRITER_MS = 2_000


HEALTH: dict[str | int, Any] = {200: schemas.HealthOut, 503: schemas.FailingOut}
READY: dict[str | int, Any] = {200: schemas.ReadyOut, 503: schemas.FailingOut}
_FIGURES: dict[str | int, Any] = ERRORS | {
    200: {"description": "Prometheus text format.", "content": {CONTENT_TYPE: {"schema": {"type": "string"}}}}
}


def register(app: OpenAPI) -> None:
    """Makes this the first to see a request and the last to see its answer; adds ``/health``, ``/ready`` and
    ``/metrics``."""
    _ = app.extensions["voc"].metrics  # made here: two first requests at once would make two
    app.before_request(_begin)
    app.after_request(_end)
    app.get(
        "/health",
        tags=[SERVICE],
        summary="Is it alive",
        responses=ERRORS | HEALTH,
        endpoint="health",
    )(needs(None, endpoint="health")(health))
    app.get(
        "/ready",
        tags=[SERVICE],
        summary="Is it ready",
        responses=ERRORS | READY,
        endpoint="ready",
    )(needs(None, endpoint="ready")(ready))
    app.get(
        "/metrics", tags=[SERVICE], summary="All counts, for Prometheus", responses=_FIGURES,
        security=ANY_OF_THEM, endpoint="metrics",
    )(needs("read", whole=True, endpoint="metrics")(metrics))  # fmt: skip


# ---- requests


def _begin() -> None:
    g.began = time.perf_counter()
    g.request_id = logs.request_id(request.headers.get(ID))
    logs.begin(request=g.request_id)
    services().metrics.request_began()


def _end(response: Response) -> Response:
    began: float | None = g.pop("began", None)
    if began is None:  # its end was seen already, or its beginning never
        return response
    response.headers[ID] = g.request_id
    done = _Done(began, response)
    if response.is_streamed:
        response.direct_passthrough = False  # a file handed through whole would never be closed or counted
        if callable(close := getattr(response.response, "close", None)):
            response.call_on_close(close)
        response.response = done.counted(response.iter_encoded())
        response.call_on_close(done)
    else:
        done.bytes_out = int(response.content_length or 0)
        done()
        logs.end()
    return response


class _Done:
    """Counts and logs one request, once, when its last byte is handed over."""

    def __init__(self, began: float, response: Response) -> None:
        principal: Principal | None = g.get("principal")
        self._began = began
        self._status = response.status_code
        self._metrics = services().metrics
        self._route = request.url_rule.rule if request.url_rule else "none"
        self._method = request.method
        self._shed = bool(request.environ.get(REFUSED))
        self._told = {
            "request": g.request_id,
            "method": self._method if self._method in METHODS else "other",
            "route": self._route,
            "status": self._status,
            "actor": principal.actor if principal else None,
            "bytes_in": request.content_length or 0,
        }
        self.bytes_out = 0
        self._over = False

    def counted(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        for part in parts:
            self.bytes_out += len(part)
            yield part

    def __call__(self) -> None:
        if self._over:
            return
        self._over = True
        seconds = time.perf_counter() - self._began
        self._metrics.request_ended(self._route, self._method, self._status, seconds, shed=self._shed)
        told = self._told | {"ms": round(seconds * 1000, 1), "bytes_out": self.bytes_out}
        log.info("request", extra=told)


# ---- probes


def health() -> Response:
    """The process answers and the database can be read."""
    body: dict[str, Any] = {"status": "ok", "version": __version__}
    try:
        body["waiting"] = _vitals().waiting()
    except VocError as error:
        return _not_now(error, {"database": error.code})
    return jsonify(body)


def ready() -> Response:
    """Requests can be taken: the models are loaded, the schema is this version's, rows can be written, and
    the disk has room for them."""
    checks: dict[str, str] = {}
    first: VocError | None = None
    for name, check in _CHECKS.items():
        try:
            check()
        except VocError as error:
            checks[name] = error.code
            first = first or error
        else:
            checks[name] = "ok"
    if first is not None:
        return _not_now(first, checks)
    pipeline = services().pipelines.current
    return jsonify(status="ready", pipeline=pipeline.version if pipeline else None, checks=checks)


def _vitals(timeout_ms: int | None = None) -> Vitals:
    found = services()
    if not found.prepared:
        _ = found.store  # a service that nobody has asked anything yet makes its database now
    return Vitals(found.settings.db) if timeout_ms is None else Vitals(found.settings.db, timeout_ms)


def _models() -> None:
    if not services().pipelines.opened:
        raise Unavailable("models_loading", "the models are being loaded")


def _schema() -> None:
    pending, strangers = _vitals().schema()
    if strangers:
        raise StoreError("schema_too_new", f"the database was written by a newer voc (step {strangers[0]})")
    if pending:
        raise StoreError("schema_old", f"the database needs the step {pending[0]}; start the service anew")


def _database() -> None:
    _vitals(WRITER_MS).check_writable()


def _disk() -> None:
    settings = services().settings
    free = shutil.disk_usage(settings.db.absolute().parent).free // MIB
    if free < settings.disk_min_free_mb:
        raise StoreError("disk_full", f"{free} MiB are free; {settings.disk_min_free_mb} are wanted")


_CHECKS: dict[str, Callable[[], None]] = {
    "models": _models, "schema": _schema, "database": _database, "disk": _disk,
}  # fmt: skip


def _not_now(error: VocError, checks: dict[str, str]) -> Response:
    # The message may name the path of the database: it is for who may read logs.
    log.warning("a probe found something wrong", extra={"checks": checks})
    said = {
        "code": error.code,
        "message": _SAID.get(error.code, "the database cannot be used"),
        "field": None,
    }
    response = make_response(jsonify(status="failing", version=__version__, error=said, checks=checks), 503)
    response.headers["Retry-After"] = "1"
    return response


_SAID = {
    "models_loading": "the models are being loaded",
    "schema_too_new": "the database was written by a newer voc",
    "schema_old": "the database was written by an older voc; start the service anew",
    "disk_full": "the disk has too little room",
    "store_busy": "another process holds the database",
    "store_corrupt": "the database is damaged",
    "store_missing": "the database is not there",
    "store_readonly": "the database cannot be written",
}


# ---- figures


def metrics() -> Response:
    """All counts, as Prometheus reads them; figures of the store only where it can be read."""
    found = services()
    figures: dict[str, float] = {}
    try:
        now = _vitals().figures()
    except VocError:
        log.warning("the figures of the store cannot be read", exc_info=True)
    else:
        figures = {
            "voc_waiting": now.waiting,
            "voc_waiting_oldest_seconds": _age_s(now.oldest),
            "voc_review": now.review,
            "voc_dead_letters": now.dead,
            "voc_database_bytes": now.file_bytes,
            "voc_wal_bytes": now.wal_bytes,
        }
    pipeline = found.pipelines.current
    labels = {"version": __version__, "pipeline": pipeline.version if pipeline else ""}
    return Response(found.metrics.exposition(figures, labels), content_type=CONTENT_TYPE)


def _age_s(moment: str | None) -> float:
    if moment is None:
        return 0.0
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
