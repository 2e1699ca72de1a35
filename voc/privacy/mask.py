"""Finding personal data in a text, and putting its type, or its type and a code, in its place.

Order in which finds win where they overlap: e-mail addresses, then numbers, then addresses, then names; within a
kind the earlier, and from the same place the longer. What was masked before is left as it is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from voc.privacy import addresses, emails, names, numbers
from voc.privacy.findings import MASKED, Found, Pii, settled
from voc.privacy.pieces import pieces
from voc.privacy.plain import Plain

#: Characters of the code that stands for a value: 40 bits, so that a million values share one or two codes.
CODE_CHARS = 10


def find(text: str) -> tuple[Pii, ...]:
    """The personal data in ``text``, in order, without overlap; offsets are into ``text``."""
    return tuple(Pii(*plain.span(one.start, one.end), one.type) for plain, one in _found(text))


def mask(text: str) -> str:
    """The text with ``[phone]`` and the like in place of each value; masking it again changes nothing."""
    return _replaced(text, lambda one: f"[{one.type}]")


def pseudonymize(text: str, key: bytes) -> str:
    """The text with ``[phone:3f9a1c…]`` and the like in place of each value.

    The code is the beginning of HMAC-SHA256 of type and value under ``key``: the same value in two spellings gets
    the same code, and without the key nobody can tell which value it stands for.
    """

    def coded(one: Found) -> str:
        digest = hmac.new(key, f"{one.type}:{one.value}".encode(), hashlib.sha256).hexdigest()
        return f"[{one.type}:{digest[:CODE_CHARS]}]"

    return _replaced(text, coded)


def _replaced(text: str, stand_in: Callable[[Found], str]) -> str:
    """Replaces until nothing is found: what is left of a text may read otherwise without what was taken."""
    while True:
        kept: list[str] = []
        at = 0
        for plain, one in _found(text):
            start, end = plain.span(one.start, one.end)
            kept += [text[at:start], stand_in(one)]
            at = end
        if not kept:
            return text
        text = "".join([*kept, text[at:]])


def _found(text: str) -> list[tuple[Plain, Found]]:
    plain = Plain.of(text)
    levels = [emails.find(plain), numbers.find(plain)]
    wordy = [room for room in (addresses, names) if room.may_hold(plain)]
    if wordy:
        found = pieces(plain)
        levels += [room.find(plain, found) for room in wordy]
    if not any(levels):
        return []
    masked = [match.span() for match in MASKED.finditer(plain.text)]
    return [(plain, one) for one in settled(levels, masked)]
