"""Measures what vectors are good for: feeling and owner by linear heads, themes by clusters.

Enters: a function from texts to vectors, a data folder and ``corpora``. Leaves: figures. What must hold:
heads learn from lessons alone and are asked about texts that neither they nor the encoder learned from;
clusters are made without labels.

* Sentiment: macro-F1 over three classes; texts labelled mixed are left out.
* Owner: accuracy over eight departments and none.
* NMI: normalized mutual information of k-means clusters and known themes (Strehl and Ghosh 2002), the mean
  over `SEEDS`.
* Translation found first: share of texts of sib200 whose translation is the nearest of all in the other
  language.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, normalized_mutual_info_score
from sklearn.preprocessing import StandardScaler

from voc.training import data as sets
from voc.training.data import Example, is_held_out, without_diacritics
from voc.training.lessons import Lesson

Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]
Figures = dict[str, dict[str, float]]

THREE = ("negative", "neutral", "positive")
#: Inverse strength of the regularization of the heads.
C = 0.1
#: Weight of a copy of a text without diacritics.
BARE_TRUST = 0.5
SEEDS = (0, 1, 2)


class Probe:
    """Two logistic regressions over standardized vectors: sentiment and owner.

    Args:
        encode: texts to (n, n_dims).
        lessons: those of kind ``whole`` are learned from, with copies that lack diacritics.
    """

    def __init__(self, encode: Encode, lessons: Sequence[Lesson], c: float = C) -> None:
        self._encode = encode
        wholes = [lesson for lesson in lessons if lesson.kind == "whole"]
        bare = [_bare(lesson.text) for lesson in wholes]
        pairs = [(lesson, lesson.text, 1.0) for lesson in wholes] + [
            (lesson, text, BARE_TRUST)
            for lesson, text in zip(wholes, bare, strict=True)
            if text != lesson.text
        ]
        self._scaler = StandardScaler()
        rows = self._scaler.fit_transform(encode([text for _, text, _ in pairs]))
        self._heads = {task: _fit(task, pairs, rows, c) for task in ("sentiment", "department")}

    def figures(self, examples: Sequence[Example]) -> dict[str, float]:
        """Sentiment and owner on ``examples``, as written and (``_bare``) without diacritics."""
        said: dict[str, float] = {"rows": len(examples)}
        for suffix, change in (("", str), ("_bare", _bare)):
            rows = self._scaler.transform(self._encode([change(example.text) for example in examples]))
            feelings = self._heads["sentiment"].predict(rows)
            plain = [i for i, example in enumerate(examples) if example.sentiment in THREE]
            true = [str(examples[i].sentiment) for i in plain]
            macro = f1_score(true, feelings[plain], average="macro", labels=THREE, zero_division=0)
            said[f"sentiment_macro_f1{suffix}"] = round(float(macro), 4)
            right = self._heads["department"].predict(rows) == np.array([e.owner for e in examples])
            said[f"owner_accuracy{suffix}"] = round(float(right.mean()), 4)
        return said


def _bare(text: str) -> str:
    return without_diacritics(Example(text, "", "")).text


def _fit(
    task: str, pairs: Sequence[tuple[Lesson, str, float]], rows: Vectors, c: float
) -> LogisticRegression:
    known = [i for i, (lesson, _, _) in enumerate(pairs) if len(lesson.labels.get(task, ())) == 1]
    head = LogisticRegression(C=c, max_iter=300, tol=1e-3)
    return head.fit(
        rows[known],
        [pairs[i][0].labels[task][0] for i in known],
        sample_weight=[pairs[i][2] for i in known],
    )


def unseen(data: Path, corpora: Path) -> dict[str, list[Example]]:
    """The sets that nothing learned from: held-out real rows, held-out corpus rows, ``routing_dev``."""
    found = {
        "held_out_real": [e for e in sets.hand_labelled(data, corpora) if is_held_out(e.group)],
        "held_out_corpus": [e for e in sets.corpus(corpora) if is_held_out(e.group)],
    }
    dev = data / "routing_dev.jsonl"
    return found | ({"routing_dev": sets.routing_set(dev)} if dev.exists() else {})


def measure(encode: Encode, lessons: Sequence[Lesson], data: Path, corpora: Path) -> Figures:
    """Heads on every unseen set, and the themes."""
    probe = Probe(encode, lessons)
    heads = {name: probe.figures(examples) for name, examples in unseen(data, corpora).items()}
    return heads | {"themes": themes(encode, data)}


def themes(encode: Encode, data: Path, n_rows: int = 3_000) -> dict[str, float]:
    """NMI on sets with known themes, and how often a translation is found first.

    sib200 is learned from by nothing; topics and domains of the others were partly taught.
    """
    figures: dict[str, float] = {}
    for source, name in (("bankapp_reviews", "topic"), ("clinc150", "domain"), ("banking77", "intent")):
        path = data / "train" / f"{source}.jsonl"
        rows = list(sets.read_jsonl(path))
        rows = rows[:: max(1, len(rows) // n_rows)]
        figures[f"nmi_{source}"] = nmi(encode([row["text"] for row in rows]), [row[name] for row in rows])
    texts, topics = _sib200(data / "benchmark" / "sib200")
    vi, en = encode(texts["vi"]), encode(texts["en"])
    figures["nmi_sib200"] = nmi(np.concatenate([vi, en]), [*topics, *topics])
    first = (vi @ en.T).argmax(axis=1) == np.arange(len(vi))
    return figures | {"sib200_translation_first": round(float(first.mean()), 4)}


def _sib200(folder: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The texts of both languages in the same order, and their topics."""
    by_language = {
        language: {
            row["id"]: row
            for part in ("train", "dev", "test")
            for row in sets.read_jsonl(folder / f"{language}.{part}.jsonl")
        }
        for language in ("vi", "en")
    }
    keys = sorted(by_language["vi"])
    texts = {language: [rows[key]["text"] for key in keys] for language, rows in by_language.items()}
    return texts, [by_language["vi"][key]["topic"] for key in keys]


def nmi(vectors: Vectors, themes_of: Sequence[str]) -> float:
    """Normalized mutual information of k-means clusters and themes, as many clusters as themes.

    Vectors are centred and brought to unit length first, so that distance is an angle.
    """
    rows = vectors - vectors.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores = [
        normalized_mutual_info_score(
            themes_of, KMeans(len(set(themes_of)), n_init=3, random_state=seed).fit_predict(rows)
        )
        for seed in SEEDS
    ]
    return round(float(np.mean(scores)), 4)
