"""What each route asks of the one who calls it. A route without a rule is refused to all but ``admin``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import g

from voc.api.acting import acting
from voc.identity import LOOPBACK, Principal, Scope

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule:
    """What one route asks.

    Attributes:
        scope: that the caller must have; None for anybody, known or not.
        act: name under which the audit log has it; None for what is not logged.
        whole: refused to those who are limited to a department: it speaks of all feedback.
    """

    scope: Scope | None
    act: str | None = None
    whole: bool = False


#: By the name of the endpoint, such as ``v1.get_trends``.
RULES: dict[str, Rule] = {}


def needs(scope: Scope | None, *, act: str | None = None, whole: bool = False) -> Callable[[View], View]:
    """Declares what a route asks; stands between the route and its function."""
    rule = Rule(scope, act, whole)

    def declared(view: View) -> View:
        RULES[f"v1.{view.__name__}"] = rule

        @wraps(view)
        def inside(*args: Any, **given: Any) -> Any:
            with acting(rule.act, given):
                return view(*args, **given)

        return inside  # type: ignore[return-value]

    return declared


def caller() -> Principal:
    """Who calls."""
    found: Principal = g.get("principal", LOOPBACK)
    return found
