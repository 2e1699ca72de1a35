"""Facts out of parts: all of them, or those before with what changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc.facts.building import Builder, Part
from voc.facts.facts import SCORES, Codes, Facts
from voc.store import Stamp

Column = NDArray[Any]

_DTYPES: dict[str, Any] = {
    "number": np.int64, "at": np.int64, "source": np.int32, "language": np.int8, "sentiment": np.int8,
    "status": np.int8, "touchpoint": np.int8, "owner": np.int16, "cooperators": np.uint64,
    "corrected": np.bool_,
}  # fmt: skip
_MENTIONS = {"mention_topic": np.int32, "mention_department": np.int16, "mention_sentiment": np.int8}


def whole(parts: Sequence[Part], builder: Builder, stamp: Stamp) -> Facts:
    """All rows, from parts in the order of their numbers."""
    counts = [len(part.columns["number"]) for part in parts]
    starts = np.cumsum([0, *counts])[:-1]
    columns = {name: _laid([part.columns[name] for part in parts], kind) for name, kind in _DTYPES.items()}
    scores = {name: _laid([part.scores[name] for part in parts], np.float32) for name in SCORES}
    attributes = {
        name: _laid(
            [
                part.attributes.get(name, np.full(count, -1, np.int16))
                for part, count in zip(parts, counts, strict=True)
            ],
            np.int16,
        )
        for name in builder.attributes
    }
    rows = _laid([part.mention_row + start for part, start in zip(parts, starts, strict=True)], np.int64)
    mentions = {
        "mention_row": rows,
        **{name: _laid([getattr(part, name) for part in parts], kind) for name, kind in _MENTIONS.items()},
    }
    hops = {
        "hop_row": _laid([part.hop_row + start for part, start in zip(parts, starts, strict=True)], np.int64),
        "hop_department": _laid([part.hop_department for part in parts], np.int16),
    }
    order = np.argsort(columns["at"], kind="stable").astype(np.int32)
    return _facts(columns, scores, attributes, {**mentions, **hops, "order": order}, builder, stamp)


def changed(before: Facts, part: Part, builder: Builder, stamp: Stamp) -> Facts | None:
    """The facts before with the rows of a part in the place of theirs, and new rows at the end.

    Returns:
        None if a row is new that does not belong at the end.
    """
    number = part.columns["number"]
    size = len(before)
    places = np.searchsorted(before.number, number)
    is_new = places == size
    if not np.array_equal(before.number[places[~is_new]], number[~is_new]):
        return None
    places[is_new] = size + np.arange(np.count_nonzero(is_new))
    total = size + int(np.count_nonzero(is_new))
    columns = {name: _put(getattr(before, name), places, part.columns[name], total) for name in _DTYPES}
    scores = {name: _put(before.scores[name], places, part.scores[name], total) for name in SCORES}
    none = np.full(len(number), -1, np.int16)
    attributes = {}
    for name in builder.attributes:
        known = before.attributes.get(name)
        old = known.codes if known else np.full(size, -1, np.int16)
        attributes[name] = _put(old, places, part.attributes.get(name, none), total)
    lines: dict[str, Column] = {}
    for row, others in (("mention_row", tuple(_MENTIONS)), ("hop_row", ("hop_department",))):
        lines |= _lines(before, part, row, others, places, total)
    order = _order(before, columns["at"], total)
    return _facts(columns, scores, attributes, {**lines, "order": order}, builder, stamp)


def _laid(parts: Sequence[Column], kind: Any) -> Column:
    return np.concatenate(parts).astype(kind, copy=False) if parts else np.empty(0, kind)


def _put(old: Column, places: NDArray[np.int64], values: Column, total: int) -> Column:
    """The column with values at some places and after its end; itself where nothing is another."""
    if total == len(old) and np.array_equal(old[places], values, equal_nan=old.dtype.kind == "f"):
        return old
    column = np.empty(total, old.dtype)
    column[: len(old)] = old
    column[places] = values
    return column


def _lines(
    before: Facts, part: Part, row: str, others: Sequence[str], places: NDArray[np.int64], total: int
) -> dict[str, Column]:
    """Lines that belong to rows: those of the rows that changed are replaced.

    Lines of rows before the first that changed stay where they are; the others are sorted by row again.
    """
    old: Column = getattr(before, row)
    cut = int(np.searchsorted(old, places.min(initial=total)))
    touched = np.zeros(total, np.bool_)
    touched[places] = True
    stays = ~touched[old[cut:]]
    rows = np.concatenate([old[cut:][stays], places[getattr(part, row)]])
    sorting = np.argsort(rows, kind="stable")
    found = {row: np.concatenate([old[:cut], rows[sorting]])}
    for name in others:
        column: Column = getattr(before, name)
        tail = np.concatenate([column[cut:][stays], getattr(part, name)])
        found[name] = np.concatenate([column[:cut], tail[sorting]])
    return found


def _order(before: Facts, at: NDArray[np.int64], total: int) -> NDArray[np.int32]:
    """The rows by time; new ones are put between the others, since no feedback's time changes."""
    size = len(before)
    if total == size:
        return before.order
    fresh = size + np.argsort(at[size:], kind="stable").astype(np.int32)
    if size and at[fresh[0]] < at[before.order[-1]]:
        after = np.searchsorted(before.at, at[fresh], side="right", sorter=before.order)
        return np.insert(before.order, after, fresh)
    return np.concatenate([before.order, fresh])


def _facts(
    columns: Mapping[str, Column],
    scores: Mapping[str, Column],
    attributes: Mapping[str, Column],
    lines: Mapping[str, Column],
    builder: Builder,
    stamp: Stamp,
) -> Facts:
    for column in (*columns.values(), *scores.values(), *attributes.values(), *lines.values()):
        column.flags.writeable = False
    named = {name: Codes(codes, builder.attributes[name].names()) for name, codes in attributes.items()}
    return Facts(
        **columns, scores=scores, attributes=named, **lines, sources=builder.sources.names(),
        departments=builder.departments.names(), topics=builder.topics.names(), stamp=stamp,
    )  # fmt: skip
