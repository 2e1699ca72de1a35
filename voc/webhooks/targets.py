"""What people decide about targets."""

from __future__ import annotations

import re
from collections.abc import Sequence

from voc.errors import InvalidInput
from voc.organization import Organization
from voc.settings import Settings
from voc.store import EVENTS, UNLIMITED, Store, Target
from voc.webhooks.addresses import parsed, resolved
from voc.webhooks.messages import new_secret

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: Seconds for which the secret before the last is used beside it.
GRACE_S = 86_400.0
#: Seconds that the look-up of a new target's host may take.
LOOK_UP_S = 5.0


def add(
    store: Store,
    settings: Settings,
    name: str,
    url: str,
    events: Sequence[str],
    department: str | None = None,
    *,
    by: str,
) -> tuple[Target, str]:
    """A new target and its secret, which is shown this once.

    Args:
        events: types, of `voc.store.EVENTS`.
        department: key of the one department whose feedback it gets.

    Raises:
        InvalidInput: a value is wrong, or the address is not allowed; see `resolved`.
        Conflict: ``webhook_exists``.
    """
    if not NAME.fullmatch(name):
        raise InvalidInput(
            "name_invalid", "name must be 1 to 64 letters, digits, dots, dashes or underscores", "name"
        )
    unknown = sorted(set(events) - set(EVENTS))
    if unknown or not events:
        said = f"{unknown[0]!r} is no event" if unknown else "name at least one"
        raise InvalidInput("event_unknown", f"events: {said}; there are {', '.join(EVENTS)}", "events")
    if department is not None:
        if department not in Organization.read(settings.organization).by_key:
            raise InvalidInput(
                "department_unknown", f"no department has the key {department!r}", "department"
            )
        if UNLIMITED in events:
            raise InvalidInput(
                "event_not_limited", f"{UNLIMITED} tells of all feedback, not of one department's", "events"
            )
    resolved(parsed(url), settings.webhook_allow_private, LOOK_UP_S)
    secret = new_secret()
    return store.outbox.add(name, url, secret, list(dict.fromkeys(events)), department, by=by), secret


def rotate(store: Store, name: str) -> str:
    """A new secret, shown this once; for a day events are signed by the old one as well.

    Raises:
        NotFound: ``webhook_unknown``.
    """
    secret = new_secret()
    store.outbox.rotate(name, secret, GRACE_S)
    return secret
