"""What people decide about topics: a proposal's items, and changes of their own.

Enters: a decision with its author. Leaves: one line of the registry's history. What must hold: a decision on
an item and the change that it makes are kept together or not at all; a proposal whose topics were changed
since is refused; every change can be undone, and an item whose change was undone is open again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voc import registry as rules
from voc.errors import Conflict, InvalidInput, NotFound
from voc.pipeline import PipelineHolder
from voc.records import BASE_DEPARTMENTS
from voc.registry import Change, Registry, Topic
from voc.store import Proposal, ProposalItem, Store, TopicEvent

#: Changes after which a proposal still says the right thing of a topic.
HARMLESS = frozenset({"start", "rebase", "rename", "place", "theme", "move"})


@dataclass(frozen=True, slots=True)
class Wording:
    """What a person puts in place of what a proposal suggests for a new topic; None keeps the suggestion."""

    key: str | None = None
    name_vi: str | None = None
    name_en: str | None = None
    department: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is put in place."""
        return self == Wording()


def change_of(
    registry: Registry, item: ProposalItem, wording: Wording | None = None, *, retire: bool = False
) -> Change | None:
    """The change that accepting an item makes, None for none.

    A topic that is the same stays as it is; so does one that is gone, unless it is to be retired.

    Raises:
        InvalidInput: ``wording_unusable``, ``name_missing``, ``department_invalid``; or see `voc.registry`.
    """
    wording = wording or Wording()
    groups = item.content["groups"]
    if not wording.empty and item.kind != "new":
        raise InvalidInput(
            "wording_unusable", f"item {item.position} is {item.kind}; only a new topic takes other words",
            "key",
        )  # fmt: skip
    if item.kind == "new":
        topic = _topic(groups[0], wording, registry)
        return rules.add(registry, topic, item.places)
    if item.kind == "grown":
        size = registry.standing(item.keys[0]).size + groups[0]["segments"]
        return rules.grow(registry, item.keys[0], size, item.places)
    if item.kind == "split":
        parts = [
            (
                _topic(group, wording, registry),
                [place for place in item.places if place.topic == group["key"]],
            )
            for group in groups
        ]
        return rules.split(registry, item.keys[0], parts)
    if item.kind == "merged":
        return rules.merge(registry, item.keys[1:], item.keys[0])
    return rules.retire(registry, item.keys[0]) if item.kind == "gone" and retire else None


def _topic(group: Mapping[str, object], wording: Wording, registry: Registry) -> Topic:
    values = dict(group)
    suggested = values["name"]
    assert isinstance(suggested, Mapping)  # noqa: S101  # as `voc.training.proposals` writes it
    name = {"vi": wording.name_vi or suggested["vi"], "en": wording.name_en or suggested["en"]}
    for language, phrase in name.items():
        if not phrase:
            raise InvalidInput(
                "name_missing", f"item {values['key']!r} has no name in {language}: give one", "name"
            )
    department = wording.department or values["department"]
    if department not in BASE_DEPARTMENTS:
        known = ", ".join(BASE_DEPARTMENTS)
        raise InvalidInput("department_invalid", f"department must be one of {known}", "department")
    return Topic.from_dict(
        {
            "key": wording.key or values["key"], "name": name, "department": department,
            "words": values["words"], "examples": values["examples"], "size": values["segments"],
            "theme": values["theme"] if values["theme"] in registry.themes else None,
        }
    )  # fmt: skip


