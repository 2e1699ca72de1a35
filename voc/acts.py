"""What somebody is doing now, so that the database can write it down with what it changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePath
from typing import Any

#: Parameters whose text is a key, a choice or a time: they tell one act from another, and nothing of anybody.
KEYS = frozenset({
    "action", "actor", "by", "cooperators", "department", "event", "events", "expires", "expires_at",
    "file_format", "format", "grain", "into", "key", "keys", "language", "order", "owner", "role",
    "scope", "scopes", "segment", "sentiment", "since", "source", "state", "status", "subject", "theme",
    "topic", "touchpoint", "until", "version",
})  # fmt: skip
#: Parameters that are words looked for.
QUERIES = frozenset({"q", "query"})
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_MANY = 50
_HIDDEN = object()


@dataclass(slots=True)
class Act:
    """One thing that somebody does.

    Attributes:
        actor: who, such as ``key:3f9c2a1b``, ``person:lan`` or ``command:root``.
        action: what, such as ``feedback.read`` or ``topic.merge``.
        subject: the id or key it is done to, None for many or none.
        details: what else tells one such act from another; never a customer's text.
        written: whether it stands in the log already.
    """

    actor: str
    action: str
    subject: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    written: bool = False


_NOW: ContextVar[Act | None] = ContextVar("act", default=None)


def current() -> Act | None:
    """The act that goes on in this thread or context."""
    return _NOW.get()


@contextmanager
def during(act: Act) -> Iterator[Act]:
    """Makes ``act`` the current one."""
    token = _NOW.set(act)
    try:
        yield act
    finally:
        _NOW.reset(token)


def telling(given: Mapping[str, Any]) -> dict[str, Any]:
    """What of the parameters of an act may stand in the log: numbers, switches, times, keys, names of files.

    Of words looked for there stands the beginning of their SHA-256, four digits of it: enough to check
    whether it was this that somebody looked for, too little to find a telephone number by trying all of them.
    Of all others (texts, reasons, secrets, names) there stands that they were given.
    """
    told: dict[str, Any] = {}
    untold: list[str] = []
    for name, value in given.items():
        shown = _trace(value) if name in QUERIES else _shown(name, value)
        if shown is not _HIDDEN:
            told[name] = shown
        elif _KEY.fullmatch(name):
            untold.append(name)
    return told | {"given": sorted(untold)[:_MANY]} if untold else told


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        parts = [_shown(name, part) for part in value]
        return _HIDDEN if len(parts) > _MANY or _HIDDEN in parts else parts
    if isinstance(value, Mapping):
        span = name == "segment" and all(isinstance(part, int) for part in value.values())
        return dict(value) if span and set(value) == {"start", "end"} else _HIDDEN
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, str):
        return value if name in KEYS and _KEY.fullmatch(value) else _HIDDEN
    return value if value is None or isinstance(value, bool | int | float) else _HIDDEN


def _trace(value: Any) -> Any:
    if not isinstance(value, str):
        return _HIDDEN
    return {"sha256": hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:4]}
