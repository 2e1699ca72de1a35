"""What SQLite says went wrong, in the words that both edges use."""

from __future__ import annotations

import sqlite3

from voc.errors import StoreError

#: What is raised where the database cannot be used now, whatever the row.
UNUSABLE = (sqlite3.OperationalError, StoreError)
#: Beginnings of SQLite's names for its errors, <https://sqlite.org/rescode.html>. A write that fails for lack
#: of room is FULL, or one of two I/O errors where a quota or the shared memory of the log is what is full.
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
_CORRUPT = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_READONLY = ("SQLITE_READONLY",)


#: What reading a database may raise. Of a damaged schema SQLite quotes the bytes, which may be no UTF-8; then
#: not even its message can be read.
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
#: How Python begins its message where a text is no UTF-8; what follows is the text.
_NO_TEXT = "Could not decode to UTF-8"


def translated(error: sqlite3.Error | UnicodeDecodeError, where: str = "the database") -> StoreError:
    """The error as callers know it.

    Args:
        where: what cannot be used, as the sentence begins.

    Returns:
        ``store_busy`` (another holds it; soon again), ``disk_full``, ``store_readonly``, ``store_corrupt``,
        or ``store_unusable`` for all else.
    """
    if isinstance(error, UnicodeDecodeError) or str(error).startswith(_NO_TEXT):
        return StoreError("store_corrupt", f"{where} is damaged; restore a backup (what it holds is no text)")
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith(_BUSY):
        return StoreError("store_busy", f"{where} cannot take this now; try again ({error})")
    if name.startswith(_FULL):
        return StoreError("disk_full", f"{where} has no room left on its disk ({error})")
    if name.startswith(_CORRUPT):
        return StoreError("store_corrupt", f"{where} is damaged; restore a backup ({error})")
    if name.startswith(_READONLY):
        return StoreError("store_readonly", f"{where} cannot be written ({error})")
    return StoreError("store_unusable", f"{where} cannot be used: {error}")
