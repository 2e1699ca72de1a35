"""Reads what models learn from: public training sets, our corpus, our labels on real text.

Enters: a data folder (``train/*.jsonl``, ``weak_departments.json``) and the folder ``corpora``. Leaves:
`Example`s. What must hold: no row of ``routing_dev.jsonl``, nor a near twin of one, is ever among them;
examples that share a group stay on one side of every split.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from voc.text import fold

#: Character 4-grams shared (Jaccard) from which two texts are twins.
TWIN = 0.6


@dataclass(frozen=True, slots=True)
class Example:
    """A text with what is known of it; None where nothing is.

    Attributes:
        source: the data set, ``corpus`` for our own.
        group: examples of one group never cross a split.
        parts: segments labelled by hand: ``(start, end, sentiment, department or None)``.
        trust: weight in training; 1 for a label given by hand to this text by the guide.
        picked: it was drawn for what it says, so figures over such texts would tell of the picking.
    """

    text: str
    source: str
    group: str
    sentiment: str | None = None
    owner: str | None = None
    cooperators: tuple[str, ...] | None = None
    touchpoint: str | None = None
    parts: tuple[tuple[int, int, str, str | None], ...] = ()
    language: str | None = None
    hops: tuple[str, ...] = ()
    trust: float = 1.0
    picked: bool = False


#: The files of ``corpora/labels`` that are learned from, and whether their rows were picked by content. All
#: others hold second opinions.
FIRST_LABELS = {"first.jsonl": False, "neutral.jsonl": True}


def text_hash(text: str) -> str:
    """SHA-256 of the NFC text: how ``corpora/labels`` names a row without its sentence."""
    return hashlib.sha256(unicodedata.normalize("NFC", text).encode()).hexdigest()


def is_held_out(group: str) -> bool:
    """Whether a group belongs to the tenth that no shipped model ever learns from."""
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % 10 == 0


def is_for_calibration(group: str) -> bool:
    """Whether a group belongs to the tenth that the encoder never learns from.

    What the heads say of a text that the encoder has learned from is surer than what they say of a new one;
    temperatures and thresholds are therefore set on this tenth.
    """
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % 10 == 1


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def corpus(corpora: Path) -> list[Example]:
    """Our own feedback, labelled by segment."""
    return [
        Example(
            row["text"], "corpus", f"corpus-{row['group']}", row["sentiment"], row["owner"] or "none",
            tuple(row["cooperators"]), row["touchpoint"],
            tuple((p["start"], p["end"], p["sentiment"], p["department"]) for p in row["segments"]),
            row["language"], tuple(row["hops"]),
        )
        for row in read_jsonl(corpora / "feedback.jsonl")
    ]  # fmt: skip


def hand_labelled(data: Path, corpora: Path) -> list[Example]:
    """Rows of the training sets that were read and labelled by the guide, found again by their hash.

    Where two files label the same row the first of `FIRST_LABELS` counts.
    """
    labels: dict[tuple[str, str], tuple[dict[str, Any], bool]] = {}
    for name, picked in reversed(FIRST_LABELS.items()):
        path = corpora / "labels" / name
        for row in read_jsonl(path) if path.exists() else ():
            labels[row["source"], row["sha256"]] = (row, picked)
    found: dict[tuple[str, str], Example] = {}
    for source, text in training_texts(data):
        key = (source, text_hash(text))
        if key in labels and key not in found:
            label, picked = labels[key]
            found[key] = Example(
                text, source, f"{source}-{key[1][:16]}", label["sentiment"], label["owner"] or "none",
                tuple(label["cooperators"]), label["touchpoint"], picked=picked,
            )  # fmt: skip
    return list(found.values())


def held_out(examples: Iterable[Example]) -> list[Example]:
    """Those that figures are told of: nothing learned from them, and none was picked by its content."""
    return [example for example in examples if is_held_out(example.group) and not example.picked]


def relabelled(examples: Iterable[Example], labels: Path) -> list[tuple[Example, Example]]:
    """Each example that a second annotator labelled too, with the same text as that annotator labelled it."""
    others = {(row["source"], row["sha256"]): row for row in read_jsonl(labels)}
    pairs: list[tuple[Example, Example]] = []
    for example in examples:
        row = others.get((example.source, text_hash(example.text)))
        if row is not None:
            other = replace(
                example, sentiment=row["sentiment"], owner=row["owner"] or "none",
                cooperators=tuple(row["cooperators"]), touchpoint=row["touchpoint"],
            )  # fmt: skip
            pairs.append((example, other))
    return pairs


def training_texts(data: Path) -> Iterator[tuple[str, str]]:
    """Source and text of every row of every training set."""
    for path in sorted((data / "train").glob("*.jsonl")):
        for row in read_jsonl(path):
            yield path.stem, row["text"]


def weakly_labelled(data: Path) -> list[Example]:
    """Rows whose source label says something of sentiment or department: weak supervision, not truth."""
    maps = json.loads((data / "weak_departments.json").read_text("utf-8"))
    examples: list[Example] = []
    for path in sorted((data / "train").glob("*.jsonl")):
        rule = maps.get(path.stem)
        for row in read_jsonl(path):
            owner, others = _weak_departments(row, rule)
            sentiment = row.get("sentiment") or row.get("sentiment_derived")
            if path.stem == "bankapp_reviews" and row.get("star") == 3:
                sentiment = None  # three stars are not reliably neutral
            if owner is None and sentiment is None:
                continue
            examples.append(
                Example(
                    row["text"], path.stem, f"{path.stem}-{text_hash(row['text'])[:16]}",
                    sentiment if sentiment in ("negative", "neutral", "positive", "mixed") else None,
                    owner, others if owner else None, trust=0.3,
                )
            )  # fmt: skip
    return examples


def _weak_departments(
    row: Mapping[str, Any], rule: Mapping[str, Any] | None
) -> tuple[str | None, tuple[str, ...]]:
    """The first department that the source labels point to, and the others."""
    if rule is None:
        return None, ()
    field = rule["field"]
    values = (
        [aspect[field.split(".")[1]] for aspect in row.get("aspects", [])]
        if "[]" in field
        else [row.get(field)]
    )
    named = [rule["map"][value] or "none" for value in values if value in rule["map"]]
    distinct = tuple(dict.fromkeys(named))
    return (distinct[0], distinct[1:]) if distinct else (None, ())


def routing_set(path: Path) -> list[Example]:
    """A labelled set such as ``routing_dev.jsonl``: tuned and reported on, never trained on."""
    return [
        Example(
            row["text"], row.get("source", path.stem), row.get("id", str(number)), row["sentiment"],
            row["owner"] or "none", tuple(row["cooperators"]), row["touchpoint"],
            language=row.get("language"),
        )
        for number, row in enumerate(read_jsonl(path))
    ]  # fmt: skip


def without_twins(examples: Sequence[Example], held_out: Iterable[str]) -> list[Example]:
    """Leaves out every example that is a near twin of a held-out text (folded 4-grams, Jaccard)."""
    index: dict[str, list[int]] = defaultdict(list)
    grams: list[frozenset[str]] = []
    for number, text in enumerate(held_out):
        found = _grams(text)
        grams.append(found)
        for gram in found:
            index[gram].append(number)
    return [example for example in examples if not _has_twin(_grams(example.text), grams, index)]


def _has_twin(mine: frozenset[str], grams: list[frozenset[str]], index: Mapping[str, list[int]]) -> bool:
    shared: dict[int, int] = defaultdict(int)
    for gram in mine:
        for number in index.get(gram, ()):
            shared[number] += 1
    return any(
        count / (len(mine) + len(grams[number]) - count) > TWIN
        for number, count in shared.items()
        if count > 2
    )


def _grams(text: str, n: int = 4) -> frozenset[str]:
    letters = " " + " ".join("".join(c if c.isalnum() else " " for c in fold(text)).split()) + " "
    return frozenset(letters[i : i + n] for i in range(max(1, len(letters) - n + 1)))


def without_diacritics(example: Example) -> Example:
    """The same example as typed on a keyboard without diacritics. Offsets stay: letters keep their number."""
    text = "".join(_bare(char) for char in unicodedata.normalize("NFC", example.text))
    return (
        replace(example, text=text)
        if len(text) == len(example.text)
        else replace(example, text=text, parts=())
    )


def _bare(char: str) -> str:
    if char in "đĐ":
        return "d" if char == "đ" else "D"
    decomposed = unicodedata.normalize("NFD", char)
    return (
        decomposed[0] if len(decomposed) > 1 and decomposed[0].isalpha() and decomposed[0].isascii() else char
    )


def stop_words(path: Path) -> list[str]:
    """Stop words of both languages, folded words joined by ``_`` where they have several syllables."""
    content = tomllib.loads(path.read_text("utf-8"))
    return sorted({word.replace(" ", "_") for language in ("vi", "en") for word in content[language]})
