"""What customers said: the list that a filter lets through, and all about one of them.

One feedback's page shows why it was routed so, and what people said of it; corrections go through
``/v1/feedback/<id>/corrections``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from flask import url_for
from flask_babel import gettext, lazy_gettext
from pydantic import Field

from voc import evidence, review
from voc.api.caller import caller
from voc.api.feedback import decode_cursor, encode_cursor
from voc.corrections import SEGMENT_SENTIMENTS, standing
from voc.dashboard import texts
from voc.dashboard.shell import View, ViewQuery, page, shown
from voc.errors import NotFound
from voc.evidence import Evidence, Part, Word
from voc.records import SENTIMENTS, TOUCHPOINTS, Analysis, Correction, Segment, Span
from voc.store import Kept, matches

PAGE = 25
#: How the address of a page says where the pages before it begin, and of how many at most.
TRAIL, FIRST, TRAIL_MOST = ".", "0", 12
#: Who decides where the installation has neither keys nor people.
ANALYST = "analyst"
#: Least confidence of each degree of certainty; what lies under all of them is a guess.
_ = lazy_gettext
CERTAINTIES = ((0.9, _("very sure")), (0.7, _("rather sure")), (0.5, _("not very sure")))
GUESS = _("hardly more than a guess")
FORMATS = (("csv", "CSV"), ("jsonl", "JSONL"), ("parquet", "Parquet"))
#: What the parts of the filter are called, as they stand in the address.
LABELS = {
    "q": _("words"), "department": _("department"), "role": _("part"), "also": _("second department"),
    "topic": _("topic"), "sentiment": _("sentiment"), "status": _("status"), "language": _("language"),
    "source": _("source"), "touchpoint": _("touchpoint"), "attribute": _("attribute"),
    "firefighting": _("firefighting"), "from": _("first day"), "to": _("last day"),
}  # fmt: skip

Piece = tuple[str, str | None, bool]


class FeedbackQuery(ViewQuery):
    """A page of the list."""

    cursor: str | None = Field(None, max_length=500, description="Where the page begins.")
    newer: str | None = Field(None, max_length=8_000, description="Where the pages before it begin.")


@dataclass(frozen=True, slots=True)
class Row:
    """One feedback of a list, its text in pieces; see `pieces`."""

    kept: Kept
    pieces: list[Piece]
    topics: list[str]


@page("/feedback", act="feedback.list", query=FeedbackQuery, is_dated=False)
def feedback(view: View) -> str:
    """The feedback that the filter lets through, the latest first."""
    cursor = view.args.get("cursor")
    after = decode_cursor(cursor) if cursor is not None else None
    table, facts = view.services.facts, view.facts
    chosen = table.rows(facts, view.filter)
    found, following = table.page(facts, chosen, PAGE, after)
    view.told(rows=len(found))
    return shown(
        "feedback.html",
        rows=[row_of(kept, view.filter.q) for kept in found],
        count=int(chosen.sum()),
        is_first=after is None,
        newer=_newer(view) if after is not None else None,
        older=_older(view, encode_cursor(following)) if following else None,
        exports=exports(view),
        looser=loosened(view) if not found else [],
        cleared=dict.fromkeys(view.filters),
    )


def _newer(view: View) -> str | None:
    """A link to the page before this one, as far as the address knows where that begins."""
    *before, last = view.args.get("newer", "").split(TRAIL)
    if not last:
        return None
    return view.url(None, cursor=None if last == FIRST else last, newer=TRAIL.join(before) or None)


def _older(view: View, following: str) -> str:
    cursor = view.args.get("cursor")
    before = [one for one in view.args.get("newer", "").split(TRAIL) if one] if cursor else []
    trail = [*before, cursor or FIRST][-TRAIL_MOST:]
    return view.url(None, cursor=following, newer=TRAIL.join(trail))


def row_of(kept: Kept, q: str | None = None) -> Row:
    """A feedback as a list shows it, with what a search found in it."""
    found = matches(kept.feedback.text, q) if q else []
    parts = kept.analysis.segments if kept.analysis else ()
    topics = dict.fromkeys(part.topic for part in parts if part.topic)
    return Row(kept, pieces(kept.feedback.text, parts, found), list(topics))


def pieces(text: str, parts: Sequence[Segment | Part], marked: Iterable[tuple[int, int]] = ()) -> list[Piece]:
    """A text cut where a department's words begin and end, and those that are marked.

    Returns:
        Text, key of the department whose segment it belongs to, and whether it is marked, of each piece;
        together they are the text.
    """
    marks = list(marked)
    edges = {0, len(text)}
    edges |= {edge for part in parts for edge in (part.start, part.end)}
    edges |= {edge for start, end in marks for edge in (start, end)}
    cuts = sorted(edge for edge in edges if 0 <= edge <= len(text))
    found: list[Piece] = []
    for start, end in pairwise(cuts):
        department = next((part.department for part in parts if part.start <= start < part.end), None)
        is_marked = any(first <= start < last for first, last in marks)
        found.append((text[start:end], department, is_marked))
    return found


def joined(text: str, words: Iterable[Word | Span]) -> list[tuple[int, int]]:
    """Where words stand, neighbours with nothing but blanks between them as one."""
    found: list[tuple[int, int]] = []
    for word in sorted(words, key=lambda one: one.start):
        if found and not text[found[-1][1] : word.start].strip():
            found[-1] = (found[-1][0], max(found[-1][1], word.end))
        else:
            found.append((word.start, word.end))
    return found


def loosened(view: View) -> list[tuple[str, str, int]]:
    """For each part of a filter that lets nothing through, and without which there is something: its name, a
    link without it, how many there are then."""
    table = view.services.facts
    names = {"since": "from", "until": "to"}
    found: list[tuple[str, str, int]] = []
    for field in view.filter.__dataclass_fields__:
        name = names.get(field, field)
        if name in view.filters and name in LABELS:
            without: dict[str, Any] = {field: None}
            count = int(table.rows(view.facts, replace(view.filter, **without)).sum())
            if count:
                found.append((str(LABELS[name]), view.url(None, **without, newer=None), count))
    return sorted(found, key=lambda one: -one[2])


def certainty(confidence: float) -> str:
    """How sure the service is, in words."""
    return str(next((name for least, name in CERTAINTIES if confidence >= least), GUESS))


def exports(view: View) -> list[tuple[str, str]]:
    """Each format with the address at which what the filter lets through is taken out in it."""
    filters: dict[str, Any] = dict(view.filters)
    return [(name, url_for("v1.get_export", format=key, **filters)) for key, name in FORMATS]


# ---- one feedback


@dataclass(frozen=True, slots=True)
class Choice:
    """What a menu offers: a value as JSON, its name, and whether it is the one that holds."""

    value: str | None
    name: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A correction as people read it."""

    correction: Correction
    field: str
    before: str
    after: str
    quote: str | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """A segment with why it belongs where it does.

    Attributes:
        part: None where nothing could be told.
        words: that speak for its department, strongest first.
        by_people: fields of it that people decided.
    """

    segment: Segment
    part: Part | None
    words: list[str]
    typical: list[str]
    by_people: frozenset[str]
    menus: dict[str, list[Choice]]


