"""Names of which parts are shortened or joined by a stroke.

Enters: a `Plain`. Leaves: stretches in order. Read are a surname or a middle name in one or
two letters ("Ng. Văn Nam", "Tr.T. Mai", "Lê T. Kim Oanh") and the form of tickets, surname first
("NGUYEN/THI HAI YEN MS"). What must hold: the last part is a usual given name, or a form of address behind
a ticket's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from voc.privacy.lexicon import FIRST, GIVEN, LOOKALIKE, SURNAMES
from voc.privacy.pieces import CAPITALS
from voc.privacy.plain import Plain
from voc.text import fold

#: Surnames in two or three letters.
_SHORT_SURNAMES = frozenset({"ng", "ngn", "tr", "ph", "hg"})
_VAN_OR_THI = r"[Vv](?:ăn|an)|[Tt]h[ịi]|VĂN|VAN|TH[ỊI]"
_WORD = rf"[{CAPITALS}][^\W\d_]"
_SHORTENED = re.compile(
    rf"(?<![^\W_])({_WORD}{{1,6}})(\.[ ]?|[ ])"
    rf"((?:[{CAPITALS}]\.[ ]?){{1,2}}|[VT][ ]|(?:{_VAN_OR_THI})(?:\.[ ]?|[ ]))"
    rf"(?:{_WORD}{{1,6}}[ ])?({_WORD}{{1,6}})(?![^\W_]|[.][^\W_])"
)
_TICKET = re.compile(
    r"(?<![^\W_/])([A-Z]{2,20})/([A-Z]{2,20}(?: [A-Z]{2,20}){0,3}?)(?: (MR|MS|MRS|MSTR|MISS|CHD|INF))?"
    r"(?![^\W_]|[ ]?/| [A-Z]{2})"
)


def find(plain: Plain) -> Iterator[tuple[int, int]]:
    """Where such names stand."""
    if "/" in plain.text:
        for match in _TICKET.finditer(plain.text):
            if _is_ticket(match[1].lower(), match[2].lower().split(), titled=match[3] is not None):
                yield match.start(), match.end(2)
    shortened = _SHORTENED.search(plain.text)
    while shortened is not None:
        is_name = _is_shortened(shortened)
        if is_name:
            yield shortened.span()
        shortened = _SHORTENED.search(plain.text, shortened.end() if is_name else shortened.end(1))


def _is_ticket(surname: str, given: list[str], *, titled: bool) -> bool:
    if titled or given[0] in FIRST:
        return True
    if surname not in SURNAMES.bare or given[-1] not in GIVEN.bare:
        return False
    return len(given) > 1 or surname not in LOOKALIKE


def _is_shortened(match: re.Match[str]) -> bool:
    surname, middle, last = fold(match[1]), match[3].rstrip(" ."), fold(match[4])
    if last not in GIVEN.bare or not (match[0].isascii() or GIVEN.has(match[4].lower())):
        return False
    if surname in _SHORT_SURNAMES:
        return True
    return (
        surname in SURNAMES.bare and len(fold(middle)) < 3 and (surname not in LOOKALIKE or "." in match[3])
    )
