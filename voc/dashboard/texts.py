"""What is shown in the reader's language: the choice of it, names of things, numbers and times.

The language is that of ``?lang=``, which a cookie keeps; else that of the cookie; else what the browser asks
for; else Vietnamese.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

from babel.dates import format_date
from flask import Flask, Response, g, request
from flask_babel import Babel, get_locale, gettext, lazy_gettext
from jinja2 import pass_context
from jinja2.runtime import Context

from voc.api.blueprint import services
from voc.organization import Organization
from voc.pipeline import Pipeline
from voc.records import BASE_DEPARTMENTS
from voc.registry import Registry

LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}
DEFAULT = "vi"
PARAMETER = "lang"
COOKIE = "voc_lang"
FOLDER = Path(__file__).parent / "translations"
_YEAR_S = 365 * 86_400
#: Colours that departments of a company's own making share, beside one for each shipped department.
OWN_SLOTS = 4

_ = lazy_gettext
SENTIMENTS = {
    "negative": _("Negative"), "neutral": _("Neutral"), "positive": _("Positive"), "mixed": _("Mixed"),
}  # fmt: skip
STATUSES = {"routed": _("Routed"), "review": _("To review"), "no_owner": _("No owner")}
FEEDBACK_LANGUAGES = {
    "vi": _("Vietnamese"), "en": _("English"), "mixed": _("Mixed languages"), "und": _("Unknown language"),
}  # fmt: skip


def register(app: Flask) -> None:
    """Wires the translations and gives templates the names."""
    Babel(
        app, default_locale=DEFAULT, default_translation_directories=str(FOLDER), locale_selector=chosen
    )  # fmt: skip
    app.after_request(_keep)
    app.jinja_env.globals.update(
        department_name=department_name, topic_name=topic_name, touchpoint_name=touchpoint_name,
        sentiment_name=sentiment_name, status_name=status_name, language_name=language_name,
        department_slot=department_slot, languages=LANGUAGES,
    )  # fmt: skip
    filters = {one.__name__: one for one in (number, percent, points, signed, day, moment)}
    app.jinja_env.filters |= {name: _at_each_request(one) for name, one in filters.items()}


def _at_each_request(said: Callable[..., str]) -> Callable[..., str]:
    """A filter that Jinja does not work out once for all where what it is given stands in the template: the
    language is another at the next request."""

    @pass_context
    def applied(_context: Context, *given: Any, **named: Any) -> str:
        return said(*given, **named)

    return applied


def chosen() -> str:
    """The language of this request."""
    for given in (request.args.get(PARAMETER), request.cookies.get(COOKIE)):
        if given in LANGUAGES:
            return str(given)
    return request.accept_languages.best_match(list(LANGUAGES), DEFAULT) or DEFAULT


def language() -> str:
    """The language of the page that is being written; asked for hundreds of times by one."""
    kept: str | None = g.get("language")
    if kept is None:
        found = get_locale()
        kept = found.language if found is not None and found.language in LANGUAGES else DEFAULT
        g.language = kept
    return kept


def _keep(response: Response) -> Response:
    given = request.args.get(PARAMETER)
    if given in LANGUAGES and response.mimetype == "text/html":
        response.set_cookie(
            COOKIE, given, max_age=_YEAR_S, secure=request.is_secure, samesite="Lax", httponly=True
        )
    return response


# ---- names


def _pipeline() -> Pipeline:
    """The pipeline as it is when a page first asks: whether it still is costs a query, and a page has
    hundreds of names."""
    if "pipeline" not in g:
        g.pipeline = services().pipelines.get()
    found: Pipeline = g.pipeline
    return found


def organization() -> Organization:
    """Departments and touchpoints."""
    return _pipeline().router.organization


def registry() -> Registry:
    """All topics."""
    return _pipeline().topics.registry


def department_name(key: str | None) -> str:
    """A department as people call it; its key where the organization no longer has it."""
    if key is None:
        return str(gettext("No department"))
    found = organization().by_key.get(key)
    return str(getattr(found.name, language())) if found else key


def topic_name(key: str | None) -> str:
    """A topic as people call it."""
    if key is None:
        return str(gettext("No topic"))
    found = registry().topics.get(key)
    return (found.name.get(language()) or found.key) if found else key


def touchpoint_name(key: str) -> str:
    """A touchpoint as people call it."""
    found = organization().touchpoints.get(key)
    return str(getattr(found, language())) if found else key


def sentiment_name(key: str) -> str:
    """A feeling."""
    return str(SENTIMENTS.get(key, key))


def status_name(key: str) -> str:
    """What became of a feedback."""
    return str(STATUSES.get(key, key))


def language_name(key: str) -> str:
    """The language of a feedback."""
    return str(FEEDBACK_LANGUAGES.get(key, key))


def department_slot(key: str | None) -> int:
    """Number of the department's colour, which follows from its key alone; 0 for none."""
    if key is None:
        return 0
    if key in BASE_DEPARTMENTS:
        return BASE_DEPARTMENTS.index(key) + 1
    return len(BASE_DEPARTMENTS) + 1 + crc32(key.encode()) % OWN_SLOTS


# ---- numbers and times

#: Vietnamese separates thousands by a point and decimals by a comma.
_SWAPPED = str.maketrans(",.", ".,")


def number(value: float, digits: int = 0) -> str:
    """1,234.5 or 1.234,5, by language; a page has hundreds of these, so no pattern is read for each."""
    found = f"{value:,.{digits}f}"
    found = found.replace("-", "−" if found.strip("-0.,") else "")  # there is no nought below nought
    return found.translate(_SWAPPED) if language() == "vi" else found


def percent(share: float, digits: int = 0) -> str:
    """A share as 12%; one decimal place where it would read 0% and is not."""
    if digits == 0 and 0 < abs(share) < 0.01:
        digits = 1
    return number(100 * share, digits) + "%"


def points(difference: float, digits: int = 1) -> str:
    """A difference of two shares in percentage points, with its sign."""
    shown = round(100 * difference, digits)
    sign = "+" if shown > 0 else "−" if shown < 0 else "±"
    return sign + number(abs(shown), digits)


def signed(value: float, digits: int = 1) -> str:
    """A figure with its sign, such as a score."""
    shown = round(value, digits)
    sign = "+" if shown > 0 else "−" if shown < 0 else ""
    return sign + number(abs(shown), digits)


def day(value: date | datetime | str) -> str:
    """A day, short."""
    return _shown_day(_date(value), language())


def short_day(value: str) -> str:
    """A day without its year, for an axis."""
    return str(format_date(_date(value), "d MMM" if language() == "en" else "dd/MM", locale=language()))


def month(value: str) -> str:
    """A month, for an axis."""
    return str(format_date(_date(value), "MMM y" if language() == "en" else "MM/y", locale=language()))


def moment(value: datetime | str) -> str:
    """A day and a time of day, UTC."""
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{day(when)} {when:%H:%M}"


@lru_cache(maxsize=4096)
def _shown_day(value: date, language: str) -> str:
    return str(format_date(value, "d MMM y" if language == "en" else "dd/MM/y", locale=language))


def _date(value: Any) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value.date() if isinstance(value, datetime) else value
