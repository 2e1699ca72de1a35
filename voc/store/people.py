"""Keys, people, their sessions, and attempts to log in.

What must hold: of a secret only a digest or a hash is kept; an attempt to log in is counted in the same
transaction that allows it, so that no number of processes together allow more than one would.
"""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from voc.clock import utc_now
from voc.errors import Conflict, NotFound
from voc.identity import ApiKey, Person, Role
from voc.store.connection import Connection

_KEY = (
    "prefix, name, scopes, department, rate_per_minute, body_max_bytes, made_at, made_by, expires_at, "
    "replaces, revoked_at, revoked_by"
)
_PERSON = "p.name, p.role, p.department, p.made_at, p.made_by, p.disabled_at, p.disabled_by"
_KEYS = "FROM api_keys"
_PEOPLE = "FROM people p"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to log in.

    Attributes:
        address: where it came from.
        number: of the row that counts it; None if it was not allowed.
        wait_s: seconds until the next is allowed; 0 if this one was.
    """

    address: str
    number: int | None
    wait_s: float = 0.0


class People:
    """The tables of keys, people and sessions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def any(self) -> bool:
        """Whether there ever was a key or a person: one that is revoked or disabled keeps the door shut."""
        row = self._connection.db.conn.execute(
            "SELECT EXISTS (SELECT 1 FROM api_keys) OR EXISTS (SELECT 1 FROM people)"
        ).fetchone()
        return bool(row[0])

    # ---- keys

    def key(self, prefix: str) -> tuple[ApiKey, str] | None:
        """A key with the hexadecimal SHA-256 of the whole of it, None if no key has this prefix."""
        row = self._connection.db.conn.execute(
            f"SELECT {_KEY}, digest {_KEYS} WHERE prefix = ?",
            (prefix,),
        ).fetchone()
        return (_key_of(row), str(row["digest"])) if row else None

    def key_of(self, prefix: str) -> ApiKey:
        """A key without its digest.

        Raises:
            NotFound: ``key_unknown``.
        """
        return _found_key(self._connection.db, prefix)

    def every_key(self) -> list[ApiKey]:
        """All keys, the oldest first."""
        rows = self._connection.db.conn.execute(f"SELECT {_KEY} {_KEYS} ORDER BY made_at, rowid")
        return [_key_of(row) for row in rows]

    def add_key(self, key: ApiKey, digest: str) -> bool:
        """Keeps a new key; False if its prefix is taken."""
        with self._connection.write() as db:
            return _insert(db, key, digest)

    def rotate_key(self, prefix: str, successor: ApiKey, digest: str, ends_at: str) -> bool:
        """Keeps the key that comes after another, which ends at ``ends_at`` if it would not end before.

        Returns:
            False if the new prefix is taken; nothing was changed then.

        Raises:
            NotFound: ``key_unknown``.
            Conflict: ``key_ended`` if the other is revoked or expired.
        """
        with self._connection.write() as db:
            old = _standing(db, prefix)
            if not _insert(db, replace(successor, replaces=prefix), digest):
                return False
            if old.expires_at is None or old.expires_at > ends_at:
                db.conn.execute("UPDATE api_keys SET expires_at = ? WHERE prefix = ?", (ends_at, prefix))
            return True

    def revoke_key(self, prefix: str, by: str) -> ApiKey:
        """Ends a key at once; one that was revoked already stays as it is.

        Raises:
            NotFound: ``key_unknown``.
        """
        with self._connection.write() as db:
            db.conn.execute(
                "UPDATE api_keys SET revoked_at = ?, revoked_by = ? WHERE prefix = ? AND revoked_at IS NULL",
                (utc_now(), by, prefix),
            )
            return _found_key(db, prefix)

    # ---- people

    def person(self, name: str) -> tuple[Person, str] | None:
        """A person with the hash of the password, None if nobody has this name."""
        row = self._connection.db.conn.execute(
            f"SELECT {_PERSON}, p.password {_PEOPLE} WHERE p.name = ?",
            (name,),
        ).fetchone()
        return (_person_of(row), str(row["password"])) if row else None

    def every_person(self) -> list[Person]:
        """All people, by name."""
        rows = self._connection.db.conn.execute(f"SELECT {_PERSON} {_PEOPLE} ORDER BY p.name")
        return [_person_of(row) for row in rows]

    def add_person(self, person: Person, password: str) -> None:
        """Keeps a new person with the hash of a password.

        Raises:
            Conflict: ``person_exists``.
        """
        with self._connection.write() as db:
            if db.conn.execute("SELECT 1 FROM people WHERE name = ?", (person.name,)).fetchone():
                raise Conflict("person_exists", f"there is a person {person.name!r} already", "name")
            db["people"].insert(person.as_dict() | {"password": password})  # type: ignore[union-attr]

    def set_password(self, name: str, password: str) -> Person:
        """The hash of another password; sessions end.

        Raises:
            NotFound: ``person_unknown``.
        """
        return self._change(name, {"password": password})

    def set_role(self, name: str, role: Role, department: str | None) -> Person:
        """Another role; sessions end.

        Raises:
            NotFound: ``person_unknown``.
        """
        return self._change(name, {"role": role, "department": department})

    def disable(self, name: str, by: str) -> Person:
        """Shuts a person out; sessions end.

        Raises:
            NotFound: ``person_unknown``.
        """
        return self._change(name, {"disabled_at": utc_now(), "disabled_by": by})

    def enable(self, name: str) -> Person:
        """Lets a person in again.

        Raises:
            NotFound: ``person_unknown``.
        """
        return self._change(name, {"disabled_at": None, "disabled_by": None})

    def _change(self, name: str, values: dict[str, Any]) -> Person:
        with self._connection.write() as db:
            if not db.conn.execute("SELECT 1 FROM people WHERE name = ?", (name,)).fetchone():
                raise NotFound("person_unknown", f"there is no person {name!r}", "name")
            db["people"].update(name, values)  # type: ignore[union-attr]
            db.conn.execute("DELETE FROM sessions WHERE person = ?", (name,))
            row = db.conn.execute(f"SELECT {_PERSON} {_PEOPLE} WHERE p.name = ?", (name,)).fetchone()
            return _person_of(row)

    # ---- sessions

    def begin_session(
        self, digest: str, name: str, expires_at: str, attempt: Attempt, *, verified: str, rehashed: str
    ) -> None:
        """Keeps a session, and forgets this person's failures from where this attempt came from.

        Args:
            digest: hexadecimal SHA-256 of the session's token.
            attempt: the one that succeeded.
            verified: hash of the password that was found right.
            rehashed: hash of the same password to keep from now on.

        Raises:
            NotFound: ``person_unknown`` if the person was disabled or got another password in the meantime.
        """
        now = utc_now()
        with self._connection.write() as db:
            db.conn.execute("DELETE FROM sessions WHERE expires_at <= ?", (now,))
            changed = db.conn.execute(
                "UPDATE people SET password = ? WHERE name = ? AND password = ? AND disabled_at IS NULL",
                (rehashed, name, verified),
            )
            if not changed.rowcount:
                raise NotFound("person_unknown", f"there is no person {name!r} with this password", "name")
            db.conn.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (digest, name, now, expires_at))
            db.conn.execute(
                "DELETE FROM login_failures WHERE rowid = ? OR (name = ? AND address = ?)",
                (attempt.number, name, attempt.address),
            )

    def session(self, digest: str) -> tuple[Person, str] | None:
        """Whose session it is and when it ends; None if it ended or the person may not log in."""
        row = self._connection.db.conn.execute(
            f"SELECT {_PERSON}, s.expires_at {_PEOPLE} JOIN sessions s ON s.person = p.name "
            "WHERE s.digest = ? AND s.expires_at > ? AND p.disabled_at IS NULL",
            (digest, utc_now()),
        ).fetchone()
        return (_person_of(row), str(row["expires_at"])) if row else None

    def end_session(self, digest: str) -> None:
        """Ends a session; nothing where it ended already."""
        with self._connection.write() as db:
            db.conn.execute("DELETE FROM sessions WHERE digest = ?", (digest,))

    # ---- attempts to log in

    def attempt(self, name: str, address: str, *, window_s: float, of_name: int, of_address: int) -> Attempt:
        """Counts an attempt to log in as a failure until `begin_session` says otherwise, if it is allowed.

        Args:
            window_s: seconds for which a failure counts.
            of_name, of_address: failures within them after which no further attempt is allowed.
        """
        with self._connection.write() as db:
            now = time.time()  # not before: waiting for the lock takes its time
            # what is dated far ahead was written before the clock was set back
            db.conn.execute(
                "DELETE FROM login_failures WHERE at <= ? OR at > ?", (now - window_s, now + window_s)
            )
            deciding = db.conn.execute(
                "SELECT at FROM (SELECT at FROM login_failures WHERE name = ? ORDER BY at DESC "
                "LIMIT 1 OFFSET ?) "
                "UNION ALL "
                "SELECT at FROM (SELECT at FROM login_failures WHERE address = ? ORDER BY at DESC "
                "LIMIT 1 OFFSET ?)",
                (name, of_name - 1, address, of_address - 1),
            ).fetchall()
            if deciding:
                return Attempt(address, None, max(row[0] for row in deciding) + window_s - now)
            added = db.conn.execute("INSERT INTO login_failures VALUES (?, ?, ?)", (name, address, now))
            return Attempt(address, added.lastrowid)


