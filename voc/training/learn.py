"""Learning from what people said: heads moved, measured, promoted or refused.

Enters: a store with corrections. Leaves: an `Outcome`; unless it is tried only, a version in the store, which
is used from then on if `decide` finds nothing against it. What must hold: each correction is learned once,
from the shipped heads on, however often they were moved before; what is measured was not learned from; the
same corrections give the same weights.

The first heads are moved (`voc.training.adapt`). The second ones, which weigh the first ones' words (owner,
verdict), stay: ten texts cannot teach what some thousand cross-fitted ones did; figures are those of the
whole pipeline, second heads included.
"""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from voc.artefacts import Artefacts
from voc.heads import save_classifier
from voc.organization import Department, Names, Organization
from voc.pipeline import Instance, Pipeline, PipelineHolder, Reader, base_of
from voc.records import BASE_DEPARTMENTS, TOUCHPOINTS, Analysis, Reading
from voc.routing import NONE, Router
from voc.sentiment import SentimentModel
from voc.settings import Settings
from voc.store import Store, as_kept
from voc.training import data as sets
from voc.training.adapt import Strength, adapt
from voc.training.decisions import HEADS, Case, Head, Label, Taught, gather
from voc.training.evaluate import evaluate_routing

#: So many new corrections, of so many different texts (one for each fold), are needed to measure anything:
#: with fewer, one correction more or less would be over a tenth of the figure.
LEAST_CORRECTIONS, LEAST_TEXTS = 10, 5
FOLDS = 5
#: What a version must gain: the share of held-out corrections that it meets, in points.
MARGIN = 0.02
#: What it may lose of what people confirmed, and of any figure on the committed set, where a point is five
#: or six texts.
CONFIRMED_LOSS, COMMITTED_LOSS = 0.05, 0.01
#: What a department may lose of its F1 on the committed set, where that has enough rows of it to tell: of 50
#: rows one is two points.
DEPARTMENT_LOSS, DEPARTMENT_ROWS = 0.05, 15
#: Tried one after the other until nothing speaks against what came of it: the more the head's own former
#: answers weigh, the fewer other texts move, and the fewer texts of the corrected topic.
STRENGTHS = (Strength(), Strength(rehearsal=0.1), Strength(rehearsal=0.3))
COMMITTED = ("owner_accuracy", "departments_micro_f1", "sentiment_macro_f1")
KINDS = ("owner", "segment_department", "sentiment", "segment_sentiment", "touchpoint")

Progress = Callable[[int], None]
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of learning.

    Attributes:
        version: of the heads, None where there was too little to learn.
        promoted: whether they are used from now on (or would be, in a dry run).
        verdict: the reason, in one sentence.
        figures: what was measured, before and after.
        pipeline: the version of the pipeline in use now.
    """

    version: str | None
    promoted: bool
    verdict: str
    figures: Mapping[str, Any]
    pipeline: str
    dry_run: bool

    def as_dict(self) -> dict[str, Any]:
        """The outcome as JSON values."""
        return {
            "version": self.version, "promoted": self.promoted, "verdict": self.verdict,
            "dry_run": self.dry_run, "pipeline": self.pipeline, "figures": dict(self.figures),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """Heads moved with one strength, what was measured of them, and what speaks against them."""

    strength: Strength
    heads: Mapping[Head, LogisticRegression]
    held_out: Figures
    committed: Figures

    @property
    def faults(self) -> list[str]:
        """See `decide`."""
        return decide(self.held_out, self.committed)


class ReadOnce(Reader):
    """A reader that reads each text once and rounds as the store rounds."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.encoder, reader.languages)
        self._known: dict[str, Reading] = {}

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading per text, same order."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        self._known.update(zip(new, map(as_kept, super().read(new)), strict=True))
        return [self._known[text] for text in texts]


