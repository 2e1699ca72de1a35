"""Measures how well personal data is found.

Enters: rows of labelled texts such as ``corpora/pii/test.jsonl`` and a function that finds personal data in a
text. Leaves: figures as JSON values. What must hold: an item is right once at most, so that finding a number
twice, or in two pieces, is never better than finding it once.

* Exact: same type, same start, same end.
* Overlap: same type, at least one code point in common; each labelled item goes with one found item at most.
* Precision: the share of found items that are labelled. Recall: the share of labelled items that are found.
  Both with their 95 % Wilson interval. F1: their harmonic mean. A share of nothing is 0 in 0..1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from voc.errors import InvalidInput
from voc.intervals import wilson
from voc.training.data import read_jsonl

TYPES = ("phone", "cccd", "cmnd", "email", "card", "account", "address", "name")
ALL = "all"


class Found(Protocol):
    """What a finder says: code points ``start`` to ``end`` of the text, half-open, and one of `TYPES`."""

    @property
    def start(self) -> int:
        """The first code point."""

    @property
    def end(self) -> int:
        """One past the last."""

    @property
    def type(self) -> str:
        """What it is."""


Finder = Callable[[str], Iterable[Found]]


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One piece of personal data; ordered by where it stands."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Row:
    """A text with all personal data that it holds."""

    id: str
    text: str
    items: tuple[Item, ...]


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSONL file with ``id``, ``text`` and ``pii``.

    Raises:
        InvalidInput: a field is missing, a type is unknown, or offsets lie outside the text or on each other.
    """
    lines = list(read_jsonl(path))  # all of them, so that the file is closed when one is refused
    return [_row(line, f"line {number}") for number, line in enumerate(lines, 1)]


def _row(line: Mapping[str, Any], place: str) -> Row:
    try:
        items = [Item(int(one["start"]), int(one["end"]), str(one["type"])) for one in line["pii"]]
        row = Row(str(line["id"]), str(line["text"]), tuple(sorted(items)))
    except (KeyError, TypeError, ValueError) as error:
        message = f"a row must hold id, text and pii with start, end and type: {error!r}"
        raise InvalidInput("row_invalid", message, place) from None
    last = 0
    for item in row.items:
        if item.type not in TYPES:
            message = f"there is no type {item.type!r}; there are {', '.join(TYPES)}"
            raise InvalidInput("type_unknown", message, f"{place}.pii")
        if not last <= item.start < item.end <= len(row.text):
            message = f"{item.start} to {item.end} must lie in the text, after the item before"
            raise InvalidInput("offsets_invalid", message, f"{place}.pii")
        last = item.end
    return row


@dataclass(frozen=True, slots=True)
class _Scored:
    """One row against what was found in it, both in order of place."""

    row: Row
    found: tuple[Item, ...]
    exact: frozenset[Item]
    pairs: tuple[tuple[Item, Item], ...]

    @property
    def false(self) -> list[Item]:
        """What was found where nothing of that type is labelled."""
        right = {found for _, found in self.pairs}
        return [item for item in self.found if item not in right]

    @property
    def missed(self) -> list[Item]:
        """What is labelled and not found, not even in part."""
        right = {labelled for labelled, _ in self.pairs}
        return [item for item in self.row.items if item not in right]


def score(find: Finder, rows: Sequence[Row]) -> dict[str, Any]:
    """The figures of ``find`` on ``rows``.

    Returns:
        ``rows``; ``rows_with_items``; ``items``; ``found``; ``false_alarms``: the rows in which something was
        found that overlaps nothing labelled of its type, with ``share``, ``low`` and ``high``; ``by_type``:
        for ``all`` and every one of `TYPES` the ``items``, the ``found``, and under ``exact`` and ``overlap``
        the ``hits``, ``precision``, ``recall`` (each ``value``, ``low``, ``high``) and ``f1``; ``errors``, in
        order: each with ``id``, ``kind``, ``type``, ``start`` and ``end``. Kinds: ``missed``, ``false``, and
        ``shifted`` for what is found with other ends, which ``found_start`` and ``found_end`` tell.
    """
    scored = [_score(row, find(row.text)) for row in rows]
    alarmed = sum(bool(one.false) for one in scored)
    return {
        "rows": len(rows),
        "rows_with_items": sum(bool(row.items) for row in rows),
        "items": sum(len(row.items) for row in rows),
        "found": sum(len(one.found) for one in scored),
        "false_alarms": {"rows": alarmed, **_share(alarmed, len(rows))},
        "by_type": {name: _figures(scored, name) for name in (ALL, *TYPES)},
        "errors": [error for one in scored for error in _errors(one)],
    }


def _score(row: Row, said: Iterable[Found]) -> _Scored:
    found = tuple(sorted({Item(one.start, one.end, one.type) for one in said}))
    exact = frozenset(row.items) & frozenset(found)
    pairs = [pair for name in TYPES for pair in _pairs(_of(row.items, name), _of(found, name), exact)]
    return _Scored(row, found, exact, tuple(pairs))


def _pairs(
    labelled: Sequence[Item], found: Sequence[Item], exact: frozenset[Item]
) -> Iterable[tuple[Item, Item]]:
    """Items of one type that go together: first what is exact, then from left to right what overlaps."""
    yield from ((item, item) for item in labelled if item in exact)
    left = [item for item in found if item not in exact]
    for item in labelled:
        if item in exact:
            continue
        other = next((one for one in left if one.start < item.end and item.start < one.end), None)
        if other is not None:
            left.remove(other)
            yield item, other


def _of(items: Iterable[Item], name: str) -> list[Item]:
    return [item for item in items if name in (item.type, ALL)]


def _figures(scored: Sequence[_Scored], name: str) -> dict[str, Any]:
    items = sum(len(_of(one.row.items, name)) for one in scored)
    found = sum(len(_of(one.found, name)) for one in scored)
    exact = sum(len(_of(one.exact, name)) for one in scored)
    overlap = sum(len(_of((labelled for labelled, _ in one.pairs), name)) for one in scored)
    return {
        "items": items,
        "found": found,
        "exact": _match(exact, found, items),
        "overlap": _match(overlap, found, items),
    }


def _match(hits: int, found: int, items: int) -> dict[str, Any]:
    return {
        "hits": hits,
        "precision": _share(hits, found),
        "recall": _share(hits, items),
        "f1": round(2 * hits / (found + items), 4) if found + items else 0.0,
    }


def _share(part: int, whole: int) -> dict[str, float]:
    share = wilson(part, whole)
    return {"value": share.value, "low": share.low, "high": share.high}


def _errors(one: _Scored) -> list[dict[str, Any]]:
    shifted = [
        {**_told(one, "shifted", labelled), "found_start": found.start, "found_end": found.end}
        for labelled, found in one.pairs
        if labelled != found
    ]
    missed = [_told(one, "missed", item) for item in one.missed]
    false = [_told(one, "false", item) for item in one.false]
    return sorted([*missed, *shifted, *false], key=lambda error: (error["start"], error["kind"]))


def _told(one: _Scored, kind: str, item: Item) -> dict[str, Any]:
    return {"id": one.row.id, "kind": kind, "type": item.type, "start": item.start, "end": item.end}