def _insert(db: Database, key: ApiKey, digest: str) -> bool:
    if db.conn.execute(f"SELECT 1 {_KEYS} WHERE prefix = ?", (key.prefix,)).fetchone():
        return False
    values = {
        "prefix": key.prefix, "digest": digest, "name": key.name, "scopes": json.dumps(key.scopes),
        "department": key.department, "rate_per_minute": key.rate_per_minute,
        "body_max_bytes": key.body_max_bytes, "made_at": key.made_at, "made_by": key.made_by,
        "expires_at": key.expires_at, "replaces": key.replaces,
    }  # fmt: skip
    db["api_keys"].insert(values)  # type: ignore[union-attr]
    return True


def _standing(db: Database, prefix: str) -> ApiKey:
    key = _found_key(db, prefix)
    state = key.state(utc_now())
    if state != "active":
        raise Conflict("key_ended", f"key {prefix} is {state}; make a new one", "prefix")
    return key


def _found_key(db: Database, prefix: str) -> ApiKey:
    row = db.conn.execute(f"SELECT {_KEY} {_KEYS} WHERE prefix = ?", (prefix,)).fetchone()
    if row is None:
        raise NotFound("key_unknown", f"there is no key {prefix!r}", "prefix")
    return _key_of(row)


def _key_of(row: sqlite3.Row) -> ApiKey:
    values = {name: row[name] for name in _KEY.split(", ")}
    return ApiKey(**values | {"scopes": tuple(json.loads(row["scopes"]))})


def _person_of(row: sqlite3.Row) -> Person:
    return Person(**{name.removeprefix("p."): row[name.removeprefix("p.")] for name in _PERSON.split(", ")})
