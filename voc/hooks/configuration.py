"""What the operator says of the hooks: secrets, questions of forms, mappings of `generic`.

Enters: the JSON file that `Settings.hooks` names. Leaves: checked `Hook`s. What must hold: what cannot be
used is refused at once, naming the file and the field; secrets stand in no message.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping as MappingOf
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from voc.errors import SettingsError
from voc.hooks.mapping import ANY, Kind, Mapping, Role, shipped
from voc.hooks.signatures import check_secret, signs

log = logging.getLogger(__name__)

#: Tools with a mapping of ours.
SHIPPED = ("zendesk", "freshdesk", "chatwoot", "intercom", "formbricks", "typeform", "google-forms")
GENERIC = "generic"
TOOLS = (*SHIPPED, GENERIC)
#: Shorter secrets are guessed.
SECRET_MIN_CHARS = 8
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class GenericMapping(Kind):
    """A mapping of the operator's own: one kind of payload, or one under ``only``."""

    source: str | None = Field(None, min_length=1, max_length=200)


class Hook(BaseModel):
    """One hook as the file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: tuple[SecretStr, ...] = Field((), description="One, or several while they are changed over.")
    questions: dict[str, Role] | None = None
    mapping: GenericMapping | None = None

    @field_validator("secret", mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        given = [given] if isinstance(given, str) else given
        if isinstance(given, list) and not given:
            raise ValueError("give at least one secret, or leave it out")
        if isinstance(given, list) and any(
            isinstance(one, str) and len(one) < SECRET_MIN_CHARS for one in given
        ):
            raise ValueError(f"a secret has at least {SECRET_MIN_CHARS} characters")
        return given

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets themselves."""
        return tuple(one.get_secret_value() for one in self.secret)


class Hooks:
    """All hooks: of the tools that have a mapping of ours, and those the file adds.

    Args:
        given: by name, ``<tool>``, ``generic`` or ``generic/<name>``.
    """

    def __init__(self, given: MappingOf[str, Hook] | None = None) -> None:
        self.given = dict(given or {})

    def find(self, name: str) -> tuple[Hook, Mapping] | None:
        """A hook and how its payloads are read; None if there is none of that name."""
        hook = self.given.get(name, Hook())
        if name in SHIPPED:
            return hook, shipped(name)
        if hook.mapping is None:
            return None
        source = hook.mapping.source or name.rpartition("/")[2]
        kind = Kind.model_validate(hook.mapping.model_dump(exclude={"source"}))
        return hook, Mapping(source=source, kinds={ANY: kind})


def tool_of(name: str) -> str:
    """The tool of a hook: ``generic`` of ``generic/<name>``."""
    return name.partition("/")[0]


def read_hooks(path: Path | None) -> Hooks:
    """The hooks of a file; those of our own mappings, without secrets, where there is none.

    Raises:
        SettingsError: ``setting_invalid``: the file cannot be read, or a field of it is wrong.
    """
    if path is None:
        return Hooks()
    try:
        content = json.loads(path.read_text("utf-8"))
        if path.stat().st_mode & 0o077:
            log.warning(
                "%s holds secrets and may be read by others; make it readable by its owner alone", path
            )
    except OSError as error:
        raise SettingsError(
            "setting_invalid", f"hooks: {path} cannot be read: {error.strerror}", "hooks"
        ) from None
    except (ValueError, RecursionError):
        raise SettingsError("setting_invalid", f"hooks: {path} is not JSON in UTF-8", "hooks") from None
    if not isinstance(content, dict):
        raise SettingsError("setting_invalid", f"hooks: {path} must hold a JSON object", "hooks")
    return Hooks({name: _hook(path, name, values) for name, values in content.items()})


class HooksFile:
    """The hooks of a file, read again when it changes: secrets are changed over without a restart."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read: tuple[object, Hooks] | None = None

    def get(self) -> Hooks:
        """The hooks as the file has them now.

        Raises:
            SettingsError: as `read_hooks`.
        """
        stamp: object = None
        if self._path is not None:
            try:
                found = self._path.stat()
            except OSError:
                self._read = None
            else:
                stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if self._read is None or self._read[0] != stamp:
            self._read = (stamp, read_hooks(self._path))
        return self._read[1]


def _hook(path: Path, name: str, values: Any) -> Hook:
    tool = tool_of(name)
    called = name.removeprefix(f"{GENERIC}/")
    if tool not in TOOLS or ("/" in name and (tool != GENERIC or not _NAME.fullmatch(called))):
        known = ", ".join((*TOOLS, f"{GENERIC}/<name>"))
        raise _invalid(
            path, name, f"is no hook; known are {known}; a name has small letters, digits, - and _"
        )
    try:
        hook = Hook.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = ".".join((name, *(str(part) for part in first["loc"])))
        raise _invalid(path, field, first["msg"].removeprefix("Value error, ")) from None
    if hook.secret and not signs(tool):
        raise _invalid(path, f"{name}.secret", f"{tool} signs nothing; give it a key with the scope ingest")
    for secret in hook.secrets:
        try:
            check_secret(tool, secret)
        except ValueError as error:
            raise _invalid(path, f"{name}.secret", str(error)) from None
    if (tool == GENERIC) != (hook.mapping is not None):
        said = (
            "is needed"
            if tool == GENERIC
            else f"is ours for {tool}; use {GENERIC}/<name> for one of your own"
        )
        raise _invalid(path, f"{name}.mapping", said)
    answered = hook.mapping if hook.mapping else _only(shipped(tool))
    if hook.questions is not None and answered.answers is None:
        raise _invalid(path, f"{name}.questions", "goes with forms and surveys alone")
    return hook


def _only(mapping: Mapping) -> Kind:
    """The kind that has answers, or any."""
    return next((kind for kind in mapping.kinds.values() if kind.answers), next(iter(mapping.kinds.values())))


def _invalid(path: Path, field: str, message: str) -> SettingsError:
    return SettingsError("setting_invalid", f"hooks: {path}: {field}: {message}", f"hooks.{field}")
