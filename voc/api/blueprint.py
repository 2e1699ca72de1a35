"""What all routes share: where they hang, what they work with, how a feedback is shown."""

from __future__ import annotations

from typing import Any

from flask import current_app
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from voc.api import schemas
from voc.services import Services
from voc.store import Kept

FEEDBACK = Tag(name="Feedback", description="What customers said, and what was understood of it.")
READING = Tag(name="Reading", description="Topics, departments and trends.")
SERVICE = Tag(name="Service", description="Is it alive, is it ready.")

ERRORS: dict[str | int, Any] = dict.fromkeys((400, 401, 403, 404, 405, 413, 422, 429, 503), schemas.ErrorBody)
#: Of a session.
COOKIE = "voc_session"
#: How a caller may say who they are; nothing need be said while there are neither keys nor people.
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "voc_..."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
#: Of routes that anybody may call.
ANYBODY: list[dict[str, list[Any]]] = [{}]
ANY_OF_THEM: list[dict[str, list[Any]]] = [{scheme: []} for scheme in SECURITY_SCHEMES]

api = APIBlueprint("v1", __name__, url_prefix="/v1", abp_responses=ERRORS, abp_security=ANY_OF_THEM)


def services() -> Services:
    """The store, the pipeline and the work list of this application."""
    found: Services = current_app.extensions["voc"]
    return found


def rendered(kept: Kept) -> dict[str, Any]:
    """A feedback and its analysis; ``status: queued`` stands beside an analysis that is still null."""
    return kept.as_dict() if kept.analysis else kept.as_dict() | {"status": "queued"}
