"""The whole database to a file and back, while the service runs.

Enters: a store, a path. Leaves: a checked copy under that name, or the live database replaced by one. What
must hold: a file that has the name of a backup is whole and was read to its last page; nobody ever sees half
a restored database, and what fails leaves the old one; what was erased, revoked or shut out since a backup
was made does not come back with it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from voc import acts
from voc.artefacts import sha256_of
from voc.clock import utc_now
from voc.errors import Conflict, InvalidInput, NotFound, StoreError, Unavailable
from voc.store import Store, Vitals
from voc.store import backup as pages

Progress: TypeAlias = pages.Progress
#: Is given the copy and the live database, before one becomes the other; says how many feedback it erased in
#: the copy.
AfterRestore: TypeAlias = Callable[[Store, Store], int]


def _quiet(_left: int, _total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Backup:
    """A file that was written and checked.

    Attributes:
        rows: feedback in it.
        tables: rows by table.
    """

    path: str
    sha256: str
    bytes: int
    rows: int
    tables: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        rows: feedback that are there now.
        steps: of the schema that the copy still needed.
        safety: where the database is that was replaced; None where there was none, or it was not wanted.
        erased: feedback of the copy that had been erased since, and are erased again; None where the damaged
            database could not say.
        moved: the live file was damaged so that it had to be moved away; processes that have it open must be
            started anew.
    """

    path: str
    sha256: str
    rows: int
    steps: tuple[str, ...]
    safety: str | None
    erased: int | None
    moved: bool

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"steps": list(self.steps)}


def backup(
    store: Store, target: Path, *, by: str, force: bool = False, progress: Progress = _quiet
) -> Backup:
    """Writes a copy of the database as it is at one moment; writers do not wait for it.

    The copy gets its name last: after it was read whole, its rows counted again, its bytes on the disk.

    Args:
        target: readable and writable by its owner alone, for it holds everything.
        force: whether a file of that name may be replaced.

    Raises:
        Conflict: ``backup_exists``.
        InvalidInput: ``backup_target_invalid``: the folder is not there, or the name is the database's own.
        StoreError: ``backup_damaged``, or the database or the disk said no.
    """
    if target.absolute() in {path.absolute() for path in pages.beside(store.path)} or (
        target.exists() and target.samefile(store.path)
    ):
        raise InvalidInput("backup_target_invalid", f"{target} is the database itself", "file")
    if not target.parent.is_dir() or target.is_dir():
        raise InvalidInput("backup_target_invalid", f"{target} cannot be a file", "file")
    if target.exists() and not force:
        raise Conflict("backup_exists", f"{target} is there already; --force replaces it", "file")
    with _part_of(target) as part:
        counts = pages.copy_out(store.path, part, progress)
        found = pages.contents_of(part)
        _must_be_whole(part, found)
        if found.tables != counts:
            raise StoreError("backup_damaged", f"{part} does not have the rows of {store.path}")
        _sync(part)
        done = Backup(
            str(target), sha256_of(part), part.stat().st_size, found.tables["feedback"], found.tables
        )
        store.copies.add("backup", target, by=by, rows=done.rows)  # before it is there: none is unknown
        part.replace(target)
        _sync(target.parent)
    return done


