"""What a fit on the installation's own segments proposes to its registry.

Enters: kept segments and the registry. Leaves: a `Proposal`: topics that are the same, have grown, should be
split or merged, are new, or are gone. What must hold: nothing is changed by it; the same segments in any
order give the same proposal; no BERTopic number is in it.

BERTopic groups distinct segments, the registry's topics given as hints (semi-supervised). Each group is then
held against the topics that its segments have now. Three kinds of groups propose nothing, since they are no
theme: those whose segments are no one department's work (greetings), those that only a language or a way of
writing holds together, and those of few texts (one long letter).
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc.heads import probabilities
from voc.pipeline import Pipeline
from voc.records import BASE_DEPARTMENTS
from voc.registry import Change, Prototype, Registry, Topic
from voc.routing import FIELDS, NONE
from voc.store import KINDS, KeptSegment, Kind, Proposal, ProposalItem
from voc.text import fold
from voc.topics import TopicModel, centred, hierarchy, top_words
from voc.topics import fit as fit_groups
from voc.training import data as sets
from voc.training.naming import Namer, key_of

#: Code points that a segment must have to be grouped, as in the first fit.
MIN_LENGTH = 8
#: A topic has at least this many distinct segments, and one in a thousand of them.
LEAST_SIZE, SIZE_SHARE = 10, 0.001
#: From this share of all segments in one group on, HDBSCAN has told nothing apart: the group is fitted again.
COLLAPSED = 0.3
#: Shares by which groups are held against topics; see `compare`.
HALF, PART, GROWTH = 0.5, 0.2, 0.25
#: Groups of different languages whose centroids are at least this near are one. Language means are taken
#: away before; of the pairs over it on our corpus all said the same thing, under it fewer and fewer did.
TWIN_COSINE = 0.65
#: Least length of a group's mean vector once language is taken away. What a language or a way of writing
#: holds together has less.
COHERENCE = 0.4
#: A group is some department's work if the mean probability of its best field is at least `SOMEBODYS`, and
#: that of none is under `NOBODYS`.
SOMEBODYS, NOBODYS = 0.3, 0.5
#: Where less than `RARE` of all is Vietnamese without diacritics, a group of which more than `MOSTLY` is.
RARE, MOSTLY = 0.25, 0.5
#: A topic grows by segments whose mean is at least this near to it.
NEAR = 0.55
#: Up to which distance topics of BERTopic's hierarchy share a theme: the shipped ones of one theme meet.
ROOF = 0.8
#: Segments of a way of writing that its mean is taken of.
LEAST_WRITTEN = 30
#: A threshold lies between this quantile of the members' cosines and 1, never below `FLOOR`, as in
#: `voc.training.topic_registry`.
MEMBER_QUANTILE, FLOOR = 0.05, 0.23
EXAMPLES, WORDS = 5, 10

Accept = Callable[[Registry, ProposalItem], Change | None]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Distinct segments in the order of their content's SHA-256.

    Attributes:
        seen: segments that were looked at.
        distinct: those that differ in more than spacing, case and diacritics and are long enough; where there
            are more than the limit, estimated from how low the kept hashes are (k minimum values, Bar-Yossef
            et al. 2002).
    """

    segments: list[KeptSegment]
    seen: int
    distinct: int


def sample(segments: Iterable[KeptSegment], limit: int) -> Sample:
    """At most ``limit`` distinct segments: those whose content has the lowest SHA-256.

    Of segments with the same letters the one whose whole text has the lowest SHA-256 stands for all. Memory
    grows with ``limit`` alone.
    """
    kept: dict[str, tuple[str, KeptSegment]] = {}
    highest: list[tuple[int, str]] = []  # a heap: the highest hash first
    full = False
    seen = 0
    for segment in segments:
        seen += 1
        text = " ".join(segment.text.split())
        if len(text) < MIN_LENGTH:
            continue
        key = _sha256(fold(text))
        place = _sha256(f"{segment.span.start} {segment.whole}")
        if key in kept:
            if place < kept[key][0]:
                kept[key] = (place, segment)
            continue
        if len(kept) == limit:
            full = True
            if key > highest[0][1]:
                continue
            del kept[heapq.heappop(highest)[1]]
        kept[key] = (place, segment)
        heapq.heappush(highest, (-int(key, 16), key))
    keys = sorted(kept)
    distinct = round((limit - 1) / (int(keys[-1], 16) / 2**256)) if full else len(keys)
    return Sample([kept[key][1] for key in keys], seen, distinct)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Finding:
    """What the groups say of topics.

    Attributes:
        keys: the topics, the largest first.
        groups: numbers of the groups.
    """

    kind: Kind
    keys: tuple[str, ...]
    groups: tuple[int, ...]
    reason: str


