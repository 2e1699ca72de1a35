"""What customers speak of: all topics, ranked; and one topic with its story, its words and its decisions.

Decisions (rename, merge, move, undo) go through ``/v1/topics``; here they are offered to who may make them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flask_babel import gettext, lazy_gettext
from pydantic import Field

from voc import reports
from voc.api.caller import caller
from voc.dashboard import charts, texts
from voc.dashboard.feedback import ANALYST, Piece, joined, pieces
from voc.dashboard.shell import View, ViewQuery, page, shown
from voc.digest import window
from voc.records import Span
from voc.registry import Registry, Topic
from voc.reports import Bucket, Part, TopicRow
from voc.store import Kept, TopicEvent
from voc.text import folded_words, places

#: Feedback that a topic's page quotes, and siblings that it names.
EXAMPLES, SIBLINGS = 6, 12
#: Code points that a quote has at most; the feedback's own page has the whole.
EXCERPT_CHARS = 400
#: Topics with fewer feedback are marked as too few to say much of.
FEW = 5

_ = lazy_gettext
Sort = Literal["count", "change", "negative", "new", "name"]
#: What the registry's history calls its decisions.
ACTIONS = {
    "start": _("Taken over from the shipped topics"), "rebase": _("Carried over to a new encoder"),
    "rename": _("Renamed"), "merge": _("Merged"), "move": _("Moved to another department"),
    "retire": _("Retired"), "place": _("Put under a theme"), "theme": _("Theme changed"),
    "add": _("Added"), "grow": _("Grown"), "split": _("Split"), "undo": _("Taken back"),
}  # fmt: skip
#: Events that cannot be taken back.
_KEPT = frozenset({"start", "rebase", "undo"})
STATES = {"merged": _("merged"), "split": _("split"), "retired": _("retired")}


class TopicsQuery(ViewQuery):
    """How the table is read."""

    sort: Sort = Field("count", description="What stands first.")
    theme: str | None = Field(None, max_length=100, description="Key of a theme; `none`: under no theme.")


@dataclass(frozen=True, slots=True)
class Example:
    """A feedback of a topic: its text with the words that put it there marked."""

    kept: Kept
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a topic's history, as it is told; the last that stands can be taken back."""

    event: TopicEvent
    action: str
    told: list[str]
    is_last: bool


@page("/topics", query=TopicsQuery)
def topics(view: View) -> str:
    """All topics that were mentioned, ranked."""
    registry = texts.registry()
    query: Any = view.query
    found = reports.topic_table(view.facts, view.rows, view.period, departments_of_topics(view))
    mentioned = [row for row in found if row.count or row.before]
    chosen = [row for row in mentioned if query.theme is None or _theme_of(row, registry) == query.theme]
    return shown(
        "topics.html",
        rows=sorted(chosen, key=ORDERS[query.sort]),
        sort=query.sort,
        theme=query.theme,
        themes=_themes(mentioned, registry),
        theme_of=lambda key: _theme_name(registry, key),
        real=sum(row.is_real for row in mentioned),
        new=sum(row.is_new for row in mentioned),
        mentioned=len(mentioned),
        silent=len(registry.active) - sum(1 for row in mentioned if _is_active(row, registry)),
        few=FEW,
        before=reports.before(view.period),
        most=max((row.share.high for row in chosen), default=1.0),
    )


@page("/topics/<key>", act="topic.read", under="topics")
def topic(view: View, key: str) -> str:
    """One topic: its story, examples, neighbours, and how it came to be."""
    registry = texts.registry()
    known = registry.get(key)
    story = reports.topic_story(view.facts, view.rows, view.period, key, departments_of_topics(view))
    examples = _examples(view, known)
    view.told(rows=len(examples))
    is_whole = caller().department is None
    return shown(
        "topic.html",
        topic=known,
        name=texts.topic_name(key),
        remit=known.remit.get(texts.language()),
        story=story,
        row=story.row,
        department=departments_of_topics(view).get(key),
        theme=_theme_name(registry, key),
        state=STATES.get(known.state),
        chart=over_time(
            view, story.series, story.grain, gettext("Speak of it negatively"), topic=key
        ),
        sources=parts_chart(
            story.sources, gettext("Sources"), gettext("Source"),
            lambda one: view.list_url(topic=key, source=one),
        ),
        touchpoints=parts_chart(
            story.touchpoints, gettext("Touchpoints"), gettext("Touchpoint"),
            lambda one: view.list_url(topic=key, touchpoint=one), texts.touchpoint_name,
        ),
        examples=examples,
        siblings=_siblings(view, registry, known),
        history=_told(view, key) if is_whole else [],
        may_decide=is_whole and caller().may("correct") and known.state == "active",
        by=ANALYST if caller().kind == "loopback" else None,
        may_take_back=is_whole and caller().may("correct"),
        others=sorted(
            ((one.key, texts.topic_name(one.key)) for one in registry.active if one.key != key),
            key=lambda pair: pair[1].casefold(),
        ),
        departments=[(one.key, texts.department_name(one.key)) for one in texts.organization().departments],
        natural=view.services.pipelines.get().router.organization.department_of_field.get(known.department),
    )  # fmt: skip