@page("/feedback/<key>", name="feedback_one", act="feedback.read", under="feedback")
def feedback_one(view: View, key: str) -> str:
    """All about one feedback."""
    services = view.services
    kept = services.store.get(key)
    if kept is None or not caller().sees(kept.analysis):
        raise NotFound("feedback_unknown", f"no feedback has the id {key!r}", "id")
    told: Evidence | None = None
    is_open = kept.analysis is not None and kept.feedback.erased_at is None
    if is_open:
        told = evidence.explain(services.store, services.pipelines.get(), key, within=caller().department)
    said = review.corrections_of(services.store, key, caller().department)
    return shown(
        "feedback_one.html",
        kept=kept,
        told=told,
        pieces=_explained_pieces(kept, told),
        parts=_parts(kept, told, said),
        menus=_menus(kept.analysis) if kept.analysis else {},
        said=_said(kept, said),
        last=max((one.number for one in said), default=0),
        can_correct=caller().may("correct") and is_open,
        by=ANALYST if caller().kind == "loopback" else None,
        grounds=_GROUNDS,
        certainty=certainty,
        raw=_raw(kept),
        row_of=row_of,
    )


_FIELDS = {
    "owner": _("Owner"), "cooperators": _("Cooperators"), "sentiment": _("Feeling"),
    "touchpoint": _("Touchpoint"), "topic": _("Topic"), "department": _("Department"),
}  # fmt: skip
_GROUNDS = {
    "person": _("A person said so."),
    "decision": _("By a decision of your organization this topic goes there."),
    "topic": _("Its topic belongs to this department."),
    "words": _("Its words speak for this department."),
}


