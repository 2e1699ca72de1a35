"""Cuts a text into clauses that say one thing each.

Enters: a text. Leaves: `Span`s into that same text, in order, without overlap; together they cover every
letter and digit. What must hold: ``text[span.start:span.end]`` has no white space at its ends; the time
taken grows with the length of the text and no faster.

A clause ends at a line break and at the end of a sentence. Inside a sentence it ends at a comma, a dash, an
emoji or emoticon, before a word of contrast or addition, and, where people write on without any sign, before
words that change the scene ("gọi lại", "tổng đài bảo"), each when there is enough on both sides to be a
clause of its own. "And" and "và" divide only where somebody else takes over: mostly they join what belongs
together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from voc.records import Span
from voc.text import is_visible

#: More segments than this are joined again, so that one letter cannot flood the encoder.
MAX_SEGMENTS = 256
#: Words before and after a dividing place without which it does not divide.
_LEAST = {"contrast": (2, 3), "praise": (2, 3), "scene": (4, 4)}
_LEAST_ELSE = (3, 3)
#: So many words without a sign between them are a run-on; fewer do where the text has no sign at all.
_RUN_ON = 18
_RUN_ON_BARE = 10
#: A line ending in a comma with so many words is a greeting or a closing; a name or opening follows.
_GREETING_WORDS = 4
_NAME_WORDS = 8
#: Praise this near before "mà" makes it a "but"; elsewhere it joins ("đặt ghế xám mà giao ghế xanh").
_PRAISE_WORDS = 4
_PRAISE_REACH = 40

_EMOJI = r"[\U0001F1E6-\U0001FAFF☀-➿⬀-⯿\uFE0F\u200D]"
_EMOTICON = r"[=:;]['’-]?[)(<>]+|=\.=|\^\^|T_T|:v\b"
_CONTRAST = (
    # With diacritics, as typed without them, and as chatted; the longer form first.
    "nhưng mà|nhưng|nhung ma|nhung|nhưg|nhug|nhg|nhma|nma|tuy nhiên|tuy nhien|mỗi tội|chỉ tội|"
    "chỉ có điều|chi co dieu|chỉ tiếc|chi tiec|tiếc là|tiec la|bù lại|bu lai|đổi lại|cơ mà|co ma|"
    "thế mà|the ma|vậy mà|vay ma|zậy mà|zay ma|rứa mà|rua ma|chớ mà|may mà|may ma|"
    "but|however|except that|unfortunately|although|though|whereas"
)
# These put one more matter beside the last.
_ADDING = (
    "với lại|vs lại|voi lai|vs lai|lại còn|lai con|cộng thêm|cong them|thêm nữa|them nua|ngoài ra|ngoai ra|"
    "plus|and (?:also|yet|our|your|nobody|no one|it turns)"
)
# "Và" and "rồi" divide where a subject and what is said of it follow: a first word that is no verb, then one
# of the words that verbs come with.
_JOINING = "và|va|rồi"
_VERBS = (
    "đề nghị|yêu cầu|gửi|gui|bảo|bao|hẹn|ép|chỉ|cho|được|duoc|bị|không|khong|chưa|có|co|xuất|hoàn|trừ|đẩy|"
    "gọi|goi|chờ|nhắn|kiểm|mua|đã|sẽ|cũng|còn|đang|rất|để|trả|bán|làm|lam|thêm|lấy|đi|về|hỏi|nói|chuyển|"
    "hướng|cộng|giảm|tặng|mong|xin|nhờ|đợi|dập|mất|tới|đến|vẫn|phải"
)
_CUES = (
    "thì|thi|là|la|bị|bi|được|duoc|đc|dc|không|khong|ko|k|hông|chưa|chua|cứ|cu|vẫn|van|đã|da|mới|moi|"
    "hoá ra|hóa ra|hoa ra|quá|qua|lắm|lam|rất|rat|hết|het|toàn|toan|cũng|cung|còn|con|đang|dang|phải|phai|"
    "chẳng|chả|nói|noi|bảo|bao|kêu|keu|hẹn|nhanh|chậm|cham|sẽ|tự|tu|nữa|như|nhu"
)
_CLAUSE = rf"(?!(?:{_VERBS})\b)(?:[^\s,.;:!?]++\s++){{1,6}}?(?:{_CUES})\b"
# After a comma these lean on what stands before it: denials, adverbs, and words that point back.
_LEANING = (
    "không(?! gian)|khong(?! gian)|hông|hổng|chẳng|chả|chưa|đừng|đã|đang|sẽ|cứ|rất|quá|nên|nó|hay|hoặc|"
    "no|not|very|even|or|which|he|she|it"
)
_PRAISE = (
    "đẹp|dep|ngon|êm|xịn|chill|phê|ok|okie|oke|okela|tốt|tot|nhanh|lẹ|rẻ|free|thơm|mượt|sạch|mát|xinh|đỉnh|ổn|"
    "ngọt|vui|dễ thương|de thuong|rộng|chuẩn|nhiệt tình|nhiet tinh|lành|ru"
)
_PLACE = (
    "tổng đài|tong dai|hotline|cskh|chăm sóc khách hàng|cham soc khach hang|kế toán|ke toan|shop|kho|shipper|"
    "bưu cục|buu cuc|quầy|kỹ thuật|ky thuat|support|sales?|app|bên kia|ben kia"
)
_SAYS = "bảo|bao|nói|noi|kêu|keu|báo|lại|rep|trả lời|tra loi|hẹn|hen|hứa|hua|chỉ"
_SCENE = "|".join(
    (
        rf"(?:{_PLACE}) (?:{_SAYS})",
        "quay (?:lại|về|lai|ve)|gọi (?:lại|lên|tổng|hotline|cskh|thì|qua|điện|chăm)|hỏi lại|hoi lai",
        "goi (?:lai|len|tong|hotline|cskh|thi|qua|cham)|nt|ib|chat (?:với|vs|voi|thì|thi)",
        "nhắn (?:tin|hỏi|shop|thì|lại|page|cskh)|nhan (?:tin|hoi|shop|thi|page)",
        "(?:tôi|toi|tui|mình|minh|em|e) (?:hỏi|hoi|gọi|goi|quay|gửi|gui|viết|viet|báo|nhắn|nhan)",
        "(?:tới|đến|toi|den) (?:nơi|noi|lúc|luc)|ra (?:quầy|quay)|trong lúc|rốt cuộc|rot cuoc|cuối cùng",
        "thực tế|thuc te|ngặt|mong|trân trọng|được cái|duoc cai|có điều(?! kiện)|co dieu(?! kien)",
        "(?:i|we) (?:asked|rang|called|wrote|went|phoned|emailed|messaged|contacted|tried)|when (?:i|we)",
        "then (?:i|we|they|the|your)|so i|meanwhile|shame|kindly|now",
        # "And" divides only where somebody or something else takes over.
        "and (?:when|(?:the|no) (?:staff|support|agents?|drivers?|couriers?|app|site|website|"
        "hotline|manager|desk|waiter|cashier|seller|shop|store|delivery|price|fee|refund|bill|team|customer|"
        "hotel|food|room|toilet|call))",
    )
)
# A stop inside a number (3.5), an abbreviation (TP.HCM, v.v.) or a name (a.com) ends no sentence: white
# space, an emoji or the end of the text has to follow. The number that opens a list item ends none either.
# Possessive repeats and look-behinds keep a long row of signs from being tried from each of its places.
_HARD = re.compile(
    rf"""(?P<line>\n\s*)
    |(?P<stop>(?:(?<![!?…。])[!?…。]++|(?<!\b[vV])(?<![\d.])\.++|(?<=\d)(?<!^\d)(?<!^\d\d)\.)
      [\"'”’)\]]*+(?:(?:\s*{_EMOJI})+\s*|\s+|$))
    |(?P<semi>;\s*)""",
    re.MULTILINE | re.VERBOSE,
)
_SOFT = re.compile(
    rf"""(?P<comma>(?:(?<!\d),|,(?!\d))\s*)
    |(?P<dash>(?<=\s)[-–—•*+]\s+)
    |(?P<emoji>(?<={_EMOJI})\s*(?=[\w"]))
    |(?P<emoticon>(?<=[\s\w])(?:{_EMOTICON})\s+)
    |(?P<item>(?<=\s)(?=\d{{1,2}}\)\s))
    |(?P<contrast>(?<=\s)(?:{_CONTRAST.replace(" ", "[ ]")})\b(?!,))
    |(?P<adding>(?<=\s)(?:{_ADDING.replace(" ", "[ ]")})\b)
    |(?P<joining>(?<=\s)(?:{_JOINING})\s+(?={_CLAUSE.replace(" ", "[ ]")}))
    |(?P<praise>(?<=\s)(?:mà|ma|còn)(?=\s))""",
    re.IGNORECASE | re.VERBOSE,
)
#: The kinds of `_SOFT` that belong to the clause they begin.
_OPENING = frozenset({"contrast", "adding", "joining", "praise"})
_LEANS = re.compile(rf"(?:{_LEANING})\b", re.IGNORECASE)
_PRAISES = re.compile(rf"\b(?:{_PRAISE})\b", re.IGNORECASE)
_CHANGES = re.compile(rf"(?<=\s)(?:{_SCENE})\b", re.IGNORECASE)
_ANY_SIGN = re.compile(r"[,:()\"“”]")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A trimmed stretch with its number of words, so that joining counts nothing twice."""

    start: int
    end: int
    words: int

    def with_next(self, other: _Piece) -> _Piece:
        """Both and what lies between them."""
        return _Piece(self.start, other.end, self.words + other.words)


def segment(text: str) -> tuple[Span, ...]:
    """Splits ``text``; the empty tuple where it holds only white space or control characters."""
    sentences = _sentences(text)
    run_on = _RUN_ON_BARE if len(sentences) == 1 and "," not in text else _RUN_ON
    clauses = [clause for sentence in sentences for clause in _clauses(text, sentence, run_on)]
    return tuple(_cap([Span(piece.start, piece.end) for piece in _join_wordless(clauses)]))


def _piece(text: str, start: int, end: int) -> _Piece | None:
    """``text[start:end]`` without white space at its ends; None if nothing of it can be seen."""
    piece = text[start:end]
    stripped = piece.strip()
    if not is_visible(stripped):
        return None
    start += piece.index(stripped)
    return _Piece(start, start + len(stripped), sum(1 for _ in _WORD.finditer(stripped)))


def _sentences(text: str) -> list[_Piece]:
    """The stretches between line breaks and stops.

    A sentence of one word joins the one before it on its line, and the short line after a greeting or a
    closing ("Trân trọng,") joins that.
    """
    joined: list[_Piece] = []
    at = 0
    for end in [*(match.end() for match in _HARD.finditer(text)), len(text)]:
        piece = _piece(text, at, end)
        at = end
        if piece is None:
            continue
        if joined and _belongs(text, joined[-1], piece):
            joined[-1] = joined[-1].with_next(piece)
        else:
            joined.append(piece)
    return joined


def _belongs(text: str, before: _Piece, after: _Piece) -> bool:
    if "\n" not in text[before.end : after.start]:
        return after.words == 1
    return text[before.end - 1] == "," and before.words <= _GREETING_WORDS and after.words <= _NAME_WORDS


def _clauses(text: str, sentence: _Piece, run_on: int) -> list[_Piece]:
    """Divides one sentence where both sides have words enough for the kind of place."""
    joined: list[_Piece] = []
    at, kind = sentence.start, ""
    for end, next_kind in [*_places(text, sentence, run_on), (sentence.end, "")]:
        piece = _piece(text, at, end)
        if piece is not None:
            before, after = _LEAST.get(kind, _LEAST_ELSE)
            if joined and (joined[-1].words < before or piece.words < after):
                joined[-1] = joined[-1].with_next(piece)
            else:
                joined.append(piece)
        at, kind = end, next_kind
    return joined


def _places(text: str, sentence: _Piece, run_on: int) -> list[tuple[int, str]]:
    """Where ``sentence`` may divide, with the kind of each place; ascending."""
    places: list[tuple[int, str]] = []
    for match in _SOFT.finditer(text, sentence.start, sentence.end):
        kind = match.lastgroup or ""
        if kind == "comma" and _LEANS.match(text, match.end()):
            continue
        reach = max(sentence.start, match.start() - _PRAISE_REACH)
        if kind == "praise" and not _praised(text[reach : match.start()]):
            continue
        places.append((match.start() if kind in _OPENING else match.end(), kind))
    return sorted([*places, *_scenes(text, sentence, run_on, [place for place, _ in places])])


def _praised(before: str) -> bool:
    return _PRAISES.search(" ".join(before.split()[-_PRAISE_WORDS:])) is not None


def _scenes(text: str, sentence: _Piece, run_on: int, places: list[int]) -> Iterator[tuple[int, str]]:
    """Where the scene changes within stretches of at least ``run_on`` words without a sign."""
    signs = [match.end() for match in _ANY_SIGN.finditer(text, sentence.start, sentence.end)]
    edges = sorted({sentence.start, *places, *signs, sentence.end})
    for start, end in pairwise(edges):
        if sum(1 for _ in _WORD.finditer(text, start, end)) >= run_on:
            yield from ((match.start(), "scene") for match in _CHANGES.finditer(text, start, end))


def _join_wordless(pieces: list[_Piece]) -> list[_Piece]:
    """Signs and emoji standing alone belong to the clause before them."""
    joined: list[_Piece] = []
    for piece in pieces:
        if joined and (piece.words == 0 or joined[-1].words == 0):
            joined[-1] = joined[-1].with_next(piece)
        else:
            joined.append(piece)
    return joined


def _cap(spans: list[Span]) -> list[Span]:
    """Joins neighbours until at most `MAX_SEGMENTS` are left."""
    while len(spans) > MAX_SEGMENTS:
        spans = [Span(spans[i].start, spans[min(i + 1, len(spans) - 1)].end) for i in range(0, len(spans), 2)]
    return spans
