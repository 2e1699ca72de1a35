"""What still has to be analyzed, by whom, and doing it.

Enters: new feedback, or rows that wait. Leaves: analyses in the store. What must hold: a row is on the work
list from the moment it is kept until its analysis is; whoever dies holding rows loses them after the lease,
and somebody else goes on; an analysis done twice leaves one result.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from voc.pipeline import Pipeline, PipelineHolder
from voc.process import is_dead, new_holder
from voc.records import Analysis, Feedback
from voc.settings import Settings
from voc.store import Added, Store, as_kept

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
    corrected: tuple[str, ...] = ()


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
        holder = new_holder()
        added = self.store.add(
            rows, holder=holder, lease_s=self.settings.lease_s + self.settings.analysis_timeout_s
        )
        created = [row.feedback for row in added if row.outcome == "created"]
        self._analyze_in_time(holder, created)
        kept = self.store.get_many([row.feedback.id for row in added])
        return [
            Submission(row, kept[row.feedback.id].analysis, kept[row.feedback.id].corrected) for row in added
        ]

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
        judged = pipeline.judge(ids, texts, readings)
        self.store.save(judged, readings, pipeline.reader.version, pipeline.department_of_topic)

    def drain_once(self) -> int:
        """Claims and analyzes one chunk of waiting rows; returns how many it claimed."""
        holder = new_holder()
        pairs = self.store.claim(holder, CHUNK, self.settings.lease_s)
        if pairs:
            self._analyze(holder, pairs)
        return len(pairs)

    def reclaim(self) -> None:
        """Takes back what dead processes of this machine hold, without waiting for their leases."""
        for holder in self.store.holders():
            if is_dead(holder):
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


def _chunks(rows: Sequence[Feedback]) -> Iterator[Sequence[Feedback]]:
    for at in range(0, len(rows), CHUNK):
        yield rows[at : at + CHUNK]
