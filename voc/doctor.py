"""Whether this installation is well: versions, models, database, disk, clock, rights of files.

Enters: settings. Leaves: a list of checks, each ok, warn or fail, with a sentence and what to do. What must
hold: nothing is changed, and no check that fails keeps another from being made.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from voc import __version__
from voc.artefacts import Artefacts
from voc.clock import utc_at
from voc.errors import VocError
from voc.organization import Organization
from voc.settings import PREFIX, Settings
from voc.store import Findings, Store, Vitals, engine, synchronous

State: TypeAlias = Literal["ok", "warn", "fail"]

MIB: Final = 1024 * 1024
#: STRICT tables are of 3.37, `unixepoch` is of 3.38.
SQLITE_LEAST: Final = (3, 38, 0)
#: A log beyond this, or beyond a quarter of the database, is one that somebody keeps from being written back.
WAL_MOST_BYTES: Final = 256 * MIB
BACKUP_DAYS: Final = 7
#: Milliseconds to wait for somebody who holds the database.
PATIENCE_MS: Final = 5_000
FULL: Final = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: ``warn`` is for a person to judge; with ``fail`` the service does not do its work.
        says: one sentence.
        advice: what to do; None where all is well.
    """

    name: str
    state: State
    says: str
    advice: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def examine(settings: Settings, environment: Mapping[str, str], *, deep: bool = False) -> list[Check]:
    """Makes all checks.

    Args:
        environment: where settings are read from.
        deep: reads every index against its table, and every reference; takes long with a large database.
    """
    parts: list[Callable[[], Iterator[Check]]] = [
        _versions,
        _engine,
        lambda: _settings(environment),
        lambda: _models(settings),
        lambda: _organization(settings),
        lambda: _database(settings, deep=deep),
        lambda: _disk(settings),
        lambda: _files(settings),
    ]
    found: list[Check] = []
    for part in parts:
        try:
            found.extend(part())
        except (VocError, OSError) as error:
            found.append(_failure("doctor", error, "mend this and run `voc doctor` again"))
    return found


def worst(checks: Iterable[Check]) -> State:
    """The worst state of all."""
    states = {check.state for check in checks}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"


def _failure(name: str, error: Exception, advice: str) -> Check:
    return Check(name, "fail", str(error), advice)


# ---- the program


def _versions() -> Iterator[Check]:
    about = metadata.metadata("voc")
    wanted = SpecifierSet(about["Requires-Python"] or "")
    running = platform.python_version()
    if wanted.contains(running, prereleases=True):
        yield Check("python", "ok", f"voc {__version__} on Python {running}")
    else:
        yield Check("python", "fail", f"Python {running} is not {wanted}", "run voc with another Python")
    needs = [Requirement(line) for line in metadata.requires("voc") or []]
    needs = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    wrong = [problem for need in needs if (problem := _lacking(need))]
    if wrong:
        yield Check("packages", "fail", "; ".join(wrong), "install requirements.txt again")
    else:
        yield Check("packages", "ok", f"all {len(needs)} packages are there in versions that fit")


def _lacking(need: Requirement) -> str | None:
    try:
        version = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        return f"{need.name} is not installed"
    if need.specifier.contains(version, prereleases=True):
        return None
    return f"{need.name} {version} is not {need.specifier}"


def _engine() -> Iterator[Check]:
    version, options = engine()
    least = ".".join(map(str, SQLITE_LEAST))
    if tuple(int(part) for part in version.split(".")) < SQLITE_LEAST:
        yield Check(
            "sqlite", "fail", f"SQLite {version} is older than {least}", "run voc with another Python"
        )
    elif "ENABLE_FTS5" not in options:
        yield Check(
            "sqlite", "fail", f"SQLite {version} was built without FTS5", "run voc with another Python"
        )
    else:
        yield Check("sqlite", "ok", f"SQLite {version} with FTS5")


# ---- what it was given


def _settings(environment: Mapping[str, str]) -> Iterator[Check]:
    given = sorted(name for name in environment if name.startswith(PREFIX))
    said = f"from the environment: {', '.join(given)}" if given else "all as they are by default"
    yield Check("settings", "ok", said)  # one that is unknown or wrong ends every command before it begins


def _models(settings: Settings) -> Iterator[Check]:
    artefacts = Artefacts(settings.models)
    try:
        names = sorted(artefacts.manifest["files"])
        size = sum(artefacts.path(name).stat().st_size for name in names)
    except VocError as error:
        yield _failure("models", error, f"put the shipped files back into {settings.models}")
        return
    says = f"release {artefacts.version}: {len(names)} files, {size // MIB} MiB, each as the manifest says"
    yield Check("models", "ok", says)


def _organization(settings: Settings) -> Iterator[Check]:
    try:
        found = Organization.read(settings.organization)
    except VocError as error:
        yield _failure("organization", error, f"mend {settings.organization}")
        return
    yield Check("organization", "ok", f"{len(found.departments)} departments")


# ---- the database


