"""Shares, counts and means with what counting so few leaves open, and what changed by more than that.

Enters: counts. Leaves: figures with their 95 % intervals, and changes with p and q. What must hold: a figure
lies in its interval; a change is called real only after all that is shown beside it was counted in.

docs/metrics.md says what each means, and where its formula comes from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from scipy.special import betaincinv
from scipy.stats import binomtest, false_discovery_control

Judged = TypeVar("Judged", "Change", "CountChange", "MeanChange")

#: Of the 95 % that all intervals hold.
Z = 1.959964
#: Changes with a q up to this are called real.
Q = 0.05
#: Below this smallest expected count two shares are compared by Fisher's exact test (Campbell 2007).
EXPECTED_LEAST = 1.0
#: Of fewer answers all permutations are gone through.
PERMUTED_BELOW = 10


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % Wilson score interval (Wilson 1927), all in 0..1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Change:
    """A share now against the same share before.

    Attributes:
        count, total: hits now, and of how many.
        count_before, total_before: the same before.
        now: the share ``count / total``; 0 within 0..1 where ``total`` is 0.
        before: the share ``count_before / total_before``; None where ``total_before`` is 0, which is
            "nothing to compare with".
        difference: now less before, -1..1 (0.05 is five percentage points more); None, as all that follows,
            where one of the two totals is 0.
        low, high: its 95 % interval (Newcombe 1998, method 10).
        p: two-sided, of two equal shares (Campbell 2007).
        q: p adjusted over all that is shown together (Benjamini and Hochberg 1995), see `judged`.
        is_real: whether q is at most `Q`.
    """

    count: int
    total: int
    count_before: int
    total_before: int
    now: Share
    before: Share | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    q: float | None
    is_real: bool


@dataclass(frozen=True, slots=True)
class CountChange:
    """A count now against one before, for the same length of time.

    Attributes:
        now, before: the two counts.
        ratio: now by before, per day where the lengths differ; None where there were none before ("new").
        low, high: its 95 % interval (Clopper and Pearson 1934, on the share of both that is of now); high is
            None where there is no upper bound.
        p: two-sided, of two equal rates (Przyborowski and Wilenski 1940).
        q: p adjusted over all that is shown together.
        is_real: whether q is at most `Q`.
    """

    now: int
    before: int
    ratio: float | None
    low: float
    high: float | None
    p: float
    q: float
    is_real: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers of which each counts 100 points, or as many as the lowest does, or nothing.

    Attributes:
        up: those that count 100 points.
        down: those that count -100 points; none where the scale begins at 0.
        n: all of them.
        signed: whether the scale runs from -100 (NPS, net sentiment) or from 0 (CSAT).
    """

    up: int
    down: int
    n: int
    signed: bool


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of `Answers` in points, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MeanChange:
    """Two such means compared.

    Attributes:
        difference: now less before, in points.
        low, high: its 95 % interval (square-and-add, Zou and Donner 2008).
        p: two-sided, of two equal means (Mantel 1963; all permutations where few answered).
        q: p adjusted over all that is shown together.
        is_real: whether q is at most `Q`.
    """

    difference: float
    low: float
    high: float
    p: float
    q: float
    is_real: bool


def wilson(hits: int, total: int, z: float = Z) -> Share:
    """The share ``hits / total`` with its Wilson score interval; 0, 0, 1 where ``total`` is 0."""
    if total == 0:
        return Share(0.0, 0.0, 1.0)
    low, high = _wilson(hits, total, z)
    return Share(round(hits / total, 4), round(low, 4), round(high, 4))


def _wilson(hits: int, total: int, z: float = Z) -> tuple[float, float]:
    share = hits / total
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    middle = share + z * z / (2 * total)
    scale = 1 + z * z / total
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


# ---- two shares


