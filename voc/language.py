"""Tells Vietnamese (with or without diacritics), English and a mix of them apart.

Enters: a text. Leaves: ``vi``, ``en``, ``mixed`` or ``und``. What must hold: no word list is consulted
that was not learned from the training sets; the table is ``models/language.json``.

A word with a letter that only Vietnamese has is Vietnamese. Any other word is weighed by the logarithm of
the odds that it, or else its letter trigrams, stood in a Vietnamese text typed without diacritics against
an English one (naive Bayes, Laplace smoothing).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from voc.records import Language
from voc.text import fold

_WORD = re.compile(r"[^\W\d_]+")
_VIETNAMESE = re.compile("[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịĩọỏốồổỗộớờởỡợụủũứừửữựỳỵỷỹ]")
_LATIN = re.compile(r"[a-zA-Z\u00C0-\u024F\u1E00-\u1EFF]")
_FOREIGN = re.compile("[çñßøåæœäëïöüîûÿłśżźćńőűşğıčřšžťďľ]")

#: Weight of a word with Vietnamese letters; that of a table word is bounded by it.
CERTAIN = 6.0
#: Two sides must each have this many words that lean to them by at least `LEAN`, and this share of all.
MIN_WORDS_EACH, LEAN, MIN_SHARE = 2, 2.0, 0.25


@dataclass(frozen=True, slots=True)
class LanguageTable:
    """Log odds, Vietnamese over English, of folded words and of letter trigrams."""

    words: Mapping[str, float]
    trigrams: Mapping[str, float]

    @classmethod
    def open(cls, path: Path) -> LanguageTable:
        """Reads ``language.json``."""
        content = json.loads(path.read_text("utf-8"))
        return cls(content["words"], content["trigrams"])

    def weight(self, word: str) -> tuple[float, bool]:
        """Log odds of one word, and whether the table knows it as a word."""
        lowered = word.lower()
        if _VIETNAMESE.search(lowered):
            return CERTAIN, True
        folded = fold(lowered)
        known = self.words.get(folded)
        if known is not None:
            return known, True
        padded = f" {folded} "
        pieces = [self.trigrams.get(padded[i : i + 3], 0.0) for i in range(len(padded) - 2)]
        return max(-CERTAIN, min(CERTAIN, sum(pieces))) / 2, False


class LanguageDetector:
    """Decides the language of one text with a `LanguageTable`."""

    def __init__(self, table: LanguageTable) -> None:
        self._weight = lru_cache(maxsize=65_536)(table.weight)

    def detect(self, text: str) -> Language:
        """The language of ``text``; ``und`` for no letters, another script or another language."""
        found = _WORD.findall(text)
        if not found:
            return "und"
        latin = [word for word in found if _LATIN.match(word)]
        letters = sum(map(len, found))
        if sum(map(len, latin)) < letters / 2:
            return "und"
        weighed = [self._weight(word) for word in latin]
        vietnamese = sum(weight >= LEAN for weight, _ in weighed)
        english = sum(weight <= -LEAN for weight, _ in weighed)
        if self._is_foreign(latin, [known for _, known in weighed], vietnamese):
            return "und"
        if min(vietnamese, english) >= MIN_WORDS_EACH and min(vietnamese, english) >= MIN_SHARE * (
            vietnamese + english
        ):
            return "mixed"
        return "vi" if sum(weight for weight, _ in weighed) > 0 else "en"

    @staticmethod
    def _is_foreign(latin: list[str], known: list[bool], vietnamese: int) -> bool:
        """Mostly unknown words, or letters that neither language has, without any Vietnamese ones."""
        foreign = sum(bool(_FOREIGN.search(word.lower())) for word in latin)
        few_known = len(known) >= 4 and sum(known) < 0.45 * len(known)
        return vietnamese == 0 and (few_known or foreign >= 2)

    @staticmethod
    def whole(parts: list[Language]) -> Language:
        """The language of a text from those of its segments: one if they agree, else ``mixed``."""
        told = {part for part in parts if part != "und"}
        if not told:
            return "und"
        return told.pop() if len(told) == 1 else "mixed"
