"""Which feedback to look at, as SQL conditions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from voc.text import fold

_COOPERATES = "EXISTS (SELECT 1 FROM json_each(a.cooperators) WHERE value = ?)"
#: Whether a department, given twice, owns a feedback or co-operates on it.
IMPLICATED = f"(a.owner = ? OR {_COOPERATES})"
#: Whether a department, given three times, is reached and another one owns.
_FIREFIGHTING = (
    f"(a.owner != ? AND ({_COOPERATES} OR EXISTS (SELECT 1 FROM json_each(a.hops) WHERE value = ?)))"  # noqa: S608
)
#: Whether an attribute, by name, is a string, another literal, or a whole number or a fraction.
_ATTRIBUTE = (
    "EXISTS (SELECT 1 FROM json_each(f.attributes) e WHERE e.key = ? AND "
    "CASE e.type WHEN 'text' THEN e.atom = ? WHEN 'integer' THEN e.atom = ? WHEN 'real' THEN e.atom = ? "
    "ELSE e.type = ? END)"
)

_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_FRACTION = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which feedback to look at; everything left out does not narrow.

    Attributes:
        also: a second department that must own it or co-operate on it; with ``department`` a pair.
        touchpoint: of the analysis, not as the sender told it.
        within: the department of a reader who may see no other's feedback: what it owns or co-operates on.
        attribute: a name and its value as text, as `value_text` writes it.
        firefighting: key of the department that puts out others' fires (who covers the field of work
            ``care``): what reaches it, as owner, co-operator or station of a chain, and is owned by another.
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
    touchpoint: str | None = None
    also: str | None = None
    attribute: tuple[str, str] | None = None
    firefighting: str | None = None


def value_text(value: str | float | bool) -> str:
    """The value of an attribute as text: a string as it is, all else as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def match_query(q: str) -> str:
    """An FTS5 query over folded words: all words must stand; words in double quotes, in that order.

    The empty string if ``q`` has no letter or digit.
    """
    return " ".join('"' + " ".join(phrase) + '"' for phrase in phrases_of(q))


def phrases_of(q: str) -> list[list[str]]:
    """The words that ``q`` looks for, folded, those in double quotes together."""
    found = [
        re.findall(r"[^\W_]+", fold(quoted or bare))  # the index takes _ for no letter
        for quoted, bare in re.findall(r'"([^"]*)"|([^"\s]+)', q)
    ]
    return [phrase for phrase in found if phrase]


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
    if chosen.also is not None:
        where.append(IMPLICATED)
        values += [chosen.also] * 2
    if chosen.firefighting is not None:
        where.append(_FIREFIGHTING)
        values += [chosen.firefighting] * 3
    if chosen.attribute is not None:
        where.append(_ATTRIBUTE)
        values += [chosen.attribute[0], *_values(chosen.attribute[1])]
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
        ("a.touchpoint = ?", chosen.touchpoint),
        ("f.source = ?", chosen.source),
        ("f.occurred_at >= ?", chosen.since),
        ("f.occurred_at < ?", chosen.until),
    ):
        if value is not None:
            where.append(column)
            values.append(value)
    return where, values


def _values(text: str) -> tuple[Any, ...]:
    """What `value_text` can have made a text from: a string, a whole number, a fraction, true or false."""
    whole: int | float | None = None
    fraction: float | None = None
    if _WHOLE.fullmatch(text):
        whole = int(text) if len(text) < 19 else float(text)  # as SQLite reads one that is greater
    elif _FRACTION.fullmatch(text) and value_text(float(text)) == text:
        fraction = float(text)
    return text, whole, fraction, text if text in ("true", "false") else None
