"""The JSON of requests and answers, as the OpenAPI document shows it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Any, Literal

from flask import current_app
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    RootModel,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from voc.api.caller import caller
from voc.ingest import FeedbackIn
from voc.privacy import Kind
from voc.records import Language, Sentiment, Status, Touchpoint
from voc.services import Services
from voc.store import Filter

#: The greatest whole number that every reader of JSON has exactly (RFC 8259, section 6).
INTEGER_MOST = 2**53 - 1

# ---- requests


class _Documented(RootModel[Any]):
    """Takes any JSON; rows are checked one by one by `voc.ingest`, which names row and field."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return cls.documented()

    @classmethod
    def documented(cls) -> JsonSchemaValue:
        """The JSON schema that the OpenAPI document shows."""
        return {"type": "object"}


class FeedbackBody(_Documented):
    """One feedback."""

    @classmethod
    def documented(cls) -> JsonSchemaValue:
        """The fields of a feedback."""
        return _inlined(FeedbackIn)


class BatchBody(_Documented):
    """Many feedback."""

    @classmethod
    def documented(cls) -> JsonSchemaValue:
        """A list of feedback under ``items``."""
        return _several(_inlined(FeedbackIn))


class AnalyzeBody(_Documented):
    """One text, or many under ``items``; nothing is kept."""

    @classmethod
    def documented(cls) -> JsonSchemaValue:
        """``text``, or ``items`` of ``text`` and ``id``."""
        row = {
            "type": "object",
            "required": ["text"],
            "properties": {"id": {"type": "string"}, "text": _inlined(FeedbackIn)["properties"]["text"]},
            "additionalProperties": False,
        }
        return {"oneOf": [row, _several(row)]}


def _several(row: JsonSchemaValue) -> JsonSchemaValue:
    """Rows under ``items``. Anything may stand there: what is no row gets an error of its own."""
    items = {
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [row, {"description": "An error in the answer."}]},
    }
    schema = {"type": "object", "required": ["items"], "properties": {"items": items}}
    return schema | {"additionalProperties": False}


def _inlined(model: type[BaseModel]) -> JsonSchemaValue:
    """The model's schema with its references written out, since it stands inside another document."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def expand(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return expand(definitions[value["$ref"].rsplit("/", 1)[1]])
            return {key: expand(inner) for key, inner in value.items()}
        return [expand(inner) for inner in value] if isinstance(value, list) else value

    expanded: JsonSchemaValue = expand(schema)
    return expanded


def _instant(value: Any) -> Any:
    """A date or a time in UTC as the store writes it; a bare date is its first moment."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value) if len(value) > 10 else None
        day = None if moment else date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be an ISO 8601 date or time such as 2026-11-21") from None
    if moment is None and day is not None:
        moment = datetime.combine(day, time(), UTC)
    assert moment is not None  # noqa: S101  # one of the two was parsed
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999") from None


def _end(value: Any) -> Any:
    """As `_instant`, but a bare date includes that whole day."""
    if isinstance(value, str) and len(value) <= 10:
        try:
            day = date.fromisoformat(value)
            if day == date.max:
                return f"{day}T24:00:00.000Z"  # the end of time as ISO 8601 writes it; there is no next day
            return _instant((day + timedelta(days=1)).isoformat())
        except ValueError:
            raise ValueError("must be an ISO 8601 date or time such as 2026-11-21") from None
    return _instant(value)


