"""Finding personal data in a text, and putting its type, or its type and a code, in its place.

Order in which finds win where they overlap: e-mail addresses, then numbers, then addresses, then names;
within a kind the earlier, and from the same place the longer. What was masked before is left as it is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from voc.privacy import addresses, emails, names, numbers
from voc.privacy.findings import MASKED, Found, Pii
from voc.privacy.plain import Plain

#: Characters of the code that stands for a value: 40 bits, so that a million values share one or two codes.
CODE_CHARS = 10
#: What is left of a text may read otherwise without what was taken, so it is looked at again; two looks do
#: for what people write, and the bound keeps the time for all else.
MOST_LOOKS = 6


def find(text: str) -> tuple[Pii, ...]:
    """The personal data in ``text``, in order, without overlap; offsets are into ``text``."""
    plain, found = _found(text)
    return tuple(Pii(*plain.span(one.start, one.end), one.type) for one in found)


def mask(text: str) -> str:
    """The text with ``[phone]`` and the like in place of each value; masking it again changes nothing."""
    return _replaced(text, lambda one: f"[{one.type}]")


def pseudonymize(text: str, key: bytes) -> str:
    """The text with ``[phone:3f9a1c…]`` and the like in place of each value.

    The code is the beginning of HMAC-SHA256 of type and value under ``key``: the same value in two spellings
    gets the same code, and without the key nobody can tell which value it stands for.
    """

    def coded(one: Found) -> str:
        digest = hmac.new(key, f"{one.type}:{one.value}".encode(), hashlib.sha256).hexdigest()
        return f"[{one.type}:{digest[:CODE_CHARS]}]"

    return _replaced(text, coded)


def covered(text: str, sign: str = " ") -> str:
    """The text with a sign in place of each character of personal data and of what was masked before.

    Offsets stay. For whoever judges a text: so it makes no difference whether it was masked.
    """
    hidden = MASKED.sub(lambda match: sign * len(match[0]), text)
    kept: list[str] = []
    at = 0
    for one in find(text):
        kept += [hidden[at : one.start], sign * (one.end - one.start)]
        at = one.end
    return "".join([*kept, hidden[at:]])


def _replaced(text: str, stand_in: Callable[[Found], str]) -> str:
    """Replaces until nothing is found: what stands in place of a value has another length, and words count
    only within some characters of a number."""
    for _ in range(MOST_LOOKS):
        kept: list[str] = []
        at = 0
        plain, found = _found(text)
        for one in found:
            start, end = plain.span(one.start, one.end)
            kept += [text[at:start], stand_in(one)]
            at = end
        if not kept:
            break
        text = "".join([*kept, text[at:]])
    return text


def _found(text: str) -> tuple[Plain, list[Found]]:
    """What is found, in order; looked for again in what is left while there is more."""
    plain = Plain.of(text)
    left = plain.covered(match.span() for match in MASKED.finditer(plain.text))
    found: list[Found] = []
    for _ in range(MOST_LOOKS):
        fresh, left = _look(left)
        if not fresh:
            break
        found += fresh
    return plain, sorted(found, key=lambda one: one.start)


def _look(left: Plain) -> tuple[list[Found], Plain]:
    """What is found, kind after kind, each in what the ones before left, and what is left then."""
    found: list[Found] = []
    for room in (emails, numbers, addresses, names):
        if not room.may_hold(left):
            continue
        fresh = room.find(left)
        left = left.covered((one.start, one.end) for one in fresh)
        found += fresh
    return found, left
