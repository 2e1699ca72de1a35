"""The time now, from one place."""

from __future__ import annotations

import time


def utc_now() -> str:
    """The time now as ISO 8601 in UTC, to the millisecond."""
    seconds = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"
