"""The pictures of docs/pictures: the same figures give the same small file."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

FIGURES: dict[str, Any] = {
    "rows": 4,
    "owner_ece": 0.1234,
    "sentiment_ece": 0.5,
    "reliability": {
        "owner": [
            {"from": 0.4, "to": 0.5, "count": 1, "confidence": 0.45, "accuracy": 0.0},
            {"from": 0.9, "to": 1.0, "count": 3, "confidence": 0.95, "accuracy": 1.0},
        ],
        "sentiment": [],
    },
    "risk_coverage": [{"coverage": n / 20, "risk": n / 100, "confidence": 0.5} for n in range(1, 21)],
}


@pytest.fixture(scope="module")
def pictures(root: Path) -> dict[str, Any]:
    """The names of docs/pictures.py."""
    return runpy.run_path(str(root / "docs" / "pictures.py"), run_name="pictures")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """One set as `evaluate routing` prints it, and two as `evaluate held-out` does."""
    one, several = tmp_path / "routing_dev.json", tmp_path / "held-out.json"
    one.write_text(json.dumps(FIGURES), "utf-8")
    several.write_text(json.dumps({"real": FIGURES, "real_bare": FIGURES, "note": {"rows": 1}}), "utf-8")
    return [one, several]


def test_every_set_is_drawn(pictures: dict[str, Any], files: list[Path], tmp_path: Path) -> None:
    written = pictures["draw"](files, tmp_path / "out")
    assert [path.name for path in written] == [
        "calibration-routing-dev.svg", "calibration-real.svg", "calibration-real-bare.svg",
        "risk-coverage.svg",
    ]  # fmt: skip
    for path in written:
        text = path.read_text("utf-8")
        ET.fromstring(text)  # noqa: S314  # our own file
        assert len(text) < 40_000
        assert "fill: #ffffff" in text  # black text stands on a white box
        assert "<dc:date>" not in text
    calibration, risk = written[0].read_text("utf-8"), written[-1].read_text("utf-8")
    assert "owner, ECE 0.123" in calibration
    assert ">real bare</text>" in risk


def test_pictures_are_the_same_again(pictures: dict[str, Any], files: list[Path], tmp_path: Path) -> None:
    first, second = (pictures["draw"](files, tmp_path / name) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert first != second
