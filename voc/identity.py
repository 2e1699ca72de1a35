"""Who acts, and what they may do.

Enters: what a key or a person was given. Leaves: a `Principal`. What must hold: who is limited to a
department may read and correct, no more; what was not granted is refused.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from voc.records import Analysis

Scope: TypeAlias = Literal["ingest", "read", "correct", "admin"]
Role: TypeAlias = Literal["admin", "analyst", "department"]

SCOPES: tuple[Scope, ...] = ("ingest", "read", "correct", "admin")
ROLES: tuple[Role, ...] = ("admin", "analyst", "department")
#: ``admin`` may do everything.
OF_ROLE: dict[Role, frozenset[Scope]] = {
    "admin": frozenset(SCOPES),
    "analyst": frozenset({"ingest", "read", "correct"}),
    "department": frozenset({"read", "correct"}),
}
#: What may be granted to those who are limited to a department.
OF_DEPARTMENT: frozenset[Scope] = frozenset({"read", "correct"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, or something, that acts.

    Attributes:
        kind: ``key``, ``person``, ``hook``, ``command`` (the command line), ``loopback``: anybody on this
            machine, while the installation has neither keys nor people; or ``nobody``: not known.
        name: prefix of the key, name of the person or of the user of the computer.
        scopes: what it may do.
        department: key of the one department whose feedback it may read; None for all.
    """

    kind: Literal["key", "person", "hook", "command", "loopback", "nobody"]
    name: str
    scopes: frozenset[Scope]
    department: str | None = None

    @property
    def actor(self) -> str:
        """As it stands in the audit log and beside decisions, such as ``key:3f9c2a1b``."""
        return self.kind if self.kind in ("loopback", "nobody") else f"{self.kind}:{self.name}"

    def may(self, scope: Scope) -> bool:
        """Whether it has this scope."""
        return scope in self.scopes or "admin" in self.scopes

    def sees(self, analysis: Analysis | None) -> bool:
        """Whether it may read a feedback of which this is the analysis that counts."""
        return is_within(self.department, analysis)

    def as_dict(self) -> dict[str, Any]:
        """The principal as JSON values."""
        return {
            "kind": self.kind, "name": self.name, "actor": self.actor, "scopes": ordered(self.scopes),
            "department": self.department,
        }  # fmt: skip


LOOPBACK = Principal("loopback", "loopback", frozenset(SCOPES))
NOBODY = Principal("nobody", "nobody", frozenset())


def is_within(department: str | None, analysis: Analysis | None) -> bool:
    """Whether a reader who is limited to ``department`` may see a feedback: it owns it or co-operates on it.

    One that is not analyzed yet belongs to none. None for a department: all may be seen.
    """
    if department is None:
        return True
    return analysis is not None and (department == analysis.owner or department in analysis.cooperators)


def ordered(scopes: Collection[Scope]) -> list[Scope]:
    """Scopes in the order of `SCOPES`, each once."""
    return [scope for scope in SCOPES if scope in scopes]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key, but for the digest of its secret.

    Attributes:
        prefix: 8 hexadecimal digits, the visible part of the key.
        name: what a person calls it.
        rate_per_minute, body_max_bytes: its own limits, None for those of the settings.
        expires_at, revoked_at: from when on it is refused, None for never.
        replaces: prefix of the key that it was made from.
    """

    prefix: str
    name: str
    scopes: tuple[Scope, ...]
    department: str | None
    rate_per_minute: int | None
    body_max_bytes: int | None
    made_at: str
    made_by: str
    expires_at: str | None = None
    replaces: str | None = None
    revoked_at: str | None = None
    revoked_by: str | None = None

    @property
    def principal(self) -> Principal:
        """Who acts with this key."""
        return Principal("key", self.prefix, frozenset(self.scopes), self.department)

    def state(self, now: str) -> Literal["active", "expired", "revoked"]:
        """Whether it holds at ``now`` (ISO 8601, UTC)."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def as_dict(self, now: str) -> dict[str, Any]:
        """The key as JSON values, with its state at ``now``; nothing of its secret."""
        return asdict(self) | {"scopes": list(self.scopes), "state": self.state(now)}


@dataclass(frozen=True, slots=True)
class Person:
    """What is kept of a person, but for the password.

    Attributes:
        name: what they log in with.
        department: of the role ``department`` alone.
        disabled_at: since when they cannot log in, None if they can.
    """

    name: str
    role: Role
    department: str | None
    made_at: str
    made_by: str
    disabled_at: str | None = None
    disabled_by: str | None = None

    @property
    def principal(self) -> Principal:
        """The person as one who acts."""
        return Principal("person", self.name, OF_ROLE[self.role], self.department)

    def as_dict(self) -> dict[str, Any]:
        """The person as JSON values."""
        return asdict(self)
