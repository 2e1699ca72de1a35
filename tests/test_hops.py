"""Chains of departments read from a text, and how well they agree with labels."""

from __future__ import annotations

import time
import tomllib
import unicodedata
from pathlib import Path

import pytest

from voc import hops
from voc.hops import find_hops
from voc.records import BASE_DEPARTMENTS
from voc.training.hop_figures import hop_figures

LEXICON = tomllib.loads(Path(hops.__file__).with_name("hops.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        # Vietnamese
        (
            "Hỏi kênh bán, kênh bán bảo gọi tổng đài, tổng đài bảo hỏi kỹ thuật.",
            ("sales", "care", "operations"),
        ),
        (
            # the same people, where the text is about software
            "Phần mềm lỗi, hỏi kênh bán thì kênh bán bảo gọi tổng đài, tổng đài bảo hỏi kỹ thuật.",
            ("sales", "care", "digital"),
        ),
        ("Tôi hỏi kế toán, kế toán chuyển sang tổng đài.", ("finance", "care")),
        ("Ra chi nhánh thì giao dịch viên kêu gọi tổng đài, tổng đài hẹn ba ngày.", ("operations", "care")),
        # without diacritics, teencode
        (
            "hoi shipper thi shipper bao goi tong dai, tong dai bao hoi ke toan",
            ("logistics", "care", "finance"),
        ),
        ("nt cskh thì kiu hỏi kế toán, kế toán kiu chờ, ib lại cskh thì seen", ("care", "finance", "care")),
        # English
        (
            "I asked the courier, he told me to call customer service. Customer service sent me to billing.",
            ("logistics", "care", "finance"),
        ),
        ("The branch shrugged and told me to ring the hotline.", ("operations", "care")),
        # both languages in one text
        (
            "Hotline bảo mình contact billing, billing said go to the branch, ra branch thì đóng cửa.",
            ("care", "finance", "operations"),
        ),
        # capitals, arrows
        ("TỔNG ĐÀI ĐẨY QUA KẾ TOÁN, KẾ TOÁN ĐẨY VỀ TỔNG ĐÀI!!!", ("care", "finance", "care")),
        # an app that sends on is a hop
        ("App hiện dòng chữ gọi tổng đài, tổng đài bảo ra quầy.", ("digital", "care", "operations")),
    ],
)
def test_a_chain_is_read_in_order(text: str, chain: tuple[str, ...]) -> None:
    assert find_hops(text) == chain


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        (
            "Gọi tổng đài thì bảo ra chi nhánh, chi nhánh bảo gọi tổng đài, gọi lại tổng đài thì máy bận.",
            ("care", "operations", "care"),
        ),
        (
            "Support told me to ask the seller, the seller told me to ask support; back to support: silence.",
            ("care", "sales", "care"),
        ),
        ("Lễ tân bảo hỏi kế toán, kế toán chưa thấy phiếu, quay lại thì đóng cửa.",
         ("operations", "finance", "operations")),
    ],
)  # fmt: skip
def test_returns_are_kept(text: str, chain: tuple[str, ...]) -> None:
    assert find_hops(text) == chain


def test_neighbours_of_one_department_are_one_hop() -> None:
    text = "Gọi hotline thì hotline bảo nhắn cskh, cskh chuyển sang kế toán."
    assert find_hops(text) == ("care", "finance")


def test_to_be_sent_in_a_circle_at_the_very_end_is_no_return() -> None:
    assert find_hops("Gọi tổng đài thì bảo hỏi kế toán, kế toán bảo hỏi tổng đài.") == ("care", "finance")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "!!! ??? 😡😡",
        "Tổng đài trả lời nhanh, chi nhánh sạch sẽ.",
        "Gọi tổng đài ba lần không ai bắt máy.",
        "Shipper giao chậm hai ngày, hàng thì đẹp.",
        "The app crashes whenever I pay, and the courier was friendly.",
        "I called the hotline twice and nobody picked up.",
        "Tôi chưa gọi tổng đài cũng chưa ra chi nhánh.",
        "Trong khoản phí của kế toán có phần của kho.",
    ],
)
def test_a_mere_mention_or_one_place_is_no_chain(text: str) -> None:
    assert find_hops(text) == ()


