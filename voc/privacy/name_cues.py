"""What leads up to a name: words that introduce, forms of address, roles, places that are called after
people.

Enters: pieces and the place where a name may begin. Leaves: the kinds of words before it, with nothing but
filling words between.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Literal, TypeAlias, get_args

from voc.privacy.lists import phrases, words
from voc.privacy.pieces import Piece
from voc.privacy.syllables import marks_of
from voc.text import fold

#: ``intro``: a name follows ("người nhận"); ``self``: who speaks ("this is"), ``speaker``: surely
#: ("tôi là"); ``title`` and ``address``: "Mr",
#: "anh"; ``role`` and ``person``: Vietnamese and English words that stand before people among others;
#: ``human``: English words for people alone; ``place``: what is called after people.
Listed: TypeAlias = Literal[
    "intro", "self", "speaker", "title", "address", "role", "person", "human", "place"
]
#: ``number``: a number stands right before; ``sign``: a sign stands between.
Cue: TypeAlias = Listed | Literal["number", "sign"]
_SIGNS = frozenset(":,-(\"“'.–=")
_FILLERS = words("around", "fillers")
#: Forms of address that, without their marks, are no other words.
_CLEAR = frozenset({"chị", "chú", "bác", "ông", "bạn", "đường", "thầy", "cháu", "phố", "trường"})
_LONGEST = 4
_MOST_STEPS = 7
#: After these it is known who is meant.
_ENOUGH = frozenset({"intro", "place"})
_MOSTLY_ENOUGH = frozenset({"person", "self", "human"})
_PEOPLE = frozenset({"intro", "address", "title", "role", "person", "human", "self", "speaker"})


@cache
def _cues() -> dict[str, list[tuple[Listed, frozenset[str]]]]:
    """The kinds of what stands before a name, by its words without marks, with the marks that it may have."""
    known: dict[str, list[tuple[Listed, frozenset[str]]]] = {}
    for kind in get_args(Listed):
        for phrase in phrases("before", kind):
            said = re.findall(r"[^\W\d_]+", phrase)
            marks = {marks_of("".join(said))}
            if kind in ("intro", "self", "speaker", "role") or len(said) > 1 or phrase in _CLEAR:
                marks.add("")
            bare = fold(phrase) if "'" in phrase else fold(" ".join(said))
            known.setdefault(bare, []).append((kind, frozenset(marks)))
    return known


def cues_before(found: Sequence[Piece], at: int) -> frozenset[Cue]:
    """The kinds of words that lead up to the piece at ``at``."""
    kinds: set[Cue] = set()
    place, lines = at - 1, 0
    for _ in range(_MOST_STEPS):
        if place < 0:
            break
        piece = found[place]
        if piece.kind == "line":
            lines += 1
            if lines > 1 or kinds:
                break
            place -= 1
        elif piece.kind == "sign":
            if piece.small not in _SIGNS or kinds - {"address", "title", "sign"}:
                break
            kinds.add("sign")
            place -= 1
        elif piece.kind != "word":
            if not kinds & _PEOPLE and not lines and "sign" not in kinds:
                kinds.add("number")
            break
        else:
            hits, length = _hits(found, place)
            if "place" in hits and kinds & {"role", "person"} and hits.isdisjoint(_PEOPLE):
                break
            if not hits:
                if piece.bare not in _FILLERS or "sign" in kinds:
                    break
            elif _is_cut_off(hits, lines=lines, signs="sign" in kinds):
                break
            kinds |= hits
            place -= length
            if kinds & _ENOUGH or (kinds & _MOSTLY_ENOUGH and "address" not in kinds):
                break
    return frozenset(kinds)


def _hits(found: Sequence[Piece], last: int) -> tuple[set[Listed], int]:
    """The kinds of the longest phrase that ends with a piece, and its number of pieces."""
    for length in range(min(_LONGEST, last + 1), 0, -1):
        row = found[last - length + 1 : last + 1]
        if any(one.kind != "word" for one in row):
            continue
        marks = marks_of("".join(one.small for one in row)).replace("’", "")
        entries = _cues().get(" ".join(one.bare for one in row).replace("’", "'"), ())
        hits = {kind for kind, ways in entries if marks in ways}
        if hits:
            return hits, length
    return set(), 1


def _is_cut_off(hits: set[Listed], *, lines: int, signs: bool) -> bool:
    """Whether a line break or sign stands between words and a name that do not belong together so."""
    if lines:
        return not hits & {"intro", "person"}
    return signs and not hits & {"intro", "person", "human", "role", "title"}
