"""The targets of tests/fuzz hold on their seeds, and on what fuzzing found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

SEEDS = [(name, number) for name, target in TARGETS.items() for number in range(len(target.seeds))]


@pytest.mark.parametrize(("name", "number"), SEEDS)
def test_a_parser_keeps_its_word_on_a_seed(name: str, number: int) -> None:
    target = TARGETS[name]
    assert len(target.seeds[number]) <= target.max_len
    target.check(target.seeds[number])


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_keeps_its_word_on_nothing_and_on_one_byte(name: str) -> None:
    for content in (b"", b"\x00", b"\xff", b"["):
        TARGETS[name].check(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [("query", b'_: ."/'), ("cursors", b'\x01["\\ud800", "b"]'), ("mappings", b"pairs(&o)[0].key")],
)
def test_what_fuzzing_found_holds(name: str, content: bytes) -> None:
    TARGETS[name].check(content)


def test_every_parser_is_in_the_table(root: Path) -> None:
    figures = json.loads((root / "docs" / "figures" / "fuzz.json").read_text("utf-8"))
    assert set(figures["parsers"]) == set(TARGETS)
    assert {one["findings"] for group in figures.values() for one in group.values()} == {0}
    # Of the properties some say themselves how many examples they take.
    least = {name: min(one["cases"] for one in group.values()) for name, group in figures.items()}
    assert least["parsers"] >= 20_000
    assert least["api"] >= 2_000
    assert least["properties"] >= 100
