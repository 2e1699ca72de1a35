"""Trends and departments; whether the service lives."""

from __future__ import annotations

from typing import Any

from voc import __version__, reports
from voc.api import schemas
from voc.api.blueprint import READING, SERVICE, api, services
from voc.api.guard import needs
from voc.errors import Unavailable


@api.get("/trends", tags=[READING], summary="Counts over time", responses={200: schemas.TrendsOut})
@needs("read")
def get_trends(query: schemas.TrendsQuery) -> dict[str, Any]:
    """By topic a feedback counts for each topic it mentions; by department, for its owner."""
    points = reports.trends(services().store, query.by, query.grain, query.filter())
    return {"by": query.by, "grain": query.grain, "points": [point.as_dict() for point in points]}


@api.get("/departments", tags=[READING], summary="All departments", responses={200: schemas.DepartmentsOut})
@needs("read")
def get_departments() -> dict[str, Any]:
    """Departments as `organization.toml` names them, and the fields of work each covers."""
    organization = services().pipelines.get().router.organization
    return {
        "items": [
            {
                "key": department.key,
                "name": department.name.model_dump(),
                "remit": department.remit.model_dump(),
                "covers": list(department.fields_of_work),
            }
            for department in organization.departments
        ]
    }


@api.get("/health", tags=[SERVICE], summary="Is it alive", responses={200: schemas.HealthOut})
@needs(None)
def get_health() -> dict[str, Any]:
    """The process answers and the database can be read."""
    return {"status": "ok", "version": __version__, "waiting": services().store.waiting()}


@api.get("/ready", tags=[SERVICE], summary="Is it ready", responses={200: schemas.ReadyOut})
@needs(None)
def get_ready() -> dict[str, Any]:
    """503 until the models are loaded."""
    if not services().pipelines.opened:
        raise Unavailable("models_loading", "the models are being loaded")
    return {"status": "ready", "pipeline": services().pipelines.get().version}
