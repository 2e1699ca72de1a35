"""The registry of topics: what each is, where its segments lie, and the decisions that people take about it.

Enters: topics with their prototypes. Leaves: a `Change` per decision, and the registry as it is after it.
What must hold: a key is never reused; a change of one topic moves no segment of another. Three rules make
that so.

* A prototype has a layer. Layers are asked in turn, and a later one gets only what the earlier ones left: a
  new topic, or one that grows, takes segments that belonged to none.
* A topic that was merged, split or retired keeps its place in its layer and hands its segments on: to the
  topic that it went into, to the nearest of its parts, or to none.
* A topic that was moved keeps its segments; only its department is another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voc.errors import Conflict, InvalidInput, NotFound
from voc.text import is_phrase

State = Literal["active", "merged", "split", "retired"]
LANGUAGES = ("vi", "en")


@dataclass(frozen=True, slots=True)
class Theme:
    """A heading under which topics are read together."""

    key: str
    name: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The theme as JSON values."""
        return {"key": self.key, "name": dict(self.name)}


@dataclass(frozen=True, slots=True)
class Topic:
    """A stable, named theme.

    Attributes:
        key: such as ``delivery-late``; never reused.
        name: a phrase shown to people, by language.
        remit: one line by language: what belongs here.
        theme: key of the theme that it is read under.
        department: the field of work (`voc.records.BASE_DEPARTMENTS`) that its words speak of.
        words: top words by class-based TF-IDF, strongest first.
        examples: segments that belong to it.
        size: segments that belonged to it at the fit.
        moved_to: key of the department that a person sent it to, None for the one that covers its field.
        state: whether it still takes segments itself.
        into: keys of the topics that took its place.
        origin: keys of the topics that it came from.
    """

    key: str
    name: Mapping[str, str]
    department: str
    words: tuple[str, ...]
    examples: tuple[str, ...]
    size: int
    remit: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(LANGUAGES, ""))
    theme: str | None = None
    moved_to: str | None = None
    state: State = "active"
    into: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The topic as JSON values."""
        lists = {name: list(getattr(self, name)) for name in ("words", "examples", "into", "origin")}
        return asdict(self) | {"name": dict(self.name), "remit": dict(self.remit)} | lists

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Topic:
        """The reverse of `as_dict`."""
        tuples = {
            name: tuple(values[name]) for name in ("words", "examples", "into", "origin") if name in values
        }
        return cls(**{**values, **tuples})


@dataclass(frozen=True, slots=True, eq=False)
class Prototype:
    """A place in the space of centred vectors around which a topic's segments lie.

    Attributes:
        vector: float32 (n_dims,), of unit length.
        threshold: least cosine at which a segment still belongs here, -1..1.
        layer: earlier layers choose first.
        within: key of the split topic whose segments it divides; None for all segments.
    """

    topic: str
    vector: NDArray[np.float32]
    threshold: float
    layer: int = 0
    within: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One decision: what the named topics and themes are after it, None for no longer there."""

    action: str
    topics: Mapping[str, Topic | None]
    themes: Mapping[str, Theme | None] = field(default_factory=dict)
    prototypes: tuple[Prototype, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """All topics, in order, with their prototypes.

    Attributes:
        center: float32 (n_dims,), the mean that is taken away from vectors first.
        encoder: version of the encoder in whose space the prototypes lie.
    """

    topics: Mapping[str, Topic]
    themes: Mapping[str, Theme]
    prototypes: tuple[Prototype, ...]
    center: NDArray[np.float32]
    encoder: str

    @classmethod
    def flat(
        cls,
        topics: Sequence[Topic],
        vectors: NDArray[np.float32],
        thresholds: Sequence[float],
        center: NDArray[np.float32],
        *,
        themes: Sequence[Theme] = (),
        encoder: str = "",
    ) -> Registry:
        """Topics with one prototype each, all in one layer; ``vectors`` is (n_topics, n_dims)."""
        places = tuple(
            Prototype(topic.key, vector, threshold)
            for topic, vector, threshold in zip(topics, vectors, thresholds, strict=True)
        )
        return cls(
            {topic.key: topic for topic in topics}, {theme.key: theme for theme in themes}, places, center,
            encoder,
        )  # fmt: skip

    @property
    def active(self) -> list[Topic]:
        """The topics that segments can belong to."""
        return [topic for topic in self.topics.values() if topic.state == "active"]

    @property
    def moved(self) -> dict[str, str]:
        """Department key per topic that a person sent there."""
        return {topic.key: topic.moved_to for topic in self.active if topic.moved_to is not None}

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides a segment's topic and department; names and remits do not."""
        decided = [
            [topic.key, topic.department, topic.moved_to, topic.state, list(topic.into)]
            for topic in sorted(self.topics.values(), key=lambda topic: topic.key)
        ]
        total = hashlib.sha256(json.dumps([decided, self.encoder]).encode())
        total.update(np.ascontiguousarray(self.center, np.float32).tobytes())
        for place in self.prototypes:
            total.update(repr((place.topic, round(place.threshold, 6), place.layer, place.within)).encode())
            total.update(np.ascontiguousarray(place.vector, np.float32).tobytes())
        return total.hexdigest()

    def get(self, key: str) -> Topic:
        """One topic.

        Raises:
            NotFound: ``topic_unknown``.
        """
        try:
            return self.topics[key]
        except KeyError:
            raise NotFound("topic_unknown", f"no topic has the key {key!r}", "key") from None

    def standing(self, key: str) -> Topic:
        """One topic that is active.

        Raises:
            NotFound: ``topic_unknown``.
            Conflict: ``topic_not_active``.
        """
        topic = self.get(key)
        if topic.state != "active":
            went = f" into {', '.join(topic.into)}" if topic.into else ""
            raise Conflict("topic_not_active", f"topic {key!r} was {topic.state}{went}", "key")
        return topic

    def after(self, change: Change) -> Registry:
        """The registry with a change made."""
        return replace(
            self,
            topics=_changed(self.topics, change.topics),
            themes=_changed(self.themes, change.themes),
            prototypes=(*self.prototypes, *change.prototypes),
        )

    def next_layer(self) -> int:
        """The layer of what is added now: after all that is there."""
        return 1 + max((place.layer for place in self.prototypes), default=-1)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**old, **new}
    return {key: value for key, value in merged.items() if value is not None}


