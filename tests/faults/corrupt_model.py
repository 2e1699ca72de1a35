"""A model file is not what it was: one flipped byte, cut short, missing, or the manifest lies about it.

    python tests/faults/run.py corrupt-model --trials 60

Each trial does one of these, by turns, to a random file of a copy of ``models/``, and starts ``voc serve`` on
it.

What must hold: it does not start; exit status 3; the message names the file.

Against somebody who changes a file and the manifest to fit, this is no help: neither is signed.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.faults.result import Result
from tests.faults.service import ROOT
from voc.artefacts import MANIFEST


def run(trials: int = 60, seed: int = 19) -> Result:
    """Damages one file at a time; the copy is mended in between."""
    chance = random.Random(seed)
    kinds = list(DAMAGES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "models"
        shutil.copytree(ROOT / "models", folder)
        for trial in range(trials):
            file, mend = damage(folder, kinds[trial % len(kinds)], chance)
            done = subprocess.run(
                [sys.executable, "-m", "voc.cli", "--db", str(Path(name) / "voc.db"), "--models", str(folder),
                 "serve", "--port", "0"],
                cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 3, f"{file}: {done.returncode}: {done.stderr[-500:]}"
            assert str(folder / file) in done.stderr, f"{file}: {done.stderr[-500:]}"
            mend()
    return Result(
        "a model file or the manifest damaged", trials, 0, 0, 0,
        "the service does not start: exit status 3, the file is named",
    )  # fmt: skip


def damage(folder: Path, kind: str, chance: random.Random) -> tuple[str, Callable[[], None]]:
    """Does one of `DAMAGES` to a random file.

    Returns:
        Name of the file that is to be blamed; what makes it as it was.
    """
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    file = chance.choice(sorted(manifest["files"]))
    changed = folder / (MANIFEST if kind.startswith("manifest") else file)
    before = changed.read_bytes()
    after = DAMAGES[kind](before, file, chance)
    if after is None:
        changed.unlink()
    else:
        changed.write_bytes(after)
    blamed = MANIFEST if kind == "manifest cut" else file
    return blamed, partial(_write, changed, before)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _flipped(content: bytes, _file: str, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]


def _cut(content: bytes, _file: str, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) - 2)]


def _lying(content: bytes, file: str, chance: random.Random) -> bytes:
    """The manifest with one digit of the file's SHA-256 changed."""
    manifest = json.loads(content)
    entry = manifest["files"][file]
    at = chance.randrange(64)
    digit = chance.choice([digit for digit in "0123456789abcdef" if digit != entry["sha256"][at]])
    entry["sha256"] = entry["sha256"][:at] + digit + entry["sha256"][at + 1 :]
    return json.dumps(manifest).encode()


#: Each makes the new content of a file, None for no file.
DAMAGES: dict[str, Callable[[bytes, str, random.Random], bytes | None]] = {
    "flipped": _flipped,
    "cut": _cut,
    "missing": lambda *_: None,
    "manifest lies": _lying,
    "manifest cut": _cut,
}
