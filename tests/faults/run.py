"""Does faults to the service and counts what was lost.

    python tests/faults/run.py --all --json docs/figures/faults.json
    python tests/faults/run.py kill disk-full --trials 20 --seed 3

The exit status is 1 if anything was lost or was there twice, or if what must hold did not; 3 if this machine
does not allow one of the faults to be done.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.faults.result import NotHere, Result

#: Faults in the order of the table: their module, and how often each is done.
FAULTS: dict[str, tuple[str, int]] = {
    "kill": ("kill", 200),
    "power-cut": ("power_cut", 200),
    "disk-full": ("disk_full", 20),
    "locked": ("locked", 20),
    "corrupt-model": ("corrupt_model", 60),
    "corrupt-page": ("corrupt_page", 40),
    "clock-back": ("clock_back", 6),
    "two-services": ("two_services", 10),
    "hanging-target": ("hanging_target", 5),
    "graceful": ("graceful", 20),
}


def main() -> int:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="*", help=", ".join(FAULTS))
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("--trials", type=int, help="how often, instead of each one's own number")
    parser.add_argument("--seed", type=int, help="for other moments and other bytes")
    parser.add_argument("--json", type=Path, help="file to which the results are added, by fault")
    given = parser.parse_args()
    names = list(FAULTS) if given.all else given.name
    if not names:
        parser.error("name a fault, or give --all")
    if unknown := set(names) - set(FAULTS):
        parser.error(f"there is no fault {min(unknown)!r}; there are {', '.join(FAULTS)}")
    status = 0
    for name in names:
        status = max(status, _one(name, given))
    return status


def _one(name: str, given: argparse.Namespace) -> int:
    module, trials = FAULTS[name]
    chosen = {} if given.seed is None else {"seed": given.seed}
    began = time.monotonic()
    try:
        done: Result = importlib.import_module(f"tests.faults.{module}").run(given.trials or trials, **chosen)
    except NotHere as error:
        print(f"{name}: not done: {error}", flush=True)
        return 3
    except Exception:  # noqa: BLE001  # the others are still to be done
        print(f"{name}: FAILED\n{traceback.format_exc()}", flush=True)
        return 1
    counted = "".join(f", {what.replace('_', ' ')} {number:,}" for what, number in done.counted.items())
    print(
        f"{name}: {done.trials} trials, {done.accepted:,} answered for, {done.lost} lost, "
        f"{done.doubled} twice{counted} ({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    if given.json:
        kept = json.loads(given.json.read_text("utf-8")) if given.json.exists() else {}
        kept[name] = done.as_dict()
        ordered = {key: kept[key] for key in FAULTS if key in kept}
        given.json.write_text(json.dumps(ordered, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 1 if done.lost or done.doubled else 0


if __name__ == "__main__":
    sys.exit(main())