def restore(
    live: Path,
    source: Path,
    *,
    by: str,
    after_restore: AfterRestore,
    safety: bool = True,
    timeout_s: float = 15.0,
    progress: Progress = _quiet,
) -> Restored:
    """Puts a backup in the place of the live database. Processes that run go on with it at their next look.

    Everything is done to a copy first: it is checked, brought to the present schema, and cleaned of what must
    not come back. Then it takes the place of the live database in one transaction. The safety backup is made
    in that transaction, so that it has every row that was accepted until then.

    Args:
        after_restore: erases in the copy what was erased since.
        safety: whether the database that is replaced is kept beside the new one.
        timeout_s: how long to wait for somebody who writes.

    Raises:
        NotFound: ``backup_missing``.
        InvalidInput: ``backup_invalid``: it is no database of voc.
        SchemaTooNew: it was written by a newer voc.
        StoreError: ``backup_damaged``, or the database or the disk said no; all is as it was then.
        Unavailable: ``store_busy`` or ``restore_disturbed``; try again.
    """
    if not source.is_file():
        raise NotFound("backup_missing", f"{source} is not there", "file")
    if live.exists() and source.samefile(live):
        raise InvalidInput("backup_invalid", f"{source} is the live database itself", "file")
    live.parent.mkdir(parents=True, exist_ok=True)
    damaged = _is_damaged(live)
    if not live.exists():
        safety = False
        Store(live).prepare()
    kept = live.with_name(f"{live.name}.before-{re.sub('[^0-9TZ]', '', utc_now())}")
    with _part_of(live) as part:
        pages.check_kind(source)
        pages.copy_out(source, part, progress, counted=False)
        found = pages.contents_of(part)
        _must_be_whole(source, found)
        copy = Store(part)
        try:
            steps = copy.prepare()
            erased, seen = (None, None) if damaged else _clean(copy, Store(live), after_restore)
            if safety or damaged:
                copy.copies.add("backup", kept, by=by)
            _note(copy, live, source, None if damaged else Store(live))
        finally:
            copy.close()
        pages.renew_generation(None if damaged else live, part)

        def locked() -> None:
            if seen is not None and pages.erasures_in(live) != seen:
                raise Unavailable("restore_disturbed", "feedback was erased meanwhile; try again")
            if safety:
                with _part_of(kept) as saved:
                    pages.copy_out(live, saved, _quiet, counted=False)
                    _sync(saved)
                    saved.replace(kept)

        if damaged:
            _put_aside(live, kept)
            pages.as_one_file(part)
            _sync(part)
            part.replace(live)
        else:
            pages.swap_in(part, live, progress, timeout_s=timeout_s, locked=locked)
            Vitals(live).checkpoint()
        _sync(live.parent)
    where = str(kept) if safety or damaged else None
    rows = found.tables["feedback"]
    return Restored(str(live), sha256_of(source), rows, tuple(steps), where, erased, damaged)


def _clean(copy: Store, live: Store, after_restore: AfterRestore) -> tuple[int | None, int | None]:
    """Takes out of the copy what must not come back; how many feedback were erased in it, and how many the
    live database has erased in all. Where its pages are damaged it may not be able to say."""
    try:
        seen = pages.erasures_in(live.path)
        pages.carry_over(live.path, copy.path)
        with pages.readable(live.path):
            return after_restore(copy, live) if seen else 0, seen
    except StoreError as error:
        if error.code != "store_corrupt":
            raise
        return None, None
    finally:
        live.close()


def _note(copy: Store, live: Path, source: Path, before: Store | None) -> None:
    """Writes into the copy's audit log what happens, and the last line of the log that it replaces."""
    doing = acts.current()
    if doing is None:
        return
    copy.audit.record(doing)
    head = None
    if before is not None:
        try:
            with pages.readable(live):
                head = before.audit.head()
        except StoreError:  # damaged, or older than the log
            head = None
        finally:
            before.close()
    replaced = {"replaced_number": head.number, "replaced_hash": head.hash} if head else {}
    copy.audit.record(acts.Act(doing.actor, "backup.restore", source.name, replaced))


def _is_damaged(live: Path) -> bool:
    """Whether the file is there and not even its schema can be read."""
    try:
        if live.exists():
            Vitals(live).schema()
    except StoreError as error:
        if error.code != "store_corrupt":
            raise
        return True
    return False


def _put_aside(live: Path, kept: Path) -> None:
    for path, name in zip(pages.beside(live), pages.beside(kept), strict=True):
        if path.exists():
            path.replace(name)


def _must_be_whole(path: Path, found: pages.Contents) -> None:
    if found.problems:
        raise StoreError("backup_damaged", f"{path} is damaged: {found.problems[0]}")
    if found.orphans:
        raise StoreError("backup_damaged", f"{path}: {found.orphans} rows point to rows that are not there")


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """A new, empty file in the target's folder, for its owner alone; gone afterwards unless renamed."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield part
    finally:
        for path in pages.beside(part):
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Has the disk keep what was written."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
