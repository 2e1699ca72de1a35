"""Full names of people: a surname with what goes with it, without the form of address.

Enters: a `Plain` and its pieces. Leaves: finds in order. What must hold: a given name alone is no full name; the
names of streets, schools, shops, brands and people in history are left, unless words say that a person is
meant. Time grows with the length of the text.

How sure a name has to look depends on what stands before it. After words that introduce ("tên tôi là", "người
nhận:", "my name is") nearly any words with capitals do, and in small letters whatever is built like a name; after a
form of address ("anh", "Mr") a surname and a usual given name; after nothing, a common surname with a middle name, or
a common English first name with a surname.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from voc.privacy.findings import Found
from voc.privacy.lists import folded, phrases, words
from voc.privacy.pieces import CAPITALS, Piece
from voc.privacy.plain import Plain
from voc.privacy.syllables import is_syllable, marks_of
from voc.text import fold

_SOLID = words("names", "solid")
_SURNAMES = _SOLID | words("names", "other")
_MIDDLE, _GIVEN = words("names", "middle"), words("names", "given")
_BARE_SOLID = folded("names", "solid")
_BARE_SURNAMES = _BARE_SOLID | folded("names", "other")
_BARE_MIDDLE, _BARE_GIVEN = folded("names", "middle"), folded("names", "given")
_AFTER = words("names", "after")
_FIRST, _NOT_LAST, _WORDS = words("english", "first"), words("english", "not_last"), words("english", "words")
_FIGURES = {fold(name) for name in phrases("known", "figures")}
_SHOPS = {fold(name) for name in phrases("known", "shops")}
_PLACES = {fold(place) for name in ("provinces", "districts") for place in phrases("places", name)}
#: Surnames that, without marks, are English or everyday words.
_LOOKALIKE = words("around", "lookalike")
#: Surnames that with a given name make two given names as often as a full name.
_DOUBLE = frozenset(["hoàng", "dương", "hoang", "duong"])
#: Middle names that hardly stand anywhere else.
_SURE_MIDDLE = words("around", "sure_middle")
_BARE_SURE_MIDDLE = frozenset(fold(word) for word in _SURE_MIDDLE)
#: In small letters, or where all is in capitals, these end a name of three parts.
_ENDS = frozenset(
    [
        "giao",
        "lai",
        "lam",
        "len",
        "di",
        "den",
        "chi",
        "em",
        "ba",
        "hai",
        "nha",
        "thi",
        "sao",
        "sau",
        "do",
        "da",
        "vi",
        "moi",
        "tai",
        "gap",
        "hop",
        "hoi",
        "may",
        "nhu",
        "y",
        "thich",
        "ta",
        "bay",
        "duoc",
        "dat",
        "mua",
        "goi",
        "o",
        "co",
        "la",
        "va",
        "gio",
        "nay",
        "noi",
        "hang",
        "mat",
        "het",
        "tu",
        "ban",
        "lay",
        "ky",
        "dang",
        "de",
        "dung",
        "biet",
        "tra",
        "doi",
        "ke",
        "khi",
        "xin",
        "ve",
        "cho",
        "bi",
        "qua",
        "con",
    ]
) - {"tu"}
_MOST_PARTS = 5
_LETTERS = re.compile(r"[a-z]+")
_PAIR = re.compile(
    rf"(?<![^\W_])[{CAPITALS}][^\W\d_]{{0,30}}(?:[.'’\-][^\W\d_]{{0,30}})?[ \t]{{1,3}}[{CAPITALS}]"
)
#: Without one of these no name in small letters is sure.
_SHOWING = _BARE_SURE_MIDDLE | frozenset(
    ["ten", "hoten", "nhan", "chu", "ctk", "ky", "kinh", "than", "trong", "attn", "name", "nguoi"]
)
_SHOWING_ENGLISH = words("around", "showing_english")
_SIGNS_BEFORE = frozenset(":,-(\"“'.–=")
_FILLERS = words("around", "fillers")
_LONGEST_CUE = 4
#: Words with which what is called after a company or a place begins.
_NO_NAMES = words("around", "no_names")
#: Words that go on in English after a name.
_ENGLISH_AFTER = words("around", "english_after")
_GROUPS = frozenset(
    [
        "ltd",
        "inc",
        "corp",
        "llc",
        "gmbh",
        "jsc",
        "co",
        "bank",
        "airlines",
        "hotel",
        "resort",
        "team",
        "service",
    ]
)


@cache
def _cues() -> dict[str, list[tuple[str, frozenset[str]]]]:
    """What stands before a name, by its words without marks."""
    known: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for kind in ("intro", "self", "title", "address", "role", "person", "place"):
        for phrase in phrases("before", kind):
            words_of = re.findall(r"[^\W\d_]+", phrase)
            marks = {marks_of("".join(words_of))}
            if (
                kind in ("intro", "self", "role")
                or len(words_of) > 1
                or phrase in ("chị", "chú", "bác", "ông", "bạn", "đường", "thầy", "cháu", "phố", "trường")
            ):
                marks.add("")
            known.setdefault(fold(" ".join(words_of)), []).append((kind, frozenset(marks)))
    return known


def may_hold(plain: Plain) -> bool:
    """Whether a text may hold a name: two words with capitals, or a surname beside words that show a name."""
    if _PAIR.search(plain.text) is not None:
        return True
    said = set(_LETTERS.findall(plain.folded))
    if not said.isdisjoint(_SHOWING) and not said.isdisjoint(_BARE_SURNAMES):
        return True
    return not said.isdisjoint(_SHOWING_ENGLISH) and not said.isdisjoint(_FIRST)


def find(plain: Plain, found: Sequence[Piece]) -> list[Found]:
    """The full names in a text."""
    return list(_finds(plain, found))


def _finds(plain: Plain, found: Sequence[Piece]) -> Iterator[Found]:
    at = 0
    while at < len(found):
        piece = found[at]
        if piece.kind != "word":
            at += 1
            continue
        if piece.capital:
            end = _capital_name(found, at, _run(found, at))
            if end < 0:  # a street, a school, somebody in history: its parts are no names either
                at = -end
                continue
        else:
            end = _small_name(found, at) or _small_foreign(found, at)
        if end and not (end < len(found) and found[end].small == "*"):
            start, last = piece.start, found[end - 1].end
            yield Found(start, last, "name", " ".join(one.bare for one in found[at:end]))
            at = end
        else:
            at += 1


def _run(found: Sequence[Piece], at: int) -> int:
    """The piece after the words with capitals that follow each other with blanks, as far as it matters; initials
    keep their dots."""
    end = at + 1
    while end < min(len(found), at + 2 * _MOST_PARTS):
        piece = found[end]
        if piece.kind == "word" and piece.capital and piece.spaced:
            end += 1
        elif (
            piece.small == "."
            and not piece.spaced
            and len(found[end - 1].bare) == 1
            and end + 1 < len(found)
            and (found[end + 1].kind == "word" and found[end + 1].capital)
        ):
            end += 2
        else:
            break
    return end


def _cue(found: Sequence[Piece], at: int) -> set[str]:
    """The kinds of words that lead up to a name, with nothing but filling words between."""
    kinds: set[str] = set()
    place = at - 1
    lines = steps = 0
    while place >= 0 and steps < 7:
        piece = found[place]
        if piece.kind == "line":
            lines += 1
            if lines > 1 or kinds:
                break
            place -= 1
            continue
        if piece.kind == "sign":
            if piece.small not in _SIGNS_BEFORE or (kinds - {"address", "title"}):
                break
            kinds.add("sign")
            place -= 1
            continue
        if piece.kind != "word":
            if (
                not kinds & {"intro", "address", "title", "role", "person", "self"}
                and not lines
                and "sign" not in kinds
            ):
                kinds.add("number")
            break
        for length in range(min(_LONGEST_CUE, place + 1), 0, -1):
            first = place - length + 1
            if any(one.kind != "word" for one in found[first : place + 1]):
                continue
            entries = _cues().get(" ".join(one.bare for one in found[first : place + 1]), ())
            marks = marks_of("".join(one.small for one in found[first : place + 1]))
            hits = {kind for kind, ways in entries if marks in ways}
            if hits:
                if "sign" in kinds and not lines and not hits & {"intro", "person", "role", "title"}:
                    hits = set()
                if lines and not hits & {"intro", "person"}:
                    return kinds
                if not hits:
                    return kinds
                kinds |= hits
                place -= length
                break
        else:
            if piece.bare not in _FILLERS or "sign" in kinds:
                break
            place -= 1
        steps += 1
        if kinds & {"intro", "place"} or (kinds & {"person", "self"} and not kinds & {"address"}):
            break
    return kinds


def _is(piece: Piece, marked: frozenset[str], bare: frozenset[str]) -> bool:
    """Whether a word, with its marks if it has any, is in a list."""
    return (
        piece.small in marked
        or (piece.small.isascii() and piece.bare in bare)
        or (not piece.small.isascii() and _moved(piece.small, marked))
    )


@lru_cache(maxsize=4096)
def _moved(small: str, marked: frozenset[str]) -> bool:
    """Whether a word is in the list with its mark on another letter: ``thuý`` and ``thúy``."""
    bare, marks = fold(small), marks_of(small)
    return any(fold(word) == bare and marks_of(word) == marks for word in marked)


def _capital_name(found: Sequence[Piece], at: int, run: int) -> int:
    """The piece after a name with capitals that begins at ``at``; 0 for none, less than 0 where what is called
    after somebody ends before that piece."""
    first = found[at]
    cue: set[str] | None = None
    if _is(first, _SURNAMES, _BARE_SURNAMES):
        end = _vietnamese_end(found, at, run)
        if end - at >= 2:
            cue = _cue(found, at)
            if _names_no_one(found, at, end, cue):
                return -end
            if _is_vietnamese(found, at, end, run, cue):
                return end
    if run - at < 2:
        return 0
    cue = _cue(found, at) if cue is None else cue
    return _other_end(found, at, run, cue)


def _vietnamese_end(found: Sequence[Piece], at: int, run: int) -> int:
    end = at + 1
    while end < run and end - at < _MOST_PARTS:
        piece = found[end]
        if piece.kind != "word":
            break
        single = len(piece.bare) == 1
        if not is_syllable(piece.bare) and not single:
            break
        parts = end - at
        known = _is(piece, _MIDDLE, _BARE_MIDDLE) or _is(piece, _GIVEN, _BARE_GIVEN)
        if parts >= 2 and (piece.small in _AFTER and not (known and end + 1 == run and parts == 2)):
            break
        if parts >= 3 and not known and not (end + 1 == run and _closes(found, run)):
            break
        if parts >= 3 and end + 1 < run and f"{piece.bare} {found[end + 1].bare}" in _PLACES:
            break
        if single and parts == 1:
            break
        end += 1
    return end


def _closes(found: Sequence[Piece], at: int) -> bool:
    """Whether the text, a line or a clause ends before a piece."""
    return at >= len(found) or found[at].kind in ("line", "sign")


def _names_no_one(found: Sequence[Piece], at: int, end: int, cue: set[str]) -> bool:
    """Whether a name stands for a street, a school, a shop or somebody in history."""
    bare = " ".join(part.bare for part in found[at:end])
    direct = bool(cue & {"address", "title", "intro"})
    if "place" in cue and not direct:
        return True
    if ("number" in cue and not direct) or (bare in _SHOPS and "intro" not in cue):
        return True
    following = found[end] if end < len(found) else None
    if (
        following is not None
        and following.kind == "word"
        and following.small in phrases("before", "after")
        and ("intro" not in cue or following.capital)
    ):
        return True
    rest = bare.partition(" ")[2]
    return not direct and "self" not in cue and (bare in _FIGURES or (" " in rest and rest in _FIGURES))


def _is_vietnamese(found: Sequence[Piece], at: int, end: int, run: int, cue: set[str]) -> bool:
    """Whether words with capitals that may be a Vietnamese name are sure to be one."""
    parts = found[at:end]
    count = len(parts)
    following = found[end] if end < len(found) else None
    first, last = parts[0], parts[-1]
    solid = _is(first, _SOLID, _BARE_SOLID) and not (first.small.isascii() and first.bare in _LOOKALIKE)
    middle = _is(parts[1], _MIDDLE, _BARE_MIDDLE)
    sure = parts[1].small in _SURE_MIDDLE or (parts[1].small.isascii() and parts[1].bare in _BARE_SURE_MIDDLE)
    given = _is(last, _GIVEN, _BARE_GIVEN) or (len(last.bare) == 1 and count > 2)
    if "intro" in cue:
        return count >= 3 or given or solid
    if cue & {"address", "title"}:
        if count >= 3:
            return solid or (middle and given) or parts[1].small in ("văn", "thị")
        return solid and given and first.small not in _DOUBLE
    if cue & {"self", "role", "person"}:
        if count >= 3:
            return solid or (middle and given) or parts[1].small in ("văn", "thị")
        return solid and given and first.small not in _DOUBLE and bool(cue & {"self", "role"}) and end == run
    if count < 3:
        return solid and given and _is_number(following, found, end)
    return (
        (solid and (given or sure))
        or (sure and given)
        or (middle and given and _is_number(following, found, end))
    )


def _is_number(following: Piece | None, found: Sequence[Piece], end: int) -> bool:
    """Whether a long number, or what stands for one, follows a name."""
    if (
        following is not None
        and following.kind == "sign"
        and following.small in ",-:("
        and end + 1 < len(found)
    ):
        following = found[end + 1]
    return following is not None and (
        (following.kind in ("number", "code") and following.bare[:1] == "0" and len(following.bare) >= 3)
        or following.small == "["
    )


def _other_end(found: Sequence[Piece], at: int, run: int, cue: set[str]) -> int:
    """The piece after a foreign name, or one that words introduce; 0 for none."""
    parts = [piece for piece in found[at : min(run, at + 4)] if piece.kind == "word"]
    end = min(run, at + 4)
    while end > at and found[end - 1].kind == "sign":
        end -= 1
    first = parts[0]
    if "place" in cue and not cue & {"intro", "title"}:
        return 0
    if any(part.bare in _NOT_LAST for part in parts[1:]) or len(parts) < 2 or run - at > 5:
        return 0
    if any(part.small in _AFTER for part in parts) and first.small not in _FIRST:
        return 0
    if first.small in _NO_NAMES or any(part.small in _GROUPS for part in parts):
        return 0
    if (
        " ".join(part.bare for part in parts[:2]) in _SHOPS
        or " ".join(part.bare for part in parts) in _FIGURES
    ):
        return 0
    if len(parts) > 3 and "intro" not in cue and "title" not in cue:
        return 0
    if len(parts[-1].bare) < 2 or (len(first.bare) < 2 and found[at + 1].small != "."):
        return 0
    following = found[end] if end < len(found) else None
    if (
        following is not None
        and following.kind in ("word", "code", "number")
        and following.spaced
        and (
            following.small in phrases("before", "after") or (following.kind == "code" and following.capital)
        )
    ):
        return 0
    known = first.small in _FIRST
    surname = _is(parts[-1], _SOLID, _BARE_SOLID)
    if cue & {"title"}:
        return end
    if "intro" in cue or {"sign", "person"} <= cue:
        return end if known or surname or all(len(part.bare) > 1 or part is first for part in parts) else 0
    reversed_name = (
        surname
        and parts[-1].bare not in _LOOKALIKE
        and all(_is(part, _GIVEN, _BARE_GIVEN) or part.bare in _FIRST for part in parts[:-1])
    )
    if reversed_name and (
        cue & {"self", "person", "address"} or (first.small in _FIRST and not is_syllable(first.bare))
    ):
        return end
    if reversed_name and following is not None and following.bare in _ENGLISH_AFTER:
        return end
    if all(is_syllable(part.bare) for part in parts) and not cue & {"self"}:
        return 0
    if cue & {"self", "person"} and known:
        return end
    if cue & {"address", "role"} and known and first.bare not in _WORDS:
        return end
    if known and first.bare not in _WORDS and run - at <= 3 and "number" not in cue:
        return end if len(parts[-1].bare) >= 4 and f"{parts[-2].bare} {parts[-1].bare}" not in _PLACES else 0
    return 0


def _small_name(found: Sequence[Piece], at: int) -> int:
    """The piece after a name that capitals do not show; 0 for none."""
    first = found[at]
    if not _is(first, _SURNAMES, _BARE_SURNAMES) or at + 1 >= len(found):
        return 0
    end = at + 1
    while end < len(found) and end - at < 4:
        piece = found[end]
        if piece.kind != "word" or not piece.spaced:
            break
        middle, given = _is(piece, _MIDDLE, _BARE_MIDDLE), _is(piece, _GIVEN, _BARE_GIVEN)
        parts = end - at
        if parts == 1 and not middle and not given:
            break
        if (
            parts == 2
            and len(piece.bare) == 1
            and piece.small.isascii()
            and found[end - 1].bare in ("van", "thi")
        ):
            end += 1
            break
        if parts >= 2 and not (given or middle):
            break
        if parts >= 3 and (piece.bare in _ENDS or not _may_end(found, end + 1)):
            break
        if (
            parts == 2
            and piece.bare in _ENDS
            and piece.small.isascii()
            and found[end - 1].bare not in ("van", "thi")
        ):
            break
        if (
            parts == 2
            and piece.bare in _ENDS
            and not piece.small.isascii()
            and piece.small in _EVERYDAY_MARKED
        ):
            break
        end += 1
    count = end - at
    if count < 2:
        return 0
    bare = " ".join(piece.bare for piece in found[at:end])
    if bare in _SHOPS:
        return 0
    cue = _cue(found, at)
    if "intro" not in cue and (bare in _FIGURES or cue & {"number", "place"}):
        return 0
    marked = not first.small.isascii()
    given = _is(found[end - 1], _GIVEN, _BARE_GIVEN) or len(found[end - 1].bare) == 1
    solid = _is(first, _SOLID, _BARE_SOLID) and (marked or first.bare not in _LOOKALIKE)
    middle = _is(found[at + 1], _MIDDLE, _BARE_MIDDLE)
    surest = found[at + 1].small in ("văn", "thị", "van", "thi")
    sure = surest or _is(found[at + 1], _SURE_MIDDLE, _BARE_SURE_MIDDLE)
    if not given:
        return 0
    if found[at - 1].bare in ("bo", "thanh", "mot", "qua") and first.bare == "phan" and at:
        return 0
    plain_surname = solid and (first.small in _PLAINLY if marked else first.bare not in _DOUBTFUL)
    if count == 2:
        return (
            end if plain_surname and ("intro" in cue or (marked and bool(cue & {"address", "title"}))) else 0
        )
    if not marked:
        solid = first.bare in _BARE_SOLID
        if "intro" in cue:
            return end if solid or (sure and first.bare not in _EVERYDAY and _may_end(found, end)) else 0
        if cue & {"address", "title", "self", "role", "person"} and sure and plain_surname:
            return end
        return (
            end
            if surest and solid and (first.bare not in _DOUBTFUL or cue & {"address", "title", "self"})
            else 0
        )
    if "intro" in cue:
        return end if solid or surest or (sure and _may_end(found, end)) else 0
    if cue & {"address", "title", "self", "role", "person"}:
        return end if plain_surname or surest or (solid and sure) else 0
    return end if (surest and solid) or (first.small in _CLEAR and middle) else 0


#: Surnames that are everyday words without their marks.
_DOUBTFUL = frozenset(["do", "ho", "ly", "vu", "dang", "ta", "duong", "luong", "doan"])
_EVERYDAY = words("around", "everyday")
#: Surnames that, with their marks, are no everyday words.
_PLAINLY = words("around", "plainly")
#: Those of them that need no other word to show it.
_CLEAR = frozenset(["nguyễn", "huỳnh", "phan", "bùi", "võ", "trịnh", "trương", "đinh"])


def _small_foreign(found: Sequence[Piece], at: int) -> int:
    """The piece after a first and a last name in small letters that English words introduce; 0 for none."""
    first = found[at]
    if first.small not in _FIRST or first.small in _WORDS or at + 1 >= len(found):
        return 0
    last, following = found[at + 1], found[at + 2] if at + 2 < len(found) else None
    if (
        last.kind != "word"
        or not last.spaced
        or len(last.bare) < 3
        or last.bare in _PLAIN
        or last.bare in _NOT_LAST
    ):
        return 0
    if following is not None and following.kind == "word" and following.bare not in _PLAIN:
        return 0
    return at + 2 if _cue(found, at) & {"intro", "title", "self"} else 0


#: Everyday English words, which are no surnames and go on after one.
_PLAIN = words("around", "plain")


def _may_end(found: Sequence[Piece], at: int) -> bool:
    """Whether a name may end before a piece: no word follows, or one that goes on with something else."""
    return at >= len(found) or found[at].kind != "word" or found[at].bare in _GOES_ON


_GOES_ON = words("around", "goes_on")
#: Words with marks that end a name in small letters.
_EVERYDAY_MARKED = words("around", "everyday_marked")
