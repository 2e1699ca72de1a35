"""What grows: among the segments that belong to no topic, inside a topic, and topics as a whole.

Enters: the store and the registry. Leaves: what is said more often now than in its own past, with examples.
What must hold: groups are found without looking at time, so that they favour no period and the test in
`voc.growth` stays true; a feedback counts once for a group, however many of its segments belong there.

Groups come from average-linkage clustering (Sokal and Michener 1958) of a sample of the centred vectors.
Every segment then joins the group to whose members it is nearest on average, if near enough by the same
measure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from voc.growth import Growth, growth
from voc.intervals import Share, wilson
from voc.phrases import typical_phrase
from voc.registry import Registry
from voc.store import Store, Stretch
from voc.topics import centred

Kind = Literal["none", "topic", "within"]

#: Things with a q up to this are listed.
Q = 0.05
#: Feedback of the present that a listed thing has at least.
FEWEST = 5
#: Mean cosine of a group's members at least; inside a topic, whose segments are all near to each other, more.
#: The first was chosen by how well groups gather a topic that was hidden (docs/emerging.md).
ALIKE = 0.2
ALIKE_WITHIN = 0.35
#: Different feedback of the sample that make a group.
SEEDS = 3
#: Segments that are clustered at most: of those without a topic, and of each topic.
SAMPLE = 3000
SAMPLE_WITHIN = 1000
#: Feedback that are read at most.
MOST = 20_000
#: Examples of each thing.
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared with what.

    Attributes:
        window_days: days of the present, up to and with ``until``.
        past_days: days before it.
        until: last day of the present; None for that of the latest feedback that is not of the future.
        topic: look at this topic and inside it only.
        within: of what this department owns or co-operates on only: all that its own people may see.
    """

    window_days: int = 14
    past_days: int = 56
    until: date | None = None
    topic: str | None = None
    within: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A segment of the present, in the customer's words."""

    id: str
    occurred_at: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Emerging:
    """Something that is said more often than it was.

    Attributes:
        kind: ``none`` for a group of segments without a topic, ``topic`` for a topic as a whole, ``within``
            for a group inside one.
        topic: key of the topic, None for ``none``.
        label: a phrase that is typical of its segments.
        now, past: feedback that mention it.
        rate_now, rate_past: the same per 1,000 feedback of the period.
        ratio: of the two rates, None if the past has none; ``ratio_low`` and ``ratio_high`` bound it with
            95 % confidence, None for no upper bound.
        dispersion: the factor by which its counts are taken to vary more than Poisson counts.
        p, q: see `voc.growth`.
        first_seen: when the first of its feedback occurred, of those that were looked at.
        negative: feedback of the present in which one of its segments is negative.
        languages, departments: segments of the present by language, and by department (no department left
            out), the most frequent first.
    """

    kind: Kind
    topic: str | None
    label: str
    now: int
    past: int
    rate_now: float
    rate_past: float
    ratio: float | None
    ratio_low: float
    ratio_high: float | None
    dispersion: float
    p: float
    q: float
    first_seen: str
    negative: int
    negative_share: Share
    languages: Mapping[str, int]
    departments: Mapping[str, int]
    examples: tuple[Example, ...]

    def as_dict(self) -> dict[str, Any]:
        """The thing as JSON values."""
        return asdict(self) | {"examples": [asdict(one) for one in self.examples]}


