"""The service under load: throughput, answer times and memory, beside the rate of the encoder alone.

    python benchmarks/load.py --json docs/figures/load.json
    python benchmarks/load.py --flat 50000 --json docs/figures/load-flat.json

Starts ``voc serve`` as it is run, on 127.0.0.1 with a new database, and posts the project's own corpus to
it, every post with an ``external_id`` of its own. A closed loop: each client posts, waits for the answer,
posts again; one that is answered 503 waits as long as it was told and posts the same row again, until it is
kept. Each level ends when its stated count of posts is kept; then the work list drains before the next level
begins. Between the levels, while the service rests, the same texts go through the encoder alone and through
the whole pipeline in one process with all cores.

At the end the database is asked whether every post that was accepted is there exactly once and analyzed.
Anything but 201 and 503 is an error, and the command then fails.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path
from statistics import mean
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "corpora" / "feedback.jsonl"
LEVELS = {1: 500, 2: 500, 4: 1000, 8: 1000, 16: 2000, 32: 2000, 64: 2000}
#: Seconds after which a level, or the draining after it, has failed.
LIMIT_S = 900.0
#: Texts that the encoder and the pipeline take at a time in the comparison.
CHUNK = 64
MIB = 1 << 20


class Service:
    """``voc serve`` in a process group of its own."""

    def __init__(self, folder: Path, workers: int, options: list[str]) -> None:
        self.db = folder / "load.db"
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        command = [sys.executable, "-m", "voc.cli", "--db", str(self.db), "serve"]
        self.log = (folder / "load.log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), "--workers", str(workers), *options],
            stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while Path(self.log.name).read_text("utf-8").count("is ready") < workers:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the service did not start:\n{Path(self.log.name).read_text('utf-8')}")
            time.sleep(0.1)

    def rss_mib(self) -> list[float]:
        """Resident memory of each worker."""
        workers = psutil.Process(self.process.pid).children()
        return sorted(round(worker.memory_info().rss / MIB, 1) for worker in workers)

    def waiting(self) -> int:
        """Rows on the work list."""
        with closing(sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM work_list").fetchone()[0])

    def drained(self) -> float:
        """Waits until nothing is left to analyze; the seconds it took."""
        start = time.monotonic()
        while self.waiting():
            if time.monotonic() - start > LIMIT_S:
                raise SystemExit(f"{self.waiting()} rows are still not analyzed after {LIMIT_S:.0f} s")
            time.sleep(0.05)
        return time.monotonic() - start

    def stop(self) -> None:
        """Ends it as an operator does."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()


