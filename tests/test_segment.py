"""Clauses with exact offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voc.segment import MAX_SEGMENTS, segment


def parts(text: str) -> list[str]:
    return [text[span.start : span.end] for span in segment(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe",
            ["Giao hàng trễ ba ngày không báo,", "gọi tổng đài không ai nghe"],
        ),
        (
            "máy đẹp nhưng pin tụt nhanh quá",
            ["máy đẹp nhưng pin tụt nhanh quá"],  # two words before the contrast are no clause
        ),
        (
            "máy này rất đẹp nhưng pin tụt nhanh quá",
            ["máy này rất đẹp", "nhưng pin tụt nhanh quá"],
        ),
        (
            "may nay rat dep nhung pin tut nhanh qua",
            ["may nay rat dep", "nhung pin tut nhanh qua"],
        ),
        (
            "The room was very clean, however the lift was broken. We left.",
            ["The room was very clean,", "however the lift was broken.", "We left."],
        ),
        ("phòng sạch\nđồ ăn nguội\n\nnhân viên tốt", ["phòng sạch", "đồ ăn nguội", "nhân viên tốt"]),
        ("Giá 3.5 triệu ở TP.HCM là hợp lý. Sẽ mua lại", ["Giá 3.5 triệu ở TP.HCM là hợp lý.", "Sẽ mua lại"]),
        ("- giao chậm lắm luôn\n- hộp bị móp méo", ["- giao chậm lắm luôn", "- hộp bị móp méo"]),
        ("tệ!!! 😡😡", ["tệ!!! 😡😡"]),
        ("áo, quần, giày", ["áo, quần, giày"]),  # a list of things is one clause
        ("👍", ["👍"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_cuts(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


@given(st.text(max_size=400))
def test_spans_are_ordered_trimmed_and_cover_every_letter(text: str) -> None:
    spans = segment(text)
    at = 0
    for span in spans:
        piece = text[span.start : span.end]
        assert span.start >= at
        assert piece == piece.strip()
        assert piece
        at = span.end
    covered = {i for span in spans for i in range(span.start, span.end)}
    assert all(i in covered for i, char in enumerate(text) if char.isalnum())


def test_a_flood_of_sentences_is_joined() -> None:
    spans = segment("Một hai ba bốn. " * 2_000)
    assert MAX_SEGMENTS / 2 < len(spans) <= MAX_SEGMENTS
    assert spans[0].start == 0
    assert spans[-1].end == 2_000 * 16 - 1
