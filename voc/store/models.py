"""Heads that the installation has learned: their files, their figures, and which of them it uses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voc.clock import utc_now
from voc.errors import ArtefactError, Conflict, NotFound
from voc.store.connection import Connection
from voc.store.rows import as_json


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One set of learned heads.

    Attributes:
        parent: the version in use when it was learned, which it was measured against; None for the shipped
            heads. All are learned from the shipped heads on.
        files: SHA-256 by file name.
        figures: what was measured, before and after.
        verdict: why it was promoted or refused.
        promoted: whether it is in use.
    """

    version: str
    made_at: str
    author: str
    parent: str | None
    files: Mapping[str, str]
    figures: Mapping[str, Any]
    verdict: str
    promoted: bool


@dataclass(frozen=True, slots=True)
class Promotion:
    """From when on a version was used; ``version`` None stands for the shipped heads."""

    number: int
    made_at: str
    author: str
    version: str | None
    reason: str | None


class ModelTables:
    """The tables of learned heads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        version: str,
        files: Mapping[str, bytes],
        *,
        author: str,
        parent: str | None,
        figures: Mapping[str, Any],
        verdict: str,
    ) -> None:
        """Keeps a version; it is not used before `promote` names it.

        A version that is known keeps its files, and gets what was measured now.
        """
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        measured = (utc_now(), author, parent, as_json(dict(figures)), verdict)
        with self._connection.write() as db:
            if db.conn.execute("SELECT 1 FROM models WHERE version = ?", (version,)).fetchone():
                db.conn.execute(
                    "UPDATE models SET made_at = ?, author = ?, parent = ?, figures = ?, verdict = ? "
                    "WHERE version = ?",
                    (*measured, version),
                )
                return
            db.conn.executemany(
                "INSERT OR IGNORE INTO model_files VALUES (?, ?)",
                [(digests[name], content) for name, content in files.items()],
            )
            db.conn.execute(
                "INSERT INTO models (version, files, made_at, author, parent, figures, verdict) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (version, as_json(digests), *measured),
            )

    def versions(self) -> list[ModelVersion]:
        """All versions, the oldest first."""
        used = self.promoted()
        rows = self._connection.db.conn.execute("SELECT * FROM models ORDER BY made_at, version")
        return [
            ModelVersion(
                row["version"], row["made_at"], row["author"], row["parent"], json.loads(row["files"]),
                json.loads(row["figures"]), row["verdict"], row["version"] == used,
            )
            for row in rows
        ]  # fmt: skip

    def promotions(self) -> list[Promotion]:
        """What was used from when on, the oldest first."""
        rows = self._connection.db.conn.execute("SELECT * FROM promotions ORDER BY number")
        return [
            Promotion(row["number"], row["made_at"], row["author"], row["version"], row["reason"])
            for row in rows
        ]

    def promoted(self) -> str | None:
        """The version in use, None for the shipped heads."""
        return self._in_use()[-1]

    def _in_use(self) -> list[str | None]:
        """What was used before what is used now, the shipped heads first, what is used now last.

        Going back to the one before takes the last one off.
        """
        found: list[str | None] = [None]
        rows = self._connection.db.conn.execute("SELECT version, is_rollback FROM promotions ORDER BY number")
        for row in rows:
            if row["is_rollback"]:
                found.pop()
            else:
                found.append(row["version"])
        return found

    def rollback(self, *, author: str, reason: str | None = None) -> str | None:
        """Uses again what was used before the last promotion; rolled back twice, what was before that.

        Returns:
            The version in use now, None for the shipped heads.

        Raises:
            Conflict: ``model_not_promoted`` if nothing was promoted that is not rolled back.
        """
        with self._connection.write() as db:
            found = self._in_use()
            if len(found) == 1:
                raise Conflict("model_not_promoted", "the shipped heads are in use; nothing was promoted")
            db.conn.execute(
                "INSERT INTO promotions (made_at, author, version, reason, is_rollback) "
                "VALUES (?, ?, ?, ?, 1)",
                (utc_now(), author, found[-2], reason or f"rolled back from {found[-1] or 'shipped'}"),
            )
        return found[-2]

    def promote(self, version: str | None, *, author: str, reason: str | None = None) -> None:
        """Uses a version from now on; None for the shipped heads.

        Raises:
            NotFound: ``model_unknown``.
            Conflict: ``model_in_use``.
        """
        with self._connection.write() as db:
            known = db.conn.execute("SELECT 1 FROM models WHERE version = ?", (version,)).fetchone()
            if version is not None and known is None:
                raise NotFound("model_unknown", f"no model has the version {version!r}", "version")
            if version == self.promoted():
                raise Conflict(
                    "model_in_use", f"{version or 'the shipped heads'} are in use already", "version"
                )
            db.conn.execute(
                "INSERT INTO promotions (made_at, author, version, reason) VALUES (?, ?, ?, ?)",
                (utc_now(), author, version, reason),
            )

    def base(self) -> str | None:
        """What the version in use was moved from, as its figures tell; None for the shipped heads."""
        row = self._connection.db.conn.execute(
            "SELECT json_extract(figures, '$.base') FROM models WHERE version = ?", (self.promoted(),)
        ).fetchone()
        return row[0] if row else None

    def files(self) -> dict[str, bytes]:
        """Content of the files in use, by name; empty for the shipped heads.

        Raises:
            ArtefactError: ``artefact_altered`` if a content does not have its SHA-256.
        """
        version = self.promoted()
        if version is None:
            return {}
        db = self._connection.db
        row = db.conn.execute("SELECT files FROM models WHERE version = ?", (version,)).fetchone()
        found: dict[str, bytes] = {}
        for name, digest in json.loads(row["files"]).items():
            content = db.conn.execute(
                "SELECT content FROM model_files WHERE sha256 = ?", (digest,)
            ).fetchone()
            if content is None or hashlib.sha256(content[0]).hexdigest() != digest:
                raise ArtefactError(
                    "artefact_altered", f"{name} of model {version} is not the file that was kept (SHA-256)"
                )
            found[name] = content[0]
        return found