def compare(
    groups: NDArray[np.int64],
    topics: Sequence[str | None],
    active: Sequence[str],
    usable: Collection[int],
    near: Collection[tuple[int, str]],
    least: int,
) -> list[Finding]:
    """Holds groups against the topics that their segments have now.

    The lead of a group is the topic that more than half of those of its segments have that have any. In this
    order, each topic once:

    * merged: a group, at most half of which belongs to no topic, holds at least `HALF` of two or more topics.
    * split: a topic leads two or more such groups, each with `PART` of its segments, and ``least`` of them.
    * grown: a topic leads a group with `HALF` of its segments, and the group brings at least `GROWTH` as many
      again that belong to none and are near to it.
    * same: a group has `PART` of a topic's segments or more.
    * gone: a topic has fewer than ``least`` segments here, or no group has `PART` of them.
    * new: more than half of a group, and at least ``least`` segments of it, belong to no topic, and no topic
      has grown by them.

    Args:
        groups: the group of each segment, -1 for none.
        topics: key of the topic of each segment.
        active: keys of all topics of the registry.
        usable: groups that may be a theme.
        near: groups and topics such that what belongs to none in the group is near to the topic.
    """
    table = _Contingency(groups, topics, active)
    found: list[Finding] = []
    left = [key for key in active if table.size[key] >= least]
    for group in table.numbers:
        joined = [key for key in left if table.share(key, group) >= HALF]
        if len(joined) > 1 and group in usable and table.loose(group) <= HALF:
            joined.sort(key=lambda key: (-table.size[key], key))
            found.append(Finding("merged", tuple(joined), (group,), table.why_merged(joined, group)))
            left = [key for key in left if key not in joined]
    for key in list(left):
        led = [group for group in table.numbers if table.lead(group) == key]
        parts = [
            group
            for group in led
            if group in usable
            and table.loose(group) <= HALF
            and table.share(key, group) >= PART
            and table.count(key, group) >= least
        ]
        if len(parts) > 1:
            found.append(Finding("split", (key,), tuple(parts), table.why_split(key, parts)))
            continue
        best = max(table.numbers, key=lambda group: table.share(key, group), default=None)
        if best is None or table.share(key, best) < PART:
            reason = f"its {table.size[key]} segments lie scattered; no group has a fifth of them"
            found.append(Finding("gone", (key,), (), reason))
        elif (
            best in led
            and best in usable
            and (best, key) in near
            and table.share(key, best) >= HALF
            and table.unplaced(best) >= max(GROWTH * table.size[key], least)
        ):
            found.append(Finding("grown", (key,), (best,), table.why_grown(key, best)))
        else:
            found.append(Finding("same", (key,), (best,), table.why_same(key, best)))
    taken = {group for one in found if one.kind == "grown" for group in one.groups}
    found += [
        Finding("new", (), (group,), table.why_new(group))
        for group in table.numbers
        if group in usable
        and group not in taken
        and table.loose(group) > HALF
        and table.unplaced(group) >= least
    ]
    found += [
        Finding("gone", (key,), (), f"unseen: {table.size[key]} segments here, under {least} tell nothing")
        for key in active
        if table.size[key] < least
    ]
    return found


