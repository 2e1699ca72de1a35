"""Who may come in: keys for programs, passwords and sessions for people.

Enters: what a request carries to be known by. Leaves: a `Known`, or the reason why not. What must hold: a
secret is shown once and kept as a digest only; whoever is shut out is out at the next request, in every
process; guessing is counted over all processes together.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from voc.acts import Act, during
from voc.clock import utc_at, utc_now
from voc.errors import Conflict, InvalidInput, NotFound, TooMany, Unauthorized
from voc.identity import OF_DEPARTMENT, ROLES, SCOPES, ApiKey, Person, Principal, Role, Scope, ordered
from voc.organization import Organization
from voc.store import Store
from voc.text import has_lone_surrogate, is_phrase

KEY_PATTERN = re.compile(r"voc_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
#: Letters, digits and marks that need no care in a log or on a keyboard; an e-mail address is a name.
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
KEY_NAME_MAX_CHARS = 100
PASSWORD_MIN_CHARS = 12
PASSWORD_MAX_CHARS = 1_000
GRACE_HOURS = 24.0
#: Days of ten years: a key that is to hold longer can be made without an end.
MOST_DAYS = 3_650
#: Failures within `WINDOW_S` seconds after which no attempt to log in is looked at: of one name, from
#: anywhere, and from one address, with any name.
OF_NAME = 5
OF_ADDRESS = 20
WINDOW_S = 15 * 60.0
#: Passwords that one process hashes at a time: each takes 64 MiB (RFC 9106, second recommended option).
_HASHING = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who is known.

    Attributes:
        rate_per_minute, body_max_bytes: the key's own limits, None for those of the settings.
        csrf: of a session, what an unsafe request has to send along; None for keys.
        ends_at: when key or session ends, None for never.
    """

    principal: Principal
    rate_per_minute: int | None = None
    body_max_bytes: int | None = None
    csrf: str | None = None
    ends_at: str | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """A new session.

    Attributes:
        token: 43 characters; the one time that it is shown.
    """

    token: str
    known: Known


