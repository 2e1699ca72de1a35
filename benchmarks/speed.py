"""Ratios of speed and memory, measured side by side in one run; see benchmarks/README.md."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from voc import segment, tokens
from voc.app import create_app
from voc.pipeline import Pipeline
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter
from voc.training.data import training_texts

CHUNK = 250


def texts_of(data: Path, count: int, shortest: int) -> list[str]:
    """Real short texts (``shortest`` to 200 code points) of every training set, shuffled."""
    found = sorted({text for _, text in training_texts(data) if shortest <= len(text) <= 200})
    random.Random(0).shuffle(found)
    return found[:count]


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def throughput(pipeline: Pipeline, texts: Sequence[str], glue: Sequence[str] | None) -> dict[str, float]:
    """Texts per second of each side, taking turns chunk by chunk, and where the pipeline's time goes."""
    other = Glue(glue, texts[: CHUNK * 4]) if glue else None
    spent = dict.fromkeys(("encoder", "analyze", "segment", "language_and_words", "judge", "glue"), 0.0)
    for at in range(0, len(texts), CHUNK):
        chunk = list(texts[at : at + CHUNK])
        ids = [str(i) for i in range(len(chunk))]
        spent["encoder"] += seconds(lambda chunk=chunk: pipeline.reader.encoder.encode(chunk))
        spent["analyze"] += seconds(lambda chunk=chunk, ids=ids: pipeline.analyze(ids, chunk))
        spent["segment"] += seconds(lambda chunk=chunk: [segment.segment(text) for text in chunk])
        spent["language_and_words"] += seconds(lambda chunk=chunk: _words(pipeline, chunk))
        readings = pipeline.read(chunk)
        spent["judge"] += seconds(
            lambda chunk=chunk, ids=ids, readings=readings: pipeline.judge(ids, chunk, readings)
        )
        if other:
            spent["glue"] += other.seconds(chunk)
    figures = {f"{name}_texts_per_s": round(len(texts) / used, 1) for name, used in spent.items() if used}
    figures["analyze_to_encoder"] = round(spent["encoder"] / spent["analyze"], 3)
    if other:
        figures["analyze_to_glue"] = round(spent["glue"] / spent["analyze"], 3)
        other.close()
    return figures


def _words(pipeline: Pipeline, chunk: Sequence[str]) -> list[str]:
    detect = pipeline.reader.languages.detect
    return [tokens.words(tokens.tokenize(text, detect(text))) for text in chunk]


class Glue:
    """The other side, in its own process and environment."""

    def __init__(self, command: Sequence[str], fit_on: Sequence[str]) -> None:
        script = Path(__file__).with_name("glue.py")
        self._process = subprocess.Popen(
            [*command, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        )  # fmt: skip
        self._ask(list(fit_on))

    def _ask(self, texts: list[str]) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(texts) + "\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def seconds(self, texts: list[str]) -> float:
        """Wall seconds that the other side needed."""
        return self._ask(texts)["seconds"]

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()


def single(pipeline: Pipeline, texts: Sequence[str], folder: Path) -> dict[str, float]:
    """Median milliseconds of one text: the encoder alone, and POST /v1/feedback with its database."""
    app = create_app(Settings(db=folder / "single.db"))
    services: Services = app.extensions["voc"]
    services.pipelines.use(pipeline)
    client = app.test_client()
    encoder, post = [], []
    for text in texts:
        encoder.append(seconds(lambda text=text: pipeline.reader.encoder.encode([text])))
        post.append(seconds(lambda text=text: client.post("/v1/feedback", json={"text": text})))
    return {
        "encoder_ms": round(median(encoder) * 1000, 2),
        "post_ms": round(median(post) * 1000, 2),
        "post_to_encoder": round(median(post) / median(encoder), 2),
    }


def again(pipeline: Pipeline, texts: Sequence[str], folder: Path) -> dict[str, float]:
    """Reclassifying with kept vectors against analyzing and keeping again."""
    app = create_app(Settings(db=folder / "again.db"))
    services: Services = app.extensions["voc"]
    services.pipelines.use(pipeline)
    rows = [{"text": text} for text in texts]
    client = app.test_client()

    def post() -> None:
        for at in range(0, len(rows), 1000):
            client.post("/v1/feedback/batch", json={"items": rows[at : at + 1000]})

    analyzing = seconds(post)
    pipeline.version, former = pipeline.version + "-again", pipeline.version
    judging = seconds(lambda: services.worklist.reclassify(Filter(), dry_run=False))
    pipeline.version = former
    return {
        "analyze_and_keep_rows_per_s": round(len(texts) / analyzing, 1),
        "reclassify_rows_per_s": round(len(texts) / judging, 1),
        "reclassify_to_analyze": round(analyzing / judging, 1),
    }


def memory(texts: Sequence[str], folder: Path) -> dict[str, float]:
    """Resident megabytes of the service with two workers after some posts."""
    port = 8765
    environment = os.environ | {"VOC_DB": str(folder / "memory.db")}
    server = subprocess.Popen(
        [sys.executable, "-m", "voc.cli", "serve", "--port", str(port), "--workers", "2"],
        env=environment, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/v1/ready")
        for text in texts:
            body = json.dumps({"text": text}).encode()
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/feedback", body)
            urllib.request.urlopen(request).read()  # noqa: S310
        sizes = [_proportional_kb(pid) for pid in [server.pid, *_children(server.pid)]]
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    return {"processes": len(sizes), "service_mb": round(sum(sizes) / 1024, 1)}


def _wait(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url).read()  # noqa: S310
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the service did not start")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _proportional_kb(pid: int) -> int:
    """Memory of a process, pages that it shares with others divided among them (Pss)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def main() -> None:
    """Prints all figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=5000)
    parser.add_argument("--shortest", type=int, default=20, help="code points of the shortest text")
    parser.add_argument("--glue", help="Python of the environment of requirements-glue.txt")
    options = parser.parse_args()
    texts = texts_of(options.data, options.texts, options.shortest)
    pipeline = Pipeline.open(Settings())
    pipeline.analyze(["warm"], [texts[0]])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {
            "texts": len(texts),
            "mean_code_points": round(sum(map(len, texts)) / len(texts), 1),
            "throughput": throughput(pipeline, texts, options.glue.split() if options.glue else None),
            "single": single(pipeline, texts[:300], folder),
            "again": again(pipeline, texts[:3000], folder),
            "memory": memory(texts[:200], folder),
        }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
