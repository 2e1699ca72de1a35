"""What is found: kinds and places."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["phone", "cccd", "cmnd", "email", "card", "account", "address", "name"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: What stands in place of a value that was masked before.
MASKED = re.compile(rf"\[(?:{'|'.join(KINDS)})(?::[0-9a-f]{{6,64}})?\]")


@dataclass(frozen=True, slots=True)
class Pii:
    """Personal data at ``text[start:end]``, in code points of the text as received."""

    start: int
    end: int
    type: Kind

    def as_dict(self) -> dict[str, int | str]:
        """The find as JSON values."""
        return {"start": self.start, "end": self.end, "type": self.type}


@dataclass(frozen=True, slots=True)
class Found:
    """The same in the plain text.

    Attributes:
        value: the value in one spelling, so that the same value written in two ways is one.
    """

    start: int
    end: int
    type: Kind
    value: str


class Stretches:
    """Stretches of a text that do not overlap, found by place."""

    def __init__(self, stretches: Iterable[tuple[int, int]]) -> None:
        self._sorted = sorted(stretches)

    def meet(self, start: int, end: int) -> bool:
        """Whether one of them shares a place with ``[start, end)``."""
        at = bisect_left(self._sorted, (end, end))
        return any(one[1] > start for one in self._sorted[max(0, at - 2) : at])

    def with_these(self, others: Iterable[tuple[int, int]]) -> Stretches:
        """These and others that meet none of them."""
        return Stretches([*self._sorted, *others])
