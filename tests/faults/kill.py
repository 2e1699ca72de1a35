"""kill -9 at random moments while clients submit, correct and read.

    python tests/faults/run.py kill --trials 200

Each client keeps a list of what it was answered for. After each kill of the whole service, and at the end, the
database must hold every one of them exactly once, with its text; every correction that was answered for must
stand. What was in flight is sent again under the same ids, as a support tool would.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.faults.result import Result
from tests.faults.service import ROOT, Service

TEXTS = (
    "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe",
    "App lỗi hoài, đăng nhập không được",
    "Nhân viên cửa hàng tư vấn nhiệt tình, sẽ quay lại",
    "Quảng cáo data không giới hạn mà xài tới ngày thứ 5 là bóp băng thông",
    "The refund took three weeks and nobody could tell me why",
    "hoan tien cham qua shop oi",
)
CLIENTS = 6


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
        self.again: list[dict[str, Any]] = []

    def run(self) -> None:
        """Until `stopping` is set."""
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
            row = {"text": f"{self.chance.choice(TEXTS)} ({key})", "source": "fault", "external_id": key}
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
        return httpx.request(method, self.url + path, json=body, timeout=30)

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
        service.start()
        clients = [Client(number, service.url, answered, seed) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for trial in range(trials):
            time.sleep(chance.uniform(0.3, 1.5))
            if trial % 4 == 3:
                service.kill()
                service.start()
            else:
                pids = service.worker_pids()
                if pids:
                    service.kill_worker(chance.choice(pids))
            if trial % 20 == 19:
                print(f"kill {trial + 1}: {len(answered.texts)} answered", file=sys.stderr, flush=True)
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(60)
        _drained(service)
        status = service.stop()
        assert status == 0, f"the service ended with {status}"
        lost, doubled = _compared(folder / "voc.db", answered)
        _verified(folder / "voc.db")
    assert not answered.errors, answered.errors[:3]
    return Result(
        "kill -9 during mixed load", trials, len(answered.texts), lost, doubled,
        "the connection ends; the same request again gives the stored record",
    )  # fmt: skip


def _drained(service: Service, limit_s: float = 300.0) -> None:
    end = time.monotonic() + limit_s
    while httpx.get(f"{service.url}/v1/health", timeout=10).json()["waiting"]:
        assert time.monotonic() < end, "the work list was not drained"
        time.sleep(0.2)


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


def _verified(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "voc.cli", "--db", str(path), "audit", "verify"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
