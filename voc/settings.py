"""Settings, declared once: name, default, one sentence with the unit. Unknown names are refused.

Each setting is read from the environment as ``VOC_`` and its name in capitals; the command line's
options win over it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from voc.errors import SettingsError
from voc.text import ADDRESS_PATTERN

PREFIX = "VOC_"


def bundled(name: str) -> Path:
    """The path of ``models``, ``corpora`` or ``organization.toml`` as installed, or in the checkout."""
    here = Path(__file__).parent
    installed = here / "_bundled" / name
    return installed if installed.exists() else here.parent / name


class Settings(BaseModel):
    """All settings of the service and the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    db: Path = Field(Path("voc.db"), description="Path of the SQLite database.")
    models: Path = Field(
        default_factory=lambda: bundled("models"),
        description="Folder of the model files and their manifest; the shipped one if not set.",
    )
    organization: Path = Field(
        default_factory=lambda: bundled("organization.toml"),
        description="Path of the departments, touchpoints and topic owners; the shipped one if not set.",
    )
    encoder_threads: int = Field(
        0, ge=0, le=256, description="Threads of the encoder in one process; 0 means one per core."
    )
    review_below: float | None = Field(
        None, ge=0, le=1,
        description="Owner confidence (probability) under which a person is asked; "
        "the routing model's own if not set.",
    )  # fmt: skip
    must_assign_topic: bool = Field(
        False, description="Whether a segment that is near to no topic gets the nearest one all the same."
    )
    analysis_timeout_s: float = Field(
        20.0, ge=0, le=600,
        description="Seconds a request waits for its analyses; what is not done by then is queued.",
    )  # fmt: skip
    analysis_slots: int = Field(
        16, ge=1, le=10_000,
        description="Requests of one process that wait for their analyses at a time; what others bring is "
        "queued at once.",
    )  # fmt: skip
    max_in_flight: int = Field(
        24, ge=1, le=10_000,
        description="Requests that one process works on at a time; more are answered 503 `overloaded`.",
    )  # fmt: skip
    lease_s: float = Field(
        30.0, gt=0, le=3600,
        description="Seconds for which a process may hold a row of the work list before another takes it.",
    )  # fmt: skip
    poll_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="Seconds between two looks at the work list by the background worker.",
    )
    batch_max_items: int = Field(1000, ge=1, le=100_000, description="Rows that one batch request may carry.")
    text_max_chars: int = Field(
        20_000, ge=1, le=1_000_000, description="Unicode code points that one feedback may have."
    )
    body_max_bytes: int = Field(
        33_554_432, ge=1024, description="Bytes that the body of one request may have."
    )
    pii: Literal["mask", "pseudonymize", "keep"] = Field(
        "mask",
        description="What becomes of personal data in a text before it is kept: `mask` puts its type in its "
        "place, `pseudonymize` the type and a code that is the same for the same value, `keep` leaves it.",
    )
    retention_days: int | None = Field(
        None,
        ge=1,
        description="Days after which `voc privacy retention` erases a feedback; never if not set.",
    )
    hooks: Path | None = Field(
        None, description="Path of a JSON file with the secrets of the hooks and the mapping of `generic`."
    )
    webhook_allow_private: bool = Field(
        False, description="Whether events may be sent to addresses inside this network."
    )
    rate_per_minute: int = Field(
        6000, ge=0, description="Requests a minute that one key may make unless its own limit is set; 0: any."
    )
    proxies: int = Field(
        0, ge=0, le=10,
        description="Reverse proxies in front of the service, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed; 0: nobody's.",
    )  # fmt: skip
    session_hours: float = Field(
        12.0, gt=0, le=720, description="Hours after which a person has to log in again."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto",
        description="Form of the logs: `json`, `text`, or `auto`: JSON when serving, text for commands.",
    )
    disk_min_free_mb: int = Field(
        64,
        ge=0,
        description="Mebibytes that the disk of the database must have free for `/ready` to say yes.",
    )
    busy_timeout_ms: int = Field(
        15_000, ge=0, description="Milliseconds to wait for another writer of the database."
    )

    mail_from: str | None = Field(
        None,
        pattern=ADDRESS_PATTERN,
        description="Address that mail is sent from; needed with `VOC_SMTP_URL`.",
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Mail server for the weekly digests: `smtp://user:password@host:587` (STARTTLS) or "
        "`smtps://`; no mail is sent if not set.",
    )
    mail_language: Literal["vi", "en"] = Field(
        "vi", description="Language of the weekly digests: `vi` or `en`."
    )
    mail_timezone: str = Field(
        "Asia/Ho_Chi_Minh", description="Time zone (IANA) in which Monday begins for the weekly digests."
    )
    mail_hour: int = Field(
        8, ge=0, le=23, description="Hour of Monday from which on the weekly digests are sent."
    )
    public_url: str | None = Field(
        None,
        description="Address at which people open the service, such as `https://voc.example.com`; links in "
        "mails begin with it, and there are none if not set.",
    )

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, given: SecretStr | None, known: ValidationInfo) -> SecretStr | None:
        if given is not None:
            if not known.data.get("mail_from"):
                raise ValueError("needs VOC_MAIL_FROM, the address that mail is sent from")
            wrong = "must be smtp://host:port or smtps://host:port, with user:password@ or without"
            try:
                parts = urlsplit(given.get_secret_value())
                _ = parts.port
            except ValueError:  # it quotes what may be a part of the password
                raise ValueError(wrong) from None
            if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
                raise ValueError(wrong)
        return given

    @field_validator("mail_timezone")
    @classmethod
    def _is_timezone(cls, given: str) -> str:
        try:
            ZoneInfo(given)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("must be a time zone of the IANA database, such as Asia/Ho_Chi_Minh") from None
        return given

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, given: str | None) -> str | None:
        if given is not None and (
            urlsplit(given).scheme not in ("http", "https") or not urlsplit(given).hostname
        ):
            raise ValueError("must be an address that begins with https:// or http://")
        return given.rstrip("/") if given else given

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Settings from the environment; ``overrides`` that are not None win.

        Raises:
            SettingsError: ``setting_unknown`` or ``setting_invalid``, naming the variable.
        """
        environment = os.environ if environment is None else environment
        given: dict[str, Any] = {}
        for variable, value in environment.items():
            if variable.startswith(PREFIX):
                name = variable.removeprefix(PREFIX).lower()
                if name not in cls.model_fields:
                    known = ", ".join(PREFIX + key.upper() for key in cls.model_fields)
                    raise SettingsError(
                        "setting_unknown", f"{variable} is no setting; known are {known}", variable
                    )
                given[name] = value
        given |= {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            raise SettingsError("setting_invalid", f"{PREFIX}{name.upper()}: {first['msg']}", name) from None
