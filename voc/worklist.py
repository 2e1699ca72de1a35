"""What still has to be analyzed, by whom, and doing it.

Enters: new feedback, or rows that wait. Leaves: analyses in the store. What must hold: a row is on the work
list from the moment it is kept until its analysis is; whoever dies holding rows loses them after the lease,
and somebody else goes on; an analysis done twice leaves one result.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from voc.pipeline import Pipeline, PipelineHolder
from voc.records import Analysis, Feedback
from voc.settings import Settings
from voc.store import Added, Filter, Store, as_kept

log = logging.getLogger(__name__)

#: Texts that are analyzed and kept together.
CHUNK = 64
#: Seconds after which a row whose analysis failed is tried again.
RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class Submission:
    """A row that was handed in, as kept, with its current analysis if there is one yet."""

    added: Added
    analysis: Analysis | None


@dataclass(slots=True)
class Change:
    """What a reclassification moved, counted."""

    rows: int = 0
    encoded: int = 0
    owners: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    sentiments: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """JSON values; each ``moved`` list holds only what changed, most frequent first."""
        return {
            "rows": self.rows,
            "encoded": self.encoded,
            "owners_moved": _moved(self.owners),
            "sentiments_moved": _moved(self.sentiments),
            "statuses_moved": _moved(self.statuses),
        }


def _moved(counts: Counter[Any]) -> list[dict[str, Any]]:
    return [
        {"from": old, "to": new, "count": count} for (old, new), count in counts.most_common() if old != new
    ]


class WorkList:
    """Analyzes for one process."""

    def __init__(self, store: Store, pipelines: PipelineHolder, settings: Settings) -> None:
        self.store = store
        self.pipelines = pipelines
        self.settings = settings

    def submit(self, rows: Sequence[Feedback]) -> list[Submission]:
        """Keeps rows, then analyzes the new ones as far as the time-out allows; same order.

        What is not analyzed by then, or fails, stays on the work list.
        """
        holder = _new_holder()
        added = self.store.add(
            rows, holder=holder, lease_s=self.settings.lease_s + self.settings.analysis_timeout_s
        )
        created = [row.feedback for row in added if row.outcome == "created"]
        self._analyze_in_time(holder, created)
        kept = self.store.get_many([row.feedback.id for row in added])
        return [Submission(row, kept[row.feedback.id].analysis) for row in added]

    def _analyze_in_time(self, holder: str, rows: Sequence[Feedback]) -> None:
        deadline = monotonic() + self.settings.analysis_timeout_s
        for chunk in _chunks(rows):
            pairs = [(row.id, row.text) for row in chunk]
            if monotonic() > deadline:
                self.store.release(holder, [key for key, _ in pairs])
            else:
                self._analyze(holder, pairs)

    def _analyze(self, holder: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Analyzes and keeps; rows that fail are put back one by one."""
        try:
            self._keep(self.pipelines.get(), pairs)
        except Exception:
            if len(pairs) > 1:
                for pair in pairs:
                    self._analyze(holder, [pair])
                return
            log.exception("analysis failed", extra={"feedback": pairs[0][0]})
            self.store.release(holder, [pairs[0][0]], delay_s=RETRY_S)

    def _keep(self, pipeline: Pipeline, pairs: Sequence[tuple[str, str]]) -> None:
        ids, texts = [key for key, _ in pairs], [text for _, text in pairs]
        readings = [as_kept(reading) for reading in pipeline.read(texts)]
        self.store.save(pipeline.judge(ids, texts, readings), readings, pipeline.reader.version)

    def drain_once(self) -> int:
        """Claims and analyzes one chunk of waiting rows; returns how many it claimed."""
        holder = _new_holder()
        pairs = self.store.claim(holder, CHUNK, self.settings.lease_s)
        if pairs:
            self._analyze(holder, pairs)
        return len(pairs)

    def reclaim(self) -> None:
        """Takes back what dead processes of this machine hold, without waiting for their leases."""
        for holder in self.store.holders():
            host, _, process = holder.rpartition("/")
            number = process.partition("-")[0]
            if host == socket.gethostname() and number.isdecimal() and not _alive(int(number)):
                self.store.release_holder(holder)

    def run(self, stop: threading.Event) -> None:
        """Drains the work list until ``stop`` is set; looks again every `Settings.poll_s` seconds."""
        self.reclaim()
        while not stop.is_set():
            try:
                claimed = self.drain_once()
            except Exception:
                log.exception("the work list could not be drained")
                claimed = 0
            if not claimed:
                stop.wait(self.settings.poll_s)

    def reclassify(
        self, chosen: Filter, *, dry_run: bool, progress: Callable[[int], None] = lambda _: None
    ) -> Change:
        """Judges kept feedback again by the current pipeline; rows it has judged already are left out.

        Kept readings are used where the reader is the same, so that a change of heads, topics or
        organization encodes nothing.

        Args:
            dry_run: count what would move and keep nothing.
            progress: called with the number of rows done since the last call.
        """
        pipeline = self.pipelines.get()
        change = Change()
        run = None if dry_run else self._start(pipeline, chosen)
        after = 0
        while True:
            page = self.store.readings(pipeline.reader.version, pipeline.version, chosen, after, CHUNK * 8)
            if not page:
                break
            after = page[-1].number
            missing = [row for row in page if row.reading is None]
            fresh = dict(
                zip(
                    [row.id for row in missing],
                    map(as_kept, pipeline.read([row.text for row in missing])),
                    strict=True,
                )
            )
            readings = [row.reading or fresh[row.id] for row in page]
            judged = pipeline.judge([row.id for row in page], [row.text for row in page], readings)
            self._count(change, judged, len(missing))
            if run is not None:
                self.store.save(judged, [fresh.get(row.id) for row in page], pipeline.reader.version, run)
            progress(len(page))
        if run is not None:
            self.store.finish_run(run, change.rows)
        return change

    def _start(self, pipeline: Pipeline, chosen: Filter) -> int:
        selection = {"source": chosen.source, "since": chosen.since}
        return self.store.start_run("reclassify", pipeline.version, selection)

    def _count(self, change: Change, judged: Sequence[Analysis], encoded: int) -> None:
        before = self.store.get_many([analysis.id for analysis in judged])
        change.rows += len(judged)
        change.encoded += encoded
        for analysis in judged:
            old = before[analysis.id].analysis
            if old is not None:
                change.owners[old.owner, analysis.owner] += 1
                change.sentiments[old.sentiment, analysis.sentiment] += 1
                change.statuses[old.status, analysis.status] += 1


def _new_holder() -> str:
    """Says which process of which machine holds a row."""
    return f"{socket.gethostname()}/{os.getpid()}-{uuid.uuid4().hex[:12]}"


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True


def _chunks(rows: Sequence[Feedback]) -> Iterator[Sequence[Feedback]]:
    for at in range(0, len(rows), CHUNK):
        yield rows[at : at + CHUNK]
