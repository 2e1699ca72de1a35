"""Whether something is said more often than it was: a test for each, false discoveries controlled over all.

Enters: counts now and before. Leaves: rate ratios with intervals, p and q. What must hold: where nothing
changed but the amount of feedback, few are found.

* The test: of ``c = now + past`` mentions the present ones are binomial with the present's share of all
  feedback if the rate is as it was (the conditional test of two Poisson rates, Przyborowski and Wilenski
  1940); one-sided.
* Counts of real feedback vary more than Poisson counts. Their variance is taken as ``mean + a mean^2``, with
  one ``a`` for all, estimated from the weeks of the past (the common dispersion of a negative binomial model,
  Robinson and Smyth 2008, by moments). Counts are divided by the factor by which this makes the variance
  larger before they are tested (Rao and Scott 1992); with a factor of 1 the test is exact.
* q is the adjusted p of Benjamini and Hochberg (1995): of those listed because of ``q <= 0.05``, 5 % are
  false at most, on average, for tests that are independent or depend on each other positively.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv
from scipy.stats import false_discovery_control

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """The answer for each of n things; every array is float64 (n,).

    Attributes:
        ratio: the present's rate to the past's; infinite where there was none.
        low, high: its 95 % interval (Clopper and Pearson 1934, on the share of mentions that are present).
        dispersion: the factor by which counts vary more than Poisson counts, at least 1.
        p, q: see above.
    """

    ratio: Floats
    low: Floats
    high: Floats
    dispersion: Floats
    p: Floats
    q: Floats


def growth(now: Counts, weeks: Counts, past: Counts, of_now: int, of_weeks: Counts, of_past: int) -> Growth:
    """Tests n things at once.

    Args:
        now: (n,), feedback of the present that mention each.
        weeks: (n, n_weeks), the same of each week of the past.
        past: (n,), the same of the whole past.
        of_now, of_past: all feedback of the present and of the past, both above 0.
        of_weeks: (n_weeks,), all feedback of each week.
    """
    share = of_now / (of_now + of_past)
    factors = dispersion(now + past, weeks, of_now + of_past, of_weeks)
    hits, others = now / factors, past / factors
    tails = tail(hits, others, share)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(now > 0, (now / of_now) / (past / of_past), 0.0)
    low, high = interval(hits, others)
    scale = of_past / of_now
    return Growth(
        ratio, _odds(low) * scale, _odds(high) * scale, factors, tails,
        false_discovery_control(tails) if len(tails) else tails,
    )  # fmt: skip


def tail(hits: Floats, others: Floats, share: float) -> Floats:
    """How probable ``hits`` or more of ``hits + others`` are at ``share`` each; counts need not be whole."""
    return np.where(hits > 0, betainc(np.maximum(hits, 1e-9), others + 1, share), 1.0)


def interval(hits: Floats, others: Floats) -> tuple[Floats, Floats]:
    """The 95 % interval of Clopper and Pearson of the share ``hits / (hits + others)``."""
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1e-9), others + 1, 0.025), 0.0)
    high = np.where(others > 0, betaincinv(hits + 1, np.maximum(others, 1e-9), 0.975), 1.0)
    return low, high


def _odds(share: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(share / (1 - share), np.float64)


def dispersion(counts: Counts, weeks: Counts, of_all: int, of_weeks: Counts) -> Floats:
    """By which factor the variance of each thing's weekly counts is larger than its mean, at least 1.

    Pearson's statistic of n_weeks counts is n_weeks - 1 on average if they are Poisson, however few they
    are, and larger by ``a`` times the weekly mean for each of its degrees of freedom if they are not; solved
    for ``a`` over all things together.

    Args:
        counts: (n,), feedback that mention each, past and present.
        weeks: (n, n_weeks), of the past.
        of_all: all feedback, past and present.
        of_weeks: (n_weeks,), all feedback of each week.
    """
    filled = of_weeks > 0
    freedom = int(filled.sum()) - 1
    heard = weeks[:, filled].sum(axis=1)
    if freedom < 1 or not heard.any():
        return np.ones(len(counts))
    weeks, of_weeks = weeks[heard > 0][:, filled], of_weeks[filled]
    expected = np.outer(weeks.sum(axis=1) / of_weeks.sum(), of_weeks)
    excess = ((weeks - expected) ** 2 / expected).sum() - freedom * len(weeks)
    a = max(0.0, float(excess / (freedom * expected.mean(axis=1).sum())))
    return np.asarray(1 + a * counts / of_all * of_weeks.mean(), np.float64)