class _Contingency:
    """How many segments each group and topic have in common."""

    def __init__(
        self, groups: NDArray[np.int64], topics: Sequence[str | None], active: Sequence[str]
    ) -> None:
        self.pairs = Counter(zip(groups.tolist(), topics, strict=True))
        self.size = Counter(dict.fromkeys(active, 0))
        self.size.update(key for key in topics if key is not None)
        self.group = Counter(int(number) for number in groups if number >= 0)
        self.numbers = sorted(self.group)
        self.active = active

    def count(self, key: str, group: int) -> int:
        return self.pairs[group, key]

    def share(self, key: str, group: int) -> float:
        return self.pairs[group, key] / max(self.size[key], 1)

    def unplaced(self, group: int) -> int:
        return self.pairs[group, None]

    def loose(self, group: int) -> float:
        """The share of a group that belongs to no topic."""
        return self.pairs[group, None] / self.group[group]

    def lead(self, group: int) -> str | None:
        placed = self.group[group] - self.pairs[group, None]
        best = max(self.active, key=lambda key: self.pairs[group, key], default=None)
        return best if best is not None and self.pairs[group, best] * 2 > placed else None

    def why_merged(self, keys: Sequence[str], group: int) -> str:
        parts = ", ".join(f"{self.share(key, group):.0%} of {key}" for key in keys)
        return f"one group of {self.group[group]} segments holds {parts}"

    def why_split(self, key: str, groups: Sequence[int]) -> str:
        parts = " and ".join(str(self.count(key, group)) for group in groups)
        return f"its {self.size[key]} segments fall into groups of {parts}"

    def why_grown(self, key: str, group: int) -> str:
        return (
            f"a group with {self.share(key, group):.0%} of its {self.size[key]} segments has "
            f"{self.unplaced(group)} more that belong to no topic"
        )

    def why_same(self, key: str, group: int) -> str:
        part = f"{self.share(key, group):.0%} of its {self.size[key]} segments"
        return f"a group of {self.group[group]} has {part}"

    def why_new(self, group: int) -> str:
        return f"{self.unplaced(group)} of {self.group[group]} segments of a group belong to no topic"


@dataclass(slots=True, eq=False)
class _Material:
    """Segments with all that is known of them; rows belong together.

    Attributes:
        points: in the registry's space.
        levelled: the same with the mean of each way of writing taken away.
        writing: ``vi``, ``bare`` (Vietnamese without diacritics) or ``en``.
        languages: ``vi`` or ``en``.
        fields: (n, n_fields), probable fields of work.
    """

    segments: Sequence[KeptSegment]
    vectors: NDArray[np.float32]
    points: NDArray[np.float32]
    levelled: NDArray[np.float32]
    writing: NDArray[np.str_]
    languages: list[str]
    fields: NDArray[np.float32]
    topics: list[str | None]

    @property
    def words(self) -> list[str]:
        return [segment.words for segment in self.segments]

    @classmethod
    def of(cls, segments: Sequence[KeptSegment], pipeline: Pipeline) -> _Material:
        model = pipeline.topics
        vectors = np.array([segment.vector for segment in segments], np.float32)
        vectors = vectors.reshape(len(segments), len(model.registry.center))
        points = centred(vectors, model.registry.center)
        writing = np.array([_writing(segment) for segment in segments], np.str_)
        fields = np.zeros((0, len(FIELDS)), np.float32)
        if segments:
            words = [segment.words for segment in segments]
            fields = probabilities(pipeline.router.segment_head, pipeline.features.transform(vectors, words))
        topics = TopicModel(model.registry).assign(vectors, fields, FIELDS)
        languages = ["en" if kind == "en" else "vi" for kind in writing]
        return cls(segments, vectors, points, _levelled(points, writing), writing, languages, fields, topics)


def _writing(segment: KeptSegment) -> str:
    if segment.language in ("en", "und"):
        return "en"
    return "bare" if fold(segment.text) == segment.text.lower() else "vi"


def _levelled(points: NDArray[np.float32], writing: NDArray[np.str_]) -> NDArray[np.float32]:
    """Unit rows without the mean of their way of writing, which makes them comparable across languages
    (Libovický, Rosa and Fraser 2020)."""
    level = points.copy()
    for kind in np.unique(writing):
        rows = writing == kind
        if rows.sum() >= LEAST_WRITTEN:
            level[rows] -= points[rows].mean(axis=0)
    return np.asarray(level / np.maximum(np.linalg.norm(level, axis=1, keepdims=True), 1e-9), np.float32)


