"""How well found chains of departments agree with labelled ones.

Enters: the labelled chains and the found ones, same order; the empty chain where there is none. Leaves:
figures between 0 and 1. What must hold: a share of nothing is 1, so that an empty set is no failure.
"""

from __future__ import annotations

from collections.abc import Sequence


def hop_figures(expected: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> dict[str, float]:
    """The figures of ``found`` against ``expected``.

    Returns:
        ``exact``: the share of labelled chains found without any difference; ``precision``, ``recall`` and
        ``f1`` of the hops, where the longest common subsequence of both chains is what was found rightly;
        ``silent``: the share of texts without a chain for which none is reported.

    Raises:
        ValueError: the two are not equally long.
    """
    pairs = list(zip(expected, found, strict=True))
    labelled = [(want, got) for want, got in pairs if want]
    unlabelled = [got for want, got in pairs if not want]
    right = sum(_common(want, got) for want, got in labelled)
    precision = _share(right, sum(len(got) for _, got in pairs))
    recall = _share(right, sum(len(want) for want, _ in labelled))
    return {
        "exact": _share(sum(list(want) == list(got) for want, got in labelled), len(labelled)),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "silent": _share(sum(not got for got in unlabelled), len(unlabelled)),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for item in one:
        diagonal = 0
        for place, candidate in enumerate(other, 1):
            above = row[place]
            row[place] = diagonal + 1 if item == candidate else max(above, row[place - 1])
            diagonal = above
    return row[-1]
