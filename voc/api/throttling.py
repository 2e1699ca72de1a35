"""How often somebody may ask, counted in this process.

What must hold: whoever has a key of their own is never held up by others; what is counted of strangers has a
bound, however many addresses they come from.
"""

from __future__ import annotations

import ipaddress
import math
import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

#: Requests a minute of one address that may be refused for who sends them; beyond, they are told to wait.
REFUSALS_PER_MINUTE = 60
#: Addresses that are counted at a time; beyond, counting begins anew.
MOST_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """What is left to one caller in this process.

    Attributes:
        limit: requests a minute.
        remaining: of them.
        wait_s: whole seconds until the next is allowed; 0 if this one was.
    """

    limit: int
    remaining: int
    wait_s: int


class Throttle:
    """A moving window of a minute for each caller.

    Args:
        workers: processes that serve; each allows its share of what is allowed in all.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._begin()

    def _begin(self) -> None:
        self._callers = MovingWindowRateLimiter(MemoryStorage())
        self._refusals = MovingWindowRateLimiter(MemoryStorage())
        self._addresses: set[str] = set()
        self._seen = time.time()

    def _look_at_the_clock(self) -> None:
        """Counts anew where it was set back: what seems to come from the future would count until then."""
        now = time.time()
        if now < self._seen - 1.0:
            self._begin()
        self._seen = now

    def hit(self, actor: str, per_minute: int) -> Share:
        """Counts a request of somebody who is known.

        Args:
            per_minute: requests allowed in all processes together, at least 1.
        """
        self._look_at_the_clock()
        return self._hit(self._callers, actor, per_minute)

    def hit_stranger(self, address: str) -> Share:
        """Counts a request that was refused because nobody knows who sends it."""
        self._look_at_the_clock()
        if len(self._addresses) >= MOST_ADDRESSES:
            self._addresses = set()
            self._refusals = MovingWindowRateLimiter(MemoryStorage())
        network = network_of(address)
        self._addresses.add(network)
        return self._hit(self._refusals, network, REFUSALS_PER_MINUTE)

    def _hit(self, limiter: MovingWindowRateLimiter, name: str, per_minute: int) -> Share:
        item = RateLimitItemPerMinute(math.ceil(per_minute / self._workers))
        allowed = limiter.hit(item, name)
        reset_at, remaining = limiter.get_window_stats(item, name)
        wait_s = 0 if allowed else max(1, math.ceil(reset_at - time.time()))
        return Share(item.amount, max(0, remaining), wait_s)


def network_of(address: str) -> str:
    """The address, of IPv6 its first 64 bits: one machine has all the others (RFC 4291, 2.5.1).

    Who comes by IPv4 to a service that listens on ``::`` is told by the IPv4 address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
