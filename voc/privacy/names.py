"""Full names of people: a surname with what goes with it, without the form of address.

Enters: a `Plain`. Leaves: finds in order. What must hold: a given name alone is no full name;
the names of streets, schools, shops, brands and people in history are left, unless words say that a person
is meant. Time grows with the length of the text.

How sure a name has to look depends on what stands before it. After words that introduce ("tên tôi là", "người
nhận:", "my name is") nearly any words with capitals do, and in small letters whatever is built like a name;
after a form of address ("anh", "Mr") a surname and a usual given name; after nothing, a common surname with a
middle name, or a common English first name with a surname.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from voc.privacy import short_names, small_names
from voc.privacy.findings import Found
from voc.privacy.lexicon import (
    AFTER,
    CLANS,
    CLEAR,
    CLEAR_RARE,
    COMPOUND,
    DOUBLE,
    FIGURES,
    FIRST,
    FIRST_WORDS,
    GIVEN,
    HMONG,
    LOOKALIKE,
    MIDDLE,
    NO_PERSONS,
    NOT_LAST,
    OTHER_MIDDLE,
    PLACES,
    PLAIN,
    RARE,
    SHOPS,
    SOLID,
    SURE_MIDDLE,
    SURNAMES,
    is_van_or_thi,
)
from voc.privacy.lists import phrases, words
from voc.privacy.name_cues import Cue, cues_before
from voc.privacy.pieces import CAPITALS, Piece, pieces
from voc.privacy.plain import Plain
from voc.privacy.syllables import is_syllable

_MOST_PARTS = 5
#: Longer rows of words with capitals are titles of something.
_LONGEST_FOREIGN = 5
_LONGEST_ROW = 8
_MOST_FOREIGN_PARTS = 4
_LETTERS = re.compile(r"[a-z]+")
_PAIR = re.compile(
    rf"(?<![^\W_])[{CAPITALS}][^\W\d_]{{0,30}}(?:[.'’\-][^\W\d_]{{0,30}})?[ \t]{{1,3}}"
    rf"(?:(?:van|văn|thi|thị|von|de|del|dos|bin|binti|al|el)(?: der| den| la)?[ \t])?[{CAPITALS}]"
)
#: Without one of these no name in small letters is sure.
_SHOWING = SURE_MIDDLE.bare | words("around", "showing")
_SHOWING_ENGLISH = words("around", "showing_english")
#: Of these, given names of which the next word tells that they are none.
_PARTNERS = {
    "trân": ("trọng",), "thái": ("độ",), "nhân": ("viên",), "thành": ("phố", "thật", "tiền"), "tư": ("vấn",),
    "ngân": ("hàng",), "sinh": ("năm", "viên", "ngày"), "chung": ("cư",), "vui": ("lòng", "vẻ"),
}  # fmt: skip
#: What follows the name of a street, a school or a shop.
_BEHIND_PLACES = phrases("before", "after")
#: Words with which the names of companies and places begin, and those that stand in them.
_NO_NAMES = words("around", "no_names")
_GROUPS = words("around", "groups")
#: Words in small letters inside the names of other countries.
_PARTICLES = frozenset(
    {"van", "van der", "van den", "von", "de la", "del", "dos", "bin", "binti", "al", "el"}
)
#: Words that go on in English after a name.
_ENGLISH_AFTER = words("around", "english_after")


def may_hold(plain: Plain) -> bool:
    """Whether a text may hold a name: two words with capitals, or a name beside words that show one."""
    if _PAIR.search(plain.text) is not None:
        return True
    said = set(_LETTERS.findall(plain.folded))
    if not said.isdisjoint(_SHOWING) and not said.isdisjoint(SURNAMES.bare):
        return True
    return not said.isdisjoint(_SHOWING_ENGLISH) and not said.isdisjoint(FIRST)


def find(plain: Plain) -> list[Found]:
    """The full names in a text."""
    short = list(short_names.find(plain))
    found = [Found(start, end, "name", _joined(plain.folded[start:end])) for start, end in sorted(short)]
    rest = pieces(plain.covered((one.start, one.end) for one in found))
    return sorted([*found, *_finds(rest)], key=lambda one: one.start)


def _joined(said: str) -> str:
    return " ".join(_LETTERS.findall(said))


def _finds(found: Sequence[Piece]) -> Iterator[Found]:
    at = begin = 0
    while at < len(found):
        if found[at].kind != "word":
            at += 1
            continue
        if found[at].capital:
            if not at or not (found[at - 1].capital and found[at].spaced):
                begin = at
            end, is_name = _with_capitals(found, at, begin)
        else:
            end = small_names.vietnamese(found, at) or small_names.english(found, at)
            is_name = end > 0
        hidden = end < len(found) and found[end].small == "*"
        if is_name and not hidden:
            value = " ".join(piece.bare for piece in found[at:end])
            yield Found(found[at].start, found[end - 1].end, "name", value)
        at = max(end, at + 1)


def _with_capitals(found: Sequence[Piece], at: int, begin: int) -> tuple[int, bool]:
    """Where what begins at ``at`` ends, and whether it is a name; what is called after somebody is none, and
    nor are its parts.

    Args:
        begin: where the row of words with capitals begins.
    """
    run = _run(found, at)
    if run - at < 2:
        return 0, False
    cues = cues_before(found, at)
    end = _highland_end(found, at, run)
    if end and "place" not in cues:
        return end, True
    if found[at] in SURNAMES:
        end = _vietnamese_end(found, at, run)
        if end - at >= 2:
            if _is_called_after(found, at, end, cues):
                return end, False
            if _is_vietnamese(found, at, end, run, cues):
                return end, True
    if run - begin > _LONGEST_ROW:
        return 0, False
    end = _foreign_end(found, at, run)
    return (end, True) if _is_foreign(found, at, end, run, cues) else (0, False)


def _run(found: Sequence[Piece], at: int) -> int:
    """The piece after the words with capitals that follow each other with blanks, as far as it matters;
    initials keep their dots."""
    end = at + 1
    most = min(len(found), at + 2 * _MOST_PARTS)
    while end < most:
        if found[end].kind == "word" and found[end].capital and found[end].spaced:
            end += 1
        elif (small := _small_inside(found, end)) and _has_capital(found, end + small):
            end += small + 1
        elif _is_initial(found, end - 1) and end + 1 < len(found) and found[end + 1].capital:
            end += 2
        else:
            break
    return end


def _small_inside(found: Sequence[Piece], at: int) -> int:
    """How many words in small letters stand inside a name: "Nguyen van Nam", "van der Berg"; 0 for none."""
    said = [piece.small for piece in found[at : at + 2] if piece.kind == "word" and piece.spaced]
    if " ".join(said) in _PARTICLES:
        return 2
    return 1 if said and (said[0] in _PARTICLES or is_van_or_thi(found[at])) else 0


def _has_capital(found: Sequence[Piece], at: int) -> bool:
    return at < len(found) and found[at].capital


def _is_initial(found: Sequence[Piece], at: int) -> bool:
    """Whether one letter and a dot right behind it stand at ``at``."""
    dot = found[at + 1]
    return len(found[at].bare) == 1 and dot.small == "." and not dot.spaced


def _highland_end(found: Sequence[Piece], at: int, run: int) -> int:
    """The piece after a name of the highlands, which its clan shows: "Y Moan Êban", "Ksor Phước"; 0 for
    none."""
    first = found[at].bare
    end = min(run, at + _MOST_FOREIGN_PARTS)
    if f"{first} {found[at + 1].bare}" in COMPOUND and found[at + 1].kind == "word" and end - at >= 3:
        return end
    if first in CLANS:
        return at + 2 if found[at + 1].kind == "word" else 0
    if not (first in ("y", "h") or first.startswith(("h'", "h’", "k'", "k’"))):
        return 0
    return next((place + 1 for place in range(end - 1, at, -1) if found[place].bare in CLANS), 0)


def _vietnamese_end(found: Sequence[Piece], at: int, run: int) -> int:
    """The piece after the words with capitals that may be one Vietnamese name."""
    end = at + 1
    while end < run and end - at < _MOST_PARTS:
        piece, parts = found[end], end - at
        single = len(piece.bare) == 1
        if piece.kind != "word" or not (single or is_syllable(piece.bare)):
            break
        if single and parts == 1 and not (piece.bare == "a" and found[at] in HMONG and end + 1 < run):
            break
        known = piece in MIDDLE or piece in GIVEN or (piece.upper and found[at].upper and end + 1 == run)
        if (
            parts >= 2
            and piece.small in AFTER
            and not (known and end + 1 == run and _is_given(found, end, parts))
        ):
            break
        if parts >= 3 and not known and not (
            end + 1 == run and (_closes(found, run) or found[end - 1] in OTHER_MIDDLE)
        ):  # fmt: skip
            break
        if parts >= 2 and end + 1 < run and f"{piece.bare} {found[end + 1].bare}" in PLACES:
            break
        end += 1
    return end


def _is_given(found: Sequence[Piece], at: int, parts: int) -> bool:
    """Whether a word that begins sentences as well is the last part of a name: "Thái" is not before "độ"."""
    following = found[at + 1].small if at + 1 < len(found) else ""
    return parts == 2 or (found[at].small in _PARTNERS and following not in _PARTNERS[found[at].small])


def _closes(found: Sequence[Piece], at: int) -> bool:
    """Whether the text, a line or a clause ends before a piece."""
    return at >= len(found) or found[at].kind in ("line", "sign")


def _is_called_after(found: Sequence[Piece], at: int, end: int, cues: frozenset[Cue]) -> bool:
    """Whether a name stands for a street, a school, a shop or somebody in history."""
    bare = " ".join(part.bare for part in found[at:end])
    if not cues and " ".join(bare.split()[:2]) in NO_PERSONS:
        return True
    direct = bool(cues & {"address", "title", "intro"})
    if cues & {"place", "number"} and not direct:
        return True
    if bare in SHOPS and "intro" not in cues:
        return True
    if end < len(found) and found[end].kind == "word" and found[end].small in _BEHIND_PLACES and (
        "intro" not in cues or found[end].capital
    ):  # fmt: skip
        return True
    rest = bare.partition(" ")[2]
    return not direct and "self" not in cues and (bare in FIGURES or (" " in rest and rest in FIGURES))


def _is_vietnamese(found: Sequence[Piece], at: int, end: int, run: int, cues: frozenset[Cue]) -> bool:
    """Whether words with capitals that may be a Vietnamese name are sure to be one."""
    first, second, last = found[at], found[at + 1], found[end - 1]
    count = end - at
    solid = first in SOLID and not (first.small.isascii() and first.bare in LOOKALIKE)
    given = last in GIVEN or (len(last.bare) == 1 and count > 2)
    if "intro" in cues:
        return count >= 3 or given or solid
    if count == 2:
        return solid and given and _is_sure_pair(found, first, end, run, cues)
    if cues & {"address", "title", "self", "role", "person"}:
        other = second in OTHER_MIDDLE or (first in HMONG and second.bare == "a")
        return solid or ((second in MIDDLE or other) and (given or other)) or is_van_or_thi(second)
    sure = second in SURE_MIDDLE
    if given and (solid or sure):
        return True
    if first in RARE and is_van_or_thi(second) and not first.small.isascii():
        return True
    if first in HMONG and second.bare == "a":
        return True
    if solid and sure:
        return first not in DOUBLE
    if not (second in MIDDLE and given):
        return False
    return _leads_to_number(found, end) or _is_rare(found, at, end, run)


def _is_rare(found: Sequence[Piece], at: int, end: int, run: int) -> bool:
    """Whether a surname that few have, with two or three usual names behind it, needs no other word to show
    it."""
    first, parts = found[at], found[at:end]
    pairs = [f"{one.bare} {two.bare}" for one, two in pairwise(parts)]
    called = not PLACES.isdisjoint(pairs) or pairs[0] in SHOPS or pairs[-1] in SHOPS
    within = at > 0 and found[at - 1].capital and first.spaced
    if end != run or end - at > 4 or called or within or len({part.bare for part in parts}) < 3:
        return False
    if first.small.isascii():
        clear = first.bare in CLEAR_RARE
        return clear or (first in SOLID and parts[0].upper and parts[-1].upper and _closes(found, end))
    upper = parts[0].upper and parts[-1].upper
    return first in RARE or upper or (end - at == 4 and found[at + 2] in MIDDLE)


def _is_sure_pair(found: Sequence[Piece], first: Piece, end: int, run: int, cues: frozenset[Cue]) -> bool:
    """Whether a surname and a given name alone are sure to be a full name."""
    if not cues & {"address", "title", "self", "role", "person"}:
        return _leads_to_number(found, end)
    if first in DOUBLE:
        return False
    return bool(cues & {"address", "title"}) or (bool(cues & {"self", "role"}) and end == run)


def _leads_to_number(found: Sequence[Piece], end: int) -> bool:
    """Whether a long number, or what stands for one, follows a name."""
    if end + 1 < len(found) and found[end].small in (",", "-", ":", "("):
        end += 1
    if end >= len(found):
        return False
    following = found[end]
    number = following.kind in ("number", "code") and following.bare[:1] == "0" and len(following.bare) >= 3
    return number or following.small == "["


def _foreign_end(found: Sequence[Piece], at: int, run: int) -> int:
    """The piece after the words with capitals that may be one foreign name."""
    end = min(run, at + _MOST_FOREIGN_PARTS)
    while end > at and found[end - 1].kind == "sign":
        end -= 1
    return end


def _is_foreign(found: Sequence[Piece], at: int, end: int, run: int, cues: frozenset[Cue]) -> bool:
    """Whether words with capitals are sure to be a foreign name, or one that words introduce."""
    parts = [piece for piece in found[at:end] if piece.kind == "word"]
    following = found[end] if end < len(found) else None
    if len(parts) < 2 or run - at > _LONGEST_FOREIGN or _is_no_person(parts, following, cues):
        return False
    first, last = parts[0], parts[-1]
    if len(first.bare) < 2 and found[at + 1].small != ".":
        return False
    known = first.small in FIRST or all(part in FIRST for part in first.small.split("-"))
    capitals = sum(part.capital for part in parts)
    foreign = not all(is_syllable(part.bare) for part in parts)
    if cues & {"title", "intro"}:
        return True
    if "speaker" in cues and foreign and capitals <= 3 and all(len(part.bare) >= 3 for part in parts):
        return following is None or following.kind != "word" or following.bare in PLAIN
    if "human" in cues or ({"sign", "person"} <= cues and foreign and _closes(found, end)):
        return capitals <= 3 or known
    if capitals > 3 and not (known and cues & {"self", "person"}):
        return False
    if _is_reversed(parts, following, cues):
        return True
    if not known or not (foreign or "self" in cues):
        return False
    if cues & {"self", "person"}:
        return True
    if first.bare in FIRST_WORDS:
        return False
    if cues & {"address", "role"}:
        return True
    in_place = f"{parts[-2].bare} {last.bare}" in PLACES
    long = len(last.bare) >= 4 or _leads_to_number(found, end)
    return run - at <= 3 and "number" not in cues and long and not in_place


def _is_reversed(parts: Sequence[Piece], following: Piece | None, cues: frozenset[Cue]) -> bool:
    """Whether words are a Vietnamese name in the order of English, the surname last."""
    first, last = parts[0], parts[-1]
    if last not in SOLID or not all(part in GIVEN or part.bare in FIRST for part in parts[:-1]):
        return False
    if last.bare in LOOKALIKE:
        return bool(cues & {"self", "person"}) and last.small.isascii()
    if cues & {"self", "person", "address"} or (following is not None and following.bare in _ENGLISH_AFTER):
        return True
    if "role" in cues:
        return last.small in CLEAR
    return first.small in FIRST and not is_syllable(first.bare)


def _is_no_person(parts: Sequence[Piece], following: Piece | None, cues: frozenset[Cue]) -> bool:
    """Whether words with capitals are a company, a brand, a place or the beginning of a sentence."""
    first = parts[0]
    if "place" in cues and not cues & {"intro", "title"}:
        return True
    if len(parts[-1].bare) < 2 or any(part.bare in NOT_LAST for part in parts[1:]):
        return True
    if first.small in _NO_NAMES or any(part.small in _GROUPS for part in parts):
        return True
    if first.small not in FIRST and any(part.small in AFTER for part in parts):
        return True
    bare = " ".join(part.bare for part in parts)
    if bare in FIGURES or " ".join(part.bare for part in parts[:2]) in SHOPS:
        return True
    if following is None or not following.spaced:
        return False
    return following.small in _BEHIND_PLACES or (following.kind == "code" and following.capital)
