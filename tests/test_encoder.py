"""The shipped encoder: unit rows, in order, the same alone or in company."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from voc.encoder import Encoder
from voc.records import Span

MODELS = Path(__file__).parents[1] / "models"
FILES = (MODELS / "encoder.onnx", MODELS / "tokenizer.json", MODELS / "encoder.json")
TEXTS = (
    "Giao hàng trễ ba ngày không báo",
    "ok",
    "The delivery came three days late and nobody told me",
    "Nhân viên rất nhiệt tình",
    "nhan vien nhiet tinh lam",
    "Phòng sạch sẽ, view đẹp, breakfast hơi đơn điệu nhưng giá đó thì ổn, lần sau mình sẽ quay lại!",
    "I was charged twice for one order 😡",
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The shipped encoder on two threads."""
    return Encoder(*FILES, threads=2)


def test_rows_are_float32_and_unit(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows(encoder: Encoder) -> None:
    vectors = encoder.encode([])
    assert vectors.shape == (0, encoder.n_dims) == (0, 384)
    assert vectors.dtype == np.float32


def test_batch_equals_single(encoder: Encoder) -> None:
    texts = [" ".join(TEXTS[i % 7 : i % 7 + 1 + i % 3]) + "!" * (i % 5) for i in range(150)]
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode(texts), alone, rtol=0, atol=1e-6)


def test_order_is_kept(encoder: Encoder) -> None:
    forward, backward = encoder.encode(TEXTS), encoder.encode(TEXTS[::-1])
    np.testing.assert_allclose(forward, backward[::-1], rtol=0, atol=1e-6)
    assert np.argmax(forward @ forward.T, axis=1).tolist() == list(range(len(TEXTS)))


@pytest.mark.parametrize(
    ("text", "translation", "unrelated"),
    [
        ("Giao hàng trễ ba ngày", "Delivery was three days late", "The hotel room was very clean"),
        ("Tôi quên mật khẩu", "I forgot my password", "I like the colour of this dress"),
        ("Nhân viên quầy này rất thân thiện", "The staff are very friendly", "The till declined my card"),
    ],
)
def test_translation_is_nearer_than_another_complaint(
    encoder: Encoder, text: str, translation: str, unrelated: str
) -> None:
    vector, near, far = encoder.encode([text, translation, unrelated])
    assert vector @ near > vector @ far + 0.03


def test_decomposed_accents_do_not_matter(encoder: Encoder) -> None:
    composed, decomposed = encoder.encode(["trễ hẹn", "tre\u0302\u0303 he\u0323n"])
    np.testing.assert_array_equal(composed, decomposed)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u200b", "\x00", "👍🏽🇻🇳", "한국어 ไทย", "\ud800", "?"])
def test_odd_text_has_a_unit_vector(encoder: Encoder, text: str) -> None:
    (vector,) = encoder.encode([text])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_common_emoji_are_known(encoder: Encoder) -> None:
    vectors = encoder.encode(["👍", "😡", "❤", "😂"])
    similar = vectors @ vectors.T
    assert similar[~np.eye(4, dtype=bool)].max() < 0.99


def test_a_long_text_is_read_to_its_end(encoder: Encoder) -> None:
    start = "hàng đẹp " * 400
    late, refund = encoder.encode([start + "giao trễ " * 200, start + "hoàn tiền " * 200])
    assert late @ refund < 0.99


def test_parts_are_read_inside_their_text(encoder: Encoder) -> None:
    text = "Hàng đẹp, nhưng giao trễ ba ngày"
    spans = [Span(0, 9), Span(10, len(text))]
    (rows,) = encoder.encode_parts([text], [spans])
    assert rows.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows[:1], encoder.encode([text]), rtol=0, atol=1e-6)
    praise, late = encoder.encode(["Hàng đẹp", "giao trễ ba ngày"])
    assert rows[1] @ praise > rows[1] @ late
    assert rows[2] @ late > rows[2] @ praise
    assert rows[2] @ late < 0.9999  # it knows what stands before it


def test_parts_do_not_depend_on_their_company(encoder: Encoder) -> None:
    long = "giao hàng trễ, " * 300
    spans = [[Span(i * 15, i * 15 + 13) for i in range(300)], [Span(0, 4), Span(5, 8)]]
    together = encoder.encode_parts([long, "Giao trễ"], spans)
    for text, parts, rows in zip([long, "Giao trễ"], spans, together, strict=True):
        (alone,) = encoder.encode_parts([text], [parts])
        np.testing.assert_allclose(rows, alone, rtol=0, atol=1e-6)


def test_a_part_inside_one_piece_gets_that_piece(encoder: Encoder) -> None:
    (rows,) = encoder.encode_parts(["ok"], [[Span(1, 2)]])
    (whole,) = encoder.encode_parts(["ok"], [[Span(0, 2)]])
    np.testing.assert_array_equal(rows, whole)


def test_one_endless_word_is_encoded(encoder: Encoder) -> None:
    (vector,) = encoder.encode(["a" * 40_000])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_threads_share_an_encoder(encoder: Encoder) -> None:
    expected = encoder.encode(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        for vectors in pool.map(encoder.encode, [TEXTS] * 24):
            np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-6)


def test_version_names_the_files(encoder: Encoder, tmp_path: Path) -> None:
    assert re.fullmatch(r"e5s-[0-9a-f]{8}", encoder.version)
    assert encoder.version == Encoder(*FILES, threads=1).version
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text(FILES[1].read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert Encoder(FILES[0], tokenizer, FILES[2], threads=1).version != encoder.version


def test_files_are_small_and_agree() -> None:
    config = json.loads(FILES[2].read_text(encoding="utf-8"))
    tokenizer = json.loads(FILES[1].read_text(encoding="utf-8"))
    assert FILES[0].stat().st_size <= 36_000_000
    assert len(tokenizer["model"]["vocab"]) == config["n_pieces"]
    assert (config["n_dims"], config["max_tokens"], config["prefix"]) == (384, 512, "query: ")
