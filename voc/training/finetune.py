"""Fine-tunes the encoder: linear heads over its vectors are taught together with the vectors themselves.

Enters: a data folder and ``corpora``. Leaves: ``encoder.onnx``, ``tokenizer.json`` and ``encoder.json``, the
same graph in int8 as the encoder that was not tuned, and figures of both. What must hold: nothing held out
is learned from; a run that was stopped goes on where it was; the heads made here are thrown away.

A text goes through the network once. The mean of all its tokens is the vector of the whole, the mean of the
tokens of a segment is the vector of that segment, which so knows what it stands among ("late chunking",
Günther et al. 2024).

Four losses are added up:

* tasks: cross-entropy of linear heads over standardized vectors of spoiled texts (`voc.training.noise`). The
  heads are fitted on the frozen vectors first, so that their first steps do not tear the vectors apart
  (Kumar et al. 2022, "Fine-tuning can distort pretrained features").
* pairs: renderings and translations of one complaint, and two spoiled copies of one text, are to be closer
  than other texts of the step (InfoNCE, van den Oord et al. 2018; several positives, Khosla et al. 2020).
* geometry: the cosines between the texts and segments of a step stay those of the frozen encoder on each
  of them alone and clean (relational distillation, Park et al. 2019), so that themes stay apart.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from voc.encoder import Encoder
from voc.training import encoder as building
from voc.training.data import Example, hand_labelled, is_for_calibration, read_jsonl, text_hash
from voc.training.encoder import PREFIX, E5Bert
from voc.training.lessons import (
    Lesson,
    Quota,
    Task,
    epoch_steps,
    read_lessons,
    rows_of_parts,
    targets_of,
    tasks_of,
)
from voc.training.noise import Noiser, Rates, read_informal

Say = Callable[[str], None]
Spans = Sequence[tuple[int, int]]
Encode = Callable[[Sequence[str]], NDArray[np.float32]]
THREE = ("negative", "neutral", "positive")
FILES = ("encoder.onnx", "tokenizer.json", "encoder.json")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to fine-tune.

    Attributes:
        rate: learning rate of the uppermost layer; each layer below has ``layer_decay`` times that of the
            one above, the lowest ``frozen_layers`` and the word table learn nothing.
        warm_up: share of the steps in which the rates rise; they fall to zero after it.
        chunk_tokens: tokens, padding included, that go through the network at once.
        twins: share of the whole texts of a step that stand in it twice, each spoiled in its own way.
        contrast, geometry: weights of these losses beside the tasks'.
        temperature: of the contrastive loss.
        half: bfloat16 in the network; None measures whether that is faster here.
        minutes: between two checkpoints.
    """

    epochs: int = 4
    rate: float = 7e-5
    head_rate: float = 1e-3
    layer_decay: float = 0.93
    weight_decay: float = 0.01
    warm_up: float = 0.06
    dropout: float = 0.0
    frozen_layers: int = 2
    max_tokens: int = 160
    chunk_tokens: int = 1280
    twins: float = 0.12
    contrast: float = 0.1
    geometry: float = 2.0
    temperature: float = 0.05
    seed: int = 20261121
    half: bool | None = None
    minutes: float = 4.0
    quota: Quota = field(default_factory=Quota)