class Curation:
    """Decisions about the topics of one store, each by a named author."""

    def __init__(self, store: Store, pipelines: PipelineHolder) -> None:
        self.store = store
        self.pipelines = pipelines

    @property
    def registry(self) -> Registry:
        """The installation's registry as it is kept; the shipped one while it has none."""
        own, used = self.store.topics.read(), self.pipelines.get().topics.registry
        return own if own is not None and own.encoder == used.encoder else used

    # ---- proposals

    def proposal(self, number: int | None = None) -> Proposal:
        """One proposal, or the last."""
        return self.store.proposals.latest() if number is None else self.store.proposals.get(number)

    def find(self, proposal: Proposal, names: Sequence[str]) -> list[ProposalItem]:
        """Items by their number, or by the key of a topic that they are about; all open ones for no name.

        Raises:
            NotFound: ``item_unknown``.
        """
        if not names:
            return [item for item in proposal.items if item.decision is None]
        found: dict[int, ProposalItem] = {}
        for name in names:
            item = next((item for item in proposal.items if name in _names(item)), None)
            if item is None:
                raise NotFound(
                    "item_unknown", f"proposal {proposal.number} has nothing about {name!r}", "item"
                )
            found[item.position] = item
        return list(found.values())

    def accept(
        self,
        proposal: Proposal,
        items: Sequence[ProposalItem],
        *,
        author: str,
        reason: str | None = None,
        wording: Wording | None = None,
        retire: bool = False,
    ) -> list[TopicEvent | None]:
        """Accepts items, all of them or none; topics that are new together choose side by side.

        Returns:
            A line of history per item, None where the registry stays as it is.

        Raises:
            Conflict: ``proposal_outdated`` if a topic of an item, or the encoder, was changed since the fit;
                ``item_decided``; or see `change_of`.
        """
        registry = self.registry
        self._check(proposal, items, registry)
        if wording is not None and not wording.empty and len(items) != 1:
            raise InvalidInput("wording_unusable", "other words go with one item", "key")
        decisions = [
            (item.position, "accepted", change_of(registry, item, wording, retire=retire)) for item in items
        ]
        return self.store.proposals.decide(
            proposal.number, decisions, registry, author=author, reason=reason  # type: ignore[arg-type]
        )  # fmt: skip

    def reject(
        self, proposal: Proposal, items: Sequence[ProposalItem], *, author: str, reason: str | None = None
    ) -> None:
        """Rejects items; the registry stays as it is."""
        self.store.proposals.decide(
            proposal.number, [(item.position, "rejected", None) for item in items], self.registry,
            author=author, reason=reason,
        )  # fmt: skip

    def _check(self, proposal: Proposal, items: Sequence[ProposalItem], registry: Registry) -> None:
        if proposal.encoder != registry.encoder:
            raise Conflict(
                "proposal_outdated", "the encoder is another one than at the fit: fit again", "proposal"
            )
        later = self.store.topics.history(after=proposal.revision)
        for event in later:
            taken_back = event.undone or (event.undoes or 0) > proposal.revision
            if event.action in HARMLESS or taken_back:
                continue
            for item in items:
                if set(item.keys) & set(event.keys):
                    changed = sorted(set(item.keys) & set(event.keys))[0]
                    raise Conflict(
                        "proposal_outdated",
                        f"topic {changed!r} was changed after the fit (change {event.number}): fit again",
                        "proposal",
                    )

    # ---- changes of one's own

    def rename(
        self,
        key: str,
        name: Mapping[str, str],
        remit: Mapping[str, str] | None = None,
        *,
        author: str,
        reason: str | None = None,
    ) -> TopicEvent:
        """Other words for a topic; see `voc.registry.rename`."""
        return self._make(rules.rename(self.registry, key, name, remit), author, reason)

    def merge(self, keys: Sequence[str], into: str, *, author: str, reason: str | None = None) -> TopicEvent:
        """``keys`` go into ``into``; see `voc.registry.merge`."""
        return self._make(rules.merge(self.registry, keys, into), author, reason)

    def move(self, key: str, department: str | None, *, author: str, reason: str | None = None) -> TopicEvent:
        """Sends a topic to a department of the company, None for the one that covers its field of work.

        Raises:
            InvalidInput: ``department_unknown``.
        """
        known = [one.key for one in self.pipelines.get().router.organization.departments]
        if department is not None and department not in known:
            raise InvalidInput(
                "department_unknown", f"department must be one of {', '.join(known)}", "department"
            )
        return self._make(rules.move(self.registry, key, department), author, reason)

    def retire(self, key: str, *, author: str, reason: str | None = None) -> TopicEvent:
        """A topic that takes no more segments."""
        return self._make(rules.retire(self.registry, key), author, reason)

    def place(self, key: str, theme: str | None, *, author: str, reason: str | None = None) -> TopicEvent:
        """Puts a topic under a theme, None for under none."""
        return self._make(rules.place(self.registry, key, theme), author, reason)

    def add_theme(
        self, key: str, name: Mapping[str, str], *, author: str, reason: str | None = None
    ) -> TopicEvent:
        """A new theme, or another name for one."""
        return self._make(rules.add_theme(self.registry, key, name), author, reason)

    def undo(self, numbers: Sequence[int], *, author: str, reason: str | None = None) -> list[TopicEvent]:
        """Takes changes back, the latest first, all of them or none.

        Raises:
            NotFound, Conflict: see `voc.store.topics.TopicTables.undo`.
        """
        return self.store.topics.undo_many(numbers, author=author, reason=reason)

    def history(self, key: str | None = None) -> list[TopicEvent]:
        """The changes of all topics, or of one, in the order they were made.

        Raises:
            NotFound: ``topic_unknown`` if no topic has or had that key.
        """
        found = self.store.topics.history(key)
        if key is not None and not found:
            self.registry.get(key)
        return found

    def _make(self, change: Change, author: str, reason: str | None) -> TopicEvent:
        return self.store.topics.make(change, self.registry, author=author, reason=reason)


def themes(registry: Registry) -> list[dict[str, Any]]:
    """The themes with the keys of their topics, and last, under the key None, the topics under no theme."""
    named: list[dict[str, Any]] = [theme.as_dict() for theme in registry.themes.values()]
    if any(topic.theme is None for topic in registry.active):
        named.append({"key": None, "name": {"vi": "Chưa xếp nhóm", "en": "Under no theme"}})
    return [
        theme | {"topics": [topic.key for topic in registry.active if topic.theme == theme["key"]]}
        for theme in named
    ]


def _names(item: ProposalItem) -> set[str]:
    return {str(item.position), *item.keys, *(str(group["key"]) for group in item.content["groups"])}
