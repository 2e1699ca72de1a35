"""Digits as people write them, gathered into rows of groups that may be one number.

Enters: a `Plain`. Leaves: rows of `Group`s. What must hold: between two groups of a row stand few signs and
no word; time grows with the length of the text.

Beside plain digits there are letters that look like digits inside a number (``O9l2``) and digits spelled in
Vietnamese and English ("không chín một hai", "double five"), which count only where several stand together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from voc.privacy.plain import Plain
from voc.text import fold


@dataclass(frozen=True, slots=True)
class Group:
    """Digits written together.

    Attributes:
        digits: as ASCII.
        guessed: how many of them were written as letters that look like digits.
        spelled: whether they were written as words.
    """

    start: int
    end: int
    digits: str
    guessed: int = 0
    spelled: bool = False


_ONES = {
    "không": 0, "kh0ng": 0, "khong": 0, "zero": 0, "oh": 0, "nought": 0,
    "một": 1, "mốt": 1, "mot": 1, "one": 1, "hai": 2, "two": 2, "ba": 3, "three": 3,
    "bốn": 4, "bon": 4, "tư": 4, "tu": 4, "four": 4, "năm": 5, "nam": 5, "lăm": 5,
    "lam": 5, "nhăm": 5, "five": 5,
    "sáu": 6, "sau": 6, "six": 6, "bảy": 7, "bẩy": 7, "bay": 7, "seven": 7, "tám": 8, "tam": 8, "eight": 8,
    "chín": 9, "chin": 9, "nine": 9,
}  # fmt: skip
_TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 2, "thirty": 3, "forty": 4, "fifty": 5, "sixty": 6, "seventy": 7, "eighty": 8, "ninety": 9,
}  # fmt: skip
_MUOI = frozenset({"mươi", "muoi"})
_TEN = frozenset({"mười", "muoi"})
_TRAM = frozenset({"trăm", "tram"})
_LINH = frozenset({"linh", "lẻ"})
_TIMES = {"double": 2, "triple": 3}
_SPELLED = "|".join(
    sorted({*_ONES, *_TEENS, *_TENS, *_MUOI, *_TEN, *_TRAM, *_LINH, *_TIMES}, key=len, reverse=True)
)
_PIECE = re.compile(rf"(?<![^\W\d_])(?:{_SPELLED})(?![^\W\d_])|\d+")
_ALIKE = re.compile(r"(?<![^\W_])(?=[oil]{0,4}\d)[\doil]+(?![^\W\d_])")
_LETTERS = str.maketrans("oil", "011")
_DIGITS = re.compile(r"\d+")
#: What may stand between two groups of one number.
_BETWEEN = re.compile(r"[ \t]{0,3}(?:[.\-_/*,|~\\()]{1,2}[ \t]{0,2}[()]?|[ \t])[ \t]{0,2}|")
#: Where so many words for digits stand before another digit, words are read as digits.
_LEAST_SPELLED = 2
_BARE_ONES = "|".join(sorted({fold(word) for word in _ONES}, key=len, reverse=True))
_BARE_OTHERS = "|".join((*_TEENS, *_TENS, *_TIMES, "muoi", "tram"))
#: A word for a digit right before another digit.
_SOME_SPELLED = re.compile(
    rf"(?<![^\W\d_])(?:{_BARE_ONES})[ ,.\-]{{1,3}}(?=(?:{_BARE_ONES}|{_BARE_OTHERS}|\d))"
)
_DAY, _MONTH, _YEAR = r"[0-3]?\d", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_HOUR = r"(?:[01]?\d|2[0-4])[.:h][0-5]\d"
_ALONE = r"(?<!\d)(?<!\d[./-])"
#: Days, months and stretches of opening hours.
_DATES = re.compile(
    rf"{_ALONE}\d{{1,2}} ?([./-]) ?{_MONTH} ?\1 ?{_YEAR}(?!\d)"
    rf"|(?<!\d){_YEAR}([./-]){_MONTH}\2{_DAY}(?!\d)"
    rf"|{_ALONE}{_DAY}/{_MONTH}/\d\d(?![\d/])"
    rf"|{_ALONE}{_MONTH}[/-]{_YEAR}(?![\d./-]?\d)"
    rf"|{_ALONE}{_HOUR} ?(?:-|~|den|to) ?{_HOUR}(?!\d)"
)


def rows(plain: Plain) -> Iterator[list[Group]]:
    """Groups that stand close enough to be one number, in order; dates and times of day are no part of
    any."""
    groups = list(_groups(plain))
    if not groups:
        return
    dates = [match.span() for match in _DATES.finditer(plain.folded)]
    row: list[Group] = []
    for group in groups:
        while dates and dates[0][1] <= group.start:
            dates.pop(0)
        if dates and dates[0][0] <= group.start < dates[0][1]:
            if row:
                yield row
            row = []
            continue
        if row and not _near(plain.text, row[-1].end, group.start):
            yield row
            row = []
        row.append(group)
    if row:
        yield row


def _near(text: str, start: int, end: int) -> bool:
    return end - start <= 7 and _BETWEEN.fullmatch(text, start, end) is not None


def has_digits(plain: Plain) -> bool:
    """Whether a text holds digits, or several words for them."""
    return _DIGITS.search(plain.folded) is not None or _is_spelled(plain)


def _is_spelled(plain: Plain) -> bool:
    return len(_SOME_SPELLED.findall(plain.folded)) >= _LEAST_SPELLED


def _groups(plain: Plain) -> Iterator[Group]:
    if _is_spelled(plain):
        yield from _with_words(plain.small)
    else:
        yield from _with_letters(plain.folded)


def _with_letters(text: str) -> Iterator[Group]:
    """Plain digits, and letters among them that look like digits."""
    changed = _ALIKE.sub(lambda match: match[0].translate(_LETTERS), text)
    for match in _DIGITS.finditer(changed):
        written = text[match.start() : match.end()]
        guessed = 0 if written.isdigit() else sum(not char.isdigit() for char in written)
        yield Group(match.start(), match.end(), match[0], guessed)


def _with_words(text: str) -> Iterator[Group]:
    """Plain digits and spelled ones; "hai mươi mốt" is 21, "chín trăm mười hai" 912, "double five" 55."""
    pieces = [(match.start(), match.end(), match[0]) for match in _PIECE.finditer(text)]
    at = 0
    while at < len(pieces):
        start, end, word = pieces[at]
        if word.isdigit():
            yield Group(start, end, word)
            at += 1
            continue
        digits, taken = _number(pieces, at, text)
        if digits:
            yield Group(start, pieces[at + taken - 1][1], digits, spelled=True)
        at += taken


def _number(pieces: list[tuple[int, int, str]], at: int, text: str) -> tuple[str, int]:
    """Digits that the words from ``at`` on spell, and how many words; no digits for a word that spells
    none."""

    def word(ahead: int) -> str:
        place = at + ahead
        if place >= len(pieces) or (ahead and text[pieces[place - 1][1] : pieces[place][0]].strip(" ")):
            return ""
        return pieces[place][2]

    first = word(0)
    if first in _TIMES and word(1) in _ONES:
        return str(_ONES[word(1)]) * _TIMES[first], 2
    if first in _TEENS:
        return str(_TEENS[first]), 1
    if first in _TENS:
        joined = _ONES.get(word(1), 0) if word(1) in _ONES else 0
        return f"{_TENS[first]}{joined}", 2 if joined else 1
    if first in _TEN:
        return (f"1{_ONES[word(1)]}", 2) if word(1) in _ONES else ("10", 1)
    if first not in _ONES:
        return "", 1
    one = _ONES[first]
    if word(1) in _TRAM:
        if word(2) in _LINH and word(3) in _ONES:
            return f"{one}0{_ONES[word(3)]}", 4
        if word(2) in _TEN and word(3) in _ONES:
            return f"{one}1{_ONES[word(3)]}", 4
        if word(2) in _ONES and word(3) in _MUOI:
            return (f"{one}{_ONES[word(2)]}{_ONES[word(4)]}", 5) if word(4) in _ONES else (
                f"{one}{_ONES[word(2)]}0", 4)  # fmt: skip
        return f"{one}00", 2
    if word(1) in _MUOI and one:
        return (f"{one}{_ONES[word(2)]}", 3) if word(2) in _ONES else (f"{one}0", 2)
    return str(one), 1
