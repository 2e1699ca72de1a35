"""Each request that reads, exports, corrects or changes is one act in the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def acting(_name: str | None, _given: Mapping[str, Any]) -> Iterator[None]:
    """Runs a route as an act."""
    yield
