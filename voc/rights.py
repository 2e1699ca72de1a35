"""What a customer may ask for by law, and what the operator promised: show all, erase, keep no longer.

Enters: a customer's reference, or an age. Leaves: everything that is kept, or nothing of it. What must hold:
counts stay as they were; what was erased stays erased, also after a restore and when it is sent again; each
request is on record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voc.errors import NotFound
from voc.markup import mail_code
from voc.store import Copy, Erasure, Store

#: Texts that one step of `retire` erases.
STEP = 1_000


@dataclass(frozen=True, slots=True)
class Done:
    """What an erasure did.

    Attributes:
        copies: exports and backups made by this installation since the first of these feedback came in, that
            are still where they were written: people have to erase those.
    """

    erasure: Erasure
    copies: tuple[Copy, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return self.erasure.as_dict() | {"copies": [copy.as_dict() for copy in self.copies]}


def everything_of(store: Store, customer_ref: str) -> Iterator[dict[str, Any]]:
    """All that is kept of a customer, one feedback at a time, the oldest first.

    Raises:
        NotFound: ``customer_unknown``.
    """
    return store.erasures.everything_of(_numbers(store, customer_ref))


def erase_customer(store: Store, customer_ref: str, *, author: str, reason: str | None = None) -> Done:
    """Erases all feedback of a customer.

    Raises:
        NotFound: ``customer_unknown``.
    """
    numbers = _numbers(store, customer_ref)
    subject = store.erasures.digest(customer_ref)
    return _erase(store, numbers, kind="customer", author=author, subject=subject, reason=reason)


def erase_feedback(store: Store, keys: Sequence[str], *, author: str, reason: str | None = None) -> Done:
    """Erases feedback by id: for customers whom no reference names.

    Raises:
        NotFound: ``feedback_unknown``.
    """
    numbers = store.erasures.numbers_by_id(keys)
    if len(numbers) < len(set(keys)):
        known = store.get_many(keys)
        strange = next(key for key in keys if key not in known)
        raise NotFound("feedback_unknown", f"no feedback has the id {strange!r}", "id")
    return _erase(store, numbers, kind="feedback", author=author, reason=reason)


def too_old(store: Store, days: int) -> int:
    """How many feedback were received more than ``days`` days ago and are not erased."""
    return store.erasures.count_received_before(_days_ago(days))


def retire(
    store: Store, days: int, *, author: str, progress: Callable[[int], None] = lambda _: None
) -> list[Erasure]:
    """Erases feedback that were received more than ``days`` days ago, some at a time."""
    before = _days_ago(days)
    done: list[Erasure] = []
    while numbers := store.erasures.received_before(before, STEP):
        done.append(store.erasures.erase(numbers, kind="retention", author=author))
        progress(len(numbers))
    return done


def reapply(copy: Store, live: Store, *, author: str) -> int:
    """Erases in a copy what was erased in the live database since it was made; returns how many.

    What came in and was erased after the copy was made is remembered too: it is not taken again.
    """
    erased = live.erasures.erased()
    present = {one.id for one in copy.erasures.erased()}
    fresh = [one for one in erased if one.id not in present]
    if not fresh:
        return 0
    return copy.erasures.take_over(fresh, live.secrets.get("erasure"), author=author).feedback


def _numbers(store: Store, customer_ref: str) -> list[int]:
    """Of an e-mail address also what connectors kept in its place."""
    numbers = store.erasures.numbers_of(customer_ref)
    if "@" in customer_ref:
        numbers = sorted({*numbers, *store.erasures.numbers_of(mail_code(customer_ref))})
    if not numbers:
        raise NotFound("customer_unknown", "no feedback is kept of that customer", "customer")
    return numbers


def _erase(
    store: Store,
    numbers: Sequence[int],
    *,
    kind: str,
    author: str,
    subject: str | None = None,
    reason: str | None = None,
) -> Done:
    first = store.erasures.first_received(numbers)
    erasure = store.erasures.erase(numbers, kind=kind, author=author, subject=subject, reason=reason)
    copies = tuple(copy for copy in store.copies.list() if copy.made_at >= first and Path(copy.path).exists())
    return Done(erasure, copies)


def _days_ago(days: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - days * 86_400))
