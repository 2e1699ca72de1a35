"""Draws docs/pictures/ from the figures that `voc evaluate` prints.

    voc evaluate routing ../shared/data/routing_dev.jsonl --json > routing_dev.json
    voc evaluate held-out --data ../shared/data --json > held-out.json
    python docs/pictures.py routing_dev.json held-out.json

``calibration-<set>.svg``: accuracy against confidence, a dot per bin of equal width, the larger the more
texts stand in it; on the diagonal confidence is what it says. ``risk-coverage.svg``: the share of wrong
owners among the surest texts. The same figures give the same bytes. A file of one set is named after the
file, the parts of a file of several sets after themselves.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

HERE = Path(__file__).parent
#: Told apart without colour too: each line has its own dashes (colours: Okabe and Ito 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
STYLE = {
    "svg.hashsalt": "voc",  # else the names of parts are drawn by lot
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",  # the box keeps dark viewers from hiding black text
    "axes.spines.top": False,
    "axes.spines.right": False,
}
METADATA = {"Date": None, "Creator": None}
TASKS = ("owner", "sentiment")


def read_sets(paths: list[Path]) -> dict[str, dict[str, Any]]:
    """The sets of all files that have bins and a curve, by name, in order."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        content = json.loads(path.read_text("utf-8"))
        parts = {path.stem: content} if "reliability" in content else content
        found |= {name.replace("_", " "): part for name, part in parts.items() if "reliability" in part}
    return found


def draw_calibration(figures: Mapping[str, Any], path: Path) -> None:
    """Writes the picture of one set: owner on the left, sentiment on the right."""
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(6, 3), layout="constrained")
        panels = drawing.subplots(1, 2, sharey=True)
        for panel, task, colour in zip(panels, TASKS, COLOURS, strict=False):
            bins = figures["reliability"][task]
            most = max((b["count"] for b in bins), default=1)
            confidence, accuracy = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]
            panel.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
            panel.plot(confidence, accuracy, color=colour, linewidth=0.8)
            panel.scatter(
                confidence, accuracy, [8 + 80 * b["count"] / most for b in bins], color=colour, zorder=3
            )
            panel.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="confidence", aspect="equal")
            panel.set_title(f"{task}, ECE {figures[f'{task}_ece']:.3f}", fontsize=9)
        panels[0].set_ylabel("accuracy")
        _write(drawing, path)


def draw_risk_coverage(sets: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Writes one picture with a line per set."""
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(5, 3), layout="constrained")
        panel = drawing.subplots()
        for number, (name, figures) in enumerate(sets.items()):
            curve = figures["risk_coverage"]
            panel.plot(
                [point["coverage"] for point in curve],
                [point["risk"] for point in curve],
                color=COLOURS[number % len(COLOURS)],
                linestyle=DASHES[number % len(DASHES)],
                linewidth=1.4,
                label=name,
            )
        panel.set(xlim=(0, 1), ylim=(0, None), xlabel="coverage", ylabel="wrong owners")
        panel.legend(frameon=False, loc="upper left")
        _write(drawing, path)


def _write(drawing: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, format="svg", metadata=METADATA)


def draw(paths: list[Path], folder: Path) -> list[Path]:
    """Writes every picture; returns their paths."""
    sets = read_sets(paths)
    written = []
    for name, figures in sets.items():
        written.append(folder / f"calibration-{name.replace(' ', '-')}.svg")
        draw_calibration(figures, written[-1])
    written.append(folder / "risk-coverage.svg")
    draw_risk_coverage(sets, written[-1])
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("figures", type=Path, nargs="+", help="JSON that voc evaluate printed")
    parser.add_argument("--out", type=Path, default=HERE / "pictures")
    options = parser.parse_args()
    draw(options.figures, options.out)
