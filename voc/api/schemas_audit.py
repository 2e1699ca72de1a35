"""The JSON of the audit log, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from voc.api.schemas import INTEGER_MOST, Query, Since, Until


class AuditQuery(Query):
    """Which lines."""

    actor: str | None = Field(
        None, max_length=200, description="Who, such as `key:3f9c2a1b` or `person:lan`."
    )
    action: str | None = Field(None, max_length=100, description="How the action begins, such as `topic.`.")
    subject: str | None = Field(None, max_length=200, description="Id or key that it was done to.")
    since: Since | None = Field(None, alias="from", description="First moment or day, ISO 8601.")
    until: Until | None = Field(
        None, alias="to", description="A day (included whole) or a moment (excluded), ISO 8601."
    )
    limit: int = Field(50, ge=1, le=500, description="Lines on the page.")
    cursor: int | None = Field(None, ge=1, le=INTEGER_MOST, description="`next` of the page before.")


class AuditLineOut(BaseModel):
    """One line; `hash` covers all of it and the hash of the line before."""

    number: int
    at: str
    actor: str
    action: str
    subject: str | None
    details: Any
    previous: str
    hash: str


class AuditOut(BaseModel):
    """A page of lines, the latest first."""

    items: list[AuditLineOut]
    next: int | None


class HeadOut(BaseModel):
    """The last line; `voc audit verify --head` tells from its hash whether it is still there."""

    number: int
    at: str | None
    hash: str