def _database(settings: Settings, *, deep: bool) -> Iterator[Check]:
    vitals = Vitals(settings.db, PATIENCE_MS)
    if not settings.db.exists():
        yield Check("database", "warn", f"{settings.db} is not there yet", "run `voc init`, or `voc serve`")
        return
    try:
        pending, strangers = vitals.schema()
    except VocError as error:
        yield _failure("database", error, "restore a backup: `voc restore FILE`")
        return
    if strangers:
        says = f"it was written by a newer voc, with the step {strangers[0]}"
        yield Check("schema", "fail", says, "install that version, or restore a backup made before")
        return
    if pending:
        says = f"{len(pending)} steps are to be applied, {pending[0]} first"
        yield Check("schema", "warn", says, "run `voc init`; make a backup before")
        return
    yield Check("schema", "ok", "this version's")
    try:
        vitals.check_writable()
    except VocError as error:
        yield _failure("writable", error, "see who holds it, or mend the rights of the file and its folder")
    else:
        yield Check("writable", "ok", "a writer gets the lock")
    now = time.time()
    try:
        found = vitals.examine(utc_at(now - 3600), deep=deep)
    except VocError as error:
        yield _failure("database", error, "restore a backup: `voc restore FILE`")
        return
    yield from _content(found, deep=deep)
    yield from _safe(settings, found, vitals)
    yield _clock(found.latest_received, now)
    yield _doors(settings, found)
    yield _backups(found.latest_backup, now)


def _content(found: Findings, *, deep: bool) -> Iterator[Check]:
    looked = "integrity_check" if deep else "quick_check"
    if found.problems or found.orphans:
        wrong = [*found.problems[:3], *([f"{found.orphans} rows point nowhere"] if found.orphans else [])]
        advice = "restore a backup: `voc restore FILE`"
        yield Check("database", "fail", f"{looked}: {'; '.join(wrong)}", advice)
    else:
        yield Check("database", "ok", f"{found.feedback:,} feedback; {looked} found nothing wrong")
    if found.overdue:
        says = f"{found.overdue:,} of {found.waiting:,} rows wait for more than an hour and nobody holds them"
        yield Check("work list", "warn", says, "see whether `voc serve` runs and what it logs of analyses")
    else:
        yield Check("work list", "ok", f"{found.waiting:,} rows wait, none for long")


def _safe(settings: Settings, found: Findings, vitals: Vitals) -> Iterator[Check]:
    store = Store(settings.db, PATIENCE_MS)
    try:
        synced = synchronous(store) == FULL
    finally:
        store.close()
    if found.journal_mode == "wal" and synced:
        yield Check(
            "durability", "ok", "write-ahead log, synced at each commit (journal_mode wal, synchronous full)"
        )
    else:
        says = f"journal_mode is {found.journal_mode}{'' if synced else ' and commits are not synced'}"
        yield Check("durability", "fail", says, "run `voc init` while nothing else has the database open")
    size = vitals.figures()
    says = f"{size.file_bytes // MIB} MiB, and {size.wal_bytes // MIB} MiB of write-ahead log"
    if size.wal_bytes > max(WAL_MOST_BYTES, size.file_bytes // 4):
        advice = "some process reads without an end: stop what has the file open, then start the service"
        yield Check("size", "warn", says, advice)
    else:
        yield Check("size", "ok", says)


def _clock(latest: str | None, now: float) -> Check:
    if latest is not None:
        ahead = datetime.fromisoformat(latest) - datetime.fromtimestamp(now, UTC)
        if ahead > timedelta(days=1):
            says = f"it is {utc_at(now)}, but the newest feedback was received at {latest}"
            return Check("clock", "fail", says, "set the clock of this machine")
    return Check("clock", "ok", utc_at(now))


def _doors(settings: Settings, found: Findings) -> Check:
    try:
        known = set(Organization.read(settings.organization).by_key)
    except VocError:
        known = set(found.departments)  # that it cannot be read is said already
    strange = sorted(set(found.departments) - known)
    if strange:
        says = f"keys or people are limited to departments that there are not: {', '.join(strange)}"
        return Check("access", "fail", says, "give them others, or name these in organization.toml")
    if not found.keys and not found.people:
        advice = "make the first key with `voc keys add` before others than this machine are to be served"
        return Check(
            "access", "warn", "there are no keys and no people: all of this machine may do all", advice
        )
    return Check("access", "ok", f"{found.keys} keys and {found.people} people may come in")


def _backups(latest: str | None, now: float) -> Check:
    advice = "run `voc backup FILE` each day, see docs/operations.md"
    if latest is None:
        return Check("backup", "warn", "none was ever made", advice)
    age = datetime.fromtimestamp(now, UTC) - datetime.fromisoformat(latest)
    if age > timedelta(days=BACKUP_DAYS):
        return Check("backup", "warn", f"the last one was made {age.days} days ago", advice)
    return Check("backup", "ok", f"the last one was made at {latest}")


# ---- the machine


def _disk(settings: Settings) -> Iterator[Check]:
    folder = settings.db.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    size = settings.db.stat().st_size if settings.db.exists() else 0
    says = f"{free // MIB:,} MiB are free"
    if free // MIB < settings.disk_min_free_mb:
        wanted = f"{says}; {settings.disk_min_free_mb} are wanted"
        yield Check("disk", "fail", wanted, "make room: nothing can be kept soon")
    elif free < 2 * size:
        yield Check("disk", "warn", says, "a backup here and a restore want twice the size of the database")
    else:
        yield Check("disk", "ok", says)


def _files(settings: Settings) -> Iterator[Check]:
    secret = [path for path in (settings.db, settings.hooks) if path is not None and path.exists()]
    opened = [path for path in secret if stat.S_IMODE(path.stat().st_mode) & 0o007]
    if opened:
        names = " ".join(str(path) for path in opened)
        says = f"every user of this machine may read {names}"
        yield Check("permissions", "warn", says, f"chmod o= {names}")
    elif secret:
        yield Check("permissions", "ok", "strangers can read neither the database nor secrets")
    if settings.db.exists() and not _may_write(settings.db.absolute().parent):
        folder = settings.db.absolute().parent
        says = f"{folder} cannot be written, where SQLite puts its log"
        yield Check("folder", "fail", says, f"give {folder} to the user that runs voc")


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)
