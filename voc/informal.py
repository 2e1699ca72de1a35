"""Informal Vietnamese on a copy with an index map; quotes always come from the original.

Enters: a text as typed, and whether it is read as Vietnamese. Leaves: `Informal`, the same text in standard
form. What must hold: every offset of the copy leads back to the original, in order; normalizing twice changes
nothing more; missing tone marks are not guessed, and emoji and emoticons stay, for they carry feeling.

Every text is composed (NFC), and words drawn out (``quáaaaa``, ``soooo``) are shortened. Vietnamese words
moreover get one placement of the tone mark (``hoà`` as ``hòa``), their dropped letters back (``thág``,
``ngĩ``) and, where ``informal.toml`` knows a chatted form (``ko``, ``ntn``), the standard one.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+")
#: A longer run of letters is no word.
_MAX_WORD = 64
#: A sign between two words without white space makes them one: an address, ``c/o``, ``e-mail``.
_JOINING = frozenset("/.-_@#&'’\\+")
#: Repeated letters that count something: Roman numbers, sizes.
_COUNTED = re.compile(r"[IVXLCM]+|[xX]+[sSmMlL]")
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")

# The patterns below read one lower-case syllable without its tone. No syllable ends in "g" or "h" after a
# vowel, "g" and "ng" are "gh" and "ngh" before "e" and "i", "q" needs its "u", and there is no "f".
_DROPPED = (
    (re.compile(r".+[aăâeêioôơuưy](?=[gh]$)"), "n"),
    (re.compile(r"^ng(?=[ieê])"), "h"),
    (re.compile(r"^g(?=[eê])"), "h"),
    (re.compile(r"^q(?=[aăâeêioôơy])"), "u"),
)
_HORNLESS = re.compile(r"(?<!q)(?:uơ|ưo)(?=[ncmptiu])")
#: A syllable whose tone people place on either of two vowels.
_PLACED = re.compile(
    r"(?P<onset>[bcdđghklmnpqrstvx]*?)(?P<glide>(?<=q)u)?(?P<first>[oui](?=[aeêôy])|ư(?=ơ)|y(?=ê))?"
    r"(?P<second>[aăâeêioôơuưy])(?P<third>ê)?(?P<coda>[iyuo]?(?:ng|nh|ch|[cmnpt])?)"
)


@dataclass(frozen=True, slots=True)
class Informal:
    """A text in standard form.

    Attributes:
        text: the standard form.
        index: for each code point of ``text`` the offset in the original of the code point, or of the word,
            that it came from; never decreasing.
        ends: for each code point of ``text`` the offset after that code point or word in the original.
    """

    text: str
    index: tuple[int, ...]
    ends: tuple[int, ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` stands in the original; any part of a replaced word is the whole word."""
        if start < end:
            return self.index[start], self.ends[end - 1]
        place = self.index[start] if start < len(self.index) else max(self.ends, default=0)
        return place, place


class _Mark(NamedTuple):
    """A code point with the stretch of the original that it came from."""

    char: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """``informal.toml``.

    Attributes:
        standard: standard form by chatted form.
        units: chatted forms that count something after a number.
        numbers: words for numbers.
        doubles: words with a double letter of their own.
    """

    standard: dict[str, str]
    units: frozenset[str]
    numbers: frozenset[str]
    doubles: frozenset[str]


@cache
def _lexicon() -> _Lexicon:
    content = tomllib.loads(Path(__file__).with_name("informal.toml").read_text("utf-8"))
    return _Lexicon(
        {form: standard for standard, forms in content["words"].items() for form in forms},
        frozenset(content["readings"]["after_number"]),
        frozenset(content["readings"]["numbers"]),
        frozenset(content["doubles"]["words"]),
    )


def normalize(text: str, *, vietnamese: bool = True) -> Informal:
    """The standard form of ``text``.

    ``vietnamese`` says how it is read: ``r``, ``vs`` and ``ms`` are English or names elsewhere.
    """
    marks = list(_composed(text))
    composed = _string(marks)
    done: list[_Mark] = []
    at, before = 0, ""
    for match in _WORD.finditer(composed):
        start, end = match.span()
        gap = composed[at:start]
        done += marks[at:start]
        done += _word(composed, marks, start, end, before if gap.isspace() else "", vietnamese)
        at, before = end, match[0].lower()
    done += marks[at:]
    return Informal(_string(done), tuple(mark.start for mark in done), tuple(mark.end for mark in done))


def _string(marks: Sequence[_Mark]) -> str:
    return "".join(mark.char for mark in marks)


def _composed(text: str) -> Iterator[_Mark]:
    """NFC, letter by letter with the combining marks that follow it."""
    at = 0
    while at < len(text):
        end = at + 1
        while end < len(text) and _combines(text[end]):
            end += 1
        letter = text[at:end]
        composed = unicodedata.normalize("NFC", letter)
        if composed == letter:
            yield from (_Mark(char, at + i, at + i + 1) for i, char in enumerate(letter))
        else:
            yield from (_Mark(char, at, end) for char in composed)
        at = end


