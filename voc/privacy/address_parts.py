"""Reads an address part by part.

Enters: pieces and the place where an address may begin. Leaves: `Address`, what was read and where it ends.
What must hold: at most `MOST_PARTS` parts are read from any place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from voc.privacy.address_names import SHORT, Names
from voc.privacy.address_words import ALL_PLACES, PLACES, STREETS, is_surname, known_at, parts_at
from voc.privacy.lists import words
from voc.privacy.pieces import Piece
from voc.privacy.plain import Plain

MOST_PARTS = 16
#: What comes before a house number in most other senses of a number.
_NO_HOUSE_AFTER = words("addresses", "no_house_after")
_SIGNS_BEFORE_HOUSE = frozenset(',:;(-–.|"“!?/]')
#: Signs between two parts.
_SIGNS = frozenset(",-;|(")
_COMPLEXES = words("addresses", "complexes")
_SURE_COMPLEXES = frozenset({"vinhomes", "vinhome", "masteri", "ecopark"})
#: After these a street with its kind may follow.
_BEFORE_TYPED = frozenset({"house", "flat", "building", "segment"})
#: Words for hamlets that, without their marks, are everyday words.
_AMBIGUOUS = frozenset({"to", "doi", "cum", "ban", "lang"})
#: Words for hamlets that, without a number or capital after them, mean other things too, and those that
#: always need a number.
_NUMBERED = words("addresses", "numbered")
_ALWAYS_NUMBERED = frozenset({"to", "doi", "cum", "khu"})
#: Shortened words, which have no marks.
_ASCII_ANYWAY = frozenset({"tp", "tx", "tt", "kp", "kdc", "ktx", "kcn", "tdp"})
#: The most pieces of a street that stands before its number.
_MOST_BEFORE = 6
_HOUSE = re.compile(r"[1-9]\d{0,4}(?:[a-h]|bis|ter)?(?:[/\-]\d{1,4}(?:[a-h]|bis)?){0,6}")
_LANE_HOUSE = re.compile(r"k\d{1,4}(?:/h?\d{1,4}[a-f]?){0,4}|[a-f]\d{1,3}(?:/\d{1,4}[a-f]?){1,4}")
#: A house such as 14C4 or a plot such as B14, which needs a word for a street or an estate behind it.
_CODE_HOUSE = re.compile(
    r"\d{1,4}[a-z]\d{0,2}(?:/\d{1,4}[a-h]?){0,4}|[a-z]{1,2}\d{1,3}[a-h]?(?:[-.]\d{1,4})?"
)
_AFTER_NUMBER_WORD = re.compile(r"k?\d{1,4}(?!\d).{0,40}")
_FLAT_CODE = re.compile(r"(?!m[23]$)[a-z]{1,3}\d[\w.\-]*")
_GLUED_FLAT = re.compile(r"p\d{3,4}")
_GLUED_WARD = re.compile(r"[pqf]\d{1,2}")


@dataclass(slots=True)
class Address:
    """What was read: where it ends, how many parts of each kind it has, and what the last one is.

    Kinds are those of `address_words.Marked` (``number`` counts as ``house``), ``typed`` (a street with its
    kind, as in "Baker Street"), ``place``, ``segment`` (a name between commas), ``zip`` and ``stroke`` (a
    number such as 12/3).
    """

    end: int
    parts: Counter[str] = field(default_factory=Counter)
    last: str = ""


class Reader:
    """Reads addresses from the pieces of one text."""

    def __init__(self, plain: Plain, found: Sequence[Piece]) -> None:
        self.found = found
        self.names = Names(plain, found)

    def read(self, at: int) -> Address:
        """The address that begins at ``at``, as far as it goes."""
        address = Address(at)
        while sum(address.parts.values()) < MOST_PARTS:
            place = self._after_gap(address.end) if address.parts else at
            step = self._part(place, address) if place is not None else None
            if step is None:
                break
            if not address.parts and step[0] == "building" and self.found[at].bare == "khu":
                break
            kind, address.end = step
            address.parts[kind] += 1
            address.last = kind
        return address

    def street_before(self, at: int) -> int:
        """Where a street begins that ends right before the number at ``at``, as in "đường Nguyễn Huệ số 45";
        ``at`` for none."""
        end = at - 1 if at and self.found[at - 1].small == "," else at
        for start in range(max(0, end - _MOST_BEFORE), end):
            if start and self.found[start - 1].kind in ("number", "code"):
                continue
            for kind, length in parts_at(self.found, start):
                name = self.found[min(start + length, end - 1)]
                named = name.capital or name.kind == "number" or known_at(self.found, start + length, STREETS)
                if kind == "street" and named and self._value(kind, start, start + length) == end:
                    return start
            if (
                end == at
                and self.found[start].capital
                and known_at(self.found, start, STREETS) == end - start
            ):
                return start
        return at

    def _after_gap(self, at: int) -> int | None:
        """The piece after at most one sign and one line break; None where the text ends."""
        signs = lines = 0
        for place in range(at, len(self.found)):
            piece = self.found[place]
            if piece.kind == "line":
                lines += 1
            elif piece.small in _SIGNS or (piece.small == "." and self._is_close(place + 1)):
                signs += 1
            elif piece.small != "#":
                return place
            if signs > 1 or lines > 1:
                return None
        return None

    def _is_close(self, at: int) -> bool:
        """Whether a piece follows without white space."""
        return at < len(self.found) and not self.found[at].spaced

    def _part(self, at: int, address: Address) -> tuple[str, int] | None:
        """The kind of the part that begins at ``at``, and the piece after it."""
        piece = self.found[at]
        if piece.kind in ("sign", "line"):
            return None
        return (
            self._inside(at, address) or self._marked(at, address) or self._unmarked(at, address)
            or (self._towards_the_end(at, address) if address.parts else None)
        )  # fmt: skip

    def _inside(self, at: int, address: Address) -> tuple[str, int] | None:
        """Codes of flats and towers, and the names of what they lie in."""
        piece = self.found[at]
        if not address.parts:
            return ("flat", at + 1) if piece.kind == "code" and _GLUED_FLAT.fullmatch(piece.bare) else None
        if not address.parts["flat"] and address.last != "typed":
            return None
        if piece.kind in ("code", "number") and self.found[at - 1].small == "#":
            return "flat", at + 1
        if piece.kind == "code" and address.last == "flat" and _FLAT_CODE.fullmatch(piece.bare):
            return "flat", at + 1
        if piece.small in ("nhà", "nha") and at + 1 < len(self.found) and self.found[at + 1].kind == "code":
            return "flat", at + 2
        if piece.capital and piece.bare in _COMPLEXES:
            return "building", self.names.capitals(at, foreign=True)
        if piece.bare in _SURE_COMPLEXES:
            return "building", self.names.small(at, 4, foreign=True) or at + 1
        return None

    def _marked(self, at: int, address: Address) -> tuple[str, int] | None:
        """A part that a word announces."""
        for kind, length in parts_at(self.found, at):
            end = self._value(kind, at, at + length)
            if end is None:
                continue
            if kind == "highway" and address.parts:
                continue
            if kind in ("lane", "number") and "/" in self.found[end - 1].small:
                address.parts["stroke"] = 1
            return ("house", self._with_bis(end)) if kind == "number" else (kind, end)
        return ("ward", at + 1) if _GLUED_WARD.fullmatch(self.found[at].bare) else None

    def _unmarked(self, at: int, address: Address) -> tuple[str, int] | None:
        """A street with its kind, a known place, a street behind its number, a house number."""
        if address.last in _BEFORE_TYPED and (not address.parts["typed"] or address.last == "house"):
            typed = self.names.typed_street(at, address.last)
            if typed is not None:
                return "typed", typed
        apart = at > 0 and self.found[at - 1].kind in ("sign", "line")
        place = known_at(self.found, at, ALL_PLACES if apart else PLACES)
        if place and address.parts:
            end = self.names.area(at + place)
            return "place", self.names.postcode(end) or end
        numbered = address.last in ("house", "lane", "hamlet")
        if numbered and not address.parts["street"] and self._is_joined(at):
            street = self.names.street(at)
            if street is not None:
                return "street", street
        joined = address.last == "house" and self.found[at - 1].small == "-"  # 105 - 107
        if self._is_house(at) and (joined or not address.parts["house"]):
            if "/" in self.found[at].small:
                address.parts["stroke"] = 1
            return "house", self._with_bis(at + 1)
        return None

    def _towards_the_end(self, at: int, address: Address) -> tuple[str, int] | None:
        """A postcode, or a town or estate between commas, with its postcode if it has one."""
        postcode = self.names.postcode(at)
        if postcode and address.last != "house":
            return "zip", postcode
        end = self.names.segment(at, after_zip=address.last == "zip" or bool(address.parts["typed"]))
        if end is None:
            return None
        postcode = self.names.postcode(end)
        if postcode:
            address.parts["zip"] += 1
        return "segment", postcode or end

    def _is_joined(self, at: int) -> bool:
        """Whether a street may stand here: right behind a number, or behind a comma if it is built like
        one."""
        before = self.found[at - 1]
        if before.kind in ("sign", "line"):
            return before.small == "," and (
                is_surname(self.found[at]) or known_at(self.found, at, STREETS) > 0
            )
        return True

    def _with_bis(self, end: int) -> int:
        return end + 1 if end < len(self.found) and self.found[end].bare in ("bis", "ter") else end

    def _is_house(self, at: int) -> bool:
        """Whether a number may be a house's."""
        piece = self.found[at]
        if piece.kind == "code":
            return _LANE_HOUSE.fullmatch(piece.bare) is not None or (
                _CODE_HOUSE.fullmatch(piece.bare) is not None and self._is_announced(at + 1)
            )
        if piece.kind != "number" or not _HOUSE.fullmatch(piece.bare):
            return False
        if at == 0 or self.found[at - 1].kind == "line":
            return True
        before = self.found[at - 1]
        if before.kind == "sign":
            return before.small in _SIGNS_BEFORE_HOUSE and (piece.spaced or before.small in ':("“')
        named = before.capital and at > 1 and self.found[at - 2].capital  # "Lê Thị Lan 12 Lê Lợi"
        return piece.spaced and (named or before.bare not in _NO_HOUSE_AFTER)

    def _is_announced(self, at: int) -> bool:
        """Whether a known street, or a word for a street, a lane or an estate with its name stands here."""
        if at < len(self.found) and self.found[at].capital and known_at(self.found, at, STREETS):
            return True
        return any(
            kind in ("street", "lane", "building") and at + length < len(self.found)
            and (self.found[at + length].capital or self.found[at + length].kind == "number")
            for kind, length in parts_at(self.found, at)
        )  # fmt: skip

    def _value(self, kind: str, marker: int, at: int) -> int | None:
        """The piece after the value of a marked part; None if what follows is no value.

        Args:
            marker: where the words that announce the part begin.
            at: the piece behind them.
        """
        word = self.found[at - 1]
        dotted = at < len(self.found) and self.found[at].small == "." and not self.found[at].spaced
        colon = kind == "number" and at < len(self.found) and self.found[at].small == ":"
        at += dotted or colon
        if at >= len(self.found):
            return None
        if self.found[at].kind in ("number", "code"):
            return self._numbered(kind, self.found[marker].bare, at)
        if kind in ("number", "highway") or self.found[at].kind != "word":
            return None
        if kind == "lane":  # Hà Nội has some with a name: "25 ngõ Huyện"
            named = marker > 0 and self.found[marker - 1].kind == "number" and self.found[at].capital
            return self.names.capitals(at) if named else None
        if kind == "flat":
            return at + 1 if len(self.found[at].bare) <= 2 and self.found[at].capital else None
        if kind == "hamlet" and (
            word.bare in _ALWAYS_NUMBERED or (not self.found[at].capital and word.small in _NUMBERED)
        ):
            return None
        unmarked = len(word.bare) > 1 and word.small.isascii() and word.small not in _ASCII_ANYWAY
        if unmarked and not self.found[at].capital and not self.found[at].small.isascii():
            return None  # "xa quá" is no commune
        short = word.bare in SHORT and at - marker == 1
        end = self._named(kind, at, in_capitals=short and not dotted)
        return self._closed(kind, word, end)

    def _numbered(self, kind: str, marker: str, at: int) -> int | None:
        """The same where a number or code follows."""
        piece = self.found[at]
        if kind == "number":
            fits = _AFTER_NUMBER_WORD.fullmatch(piece.bare) is not None
        elif kind == "lane":
            fits = piece.kind == "number"
        elif kind == "flat":
            fits = marker != "p" or len(piece.bare) >= 3
            if self._is_dotted(at):
                at += 2  # 21.08
        elif kind == "highway":
            fits = len(piece.bare) <= 4
        elif kind == "ward":
            fits = re.fullmatch(r"0?\d{1,2}", piece.bare) is not None
        elif kind == "hamlet":
            fits = len(piece.bare) <= 3
        else:
            fits = kind == "street" or piece.kind == "code" or marker == "tower"
        return self._closed(kind, self.found[at - 1], at + 1) if fits else None

    def _is_dotted(self, at: int) -> bool:
        """Whether a dot and one more number follow a number without white space."""
        following = self.found[at + 1 : at + 3]
        return (
            len(following) == 2 and following[0].small == "." and following[1].kind == "number"
            and not (following[0].spaced or following[1].spaced)
        )  # fmt: skip

    def _named(self, kind: str, at: int, *, in_capitals: bool) -> int | None:
        """The same where a name follows."""
        piece = self.found[at]
        if kind != "building":
            length = known_at(self.found, at, STREETS if kind == "street" else ALL_PLACES)
            if length:
                longer = self.names.capitals(at) if piece.capital and kind != "street" else 0
                return max(at + length, longer)
        if piece.capital:
            return self.names.capitals(at, foreign=kind == "building")
        if in_capitals:
            return None
        return self.names.small(at, 4 if kind == "building" else 3, foreign=kind in ("building", "ward"))

    def _closed(self, kind: str, word: Piece, end: int | None) -> int | None:
        """The end of a value; where the word before it is ambiguous, something has to close it."""
        if end is None or kind != "hamlet" or word.small not in _AMBIGUOUS or end >= len(self.found):
            return end
        return end if self.found[end].kind in ("sign", "line") or parts_at(self.found, end) else None
