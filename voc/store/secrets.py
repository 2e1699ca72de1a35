"""Secrets of this installation, made by itself. They key digests and leave the database with backups only."""

from __future__ import annotations

import secrets

from voc.store.connection import Connection


class Secrets:
    """The table ``secrets``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> bytes | None:
        """The secret of that name; None where none was made yet."""
        row = self._connection.db.conn.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def get_or_make(self, name: str, length: int = 32) -> bytes:
        """The secret of that name, made of ``length`` random bytes at its first use.

        Where two processes make it at once, both get the one that was kept.
        """
        known = self.get(name)
        if known is not None:
            return known
        self.keep(name, secrets.token_bytes(length))
        made = self.get(name)
        assert made is not None  # noqa: S101  # just kept
        return made

    def keep(self, name: str, value: bytes) -> None:
        """Keeps a secret where there is none of that name."""
        with self._connection.write() as db:
            db.conn.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, value))
