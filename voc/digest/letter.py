"""A department's week as something to read: figures, sections, quotes. Page and mail show the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, TypeAlias

#: Code points of one quote; a longer text is cut around the words that matter.
QUOTE_CHARS = 240
Mark: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Link:
    """Where on the service more of it stands.

    Attributes:
        path: such as ``/feedback``.
        query: what follows the question mark, in order.
    """

    path: str
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """What a customer said, as it is kept: masked.

    Attributes:
        feedback: id of the feedback.
        day: when it was said, as people write it.
        pieces: the text, in order, each with whether these are the words that matter.
    """

    feedback: str
    day: str
    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a section.

    Attributes:
        key: of the topic, touchpoint or department.
        figure: such as ``12``.
        note: such as ``67 % negative``; may be empty.
        is_marked: whether it changed by more than chance, or is new.
        link: to the feedback that were counted.
    """

    key: str
    title: str
    figure: str
    note: str
    is_marked: bool
    quotes: tuple[Quote, ...]
    link: Link


@dataclass(frozen=True, slots=True)
class Section:
    """One heading with its lines, or why there are none."""

    key: str
    title: str
    items: tuple[Item, ...]
    empty: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One number on top: what it is, its value, what to know of it."""

    label: str
    value: str
    note: str
    link: Link


@dataclass(frozen=True, slots=True)
class Letter:
    """A department's week.

    Attributes:
        week: the Monday that it begins with, ISO 8601.
        language: ``vi`` or ``en``.
        title, period, lead: name of the department, the days, and one sentence that says it all.
        count: feedback of the week that the department owns or co-operates on.
        open: what the link to the department's page is called.
        note: how the figures are to be read.
    """

    department: str
    week: str
    language: str
    subject: str
    title: str
    period: str
    lead: str
    count: int
    figures: tuple[Figure, ...]
    sections: tuple[Section, ...]
    link: Link
    open: str
    note: str

    def as_dict(self) -> dict[str, Any]:
        """The letter as JSON values."""
        return asdict(self)


def cut(text: str, marks: Sequence[Mark], most: int = QUOTE_CHARS) -> tuple[tuple[str, bool], ...]:
    """A text in pieces, those of ``marks`` told apart; at most ``most`` code points around the first mark.

    Args:
        marks: half-open ranges of the text; they may touch or overlap.

    Returns:
        Pieces whose texts, put together, are the text, or a stretch of it with ``…`` for what is left out.
    """
    begin, end = window(text, min((start for start, _ in marks), default=0), most)
    edges = sorted({begin, end, *(min(max(edge, begin), end) for mark in marks for edge in mark)})
    pieces = [
        (" ".join(text[left:right].split("\n")), any(start <= left < stop for start, stop in marks))
        for left, right in pairwise(edges)
    ]
    merged: list[tuple[str, bool]] = []
    for piece, is_marked in pieces:
        if merged and merged[-1][1] == is_marked:
            merged[-1] = (merged[-1][0] + piece, is_marked)
        else:
            merged.append((piece, is_marked))
    if begin > 0:
        merged.insert(0, ("… ", False))
    if end < len(text):
        merged.append((" …", False))
    return tuple(merged)


def window(text: str, first: int, most: int) -> tuple[int, int]:
    """Where a stretch of at most ``most`` code points begins and ends that has the place ``first`` in it, cut
    between words; the whole text where it is no longer."""
    if len(text) <= most:
        return 0, len(text)
    begin = _after_space(text, max(0, min(first - most // 4, len(text) - most)), first)
    return begin, _before_space(text, min(len(text), begin + most))


def _after_space(text: str, begin: int, most: int) -> int:
    """The first beginning of a word from ``begin`` on, not after ``most``."""
    if begin == 0:
        return 0
    found = text.find(" ", begin, max(begin, most))
    return found + 1 if found >= 0 else begin


def _before_space(text: str, end: int) -> int:
    if end == len(text):
        return end
    found = text.rfind(" ", end - 40, end)
    return found if found > 0 else end
