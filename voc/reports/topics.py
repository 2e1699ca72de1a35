"""What customers speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voc.intervals import change, judged, wilson
from voc.records import LANGUAGES, SENTIMENTS, TOUCHPOINTS
from voc.reports.counting import Asked, Cut, index_of, named, parts_of, score_of
from voc.reports.figures import Bucket, Figures, Part, Score, TopicPart, TopicRow
from voc.reports.periods import Period, day_of, starts

if TYPE_CHECKING:
    from voc.facts import Facts


#: Topics of the same feedback that are listed.
TOGETHER_MOST = 10


@dataclass(frozen=True, slots=True)
class Together(Figures):
    """A topic that is mentioned in the same feedback.

    Attributes:
        key: of the other topic.
        count: feedback that mention both.
        lift: how many times more often than if the two had nothing to do with each other.
    """

    key: str
    count: int
    lift: float


@dataclass(frozen=True, slots=True)
class TopicStory(Figures):
    """One topic over a period.

    Attributes:
        key: of the topic.
        row: the same figures as in the table; its changes are judged for themselves, one thing tested.
        analyzed: analyzed feedback of the period, of which ``row.share`` is.
        first_at: day on which it was first mentioned among the chosen rows, ISO 8601, whenever that was; None
            if never.
        grain, series: feedback that mention it over the period; ``negative`` is of what they say of it.
        sentiments: feedback that mention it by what they say of it, all four keys; add up to ``row.count``.
        sources, touchpoints, languages, owners: feedback that mention it by these; each adds up to
            ``row.count``, of which shares are; ``negative`` is of what they say of it. Touchpoints stand in
            the order of the journey, the rest most first; owner None for those without one.
        departments: of the segments that speak of it, most first; a feedback counts once for each.
        together: topics that the same feedback mention, most first, 10 at most.
        nps, csat: of those who mention it; None where none of them answered.
    """

    key: str
    period: Period
    period_before: Period | None
    row: TopicRow
    analyzed: int
    first_at: str | None
    grain: str
    series: tuple[Bucket, ...]
    sentiments: Mapping[str, int]
    sources: tuple[Part, ...]
    touchpoints: tuple[Part, ...]
    languages: tuple[Part, ...]
    owners: tuple[Part, ...]
    departments: tuple[Part, ...]
    together: tuple[Together, ...]
    nps: Score | None
    csat: Score | None


def topic_table(
    facts: Facts,
    rows: NDArray[np.bool_],
    period: Period,
    departments: Mapping[str, str] | None = None,
) -> list[TopicRow]:
    """All topics that are mentioned in the period or the one before, and those of ``departments`` that are
    not; the most frequent first.

    Args:
        rows: bool (n,), the mask of the filter without its period.
        departments: key of the department that each topic belongs to, ``pipeline.department_of_topic``.
    """
    return table_of(Asked(facts, rows, period), departments or {})


def table_of(asked: Asked, departments: Mapping[str, str]) -> list[TopicRow]:
    """As `topic_table`."""
    names = asked.facts.topics
    heard = asked.spoken.count + asked.spoken_before.count
    places: dict[str, int | None] = {names[place]: int(place) for place in np.flatnonzero(heard)}
    found = rows_of(asked, dict.fromkeys(departments) | places, departments)
    return sorted(found, key=lambda row: (-row.count, -row.before, row.key))


def rows_of(asked: Asked, places: Mapping[str, int | None], departments: Mapping[str, str]) -> list[TopicRow]:
    """The rows of these topics, judged together.

    Args:
        places: index of each topic in the facts, None for one that nobody ever mentioned.
    """
    now, earlier = asked.now, asked.before
    spoken, past = asked.spoken, asked.spoken_before
    buckets = len(starts(asked.period, asked.period.grain))
    trends = spoken.trends(buckets)
    silent = [place for place in places.values() if place is not None and not past.count[place]]
    known = asked.topics_before() if silent and asked.is_old else np.ones(len(asked.facts.topics), np.bool_)
    found: list[TopicRow] = []
    for key, place in places.items():
        count, upset, before, upset_before = (
            (0, 0, 0, 0) if place is None else tuple(
                int(column[place]) for column in (spoken.count, spoken.negative, past.count, past.negative)
            )
        )  # fmt: skip
        share = change(count, now.analyzed, before, earlier.analyzed)
        found.append(
            TopicRow(
                key=key,
                department=departments.get(key),
                count=count,
                share=share.now,
                positive_count=0 if place is None else int(spoken.positive[place]),
                negative_count=upset,
                negative=wilson(upset, count),
                before=before,
                change=share,
                negative_change=change(upset, count, upset_before, before),
                trend=(0,) * buckets if place is None else tuple(trends[place].tolist()),
                is_new=place is not None and count > 0 and not known[place],
            )
        )
    shares = judged([row.change for row in found])
    feelings = judged([row.negative_change for row in found])
    return [
        replace(row, change=share, negative_change=feeling)
        for row, share, feeling in zip(found, shares, feelings, strict=True)
    ]


def moved(found: Sequence[TopicRow], *, up: bool, most: int) -> tuple[TopicRow, ...]:
    """Topics of a table whose share rose, or fell, by more than noise; the largest difference first."""
    sign = 1 if up else -1
    real = [
        (sign * row.change.difference, row)
        for row in found
        if row.is_real and row.change.difference is not None and sign * row.change.difference > 0
    ]
    return tuple(row for _, row in sorted(real, key=lambda one: (-one[0], one[1].key))[:most])


def praised(found: Sequence[TopicRow], most: int = 5) -> tuple[TopicPart, ...]:
    """Topics of a table that most feedback speak of positively."""
    return _ranked(found, [row.positive_count for row in found], most)


def pains(found: Sequence[TopicRow], most: int = 5) -> tuple[TopicPart, ...]:
    """Topics of a table that most feedback speak of negatively."""
    return _ranked(found, [row.negative_count for row in found], most)


def _ranked(found: Sequence[TopicRow], by: Sequence[int], most: int) -> tuple[TopicPart, ...]:
    order = sorted(zip(by, found, strict=True), key=lambda one: (-one[0], -one[1].count, one[1].key))
    return tuple(
        TopicPart(row.key, row.count, row.positive_count, row.negative_count, row.negative)
        for count, row in order[:most]
        if count
    )


def topic_story(
    facts: Facts,
    rows: NDArray[np.bool_],
    period: Period,
    key: str,
    departments: Mapping[str, str] | None = None,
) -> TopicStory:
    """One topic over a period; all nought for one that nobody mentioned. Arguments as `topic_table`."""
    asked = Asked(facts, rows, period)
    place = index_of(facts.topics, key)
    (row,) = rows_of(asked, {key: place}, departments or {})
    absent = -1 if place is None else place  # no mention has it
    those, past = asked.now.mentions.as_cut(absent), asked.before.mentions.as_cut(absent)
    grain = period.grain

    def parts(codes: NDArray[np.integer], keys: Sequence[str], *, in_order: bool = False) -> tuple[Part, ...]:
        return parts_of(those, codes[those.index], keys, len(those), in_order=in_order)

    return TopicStory(
        key=key,
        period=period,
        period_before=asked.period_before,
        row=row,
        analyzed=asked.now.analyzed,
        first_at=_first_day(facts, rows, absent),
        grain=grain,
        series=those.series(grain),
        sentiments=named(SENTIMENTS, those.sentiments),
        sources=parts(facts.source, facts.sources),
        touchpoints=parts(facts.touchpoint, TOUCHPOINTS, in_order=True),
        languages=parts(facts.language, LANGUAGES),
        owners=parts(facts.owner, facts.departments),
        departments=_departments(those, absent),
        together=_together(asked.now, those, absent),
        nps=score_of("nps", those, past),
        csat=score_of("csat", those, past),
    )


def _first_day(facts: Facts, rows: NDArray[np.bool_], topic: int) -> str | None:
    mine = facts.mention_row[facts.mention_topic == topic]
    at = facts.at[mine[rows[mine]]]
    return day_of(int(at.min())).isoformat() if topic >= 0 and len(at) else None


def _departments(those: Cut, topic: int) -> tuple[Part, ...]:
    """Feedback by the departments that their segments on a topic speak of."""
    facts = those.facts
    lines = np.flatnonzero((those.mention_place >= 0) & (facts.mention_topic == topic))
    spoken = Cut(facts, facts.mention_row[lines], those.period, facts.mention_sentiment[lines])
    return parts_of(spoken, facts.mention_department[lines], facts.departments, len(those))


def _together(now: Cut, those: Cut, topic: int) -> tuple[Together, ...]:
    names, whole = those.facts.topics, now.mentions.count
    both = those.mentions.count.copy()
    if topic >= 0:
        both[topic] = 0
    order = sorted(np.flatnonzero(both).tolist(), key=lambda other: (-both[other], names[other]))
    return tuple(
        Together(
            names[other], int(both[other]),
            round(float(both[other]) * now.analyzed / (len(those) * float(whole[other])), 2),
        )
        for other in order[:TOGETHER_MOST]
    )  # fmt: skip
