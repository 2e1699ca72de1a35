"""History judged again by the pipeline as it is now: tried first, kept safely, taken back.

Enters: kept feedback with their readings. Leaves: a `Change`, and unless it is tried only, new analyses. What
must hold: readers see the old answers until all new ones are there; a run that is killed goes on where it was
and ends as if nothing had happened; a run that is taken back leaves what was before, row for row; what a dry
run counts is what the run then does.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from voc.errors import Conflict
from voc.pipeline import Pipeline, PipelineHolder
from voc.process import is_dead, new_holder
from voc.records import Analysis, Reading
from voc.store import Filter, KeptReading, Run, Store, as_kept

#: Feedback that are judged and kept in one transaction.
PAGE = 2048
#: Texts that are encoded together.
CHUNK = 64
#: Examples kept of each move of owners.
EXAMPLES = 3
#: Seconds after which somebody else may go on with a run that gives no sign of life.
LEASE_S = 120.0

#: Analyses of one page, and the readings that had to be made, same order.
Judged: TypeAlias = tuple[list[Analysis], list[Reading | None]]
#: Judges pages, same order; it may take some ahead, as the engine of a cluster does.
Judge: TypeAlias = Callable[[Iterable[Sequence[KeptReading]]], Iterator[Judged]]


@dataclass(slots=True)
class Change:
    """What a reclassification moves, counted.

    Attributes:
        rows: feedback judged.
        encoded: of these, how many had to be read anew.
        corrected: of these, how many people had decided something of; their word stays.
        owners, sentiments, statuses: feedback by what it had and what it has; None stands for nobody.
        topics: segments by topic before and after; a segment that was cut otherwise counts as two.
        examples: ids of a few feedback of each move of owners.
    """

    rows: int = 0
    encoded: int = 0
    corrected: int = 0
    owners: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    sentiments: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    topics: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    examples: dict[tuple[str | None, str | None], list[str]] = field(default_factory=dict)

    def add(self, row: KeptReading, new: Analysis, *, encoded: bool) -> None:
        """Counts one feedback by what is shown of it and what is to be shown.

        What people decided does not move, whatever the pipeline says.
        """
        old = row.shown
        self.rows += 1
        self.encoded += encoded
        self.corrected += row.corrected
        move = (old.owner, new.owner)
        self.owners[move] += 1
        if old.owner != new.owner and len(self.examples.setdefault(move, [])) < EXAMPLES:
            self.examples[move].append(row.id)
        self.sentiments[old.sentiment, new.sentiment] += 1
        self.statuses[old.status, new.status] += 1
        before = {(part.start, part.end): part.topic for part in old.segments}
        after = {(part.start, part.end): part.topic for part in new.segments}
        for place in before.keys() | after.keys():
            self.topics[before.get(place), after.get(place)] += 1

    def as_dict(self) -> dict[str, Any]:
        """JSON values; each ``moved`` list holds only what changed, most frequent first."""
        return {
            "rows": self.rows,
            "encoded": self.encoded,
            "corrections_kept": self.corrected,
            "owners_moved": [
                move | {"examples": self.examples.get((move["from"], move["to"]), [])}
                for move in _moved(self.owners)
            ],
            "departments": _balance(self.owners),
            "sentiments_moved": _moved(self.sentiments),
            "statuses_moved": _moved(self.statuses),
            "topics_moved": _moved(self.topics),
        }

    def state(self) -> dict[str, Any]:
        """All that is needed to go on counting, as JSON values."""
        counters = {name: [[*pair, n] for pair, n in getattr(self, name).items()] for name in _COUNTERS}
        examples = [[*move, keys] for move, keys in self.examples.items()]
        return {
            "rows": self.rows, "encoded": self.encoded, "corrected": self.corrected, "examples": examples,
            **counters,
        }  # fmt: skip

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Change:
        """The reverse of `state`; nothing counted where it is empty."""
        if not state:
            return cls()
        counters = {name: Counter({(old, new): n for old, new, n in state[name]}) for name in _COUNTERS}
        examples = {(old, new): list(keys) for old, new, keys in state["examples"]}
        return cls(state["rows"], state["encoded"], state["corrected"], **counters, examples=examples)


_COUNTERS = ("owners", "sentiments", "statuses", "topics")


def _moved(counts: Counter[Any]) -> list[dict[str, Any]]:
    pairs = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return [{"from": old, "to": new, "count": count} for (old, new), count in pairs if old != new]


def _balance(owners: Counter[tuple[str | None, str | None]]) -> list[dict[str, Any]]:
    """For each department (null: nobody) what it gains and loses, those with the greatest change first."""
    gained, lost = Counter[str | None](), Counter[str | None]()
    for (old, new), count in owners.items():
        if old != new:
            gained[new] += count
            lost[old] += count
    keys = sorted(gained.keys() | lost.keys(), key=lambda key: (-abs(gained[key] - lost[key]), str(key)))
    return [{"department": key, "gains": gained[key], "loses": lost[key]} for key in keys]


class History:
    """Judges the history of one store again."""

    def __init__(self, store: Store, pipelines: PipelineHolder) -> None:
        self.store = store
        self.pipelines = pipelines

    def left(self, chosen: Filter) -> int:
        """How many feedback the pipeline as it is now has not judged."""
        return self.store.runs.left(self.pipelines.get().version, chosen)

    def try_out(
        self, chosen: Filter, progress: Callable[[int], None] = lambda _: None, judge: Judge | None = None
    ) -> Change:
        """Counts what `run` would move, and keeps nothing."""
        pipeline = self.pipelines.get()
        change = Change()
        for page, analyses, fresh in self._judged(pipeline, chosen, 0, None, judge):
            self._count(change, pipeline, page, analyses, fresh)
            progress(len(page))
        return change

    def run(
        self, chosen: Filter, progress: Callable[[int], None] = lambda _: None, judge: Judge | None = None
    ) -> tuple[Run | None, Change]:
        """Judges again and shows the new answers once all are there; no run where nothing is left to judge.

        A run of the same pipeline over the same feedback that was stopped goes on where it was.

        Args:
            progress: called with the number of rows done since the last call.
            judge: does the work of all pages; in this process, one after the other, if left out.

        Raises:
            Conflict: ``run_in_progress``, or ``pipeline_changed`` if ``judge`` works by another pipeline.
        """
        pipeline = self.pipelines.get()
        self._release_dead()
        if not self.store.runs.unfinished() and not self.store.runs.any_left(pipeline.version, chosen):
            return None, Change()
        run = self.store.runs.begin(pipeline.version, chosen, holder=new_holder(), lease_s=LEASE_S)
        change, after = Change.of(run.change), run.after
        try:
            while True:
                for page, analyses, fresh in self._judged(pipeline, chosen, after, run, judge):
                    self._count(change, pipeline, page, analyses, fresh)
                    self.store.runs.keep(
                        run, page, analyses, fresh, pipeline.reader.version, change.state(),
                        pipeline.department_of_topic, lease_s=LEASE_S,
                    )  # fmt: skip
                    progress(len(page))
                if self.store.runs.finish(run):
                    return self.store.runs.get(run.number), change
                after = 0  # feedback came in that an older pipeline judged meanwhile
        except BaseException:
            self.store.runs.release(run)
            raise

    def told(self, change: Change) -> dict[str, Any]:
        """A change as JSON values, its examples with their texts."""
        told = change.as_dict()
        keys = [key for move in told["owners_moved"] for key in move["examples"]]
        texts = {key: kept.feedback.text for key, kept in self.store.get_many(keys).items()}
        for move in told["owners_moved"]:
            move["examples"] = [{"id": key, "text": texts[key]} for key in move["examples"] if key in texts]
        return told

    def rollback(self, number: int) -> Run:
        """Shows again what was shown before a run; see `voc.store.runs.Runs.rollback` for errors."""
        self._release_dead()
        return self.store.runs.rollback(number)

    def _release_dead(self) -> None:
        """Lets go of runs whose process was killed, without waiting for its lease."""
        for unfinished in self.store.runs.unfinished():
            if unfinished.held_by is not None and is_dead(unfinished.held_by):
                self.store.runs.release(unfinished)

    def _judged(
        self, pipeline: Pipeline, chosen: Filter, after: int, run: Run | None, judge: Judge | None
    ) -> Iterator[tuple[Sequence[KeptReading], list[Analysis], list[Reading | None]]]:
        """Each page with what is judged of it, by number; `map` takes a page when the last one is kept."""
        taken: deque[Sequence[KeptReading]] = deque()

        def pages() -> Iterator[Sequence[KeptReading]]:
            last = after
            while page := self._page(pipeline, chosen, last, run):
                last = page[-1].number
                taken.append(page)
                yield page

        for analyses, fresh in judge(pages()) if judge else map(partial(judged, pipeline), pages()):
            if any(one.pipeline != pipeline.version for one in analyses):
                raise Conflict("pipeline_changed", "topics, heads or models changed meanwhile: begin again")
            yield taken.popleft(), analyses, fresh

    def _page(self, pipeline: Pipeline, chosen: Filter, after: int, run: Run | None) -> list[KeptReading]:
        return self.store.runs.page(pipeline.reader.version, pipeline.version, chosen, after, PAGE, run)

    def _count(
        self,
        change: Change,
        pipeline: Pipeline,
        page: Sequence[KeptReading],
        analyses: Sequence[Analysis],
        fresh: Sequence[Reading | None],
    ) -> None:
        shown = self.store.corrections.applied(
            [row.number for row in page if row.corrected], page, analyses, pipeline.department_of_topic
        )
        for row, new, reading in zip(page, shown, fresh, strict=True):
            change.add(row, new, encoded=reading is not None)


def judged(pipeline: Pipeline, rows: Sequence[KeptReading]) -> Judged:
    """Analyses of one page, and the readings that had to be made, same order.

    Kept readings are used where the reader is the same: a change of heads, topics or organization encodes
    nothing.
    """
    missing = [place for place, row in enumerate(rows) if row.reading is None]
    fresh: list[Reading | None] = [None] * len(rows)
    for at in range(0, len(missing), CHUNK):
        places = missing[at : at + CHUNK]
        for place, reading in zip(places, pipeline.read([rows[i].text for i in places]), strict=True):
            fresh[place] = as_kept(reading)
    readings = [row.reading or made for row, made in zip(rows, fresh, strict=True)]
    analyses = pipeline.judge(
        [row.id for row in rows], [row.text for row in rows], [one for one in readings if one is not None]
    )
    return analyses, fresh
