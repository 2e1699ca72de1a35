"""The comparison with what a user would take instead, on invented rows and known sides."""

from __future__ import annotations

import json
import runpy
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voc.organization import Organization
from voc.settings import Settings
from voc.training.data import Example, is_for_calibration, is_held_out, text_hash


@pytest.fixture(scope="module")
def baselines(root: Path) -> SimpleNamespace:
    """The names of benchmarks/baselines.py."""
    return SimpleNamespace(**runpy.run_path(str(root / "benchmarks" / "baselines.py"), run_name="baselines"))


def example(text: str, sentiment: str, owner: str | None, group: str = "g") -> Example:
    return Example(text, "s", group, sentiment, owner)


@pytest.mark.parametrize(
    ("score", "said"),
    [(0.05, "positive"), (0.049, "neutral"), (0.0, "neutral"), (-0.05, "negative"), (-1.0, "negative")],
)
def test_a_score_is_one_of_three_feelings(baselines: SimpleNamespace, score: float, said: str) -> None:
    assert baselines.by_sign(score, 0.05) == said


def letters(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit rows that count letters, so that like words are near each other."""
    rows = np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def test_the_nearest_remit_is_said_and_none_below_the_threshold(baselines: SimpleNamespace) -> None:
    departments = Organization.read(Settings().organization).departments
    exact = [(f"{d.name.en}: {d.remit.en}", d.key) for d in departments]
    say = baselines.nearest_remit(letters, departments, [*exact, ("zzz", "none"), ("zzzz zz", "none")])
    assert say([text for text, _ in exact]) == [key for _, key in exact]
    assert say(["z"]) == ["none"]


def test_regularization_is_chosen_on_the_kept_rows(baselines: SimpleNamespace) -> None:
    class Constant:
        """Says its own setting of every row."""

        def __init__(self, c: float) -> None:
            self.c, self.rows = c, 0

        def fit(self, rows: NDArray[np.float32], _labels: Any) -> Constant:
            self.rows = len(rows)
            return self

        def predict(self, rows: NDArray[np.float32]) -> list[str]:
            return [str(self.c)] * len(rows)

    rows, labels = np.zeros((4, 1), np.float32), ["1", "3", "2", "2"]
    model = baselines.learned(
        rows, labels, [False, False, True, True], Constant, (1, 2, 3), baselines.accuracy
    )
    assert (model.c, model.rows) == (2, 4)
    assert baselines.learned(rows, labels, [False] * 4, Constant, (1, 2, 3), baselines.accuracy).c == 1


@pytest.mark.parametrize("name", ["svc", "encoder"])
def test_a_side_learns_both_labels(baselines: SimpleNamespace, name: str) -> None:
    kinds = [("late parcel", "negative", "logistics"), ("good taste", "positive", "product"),
             ("which app", "neutral", "digital"), ("mixed good late", "mixed", "product")]  # fmt: skip
    train = [example(f"{text} {i}", feeling, owner, f"g{i}") for i in range(30)
             for text, feeling, owner in kinds]  # fmt: skip
    assert {is_for_calibration(e.group) for e in train} == {True, False}
    if name == "svc":
        counts = baselines.words_and_characters().fit([e.text for e in train])
        side = baselines.taught(name, counts.transform, baselines.support_vectors, train)
    else:
        side = baselines.taught(name, letters, baselines.logistic, train)
    asked = ["late parcel 99", "good taste 99", "which app 99"]
    assert side.sentiment(asked) == ["negative", "positive", "neutral"]
    assert side.owner(asked) == ["logistics", "product", "digital"]


def test_sides_are_compared_on_the_same_rows(baselines: SimpleNamespace) -> None:
    rows = [example("a", "negative", "care"), example("b", "positive", None),
            example("c", "mixed", "sales"), example("d", "negative", "care")]  # fmt: skip
    everywhere = baselines.Side(
        "voc", lambda texts: ["negative"] * len(texts), lambda texts: ["care"] * len(texts)
    )
    english = baselines.Side("vader", lambda texts: ["positive"] * len(texts), None, english_only=True)
    found = baselines.compare([english, everywhere], rows, ["vi", "en", "en", "mixed"])
    assert found == {
        "all": {
            "rows": 4, "sentiment_rows": 3, "sentiment_macro_f1": {"voc": 0.4},
            "owner_accuracy": {"voc": 0.5},
        },
        "en": {
            "rows": 2, "sentiment_rows": 1, "sentiment_macro_f1": {"vader": 1.0, "voc": 0.0},
            "owner_accuracy": {"voc": 0.0},
        },
        "vi": {
            "rows": 1, "sentiment_rows": 1, "sentiment_macro_f1": {"voc": 1.0},
            "owner_accuracy": {"voc": 1.0},
        },
    }  # fmt: skip
    assert baselines.table({"set": found}, "sentiment_macro_f1", ["vader", "voc"]).splitlines() == [
        "| sentiment_macro_f1 | rows | vader | voc |", "|---|---|---|---|", "| set, all | 3 | – | 0.400 |",
        "| set, en | 1 | 1.000 | 0.000 |", "| set, vi | 1 | – | 1.000 |",
    ]  # fmt: skip
    assert "vader" not in baselines.table({"set": found}, "owner_accuracy", ["vader", "voc"])


def test_texts_are_encoded_once(baselines: SimpleNamespace) -> None:
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return letters(texts)

    once = baselines.encoding_once(encode)
    assert np.array_equal(once(["ab", "c", "ab"]), letters(["ab", "c", "ab"]))
    assert np.array_equal(once(["c", "d"]), letters(["c", "d"]))
    assert asked == ["ab", "c", "d"]


def test_what_is_learned_from_is_never_asked(baselines: SimpleNamespace, tmp_path: Path) -> None:
    texts = [f"{number} giao hàng trễ lần thứ {number * 7919}" for number in range(60)]

    def label(text: str) -> dict[str, Any]:
        return {"sentiment": "negative", "owner": "care", "cooperators": [], "touchpoint": "use"} | {
            "source": "shop", "sha256": text_hash(text)
        }  # fmt: skip

    def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    write(tmp_path / "train" / "shop.jsonl", [{"text": text} for text in texts])
    write(tmp_path / "corpora" / "labels" / "first.jsonl", [label(text) for text in texts])
    write(tmp_path / "corpora" / "feedback.jsonl", [])
    write(tmp_path / "routing_dev.jsonl", [label(texts[0]) | {"text": texts[0], "id": "1"}])
    train = baselines.training_rows(tmp_path, tmp_path / "corpora")
    asked = baselines.test_rows(tmp_path, tmp_path / "corpora")
    assert {name: len(rows) for name, rows in asked.items()} == {
        "routing_dev": 1, "held-out real": sum(is_held_out(f"shop-{text_hash(t)[:16]}") for t in texts),
        "held-out corpus": 0,
    }  # fmt: skip
    assert train
    assert not {e.text for e in train} & {e.text for rows in asked.values() for e in rows}


def test_a_quick_look_takes_rows_evenly(baselines: SimpleNamespace) -> None:
    rows = [example(str(i), "neutral", None) for i in range(10)]
    assert [e.text for e in baselines.spread(rows, 5)] == ["0", "2", "4", "6", "8"]
    assert baselines.spread(rows, None) == rows
    assert len(baselines.spread(rows, 50)) == 10
