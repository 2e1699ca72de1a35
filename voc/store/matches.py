"""Where a search found what it looked for."""

from __future__ import annotations

from voc.store.filters import phrases_of
from voc.text import places


def matches(text: str, q: str) -> list[tuple[int, int]]:
    """Start and end of all that a search for ``q`` finds in ``text``, diacritics aside, in order."""
    return places(text, phrases_of(q))
