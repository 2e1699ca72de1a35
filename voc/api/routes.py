"""The routes under ``/v1``: parse, call, render. No SQL and no model is known here."""

from __future__ import annotations

from voc.api import decisions, emerging, feedback, reading, topics
from voc.api.blueprint import api

__all__ = ["api", "decisions", "emerging", "feedback", "reading", "topics"]
