"""What the filter of a page offers: only what the reader may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flask_babel import gettext
from numpy.typing import NDArray

from voc.dashboard import texts
from voc.dashboard.shell import View, blueprint
from voc.facts import Mask
from voc.records import LANGUAGES, SENTIMENTS, STATUSES, TOUCHPOINTS

#: Sources that are offered at most; attributes, and values of one: more is no choice but a search.
SOURCES = 100
ATTRIBUTES = 12
VALUES = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter with its name, under a heading if it has one."""

    value: str
    name: str
    under: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One part of the filter, what may be chosen, what is."""

    key: str
    name: str
    choices: Sequence[Choice]
    chosen: str | None

    @property
    def groups(self) -> list[tuple[str | None, list[Choice]]]:
        """The choices by their headings, in order."""
        return grouped(self.choices)


@blueprint.app_template_global()
def grouped(choices: Sequence[Choice]) -> list[tuple[str | None, list[Choice]]]:
    """Choices by their headings, both in the order in which they come."""
    found: dict[str | None, list[Choice]] = {}
    for one in choices:
        found.setdefault(one.under, []).append(one)
    return list(found.items())


@blueprint.app_template_global()
def filter_fields(view: View) -> list[Field]:
    """Everything that a page can be narrowed to, in the order of the form."""
    found = [
        Field("department", gettext("Department"), departments(), None),
        Field("topic", gettext("Topic"), topics(), None),
        Field("sentiment", gettext("Feeling"), _named(SENTIMENTS, texts.sentiment_name), None),
        Field("touchpoint", gettext("Touchpoint"), touchpoints(), None),
        Field("source", gettext("Source"), sources(view), None),
        Field("attribute", gettext("Attribute"), attributes(view), None),
        Field("status", gettext("Routing"), _named(STATUSES, texts.status_name), None),
        Field("language", gettext("Written in"), languages(), None),
    ]
    return [_with(one, view.args.get(one.key)) for one in found if one.choices or one.key in view.args]


@blueprint.app_template_global()
def filter_chips(view: View) -> list[tuple[str, str, str]]:
    """What is set: its name, its value in words, the address without it. The period is shown elsewhere."""
    found: list[tuple[str, str, str]] = []
    for key, value in view.filters.items():
        if key in ("from", "to"):
            continue
        name, words = _words(key, value)
        gone: dict[str, Any] = {key: None} | ({"role": None} if key == "department" else {})
        found.append((name, words, view.url(**gone)))
    return found


def _words(key: str, value: str) -> tuple[str, str]:
    names = {
        "q": (gettext("Words"), value),
        "department": (gettext("Department"), texts.department_name(value)),
        "also": (gettext("And"), texts.department_name(value)),
        "role": (gettext("Part"), gettext("Owner") if value == "owner" else gettext("Co-operates")),
        "topic": (gettext("Topic"), texts.topic_name(value)),
        "sentiment": (gettext("Feeling"), texts.sentiment_name(value)),
        "status": (gettext("Routing"), texts.status_name(value)),
        "language": (gettext("Written in"), texts.language_name(value)),
        "touchpoint": (gettext("Touchpoint"), texts.touchpoint_name(value)),
        "source": (gettext("Source"), value),
        "attribute": (value.partition(":")[0], value.partition(":")[2]),
        "firefighting": (gettext("Firefighting"), gettext("reaches care, belongs elsewhere")),
    }
    return names.get(key, (key, value))


def _named(keys: Sequence[str], name: Callable[[str], str]) -> list[Choice]:
    return [Choice(key, name(key)) for key in keys]


def departments() -> list[Choice]:
    """All departments, in the order of the organization."""
    return [Choice(one.key, texts.department_name(one.key)) for one in texts.organization().departments]


def topics() -> list[Choice]:
    """The topics that take segments, under their themes."""
    registry = texts.registry()
    found = []
    for one in registry.active:
        theme = registry.themes.get(one.theme or "")
        heading = theme.name.get(texts.language()) if theme else None
        found.append(Choice(one.key, texts.topic_name(one.key), heading))
    return sorted(found, key=lambda one: (one.under or "", one.name))


def touchpoints() -> list[Choice]:
    """From discover to leave."""
    return _named(TOUCHPOINTS, texts.touchpoint_name)


def languages() -> list[Choice]:
    """What feedback may be written in."""
    return _named(LANGUAGES, texts.language_name)


def sources(view: View) -> list[Choice]:
    """The sources that most feedback came from, by name."""
    return sorted(
        (Choice(one, one) for one in _most(view.facts.source, view.facts.sources, view.readable, SOURCES)),
        key=lambda one: one.name.casefold(),
    )


def attributes(view: View) -> list[Choice]:
    """``name:value`` of the attributes that have few values."""
    found: list[Choice] = []
    few = [one for one in view.facts.attributes.items() if 1 < len(one[1].values) <= VALUES]
    for name, codes in few[:ATTRIBUTES]:
        values = _most(codes.codes, codes.values, view.readable, VALUES)
        found += [Choice(f"{name}:{one}", one, name) for one in sorted(values)]
    return found


def _most(codes: NDArray[Any], names: Sequence[str], readable: Mask | None, most: int) -> list[str]:
    """The names of the most frequent codes among the rows that the reader may see."""
    if readable is None and len(names) <= most:
        return list(names)
    chosen = codes if readable is None else codes[readable]
    counts = np.bincount(chosen[chosen >= 0], minlength=len(names))
    return [names[i] for i in np.argsort(-counts, kind="stable")[:most] if counts[i]]


def _with(field: Field, chosen: str | None) -> Field:
    """What is chosen is among the choices, even where it has become rare."""
    there = chosen is None or any(one.value == chosen for one in field.choices)
    more = [] if there or chosen is None else [Choice(chosen, _words(field.key, chosen)[1])]
    return Field(field.key, field.name, [*more, *field.choices], chosen)
