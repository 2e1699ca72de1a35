"""One parser under libFuzzer, in a process of its own: `run.py` starts it.

    python -m tests.fuzz.one NAME FOLDER [libFuzzer options]

FOLDER gets the seeds, the words, and the input that broke something.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["voc"]):
    from tests.fuzz.targets import TARGETS


def main(name: str, folder: Path, options: list[str]) -> None:
    """Does not come back: libFuzzer ends the process."""
    target = TARGETS[name]
    seeds = folder / "seeds"
    seeds.mkdir(parents=True)
    for number, seed in enumerate(target.seeds):
        (seeds / str(number)).write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words), "ascii")
    given = [
        f"-max_len={target.max_len}", f"-dict={words}", f"-artifact_prefix={folder}/", "-timeout=20",
        "-rss_limit_mb=4096", *options, str(seeds),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *given], target.check)
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
