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

_ERRORS: dict[str | int, Any] = {
    400: schemas.ErrorBody, 404: schemas.ErrorBody, 405: schemas.ErrorBody, 413: schemas.ErrorBody,
    422: schemas.ErrorBody, 503: schemas.ErrorBody,
}  # fmt: skip

api = APIBlueprint("v1", __name__, url_prefix="/v1", abp_responses=_ERRORS)


def services() -> Services:
    """The store, the pipeline and the work list of this application."""
    found: Services = current_app.extensions["voc"]
    return found


def rendered(kept: Kept) -> dict[str, Any]:
    """A feedback and its analysis; ``status: queued`` stands beside an analysis that is still null."""
    return kept.as_dict() if kept.analysis else kept.as_dict() | {"status": "queued"}
