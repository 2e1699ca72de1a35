"""What somebody is doing now, so that the database can write it down with what it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


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
