"""The JSON of sessions, keys and people, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from voc.access import (
    GRACE_HOURS,
    KEY_NAME_MAX_CHARS,
    MOST_DAYS,
    NAME_PATTERN,
    PASSWORD_MAX_CHARS,
    PASSWORD_MIN_CHARS,
)
from voc.api.schemas import INTEGER_MOST
from voc.identity import OF_DEPARTMENT, Role, Scope, ordered
from voc.text import PHRASE_PATTERN

# ---- sessions


class LoginBody(BaseModel):
    """Who logs in."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(max_length=200)
    password: str = Field(max_length=PASSWORD_MAX_CHARS)


class PrincipalOut(BaseModel):
    """Who calls, and what they may do."""

    kind: Literal["key", "person", "hook", "command", "loopback", "nobody"]
    name: str
    actor: str = Field(description="As it stands in the audit log and beside decisions.")
    scopes: list[Scope]
    department: str | None = Field(description="The one whose feedback they see; null for all.")


class SessionOut(BaseModel):
    """Who calls."""

    principal: PrincipalOut
    csrf: str | None = Field(
        description="What `X-CSRF-Token` must be in every request that changes something."
    )
    ends_at: str | None = Field(description="When session or key ends.")


# ---- keys


class KeyBody(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "anyOf": [
                {"properties": {"department": {"type": "null"}}},
                {
                    "properties": {
                        "department": {"type": "string"},
                        "scopes": {"items": {"enum": list(ordered(OF_DEPARTMENT))}},
                    }
                },
            ]
        },
    )

    name: str = Field(
        min_length=1, max_length=KEY_NAME_MAX_CHARS, description="What people call it.",
        json_schema_extra={"pattern": PHRASE_PATTERN},
    )  # fmt: skip
    scopes: list[Scope] = Field(min_length=1)
    department: str | None = Field(
        None, max_length=100, description="It reads only what this department owns or co-operates on."
    )
    expires_days: float | None = Field(None, gt=0, le=MOST_DAYS, description="Days until it expires.")
    rate_per_minute: int | None = Field(
        None,
        ge=0,
        le=2**31 - 1,
        description="Requests a minute; that of the settings if left out, 0 for any.",
    )
    body_max_bytes: int | None = Field(
        None, ge=1024, le=INTEGER_MOST, description="Bytes of a body; never more than the settings allow."
    )


class RotateBody(BaseModel):
    """How long the old key holds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    grace_hours: float = Field(GRACE_HOURS, ge=0, le=24 * MOST_DAYS, description="Hours.")


class PrefixPath(BaseModel):
    """The visible part of a key."""

    prefix: str = Field(description="Its 8 hexadecimal digits.")


class KeyOut(BaseModel):
    """A key, without its secret."""

    prefix: str
    name: str
    scopes: list[Scope]
    department: str | None
    rate_per_minute: int | None
    body_max_bytes: int | None
    made_at: str
    made_by: str
    expires_at: str | None
    replaces: str | None
    revoked_at: str | None
    revoked_by: str | None
    state: Literal["active", "expired", "revoked"]


class NewKeyOut(BaseModel):
    """A new key; the whole of it is shown this once."""

    key: str
    record: KeyOut


class KeysOut(BaseModel):
    """All keys, the oldest first."""

    items: list[KeyOut]


# ---- people


class PersonBody(BaseModel):
    """A person to be made."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "anyOf": [
                {"properties": {"role": {"enum": ["admin", "analyst"]}, "department": {"type": "null"}}},
                {
                    "properties": {"role": {"const": "department"}, "department": {"type": "string"}},
                    "required": ["department"],
                },
            ]
        },
    )

    name: str = Field(
        max_length=100, description="a-z, 0-9 and ._@+-; what they log in with.",
        json_schema_extra={"pattern": f"^{NAME_PATTERN.pattern}$"},
    )  # fmt: skip
    password: str = Field(
        max_length=PASSWORD_MAX_CHARS,
        description=f"At least {PASSWORD_MIN_CHARS} characters, as NFKC has them.",
        json_schema_extra={"minLength": PASSWORD_MIN_CHARS},
    )  # fmt: skip
    role: Role
    department: str | None = Field(None, max_length=100, description="For the role `department`.")


def _alone(field: str, given: dict[str, Any], **others: dict[str, Any]) -> dict[str, Any]:
    """A change of one field, and of those that go with it."""
    null = {name: {"type": "null"} for name in ("password", "role", "department", "disabled")}
    return {"properties": null | {field: given} | others, "required": [field, *others]}


class PersonChangeBody(BaseModel):
    """What becomes different about a person, one thing at a time; sessions end."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "anyOf": [
                _alone("password", {"type": "string", "minLength": PASSWORD_MIN_CHARS}),
                _alone("role", {"enum": ["admin", "analyst"]}),
                _alone("role", {"const": "department"}, department={"type": "string"}),
                _alone("disabled", {"type": "boolean"}),
            ]
        },
    )

    password: str | None = Field(None, max_length=PASSWORD_MAX_CHARS)
    role: Role | None = None
    department: str | None = Field(None, max_length=100, description="Goes with the role.")
    disabled: bool | None = None


class NamePath(BaseModel):
    """A person."""

    name: str


class PersonOut(BaseModel):
    """A person, without the password."""

    name: str
    role: Role
    department: str | None
    made_at: str
    made_by: str
    disabled_at: str | None
    disabled_by: str | None


class PeopleOut(BaseModel):
    """All people, by name."""

    items: list[PersonOut]
