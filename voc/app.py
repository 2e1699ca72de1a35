"""The Flask factory. It opens no database and loads no model: both happen at their first use."""

from __future__ import annotations

import json
import threading
from typing import Any

from flask import redirect, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.wrappers import Response

from voc import __version__
from voc.api import errors
from voc.api.routes import api
from voc.errors import BodyInvalid
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


class Voc(OpenAPI):
    """The application, with what it works with under ``extensions["voc"]``."""

    json_provider_class = StrictJson

    def start_background(self) -> threading.Event:
        """Loads the models and drains the work list in a thread; set the event to stop it."""
        stop = threading.Event()
        services: Services = self.extensions["voc"]

        def work() -> None:
            services.pipelines.get()
            services.worklist.run(stop)

        threading.Thread(target=work, name="voc-work-list", daemon=True).start()
        return stop


def create_app(settings: Settings | None = None) -> Voc:
    """The WSGI application.

    Args:
        settings: from the environment if left out.

    Raises:
        SettingsError: a setting is unknown or wrong.
    """
    settings = settings or Settings.from_environment()
    app = Voc(
        "voc",
        info=Info(title="voc", version=__version__, description=DESCRIPTION),
        doc_prefix="/v1",
        validation_error_callback=errors.validation_response,
        static_folder=None,
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.body_max_bytes
    app.extensions["voc"] = Services(settings)
    errors.register(app)
    app.before_request(_read_json)
    app.register_api(api)
    app.add_url_rule("/", "home", lambda: redirect("/v1/swagger"))
    app.add_url_rule("/docs", "docs", lambda: redirect("/v1/swagger"))
    return app


def _read_json() -> Response | None:
    """Reads the body once, before any route, so that what is wrong with it is said plainly."""
    if request.method not in {"POST", "PUT", "PATCH"}:
        return None
    try:
        body = request.get_json(force=True)
    except RequestEntityTooLarge:
        raise
    except BadRequest as error:
        reason = error.__cause__ or error.description
        raise BodyInvalid("json_invalid", f"the body is not JSON: {reason}") from None
    except RecursionError:
        raise BodyInvalid("json_too_deep", "the body is nested too deeply") from None
    if not isinstance(body, dict):
        raise BodyInvalid("json_not_object", "the body must be a JSON object")
    return None