class Yardstick:
    """What every version is measured on, and what it rehearses; read once.

    Args:
        corpora: the folder of our corpus. The tenth that nothing learned from is measured on, the tenth that
            the encoder did not learn from is rehearsed.
    """

    CHUNK = 64

    def __init__(self, reader: Reader, corpora: Path) -> None:
        self.reader = ReadOnce(reader)
        corpus = sets.corpus(corpora)
        self.committed = sets.held_out(corpus)
        self._rehearsed = [one.text for one in corpus if sets.is_for_calibration(one.group)]
        self._organization = fields_as_departments()

    @property
    def rows(self) -> int:
        """How many texts it reads."""
        return len(self.committed) + len(self._rehearsed)

    def read(self, progress: Progress) -> None:
        """Reads all texts."""
        texts = [*(one.text for one in self.committed), *self._rehearsed]
        for at in range(0, len(texts), self.CHUNK):
            chunk = texts[at : at + self.CHUNK]
            self.reader.read(chunk)
            progress(len(chunk))

    def rehearsed(self, pipeline: Pipeline, head: Head) -> sp.csr_matrix:
        """Features of the rows that ``head`` rehearses: wholes and segments, for touchpoints wholes."""
        readings = [reading for reading in self.reader.read(self._rehearsed) if reading.spans]
        rows = [1 if head == "touchpoints" else len(reading.words) for reading in readings]
        return pipeline.features.transform(
            np.concatenate([one.vectors[:n] for one, n in zip(readings, rows, strict=True)]),
            [words for one, n in zip(readings, rows, strict=True) for words in one.words[:n]],
        )

    def measure(self, pipeline: Pipeline) -> Figures:
        """Figures on the committed set: `COMMITTED`, and the owner's F1 for each field of work.

        Fields of work count as departments here, whatever the company made of them.
        """
        measured = with_heads(pipeline, heads_of(pipeline), organization=self._organization)
        figures = evaluate_routing(measured, self.committed)
        return {name: figures[name] for name in COMMITTED} | {
            "rows": figures["rows"],
            "departments": _department_f1(**figures["confusion"]["owner"]),
        }


