"""Letters folded to their base: lower case, no diacritics, ``đ`` as ``d``.

SQLite's ``remove_diacritics`` folds Vietnamese tones but not ``đ``, and offsets into the original are
needed, so the folding is our own and stands in one place.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

#: Categories that leave nothing on the page: control, format, surrogate, and the three of white space.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
#: Text in which something can be seen, and text that is not blank, neither with NUL: `is_visible` and the
#: letters of `is_phrase` as regular expressions of JSON Schema (ECMA-262).
VISIBLE_PATTERN = (
    r"^[^\u0000]*[^\u0000-\u0020\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u206f\u3000\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U00013438\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    "\U000e0020-\U000e007f"
    r"][^\u0000]*$"
)
PHRASE_PATTERN = (
    r"^[^\u0000]*[^\u0000\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028-\u2029\u202f\u205f\u3000]"
    r"[^\u0000]*$"
)
_STROKED = str.maketrans({"đ": "d", "Đ": "d", "ð": "d", "Ð": "d"})


def fold(text: str) -> str:
    """Lower case without diacritics: ``"Đổi trả"`` -> ``"doi tra"``. Length may change."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.translate(_STROKED).lower())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@lru_cache(maxsize=1 << 16)
def fold_word(word: str) -> str:
    """`fold`, once for each word: the same few thousand make up most of what people write."""
    return fold(word)


def has_lone_surrogate(text: str) -> bool:
    """Whether ``text`` holds half of a pair, which UTF-8 cannot carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def is_phrase(text: str, most: int) -> bool:
    """Whether it is text of 1 to ``most`` characters, without space around it, that the database can keep."""
    return 1 <= len(text.strip()) <= most and "\0" not in text and not has_lone_surrogate(text)


def is_visible(text: str) -> bool:
    """Whether anything of ``text`` can be seen: a letter, digit, sign or emoji, even one still unassigned."""
    return any(unicodedata.category(char) not in _UNSEEN for char in text)


def fold_with_map(text: str) -> tuple[str, list[int]]:
    """The folded letters and digits, and for each the index of the code point it came from.

    White space and combining marks leave nothing, so two texts that differ in spacing, case, tone marks
    or their placement fold to the same string.
    """
    folded: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        for letter in fold(char):
            if not letter.isspace():
                folded.append(letter)
                origin.append(index)
    return "".join(folded), origin


#: From this share of capitals among its cased letters a text counts as shouted.
SHOUTED = 0.6


def unshouted(text: str) -> str:
    """The text in small letters where most of it is in capitals; offsets stay.

    The encoder knows words in capitals less well, and shouting changes no point.
    """
    cased = [char for char in text if char.lower() != char.upper()]
    if len(cased) < 8 or sum(char.isupper() for char in cased) < SHOUTED * len(cased):
        return text
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