def departments_of_topics(view: View) -> dict[str, str]:
    """Key of the department that each topic belongs to."""
    return view.services.pipelines.get().department_of_topic


# ---- the table


def _by_change(row: TopicRow) -> tuple[Any, ...]:
    """What certainly changed first, then by how much."""
    return not row.is_real, -abs(row.change.difference or 0.0), row.key


def _by_negative(row: TopicRow) -> tuple[Any, ...]:
    """By what the negative share is at least, so that three of three do not stand before thirty of forty."""
    return -(row.negative.low if row.count else -1.0), row.key


ORDERS: dict[str, Callable[[TopicRow], Any]] = {
    "count": lambda row: (-row.count, -row.before, row.key),
    "change": _by_change,
    "negative": _by_negative,
    "new": lambda row: (not row.is_new, -row.count, row.key),
    "name": lambda row: texts.topic_name(row.key).casefold(),
}


def _theme_of(row: TopicRow, registry: Registry) -> str:
    found = registry.topics.get(row.key)
    return (found.theme if found else None) or "none"


def _theme_name(registry: Registry, key: str) -> str | None:
    found = registry.topics.get(key)
    theme = registry.themes.get(found.theme) if found and found.theme else None
    return theme.name.get(texts.language()) if theme else None


def _is_active(row: TopicRow, registry: Registry) -> bool:
    found = registry.topics.get(row.key)
    return found is not None and found.state == "active"


def _themes(rows: list[TopicRow], registry: Registry) -> list[tuple[str, str, int]]:
    """Key, name and number of mentioned topics of each theme that has any."""
    counts: dict[str, int] = {}
    for row in rows:
        theme = _theme_of(row, registry)
        counts[theme] = counts.get(theme, 0) + 1
    named = [(key, theme.name.get(texts.language()) or key) for key, theme in registry.themes.items()]
    named.append(("none", gettext("Under no theme")))
    return [(key, name, counts[key]) for key, name in named if key in counts]


# ---- one topic


def over_time(
    view: View,
    series: Sequence[Bucket],
    grain: str,
    negative: str,
    *,
    by_sentiment: bool = False,
    **chosen: Any,
) -> charts.Chart:
    """Feedback and negative ones per bucket, each point a link to those that it counts.

    Args:
        negative: what the negative ones are called.
        by_sentiment: whether the sentiment of the whole feedback makes them so. If not, no filter finds them,
            and they have no link.
        chosen: the filter that the links say.
    """
    periods = charts.bucket_periods([bucket.start for bucket in series], view.period)
    urls = [view.list_url(one, **chosen) for one in periods]
    bad = [view.list_url(one, **chosen, sentiment="negative") for one in periods] if by_sentiment else None
    return charts.line(
        gettext("Over time"),
        [bucket.start for bucket in series],
        [
            charts.Series(gettext("Feedback"), [one.count for one in series], color="$accent", urls=urls),
            charts.Series(
                negative, [one.negative_count for one in series], color="$negative", dash="dot", urls=bad
            ),
        ],
        summary=gettext(
            "%(count)s feedback, %(negative)s of them negative.",
            count=texts.number(sum(one.count for one in series)),
            negative=texts.number(sum(one.negative_count for one in series)),
        ),
        by={"day": gettext("Day"), "week": gettext("Week of"), "month": gettext("Month")}[grain],
    )  # fmt: skip


def parts_chart(
    parts: Sequence[Part], title: str, by: str, url: Callable[[str], str], named: Callable[[str], str] = str
) -> charts.Chart:
    """Bars of feedback by a key, each a link to those that it counts."""
    keys = [part.key or "unknown" for part in parts]
    counts = charts.Series(
        gettext("Feedback"), [part.count for part in parts], urls=[url(key) for key in keys]
    )
    return charts.bars(title, [named(key) for key in keys], [counts], by=by)


