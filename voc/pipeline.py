"""The order of the stages: texts in, analyses out, same number, same order.

``read`` finds what does not depend on any verdict (segments, languages, words, vectors) and can be kept;
``judge`` says what follows from it (feeling, topic, department). A change of heads, topics or organization
needs ``judge`` alone.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from voc import segment as segmenting
from voc import sentiment as feeling
from voc import tokens as tokenizing
from voc.artefacts import Artefacts
from voc.encoder import Encoder
from voc.heads import FeatureMap, probabilities
from voc.hops import find_hops
from voc.informal import normalize
from voc.language import LanguageDetector, LanguageTable
from voc.organization import Organization
from voc.privacy import covered
from voc.records import Analysis, Language, Reading, Segment, Span
from voc.registry import Registry, Topic, rebased
from voc.routing import FIELDS, Route, Router, Thresholds, owner_features
from voc.sentiment import SentimentModel, Verdict
from voc.settings import Settings
from voc.text import unshouted
from voc.topics import TopicModel, centred, open_registry

log = logging.getLogger(__name__)

#: Raised by hand whenever the code of a stage changes what it says.
READING_REVISION = 4
JUDGING_REVISION = 3
#: The files of ``models/`` on which a verdict depends, beside the topics and the heads.
READ_BY = ("encoder.onnx", "tokenizer.json", "language.json", "features.skops")
#: The heads; an installation may have learned its own.
HEADS = ("sentiment.skops", "verdict.skops", "departments.skops", "owner.skops", "touchpoints.skops")


@dataclass(frozen=True, slots=True)
class Instance:
    """What this installation decided and learned for itself, in place of what was shipped.

    Attributes:
        registry: its topics, None for the shipped ones.
        heads: content of the `HEADS` that it has learned, by file name.
        base: `base_of` the models that they were moved from; beside others they mean nothing.
        revision: tells one state from another.
    """

    registry: Registry | None = None
    heads: Mapping[str, bytes] = field(default_factory=dict)
    base: str | None = None
    revision: tuple[int, ...] = ()


class Reader:
    """The stages that do not judge: segments, languages, words, vectors.

    Attributes:
        version: readings are kept under it.
    """

    def __init__(self, encoder: Encoder, languages: LanguageDetector) -> None:
        self.encoder = encoder
        self.languages = languages
        self.version = f"{encoder.version}-r{READING_REVISION}"

    @classmethod
    def open(cls, artefacts: Artefacts, threads: int = 0) -> Reader:
        """Opens the encoder and the language table, and warms up the tokenizers."""
        tokenizing.warm_up()
        encoder = Encoder(
            artefacts.path("encoder.onnx"),
            artefacts.path("tokenizer.json"),
            artefacts.path("encoder.json"),
            threads=threads,
        )
        return cls(encoder, LanguageDetector(LanguageTable.open(artefacts.path("language.json"))))

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One reading per text, same order. No segment ends inside personal data, masked or not."""
        return self.read_spans(texts, [segmenting.segment(covered(text, "x")) for text in texts])

    def read_spans(self, texts: Sequence[str], spans: Sequence[tuple[Span, ...]]) -> list[Reading]:
        """The same with segments that are known already, such as those labelled by hand.

        Personal data and what was masked are read as blanks, so that a text is judged alike masked or not.

        Where there are several segments the first row speaks of the whole text: its words are those of the
        segments, its vector the mean of all its tokens.
        """
        texts = [covered(text) for text in texts]
        several = [found if len(found) > 1 else () for found in spans]
        vectors = self.encoder.encode_parts([unshouted(text) for text in texts], several)
        return [
            self._reading(text, found, rows if found else rows[:0])
            for text, found, rows in zip(texts, spans, vectors, strict=True)
        ]

    def _reading(self, text: str, spans: tuple[Span, ...], vectors: NDArray[np.float32]) -> Reading:
        pieces = [text[span.start : span.end] for span in spans]
        languages = [self.languages.detect(piece) for piece in pieces]
        words = [_words(piece, language) for piece, language in zip(pieces, languages, strict=True)]
        if len(spans) > 1:
            languages.insert(0, LanguageDetector.whole(languages))
            words.insert(0, " ".join(words))
        return Reading(spans, tuple(languages), tuple(words), vectors)


def _words(piece: str, language: Language) -> str:
    """The words of a piece in standard form, so that ``ko`` counts as ``không``."""
    if language != "en":
        piece = normalize(piece, vietnamese=language == "vi").text
    return tokenizing.words(tokenizing.tokenize(piece, language))


