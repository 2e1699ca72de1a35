"""What falls between departments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from voc.facts import text_of
from voc.intervals import Change, change, judged, wilson
from voc.records import SENTIMENTS, TOUCHPOINTS
from voc.reports.counting import NEGATIVE, Asked, Cut, distinct, negative_change, parts_of
from voc.reports.figures import Bucket, Figures, Part, SeamCell
from voc.reports.periods import Period

if TYPE_CHECKING:
    from voc.facts import Facts

#: Steps of a chain that the flow shows; later ones are told by `Seams.longest` only.
STEPS_MOST = 5
#: Up to so many departments every set of them has its own place in an array.
DENSE_DEPARTMENTS = 12
#: Run-arounds that are listed.
LONGEST = 10


@dataclass(frozen=True, slots=True)
class Link(Figures):
    """Customers who went from one department to the next.

    Attributes:
        step: 1 for the first step of their chains, up to `STEPS_MOST`.
        source, target: keys of the departments.
        count: feedback; each has one at most per step.
    """

    step: int
    source: str
    target: str
    count: int


@dataclass(frozen=True, slots=True)
class RunAround(Figures):
    """One long chain.

    Attributes:
        number: of the feedback (``feedback.number``), to be read by `FactTable.page` or the store.
        hops: keys of the departments in the order of the customer's way, returns kept.
        at: when, ISO 8601 in UTC.
        sentiment: of the feedback.
    """

    number: int
    hops: tuple[str, ...]
    at: str
    sentiment: str


@dataclass(frozen=True, slots=True)
class Seams(Figures):
    """Feedback that implicate more than one department, and those of customers who were sent around.

    Attributes:
        analyzed: analyzed feedback of the period, of which shares are.
        between: share of them that implicates two departments or more.
        between_negative: share of those that is negative.
        within_negative: for comparison, share of negative ones among those that implicate one department.
        pairs: all seams with feedback in the period or the one before, the most negative feedback first, then
            the most feedback.
        departments: keys of all departments that lie on a seam, in the order of the alphabet: the axes of the
            matrix.
        touchpoints: keys of the touchpoints that any seam has, in the order of the journey.
        series: of feedback that implicate two departments or more.
        chains: share of analyzed feedback that name a chain of departments (two stations at least).
        chain_lengths: feedback by number of stations, ``((2, 40), (3, 7), ...)``; add up to ``chains.count``.
        flow: steps of all chains, by step, then most first.
        links: the same without the step: a feedback counts as often as it makes the way; step is 0.
        longest: the longest chains, the latest first among equals, `LONGEST` at most.
        firefighting: of the feedback that reach care (it owns them, co-operates or is a station) and have an
            owner, the share that another owns.
        firefighting_owners: those of another, by owner, most first; shares are of ``firefighting.count``.
    """

    period: Period
    period_before: Period | None
    analyzed: int
    between: Change
    between_negative: Change
    within_negative: Change
    pairs: tuple[SeamCell, ...]
    departments: tuple[str, ...]
    touchpoints: tuple[str, ...]
    grain: str
    series: tuple[Bucket, ...]
    chains: Change
    chain_lengths: tuple[tuple[int, int], ...]
    flow: tuple[Link, ...]
    links: tuple[Link, ...]
    longest: tuple[RunAround, ...]
    firefighting: Change
    firefighting_owners: tuple[Part, ...]

    def with_ids(self, ids: Mapping[int, str]) -> dict[str, Any]:
        """As JSON values for programs, who know a feedback by its id: `longest` has that in place of the
        number, and those that have none any more are left out."""
        longest = [
            {"id": ids[one.number]}
            | {name: value for name, value in one.as_dict().items() if name != "number"}
            for one in self.longest
            if one.number in ids
        ]
        return self.as_dict() | {"longest": longest}


def seams(facts: Facts, rows: NDArray[np.bool_], period: Period, care: str = "care") -> Seams:
    """What falls between departments in a period, against the period before.

    Args:
        rows: bool (n,), the mask of the filter without its period. With ``department`` and ``also`` in the
            filter, of one seam alone.
        care: key of the department that answers for care, ``organization.department_of_field["care"]``.
    """
    asked = Asked(facts, rows, period)
    now, earlier = asked.now, asked.before
    pairs = pairs_of(asked)
    several, several_before = _implicating(now, several=True), _implicating(earlier, several=True)
    one, one_before = _implicating(now, several=False), _implicating(earlier, several=False)
    chain, chain_before = _Chains.of(now), _Chains.of(earlier)
    reached, burning = now.firefighting(care)
    reached_before, burning_before = earlier.firefighting(care)
    between, between_negative, within_negative, chains, firefighting = judged([
        change(len(several), now.analyzed, len(several_before), earlier.analyzed),
        negative_change(several, several_before),
        negative_change(one, one_before),
        change(len(chain.places), now.analyzed, len(chain_before.places), earlier.analyzed),
        change(int(burning.sum()), int(reached.sum()), int(burning_before.sum()), int(reached_before.sum())),
    ])  # fmt: skip
    stages = {part.key for pair in pairs for part in pair.by_touchpoint}
    fought = now.part(burning)
    return Seams(
        period=period,
        period_before=asked.period_before,
        analyzed=now.analyzed,
        between=between,
        between_negative=between_negative,
        within_negative=within_negative,
        pairs=pairs,
        departments=tuple(sorted({key for pair in pairs for key in (pair.a, pair.b)})),
        touchpoints=tuple(stage for stage in TOUCHPOINTS if stage in stages),
        grain=period.grain,
        series=several.series(period.grain),
        chains=chains,
        chain_lengths=chain.lengths(),
        flow=chain.flow(),
        links=chain.links(),
        longest=chain.longest(LONGEST),
        firefighting=firefighting,
        firefighting_owners=parts_of(fought, fought.owner, facts.departments, len(fought)),
    )


def pairs_of(asked: Asked, only: int | None = None) -> tuple[SeamCell, ...]:
    """All seams of the period or the one before, judged together; see `Seams.pairs`.

    Args:
        only: index of the department whose seams alone are wanted.
    """
    names = asked.facts.departments
    now, past = _Pairs.of(asked.now), _Pairs.of(asked.before)
    found = [
        _cell(asked, now, past, *sorted((int(i), int(j)), key=lambda place: names[place]))
        for i, j in np.argwhere(np.triu(now.count + past.count, 1))
        if only is None or only in (i, j)
    ]
    shares = judged([cell.change for cell in found])
    feelings = judged([cell.negative_change for cell in found])
    cells = (
        replace(cell, change=share, negative_change=feeling)
        for cell, share, feeling in zip(found, shares, feelings, strict=True)
    )
    return tuple(
        sorted(cells, key=lambda cell: (-cell.negative_count, -cell.count, -cell.before, cell.a, cell.b))
    )


def _cell(asked: Asked, now: _Pairs, past: _Pairs, a: int, b: int) -> SeamCell:
    count, upset = int(now.count[a, b]), int(now.negative[a, b])
    before, upset_before = int(past.count[a, b]), int(past.negative[a, b])
    share = change(count, asked.now.analyzed, before, asked.before.analyzed)
    by_touchpoint = tuple(
        Part(
            name, int(now.by_touchpoint[t, a, b]), wilson(int(now.by_touchpoint[t, a, b]), count),
            int(now.negative_by_touchpoint[t, a, b]),
            wilson(int(now.negative_by_touchpoint[t, a, b]), int(now.by_touchpoint[t, a, b])),
        )
        for t, name in enumerate(TOUCHPOINTS)
        if now.by_touchpoint[t, a, b]
    )  # fmt: skip
    owned = (int(now.by_owner[a, a, b]), int(now.by_owner[b, a, b]))
    return SeamCell(
        a=asked.facts.departments[a],
        b=asked.facts.departments[b],
        count=count,
        share=share.now,
        negative_count=upset,
        negative=wilson(upset, count),
        before=before,
        change=share,
        negative_change=change(upset, count, upset_before, before),
        by_touchpoint=by_touchpoint,
        by_owner=(*owned, count - sum(owned)),
    )


def _implicating(cut: Cut, *, several: bool) -> Cut:
    """Those that implicate two departments or more, or exactly one."""
    width = np.bitwise_count(cut.implicated)
    return cut.part(width >= 2 if several else width == 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Feedback of a cut by pairs of departments; every array is symmetric in its last two axes, which are
    indices into the departments of the facts.

    Attributes:
        count, negative: int64 (d, d).
        by_touchpoint, negative_by_touchpoint: int64 (8, d, d).
        by_owner: int64 (d, d, d), the owner first.
    """

    count: NDArray[np.int64]
    negative: NDArray[np.int64]
    by_touchpoint: NDArray[np.int64]
    negative_by_touchpoint: NDArray[np.int64]
    by_owner: NDArray[np.int64]

    @classmethod
    def of(cls, cut: Cut) -> _Pairs:
        """Counts distinct combinations first, which are few, and then the pairs of each."""
        several = _implicating(cut, several=True)
        width, stages = len(cut.facts.departments), len(TOUCHPOINTS)
        bits, which = _compact(several.implicated, width)
        # all of them are analyzed: they have a touchpoint, but not all an owner
        code = which * stages + several.touchpoint
        code = (code * 2 + (several.sentiment == NEGATIVE)) * (width + 1) + several.owner + 1
        found, times = distinct(code, len(bits) * stages * 2 * (width + 1))
        code, owner = np.divmod(found, width + 1)
        code, upset = np.divmod(code, 2)
        combination, stage = np.divmod(code, stages)
        known = min(width, 64)  # there are no more bits
        members = (bits[combination, None] >> np.arange(known, dtype=np.uint64)) & np.uint64(1)
        weights = members.astype(np.float64) * times[:, None]  # as floats, whose products are fast and exact

        def pairs(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
            return np.asarray(weights[chosen].T @ members[chosen].astype(np.float64), np.int64)

        every, angry = np.ones(len(found), np.bool_), upset == 1
        return cls(
            pairs(every),
            pairs(angry),
            np.array([pairs(stage == place) for place in range(stages)]),
            np.array([pairs((stage == place) & angry) for place in range(stages)]),
            np.array([pairs(owner == place + 1) for place in range(known)]).reshape(known, known, known),
        )


def _compact(bits: NDArray[np.uint64], width: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Sets of departments, and for each feedback which of them is its own."""
    if width <= DENSE_DEPARTMENTS:
        return np.arange(1 << width, dtype=np.uint64), bits.astype(np.int64)
    found, which = np.unique(bits, return_inverse=True)
    return found, which.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Chains:
    """The chains of a cut.

    Attributes:
        places: int64 (c,), place in the cut of each feedback that has a chain, ascending.
        start: int64 (c,), its first station among the stations; in their order.
        length: int64 (c,), its stations.
        department: int64 (h,), of each station.
        step: int64 (h,), which station of its chain it is, from 0.
    """

    cut: Cut
    places: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    department: NDArray[np.int64]
    step: NDArray[np.int64]

    @classmethod
    def of(cls, cut: Cut) -> _Chains:
        """Of the stations of the facts those that are the cut's."""
        there = cut.in_chain
        place = cut.position[cut.facts.hop_row[there]].astype(np.int64)
        places, start, length = np.unique(place, return_index=True, return_counts=True)
        step = np.arange(len(place)) - np.repeat(start, length)
        return cls(cut, places, start, length, cut.facts.hop_department[there].astype(np.int64), step)

    def lengths(self) -> tuple[tuple[int, int], ...]:
        """Chains by how many stations they have."""
        found, times = np.unique(self.length, return_counts=True)
        return tuple(zip(found.tolist(), times.tolist(), strict=True))

    def flow(self) -> tuple[Link, ...]:
        """Ways from one station to the next, by step."""
        return self._links(by_step=True)

    def links(self) -> tuple[Link, ...]:
        """Ways from one department to another, at whatever step."""
        return self._links(by_step=False)

    def _links(self, *, by_step: bool) -> tuple[Link, ...]:
        names = self.cut.facts.departments
        width = len(names)
        onward = np.flatnonzero(self.step[1:] > 0)  # the next station is of the same chain
        step = self.step[onward] + 1
        if by_step:
            onward, step = onward[step <= STEPS_MOST], step[step <= STEPS_MOST]
        else:
            step = np.zeros(len(onward), np.int64)
        code = (step * width + self.department[onward]) * width + self.department[onward + 1]
        found, times = np.unique(code, return_counts=True)
        links = [
            Link(int(one) // (width * width), names[int(one) // width % width], names[int(one) % width], n)
            for one, n in zip(found, times.tolist(), strict=True)
        ]
        return tuple(sorted(links, key=lambda link: (link.step, -link.count, link.source, link.target)))

    def longest(self, most: int) -> tuple[RunAround, ...]:
        """The longest chains, the latest first among equals."""
        rows = self.cut.index[self.places]
        facts = self.cut.facts
        order = np.lexsort((-facts.number[rows], -facts.at[rows], -self.length))[:most]
        return tuple(
            RunAround(
                int(facts.number[rows[one]]),
                tuple(
                    facts.departments[place]
                    for place in self.department[self.start[one] : self.start[one] + self.length[one]]
                ),
                text_of(int(facts.at[rows[one]])),
                SENTIMENTS[facts.sentiment[rows[one]]],
            )
            for one in order
        )
