"""Signed messages that were taken lately, so that none is taken twice."""

from __future__ import annotations

import time

from voc.store.connection import Connection


class Receipts:
    """Digests of messages, each kept for a while."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def has(self, digest: str) -> bool:
        """Whether this message was taken."""
        row = self._connection.db.conn.execute(
            "SELECT 1 FROM receipts WHERE digest = ?", (digest,)
        ).fetchone()
        return row is not None

    def add(self, digest: str, keep_s: float) -> None:
        """Notes that a message was taken, and forgets those taken more than ``keep_s`` seconds ago.

        A clock that was set back forgets nothing too early: what seems to come from the future stays.
        """
        now = time.time()
        with self._connection.write() as db:
            db.conn.execute("DELETE FROM receipts WHERE seen_at < ?", (now - keep_s,))
            db.conn.execute("INSERT OR IGNORE INTO receipts VALUES (?, ?)", (digest, now))
