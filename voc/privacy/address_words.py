"""The words that addresses are made of, and where they stand in a text.

Enters: pieces and a place. Leaves: which part of an address the words there may begin, or how many of them
make up a known place or street.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal, TypeAlias, get_args

from voc.privacy.lists import phrases, words
from voc.privacy.pieces import Piece
from voc.privacy.syllables import marks_of
from voc.text import fold

#: The parts of an address that a word announces.
Marked: TypeAlias = Literal["number", "street", "lane", "ward", "hamlet", "flat", "building", "highway"]
#: The longest announcing phrase and the longest name of a place, in words.
_LONGEST_MARKER = 4
_LONGEST_NAME = 5
#: Words for parts with which an address may begin.
_BEGINNING = frozenset({"number", "lane", "hamlet", "flat", "highway"})


def _by_fold(names: frozenset[str]) -> dict[str, set[str]]:
    """The marks that names may have, by the names without them."""
    known: dict[str, set[str]] = {}
    for name in names:
        known.setdefault(fold(name), {""}).add(marks_of(name))
    return known


PLACES = _by_fold(phrases("places", "provinces") | phrases("places", "districts"))
#: With districts and wards that are also called like people.
ALL_PLACES = _by_fold(
    phrases("places", "provinces") | phrases("places", "districts") | phrases("places", "further")
)
STREETS = _by_fold(phrases("places", "streets") | phrases("known", "figures"))
#: Surnames with which the name of a street may begin.
_SURNAMES = words("names", "solid") | words("addresses", "surnames")
_BARE_SURNAMES = frozenset(fold(word) for word in _SURNAMES)


@cache
def _markers() -> dict[str, list[tuple[Marked, frozenset[str]]]]:
    """Kinds of part by the words, without marks, that begin one, with the ways in which they are written."""
    known: dict[str, list[tuple[Marked, frozenset[str]]]] = {}
    for kind in get_args(Marked):
        for phrase in phrases("parts", kind):
            forms = frozenset({phrase, fold(phrase)})
            known.setdefault(fold(phrase), []).append((kind, forms))
    return known


@cache
def _beginnings() -> frozenset[str]:
    """The first words of what may begin an address."""
    return frozenset(
        phrase.split()[0]
        for phrase, ways in _markers().items()
        if any(kind in _BEGINNING for kind, _ in ways)
    )


def may_begin(found: Sequence[Piece], at: int) -> bool:
    """Whether an address may begin at a piece: a house number, or a word for one, a lane, a hamlet or a
    flat."""
    piece = found[at]
    if piece.kind in ("number", "code"):
        return True
    if piece.kind != "word" or (at and not piece.spaced and found[at - 1].kind in ("word", "number", "code")):
        return False
    if piece.bare not in _beginnings():
        return False
    return any(kind in _BEGINNING for kind, _ in parts_at(found, at))


def parts_at(found: Sequence[Piece], at: int) -> list[tuple[Marked, int]]:
    """Kinds of part that the words at a place may begin, and how many pieces those words are; longest
    first."""
    known = _markers()
    ways: list[tuple[Marked, int]] = []
    bare: list[str] = []
    marked: list[str] = []
    for ahead, piece in enumerate(found[at : at + _LONGEST_MARKER]):
        if piece.kind != "word" or (ahead and not piece.spaced):
            break
        bare.append(piece.bare)
        marked.append(piece.small)
        for kind, forms in known.get(" ".join(bare), ()):
            if " ".join(marked) in forms or _same_marks(" ".join(marked), forms):
                ways.append((kind, ahead + 1))
    return sorted(ways, key=lambda way: -way[1])


def _same_marks(written: str, forms: frozenset[str]) -> bool:
    """Whether one of the forms has the same marks elsewhere: ``toà`` and ``tòa``."""
    return not written.isascii() and any(marks_of(written) == marks_of(form) for form in forms)


def known_at(found: Sequence[Piece], at: int, names: dict[str, set[str]]) -> int:
    """How many pieces from ``at`` on make up the longest of the names, such as `PLACES`; 0 for none."""
    bare: list[str] = []
    marks = ""
    longest = 0
    for ahead, piece in enumerate(found[at : at + _LONGEST_NAME]):
        if piece.kind in ("sign", "line"):
            if piece.small == "." and ahead == 1 and bare[0] in ("tp", "p"):
                continue
            break
        bare.append(piece.bare)
        marks += "" if piece.small.isascii() else marks_of(piece.small)
        if "".join(sorted(marks)) in names.get(" ".join(bare), ()):
            longest = ahead + 1
    return longest


def is_surname(piece: Piece) -> bool:
    """Whether a street's name may begin with the word as with a surname."""
    return piece.small in _SURNAMES or (piece.small.isascii() and piece.bare in _BARE_SURNAMES)