@pytest.mark.parametrize(
    "text", ["Quay lại thấy khó chịu, quầy đông.", "kho chiu qua, goi tong dai hoai khong duoc"]
)
def test_a_word_that_looks_like_a_place_is_none(text: str) -> None:
    assert find_hops(text) == ()


def test_names_of_the_company_are_places() -> None:
    text = "Hỏi tổ Hoa Sen thì tổ Hoa Sen bảo gọi Blue Desk, Blue Desk chuyển sang kế toán."
    assert find_hops(text) == ()
    names = {"tổ Hoa Sen": "product", "Blue Desk": "care"}
    assert find_hops(text, names) == ("product", "care", "finance")
    assert find_hops("hoi to hoa sen thi bao goi ke toan, ke toan bao cho", names) == ("product", "finance")


def test_a_name_of_the_company_wins_over_the_lexicon() -> None:
    text = "Hỏi kế toán thì kế toán bảo gọi tổng đài."
    assert find_hops(text, {"Kế toán": "operations"}) == ("operations", "care")
    assert find_hops(text) == ("finance", "care")


def test_a_name_has_to_lead_to_a_department_that_there_is() -> None:
    with pytest.raises(ValueError, match="got weather"):
        find_hops("Hỏi tổng đài", {"đài": "weather"})


def test_a_name_without_any_word_is_left_out() -> None:
    assert find_hops("Tôi hỏi kế toán, kế toán chuyển sang tổng đài.", {"  ": "sales"}) == ("finance", "care")


@pytest.mark.parametrize("piece", ["gọi ", "tổng đài ", "bảo hỏi kế toán, ", "a", "👉", "quay lại ", "\n"])
def test_time_grows_no_faster_than_the_text(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hops, "MAX_CHARS", 200_000)
    started = time.perf_counter()
    find_hops(piece * (200_000 // len(piece)))
    assert time.perf_counter() - started < 10


def test_what_stands_behind_a_very_long_text_is_not_read() -> None:
    chain = "Tôi hỏi kế toán, kế toán chuyển sang tổng đài. "
    assert find_hops(chain + "a " * hops.MAX_CHARS + chain) == ("finance", "care")
    assert find_hops("a " * hops.MAX_CHARS + chain) == ()


def test_letters_with_combining_marks_are_read() -> None:
    text = unicodedata.normalize("NFD", "Tôi hỏi kế toán, kế toán chuyển sang tổng đài.")
    assert find_hops(text) == ("finance", "care")


def test_the_lexicon_leads_to_departments_and_settings_that_there_are() -> None:
    for place in LEXICON["places"]:
        assert place["department"] in {*BASE_DEPARTMENTS, ""}
        assert set(place.get("in", {})) <= set(LEXICON["settings"])
        assert set(place.get("in", {}).values()) <= set(BASE_DEPARTMENTS)
    assert {place["department"] for place in LEXICON["places"]} >= set(BASE_DEPARTMENTS)


def test_no_name_of_a_place_stands_twice() -> None:
    names = [name for place in LEXICON["places"] for name in place["names"]]
    assert len(names) == len(set(names))


def test_figures_count_what_the_longest_common_subsequence_keeps() -> None:
    figures = hop_figures(
        [["sales", "care", "sales"], ["care", "finance"], [], []],
        [["sales", "care"], ["care", "finance"], ["care", "sales"], []],
    )
    assert figures == {
        "exact": 0.5,
        "precision": pytest.approx(4 / 6),
        "recall": pytest.approx(4 / 5),
        "f1": pytest.approx(8 / 11),
        "silent": 0.5,
    }


def test_figures_of_nothing_are_no_failure() -> None:
    assert hop_figures([], []) == {"exact": 1.0, "precision": 1.0, "recall": 1.0, "f1": 1.0, "silent": 1.0}
    assert hop_figures([["care", "sales"]], [["finance"]])["f1"] == 0.0


def test_figures_need_equally_many_of_both() -> None:
    with pytest.raises(ValueError, match="zip"):
        hop_figures([[]], [])
