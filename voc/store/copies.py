"""Where copies of what customers said were written to disk, so that whoever erases knows where to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from voc.clock import utc_now
from voc.store.connection import Connection

CopyKind: TypeAlias = Literal["export", "backup", "privacy"]


@dataclass(frozen=True, slots=True)
class Copy:
    """One file that was written.

    Attributes:
        path: absolute.
        rows: feedback in it; None for one that was not finished, and for what is not counted in rows.
    """

    number: int
    kind: CopyKind
    path: str
    made_at: str
    made_by: str
    rows: int | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class Copies:
    """The table ``copies`` of a store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, kind: CopyKind, path: Path, *, by: str, rows: int | None = None) -> int:
        """Notes a copy and returns its number; best before its first byte is written."""
        with self._connection.write() as db:
            values = (kind, str(path.absolute()), utc_now(), by, rows)
            sql = "INSERT INTO copies (kind, path, made_at, made_by, rows) VALUES (?, ?, ?, ?, ?)"
            return int(db.conn.execute(sql, values).lastrowid or 0)

    def finished(self, number: int, rows: int) -> None:
        """Says how many feedback the copy holds, once it is there."""
        with self._connection.write() as db:
            db.conn.execute("UPDATE copies SET rows = ? WHERE number = ?", (rows, number))

    def forget(self, number: int) -> None:
        """Takes out a copy that did not come to be."""
        with self._connection.write() as db:
            db.conn.execute("DELETE FROM copies WHERE number = ?", (number,))

    def list(self, kind: CopyKind | None = None) -> Sequence[Copy]:
        """All copies, the latest first."""
        rows = self._connection.db.conn.execute(
            "SELECT number, kind, path, made_at, made_by, rows FROM copies "
            "WHERE ?1 IS NULL OR kind = ?1 ORDER BY number DESC",
            (kind,),
        )
        return [Copy(*row) for row in rows]
