"""What people said of feedback, as labels that heads can learn.

Enters: the corrections of a store. Leaves: `Case`s, one per text, and how many decisions teach nothing. What
must hold: only what stands is learned; the same words with the same label are learned once, however often
they were decided, and in however many feedback; near twins share a group.

A department is learned as the field of work that it covers: where it covers several, the one of them that the
head holds for the most probable; where it covers none it cannot be learned. A topic is learned as its field
of work. The owner of a whole text is learned of those of its segments too that the head gives to the owner it
would have named, unless a person said something of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from voc.corrections import standing
from voc.heads import probabilities
from voc.pipeline import Pipeline
from voc.records import Analysis, Correction, Reading, Span
from voc.routing import FIELDS, NONE
from voc.sentiment import CLASSES
from voc.store import Store, as_kept
from voc.text import fold
from voc.topics import centred
from voc.training.data import text_hash
from voc.training.heads import SEGMENT_TRUST

Head: TypeAlias = Literal["departments", "sentiment", "touchpoints"]
HEADS: tuple[Head, ...] = ("departments", "sentiment", "touchpoints")
#: Cosine of centred vectors from which two texts are near twins. Among corpora/renderings.jsonl no two texts
#: of different complaints reach it.
TWIN = 0.9
CHUNK = 64
#: Rows that are compared with all others at a time.
BLOCK = 256


@dataclass(frozen=True, slots=True)
class Label:
    """One thing that people said.

    Attributes:
        head: which head learns it.
        row: the row of the reading that it is about.
        value: the head's class.
        weight: in training.
        part: the segment that it is about, None for the whole text.
        wanted: what an analysis shows where it agrees.
        confirmed: whether the service had said so itself.
        asked: whether a person said it of this very row; what follows from it is learned but not measured.
    """

    head: Head
    row: int
    value: str
    weight: float
    part: int | None
    wanted: str | None
    confirmed: bool
    asked: bool = True

    @property
    def kind(self) -> str:
        """``owner``, ``segment_department``, ``sentiment``, ``segment_sentiment`` or ``touchpoint``."""
        if self.head == "departments":
            return "owner" if self.part is None else "segment_department"
        name = self.head.removesuffix("s")
        return name if self.part is None else f"segment_{name}"

    def met(self, analysis: Analysis) -> bool:
        """Whether an analysis says what the person said."""
        if self.part is not None:
            part = analysis.segments[self.part]
            return self.wanted == (part.department if self.head == "departments" else part.sentiment)
        whole = {"departments": "owner", "sentiment": "sentiment", "touchpoints": "touchpoint"}
        return bool(self.wanted == getattr(analysis, whole[self.head]))


@dataclass(frozen=True, slots=True)
class Case:
    """A text with all that people said of it.

    Attributes:
        group: near twins have the same.
        corrections: numbers of the corrections that its labels come from.
    """

    text: str
    reading: Reading
    labels: tuple[Label, ...]
    group: int
    corrections: frozenset[int]


@dataclass(frozen=True, slots=True)
class Taught:
    """All cases of a store, in an order that does not depend on when they were decided.

    Attributes:
        left_out: decisions that teach the heads nothing, by reason.
    """

    cases: tuple[Case, ...]
    left_out: Mapping[str, int]


def gather(store: Store, shipped: Pipeline) -> Taught:
    """The cases of a store.

    Args:
        shipped: the pipeline with the heads that are to be moved.
    """
    by_feedback: dict[str, list[Correction]] = defaultdict(list)
    for correction in store.corrections.every():
        by_feedback[correction.feedback].append(correction)
    held = {key: found for key, said in by_feedback.items() if (found := _standing(said))}
    kept = store.get_many(list(held))
    by_text: dict[str, list[Correction]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for key, found in held.items():
        if kept[key].feedback.erased_at is None:
            by_text[kept[key].feedback.text] += found
        else:
            left_out["erased"] += len(found)
    texts = sorted(by_text, key=text_hash)
    readings = list(_read(shipped, texts))
    found_cases: list[tuple[str, Reading, tuple[Label, ...], frozenset[int]]] = []
    for text, reading in zip(texts, readings, strict=True):
        labels, numbers = _Teacher(shipped, text, reading).labels(by_text[text], left_out)
        if labels:
            found_cases.append((text, reading, labels, numbers))
    center = shipped.topics.registry.center
    groups = _groups([one[0] for one in found_cases], [one[1] for one in found_cases], center)
    cases = tuple(
        Case(text, reading, labels, group, numbers)
        for (text, reading, labels, numbers), group in zip(found_cases, groups, strict=True)
    )
    return Taught(cases, dict(sorted(left_out.items())))


def _standing(corrections: Sequence[Correction]) -> list[Correction]:
    """Those that hold, each with what the service had said itself before anybody decided anything."""
    first: dict[tuple[Span | None, str], Correction] = {}
    for one in corrections:
        first.setdefault((one.span, one.field), one)
    return [replace(one, said=first[one.span, one.field].said) for one in standing(corrections)]


def _read(pipeline: Pipeline, texts: Sequence[str]) -> Iterator[Reading]:
    for at in range(0, len(texts), CHUNK):
        yield from (as_kept(reading) for reading in pipeline.read(texts[at : at + CHUNK]))


def _groups(texts: Sequence[str], readings: Sequence[Reading], center: NDArray[np.float32]) -> list[int]:
    """The number of each text's group: near twins, and near twins of near twins, share one."""
    if not texts:
        return []
    points = centred(np.array([reading.vectors[0] for reading in readings]), center)
    folded = np.unique([_letters(text) for text in texts], return_inverse=True)[1]
    return [int(group) for group in joined(points, folded)]


