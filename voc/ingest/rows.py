"""One row as people send it, checked field by field."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from voc.clock import utc_now
from voc.errors import InvalidInput
from voc.records import Feedback, Scalar, Touchpoint
from voc.text import VISIBLE_PATTERN, has_lone_surrogate, is_visible

TEXT_MAX_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: its number as a person would count it, and its values, its error, or why it holds no
    feedback."""

    number: int
    values: Mapping[str, Any] | None
    error: InvalidInput | None = None
    skipped: str | None = None


def _no_surrogates(value: str) -> str:
    if has_lone_surrogate(value):
        raise ValueError("must not hold lone surrogates")
    return value


def _clean_text(value: str) -> str:
    value = _no_surrogates(value)
    if "\x00" in value:
        raise ValueError("must not hold NUL characters")
    if not is_visible(value):
        raise ValueError("must hold at least one visible character")
    return value


def _plain_time(value: Any) -> Any:
    """Dates and times without a zone are taken as UTC; numbers are refused, since their unit is unknown."""
    if isinstance(value, bool | int | float):
        raise ValueError("must be an ISO 8601 date or time, not a number")  # noqa: TRY004
    if isinstance(value, str):
        text = value.strip()
        try:
            value = datetime.fromisoformat(text) if len(text) > 10 else date.fromisoformat(text)
        except ValueError:
            raise ValueError("must be an ISO 8601 date or time such as 2026-11-21T08:30:00Z") from None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    return value


def _finite(value: Scalar) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    if isinstance(value, str):
        _no_surrogates(value)
    return value


def _as_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


ShortText = Annotated[
    str, StringConstraints(strict=True, min_length=1, max_length=200), AfterValidator(_no_surrogates)
]


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float | bool):
        raise ValueError("must be a string, a number or a boolean")  # noqa: TRY004
    return value


Attribute = Annotated[
    StrictBool | StrictInt | StrictFloat | Annotated[str, StringConstraints(strict=True, max_length=1000)],
    BeforeValidator(_scalar),
    AfterValidator(_finite),
]


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_plain_time),
    AfterValidator(_as_utc),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    ),
]


class Scores(BaseModel):
    """Ratings that came with the feedback."""

    model_config = ConfigDict(extra="forbid")

    nps: Annotated[int, Field(strict=True, ge=0, le=10)] | None = None
    csat: Annotated[int, Field(strict=True, ge=1, le=5)] | None = None
    ces: Annotated[int, Field(strict=True, ge=1, le=7)] | None = None


class FeedbackIn(BaseModel):
    """One feedback as it is sent."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(strict=True, min_length=1), AfterValidator(_clean_text)] = Field(
        description="What the customer wrote, 1 to 20,000 Unicode code points.",
        json_schema_extra={"maxLength": TEXT_MAX_CHARS, "pattern": VISIBLE_PATTERN},
    )
    source: ShortText = Field("api", description="Where it came from, such as `zendesk` or `store-survey`.")
    external_id: ShortText | None = Field(
        None, description="The sender's own id; `(source, external_id)` is kept once."
    )
    occurred_at: Moment | None = Field(
        None, description="When it was said, ISO 8601; without a zone UTC. Default: now."
    )
    channel: ShortText | None = Field(None, description="Such as `chat`, `call`, `app`, `survey`.")
    touchpoint: Touchpoint | None = Field(None, description="Where in the journey, if the sender knows.")
    customer_ref: ShortText | None = Field(None, description="The sender's reference to the customer.")
    scores: Scores = Field(default_factory=Scores, description="nps 0-10, csat 1-5, ces 1-7.")
    attributes: Annotated[dict[ShortText, Attribute], Field(max_length=50)] = Field(
        default_factory=dict,
        description="A flat map of strings, numbers and booleans; names have 1 to 200 characters.",
    )

    def record(self) -> Feedback:
        """The feedback with a new id and the time now as its arrival."""
        received = utc_now()
        occurred = (
            self.occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            if self.occurred_at
            else received
        )
        return Feedback(
            uuid.uuid4().hex, self.text, self.source, self.external_id, occurred, received, self.channel,
            self.touchpoint, self.customer_ref, self.scores.model_dump(exclude_none=True), self.attributes,
        )  # fmt: skip


def validate(values: Any, *, text_max_chars: int = TEXT_MAX_CHARS, source: str | None = None) -> Feedback:
    """One row as a `Feedback`.

    Raises:
        InvalidInput: ``text_missing``, ``text_empty``, ``text_too_long``, ``field_unknown``,
            ``field_missing`` or ``field_invalid``, naming the field.
    """
    if not isinstance(values, Mapping):
        raise InvalidInput("row_invalid", f"must be an object, got {_kind(values)}")
    if source is not None and "source" not in values:
        values = {**values, "source": source}
    text = values.get("text")
    if isinstance(text, str) and len(text) > text_max_chars:
        raise InvalidInput(
            "text_too_long",
            f"text must have at most {text_max_chars:,} code points, got {len(text):,}",
            "text",
        )
    try:
        return FeedbackIn.model_validate(values).record()
    except ValidationError as error:
        raise _translated(error) from None


def _translated(error: ValidationError) -> InvalidInput:
    """The first thing wrong, as our own error: unknown fields last, since they often follow from a typo."""
    problems = sorted(error.errors(), key=lambda problem: problem["type"] == "extra_forbidden")
    first = problems[0]
    # Pydantic also names the member of the union that an attribute is not; senders do not know it.
    path = ".".join(str(part) for part in first["loc"][:2])
    kind = first["type"]
    message = first["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return InvalidInput("field_unknown", f"{path} is no field of a feedback", path)
    if path == "text":
        if kind == "missing":
            return InvalidInput("text_missing", "text is required", "text")
        given = first.get("input")
        if isinstance(given, str) and not given.strip():
            return InvalidInput("text_empty", "text must hold at least one visible character", "text")
        if "visible" in message:
            return InvalidInput("text_empty", f"text {message}", "text")
    code = "field_missing" if kind == "missing" else "field_invalid"
    return InvalidInput(code, f"{path}: {message}", path or None)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
