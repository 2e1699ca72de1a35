"""Why a feedback was routed as it was: its topics, the words that speak for each department, others like it.

Enters: a feedback that was analyzed. Leaves: `Evidence`. What must hold: nothing is invented. A word counts
by what its absence does to the heads' own answer (erasure; Li, Monroe and Jurafsky 2016, arXiv:1612.08220);
what is near is near by the vectors that the heads read; the time it takes is bounded.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voc.errors import Conflict, NotFound
from voc.heads import probabilities
from voc.identity import is_within
from voc.pipeline import Pipeline
from voc.privacy import covered
from voc.records import Analysis, Candidate, Segment, Span
from voc.routing import FIELDS, owner_features
from voc.store import Kept, Neighbours, Past, Store
from voc.text import folded_words, places
from voc.tokens import tokenize
from voc.topics import centred

#: Why a segment belongs to its department: a person said so; a decision sends its topic there; its topic
#: belongs there; the segment head says so.
Ground = Literal["person", "decision", "topic", "words"]

#: How often a text is read again, each time without one word, and how many characters in all: on one core
#: that takes half a second at most.
READINGS_MOST = 40
CHARS_MOST = 12_000
#: Texts whose words a process remembers as weighed.
REMEMBERED = 64
#: Where a stretch would be longer than so many words, no word is told from its neighbours.
STRETCH_MOST = 3
#: Least change of log-odds that makes a word count, and least share of what the strongest one changes.
LEAST_WEIGHT = 0.2
LEAST_SHARE = 0.2
#: Words that are named for each department or topic.
WORDS_MOST = 6
#: How many are looked at, of those that people decided and of each topic or department, and how many shown.
DECIDED_MOST = 400
ALIKE_MOST = 200
SHOWN_MOST = 3
#: Least probability of owning the whole at which words are named.
LEAST_CLAIM = 0.05
#: Least cosine, from the centre of the topics, of two feedback that are called alike.
LEAST_ALIKE = 0.3
NEAREST = 3


@dataclass(frozen=True, slots=True)
class Word:
    """Words of the text that count.

    Attributes:
        weight: how much less the log-odds are without them.
    """

    start: int
    end: int
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Near:
    """A topic with how near a segment lies to its nearest place.

    Attributes:
        cosine: -1..1.
        threshold: from which on a segment belongs to it.
    """

    topic: str
    cosine: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Part:
    """Why one segment belongs where it does.

    Attributes:
        department, topic: as shown.
        ground: of the department, None where there is none.
        departments: what the segment head says itself, surest first; ``none`` for nobody's.
        words: that speak for the department.
        near: topics, the nearest first; with that of the segment, however far.
        topic_words: typical words of the segment's topic that stand in it.
    """

    start: int
    end: int
    topic: str | None
    department: str | None
    ground: Ground | None
    departments: tuple[Candidate, ...]
    words: tuple[Word, ...]
    near: tuple[Near, ...]
    topic_words: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A department that could own the whole, with the words that speak for it; none where it hardly could."""

    department: str
    confidence: float
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """Another feedback that is like it.

    Attributes:
        cosine: of the whole texts, from the centre of the topics.
        is_decided: whether people decided whose it is.
    """

    kept: Kept
    cosine: float
    is_decided: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a feedback was routed as it was.

    Attributes:
        pipeline: the version that tells it, which may be a later one than that whose word is shown.
        are_words_known: False where the text is too long to be read again without each word.
        owners: departments that could own the whole, surest first.
        past: see `voc.store.Precedents.past`.
    """

    kept: Kept
    pipeline: str
    are_words_known: bool
    owners: tuple[Claim, ...]
    parts: tuple[Part, ...]
    like: tuple[Like, ...]
    past: tuple[Past, ...]

    def as_dict(self) -> dict[str, Any]:
        """The evidence as JSON values."""
        return {
            "id": self.kept.feedback.id,
            "pipeline": self.pipeline,
            "are_words_known": self.are_words_known,
            "owners": [asdict(one) for one in self.owners],
            "segments": [asdict(one) for one in self.parts],
            "like": [
                one.kept.as_dict() | {"cosine": one.cosine, "is_decided": one.is_decided} for one in self.like
            ],
            "analyses": [
                {
                    "analysis": one.analysis.as_dict(), "own": one.own.as_dict(),
                    "run": one.run, "at": one.at, "is_shown": one.is_shown,
                }
                for one in self.past
            ],
        }  # fmt: skip


def explain(store: Store, pipeline: Pipeline, key: str, within: str | None = None) -> Evidence:
    """Why one feedback was routed as it was.

    Args:
        within: department of a reader who may see no other's feedback.

    Raises:
        NotFound: ``feedback_unknown``.
        Conflict: ``feedback_queued`` if it was not analyzed yet, ``feedback_erased``.
    """
    kept = store.get(key)
    if kept is None or not is_within(within, kept.analysis):
        raise NotFound("feedback_unknown", f"no feedback has the id {key!r}", "id")
    if kept.analysis is None:
        raise Conflict("feedback_queued", f"feedback {key!r} was not analyzed yet", "id")
    if kept.feedback.erased_at is not None:
        raise Conflict("feedback_erased", f"feedback {key!r} was erased; no text is left", "id")
    past = store.precedents.past(key)
    shown, text = kept.analysis, kept.feedback.text
    if not shown.segments:
        return Evidence(kept, pipeline.version, True, (), (), (), tuple(past))
    weighed = _remembered(pipeline, text, shown.segments)
    own = next((one.own for one in past if one.is_shown), shown)
    parts = tuple(_part(pipeline, weighed, i, text, shown, own) for i in range(len(shown.segments)))
    like = _like(store, pipeline, kept, weighed.vectors[0], within)
    owners = _owners(weighed, text, shown)
    return Evidence(kept, pipeline.version, weighed.are_words_known, owners, parts, like, tuple(past))


# ---- words


class _Weighed:
    """What the heads say of a text, and of the text without each of its words. It holds no word itself.

    Attributes:
        stretches: what was left out, by reading, the first reading being that of the whole text.
        vectors: float32 (n_rows, n_dims): of the whole, where there are several segments, and of the
            segments.
        parts: float32 (1 + n_stretches, n_segments, n_departments): of the segment head alone.
        wholes: float32 (1 + n_stretches, n_departments): of the owner head.
        keys: the departments, ``none`` last.
    """

    def __init__(self, pipeline: Pipeline, text: str, segments: Sequence[Segment]) -> None:
        organization = pipeline.router.organization
        self.keys = [*(one.key for one in organization.departments), "none"]
        self.stretches = _stretches(text, segments)
        self.are_words_known = bool(self.stretches)
        spans = tuple(Span(one.start, one.end) for one in segments)
        texts = [text, *(_without(text, one) for one in self.stretches)]
        readings = pipeline.reader.read_spans(texts, [spans] * len(texts))
        vectors = np.array([reading.vectors for reading in readings], np.float32)
        self.vectors = vectors[0]
        words = [words for reading in readings for words in reading.words]
        rows = vectors.reshape(-1, vectors.shape[-1])
        fields = probabilities(pipeline.router.segment_head, pipeline.features.transform(rows, words))
        topics = pipeline.topics.assign(rows, fields, FIELDS)
        known = pipeline.topics.registry.topics
        owned = [known[key].department if key else None for key in topics]
        joined = pipeline.router.with_topics(fields, owned)
        shape = (len(texts), len(self.vectors), len(FIELDS))
        fields, joined = fields.reshape(shape), joined.reshape(shape)
        lengths = np.array([span.end - span.start for span in spans], np.int64)
        first = shape[1] - len(spans)
        owners = pipeline.router.owners(
            np.array(
                [
                    owner_features(whole[0], part[first:], lengths)
                    for whole, part in zip(fields, joined, strict=True)
                ]
            )
        )
        to_departments = _projection(self.keys, organization.department_of_field)
        self.parts = fields[:, first:] @ to_departments
        self.wholes = owners @ to_departments

    def words_for(
        self, text: str, answers: NDArray[np.float32], department: str, inside: Span | None = None
    ) -> tuple[Word, ...]:
        """Words without which a department is less probable, in order of appearance.

        Args:
            answers: (1 + n_stretches, n_departments).
            inside: the segment that is spoken of.
        """
        if department not in self.keys:
            return ()
        odds = _log_odds(answers[:, self.keys.index(department)])
        found = [
            (span, float(odds[0] - less))
            for span, less in zip(self.stretches, odds[1:], strict=True)
            if inside is None or inside.start <= span.start < inside.end
        ]
        return _strongest(text, found)


_weighed: OrderedDict[tuple[str, bytes], _Weighed] = OrderedDict()
_lock = threading.Lock()


def _remembered(pipeline: Pipeline, text: str, segments: Sequence[Segment]) -> _Weighed:
    """As weighed lately: what people read they read again, above all after they corrected it."""
    places = [(one.start, one.end, one.language) for one in segments]
    key = (pipeline.version, hashlib.sha256(f"{places}\0{text}".encode()).digest())
    with _lock:
        found = _weighed.get(key)
    if found is None:
        found = _Weighed(pipeline, text, segments)
    with _lock:
        _weighed[key] = found
        _weighed.move_to_end(key)
        while len(_weighed) > REMEMBERED:
            _weighed.popitem(last=False)
    return found


def _projection(keys: Sequence[str], covered_by: Mapping[str, str]) -> NDArray[np.float32]:
    """float32 (n_fields, n_departments), 0 or 1."""
    matrix = np.zeros((len(FIELDS), len(keys)), np.float32)
    for row, field in enumerate(FIELDS):
        matrix[row, keys.index(covered_by.get(field, "none"))] = 1.0
    return matrix


def _log_odds(shares: NDArray[np.float32]) -> NDArray[np.float64]:
    clipped = np.clip(shares.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


def _strongest(text: str, weighed: Iterable[tuple[Span, float]]) -> tuple[Word, ...]:
    found = [(span, weight) for span, weight in weighed if weight >= LEAST_WEIGHT]
    most = max((weight for _, weight in found), default=0.0)
    found = sorted(found, key=lambda pair: -pair[1])[:WORDS_MOST]
    return tuple(
        Word(span.start, span.end, text[span.start : span.end], round(weight, 3))
        for span, weight in sorted(found, key=lambda pair: pair[0].start)
        if weight >= LEAST_SHARE * most
    )


def _stretches(text: str, segments: Sequence[Segment]) -> list[Span]:
    """The words of the segments; neighbours together where there are too many, none where that is no help.

    What is masked, or would be, is no word: the heads do not see it.
    """
    seen = covered(text)
    words = [
        [
            Span(part.start + token.start, part.start + token.end)
            for token in tokenize(part.text, part.language)
            if any(map(str.isalnum, seen[part.start + token.start : part.start + token.end]))
        ]
        for part in segments
    ]
    most = min(READINGS_MOST, CHARS_MOST // len(text))
    for together in range(1, STRETCH_MOST + 1):
        found = [
            Span(part[at].start, part[min(at + together, len(part)) - 1].end)
            for part in words
            for at in range(0, len(part), together)
        ]
        if len(found) <= most:
            return found
    return []


def _without(text: str, span: Span) -> str:
    """The text with blanks in place of some words; offsets stay."""
    return text[: span.start] + " " * (span.end - span.start) + text[span.end :]


# ---- segments and the whole


def _part(pipeline: Pipeline, weighed: _Weighed, i: int, text: str, shown: Analysis, own: Analysis) -> Part:
    segment = shown.segments[i]
    span = Span(segment.start, segment.end)
    row = weighed.parts[0, i]
    head = tuple(
        Candidate(weighed.keys[k], round(float(row[k]), 4)) for k in np.argsort(-row, kind="stable")[:NEAREST]
    )
    words = (
        weighed.words_for(text, weighed.parts[:, i], segment.department, span) if segment.department else ()
    )
    said = next((one for one in own.segments if (one.start, one.end) == (span.start, span.end)), segment)
    vector = weighed.vectors[len(weighed.vectors) - len(shown.segments) + i]
    topic = pipeline.topics.registry.topics.get(segment.topic) if segment.topic else None
    return Part(
        segment.start, segment.end, segment.topic, segment.department,
        _ground(pipeline, segment, said), head, words, _near(pipeline, vector, segment.topic),
        _topic_words(segment, topic.words if topic else ()),
    )  # fmt: skip


def _ground(pipeline: Pipeline, segment: Segment, said: Segment) -> Ground | None:
    if segment.department != said.department:
        return "person"
    if segment.department is None:
        return None
    if segment.topic is None:
        return "words"
    decided = {**pipeline.router.organization.topics, **pipeline.topics.registry.moved}
    if decided.get(segment.topic) == segment.department:
        return "decision"
    natural = pipeline.department_of_topic.get(segment.topic)
    return "topic" if natural == segment.department else "words"


def _near(pipeline: Pipeline, vector: NDArray[np.float32], topic: str | None) -> tuple[Near, ...]:
    registry = pipeline.topics.registry
    places = [one for one in registry.prototypes if registry.topics[one.topic].state == "active"]
    if not places:
        return ()
    (point,) = centred(vector[None], registry.center)
    cosines = np.array([one.vector for one in places], np.float32) @ point
    found: dict[str, Near] = {}
    for at in np.argsort(-cosines, kind="stable"):
        place = places[int(at)]
        near = Near(place.topic, round(float(cosines[at]), 4), round(place.threshold, 4))
        if place.topic not in found and (len(found) < NEAREST or place.topic == topic):
            found[place.topic] = near
    return tuple(found.values())


def _topic_words(segment: Segment, words: Sequence[str]) -> tuple[Span, ...]:
    """Where typical words of the topic stand in the segment, diacritics aside."""
    found = places(segment.text, [[one for one, *_ in folded_words(word)] for word in words])
    return tuple(Span(segment.start + start, segment.start + end) for start, end in found)


def _owners(weighed: _Weighed, text: str, shown: Analysis) -> tuple[Claim, ...]:
    """The departments that the owner head thinks of, and the one that is shown."""
    row = weighed.wholes[0]
    order = [int(k) for k in np.argsort(-row, kind="stable") if weighed.keys[int(k)] != "none"]
    wanted = [weighed.keys[k] for k in order[:NEAREST]]
    wanted += [one.department for one in shown.candidates if one.department in weighed.keys]
    if shown.owner in weighed.keys:
        wanted.append(str(shown.owner))
    claims: list[Claim] = []
    for key in dict.fromkeys(wanted):
        share = float(row[weighed.keys.index(key)])
        words = weighed.words_for(text, weighed.wholes, key) if share >= LEAST_CLAIM else ()
        claims.append(Claim(key, round(share, 4), words))
    return tuple(claims)


# ---- others


def _like(
    store: Store, pipeline: Pipeline, kept: Kept, vector: NDArray[np.float32], within: str | None
) -> tuple[Like, ...]:
    """The nearest that people decided, and the nearest of the same topics or departments."""
    shown = kept.analysis
    assert shown is not None  # noqa: S101  # what waits has no evidence
    key, reader = kept.feedback.id, pipeline.reader.version
    topics = dict.fromkeys(part.topic for part in shown.segments if part.topic)
    departments = dict.fromkeys(
        part.department for part in shown.segments if part.department and not part.topic
    )
    center = pipeline.topics.registry.center
    decided = _nearest(
        store.precedents.decided(reader, DECIDED_MOST, but=key, within=within), vector, center, SHOWN_MOST
    )
    others = _nearest(
        store.precedents.alike(
            shown.pipeline, topics, departments, reader, ALIKE_MOST, but=key, within=within
        ),
        vector, center, SHOWN_MOST + len(decided),
    )  # fmt: skip
    fresh = [(one, cosine) for one, cosine in others if one not in dict(decided)][:SHOWN_MOST]
    found = store.get_many([one for one, _ in [*decided, *fresh]])
    return tuple(
        Like(found[one], cosine, one in dict(decided)) for one, cosine in [*decided, *fresh] if one in found
    )


def _nearest(
    pool: Neighbours, vector: NDArray[np.float32], center: NDArray[np.float32], most: int
) -> list[tuple[str, float]]:
    if not pool.ids:
        return []
    cosines = centred(pool.vectors, center) @ centred(vector[None], center)[0]
    order = [int(at) for at in np.argsort(-cosines, kind="stable")[:most] if cosines[at] >= LEAST_ALIKE]
    return [(pool.ids[at], round(float(cosines[at]), 4)) for at in order]
