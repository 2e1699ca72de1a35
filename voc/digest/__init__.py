"""A department's week as a letter: read on a page, printed, and sent by mail each Monday.

Enters: facts, a department, a week. Leaves: a `Letter`; a mail at the mail server. What must hold: page and
mail say the same; a week is sent once over all processes, and what a mail server may have is never sent again
by itself.
"""

from __future__ import annotations

from voc.digest.letter import Figure, Item, Letter, Link, Quote, Section, cut, window
from voc.digest.mail import plain
from voc.digest.sending import Digester, due_week, last_week
from voc.digest.writing import Writer, marks_of

__all__ = [
    "Digester", "Figure", "Item", "Letter", "Link", "Quote", "Section", "Writer", "cut", "due_week",
    "last_week", "marks_of", "plain", "window",
]  # fmt: skip
