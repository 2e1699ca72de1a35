"""Letters folded to their base: lower case, no diacritics, ``đ`` as ``d``.

SQLite's ``remove_diacritics`` folds Vietnamese tones but not ``đ``, and offsets into the original are
needed, so the folding is our own and stands in one place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
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
#: An address for mail, `local@domain` (RFC 5321, 4.1.2), without quoted parts and in ASCII alone.
ADDRESS_PATTERN = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$"
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


def folded_words(text: str) -> list[tuple[str, int, int]]:
    """Runs of letters and digits, folded as search has them, each with its start and end in ``text``."""
    found: list[tuple[str, int, int]] = []
    letters, start = "", 0
    for at, char in enumerate(text + " "):
        here = fold(char) if char.isalnum() else ""
        if here.isalnum():
            start = start if letters else at
            letters += here
        elif letters and not (char.isalnum() or unicodedata.combining(char)):  # a mark belongs to its letter
            found.append((letters, start, at))
            letters = ""
    return found


def places(text: str, phrases: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """Where any of these phrases, each a list of `folded_words`, stands in ``text``, in order of appearance.

    Of several at one place the longest is taken; none overlaps another.
    """
    wanted = {tuple(phrase) for phrase in phrases if phrase}
    words = folded_words(text)
    lengths = sorted({len(phrase) for phrase in wanted}, reverse=True)
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(words):
        coming = [word for word, *_ in words[at : at + lengths[0]]] if lengths else []
        length = next((n for n in lengths if n <= len(coming) and tuple(coming[:n]) in wanted), 0)
        if length:
            found.append((words[at][1], words[at + length - 1][2]))
        at += max(length, 1)
    return found


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
