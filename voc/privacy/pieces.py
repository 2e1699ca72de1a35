"""Words, numbers and signs of a plain text with their places, as names and addresses are read from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from voc.privacy.plain import Plain

PieceKind: TypeAlias = Literal["word", "number", "code", "sign", "line"]

_PIECE = re.compile(
    r"(?P<number>\d{1,6}(?:bis|ter|[a-z])?(?:[/\-]\d{1,4}(?:bis|[a-z])?){0,6}(?![^\W_]))"
    r"|(?P<code>(?=[a-z]{0,8}\d)[a-z\d]{1,12}(?:[.\-/][a-z\d]{1,6}){0,4}(?![^\W_]))"
    r"|(?P<word>[^\W_]+(?:['’\-](?!s(?![^\W_]))[^\W\d_]+)*)"
    r"|(?P<line>[ \t]*\n[ \t\n]*)"
    r"|(?P<sign>[^\w\s])"
)
#: All capital letters of the Latin alphabet and its neighbours.
CAPITALS = "".join(chr(code) for code in range(0x41, 0x1F00) if chr(code).isupper() and chr(code).isalpha())
#: Six words or more in capitals, with whatever stands between them on one line.
_SHOUTED = re.compile(
    rf"(?<![^\W_])(?:[{CAPITALS}]+(?![^\W\d_])[^\w\n]{{0,8}}(?:\d[\d.,/:]{{0,15}}[^\w\n]{{0,8}})?){{6,}}"
)
#: Fewer words in capitals may be a name.
_LEAST_SHOUTED = 4
_LOUD = re.compile(rf"(?<![^\W_])[{CAPITALS}]{{2,20}} +[{CAPITALS}]{{2}}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One word, number, code of letters and digits, sign or line break.

    Attributes:
        small: in small letters.
        bare: the same without marks.
        capital: whether it begins with a capital that says something: in a shouted stretch none does.
        upper: whether it is all in such capitals, and more than one.
        spaced: whether white space stands before it.
    """

    kind: PieceKind
    start: int
    end: int
    small: str
    bare: str
    capital: bool
    upper: bool
    spaced: bool


def pieces(plain: Plain) -> list[Piece]:
    """All pieces in order."""
    text, small, folded = plain.text, plain.small, plain.folded
    shouted = _shouted(text)
    found: list[Piece] = []
    at = 0
    for match in _PIECE.finditer(folded):
        start, end = match.span()
        while shouted and shouted[0][1] <= start:
            shouted.pop(0)
        loud = bool(shouted) and shouted[0][0] <= start
        capital = text[start] != small[start] and not loud
        found.append(
            Piece(
                match.lastgroup or "word", start, end, small[start:end], folded[start:end],  # type: ignore[arg-type]
                capital, capital and end > start + 1 and text[start:end].isupper(), start > at,
            )
        )  # fmt: skip
        at = end
    return found


def _shouted(text: str) -> list[tuple[int, int]]:
    """The stretches in which capitals say nothing: all of a text without small letters, or long rows of
    capitals."""
    if _LOUD.search(text) is None:
        return []
    if text.upper() == text and len(text.split()) >= _LEAST_SHOUTED:
        return [(0, len(text))]
    return [match.span() for match in _SHOUTED.finditer(text)]