def change(count: int, total: int, count_before: int, total_before: int) -> Change:
    """A share now against the same share before, each of other feedback.

    The interval is the hybrid score interval for the difference of two proportions (Newcombe 1998,
    Interval estimation for the difference between independent proportions, method 10). p is that of the
    chi-squared test with N - 1 (Campbell 2007) where every expected count is at least `EXPECTED_LEAST`, else
    of Fisher's exact test; q is p, and `is_real` said of it alone, until `judged` sees it beside others.
    """
    now = wilson(count, total)
    if not total or not total_before:
        before = wilson(count_before, total_before) if total_before else None
        return Change(
            count, total, count_before, total_before, now, before, None, None, None, None, None, False
        )
    share, earlier = count / total, count_before / total_before
    low, high = square_and_add(
        (share, *_wilson(count, total)), (earlier, *_wilson(count_before, total_before))
    )
    p = _p_of_two_shares(count, total, count_before, total_before)
    return Change(
        count, total, count_before, total_before, now, wilson(count_before, total_before),
        round(share - earlier, 4), round(low, 4), round(high, 4), _short(p), _short(p), p <= Q,
    )  # fmt: skip


def square_and_add(
    now: tuple[float, float, float], before: tuple[float, float, float]
) -> tuple[float, float]:
    """The interval of a difference from those of its two parts, each ``(value, low, high)``.

    Recovers the variances from the limits (Zou and Donner 2008); of two Wilson intervals it makes Newcombe's.
    """
    value, low, high = now
    earlier, low_before, high_before = before
    down = math.hypot(value - low, high_before - earlier)
    up = math.hypot(high - value, earlier - low_before)
    return value - earlier - down, value - earlier + up


def _p_of_two_shares(a: int, n: int, b: int, m: int) -> float:
    hits, total = a + b, n + m
    misses = total - hits
    if not hits or not misses:
        return 1.0
    if min(n, m) * min(hits, misses) / total < EXPECTED_LEAST:
        return _fisher(a, n, hits, total)
    statistic = (a * (m - b) - b * (n - a)) ** 2 * (total - 1) / (n * m * hits * misses)
    return math.erfc(math.sqrt(statistic / 2))


def _fisher(a: int, n: int, hits: int, total: int) -> float:
    """Two-sided p of Fisher's exact test: of ``hits`` among ``total``, ``a`` lie among ``n`` of them.

    The counts that it walks are few: it is asked where the smallest expected count is below 1.
    """
    least, most = max(0, hits - (total - n)), min(hits, n)
    whole = _log_choose(total, n)
    logs = [_log_choose(hits, k) + _log_choose(total - hits, n - k) - whole for k in range(least, most + 1)]
    bound = logs[a - least] + 1e-7  # equal ones differ by rounding
    return min(1.0, math.fsum(math.exp(one) for one in logs if one <= bound))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


# ---- two counts


def count_change(now: int, before: int, days: float = 1.0, days_before: float = 1.0) -> CountChange:
    """A count against one before.

    Given both together, the present ones are binomial with the present's share of the days if the rate is as
    it was (Przyborowski and Wilenski 1940): exact, whatever the rate. Feedback that come in bursts vary more
    than this test takes for chance.
    """
    scale = days_before / days
    total = now + before
    low = float(betaincinv(now, before + 1, 0.025)) if now else 0.0
    high = float(betaincinv(now + 1, before, 0.975)) if before else 1.0
    p = _binomial(now, total, days / (days + days_before))
    return CountChange(
        now, before,
        round(now / before * scale, 4) if before else None,
        round(low / (1 - low) * scale, 4) if total else 0.0,
        round(high / (1 - high) * scale, 4) if high < 1 else None,
        _short(p), _short(p), p <= Q,
    )  # fmt: skip


def _binomial(hits: int, total: int, share: float) -> float:
    """Two-sided p of the exact binomial test: all outcomes that are no more probable."""
    if not total:
        return 1.0
    return float(binomtest(hits, total, share).pvalue)


# ---- means


