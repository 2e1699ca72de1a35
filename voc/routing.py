"""Which department each segment is about, who owns the whole, and who else is implicated.

Enters: what the heads and the topic registry say of one text. Leaves: a `Route`. What must hold: one owner
at most; a cooperator has a segment of its own; under the threshold the route is ``review`` and carries the
best three candidates.

The heads know the fields of work of `voc.records.BASE_DEPARTMENTS` and ``none``; `Organization` says which
department of the company covers which field. A field that nobody covers counts as ``none``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from voc.heads import open_classifier
from voc.organization import Organization
from voc.records import BASE_DEPARTMENTS, Candidate, Status, Touchpoint

NONE: Final = "none"
#: Columns of every probability over fields of work, alphabetical as scikit-learn sorts them.
FIELDS: Final[tuple[str, ...]] = tuple(sorted((*BASE_DEPARTMENTS, NONE)))
CANDIDATES: Final = 3


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Chosen on held-out training data and kept in ``routing.json``.

    Attributes:
        review_below: owner confidence under which a person is asked.
        cooperator_above: segment probability from which a department counts as implicated.
        topic_weight: share of a segment's probability that its topic's department gets.
    """

    review_below: float
    cooperator_above: float
    topic_weight: float


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one text to the departments."""

    owner: str | None
    confidence: float
    cooperators: tuple[str, ...]
    status: Status
    candidates: tuple[Candidate, ...]
    touchpoint: Touchpoint
    segments: tuple[tuple[str | None, float], ...]


def owner_features(
    whole: NDArray[np.float32], parts: NDArray[np.float32], lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    """float32 (4 * n_fields + 1,): what the heads said of the whole and of the parts of one text.

    Args:
        whole: (n_fields,) probabilities of the whole text.
        parts: (n_segments, n_fields) probabilities of its segments.
        lengths: (n_segments,) code points of each segment, used as weights.
    """
    weights = lengths / max(int(lengths.sum()), 1)
    logs = np.log(np.clip(whole, 1e-6, 1.0))
    return np.concatenate([logs, weights @ parts, parts.max(axis=0), parts[0], [np.log(len(parts))]]).astype(
        np.float32
    )


class Router:
    """The owner, segment and touchpoint heads of one company.

    Args:
        moved: department per topic that a person sent there, before what ``organization.toml`` says.
    """

    def __init__(
        self,
        segment_head: Any,
        owner: Any,
        touchpoint_head: Any,
        thresholds: Thresholds,
        organization: Organization,
        moved: Mapping[str, str] | None = None,
    ) -> None:
        self.segment_head = segment_head
        self.owner = owner
        self.touchpoint_head = touchpoint_head
        self.thresholds = thresholds
        self.organization = organization
        self._keys, self._to_departments = _projection(organization)
        self._sent = {
            topic: self._keys.index(department)
            for topic, department in {**organization.topics, **(moved or {})}.items()
            if department in self._keys
        }

    @classmethod
    def open(
        cls,
        segment: Path | bytes,
        owner: Path | bytes,
        touchpoint: Path | bytes,
        thresholds: Thresholds,
        organization: Organization,
        moved: Mapping[str, str] | None = None,
    ) -> Router:
        """Reads the heads; see `voc.heads.open_classifier` for errors."""
        return cls(
            open_classifier(segment),
            open_classifier(owner),
            open_classifier(touchpoint),
            thresholds,
            organization,
            moved,
        )

    def owners(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 (n, n_fields): calibrated probability that a field of work owns the text."""
        if len(features) == 0:
            return np.zeros((0, len(FIELDS)), np.float32)
        return np.asarray(self.owner.predict_proba(features), np.float32)

    def with_topics(
        self, parts: NDArray[np.float32], topic_fields: Sequence[str | None]
    ) -> NDArray[np.float32]:
        """Moves `Thresholds.topic_weight` of each row to the field that the segment's topic belongs to."""
        weight = self.thresholds.topic_weight
        joined = parts.copy()
        for row, field in enumerate(topic_fields):
            if field is not None:
                joined[row] *= 1 - weight
                joined[row, FIELDS.index(field)] += weight
        return joined

    def departments_of(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Key of the department that each topic belongs to.

        Args:
            fields: the field of work of each topic.
        """
        covered = self.organization.department_of_field
        natural = {topic: covered[field] for topic, field in fields.items() if field in covered}
        return natural | {
            topic: self._keys[column] for topic, column in self._sent.items() if topic in fields
        }

    def route(
        self,
        owner: NDArray[np.float32],
        parts: NDArray[np.float32],
        topics: Sequence[str | None],
        touchpoint: NDArray[np.float32],
    ) -> Route:
        """Decides one text.

        Args:
            owner: (n_fields,) from `owners`.
            parts: (n_segments, n_fields), topics already joined.
            topics: topic key per segment, for topics that were sent to a department.
            touchpoint: (n_touchpoints,) of the whole text.
        """
        by_department = owner @ self._to_departments + self._mass_sent(owner, parts, topics)
        segments = self._segments(parts @ self._to_departments, topics)
        order = np.argsort(-by_department, kind="stable")
        best, confidence = self._keys[int(order[0])], float(by_department[order[0]])
        owner_key = None if best == NONE else best
        cooperators = self._cooperators(owner_key, segments)
        candidates: tuple[Candidate, ...] = ()
        status: Status = "routed" if owner_key else "no_owner"
        if confidence < self.thresholds.review_below:
            status = "review"
            ranked = [(self._keys[int(i)], float(by_department[i])) for i in order]
            candidates = tuple(
                Candidate(key, round(probability, 4)) for key, probability in ranked if key != NONE
            )[:CANDIDATES]
        stage = cast(Touchpoint, self.touchpoint_head.classes_[int(touchpoint.argmax())])
        return Route(
            owner_key,
            confidence,
            cooperators,
            status,
            candidates,
            stage,
            tuple(segments),
        )

    def _segments(
        self, parts: NDArray[np.float32], topics: Sequence[str | None]
    ) -> list[tuple[str | None, float]]:
        found: list[tuple[str | None, float]] = []
        for row, topic in zip(parts, topics, strict=True):
            sent = self._sent.get(topic) if topic else None
            column = int(row.argmax()) if sent is None else sent
            key = self._keys[column]
            found.append((None if key == NONE else key, float(row[column]) if sent is None else 1.0))
        return found

    def _mass_sent(
        self, owner: NDArray[np.float32], parts: NDArray[np.float32], topics: Sequence[str | None]
    ) -> NDArray[np.float32]:
        """What owners lose and gain, (n_keys,), because topics were sent to another department.

        A field's probability of owning the text comes from the segments that speak of it, each by its own
        probability of that field; what comes from segments of a topic that was sent goes with them.
        """
        change = np.zeros(len(self._keys), np.float32)
        total = np.maximum(parts.sum(axis=0), 1e-9)
        for row, topic in zip(parts, topics, strict=True):
            sent = self._sent.get(topic) if topic else None
            if sent is not None:
                mass = owner * row / total
                mass[FIELDS.index(NONE)] = 0.0
                change -= mass @ self._to_departments
                change[sent] += mass.sum()
        return change

    def _cooperators(
        self, owner: str | None, segments: Sequence[tuple[str | None, float]]
    ) -> tuple[str, ...]:
        """Departments other than the owner with a segment of their own, in order of appearance."""
        least = self.thresholds.cooperator_above
        return tuple(
            dict.fromkeys(key for key, confidence in segments if key and key != owner and confidence >= least)
        )


def _projection(organization: Organization) -> tuple[list[str], NDArray[np.float32]]:
    """Department keys (and ``none``), and a (n_fields, n_keys) 0/1 matrix from fields to them."""
    keys = [*(department.key for department in organization.departments), NONE]
    matrix = np.zeros((len(FIELDS), len(keys)), np.float32)
    for row, field in enumerate(FIELDS):
        matrix[row, keys.index(organization.department_of_field.get(field, NONE))] = 1.0
    return keys, matrix
