"""What grows: the page, and the part of the overview that is fetched after it.

Groups are found among thousands of vectors, which takes seconds: so it is never done while a page waits, but
by a request of its own, whose answer is kept for a while.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

from flask import current_app

from voc.api.caller import caller
from voc.dashboard.shell import View, page, shown
from voc.emerging import Emerging, Example, Findings, Question
from voc.emerging import emerging as find
from voc.store import Store

#: Seconds for which what was found is shown again.
KEPT_S = 900.0
#: Findings that a process keeps: one per department and last day that are asked for.
KEPT_MOST = 32
SHOWN = 8
#: Parts of the filter that it follows: of the period its end. It looks for what is new among all feedback.
HEEDED = frozenset({"topic", "from", "to"})


@page("/emerging", act="topics.emerging", under="overview")
def emerging(view: View) -> str:
    """What is said more often than in the eight weeks before, two weeks back from the end of the period.

    With a topic in the filter: what grows inside that.
    """
    services = view.services
    pipeline = services.pipelines.get()
    question = Question(until=view.period.last, within=view.within)
    kept: Kept = current_app.extensions.setdefault("voc_emerging", Kept())
    found = kept.get(
        (pipeline.version, question),
        lambda: find(services.store, pipeline.topics.registry, pipeline.reader.version, question),
    )
    grown = [one for one in found.items if view.filter.topic in (None, one.topic)]
    items = still_readable(services.store, grown[:SHOWN])
    view.told(rows=len(items))
    unheeded = view.filters.keys() - HEEDED
    return shown("emerging.html", found=found, items=items, unheeded=unheeded)


def still_readable(store: Store, items: Sequence[Emerging]) -> list[Emerging]:
    """What was found a while ago, with those examples that the reader may see now: one may have been erased
    meanwhile, or given to another department."""
    kept = store.get_many([example.id for one in items for example in one.examples])

    def is_there(example: Example) -> bool:
        one = kept.get(example.id)
        return one is not None and one.feedback.erased_at is None and caller().sees(one.analysis)

    return [replace(one, examples=tuple(filter(is_there, one.examples))) for one in items]


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
