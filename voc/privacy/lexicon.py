"""Vietnamese and English names, and what is called like one.

Words are looked up with their marks where they have any, wherever the mark of tone is placed (``thuý``,
``thúy``), and without marks where they are typed without.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voc.privacy.lists import phrases, words
from voc.privacy.pieces import Piece
from voc.privacy.syllables import marks_of
from voc.text import fold


@dataclass(frozen=True, slots=True)
class Words:
    """A list of words.

    Attributes:
        marked: each with its marks in one order.
        bare: without marks.
    """

    marked: frozenset[tuple[str, str]]
    bare: frozenset[str]

    @classmethod
    def of(cls, listed: Iterable[str]) -> Words:
        """From words with their marks."""
        listed = tuple(listed)
        return cls(frozenset((fold(word), marks_of(word)) for word in listed), frozenset(map(fold, listed)))

    def __contains__(self, piece: Piece) -> bool:
        if piece.bare not in self.bare:
            return False
        return piece.small.isascii() or self.has(piece.small)

    def has(self, word: str) -> bool:
        """Whether a word in small letters is listed with just its marks."""
        return (fold(word), marks_of(word)) in self.marked


#: Surnames that alone, with a given name, make a full name; and all.
SOLID = Words.of(words("names", "solid"))
SURNAMES = Words.of(words("names", "solid") | words("names", "other"))
#: Those that with their marks are hardly any other word, and those of them that are none without.
RARE = Words.of(words("names", "rare"))
CLEAR_RARE = words("names", "clear_rare")
MIDDLE = Words.of(words("names", "middle"))
#: Surnames of the Hmong, who have "A" as a middle name, and middle names of theirs and of others.
HMONG = Words.of(words("names", "hmong"))
OTHER_MIDDLE = Words.of(words("names", "other_middle"))
#: Names of clans of the highlands, and surnames of more than one word.
CLANS = frozenset(map(fold, words("names", "clans")))
COMPOUND = frozenset(map(fold, phrases("names", "compound")))
#: Middle names that hardly stand anywhere else.
SURE_MIDDLE = Words.of(words("around", "sure_middle"))
GIVEN = Words.of(words("names", "given"))
#: Surnames that with a given name make two given names as often as a full name.
DOUBLE = Words.of(("hoàng", "dương"))
#: Surnames that, without marks, are English or everyday words.
LOOKALIKE = words("around", "lookalike")
#: Surnames that, with their marks, are no everyday words; and those of them that need no other word to show
#: it.
PLAINLY = words("around", "plainly")
CLEAR = words("around", "clear")
#: Words that begin a new sentence after a name without a stop.
AFTER = words("names", "after")
FIRST = words("english", "first")
#: Everyday English words, which are no surnames and go on after one.
PLAIN = words("around", "plain")
#: First names that are words of their own.
FIRST_WORDS = words("english", "words")
#: Second words after which no person is meant.
NOT_LAST = words("english", "not_last")
#: People in history and in public life; shops and whatever else is built like a name; places.
FIGURES = frozenset(map(fold, phrases("known", "figures")))
SHOPS = frozenset(map(fold, phrases("known", "shops")))
#: First two words after which no person is meant.
NO_PERSONS = frozenset(map(fold, phrases("known", "no_persons")))
PLACES = frozenset(map(fold, phrases("places", "provinces") | phrases("places", "districts")))


def is_van_or_thi(piece: Piece) -> bool:
    """Whether it is the middle name of most men or women of a generation, which is no other word."""
    return piece.small in ("văn", "thị", "van", "thi")
