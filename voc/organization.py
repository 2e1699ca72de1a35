"""Departments and touchpoints of the company that runs the service, read from ``organization.toml``.

Enters: a TOML file. Leaves: an `Organization` whose every key is known. What must hold: a field of work
(one of `voc.records.BASE_DEPARTMENTS`) is covered by one department at most.
"""

from __future__ import annotations

import hashlib
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from voc.errors import SettingsError
from voc.records import BASE_DEPARTMENTS, TOUCHPOINTS
from voc.text import ADDRESS_PATTERN

KEY_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"


class Names(BaseModel):
    """One text in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vi: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Department(BaseModel):
    """A department: its key, its names, what it answers for, who gets its weekly mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(pattern=KEY_PATTERN)
    name: Names
    remit: Names
    covers: tuple[str, ...] | None = None
    mail_to: tuple[Annotated[str, Field(pattern=ADDRESS_PATTERN)], ...] = ()

    @property
    def fields_of_work(self) -> tuple[str, ...]:
        """The trained departments it answers for; its own key where ``covers`` is left out."""
        if self.covers is not None:
            return self.covers
        return (self.key,) if self.key in BASE_DEPARTMENTS else ()


class Organization(BaseModel):
    """All departments and touchpoints of one company."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    departments: tuple[Department, ...] = Field(min_length=1)
    touchpoints: dict[str, Names]
    topics: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Organization:
        keys = [department.key for department in self.departments]
        if len(set(keys)) < len(keys):
            raise ValueError(f"departments: each key may stand once, got {', '.join(keys)}")
        fields = [field for department in self.departments for field in department.fields_of_work]
        unknown = sorted(set(fields) - set(BASE_DEPARTMENTS))
        if unknown:
            raise ValueError(f"covers: must be of {', '.join(BASE_DEPARTMENTS)}, got {', '.join(unknown)}")
        twice = sorted({field for field in fields if fields.count(field) > 1})
        if twice:
            raise ValueError(f"covers: {', '.join(twice)} is covered by two departments")
        if set(self.touchpoints) != set(TOUCHPOINTS):
            raise ValueError(f"touchpoints: must name exactly {', '.join(TOUCHPOINTS)}")
        strangers = sorted(set(self.topics.values()) - set(keys))
        if strangers:
            raise ValueError(f"topics: no department has the key {', '.join(strangers)}")
        return self

    @cached_property
    def by_key(self) -> dict[str, Department]:
        """Departments by key."""
        return {department.key: department for department in self.departments}

    @cached_property
    def department_of_field(self) -> dict[str, str]:
        """Which department covers which trained field of work."""
        return {
            field: department.key for department in self.departments for field in department.fields_of_work
        }

    @property
    def care(self) -> str | None:
        """Key of the department that covers the field of work ``care``; None where none does."""
        return self.department_of_field.get("care")

    @cached_property
    def own_names(self) -> dict[str, str]:
        """What the company calls departments of its own making, with the field of work they stand for."""
        return {
            name: department.fields_of_work[0]
            for department in self.departments
            if department.key not in BASE_DEPARTMENTS and department.fields_of_work
            for name in (department.name.vi, department.name.en)
        }

    @cached_property
    def digest(self) -> str:
        """A SHA-256 over what changes verdicts: keys, covers, topics, and names that make hops."""
        routing = repr(
            [sorted(found.items()) for found in (self.department_of_field, self.topics, self.own_names)]
        )
        return hashlib.sha256(routing.encode()).hexdigest()

    @classmethod
    def read(cls, path: Path) -> Organization:
        """Reads the file.

        Raises:
            SettingsError: ``organization_missing`` or ``organization_invalid``, saying where.
        """
        try:
            content = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise SettingsError("organization_missing", f"{path} does not exist") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError("organization_invalid", f"{path}: {error}") from None
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise SettingsError(
                "organization_invalid", f"{path}: {where} {first['msg']}".strip(), where or None
            ) from None
