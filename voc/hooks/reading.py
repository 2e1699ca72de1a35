"""A payload, read by its mapping: rows of feedback, or why there is none.

Enters: the JSON of a payload. Leaves: a `Taken`. What must hold: the same payload gives the same rows under
the same external ids; a payload that does not fit says which of its values is wrong.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from jmespath.exceptions import JMESPathError, JMESPathTypeError

from voc.errors import InvalidInput
from voc.hooks.mapping import ANY, Answers, Kind, Mapping, Role, Score, search
from voc.markup import html_to_text, is_html, mail_code, without_quotes
from voc.text import is_visible

#: Most that an attribute and its name may have, and how many there may be; see `voc.ingest.FeedbackIn`.
_VALUE_MOST, _NAME_MOST, _ATTRIBUTES_MOST = 1_000, 200, 50
_RANGES: dict[Score, tuple[int, int]] = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
_ROLES = get_args(Role)
#: Unix times from here on count milliseconds: in seconds this is the year 5138.
_MILLISECONDS_FROM = 100_000_000_000
_NO_TEXT = "the payload holds no text of a customer"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a payload gave: rows with the fields of a feedback, or the reason why nothing is kept."""

    rows: tuple[dict[str, Any], ...] = ()
    ignored: str | None = None


def read(payload: Any, mapping: Mapping, questions: MappingOf[str, Role] | None = None) -> Taken:
    """The rows of a payload.

    Args:
        questions: id or name of a question -> what becomes of its answers; where given, it alone decides.

    Raises:
        InvalidInput: ``field_missing`` or ``field_invalid``, whose field is the expression that found nothing
            or what does not fit; ``text_too_long`` for HTML beyond all measure.
    """
    event = ANY if mapping.event is None else _value(mapping.event, payload)
    if not isinstance(event, str):
        raise _wrong(mapping.event or "", event, "a string that names the kind of event")
    kind = mapping.kinds.get(event)
    if kind is None:
        return Taken(ignored=mapping.ignored.get(event, f"the event {event[:100]} is not taken"))
    for condition in kind.only:
        found = _value(condition.when, payload)
        if found is None:
            raise _wrong(condition.when, found, "there")
        if found != condition.equals or isinstance(found, bool) != isinstance(condition.equals, bool):
            return Taken(ignored=condition.otherwise)
    if kind.answers:
        rows = list(_answered(payload, kind, kind.answers, mapping.source, questions))
    else:
        rows = [
            row for scope in _scopes(payload, kind) if (row := _row(scope, kind, mapping.source)) is not None
        ]
    return Taken(tuple(rows)) if rows else Taken(ignored=_NO_TEXT)


def _scopes(payload: Any, kind: Kind) -> Iterator[Any]:
    if kind.each is None:
        yield payload
        return
    for item in _list(kind.each, payload):
        yield {"item": item, "payload": payload}


def _row(scope: Any, kind: Kind, source: str) -> dict[str, Any] | None:
    """One feedback; None where the customer wrote nothing."""
    key = _id(kind.external_id, scope)
    text = _text(kind.text or "", scope, kind)
    if text is None:
        return None
    if kind.id_from_text:
        key += "/" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    row = _about(scope, kind) | {"text": text, "source": source, "external_id": key}
    scores = {name: _value(expression, scope) for name, expression in kind.scores.items()}
    return _with(row, scores, _attributes(scope, kind))


def _answered(
    payload: Any, kind: Kind, answers: Answers, source: str, questions: MappingOf[str, Role] | None
) -> Iterator[dict[str, Any]]:
    """One feedback for each answer that is text, with the scores and attributes of the whole response."""
    key = _id(kind.external_id, payload)
    scores = {name: _value(expression, payload) for name, expression in kind.scores.items()}
    attributes = _attributes(payload, kind)
    texts: list[tuple[str, str | None, str]] = []
    for item in _list(answers.each, payload):
        scope = {"item": item, "payload": payload}
        answer = _id(answers.id, scope)
        title = _name(answers.title, scope)
        role = _role(scope, answers, (answer, title), questions)
        if role == "text":
            text = _text(answers.value, scope, kind, strict=False)
            texts += [(answer, title, text)] if text else []
        elif role == "attribute":
            attributes.setdefault(title or answer, _value(answers.value, scope))
        elif role in _RANGES:
            scores.setdefault(role, _value(answers.value, scope))
    about = _about(payload, kind)
    for answer, title, text in texts:
        row = about | {"text": text, "source": source, "external_id": f"{key}/{answer}"}
        yield _with(row, scores, {"question": title} | attributes if title else attributes)


def _role(
    scope: Any, answers: Answers, names: tuple[str | None, ...], questions: MappingOf[str, Role] | None
) -> Role:
    if questions is not None:
        called = [*names, *(_name(expression, scope) for expression in answers.names)]
        return next((questions[name] for name in called if name is not None and name in questions), "none")
    found = _value(answers.role, scope)
    return found if isinstance(found, str) and found in _ROLES else "none"  # type: ignore[return-value]


