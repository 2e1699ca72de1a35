"""Shares, counts, means and their changes: against published tables and SciPy, and by their own laws."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2_contingency, false_discovery_control, fisher_exact

from voc.intervals import Answers, Share, change, count_change, judged, mean, mean_change, wilson


@pytest.mark.parametrize(
    ("hits", "total", "expected"),
    [
        (0, 0, Share(0.0, 0.0, 1.0)),
        (0, 10, Share(0.0, 0.0, 0.2775)),
        (1, 1, Share(1.0, 0.2065, 1.0)),
        (5, 10, Share(0.5, 0.2366, 0.7634)),
        (81, 263, Share(0.308, 0.2553, 0.3662)),  # Newcombe 1998, table I
        (15, 148, Share(0.1014, 0.0624, 0.1605)),
        (1, 29, Share(0.0345, 0.0061, 0.1718)),
        (29, 29, Share(1.0, 0.883, 1.0)),
    ],
)
def test_wilson_as_published(hits: int, total: int, expected: Share) -> None:
    assert wilson(hits, total) == expected


COUNTS = st.integers(0, 10**7).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@settings(deadline=None)
@given(COUNTS)
def test_wilson_holds_the_share_within_0_and_1(counts: tuple[int, int]) -> None:
    hits, total = counts
    share = wilson(hits, total)
    assert 0.0 <= share.low <= share.value <= share.high <= 1.0
    assert total == 0 or abs(share.value - hits / total) <= 5e-5


@settings(deadline=None)
@given(COUNTS)
def test_wilson_of_the_rest_is_its_mirror(counts: tuple[int, int]) -> None:
    hits, total = counts
    share, rest = wilson(hits, total), wilson(total - hits, total)
    assert (share.low, share.high) == pytest.approx((1 - rest.high, 1 - rest.low), abs=1e-4)


@settings(deadline=None)
@given(st.integers(1, 1000), st.data())
def test_wilson_narrows_with_more_rows(total: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, total))
    few, many = wilson(hits, total), wilson(hits * 100, total * 100)
    assert many.high - many.low < few.high - few.low


@settings(deadline=None)
@given(st.integers(1, 10**4), st.data())
def test_wilson_is_that_of_scipy(total: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, total))
    theirs = binomtest(hits, total).proportion_ci(0.95, "wilson")
    ours = wilson(hits, total)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=6e-5)


# ---- two shares


@pytest.mark.parametrize(
    ("a", "n", "b", "m", "low", "high"),
    [  # Newcombe 1998 (difference between independent proportions), table II, method 10
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_as_published(
    a: int, n: int, b: int, m: int, low: float, high: float
) -> None:
    found = change(a, n, b, m)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert found.difference == round(a / n - b / m, 4)


TABLE = st.tuples(st.integers(1, 400), st.integers(1, 400)).flatmap(
    lambda totals: st.tuples(
        st.integers(0, totals[0]), st.just(totals[0]), st.integers(0, totals[1]), st.just(totals[1])
    )
)


@settings(deadline=None)
@given(TABLE)
def test_two_shares_are_tested_as_scipy_tests_them(table: tuple[int, int, int, int]) -> None:
    a, n, b, m = table
    found = change(a, n, b, m)
    counts = np.array([[a, n - a], [b, m - b]])
    hits = a + b
    if hits in (0, n + m):
        expected = 1.0
    elif min(n, m) * min(hits, n + m - hits) / (n + m) < 1:
        expected = fisher_exact(counts).pvalue
    else:
        statistic = chi2_contingency(counts, correction=False).statistic * (n + m - 1) / (n + m)
        expected = math.erfc(math.sqrt(statistic / 2))
    assert found.p == pytest.approx(expected, rel=0.006, abs=1e-12)
    assert found.is_real == (found.q is not None and found.q <= 0.05)
    assert found.low <= found.difference <= found.high
    back = change(b, m, a, n)
    assert back.p == found.p
    assert (back.difference, back.low, back.high) == pytest.approx(
        (-found.difference, -found.high, -found.low), abs=1e-9
    )


def test_a_rare_thing_in_a_million_is_tested_exactly() -> None:
    assert change(3, 1_000_000, 0, 10).p == pytest.approx(1.0)
    assert change(0, 1_000_000, 2, 10).p == pytest.approx(
        fisher_exact([[0, 1_000_000], [2, 8]]).pvalue, rel=0.006
    )


def test_nothing_to_compare_with() -> None:
    for table in ((3, 10, 0, 0), (0, 0, 3, 10), (0, 0, 0, 0)):
        found = change(*table)
        assert (found.difference, found.low, found.high, found.p, found.q, found.is_real) == (
            *[None] * 5,
            False,
        )
        assert found.now == wilson(*table[:2])
        assert found.before == (wilson(*table[2:]) if table[3] else None)


# ---- two counts


@settings(deadline=None)
@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 60), st.integers(1, 60))
def test_two_counts_are_compared_exactly(now: int, before: int, days: int, days_before: int) -> None:
    found = count_change(now, before, days, days_before)
    if now + before == 0:
        assert (found.ratio, found.high, found.p, found.is_real) == (None, None, 1.0, False)
        return
    test = binomtest(now, now + before, days / (days + days_before))
    assert found.p == pytest.approx(test.pvalue, rel=0.006, abs=1e-12)
    limits = test.proportion_ci(0.95, "exact")
    scale = days_before / days
    assert found.low == pytest.approx(
        limits.low / (1 - limits.low) * scale if now else 0.0, rel=1e-5, abs=1e-4
    )
    if before == 0:
        assert (found.ratio, found.high) == (None, None)
    else:
        assert found.high == pytest.approx(limits.high / (1 - limits.high) * scale, rel=1e-5, abs=1e-4)
        assert found.low <= found.ratio <= found.high


# ---- means


ANSWERS = st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)).filter(any)


@given(ANSWERS)
def test_a_mean_lies_in_its_interval_and_mirrors(kinds: tuple[int, int, int]) -> None:
    up, _, down = kinds
    found = mean(Answers(up, down, sum(kinds), signed=True))
    assert found is not None
    assert -100 <= found.low <= found.value <= found.high <= 100
    assert found.value == pytest.approx(100 * (up - down) / sum(kinds), abs=0.01)
    assert found.low < found.high
    mirrored = mean(Answers(down, up, sum(kinds), signed=True))
    assert mirrored is not None
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))
    share = mean(Answers(up, 0, sum(kinds), signed=False))
    expected = wilson(up, sum(kinds))
    assert share is not None
    assert (share.value, share.low, share.high) == pytest.approx(
        (100 * expected.value, 100 * expected.low, 100 * expected.high), abs=0.01
    )


@pytest.mark.parametrize(("n", "least"), [(5, 0.88), (20, 0.925), (200, 0.93)])
@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.85, 0.1, 0.05), (0.1, 0.1, 0.8)])
def test_the_interval_of_a_net_score_holds_it_as_often_as_it_says(
    n: int, least: float, shares: tuple[float, float, float]
) -> None:
    true = 100 * (shares[0] - shares[2])
    drawn = np.random.default_rng(n).multinomial(n, shares, 2000)
    held = 0
    for up, _, down in drawn.tolist():
        found = mean(Answers(up, down, n, signed=True))
        assert found is not None
        held += found.low <= true <= found.high
    assert least <= held / 2000 <= 0.995


def test_two_means_are_compared() -> None:
    now, before = Answers(60, 20, 100, signed=True), Answers(30, 50, 100, signed=True)
    found = mean_change(now, before)
    assert found is not None
    assert found.difference == 60.0
    assert found.is_real
    assert 30 < found.low < 60 < found.high < 90
    back = mean_change(before, now)
    assert back is not None
    assert (back.difference, back.low, back.high, back.p) == (-60.0, -found.high, -found.low, found.p)
    values = [1] * 60 + [0] * 20 + [-1] * 20 + [1] * 30 + [0] * 20 + [-1] * 50
    correlation = np.corrcoef(values, [1] * 100 + [0] * 100)[0, 1]
    assert found.p == pytest.approx(math.erfc(math.sqrt(199 * correlation**2 / 2)), rel=0.006)
    few = mean_change(Answers(2, 0, 2, signed=True), Answers(0, 2, 2, signed=True))
    assert few is not None
    assert (few.p, few.difference) == (pytest.approx(1 / 3, rel=0.006), 200.0)
    one = mean_change(Answers(0, 1, 1, signed=True), Answers(30, 0, 30, signed=True))
    assert one is not None
    assert one.p == pytest.approx(1 / 31, rel=0.006)
    assert mean_change(now, Answers(0, 0, 0, signed=True)) is None
    assert mean(Answers(0, 0, 0, signed=False)) is None
    shares = mean_change(Answers(56, 0, 70, signed=False), Answers(48, 0, 80, signed=False))
    assert shares is not None
    assert (shares.low, shares.high) == pytest.approx((5.24, 33.39), abs=0.01)
    assert shares.p == change(56, 70, 48, 80).p


FEW = st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=6)


@settings(deadline=None)
@given(FEW, FEW)
def test_few_answers_are_permuted(now: list[int], before: list[int]) -> None:
    found = mean_change(
        *(Answers(side.count(1), side.count(-1), len(side), signed=True) for side in (now, before))
    )
    both = now + before
    expected = sum(both) * len(now) / len(both)
    away = [abs(sum(drawn) - expected) for drawn in itertools.combinations(both, len(now))]
    assert found is not None
    as_far = sum(one >= abs(sum(now) - expected) - 1e-9 for one in away)
    assert found.p == pytest.approx(as_far / len(away), rel=0.006)


# ---- many at once


def test_many_are_judged_together() -> None:
    changes = [change(50 + step, 200, 50, 200) for step in (0, 8, 16, 19, 24, 40)] + [change(3, 9, 0, 0)]
    found = judged(changes)
    expected = false_discovery_control([one.p for one in changes[:-1]])
    assert [one.q for one in found[:-1]] == pytest.approx(expected, rel=0.01)
    assert [one.is_real for one in found] == [q <= 0.05 for q in expected] + [False]
    assert found[-1] == changes[-1]
    assert [replace(one, q=None, is_real=False) for one in found] == [
        replace(one, q=None, is_real=False) for one in changes
    ]
    alone = change(74, 200, 50, 200)
    assert alone.is_real
    assert not judged([alone, *[change(50, 200, 50, 200)] * 20])[0].is_real
    assert judged([]) == []


def test_where_nothing_changed_few_are_found() -> None:
    chance = np.random.default_rng(5)
    listed = 0
    for _ in range(100):
        shares = chance.uniform(0.002, 0.1, 40)
        now, before = chance.binomial(800, shares), chance.binomial(700, shares)
        found = judged([change(int(a), 800, int(b), 700) for a, b in zip(now, before, strict=True)])
        listed += any(one.is_real for one in found)
    assert listed <= 10
