"""The JSON of webhooks, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from voc.store import EVENTS, UNLIMITED


class WebhookPath(BaseModel):
    """One target."""

    name: str = Field(description="Name of the target.")


class WebhookBody(BaseModel):
    """A new target; `voc.webhooks` checks its values."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "anyOf": [
                {"properties": {"department": {"type": "null"}}},
                {
                    "properties": {
                        "department": {"type": "string"},
                        "events": {"items": {"enum": [event for event in EVENTS if event != UNLIMITED]}},
                    }
                },
            ]
        },
    )

    name: str = Field(
        min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Its name here."
    )
    url: str = Field(
        min_length=1, max_length=2000, description="Where events are posted: https or http.",
        json_schema_extra={"format": "uri"},
    )  # fmt: skip
    events: list[Literal["feedback.routed", "feedback.review", "topic.emerging", "run.finished"]] = Field(
        min_length=1, max_length=20, description="Which events it gets."
    )
    department: str | None = Field(
        None, max_length=100, description="Key of the one department whose feedback it gets; null for all."
    )


class WebhookStateBody(BaseModel):
    """What changes of a target."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: Literal["active", "paused"] = Field(
        description="While `paused`, nothing is sent and events that arise are not kept for it."
    )


class NothingBody(BaseModel):
    """An empty object."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ReplayBody(BaseModel):
    """Which events go again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    events: list[str] | None = Field(
        None, min_length=1, max_length=1000, description="Their ids; all that were given up if left out."
    )


class WebhookOut(BaseModel):
    """A target; its secret is not shown."""

    name: str
    url: str
    events: list[str]
    department: str | None
    state: Literal["active", "paused"]
    made_at: str
    made_by: str
    pending: int = Field(description="Events that it is still to get.")
    dead: int = Field(description="Events that were given up.")


class WebhooksOut(BaseModel):
    """All targets, by name."""

    items: list[WebhookOut]


class WebhookMadeOut(WebhookOut):
    """A new target with its secret, shown this once."""

    secret: str = Field(description="`whsec_` and 32 bytes in base64; see docs/webhooks.md.")


class SecretOut(BaseModel):
    """A new secret, shown this once."""

    name: str
    secret: str


class LetterOut(BaseModel):
    """How far one event got."""

    target: str
    event: str = Field(description="Its id, as `webhook-id` carries it.")
    type: str
    subject: str
    made_at: str
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    status: int | None = Field(description="HTTP status of the last answer; null if there was none.")
    error: str | None
    ended_at: str | None = Field(description="When it was given up, or arrived.")


class LettersOut(BaseModel):
    """Events that were given up, in their order; at most 1,000."""

    items: list[LetterOut]


class ReplayedOut(BaseModel):
    """How many events wait again."""

    replayed: int


class QueuedOut(BaseModel):
    """An event that waits for its turn."""

    event: str