class Level:
    """One closed loop: so many clients, so many posts."""

    def __init__(self, port: int, texts: Iterator[str], name: str, clients: int, posts: int) -> None:
        self.port = port
        self.clients = clients
        self.posts = posts
        self._rows = (
            {"text": text, "source": "load", "external_id": f"{name}-{number}"}
            for number, text in enumerate(islice(texts, posts))
        )
        self._lock = threading.Lock()
        self._deadline = time.monotonic() + LIMIT_S
        self.seconds: list[float] = []  # of the accepted answer alone
        self.waited: list[float] = []  # from the first attempt on
        self.shed = 0
        self.queued = 0
        self.errors: list[str] = []

    def run(self) -> float:
        """Posts everything; the seconds it took."""
        threads = [threading.Thread(target=self._client) for _ in range(self.clients)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    def _client(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with closing(connection):
            while True:
                with self._lock:
                    row = next(self._rows, None)
                if row is None or not self._post(connection, json.dumps(row).encode()):
                    return

    def _post(self, connection: http.client.HTTPConnection, body: bytes) -> bool:
        """One post until it is kept; False where that cannot be."""
        first = time.perf_counter()
        while True:
            start = time.perf_counter()
            try:
                connection.request("POST", "/v1/feedback", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.errors.append(repr(error))
                return False
            end = time.perf_counter()
            if response.status == 201:
                with self._lock:
                    self.seconds.append(end - start)
                    self.waited.append(end - first)
                    self.queued += answer["analysis"] is None
                return True
            pause = response.headers.get("Retry-After")
            if response.status != 503 or pause is None or time.monotonic() > self._deadline:
                self.errors.append(f"{response.status} {answer}")
                return False
            with self._lock:
                self.shed += 1
            time.sleep(float(pause) * (1 + random.random()))


def quantile(values: list[float], share: float) -> float:
    """Nearest rank."""
    return sorted(values)[max(0, -(-int(share * 1000 * len(values)) // 1000) - 1)]


def corpus() -> list[str]:
    """The texts of the project's corpus, shuffled the same way each time."""
    texts = [json.loads(line)["text"] for line in CORPUS.read_text("utf-8").splitlines()]
    random.Random(5).shuffle(texts)
    return texts


RATES = """
import json, sys, time
from voc.pipeline import Pipeline
from voc.settings import Settings
pipeline = Pipeline.open(Settings())
pipeline.analyze(["warm"], ["giao hàng chậm quá"])
print("ready", flush=True)
for line in sys.stdin:
    texts, size = json.loads(line)
    spent = [0.0, 0.0]
    for at in range(0, len(texts), size):
        chunk = texts[at : at + size]
        start = time.perf_counter()
        pipeline.reader.encoder.encode(chunk)
        middle = time.perf_counter()
        pipeline.analyze([str(n) for n in range(len(chunk))], chunk)
        spent = [spent[0] + middle - start, spent[1] + time.perf_counter() - middle]
    print(json.dumps([len(texts) / seconds for seconds in spent]), flush=True)
"""


class Rates:
    """The encoder alone and the pipeline alone, in a process of their own with all cores."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", RATES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def measure(self, texts: list[str]) -> tuple[float, float]:
        """Texts a second of the encoder, and of the pipeline."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([texts, CHUNK]) + "\n")
        self._process.stdin.flush()
        encoder, pipeline = json.loads(self._process.stdout.readline())
        return encoder, pipeline

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


def checked(db: Path, accepted: int) -> dict[str, int]:
    """Whether every accepted post is in the database once, and analyzed."""
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as found:
        (kept, distinct), (analyzed,), (waiting,) = (
            found.execute(question).fetchone()
            for question in (
                "SELECT count(*), count(DISTINCT external_id) FROM feedback WHERE source = 'load'",
                "SELECT count(*) FROM feedback f JOIN shown s ON s.feedback = f.number "
                "WHERE f.source = 'load'",
                "SELECT count(*) FROM work_list",
            )
        )
    return {
        "accepted": accepted, "kept": kept, "kept_once": distinct, "analyzed": analyzed, "waiting": waiting,
        "lost": accepted - distinct, "doubled": kept - distinct, "not_analyzed": kept - analyzed,
    }  # fmt: skip


def measured(service: Service, rates: Rates, levels: dict[int, int], texts: list[str]) -> dict[str, Any]:
    """Every level, with the rates of the encoder between them."""
    endless = cycle(texts)
    sample = texts[: CHUNK * 4]
    found: list[dict[str, Any]] = []
    encoder, pipeline = zip(rates.measure(sample), strict=True)  # before the first level
    encoders, pipelines = [*encoder], [*pipeline]
    for clients, posts in levels.items():
        level = Level(service.port, endless, f"c{clients}", clients, posts)
        wall = level.run()
        drain = service.drained()
        if level.errors:
            raise SystemExit(f"{clients} clients: {len(level.errors)} errors, such as {level.errors[0]}")
        one = rates.measure(sample)
        encoders.append(one[0])
        pipelines.append(one[1])
        found.append({
            "clients": clients, "posts": posts, "accepted": len(level.seconds), "queued": level.queued,
            "shed": level.shed, "errors": len(level.errors), "wall_s": wall, "drain_s": drain,
            "posts_per_s": posts / wall, "analyzed_per_s": posts / (wall + drain),
            **{f"p{round(share * 100)}_ms": round(quantile(level.seconds, share) * 1000, 1)
               for share in (0.5, 0.95, 0.99)},
            "p99_with_retries_ms": round(quantile(level.waited, 0.99) * 1000, 1),
            "rss_mib": round(sum(service.rss_mib())),
        })  # fmt: skip
        print(
            json.dumps({key: round(value, 1) if isinstance(value, float) else value
                        for key, value in found[-1].items()}), flush=True,
        )  # fmt: skip
    for number, one_level in enumerate(found):  # each beside the rates right before and after it
        rate, whole = mean(encoders[number : number + 2]), mean(pipelines[number : number + 2])
        one_level["encoder_texts_per_s"], one_level["pipeline_texts_per_s"] = round(rate, 1), round(whole, 1)
        one_level["posts_to_encoder"] = round(one_level["posts_per_s"] / rate, 3)
        one_level["analyzed_to_encoder"] = round(one_level["analyzed_per_s"] / rate, 3)
        one_level["analyzed_to_pipeline"] = round(one_level["analyzed_per_s"] / whole, 3)
        for name in ("wall_s", "drain_s", "posts_per_s", "analyzed_per_s"):
            one_level[name] = round(one_level[name], 1)
    return {
        "encoder_texts_per_s": round(mean(encoders), 1),
        "pipeline_texts_per_s": round(mean(pipelines), 1),
        "levels": found,
    }


def flat(service: Service, texts: list[str], posts: int, clients: int, every: int) -> dict[str, Any]:
    """Memory of all workers over many posts, and whether the last tenth has more than the first."""
    endless, samples, queued, shed = cycle(texts), [], 0, 0
    start = time.perf_counter()
    for at in range(0, posts, every):
        level = Level(service.port, endless, f"flat{at}", clients, min(every, posts - at))
        level.run()
        if level.errors:
            raise SystemExit(f"after {at} posts: {level.errors[0]}")
        queued, shed = queued + level.queued, shed + level.shed
        samples.append(sum(service.rss_mib()))
        print(json.dumps({"posts": at + level.posts, "rss_mib": round(samples[-1], 1)}), flush=True)
    wall = time.perf_counter() - start
    service.drained()
    tenth = max(1, len(samples) // 10)
    first, last = mean(samples[:tenth]), mean(samples[-tenth:])
    return {
        "posts": posts, "clients": clients, "every": every, "queued": queued, "shed": shed,
        "posts_per_s": round(posts / wall, 1), "rss_mib": [round(one, 1) for one in samples],
        "first_tenth_mib": round(first, 1), "last_tenth_mib": round(last, 1), "ratio": round(last / first, 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, nargs="+", default=list(LEVELS), help="levels, in this order")
    parser.add_argument("--posts", type=int, nargs="+", help="of each level; one for all, or one each")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--serve", default="", help="more options of voc serve, in one string")
    parser.add_argument(
        "--flat", type=int, metavar="POSTS", help="memory over so many posts instead of levels"
    )
    parser.add_argument("--flat-clients", type=int, default=8)
    parser.add_argument("--every", type=int, default=1000, help="posts between two looks at the memory")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    posts = given.posts or [LEVELS.get(clients, 1000) for clients in given.clients]
    levels = dict(zip(given.clients, islice(cycle(posts), len(given.clients)), strict=True))
    texts = corpus()
    figures: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load_before": [round(one, 2) for one in os.getloadavg()], "workers": given.workers,
        "serve": given.serve, "texts": len(texts), "mean_code_points": round(mean(map(len, texts)), 1),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name), given.workers, given.serve.split())
        try:
            if given.flat:
                figures["flat"] = flat(service, texts, given.flat, given.flat_clients, given.every)
                accepted = given.flat
            else:
                with closing(Rates()) as rates:
                    figures |= measured(service, rates, levels, texts)
                accepted = sum(levels.values())
            figures["checked"] = checked(service.db, accepted)
        finally:
            service.stop()
    print(json.dumps(figures["checked"]))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    if any(figures["checked"][name] for name in ("lost", "doubled", "not_analyzed", "waiting")):
        raise SystemExit("not everything that was accepted is there once and analyzed")


if __name__ == "__main__":
    main()
