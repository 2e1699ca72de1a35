"""Each request that reads, exports, corrects or changes is one act in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response
from pydantic import BaseModel, RootModel

from voc.acts import KEYS, Act, during, telling
from voc.api.blueprint import services

#: Parts of a path that name what an act is done to.
_SUBJECTS = ("key", "name", "prefix", "id", "number")


def acting(name: str | None, actor: str, given: Mapping[str, Any], run: Callable[[], Any]) -> Any:
    """Runs a route as an act; returns what it returns.

    An act that changes something is written with its first change, in one transaction. One that only reads
    is written when the route is done and before its answer goes out; if it cannot be written, nothing is
    answered but the error. An act that fails before it changed anything is not written.

    Of a list there stands how many rows it had, and by what it was chosen, but not their ids: a page has up
    to 500, the log would outgrow the database, and the same question can be asked again.

    Args:
        name: of the act; None for what is not logged.
        actor: who acts.
        given: the route's ``path``, ``query`` and ``body``, as far as it has them.
    """
    if name is None:
        return run()
    act = _act_of(name, actor, given)
    with during(act):
        answer = run()
    if not act.written:
        act.details = {**act.details, **_size_of(answer)}
        services().store.audit.record(act)
    return answer


def _act_of(name: str, actor: str, given: Mapping[str, Any]) -> Act:
    path, query, body = (_values_of(given.get(part)) for part in ("path", "query", "body"))
    subject = None
    for part in _SUBJECTS:
        if part in path:
            subject = str(path.pop(part))[:200]
            break
    query = {key: value for key, value in query.items() if value is not None}
    further = query.pop("cursor", None) is not None
    details = telling(path | query | body) | ({"further": True} if further else {})
    return Act(actor, name, subject, details)


def _values_of(model: Any) -> dict[str, Any]:
    """What somebody gave, without defaults; of JSON that no schema has seen, the keys alone."""
    if isinstance(model, RootModel):
        seen = model.root if isinstance(model.root, dict) else {}
        told = {name for name, value in seen.items() if name in KEYS or isinstance(value, bool)}
        return {name: value if name in told else "" for name, value in seen.items()}
    return model.model_dump(exclude_unset=True) if isinstance(model, BaseModel) else {}


def _size_of(answer: Any) -> dict[str, int]:
    """How many rows an answer lists."""
    body = answer[0] if isinstance(answer, tuple) else answer
    if isinstance(body, dict) and not isinstance(body, Response):
        for name in ("items", "corrections", "results"):
            if isinstance(body.get(name), list):
                return {"rows": len(body[name])}
    return {}
