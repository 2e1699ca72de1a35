"""The columns that reports count over, and what is asked of them again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voc.store import Stamp

#: An attribute with more values than this is no column: it is an id or a number rather than a kind of thing.
VALUES_MOST = 200
#: Attributes that are columns at most, those that came first.
ATTRIBUTES_MOST = 50
#: Departments that co-operation is kept of: one bit each.
DEPARTMENTS_MOST = 64
#: The scores that a feedback can come with.
SCORES = ("nps", "csat", "ces")
#: Of a feedback's segments on one thing, the first of these that any of them has is the feeling about it.
WORST_FIRST = ("negative", "mixed", "positive", "neutral")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """A column of texts: ``values[codes[row]]``; -1 where a row has none."""

    codes: NDArray[np.int16]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What reports count over; row i of every column is one feedback, in the order of `number`.

    Attributes:
        number: int64 (n,), the feedback's number in the database, ascending.
        at: int64 (n,), when it was said, in milliseconds since 1970 (UTC).
        source: int32 (n,), index into ``sources``.
        language, sentiment, status, touchpoint: int8 (n,), indices into `LANGUAGES`, `SENTIMENTS`,
            `STATUSES`, `TOUCHPOINTS` of `voc.records`; -1 while the feedback waits for its analysis.
        owner: int16 (n,), index into ``departments``; -1 none.
        cooperators: uint64 (n,), bit d is set where ``departments[d]`` co-operates.
        corrected: bool (n,), whether a person decided something of it.
        scores: by name (`SCORES`, each always there), float32 (n,); NaN where not given.
        attributes: by name; those with at most `VALUES_MOST` values.
        mention_row: int64 (m,), index of the feedback's row, ascending. What segments speak of: one line for
            each feedback and (topic, department) that its segments have; none where they have neither.
        mention_topic: int32 (m,), index into ``topics``; -1 none.
        mention_department: int16 (m,), index into ``departments``; -1 none.
        mention_sentiment: int8 (m,), index into `SENTIMENTS`: the feeling of those segments together,
            `WORST_FIRST`.
        hop_row: int64 (h,), index of the feedback's row, ascending; the stations of chains in their order.
        hop_department: int16 (h,), index into ``departments``.
        order: int32 (n,), the rows by ``at``, oldest first.
        sources, departments, topics: keys; in the order in which they were met first, which means nothing.
        stamp: the moment of the database.
    """

    number: NDArray[np.int64]
    at: NDArray[np.int64]
    source: NDArray[np.int32]
    language: NDArray[np.int8]
    sentiment: NDArray[np.int8]
    status: NDArray[np.int8]
    touchpoint: NDArray[np.int8]
    owner: NDArray[np.int16]
    cooperators: NDArray[np.uint64]
    corrected: NDArray[np.bool_]
    scores: Mapping[str, NDArray[np.float32]]
    attributes: Mapping[str, Codes]
    mention_row: NDArray[np.int64]
    mention_topic: NDArray[np.int32]
    mention_department: NDArray[np.int16]
    mention_sentiment: NDArray[np.int8]
    hop_row: NDArray[np.int64]
    hop_department: NDArray[np.int16]
    order: NDArray[np.int32]
    sources: tuple[str, ...]
    departments: tuple[str, ...]
    topics: tuple[str, ...]
    stamp: Stamp
    _made: dict[str, NDArray[np.uint64]] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.number)

    def bit(self, department: str) -> np.uint64:
        """The bit of a department in ``cooperators``; no bit where it has none."""
        code = code_of(self.departments, department)
        return np.uint64(1 << code) if 0 <= code < DEPARTMENTS_MOST else np.uint64(0)

    def implicated(self) -> NDArray[np.uint64]:
        """Owner and co-operators of each row as bits; uint64 (n,), made once."""
        found = self._made.get("implicated")
        if found is None:
            bits = np.zeros(len(self.departments) + 1, np.uint64)  # the last is for -1, no owner
            known = min(len(self.departments), DEPARTMENTS_MOST)
            bits[:known] = np.uint64(1) << np.arange(known, dtype=np.uint64)
            found = self.cooperators | bits[self.owner]
            found.flags.writeable = False
            self._made["implicated"] = found
        return found

    def implicates(self, department: str) -> Mask:
        """Whether a department owns a feedback or co-operates on it."""
        code = code_of(self.departments, department)
        if code >= DEPARTMENTS_MOST:  # it has no bit: what it owns is known all the same
            owned: Mask = self.owner == code
            return owned
        found: Mask = (self.implicated() & self.bit(department)) != 0
        return found

    def cooperates(self, department: str) -> Mask:
        """Whether a department co-operates on a feedback without owning it."""
        found: Mask = (self.cooperators & self.bit(department)) != 0
        return found

    def reaches(self, department: str) -> Mask:
        """Whether a department owns a feedback, co-operates on it, or is a station of its chain."""
        found = self.implicates(department)
        found[self.hop_row[self.hop_department == code_of(self.departments, department)]] = True
        return found

    def firefighting(self, care: str) -> Mask:
        """Whether a feedback reaches ``care`` and belongs to another department: work that care is given
        because of what others did."""
        others: Mask = (self.owner != code_of(self.departments, care)) & (self.owner >= 0)
        return others & self.reaches(care)

    def speaks_of(self, topic: str) -> Mask:
        """Whether a segment of a feedback has the topic."""
        found = np.zeros(len(self), np.bool_)
        lines = np.flatnonzero(self.mention_topic == code_of(self.topics, topic))
        found[self.mention_row[lines]] = True
        return found


def code_of(keys: Sequence[str], key: str) -> int:
    """Where a key stands; -2, which no row has, if it does not."""
    try:
        return keys.index(key)
    except ValueError:
        return -2