# ------------------------------------------------------------------------------- the losses
class Heads(nn.Module):
    """All linear heads as one map over standardized vectors.

    Args:
        frozen: float32 (n, n_dims), vectors of the frozen encoder, by which vectors are standardized.
        tasks: whose classes follow each other in the columns.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, frozen: Tensor, tasks: Sequence[Task], dropout: float = 0.1) -> None:
        super().__init__()
        self.register_buffer("mean", frozen.mean(0))
        self.register_buffer("spread", frozen.std(0))
        self.sizes = [len(task.classes) for task in tasks]
        self.tasks = tuple(tasks)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(frozen.shape[1], sum(self.sizes))

    def forward(self, vectors: Tensor) -> Tensor:
        """Map (n, n_dims) to logits (n, sum of the tasks' classes)."""
        logits: Tensor = self.linear(self.dropout((vectors - self.mean) / self.spread))
        return logits

    def centred(self, vectors: Tensor) -> Tensor:
        """(n, n_dims) unit rows around the frozen mean, without which all cosines are large."""
        return functional.normalize(vectors - self.mean, dim=-1)


def task_losses(heads: Heads, vectors: Tensor, answers: Tensor, weights: Tensor) -> Tensor:
    """The weighted loss of each task, float32 (n_tasks,), a mean over rows.

    Args:
        vectors: (n, n_dims).
        answers, weights: rows of what `targets_of` gives.
    """
    logits = torch.split(heads(vectors), heads.sizes, dim=1)
    losses = []
    for number, (task, said, meant) in enumerate(
        zip(heads.tasks, logits, torch.split(answers, heads.sizes, dim=1), strict=True)
    ):
        if task.several:
            rows = functional.binary_cross_entropy_with_logits(said, meant, reduction="none").mean(1)
        else:
            rows = -(meant * functional.log_softmax(said, dim=1)).sum(1)
        losses.append((rows * weights[:, number]).mean() * task.scale)
    return torch.stack(losses)


def pair_loss(unit: Tensor, same: Tensor, apart: Tensor, temperature: float) -> Tensor:
    """InfoNCE with several positives; 0 where a step has no pair.

    Args:
        unit: (n, n_dims) unit rows.
        same: bool (n, n), which rows mean the same (not a row and itself).
        apart: bool (n, n), which rows may be told apart.
    """
    if not same.any():
        return unit.sum() * 0
    logits = (unit @ unit.T / temperature).masked_fill(~(same | apart), -1e9)
    logs = functional.log_softmax(logits, dim=1)
    anchors = same.any(1)
    return -((logs * same).sum(1)[anchors] / same.sum(1)[anchors]).mean()


def geometry_loss(unit: Tensor, frozen: Tensor) -> Tensor:
    """Mean squared difference of the cosines among rows, (n, n_dims) unit rows each."""
    differences = (unit @ unit.T - frozen @ frozen.T) ** 2
    n_rows = len(unit)
    return differences.sum() / (n_rows * max(n_rows - 1, 1))


# ------------------------------------------------------------------------ texts to vectors
class Student:
    """The network with its tokenizer, cutting texts at ``max_tokens``."""

    def __init__(self, model: E5Bert, tokenizer: Tokenizer, plan: Plan) -> None:
        self.model, self.plan = model, plan
        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self.tokenizer.enable_truncation(plan.max_tokens)
        self.half = plan.half

    def vectors(self, texts: Sequence[str], spans: Sequence[Spans] | None = None) -> tuple[Tensor, list[int]]:
        """Unit rows: one a text in order, then one a span in order; gradients flow where they are enabled.

        Texts of like length go through the network together, so that little of it is padding.

        Args:
            spans: of each text, ``(start, end)`` in code points.

        Returns:
            (n_texts + n_spans that were reached, n_dims), and which of all spans were reached: one that
            lies beyond ``max_tokens`` is not.
        """
        spans = spans if spans is not None else [()] * len(texts)
        found = self.tokenizer.encode_batch([PREFIX + text for text in texts])
        ids = [encoding.ids for encoding in found]
        masks = [
            [torch.ones(len(encoding.ids)), *(_inside(encoding.offsets, span) for span in spans[row])]
            for row, encoding in enumerate(found)
        ]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        rows: dict[tuple[int, int], Tensor] = {}
        for chunk in self._chunks(ids, order):
            pooled = self._run([ids[row] for row in chunk], [masks[row] for row in chunk])
            for row, vectors in zip(chunk, pooled, strict=True):
                rows |= {(row, number): vectors[number] for number in range(len(masks[row]))}
        places = [(row, number) for row in range(len(ids)) for number in range(1, len(masks[row]))]
        reached = [at for at, (row, number) in enumerate(places) if masks[row][number].any()]
        chosen = [(row, 0) for row in range(len(ids))] + [places[at] for at in reached]
        return functional.normalize(torch.stack([rows[place] for place in chosen]), dim=-1), reached

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same without gradients and dropout, as an array."""
        self.model.eval()
        with torch.inference_mode():
            parts = [self.vectors(texts[at : at + 512])[0].numpy() for at in range(0, len(texts), 512)]
        self.model.train()
        return np.concatenate(parts)

    def _chunks(self, ids: Sequence[Sequence[int]], order: Sequence[int]) -> Iterator[list[int]]:
        chunk: list[int] = []
        for row in order:
            if chunk and (len(chunk) + 1) * len(ids[row]) > self.plan.chunk_tokens:
                yield chunk
                chunk = []
            chunk.append(row)
        yield chunk

    def _run(self, ids: Sequence[Sequence[int]], masks: Sequence[Sequence[Tensor]]) -> Tensor:
        """(n, most masks of a text, n_dims): sums of the tokens that each mask of a text names."""
        length = max(map(len, ids))
        pad = building.SPECIAL.index("<pad>")
        input_ids = torch.tensor([[*row, *[pad] * (length - len(row))] for row in ids])
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in ids])
        chosen = torch.zeros(len(ids), max(map(len, masks)), length)
        for row, several in enumerate(masks):
            for number, one in enumerate(several):
                chosen[row, number, : len(one)] = one
        with torch.autocast("cpu", torch.bfloat16, enabled=bool(self.half)):
            tokens: Tensor = self.model.tokens(input_ids, mask)
        return chosen @ tokens.float()

    def choose_precision(self, texts: Sequence[str]) -> bool:
        """Measures forward and backward passes in both precisions; keeps and returns the faster."""
        if self.half is None:
            seconds = {}
            for self.half in (False, True, False, True):
                start = time.process_time()
                torch.autograd.backward(self.vectors(texts)[0].sum())
                seconds[self.half] = time.process_time() - start
            self.model.zero_grad(set_to_none=True)
            self.half = seconds[True] < 0.9 * seconds[False]
        return bool(self.half)


def _inside(offsets: Sequence[tuple[int, int]], span: tuple[int, int]) -> Tensor:
    """1 for each token that starts inside the span; offsets count the prefix."""
    start, end = span[0] + len(PREFIX), span[1] + len(PREFIX)
    return torch.tensor([float(start <= first < end and last > first) for first, last in offsets])


# ------------------------------------------------------------------------------- the course
@dataclass(frozen=True)
class Course:
    """Everything that does not change while training.

    Attributes:
        answers, weights: see `targets_of`.
        frozen: float32 (n_lessons, n_dims), the frozen encoder's vectors; zeros where no step needs them.
        steps: rows of each step, all epochs after each other, without the segments.
        parts: rows of the segments of a text.
    """

    lessons: Sequence[Lesson]
    tasks: Sequence[Task]
    answers: Tensor
    weights: Tensor
    frozen: Tensor
    steps: Sequence[Sequence[int]]
    noiser: Noiser
    parts: Mapping[int, Sequence[int]]

    def used(self) -> list[int]:
        """Every row of every step, segments included."""
        whole = {row for step in self.steps for row in step}
        return sorted(whole | {part for row in whole for part in self.parts.get(row, ())})


def make_course(
    lessons: Sequence[Lesson], tasks: Sequence[Task], noiser: Noiser, encode: Encode, plan: Plan
) -> Course:
    """Draws the steps of all epochs and asks the frozen encoder about the texts in them."""
    answers, weights = map(torch.from_numpy, targets_of(lessons, tasks))
    random = Random(plan.seed)
    steps = [step for _ in range(plan.epochs) for step in epoch_steps(lessons, plan.quota, random)]
    course = Course(lessons, tasks, answers, weights, torch.empty(0), steps, noiser, rows_of_parts(lessons))
    used = course.used()
    vectors = torch.from_numpy(encode([lessons[row].text for row in used]))
    frozen = torch.zeros(len(lessons), vectors.shape[1])
    frozen[torch.tensor(used)] = vectors
    return replace(course, frozen=frozen)


def warm_heads(course: Course, plan: Plan, passes: int = 15) -> Heads:
    """Heads fitted on the frozen vectors, which stay as they are."""
    torch.manual_seed(plan.seed)
    known = torch.tensor(course.used())
    heads = Heads(course.frozen[known], course.tasks)
    optimizer = torch.optim.AdamW(heads.parameters(), lr=3e-3, weight_decay=plan.weight_decay)
    for _ in range(passes):
        for rows in torch.split(known[torch.randperm(len(known))], 256):
            loss = task_losses(heads, course.frozen[rows], course.answers[rows], course.weights[rows]).sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return heads


class Trainer:
    """Takes the steps of a course; writes checkpoints and goes on from one.

    What happens in a step depends on its number alone, not on what ran before a stop.
    """

    def __init__(self, student: Student, heads: Heads, course: Course, plan: Plan, folder: Path) -> None:
        self.student, self.heads, self.course, self.plan = student, heads, course, plan
        self.path = folder / "checkpoint.pt"
        self.optimizer = torch.optim.AdamW(_groups(student.model, heads, plan), betas=(0.9, 0.98))
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.step = 0

    def run(self, say: Say, each_epoch: Callable[[], None] = lambda: None) -> None:
        """Takes all steps that are left; saves every ``plan.minutes`` and at the end."""
        self._load(say)
        n_steps = len(self.course.steps)
        per_epoch = -(-n_steps // self.plan.epochs)
        start = saved = time.monotonic()
        sums: dict[str, float] = {}
        while self.step < n_steps:
            for name, value in self._take(n_steps).items():
                sums[name] = sums.get(name, 0.0) + value / 25
            if self.step % 25 == 0:
                minutes = (time.monotonic() - start) / 60
                shown = " ".join(f"{name} {value:.3f}" for name, value in sums.items())
                say(f"step {self.step}/{n_steps}, {minutes:.1f} min: {shown}")
                sums = {}
            if time.monotonic() - saved > 60 * self.plan.minutes:
                self._save()
                saved = time.monotonic()
            if self.step % per_epoch == 0 or self.step == n_steps:
                self._save()
                each_epoch()
        self.student.model.eval()

    def _take(self, n_steps: int) -> dict[str, float]:
        """One step: forward, backward, update. Returns its losses."""
        course, plan = self.course, self.plan
        torch.manual_seed(plan.seed + self.step)
        self.student.model.train()
        self.heads.train()
        rows, texts, spans, parts = step_texts(course, self.step, plan)
        vectors, reached = self.student.vectors(texts, spans)
        rows += [parts[at] for at in reached]
        unit = self.heads.centred(vectors)
        by_task = task_losses(self.heads, vectors, course.answers[rows], course.weights[rows])
        pairs = pair_loss(unit, *relations(course.lessons, rows), plan.temperature)
        geometry = geometry_loss(unit, self.heads.centred(course.frozen[rows]))
        loss = by_task.sum() + plan.contrast * pairs + plan.geometry * geometry
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * schedule(self.step, n_steps, plan.warm_up)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], 1.0)
        self.optimizer.step()
        self.step += 1
        said = dict(zip([task.name for task in course.tasks[:3]], by_task.tolist(), strict=False))
        others = by_task[3:].sum().item()
        return said | {"others": others, "pairs": pairs.item(), "geometry": geometry.item()}

    def _save(self) -> None:
        state = {
            "step": self.step, "model": self.student.model.state_dict(), "heads": self.heads.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        partial = self.path.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(self.path)

    def _load(self, say: Say) -> None:
        if self.path.exists():
            state: dict[str, Any] = torch.load(self.path, weights_only=True)
            self.student.model.load_state_dict(state["model"])
            self.heads.load_state_dict(state["heads"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]
            say(f"going on from step {self.step}")


def step_texts(
    course: Course, step: int, plan: Plan
) -> tuple[list[int], list[str], list[list[tuple[int, int]]], list[int]]:
    """What goes through the network in a step; a share of the whole texts stands there twice.

    Returns:
        rows of the texts, the texts spoiled, the spans of the segments in each of them, and the rows of
        all segments, one text's after another's.
    """
    random = Random(f"{plan.seed} {step}")
    rows = list(course.steps[step])
    wholes = [row for row in rows if course.lessons[row].kind == "whole"]
    rows += [row for row in wholes if random.random() < plan.twins]
    texts: list[str] = []
    spans: list[list[tuple[int, int]]] = []
    for row in rows:
        text, found = _spoiled(course.lessons[row], course.noiser, random)
        texts.append(text)
        spans.append(found)
    return rows, texts, spans, [part for row in rows for part in course.parts.get(row, ())]


def _spoiled(lesson: Lesson, noiser: Noiser, random: Random) -> tuple[str, list[tuple[int, int]]]:
    """The spoiled text and where its segments now are."""
    if not lesson.parts:
        return noiser.spoil(lesson.text, random), []
    pieces = noiser.spoil_pieces([lesson.text[start:end] for start, end, _ in lesson.parts], random)
    text, at, spans = "", 0, []
    for (start, end, _), piece in zip(lesson.parts, pieces, strict=True):
        text += lesson.text[at:start]
        spans.append((len(text), len(text) + len(piece)))
        text += piece
        at = end
    return text + lesson.text[at:], spans


def relations(lessons: Sequence[Lesson], rows: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Which rows mean the same and which may be told apart, bool (n, n) each.

    Segments of one text are neither: they share its group but say different things.
    """
    groups = {lessons[row].group: number for number, row in enumerate(rows)}
    group = torch.tensor([groups[lessons[row].group] for row in rows])
    pair = torch.tensor([groups[lessons[row].group] if lessons[row].pair else -1 - row for row in rows])
    same = pair[:, None] == pair[None, :]
    same.fill_diagonal_(False)
    return same, group[:, None] != group[None, :]


def schedule(step: int, n_steps: int, warm_up: float) -> float:
    """The share of the full rate: rises linearly over ``warm_up``, then falls linearly to zero."""
    rising = max(1, round(n_steps * warm_up))
    return (step + 1) / rising if step < rising else (n_steps - step) / max(1, n_steps - rising)


def _groups(model: E5Bert, heads: Heads, plan: Plan) -> list[dict[str, Any]]:
    """Parameters with their rates; freezes the word table, the positions and the lowest layers."""
    for part in (model.word, model.position, model.norm, *model.layers[: plan.frozen_layers]):
        part.requires_grad_(False)
    groups: list[dict[str, Any]] = [
        {"params": list(heads.parameters()), "lr": plan.head_rate, "weight_decay": plan.weight_decay}
    ]
    for depth, layer in enumerate(reversed(list(model.layers)[plan.frozen_layers :])):
        rate = plan.rate * plan.layer_decay**depth
        for is_matrix in (True, False):
            chosen = [p for p in layer.parameters() if (p.ndim > 1) == is_matrix]
            decay = plan.weight_decay if is_matrix else 0.0
            groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return groups


# ------------------------------------------------------------------------------- the recipe
def finetune(
    data_dir: Path, corpora_dir: Path, out_dir: Path, work_dir: Path, say: Say, plan: Plan | None = None
) -> dict[str, object]:
    """Writes the three files of the tuned encoder to ``out_dir``; returns their figures.

    Args:
        data_dir: ``train/*.jsonl``, ``weak_departments.json``, ``lexicons/*.tsv``, and ``routing_dev.jsonl``,
            whose rows and their near twins are left out.
        corpora_dir: our corpus and labels.
        work_dir: checkpoints and intermediate files, kept apart by what entered: a run that was stopped
            goes on from there, and other data or another plan starts anew.
    """
    plan = plan or Plan()
    folder = work_dir / _fingerprint(data_dir, corpora_dir, plan)
    folder.mkdir(parents=True, exist_ok=True)
    model, tokenizer = _start(data_dir, corpora_dir, folder, plan.dropout, say)
    frozen = _open(folder / "frozen")
    lessons = read_lessons(data_dir, corpora_dir)
    say(f"{len(lessons)} lessons; asking the frozen encoder about them")
    kept = _Kept(frozen.encode, folder / "frozen.npz")
    noiser = Noiser(read_informal(data_dir / "lexicons"))
    course = make_course(lessons, tasks_of(lessons), noiser, kept.encode, plan)
    say(f"{len(course.tasks)} tasks, {len(course.steps)} steps")
    student = Student(model, tokenizer, plan)
    half = student.choose_precision([lesson.text for lesson in lessons[:64]])
    say(f"training in {'bfloat16' if half else 'float32'}")
    trainer = Trainer(student, warm_heads(course, plan), course, plan, folder)
    unseen = [e for e in hand_labelled(data_dir, corpora_dir) if is_for_calibration(e.group)]
    trainer.run(say, lambda: say(f"on rows kept for calibration: {_asked(student, trainer.heads, unseen)}"))
    building.save_weights(model, folder / "tuned.safetensors")
    building.write(model, tokenizer, out_dir)
    texts = [example.text for example in unseen][:300]
    figures: dict[str, object] = {"plan": asdict(plan), **building.compare(model, tokenizer, out_dir, texts)}
    figures["batch_difference"] = batch_difference(_open(out_dir), texts)
    return figures


def _fingerprint(data: Path, corpora: Path, plan: Plan) -> str:
    """Twelve hexadecimal digits that change when the data or the plan does."""
    digest = hashlib.sha256(repr(plan).encode())
    for path in sorted([*data.glob("train/*.jsonl"), *corpora.glob("**/*.jsonl")]):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _start(data: Path, corpora: Path, folder: Path, dropout: float, say: Say) -> tuple[E5Bert, Tokenizer]:
    """The pruned network that is not tuned yet, made as `voc.training.encoder.build` makes it."""
    weights, vocabulary = folder / "start.safetensors", folder / "frozen" / "tokenizer.json"
    if not weights.exists():
        say("building the network to start from")
        shape, pieces, arrays = building.read_packed(building.packed_path())
        full = building.make_tokenizer(pieces[:-1])  # without <mask>
        kept = building.kept_pieces(pieces[:-1], full, building.evidence(data, corpora))
        model = building.prune(building.make_model(shape, arrays), kept)
        building.write(model, building.make_tokenizer([pieces[i] for i in kept]), folder / "frozen")
        building.save_weights(model, weights)
    return building.load_weights(weights, dropout), Tokenizer.from_file(str(vocabulary))


def _open(folder: Path) -> Encoder:
    return Encoder(*(folder / name for name in FILES))


class _Kept:
    """Encodes each text once; keeps the vectors in a file, if one is named, chunk by chunk."""

    CHUNK = 4_000

    def __init__(self, encode: Encode, path: Path | None) -> None:
        self._encode, self._path = encode, path
        self._rows: dict[str, NDArray[np.float32]] = {}
        if path is not None and path.exists():
            kept = np.load(path, allow_pickle=False)
            self._rows = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 (n_texts, n_dims)."""
        keys = [text_hash(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
        for at in range(0, len(new), self.CHUNK):
            chunk = list(new)[at : at + self.CHUNK]
            self._rows |= dict(zip(chunk, self._encode([new[key] for key in chunk]), strict=True))
            if self._path is not None:
                np.savez(self._path, keys=np.array(list(self._rows)), vectors=list(self._rows.values()))
        return np.array([self._rows[key] for key in keys])


def batch_difference(encoder: Encoder, texts: Sequence[str]) -> float:
    """The largest difference between a text's vector alone and among others: rounding, and no more."""
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    return float(np.abs(together - alone).max())


def _asked(student: Student, heads: Heads, examples: Sequence[Example]) -> str:
    """What the heads in training say of examples that they do not learn from."""
    said = predict(student, heads, [example.text for example in examples])
    rows = [i for i, example in enumerate(examples) if example.sentiment in THREE]
    macro = f1_score(
        [str(examples[i].sentiment) for i in rows],
        [said["sentiment"][i] for i in rows], average="macro", labels=THREE,
    )  # fmt: skip
    right = [e.owner == owner for e, owner in zip(examples, said["department"], strict=True)]
    return f"sentiment macro-F1 {macro:.3f}, owner accuracy {np.mean(right):.3f}"


def predict(student: Student, heads: Heads, texts: Sequence[str]) -> dict[str, list[str]]:
    """The surest class of every softmax task for each text."""
    heads.eval()
    with torch.inference_mode():
        logits = heads(torch.from_numpy(student.encode(texts))).split(heads.sizes, dim=1)
    return {
        task.name: [task.classes[i] for i in said.argmax(1).tolist()]
        for task, said in zip(heads.tasks, logits, strict=True)
        if not task.several
    }


# ------------------------------------------------------------------------ benchmarks alone
def finetune_on(
    train: Path, test: Path, tasks: Sequence[str], weights: Path, tokenizer_file: Path, work_dir: Path,
    say: Say, plan: Plan | None = None,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Fine-tunes on one labelled set and measures on another: for published comparisons, never shipped.

    Args:
        train, test: JSONL with ``text`` and one field for each of ``tasks``.
        tasks: such as ``("sentiment", "topic")``; all are learned together.
        weights: where to start (safetensors, as `finetune` leaves them), with its ``tokenizer.json``.

    Returns:
        By task: weighted and macro F1 and accuracy of the last step; the test set is looked at once.
    """
    plan = plan or Plan(epochs=3, twins=0.0, contrast=0.0, geometry=0.0, quota=Quota(step=32))
    lessons = [_plain(row, tasks) for row in read_jsonl(train)]
    folder = work_dir / f"benchmark-{_name(train, weights, plan)}"
    folder.mkdir(parents=True, exist_ok=True)
    model, tokenizer = building.load_weights(weights, plan.dropout), Tokenizer.from_file(str(tokenizer_file))
    student = Student(model, tokenizer, plan)
    equal = [replace(task, weight=1.0) for task in tasks_of(lessons)]
    course = make_course(lessons, equal, Noiser({}, Rates(clean=1.0)), student.encode, plan)
    student.choose_precision([lesson.text for lesson in lessons[:64]])
    trainer = Trainer(student, warm_heads(course, plan), course, plan, folder)
    trainer.run(say)
    rows = list(read_jsonl(test))
    student.half = False
    said = predict(student, trainer.heads, [row["text"] for row in rows])
    return {task: _scores([row[task] for row in rows], said[task]) for task in tasks}


def _scores(meant: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    return {
        "weighted_f1": round(float(f1_score(meant, said, average="weighted")), 4),
        "macro_f1": round(float(f1_score(meant, said, average="macro")), 4),
        "accuracy": round(float(np.mean(np.array(meant) == np.array(said))), 4),
    }


def _plain(row: dict[str, Any], tasks: Sequence[str]) -> Lesson:
    return Lesson(row["text"], row["text"], "whole", {task: (row[task],) for task in tasks})


def _name(train: Path, weights: Path, plan: Plan) -> str:
    parts = (train.read_bytes(), weights.read_bytes(), repr(plan).encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:12]