def mean(answers: Answers) -> Mean | None:
    """The mean with its interval; None for no answers.

    From 0: a share of 100 points, by Wilson. From -100: the adjusted Wald interval of Rocks (2016, Interval
    Estimation for the Net Promoter Score), with three more answers of which the ends get 3/4 each; it keeps
    its coverage where few answered and where all said the same.
    """
    if not answers.n:
        return None
    return Mean(*(round(100 * one, 2) for one in _limits(answers)))


def mean_change(now: Answers, before: Answers) -> MeanChange | None:
    """The mean now less the mean before, each of other answers; None where one of them has none.

    The interval is square-and-add. p is that of two shares, or of Mantel's (1963) test of a trend with the
    points of the answers, of which the test of two shares is the case of two kinds; by all permutations
    (Pitman 1937) where one side has fewer than `PERMUTED_BELOW` answers.
    """
    if not now.n or not before.n:
        return None
    here, there = _limits(now), _limits(before)
    low, high = square_and_add(here, there)
    test = _p_of_two_means if now.signed else _p_of_two_hits
    p = test(now, before)
    return MeanChange(
        round(100 * (here[0] - there[0]), 2), round(100 * low, 2), round(100 * high, 2),
        _short(p), _short(p), p <= Q,
    )  # fmt: skip


def _p_of_two_hits(now: Answers, before: Answers) -> float:
    return _p_of_two_shares(now.up, now.n, before.up, before.n)


def _p_of_two_means(now: Answers, before: Answers) -> float:
    up, down, total = now.up + before.up, now.down + before.down, now.n + before.n
    few = min(now, before, key=lambda side: side.n)
    expected = few.n * (up - down) / total
    away = abs(few.up - few.down - expected)
    if few.n >= PERMUTED_BELOW:
        squares = up + down - (up - down) ** 2 / total
        if not squares:
            return 1.0
        between = away**2 * total / (few.n * (total - few.n))
        return math.erfc(math.sqrt((total - 1) * between / squares / 2))
    whole = _log_choose(total, few.n)
    chances = [
        math.exp(
            _log_choose(up, i) + _log_choose(down, j) + _log_choose(total - up - down, few.n - i - j) - whole
        )
        for i in range(min(up, few.n) + 1)
        for j in range(min(down, few.n - i) + 1)
        if few.n - i - j <= total - up - down and abs(i - j - expected) >= away - 1e-9
    ]
    return min(1.0, math.fsum(chances))


def _limits(answers: Answers) -> tuple[float, float, float]:
    """The mean and its interval as parts of 100 points."""
    value = (answers.up - answers.down) / answers.n
    if not answers.signed:
        return value, *_wilson(answers.up, answers.n)
    middle = (answers.up - answers.down) / (answers.n + 3)
    width = Z * _spread(answers)
    # of one single answer the interval would not hold the answer itself
    return value, min(max(middle - width, -1.0), value), max(min(middle + width, 1.0), value)


def _spread(answers: Answers) -> float:
    """Standard error with three more answers (Rocks 2016)."""
    total = answers.n + 3
    up, down = (answers.up + 0.75) / total, (answers.down + 0.75) / total
    return math.sqrt((up + down - (up - down) ** 2) / total)


# ---- many changes at once


def judged(changes: Sequence[Judged]) -> list[Judged]:
    """The same changes, q and ``is_real`` of each said of all that are shown together, same order.

    Of those called real, 5 % are so by chance at most, on average (Benjamini and Hochberg 1995). What has
    nothing to be compared with stays as it is.
    """
    tested = [place for place, one in enumerate(changes) if one.p is not None]
    found = list(changes)
    if not tested:
        return found
    adjusted = false_discovery_control([changes[place].p for place in tested])
    for place, q in zip(tested, adjusted, strict=True):
        found[place] = replace(changes[place], q=_short(float(q)), is_real=bool(q <= Q))
    return found


def _short(p: float) -> float:
    """Three significant digits."""
    return float(f"{p:.3g}")
