"""What reports count over: one row per feedback in columns of numbers, in memory.

Enters: a store. Leaves: `Facts`, masks of their rows by a filter, pages of feedback. What must hold:
`FactTable.now` equals the database at a moment after it was called; facts that were handed out never change.

A count over a column of a million rows takes about a millisecond; the database would have to read each row
from its pages. So a process keeps the columns and asks the database only what changed since.
"""

from __future__ import annotations

from voc.facts.facts import (
    ATTRIBUTES_MOST,
    DEPARTMENTS_MOST,
    SCORES,
    VALUES_MOST,
    WORST_FIRST,
    Codes,
    Facts,
    Mask,
    code_of,
)
from voc.facts.table import FactTable, milliseconds, text_of

__all__ = [
    "ATTRIBUTES_MOST", "DEPARTMENTS_MOST", "SCORES", "VALUES_MOST", "WORST_FIRST", "Codes", "FactTable",
    "Facts", "Mask", "code_of", "milliseconds", "text_of",
]  # fmt: skip
