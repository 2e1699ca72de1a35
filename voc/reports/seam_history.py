"""Each seam week by week: how it grew, and whether it fell after something was changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voc.intervals import wilson
from voc.records import SENTIMENTS
from voc.reports.figures import Bucket, Figures
from voc.reports.periods import DAY_MS, Period, day_of

if TYPE_CHECKING:
    from voc.facts import Facts

#: Weeks that a history goes back: half a year, or as long as the period, but two years at most.
WEEKS = 26
WEEKS_MOST = 104
WEEK_MS = 7 * DAY_MS
_NEGATIVE = SENTIMENTS.index("negative")


@dataclass(frozen=True, slots=True)
class SeamLine(Figures):
    """One seam over time.

    Attributes:
        a, b: keys of its departments, in the order of the alphabet.
        weeks: oldest first; feedback that implicate both, all of them analyzed.
    """

    a: str
    b: str
    weeks: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class SeamHistory(Figures):
    """Seams over the weeks up to the last day of a period.

    Attributes:
        since: first day of the first week.
        weeks: how many there are.
        lines: those seams that have feedback in any of the weeks, in the order of the alphabet.
    """

    since: str
    weeks: int
    lines: tuple[SeamLine, ...]

    def of(self, a: str, b: str) -> SeamLine | None:
        """The line of one seam, whichever department is named first; None where it has no feedback."""
        pair = tuple(sorted((a, b)))
        return next((line for line in self.lines if (line.a, line.b) == pair), None)


def seam_history(facts: Facts, rows: NDArray[np.bool_], period: Period) -> SeamHistory:
    """Each seam in stretches of seven days, counted back from the last day of the period, whatever day of the
    week that is: so all are whole, and the last can be compared with those before.

    Args:
        rows: bool (n,), the mask of the filter without its period.
    """
    weeks = _weeks(facts, rows, period)
    if not weeks:
        return SeamHistory(period.since.isoformat(), 0, ())
    start = period.until_ms - weeks * WEEK_MS
    implicated = facts.implicated()
    chosen = rows & (facts.sentiment >= 0) & (facts.at >= start) & (facts.at < period.until_ms)
    chosen &= (implicated & (implicated - np.minimum(implicated, np.uint64(1)))) != 0  # two bits at least
    place = np.flatnonzero(chosen)
    week = (facts.at[place] - start) // WEEK_MS
    sets, which = np.unique(implicated[place], return_inverse=True)  # few, however many feedback
    cell = which.astype(np.int64) * weeks + week
    negative = facts.sentiment[place] == _NEGATIVE
    shape = (len(sets), weeks)
    counts = np.bincount(cell, minlength=len(sets) * weeks).reshape(shape)
    bad = np.bincount(cell[negative], minlength=len(sets) * weeks).reshape(shape)
    since = day_of(start)
    keys = sorted(facts.departments)
    lines = []
    for place_of_a, a in enumerate(keys):
        for b in keys[place_of_a + 1 :]:
            here = (sets & facts.bit(a)).astype(bool) & (sets & facts.bit(b)).astype(bool)
            if here.any():
                weekly = zip(counts[here].sum(axis=0), bad[here].sum(axis=0), strict=True)
                lines.append(SeamLine(a, b, tuple(_bucket(since, *one) for one in enumerate(weekly))))
    return SeamHistory(since.isoformat(), weeks, tuple(lines))


def _weeks(facts: Facts, rows: NDArray[np.bool_], period: Period) -> int:
    """Whole weeks from the first feedback to the end of the period, as far as a history goes back."""
    at = facts.at[rows & (facts.at < period.until_ms)]
    if not len(at):
        return 0
    since_first = -(-(period.until_ms - int(at.min())) // WEEK_MS)
    asked = max(WEEKS, -(-period.days // 7))
    return min(since_first, asked, WEEKS_MOST, (period.until.toordinal() - 1) // 7)


def _bucket(since: date, number: int, counts: tuple[int, int]) -> Bucket:
    count, negative = int(counts[0]), int(counts[1])
    start = (since + timedelta(days=7 * number)).isoformat()
    return Bucket(start, False, count, count, negative, wilson(negative, count))