def propose(
    pipeline: Pipeline,
    segments: Iterable[KeptSegment],
    accept: Accept,
    *,
    revision: int,
    used: Collection[str] = (),
    limit: int = 50_000,
    min_topic_size: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Proposal:
    """Fits and compares.

    Args:
        accept: the change that accepting an item makes, for the figures after it.
        revision: number of the registry's last change.
        used: keys that are taken beside those of the registry.
        limit: distinct segments at most.
        min_topic_size: least number of distinct segments of a topic; `LEAST_SIZE` or `SIZE_SHARE` of them,
            whichever is more, if left out.
    """
    taken = sample(segments, limit)
    least = min_topic_size or max(LEAST_SIZE, round(SIZE_SHARE * len(taken.segments)))
    say(f"{len(taken.segments)} of {taken.distinct} distinct segments; topics of {least} or more")
    material = _Material.of(taken.segments, pipeline)
    registry = pipeline.topics.registry
    stop = sets.stop_words(Path(__file__).parent / "stopwords.toml")
    groups = _twins_joined(_grouped(material, registry, least, stop), material)
    usable, idle = _usable(groups, material, least)
    say(f"{len(set(groups.tolist()) - {-1})} groups; now compared and named")
    active = [topic.key for topic in registry.active]
    near = _near(groups, material, registry)
    findings = compare(groups, material.topics, active, usable, near, least)
    writer = _Writer(material, pipeline, groups, stop, {*registry.topics, *used})
    items = writer.items(sorted(findings, key=lambda one: _order(one, groups)))
    changes = [change for item in items if (change := accept(registry, item)) is not None]
    changed = registry
    for change in changes:
        changed = changed.after(change)
    after = TopicModel(changed).assign(material.vectors, material.fields, FIELDS)
    figures = {
        "segments": taken.seen,
        "distinct": taken.distinct,
        "fitted": len(taken.segments),
        "limit": limit,
        "min_topic_size": least,
        "topics": len(active),
        "topics_after": len(changed.active),
        "groups": len(set(groups.tolist()) - {-1}),
        "groups_nobodys": idle["nobodys"],
        "groups_loose": idle["loose"],
        "groups_of_few_texts": idle["few"],
        "outliers_bertopic": _share(groups < 0),
        "outliers_before": _share([key is None for key in material.topics]),
        "outliers_after": _share([key is None for key in after]),
    }
    sizes = Counter(after)
    return Proposal(
        revision, registry.encoder, figures,
        tuple(replace(item, content=_sized(item, Counter(material.topics), sizes)) for item in items),
    )  # fmt: skip


def _share(which: Any) -> float:
    return round(float(np.mean(which)), 4) if len(which) else 0.0


def _sized(
    item: ProposalItem, now: Mapping[str | None, int], after: Mapping[str | None, int]
) -> dict[str, Any]:
    """The item with its topics' segments as they are, and as they would be if all were accepted."""
    keys = {*item.keys, *(group["key"] for group in item.content["groups"])}
    size = {
        "now": sum(now.get(key, 0) for key in item.keys),
        "proposed": sum(after.get(key, 0) for key in keys),
    }
    groups = [group | {"proposed": after.get(group["key"], 0)} for group in item.content["groups"]]
    return {"reason": item.content["reason"], "size": size, "groups": groups}


def _order(finding: Finding, groups: NDArray[np.int64]) -> tuple[int, int, str]:
    size = int(np.isin(groups, finding.groups).sum()) if finding.groups else 0
    return KINDS.index(finding.kind), -size, finding.keys[0] if finding.keys else ""


def _grouped(material: _Material, registry: Registry, least: int, stop: Sequence[str]) -> NDArray[np.int64]:
    """BERTopic's groups, numbered from 0 by their size; -1 for none."""
    keys = sorted(registry.topics)
    hints = np.array([-1 if key is None else keys.index(key) for key in material.topics], np.int64)
    rows = np.arange(len(material.segments))
    groups = _fitted(material, rows, hints, least, stop)
    for _ in range(2):
        counts = np.bincount(groups[groups >= 0]) if (groups >= 0).any() else np.zeros(1, np.int64)
        if counts.max() <= COLLAPSED * len(groups) or counts.max() < 2 * least:
            break
        inner = np.flatnonzero(groups == int(counts.argmax()))
        again = _fitted(material, inner, hints, least, stop)
        groups[inner] = np.where(again < 0, -1, again + groups.max() + 1)
    numbers = [number for number, _ in sorted(_counted(groups).items(), key=lambda one: (-one[1], one[0]))]
    renamed = {number: place for place, number in enumerate(numbers)}
    return np.array([renamed.get(int(number), -1) for number in groups], np.int64)


def _fitted(
    material: _Material,
    rows: NDArray[np.int64],
    hints: NDArray[np.int64],
    least: int,
    stop: Sequence[str],
) -> NDArray[np.int64]:
    words = [material.segments[row].words for row in rows]
    known = hints[rows].tolist() if (hints[rows] >= 0).any() else None
    found, _ = fit_groups(words, material.points[rows], min_topic_size=least, stop_words=stop, hints=known)
    return np.asarray(found, np.int64).copy()


def _counted(groups: NDArray[np.int64]) -> Counter[int]:
    return Counter(int(number) for number in groups if number >= 0)


def _twins_joined(groups: NDArray[np.int64], material: _Material) -> NDArray[np.int64]:
    """Groups that say the same in two languages as one: each the other's nearest, and near enough."""
    numbers = sorted(_counted(groups))
    if len(numbers) < 2:
        return groups
    centroids = np.array([_middle(material.levelled[groups == number]) for number in numbers])
    mostly = [
        Counter(language for language, one in zip(material.languages, groups, strict=True) if one == number)
        .most_common(1)[0][0]
        for number in numbers
    ]  # fmt: skip
    cosines = centroids @ centroids.T
    cosines[np.array(mostly)[:, None] == np.array(mostly)[None, :]] = -1.0
    joined = groups.copy()
    for place, number in enumerate(numbers):
        other = int(cosines[place].argmax())
        mutual = int(cosines[other].argmax()) == place
        if mutual and other > place and cosines[place, other] >= TWIN_COSINE:
            joined[joined == numbers[other]] = number
    return joined


def _middle(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of unit rows, as a unit row."""
    mean = points.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _usable(groups: NDArray[np.int64], material: _Material, least: int) -> tuple[set[int], dict[str, int]]:
    """The groups that may be a theme, and how many are not."""
    usable: set[int] = set()
    idle = {"nobodys": 0, "loose": 0, "few": 0}
    none = FIELDS.index(NONE)
    bare = material.writing == "bare"
    for number in sorted(_counted(groups)):
        rows = np.flatnonzero(groups == number)
        fields = material.fields[rows].mean(axis=0)
        if fields[none] >= NOBODYS or np.delete(fields, none).max() < SOMEBODYS:
            idle["nobodys"] += 1
        elif np.linalg.norm(material.levelled[rows].mean(axis=0)) < COHERENCE or (
            bare.mean() < RARE and bare[rows].mean() > MOSTLY
        ):
            idle["loose"] += 1
        elif len({material.segments[row].whole for row in rows.tolist()}) < least:
            idle["few"] += 1
        else:
            usable.add(number)
    return usable, idle


def _near(groups: NDArray[np.int64], material: _Material, registry: Registry) -> set[tuple[int, str]]:
    """Groups and topics such that what belongs to none in the group is `NEAR` to the topic."""
    unplaced = np.array([key is None for key in material.topics])
    found: set[tuple[int, str]] = set()
    for number in sorted(_counted(groups)):
        rows = (groups == number) & unplaced
        if rows.any():
            middle = _middle(material.points[rows])
            found |= {
                (number, place.topic) for place in registry.prototypes if float(place.vector @ middle) >= NEAR
            }
    return found


@dataclass(slots=True, eq=False)
class _Drawn:
    """A topic as a group draws it."""

    finding: int
    rows: NDArray[np.int64]
    key: str | None
    centroid: NDArray[np.float32] = field(repr=False)
    threshold: float = 0.0


class _Writer:
    """Makes items of findings: members, words, names, examples, places."""

    def __init__(
        self,
        material: _Material,
        pipeline: Pipeline,
        groups: NDArray[np.int64],
        stop: Sequence[str],
        used: set[str],
    ) -> None:
        self.material = material
        self.registry = pipeline.topics.registry
        self.encoder = pipeline.reader.encoder
        self.groups = groups
        self.stop = stop
        self.used = used

    def items(self, findings: Sequence[Finding]) -> tuple[ProposalItem, ...]:
        """One item a finding, numbered from 1."""
        drawn = [one for place, finding in enumerate(findings) for one in self._drawn(place, finding)]
        fresh = [one for one in drawn if one.key is None]
        words = self._top_words(drawn)
        names = self._names(fresh)
        themes = self._themes(fresh, words[: len(drawn)], drawn)
        content: dict[int, list[dict[str, Any]]] = {place: [] for place in range(len(findings))}
        places: dict[int, list[Prototype]] = {place: [] for place in range(len(findings))}
        for one, said in zip(drawn, words, strict=True):
            described: dict[str, Any] = {}
            if one.key is None:
                number = next(place for place, other in enumerate(fresh) if other is one)
                named = names[number]
                one.key = key_of(named.name["en"] or named.name["vi"], self.used)
                self.used.add(one.key)
                described = {
                    "name": named.name, "name_borrowed": list(named.borrowed),
                    "name_rare": list(named.rare), "theme": themes[number],
                }  # fmt: skip
            content[one.finding].append(self._described(one, said, described))
            if findings[one.finding].kind in ("new", "grown", "split"):
                places[one.finding].append(Prototype(one.key, one.centroid, one.threshold))
        return tuple(
            ProposalItem(
                place + 1, finding.kind, finding.keys,
                {"reason": finding.reason, "groups": content[place]}, tuple(places[place]),
            )
            for place, finding in enumerate(findings)
        )  # fmt: skip

    def _drawn(self, place: int, finding: Finding) -> list[_Drawn]:
        topics = np.array([key or "" for key in self.material.topics])
        found = []
        for group in finding.groups:
            rows = np.flatnonzero(self.groups == group)
            key: str | None = finding.keys[0] if finding.keys else None
            rest = topics == ""
            if finding.kind in ("new", "grown"):
                rows = rows[topics[rows] == ""]
            elif finding.kind == "split":
                rows = rows[topics[rows] == key]
                rest = topics == (key or "")
            centroid = _middle(self.material.points[rows])
            threshold = self._threshold(rows, centroid, rest)
            fresh = finding.kind in ("new", "split")
            found.append(_Drawn(place, rows, None if fresh else key, centroid, threshold))
        return found

    def _threshold(
        self, rows: NDArray[np.int64], centroid: NDArray[np.float32], rest: NDArray[np.bool_]
    ) -> float:
        """The cosine at which the members are told best from the rest (greatest F1), but not below
        `FLOOR` and `MEMBER_QUANTILE` of the members."""
        cosines = self.material.points @ centroid
        member = np.zeros(len(cosines), bool)
        member[rows] = True
        order = np.argsort(-cosines, kind="stable")
        order = order[member[order] | rest[order]]
        hits = np.cumsum(member[order])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + len(rows))
        best = float(cosines[order[int(f1.argmax())]])
        return round(max(FLOOR, float(np.quantile(cosines[rows], MEMBER_QUANTILE)), best), 3)

    def _top_words(self, drawn: Sequence[_Drawn]) -> list[tuple[str, ...]]:
        """Against all that is in no group of the proposal, so that one topic alone has words too."""
        if not drawn:
            return []
        inside = set(np.concatenate([one.rows for one in drawn]).tolist())
        words = self.material.words
        texts = [" ".join(words[row] for row in one.rows) for one in drawn]
        texts.append(" ".join(text for row, text in enumerate(words) if row not in inside))
        return top_words(texts, self.stop, WORDS)[: len(drawn)]

    def _names(self, fresh: Sequence[_Drawn]) -> list[Any]:
        if not fresh:
            return []
        namer = Namer(
            self.material.words, self.material.languages, self.material.levelled,
            lambda phrases: centred(self.encoder.encode(phrases), self.registry.center), self.stop,
        )  # fmt: skip
        return namer.name([one.rows for one in fresh], np.array([one.centroid for one in fresh]))

    def _themes(
        self, fresh: Sequence[_Drawn], words: Sequence[Sequence[str]], drawn: Sequence[_Drawn]
    ) -> list[str | None]:
        """The theme of the topics that the hierarchy brings under one roof with a new one first, None where
        they are too far."""
        if not fresh:
            return []
        spot = {place.topic: place.vector for place in reversed(self.registry.prototypes)}
        known = [topic for topic in self.registry.active if topic.key in spot]
        said = [" ".join(word.replace(" ", "_") for word in topic.words) for topic in known]
        said += [" ".join(word.replace(" ", "_") for word in words[drawn.index(one)]) for one in fresh]
        vectors = np.array([*(spot[topic.key] for topic in known), *(one.centroid for one in fresh)])
        tree = hierarchy(said, vectors, self.stop)
        return [self._theme(len(known) + number, tree, known) for number in range(len(fresh))]

    @staticmethod
    def _theme(row: int, tree: Sequence[tuple[tuple[int, ...], float]], known: Sequence[Topic]) -> str | None:
        for rows, distance in tree:
            if row in rows and distance <= ROOF:
                beside = [known[i].theme for i in rows if i < len(known)]
                themes = Counter(theme for theme in beside if theme is not None)
                if themes:
                    return min(themes, key=lambda theme: (-themes[theme], theme))
        return None

    def _described(self, one: _Drawn, words: Sequence[str], named: Mapping[str, Any]) -> dict[str, Any]:
        rows = one.rows
        fields = self.material.fields[rows].mean(axis=0)
        work = [FIELDS.index(name) for name in BASE_DEPARTMENTS]
        key = one.key or ""
        known = self.registry.topics.get(key)
        about = dict(named)
        if known is not None:
            about = {
                "name": dict(known.name), "name_borrowed": [], "name_rare": [], "theme": known.theme,
            }  # fmt: skip
        return {
            "key": key, **about,
            "department": known.department if known else FIELDS[max(work, key=lambda column: fields[column])],
            "segments": len(rows),
            "words": list(words),
            "nearest": self._nearest(one),
            "examples": self._examples(one),
            "languages": {
                language: round(count / len(rows), 3)
                for language, count in sorted(
                    Counter(self.material.segments[row].language for row in rows).items()
                )
            },
        }  # fmt: skip

    def _nearest(self, one: _Drawn) -> dict[str, Any] | None:
        """The topic beside this one whose place is nearest to the centroid."""
        places = [
            place
            for place in self.registry.prototypes
            if place.topic != one.key and self.registry.topics[place.topic].state == "active"
        ]
        if not places:
            return None
        cosines = [float(place.vector @ one.centroid) for place in places]
        best = int(np.argmax(cosines))
        return {"key": places[best].topic, "cosine": round(cosines[best], 3)}

    def _examples(self, one: _Drawn) -> list[str]:
        """The segments nearest to the centroid, at least one a language that a tenth of them have."""
        cosines = self.material.points[one.rows] @ one.centroid
        ranked = [int(one.rows[i]) for i in np.argsort(-cosines, kind="stable")]
        chosen = ranked[:EXAMPLES]
        for language in ("vi", "en"):
            of_it = [row for row in ranked if self.material.languages[row] == language]
            if len(of_it) * 10 >= len(ranked) and not set(of_it) & set(chosen):
                chosen = [*chosen[: EXAMPLES - 1], of_it[0]]
        return [" ".join(self.material.segments[row].text.split()) for row in chosen]