class Pipeline:
    """All stages with their models, safe for many threads.

    Attributes:
        version: version of what ``judge`` says, such as ``2026.11-3f9c2a``.
    """

    def __init__(
        self,
        reader: Reader,
        features: FeatureMap,
        sentiment: SentimentModel,
        topics: TopicModel,
        router: Router,
        version: str,
    ) -> None:
        self.reader = reader
        self.features = features
        self.sentiment = sentiment
        self.topics = topics
        self.router = router
        self.version = version

    @classmethod
    def open(
        cls, settings: Settings, instance: Instance | None = None, reader: Reader | None = None
    ) -> Pipeline:
        """Opens every model named by the manifest; takes about a second.

        Args:
            instance: what goes before the shipped topics and heads.
            reader: one that is open already.

        Raises:
            ArtefactError, SettingsError: see `voc.artefacts` and `voc.organization`.
        """
        artefacts = Artefacts(settings.models)
        organization = Organization.read(settings.organization)
        chosen = artefacts.read_json("routing.json")
        if settings.review_below is not None:
            chosen["review_below"] = settings.review_below
        instance = instance or Instance()
        reader = reader or Reader.open(artefacts, settings.encoder_threads)
        topics = TopicModel(_registry(artefacts, instance, reader), must_assign=settings.must_assign_topic)
        learned = _learned(artefacts, instance)
        files = {name: learned.get(name) or artefacts.path(name) for name in HEADS}
        digests = {name: _digest(artefacts, learned, name) for name in HEADS}
        stages = (
            artefacts.digest(*READ_BY), sorted(digests.items()), topics.registry.digest, topics.must_assign,
            organization.digest, sorted(chosen.items()), READING_REVISION, JUDGING_REVISION,
        )  # fmt: skip
        return cls(
            reader,
            FeatureMap.open(artefacts.path("features.skops")),
            SentimentModel.open(files["sentiment.skops"], files["verdict.skops"]),
            topics,
            Router.open(
                files["departments.skops"], files["owner.skops"], files["touchpoints.skops"],
                Thresholds(**chosen), organization, topics.registry.moved,
            ),
            f"{artefacts.version}-{hashlib.sha256(repr(stages).encode()).hexdigest()[:6]}",
        )  # fmt: skip

    @property
    def department_of_topic(self) -> dict[str, str]:
        """Key of the department that each topic belongs to, where there is one."""
        return self.router.departments_of({topic.key: topic.department for topic in self.topics.topics})

    def analyze(self, ids: Sequence[str], texts: Sequence[str]) -> list[Analysis]:
        """Reads and judges; one analysis per text, same order."""
        return self.judge(ids, texts, self.read(texts))

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """What does not depend on any verdict; see `Reader.read`."""
        return self.reader.read(texts)

    def judge(self, ids: Sequence[str], texts: Sequence[str], readings: Sequence[Reading]) -> list[Analysis]:
        """What the heads, the topics and the organization say of what was read."""
        filled = [reading for reading in readings if reading.spans]
        if not filled:
            return [self._silent(key) for key in ids]
        stacked = _Stacked(filled)
        features = self.features.transform(stacked.vectors, stacked.words)
        feelings = probabilities(self.sentiment.head, features)
        fields = probabilities(self.router.segment_head, features)
        stages = probabilities(self.router.touchpoint_head, features[stacked.wholes])
        topics = self.topics.assign(stacked.vectors, fields, FIELDS)
        known = self.topics.registry.topics
        owned = [known[topic].department if topic else None for topic in topics]
        joined = self.router.with_topics(fields, owned)
        verdicts = self.sentiment.verdicts(
            np.array(
                [
                    feeling.verdict_features(feelings[whole], feelings[parts], lengths)
                    for whole, parts, lengths in stacked.documents()
                ]
            )
        )
        owners = self.router.owners(
            np.array(
                [
                    owner_features(fields[whole], joined[parts], lengths)
                    for whole, parts, lengths in stacked.documents()
                ]
            )
        )
        judged: list[Analysis] = []
        number = 0
        for key, text, reading in zip(ids, texts, readings, strict=True):
            if not reading.spans:
                judged.append(self._silent(key))
                continue
            parts = stacked.parts[number]
            route = self.router.route(owners[number], joined[parts], topics[parts], stages[number])
            judged.append(
                self._analysis(key, text, reading, verdicts[number], route, feelings[parts], topics[parts])
            )
            number += 1
        return judged

    def _analysis(
        self,
        key: str,
        text: str,
        reading: Reading,
        verdict: Verdict,
        route: Route,
        feelings: NDArray[np.float32],
        topics: Sequence[str | None],
    ) -> Analysis:
        scores = feeling.score(feelings)
        languages = segment_languages(reading)
        segments = tuple(
            Segment(
                span.start, span.end, text[span.start : span.end], languages[i],
                feeling.CLASSES[int(feelings[i].argmax())], round(float(scores[i]), 4),
                topics[i], department, round(confidence, 4),
            )
            for i, (span, (department, confidence)) in enumerate(
                zip(reading.spans, route.segments, strict=True)
            )
        )  # fmt: skip
        return Analysis(
            key, LanguageDetector.whole(languages), verdict.label, round(verdict.score, 4),
            round(verdict.confidence, 4), route.owner, round(route.confidence, 4), route.cooperators,
            route.touchpoint, route.status, route.candidates, self._hops(text), segments, self.version,
        )  # fmt: skip

    def _hops(self, text: str) -> tuple[str, ...]:
        """The company's departments that the customer went through."""
        organization = self.router.organization
        named = (
            organization.department_of_field.get(field) for field in find_hops(text, organization.own_names)
        )
        chain = [key for key, _ in groupby(key for key in named if key is not None)]
        return tuple(chain) if len(chain) > 1 else ()

    def _silent(self, key: str) -> Analysis:
        """A text in which nothing can be read: neutral, nobody's."""
        return Analysis(
            key, "und", "neutral", 0.0, 1.0, None, 1.0, (), "unknown", "no_owner", (), (), (), self.version
        )


