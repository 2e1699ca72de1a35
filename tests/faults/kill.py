"""kill -9 at random moments while clients submit, correct and read.

    python tests/faults/run.py kill --trials 200

Each client keeps a list of what it was answered for. After each kill of the whole service, and at the end,
the database must hold every one of them exactly once, with its text; every correction that was answered for
must stand, and every feedback be analyzed in the end. What was in flight is sent again under the same ids,
as a support tool would. The next kill comes when some more were answered, and a moment later: not while
nobody is at work.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.faults.ledger import caller, drain, kept_in, row_of
from tests.faults.result import Result
from tests.faults.service import Service

CLIENTS = 6
#: Answers after which the next kill may come, at most.
MOST_ANSWERS = 20


@dataclass(slots=True)
class Answered:
    """What the clients were answered for, shared by all."""

    texts: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    errors: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """Does one thing after another until it is stopped."""

    def __init__(self, number: int, url: str, answered: Answered, seed: int) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.url = url
        self.answered = answered
        self.chance = random.Random(seed * 1000 + number)
        self.stopping = threading.Event()
        self.sent = 0
        self.again: list[dict[str, str]] = []

    def run(self) -> None:
        """Until `stopping` is set."""
        with caller() as self.client:
            while not self.stopping.is_set():
                try:
                    self._one()
                except httpx.HTTPError:
                    self.stopping.wait(0.05)

    def _one(self) -> None:
        what = self.chance.random()
        if what < 0.5:
            self._submit(1)
        elif what < 0.7:
            self._submit(self.chance.randint(2, 8))
        elif what < 0.85:
            self._correct()
        else:
            self._call("GET", "/v1/feedback?limit=20")

    def _submit(self, count: int) -> None:
        rows = self.again[:count]
        while len(rows) < count:
            self.sent += 1
            key = f"{self.number}-{self.sent}"
            row = row_of(key)
            self.again.append(row)
            rows.append(row)
        if count == 1:
            answer = self._call("POST", "/v1/feedback", rows[0])
            results = [answer.json() | {"status": answer.status_code}]
        else:
            answer = self._call("POST", "/v1/feedback/batch", {"items": rows})
            results = answer.json().get("results", [])
        if answer.status_code not in (200, 201):
            self._note(answer)
            return
        with self.answered.lock:
            for row, result in zip(rows, results, strict=True):
                if result["status"] in (200, 201):
                    self.answered.texts[row["external_id"]] = row["text"]
                    self.answered.ids[row["external_id"]] = result["feedback"]["id"]
                    self.again.remove(row)

    def _correct(self) -> None:
        with self.answered.lock:
            mine = [key for key in self.answered.ids if key.startswith(f"{self.number}-")]
        if not mine:
            return
        key = self.chance.choice(mine)
        owner = self.chance.choice(("care", "logistics", "product", "finance"))
        with self.answered.lock:
            self.answered.owners.pop(key, None)  # while it is in flight either owner may stand
        answer = self._call("POST", f"/v1/feedback/{self.answered.ids[key]}/corrections", {"owner": owner})
        if answer.status_code in (200, 201):
            with self.answered.lock:
                self.answered.owners[key] = owner
        elif answer.status_code != 409:  # it waits for its analysis
            self._note(answer)

    def _call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.client.request(method, self.url + path, json=body)

    def _note(self, answer: httpx.Response) -> None:
        if answer.status_code != 503:
            with self.answered.lock:
                self.answered.errors.append(f"{answer.status_code} {answer.text[:200]}")


def run(trials: int = 200, seed: int = 11) -> Result:
    """Every fourth time the whole service, else one of its workers, which the master starts again."""
    chance = random.Random(seed)
    answered = Answered()
    lost = doubled = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = Service(folder / "voc.db", folder / "log.txt")
        clients = [Client(number, service.url, answered, seed) for number in range(CLIENTS)]
        try:
            service.start()
            for client in clients:
                client.start()
            for trial in range(trials):
                _at_work(answered, chance)
                if trial % 4 == 3:
                    service.kill()
                    kept = kept_in(service.db)
                    with answered.lock:
                        lost += sum(kept.get(key) != [text] for key, text in answered.texts.items())
                    service.start()
                else:
                    while not (pids := service.worker_pids()):
                        time.sleep(0.01)
                    service.kill_worker(chance.choice(pids))
                if trial % 20 == 19:
                    print(f"kill {trial + 1}: {len(answered.texts)} answered", file=sys.stderr, flush=True)
            for client in clients:
                client.stopping.set()
            for client in clients:
                client.join(90)
            drain(service.url)
            status = service.stop()
            assert status == 0, f"the service ended with {status}"
        finally:
            service.end()
        lost_in_the_end, doubled = _compared(service.db, answered)
        lost += lost_in_the_end
        service.voc("audit", "verify")
    assert not answered.errors, answered.errors[:3]
    return Result(
        "kill -9 during mixed load", trials, len(answered.texts), lost, doubled,
        "the connection ends; the same request again gives the stored record",
    )  # fmt: skip


def _at_work(answered: Answered, chance: random.Random) -> None:
    """Waits until some more were answered, and a moment."""
    wanted = len(answered.texts) + chance.randint(1, MOST_ANSWERS)
    end = time.monotonic() + 120
    while len(answered.texts) < wanted:
        assert time.monotonic() < end, "nobody is answered any more"
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.1))


def _compared(path: Path, answered: Answered) -> tuple[int, int]:
    """How many of the answered are lost, and how many are there twice."""
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    kept: dict[str, list[tuple[str, str | None]]] = {}
    for key, text, owner in db.execute(
        "SELECT f.external_id, f.text, a.owner FROM feedback f "
        "JOIN shown h ON h.feedback = f.number "
        "JOIN analyses a ON a.feedback = f.number AND a.pipeline = h.pipeline"
    ):
        kept.setdefault(key, []).append((text, owner))
    db.close()
    lost = sum(
        (text not in [row[0] for row in kept.get(key, [])])
        or (key in answered.owners and answered.owners[key] != kept[key][0][1])
        for key, text in answered.texts.items()
    )
    return lost, sum(len(kept.get(key, [])) > 1 for key in answered.texts)