def rebased(
    registry: Registry, shipped: Registry, point_of: Callable[[Topic], NDArray[np.float32] | None]
) -> Registry:
    """The registry in the space of another encoder.

    Topics that are shipped with that encoder lie where it puts them; the installation's own lie where their
    examples do, as near and in the same layers as before. Places that a shipped topic grew by are lost until
    it grows again.

    Args:
        point_of: where a topic's examples lie in the new space, (n_dims,) of unit length; None for nowhere.
    """
    places = [place for place in shipped.prototypes if place.topic in registry.topics]
    own = {place.topic for place in registry.prototypes} - {place.topic for place in places}
    for place in registry.prototypes:
        point = point_of(registry.topics[place.topic]) if place.topic in own else None
        if point is not None:
            places.append(replace(place, vector=point))
    return replace(registry, prototypes=tuple(places), center=shipped.center, encoder=shipped.encoder)


# ---- decisions


def rename(
    registry: Registry, key: str, name: Mapping[str, str], remit: Mapping[str, str] | None = None
) -> Change:
    """Other words for the same topic; a language that is left out keeps its own."""
    topic = registry.standing(key)
    named = {**topic.name, **_phrases(name, "name")}
    told = {**topic.remit, **_phrases(remit or {}, "remit")}
    return Change("rename", {key: replace(topic, name=named, remit=told)})


def _phrases(given: Mapping[str, str], what: str) -> dict[str, str]:
    for language, phrase in given.items():
        if language not in LANGUAGES:
            known = " or ".join(LANGUAGES)
            raise InvalidInput(f"{what}_invalid", f"the language of a {what} must be {known}", what)
        if not is_phrase(phrase, 200) or len(phrase) > 200:
            raise InvalidInput(f"{what}_invalid", f"{what} must be text of 1 to 200 characters", what)
    return {language: " ".join(phrase.split()) for language, phrase in given.items()}