_SHOWN = WithJsonSchema(
    {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
)
#: A first moment or day, and a last day or the moment after the last, as the store writes them.
Since = Annotated[str, BeforeValidator(_instant), _SHOWN]
Until = Annotated[str, BeforeValidator(_end), _SHOWN]


class Query(BaseModel):
    """What stands after the question mark. Nothing of it can be null: what is not given is left out."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The schema, made once: flask-openapi3 asks for it at every request, which takes milliseconds."""
        return _schema_of_query(cls, args, tuple(sorted(kwargs.items())))


@cache
def _schema_of_query(
    query: type[Query], args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    schema = super(Query, query).model_json_schema(*args, **dict(kwargs))
    for name, shown in schema.get("properties", {}).items():
        given = [one for one in shown.get("anyOf", ()) if one != {"type": "null"}]
        if len(given) < len(shown.get("anyOf", ())):
            kept = {key: value for key, value in shown.items() if key not in ("anyOf", "default")}
            schema["properties"][name] = kept | (given[0] if len(given) == 1 else {"anyOf": given})
    return schema


class FilterQuery(Query):
    """Which feedback to look at."""

    q: str | None = Field(None, max_length=500, description="Words to find; diacritics do not matter.")
    department: str | None = Field(None, max_length=100, description="Key of a department.")
    role: Literal["owner", "cooperator"] | None = Field(
        None, description="The department's part; both if left out."
    )
    topic: str | None = Field(None, max_length=100, description="Key of a topic.")
    sentiment: Sentiment | None = None
    status: Status | None = None
    language: Language | None = None
    source: str | None = Field(None, max_length=200)
    touchpoint: Touchpoint | None = Field(None, description="Where in the journey, as it was understood.")
    also: str | None = Field(
        None,
        max_length=100,
        description="Key of a second department that owns it or co-operates on it: with `department` a pair.",
    )
    attribute: str | None = Field(
        None,
        max_length=1_201,
        pattern="^[^:]+:",
        description="`name:value` of an attribute: a string as it is, all else as JSON writes it.",
    )
    firefighting: bool | None = Field(
        None, description="If true, only what reaches customer care and belongs to another department."
    )
    since: Since | None = Field(None, alias="from", description="First moment or day, ISO 8601.")
    until: Until | None = Field(
        None, alias="to", description="A day (included whole) or a moment (excluded), ISO 8601."
    )

    def filter(self) -> Filter:
        """The same as the store takes it, within what the caller may see."""
        name, _, value = (self.attribute or "").partition(":")
        return Filter(
            self.q, self.department, self.role, self.topic, self.sentiment, self.status, self.language,
            self.source, self.since, self.until, caller().department, self.touchpoint, self.also,
            (name, value) if self.attribute else None, _care() if self.firefighting else None,
        )  # fmt: skip


def _care() -> str:
    """Key of the department that covers customer care; empty, which none has, where none does."""
    services: Services = current_app.extensions["voc"]
    return services.organization.care or ""


class ListQuery(FilterQuery):
    """A page of feedback."""

    limit: int = Field(50, ge=1, le=500, description="Rows on the page.")
    cursor: str | None = Field(None, max_length=500, description="`next` of the page before.")


class TrendsQuery(FilterQuery):
    """Counts over time."""

    by: Literal["topic", "department", "touchpoint"] = Field(description="What is counted.")
    grain: Literal["day", "week", "month"] = Field(
        "week", description="Length of a period; weeks begin on Monday."
    )


class KeyPath(BaseModel):
    """A key or id in the path."""

    key: str = Field(description="Key or id.")


# ---- answers


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: str = Field(description="Stable; programs branch on it.")
    message: str = Field(description="One sentence for a person.")
    field: str | None = Field(description="Path of the value that is wrong, such as `items[3].text`.")


class ErrorBody(BaseModel):
    """The body of every error."""

    error: ErrorDetail


class FeedbackOut(BaseModel):
    """A feedback as kept."""

    id: str
    text: str
    source: str
    external_id: str | None
    occurred_at: str
    received_at: str
    channel: str | None
    touchpoint: Touchpoint | None
    customer_ref: str | None
    scores: dict[str, int]
    attributes: dict[str, str | int | float | bool]
    erased_at: str | None = Field(None, description="When it was erased; there only where it was.")


class CandidateOut(BaseModel):
    """A department the service would consider."""

    department: str
    confidence: float


class SegmentOut(BaseModel):
    """A clause with what was judged of it; `text[start:end]` of the feedback, in code points."""

    start: int
    end: int
    text: str
    language: Language
    sentiment: Sentiment
    sentiment_score: float
    topic: str | None
    department: str | None
    department_confidence: float


class AnalysisOut(BaseModel):
    """What one pipeline version said of one feedback."""

    id: str
    language: Language
    sentiment: Sentiment
    sentiment_score: float
    sentiment_confidence: float
    owner: str | None
    owner_confidence: float
    cooperators: list[str]
    touchpoint: Touchpoint
    status: Status
    candidates: list[CandidateOut]
    hops: list[str]
    segments: list[SegmentOut]
    pipeline: str


class KeptOut(BaseModel):
    """A feedback with its analysis; while it waits, `analysis` is null and `status` is `queued`."""

    feedback: FeedbackOut
    analysis: AnalysisOut | None
    corrected: list[str] = Field(
        [],
        description="What people decided, such as `owner` or `segments.topic`; they go before the pipeline.",
    )
    status: Literal["queued"] | None = None


class PageOut(BaseModel):
    """A page of feedback, the latest first."""

    items: list[KeptOut]
    next: str | None


class BatchRowOut(BaseModel):
    """What became of one row."""

    index: int
    status: int = Field(description="The status that the row alone would have been answered with.")
    feedback: FeedbackOut | None = None
    analysis: AnalysisOut | None = None
    corrected: list[str] | None = None
    error: ErrorDetail | None = None


class BatchOut(BaseModel):
    """One result per row, same order."""

    results: list[BatchRowOut]


class PiiOut(BaseModel):
    """Personal data in a text; `text[start:end]` as it was sent, in code points."""

    start: int
    end: int
    type: Kind


class AnalyzedOut(AnalysisOut):
    """An analysis of a text that is not kept."""

    pii: list[PiiOut] = Field(description="What would be masked if the text were kept, in order.")


class AnalyzeOut(BaseModel):
    """`analysis` for one text; `results`, same order, for many."""

    analysis: AnalyzedOut | None = None
    results: list[dict[str, Any]] | None = None


class ShareOut(BaseModel):
    """A share with its 95 % Wilson interval."""

    value: float
    low: float
    high: float


class TopicOut(BaseModel):
    """A topic with its counts in this database."""

    key: str
    name: dict[str, str]
    department: str
    words: list[str]
    examples: list[str]
    size: int
    remit: dict[str, str]
    theme: str | None
    moved_to: str | None = Field(description="Department that a person sent it to.")
    state: Literal["active", "merged", "split", "retired"]
    into: list[str]
    origin: list[str]
    count: int
    negative: int
    negative_share: ShareOut


class TopicsOut(BaseModel):
    """All topics, the most frequent first."""

    items: list[TopicOut]


class TrendPointOut(BaseModel):
    """One period and key."""

    period: str
    key: str
    count: int
    negative: int
    negative_share: ShareOut


class TrendsOut(BaseModel):
    """Counts per period and key, oldest first."""

    by: str
    grain: str
    points: list[TrendPointOut]


class DepartmentOut(BaseModel):
    """A department of the organization."""

    key: str
    name: dict[str, str]
    remit: dict[str, str]
    covers: list[str]


class DepartmentsOut(BaseModel):
    """All departments, in the order of `organization.toml`."""

    items: list[DepartmentOut]


class HealthOut(BaseModel):
    """The process answers and the database can be read."""

    status: Literal["ok"]
    version: str
    waiting: int = Field(description="Feedback on the work list.")


class FailingOut(ErrorBody):
    """Something is wrong; the log says more."""

    status: Literal["failing"]
    version: str
    checks: dict[str, str] = Field(description="What was looked at, with `ok` or the code of what is wrong.")


class ReadyOut(BaseModel):
    """The models are loaded."""

    status: Literal["ready"]
    pipeline: str
    checks: dict[str, str] = Field(description="What was looked at, with `ok` for each.")
