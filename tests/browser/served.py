"""What the browser tests share: the served application, and a watch over what its pages do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from playwright.sync_api import BrowserContext

from voc.services import Services
from voc.story import Told

#: A Sunday that is long past: the pages then show the last four weeks that have feedback, whatever the day.
UNTIL = date(2026, 9, 6)
SHARE = 0.12
#: A page that takes longer than this, in milliseconds, has failed.
PATIENCE_MS = 15_000
DESKTOP = (1440, 900)


@dataclass(frozen=True, slots=True)
class Site:
    """A served application.

    Attributes:
        url: where it is.
        told: what was in its database at first, in the order of the story.
    """

    url: str
    services: Services
    told: list[Told]


@dataclass(slots=True)
class Watched:
    """What went wrong in the pages of a context."""

    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext, url: str) -> None:
        """Listens to all pages that the context opens."""
        context.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("request", lambda request: self._came(request.url, url))

    def _came(self, asked: str, own: str) -> None:
        if not asked.startswith((f"{own}/", "data:", "blob:")):
            self.elsewhere.append(asked)
