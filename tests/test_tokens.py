"""Words with true offsets, whatever underthesea rewrites."""

from __future__ import annotations

import threading
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voc.tokens import LONGEST_RUN, tokenize, words


def shown(text: str, language: str = "vi") -> list[str]:
    return [text[token.start : token.end] for token in tokenize(text, language)]  # type: ignore[arg-type]


def test_words_of_several_syllables_stay_whole() -> None:
    assert shown("Chuyển khoản thành công rồi") == ["Chuyển khoản", "thành công", "rồi"]
    assert words(tokenize("Chuyển khoản thành công", "vi")) == "chuyển_khoản thành_công"


def test_offsets_survive_moved_tone_marks_and_emoji() -> None:
    text = "Hoà bình, thuỷ lợi 😍😍 k.ok"
    assert shown(text)[0] == "Hoà bình"  # underthesea says "Hòa bình"
    assert "thuỷ lợi" in shown(text)


def test_offsets_survive_decomposed_letters() -> None:
    text = unicodedata.normalize("NFD", "em mua hàng ở đây")
    assert [unicodedata.normalize("NFC", word) for word in shown(text)] == ["em", "mua", "hàng", "ở", "đây"]


@pytest.mark.parametrize("language", ["en", "und"])
def test_english_goes_to_spacy(language: str) -> None:
    assert shown("It doesn't work, sir!", language) == ["It", "does", "n't", "work", ",", "sir", "!"]


def test_a_run_without_blanks_is_cut_and_loses_nothing() -> None:
    run = "?!" * 1_000
    assert "".join(shown(f"so slow {run} again", "und")) == f"soslow{run}again"
    assert max(map(len, shown("a" * 700, "en"))) == LONGEST_RUN
    assert shown("b" * LONGEST_RUN + " c", "en") == ["b" * LONGEST_RUN, "c"]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["vi", "en", "mixed", "und"]))
def test_any_text_gives_ordered_spans_inside_it(text: str, language: str) -> None:
    at = 0
    for token in tokenize(text, language):  # type: ignore[arg-type]
        assert at <= token.start < token.end <= len(text)
        at = token.end


def test_eight_threads_say_the_same() -> None:
    found: list[list[str]] = []

    def work() -> None:
        found.append(shown("Ứng dụng lỗi, chuyển khoản thất bại"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(one == found[0] for one in found)
