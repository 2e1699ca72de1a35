"""What the service would not decide, in the order in which a person's word helps most, and that word.

Enters: feedback whose status is ``review``; decisions. Leaves: pages of the queue; feedback as decided. What
must hold: one decision about the owner takes a feedback off the queue; a decision is in every count when it
returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voc import corrections as decisions
from voc.errors import Conflict, InvalidInput, NotFound
from voc.identity import is_within
from voc.pipeline import Pipeline
from voc.records import Candidate, Correction
from voc.store import Kept, Store
from voc.store.review import Undecided
from voc.text import is_phrase
from voc.topics import centred

Order = Literal["least_sure", "most_informative"]
#: Of how many of the least sure the most informative are chosen.
POOL = 2_000
#: How much new information counts against unlikeness to what was chosen already (lambda of Carbonell and
#: Goldstein 1998; an even balance).
BALANCE = 0.5
AUTHOR_MAX_CHARS = 200
REASON_MAX_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """One entry of the queue.

    Attributes:
        reason: why it waits, for a person.
        informativeness: see `informativeness`; None where that was not asked for.
    """

    kept: Kept
    reason: str
    informativeness: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The entry as JSON values."""
        body = _shape(self.kept) | {"reason": self.reason}
        return body if self.informativeness is None else body | {"informativeness": self.informativeness}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the queue.

    Attributes:
        following: where the next page begins, None at the end; goes back in as ``after``.
        waiting: how many wait in all, with the same filters.
    """

    items: list[Waiting]
    following: tuple[float, int] | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Decision:
    """A feedback after a decision.

    Attributes:
        corrections: all of it, withdrawn ones too, oldest first.
        fresh: whether anything was said that did not hold before.
    """

    kept: Kept
    corrections: list[Correction]
    fresh: bool

    def as_dict(self) -> dict[str, Any]:
        """The decision as JSON values."""
        return _shape(self.kept) | {"corrections": [one.as_dict() for one in self.corrections]}


def _shape(kept: Kept) -> dict[str, Any]:
    return kept.as_dict() | {"corrected": list(kept.corrected)}


# ---- the queue


def least_sure(
    store: Store,
    limit: int,
    after: tuple[float, int] | None = None,
    *,
    department: str | None = None,
    source: str | None = None,
    within: str | None = None,
) -> Page:
    """Those of whose owner the service is least sure first (uncertainty sampling; Lewis and Gale 1994).

    Args:
        after: `Page.following` of the page before; what is decided in between moves nothing.
        department: only those of which it is a candidate.
        within: only those that this department owns or co-operates on: all that its own people may see.
    """
    found = store.queue.page(limit + 1, after, department=department, source=source, within=within)
    last = found[limit - 1] if len(found) > limit else None
    return Page(
        _shown(store, [(one, None) for one in found[:limit]]),
        (last.confidence, last.number) if last else None,
        store.queue.waiting(department, source, within),
    )


def most_informative(
    store: Store,
    pipeline: Pipeline,
    limit: int,
    after: tuple[float, int] | None = None,
    *,
    department: str | None = None,
    source: str | None = None,
    within: str | None = None,
) -> Page:
    """Those first that would teach most: unsure, typical of what waits, and unlike those before them.

    The `POOL` least sure are weighed by `informativeness` and put in order by `diversified`. The order is
    made anew for each page, so that decisions in between move it: after deciding, begin again.

    Args:
        pipeline: the vectors of its reader are compared, from the centre of its topics.
        after: `Page.following` of the page before.
    """
    pool = store.queue.with_vectors(
        POOL, pipeline.reader.version, department=department, source=source, within=within
    )
    worth, alike = informativeness(pool, pipeline.topics.registry.center)
    order = diversified(worth, alike)
    begin = after[1] if after else 0
    chosen = order[begin : begin + limit]
    return Page(
        _shown(store, [(pool[i], round(float(worth[i]), 4)) for i in chosen]),
        (0.0, begin + limit) if begin + limit < len(order) else None,
        store.queue.waiting(department, source, within),
    )


def informativeness(
    pool: Sequence[Undecided], center: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Information density (Settles and Craven 2008, beta 1): uncertainty times likeness to the rest.

    Uncertainty is the entropy of the candidates' confidences and of what they leave to all others, divided by
    its greatest possible value. Likeness is the mean cosine of the whole text's vector to those of the
    others, as a share of the greatest in the pool; none where it is negative. Vectors are centred first: the
    encoder's own all point much the same way, and their cosines would tell nothing apart. A feedback without
    a vector is as like the others as they are on average.

    Args:
        center: float32 (n_dims,), taken away from vectors.

    Returns:
        float32 (n,) informativeness, 0..1, and float32 (n, n) cosines.
    """
    uncertainty = np.array([_entropy(one.candidates) for one in pool], np.float32)
    known = np.array([one.vector is not None for one in pool], bool)
    vectors = np.zeros((len(pool), len(center)), np.float32)
    if known.any():
        vectors[known] = centred(np.array([one.vector for one in pool if one.vector is not None]), center)
    alike = vectors @ vectors.T
    likeness = np.ones(len(pool), np.float32)
    if known.sum() > 1:
        mean = (alike.sum(axis=1) - alike.diagonal())[known].clip(min=0.0) / (known.sum() - 1)
        likeness[known] = mean / mean.max() if mean.max() > 0 else 1.0
        likeness[~known] = likeness[known].mean()
    return uncertainty * likeness, alike


