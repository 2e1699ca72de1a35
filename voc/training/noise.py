"""Spoils clean texts as people spoil them who type in a hurry, so that an encoder learns to read them.

Enters: a text and a random source. Leaves: a text of the same meaning. What must hold: the same random
source gives the same text; no text becomes empty; pieces of the word lists are read when training starts,
never kept in the code.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

#: Combining marks of Vietnamese tones and vowels, and the Telex key that types each.
TONES = {"\u0301": "s", "\u0300": "f", "\u0309": "r", "\u0303": "x", "\u0323": "j"}
VOWELS = {"\u0306": "w", "\u031b": "w"}
CIRCUMFLEX = "\u0302"
#: The rows of a keyboard.
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
#: Signs that say little of a feeling, so that a label stays true.
SIGNS = ("📦", "📱", "🛒", "💳", "🏦", "🏨", "👀", "🤔", "🙏", "...", "..", "~", "^^", "!", "!!", "??")
#: Common shorthand of English chats.
SHORTHAND = {
    "you": "u", "your": "ur", "are": "r", "please": "pls", "thanks": "thx", "thank you": "ty",
    "because": "cuz", "with": "w/", "without": "w/o", "people": "ppl", "before": "b4", "account": "acc",
    "message": "msg", "customer service": "cs", "delivery": "delivry", "really": "rly", "okay": "k",
    "to": "2", "for": "4", "though": "tho", "through": "thru", "received": "recieved", "tomorrow": "tmr",
    "want to": "wanna", "going to": "gonna", "i do not know": "idk", "as soon as possible": "asap",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

Informal = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each way of spoiling is used on a text (``*_words``: on each word of such a text)."""

    clean: float = 0.25
    bare: float = 0.25
    some_bare: float = 0.12
    telex: float = 0.05
    informal: float = 0.35
    informal_words: float = 0.5
    tone_place: float = 0.15
    typos: float = 0.3
    typo_words: float = 0.12
    elongated: float = 0.05
    unpunctuated: float = 0.25
    lower: float = 0.3
    upper: float = 0.03
    sign: float = 0.06


def read_informal(folder: Path, max_words: int = 4) -> dict[str, tuple[str, ...]]:
    """Standard words (lower case) with the ways they are informally written.

    Args:
        folder: ``*.tsv`` files of ``informal <tab> standard``; no folder gives no words.
        max_words: longer standard forms are left out.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for path in sorted(folder.glob("*.tsv")):
        for line in path.read_text("utf-8").splitlines():
            informal, _, standard = unicodedata.normalize("NFC", line.lower()).partition("\t")
            informal, standard = informal.strip(), standard.strip()
            if informal and standard and informal != standard and len(standard.split()) <= max_words:
                found[standard][informal] = None
    return {standard: tuple(forms) for standard, forms in found.items()}


def is_vietnamese(text: str) -> bool:
    """Whether Vietnamese letters stand in it: a mark on a vowel, or ``đ``."""
    marks = set(unicodedata.normalize("NFD", text.lower()))
    return not marks.isdisjoint({"đ", CIRCUMFLEX, *TONES, *VOWELS})


def bare(text: str) -> str:
    """Without diacritics, ``đ`` as ``d``: ``"Đổi trả"`` -> ``"Doi tra"``."""
    parts = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return unicodedata.normalize("NFC", "".join(part for part in parts if not unicodedata.combining(part)))


def telex(word: str) -> str:
    """The keys that were pressed: ``"được"`` -> ``"dduwowcj"``, the tone last as most people type it."""
    keys, tone = "", ""
    for char in unicodedata.normalize("NFD", word):
        if char in "đĐ":
            keys += "dd" if char == "đ" else "DD"
        elif char == CIRCUMFLEX:
            keys += keys[-1:].lower()
        elif char in VOWELS:
            keys += VOWELS[char]
        elif char in TONES:
            tone = TONES[char]
        else:
            keys += char
    return unicodedata.normalize("NFC", keys + tone)


def _tone_places() -> dict[str, str]:
    """``oà`` -> ``òa`` and back, for the open rhymes oa, oe and uy with every tone."""
    places: dict[str, str] = {}
    for first, second in ("oa", "oe", "uy"):
        for mark in TONES:
            new = first + unicodedata.normalize("NFC", second + mark)
            old = unicodedata.normalize("NFC", first + mark) + second
            places |= {new: old, old: new}
    return places


_PLACES = _tone_places()
_PLACE = re.compile(f"({'|'.join(_PLACES)})" + r"(?!\w)")


def move_tone(text: str) -> str:
    """The other of the two ways to place a tone: ``"hoà"`` <-> ``"hòa"``, ``"thúy"`` <-> ``"thuý"``."""
    return re.sub(r"(?<![qQ])" + _PLACE.pattern, lambda found: _PLACES[found[1]], text)


def _neighbours() -> dict[str, str]:
    beside: dict[str, str] = defaultdict(str)
    for number, row in enumerate(_ROWS):
        for at, key in enumerate(row):
            beside[key] += row[max(0, at - 1) : at] + row[at + 1 : at + 2]
            if number + 1 < len(_ROWS):
                for below in _ROWS[number + 1][max(0, at - 1) : at + 1]:
                    beside[key] += below
                    beside[below] += key
    return dict(beside)


_NEIGHBOURS = _neighbours()


def typo(word: str, random: Random) -> str:
    """One slip: two letters swapped, one dropped, doubled, or a neighbouring key; the first letter stays."""
    if len(word) < 3:
        return word
    at = random.randrange(1, len(word) - 1) if len(word) > 3 else 1
    kind = random.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    beside = _NEIGHBOURS.get(bare(word[at]).lower(), word[at])
    return word[:at] + random.choice(beside) + word[at + 1 :]


def elongate(text: str, random: Random) -> str:
    """The last letter of one word held down: ``"đẹp quá"`` -> ``"đẹp quáaaa"``."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    end = random.choice(words).end()
    return text[:end] + bare(text[end - 1]).lower() * random.randint(1, 4) + text[end:]


