"""The Flask factory. It opens no database and loads no model: both happen at their first use."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import redirect, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from voc import __version__, dashboard, logs
from voc.admission import REFUSED, STREAMED, Admission
from voc.api import errors, guard, headers, uploads, watching
from voc.api.blueprint import SECURITY_SCHEMES
from voc.api.routes import api
from voc.errors import BodyInvalid, Unavailable
from voc.ingest import loads
from voc.services import Services
from voc.settings import Settings
from voc.text import has_lone_surrogate

DESCRIPTION = (
    "Feedback comes in, is kept, is split into segments; each segment gets a feeling, a topic and a "
    "department with the words that show it. Vietnamese and English."
)


class StrictJson(DefaultJSONProvider):
    """Refuses NaN on the way in; writes Vietnamese as it is, not as escapes."""

    sort_keys = False

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """JSON without NaN and infinities."""
        return loads(s)

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """JSON as UTF-8 text; a lone surrogate, which UTF-8 cannot carry, is escaped."""
        kwargs.setdefault("default", self.default)
        text = json.dumps(obj, ensure_ascii=False, **kwargs)
        return json.dumps(obj, **kwargs) if has_lone_surrogate(text) else text


def _work(services: Services, stop: threading.Event) -> None:
    """Loads the models, then drains the work list."""
    services.pipelines.get()
    services.worklist.run(stop)


def _send(services: Services, stop: threading.Event) -> None:
    """Sends events to other programs."""
    services.webhooks.run(stop)


def _write(services: Services, stop: threading.Event) -> None:
    """Sends departments their week by mail."""
    services.digester.run(stop)


def _recall(services: Services, stop: threading.Event) -> None:
    """Has the facts of a large database in memory before anybody asks for them."""
    services.facts.run(stop)


def _read_files(services: Services, stop: threading.Event) -> None:
    """Reads the files that people brought."""
    services.uploads.run(stop)


log = logging.getLogger(__name__)

#: Seconds after which a loop that failed is begun anew.
AGAIN_S = 5.0
#: What runs beside the requests, by the name of its thread: it ends soon after the event is set.
LOOPS: dict[str, Callable[[Services, threading.Event], None]] = {
    "voc-work-list": _work, "voc-webhooks": _send, "voc-facts": _recall, "voc-digests": _write,
    "voc-uploads": _read_files,
}  # fmt: skip


class Background:
    """The threads of `LOOPS`; one that fails begins anew."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(loop,), name=name, daemon=True)
            for name, loop in LOOPS.items()
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, loop: Callable[[Services, threading.Event], None]) -> None:
        while not self._stop.is_set():
            try:
                loop(self._services, self._stop)
            except Exception:
                log.exception("%s failed and is begun anew", threading.current_thread().name)
                self._stop.wait(AGAIN_S)
            finally:
                self._services.close()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Asks all to end and waits; whether they did. What they leave undone is on the work list, or in the
        outbox, for whoever comes next."""
        self._stop.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


class Voc(OpenAPI):
    """The application, with what it works with under ``extensions["voc"]``."""

    json_provider_class = StrictJson
    admission: Admission

    def configure_logs(self) -> None:
        """Sends the logs of this process where the settings say; `voc serve` does it before it forks."""
        services: Services = self.extensions["voc"]
        logs.configure(services.settings.log_format)

    def start_background(self) -> Background:
        """Starts what runs beside the requests."""
        return Background(self.extensions["voc"])


def create_app(settings: Settings | None = None, *, workers: int = 1) -> Voc:
    """The WSGI application.

    Args:
        settings: from the environment if left out.
        workers: processes that serve it, which share what a key may ask in a minute.

    Raises:
        SettingsError: a setting is unknown or wrong.
    """
    settings = settings or Settings.from_environment()
    app = Voc(
        "voc",
        info=Info(title="voc", version=__version__, description=DESCRIPTION),
        doc_prefix="/v1",
        security_schemes=SECURITY_SCHEMES,
        validation_error_callback=errors.validation_response,
        static_folder=None,
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.body_max_bytes
    app.extensions["voc"] = Services(settings)
    app.admission = Admission(app.wsgi_app, settings.max_in_flight)
    app.wsgi_app = app.admission  # type: ignore[method-assign]
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=0
        )
    errors.register(app)
    watching.register(app)
    app.before_request(_refuse_when_overloaded)  # nothing is read or asked before
    app.after_request(_mark_streamed)
    guard.register(app, workers)
    app.before_request(_read_json)
    app.after_request(headers.protect)
    app.register_api(api)
    app.add_url_rule("/docs", "docs", lambda: redirect("/v1/swagger"))
    dashboard.register(app)
    return app


def _refuse_when_overloaded() -> None:
    if request.environ.get(REFUSED):
        raise Unavailable("overloaded", "too many requests are at work; try again")


def _mark_streamed(response: Response) -> Response:
    request.environ[STREAMED] = response.is_streamed
    return response


def _refuse_more_than_allowed(read: bytes) -> None:
    """Of a body that does not say how long it is (chunked), werkzeug reads as much as is allowed and leaves
    the rest: what was read is not what was sent then."""
    is_cut = request.content_length is None and len(read) == request.max_content_length
    if is_cut and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge


def _read_json() -> Response | None:
    """Reads the body once, before any route, so that what is wrong with it is said plainly."""
    if request.method not in {"POST", "PUT", "PATCH"} or request.endpoint is None:
        return None
    if request.endpoint == uploads.TAKES_BYTES:
        _refuse_more_than_allowed(request.get_data())
        return None
    try:
        _refuse_more_than_allowed(request.get_data())
        body = request.get_json(force=True)
    except RequestEntityTooLarge:
        raise
    except BadRequest as error:
        said = getattr(error.__cause__, "description", None) or error.description or ""
        reason = said.removeprefix("Failed to decode JSON object: ")
        raise BodyInvalid("json_invalid", f"the body is not JSON: {reason}") from None
    except RecursionError:
        raise BodyInvalid("json_too_deep", "the body is nested too deeply") from None
    if not isinstance(body, dict):
        raise BodyInvalid("json_not_object", "the body must be a JSON object")
    return None