def _about(scope: Any, kind: Kind) -> dict[str, Any]:
    """The fields that say who, when and where."""
    row: dict[str, Any] = {}
    if kind.occurred_at and (at := _value(kind.occurred_at, scope)) is not None:
        row["occurred_at"] = _time(kind.occurred_at, at)
    for field, expression in (
        ("channel", kind.channel), ("touchpoint", kind.touchpoint), ("customer_ref", kind.customer_ref),
    ):  # fmt: skip
        if (name := _name(expression, scope)) is not None:
            row[field] = name
    if "@" in row.get("customer_ref", ""):
        row["customer_ref"] = mail_code(row["customer_ref"])
    return row


def _with(row: dict[str, Any], scores: MappingOf[Any, Any], attributes: dict[str, Any]) -> dict[str, Any]:
    whole = {name: number for name, value in scores.items() if (number := _score(name, value)) is not None}
    return row | {"scores": whole, "attributes": _flat(attributes)}


def _attributes(scope: Any, kind: Kind) -> dict[str, Any]:
    return {name: _value(expression, scope) for name, expression in kind.attributes.items()}


def _flat(attributes: dict[str, Any]) -> dict[str, Any]:
    """Only what an attribute may be: lists become text, what is empty or nested is left out."""
    flat: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, list):
            value = ", ".join(part if isinstance(part, str) else str(part) for part in value if _plain(part))
        if isinstance(value, str):
            value = value.strip()[:_VALUE_MOST]
        if _plain(value) and value != "" and name.strip():
            flat.setdefault(name.strip()[:_NAME_MOST], value)
    return dict(list(flat.items())[:_ATTRIBUTES_MOST])


def _plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int)


def _score(name: Score, value: Any) -> int | None:
    """A whole number within the score's range; anything else is no score."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,2}(?:\.0+)?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    least, most = _RANGES[name]
    return int(value) if least <= value <= most and value == int(value) else None


def _text(expression: str, scope: Any, kind: Kind, *, strict: bool = True) -> str | None:
    """What the customer wrote, without HTML, quotations and NUL; None where nothing is left to see.

    Args:
        strict: refuse what is no string, instead of taking it for no text.
    """
    value = _value(expression, scope)
    if not isinstance(value, str):
        if value is None or not strict:
            return None
        raise _wrong(expression, value, "a string")
    if kind.html and is_html(value):
        try:
            value = html_to_text(value)
        except ValueError as error:
            raise InvalidInput("text_too_long", f"{expression}: {error}", expression) from None
    value = value.replace("\x00", "").replace("\r\n", "\n")
    author = _name(kind.author, scope)
    if author and (said := re.match(rf"\s*{re.escape(author)}\s*:\s*", value)):
        value = value[said.end() :]
    if kind.quotes:
        value = without_quotes(value)
    value = value.strip()
    return value if is_visible(value) else None


def _time(expression: str, value: Any) -> str:
    """ISO 8601 out of ISO 8601, ``2026-03-03 13:05:57 UTC`` or Unix seconds or milliseconds."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) >= 9:
        value = int(value)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
            return datetime.fromtimestamp(seconds, UTC).isoformat()
        if isinstance(value, str):
            text = re.sub(r"\s*(?:UTC|GMT)$", "+00:00", value.strip())
            text = re.sub(r"\s+([+-]\d\d:?\d\d)$", r"\1", text)
            return datetime.fromisoformat(text).isoformat()
    except (ValueError, OverflowError, OSError):
        pass
    raise _wrong(expression, value, "an ISO 8601 or Unix time")


def _id(expression: str, scope: Any) -> str:
    """An id as the tool has it; the parts of a list with ``/`` between."""
    found = _value(expression, scope)
    parts = found if isinstance(found, list) and found else [found]
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, str | int) or part == "":
            raise _wrong(expression, part, "a string or a whole number")
    return "/".join(_digits(expression, part) for part in parts)


def _name(expression: str | None, scope: Any) -> str | None:
    """A short text; None where there is none."""
    found = _value(expression, scope) if expression else None
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return _digits(expression or "", found).strip() or None


def _digits(expression: str, value: str | int) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        raise InvalidInput("field_invalid", f"{expression} is too long a number", expression) from None


def _list(expression: str, scope: Any) -> list[Any]:
    found = _value(expression, scope)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _wrong(expression, found, "a list")
    return found


def _value(expression: str, scope: Any) -> Any:
    try:
        return search(expression, scope)
    except JMESPathTypeError as error:  # its own words hold the value, which may be what a customer wrote
        wanted = " or ".join(str(kind) for kind in error.expected_types)
        reason = f"{error.function_name}() takes {wanted} and no {error.actual_type}"
        raise InvalidInput("field_invalid", f"{expression}: {reason}", expression) from None
    except (JMESPathError, ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InvalidInput("field_invalid", f"{expression}: {reason}", expression) from None


def _wrong(expression: str, found: Any, wanted: str) -> InvalidInput:
    if found is None:
        return InvalidInput("field_missing", f"the payload has no {expression}", expression)
    return InvalidInput("field_invalid", f"{expression} must be {wanted}", expression)