def _examples(view: View, known: Topic) -> list[Example]:
    """The latest feedback that mention it; where it is said in many words first."""
    rows = view.rows & reports.speaking(view.facts, view.period, topic=known.key)
    found, _ = view.services.facts.page(view.facts, rows, EXAMPLES * 3, None)
    examples = [Example(kept, marked(kept, known)) for kept in found if kept.analysis is not None]
    examples.sort(key=lambda one: sum(len(text) for text, department, _ in one.pieces if department) < 20)
    return examples[:EXAMPLES]


def marked(kept: Kept, known: Topic) -> list[Piece]:
    """A text in pieces: the segments of a topic in their department's colour, typical words of it strong."""
    if kept.analysis is None or kept.feedback.erased_at is not None:
        return []
    parts = [part for part in kept.analysis.segments if part.topic == known.key]
    words = [[one for one, *_ in folded_words(word)] for word in known.words]
    typical = [
        Span(part.start + start, part.start + end)
        for part in parts
        for start, end in places(part.text, words)
    ]
    text = kept.feedback.text
    return around(pieces(text, parts, joined(text, typical)))


def around(found: list[Piece], most: int = EXCERPT_CHARS) -> list[Piece]:
    """As much of a text as a list needs: the first words that have a colour, and what stands around them."""
    text = "".join(piece for piece, _, _ in found)
    coloured = [at for at, (_, department, _) in enumerate(found) if department]
    first = sum(len(piece) for piece, _, _ in found[: coloured[0]]) if coloured else 0
    begin, end = window(text, first, most)
    kept: list[Piece] = [("… ", None, False)] if begin else []
    at = 0
    for piece, department, is_marked in found:
        part = piece[max(begin - at, 0) : max(end - at, 0)]
        at += len(piece)
        if part:
            kept.append((part, department, is_marked))
    return [*kept, (" …", None, False)] if end < len(text) else kept


def _siblings(view: View, registry: Registry, known: Topic) -> list[tuple[TopicRow, str]]:
    """Topics of the same theme, its parts, and those that it came from, with what they are to it."""
    table = {
        row.key: row
        for row in reports.topic_table(view.facts, view.rows, view.period, departments_of_topics(view))
    }
    found: dict[str, str] = {}
    for keys, role in ((known.into, gettext("took its place")), (known.origin, gettext("went into it"))):
        found |= dict.fromkeys(keys, role)
    if known.theme is not None:
        same = [one.key for one in registry.active if one.theme == known.theme and one.key != known.key]
        same.sort(key=lambda key: (-table[key].count if key in table else 0, key))
        found |= {key: gettext("same theme") for key in same[:SIBLINGS] if key not in found}
    return [(table[key], role) for key, role in found.items() if key in table]


# ---- history


def _told(view: View, key: str) -> list[Event]:
    """What was decided of a topic, the latest first."""
    events = view.services.curation.history(key)
    standing = [one.number for one in events if not one.undone and one.action not in _KEPT]
    last = standing[-1] if standing else None
    return [
        Event(one, str(ACTIONS.get(one.action, one.action)), _differences(one, key), one.number == last)
        for one in reversed(events)
    ]


def _differences(event: TopicEvent, key: str) -> list[str]:
    """What an event made of a topic, in sentences."""
    before = event.before["topics"].get(key) or {}
    after = event.after["topics"].get(key) or {}
    told = [
        _from_to(code.upper() + ": " + word if code else word, old, new)
        for code, word, old, new in _compared(before, after)
    ]
    grown = {
        "into": gettext("goes on in %(names)s"), "origin": gettext("took in %(names)s")
    }  # fmt: skip
    for field, sentence in grown.items():
        fresh = [one for one in after.get(field, ()) if one not in before.get(field, ())]
        if fresh:
            told.append(sentence % {"names": ", ".join(map(texts.topic_name, fresh))})
    return told


def _compared(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, str, str | None, str | None]]:
    found: list[tuple[str, str, str | None, str | None]] = []
    for field, word in (("name", gettext("name")), ("remit", gettext("remit"))):
        for code in texts.LANGUAGES:
            old, new = (values.get(field, {}).get(code) for values in (before, after))
            found.append((code, word, old, new))
    old, new = (values.get("moved_to") for values in (before, after))
    usual = gettext("the one that covers its field of work")
    if old != new:
        found.append(
            ("", gettext("department"), *(texts.department_name(one) if one else usual for one in (old, new)))
        )
    old, new = (texts.registry().themes.get(values.get("theme") or "") for values in (before, after))
    found.append(
        ("", gettext("theme"), *(one.name.get(texts.language()) if one else None for one in (old, new)))
    )
    return [one for one in found if one[2] != one[3]]


def _from_to(what: str, old: str | None, new: str | None) -> str:
    return str(gettext("%(what)s: %(old)s → %(new)s", what=what, old=old or "–", new=new or "–"))