class Learner:
    """Learns from the corrections of one store.

    Args:
        yardstick: what versions are measured on.
    """

    def __init__(
        self, store: Store, pipelines: PipelineHolder, settings: Settings, yardstick: Yardstick
    ) -> None:
        self.store, self.pipelines, self.settings = store, pipelines, settings
        self.yardstick = yardstick

    @cached_property
    def used(self) -> Pipeline:
        """The pipeline in use, reading through the yardstick's reader."""
        used = self.pipelines.get()
        return with_heads(used, heads_of(used), reader=self.yardstick.reader)

    @cached_property
    def shipped(self) -> Pipeline:
        """The same with the shipped heads."""
        if self.store.models.promoted() is None:
            return self.used
        instance = Instance(self.store.topics.read())
        return Pipeline.open(self.settings, instance, self.yardstick.reader)

    @cached_property
    def _former(self) -> tuple[Figures, Figures]:
        """Figures on the committed set of the shipped heads and of those in use."""
        shipped = self.yardstick.measure(self.shipped)
        return shipped, shipped if self.used is self.shipped else self.yardstick.measure(self.used)

    def learn(self, *, author: str, dry_run: bool = False, progress: Progress = lambda _: None) -> Outcome:
        """Moves the heads, measures, and promotes or refuses.

        Args:
            dry_run: measure and keep nothing.
            progress: told of each text of the yardstick that was read.
        """
        parent = self.store.models.promoted()
        taught = gather(self.store, self.shipped)
        fresh = _fresh(taught.cases, self._learned_by(parent))
        figures = _counts(taught, fresh)
        if reason := _too_little(figures):
            return Outcome(None, False, f"refused: {reason}", figures, self.used.version, dry_run)
        self.yardstick.read(progress)
        best = self._try(taught.cases, fresh)
        version, verdict, promote = _version(best.heads), _sentence(best), not best.faults
        figures |= {
            "parent": parent, "base": base_of(Artefacts(self.settings.models)),
            "strength": asdict(best.strength),
            "held_out": best.held_out, "committed": best.committed,
            "corrections": sorted(number for case in taught.cases for number in case.corrections),
        }  # fmt: skip
        if not dry_run:
            self._keep(version, best.heads, author, parent, figures, verdict, promote=promote)
        return Outcome(version, promote, verdict, figures, self.pipelines.get().version, dry_run)

    def _try(self, cases: Sequence[Case], fresh: Sequence[Case]) -> Attempt:
        """The first of `STRENGTHS` that nothing speaks against, or the one that the least does."""
        rehearsed = {head: self.yardstick.rehearsed(self.shipped, head) for head in HEADS}
        tried: list[Attempt] = []
        for strength in STRENGTHS:
            heads = _moved(self.shipped, cases, rehearsed, strength)
            held_out = self._held_out(cases, fresh, rehearsed, strength)
            tried.append(Attempt(strength, heads, held_out, self._committed(with_heads(self.shipped, heads))))
            if not tried[-1].faults:
                break
        return min(tried, key=lambda one: len(one.faults))

    def _learned_by(self, version: str | None) -> set[int]:
        """Numbers of the corrections that a version has learned from."""
        found = [one for one in self.store.models.versions() if one.version == version]
        return set(found[0].figures["corrections"]) if found else set()

    def _held_out(
        self,
        cases: Sequence[Case],
        fresh: Sequence[Case],
        rehearsed: Mapping[Head, sp.csr_matrix],
        strength: Strength,
    ) -> Figures:
        """Which corrections are met, by the heads in use and by heads that learned from the other groups."""
        groups = [case.group for case in cases]
        asked = {id(case) for case in fresh}
        before: list[tuple[Label, bool]] = []
        after: list[bool] = []
        folds = GroupKFold(min(FOLDS, len(set(groups))))
        for train, test in folds.split(cases, groups=groups):
            held = [cases[i] for i in test if id(cases[i]) in asked]
            if not held:
                continue
            heads = _moved(self.shipped, [cases[i] for i in train], rehearsed, strength)
            moved = with_heads(self.shipped, heads)
            before += _met(self.used, held)
            after += [met for _, met in _met(moved, held)]
        return _tally([(label, old, new) for (label, old), new in zip(before, after, strict=True)])

    def _committed(self, moved: Pipeline) -> Figures:
        """Figures of the shipped heads, of those in use, and of the new ones on the committed set."""
        shipped, used = self._former
        columns = {"shipped": shipped, "before": used, "after": self.yardstick.measure(moved)}
        return {
            "rows": shipped["rows"],
            **{name: {column: one[name] for column, one in columns.items()} for name in COMMITTED},
            "departments": {
                key: {"rows": rows} | {name: one["departments"][key][1] for name, one in columns.items()}
                for key, (rows, _) in shipped["departments"].items()
            },
        }

    def _keep(
        self,
        version: str,
        heads: Mapping[Head, LogisticRegression],
        author: str,
        parent: str | None,
        figures: Figures,
        verdict: str,
        *,
        promote: bool,
    ) -> None:
        files = {f"{name}.skops": as_bytes(head) for name, head in heads.items()}
        self.store.models.add(version, files, author=author, parent=parent, figures=figures, verdict=verdict)
        if promote:
            self.store.models.promote(version, author=author, reason=verdict)


# ---------------------------------------------------------------------------------- heads
def heads_of(pipeline: Pipeline) -> dict[Head, LogisticRegression]:
    """The first heads of a pipeline."""
    return {
        "departments": pipeline.router.segment_head,
        "sentiment": pipeline.sentiment.head,
        "touchpoints": pipeline.router.touchpoint_head,
    }


def with_heads(
    pipeline: Pipeline,
    heads: Mapping[Head, LogisticRegression],
    *,
    reader: Reader | None = None,
    organization: Organization | None = None,
) -> Pipeline:
    """The pipeline with other heads in place of its own.

    Args:
        organization: in place of its own; topics that were moved to a department of that are not, then.
    """
    found = heads_of(pipeline) | dict(heads)
    router = pipeline.router
    moved = pipeline.topics.registry.moved if organization is None else {}
    return Pipeline(
        reader or pipeline.reader,
        pipeline.features,
        SentimentModel(found["sentiment"], pipeline.sentiment.verdict),
        pipeline.topics,
        Router(
            found["departments"], router.owner, found["touchpoints"], router.thresholds,
            organization or router.organization, moved,
        ),
        pipeline.version,
    )  # fmt: skip


