"""Who acts, and what they may do.

Enters: what a key or a person was given. Leaves: a `Principal`. What must hold: who is limited to a
department may read and correct, no more; what was not granted is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Scope: TypeAlias = Literal["ingest", "read", "correct", "admin"]
Role: TypeAlias = Literal["admin", "analyst", "department"]

SCOPES: tuple[Scope, ...] = ("ingest", "read", "correct", "admin")
ROLES: tuple[Role, ...] = ("admin", "analyst", "department")
#: ``admin`` may do everything.
OF_ROLE: dict[Role, frozenset[Scope]] = {
    "admin": frozenset(SCOPES),
    "analyst": frozenset({"read", "correct"}),
    "department": frozenset({"read", "correct"}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, or something, that acts.

    Attributes:
        kind: ``key``, ``person``, ``hook``, ``command`` (the command line), or ``loopback``: anybody on this
            machine, while the installation has neither keys nor people.
        name: prefix of the key, name of the person or of the user of the computer.
        scopes: what it may do.
        department: key of the one department whose feedback it may read; None for all.
    """

    kind: Literal["key", "person", "hook", "command", "loopback"]
    name: str
    scopes: frozenset[Scope]
    department: str | None = None

    @property
    def actor(self) -> str:
        """As it stands in the audit log and beside decisions, such as ``key:3f9c2a1b``."""
        return self.kind if self.kind == "loopback" else f"{self.kind}:{self.name}"

    def may(self, scope: Scope) -> bool:
        """Whether it has this scope."""
        return scope in self.scopes or "admin" in self.scopes


LOOPBACK = Principal("loopback", "loopback", frozenset(SCOPES))
