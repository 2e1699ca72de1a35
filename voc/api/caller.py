"""Who calls, for all routes and for the schemas of their queries."""

from __future__ import annotations

from flask import g, has_app_context

from voc import acts
from voc.errors import InvalidInput
from voc.identity import NOBODY, Principal
from voc.review import AUTHOR_MAX_CHARS
from voc.text import is_phrase

#: Who decides where nobody is named, while the installation has neither keys nor people.
ANYBODY = "api"
#: Of a name that a key decides for: with the key's own name it is an author's at most.
BY_MAX_CHARS = AUTHOR_MAX_CHARS - 20


def caller() -> Principal:
    """Who calls; nobody before the guard has found that out, and where it need not."""
    found: Principal = g.get("principal", NOBODY) if has_app_context() else NOBODY
    return found


def act_as(principal: Principal) -> None:
    """Makes ``principal`` the caller of this request: for routes that find out themselves who calls."""
    g.principal = principal
    act = acts.current()
    if act is not None:
        act.actor = principal.actor


def author(given: object) -> str:
    """Who is kept beside a decision: always who calls, as far as that is known.

    Args:
        given: ``by`` of the request, None if it was left out. A key may say for whom it decides, which gives
            ``lan via key:3f9c2a1b``; a person is who they are; where there are neither keys nor people,
            anybody is whom they say.

    Raises:
        InvalidInput: ``field_invalid`` for what is no name, ``author_wrong`` where a person names another.
    """
    principal = caller()
    if given is None:
        return ANYBODY if principal.kind == "loopback" else principal.actor
    via = "" if principal.kind == "loopback" else f" via {principal.actor}"
    if not isinstance(given, str) or not is_phrase(given, BY_MAX_CHARS):
        raise InvalidInput("field_invalid", f"by must be text of 1 to {BY_MAX_CHARS:,} characters", "by")
    said = given.strip()
    if principal.kind == "person":
        if said not in (principal.name, principal.actor):
            raise InvalidInput("author_wrong", f"by must be left out or be {principal.name}", "by")
        return principal.actor
    return said + via
