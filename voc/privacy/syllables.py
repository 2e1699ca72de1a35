"""How Vietnamese syllables are built and marked."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SYLLABLE = re.compile(
    r"(?:b|ch|c|d|gh|gi|g|h|kh|k|l|m|ngh|ng|nh|n|ph|p|qu|r|s|th|tr|t|v|x)?"
    r"(?:uye|uya|uyu|ieu|yeu|oai|oay|oeo|uoi|uou|uay|ia|ie|iu|oa|oe|oi|oo|ua|ue|ui|uo|uu|uy|ye|ai|ao|au|ay|eo|eu|a|e|i|o|u|y)"
    r"(?:ch|nh|ng|c|m|n|p|t)?"
)


@lru_cache(maxsize=1 << 14)
def is_syllable(bare: str) -> bool:
    """Whether letters without marks, in small letters, may be a Vietnamese syllable."""
    return len(bare) <= 7 and _SYLLABLE.fullmatch(bare) is not None


@lru_cache(maxsize=1 << 14)
def marks_of(text: str) -> str:
    """The marks of a text wherever they stand: ``hoá`` and ``hóa`` have the same."""
    return "".join(sorted(char for char in unicodedata.normalize("NFD", text) if not char.isascii()))
