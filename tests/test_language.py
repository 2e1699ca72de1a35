"""Vietnamese with and without diacritics, English, a mix, anything else."""

from __future__ import annotations

import pytest

from voc.language import LanguageDetector, LanguageTable


@pytest.fixture(scope="module")
def detector(root) -> LanguageDetector:
    return LanguageDetector(LanguageTable.open(root / "models" / "language.json"))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Giao hàng chậm quá", "vi"),
        ("giao hang cham qua", "vi"),
        ("k dung dc ad oi", "vi"),
        ("sp ok nha shop", "vi"),
        ("ĐƠN HÀNG Ở ĐÂU RỒI", "vi"),
        ("the app keeps crashing", "en"),
        ("refund me now", "en"),
        ("sizing is off", "en"),
        ("deadline gấp mà hệ thống down, please fix asap giúp mình", "mixed"),
        ("Das Produkt ist kaputt und niemand antwortet mir", "und"),
        ("产品很好", "und"),
        ("สินค้าดีมาก", "und"),
        ("12345", "und"),
        ("😍😍", "und"),
        ("", "und"),
    ],
)
def test_detects(detector: LanguageDetector, text: str, language: str) -> None:
    assert detector.detect(text) == language


def test_decomposed_letters_are_letters_too(detector: LanguageDetector) -> None:
    import unicodedata

    assert detector.detect(unicodedata.normalize("NFD", "Giao hàng chậm quá")) == "vi"


def test_the_whole_is_one_language_only_if_its_parts_agree() -> None:
    whole = LanguageDetector.whole
    assert whole(["vi", "vi", "und"]) == "vi"
    assert whole(["vi", "en"]) == "mixed"
    assert whole(["mixed", "vi"]) == "mixed"
    assert whole(["und"]) == "und"
    assert whole([]) == "und"