def fields_as_departments() -> Organization:
    """An organization in which each field of work is a department of that name."""

    def names(key: str) -> Names:
        return Names(vi=key, en=key)

    return Organization(
        departments=tuple(Department(key=key, name=names(key), remit=names(key)) for key in BASE_DEPARTMENTS),
        touchpoints={key: names(key) for key in TOUCHPOINTS},
    )


def _moved(
    shipped: Pipeline,
    cases: Sequence[Case],
    rehearsed: Mapping[Head, sp.csr_matrix],
    strength: Strength,
) -> dict[Head, LogisticRegression]:
    """The shipped heads moved by the labels of ``cases``; those that no label is about are left out."""
    moved: dict[Head, LogisticRegression] = {}
    for name, head in heads_of(shipped).items():
        rows = [(case.reading, label) for case in cases for label in case.labels if label.head == name]
        if rows:
            features = shipped.features.transform(
                np.array([reading.vectors[label.row] for reading, label in rows]),
                [reading.words[label.row] for reading, label in rows],
            )
            moved[name] = adapt(
                head, features, [label.value for _, label in rows], [label.weight for _, label in rows],
                rehearsed[name], n_dims=rows[0][0].vectors.shape[1], strength=strength,
            )  # fmt: skip
    return moved


def _version(heads: Mapping[Head, LogisticRegression]) -> str:
    """Named by the weights, so that the same weights have the same name."""
    digest = hashlib.sha256()
    for name in sorted(heads):
        digest.update(name.encode() + np.ascontiguousarray(heads[name].coef_).tobytes())
    return f"learned-{digest.hexdigest()[:8]}"


