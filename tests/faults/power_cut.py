"""The power goes: what SQLite had handed to the disk but not flushed may be there, torn, or missing.

    python tests/faults/run.py power-cut --trials 200

Needs strace. One process adds feedback and answers for each, as the service does; `strace` writes down
every write and flush of the database and its log. Then, for random moments, both files are put together as
a disk might hold them: everything flushed by then, and of the rest any selection of sectors, in any order.
The database must open, be whole, and hold every feedback that was answered for.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults.result import NotHere, Result
from voc.records import Feedback
from voc.store import Store

#: A disk writes a sector whole or not at all.
SECTOR = 512
#: Trials of the store set to lose.
CONTROL = 20
_CALL = re.compile(rb"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_WRITE = re.compile(rb'^(\d+)(?:<[^>]*>)?, "((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?, (\d+)(?:, (\d+))?$')


@dataclass(slots=True)
class File:
    """A file as the disk surely has it, and what was written since its last flush."""

    flushed: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def flush(self) -> None:
        """All that was written is on the disk."""
        for at, data in self.pending:
            _put(self.flushed, at, data)
        self.pending.clear()

    def as_a_disk_may_have_it(self, chance: random.Random) -> bytes:
        """What was flushed, and any sectors of what was not, in any order."""
        content = bytearray(self.flushed)
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        pieces: list[tuple[int, bytes | None]] = []
        for at, data in self.pending:
            if data is None:
                pieces.append((at, None))
            else:
                pieces += [(at + i, data[i : i + SECTOR]) for i in range(0, len(data), SECTOR)]
        chosen = [piece for piece in pieces if chance.random() < share]
        if share < 1.0:
            chance.shuffle(chosen)
        for at, data in chosen:
            _put(content, at, data)
        return bytes(content)


def _put(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:  # cut or lengthened to `at` bytes
        del content[at:]
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    if data is not None:
        content[at : at + len(data)] = data


def write(path: Path, rows: int, synchronous: str) -> None:
    """Adds feedback and answers for each on standard output, as the service does."""
    store = Store(path)
    store.prepare()
    if synchronous != "FULL":  # FULL is what the store sets itself
        store.db.execute(f"PRAGMA synchronous = {synchronous}")
    os.write(1, b"ready\n")
    for number in range(rows):
        store.add([row_of(number)], holder="test", lease_s=30)
        os.write(1, b"ack %d\n" % number)


def row_of(number: int) -> Feedback:
    """The feedback with this number."""
    moment = f"2026-11-02T08:00:00.{number % 1000:03d}Z"
    return Feedback(
        f"id-{number}", f"Giao hàng trễ lần thứ {number}. " * 5, "test", str(number), moment, moment
    )


def recorded(folder: Path, rows: int, synchronous: str) -> list[tuple[str, bytes, int, bytes | None]]:
    """What one writer did: kind (``write``, ``flush``, ``cut`` or ``ack``), file, place, bytes."""
    log = folder / "strace.log"
    calls = "trace=pwrite64,write,ftruncate,fsync,fdatasync"
    writer = [sys.executable, "-m", "tests.faults.power_cut", str(folder / "voc.db"), str(rows), synchronous]
    command = ["strace", "-f", "-qq", "-xx", "-y", "-s", "10000000", "-e", calls, "-o", str(log), *writer]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    except FileNotFoundError as error:
        raise NotHere("it needs strace") from error
    return list(_parsed(log))


def _parsed(log: Path) -> Iterator[tuple[str, bytes, int, bytes | None]]:
    with log.open("rb") as lines:
        for line in lines:
            call = _CALL.match(line)
            if call is None or int(call.group(3)) < 0:
                continue
            name, given = call.group(1), call.group(2)
            file = _name_of(given)
            if name == b"write" and given.startswith(b"1<"):
                text = _bytes_of(given)
                if text.startswith(b"ack "):
                    yield "ack", b"", int(text[4:]), None
                elif text.startswith(b"ready"):
                    yield "ready", b"", 0, None
            elif file not in (b"voc.db", b"voc.db-wal"):
                continue
            elif name == b"pwrite64":
                yield "write", file, int(given.rsplit(b", ", 1)[1]), _bytes_of(given)
            elif name == b"ftruncate":
                yield "cut", file, int(given.rsplit(b", ", 1)[1]), None
            elif name in (b"fsync", b"fdatasync"):
                yield "flush", file, 0, None


def _name_of(given: bytes) -> bytes:
    found = re.match(rb"\d+<((?:\\x[0-9a-f]{2})*|[^>]*)>", given)
    name = found.group(1) if found else b""
    if name.startswith(rb"\x"):
        name = bytes.fromhex(name.replace(rb"\x", b"").decode())
    return name.rsplit(b"/", 1)[-1]


def _bytes_of(given: bytes) -> bytes:
    found = re.search(rb'"((?:\\x[0-9a-f]{2})*)"', given)
    assert found is not None
    return bytes.fromhex(found.group(1).replace(rb"\x", b"").decode())


def run(trials: int = 200, seed: int = 7) -> Result:
    """Cuts the power at random moments of one recorded run; and, to show that the trial can fail, of one that
    answers before the flush."""
    done = cut(trials, 400, seed, "FULL")
    control = cut(CONTROL, 100, seed, "NORMAL")
    counted = {"control_trials_with_synchronous_normal": CONTROL, "lost_by_them": control.lost}
    assert control.lost, "the trial cannot fail"
    return replace(done, counted=counted)


def cut(trials: int, rows: int, seed: int, synchronous: str) -> Result:
    """Records a writer of so many rows, once, and cuts the power at random moments of what it did.

    Args:
        synchronous: ``FULL`` as the store sets it, or ``NORMAL``.
    """
    chance = random.Random(seed)
    accepted = lost = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        did = recorded(folder, rows, synchronous)
        start = next(at for at, one in enumerate(did) if one[0] == "ready")
        cuts = sorted(chance.randrange(start, len(did)) for _ in range(trials))
        files = {b"voc.db": File(), b"voc.db-wal": File()}
        answered: list[int] = []
        at = 0
        for cut in cuts:
            for kind, file, place, data in did[at:cut]:
                if kind == "ack":
                    answered.append(place)
                elif kind == "flush":
                    files[file].flush()
                elif kind in ("write", "cut"):
                    files[file].pending.append((place, data))
            at = cut
            found = _found_after(folder / "after", files, chance)
            accepted += len(answered)
            lost += sum(found.get(number) != row_of(number).text for number in answered)
    return Result(
        "power cut (flushed writes, and any sectors of the rest)", trials, accepted, lost, 0,
        "the next start goes on by itself",
    )  # fmt: skip


def _found_after(folder: Path, files: dict[bytes, File], chance: random.Random) -> dict[int, str]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, file in files.items():
        (folder / name.decode()).write_bytes(file.as_a_disk_may_have_it(chance))
    store = Store(folder / "voc.db")
    store.prepare()
    assert store.db.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    rows = store.db.conn.execute("SELECT external_id, text FROM feedback").fetchall()
    found = {int(row[0]): str(row[1]) for row in rows}
    assert len(found) == len(rows)  # none twice
    waiting = store.db.conn.execute("SELECT count(*) FROM work_list").fetchone()[0]
    assert waiting == len(rows)
    store.close()
    return found


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
