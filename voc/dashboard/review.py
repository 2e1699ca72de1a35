"""The review queue, one feedback at a time, one key for each decision.

The page brings names, colours and keys; the queue itself comes from ``/v1/review``, the words that speak for
each department from ``/v1/feedback/<id>/evidence``, and decisions go to ``/v1/feedback/<id>/corrections``.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

from flask import url_for
from flask_babel import gettext
from pydantic import Field

from voc.api.caller import caller
from voc.dashboard import choices, texts
from voc.dashboard.feedback import ANALYST, CERTAINTIES, GUESS
from voc.dashboard.shell import View, ViewQuery, page, shown
from voc.review import Order
from voc.text import fold

#: Letters that mean something else: skip and undo.
TAKEN = "su"
#: How many the script reads at once.
AT_ONCE = 20


class ReviewQuery(ViewQuery):
    """Which queue, in which order."""

    order: Order = Field("least_sure", description="What comes first.")


@page("/review", scope="correct", query=ReviewQuery, is_dated=False)
def review(view: View) -> str:
    """The queue."""
    query = view.query
    assert isinstance(query, ReviewQuery)  # noqa: S101  # as the page declares
    chosen: dict[str, str] = {
        name: view.filters[name] for name in ("department", "source") if name in view.filters
    }
    sources = {one.value for one in choices.sources(view)}
    return shown(
        "review.html",
        chosen=chosen,
        order=query.order,
        sources=sorted(sources | {value for name, value in chosen.items() if name == "source"}),
        departments=texts.organization().departments,
        brought=_brought(chosen, query.order),
    )


def letters_of(names: Sequence[str]) -> list[str]:
    """A letter for each name, one of its own where there is one left, else any; none for the 25th and on."""
    left = [letter for letter in ascii_lowercase if letter not in TAKEN]
    found: list[str] = []
    for name in names:
        own = [letter for letter in fold(name) if letter in left]
        letter = next(iter([*own, *left]), "")
        found.append(letter)
        if letter:
            left.remove(letter)
    return found


def _brought(chosen: dict[str, str], order: str) -> dict[str, Any]:
    """What the script needs, as JSON values."""
    departments = texts.organization().departments
    names = [texts.department_name(one.key) for one in departments]
    asked: dict[str, Any] = {"order": order, "limit": AT_ONCE, **chosen}
    return {
        "queue": url_for("v1.get_review", **asked),
        "feedback": "/v1/feedback/",
        "page": url_for("dashboard.feedback_one", key="KEY"),
        "by": ANALYST if caller().kind == "loopback" else None,
        "locale": texts.language(),
        "departments": [
            {"key": one.key, "name": name, "slot": texts.department_slot(one.key), "letter": letter}
            for one, name, letter in zip(departments, names, letters_of(names), strict=True)
        ],
        "topics": {one.key: texts.topic_name(one.key) for one in texts.registry().active},
        "sentiments": {key: str(name) for key, name in texts.SENTIMENTS.items()},
        "certainties": [[least, str(name)] for least, name in CERTAINTIES] + [[0.0, str(GUESS)]],
        "texts": {
            "nobody": gettext("Nobody's to answer"),
            "because": gettext("because of"),
            "of": gettext("Feedback of %(moment)s", moment="{moment}"),
            "given": gettext("Given to %(department)s.", department="{department}"),
            "given_nobody": gettext("Nobody has to answer it."),
            "skipped": gettext("Skipped."),
            "undone": gettext("Taken back; here it is again."),
            "nothing": gettext("There is nothing to take back."),
            "meanwhile": gettext("Somebody else decided it meanwhile; their word stays."),
            "failed": gettext("That was not kept, so it is here again: %(reason)s", reason="{reason}"),
            "unread": gettext("The queue could not be read: %(reason)s", reason="{reason}"),
            "left": gettext("%(count)s wait", count="{count}"),
            "decided": gettext("%(count)s decided", count="{count}"),
            "unreachable": gettext("the service does not answer"),
            "open": gettext("See it"),
        },
    }
