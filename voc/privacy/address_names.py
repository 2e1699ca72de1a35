"""Names inside addresses: of streets, wards, buildings and towns, and postcodes.

Enters: pieces and a place. Leaves: the piece after the name there, or None. With capitals a name goes as far
as they do; in small letters as far as the words may be one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from voc.privacy.address_words import ALL_PLACES, PLACES, STREETS, is_surname, known_at, parts_at
from voc.privacy.lists import folded, words
from voc.privacy.pieces import Piece
from voc.privacy.plain import Plain
from voc.privacy.syllables import is_syllable

_MOST_WORDS = 5
#: Words for parts that, in small letters, are words of their own: a name follows only after a dot.
SHORT = words("addresses", "short")
_TYPES = words("addresses", "types")
_SMALL_TYPES = frozenset({"street", "road", "avenue", "lane", "boulevard", "st", "ave", "rd"})
_TYPES_AFTER_NUMBER = words("addresses", "types_after_number")
_QUARTERS = frozenset({"n", "s", "e", "w", "ne", "nw", "se", "sw"})
_ARTICLES = frozenset({"de", "la", "du", "des", "le", "les", "del"})
_AREAS = words("addresses", "areas")
_INSIDE_TOWNS = frozenset({"upon", "under", "le", "sur", "am", "en", "on", "de", "la", "der", "den"})
#: Words that end a name in small letters.
_STOP = words("addresses", "stop")
_BARE_SOLID = folded("names", "solid")
_UK = re.compile(r"[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}(?![^\W_])")
_ZIP = re.compile(r"(?:[a-z]{2,3}[ ,]{1,2})?\d{4,6}(?:-\d{3,4})?(?![^\W_]|[.,]?\d)|\d{3}[ -]\d{4}(?![^\W_])")
_STATES = words("addresses", "states")
_GLUED_WARD = re.compile(r"[pqf]\d{1,2}")


class Names:
    """Reads names from the pieces of one text."""

    def __init__(self, plain: Plain, found: Sequence[Piece]) -> None:
        self.plain = plain
        self.found = found

    def capitals(self, at: int, *, foreign: bool = False, most: int = _MOST_WORDS) -> int:
        """The piece after the words with capitals that begin at ``at``."""
        end = at
        while end < len(self.found) and end - at < most:
            piece = self.found[end]
            if (
                piece.kind == "number"
                and end > at
                and re.fullmatch(r"\d{1,2}", piece.bare)
                and self.is_last(end)
            ):
                return end + 1
            if piece.kind not in ("word", "code") or not piece.capital:
                break
            if end > at:
                if not piece.spaced or self._begins_part(end) or known_at(self.found, end, PLACES):
                    break
                if not foreign and not is_syllable(piece.bare):
                    break
            end += 1
        return max(end, at + 1)

    def is_last(self, at: int) -> bool:
        """Whether a sign, a line or the end of the text follows a piece."""
        return at + 1 >= len(self.found) or self.found[at + 1].kind in ("sign", "line")

    def _begins_part(self, at: int) -> bool:
        """Whether a marked part begins at a word inside a name."""
        piece = self.found[at]
        if re.fullmatch(r"[pqf]\d{1,2}", piece.bare):
            return True
        following = self.found[at + 1] if at + 1 < len(self.found) else None
        for kind, length in parts_at(self.found, at):
            if length == 1 and piece.bare in SHORT:
                if following is not None and (following.small == "." or following.kind == "number"):
                    return True
                continue
            if kind == "number" and (following is None or following.kind != "number"):
                continue
            english = piece.bare in _AREAS
            if piece.small.isascii() and length == 1 and (kind not in ("ward", "street") or english):
                if following is not None and following.kind in ("number", "code"):
                    return True
                continue
            return True
        return False

    def small(self, at: int, most: int, *, foreign: bool = False) -> int | None:
        """The piece after the words in small letters that may be a name; a letter or number may close it."""
        end = at
        while end < len(self.found) and end - at < most:
            piece = self.found[end]
            if end > at and self.is_last(end) and re.fullmatch(r"\d{1,2}|[a-d]", piece.bare) and piece.spaced:
                return end + 1
            if piece.kind != "word" or len(piece.bare) < 2 or not (foreign or is_syllable(piece.bare)):
                break
            if piece.bare in _STOP and not (
                (end == at and not piece.small.isascii()) or (end == at + 1 and self.is_last(end))
            ):
                break
            if end > at and (self._begins_part(end) or known_at(self.found, end, PLACES)):
                break
            end += 1
        return end if end > at else None

    def street(self, at: int) -> int | None:
        """The piece after a street's name that no word announces."""
        length = known_at(self.found, at, STREETS)
        if length:
            return at + length
        piece = self.found[at]
        if piece.kind != "word" or not is_syllable(piece.bare):
            return None
        if piece.capital:
            return self.capitals(at)
        if is_surname(piece) and piece.bare not in _STOP:
            end = self.small(at, 3)
            return end if end is not None and end - at > 1 else None
        return None

    def typed_street(self, at: int, last: str) -> int | None:
        """The piece after a street with its kind after it ("Baker Street"), or before it ("rue de la Paix").

        Args:
            last: the part of the address that stands before it.
        """
        if (
            last == "house"
            and self.found[at - 1].kind == "sign"
            and self.found[at].bare not in _TYPES_AFTER_NUMBER
        ):
            return None
        piece = self.found[at]
        if piece.bare in _TYPES_AFTER_NUMBER and last == "house":
            end = at + 1
            while (
                end < len(self.found)
                and end - at < 6
                and self.found[end].kind == "word"
                and (
                    self.found[end].capital
                    or self.found[end].bare in ("de", "la", "du", "des", "le", "les", "del")
                )
            ):
                end += 1
            return end if end > at + 1 else None
        capital = piece.capital or piece.kind == "code"
        for ahead in range(1, 5):
            end = at + ahead
            if (
                end >= len(self.found)
                or self.found[end].kind not in ("word", "code")
                or not self.found[end].spaced
            ):
                return None
            word = self.found[end]
            if word.bare in _TYPES and (word.capital or not capital):
                if not capital and (
                    word.bare not in ("street", "road", "avenue", "lane", "boulevard", "st", "ave", "rd")
                    or (piece.bare in _STOP and not is_surname(piece))
                ):
                    return None
                end += 1
                if (
                    end < len(self.found) and self.found[end].small == "." and not self.found[end].spaced
                ) or (
                    end < len(self.found)
                    and self.found[end].capital == capital
                    and (
                        self.found[end].bare in _TYPES
                        or self.found[end].bare in ("n", "s", "e", "w", "ne", "nw", "se", "sw")
                    )
                ):
                    end += 1
                if last == "flat" and end < len(self.found) and self.found[end].kind == "number":
                    end += 1
                return end
            if capital and not (word.capital or word.kind == "code"):
                return None
            if not capital and word.bare in _STOP:
                return None
        return None

    def segment(self, at: int, *, after_zip: bool) -> int | None:
        """The piece after a name that stands between commas, such as a town or an estate."""
        if at == 0 or self.found[at - 1].kind == "word" or self.found[at - 1].kind == "code":
            return None
        if (
            self.found[at - 1].small not in (",", "-", "(", ";") and self.found[at - 1].kind != "line"
            and not (after_zip and re.fullmatch(r"\d{4,5}", self.found[at - 1].bare))
        ):  # fmt: skip
            return None
        piece = self.found[at]
        if not (piece.capital or (piece.kind == "code" and piece.bare[:1].isdigit())):
            return self._small_segment(at)
        end = at + 1
        while (
            end < len(self.found)
            and end - at < 4
            and self.found[end].kind in ("word", "code")
            and (self._goes_on(end) and self.found[end].spaced and not self.postcode(end))
        ):
            end += 1
        if self.postcode(end):
            return end
        if self.found[at - 1].kind == "line" or end - at > 4:
            return None
        if end - at >= 3 and piece.bare in _BARE_SOLID:
            return None
        closed = end >= len(self.found) or self.found[end].kind in ("sign", "line")
        if not closed and not (after_zip and self.found[at - 1].kind == "number"):
            return None
        if end < len(self.found) and self.found[end].small in ":'’@":
            return None
        if end - at > 1 and not piece.small.isascii():
            return end
        return end if piece.bare not in _STOP and piece.bare not in ("sdt", "dt", "tel") else None

    def _goes_on(self, at: int) -> bool:
        """Whether a town's name goes on: with a capital, or as in "Newcastle upon Tyne"."""
        if self.found[at].capital:
            return True
        return (
            self.found[at].bare in _INSIDE_TOWNS and at + 1 < len(self.found) and self.found[at + 1].capital
        )

    def _small_segment(self, at: int) -> int | None:
        """The same in small letters: only before a postcode or one more part."""
        end = at
        while (
            end < len(self.found)
            and end - at < 3
            and self.found[end].kind == "word"
            and self.found[end].bare not in _STOP
        ):
            end += 1
            if self.postcode(end):
                return end
        if end == at or end + 1 >= len(self.found) or self.found[end].small != ",":
            return None
        following = end + 1
        if self.postcode(following) or known_at(self.found, following, ALL_PLACES):
            return end
        return end if any(kind == "ward" for kind, _ in parts_at(self.found, following)) else None

    def postcode(self, at: int) -> int | None:
        """The piece after a postcode; None if there is none at ``at``."""
        if at >= len(self.found):
            return None
        place = at + 1 if self.found[at].small == "," and at + 1 < len(self.found) else at
        start = self.found[place].start
        match = _UK.match(self.plain.folded, start) or _ZIP.match(self.plain.folded, start)
        if match is None or (place > at and match[0].isdigit() and len(match[0]) > 5):
            return None
        letters = re.match(r"[a-z]*", match[0])
        if (
            letters
            and letters[0]
            and not (self.plain.text[start].isupper() or _UK.match(match[0]) or letters[0] in _STATES)
        ):
            return None
        if (
            not any(char.isalpha() for char in match[0])
            and len(match[0]) < 5
            and place == at
            and not self._after_state(at)
        ):
            return None
        end = place
        while end < len(self.found) and self.found[end].end <= match.end():
            end += 1
        return end if end > place and self.found[end - 1].end == match.end() else None

    def _after_state(self, at: int) -> bool:
        return at > 0 and self.found[at - 1].capital and len(self.found[at - 1].bare) in (2, 3)

    def area(self, at: int) -> int:
        """The piece after a word such as "District" behind a name, if one stands there."""
        if (
            at < len(self.found)
            and self.found[at].bare in _AREAS
            and self.found[at].capital == self.found[at - 1].capital
        ):
            return at + 1
        return at