@dataclass(frozen=True, slots=True)
class Findings:
    """What grows, the surest first, and what was looked at.

    Attributes:
        since, turn, until: the past is ``[since, turn)``, the present ``[turn, until)``; None if nothing was
            ever analyzed.
        now, past: feedback of each that were looked at.
        left_out: feedback of both that were not: read by another encoder, or beyond `MOST`.
        tested: things that were tested.
    """

    since: str | None
    turn: str | None
    until: str | None
    now: int
    past: int
    left_out: int
    tested: int
    items: tuple[Emerging, ...]

    def as_dict(self, limit: int) -> dict[str, Any]:
        """The findings as JSON values: how many things grow, and the first ``limit`` of them."""
        body = asdict(self)
        body["grown"] = len(self.items)
        body["items"] = [one.as_dict() for one in self.items[:limit]]
        return body


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Segments that say the same.

    Attributes:
        members: int64 (n,), rows of the stretch.
    """

    kind: Kind
    topic: str | None
    members: NDArray[np.int64]


def emerging(store: Store, registry: Registry, reader: str, question: Question) -> Findings:
    """What is said more often now than in the past, per feedback, false discoveries controlled.

    Args:
        reader: version of the reader in whose space the registry lies.

    Raises:
        NotFound: ``topic_unknown``.
        Conflict: ``topic_not_active``.
    """
    if question.topic is not None:
        registry.standing(question.topic)
    latest = store.stretches.latest(question.within)
    last = question.until or (date.fromisoformat(latest[:10]) if latest else None)
    if last is None:
        return Findings(None, None, None, 0, 0, 0, 0, ())
    since, turn, until = _borders(last, question)
    stretch = store.stretches.read(since, until, reader, MOST, question.within)
    present = np.array([moment >= turn for moment in stretch.times], bool)
    now = int(present.sum())
    past = len(present) - now
    left_out = stretch.total - len(present)
    if not now or not past:
        return Findings(since, turn, until, now, past, left_out, 0, ())
    points = centred(stretch.vectors, registry.center) if len(stretch.vectors) else stretch.vectors
    groups = groups_of(stretch, points, question.topic)
    grown = grown_groups(groups, stretch.owners, present, weeks_of(stretch.times, turn, question.past_days))
    items = [
        _described(groups[i], grown, i, _View(stretch, points, present))
        for i in np.argsort(grown.p, kind="stable")
        if grown.q[i] <= Q and _heard(groups[i], stretch.owners, present) >= FEWEST
    ]
    return Findings(since, turn, until, now, past, left_out, len(groups), tuple(items))


def _borders(last: date, question: Question) -> tuple[str, str, str]:
    """First moments of the past, of the present, and of what comes after it."""
    end = last.toordinal() + 1
    turn = end - question.window_days
    return _moment(turn - question.past_days), _moment(turn), _moment(end)


def _moment(day: int) -> str:
    """The first moment of a day by its ordinal, that of the nearest day there is for one beyond all."""
    return f"{date.fromordinal(min(max(day, 1), date.max.toordinal())).isoformat()}T00:00:00.000Z"


def weeks_of(times: Sequence[str], turn: str, past_days: int) -> NDArray[np.int64]:
    """Which whole week of the past each feedback is of, counted back from the present; -1 for none."""
    first = date.fromisoformat(turn[:10])
    back = np.array([(first - date.fromisoformat(moment[:10])).days for moment in times], np.int64)
    weeks = (back - 1) // 7
    return np.where((back > 0) & (weeks < past_days // 7), weeks, -1)


# ---- groups, blind to time


def groups_of(stretch: Stretch, points: NDArray[np.float32], topic: str | None = None) -> list[Group]:
    """All that is tested: the groups that at least `FEWEST` feedback of past and present together belong to.

    Args:
        points: float32 (n_segments, n_dims), the centred vectors.
        topic: this topic and inside it only.
    """
    rows: dict[str | None, list[int]] = {}
    for row, segment in enumerate(stretch.segments):
        rows.setdefault(segment.topic, []).append(row)
    found: list[Group] = []
    for key in sorted(rows, key=lambda key: key or "") if topic is None else [topic]:
        pool = np.array(rows.get(key, []), np.int64)
        if key is None:
            parts = clusters(points, stretch.owners, pool, ALIKE, SAMPLE)
            found += [Group("none", None, part) for part in parts]
            continue
        found.append(Group("topic", key, pool))
        parts = clusters(points, stretch.owners, pool, ALIKE_WITHIN, SAMPLE_WITHIN)
        found += [Group("within", key, part) for part in parts]
    return [group for group in found if len(np.unique(stretch.owners[group.members])) >= FEWEST]


def clusters(
    points: NDArray[np.float32],
    owners: NDArray[np.int64],
    pool: NDArray[np.int64],
    alike: float,
    most: int,
) -> list[NDArray[np.int64]]:
    """Rows of ``pool`` that lie together, as rows of ``points``.

    Args:
        owners: which feedback each row belongs to.
        alike: mean cosine of the members of a cluster at least.
        most: rows that are clustered at most; the others join what these make.
    """
    sample = _sample(owners, pool, most)
    if len(sample) < SEEDS:
        return []
    chosen = points[sample]
    distances = np.clip(1 - chosen @ chosen.T, 0, 2).astype(np.float64)
    np.fill_diagonal(distances, 0)
    labels = fcluster(average(squareform(distances, checks=False)), 1 - alike, "distance")
    large = np.flatnonzero(np.bincount(labels) >= SEEDS)
    seeds = [sample[labels == label] for label in large]
    means = [points[seed].mean(axis=0) for seed in seeds if len(np.unique(owners[seed])) >= SEEDS]
    if not means:
        return []
    # the cosine with a mean that is not made a unit row is the mean of the cosines with its members
    cosines = points[pool] @ np.array(means, np.float32).T
    nearest = np.where(cosines.max(axis=1) >= alike, cosines.argmax(axis=1), -1)
    return [pool[nearest == number] for number in range(len(means))]


def _sample(owners: NDArray[np.int64], pool: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """One segment of each feedback, then a second of each, and so on: segments of one feedback resemble each
    other for what stands around them, and would make groups of their own."""
    mixed = np.random.default_rng(0).permutation(pool)
    seen: Counter[int] = Counter()
    turns = np.empty(len(mixed), np.int64)
    for place, owner in enumerate(owners[mixed].tolist()):
        turns[place] = seen[owner]
        seen[owner] += 1
    return mixed[np.argsort(turns, kind="stable")][:most]


# ---- counts


def grown_groups(
    groups: Sequence[Group], owners: NDArray[np.int64], present: NDArray[np.bool_], weeks: NDArray[np.int64]
) -> Growth:
    """The test of each group, same order.

    Args:
        owners: which feedback each segment belongs to.
        present: bool (n_feedback,), whether it is of the present.
        weeks: int64 (n_feedback,), see `weeks_of`.
    """
    members = [np.unique(owners[group.members]) for group in groups]
    width = int(weeks.max(initial=-1)) + 1
    now = np.array([present[found].sum() for found in members], np.int64)
    past = np.array([(~present[found]).sum() for found in members], np.int64)
    weekly = np.zeros((len(groups), width), np.int64)
    for number, found in enumerate(members):
        weekly[number] = _per_week(weeks[found], width)
    return growth(now, weekly, past, int(present.sum()), _per_week(weeks, width), int((~present).sum()))


def _per_week(weeks: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    return np.bincount(weeks[weeks >= 0], minlength=width)


def _heard(group: Group, owners: NDArray[np.int64], present: NDArray[np.bool_]) -> int:
    return int(present[np.unique(owners[group.members])].sum())


# ---- what is shown


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """What a description draws on."""

    stretch: Stretch
    points: NDArray[np.float32]
    present: NDArray[np.bool_]


def _described(group: Group, grown: Growth, number: int, view: _View) -> Emerging:
    stretch, present = view.stretch, view.present
    feedback = np.unique(stretch.owners[group.members])
    rows = group.members[present[stretch.owners[group.members]]]
    segments = [stretch.segments[row] for row in rows]
    now = int(present[feedback].sum())
    past = len(feedback) - now
    of_now = int(present.sum())
    of_past = len(present) - of_now
    upset = {int(stretch.owners[row]) for row in rows if stretch.segments[row].sentiment == "negative"}
    departments = Counter(one.department for one in segments if one.department)
    return Emerging(
        kind=group.kind,
        topic=group.topic,
        label=typical_phrase([stretch.words[row] for row in group.members], stretch.words),
        now=now,
        past=past,
        rate_now=round(1000 * now / of_now, 2),
        rate_past=round(1000 * past / of_past, 2),
        ratio=_finite(grown.ratio[number]),
        ratio_low=round(float(grown.low[number]), 2),
        ratio_high=_finite(grown.high[number]),
        dispersion=round(float(grown.dispersion[number]), 3),
        p=float(f"{grown.p[number]:.3g}"),
        q=float(f"{grown.q[number]:.3g}"),
        first_seen=min(stretch.times[one] for one in feedback),
        negative=len(upset),
        negative_share=wilson(len(upset), now),
        languages=dict(Counter(one.language for one in segments).most_common()),
        departments=dict(departments.most_common()),
        examples=_examples(group, rows, view),
    )


def _finite(value: float) -> float | None:
    return round(float(value), 2) if np.isfinite(value) else None


def _examples(group: Group, rows: NDArray[np.int64], view: _View) -> tuple[Example, ...]:
    """Segments of the present nearest to the middle of the group, each of another feedback and wording."""
    stretch = view.stretch
    nearness = view.points[rows] @ view.points[group.members].mean(axis=0)
    found: dict[str, Example] = {}
    taken: set[int] = set()
    for row in rows[np.argsort(-nearness, kind="stable")]:
        owner, segment = int(stretch.owners[row]), stretch.segments[row]
        if owner in taken or segment.text in found:
            continue
        taken.add(owner)
        found[segment.text] = Example(
            stretch.ids[owner], stretch.times[owner], segment.start, segment.end, segment.text
        )
        if len(found) == EXAMPLES:
            break
    return tuple(found.values())