def joined(points: NDArray[np.float32], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups of which some are joined: any two with a row each whose cosine is `TWIN` or more.

    A block of rows is compared at a time, and joined before the next, so that memory grows with the rows and
    not with their pairs, even if all are near twins.

    Args:
        points: float32 (n, n_dims), unit rows.
        groups: int64 (n,), numbered from 0 without a gap.

    Returns:
        int64 (n,), numbered from 0 in the order of their first rows.
    """
    for at in range(0, len(points), BLOCK):
        rows, columns = np.nonzero(points[at : at + BLOCK] @ points[at:].T >= TWIN)
        ends = groups[at + rows], groups[at + columns]
        size = int(groups.max()) + 1
        graph = coo_array((np.ones(len(rows), np.bool_), ends), shape=(size, size))
        groups = connected_components(graph, directed=False)[1][groups]
    _, first, groups = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[groups]


def _letters(text: str) -> str:
    """The folded words of a text, without signs."""
    return " ".join("".join(char if char.isalnum() else " " for char in fold(text)).split())


class _Teacher:
    """Turns the corrections of one text into labels."""

    def __init__(self, shipped: Pipeline, text: str, reading: Reading) -> None:
        self.shipped, self.text, self.reading = shipped, text, reading
        self.first = 1 if len(reading.spans) > 1 else 0

    def labels(
        self, corrections: Sequence[Correction], left_out: Counter[str]
    ) -> tuple[tuple[Label, ...], frozenset[int]]:
        """Labels, each row and value once, and the numbers of the corrections that they come from."""
        found: dict[tuple[Head, int, str, bool], Label] = {}
        numbers: set[int] = set()
        ordered = sorted(corrections, key=lambda one: (one.field, str(one.span), str(one.value)))
        for correction in ordered if self.reading.spans else ():
            labels = list(self._labels(correction))
            reason = "" if labels else self._why_not(correction)
            if reason:
                left_out[reason] += 1
            for label in labels:
                numbers.add(correction.number)
                found.setdefault((label.head, label.row, label.value, label.part is None), label)
        named = {label.row for label in found.values() if label.part is not None}
        owners = [one for one in found.values() if one.head == "departments" and one.part is None]
        for owner in owners:
            for label in self._implied(owner, named):
                found.setdefault((label.head, label.row, label.value, False), label)
        return tuple(found.values()), frozenset(numbers)

    def _labels(self, correction: Correction) -> Iterator[Label]:
        confirmed = correction.value == correction.said
        value = cast("str | None", None if correction.field == "cooperators" else correction.value)
        part = None if correction.span is None else self._part(correction.span)
        if correction.span is not None and part is None:
            return
        if correction.field == "sentiment" and value in CLASSES:
            yield self._label("sentiment", part, str(value), value, confirmed)
        elif correction.field == "touchpoint":
            yield self._label("touchpoints", part, str(value), value, confirmed)
        elif correction.field in ("owner", "department"):
            field = self._field(value, 0 if part is None else part + self.first)
            if field is not None:
                yield self._label("departments", part, field, value, confirmed)
        elif correction.field == "topic" and value is not None:
            topic = self.shipped.topics.registry.topics.get(value)
            department = self.shipped.department_of_topic.get(value)
            if topic is not None and department is not None:
                for one in range(len(self.reading.spans)) if part is None else (part,):
                    yield self._label("departments", one, topic.department, department, confirmed)

    def _label(self, head: Head, part: int | None, value: str, wanted: str | None, confirmed: bool) -> Label:
        row = 0 if part is None else part + self.first
        return Label(head, row, value, 1.0 if part is None else SEGMENT_TRUST, part, wanted, confirmed)

    def _why_not(self, correction: Correction) -> str:
        if correction.field in ("owner", "department"):
            return "departments that cover no field of work"
        if correction.field == "sentiment":
            return "mixed sentiments, which the second head finds"
        return f"{correction.field} that no head learns"

    def _part(self, span: Span) -> int | None:
        """The segment that shares most letters with ``span``."""
        shared = [min(one.end, span.end) - max(one.start, span.start) for one in self.reading.spans]
        return shared.index(max(shared)) if max(shared) > 0 else None

    def _field(self, department: str | None, row: int) -> str | None:
        """The field of work that a department stands for in this row; None where it covers none."""
        if department is None:
            return NONE
        known = self.shipped.router.organization.by_key.get(department)
        fields = known.fields_of_work if known else ()
        if len(fields) < 2:
            return fields[0] if fields else None
        said = self._said()[row]
        return max(fields, key=lambda field: float(said[FIELDS.index(field)]))

    def _said(self) -> NDArray[np.float32]:
        """What the department head says of each row."""
        features = self.shipped.features.transform(self.reading.vectors, self.reading.words)
        return probabilities(self.shipped.router.segment_head, features)

    def _implied(self, owner: Label, named: set[int]) -> Iterator[Label]:
        """The owner's label for the segments that it takes from the owner that the service would name."""
        if self.first:
            analysis = self.shipped.judge([""], [self.text], [self.reading])[0]
            for part, segment in enumerate(analysis.segments):
                if segment.department == analysis.owner and part + 1 not in named:
                    yield Label(
                        "departments", part + 1, owner.value, SEGMENT_TRUST, part, owner.wanted,
                        owner.confirmed, asked=False,
                    )  # fmt: skip
