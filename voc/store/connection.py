"""The database file: connections, one a thread, and write transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from voc import acts
from voc.errors import StoreError
from voc.migrations import migrate
from voc.store.audit import append
from voc.store.failures import UNREADABLE, translated


class Connection:
    """One database file, safe for many threads and processes.

    Args:
        path: the SQLite file; it is made by `prepare` if it does not exist.
        busy_timeout_ms: how long to wait for another writer.
    """

    def __init__(self, path: Path, busy_timeout_ms: int = 15_000) -> None:
        self.path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._local = threading.local()

    @property
    def db(self) -> Database:
        """This thread's connection. Connections are never carried over a fork."""
        if getattr(self._local, "pid", None) != os.getpid():
            self._local.db = self._connect()
            self._local.pid = os.getpid()
        db: Database = self._local.db
        return db

    def _connect(self) -> Database:
        try:
            connection = sqlite3.connect(
                self.path, timeout=self._busy_timeout_ms / 1000, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
            db = Database(connection, execute_plugins=False)
            db.execute("PRAGMA synchronous = FULL")  # an answer means that the row survives a power cut
            db.execute("PRAGMA foreign_keys = ON")
        except UNREADABLE as error:
            raise translated(error, str(self.path)) from error
        return db

    def prepare(self) -> list[str]:
        """Makes the file or brings its schema up to date; returns the steps that were applied.

        Raises:
            StoreError: as `voc.store.failures.translated` tells them apart; or `SchemaTooNew`.
        """
        try:
            if self.path.parent != Path():
                self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                self.path.touch(mode=0o600)  # what customers said is for nobody else on this machine
            self._enable_wal()
            with self._transaction() as db:
                return migrate(db)
        except UNREADABLE as error:
            raise translated(error, str(self.path)) from error
        except OSError as error:
            raise StoreError("store_unusable", f"{self.path} cannot be prepared: {error}") from error

    def _enable_wal(self) -> None:
        """Switching to WAL does not wait for other connections, so it is tried until the time-out."""
        deadline = time.monotonic() + self._busy_timeout_ms / 1000
        while True:
            try:
                self.db.enable_wal()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    @contextmanager
    def write(self) -> Iterator[Database]:
        """A write transaction. It takes the lock at once: one upgraded later cannot be waited for.

        What somebody does (`voc.acts.current`) is written into the audit log with the first thing that it
        changes: both are kept, or neither is.
        """
        act = acts.current()
        if act is None or act.written:
            with self._transaction() as db:
                yield db
            return
        with self._transaction() as db:
            yield db
            append(db.conn, act)
        act.written = True

    @contextmanager
    def _transaction(self) -> Iterator[Database]:
        db = self.db
        db.conn.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.conn.commit()
        except BaseException:
            db.conn.rollback()
            raise

    def close(self) -> None:
        """Closes this thread's connection."""
        if getattr(self._local, "pid", None) == os.getpid():
            self._local.db.close()
            self._local.pid = None
