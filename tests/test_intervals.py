"""Shares come with an interval that holds them: against published tables and SciPy, and by their own laws."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from voc.intervals import Share, wilson


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
