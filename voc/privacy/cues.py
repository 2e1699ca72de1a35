"""Words that say what the number after them is.

Enters: a `Plain` and a place. Leaves: the kind of number that the words before the place announce. What must
hold: a word counts only if nothing but filling words lies between it and the number, and the nearest one
wins: in "đơn 123 của sđt 0912…" the number is a phone's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

from voc.privacy.lists import phrases, words
from voc.privacy.plain import Plain
from voc.privacy.syllables import marks_of
from voc.text import fold

#: What a number is: a phone's, on an identity paper, on a card, of an account (surely, or if it looks so),
#: beside a bank's name, or none of a person (an order's, a bill's, a device's, the tax office's).
Announced: TypeAlias = Literal[
    "phone", "paper", "old paper", "card", "account", "perhaps", "bank", "code", ""
]

#: Characters before a number in which words are looked for.
REACH = 64


#: Words that mean something else when they are typed without their marks.
_MARKED_ONLY = frozenset({"mã", "vé", "lô", "lỗi", "ví", "máy"})
#: Words that may stand between an announcing word and its number.
_FILLING = words("cues", "filling")
#: The same before a number of no person, which has to be nearer.
_NEAR = words("cues", "near")
#: After "của em" the number is the order's only if it is said to be.
_SAID = frozenset({"la", "is"})
_OWNED = frozenset({"cua", "of"})
#: Before an order or a bill: what follows is written there.
_WRITTEN_ON = frozenset({"tren"})
_NUMBER = frozenset({"so", "sdt", "dt"})
_WORD = re.compile(r"[^\W_]+")
_SIGNS = re.compile(r"[ \t:=#().,'\"\-*>/\[\]“”’_–]*")
#: A stop ends a sentence, unless it shortens the word before it.
_BREAK = re.compile(r"[\n;!?]|(?<!no)(?<!nr)(?<!so)(?<!tel)(?<!dt)(?<!tk)(?<!acc)(?<!acct)(?<!ref)\.(?= )")
#: Words with which phrases for codes begin, and words after which a number is a person's again.
_HEADS = frozenset({"mã", "phiếu", "lệnh", "phieu", "biên", "bien"})
_LONG_HEADS = phrases("cues", "heads")
_OF_PERSONS = words("cues", "of_persons")
#: Before these, "ma" without its mark is no code.
_BUT = frozenset(["nhung", "the", "co", "vay", "ay", "chu"])
#: Words of the longest announcing phrase.
_LONGEST = 5

_KIND_OF: dict[str, tuple[Announced, frozenset[str]]] = {}


def _learn(kind: Announced, listed: Iterable[str]) -> None:
    """Keeps each phrase under its words without marks, with the marks that it may have."""
    for phrase in listed:
        bare = " ".join(_WORD.findall(fold(phrase)))
        ways = {marks_of(phrase)} if phrase in _MARKED_ONLY else {marks_of(phrase), ""}
        known = _KIND_OF.setdefault(bare, (kind, frozenset(ways)))
        if known[0] == kind:
            _KIND_OF[bare] = (kind, known[1] | ways)


#: Where a phrase stands in two lists the earlier one counts.
_LISTS: tuple[tuple[Announced, str], ...] = (
    ("account", "account"), ("paper", "paper"), ("old paper", "old_paper"), ("code", "code"),
    ("card", "card"), ("phone", "phone"),
)  # fmt: skip
for _kind, _list in _LISTS:
    _learn(_kind, phrases("announcing", _list))
_learn("bank", phrases("banks", "names"))
_learn("perhaps", phrases("announcing", "perhaps"))


def announced(plain: Plain, place: int, since: int = 0) -> Announced:
    """What the words before ``place`` say the number there is; the empty string for nothing.

    Args:
        since: where the last number ended: words before it speak of that one.
    """
    chain = _chain(plain, place, since)
    if not chain:
        return ""
    nearest = chain[0]
    if nearest in ("bank", "perhaps"):
        if "card" in chain[:3]:
            return "card"
        if "account" in chain or {"bank", "perhaps"} <= set(chain):
            return "account"
    return nearest


def _chain(plain: Plain, place: int, since: int) -> list[Announced]:
    """The kinds of the announcing words before a place, the nearest first, with only filling words
    between."""
    begin = max(0, place - REACH, since)
    for stop in _BREAK.finditer(plain.folded, begin, place):
        begin = stop.end()
    found = [(match.start(), match.end()) for match in _WORD.finditer(plain.folded, begin, place)]
    words = [plain.folded[start:end] for start, end in found]
    chain: list[Announced] = []
    near = True
    at, end, numbers = len(words), place, 0
    while at > 0 and numbers <= 1 and _SIGNS.fullmatch(plain.folded, found[at - 1][1], end):
        kind, length = _phrase(plain, found, words, at)
        if kind == "code" and not chain and (not near or _is_apart(plain, found, words, at)):
            return []
        if kind == "code" and at - length > 0 and words[at - length - 1] in _WRITTEN_ON:
            length += 1  # "sđt ghi trên phiếu"
        elif kind:
            chain.append(kind)
        else:
            word = words[at - 1]
            number = word.isdigit() and len(word) <= 2
            if not chain and (_is_bare_code(words, at) or _is_part_of_code(plain, found, words, at)):
                return ["code"]
            if not (word in _FILLING or word in _NEAR or number):
                break
            numbers += number
            if at > 1 and words[at - 2] in _OWNED:
                near = near and at < len(words) and words[at] in _SAID
                length = 2
            else:
                near = near and (word in _NEAR or number)
        at -= length
        end = found[at][0]
    return chain


def _phrase(
    plain: Plain, found: Sequence[tuple[int, int]], words: Sequence[str], at: int
) -> tuple[Announced, int]:
    """The kind of the longest announcing phrase that ends before the word at ``at``, and its words; the
    empty string for none."""
    for length in range(min(_LONGEST, at), 0, -1):
        kind, ways = _KIND_OF.get(" ".join(words[at - length : at]), ("", frozenset()))
        if kind and marks_of(plain.small[found[at - length][0] : found[at - 1][1]]) in ways:
            return kind, length
    return "", 1


def _is_apart(plain: Plain, found: Sequence[tuple[int, int]], words: Sequence[str], at: int) -> bool:
    """Whether a comma and a word for "number" stand behind a word for a code: "chưa có mã, số 0912…"."""
    return at < len(words) and words[at] in _NUMBER and "," in plain.text[found[at - 1][1] : found[at][0]]


def _is_bare_code(words: Sequence[str], at: int) -> bool:
    """Whether "ma" without its mark stands right before the number, and not as "nhưng mà"."""
    return at == len(words) and words[at - 1] == "ma" and (at < 2 or words[at - 2] not in _BUT)


def _is_part_of_code(plain: Plain, found: Sequence[tuple[int, int]], words: Sequence[str], at: int) -> bool:
    """Whether the word before ``at`` goes on with a phrase such as "mã tham chiếu" or "phiếu xuất kho"."""
    for back in range(at - 1, max(-1, at - 5), -1):
        start, end = found[back]
        if plain.small[start:end] in _HEADS or " ".join(words[max(0, back - 1) : back + 1]) in _LONG_HEADS:
            return True
        if plain.small[start:end] in _OF_PERSONS or plain.text[start].isupper():
            return False
    return False


def is_filling(word: str) -> bool:
    """Whether a word may stand between an announcing word and its number."""
    return fold(word) in _FILLING


def speaks_of_codes(plain: Plain, place: int, since: int = 0) -> bool:
    """Whether the words from ``since`` to ``place`` speak of orders, bills or the like, near or not."""
    found = [match.span() for match in _WORD.finditer(plain.folded, max(since, place - REACH), place)]
    for start, end in [*found, *((one[0], two[1]) for one, two in pairwise(found))]:
        bare = " ".join(_WORD.findall(plain.folded, start, end))
        kind, ways = _KIND_OF.get(bare, ("", frozenset()))
        if kind == "code" and bare not in _COMMON and marks_of(plain.small[start:end]) in ways:
            return True
    return False


#: How far before a number of nine digits the old paper may be spoken of, and how far behind it.
_NEAR_PAPER, _BEHIND = 40, 24
_OLD_PAPER = re.compile(
    r"(?<![^\W_])(?:cmnd|cmt|cmtnd|chung minh(?: thu| nhan dan)?|giay cm|so cm|old id(?: card)?)(?![^\W_])"
)
_APART = re.compile(r"\d{5}|[\n;!?]")
_OLD_PAPER_BEHIND = re.compile(
    r"[ \t]*[(,\-]?[ \t]*(?:(?:la|so|day)[ \t]+){0,3}(?:cmnd|cmt|cmtnd|chung minh)(?![^\W_])"
)


def speaks_of_old_paper(plain: Plain, start: int, end: int) -> bool:
    """Whether the old identity paper is spoken of shortly before a number, or right behind it."""
    if _OLD_PAPER_BEHIND.match(plain.folded, end, end + _BEHIND):
        return True
    ends = [match.end() for match in _OLD_PAPER.finditer(plain.folded, max(0, start - _NEAR_PAPER), start)]
    return bool(ends) and not (
        _APART.search(plain.folded, ends[-1], start) or speaks_of_codes(plain, start, since=ends[-1])
    )


#: Announcing words that stand in any text.
_COMMON = frozenset({"ma", "loi", "ve", "lo", "diem", "id", "item", "case", "lenh", "yeu cau so"})


#: A bank's name right after a number.
BANK_AFTER = re.compile(
    r"[ \t]{0,2}[,\-(/|:]?[ \t]{0,2}"
    r"(?:(?:tai|o|cua|la|thuoc|ngan hang|nh|nganhang|bank|with|at)[ \t:]{1,2}){0,2}(?:"
    + "|".join(
        fold(name).replace(" ", "[ ]+") for name in sorted(phrases("banks", "names"), key=len, reverse=True)
    )
    + r")(?![^\W_])"
)
