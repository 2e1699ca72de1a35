"""Our own corpus: no feedback is written twice under different groups."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from datasketch import MinHash, MinHashLSH

from voc.text import fold

#: Jaccard of folded character 5-grams from which two texts are one text written twice.
TWICE = 0.7
SHINGLE = 5
#: 32 bands of 4: a pair at 0.7 is missed once in six thousand times, and few others are looked at.
BANDS = (32, 4)


def shingles(text: str) -> frozenset[str]:
    """Folded character 5-grams; punctuation counts as a blank."""
    letters = " ".join("".join(char if char.isalnum() else " " for char in fold(text)).split())
    return frozenset(letters[i : i + SHINGLE] for i in range(max(1, len(letters) - SHINGLE + 1)))


def near_twins(rows: Sequence[Mapping[str, Any]], least: float = TWICE) -> Iterator[tuple[str, str, float]]:
    """Pairs of ids of different groups with their Jaccard, at least ``least``: MinHash finds candidates,
    the exact figure decides."""
    found = [shingles(row["text"]) for row in rows]
    sketches = MinHash.bulk([[gram.encode() for gram in grams] for grams in found], num_perm=128)
    index = MinHashLSH(num_perm=128, params=BANDS)
    for number, sketch in enumerate(sketches):
        for other in index.query(sketch):
            if rows[number]["group"] != rows[other]["group"]:
                jaccard = len(found[number] & found[other]) / len(found[number] | found[other])
                if jaccard >= least:
                    yield rows[other]["id"], rows[number]["id"], round(jaccard, 3)
        index.insert(number, sketch)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def row(key: str, group: str, text: str) -> dict[str, str]:
    return {"id": key, "group": group, "text": text}


LATE = "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe máy"


@pytest.mark.parametrize(
    ("other", "jaccard"),
    [
        (LATE, 1.0),
        ("giao hang tre ba ngay... khong bao! goi tong dai KHONG ai nghe may", 1.0),
        (LATE + " cả", 0.948),
        ("Giao hàng nhanh, đóng gói đẹp", None),
    ],
)
def test_twins_are_found_however_they_are_typed(other: str, jaccard: float | None) -> None:
    rows = [row("a", "1", LATE), row("b", "2", "Tổng đài không ai nghe máy cả tuần"), row("c", "3", other)]
    assert list(near_twins(rows)) == ([("a", "c", jaccard)] if jaccard else [])


def test_one_group_may_repeat_itself() -> None:
    assert list(near_twins([row("a", "1", LATE), row("b", "1", LATE)])) == []


def test_short_texts_are_compared_whole() -> None:
    rows = [row("a", "1", "ok"), row("b", "2", "OK!"), row("c", "3", "tốt"), row("d", "4", "")]
    assert list(near_twins(rows)) == [("a", "b", 1.0)]


def test_no_two_feedback_of_different_groups_are_near_twins(root: Path) -> None:
    rows = [*read(root / "corpora" / "feedback.jsonl"), *read(root / "corpora" / "renderings.jsonl")]
    twins = [f"{one} and {other}: {jaccard}" for one, other, jaccard in near_twins(rows)]
    assert not twins, "\n".join(["near twins in different groups:", *twins])
