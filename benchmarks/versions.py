"""Analyzes the same texts by turns with two checkouts.

    python benchmarks/versions.py BEFORE NOW --texts FILE

Each turn is a process of its own, so that neither side's code or models are the other's. FILE is JSONL with
``text``. Prints the texts per second of every turn and the ratio of the best ones.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

TURN = """
import json, sys, time
from voc.pipeline import Pipeline
from voc.settings import Settings
texts = [json.loads(line)["text"] for line in open(sys.argv[1], encoding="utf-8")]
chunks = [texts[at:at + 64] for at in range(0, len(texts), 64)]
pipeline = Pipeline.open(Settings())
pipeline.analyze(["warm"] * len(chunks[0]), chunks[0])
start = time.perf_counter()
for chunk in chunks:
    pipeline.analyze([str(i) for i in range(len(chunk))], chunk)
print(len(texts) / (time.perf_counter() - start))
"""


def turn(checkout: Path, texts: Path) -> float:
    """Texts per second of one process that runs in ``checkout``."""
    command = [sys.executable, "-c", TURN, str(texts.resolve())]
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve())}
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    """Three turns each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("now", type=Path)
    parser.add_argument("--texts", type=Path, required=True)
    options = parser.parse_args()
    turns = [(turn(options.before, options.texts), turn(options.now, options.texts)) for _ in range(3)]
    for before, now in turns:
        print(f"{before:.0f} before, {now:.0f} now")
    best = [max(side) for side in zip(*turns, strict=True)]
    print(f"ratio {best[1] / best[0]:.2f}")


if __name__ == "__main__":
    main()
