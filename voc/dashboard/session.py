"""Logging in. The page asks; ``/v1/session`` decides."""

from __future__ import annotations

from typing import Any

from flask import redirect, url_for
from pydantic import Field

from voc.api.blueprint import services
from voc.api.schemas import Query
from voc.dashboard.shell import View, page, shown


class LoginQuery(Query):
    """Where to go afterwards."""

    next: str | None = Field(None, max_length=4_000)


@page("/login", scope=None, query=LoginQuery)
def login(view: View) -> Any:
    """The form; where there is nobody who could log in, straight on."""
    onward = _here(view.args.get("next"))
    if services().access.is_open:
        return redirect(onward)
    return shown("login.html", onward=onward)


def _here(given: str | None) -> str:
    """An address of this service and of no other: a path that a browser cannot take for a host."""
    if given is None or not given.startswith("/") or given[1:2] in ("/", "\\") or not given.isprintable():
        return url_for("dashboard.overview")
    return given