def as_bytes(head: LogisticRegression) -> bytes:
    """The head as a skops file, the same bytes for the same weights.

    skops names objects by where they lie in memory and dates its files; here they are numbered in the order
    of the schema and have no date.
    """
    written = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.skops"
        save_classifier(head, path)
        with zipfile.ZipFile(path) as given, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as taken:
            schema = given.read("schema.json").decode()
            numbers: dict[str, str] = {}
            for address in re.findall(r'"__id__": (\d+)', schema):
                numbers.setdefault(address, str(len(numbers) + 1))
            schema = re.sub(
                r'("__id__": |"file": ")(\d+)', lambda one: one.group(1) + numbers[one.group(2)], schema
            )
            taken.writestr(zipfile.ZipInfo("schema.json"), schema, zipfile.ZIP_DEFLATED)
            for address, number in numbers.items():
                if f"{address}.npy" in given.namelist():
                    content = given.read(f"{address}.npy")
                    taken.writestr(zipfile.ZipInfo(f"{number}.npy"), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


# -------------------------------------------------------------------------------- figures
def _fresh(cases: Sequence[Case], learned: set[int]) -> list[Case]:
    """Cases of groups that the version in use has learned nothing of."""
    known = {case.group for case in cases if case.corrections & learned}
    return [case for case in cases if case.group not in known]


def _asked(cases: Iterable[Case]) -> list[Label]:
    return [label for case in cases for label in case.labels if label.asked]


def _counts(taught: Taught, fresh: Sequence[Case]) -> Figures:
    labels = _asked(taught.cases)
    return {
        "learned": {kind: sum(label.kind == kind for label in labels) for kind in KINDS},
        "left_out": dict(taught.left_out),
        "new": len(_asked(fresh)),
        "new_confirmed": sum(label.confirmed for label in _asked(fresh)),
        "new_texts": len({case.group for case in fresh}),
    }


def _too_little(counts: Mapping[str, Any]) -> str:
    found, texts = counts["new"], counts["new_texts"]
    if found < LEAST_CORRECTIONS:
        return f"{found} corrections that can be learned are new, {LEAST_CORRECTIONS} are needed"
    if texts < LEAST_TEXTS:
        return f"the new corrections are of {texts} different texts, {LEAST_TEXTS} are needed"
    if found == counts["new_confirmed"]:
        return "all that is new confirms what the service says"
    return ""


def _met(pipeline: Pipeline, cases: Sequence[Case]) -> list[tuple[Label, bool]]:
    """Each label that a person gave, with whether the pipeline says the same."""
    analyses: list[Analysis] = pipeline.judge(
        ["" for _ in cases], [case.text for case in cases], [case.reading for case in cases]
    )
    return [
        (label, label.met(analysis))
        for case, analysis in zip(cases, analyses, strict=True)
        for label in case.labels
        if label.asked
    ]


def _tally(rows: Sequence[tuple[Label, bool, bool]]) -> Figures:
    """Shares of labels that are met before and after: corrected, confirmed, and by kind."""

    def shares(chosen: Callable[[Label], bool]) -> Figures:
        found = [(old, new) for label, old, new in rows if chosen(label)]
        means = np.mean(found, axis=0) if found else (0.0, 0.0)
        return {"rows": len(found), "before": round(float(means[0]), 4), "after": round(float(means[1]), 4)}

    return {
        "corrected": shares(lambda label: not label.confirmed),
        "confirmed": shares(lambda label: label.confirmed),
        **{kind: shares(lambda label, kind=kind: label.kind == kind) for kind in KINDS},  # type: ignore[misc]
    }


def _department_f1(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> dict[str, tuple[int, float]]:
    """Rows and F1 of the owner for each field of work, from a confusion matrix."""
    counts = np.array(matrix)
    hits, true, told = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    return {
        name: (int(true[i]), round(float(2 * hits[i] / max(true[i] + told[i], 1)), 4))
        for i, name in enumerate(labels)
        if name != NONE
    }


# ------------------------------------------------------------------------------- the rule
def decide(held_out: Mapping[str, Any], committed: Mapping[str, Any]) -> list[str]:
    """What speaks against a version; it is promoted if nothing does.

    Args:
        held_out: ``corrected`` and ``confirmed``, each ``{"rows", "before", "after"}``.
        committed: the figures of `COMMITTED`, each ``{"shipped", "before", "after"}``, and ``departments``
            with the same and ``rows`` for each field of work. New heads are held against the shipped ones,
            not against those in use: small losses must not add up.
    """
    faults: list[str] = []
    corrected, confirmed = held_out["corrected"], held_out["confirmed"]
    if corrected["after"] - corrected["before"] < MARGIN - 1e-9:
        faults.append(f"it meets {_move(corrected, 'before')} of the held-out corrections, not {MARGIN} more")
    if confirmed["before"] - confirmed["after"] > CONFIRMED_LOSS + 1e-9:
        faults.append(
            f"it meets {_move(confirmed, 'before')} of what people confirmed, over {CONFIRMED_LOSS} less"
        )
    for name in COMMITTED:
        figure = committed[name]
        if figure["shipped"] - figure["after"] > COMMITTED_LOSS + 1e-9:
            words = name.replace("_", " ")
            faults.append(f"{words} on the committed set falls {_move(figure)}, over {COMMITTED_LOSS}")
    for key, figure in committed["departments"].items():
        lost = figure["shipped"] - figure["after"]
        if figure["rows"] >= DEPARTMENT_ROWS and lost > DEPARTMENT_LOSS + 1e-9:
            faults.append(f"{key} on the committed set falls {_move(figure)}, over {DEPARTMENT_LOSS}")
    return faults


def _move(figure: Mapping[str, Any], start: str = "shipped") -> str:
    return f"{figure[start]:.4f} -> {figure['after']:.4f}"


def _sentence(tried: Attempt) -> str:
    if tried.faults:
        return f"refused: {'; '.join(tried.faults)}"
    held_out, committed = tried.held_out, tried.committed
    falls = {name: committed[name]["shipped"] - committed[name]["after"] for name in COMMITTED}
    worst = max(falls, key=lambda name: falls[name])
    return (
        f"promoted: it meets {_move(held_out['corrected'], 'before')} of the held-out corrections "
        f"(at least {MARGIN} more), and no figure on the committed set falls by more than {COMMITTED_LOSS} "
        f"({worst.replace('_', ' ')} {_move(committed[worst])}), nor any department's by more than "
        f"{DEPARTMENT_LOSS}"
    )
