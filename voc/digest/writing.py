"""A department's week out of the reports.

Enters: facts, a department, a week. Leaves: a `Letter`. What must hold: every figure is one of `voc.reports`;
quotes are texts as they are kept, masked, never an erased one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from voc import reports
from voc.digest.letter import Figure, Item, Letter, Link, Quote, Section, cut
from voc.digest.words import Words, words
from voc.errors import NotFound
from voc.organization import Organization
from voc.registry import Registry
from voc.reports import Change, DepartmentLens, Period
from voc.store import Kept

if TYPE_CHECKING:
    from voc.facts import Facts, FactTable

#: Topics of praise and of pain, new topics, seams that are named; quotes of one topic.
PRAISE, PAINS, NEW, SEAMS, QUOTES = 4, 5, 5, 3, 3
#: Feedback among which quotes are looked for, and code points that the words of a good one have at least.
LOOKED_AT, QUOTE_LEAST = 12, 25


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes letters of one state of things.

    Attributes:
        departments: key of the department that each topic belongs to.
    """

    table: FactTable
    facts: Facts
    organization: Organization
    registry: Registry
    departments: dict[str, str]

    def letter(self, department: str, week: date, language: str, *, quotes: int = QUOTES) -> Letter:
        """One department's week.

        Args:
            week: the Monday that it begins with.
            quotes: of one topic, at most.

        Raises:
            NotFound: ``department_unknown``.
        """
        known = self.organization.by_key.get(department)
        if known is None:
            raise NotFound("department_unknown", f"no department has the key {department!r}", "department")
        period = Period(week, week + timedelta(days=7))
        lens = reports.department_lens(
            self.facts, self.facts.implicates(department), period, department, self.departments
        )
        say = words(language)
        name: str = getattr(known.name, language)
        counts = {"count": lens.implicated, "owned": lens.owned, "cooperating": lens.cooperating}
        shown = {key: say.number(count) for key, count in counts.items()}
        return Letter(
            department=department,
            week=week.isoformat(),
            language=language,
            subject=say("subject", week=say.day(week), department=name),
            title=name,
            period=say("period", first=say.day(period.since), last=say.day(period.last)),
            lead=say("lead" if lens.implicated else "lead_none", department=name, **shown),
            count=lens.implicated,
            figures=tuple(self._figures(lens, say, department, period)),
            sections=tuple(self._sections(lens, say, department, period, quotes)),
            link=Link(f"/departments/{department}", _period(period)),
            open=say("open", department=name),
            note=say("note"),
        )

    def _figures(self, lens: DepartmentLens, say: Words, department: str, period: Period) -> Iterable[Figure]:
        yield Figure(
            say("owned"), say.number(lens.owned), "", _feedback(period, department=department, role="owner")
        )
        yield Figure(
            say("cooperating"), say.number(lens.cooperating), "",
            _feedback(period, department=department, role="cooperator"),
        )  # fmt: skip
        if lens.owned:
            yield Figure(
                say("negative"), say.percent(lens.negative.now.value), _told(lens.negative, say),
                _feedback(period, department=department, role="owner", sentiment="negative"),
            )  # fmt: skip
        yield Figure(
            say("praise_count"), say.number(lens.praise_count), say("praise_note"),
            Link(f"/departments/{department}", _period(period)),
        )  # fmt: skip
        if lens.review:
            yield Figure(
                say("review"), say.number(lens.review), say("review_note"),
                _feedback(period, department=department, role="owner", status="review"),
            )  # fmt: skip

    def _sections(
        self, lens: DepartmentLens, say: Words, department: str, period: Period, quotes: int
    ) -> Iterable[Section]:
        risen = {row.key for row in lens.risen}
        by_topic = {"department": department}

        def topic(key: str, figure: int, note: str, sentiment: str | None, is_marked: bool) -> Item:
            found = self._quotes(department, key, sentiment, period, say, quotes) if sentiment else ()
            link = _feedback(period, **by_topic, topic=key)
            return Item(key, self._topic(key, say), say.number(figure), note, is_marked, found, link)

        praise = [
            topic(
                one.key, one.positive_count,
                say("positive_of", part=say.number(one.positive_count), count=say.number(one.count)),
                "positive", False,
            )
            for one in lens.praise[:PRAISE]
        ]  # fmt: skip
        pains = [
            topic(
                one.key, one.negative_count,
                say("negative_of", part=say.number(one.negative_count), count=say.number(one.count))
                + (f"; {say('risen')}" if one.key in risen else ""),
                "negative", one.key in risen,
            )
            for one in lens.pains[:PAINS]
        ]  # fmt: skip
        new = [
            topic(
                one.key, one.count, say("is_new", day=say.day(date.fromisoformat(one.first_at))), None, True
            )
            for one in lens.new[:NEW]
        ]
        touchpoints = [
            Item(
                part.key or "unknown", self._touchpoint(part.key or "unknown", say), say.number(part.count),
                say("negative_share", share=say.percent(part.negative.value)), False, (),
                _feedback(period, **by_topic, touchpoint=part.key or "unknown"),
            )
            for part in lens.touchpoints
        ]  # fmt: skip
        others = [
            (cell, cell.b if cell.a == department else cell.a) for cell in lens.seams[:SEAMS] if cell.count
        ]
        seams = [
            Item(
                other, self._department(other, say), say.number(cell.count),
                say("negative_share", share=say.percent(cell.negative.value)), cell.change.is_real, (),
                _feedback(period, **by_topic, also=other),
            )
            for cell, other in others
        ]  # fmt: skip
        for key, items in (
            ("praise", praise), ("pains", pains), ("new", new),
            ("touchpoints", touchpoints), ("seams", seams),
        ):  # fmt: skip
            yield Section(key, say(key), tuple(items), say(f"{key}_none"))

    def _quotes(
        self, department: str, topic: str, sentiment: str, period: Period, say: Words, most: int
    ) -> tuple[Quote, ...]:
        # a segment may speak of a department from which people took the feedback: not its reader's to see
        rows = self.facts.implicates(department) & reports.speaking(
            self.facts, period, topic=topic, department=department, sentiment=sentiment
        )
        found, _ = self.table.page(self.facts, rows, LOOKED_AT, None)
        quotable = [(kept, marks) for kept in found if (marks := marks_of(kept, topic, department))]
        quotable.sort(key=lambda one: sum(end - start for start, end in one[1]) < QUOTE_LEAST)
        return tuple(
            Quote(
                kept.feedback.id, say.day(date.fromisoformat(kept.feedback.occurred_at[:10])),
                cut(kept.feedback.text, marks),
            )
            for kept, marks in quotable[:most]
        )  # fmt: skip

    def _topic(self, key: str, say: Words) -> str:
        found = self.registry.topics.get(key)
        return found.name.get(say.language) or key if found else key

    def _touchpoint(self, key: str, say: Words) -> str:
        return str(getattr(self.organization.touchpoints[key], say.language))

    def _department(self, key: str, say: Words) -> str:
        found = self.organization.by_key.get(key)
        return str(getattr(found.name, say.language)) if found else key


def marks_of(kept: Kept, topic: str | None, department: str | None) -> list[tuple[int, int]]:
    """Where in a feedback the segments of a topic, or of a department, stand; both where both are given."""
    if kept.analysis is None or kept.feedback.erased_at is not None:
        return []
    return [
        (segment.start, segment.end)
        for segment in kept.analysis.segments
        if topic in (None, segment.topic) and department in (None, segment.department)
    ]


def _told(change: Change, say: Words) -> str:
    """The interval of a share, and what it was the week before."""
    parts = [say("between", low=say.percent(change.now.low), high=say.percent(change.now.high))]
    if change.before is not None and change.difference is not None:
        way = "before" if not change.is_real else "rose" if change.difference > 0 else "fell"
        parts.append(say(way, before=say.percent(change.before.value)))
    return "; ".join(parts)


def _period(period: Period) -> tuple[tuple[str, str], ...]:
    return (("from", period.since.isoformat()), ("to", period.last.isoformat()))


def _feedback(period: Period, **chosen: str) -> Link:
    """The list of feedback that a figure counted."""
    return Link("/feedback", (*chosen.items(), *_period(period)))