class Access:
    """Keys, people and sessions of one installation.

    Args:
        session_hours: after which a person has to log in again.
    """

    def __init__(self, store: Store, session_hours: float) -> None:
        self._store = store
        self._session_s = session_hours * 3600
        self._hasher = PasswordHasher()

    @property
    def is_open(self) -> bool:
        """Whether there is neither a key nor a person, and never was: then this machine alone may come in."""
        return not self._store.people.any()

    # ---- keys

    def add_key(
        self,
        organization: Organization,
        *,
        name: str,
        scopes: Collection[str],
        by: str,
        department: str | None = None,
        expires_days: float | None = None,
        rate_per_minute: int | None = None,
        body_max_bytes: int | None = None,
    ) -> tuple[ApiKey, str]:
        """Makes a key.

        Returns:
            The key as kept, and the whole of it: ``voc_``, the prefix, ``_`` and 43 characters of 256 random
            bits. It cannot be shown again.

        Raises:
            InvalidInput: ``field_invalid``, ``scope_unknown``, ``scope_not_for_department``,
                ``department_unknown``.
        """
        if not is_phrase(name, KEY_NAME_MAX_CHARS):
            raise InvalidInput(
                "field_invalid", f"name must be text of 1 to {KEY_NAME_MAX_CHARS} characters", "name"
            )
        granted = _scopes(scopes, department)
        _known_department(organization, department)
        if expires_days is not None and not 0 < expires_days <= MOST_DAYS:
            raise InvalidInput(
                "field_invalid", f"expires_days must lie in 0 to {MOST_DAYS:,}", "expires_days"
            )
        now = time.time()
        while True:
            prefix, whole = _new_key()
            key = ApiKey(
                prefix, name.strip(), granted, department, rate_per_minute, body_max_bytes, utc_at(now), by,
                None if expires_days is None else utc_at(now + expires_days * 86_400),
            )  # fmt: skip
            if self._store.people.add_key(key, digest_of(whole)):
                return key, whole

    def rotate_key(self, prefix: str, *, by: str, grace_hours: float = GRACE_HOURS) -> tuple[ApiKey, str]:
        """Makes a key that may do the same, as long as the old one could from when it was made.

        The old one holds for another ``grace_hours``, 0 for not at all.

        Raises:
            NotFound: ``key_unknown``.
            Conflict: ``key_ended`` if the old one is revoked or expired.
            InvalidInput: ``field_invalid``.
        """
        if not 0 <= grace_hours <= 24 * MOST_DAYS:
            raise InvalidInput(
                "field_invalid", f"grace_hours must lie in 0 to {24 * MOST_DAYS:,}", "grace_hours"
            )
        old = self.key(prefix)
        now = time.time()
        lasting = None if old.expires_at is None else _seconds(old.expires_at) - _seconds(old.made_at)
        while True:
            fresh, whole = _new_key()
            successor = ApiKey(
                fresh, old.name, old.scopes, old.department, old.rate_per_minute, old.body_max_bytes,
                utc_at(now), by, None if lasting is None else utc_at(now + lasting), prefix,
            )  # fmt: skip
            ends_at = utc_at(now + grace_hours * 3600)
            if self._store.people.rotate_key(prefix, successor, digest_of(whole), ends_at):
                return successor, whole

    def key(self, prefix: str) -> ApiKey:
        """One key.

        Raises:
            NotFound: ``key_unknown``.
        """
        return self._store.people.key_of(prefix)

    def with_key(self, given: str) -> Known:
        """Who this key belongs to.

        Raises:
            Unauthorized: ``key_unknown``, ``key_expired`` or ``key_revoked``.
        """
        form = KEY_PATTERN.fullmatch(given)
        found = self._store.people.key(form[1]) if form else None
        if found is None or not hmac.compare_digest(found[1], digest_of(given)):
            raise Unauthorized("key_unknown", "no key of this installation is this one")
        key = found[0]
        state = key.state(utc_now())
        if state == "revoked":
            raise Unauthorized("key_revoked", f"key {key.prefix} was revoked")
        if state == "expired":
            raise Unauthorized("key_expired", f"key {key.prefix} expired at {key.expires_at}")
        return Known(key.principal, key.rate_per_minute, key.body_max_bytes, ends_at=key.expires_at)

    # ---- people

    def add_person(
        self,
        organization: Organization,
        *,
        name: str,
        password: str,
        role: str,
        department: str | None,
        by: str,
    ) -> Person:
        """Makes a person.

        Args:
            name: lower-case letters, digits and ``._@+-``, at most 100; that is what they log in with.
            department: key of one, for the role ``department`` and no other.

        Raises:
            Conflict: ``person_exists``.
            InvalidInput: ``field_invalid``, ``role_unknown``, ``department_unknown``, ``department_missing``,
                ``department_not_for_role``, ``password_too_short``, ``password_too_long`` or
                ``password_is_name``.
        """
        if not NAME_PATTERN.fullmatch(name):
            raise InvalidInput(
                "field_invalid",
                "name must have 1 to 100 of a-z, 0-9 and ._@+-, the first a letter or digit",
                "name",
            )
        person = Person(name, *_role(organization, role, department), utc_now(), by)
        if self._store.people.person(name) is not None:
            raise Conflict("person_exists", f"there is a person {name!r} already", "name")
        self._store.people.add_person(person, self._hash(_password(name, password)))
        return person

    def set_password(self, name: str, password: str) -> Person:
        """Gives a person another password; their sessions end.

        Raises:
            NotFound: ``person_unknown``.
            InvalidInput: as `add_person`.
        """
        return self._store.people.set_password(name, self._hash(_password(name, password)))

    def set_role(self, organization: Organization, name: str, role: str, department: str | None) -> Person:
        """Gives a person another role; their sessions end.

        Raises:
            NotFound: ``person_unknown``.
            InvalidInput: as `add_person`.
        """
        return self._store.people.set_role(name, *_role(organization, role, department))

    # ---- sessions

    def log_in(self, name: str, password: str, address: str) -> Login:
        """Begins a session.

        An attempt counts as a failure before the password is looked at, and no more once it was right: so
        that attempts made at the same time, through any number of processes, cannot be more than allowed.
        An unknown name takes as long as a known one.

        Args:
            address: where the attempt comes from.

        Raises:
            Unauthorized: ``login_wrong``, whatever of it was wrong.
            TooMany: ``login_too_often``, with a right password too.
        """
        given = name.strip().casefold()
        if not NAME_PATTERN.fullmatch(given):
            given = ""
        attempt = self._store.people.attempt(
            given, address, window_s=WINDOW_S, of_name=OF_NAME, of_address=OF_ADDRESS
        )
        if attempt.number is None:
            raise TooMany(
                "login_too_often", "there were too many failed attempts to log in; try again later",
                retry_after_s=math.ceil(attempt.wait_s),
            )  # fmt: skip
        nobodys = self._nobodys  # made whether it is needed or not, so that the first answer tells nothing
        found = self._store.people.person(given)
        kept = found[1] if found else nobodys
        if not self._is(kept, password) or found is None or found[0].disabled_at is not None:
            raise _wrong()
        newer = self._hash(_normal(password)) if self._hasher.check_needs_rehash(kept) else kept
        token = secrets.token_urlsafe(32)
        ends_at = utc_at(time.time() + self._session_s)
        principal = found[0].principal
        try:
            with during(Act(principal.actor, "session.begin", given)):
                self._store.people.begin_session(
                    digest_of(token), given, ends_at, attempt, verified=kept, rehashed=newer
                )
        except NotFound:
            raise _wrong() from None
        return Login(token, Known(principal, csrf=csrf_of(token), ends_at=ends_at))

    def with_session(self, token: str) -> Known | None:
        """Whose session this is; None if it is none, or has ended."""
        found = self._store.people.session(digest_of(token))
        return Known(found[0].principal, csrf=csrf_of(token), ends_at=found[1]) if found else None

    def log_out(self, token: str) -> None:
        """Ends a session."""
        self._store.people.end_session(digest_of(token))

    def _hash(self, password: str) -> str:
        with _HASHING:
            return self._hasher.hash(password)

    def _is(self, kept: str, password: str) -> bool:
        given = _normal(password)
        if len(given) > PASSWORD_MAX_CHARS or has_lone_surrogate(given):
            given = ""  # nobody has it
        with _HASHING:
            try:
                return self._hasher.verify(kept, given)
            except (VerifyMismatchError, InvalidHashError):
                return False

    @cached_property
    def _nobodys(self) -> str:
        """A hash that no password has, to look at where there is no person."""
        return self._hash(secrets.token_urlsafe(32))


