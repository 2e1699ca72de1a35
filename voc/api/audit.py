"""Who did what."""

from __future__ import annotations

from typing import Any

from flask_openapi3.models.tag import Tag

from voc.api.blueprint import api, services
from voc.api.guard import needs
from voc.api.schemas_audit import AuditOut, AuditQuery, HeadOut
from voc.store import NOTHING

AUDIT = Tag(name="Audit", description="Who read, exported, corrected or changed what.")


@api.get("/audit", tags=[AUDIT], summary="Who did what", responses={200: AuditOut})
@needs("admin", act="audit.list", whole=True)
def get_audit(query: AuditQuery) -> dict[str, Any]:
    """The latest line first; asking is a line too. `voc audit verify` checks the chain of hashes."""
    found, following = services().store.audit.entries(
        actor=query.actor, action=query.action, subject=query.subject, since=query.since, until=query.until,
        limit=query.limit, before=query.cursor,
    )  # fmt: skip
    return {"items": [line.as_dict() for line in found], "next": following}


@api.get("/audit/head", tags=[AUDIT], summary="The last line's hash", responses={200: HeadOut})
@needs("admin", whole=True)
def get_audit_head() -> dict[str, Any]:
    """To be kept elsewhere; asking for it is no act. Number 0 and a hash of zeros before the first line."""
    head = services().store.audit.head()
    if head is None:
        return {"number": 0, "at": None, "hash": NOTHING}
    return {"number": head.number, "at": head.at, "hash": head.hash}
