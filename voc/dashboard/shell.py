"""What all pages share: routes with their guard, the filter and the period of the address, links, navigation.

How to add a page
-----------------

1. A module ``voc/dashboard/<page>.py``; it is found by itself::

       from voc.dashboard.shell import View, page, shown

       @page("/seams", act="reports.seams")            # act= only where customers' words are shown
       def seams(view: View) -> str:
           found = reports.seams(view.facts, view.rows, view.period)
           return shown("seams.html", found=found, chart=charts.heatmap(...))

   Its endpoint is ``dashboard.seams``. Parameters of the path come by name: ``@page("/topics/<key>")`` with
   ``def topic(view: View, key: str)``. Parameters of its own after the question mark: a subclass of
   `ViewQuery` as ``query=``, read as ``view.query``. ``whole=True`` where it speaks of all feedback, so that
   it is refused to those who are limited to a department.

2. A template ``templates/seams.html``::

       {% extends "base.html" %}
       {% import "macros.html" as m with context %}
       {% set title = _("Seams") %}
       {% block content %} ... {{ m.chart(chart) }} ... {% endblock %}

   ``period`` and ``within`` of the view: `View`. ``is_dated=False`` where no period in the address means all
   times (a list). Blocks: ``content``; ``actions`` (buttons beside the title); ``filters`` (empty it where
   the page takes no filter); ``lead`` (one sentence under the title); ``head`` (more styles);
   ``scripts`` (``<script type="module" src="{{ asset('seams.js') }}"></script>``). Nothing inline,
   neither script nor style: the policy refuses it.
   In every template: ``view``, ``asset``, ``department_name(key)``, ``topic_name(key)``,
   ``touchpoint_name(key)``, ``sentiment_name(key)``, ``status_name(key)``, ``language_name(key)``,
   ``department_slot(key)`` (number of its colour), and the filters ``number``, ``percent``, ``points``,
   ``day``, ``moment``.

3. Its place in `NAVIGATION` is there already; a page that is not there yet is not shown.

Links keep the rest of the filter: ``view.url("seams", department="care", also="sales")``; None takes a part
of the filter out. ``view.list_url(topic="delivery-late")`` leads to the feedback behind a figure. Writes go
through ``/v1`` by ``send`` of ``static/voc.js``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from flask import Blueprint, Flask, current_app, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext, lazy_gettext, ngettext
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from voc import acts
from voc.api import errors
from voc.api.blueprint import services
from voc.api.guard import RULES, Rule, caller, needs
from voc.api.schemas import FilterQuery, Query
from voc.dashboard import texts
from voc.errors import InvalidInput, NotFound, Unauthorized, VocError
from voc.facts import Facts, Mask
from voc.identity import Scope
from voc.reports.periods import DEFAULT_DAYS, Period, bounded, default_period
from voc.services import Services
from voc.store import Filter

log = logging.getLogger(__name__)
blueprint = Blueprint("dashboard", __name__, template_folder="templates")

_ = lazy_gettext
#: Endpoint and name of each page of the navigation, in groups.
NAVIGATION: tuple[tuple[tuple[str, Any], ...], ...] = (
    (("overview", _("Overview")), ("topics", _("Topics")), ("departments", _("Departments"))),
    (("seams", _("Seams")), ("journey", _("Journey")), ("drivers", _("Drivers")), ("compare", _("Compare"))),
    (("feedback", _("Feedback")), ("review", _("Review")), ("data", _("Data"))),
)
#: Names that the filter has in an address, on every page.
FILTERS = (
    "q", "department", "role", "also", "topic", "sentiment", "status", "language", "source", "touchpoint",
    "attribute", "firefighting", "from", "to",
)  # fmt: skip
#: Days that a click chooses.
PRESETS = (7, 28, 84, 182, 364)
_NAMES = {"since": "from", "until": "to"}


class ViewQuery(FilterQuery):
    """What stands after the question mark of a page; a page with more of it makes a subclass."""


class _Path(BaseModel):
    """Parameters of the path, as the audit log wants them."""

    model_config = ConfigDict(extra="allow")


@dataclass(eq=False)
class View:
    """One page as it was asked for.

    Attributes:
        page: name of its endpoint, without ``dashboard.``.
        path: parameters of the path.
        args: what the address says after the question mark, as it was given.
        query: the same, checked.
        is_dated: whether the page is about a period even where the address says none.
    """

    page: str
    path: Mapping[str, str]
    args: Mapping[str, str]
    query: Query
    is_dated: bool = True

    #: Endpoints under which a page that is not in the navigation stands.
    PARENTS: ClassVar[dict[str, str]] = {}

    @property
    def services(self) -> Services:
        """Store, pipeline and the rest."""
        return services()

    @cached_property
    def filter(self) -> Filter:
        """The filter with its period, within what the reader may see."""
        return self.query.filter() if isinstance(self.query, FilterQuery) else Filter(within=self.within)

    @property
    def within(self) -> str | None:
        """Key of the department that the reader is limited to."""
        return caller().department

    @cached_property
    def timeless(self) -> Filter:
        """The filter without its period."""
        return replace(self.filter, since=None, until=None)

    @cached_property
    def facts(self) -> Facts:
        """What reports count over."""
        return self.services.facts.now()

    @cached_property
    def rows(self) -> Mask:
        """Which rows of the facts the filter lets through, whatever their time; bool (n,)."""
        return self.services.facts.rows(self.facts, self.timeless)

    @cached_property
    def readable(self) -> Mask | None:
        """Which rows the reader may see; None for all."""
        if self.within is None:
            return None
        return self.services.facts.rows(self.facts, Filter(within=self.within))

    @cached_property
    def period(self) -> Period:
        """The period of the address; where it says none, the last four weeks that have feedback.

        Raises:
            InvalidInput: as `voc.reports.periods.chosen_period`.
        """
        first, last = _day(self.filter.since), _last_day(self.filter.until)
        if first is None and last is None:
            return default_period(self.facts, self.readable)
        if last is None:
            last = max(datetime.now(UTC).date(), first or date.min)
        if first is None:
            first = date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS + 1))
        return bounded(first, last)

    @property
    def is_chosen(self) -> bool:
        """Whether the address says a period."""
        return "from" in self.args or "to" in self.args

    @property
    def filters(self) -> dict[str, str]:
        """The parts of the filter that are set, as they stand in the address."""
        return {name: self.args[name] for name in FILTERS if name in self.args}

    def url(self, page: str | None = None, **changes: Any) -> str:
        """A link to a page with this filter.

        Args:
            page: name of the endpoint; None for this page, with all that its address says.
            changes: parts of the filter and parameters of the page to set, None to take one out; ``since``
                and ``until`` for ``from`` and ``to``.
        """
        if page is None:
            kept = {name: value for name, value in self.args.items() if name != "cursor"} | dict(self.path)
        else:
            kept = dict(self.filters)
        kept |= {_NAMES.get(name, name): value for name, value in changes.items()}
        return _address(page or self.page, kept)

    def list_url(self, period: Period | None = None, **changes: Any) -> str:
        """A link to the feedback that a figure counts: as `url`, with the period said, since the list is of
        all times where none is.

        Args:
            period: another than that of this page.
        """
        chosen = period or self.period
        days = {"from": chosen.since.isoformat(), "to": chosen.last.isoformat()}
        return self.url("feedback", **(days | changes))

    @property
    def action(self) -> str:
        """Where a form of the filter goes: this page, with nothing after the question mark."""
        return _address(self.page, self.path)

    @property
    def url_of_nothing(self) -> str:
        """This page in its period without any filter."""
        return self.url(**{name: None for name in FILTERS if name not in ("from", "to")})

    def has(self, page: str) -> bool:
        """Whether there is such a page and the reader may see it."""
        return may_see(page)

    def told(self, **details: int) -> None:
        """Adds to the line of the audit log, such as ``rows=50`` of a list."""
        act = acts.current()
        if act is not None:
            act.details = {**act.details, **details}


def _address(page: str, given: Mapping[str, Any]) -> str:
    return url_for(f"dashboard.{page}", **{name: value for name, value in given.items() if value is not None})


PageFunction = TypeVar("PageFunction", bound=Callable[..., Any])


def page(
    rule: str,
    *,
    name: str | None = None,
    scope: Scope | tuple[Scope, ...] | None = "read",
    act: str | None = None,
    whole: bool = False,
    query: type[Query] = ViewQuery,
    under: str | None = None,
    is_dated: bool = True,
) -> Callable[[PageFunction], PageFunction]:
    """Makes a function a page: route, guard, filter of the address.

    Args:
        rule: the path, such as ``/topics/<key>``.
        name: of the endpoint, after ``dashboard.``; the function's by default.
        scope, act, whole: see `voc.api.guard.needs`.
        query: what may stand after the question mark.
        under: the page of the navigation that is marked while this one is read.
        is_dated: see `View`; False for a list of all times.
    """

    def declared(function: PageFunction) -> PageFunction:
        endpoint = name or function.__name__
        if under is not None:
            View.PARENTS[endpoint] = under

        @needs(scope, act=act, whole=whole, endpoint=f"dashboard.{endpoint}")
        def guarded(*, path: _Path, query: Query) -> Any:
            given = path.model_dump()
            g.view = View(endpoint, given, _args(), query, is_dated)
            return function(g.view, **given)

        def answer(**path: str) -> Any:
            return guarded(path=_Path(**path), query=_checked(query, _args()))

        blueprint.add_url_rule(rule, endpoint, answer)
        return function

    return declared


def shown(template: str, **context: Any) -> str:
    """A template with what it shows."""
    return render_template(template, **context)


def may_see(page: str) -> bool:
    """Whether there is such a page and the caller may see it."""
    if f"dashboard.{page}" not in current_app.view_functions:
        return False
    rule: Rule = RULES[f"dashboard.{page}"]
    principal = caller()
    allowed = not rule.scopes or any(principal.may(scope) for scope in rule.scopes)
    return allowed and not (rule.whole and principal.department is not None)


def _args() -> dict[str, str]:
    """Of the address; a field of a form that was left empty was not given."""
    given: MultiDict[str, str] = request.args
    return {name: value for name, value in given.items() if value != "" and name != texts.PARAMETER}


def _day(moment: str | None) -> date | None:
    return None if moment is None else date.fromisoformat(moment[:10])


def _last_day(moment: str | None) -> date | None:
    """Of what lies before a moment, the last day."""
    if moment is None:
        return None
    found = date.fromisoformat(moment[:10])
    if moment[10:] != "T00:00:00.000Z" or found == date.min:
        return found
    return found - timedelta(days=1)


def _checked(query: type[Query], args: Mapping[str, str]) -> Query:
    try:
        return query.model_validate(args)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidInput("field_invalid", f"{field}: {message}" if field else message, field) from None


# ---- what every template has


@blueprint.app_context_processor
def _context() -> dict[str, Any]:
    found = g.get("known")
    return {
        "view": g.get("view"),
        "navigation": _navigation(),
        "principal": caller(),
        "csrf": found.csrf if found else None,
        "locale": texts.language(),
        "address_in": _address_in,
        "presets": _presets,
        "last_days": _last_days,
        "filter_names": FILTERS,
    }


def _presets() -> list[tuple[int, str]]:
    """Lengths of periods, in days, with their names."""
    return [(days, ngettext("Last %(num)d day", "Last %(num)d days", days)) for days in PRESETS]


def _last_days(days: int, period: Period | None) -> Period:
    """As many days up to the end of a period: of what is shown, not of the calendar, so that older data can
    be looked at in the same way."""
    last = period.last if period else datetime.now(UTC).date()
    return Period.of(date.fromordinal(max(1, last.toordinal() - days + 1)), last)


def _navigation() -> list[list[tuple[str, str, str, bool]]]:
    """Endpoint, name, address and whether one is there, of what the caller may see, in groups."""
    view: View | None = g.get("view")
    here = View.PARENTS.get(view.page, view.page) if view else None
    return [
        [
            (page, str(name), view.url(page) if view else url_for(f"dashboard.{page}"), page == here)
            for page, name in group
            if may_see(page)
        ]
        for group in NAVIGATION
    ]


def _address_in(language: str) -> str:
    """This page in another language."""
    view: View | None = g.get("view")
    if view is None:
        return f"{request.path}?{texts.PARAMETER}={language}"
    return view.url(**{texts.PARAMETER: language})


# ---- errors as pages


@blueprint.errorhandler(Unauthorized)
def _unauthorized(error: Unauthorized) -> Any:
    """A browser is sent to where one logs in, and back."""
    if request.method == "GET" and request.accept_mimetypes.accept_html:
        return redirect(url_for("dashboard.login", next=request.full_path.rstrip("?")))
    response = _failed(error)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


@blueprint.errorhandler(VocError)
def _failed(error: VocError) -> Response:
    body = render_template("error.html", status=error.http_status, error=error)
    return make_response(body, error.http_status)


@blueprint.errorhandler(HTTPException)
def _http(error: HTTPException) -> Any:
    if error.response is not None:
        return error.response
    said = NotFound("not_found", error.description or error.name)
    body = render_template("error.html", status=error.code, error=said)
    return make_response(body, error.code or 500)


@blueprint.errorhandler(Exception)
def _unexpected(error: Exception) -> Response:
    """As of the API: the log has what happened, the reader that it did."""
    log.exception("unexpected error", exc_info=error)
    unforeseen = VocError("internal_error", gettext("The service failed; what happened is in its log."))
    return _failed(errors.of_database(error) or unforeseen)


def _nowhere(error: HTTPException) -> Any:
    """A browser that asks for what is not there gets a page; programs, and all under ``/v1``, JSON."""
    if request.path.startswith("/v1/") or not request.accept_mimetypes.accept_html:
        return errors.http_response(error)
    return _http(error)


def register(app: Flask) -> None:
    """Gives the application what templates need."""
    app.register_error_handler(404, _nowhere)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
