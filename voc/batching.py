"""Dynamic batching: what many threads ask for at the same time is done together, one batch at a time.

Enters: items of many threads. Leaves: the same items, worked on. What must hold: one batch is at work at a
time; every caller has an item in every batch, and so many items of one do not keep one of another waiting;
what waits in the background gets a share of every batch, however much is asked for.

A network run over 16 short texts takes less than ten runs over one (docs/reliability.md has the figures), and
two runs side by side on one core take twice as long each. There is no thread of its own: whoever finds nobody
at work does the next batch for all ("leader/followers", Schmidt et al. 2000).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Generic, TypeVar

Item = TypeVar("Item")

#: A time that is never out.
FOREVER = float("inf")
#: One item of the background for so many that a request waits for, and one at least.
BACKGROUND_SHARE = 4


class _Group(Generic[Item]):
    """What one caller handed in: items that wait, and how many are at work."""

    def __init__(self, items: Iterable[Item], *, background: bool) -> None:
        self.waiting = deque(items)
        self.at_work = 0
        self.background = background

    @property
    def done(self) -> bool:
        return not self.waiting and not self.at_work


class Batcher(Generic[Item]):
    """Works on the items of many threads, batch by batch.

    Args:
        work: does one batch; it must see to the failure of an item itself.
        most: items of one batch.
        slots: callers of `run` that may wait at a time; any number if left out.
    """

    def __init__(self, work: Callable[[Sequence[Item]], None], most: int, slots: int | None = None) -> None:
        self._work = work
        self._most = most
        self._slots = slots
        self._groups: list[_Group[Item]] = []
        self._busy = False
        self._changed = threading.Condition()

    def run(self, items: Iterable[Item], timeout_s: float, *, always: bool = False) -> list[Item]:
        """Returns when the items are worked on, or the time is out; the items that nobody began.

        Args:
            timeout_s: seconds after which no more is begun. A batch at work is waited for no longer either,
                unless this caller does it.
            always: wait even where all slots are taken; otherwise all items come back at once then.
        """
        return self._run(items, monotonic() + timeout_s, background=False, always=always)

    def run_in_background(self, items: Iterable[Item]) -> None:
        """Returns when the items are worked on: at once where nobody asks for anything, in small shares of
        others' batches where somebody does."""
        self._run(items, FOREVER, background=True, always=True)

    def is_full(self) -> bool:
        """Whether all slots are taken at this moment."""
        with self._changed:
            return self._full

    def _run(self, items: Iterable[Item], deadline: float, *, background: bool, always: bool) -> list[Item]:
        group = _Group(items, background=background)
        with self._changed:
            if not always and self._full:
                return list(group.waiting)
            self._groups.append(group)
            try:
                while not group.done and (left := deadline - monotonic()) > 0:
                    if self._busy:
                        self._changed.wait(min(left, threading.TIMEOUT_MAX))
                    else:
                        self._lead()
            finally:
                self._groups.remove(group)
            return list(group.waiting)

    @property
    def _full(self) -> bool:
        return self._slots is not None and sum(not one.background for one in self._groups) >= self._slots

    def _lead(self) -> None:
        """Does one batch for all; the lock is held before and after, not meanwhile."""
        batch = self._take()
        self._busy = True
        self._changed.release()
        try:
            self._work([item for _, item in batch])
        finally:
            self._changed.acquire()
            self._busy = False
            for group, _ in batch:
                group.at_work -= 1
            self._changed.notify_all()

    def _take(self) -> list[tuple[_Group[Item], Item]]:
        """The next batch: one item of each caller in turn, then the background's share."""
        asked = self._in_turn(self._most, background=False)
        room = max(1, len(asked) // BACKGROUND_SHARE) if asked else self._most
        return asked + self._in_turn(room, background=True)

    def _in_turn(self, most: int, *, background: bool) -> list[tuple[_Group[Item], Item]]:
        turn = deque(one for one in self._groups if one.background == background and one.waiting)
        taken: list[tuple[_Group[Item], Item]] = []
        while turn and len(taken) < most:
            group = turn.popleft()
            taken.append((group, group.waiting.popleft()))
            group.at_work += 1
            if group.waiting:
                turn.append(group)
        return taken
