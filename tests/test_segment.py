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
            ["máy đẹp", "nhưng pin tụt nhanh quá"],  # praise of two words is overturned: feeling changes
        ),
        ("đẹp nhưng pin tụt nhanh quá", ["đẹp nhưng pin tụt nhanh quá"]),  # one word is no clause
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
        # The number of a list item, a decimal comma and a thousands comma end nothing.
        ("1. khăn tắm bị rách\n2. vòi sen rỉ nước", ["1. khăn tắm bị rách", "2. vòi sen rỉ nước"]),
        ("chai này bán giá 1,250,000 đồng một cặp", ["chai này bán giá 1,250,000 đồng một cặp"]),
        ("tệ!!! 😡😡", ["tệ!!! 😡😡"]),
        # An emoji after a stop belongs to the sentence it follows; an emoticon ends a clause.
        ("ĐỢI CẢ BUỔI SÁNG!!! 😡 KHÔNG AI XIN LỖI", ["ĐỢI CẢ BUỔI SÁNG!!! 😡", "KHÔNG AI XIN LỖI"]),
        (
            "kem ngon xuất sắc luôn =)) mà ghế thì gãy chân",
            ["kem ngon xuất sắc luôn =))", "mà ghế thì gãy chân"],
        ),
        # A sentence of one word says nothing of its own.
        (
            "The cleaner skipped our room. Again. I complained.",
            [
                "The cleaner skipped our room. Again.",
                "I complained.",
            ],
        ),
        # Words that lean on what stands before them follow a comma without beginning a clause.
        ("gọi lễ tân bốn lần, không ai nhấc máy", ["gọi lễ tân bốn lần, không ai nhấc máy"]),
        ("I waited by the door, not a soul came out", ["I waited by the door, not a soul came out"]),
        ("phòng tắm rất sạch, không gian hơi tối", ["phòng tắm rất sạch,", "không gian hơi tối"]),
        # The word of contrast stays whole.
        ("hẹn tám giờ sáng, vậy mà chiều thợ mới tới", ["hẹn tám giờ sáng,", "vậy mà chiều thợ mới tới"]),
        ("trà ở đây ngon nhưng mà ly bé tí teo", ["trà ở đây ngon", "nhưng mà ly bé tí teo"]),
        ("we liked it all the same, though, honestly", ["we liked it all the same, though, honestly"]),
        # "Mà" is a "but" after praise only, and so is "còn" without a comma.
        ("bánh mềm thơm mà hộp đựng thì nát", ["bánh mềm thơm", "mà hộp đựng thì nát"]),
        ("đặt rèm trắng mà giao rèm xanh", ["đặt rèm trắng mà giao rèm xanh"]),
        ("hai tuần rồi tôi còn chờ thợ sang", ["hai tuần rồi tôi còn chờ thợ sang"]),
        # Written on without any sign: a new scene begins a clause.
        (
            "giường gãy một chân từ hôm thứ hai gọi tổng đài thì máy bận hoài",
            ["giường gãy một chân từ hôm thứ hai", "gọi tổng đài thì máy bận hoài"],
        ),
        (
            "noi com hong sau ba ngay dung quay lai tiem thi ho dong cua",
            ["noi com hong sau ba ngay dung", "quay lai tiem thi ho dong cua"],
        ),
        (
            "the parcel arrived crushed and your chat team never replied",
            ["the parcel arrived crushed", "and your chat team never replied"],
        ),
        # So do words that add a matter, and "và" or "rồi" before a subject of their own.
        (
            "mì nở bung hết cả tô với lại thìa thì dính mỡ",
            ["mì nở bung hết cả tô", "với lại thìa thì dính mỡ"],
        ),
        ("rạp nóng như lò và ghế thì gãy tay vịn", ["rạp nóng như lò", "và ghế thì gãy tay vịn"]),
        ("may lanh keu ca dem va tho thi hen hoai", ["may lanh keu ca dem", "va tho thi hen hoai"]),
        ("thợ tới trễ hai tiếng rồi bồn nước vẫn rỉ", ["thợ tới trễ hai tiếng", "rồi bồn nước vẫn rỉ"]),
        ("tôi đã ký giấy tờ và gửi lại cho quý công ty", ["tôi đã ký giấy tờ và gửi lại cho quý công ty"]),
        # "And" that only joins divides nothing.
        (
            "the sheets were soft and the pillows were firm too",
            ["the sheets were soft and the pillows were firm too"],
        ),
        ("tôi mua hai cái ghế và một cái bàn gỗ", ["tôi mua hai cái ghế và một cái bàn gỗ"]),
        # A closing keeps its name.
        (
            "Mong được hồi âm sớm.\nTrân trọng,\nLê Văn An",
            ["Mong được hồi âm sớm.", "Trân trọng,\nLê Văn An"],
        ),
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


@pytest.mark.parametrize(
    "unit", ["a, ", " ", "!", '."', "😀", "mà ", "a. ", "=)", "nhưng ", "đẹp mà ", "- ", "và "]
)
def test_repeated_signs_take_no_longer_than_they_are_long(unit: str) -> None:
    text = unit * (200_000 // len(unit)) + "x"  # quadratic time would be minutes
    assert len(segment(text)) <= MAX_SEGMENTS
