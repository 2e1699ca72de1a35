"""The facts of this moment, masks of their rows by a filter, and pages of feedback."""

from __future__ import annotations

import re
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc.facts.building import Builder
from voc.facts.facts import DEPARTMENTS_MOST, Facts, Mask, code_of
from voc.facts.joining import changed, whole
from voc.records import LANGUAGES, SENTIMENTS, STATUSES, TOUCHPOINTS
from voc.store import Filter, Kept, Stamp, Store, match_query

#: Where more rows changed, all are read anew.
CHANGED_MOST = 100_000
#: Feedback from which on they are read ahead, and seconds between two looks.
AHEAD_FROM = 20_000
AHEAD_S = 30.0
#: Searches whose rows are remembered until something changes.
SEARCHES = 16
#: Feedback of one moment that are sorted here; of more, the database's own index tells the order.
TIED_MOST = 1_000
#: How often a page is begun anew because somebody wrote between two questions.
TRIES = 3
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\.\d{3}Z)?")

Cursor = tuple[str, str]


class FactTable:
    """The facts of a store, kept up to date; safe between threads.

    Attributes:
        loaded: the facts as they were asked for last; None before.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._builder = Builder()
        self.loaded: Facts | None = None
        self._searches: OrderedDict[tuple[Stamp, str], NDArray[np.int64]] = OrderedDict()

    def now(self) -> Facts:
        """The facts at a moment after the call; the same object as long as nothing changed.

        Not to be asked inside a write transaction: what is not committed is nobody else's to see.
        """
        facts = self.loaded
        if facts is not None and facts.stamp == self._store.changes.stamp():
            return facts
        with self._lock, self._store.columns.moment():
            self.loaded = self._current(self.loaded)
            return self.loaded

    def _current(self, before: Facts | None) -> Facts:
        stamp = self._store.changes.stamp()
        if before is not None:
            if before.stamp == stamp:
                return before
            numbers = self._store.changes.since(before.stamp, stamp, CHANGED_MOST)
            if numbers is not None:
                ((rows, segments),) = self._store.columns.read(numbers)
                if len(rows.number) == len(numbers):
                    now = changed(before, self._builder.read(rows, segments), self._builder, stamp)
                    if now is not None:
                        return now
        self._builder = Builder()
        parts = [self._builder.read(*columns) for columns in self._store.columns.read()]
        return whole(parts, self._builder, stamp)

    def run(self, stop: threading.Event) -> None:
        """Reads the facts before anybody asks for them, and follows what changes, until the event is set.

        A database that is read in a moment is left alone: many processes never need its facts.
        """
        while not stop.is_set():
            if self.loaded is not None or self._store.columns.last_number() >= AHEAD_FROM:
                self.now()
            stop.wait(AHEAD_S)

    # ---- filters

    def rows(self, facts: Facts, chosen: Filter) -> Mask:
        """Which rows a filter lets through; bool (n,).

        What is no column (a word, a rare attribute) the database is asked for, and so is told as of now.
        """
        found: Mask | None = None
        for mask in self._masks(facts, chosen):  # each is new, and nobody else's
            found = mask if found is None else np.logical_and(found, mask, out=found)
        return np.ones(len(facts), np.bool_) if found is None else found

    def _masks(self, facts: Facts, chosen: Filter) -> Iterator[Mask]:
        yield from self._times(facts, chosen)
        if chosen.source is not None:
            yield facts.source == code_of(facts.sources, chosen.source)
        for column, values, value in (
            (facts.sentiment, SENTIMENTS, chosen.sentiment),
            (facts.status, STATUSES, chosen.status),
            (facts.language, LANGUAGES, chosen.language),
            (facts.touchpoint, TOUCHPOINTS, chosen.touchpoint),
        ):
            if value is not None:
                yield column == code_of(values, value)
        yield from self._departments(facts, chosen)
        if chosen.topic is not None:
            yield facts.speaks_of(chosen.topic)
        if chosen.attribute is not None:
            name, text = chosen.attribute
            kept = facts.attributes.get(name)
            if kept is not None:
                yield kept.codes == code_of(kept.values, text)
            else:
                yield self._asked(facts, Filter(attribute=chosen.attribute))
        if chosen.q is not None:
            yield self._searched(facts, chosen.q)

    def _times(self, facts: Facts, chosen: Filter) -> Iterator[Mask]:
        if chosen.since is not None:
            moment = milliseconds(chosen.since)
            wanted = Filter(since=chosen.since)
            yield self._asked(facts, wanted) if moment is None else facts.at >= moment
        if chosen.until is not None:
            moment = milliseconds(chosen.until)
            wanted = Filter(until=chosen.until)
            yield self._asked(facts, wanted) if moment is None else facts.at < moment

    def _departments(self, facts: Facts, chosen: Filter) -> Iterator[Mask]:
        many = len(facts.departments) > DEPARTMENTS_MOST  # not all of them have a bit
        for name in ("within", "also", "firefighting", "department"):
            key: str | None = getattr(chosen, name)
            if key is None:
                continue
            if many:
                alone: dict[str, Any] = {name: key, "role": chosen.role}
                yield self._asked(facts, Filter(**alone))
            elif name == "firefighting":
                yield facts.firefighting(key)
            elif name == "department" and chosen.role == "owner":
                yield facts.owner == code_of(facts.departments, key)
            elif name == "department" and chosen.role == "cooperator":
                yield facts.cooperates(key)
            else:
                yield facts.implicates(key)

    def _asked(self, facts: Facts, chosen: Filter) -> Mask:
        return mask_of(facts, self._store.columns.matching(chosen))

    def _searched(self, facts: Facts, q: str) -> Mask:
        query = match_query(q)
        if not query:
            return np.zeros(len(facts), np.bool_)
        key = (facts.stamp, query)
        with self._lock:
            numbers = self._searches.pop(key, None)
        if numbers is None:
            numbers = self._store.columns.speaking_of(query)
        with self._lock:
            self._searches[key] = numbers
            while len(self._searches) > SEARCHES:
                self._searches.popitem(last=False)
        return mask_of(facts, numbers)

    def forget_searches(self) -> None:
        """Asks the database again for searches that were made before."""
        with self._lock:
            self._searches.clear()

    # ---- pages

    def find(
        self, chosen: Filter, limit: int, after: Cursor | None = None
    ) -> tuple[list[Kept], Cursor | None]:
        """As `Store.find`: the latest feedback first, and where the next page begins; and as quick with any
        filter. All is told as of one moment."""
        for _ in range(TRIES):
            facts = self.now()
            with self._store.columns.moment():
                if self._store.changes.stamp() == facts.stamp:
                    return self.page(facts, self.rows(facts, chosen), limit, after)
        return self._store.find(chosen, limit, after)  # somebody writes all the time

    def page(
        self, facts: Facts, rows: Mask, limit: int, after: Cursor | None = None
    ) -> tuple[list[Kept], Cursor | None]:
        """The latest of these rows first, at most ``limit``, and where the next page begins.

        Args:
            rows: bool (n,), as `rows` gives them.
            after: ``(occurred_at, id)`` of the last feedback of the page before.
        """
        found = self._newest(facts, rows, limit + 1, after)
        numbers = facts.number[found[:limit]].tolist()
        kept = self._store.numbered(numbers)
        items = [kept[number] for number in numbers if number in kept]
        last = items[-1].feedback if len(found) > limit and items else None
        return items, (last.occurred_at, last.id) if last else None

    def _newest(self, facts: Facts, rows: Mask, count: int, after: Cursor | None) -> list[int]:
        """Up to ``count`` rows, by time and id downwards."""
        end = len(facts)
        found: list[int] = []
        if after is not None:
            moment = milliseconds(after[0]) if len(after[0]) > len("2026-11-21") else None
            if moment is None:  # no page ever ended there
                latest = Filter(until=after[0])
                return self._newest(facts, rows & self._asked(facts, latest), count, None)
            end = bisect_left(facts.order, moment, key=facts.at.__getitem__)
            found = self._tied(facts, rows, moment, count, after[1])
        hits = _last(facts.order[:end], rows, count - len(found))
        if not len(hits):
            return found
        moments = facts.at[hits]
        for start, stop in _groups(moments):
            if stop - start == 1 and stop < len(hits):
                found.append(int(hits[start]))
            else:
                found += self._tied(facts, rows, int(moments[start]), count - len(found))
        return found

    def _tied(
        self, facts: Facts, rows: Mask, moment: int, count: int, before: str | None = None
    ) -> list[int]:
        """Rows of one moment by id downwards, those below ``before``."""
        at = facts.at.__getitem__
        start = bisect_left(facts.order, moment, key=at)
        hits = facts.order[start : bisect_right(facts.order, moment, lo=start, key=at)]
        hits = hits[rows[hits]]
        if len(hits) == 0 or (len(hits) == 1 and before is None):
            return [int(row) for row in hits]
        by_number = {int(facts.number[row]): int(row) for row in hits}
        if len(hits) <= TIED_MOST:
            told = self._store.columns.ids(by_number).items()
            pairs = sorted(((key, number) for number, key in told), reverse=True)
            pairs = [(key, number) for key, number in pairs if before is None or key < before]
            return [by_number[number] for _, number in pairs[:count]]
        found: list[int] = []
        for number in self._store.columns.said_at(text_of(moment), before):
            if number in by_number:
                found.append(by_number[number])
                if len(found) == count:
                    break
        return found


def milliseconds(text: str) -> int | None:
    """A moment as the store writes it, or a day, in milliseconds since 1970; None for anything else."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def text_of(moment: int) -> str:
    """The reverse of `milliseconds`, as the store writes it."""
    return f"{np.datetime64(moment, 'ms')}Z"


def mask_of(facts: Facts, numbers: NDArray[np.int64]) -> Mask:
    """The rows of these feedback; numbers that the facts do not know are left out."""
    found = np.zeros(len(facts), np.bool_)
    if len(facts):
        first = int(facts.number[0])
        if int(facts.number[-1]) - first == len(facts) - 1:  # none is missing
            places = numbers - first
            found[places[(places >= 0) & (places < len(facts))]] = True
        else:
            places = np.minimum(np.searchsorted(facts.number, numbers), len(facts) - 1)
            found[places[facts.number[places] == numbers]] = True
    return found


def _last(order: NDArray[np.int32], rows: Mask, count: int) -> NDArray[np.int32]:
    """The last ``count`` of ``order`` that are among the rows, the last first."""
    found: list[NDArray[np.int32]] = []
    step = max(4_096, 4 * count)
    end = len(order)
    while end > 0 and count > 0:
        block = order[max(0, end - step) : end][::-1]
        hits = block[rows[block]][:count]
        found.append(hits)
        count -= len(hits)
        end -= step
        step *= 4
    return np.concatenate(found) if found else order[:0]


def _groups(values: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Stretches of equal values: where each starts and stops."""
    cuts = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    yield from pairwise(cuts)
