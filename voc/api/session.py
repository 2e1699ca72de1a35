"""Logging in, out, and who one is."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, make_response, request
from flask_openapi3.models.tag import Tag

from voc.access import Known
from voc.api import schemas
from voc.api import schemas_access as shapes
from voc.api.blueprint import ANYBODY, COOKIE, api, services
from voc.api.guard import caller, is_loopback, known, needs
from voc.api.throttling import network_of
from voc.errors import NotFound

ACCESS = Tag(name="Access", description="Keys for programs, people, their sessions.")


@api.post(
    "/session", tags=[ACCESS], summary="Log in", security=ANYBODY,
    responses={201: shapes.SessionOut, 401: schemas.ErrorBody, 429: schemas.ErrorBody},
)  # fmt: skip
@needs(None)
def post_session(body: shapes.LoginBody) -> Response:
    """Sets the cookie of a session, which scripts cannot read. What `csrf` says has to come back as
    `X-CSRF-Token` with every request that changes something. After five failures of a name, or twenty of an
    address, within fifteen minutes: 429, with the right password too."""
    login = services().access.log_in(body.name, body.password, network_of(request.remote_addr or ""))
    response = make_response(jsonify(_shown(login.known)), 201)
    response.set_cookie(
        COOKIE, login.token, max_age=int(services().settings.session_hours * 3600), secure=_must_be_secure(),
        httponly=True, samesite="Lax", path="/",
    )  # fmt: skip
    return response


@api.get("/session", tags=[ACCESS], summary="Who am I", responses={200: shapes.SessionOut})
@needs(())
def get_session() -> dict[str, Any]:
    """For keys as for people."""
    return _shown(known())


@api.delete("/session", tags=[ACCESS], summary="Log out", responses={204: None})
@needs((), act="session.end")
def delete_session() -> Response:
    """The session ends at once."""
    if known().csrf is None:
        raise NotFound("session_unknown", f"{caller().actor} has no session")
    services().access.log_out(request.cookies[COOKIE])
    response = make_response("", 204)
    response.delete_cookie(COOKIE, secure=_must_be_secure(), httponly=True, samesite="Lax", path="/")
    return response


def _shown(found: Known) -> dict[str, Any]:
    return {"principal": found.principal.as_dict(), "csrf": found.csrf, "ends_at": found.ends_at}


def _must_be_secure() -> bool:
    """Over plain HTTP a browser keeps no secure cookie; that is let go for this machine alone, which no
    network lies between."""
    return request.is_secure or not is_loopback(request.host)