def digest_of(secret: str) -> str:
    """The hexadecimal SHA-256 of a key or of a session's token.

    A fast hash is right here: what is hashed has 256 random bits, so trying all of them is out of reach
    however fast each trial is, and a slow hash at every request would cost the service and no attacker
    (OWASP Password Storage Cheat Sheet speaks of what people choose; NIST SP 800-63B, 5.1.2, of secrets of
    112 bits and more). Passwords, which people choose, are hashed with Argon2id.
    """
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def csrf_of(token: str) -> str:
    """What proves that a request was made by a page that may read the session's answers: hexadecimal
    HMAC-SHA256 of ``csrf`` under the session's token (RFC 2104). A page of another origin can neither read
    it nor make it, since the cookie is not shown to scripts."""
    return hmac.new(token.encode("utf-8", "replace"), b"csrf", hashlib.sha256).hexdigest()


def _wrong() -> Unauthorized:
    return Unauthorized("login_wrong", "name or password is wrong")


def _new_key() -> tuple[str, str]:
    prefix = secrets.token_hex(4)
    return prefix, f"voc_{prefix}_{secrets.token_urlsafe(32)}"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _scopes(given: Collection[str], department: str | None) -> tuple[Scope, ...]:
    unknown = sorted(set(given) - set(SCOPES))
    if unknown or not given:
        what = f"there is no scope {unknown[0]!r}" if unknown else "a key needs a scope"
        raise InvalidInput("scope_unknown", f"{what}; there are {', '.join(SCOPES)}", "scopes")
    granted = tuple(scope for scope in SCOPES if scope in given)
    if department is not None and not OF_DEPARTMENT.issuperset(granted):
        allowed = " and ".join(ordered(OF_DEPARTMENT))
        raise InvalidInput(
            "scope_not_for_department",
            f"a key that is limited to a department may have {allowed} alone",
            "scopes",
        )
    return granted


def _role(organization: Organization, role: str, department: str | None) -> tuple[Role, str | None]:
    found: Sequence[Role] = [one for one in ROLES if one == role]
    if not found:
        raise InvalidInput("role_unknown", f"there is no role {role!r}; there are {', '.join(ROLES)}", "role")
    if role == "department" and department is None:
        raise InvalidInput("department_missing", "the role department needs a department", "department")
    if role != "department" and department is not None:
        raise InvalidInput("department_not_for_role", f"the role {role} has no department", "department")
    _known_department(organization, department)
    return found[0], department


def _known_department(organization: Organization, department: str | None) -> None:
    if department is not None and department not in organization.by_key:
        known = ", ".join(organization.by_key)
        raise InvalidInput(
            "department_unknown", f"there is no department {department!r}; there are {known}", "department"
        )


def _normal(password: str) -> str:
    """One form of what keyboards type in several: ``ế`` is one code point here and three there (NIST SP
    800-63B, 5.1.1.2, asks for NFKC or NFKD)."""
    return unicodedata.normalize("NFKC", password)


def _password(name: str, given: str) -> str:
    password = _normal(given)
    if has_lone_surrogate(password):
        raise InvalidInput("field_invalid", "password must be text", "password")
    if len(password) < PASSWORD_MIN_CHARS:
        raise InvalidInput(
            "password_too_short", f"password must have at least {PASSWORD_MIN_CHARS} characters", "password"
        )
    if len(password) > PASSWORD_MAX_CHARS:
        raise InvalidInput(
            "password_too_long", f"password must have at most {PASSWORD_MAX_CHARS:,} characters", "password"
        )
    if password.casefold().strip() == name:
        raise InvalidInput("password_is_name", "password must not be the name", "password")
    return password
