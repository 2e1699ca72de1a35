"""The words, numbers and days of a digest, in its reader's language.

Enters: a name of ``words.toml``. Leaves: a phrase. What must hold: each phrase is there in both languages.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from babel.dates import format_date
from babel.numbers import format_decimal

FILE = Path(__file__).parent / "words.toml"


@dataclass(frozen=True)
class Words:
    """How one language says it."""

    language: str

    def __call__(self, name: str, **parts: object) -> str:
        """A phrase with its parts filled in."""
        return _phrases()[name][self.language].format(**parts)

    def number(self, value: int) -> str:
        """1,234 or 1.234."""
        return format_decimal(value, "#,##0", self.language)

    def percent(self, share: float) -> str:
        """A share as a percentage; one decimal place where it would read 0 % and is not."""
        form = "0.0" if 0 < share < 0.01 else "0"
        return format_decimal(100 * share, form, self.language) + "%"

    def day(self, value: date) -> str:
        """A day, short."""
        return format_date(value, "d MMM y" if self.language == "en" else "dd/MM/y", self.language)


@cache
def words(language: str) -> Words:
    """The words of ``vi`` or ``en``."""
    return Words(language)


@cache
def _phrases() -> dict[str, dict[str, str]]:
    return tomllib.loads(FILE.read_text("utf-8"))
