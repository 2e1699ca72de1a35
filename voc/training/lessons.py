"""What the encoder is taught: texts with the labels of several tasks, in steps of a size that fits memory.

Enters: a data folder and ``corpora``. Leaves: `Lesson`s, the `Task`s whose labels they carry, and an order
for each epoch. What must hold: no group held out or kept for calibration, no row of ``routing_dev.jsonl``
nor a near twin of one is among the lessons; the renderings of one complaint stand in one step; a segment is
learned inside the text it stands in; an order depends on its seed alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc import segment as segmenting
from voc.training import data as sets
from voc.training.data import Example, is_for_calibration, is_held_out, text_hash

#: The tasks that the service itself has, and how much each counts.
SERVICE = {"sentiment": 1.0, "department": 1.5, "touchpoint": 0.3}
#: How much the labels of one public set count.
AUXILIARY = 0.3
#: Trust in labels of segments and in labels that were only derived from those of a public set.
PART_TRUST, WEAK_TRUST = 0.5, 0.2
#: Public sets with labels of their own: the field, and its part where it holds objects.
FIELDS = {
    "banking77": "intent", "clinc150": "intent", "bitext_customer_service": "intent",
    "hint3_curekart": "intent", "hint3_powerplay11": "intent", "hint3_sofmattress": "intent",
    "nlupp_banking": "intents", "nlupp_hotels": "intents", "bankapp_reviews": "topic",
    "fashion_absa": "aspects", "uts2017_bank": "aspects", "hanoi_hotel": "aspects",
}  # fmt: skip
#: Sets in which a text may carry several labels, or none.
SEVERAL = ("nlupp_banking", "nlupp_hotels", "fashion_absa", "uts2017_bank", "hanoi_hotel")

Labels = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Task:
    """A question that one linear head answers.

    Attributes:
        classes: the possible answers.
        several: whether a text may have several answers, or none (sigmoid), or shares out one (softmax).
        weight: how much it counts.
    """

    name: str
    classes: tuple[str, ...]
    several: bool
    weight: float

    @property
    def scale(self) -> float:
        """One over the loss of a head that knows nothing, so that tasks of any size start alike."""
        return 1 / log(2) if self.several else 1 / log(len(self.classes))


@dataclass(frozen=True, slots=True)
class Lesson:
    """A text and what it teaches.

    Attributes:
        group: texts of one group are never set apart as if they meant different things.
        kind: ``whole``, ``part`` (a segment) or ``weak`` (no label of this text was given by our guide).
        labels: answers by task; a softmax task shares itself out among several.
        trust: weight by task.
        pair: texts with the same pair mean the same, such as translations; None where there is no other.
        parts: its segments in order, with the span of each; a segment stands among the lessons too.
    """

    text: str
    group: str
    kind: str
    labels: Labels
    trust: Mapping[str, float] = field(default_factory=dict)
    pair: str | None = None
    parts: tuple[tuple[int, int, Lesson], ...] = ()


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of what an epoch holds: all wholes with their segments, and so many weakly labelled texts."""

    weak: int = 6_000
    step: int = 64


# ------------------------------------------------------------------------------ the lessons
def read_lessons(data: Path, corpora: Path) -> list[Lesson]:
    """All lessons, in a fixed order: wholes, parts, weak ones."""
    own = [*sets.corpus(corpora), *sets.hand_labelled(data, corpora)]
    public = public_labels(data)
    known = {example.group for example in own}
    weak = {e.group: e for e in sets.weakly_labelled(data) if e.group not in known}
    for source, text in sets.training_texts(data):
        group = _group(source, text)
        if group not in known and group not in weak and group in public:
            weak[group] = Example(text, source, group)
    own, others = _learnable(own, data), _learnable(list(weak.values()), data)
    counts: dict[str, int] = defaultdict(int)
    for example in own:
        counts[example.group] += 1
    wholes = [_whole(e, public.get(e.group, {}), counts[e.group] > 1) for e in own]
    parts = [part for whole in wholes for _, _, part in whole.parts]
    return [*wholes, *parts, *(_weak(e, public.get(e.group, {})) for e in others)]


def _learnable(examples: Sequence[Example], data: Path) -> list[Example]:
    """Those that may be learned from; ``routing_dev.jsonl`` is read only to leave its twins out."""
    kept = [e for e in examples if not is_held_out(e.group) and not is_for_calibration(e.group)]
    dev = data / "routing_dev.jsonl"
    return sets.without_twins(kept, (e.text for e in sets.routing_set(dev))) if dev.exists() else kept


def _group(source: str, text: str) -> str:
    return f"{source}-{text_hash(text)[:16]}"


def public_labels(data: Path) -> dict[str, Labels]:
    """By group: what the public sets themselves say of a text, the set's name being the task's."""
    found: dict[str, Labels] = {}
    for source, name in FIELDS.items():
        path = data / "train" / f"{source}.jsonl"
        for row in sets.read_jsonl(path) if path.exists() else ():
            found[_group(source, row["text"])] = {source: tuple(dict.fromkeys(_answers(row[name])))}
    return found


def _answers(value: Any) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        yield str(item["aspect"] if isinstance(item, dict) else item)


