"""Columns of keys as the store reads them -> columns of numbers as reports count over them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc.facts.facts import ATTRIBUTES_MOST, DEPARTMENTS_MOST, SCORES, VALUES_MOST, WORST_FIRST
from voc.records import LANGUAGES, SENTIMENTS, STATUSES, TOUCHPOINTS
from voc.store import FeedbackColumns, SegmentColumns, value_text


class Keys(dict[str | None, int]):
    """Gives each key that is asked for its number, in the order in which they are met; None is -1."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__({None: -1})
        self.update({name: number for number, name in enumerate(names)})

    def __missing__(self, key: str | None) -> int:
        number = self[key] = len(self) - 1
        return number

    def codes(self, keys: Sequence[str | None]) -> NDArray[np.int64]:
        """The number of each key."""
        return np.fromiter(map(self.__getitem__, keys), np.int64, len(keys))

    def names(self) -> tuple[str, ...]:
        """The keys by their numbers."""
        return tuple(key for key in self if key is not None)


_FIXED = {"language": LANGUAGES, "sentiment": SENTIMENTS, "status": STATUSES, "touchpoint": TOUCHPOINTS}
_BITS = DEPARTMENTS_MOST
#: Index into `SENTIMENTS` by the place in `WORST_FIRST`.
_RANKED = np.array([SENTIMENTS.index(name) for name in WORST_FIRST], np.int8)


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows, as in `Facts`; ``attributes`` has codes alone."""

    columns: Mapping[str, NDArray[Any]]
    scores: Mapping[str, NDArray[np.float32]]
    attributes: Mapping[str, NDArray[np.int16]]
    mention_row: NDArray[np.int64]
    mention_topic: NDArray[np.int32]
    mention_department: NDArray[np.int16]
    mention_sentiment: NDArray[np.int8]
    hop_row: NDArray[np.int64]
    hop_department: NDArray[np.int16]


class Builder:
    """Makes columns of numbers out of columns of keys; a key that it has met keeps its number."""

    def __init__(self) -> None:
        self.sources = Keys()
        self.departments = Keys()
        self.topics = Keys()
        self.attributes: dict[str, Keys] = {}
        self._wide: set[str] = set()
        self._scores = Keys()
        self._cooperators = Keys()
        self._hops = Keys()
        self._fixed = {name: Keys(values) for name, values in _FIXED.items()}
        self._worst = Keys(WORST_FIRST)

    def read(self, rows: FeedbackColumns, segments: SegmentColumns) -> Part:
        """Rows as numbers; lines of mentions and chains name a row by its place among these."""
        columns: dict[str, NDArray[Any]] = {
            "number": rows.number,
            "at": rows.at,
            "source": self.sources.codes(rows.source).astype(np.int32),
            "owner": self.departments.codes(rows.owner).astype(np.int16),
            "corrected": np.array([bool(one) for one in rows.corrected], np.bool_),
            "cooperators": self._bits(rows.cooperators),
        }
        for name, keys in self._fixed.items():
            columns[name] = keys.codes(getattr(rows, name)).astype(np.int8)
        return Part(
            columns,
            self._scores_of(rows.scores),
            self._attributes_of(rows.attributes),
            *self._mentions(rows.number, segments),
            *self._chains(rows.hops),
        )

    def _scores_of(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        codes = self._scores.codes(texts)
        given = [json.loads(text) for text in self._scores.names()]
        return {
            name: np.array([one.get(name, np.nan) for one in given], np.float32)[codes] for name in SCORES
        }

    def _bits(self, texts: Sequence[str | None]) -> NDArray[np.uint64]:
        codes = self._cooperators.codes(texts)
        bits = [
            sum(1 << code for code in {self.departments[key] for key in json.loads(text)} if code < _BITS)
            for text in self._cooperators.names()
        ]
        return np.array([*bits, 0], np.uint64)[codes]

    def _chains(self, texts: Sequence[str | None]) -> tuple[NDArray[Any], ...]:
        codes = self._hops.codes(texts)
        chains = [
            np.array([self.departments[key] for key in json.loads(text)], np.int16)
            for text in self._hops.names()
        ]
        lengths = np.array([*(len(chain) for chain in chains), 0], np.int64)[codes]
        rows = np.flatnonzero(lengths)
        found = [chains[code] for code in codes[rows]]
        stations = np.concatenate(found) if found else np.empty(0, np.int16)
        return np.repeat(rows, lengths[rows]), stations

    def _attributes_of(self, texts: Sequence[str]) -> dict[str, NDArray[np.int16]]:
        distinct = Keys()
        rows = distinct.codes(texts)
        given = json.loads(f"[{','.join(distinct.names())}]")
        found: dict[str, NDArray[np.int16]] = {}
        for name in dict.fromkeys(chain.from_iterable(given)):
            if name in self._wide:
                continue
            if name not in self.attributes and len(self.attributes) == ATTRIBUTES_MOST:
                self._wide.add(name)
                continue
            keys = self.attributes.setdefault(name, Keys())
            values = [one.get(name) for one in given]
            codes = keys.codes([one if one is None else value_text(one) for one in values])
            if len(keys.names()) > VALUES_MOST:
                del self.attributes[name]
                self._wide.add(name)
                continue
            found[name] = codes.astype(np.int16)[rows]
        return found

    def _mentions(self, number: NDArray[np.int64], segments: SegmentColumns) -> tuple[NDArray[Any], ...]:
        """Sorted by row, topic and department, each once; `WORST_FIRST` of their feelings."""
        row = np.searchsorted(number, segments.feedback)
        topic = self.topics.codes(segments.topic) + 1
        department = self.departments.codes(segments.department) + 1
        rank = self._worst.codes(segments.sentiment)
        lines = np.sort(row << 43 | topic << 19 | department << 3 | rank)  # 21, 24, 16 and 3 bits
        is_first = np.ones(len(lines), np.bool_)
        is_first[1:] = lines[1:] >> 3 != lines[:-1] >> 3
        lines = lines[is_first]
        return (
            lines >> 43,
            ((lines >> 19 & 0xFFFFFF) - 1).astype(np.int32),
            ((lines >> 3 & 0xFFFF) - 1).astype(np.int16),
            _RANKED[lines & 7],
        )
