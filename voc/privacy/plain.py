"""A text made plain for matching, with a way back to every place in the text as received.

Enters: a text. Leaves: `Plain`. What must hold: the three forms have the same length; `Plain.span` leads back
to the code points that a stretch came from, those hidden inside it (zero-width characters, combining marks)
included and those around it not.

Full-width, mathematical, circled and foreign digits and letters become ASCII ones (Unicode NFKC, digit
values), decomposed letters are composed (NFC), odd spaces, dashes and dots become the usual ones, and what
cannot be seen (category Cf, variation selectors, keycaps) is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from voc.text import fold

#: All else is looked at one by one: letters that need no composing, signs and emoji are as they should be.
_ODD = re.compile(
    "[^\\x00-\\x9f\u00a1-\u00ac\u00ae-\u00b1\u00b4-\u00b6\u00b8-\u00cf\u00d1-\u00ef\u00f1-\u02af\u1e00-\u1eff"
    "\u2018-\u201f\u2026\u20ab\u20ac\u2190-\u21ff\u2600-\u26ff\u2700-\u2775\u2794-\u27bf\U0001f300-\U0001faff]"
)
_DASHES = frozenset("\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d")
_DOTS = frozenset("\u00b7\u2022\u2024\u2027\u2219\u22c5\u25cf\u30fb\uff65\u3002\uff61")
#: Letters of other alphabets that look like Latin ones.
_ALIKE = {"\u041e": "O", "\u043e": "o", "\u039f": "O", "\u03bf": "o", "\u00d0": "Đ", "\u00f0": "đ"}


class _Folded(dict[int, str]):
    """Small letters without marks, one for one."""

    def __missing__(self, code: int) -> str:
        folded = fold(chr(code))
        self[code] = folded if len(folded) == 1 else chr(code)
        return self[code]


_FOLDED = _Folded()


@dataclass(frozen=True, slots=True)
class Plain:
    """A text in the form in which it is searched.

    Attributes:
        text: with capitals and marks.
        small: in small letters.
        folded: in small letters without marks, ``đ`` as ``d``.
        starts: for each code point of ``text`` where it begins in the text as received; None where nothing
            was changed.
        ends: the same for where it ends.
    """

    text: str
    small: str
    folded: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None

    @classmethod
    def of(cls, text: str) -> Plain:
        """The plain form of ``text``; time grows with its length."""
        if _ODD.search(text) is None:
            return cls(text, _lowered(text), _folded(text))
        letters: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for place, char in enumerate(text):
            if _ODD.match(char) is None:
                letters.append(char)
            elif unicodedata.category(char) in ("Mn", "Me"):
                composed = unicodedata.normalize("NFC", letters[-1] + char) if letters else ""
                if len(composed) == 1:
                    letters[-1] = composed
                if letters and ends[-1] >= place - 1:
                    ends[-1] = place + 1
                continue
            else:
                usual = _usual(char)
                letters.extend(usual)
                starts.extend([place] * len(usual))
                ends.extend([place + 1] * len(usual))
                continue
            starts.append(place)
            ends.append(place + 1)
        made = "".join(letters)
        return cls(made, _lowered(made), _folded(made), starts, ends)

    def covered(self, stretches: Iterable[tuple[int, int]]) -> Plain:
        """The same with stretches, in order and of two characters at least, as empty brackets ``[  ]``."""
        edges = list(stretches)
        if not edges:
            return self

        def cover(text: str) -> str:
            kept: list[str] = []
            at = 0
            for start, end in edges:
                kept += [text[at:start], "[", " " * (end - start - 2), "]"]
                at = end
            return "".join([*kept, text[at:]])

        return Plain(cover(self.text), cover(self.small), cover(self.folded), self.starts, self.ends)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the stretch stands in the text as received; it must not be empty."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def _lowered(text: str) -> str:
    """Small letters, one for one."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_FOLDED)


@lru_cache(maxsize=4096)
def _usual(char: str) -> str:
    """What a person sees in place of an odd character; the empty string for what nobody sees."""
    if char in _DASHES and char != "\u00ad":
        return "-"
    if char in _DOTS:
        return "."
    if char in _ALIKE:
        return _ALIKE[char]
    kind = unicodedata.category(char)
    if kind in ("Cf", "Me", "Mn"):
        return ""
    if kind in ("Zl", "Zp"):
        return "\n"
    if kind == "Zs":
        return " "
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return str(digit)
    return unicodedata.normalize("NFKC", char)
