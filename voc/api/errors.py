"""Translates errors into the one JSON body, with the fitting status."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from flask import Flask, Response, jsonify, make_response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from voc.errors import BodyTooLarge, InvalidInput, TooMany, VocError
from voc.store import translated

log = logging.getLogger(__name__)

#: What a person has to mend first.
_LASTING = frozenset({"disk_full", "schema_too_new", "store_corrupt", "store_readonly"})


def register(app: Flask) -> None:
    """Installs the handlers: whatever goes wrong, the body is ``{"error": {code, message, field}}``."""

    @app.errorhandler(VocError)
    def _known(error: VocError) -> Response:
        return _answer(error)

    @app.errorhandler(sqlite3.Error)
    def _database(error: sqlite3.Error) -> Response:
        log.exception("database error", exc_info=error)
        return _answer(translated(error))

    @app.errorhandler(RequestEntityTooLarge)
    def _too_large(_error: RequestEntityTooLarge) -> Response:
        most = request.max_content_length or 0
        return _answer(BodyTooLarge("body_too_large", f"the body must have at most {most:,} bytes"))

    app.register_error_handler(HTTPException, http_response)

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        log.exception("unexpected error", exc_info=error)
        return _body("internal_error", "the service failed; the error was logged", None, 500)


def of_database(error: Exception) -> VocError | None:
    """What the database said, as callers know it; None for what is no error of it."""
    return translated(error) if isinstance(error, sqlite3.Error) else None


def http_response(error: HTTPException) -> Response | Any:
    """The answer to what no route took."""
    if error.response is not None:
        return error.response
    status = error.code or 500
    code = (error.name or "error").lower().replace(" ", "_")
    response = _body(code, error.description or error.name, None, status)
    if error.get_headers() and status == 405 and getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(error.valid_methods)  # type: ignore[attr-defined]
    return response


def validation_response(error: ValidationError) -> Response:
    """The answer to a query or path that does not fit its schema."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return _answer(InvalidInput("field_unknown", f"{field} is no parameter of this route", field))
    if first["type"] == "missing":
        return _answer(InvalidInput("field_missing", f"{field} is required", field))
    return _answer(InvalidInput("field_invalid", f"{field}: {message}", field))


def _answer(error: VocError) -> Response:
    response = _body(error.code, error.message, error.field, error.http_status)
    if error.http_status == 503:
        response.headers["Retry-After"] = "60" if error.code in _LASTING else "1"
    elif error.http_status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 6750; RFC 9110, 11.6.1, asks for one
    elif isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _body(code: str, message: str, field: str | None, status: int) -> Response:
    return make_response(jsonify({"error": {"code": code, "message": message, "field": field}}), status)