def feeling(sentiment: str | None) -> tuple[str, ...]:
    """The classes that share a text's sentiment: both sides of a mixed one."""
    if sentiment == "mixed":
        return ("negative", "positive")
    return (sentiment,) if sentiment else ()


def _whole(example: Example, public: Labels, has_others: bool) -> Lesson:
    labels = _service_labels(example) | public
    trust = dict.fromkeys(labels, 1.0)
    if example.sentiment == "mixed":
        trust["sentiment"] = 0.5
    pair = example.group if has_others else None
    return Lesson(example.text, example.group, "whole", labels, trust, pair, tuple(_parts(example)))


def _parts(example: Example) -> Iterator[tuple[int, int, Lesson]]:
    """The labelled segments; where there are none, those that the service would cut, without labels."""
    found: list[tuple[int, int, Labels]] = [
        (start, end, {"sentiment": feeling(sentiment), "department": (department or "none",)})
        for start, end, sentiment, department in example.parts
    ] or [(span.start, span.end, {}) for span in segmenting.segment(example.text)]
    if len(found) > 1:
        for start, end, labels in found:
            text = example.text[start:end].strip()
            if text:
                trust = dict.fromkeys(labels, PART_TRUST)
                yield start, end, Lesson(text, example.group, "part", labels, trust)


def _weak(example: Example, public: Labels) -> Lesson:
    ours = _service_labels(example)
    trust = dict.fromkeys(ours, WEAK_TRUST) | dict.fromkeys(public, 1.0)
    return Lesson(example.text, example.group, "weak", ours | public, trust)


def _service_labels(example: Example) -> Labels:
    said = {
        "sentiment": feeling(example.sentiment),
        "department": (example.owner,) if example.owner else (),
        "touchpoint": (example.touchpoint,) if example.touchpoint else (),
    }
    return {task: answers for task, answers in said.items() if answers}


# -------------------------------------------------------------------------------- the tasks
def tasks_of(lessons: Sequence[Lesson]) -> list[Task]:
    """The tasks that the labels of ``lessons`` speak of, the service's own first."""
    classes: dict[str, set[str]] = {name: set() for name in SERVICE}
    for lesson in lessons:
        for name, answers in lesson.labels.items():
            classes.setdefault(name, set()).update(answers)
    return [
        Task(name, tuple(sorted(found)), name in SEVERAL, SERVICE.get(name, AUXILIARY))
        for name, found in classes.items()
        if len(found) > 1
    ]


def targets_of(
    lessons: Sequence[Lesson], tasks: Sequence[Task]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The answers and how much each task counts for each lesson.

    Returns:
        (n_lessons, sum of the tasks' classes), for each task a distribution or 0 and 1; and
        (n_lessons, n_tasks), 0 where nothing is known.
    """
    columns = {
        (task.name, answer): place
        for place, (task, answer) in enumerate((task, answer) for task in tasks for answer in task.classes)
    }
    answers = np.zeros((len(lessons), len(columns)), np.float32)
    weights = np.zeros((len(lessons), len(tasks)), np.float32)
    for row, lesson in enumerate(lessons):
        for number, task in enumerate(tasks):
            if task.name in lesson.labels:
                given = lesson.labels[task.name]
                share = 1.0 if task.several else 1 / len(given)
                answers[row, [columns[task.name, answer] for answer in given]] = share
                weights[row, number] = lesson.trust.get(task.name, 1.0) * task.weight
    return answers, weights


# -------------------------------------------------------------------------------- the order
def rows_of_parts(lessons: Sequence[Lesson]) -> dict[int, list[int]]:
    """The rows of the segments of each text that has some."""
    at = {id(lesson): row for row, lesson in enumerate(lessons)}
    return {
        row: [at[id(part)] for _, _, part in lesson.parts]
        for row, lesson in enumerate(lessons)
        if lesson.parts
    }


def epoch_steps(lessons: Sequence[Lesson], quota: Quota, random: Random) -> list[list[int]]:
    """The rows of each step of one epoch: pairs stay together, everything else is shuffled.

    Segments are not among them: they come with their text. A step holds ``quota.step`` rows, a few more
    where a pair would have been torn.
    """
    by_kind: dict[str, list[int]] = defaultdict(list)
    for row, lesson in enumerate(lessons):
        by_kind[lesson.kind].append(row)
    chosen = [
        *by_kind["whole"],
        *_spread(lessons, by_kind["weak"], quota.weak, random),
    ]
    bundles: dict[str, list[int]] = defaultdict(list)
    for row in chosen:
        bundles[lessons[row].pair or f"row {row}"].append(row)
    shuffled = list(bundles.values())
    random.shuffle(shuffled)
    steps: list[list[int]] = [[]]
    for bundle in shuffled:
        if len(steps[-1]) >= quota.step:
            steps.append([])
        steps[-1] += bundle
    return steps


def _spread(lessons: Sequence[Lesson], rows: Sequence[int], n_rows: int, random: Random) -> list[int]:
    """A sample in which each source stands by the square root of its size."""
    by_source: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_source[lessons[row].group.rpartition("-")[0]].append(row)
    total = sum(len(found) ** 0.5 for found in by_source.values())
    return [
        row
        for found in by_source.values()
        for row in random.sample(found, min(len(found), round(n_rows * len(found) ** 0.5 / total)))
    ]
