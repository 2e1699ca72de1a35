"""The JSON of what grows."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from voc.api.caller import caller
from voc.api.schemas import Query, ShareOut
from voc.emerging import Question


def _day(value: Any) -> Any:
    """A day as ISO 8601 writes it and in no other way: Pydantic would take seconds since 1970 too."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be an ISO 8601 date such as 2026-11-21") from None


class EmergingQuery(Query):
    """What is compared with what."""

    window_days: int = Field(14, ge=1, le=366, description="Days of the present.")
    past_days: int = Field(56, ge=1, le=3660, description="Days before it.")
    until: Annotated[date, BeforeValidator(_day)] | None = Field(
        None,
        alias="to",
        description="Last day of the present; that of the latest feedback up to now if left out.",
    )
    topic: str | None = Field(None, max_length=100, description="Key of a topic: this and inside it only.")
    limit: int = Field(20, ge=1, le=500, description="Things listed at most, the surest first.")

    def question(self) -> Question:
        """The same as `voc.emerging` takes it, within what the caller may see."""
        return Question(self.window_days, self.past_days, self.until, self.topic, caller().department)


class ExampleOut(BaseModel):
    """A segment of the present; `text` of the feedback from `start` to `end`, in code points."""

    id: str
    occurred_at: str
    start: int
    end: int
    text: str


class EmergingOut(BaseModel):
    """Something that is said more often than it was."""

    kind: Literal["none", "topic", "within"] = Field(
        description="A group of segments without a topic, a topic as a whole, or a group inside one."
    )
    topic: str | None
    label: str = Field(description="A phrase that is typical of its segments.")
    now: int = Field(description="Feedback of the present that mention it.")
    past: int
    rate_now: float = Field(description="Per 1,000 feedback of the present.")
    rate_past: float
    ratio: float | None = Field(description="Of the two rates; null if the past has none.")
    ratio_low: float = Field(description="Lower end of its 95 % interval.")
    ratio_high: float | None
    dispersion: float = Field(description="By which factor its counts are taken to vary more than Poisson.")
    p: float
    q: float = Field(description="p of Benjamini and Hochberg over all that was tested.")
    first_seen: str = Field(description="Its first feedback of those that were looked at.")
    negative: int = Field(description="Feedback of the present that speak of it negatively.")
    negative_share: ShareOut
    languages: dict[str, int] = Field(description="Segments of the present by language.")
    departments: dict[str, int] = Field(description="Segments of the present by department.")
    examples: list[ExampleOut]


class FindingsOut(BaseModel):
    """What grows, the surest first; the past is `since` to `turn`, the present `turn` to `until`."""

    since: str | None
    turn: str | None
    until: str | None
    now: int = Field(description="Feedback of the present that were looked at.")
    past: int
    left_out: int = Field(
        description="Feedback of both that were not: read by another encoder, or beyond the most that are."
    )
    tested: int = Field(description="Things that were tested.")
    grown: int = Field(description="Things that grow; `items` has the first of them.")
    items: list[EmergingOut]
