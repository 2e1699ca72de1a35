"""Pages of the database are overwritten: by zeros, noise, or another page of it (a write gone astray).

    python tests/faults/run.py corrupt-page --trials 40

In each trial up to four random pages are overwritten, in three of four while the service runs. Then every
feedback is asked for, the list, and the counts; `voc doctor` looks at it; `voc restore` puts a backup back.

What must hold: whoever asks gets the right text, 503 ``store_corrupt``, or is told that it is not there (an
index that points nowhere; counted) – never the text of another feedback, never 500; a service that is
started on it may refuse with exit status 4. `voc doctor` fails. After the restore everything that was in the
backup is there, word for word.

SQLite keeps no checksums of its pages. A flipped bit within a text leaves a database that is whole in every
respect but for what it says. How many of single flipped bits `voc doctor --deep` finds is counted as well:
the rest is found by nothing but the SHA-256 of a backup.
"""

from __future__ import annotations

import json
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from tests.faults.ledger import caller, code_of, drain, kept_in, row_of
from tests.faults.result import Result
from tests.faults.service import Service
from voc.clock import utc_now
from voc.errors import StoreError
from voc.store import Vitals

ROWS = 120
MOST_PAGES = 4
FLIPS = 200
#: New bytes of a page, from the page's size, the file, and chance.
KINDS: dict[str, Callable[[int, bytes, random.Random], bytes]] = {
    "zeros": lambda size, _file, _chance: bytes(size),
    "noise": lambda size, _file, chance: chance.randbytes(size),
    "astray": lambda size, file, chance: _page(size, file, chance.randrange(len(file) // size)),
}


def run(trials: int = 40, seed: int = 23) -> Result:
    """Damages the database ``trials`` times and restores it each time."""
    chance = random.Random(seed)
    texts = {f"{number}": row_of(f"{number}", words=1 + number % 9)["text"] for number in range(ROWS)}
    counted: Counter[str] = Counter()
    lost = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = Service(folder / "voc.db", folder / "log.txt")
        service.start()
        try:
            ids = _filled(service)
            service.voc("backup", str(folder / "backup.db"))
            counted["flipped_bits_found_by_doctor"] = found_flips(folder / "backup.db", FLIPS, chance)
            counted["flipped_bits"] = FLIPS
            for trial in range(trials):
                running = trial % 4 != 3
                if not running:
                    assert service.stop() == 0
                overwrite(service.db, list(KINDS)[trial % len(KINDS)], chance)
                found = Counter[str]()
                if running or _starts(service, counted):
                    with caller() as client:
                        _ask(client, service.url, texts, ids, found)
                counted += found
                doctor = service.voc("doctor", "--deep", status=None)
                counted["found_by_doctor"] += doctor.returncode == 1
                assert doctor.returncode == 1 or found["answered_right"] == found.total(), doctor.stdout
                restored = service.voc("restore", str(folder / "backup.db"), "--json")
                moved = bool(json.loads(restored.stdout)["moved"])
                counted["restored_by_moving"] += moved
                if moved:  # the command says: start the service anew
                    service.end()
                if service.process is None or service.process.poll() is not None:
                    service.start()
                lost += sum(kept_in(service.db).get(key) != [text] for key, text in texts.items())
                with caller() as client:
                    found = Counter[str]()
                    _ask(client, service.url, texts, ids, found)
                    assert found["answered_right"] == found.total(), found
                for left in folder.glob("voc.db.before-*"):
                    left.unlink()
            assert service.stop() == 0
        finally:
            service.end()
    return Result(
        "pages of the database overwritten", trials, len(texts) * trials, lost, 0,
        "503 `store_corrupt`, the right text, or (index damaged) 404; `voc doctor` names it, `voc restore` "
        "brings back all that was in the backup",
        dict(counted),
    )  # fmt: skip


def overwrite(db: Path, kind: str, chance: random.Random) -> None:
    """Overwrites up to `MOST_PAGES` pages as ``kind`` says, having written the log back so that it shows."""
    with closing(sqlite3.connect(db, timeout=15)) as open_db:
        open_db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        size = int(open_db.execute("PRAGMA page_size").fetchone()[0])
    before = db.read_bytes()
    empty = bytes(size)
    filled = [page for page in range(len(before) // size) if _page(size, before, page) != empty]
    pages = chance.sample(filled, chance.randint(1, MOST_PAGES))
    with db.open("r+b") as file:
        for page in pages:
            after = _page(size, before, page)
            while after == _page(size, before, page):
                after = KINDS[kind](size, before, chance)
            file.seek(page * size)
            file.write(after)


def found_flips(backup: Path, flips: int, chance: random.Random) -> int:
    """Of so many single flipped bits how many the deepest examination of the database finds."""
    content = backup.read_bytes()
    found = 0
    with tempfile.TemporaryDirectory() as name:
        db = Path(name) / "voc.db"
        for _ in range(flips):
            at = chance.randrange(len(content))
            db.write_bytes(
                content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]
            )
            try:
                findings = Vitals(db).examine(utc_now(), deep=True)
            except StoreError:
                found += 1
            else:
                found += bool(findings.problems or findings.orphans)
    return found


def _page(size: int, file: bytes, number: int) -> bytes:
    return file[number * size : (number + 1) * size]


def _filled(service: Service) -> dict[str, str]:
    """Hands in the rows; their ids by external id."""
    rows = [row_of(str(number), words=1 + number % 9) for number in range(ROWS)]
    with caller(120) as client:
        results = client.post(f"{service.url}/v1/feedback/batch", json={"items": rows}).json()["results"]
    drain(service.url)
    return {row["external_id"]: done["feedback"]["id"] for row, done in zip(rows, results, strict=True)}


def _starts(service: Service, counted: Counter[str]) -> bool:
    """Whether a service starts on what is there; if not, it must say why."""
    service.log.write_text("")
    try:
        service.start()
    except RuntimeError:
        assert service.process is not None
        assert service.process.poll() == 4, (
            f"{service.process.poll()}: {service.log.read_text('utf-8')[-500:]}"
        )
        assert "store_corrupt" in service.log.read_text("utf-8")
        counted["not_started"] += 1
        return False
    return True


def _ask(
    client: httpx.Client, url: str, texts: dict[str, str], ids: dict[str, str], counted: Counter[str]
) -> None:
    """Asks for everything; counts what came."""
    of_id = {ids[key]: text for key, text in texts.items()}
    for key in ids.values():
        answer = client.get(f"{url}/v1/feedback/{key}")
        counted[_judged(answer, of_id, key)] += 1
    for path in ("/v1/feedback?limit=50", "/v1/feedback?q=giao+hang", "/v1/trends?by=topic"):
        counted[_judged(client.get(url + path), of_id)] += 1


def _judged(answer: httpx.Response, of_id: dict[str, str], key: str | None = None) -> str:
    if answer.status_code == 503:
        assert code_of(answer) == "store_corrupt", answer.text
        return "answered_store_corrupt"
    if answer.status_code == 404 and key is not None:
        return "answered_not_there"
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    shown = [body] if "feedback" in body else body.get("items", [])
    for one in shown:
        kept = one["feedback"]
        assert key in (None, kept["id"])
        assert of_id[kept["id"]] == kept["text"], "the text of another, or what nobody said"
    return "answered_right"
