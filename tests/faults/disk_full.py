"""The disk of the database is full, again and again, while feedback comes in.

    python tests/faults/run.py disk-full --trials 20

Needs the right to mount: the database lies on a tmpfs of its own. In each trial another file takes all of
its room but a little, and feedback is handed in until a good many were refused. Then there is room again, by
turns because that file goes and because the disk grows.

What must hold: each refusal is 503 ``disk_full`` with ``Retry-After``; ``/ready`` says so; counts are still
read, and a text too, or it is refused in the same way, since nobody reads one without a line in the audit
log; with room the service goes on without a restart and takes what it refused; in the end everything that was
answered for is there once, analyzed.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx

from tests.faults.ledger import Ledger, any_of, caller, code_of, drain, row_of
from tests.faults.result import NotHere, Result
from tests.faults.service import Service

MIB = 1 << 20
#: Of the disk, in MiB.
SIZE = 64
#: Refusals after which the disk counts as full.
REFUSALS = 12


def run(trials: int = 20, seed: int = 13) -> Result:
    """Fills the disk ``trials`` times."""
    chance = random.Random(seed)
    ledger = Ledger()
    numbers = count()
    read = 0
    with tempfile.TemporaryDirectory() as name, mounted(Path(name) / "disk", SIZE) as disk:
        service = Service(
            disk / "voc.db", Path(name) / "log.txt", {"VOC_DISK_MIN_FREE_MB": "1", "VOC_LEASE_S": "2"}
        )
        service.start()
        try:
            with caller() as client:
                for trial in range(trials):
                    _fill(disk, left=chance.randint(MIB // 16, MIB))
                    refused = _post_until_refused(ledger, client, service.url, numbers)
                    read += _look(ledger, client, service.url, chance)
                    if trial % 2:
                        _resize(disk, 2 * SIZE)
                    else:
                        (disk / "ballast").unlink()
                    _post_again(ledger, client, service.url, refused)
                    (disk / "ballast").unlink(missing_ok=True)
                    _resize(disk, SIZE)
            drain(service.url)
            assert service.stop() == 0
        finally:
            service.end()
        lost, doubled = ledger.compared(disk / "voc.db")
    assert set(ledger.refused) == {"503 disk_full"}, ledger.refused
    assert not ledger.unanswered
    return Result(
        "disk full", trials, len(ledger.texts), lost, doubled,
        "503 `disk_full`; counts and `/v1/analyze` go on, texts only where the audit log still has room for "
        "a line; with room again it goes on by itself",
        {"refused": ledger.refused.total(), "texts_read_while_full": read},
    )  # fmt: skip


@contextmanager
def mounted(place: Path, mib: int) -> Iterator[Path]:
    """A disk in memory.

    Raises:
        NotHere: this machine does not let us mount.
    """
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "voc-fault", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotHere("it needs the right to mount (root, outside of most containers)") from error
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _resize(disk: Path, mib: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={mib}m", str(disk)], check=True)


def _fill(disk: Path, left: int) -> None:
    """Another file takes all room but ``left`` bytes."""
    state = os.statvfs(disk)
    with (disk / "ballast").open("wb") as file:
        file.write(bytes(max(0, state.f_bavail * state.f_frsize - left)))


def _post_until_refused(
    ledger: Ledger, client: httpx.Client, url: str, numbers: Iterator[int]
) -> list[dict[str, str]]:
    """Hands in long feedback; those that were refused."""
    refused: list[dict[str, str]] = []
    for number in numbers:
        row = row_of(str(number), words=12)
        answer = ledger.post(client, url, row)
        if answer.status_code == 503:
            assert answer.headers["Retry-After"] == "60"
            refused.append(row)
            if len(refused) == REFUSALS:
                break
    return refused


def _look(ledger: Ledger, client: httpx.Client, url: str, chance: random.Random) -> int:
    """Reads while the disk is full; how many texts were shown."""
    ready = client.get(f"{url}/v1/ready")
    assert (ready.status_code, code_of(ready)) == (503, "disk_full"), ready.text
    for path in ("/v1/health", "/v1/trends?by=department", "/v1/topics"):
        answer = client.get(url + path)
        assert answer.status_code == 200, answer.text
    answer = client.post(f"{url}/v1/analyze", json={"text": "App lỗi hoài"})
    assert answer.status_code == 200, answer.text
    shown = 0
    for _ in range(5):
        key = any_of(ledger, chance)
        answer = client.get(f"{url}/v1/feedback/{ledger.ids[key]}")
        if answer.status_code == 200:
            assert answer.json()["feedback"]["text"] == ledger.texts[key]
            shown += 1
        else:
            assert (answer.status_code, code_of(answer)) == (503, "disk_full"), answer.text
    return shown


def _post_again(ledger: Ledger, client: httpx.Client, url: str, refused: list[dict[str, str]]) -> None:
    """What was refused is taken now, without a restart."""
    for row in refused:
        end = time.monotonic() + 10
        while ledger.post(client, url, row).status_code not in (200, 201):
            assert time.monotonic() < end, "the service does not go on"