def _explained_pieces(kept: Kept, told: Evidence | None) -> list[Piece]:
    """The text with the words that speak for each segment's department."""
    text = kept.feedback.text
    words = [word for part in told.parts for word in part.words] if told else []
    return pieces(text, kept.analysis.segments if kept.analysis else (), joined(text, words))


def _parts(kept: Kept, told: Evidence | None, said: Sequence[Correction]) -> list[Explained]:
    if kept.analysis is None:
        return []
    known = {(part.start, part.end): part for part in told.parts} if told else {}
    held = standing(said)
    text = kept.feedback.text
    found: list[Explained] = []
    for segment in kept.analysis.segments:
        part = known.get((segment.start, segment.end))
        words = sorted(part.words, key=lambda one: -one.weight) if part else []
        typical = part.topic_words if part else ()
        its_own = Span(segment.start, segment.end)
        by_people = frozenset(
            one.field for one in held if one.span == its_own or (one.span is None and one.field == "topic")
        )
        found.append(
            Explained(
                segment, part, [one.text for one in words],
                [text[start:end] for start, end in joined(text, typical)], by_people, _segment_menus(segment),
            )
        )  # fmt: skip
    return found


def _menus(analysis: Analysis) -> dict[str, list[Choice]]:
    departments = texts.organization().departments
    names = [(one.key, texts.department_name(one.key)) for one in departments]
    return {
        "owner": [
            *(Choice(key, name, key == analysis.owner) for key, name in names),
            Choice(None, gettext("Nobody's to answer"), analysis.owner is None),
        ],
        "cooperators": [
            Choice(key, name, key in analysis.cooperators) for key, name in names if key != analysis.owner
        ],
        "sentiment": [
            Choice(key, texts.sentiment_name(key), key == analysis.sentiment) for key in SENTIMENTS
        ],
        "touchpoint": [
            Choice(key, texts.touchpoint_name(key), key == analysis.touchpoint) for key in TOUCHPOINTS
        ],
    }


def _segment_menus(segment: Segment) -> dict[str, list[Choice]]:
    departments = texts.organization().departments
    topics = sorted((texts.topic_name(one.key), one.key) for one in texts.registry().active)
    return {
        "department": [
            *(
                Choice(one.key, texts.department_name(one.key), one.key == segment.department)
                for one in departments
            ),
            Choice(None, texts.department_name(None), segment.department is None),
        ],
        "topic": [
            *(Choice(key, name, key == segment.topic) for name, key in topics),
            Choice(None, texts.topic_name(None), segment.topic is None),
        ],
        "sentiment": [
            Choice(key, texts.sentiment_name(key), key == segment.sentiment) for key in SEGMENT_SENTIMENTS
        ],
    }


def _said(kept: Kept, said: Sequence[Correction]) -> list[Said]:
    """The latest first."""
    held = {one.number for one in standing(said)}
    return [
        Said(
            one, str(_FIELDS[one.field]), _named(one.field, one.said), _named(one.field, one.value),
            kept.feedback.text[one.span.start : one.span.end] if one.span else None, one.number in held,
        )
        for one in reversed(said)
    ]  # fmt: skip


def _named(field: str, value: Any) -> str:
    """A value of a correction as people call it."""
    if isinstance(value, list | tuple):
        return ", ".join(_named(field, one) for one in value) or gettext("nobody")
    if field in ("owner", "cooperators", "department"):
        return texts.department_name(value)
    if field == "topic":
        return texts.topic_name(value)
    return texts.sentiment_name(value) if field == "sentiment" else texts.touchpoint_name(value)


def _raw(kept: Kept) -> list[tuple[str, str]]:
    """Facts as they came in, of those that are there."""
    one = kept.feedback
    told: list[tuple[str, Any]] = [
        (gettext("Source"), one.source),
        (gettext("Id at the source"), one.external_id),
        (gettext("Said at (UTC)"), texts.moment(one.occurred_at)),
        (gettext("Received at (UTC)"), texts.moment(one.received_at)),
        (gettext("Channel"), one.channel),
        (
            gettext("Touchpoint as told by the source"),
            texts.touchpoint_name(one.touchpoint) if one.touchpoint else None,
        ),
        (gettext("Customer"), one.customer_ref),
        *((name.upper(), value) for name, value in one.scores.items()),
        *((name, value) for name, value in one.attributes.items()),
        (gettext("Id"), one.id),
    ]
    return [(name, str(value)) for name, value in told if value is not None]
