"""What is counted of the chosen feedback of a period, by numpy over the columns of the facts.

What must hold: no loop over rows; a feedback counts once for each key that it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voc.intervals import (
    Answers,
    Change,
    CountChange,
    change,
    count_change,
    mean,
    mean_change,
    wilson,
)
from voc.records import SENTIMENTS, STATUSES
from voc.reports.figures import Bucket, Part, Score, TopicPart
from voc.reports.periods import DAY_MS, Grain, Period, before, bucket_of, end_of, starts

if TYPE_CHECKING:
    from voc.facts import Facts

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

NEGATIVE = SENTIMENTS.index("negative")
POSITIVE = SENTIMENTS.index("positive")
REVIEW = STATUSES.index("review")
#: Feelings in the order in which the later goes before the earlier where several segments speak of a thing.
FEELINGS = ("neutral", "positive", "mixed", "negative")
PLEASED, UPSET = FEELINGS.index("positive"), FEELINGS.index("negative")
#: By index of a sentiment, its place among `FEELINGS`; by place, the index.
RANK = np.array([FEELINGS.index(name) for name in SENTIMENTS], np.int8)
_UNRANK = np.array([SENTIMENTS.index(name) for name in FEELINGS], np.int8)
#: Codes that are counted in one array at most; where there could be more they are sorted first.
_DENSE_MOST = 1 << 22


class Cut:
    """The chosen feedback of one period.

    Attributes:
        index: int64 (n,), their rows in the facts.
    """

    def __init__(
        self, facts: Facts, index: Ints, period: Period | None, said: NDArray[np.int8] | None = None
    ) -> None:
        """``said``, int8 (n,), is counted as their sentiment where it is given."""
        self.facts = facts
        self.index = index
        self.period = period
        self._said = said

    @classmethod
    def of(cls, facts: Facts, rows: Mask, period: Period | None) -> Cut:
        """Those of ``rows`` that lie in the period; none for no period."""
        if period is None:
            return cls(facts, np.zeros(0, np.int64), None)
        within = rows & (facts.at >= period.since_ms)
        within &= facts.at < period.until_ms
        return cls(facts, np.flatnonzero(within), period)

    def __len__(self) -> int:
        return len(self.index)

    def part(self, mask: Mask) -> Cut:
        """Those for which the mask, bool (n,), is true."""
        said = None if self._said is None else self._said[mask]
        return Cut(self.facts, self.index[mask], self.period, said)

    # ---- columns, one entry a feedback

    @cached_property
    def sentiment(self) -> NDArray[np.int8]:
        """int8 (n,), -1 while they wait."""
        return self.facts.sentiment[self.index] if self._said is None else self._said

    @cached_property
    def owner(self) -> NDArray[np.int16]:
        """int16 (n,), -1 for none."""
        return self.facts.owner[self.index]

    @cached_property
    def touchpoint(self) -> NDArray[np.int8]:
        """int8 (n,), -1 while they wait."""
        return self.facts.touchpoint[self.index]

    @cached_property
    def implicated(self) -> NDArray[np.uint64]:
        """uint64 (n,), owner and co-operators as bits."""
        return self.facts.implicated()[self.index]

    @cached_property
    def bucket(self) -> Ints:
        """int64 (n,), bucket of the period."""
        assert self.period is not None  # noqa: S101  # none lies in no period
        return bucket_of(self.facts.at[self.index], self.period, self.period.grain)

    @cached_property
    def position(self) -> NDArray[np.int32]:
        """int32, by row of the facts its place in the cut; -1 for those that are not in it."""
        found = np.full(len(self.facts), -1, np.int32)
        found[self.index] = np.arange(len(self.index), dtype=np.int32)
        return found

    # ---- counts

    @cached_property
    def analyzed(self) -> int:
        """How many have an analysis."""
        return int((self.sentiment >= 0).sum())

    @cached_property
    def negative(self) -> int:
        """How many are negative."""
        return int((self.sentiment == NEGATIVE).sum())

    @cached_property
    def sentiments(self) -> Ints:
        """int64 (4,), by `SENTIMENTS`."""
        return counts(self.sentiment, len(SENTIMENTS))

    def by(self, codes: NDArray[np.integer], width: int) -> tuple[Ints, Ints]:
        """All and negative ones by code, each int64 (width + 1,); the last is of code -1.

        Args:
            codes: (n,), -1..width - 1.
        """
        shifted = codes.astype(np.int64)
        shifted[shifted < 0] = width
        return (
            np.bincount(shifted, minlength=width + 1),
            np.bincount(shifted[self.sentiment == NEGATIVE], minlength=width + 1),
        )

    def answers(self, name: str) -> Answers:
        """Of ``nps``, ``csat`` or ``sentiment``."""
        if name == "sentiment":
            found = self.sentiments
            return Answers(int(found[POSITIVE]), int(found[NEGATIVE]), self.analyzed, signed=True)
        points, given = self.points(name)
        return Answers(
            int((points[given] > 0).sum()), int((points[given] < 0).sum()), int(given.sum()),
            signed=name == "nps",
        )  # fmt: skip

    def points(self, name: str) -> tuple[NDArray[np.int8], Mask]:
        """Of each feedback whether its answer counts 1, 0 or -1 times 100 points, and whether it has one.

        ``nps``: 9 and 10 count 1, 0 to 6 count -1. ``csat``: 4 and 5 count 1.
        """
        column = self.facts.scores.get(name)
        if column is None:
            return np.zeros(len(self), np.int8), np.zeros(len(self), np.bool_)
        mine = column[self.index]
        up = (mine >= (4 if name == "csat" else 9)).astype(np.int8)
        return up if name == "csat" else up - (mine <= 6).astype(np.int8), ~np.isnan(mine)

    def series(self, grain: Grain) -> tuple[Bucket, ...]:
        """Feedback over the period."""
        if self.period is None:
            return ()
        firsts = starts(self.period, grain)
        bucket = bucket_of(self.facts.at[self.index], self.period, grain)
        width = len(firsts)
        every = np.bincount(bucket, minlength=width)
        analyzed = np.bincount(bucket[self.sentiment >= 0], minlength=width)
        upset = np.bincount(bucket[self.sentiment == NEGATIVE], minlength=width)
        return tuple(
            Bucket(
                first.isoformat(),
                first < self.period.since or end_of(first, grain) > self.period.until,
                int(every[i]), int(analyzed[i]), int(upset[i]), wilson(int(upset[i]), int(analyzed[i])),
            )
            for i, first in enumerate(firsts)
        )  # fmt: skip

    # ---- topics

    @cached_property
    def mention_place(self) -> NDArray[np.int32]:
        """int32 (m,), place in the cut of the feedback of each mention of the facts; -1 for others."""
        return self.position[self.facts.mention_row]

    @cached_property
    def mentions(self) -> Mentions:
        """What the segments of these feedback speak of, by topic."""
        return Mentions.of(self, None)

    def mentions_of(self, department: int) -> Mentions:
        """What those segments speak of that speak of one department."""
        return Mentions.of(self, department)

    @cached_property
    def in_chain(self) -> Mask:
        """bool (h,), the stations of the facts that are of these feedback."""
        there: Mask = self.position[self.facts.hop_row] >= 0
        return there

    def reaches(self, department: int) -> Mask:
        """bool (n,), whether a department owns them, co-operates, or is a station of their chain."""
        found: Mask = has_bit(self.implicated, department) | (self.owner == department)
        hops: Ints = self.facts.hop_row[self.in_chain & (self.facts.hop_department == department)]
        found[self.position[hops]] = True
        return found

    def firefighting(self, care: str) -> tuple[Mask, Mask]:
        """Both bool (n,): those that reach care and have an owner, and of them those that another owns."""
        code = index_of(self.facts.departments, care)
        if code is None:
            none = np.zeros(len(self), np.bool_)
            return none, none
        reached: Mask = self.reaches(code) & (self.owner >= 0)
        elsewhere: Mask = reached & (self.owner != code)
        return reached, elsewhere


@dataclass(frozen=True, eq=False)
class Mentions:
    """Feedback of a cut and topic, each pair once, with the feeling of the segments that speak of it.

    Attributes:
        place: int32 (m,), place of the feedback in the cut, ascending.
        topic: int32 (m,), index into the topics of the facts.
        feeling: int8 (m,), index into `FEELINGS`.
    """

    cut: Cut
    place: NDArray[np.int32]
    topic: NDArray[np.int32]
    feeling: NDArray[np.int8]

    @classmethod
    def of(cls, cut: Cut, department: int | None) -> Mentions:
        """Of all segments, or of those that speak of one department."""
        facts = cut.facts
        place = cut.mention_place
        chosen = (place >= 0) & (facts.mention_topic >= 0)
        if department is not None:
            chosen &= facts.mention_department == department
        lines = np.flatnonzero(chosen)
        places, topics = place[lines], facts.mention_topic[lines]
        feelings = RANK[facts.mention_sentiment[lines]]
        together = places[1:] == places[:-1]
        if bool((together & (topics[1:] < topics[:-1])).any()):
            order = np.lexsort((topics, places))
            places, topics, feelings = places[order], topics[order], feelings[order]
        # the segments of a topic may speak of several departments, which makes several lines of one mention
        again = (places[1:] == places[:-1]) & (topics[1:] == topics[:-1])
        if again.any():
            first = np.flatnonzero(np.concatenate([[True], ~again]))
            places, topics, feelings = places[first], topics[first], np.maximum.reduceat(feelings, first)
        return cls(cut, places, topics, feelings)

    @cached_property
    def table(self) -> Ints:
        """int64 (n_topics, 4): feedback by topic and feeling."""
        width, kinds = len(self.cut.facts.topics), len(FEELINGS)
        found = np.bincount(self.topic * kinds + self.feeling, minlength=width * kinds)
        return found.reshape(width, kinds)

    @cached_property
    def count(self) -> Ints:
        """int64 (n_topics,)."""
        return np.asarray(self.table.sum(axis=1), np.int64)

    @cached_property
    def positive(self) -> Ints:
        """int64 (n_topics,)."""
        return np.asarray(self.table[:, PLEASED], np.int64)

    @cached_property
    def negative(self) -> Ints:
        """int64 (n_topics,)."""
        return np.asarray(self.table[:, UPSET], np.int64)

    def trends(self, buckets: int) -> Ints:
        """int64 (n_topics, buckets): feedback by topic and bucket of the period."""
        width = len(self.cut.facts.topics)
        if not len(self.topic):
            return np.zeros((width, buckets), np.int64)
        found = np.bincount(
            self.topic * np.int64(buckets) + self.cut.bucket[self.place], minlength=width * buckets
        )
        return found.reshape(width, buckets)

    def where(self, mask: Mask) -> Mentions:
        """Those for which the mask, bool (m,), is true."""
        return Mentions(self.cut, self.place[mask], self.topic[mask], self.feeling[mask])

    def part(self, topic: int) -> TopicPart:
        """The counts of one topic."""
        count, upset = int(self.count[topic]), int(self.negative[topic])
        return TopicPart(
            self.cut.facts.topics[topic], count, int(self.positive[topic]), upset, wilson(upset, count)
        )

    def parts(self, by: Ints, most: int) -> tuple[TopicPart, ...]:
        """The topics with the highest numbers in ``by``, which is above 0, then the most mentioned first.

        Args:
            by: int64 (n_topics,), such as `negative`.
        """
        names = self.cut.facts.topics
        found = np.flatnonzero(by > 0)
        order = sorted(found.tolist(), key=lambda topic: (-by[topic], -self.count[topic], names[topic]))
        return tuple(self.part(topic) for topic in order[:most])

    def as_cut(self, topic: int) -> Cut:
        """Those that mention a topic, each with what they say of it in place of its sentiment."""
        mine = self.topic == topic
        said = _UNRANK[self.feeling[mine]]
        return Cut(self.cut.facts, self.cut.index[self.place[mine]], self.cut.period, said)


@dataclass(frozen=True, eq=False)
class Asked:
    """The chosen feedback of a period and of the one before.

    Attributes:
        department: index of the one whose segments alone are asked for topics; None for all.
    """

    facts: Facts
    rows: Mask
    period: Period
    department: int | None = None

    @cached_property
    def period_before(self) -> Period | None:
        """As long, and just before."""
        return before(self.period)

    @cached_property
    def now(self) -> Cut:
        """Of the period."""
        return Cut.of(self.facts, self.rows, self.period)

    @cached_property
    def before(self) -> Cut:
        """Of the period before; none where the calendar has none."""
        return Cut.of(self.facts, self.rows, self.period_before)

    @cached_property
    def spoken(self) -> Mentions:
        """What the segments of the period speak of."""
        return self.now.mentions if self.department is None else self.now.mentions_of(self.department)

    @cached_property
    def spoken_before(self) -> Mentions:
        """What the segments of the period before speak of."""
        earlier = self.before
        return earlier.mentions if self.department is None else earlier.mentions_of(self.department)

    @cached_property
    def _oldest(self) -> int | None:
        return int(self.facts.at.min()) if len(self.facts) else None

    def reaches_back(self, period: Period | None) -> bool:
        """Whether there is feedback as old as the first day of a period, so that its count means something:
        any feedback, not only the chosen."""
        if period is None or self._oldest is None:
            return False
        return self._oldest < period.since_ms + DAY_MS

    @cached_property
    def is_old(self) -> bool:
        """Whether there is feedback from before the period."""
        return self._oldest is not None and self._oldest < self.period.since_ms

    def counted(self, now: int, earlier: int) -> CountChange | None:
        """A count against that of the period before; None where there is nothing to compare with."""
        return count_change(now, earlier) if self.reaches_back(self.period_before) else None

    def topics_before(self) -> Mask:
        """bool (n_topics,), whether the chosen feedback from before the period mention each."""
        found = np.zeros(len(self.facts.topics) + 1, np.bool_)
        older = self.rows & (self.facts.at < self.period.since_ms)
        found[self.facts.mention_topic[older[self.facts.mention_row]]] = True
        return found[:-1]


# ---- small parts


def counts(codes: NDArray[np.integer], width: int) -> Ints:
    """How many of each code 0..width - 1; those below 0 left out."""
    return np.bincount(codes[codes >= 0], minlength=width)


def distinct(codes: Ints, space: int) -> tuple[Ints, Ints]:
    """Those codes of 0..space - 1 that occur, ascending, and how often."""
    if space > _DENSE_MOST:
        found, times = np.unique(codes, return_counts=True)
        return found, times
    dense = np.bincount(codes, minlength=1)
    found = np.flatnonzero(dense)
    return found, dense[found]


def has_bit(bits: NDArray[np.uint64], place: int) -> Mask:
    """Whether a bit is set; never for one beyond the 64 that there are."""
    if not 0 <= place < 64:
        return np.zeros(len(bits), np.bool_)
    return np.asarray((bits >> np.uint64(place)) & np.uint64(1), np.bool_)


def index_of(keys: Sequence[str], key: str) -> int | None:
    """Where a key stands; None where it does not."""
    return keys.index(key) if key in keys else None


def score(name: str, now: Answers, earlier: Answers) -> Score | None:
    """A score with what it was; None for no answers now."""
    found, past = mean(now), mean(earlier)
    if found is None:
        return None
    return Score(
        name, found.value, found.low, found.high, now.n,
        past.value if past else None, earlier.n, mean_change(now, earlier),
    )  # fmt: skip


def score_of(name: str, now: Cut, earlier: Cut) -> Score | None:
    """A score of two cuts."""
    return score(name, now.answers(name), earlier.answers(name))


def negative_change(now: Cut, earlier: Cut) -> Change:
    """The share of analyzed feedback that is negative."""
    return change(now.negative, now.analyzed, earlier.negative, earlier.analyzed)


def parts_of(
    cut: Cut,
    codes: NDArray[np.integer],
    keys: Sequence[str],
    total: int,
    *,
    in_order: bool = False,
    of_analyzed: bool = False,
) -> tuple[Part, ...]:
    """The feedback of a cut by a key; most first and those without one last.

    Args:
        codes: (n,), indices into ``keys``; -1 for none.
        total: what the shares are of.
        in_order: in the order of ``keys`` instead.
        of_analyzed: leave those out that wait for their analysis.
    """
    if of_analyzed and cut.analyzed < len(cut):
        there = cut.sentiment >= 0
        cut, codes = cut.part(there), codes[there]
    found, upset = cut.by(codes, len(keys))
    analyzed = found
    if not of_analyzed and cut.analyzed < len(cut):
        there = cut.sentiment >= 0
        analyzed, _ = cut.part(there).by(codes[there], len(keys))
    places = [place for place in range(len(keys)) if found[place]]
    if not in_order:
        places.sort(key=lambda place: (-found[place], keys[place]))
    if found[len(keys)]:
        places.append(len(keys))
    return tuple(
        Part(
            keys[place] if place < len(keys) else None,
            int(found[place]), wilson(int(found[place]), total),
            int(upset[place]), wilson(int(upset[place]), int(analyzed[place])),
        )
        for place in places
    )  # fmt: skip


def named(names: Sequence[str], found: Ints) -> Mapping[str, int]:
    """Counts under their names."""
    return {name: int(count) for name, count in zip(names, found, strict=True)}