def segment_languages(reading: Reading) -> list[Language]:
    """The languages of the segments alone, without the whole text's where that was read too."""
    return list(reading.languages[len(reading.languages) - len(reading.spans) :])


def shipped_registry(artefacts: Artefacts, encoder: str) -> Registry:
    """The topics as they came with the models."""
    return open_registry(artefacts.read_json("topics.json"), artefacts.path("topics.safetensors"), encoder)


def _registry(artefacts: Artefacts, instance: Instance, reader: Reader) -> Registry:
    """The installation's topics, or the shipped ones."""
    shipped = shipped_registry(artefacts, reader.encoder.version)
    if instance.registry is None:
        return shipped
    if instance.registry.encoder == shipped.encoder:
        return instance.registry
    log.warning(
        "topics were placed by another encoder: own topics lie where their examples do until a new fit"
    )

    def point_of(topic: Topic) -> NDArray[np.float32] | None:
        if not topic.examples:
            return None
        points = centred(reader.encoder.encode(list(topic.examples)), shipped.center).mean(axis=0)
        return np.asarray(points / max(float(np.linalg.norm(points)), 1e-9), np.float32)

    return rebased(instance.registry, shipped, point_of)


def base_of(artefacts: Artefacts) -> str:
    """What learned heads are moved from: encoder, feature map and shipped heads."""
    return artefacts.digest(*READ_BY, *HEADS)


def _learned(artefacts: Artefacts, instance: Instance) -> Mapping[str, bytes]:
    """The installation's own heads, unless they were moved from other models than there are now."""
    if instance.heads and instance.base != base_of(artefacts):
        log.warning("learned heads were moved from other models and are not used: run voc learn again")
        return {}
    return instance.heads


def _digest(artefacts: Artefacts, learned: Mapping[str, bytes], name: str) -> str:
    own = learned.get(name)
    return artefacts.digest(name) if own is None else hashlib.sha256(own).hexdigest()


class _Stacked:
    """The rows of many readings laid under each other, with where each text's whole and parts are."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self.vectors = np.concatenate([reading.vectors for reading in readings])
        self.words = [words for reading in readings for words in reading.words]
        self.wholes: list[int] = []
        self.parts: list[slice] = []
        self.lengths: list[NDArray[np.int64]] = []
        at = 0
        for reading in readings:
            end = at + len(reading.words)
            self.wholes.append(at)
            self.parts.append(slice(end - len(reading.spans), end))
            self.lengths.append(np.array([span.end - span.start for span in reading.spans], np.int64))
            at = end

    def documents(self) -> list[tuple[int, slice, NDArray[np.int64]]]:
        """For each text: the row of its whole, the rows of its segments, the segments' lengths."""
        return list(zip(self.wholes, self.parts, self.lengths, strict=True))


class PipelineHolder:
    """Opens the pipeline at the first use, for all threads of a process, and again when it is outdated.

    Args:
        revision: tells the state of the installation's own topics and heads; asked at each use.
        instance: reads that state.
    """

    def __init__(
        self,
        settings: Settings,
        revision: Callable[[], tuple[int, ...]] = tuple,
        instance: Callable[[], Instance] = Instance,
    ) -> None:
        self._settings = settings
        self._revision = revision
        self._instance = instance
        self._lock = threading.Lock()
        self._pipeline: Pipeline | None = None
        self._opened_at: tuple[int, ...] = ()

    def get(self) -> Pipeline:
        """The pipeline; the first caller opens it while the others wait."""
        with self._lock:
            if self._pipeline is None or self._revision() != self._opened_at:
                instance = self._instance()
                reader = self._pipeline.reader if self._pipeline else None
                self._pipeline = Pipeline.open(self._settings, instance, reader)
                self._opened_at = instance.revision
            return self._pipeline

    def use(self, pipeline: Pipeline) -> None:
        """Takes a pipeline that is open already."""
        with self._lock:
            self._pipeline = pipeline
            self._opened_at = self._revision()

    @property
    def current(self) -> Pipeline | None:
        """The pipeline as it was opened last, without a look at whether it is outdated; None before."""
        return self._pipeline

    @property
    def opened(self) -> bool:
        """Whether the models are loaded."""
        return self._pipeline is not None
