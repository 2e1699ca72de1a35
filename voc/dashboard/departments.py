"""Each department's own view, and its week to print.

Who is limited to a department sees that one alone: of another only what they share would be counted, and that
says something else than it seems to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flask_babel import gettext
from pydantic import Field

from voc import reports
from voc.api.caller import caller
from voc.dashboard import texts
from voc.dashboard.feedback import Piece, pieces
from voc.dashboard.shell import View, ViewQuery, page, shown
from voc.dashboard.topics import around, departments_of_topics, over_time
from voc.digest import last_week
from voc.errors import Forbidden, InvalidInput, NotFound
from voc.organization import Department
from voc.reports import TopicPart
from voc.store import Kept

#: Quotes of praise and of pains on a department's page, and of those one topic has at most.
PRAISED, PAINED, OF_ONE = 3, 4, 2
#: First and last Monday whose week, and those before and after it, the calendar has.
WEEKS = (date.min + timedelta(days=7), date.max - timedelta(days=14))
#: Topics whose quotes are looked for.
TOPICS_QUOTED = 3


class DigestQuery(ViewQuery):
    """Which week."""

    week: date | None = Field(None, description="A day of the week; the last full one if left out.")


@dataclass(frozen=True, slots=True)
class Said:
    """A feedback that speaks of a topic of a department, its words in the department's colour."""

    kept: Kept
    topic: str
    pieces: list[Piece]


@page("/departments")
def departments(view: View) -> str:
    """All departments beside each other."""
    rows = {row.key: row for row in reports.department_table(view.facts, view.rows, view.period)}
    mine = caller().department
    known = [one for one in texts.organization().departments if mine in (None, one.key)]
    cards = [(one, rows.get(one.key)) for one in known]
    cards.sort(key=lambda card: -(card[1].owned if card[1] else 0))
    return shown(
        "departments.html",
        cards=cards,
        gone=sorted(set(rows) - {one.key for one in texts.organization().departments})
        if mine is None
        else [],
        before=reports.before(view.period),
        is_empty=not any(row.owned or row.cooperating for row in rows.values()),
    )


@page("/departments/<key>", act="department.read", under="departments")
def department(view: View, key: str) -> str:
    """One department: praise for its people first, then what hurts, then where and with whom."""
    known = _known(key)
    lens = reports.department_lens(view.facts, view.rows, view.period, key, departments_of_topics(view))
    praise = _said(view, lens.praise, key, "positive", PRAISED)
    pains = _said(view, lens.pains, key, "negative", PAINED)
    view.told(rows=len(praise) + len(pains))
    return shown(
        "department.html",
        known=known,
        remit=getattr(known.remit, texts.language()),
        lens=lens,
        praise=praise,
        pains=pains,
        risen={row.key: row for row in lens.risen},
        chart=over_time(
            view, lens.series, lens.grain, gettext("Negative"), by_sentiment=True, department=key
        ),
        seams=[
            (cell, cell.b if cell.a == key else cell.a) for cell in lens.seams if cell.count or cell.before
        ],
        before=reports.before(view.period),
    )


@page("/departments/<key>/digest", act="department.digest", under="departments", query=DigestQuery)
def digest(view: View, key: str) -> str:
    """A department's week on a sheet or two of paper; the same as its Monday mail."""
    known = _known(key)
    asked: date | None = view.query.week  # type: ignore[attr-defined]
    latest = last_week(datetime.now(UTC).date())
    monday = asked - timedelta(days=asked.weekday()) if asked else latest
    if not WEEKS[0] <= monday <= WEEKS[1]:
        raise InvalidInput("field_invalid", "week: the calendar has no such week", "week")
    letter = view.services.digester.letter(key, monday, texts.language())
    view.told(rows=sum(len(item.quotes) for section in letter.sections for item in section.items))
    return shown(
        "digest.html",
        known=known,
        letter=letter,
        monday=monday,
        earlier=monday - timedelta(days=7),
        later=monday + timedelta(days=7) if monday < latest else None,
        recipients=known.mail_to if caller().department is None else (),
        is_mailed=view.services.settings.smtp_url is not None,
    )


def _known(key: str) -> Department:
    """A department of the organization that the reader may look at.

    Raises:
        Forbidden: ``department_limited``.
        NotFound: ``department_unknown``.
    """
    mine = caller().department
    if mine is not None and mine != key:
        raise Forbidden(
            "department_limited",
            gettext("You can look at %(department)s alone.", department=texts.department_name(mine)),
        )
    found = texts.organization().by_key.get(key)
    if found is None:
        raise NotFound(
            "department_unknown", gettext("No department has the key %(key)s.", key=key), "department"
        )
    return found


def _said(view: View, topics: Sequence[TopicPart], key: str, sentiment: str, most: int) -> list[Said]:
    """The latest words on the first topics, taking turns."""
    found: list[list[Said]] = []
    for one in topics[:TOPICS_QUOTED]:
        rows = view.rows & reports.speaking(
            view.facts, view.period, topic=one.key, department=key, sentiment=sentiment
        )
        kept, _ = view.services.facts.page(view.facts, rows, OF_ONE, None)
        found.append([Said(feedback, one.key, _pieces(feedback, key)) for feedback in kept])
    turns = [said[turn] for turn in range(OF_ONE) for said in found if turn < len(said)]
    return list({said.kept.feedback.id: said for said in reversed(turns)}.values())[::-1][:most]


def _pieces(kept: Kept, key: str) -> list[Piece]:
    """A text in pieces, the words of one department in its colour."""
    if kept.analysis is None or kept.feedback.erased_at is not None:
        return []
    parts = [part for part in kept.analysis.segments if part.department == key]
    return around(pieces(kept.feedback.text, parts))
