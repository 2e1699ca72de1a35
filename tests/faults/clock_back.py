"""The clock of the machine is set back by a day or two, on by a day, and right again, under load.

    python tests/faults/run.py clock-back --trials 6

Needs a C compiler (``cc``): a small library of ours is preloaded into the service that adds to its wall clock
what a file says (`shifted_clock.c`). libfaketime shifts, or breaks, what threads wait by as well, which no
setting of a clock does.

Each trial is two wrong times and the right one, and with each of them:

- clients hand in feedback all the while, and lose nothing;
- a walk through all pages meets everything that was there when it began exactly once;
- rows of the work list, and a webhook target, are held by somebody of another machine who is dead, with a
  lease that was written before the clock was set: within a minute they are worked on;
- a key and a session with an end of twelve hours hold or not by the clock as it is, no longer and no
  shorter; a key that has no end always holds; one that has asked too often may ask again after the clock
  was set back.

In the end every event has reached the target, in order, and the chain of the audit log is whole.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import httpx

from tests.faults.ledger import Flood, Ledger, caller, drain, row_of
from tests.faults.result import NotHere, Result
from tests.faults.service import Service
from tests.faults.targets import Target, in_order, targets
from voc.ingest import validate
from voc.store import Store

DAY = 86_400
HALF_A_DAY = DAY // 2
#: Somebody whose process this machine cannot look for.
DEAD = "another-machine/1-dead"
PASSWORD = "a password for trials"  # noqa: S105
PER_MINUTE = 20


class Clock:
    """What the preloaded library adds.

    Attributes:
        shift: seconds that the service's clock is ahead of the right time.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "shift"
        self._file.write_bytes(struct.pack("q", 0))
        self.shift = 0
        library = folder / "clock.so"
        compiler = shutil.which("cc")
        if compiler is None:
            raise NotHere("it needs a C compiler")
        source = Path(__file__).with_name("shifted_clock.c")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SHIFT_FILE": str(self._file)}

    def set(self, shift: int) -> None:
        """Sets it, for every process at once."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", shift))
        self.shift = shift


class Doors:
    """Keys and a session of the service, and what each must be answered."""

    def __init__(self, service: Service) -> None:
        self._url = f"{service.url}/v1/session"
        self.lasting = self._key(service, "lasting", "--scope", "admin")
        self.half_a_day = self._key(service, "half-a-day", "--scope", "read", "--expires-days", "0.5")
        self.busy = self._key(service, "busy", "--scope", "read", "--rate-per-minute", str(PER_MINUTE))
        service.voc("people", "add", "lan", "--role", "analyst", "--password-stdin", said=PASSWORD)
        with caller() as client:
            answer = client.post(self._url, json={"name": "lan", "password": PASSWORD})
            assert answer.status_code == 201, answer.text
            self._cookie = f"voc_session={answer.cookies['voc_session']}"

    @staticmethod
    def _key(service: Service, name: str, *words: str) -> str:
        return str(json.loads(service.voc("keys", "add", "--name", name, *words, "--json").stdout)["key"])

    def use_up(self) -> None:
        """Asks with one key until it is too often."""
        with caller(key=self.busy) as client:
            for _ in range(3 * PER_MINUTE):
                if client.get(self._url).status_code == 429:
                    return
        raise AssertionError("the limit of a key was not met")

    def check(self, shift: int, *, went_back: bool) -> None:
        """Who is let in now."""
        with caller() as client:
            for held, headers in (
                (True, {"Authorization": f"Bearer {self.lasting}"}),
                (shift < HALF_A_DAY, {"Authorization": f"Bearer {self.half_a_day}"}),
                (shift < HALF_A_DAY, {"Cookie": self._cookie}),
                *([(True, {"Authorization": f"Bearer {self.busy}"})] if went_back else []),
            ):
                answer = client.get(self._url, headers=headers)
                assert answer.status_code == (200 if held else 401), f"{shift}: {answer.text}"


def run(trials: int = 6, seed: int = 29) -> Result:
    """Sets the clock three times in each trial."""
    chance = random.Random(seed)
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as name, targets("good") as (target,):
        folder = Path(name)
        clock = Clock(folder)
        settings = {"VOC_WEBHOOK_ALLOW_PRIVATE": "1", "VOC_POLL_S": "0.2", "VOC_LEASE_S": "5"}
        service = Service(folder / "voc.db", folder / "log.txt", clock.environment | settings)
        service.start()
        try:
            events = ("--event", "feedback.routed", "--event", "feedback.review")
            service.voc("webhooks", "add", "target", target.url, *events)
            doors = Doors(service)
            longest = 0.0
            for trial in range(trials):
                wrong = [-DAY - chance.randrange(DAY), DAY]
                chance.shuffle(wrong)
                for shift in (*wrong, 0):
                    longest = max(longest, _set(clock, shift, service, doors, ledger, f"{trial}/{shift}/"))
            _delivered(service.db, target)
            service.voc("audit", "verify")
            assert service.stop() == 0
        finally:
            service.end()
        lost, doubled = ledger.compared(service.db)
    assert not ledger.refused, ledger.refused
    assert not ledger.unanswered
    return Result(
        "clock set back and on by a day or two", trials, len(ledger.texts), lost, doubled,
        "nothing but wrong times; keys and sessions end by the clock as it is",
        {"work_list_empty_after_s_at_most": round(longest, 1)},
    )  # fmt: skip


def _set(clock: Clock, shift: int, service: Service, doors: Doors, ledger: Ledger, name: str) -> float:
    """Sets the clock under load; the seconds until nothing waited, what dead holders held included."""
    before = clock.shift
    doors.use_up()
    with Flood(ledger, service.url, 2, name=name, key=doors.lasting, pause_s=0.05):
        clock.set(shift)
        began = time.monotonic()
        _hold(service, ledger, name, written_at=before)
        doors.check(shift, went_back=shift < before)
        with caller(key=doors.lasting) as client:
            _walk(client, service.url, ledger)
        time.sleep(0.5)
    drain(service.url, 60.0)
    return time.monotonic() - began


def _hold(service: Service, ledger: Ledger, name: str, *, written_at: int) -> None:
    """Rows, and the target, of a dead holder whose clock was ``written_at`` ahead."""
    rows = [row_of(f"{name}held-{number}") for number in range(3)]
    store = Store(service.db)
    added = store.add([validate(row) for row in rows], holder=DEAD, lease_s=written_at + 30)
    store.close()
    with closing(sqlite3.connect(service.db, timeout=15)) as db:
        db.execute("UPDATE targets SET held_by = ?, held_until = ?", (DEAD, time.time() + written_at + 30))
        db.commit()
    with ledger.lock:
        ledger.texts |= {row["external_id"]: one.feedback.text for row, one in zip(rows, added, strict=True)}


def _walk(client: httpx.Client, url: str, ledger: Ledger) -> None:
    """Reads all pages while more comes in."""
    with ledger.lock:
        there = set(ledger.texts)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        given = {"limit": "50"} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"{url}/v1/feedback", params=given).json()
        found += [one["feedback"]["external_id"] for one in page["items"]]
        cursor = page["next"]
    assert len(found) == len(set(found)), "a page has what another had"
    assert there <= set(found), f"missing from the pages: {sorted(there - set(found))[:3]}"


def _delivered(db: Path, target: Target) -> None:
    """Every event that was kept arrives, in order."""
    end = time.monotonic() + 60
    while True:
        with closing(sqlite3.connect(db, timeout=15)) as open_db:
            wanted = {row[0] for row in open_db.execute("SELECT id FROM events")}
        arrived = {event["id"] for event in target.events}
        if wanted <= arrived:
            break
        assert time.monotonic() < end, f"{len(wanted - arrived)} events did not arrive"
        time.sleep(0.2)
    assert in_order(target.events)
