"""Shares with what counting so few leaves open.

Enters: counts. Leaves: a share and its interval. What must hold: the share lies in its interval, and both in
0..1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % Wilson score interval (Wilson 1927), all in 0..1."""

    value: float
    low: float
    high: float


def wilson(hits: int, total: int, z: float = 1.959964) -> Share:
    """The share ``hits / total`` with its Wilson score interval; 0, 0, 1 where ``total`` is 0."""
    if total == 0:
        return Share(0.0, 0.0, 1.0)
    share = hits / total
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    middle = share + z * z / (2 * total)
    scale = 1 + z * z / total
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return Share(round(share, 4), round(max(low, 0.0), 4), round(min(high, 1.0), 4))
