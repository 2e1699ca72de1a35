"""Cuts a text into clauses that say one thing each.

Enters: a text. Leaves: `Span`s into that same text, in order, without overlap; together they cover every
letter and digit. What must hold: ``text[span.start:span.end]`` has no white space at its ends.

A clause ends at a line break, at the end of a sentence, before a word of contrast, and at a comma when
there is enough on both sides of it to be a clause of its own.
"""

from __future__ import annotations

import re

from voc.records import Span
from voc.text import is_visible

#: Words on each side without which a comma or a word of contrast does not divide.
MIN_WORDS = 3
#: More segments than this are joined again, so that one letter cannot flood the encoder.
MAX_SEGMENTS = 256

_CONTRAST = (
    # Vietnamese, with diacritics and as typed without them; the longer form first.
    "nhưng mà|nhưng|nhung ma|nhung|tuy nhiên|tuy nhien|mặc dù|mac du|dù rằng|trong khi đó|trong khi|"
    "trong khi do|trong khi|ngược lại|nguoc lai|bù lại|bu lai|đổi lại|còn|mà|chỉ có điều|chi co dieu|"
    "mỗi tội|moi toi|chỉ tiếc là|chi tiec la|thế mà|the ma|vậy mà|vay ma|song|thay vì|"
    # English
    "but|however|although|though|while|whereas|yet|except that|on the other hand|instead|unfortunately"
)
# A stop inside a number (3.5), an abbreviation (TP.HCM, v.v.) or a name (a.com) ends no sentence: white
# space, the end of the text or a capital or emoji has to follow.
_HARD = re.compile(
    r"(?P<line>\s*\n\s*)"
    r"|(?P<stop>(?:[!?…。]+|(?<!\b[vV])(?<!\d)\.+|(?<=\d)\.)[\"'”’)\]]*(?:\s+|$))"
    r"|(?P<semi>;\s*)"
)
_SOFT = re.compile(
    rf"(?P<comma>,\s*)|(?P<dash>\s+[-–—•*+]\s+)|(?P<contrast>\s+(?={_CONTRAST}\b)(?:))"
    rf"|(?P<emoji>(?<=[\U0001F300-\U0001FAFF☀-➿])\s*(?=\w))",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")
_SIGN = re.compile(r"\S")


def segment(text: str) -> tuple[Span, ...]:
    """Splits ``text``; the empty tuple where it holds only white space or control characters."""
    spans: list[Span] = []
    for hard in _between(text, 0, len(text), _HARD):
        spans.extend(_soft(text, hard))
    return tuple(_cap(_join_wordless(text, spans)))


def _between(text: str, start: int, end: int, pattern: re.Pattern[str]) -> list[Span]:
    """The stretches of ``text[start:end]`` that end where ``pattern`` ends, trimmed."""
    pieces: list[Span] = []
    at = start
    for match in pattern.finditer(text, start, end):
        pieces.append(Span(at, match.end()))
        at = match.end()
    pieces.append(Span(at, end))
    return [span for piece in pieces if (span := _trim(text, piece)) is not None]


def _trim(text: str, span: Span) -> Span | None:
    piece = text[span.start : span.end]
    stripped = piece.strip()
    if not is_visible(stripped):
        return None
    start = span.start + piece.index(stripped)
    return Span(start, start + len(stripped))


def _soft(text: str, clause: Span) -> list[Span]:
    """Divides one sentence where both sides have at least `MIN_WORDS` words."""
    pieces = _between(text, clause.start, clause.end, _SOFT)
    joined: list[Span] = []
    for piece in pieces:
        if joined and min(_words(text, joined[-1]), _words(text, piece)) < MIN_WORDS:
            joined[-1] = Span(joined[-1].start, piece.end)
        else:
            joined.append(piece)
    return joined


def _words(text: str, span: Span) -> int:
    return sum(1 for _ in _WORD.finditer(text, span.start, span.end))


def _join_wordless(text: str, spans: list[Span]) -> list[Span]:
    """Signs and emoji standing alone belong to the clause before them."""
    joined: list[Span] = []
    for span in spans:
        wordless = _words(text, span) == 0
        if joined and (wordless or _words(text, joined[-1]) == 0):
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def _cap(spans: list[Span]) -> list[Span]:
    """Joins neighbours until at most `MAX_SEGMENTS` are left."""
    while len(spans) > MAX_SEGMENTS:
        spans = [Span(spans[i].start, spans[min(i + 1, len(spans) - 1)].end) for i in range(0, len(spans), 2)]
    return spans
