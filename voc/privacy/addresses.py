"""Street addresses, Vietnamese and foreign, where it is sure that they are one.

Enters: a `Plain`. Leaves: finds in order, each from the house number (or the lane, flat or
hamlet) to the last part that belongs. What must hold: a district, city or street without a number is no
address. Time grows with the length of the text.

An address is read part by part from each place where one may begin. It is sure when a house number with a
street has one more sign of an address (a word for street or lane, a ward, a district or city, a number with a
stroke, a street that is known, or words such as "giao đến" before it), or when a flat, a lot or a hamlet is
followed by what it lies in. Whose address it is, a person's or a shop's, the text seldom says, so it does not
matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from voc.privacy.address_parts import Address, Reader
from voc.privacy.address_words import STREETS, is_surname, known_at, may_begin, parts_at
from voc.privacy.findings import Found, Stretches
from voc.privacy.lists import folded, words
from voc.privacy.pieces import Piece, pieces
from voc.privacy.plain import Plain

#: Flats that are sure with the tower they lie in.
_UNITS = words("addresses", "units")
#: Floors and towers, which need more.
_NOT_ENOUGH = words("addresses", "not_enough")
_GLUED_FLAT = re.compile(r"p\d{3,4}")
#: Words for hamlets that mean nothing else even without their marks.
_HAMLETS = frozenset({"thon", "ap", "xom", "khu"})
_DIGIT = re.compile(r"\d")
_RURAL = re.compile(
    r"(?<![^\W_])(?:thôn|thon|ấp|ap|xóm|xom|bản|ban|buôn|buon|làng|lang|plei|khu phố|khóm) [^\W_]"
)
#: Characters before an address in which words that lead up to it are looked for.
_REACH = 56
_CUE = re.compile(
    r"(?<![^\W_])(?:"
    + "|".join(sorted(folded("addresses", "cues", single=False), key=len, reverse=True))
    + r")(?![^\W_])(?:[ :,.\-\n]|(?:"
    + "|".join(sorted(words("addresses", "cue_filling"), key=len, reverse=True))
    + r")(?![^\W_])){0,8}$"
)
_FOREIGN = re.compile(
    r"(?<![^\W_])(?:[A-ZÄÖÜ][a-zäöüß]{2,24}(?:straße|strasse|str\.|weg|platz|gasse|allee|ring|damm|gracht|straat"
    r"|laan|plein|singel|kade|gade|vej|gatan|vägen|katu)"
    r"|[A-ZÄÖÜ][a-zäöüß]{2,24} (?:Straße|Str\.|Allee|Platz|Weg)"
    r"|(?:Calle|Via|Avenida|Rua|Piazza|Plaza|Carrer)"
    r"(?: (?:de|del|della|di|da|la|los|las|[A-ZÀ-Ý][\w'’]{1,20})){1,4}),? \d{1,4}[a-z]?(?![^\W_])"
    r"(?:, ?\d{4,5}(?:-\d{3}| [A-Z]{2})? [A-ZÄÖÜ][\wäöüß-]{2,24}(?: [A-ZÄÖÜ][\wäöüß-]{2,24})?)?"
    r"(?:, [A-Z][a-z]{3,15})?"
    r"|(?<![^\W_])(?:G?PO|P\. ?O\.) Box \d{1,6}(?:, [A-Z][\w'’\-]{1,24}(?: [A-Z][\w'’\-]{1,24}){0,2}){0,2}"
    r"(?:,? [A-Z]{2,3})?(?:,? \d{4,6}(?![^\W_]))?"
)


def may_hold(plain: Plain) -> bool:
    """Whether a text may hold an address at all: one without a digit and without a hamlet holds none."""
    return _DIGIT.search(plain.folded) is not None or _RURAL.search(plain.small) is not None


def find(plain: Plain) -> list[Found]:
    """The addresses in a text."""
    return sorted(_finds(plain, pieces(plain)), key=lambda one: one.start)


def _finds(plain: Plain, found: Sequence[Piece]) -> Iterator[Found]:
    foreign = [match.span() for match in _FOREIGN.finditer(plain.text)]
    taken = Stretches(foreign)
    for start, end in foreign:
        yield _found(plain, start, end)
    reader = Reader(plain, found)
    at = 0
    while at < len(found):
        if may_begin(found, at) and not (foreign and taken.meet(found[at].start, found[at].end)):
            address = reader.read(at)
            start = _with_street(reader, found, at, address)
            if start < at or _is_sure(plain, found, at, address):
                yield _found(plain, found[start].start, found[address.end - 1].end)
                at = address.end
                continue
        at += 1


def _found(plain: Plain, start: int, end: int) -> Found:
    return Found(start, end, "address", re.sub(r"[\W_]+", " ", plain.folded[start:end]))


def _with_street(reader: Reader, found: Sequence[Piece], at: int, address: Address) -> int:
    """Where an address begins of which the street stands before the house number; ``at`` for none."""
    parts = address.parts
    if not parts["house"] or parts["street"] or parts["typed"]:
        return at
    start = reader.street_before(at)
    if parts["ward"] + parts["place"]:
        return start
    said = found[at].kind == "word" and not found[start].capital  # "đường … số 45"
    return start if said and address.end == at + 2 else at


def _is_sure(plain: Plain, found: Sequence[Piece], at: int, address: Address) -> bool:
    """Whether what was read from ``at`` on is an address."""
    parts = address.parts
    if sum(parts.values()) < 2:
        return False
    start = found[at].start
    around = parts["ward"] + parts["place"]
    cue = _CUE.search(plain.folded[max(0, start - _REACH) : start]) is not None
    if parts["house"]:
        return _is_sure_house(found, at, address, around, cue=cue)
    if parts["flat"]:
        return _is_sure_flat(found[at], address, around, cue=cue)
    if parts["highway"]:
        return parts["hamlet"] > 0 and around > 0
    if parts["lane"]:
        street = parts["street"] and (around or cue or parts["stroke"] or _is_known(found, at, address))
        return bool(street or around > 1 or (cue and around))
    first = found[at]
    marked = first.bare in _HAMLETS or not first.small.isascii()
    if parts["hamlet"] and marked and around and around + parts["segment"] >= 2:
        return True
    if parts["hamlet"] and parts["ward"]:
        return cue or marked or around + parts["hamlet"] + parts["segment"] >= 3
    return False


def _is_sure_house(found: Sequence[Piece], at: int, address: Address, around: int, *, cue: bool) -> bool:
    """Whether a house number with what follows is an address.

    Args:
        around: wards, districts and cities.
        cue: whether words before it lead up to an address.
    """
    parts = address.parts
    if parts["typed"]:
        return True
    if parts["street"]:
        inner = parts["lane"] + parts["stroke"] + parts["hamlet"] + parts["building"]
        return bool(
            around or inner or _is_worded(found, at, address) or _is_known(found, at, address)
            or (cue and _is_long(found, at, address))
        )  # fmt: skip
    if parts["lane"] or parts["hamlet"] or parts["building"]:
        return bool(around or (cue and not parts["hamlet"]))
    if parts["zip"] and (parts["segment"] or parts["place"]):
        return True
    return parts["ward"] >= 2 and found[at].kind == "word"


def _is_sure_flat(first: Piece, address: Address, around: int, *, cue: bool) -> bool:
    """The same of a flat, a lot or a tower without a house number."""
    parts = address.parts
    if parts["typed"] or (parts["zip"] and parts["segment"]):
        return True
    inside = parts["building"] + parts["street"] + parts["flat"] - 1
    if (parts["flat"] >= 2 and first.bare in _UNITS) or _GLUED_FLAT.fullmatch(first.bare):
        return inside > 0
    enough = first.bare not in _NOT_ENOUGH and (parts["building"] > 0 or parts["flat"] > 2)
    return inside > 0 and (around > 0 or cue or enough)


def _is_long(found: Sequence[Piece], at: int, address: Address) -> bool:
    """Whether the street has a name of two words or one that is known: "5 lần" has not."""
    names = [place for place in range(at + 1, address.end) if found[place].kind == "word"]
    return len(names) >= 2 or any(known_at(found, place, STREETS) for place in names)


def _is_known(found: Sequence[Piece], at: int, address: Address) -> bool:
    """Whether a street with capitals is a known one or is called after somebody."""
    for place in range(at + 1, address.end):
        if found[place].kind == "word" and found[place].capital:
            return known_at(found, place, STREETS) > 0 or is_surname(found[place])
    return False


def _is_worded(found: Sequence[Piece], at: int, address: Address) -> bool:
    """Whether a word says that the street is one."""
    for place in range(at, address.end):
        for kind, length in parts_at(found, place):
            following = place + length
            if kind != "street" or following >= address.end:
                continue
            name = found[following]
            if name.capital or name.kind != "word" or known_at(found, following, STREETS):
                return True
    return False
