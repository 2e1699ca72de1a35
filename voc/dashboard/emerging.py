"""What grows: the page, and the part of the overview that is fetched after it.

Groups are found among thousands of vectors, which takes seconds: so it is never done while a page waits, but
by a request of its own, whose answer is kept for a while.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from flask import current_app

from voc.dashboard.shell import View, page, shown
from voc.emerging import Findings, Question
from voc.emerging import emerging as find

#: Seconds for which what was found is shown again.
KEPT_S = 900.0
#: Findings that a process keeps: one per department and last day that are asked for.
KEPT_MOST = 32
SHOWN = 8


@page("/emerging", act="topics.emerging", under="overview")
def emerging(view: View) -> str:
    """What is said more often than in the eight weeks before, two weeks back from the end of the period."""
    services = view.services
    pipeline = services.pipelines.get()
    question = Question(until=view.period.last, within=view.within)
    kept: Kept = current_app.extensions.setdefault("voc_emerging", Kept())
    found = kept.get(
        (pipeline.version, question),
        lambda: find(services.store, pipeline.topics.registry, pipeline.reader.version, question),
    )
    view.told(rows=len(found.items[:SHOWN]))
    return shown("emerging.html", found=found, items=found.items[:SHOWN])


class Kept:
    """Findings by what was asked. One thread looks while others that ask the same wait for what it finds."""

    def __init__(self) -> None:
        self._found: OrderedDict[object, tuple[float, Findings]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object, look: Callable[[], Findings]) -> Findings:
        """What was found, looked for anew where that is too long ago."""
        with self._lock:
            at, found = self._found.get(key, (0.0, None))
            if found is None or time.monotonic() - at > KEPT_S:
                found = look()
                self._found[key] = (time.monotonic(), found)
                while len(self._found) > KEPT_MOST:
                    self._found.popitem(last=False)
            return found