def unpunctuated(text: str, random: Random) -> str:
    """Without punctuation between words; half the time only the last mark is missing."""
    if random.random() < 0.5:
        return text.rstrip(".!?… ") or text
    kept = re.sub(r"[.,!?;:…\"]+(?=\s|$)", "", text)
    return kept if kept.strip() else text


class Noiser:
    """Spoils texts.

    Args:
        informal: standard words with their informal forms, see `read_informal`.
        rates: how often each way is used.
    """

    def __init__(self, informal: Informal, rates: Rates | None = None) -> None:
        self.rates = rates or Rates()
        self._informal = {"vi": _Replacer(informal), "en": _Replacer({k: (v,) for k, v in SHORTHAND.items()})}

    def spoil(self, text: str, random: Random) -> str:
        """``text``, or something that people type instead of it."""
        return self.spoil_pieces([text], random)[0]

    def spoil_pieces(self, pieces: Sequence[str], random: Random) -> list[str]:
        """The pieces of one text, all typed by the same hand: none becomes empty that was not."""
        style = None if random.random() < self.rates.clean else self._style(pieces, random)
        return [piece if style is None else self._typed(piece, style, random) for piece in pieces]

    def spoil_surely(self, text: str, random: Random) -> str:
        """Like `spoil`, but never kept clean on purpose."""
        return self._typed(text, self._style([text], random), random)

    def _style(self, pieces: Sequence[str], random: Random) -> _Style:
        rates = self.rates
        vietnamese = any(is_vietnamese(piece) for piece in pieces)
        return _Style(
            language="vi" if vietnamese else "en",
            informal=random.random() < rates.informal,
            unpunctuated=random.random() < rates.unpunctuated,
            elongated=random.random() < rates.elongated,
            typos=random.random() < rates.typos,
            tone_place=vietnamese and random.random() < rates.tone_place,
            letters=self._letters(random) if vietnamese else str,
            case=self._case(random),
            sign=f" {random.choice(SIGNS)}" if random.random() < rates.sign else "",
        )

    def _letters(self, random: Random) -> Callable[[str], str]:
        """Vietnamese letters as another keyboard gives them."""
        rates = self.rates
        way = random.random()
        if way < rates.bare:
            return bare
        if way < rates.bare + rates.some_bare:
            share = random.uniform(0.2, 0.8)
            return lambda text: _each_word(text, share, random, bare)
        if way < rates.bare + rates.some_bare + rates.telex:
            share = random.uniform(0.1, 0.7)
            return lambda text: _each_word(text, share, random, telex)
        return str

    def _case(self, random: Random) -> Callable[[str], str]:
        way = random.random()
        if way < self.rates.lower:
            return str.lower
        return str.upper if way < self.rates.lower + self.rates.upper else str

    def _typed(self, text: str, style: _Style, random: Random) -> str:
        rates = self.rates
        spoiled = unicodedata.normalize("NFC", text)
        if style.informal:
            spoiled = self._informal[style.language].replace(spoiled, rates.informal_words, random)
        if style.unpunctuated:
            spoiled = unpunctuated(spoiled, random)
        if style.elongated:
            spoiled = elongate(spoiled, random)
        if style.typos:
            spoiled = _each_word(spoiled, rates.typo_words, random, lambda word: typo(word, random))
        if style.tone_place:
            spoiled = move_tone(spoiled)
        spoiled = style.case(style.letters(spoiled)) + style.sign
        return spoiled if spoiled.strip() and text.strip() else text


@dataclass(frozen=True, slots=True)
class _Style:
    """What was drawn for one text: the ways in which all of it is spoiled."""

    language: str
    informal: bool
    unpunctuated: bool
    elongated: bool
    typos: bool
    tone_place: bool
    letters: Callable[[str], str]
    case: Callable[[str], str]
    sign: str


class _Replacer:
    """Replaces whole words and phrases, longest first, ignoring case."""

    def __init__(self, forms: Informal) -> None:
        self._forms = forms
        choices = "|".join(re.escape(words) for words in sorted(forms, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<!\w)(?:{choices})(?!\w)", re.IGNORECASE) if forms else None

    def replace(self, text: str, rate: float, random: Random) -> str:
        """Each phrase found is replaced with the probability ``rate``."""
        if self._pattern is None:
            return text

        def informal(found: re.Match[str]) -> str:
            forms = self._forms.get(found[0].lower())
            return random.choice(forms) if forms and random.random() < rate else found[0]

        return self._pattern.sub(informal, text)


def _each_word(text: str, rate: float, random: Random, change: Callable[[str], str]) -> str:
    """Each word is changed with the probability ``rate``."""
    return _WORD.sub(lambda found: change(found[0]) if random.random() < rate else found[0], text)