def merge(registry: Registry, keys: Sequence[str], into: str) -> Change:
    """``keys`` go into the topic ``into``, which takes their segments from now on."""
    target = registry.standing(into)
    gone = [registry.standing(key) for key in dict.fromkeys(keys) if key != into]
    if not gone:
        raise InvalidInput("topics_missing", "merging needs a topic beside the one that stays", "keys")
    names = tuple(topic.key for topic in gone)
    after: dict[str, Topic | None] = {
        topic.key: replace(topic, state="merged", into=(into,)) for topic in gone
    }
    after[into] = replace(
        target, origin=(*target.origin, *names), size=target.size + sum(topic.size for topic in gone)
    )
    return Change("merge", after)


def move(registry: Registry, key: str, department: str | None) -> Change:
    """Sends a topic to a department; None gives it back to the one that covers its field of work."""
    return Change("move", {key: replace(registry.standing(key), moved_to=department)})


def retire(registry: Registry, key: str) -> Change:
    """A topic that takes no more segments; they belong to none."""
    return Change("retire", {key: replace(registry.standing(key), state="retired")})


def place(registry: Registry, key: str, theme: str | None) -> Change:
    """Puts a topic under a theme."""
    topic = registry.standing(key)
    if theme is not None and theme not in registry.themes:
        raise NotFound("theme_unknown", f"no theme has the key {theme!r}", "theme")
    return Change("place", {key: replace(topic, theme=theme)})


def add_theme(registry: Registry, key: str, name: Mapping[str, str]) -> Change:
    """A new theme, or another name for one."""
    known = registry.themes.get(key)
    named = {**(known.name if known else {}), **_phrases(name, "name")}
    missing = [language for language in LANGUAGES if language not in named]
    if missing:
        raise InvalidInput("name_invalid", f"a theme needs a name in {missing[0]}", "name")
    return Change("theme", {}, {_valid_key(key): Theme(key, named)})


def add(registry: Registry, topic: Topic, places: Sequence[Prototype]) -> Change:
    """A new topic, in a layer after all that is there."""
    if _valid_key(topic.key) in registry.topics:
        raise Conflict("topic_exists", f"a topic has had the key {topic.key!r} already", "key")
    return Change("add", {topic.key: topic}, prototypes=_layered(registry, topic.key, places))


def grow(registry: Registry, key: str, size: int, places: Sequence[Prototype]) -> Change:
    """A topic that also takes segments near ``places`` which belong to none."""
    topic = replace(registry.standing(key), size=size)
    return Change("grow", {key: topic}, prototypes=_layered(registry, key, places))


def split(registry: Registry, key: str, parts: Sequence[tuple[Topic, Sequence[Prototype]]]) -> Change:
    """Two or more topics share the segments of one, each those nearest to it."""
    topic = registry.standing(key)
    if len(parts) < 2:
        raise InvalidInput("parts_missing", "a split needs two parts or more", "parts")
    after: dict[str, Topic | None] = {
        key: replace(topic, state="split", into=tuple(part.key for part, _ in parts))
    }
    places: list[Prototype] = []
    for part, found in parts:
        if _valid_key(part.key) in registry.topics or part.key in after:
            raise Conflict("topic_exists", f"a topic has had the key {part.key!r} already", "key")
        after[part.key] = replace(part, origin=(key,), moved_to=topic.moved_to, theme=topic.theme)
        places += [replace(one, topic=part.key, within=key) for one in found]
    return Change("split", after, prototypes=tuple(places))


def _layered(registry: Registry, key: str, places: Sequence[Prototype]) -> tuple[Prototype, ...]:
    layer = registry.next_layer()
    return tuple(replace(one, topic=key, layer=layer, within=None) for one in places)


def _valid_key(key: str) -> str:
    allowed = "abcdefghijklmnopqrstuvwxyz0123456789-"
    if not key or len(key) > 60 or set(key) - set(allowed) or key[0] == "-" or key[-1] == "-":
        raise InvalidInput(
            "key_invalid", f"a key must have lower-case letters, digits and hyphens, got {key!r}", "key"
        )
    return key
