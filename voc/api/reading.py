"""Trends and departments; whether the service lives."""

from __future__ import annotations

from typing import Any

from flask import Response

from voc import reports
from voc.api import schemas, watching
from voc.api.blueprint import ANYBODY, READING, SERVICE, api, services
from voc.api.guard import needs


@api.get("/trends", tags=[READING], summary="Counts over time", responses={200: schemas.TrendsOut})
@needs("read")
def get_trends(query: schemas.TrendsQuery) -> dict[str, Any]:
    """By topic a feedback counts for each topic it mentions, as negative where the segments that speak of the
    topic are; by department, for its owner."""
    facts = services().facts.now()
    points = reports.trends(facts, services().facts.rows(facts, query.filter()), query.by, query.grain)
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


@api.get("/health", tags=[SERVICE], summary="Is it alive", security=ANYBODY, responses=watching.HEALTH)
@needs(None)
def get_health() -> Response:
    """The process answers and the database can be read; 503 if not."""
    return watching.health()


@api.get("/ready", tags=[SERVICE], summary="Is it ready", security=ANYBODY, responses=watching.READY)
@needs(None)
def get_ready() -> Response:
    """The models are loaded, the schema is this version's, the database can be written and its disk has room;
    503 if not, with what is wrong under `checks`."""
    return watching.ready()
