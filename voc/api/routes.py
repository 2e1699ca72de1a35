"""The routes under ``/v1``: parse, call, render. No SQL and no model is known here."""

from __future__ import annotations

from voc.api import (
    audit,
    decisions,
    emerging,
    evidence,
    export,
    feedback,
    hooks,
    keys,
    reading,
    reports,
    topics,
    uploads,
    webhooks,
)
from voc.api.blueprint import api

__all__ = [
    "api",
    "audit",
    "decisions",
    "emerging",
    "evidence",
    "export",
    "feedback",
    "hooks",
    "keys",
    "reading",
    "reports",
    "topics",
    "uploads",
    "webhooks",
]