def _entropy(candidates: Sequence[Candidate]) -> float:
    given = [max(one.confidence, 0.0) for one in candidates]
    shares = np.array([*given, max(1.0 - sum(given), 0.0)], np.float64)
    present = shares[shares > 0] / shares.sum()
    return float(-(present * np.log(present)).sum() / np.log(max(len(shares), 2)))


def diversified(worth: NDArray[np.float32], alike: NDArray[np.float32]) -> list[int]:
    """Positions by maximal marginal relevance (Carbonell and Goldstein 1998), the best first.

    Each next one has the greatest ``BALANCE * worth - (1 - BALANCE) * cosine to the likest before it``.
    """
    order: list[int] = []
    likest = np.zeros(len(worth), np.float32)
    left = np.ones(len(worth), bool)
    for _ in range(len(worth)):
        marginal = np.where(left, BALANCE * worth - (1 - BALANCE) * likest, -np.inf)
        best = int(marginal.argmax())
        order.append(best)
        left[best] = False
        likest = alike[best].copy() if len(order) == 1 else np.maximum(likest, alike[best])
    return order


def _shown(store: Store, found: Sequence[tuple[Undecided, float | None]]) -> list[Waiting]:
    kept = store.get_many([one.id for one, _ in found])
    return [Waiting(kept[one.id], _reason(kept[one.id]), worth) for one, worth in found if one.id in kept]


def _reason(kept: Kept) -> str:
    """Such as ``not sure enough of an owner: care 0.41, logistics 0.38, none 0.12``."""
    if kept.analysis is None:
        return "not analyzed"
    sure = {one.department: one.confidence for one in kept.analysis.candidates}
    sure.setdefault(kept.analysis.owner or "none", kept.analysis.owner_confidence)
    ranked = sorted(sure.items(), key=lambda pair: -pair[1])
    return "not sure enough of an owner: " + ", ".join(f"{key} {value:.2f}" for key, value in ranked)


# ---- decisions


def correct(
    store: Store,
    pipeline: Pipeline,
    key: str,
    body: Mapping[str, Any],
    *,
    author: Any,
    reason: Any = None,
    within: str | None = None,
    unless_decided: Any = False,
) -> Decision:
    """Keeps what a person said of one feedback; it holds at once, and over every later run.

    Args:
        body: what was said, as `voc.corrections.read` takes it.
        author: who decided, 1 to 200 characters.
        reason: why, at most 2,000 characters.
        within: see `_found`.
        unless_decided: whether it is left be where it waits for review no more, such as because somebody
            else decided it meanwhile.

    Raises:
        NotFound: ``feedback_unknown``.
        Conflict: ``feedback_queued`` if it was not analyzed yet, ``feedback_erased``, ``feedback_decided``.
        InvalidInput: see `voc.corrections.read`; ``field_invalid`` for author, reason and unless_decided.
    """
    by = _phrase(author, "by", AUTHOR_MAX_CHARS)
    why = None if reason in (None, "") else _phrase(reason, "reason", REASON_MAX_CHARS)
    if not isinstance(unless_decided, bool):
        raise InvalidInput("field_invalid", "unless_decided must be true or false", "unless_decided")
    kept = _found(store, key, within)
    if kept.analysis is None:
        raise Conflict("feedback_queued", f"feedback {key!r} was not analyzed yet", "id")
    said = decisions.read(
        body,
        kept.analysis,
        departments=[department.key for department in pipeline.router.organization.departments],
        topics=[topic.key for topic in pipeline.topics.topics],
    )
    fresh = store.corrections.add(
        key, said, author=by, reason=why, departments=pipeline.department_of_topic,
        unless_decided=unless_decided,
    )  # fmt: skip
    return _decision(store, key, bool(fresh))


def withdraw(
    store: Store,
    pipeline: Pipeline,
    number: int,
    *,
    author: Any,
    key: str | None = None,
    within: str | None = None,
) -> Decision:
    """Takes a correction back; what was said before it, or what the service says, holds again.

    Args:
        key: id of the feedback that it must be of; of any if left out.
        within: see `_found`; goes with ``key``.

    Raises:
        NotFound: ``feedback_unknown`` or ``correction_unknown``.
        Conflict: ``correction_withdrawn``.
        InvalidInput: ``field_invalid`` for the author.
    """
    by = _phrase(author, "by", AUTHOR_MAX_CHARS)
    if key is not None:
        _found(store, key, within)
    taken = store.corrections.withdraw(number, author=by, departments=pipeline.department_of_topic, key=key)
    return _decision(store, taken.feedback, True)


def corrections_of(store: Store, key: str, within: str | None = None) -> list[Correction]:
    """All corrections of one feedback, withdrawn ones too, oldest first.

    Args:
        within: see `_found`.

    Raises:
        NotFound: ``feedback_unknown``.
    """
    _found(store, key, within)
    return store.corrections.of(key)


def _found(store: Store, key: str, within: str | None = None) -> Kept:
    """The feedback; for a reader who is limited to a department, what it has no part in is not there."""
    kept = store.get(key)
    if kept is None or not is_within(within, kept.analysis):
        raise NotFound("feedback_unknown", f"no feedback has the id {key!r}", "id")
    return kept


def _decision(store: Store, key: str, fresh: bool) -> Decision:
    return Decision(_found(store, key), store.corrections.of(key), fresh)


def _phrase(given: Any, name: str, most: int) -> str:
    if not isinstance(given, str) or not is_phrase(given, most):
        raise InvalidInput("field_invalid", f"{name} must be text of 1 to {most:,} characters", name)
    return given.strip()
