"""Names that capitals do not show: in small letters, or where all is in capitals.

Enters: pieces and a place. Leaves: the piece after the name that begins there, or 0. What must hold: every
part is a usual one for its place in a name; without marks it takes more than with them.
"""

from __future__ import annotations

from collections.abc import Sequence

from voc.privacy.lexicon import (
    AFTER,
    CLEAR,
    DOUBLE,
    FIGURES,
    FIRST,
    FIRST_WORDS,
    GIVEN,
    LOOKALIKE,
    MIDDLE,
    NO_PERSONS,
    NOT_LAST,
    PLAIN,
    PLAINLY,
    RARE,
    SHOPS,
    SOLID,
    SURE_MIDDLE,
    SURNAMES,
    is_van_or_thi,
)
from voc.privacy.lists import words
from voc.privacy.name_cues import Cue, cues_before
from voc.privacy.pieces import Piece

_MOST_PARTS = 4
#: Given names that, typed without marks or with them, are everyday words and so end a name of three parts.
_ENDS = words("around", "ends")
_ENDS_MARKED = words("around", "ends_marked")
#: Of these, those that end a clause as a name more often than as a word.
_LAST = frozenset({"chi", "phong", "lam", "nhu", "y"})
#: Words that may follow a name of four parts.
_GOES_ON = words("around", "goes_on")
#: Surnames that are everyday words without their marks: less often, and so often that even a cue is not
#: enough.
_DOUBTFUL = words("around", "doubtful")
_EVERYDAY = words("around", "everyday")
#: "bộ phận", "thành phần", "một phần", "qua phần" without marks.
_BEFORE_PHAN = frozenset({"bo", "thanh", "mot", "qua"})
_PEOPLE = frozenset({"address", "title", "self", "role", "person"})
#: Surnames that without marks are hardly any other word.
_CLEAR_BARE = frozenset({"nguyen", "tran", "pham", "huynh", "bui", "trinh", "phung"})


def vietnamese(found: Sequence[Piece], at: int) -> int:
    """The piece after a Vietnamese name that begins at ``at``; 0 for none."""
    if found[at] not in SURNAMES:
        return 0
    end = _end(found, at)
    parts = found[at:end]
    bare = " ".join(piece.bare for piece in parts)
    if len(parts) < 2 or bare in SHOPS or not _may_be_given(parts):
        return 0
    if f"{parts[0].bare} {parts[1].bare}" in NO_PERSONS:
        return 0
    if parts[0].bare == "phan" and at and found[at - 1].bare in _BEFORE_PHAN:
        return 0
    cues = cues_before(found, at)
    if "intro" not in cues and (bare in FIGURES or cues & {"number", "place"}):
        return 0
    marked = not parts[0].small.isascii()
    judge = _is_sure_marked if marked else _is_sure_bare
    return end if judge(parts, cues, closed=_may_end(found, end)) else 0


def _may_be_given(parts: Sequence[Piece]) -> bool:
    last = parts[-1]
    return last in GIVEN or len(last.bare) == 1


def _end(found: Sequence[Piece], at: int) -> int:
    """The piece after the words that may belong to a name."""
    end = at + 1
    while end < len(found) and end - at < _MOST_PARTS:
        piece, parts = found[end], end - at
        if piece.kind != "word" or not piece.spaced:
            break
        if parts == 2 and len(piece.bare) == 1 and piece.small.isascii() and is_van_or_thi(found[end - 1]):
            return end + 1  # Nguyễn Văn A
        if piece not in GIVEN and piece not in MIDDLE:
            break
        last = piece.bare in _LAST and (end + 1 >= len(found) or found[end + 1].kind != "word")
        if parts == 2 and _is_everyday(piece) and not (last or is_van_or_thi(found[end - 1])):
            break
        sure = found[at + 1].small in ("văn", "thị") and piece.small not in AFTER
        if parts == 3 and ((piece.bare in _ENDS and not last) or not (sure or _may_end(found, end + 1))):
            break
        end += 1
    return end


def _is_everyday(piece: Piece) -> bool:
    return piece.bare in _ENDS if piece.small.isascii() else piece.small in _ENDS_MARKED


def _is_sure_marked(parts: Sequence[Piece], cues: frozenset[Cue], *, closed: bool) -> bool:
    """Whether words with their marks are sure to be a name.

    Args:
        closed: whether the name may end where it does.
    """
    first, second = parts[0], parts[1]
    plainly = first.small in PLAINLY
    if len(parts) == 2:
        return plainly and ("intro" in cues or (bool(cues & {"address", "title"}) and first not in DOUBLE))
    surest = is_van_or_thi(second)
    sure = surest or second in SURE_MIDDLE
    if "intro" in cues:
        return first in SOLID or surest or (closed and (sure or second in MIDDLE))
    if cues & _PEOPLE:
        usual = "speaker" in cues and second in MIDDLE and (first in SOLID or first in RARE)
        return plainly or surest or (first in SOLID and sure) or usual
    return (surest and first in SOLID) or (first.small in CLEAR and second in MIDDLE)


def _is_sure_bare(parts: Sequence[Piece], cues: frozenset[Cue], *, closed: bool) -> bool:
    """The same without marks."""
    first, second = parts[0], parts[1]
    doubtful = first.bare in _DOUBTFUL or first.bare in LOOKALIKE
    if len(parts) == 2:
        return "intro" in cues and first in SOLID and not doubtful
    surest = is_van_or_thi(second)
    sure = surest or second in SURE_MIDDLE
    if "intro" in cues:
        known = sure or ("sign" in cues and second in MIDDLE)
        return first in SOLID or (closed and known and first.bare not in _EVERYDAY)
    if first not in SOLID:
        return False
    if cues & _PEOPLE and sure and not doubtful and first.bare != "phan":
        return True
    if cues & _PEOPLE and closed and first.bare in _CLEAR_BARE and second in MIDDLE:
        return True
    return surest and (first.bare not in _DOUBTFUL or bool(cues & {"address", "title", "self"}))


def _may_end(found: Sequence[Piece], at: int) -> bool:
    """Whether a name may end before a piece: no word follows, or one that goes on with something else."""
    return at >= len(found) or found[at].kind != "word" or found[at].bare in _GOES_ON


def english(found: Sequence[Piece], at: int) -> int:
    """The piece after a first and a last name that English words introduce; 0 for none."""
    first = found[at]
    if first.small not in FIRST or first.small in FIRST_WORDS or at + 1 >= len(found):
        return 0
    last = found[at + 1]
    if last.kind != "word" or not last.spaced or len(last.bare) < 3:
        return 0
    if last.bare in PLAIN or last.bare in NOT_LAST:
        return 0
    if at + 2 < len(found) and found[at + 2].kind == "word" and found[at + 2].bare not in PLAIN:
        return 0
    return at + 2 if cues_before(found, at) & {"intro", "title", "self"} else 0
