"""Street addresses, Vietnamese and foreign, where it is sure that they are one.

Enters: a `Plain` and its pieces. Leaves: finds in order, each from the house number (or the lane, flat or hamlet)
to the last part that belongs. What must hold: a district, city or street without a number is no address. Time grows with the length of the text.

An address is read part by part from each place where one may begin. It is sure when a house number with a street
has one more sign of an address (a word for street or lane, a ward, a district or city, a number with a stroke, a
street that is known, or words such as "giao đến" before it), or when a flat, a lot or a hamlet is followed by what it
lies in. Whose address it is, a person's or a shop's, the text seldom says, so it does not matter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from voc.privacy.address_names import SHORT, Names
from voc.privacy.address_words import PLACES, STREETS, is_surname, known_at, may_begin, parts_at
from voc.privacy.findings import Found, Stretches
from voc.privacy.lists import folded, words
from voc.privacy.pieces import Piece
from voc.privacy.plain import Plain

#: No address has more parts.
_MOST_PARTS = 16
#: What comes before a house number in most other senses of a number.
_NO_HOUSE_AFTER = words("addresses", "no_house_after")
_COMPLEXES = words("addresses", "complexes")
_UNITS = words("addresses", "units")
#: Floors and towers are no place to send to by themselves.
_NOT_ENOUGH = words("addresses", "not_enough")
#: After these a street with its kind may follow.
_BEFORE_TYPED = frozenset({"house", "flat", "building", "segment"})
#: Words for hamlets that, without their marks, are everyday words.
_AMBIGUOUS = frozenset({"to", "doi", "cum", "ban", "lang"})
#: Words for hamlets that, without a number or capital after them, mean other things too.
_NUMBERED = words("addresses", "numbered")
_DIGIT = re.compile(r"\d")
_RURAL = re.compile(r"(?<![^\W_])(?:thôn|thon|ấp|ap|xóm|xom|bản|ban|buôn|buon|làng|lang|plei) [^\W_]")
_HOUSE = re.compile(r"[1-9]\d{0,4}(?:[a-h]|bis|ter)?(?:[/\-]\d{1,4}(?:[a-h]|bis)?){0,6}")
_LANE_HOUSE = re.compile(r"k\d{1,4}(?:/\d{1,4}[a-f]?){0,4}")
_FLAT_CODE = re.compile(r"(?!m[23]$)[a-z]{1,3}\d[\w.\-]*")
_GLUED_FLAT = re.compile(r"p\d{3,4}")
_GLUED_WARD = re.compile(r"[pqf]\d{1,2}")
#: Characters before an address in which words that lead up to it are looked for.
_REACH = 56
_CUE = re.compile(
    r"(?<![^\W_])(?:"
    + "|".join(sorted(folded("addresses", "cues", single=False), key=len, reverse=True))
    + r")(?![^\W_])(?:[ :,.\-\n]|(?:"
    + "|".join(sorted(words("addresses", "cue_filling"), key=len, reverse=True))
    + r")(?![^\W_])){0,8}$"
)
_STREET_BEFORE_NUMBER = re.compile(
    r"(?<![^\W_])(?:[A-ZÄÖÜ][a-zäöüß]{2,24}(?:straße|strasse|str\.|weg|platz|gasse|allee|ring|damm)"
    r"|[A-ZÄÖÜ][a-zäöüß]{2,24} (?:Straße|Str\.|Allee|Platz|Weg)"
    r"|(?:Calle|Via|Avenida|Rua|Piazza|Plaza|Carrer)"
    r"(?: (?:de|del|della|di|da|la|los|las|[A-ZÀ-Ý][\w'’]{1,20})){1,4}),? \d{1,4}[a-z]?(?![^\W_])"
    r"(?:, ?\d{4,5} [A-ZÄÖÜ][\wäöüß-]{2,24}(?: [A-ZÄÖÜ][\wäöüß-]{2,24})?)?(?:, [A-Z][a-z]{3,15})?"
)


@dataclass(slots=True)
class _Address:
    """What was read: where it ends, how many parts of each kind it has, and what speaks for it."""

    end: int
    parts: Counter[str] = field(default_factory=Counter)
    last: str = ""


def may_hold(plain: Plain) -> bool:
    """Whether a text may hold an address at all: one without a digit and without a hamlet holds none."""
    return _DIGIT.search(plain.folded) is not None or _RURAL.search(plain.small) is not None


def find(plain: Plain, found: Sequence[Piece]) -> list[Found]:
    """The addresses in a text."""
    return sorted(_finds(plain, found), key=lambda one: one.start)


def _finds(plain: Plain, found: Sequence[Piece]) -> Iterator[Found]:
    foreign = [match.span() for match in _STREET_BEFORE_NUMBER.finditer(plain.text)]
    taken = Stretches(foreign)
    for start, end in foreign:
        yield Found(start, end, "address", re.sub(r"[\W_]+", " ", plain.folded[start:end]))
    at = 0
    while at < len(found):
        if foreign and taken.meet(found[at].start, found[at].end):
            at += 1
            continue
        if may_begin(found, at):
            read = _Reader(plain, found).read(at)
            if read is not None:
                start, end = found[at].start, found[read - 1].end
                yield Found(start, end, "address", re.sub(r"[\W_]+", " ", plain.folded[start:end]))
                at = read
                continue
        at += 1


class _Reader:
    """Reads one address from a place on."""

    def __init__(self, plain: Plain, found: Sequence[Piece]) -> None:
        self.plain = plain
        self.found = found
        self.names = Names(plain, found)

    def read(self, at: int) -> int | None:
        """The piece after the address that begins at ``at``, or None if it is not sure to be one."""
        state = _Address(at)
        while sum(state.parts.values()) < _MOST_PARTS:
            place = self._after_gap(state.end) if state.parts else at
            step = self._part(place, state) if place is not None else None
            if step is None:
                break
            kind, end = step
            state.parts[kind] += 1
            state.last, state.end = kind, end
        return state.end if self._is_sure(at, state) else None

    def _after_gap(self, at: int) -> int | None:
        """The piece after at most one sign and one line break; None where the text ends."""
        signs = lines = 0
        while at < len(self.found):
            piece = self.found[at]
            if piece.kind == "line":
                lines += 1
            elif piece.kind == "sign" and (
                piece.small in ",-;|("
                or (piece.small == "." and at + 1 < len(self.found) and not self.found[at + 1].spaced)
            ):
                signs += 1
            elif piece.small == "#":
                pass
            else:
                break
            if signs > 1 or lines > 1:
                return None
            at += 1
        return at if at < len(self.found) else None

    def _part(self, at: int, state: _Address) -> tuple[str, int] | None:
        piece = self.found[at]
        if piece.kind in ("sign", "line"):
            return None
        if state.parts["flat"] or state.last == "typed":
            if piece.kind in ("code", "number") and self.found[at - 1].small == "#":
                return "flat", at + 1
            if (
                piece.kind == "code"
                and state.last == "flat"
                and re.fullmatch(r"(?!m[23]$)[a-z]{1,3}\d[\w.\-]*", piece.bare)
            ):
                return "flat", at + 1
            if piece.capital and piece.bare in _COMPLEXES:
                return "building", self.names.capitals(at, foreign=True)
            if piece.bare in ("vinhomes", "vinhome", "masteri", "ecopark"):
                return "building", self.names.small(at, 4, foreign=True) or at + 1
        if piece.kind == "code" and re.fullmatch(r"p\d{3,4}", piece.bare) and not state.parts:
            return "flat", at + 1
        for kind, length in parts_at(self.found, at):
            end = self._value(kind, at, at + length)
            if end is not None:
                if kind == "lane" and "/" in self.found[end - 1].small:
                    state.parts["stroke"] = 1
                if kind == "number":
                    return self._house(state, end - 1)
                return kind, end
        if re.fullmatch(r"[pqf]\d{1,2}", piece.bare):
            return "ward", at + 1
        places = known_at(self.found, at, PLACES)
        if state.last in _BEFORE_TYPED and not state.parts["typed"]:
            typed = self.names.typed_street(at, state.last)
            if typed is not None:
                return "typed", typed
        if places and state.parts:
            end = self.names.area(at + places)
            zip_code = self.names.postcode(end)
            return "place", zip_code or end
        if state.last in ("house", "lane", "hamlet") and not state.parts["street"] and self._joined(at):
            end = self.names.street(at)
            if end is not None:
                return "street", end
        if self._is_house(at) and not state.parts["house"]:
            return self._house(state, at)
        if state.parts:
            zip_code = self.names.postcode(at)
            if zip_code:
                return "zip", zip_code
            end = self.names.segment(
                at, after_zip=state.last in ("zip", "typed") or bool(state.parts["typed"])
            )
            if end is not None:
                zip_code = self.names.postcode(end)
                if zip_code:
                    state.parts["zip"] += 1
                return "segment", zip_code or end
        return None

    def _joined(self, at: int) -> bool:
        """Whether a street may stand here: a number comes right before it, or only a comma between if it is known."""
        before = self.found[at - 1]
        if before.kind == "line":
            return False
        return (
            before.kind != "sign"
            or (before.small == "," and is_surname(self.found[at]))
            or (before.small == "," and known_at(self.found, at, STREETS) > 0)
        )

    def _house(self, state: _Address, at: int) -> tuple[str, int]:
        if "/" in self.found[at].small:
            state.parts["stroke"] = 1
        if at + 1 < len(self.found) and self.found[at + 1].bare in ("bis", "ter"):
            at += 1
        return "house", at + 1

    def _is_house(self, at: int) -> bool:
        piece = self.found[at]
        if piece.kind == "code":
            return re.fullmatch(r"k\d{1,4}(?:/\d{1,4}[a-f]?){0,4}", piece.bare) is not None
        if piece.kind != "number" or not re.fullmatch(
            r"[1-9]\d{0,4}(?:[a-h]|bis|ter)?(?:[/\-]\d{1,4}(?:[a-h]|bis)?){0,6}", piece.bare
        ):
            return False
        if at == 0 or self.found[at - 1].kind == "line":
            return True
        before = self.found[at - 1]
        if before.kind == "sign":
            return before.small in ',:;(-–.|"“!?/' and (piece.spaced or before.small in ':("“')
        return piece.spaced and before.bare not in _NO_HOUSE_AFTER

    def _value(self, kind: str, marker: int, at: int) -> int | None:
        """The piece after the value of a marked part; None if what follows is no value."""
        end = self._any_value(kind, marker, at)
        if end is None or kind != "hamlet" or self.found[at - 1].small not in _AMBIGUOUS:
            return end
        closed = (
            end >= len(self.found)
            or self.found[end].kind in ("sign", "line")
            or bool(parts_at(self.found, end))
        )
        return end if closed else None

    def _any_value(self, kind: str, marker: int, at: int) -> int | None:
        found = self.found
        short = found[at - 1].bare in SHORT and at - marker == 1
        dotted = at < len(found) and found[at].small == "." and not found[at].spaced
        if dotted or (at < len(found) and found[at].small == ":" and kind == "number"):
            at += 1
        if at >= len(found):
            return None
        piece = found[at]
        is_number = piece.kind in ("number", "code")
        if kind == "number":
            return at + 1 if is_number and self._is_numbered(piece) else None
        if kind == "lane":
            return at + 1 if piece.kind == "number" else None
        if kind == "flat":
            if is_number and not (found[marker].bare == "p" and len(piece.bare) < 3):
                return at + 1
            return at + 1 if piece.kind == "word" and len(piece.bare) <= 2 and piece.capital else None
        if (
            kind == "hamlet"
            and not is_number
            and (
                found[at - 1].bare in ("to", "doi", "cum")
                or (not piece.capital and found[at - 1].small in _NUMBERED)
            )
        ):
            return None
        if is_number:
            if kind == "ward":
                return at + 1 if re.fullmatch(r"0?\d{1,2}", piece.bare) else None
            if kind == "hamlet" and len(piece.bare) > 3:
                return None
            return (
                at + 1
                if kind in ("hamlet", "street") or piece.kind == "code" or found[marker].bare == "tower"
                else None
            )
        if piece.kind != "word":
            return None
        if kind in ("ward", "hamlet", "street") and (
            length := known_at(found, at, STREETS if kind == "street" else PLACES)
        ):
            return max(at + length, self.names.capitals(at) if piece.capital and kind != "street" else 0)
        if piece.capital:
            return self.names.capitals(at, foreign=kind == "building")
        if short and not dotted:
            return None
        return self.names.small(at, 4 if kind == "building" else 3, foreign=kind in ("building", "ward"))

    def _is_numbered(self, piece: Piece) -> bool:
        return (
            len(re.sub(r"\D", "", piece.bare)) <= 12
            and re.match(r"k?\d{1,4}(?:\D|$)", piece.bare) is not None
        )

    def _is_sure(self, at: int, state: _Address) -> bool:
        parts = state.parts
        if sum(parts.values()) < 2:
            return False
        start = self.found[at].start
        before = self.plain.folded[max(0, start - 56) : start]
        around = parts["ward"] + parts["place"]
        cue = _CUE.search(before) is not None
        if parts["house"]:
            if parts["typed"]:
                return True
            if parts["street"]:
                return bool(
                    around or (cue and self._is_long(at, state)) or parts["lane"] or parts["stroke"] or parts["hamlet"] or parts["building"]
                    or self._worded(at, state) or self._is_known(at, state)
                )  # fmt: skip
            if parts["lane"] or parts["hamlet"] or parts["building"]:
                return bool(around or (cue and not parts["hamlet"]))
            if parts["zip"] and (parts["segment"] or parts["place"]):
                return True
            return parts["ward"] >= 2 and self.found[at].kind == "word"
        if parts["flat"]:
            if parts["zip"] and parts["segment"]:
                return True
            if parts["typed"]:
                return True
            inside = parts["building"] + parts["street"] + parts["flat"] - 1
            if (parts["flat"] >= 2 and self.found[at].bare in _UNITS) or re.fullmatch(
                r"p\d{3,4}", self.found[at].bare
            ):
                return bool(inside)
            unit = self.found[at].bare not in (
                "tang",
                "lau",
                "floor",
                "level",
                "toa",
                "thap",
                "block",
                "day",
                "room",
            )
            return bool(
                inside and (around or cue or (unit and parts["building"]) or (unit and parts["flat"] > 2))
            )
        if parts["lane"]:
            return bool(
                (parts["street"] and (around or cue or parts["stroke"])) or (around > 1) or (cue and around)
            )
        if parts["hamlet"]:
            return parts["ward"] >= 1 and (
                around + parts["hamlet"] + parts["segment"] >= 3 or cue or self._is_marked(at)
            )
        return False

    def _is_long(self, at: int, state: _Address) -> bool:
        """Whether the street has a name of two words or one that is known: "5 lần" has not."""
        names = [place for place in range(at + 1, state.end) if self.found[place].kind == "word"]
        return len(names) >= 2 or any(known_at(self.found, place, STREETS) for place in names)

    def _is_known(self, at: int, state: _Address) -> bool:
        """Whether a street with capitals is a known one or is called after somebody."""
        for place in range(at + 1, state.end):
            piece = self.found[place]
            if piece.kind == "word" and piece.capital:
                return known_at(self.found, place, STREETS) > 0 or is_surname(piece)
        return False

    def _is_marked(self, at: int) -> bool:
        """Whether the word that begins the address can mean nothing else."""
        return self.found[at].bare in ("thon", "ap", "xom", "khu") or not self.found[at].small.isascii()

    def _worded(self, at: int, state: _Address) -> bool:
        """Whether a word says that the street is one."""
        for place in range(at, state.end):
            for kind, length in parts_at(self.found, place):
                following = place + length
                if kind == "street" and following < state.end and (
                    self.found[following].capital or self.found[following].kind != "word"
                    or known_at(self.found, following, STREETS)
                ):  # fmt: skip
                    return True
        return False