def _combines(char: str) -> bool:
    """Combining marks, and the Hangul vowels and finals that compose with what stands before them."""
    return char > "\u02ff" and (unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff")


def _is_word(composed: str, start: int, end: int) -> bool:
    """Whether a run of letters and digits is a word: short, without digits or marks that do not compose."""
    around = composed[start - 1 : start] + composed[end : end + 1]
    return (
        end - start <= _MAX_WORD
        and composed[start:end].isalpha()
        and not any(_combines(char) for char in around + composed[start])
    )


def _word(
    composed: str, marks: list[_Mark], start: int, end: int, before: str, vietnamese: bool
) -> list[_Mark]:
    """The word ``composed[start:end]`` in standard form; ``before`` is the word it follows."""
    word = marks[start:end]
    if not _is_word(composed, start, end):
        return word
    if not vietnamese:
        return _shortened(word, 3)
    typed = composed[start:end]
    if typed.lower() not in _lexicon().standard:  # cccd is not drawn out
        word = _shortened(word, 3) if typed.isascii() else _respelled(_shortened(word, 2))
    return word if _is_joined(composed, start, end) else _standard(word, before)


def _is_joined(composed: str, start: int, end: int) -> bool:
    left = composed[max(0, start - 2) : start]
    right = composed[end : end + 2]
    return (len(left) == 2 and left[0].isalnum() and left[1] in _JOINING) or (
        len(right) == 2 and right[0] in _JOINING and right[1].isalnum()
    )


def _shortened(word: list[_Mark], last: int) -> list[_Mark]:
    """Letters drawn out: three and more of one become one, or two where the word has two of its own.

    ``last`` letters at the end of the word are enough: a Vietnamese syllable ends in no double letter. One
    letter alone (``kkk``, ``zzz``) laughs or sleeps, and stays unless it bears a mark (``ạaaa``). Letters are
    one if they differ in tone alone: the ``ưu`` of ``bưu`` is two.
    """
    runs = [list(run) for _, run in groupby(word, lambda mark: _toneless(mark.char)[0])]
    long = [len(run) >= (last if run is runs[-1] else 3) for run in runs]
    typed = _string(word)
    if not any(long) or _COUNTED.fullmatch(typed) or (len(runs) == 1 and typed.isascii()):
        return word
    whole = [[_merged(run)] if drawn else run for run, drawn in zip(runs, long, strict=True)]
    drawn_out = [i for i, drawn in enumerate(long) if drawn]
    for doubled in (drawn_out, *([i] for i in drawn_out)):
        two = [_halves(runs[i]) if i in doubled else run for i, run in enumerate(whole)]
        if _string([mark for run in two for mark in run]).lower() in _lexicon().doubles:
            whole = two
            break
    return [mark for run in whole for mark in run]


def _merged(run: list[_Mark]) -> _Mark:
    """One letter for the whole run: the one that bears a mark, if any does."""
    bearing = next((mark.char for mark in run if not mark.char.isascii()), run[0].char)
    return _Mark(bearing, run[0].start, run[-1].end)


def _halves(run: list[_Mark]) -> list[_Mark]:
    return [run[0], _Mark(run[1].char, run[1].start, run[-1].end)]


def _respelled(word: list[_Mark]) -> list[_Mark]:
    """One syllable with dropped letters, horns and the place of its tone put right."""
    letters = [_toneless(mark.char) for mark in word]
    if any(len(letter) != 1 for letter, _ in letters):
        return word
    syllable = "".join(letter for letter, _ in letters)
    tones = [tone for _, tone in letters]
    shouted = _string(word).isupper()
    word = list(word)
    if syllable[0] == "f":
        syllable, tones = "ph" + syllable[1:], ["", *tones]
        opening = ("P" if word[0].char == "F" else "p") + ("H" if shouted else "h")
        word[:1] = [word[0]._replace(char=char) for char in opening]
    for pattern, letter in _DROPPED:
        if match := pattern.search(syllable):
            at = match.end()
            syllable = syllable[:at] + letter + syllable[at:]
            tones.insert(at, "")
            word.insert(at, word[at - 1]._replace(char=letter.upper() if shouted else letter))
    syllable = _HORNLESS.sub("ươ", syllable)
    held = [at for at, tone in enumerate(tones) if tone]
    if len(held) == 1:
        place = _tone_place(syllable, held[0])
        tones[held[0]], tones[place] = "", tones[held[0]]
    return [
        mark._replace(char=_cased(unicodedata.normalize("NFC", letter + tone), mark.char))
        for mark, letter, tone in zip(word, syllable, tones, strict=True)
    ]


@cache
def _toneless(char: str) -> tuple[str, str]:
    """A letter in lower case without its tone, and the tone."""
    parts = unicodedata.normalize("NFD", char.lower())
    tone = next((part for part in parts if part in _TONES), "")
    return unicodedata.normalize("NFC", parts.replace(tone, "") if tone else parts), tone


def _cased(char: str, like: str) -> str:
    return char.upper() if like.isupper() else char


def _tone_place(syllable: str, place: int) -> int:
    """Where the tone of ``syllable`` belongs; ``place`` where that is not in doubt."""
    match = _PLACED.fullmatch(syllable)
    if match is None:
        return place
    first, second, third = match.start("first"), match.start("second"), match.start("third")
    if third >= 0:
        return third if place <= third else place
    if match["glide"] and first < 0:
        return second if place == match.start("glide") else place
    if first < 0 or place not in (first, second):
        return place
    pair = match["first"] + match["second"]
    if pair in ("oa", "oe", "uy"):
        return second if match["coda"] else first
    return second if pair in ("ươ", "iê", "yê", "uô") else place


def _standard(word: list[_Mark], before: str) -> list[_Mark]:
    """The standard form of a chatted word; every letter of it stands for the whole word."""
    typed = _string(word)
    standard = _lexicon().standard.get(typed.lower())
    if standard is None or (len(typed) == 1 and typed.isupper()):  # a grade, a size, a Roman number
        return word
    if typed.lower() in _lexicon().units and (before in _lexicon().numbers or before[-1:].isdigit()):
        return word
    if typed.isupper():
        standard = standard.upper()
    elif typed[0].isupper():
        standard = standard[0].upper() + standard[1:]
    return [_Mark(char, word[0].start, word[-1].end) for char in standard]
