"""The lists of ``lists.toml``, read once."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from voc.text import fold


@cache
def _lists() -> dict[str, dict[str, str]]:
    with Path(__file__).with_name("lists.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def words(table: str, name: str) -> frozenset[str]:
    """A list of single words."""
    return frozenset(_lists()[table][name].split())


@cache
def phrases(table: str, name: str) -> frozenset[str]:
    """A list of phrases, which stand between bars."""
    return frozenset(" ".join(entry.split()) for entry in _lists()[table][name].split("|") if entry.strip())


@cache
def folded(table: str, name: str, *, single: bool = True) -> frozenset[str]:
    """The same list without marks."""
    return frozenset(fold(entry) for entry in (words if single else phrases)(table, name))
