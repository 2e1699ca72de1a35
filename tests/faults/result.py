"""What a fault did, as the table in docs/reliability.md shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


class NotHere(Exception):  # noqa: N818  # no failure of what is tried
    """This machine does not allow the fault to be done."""


@dataclass(frozen=True, slots=True)
class Result:
    """One fault, tried often.

    Attributes:
        fault: what was done to the service.
        trials: how often.
        accepted: feedback that the service had answered for before the fault.
        lost: of these, those that were not there afterwards.
        doubled: of these, those that were there more than once.
        seen: what the user saw.
        counted: what else was counted.
    """

    fault: str
    trials: int
    accepted: int
    lost: int
    doubled: int
    seen: str
    counted: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)
