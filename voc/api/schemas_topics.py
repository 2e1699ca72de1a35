"""The JSON of themes, of decisions about topics and of their history, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from voc.api.caller import BY_MAX_CHARS
from voc.registry import LANGUAGES
from voc.text import PHRASE_PATTERN


class DecisionBody(BaseModel):
    """Who decides, and why."""

    model_config = ConfigDict(extra="forbid", strict=True)

    by: str | None = Field(
        None, min_length=1, max_length=BY_MAX_CHARS, description="Who decides; who calls, if left out.",
        json_schema_extra={"pattern": PHRASE_PATTERN},
    )  # fmt: skip
    reason: str | None = Field(None, max_length=2000, description="Why.")


_PHRASES: JsonDict = {
    "properties": {
        language: {"type": "string", "maxLength": 200, "pattern": PHRASE_PATTERN} for language in LANGUAGES
    },
    "additionalProperties": False,
}


class RenameBody(DecisionBody):
    """Other words for a topic; a language that is left out keeps its own."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {given: {"minProperties": 1}}, "required": [given]}
                for given in ("name", "remit")
            ]
        }
    )

    name: dict[str, str] = Field(
        default_factory=dict, description="Phrase by language, `vi` and `en`.", json_schema_extra=_PHRASES
    )
    remit: dict[str, str] = Field(
        default_factory=dict, description="One line by language.", json_schema_extra=_PHRASES
    )


class MergeBody(DecisionBody):
    """The topic that stays."""

    into: str = Field(max_length=100, description="Key of the topic that stays.")


class MoveBody(DecisionBody):
    """The department that a topic goes to."""

    department: str | None = Field(
        max_length=100, description="Key of a department; null for the one that covers its field of work."
    )


class RetireBody(DecisionBody):
    """A topic takes no more segments."""


class UndoBody(DecisionBody):
    """A change is taken back."""


class ChangePath(BaseModel):
    """Number of a change in the path."""

    number: int = Field(ge=1, le=2**53 - 1, description="Number of the change.")


class ThemeOut(BaseModel):
    """A theme with the keys of its topics."""

    key: str | None = Field(description="Null for the topics that are under no theme.")
    name: dict[str, str]
    topics: list[str]


class ThemesOut(BaseModel):
    """All themes, in their order."""

    items: list[ThemeOut]


class TopicEventOut(BaseModel):
    """A line of the registry's history."""

    number: int
    made_at: str
    author: str
    action: str
    keys: list[str] = Field(description="Topics and themes that it changed.")
    before: dict[str, Any]
    after: dict[str, Any]
    reason: str | None
    undoes: int | None = Field(description="Number of the change that it took back.")
    undone: bool


class TopicHistoryOut(BaseModel):
    """The changes of a topic, the oldest first."""

    items: list[TopicEventOut]
