"""What moves NPS and CSAT: the score with and without those who mention a topic."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, ttest_ind_from_stats

from voc.intervals import Q
from voc.reports.counting import Asked, Cut, score_of
from voc.reports.figures import Figures, Score
from voc.reports.periods import Period

if TYPE_CHECKING:
    from voc.facts import Facts

ScoreName = Literal["nps", "csat"]

#: Answers of those who mention a topic, and of those who do not, that an impact is told for.
ENOUGH = 30
#: Bootstrap resamples of each topic.
RESAMPLES = 2_000
SEED = 20261121
METHOD = (
    "impact = score of all who answered - score of those who do not mention the topic; interval: percentile "
    "bootstrap, 2,000 resamples of those who answered (Efron and Tibshirani 1993); test: Welch (1947), over "
    "all topics with enough data by Benjamini and Hochberg (1995). It says what goes together, not what "
    "causes what."
)


@dataclass(frozen=True, slots=True)
class Driver(Figures):
    """What one topic does to a score.

    Attributes:
        key: of the topic.
        n: answers of those who mention it.
        share: ``n`` of all answers, 0..1.
        value: score of those who mention it; None where n is 0.
        without: score of those who do not; None where there are none.
        impact: the overall score less ``without``, in points: below 0 the topic pulls the score down by so
            much. None unless ``enough``.
        low, high: its 95 % interval by bootstrap; None unless ``enough``.
        p, q: of no difference between those who mention it and those who do not; q over all topics with
            enough data. None unless ``enough``.
        is_real: whether q is at most 0.05.
        enough: at least 30 answers of those who mention it, and 30 of those who do not.
    """

    key: str
    n: int
    share: float
    value: float | None
    without: float | None
    impact: float | None
    low: float | None
    high: float | None
    p: float | None
    q: float | None
    is_real: bool
    enough: bool


@dataclass(frozen=True, slots=True)
class Drivers(Figures):
    """What moves a score in a period.

    Attributes:
        score: ``nps`` or ``csat``.
        overall: None where the period has no such answer.
        method: how it is reckoned, one line of English with the sources.
        items: topics mentioned in answers: those with enough data first, the largest impact (either way)
            first; then those without, the most answers first.
        not_enough: how many of the items have not enough data.
    """

    score: str
    period: Period
    overall: Score | None
    method: str
    items: tuple[Driver, ...]
    not_enough: int


def drivers(facts: Facts, rows: NDArray[np.bool_], period: Period, score: ScoreName = "nps") -> Drivers:
    """What moves a score in a period; the same call gives the same figures.

    Args:
        rows: bool (n,), the mask of the filter without its period.
    """
    asked = Asked(facts, rows, period)
    now = asked.now
    found = [_driver(facts.topics[topic], kinds, rest) for topic, kinds, rest in _answers(now, score)]
    enough = [driver for driver in found if driver.p is not None]
    if enough:
        adjusted = false_discovery_control([driver.p for driver in enough])
        enough = [
            replace(driver, q=float(f"{q:.3g}"), is_real=bool(q <= Q))
            for driver, q in zip(enough, adjusted, strict=True)
        ]
    rest = [driver for driver in found if driver.p is None]
    return Drivers(
        score=score,
        period=period,
        overall=score_of(score, now, asked.before),
        method=METHOD,
        items=(
            *sorted(enough, key=lambda driver: (-abs(driver.impact or 0.0), driver.key)),
            *sorted(rest, key=lambda driver: (-driver.n, driver.key)),
        ),
        not_enough=len(rest),
    )


def _answers(now: Cut, score: ScoreName) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Of each topic that answers mention: the answers of -100, 0 and 100 points of those who mention it, and
    of those who do not; int64 (3,) each."""
    points, given = now.points(score)
    whole = np.bincount(points[given] + 1, minlength=3)
    spoken = now.mentions
    answered = given[spoken.place]
    code = spoken.topic[answered] * 3 + (points[spoken.place[answered]] + 1)
    table = np.bincount(code, minlength=len(now.facts.topics) * 3).reshape(-1, 3)
    for topic in np.flatnonzero(table.sum(axis=1)).tolist():
        yield topic, table[topic], whole - table[topic]


def _driver(key: str, kinds: NDArray[np.int64], rest: NDArray[np.int64]) -> Driver:
    n, others = int(kinds.sum()), int(rest.sum())
    value, without = _mean(kinds), _mean(rest)
    found = Driver(
        key, n, round(n / (n + others), 4), _rounded(value), _rounded(without),
        None, None, None, None, None, is_real=False, enough=n >= ENOUGH and others >= ENOUGH,
    )  # fmt: skip
    if not found.enough:
        return found
    overall = _mean(kinds + rest)
    assert overall is not None and without is not None  # noqa: S101, PT018  # there are enough of both
    impact = overall - without
    low, high = _interval(kinds, rest)
    p = _welch(kinds, rest)
    return replace(
        found, impact=round(impact, 2), low=round(min(low, impact), 2), high=round(max(high, impact), 2),
        p=float(f"{p:.3g}"),
    )  # fmt: skip


def _mean(kinds: NDArray[np.int64]) -> float | None:
    count = int(kinds.sum())
    return 100.0 * int(kinds[2] - kinds[0]) / count if count else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _interval(kinds: NDArray[np.int64], rest: NDArray[np.int64]) -> tuple[float, float]:
    """The 95 % percentile interval of the impact over resamples of all who answered.

    Whom a resample draws matters only by which of six kinds they are, so that it is one draw of a multinomial
    distribution: exactly the bootstrap over rows, at the price of six numbers, however many rows there are.
    """
    cells = np.concatenate([kinds, rest])
    total = int(cells.sum())
    drawn = np.random.default_rng(SEED).multinomial(total, cells / total, RESAMPLES).astype(np.float64)
    overall = (drawn[:, 2] + drawn[:, 5] - drawn[:, 0] - drawn[:, 3]) / total
    without = (drawn[:, 5] - drawn[:, 3]) / np.maximum(drawn[:, 3:].sum(axis=1), 1)
    low, high = np.percentile(100 * (overall - without), [2.5, 97.5])
    return float(low), float(high)


def _welch(kinds: NDArray[np.int64], rest: NDArray[np.int64]) -> float:
    """Two-sided p of equal means (Welch 1947)."""
    (mean, spread, n), (other, width, m) = _moments(kinds), _moments(rest)
    if spread == width == 0:
        return 1.0 if mean == other else 0.0
    return float(ttest_ind_from_stats(mean, spread, n, other, width, m, equal_var=False).pvalue)


def _moments(kinds: NDArray[np.int64]) -> tuple[float, float, int]:
    """Mean, standard deviation and number."""
    n = int(kinds.sum())
    mean = int(kinds[2] - kinds[0]) / n
    return mean, math.sqrt(max(int(kinds[2] + kinds[0]) - n * mean * mean, 0.0) / (n - 1)), n
