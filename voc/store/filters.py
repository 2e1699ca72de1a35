"""Which feedback to look at, as SQL conditions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from voc.text import fold

_COOPERATES = "EXISTS (SELECT 1 FROM json_each(a.cooperators) WHERE value = ?)"
#: Whether a department, given twice, owns a feedback or co-operates on it.
IMPLICATED = f"(a.owner = ? OR {_COOPERATES})"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which feedback to look at; everything left out does not narrow.

    ``within`` is the department of a reader who may see no other's feedback: what it owns or co-operates on.
    """

    q: str | None = None
    department: str | None = None
    role: Literal["owner", "cooperator"] | None = None
    topic: str | None = None
    sentiment: str | None = None
    status: str | None = None
    language: str | None = None
    source: str | None = None
    since: str | None = None
    until: str | None = None
    within: str | None = None


def match_query(q: str) -> str:
    """An FTS5 query over folded words: all words must stand; words in double quotes, in that order.

    The empty string if ``q`` has no letter or digit.
    """
    terms: list[str] = []
    for quoted, bare in re.findall(r'"([^"]*)"|([^"\s]+)', q):
        found = re.findall(r"[^\W_]+", fold(quoted or bare))  # the index takes _ for no letter
        if found:
            terms.append('"' + " ".join(found) + '"')
    return " ".join(terms)


def where_of(chosen: Filter) -> tuple[list[str], list[Any]]:
    """Conditions over ``f`` (feedback), ``h`` (shown) and ``a`` (analyses), with their values."""
    where: list[str] = []
    values: list[Any] = []
    if chosen.q is not None:
        query = match_query(chosen.q)
        if query:
            where.append("f.number IN (SELECT rowid FROM feedback_words WHERE feedback_words MATCH ?)")
            values.append(query)
        else:
            where.append("0")
    if chosen.within is not None:
        where.append(IMPLICATED)
        values += [chosen.within] * 2
    if chosen.department is not None:
        if chosen.role == "owner":
            where.append("a.owner = ?")
        elif chosen.role == "cooperator":
            where.append(_COOPERATES)
        else:
            where.append(IMPLICATED)
            values.append(chosen.department)
        values.append(chosen.department)
    if chosen.topic is not None:
        where.append(
            "EXISTS (SELECT 1 FROM segments t WHERE t.feedback = f.number AND t.pipeline = h.pipeline "
            "AND t.topic = ?)"
        )
        values.append(chosen.topic)
    for column, value in (
        ("a.sentiment = ?", chosen.sentiment),
        ("a.status = ?", chosen.status),
        ("a.language = ?", chosen.language),
        ("f.source = ?", chosen.source),
        ("f.occurred_at >= ?", chosen.since),
        ("f.occurred_at < ?", chosen.until),
    ):
        if value is not None:
            where.append(column)
            values.append(value)
    return where, values
