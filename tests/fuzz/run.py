"""Fuzzes the parsers, the properties of the tests and the HTTP service, and counts the cases.

    python tests/fuzz/run.py csv json --runs 20000
    python tests/fuzz/run.py --all --json docs/figures/fuzz.json

Each target runs in a process of its own. Names are those of the parsers (`targets.py`), `properties` for what
Hypothesis tries in the tests, and `api` for schemathesis over the OpenAPI document of a service. Input that
breaks a parser is kept in the folder that --keep names, and the command ends with status 1.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.fuzz.targets import TARGETS  # noqa: E402

#: Cases of each parser, examples of each property, examples of each operation and way of calling.
RUNS = dict.fromkeys(TARGETS, 20_000) | {"privacy": 10_000, "properties": 500, "api": 10}
#: Files of tests whose properties are about parsers.
PROPERTIES = ("export", "hooks", "ingest", "privacy", "reviews_mail", "segment", "store", "tokens")
#: The longest that one target may take.
MOST_S = 3_600
_DONE = re.compile(r"^Done (\d+) runs in", re.MULTILINE)
_EXAMPLES = re.compile(r"(\d+) passing, (\d+) failing, and \d+ invalid")
_OF_TEST = re.compile(r"^(tests/\S+::\S+):\s*$", re.MULTILINE)


def parser(name: str, runs: int, seed: int, keep: Path) -> dict[str, Any]:
    """One parser under libFuzzer; files are written where writing costs nothing."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = _python(
            ["-m", "tests.fuzz.one", name, folder, f"-runs={runs}", f"-seed={seed}"],
            {"TMPDIR": "/dev/shm"} if Path("/dev/shm").is_dir() else {},  # noqa: S108
        )
        broken = [
            path for path in Path(folder).iterdir() if path.name.startswith(("crash", "timeout", "oom"))
        ]
        for path in broken:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{name}-{path.name}").write_bytes(path.read_bytes())
    counted = _DONE.search(done.stderr)
    if done.returncode or counted is None:
        said = done.stdout[-3_000:] + done.stderr[-1_000:]
        click.echo(f"{name} ended with {done.returncode}\n{said}", err=True)
    return {
        "what": TARGETS[name].parser,
        "cases": int(counted[1]) if counted else 0,
        "findings": max(len(broken), int(done.returncode != 0)),
        "seconds": round(time.monotonic() - began, 1),
    }


def properties(runs: int, seed: int) -> dict[str, dict[str, Any]]:
    """What Hypothesis tries in the tests, by file."""
    found: dict[str, dict[str, Any]] = {}
    for name in PROPERTIES:
        began = time.monotonic()
        done = _python(
            ["-m", "pytest", f"tests/test_{name}.py", "-m", "hypothesis", "-p", "no:cacheprovider",
             "--hypothesis-show-statistics", f"--hypothesis-seed={seed}"],
            {"HYPOTHESIS_PROFILE": "long", "HYPOTHESIS_EXAMPLES": str(runs)},
        )  # fmt: skip
        if done.returncode:
            click.echo(done.stdout[-6_000:], err=True)
        counts = [(int(passing), int(failing)) for passing, failing in _EXAMPLES.findall(done.stdout)]
        found[name] = {
            "what": f"{len(set(_OF_TEST.findall(done.stdout)))} properties of tests/test_{name}.py",
            "cases": sum(map(sum, counts)), "findings": int(done.returncode != 0),
            "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
    return found


def api(runs: int, seed: int) -> dict[str, dict[str, Any]]:
    """schemathesis, by the way of calling."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "api.json"
        done = _python(
            ["-m", "tests.fuzz.api", "--runs", str(runs), "--seed", str(seed), "--json", str(out)], {}
        )
        click.echo(done.stdout[-20_000:], err=True)
        if not out.exists():
            raise click.ClickException(done.stderr[-6_000:])
        found: dict[str, dict[str, Any]] = json.loads(out.read_text("utf-8"))
        return found


def _python(arguments: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True,
        errors="replace", timeout=MOST_S, check=False,
    )  # fmt: skip


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(RUNS)))
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option(
    "--runs", type=click.IntRange(1), help="Cases; by default so many as the table in the docs has."
)
@click.option("--seed", type=click.IntRange(1), default=1, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Puts the counts into this file.")
@click.option("--keep", type=click.Path(path_type=Path), default=Path("fuzz-findings"), show_default=True)
def main(
    names: tuple[str, ...], every: bool, runs: int | None, seed: int, file: Path | None, keep: Path
) -> None:
    """Runs NAMES and prints cases and findings of each."""
    if every == bool(names):
        raise click.UsageError("give names, or --all")
    findings = 0
    for name in names or RUNS:
        count = runs or RUNS[name]
        if name == "api":
            group, found = "api", api(count, seed)
        elif name == "properties":
            group, found = "properties", properties(count, seed)
        else:
            group, found = "parsers", {name: parser(name, count, seed, keep)}
        for one, figures in found.items():
            findings += figures["findings"]
            cases, broken, seconds = figures["cases"], figures["findings"], figures["seconds"]
            click.echo(f"{one:<14}{cases:>10,} cases{broken:>4} findings{seconds:>8} s")
        if file:
            kept: dict[str, dict[str, Any]] = json.loads(file.read_text("utf-8")) if file.exists() else {}
            kept[group] = kept.get(group, {}) | found
            file.write_text(json.dumps(kept, ensure_ascii=False, indent=2) + "\n", "utf-8")
    raise SystemExit(1 if findings else 0)


if __name__ == "__main__":
    main()
