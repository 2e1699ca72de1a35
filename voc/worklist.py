"""What still has to be analyzed, by whom, and doing it.

Enters: new feedback, or rows that wait. Leaves: analyses in the store. What must hold: a row is on the work
list from the moment it is kept until its analysis is; whoever dies holding rows loses them after the lease,
and somebody else goes on; an analysis done twice leaves one result. Keeping a row never waits for analyses:
where too many requests wait for theirs, a row is answered without and analyzed later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from time import monotonic

from voc.batching import FOREVER, Batcher
from voc.errors import Unavailable
from voc.metrics import Metrics
from voc.pipeline import Pipeline, PipelineHolder
from voc.privacy import mask, pseudonymize
from voc.process import is_dead, new_holder
from voc.records import Analysis, Feedback
from voc.settings import Settings
from voc.store import UNUSABLE, Added, Store, as_kept

log = logging.getLogger(__name__)

#: Texts that are analyzed and kept together; twice as many are hardly faster, and take twice as long.
CHUNK = 32
#: Requests whose rows are kept in one transaction: one sync to disk, and one wait for other writers, for all.
ARRIVALS = 32
#: Seconds after which a row whose analysis failed is tried again.
RETRY_S = 60.0
#: The secret under which values are turned into codes.
PSEUDONYM_KEY = "pseudonym"


@dataclass(frozen=True, slots=True)
class Submission:
    """A row that was handed in, as kept, with its current analysis if there is one yet."""

    added: Added
    analysis: Analysis | None
    corrected: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class _Arrival:
    """What one request brought, to be kept.

    Attributes:
        put_off: nobody holds its rows: they are analyzed by whoever looks at the work list next.
        added: what became of it, or why nothing did.
    """

    rows: Sequence[Feedback]
    put_off: bool
    holder: str = ""
    added: list[Added] | Exception | None = None


@dataclass(slots=True, eq=False)
class _Task:
    """One text to analyze.

    Attributes:
        holder: who holds its row of the work list; None for a text that is not kept.
        result: its analysis, or why there is none; None where nobody began.
    """

    id: str
    text: str
    holder: str | None
    result: Analysis | Exception | None = None


class WorkList:
    """Analyzes for one process: the texts of all its requests together, one batch at a time."""

    def __init__(
        self, store: Store, pipelines: PipelineHolder, settings: Settings, metrics: Metrics | None = None
    ) -> None:
        self.store = store
        self.metrics = metrics
        self.pipelines = pipelines
        self.settings = settings
        self.arrivals = Batcher(self._add, ARRIVALS)
        self.batches = Batcher(self._analyze, CHUNK, settings.analysis_slots)

    def submit(self, rows: Sequence[Feedback], *, timeout_s: float | None = None) -> list[Submission]:
        """Keeps rows, then analyzes the new ones as far as the time-out allows; same order.

        Before anything is kept, personal data in the text and in the string values of ``attributes`` are
        dealt with as `Settings.pii` says; the answer shows the row as it is kept, and offsets are into that.
        The keys of ``attributes``, ``customer_ref`` and ``external_id`` stay: they are the sender's own
        references.

        What is not analyzed by then, or fails, stays on the work list. So does everything, at once, where
        `Settings.analysis_slots` requests wait already.

        Args:
            timeout_s: less than `Settings.analysis_timeout_s` for who must be answered soon; it does not wait
                for models that are still to be loaded either.
        """
        wait_s = self.settings.analysis_timeout_s
        if timeout_s is not None:
            wait_s = min(timeout_s, wait_s) if self.pipelines.opened else 0.0
        arrival = _Arrival(self.without_personal_data(rows), put_off=wait_s <= 0 or self.batches.is_full())
        self.arrivals.run([arrival], FOREVER)
        if not isinstance(arrival.added, list):
            raise arrival.added or RuntimeError("rows were neither kept nor refused")
        holder = arrival.holder
        added = [self._recognized(one, row.text) for one, row in zip(arrival.added, rows, strict=True)]
        if self.metrics:
            self.metrics.submitted(row.outcome for row in added)
        tasks = [
            _Task(row.feedback.id, row.feedback.text, holder) for row in added if row.outcome == "created"
        ]
        left = [] if arrival.put_off else self.batches.run(tasks, wait_s)
        if left:
            self._release(holder, left)
        kept = self.store.get_many([row.feedback.id for row in added])
        return [
            Submission(row, found.analysis, found.corrected)
            if (found := kept.get(row.feedback.id))
            else Submission(row, None)  # it was erased before this database was restored
            for row in added
        ]

    def without_personal_data(self, rows: Sequence[Feedback]) -> list[Feedback]:
        """The rows as they may be kept. The same raw text always becomes the same text, so that a row which
        is posted again is known again; the key of the codes is made at the first use."""
        if self.settings.pii == "keep" or not rows:
            return list(rows)
        hidden = self._hidden()
        return [
            replace(
                row,
                text=hidden(row.text),
                attributes={
                    name: hidden(value) if isinstance(value, str) else value
                    for name, value in row.attributes.items()
                },
            )
            for row in rows
        ]

    def _hidden(self) -> Callable[[str], str]:
        """What `Settings.pii` says."""
        if self.settings.pii == "keep":
            return str
        if self.settings.pii == "mask":
            return mask
        return partial(pseudonymize, key=self.store.secrets.get_or_make(PSEUDONYM_KEY))

    def _recognized(self, added: Added, sent: str) -> Added:
        """What seems to be another text under a known id may be the same text, kept under another
        `Settings.pii`, or by a version that masked less. What was kept stays.

        Args:
            sent: the text as it was sent.
        """
        kept = added.feedback
        if added.outcome != "conflict" or kept.erased_at is not None:
            return added
        hidden = self._hidden()
        otherwise = [sent, mask(sent)]
        if key := self.store.secrets.get(PSEUDONYM_KEY):
            otherwise.append(pseudonymize(sent, key))
        is_same = kept.text in otherwise or hidden(kept.text) == hidden(sent)
        return replace(added, outcome="exists") if is_same else added

    def _add(self, arrivals: Sequence[_Arrival]) -> None:
        """Keeps what several requests brought; rows that somebody holds and those that nobody does apart."""
        for put_off in (False, True):
            alike = [arrival for arrival in arrivals if arrival.put_off == put_off]
            if alike:
                lease_s = 0.0 if put_off else self.settings.lease_s + self.settings.analysis_timeout_s
                self._add_alike(alike, new_holder(), lease_s)

    def _add_alike(self, arrivals: Sequence[_Arrival], holder: str, lease_s: float) -> None:
        """One transaction: all rows are kept, or none is and all requests are told."""
        try:
            rows = [row for arrival in arrivals for row in arrival.rows]
            added = iter(self.store.add(rows, holder=holder, lease_s=lease_s))
        except Exception as error:  # noqa: BLE001  # `submit` raises it in each of their threads
            for arrival in arrivals:
                arrival.added = error
            return
        for arrival in arrivals:
            arrival.holder = holder
            arrival.added = list(islice(added, len(arrival.rows)))

    def analyze(self, ids: Sequence[str], texts: Sequence[str]) -> list[Analysis]:
        """Analyzes without keeping, among what others ask for; same order.

        Raises:
            Unavailable: ``overloaded``: it did not get its turn in time.
        """
        tasks = [_Task(key, text, None) for key, text in zip(ids, texts, strict=True)]
        self.batches.run(tasks, self.settings.analysis_timeout_s, always=True)
        found: list[Analysis] = []
        for task in tasks:
            if task.result is None:
                raise Unavailable("overloaded", "there is more to analyze than can be done now; try again")
            if isinstance(task.result, Exception):
                raise task.result
            found.append(task.result)
        return found

    def _analyze(self, tasks: Sequence[_Task]) -> None:
        """Analyzes and keeps. Rows that fail are put back one by one; where it is the database that fails,
        all wait for the end of their leases."""
        began = monotonic()
        try:
            self._keep(self.pipelines.get(), tasks)
        except UNUSABLE as error:
            log.exception("the database cannot take analyses now")
            for task in tasks:
                task.result = error
            return
        except Exception as error:
            if len(tasks) > 1:
                for task in tasks:
                    self._analyze([task])
                return
            (task,) = tasks
            task.result = error
            if self.metrics:
                self.metrics.analysis_failed()
            if task.holder is not None:
                log.exception("analysis failed", extra={"feedback": task.id})
                self._release(task.holder, [task], delay_s=RETRY_S)
            return
        if self.metrics:
            self.metrics.analyzed(len(tasks), monotonic() - began)

    def _release(self, holder: str, tasks: Sequence[_Task], delay_s: float = 0.0) -> None:
        """Puts rows back; where the database cannot be written, the end of their lease does."""
        try:
            self.store.release(holder, [task.id for task in tasks], delay_s=delay_s)
        except UNUSABLE:
            log.exception("rows could not be put back before the end of their lease")

    def _keep(self, pipeline: Pipeline, tasks: Sequence[_Task]) -> None:
        ids, texts = [task.id for task in tasks], [task.text for task in tasks]
        readings = [as_kept(reading) for reading in pipeline.read(texts)]
        judged = pipeline.judge(ids, texts, readings)
        kept = [number for number, task in enumerate(tasks) if task.holder is not None]
        if kept:
            self.store.save(
                [judged[number] for number in kept], [readings[number] for number in kept],
                pipeline.reader.version, pipeline.department_of_topic,
            )  # fmt: skip
        for task, analysis in zip(tasks, judged, strict=True):
            task.result = analysis

    def drain_once(self) -> int:
        """Claims one chunk of waiting rows and analyzes it beside what requests ask for; returns how many it
        claimed."""
        holder = new_holder()
        pairs = self.store.claim(holder, CHUNK, self.settings.lease_s)
        self.batches.run_in_background(_Task(key, text, holder) for key, text in pairs)
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
