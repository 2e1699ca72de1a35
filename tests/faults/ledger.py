"""What clients were answered for, and whether the database has it."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx

TEXTS = (
    "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe",
    "App lỗi hoài, đăng nhập không được",
    "Nhân viên cửa hàng tư vấn nhiệt tình, sẽ quay lại",
    "Quảng cáo data không giới hạn mà xài tới ngày thứ 5 là bóp băng thông",
    "The refund took three weeks and nobody could tell me why",
    "hoan tien cham qua shop oi",
)
SOURCE = "fault"


def row_of(key: str, words: int = 1) -> dict[str, str]:
    """The feedback with this external id; its text is always the same, and no other has it.

    Args:
        words: how often the sentence stands in it.
    """
    sentence = TEXTS[sum(key.encode()) % len(TEXTS)]
    return {"text": f"{' '.join([sentence] * words)} ({key})", "source": SOURCE, "external_id": key}


def caller(timeout_s: float = 60.0, key: str | None = None) -> httpx.Client:
    """A client that opens a connection for each request: none is left of a service that is gone."""
    return httpx.Client(
        timeout=timeout_s, limits=httpx.Limits(max_keepalive_connections=0), trust_env=False,
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )  # fmt: skip


def code_of(answer: httpx.Response) -> str | None:
    """The code of an error; None where the answer is none."""
    found = answer.json().get("error") if answer.status_code >= 400 else None
    return str(found["code"]) if found else None


@dataclass(slots=True)
class Ledger:
    """Shared by all clients of one fault.

    Attributes:
        texts: of everything that was answered with 200 or 201, by external id.
        ids: its ids.
        refused: answers of other kinds, by status and code.
        unanswered: requests that got no answer, by what went wrong.
    """

    texts: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, client: httpx.Client, url: str, row: dict[str, str]) -> httpx.Response:
        """Hands in one feedback and writes down what came of it."""
        try:
            answer = client.post(f"{url}/v1/feedback", json=row)
        except httpx.HTTPError as error:
            with self.lock:
                self.unanswered[type(error).__name__] += 1
            raise
        with self.lock:
            if answer.status_code in (200, 201):
                self.texts[row["external_id"]] = row["text"]
                self.ids[row["external_id"]] = str(answer.json()["feedback"]["id"])
            else:
                self.refused[f"{answer.status_code} {code_of(answer)}"] += 1
        return answer

    def compared(self, path: Path) -> tuple[int, int]:
        """How many of the answered are lost from a database, and how many are there more than once."""
        kept = kept_in(path)
        lost = sum(text not in kept.get(key, []) for key, text in self.texts.items())
        return lost, sum(len(kept.get(key, [])) > 1 for key in self.texts)


def kept_in(path: Path) -> dict[str, list[str]]:
    """The texts of a database by their external ids; its every page is looked at."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        kept: dict[str, list[str]] = {}
        for key, text in db.execute("SELECT external_id, text FROM feedback"):
            kept.setdefault(key, []).append(text)
    return kept


def drain(url: str, limit_s: float = 300.0) -> None:
    """Waits until nothing is left to analyze."""
    end = time.monotonic() + limit_s
    with caller(10.0) as client:
        while True:
            answer = client.get(f"{url}/v1/health")
            if answer.status_code == 200 and not answer.json()["waiting"]:
                return
            assert time.monotonic() < end, f"the work list was not drained: {answer.text}"
            time.sleep(0.1)


class Flood:
    """Clients that hand in one feedback after another; what was refused or cut they hand in again."""

    def __init__(
        self,
        ledger: Ledger,
        url: str,
        clients: int,
        *,
        name: str = "",
        key: str | None = None,
        pause_s: float = 0.0,
    ) -> None:
        self.ledger = ledger
        self.url = url
        self._numbers = count()
        self._name = name
        self._key = key
        self._pause_s = pause_s
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Flood:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), "a client hangs"

    def _client(self) -> None:
        again: dict[str, str] | None = None
        with caller(key=self._key) as client:
            while not self._stopping.wait(self._pause_s):
                row = again or row_of(f"{self._name}{next(self._numbers)}")
                try:
                    answer = self.ledger.post(client, self.url, row)
                except httpx.HTTPError:
                    again = row
                    self._stopping.wait(0.05)
                else:
                    again = None if answer.status_code in (200, 201) else row


def any_of(ledger: Ledger, chance: random.Random) -> str:
    """The external id of something that was answered for."""
    with ledger.lock:
        return chance.choice(sorted(ledger.texts))
