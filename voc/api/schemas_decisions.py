"""The JSON of corrections and of the review queue, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from voc.api.caller import BY_MAX_CHARS
from voc.api.schemas import INTEGER_MOST, AnalysisOut, FeedbackOut, Query
from voc.corrections import SEGMENT_SENTIMENTS
from voc.records import SENTIMENTS, TOUCHPOINTS
from voc.review import REASON_MAX_CHARS, Order
from voc.text import PHRASE_PATTERN


class CorrectionBody(RootModel[dict[str, Any]]):
    """A decision about the whole, or with `segment` about one; `voc.corrections` checks it field by field."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        key: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
        told = {
            "by": {
                "type": "string", "minLength": 1, "maxLength": BY_MAX_CHARS, "pattern": PHRASE_PATTERN,
                "description": "Who decides; who calls, if left out.",
            },
            "reason": {"type": "string", "maxLength": REASON_MAX_CHARS, "description": "Why."},
            "unless_decided": {
                "type": "boolean",
                "description": "Leave it be where it does not wait for review any more.",
            },
        }  # fmt: skip
        whole = {
            "owner": key | {"description": "Key of a department; null for nobody."},
            "cooperators": {"type": "array", "items": {"type": "string"}},
            "sentiment": {"enum": list(SENTIMENTS)},
            "touchpoint": {"enum": list(TOUCHPOINTS)},
            "topic": key | {"description": "Key of a topic, for every segment; null for none."},
            "confirm": {
                "type": "boolean",
                "description": "Owner, cooperators and sentiment are right, but for those named beside it.",
            },
        }
        place = {
            "type": "object",
            "required": ["start", "end"],
            "properties": {"start": {"type": "integer"}, "end": {"type": "integer"}},
            "description": "Offsets of one of the segments.",
        }
        part = {
            "segment": place,
            "sentiment": {"enum": list(SEGMENT_SENTIMENTS)},
            "topic": key,
            "department": key,
        }
        return {
            "anyOf": [
                {"type": "object", "properties": whole | told, "additionalProperties": False},
                {
                    "type": "object", "required": ["segment"], "properties": part | told,
                    "additionalProperties": False,
                },
            ]
        }  # fmt: skip


class CorrectionPath(BaseModel):
    """A correction of a feedback."""

    key: str = Field(description="Id of the feedback.")
    number: int = Field(ge=1, le=INTEGER_MOST, description="Number of the correction.")


class WithdrawQuery(Query):
    """Who takes it back."""

    by: str | None = Field(
        None, min_length=1, max_length=BY_MAX_CHARS, description="Who decides.",
        json_schema_extra={"pattern": PHRASE_PATTERN},
    )  # fmt: skip


class ReviewQuery(Query):
    """A page of the review queue."""

    order: Order = "least_sure"
    department: str | None = Field(
        None, max_length=100, description="Only those of which this department is a candidate."
    )
    source: str | None = Field(None, max_length=200)
    limit: int = Field(50, ge=1, le=500, description="Rows on the page.")
    cursor: str | None = Field(None, max_length=500, description="`next` of the page before.")


class SpanOut(BaseModel):
    """Where a segment stands."""

    start: int
    end: int


class CorrectionOut(BaseModel):
    """A person's word on one field."""

    number: int
    feedback: str
    field: Literal["sentiment", "owner", "cooperators", "topic", "touchpoint", "department"]
    value: str | list[str] | None
    said: str | list[str] | None = Field(description="What stood there before.")
    pipeline: str = Field(description="The version whose word that was.")
    author: str
    reason: str | None
    made_at: str
    withdrawn_at: str | None
    withdrawn_by: str | None
    segment: SpanOut | None = Field(description="Null for the whole.")


class CorrectionsOut(BaseModel):
    """All that people said of one feedback, oldest first."""

    corrections: list[CorrectionOut]


class DecisionOut(BaseModel):
    """A feedback after a decision, with all that people said of it, oldest first."""

    feedback: FeedbackOut
    analysis: AnalysisOut
    corrected: list[str] = Field(description="What people decided, such as `owner` or `segments.topic`.")
    corrections: list[CorrectionOut]


class WaitingOut(BaseModel):
    """A feedback that waits for a decision."""

    feedback: FeedbackOut
    analysis: AnalysisOut
    corrected: list[str]
    reason: str = Field(description="Why it waits.")
    informativeness: float | None = Field(None, description="0..1; with `most_informative` only.")


class ReviewOut(BaseModel):
    """A page of the review queue."""

    items: list[WaitingOut]
    next: str | None
    waiting: int = Field(description="How many wait in all, with the same filters.")
