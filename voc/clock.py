"""The time now, from one place."""

from __future__ import annotations

import time


def utc_now() -> str:
    """The time now as ISO 8601 in UTC, to the millisecond."""
    return utc_at(time.time())


def utc_at(seconds: float) -> str:
    """A time given in seconds since 1970 as ISO 8601 in UTC, to the millisecond."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"
