"""Figures: what they count, on small invented sets and a pipeline whose verdicts are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from voc.cli import main
from voc.pipeline import PipelineHolder
from voc.records import Analysis, Segment
from voc.training import data as sets
from voc.training.agreement import agreement, describe
from voc.training.data import Example, is_held_out, text_hash
from voc.training.evaluate import (
    evaluate_held_out,
    evaluate_hops,
    evaluate_relabelled,
    evaluate_routing,
    expected_calibration_error,
    macro_f1,
    reliability,
    share,
    three_way,
)
from voc.training.renderings import evaluate_renderings, held_out_rows, styles_of
from voc.training.translations import (
    Translated,
    evaluate_pairs,
    evaluate_topics,
    main_topic,
    purity,
    read_sib200,
    topic_figures,
    translated_pairs,
)


def analysis(owner: str | None, sentiment: str = "negative", sure: float = 0.9, **more: Any) -> Analysis:
    fields: dict[str, Any] = {
        "id": "x", "language": "vi", "sentiment": sentiment, "sentiment_score": -0.5,
        "sentiment_confidence": sure, "owner": owner, "owner_confidence": sure, "cooperators": (),
        "touchpoint": "use", "status": "routed" if owner else "no_owner", "candidates": (), "hops": (),
        "segments": (), "pipeline": "p",
    } | more  # fmt: skip
    return Analysis(**fields)


class Oracle:
    """Says of a text what it was told to say; counts the texts it was asked about."""

    version = "p"
    router = SimpleNamespace(thresholds=SimpleNamespace(review_below=0.5))

    def __init__(self, said: dict[str, Analysis], otherwise: Analysis | None = None) -> None:
        self.said, self.otherwise, self.asked = said, otherwise, 0

    def analyze(self, ids: Sequence[str], texts: Sequence[str]) -> list[Analysis]:
        self.asked += len(ids)
        return [self.said.get(text) or self.otherwise for text in texts]  # type: ignore[misc]


def oracle(**said: Analysis) -> Any:
    return Oracle(said)


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def group_names(held_out: bool, count: int, prefix: str = "corpus-") -> list[str]:
    """Names of groups that are held out, or are not."""
    names = (f"g{number}" for number in range(10_000))
    return [name for name in names if is_held_out(prefix + name) is held_out][:count]


# ---- one definition of each figure


def test_bins_tell_rows_confidence_and_accuracy() -> None:
    confidence = np.array([0.05, 0.95, 0.91, 1.0])
    right = np.array([False, True, False, True])
    assert reliability(confidence, right) == [
        {"from": 0.0, "to": 0.1, "count": 1, "confidence": 0.05, "accuracy": 0.0},
        {"from": 0.9, "to": 1.0, "count": 3, "confidence": 0.9533, "accuracy": 0.6667},
    ]
    assert expected_calibration_error(confidence, right) == 0.2275  # (0.05 + 3 * 0.28667) / 4
    assert reliability(np.array([]), np.array([], bool)) == []
    assert expected_calibration_error(np.array([]), np.array([], bool)) == 0.0


def test_mixed_is_taken_by_the_sign_of_its_score() -> None:
    assert three_way(analysis("care", "neutral")) == "neutral"
    assert three_way(analysis("care", "mixed", sentiment_score=-0.1)) == "negative"
    assert three_way(analysis("care", "mixed", sentiment_score=0.1)) == "positive"


def test_shares_and_macro_f1_of_nothing_are_nothing() -> None:
    assert (share([]), share([True, False, False])) == (0.0, 0.3333)
    assert macro_f1([], []) == 0.0
    assert macro_f1(["negative", "positive"], ["negative", "negative"]) == 0.3333


def test_routing_tells_bins_and_twenty_points_of_risk() -> None:
    examples = [Example(f"t{i}", "s", f"g{i}", "negative", "care") for i in range(40)]
    said = {f"t{i}": analysis("care" if i < 30 else "sales", sure=1 - i / 50) for i in range(40)}
    figures = evaluate_routing(oracle(**said), examples)
    curve = figures["risk_coverage"]
    assert [point["coverage"] for point in curve] == [n / 20 for n in range(1, 21)]
    assert [point["risk"] for point in curve] == [0.0] * 15 + [0.0625, 0.1176, 0.1667, 0.2105, 0.25]
    assert (curve[0]["confidence"], curve[-1]["confidence"]) == (0.98, 0.22)
    assert sum(b["count"] for b in figures["reliability"]["owner"]) == 40
    assert {b["accuracy"] for b in figures["reliability"]["sentiment"]} == {1.0}
    assert set(figures["by_language"]) == {"vi"}
    assert "owner_ece" in figures["by_language"]["vi"]


def test_a_set_without_rows_has_no_figures() -> None:
    figures = evaluate_routing(oracle(), [])
    assert (figures["rows"], figures["risk_coverage"], figures["reliability"]["owner"]) == (0, [], [])
    assert "owner_accuracy" not in figures


# ---- which labels are learned from, and which are measured on


@pytest.fixture
def labelled(tmp_path: Path) -> tuple[Path, Path]:
    """A data folder and corpora: of 60 real texts 50 are labelled first, 10 were picked as neutral."""
    data, corpora = tmp_path / "data", tmp_path / "corpora"
    texts = [f"câu số {i}" for i in range(60)]
    write(data / "train" / "shop.jsonl", [{"text": text} for text in texts])

    def label(text: str, **fields: Any) -> dict[str, Any]:
        return {
            "source": "shop", "sha256": text_hash(text), "sentiment": "negative", "owner": "care",
            "cooperators": [], "touchpoint": "use",
        } | fields  # fmt: skip

    write(corpora / "labels" / "first.jsonl", [label(text) for text in texts[:50]])
    picked = [label(text, sentiment="neutral", owner=None) for text in texts[49:]]
    write(corpora / "labels" / "neutral.jsonl", picked)
    write(corpora / "labels" / "second.jsonl", [label(text, owner="sales") for text in texts[:5]])
    write(corpora / "labels" / "unseen.jsonl", [label(text, owner="sales") for text in texts])
    write(corpora / "feedback.jsonl", [])
    return data, corpora


def test_second_opinions_are_never_learned_from(labelled: tuple[Path, Path]) -> None:
    found = sets.hand_labelled(*labelled)
    assert len(found) == 60
    assert {example.owner for example in found if not example.picked} == {"care"}
    assert {(e.owner, e.sentiment) for e in found if e.picked} == {("none", "neutral")}
    # A row in both files counts as labelled first.
    assert [e.text for e in found if e.picked] == [f"câu số {i}" for i in range(50, 60)]


def test_only_what_is_named_is_read(labelled: tuple[Path, Path]) -> None:
    data, corpora = labelled
    (corpora / "labels" / "neutral.jsonl").unlink()
    (corpora / "labels" / "unseen.jsonl").rename(corpora / "labels" / "third.jsonl")
    assert {example.owner for example in sets.hand_labelled(data, corpora)} == {"care"}


def test_picked_rows_are_not_measured_on(labelled: tuple[Path, Path]) -> None:
    found = sets.hand_labelled(*labelled)
    measured = sets.held_out(found)
    assert 0 < len(measured) < len([e for e in found if is_held_out(e.group)])
    assert not any(example.picked for example in measured)
    assert sets.held_out([]) == []


def test_relabelled_texts_are_found_by_hash(labelled: tuple[Path, Path]) -> None:
    data, corpora = labelled
    examples = sets.hand_labelled(data, corpora)[:3]
    other = Example("không ai dán nhãn lần hai", "shop", "g")
    pairs = sets.relabelled([*examples, other], corpora / "labels" / "unseen.jsonl")
    assert [first for first, _ in pairs] == examples
    assert {(second.owner, second.sentiment) for _, second in pairs} == {("sales", "negative")}


def test_held_out_measures_the_relabelled_texts_apart(labelled: tuple[Path, Path]) -> None:
    data, corpora = labelled
    name = group_names(True, 1)[0]
    row = {
        "text": "t", "group": name, "sentiment": "negative", "owner": "care", "cooperators": [], "hops": [],
        "touchpoint": "use", "segments": [], "language": "en",
    }  # fmt: skip
    write(corpora / "feedback.jsonl", [row])
    pipeline: Any = Oracle({}, otherwise=analysis("sales"))
    figures = evaluate_held_out(pipeline, data, corpora)
    rows = figures["real"]["rows"]
    assert rows == len(sets.held_out(sets.hand_labelled(data, corpora)))
    assert list(figures) == ["real", "real_without_diacritics", "corpus", "unseen"]
    assert (figures["unseen"]["rows"], figures["unseen"]["owner_accuracy"]) == (rows, 0.0)
    assert figures["unseen"]["second"]["owner_accuracy"] == 1.0
    assert figures["unseen"]["agreed"] == {"rows": 0, "by_language": {}}
    assert pipeline.asked == 3 * rows + 1
    (corpora / "labels" / "unseen.jsonl").unlink()
    assert "unseen" not in evaluate_held_out(pipeline, data, corpora)


def test_figures_where_both_annotators_agree() -> None:
    def example(text: str, owner: str, sentiment: str, language: str) -> Example:
        return Example(text, "s", text, sentiment, owner, (), "use", language=language)

    firsts = [
        example("a", "care", "negative", "vi"), example("b", "care", "negative", "en"),
        example("c", "care", "negative", "en"), example("d", "care", "negative", "vi"),
    ]  # fmt: skip
    seconds = [
        example("a", "care", "negative", "vi"), example("b", "care", "neutral", "en"),
        example("c", "sales", "negative", "en"), example("d", "care", "negative", "vi"),
    ]  # fmt: skip
    pipeline = oracle(
        a=analysis("care"), b=analysis("care"), c=analysis("sales"), d=analysis("sales")
    )  # fmt: skip
    figures = evaluate_relabelled(pipeline, list(zip(firsts, seconds, strict=True)))
    assert (figures["rows"], figures["owner_accuracy"], figures["sentiment_accuracy"]) == (4, 0.5, 1.0)
    assert {name: part["rows"] for name, part in figures["by_language"].items()} == {"en": 2, "vi": 2}
    assert (figures["second"]["owner_accuracy"], figures["second"]["sentiment_accuracy"]) == (0.75, 0.75)
    assert (figures["agreed"]["rows"], figures["agreed"]["owner_accuracy"]) == (2, 0.5)
    assert list(figures["agreed"]["by_language"]) == ["vi"]
    assert figures["annotators"] == {"owner": 0.75, "sentiment": 0.75, "both": 0.5}


def test_agreement_counts_equal_labels_and_chance() -> None:
    def row(number: int, owner: str | None, sentiment: str, source: str = "s") -> dict[str, Any]:
        return {
            "source": source, "sha256": str(number), "owner": owner, "sentiment": sentiment,
            "cooperators": [], "touchpoint": "use",
        }  # fmt: skip

    first = [row(1, "care", "negative"), row(2, "care", "positive"), row(3, None, "neutral"),
             row(4, "sales", "neutral"), row(5, "care", "negative")]  # fmt: skip
    second = [row(1, "care", "negative"), row(2, "sales", "positive"), row(3, None, "positive"),
              row(4, "sales", "neutral"), row(5, "care", "negative", "another source")]  # fmt: skip
    assert agreement(first, second, "source", "sha256") == {
        "rows": 4, "owner": 0.75, "owner_kappa": 0.6364, "sentiment": 0.75, "sentiment_kappa": 0.6364,
        "touchpoint": 1.0, "touchpoint_kappa": 1.0, "both": 0.5, "departments_micro_f1": 0.6667,
    }  # fmt: skip
    assert agreement(first, [], "sha256") == {"rows": 0}


def test_the_blind_labels_are_described(labelled: tuple[Path, Path]) -> None:
    told = describe(labelled[1])
    assert (told["labels"]["rows"], told["picked_labels"]["rows"]) == (50, 11)
    assert told["agreement"]["unseen"]["rows"] == 50
    assert (told["agreement"]["unseen"]["owner"], told["agreement"]["unseen"]["owner_kappa"]) == (0.0, 0.0)
    assert told["agreement"]["feedback"] == {"rows": 0}


# ---- renderings


def rendering(group: str, text: str, *styles: str, **fields: Any) -> dict[str, Any]:
    return {
        "group": group, "text": text, "styles": list(styles), "language": "vi", "sentiment": "negative",
        "owner": "care",
    } | fields  # fmt: skip


@pytest.mark.parametrize(
    ("row", "styles"),
    [
        (rendering("g", "t", "std"), ()),
        (rendering("g", "t", "nodia", "short"), ("nodia",)),
        (rendering("g", "t", "std", language="mixed"), ("mixed",)),
        (rendering("g", "t", "mixed", language="mixed"), ("mixed",)),
        (rendering("g", "t", "teencode", language="mixed"), ("teencode",)),
        ({"group": "g"}, ()),
    ],
)
def test_the_styles_of_a_rendering(row: dict[str, Any], styles: tuple[str, ...]) -> None:
    assert styles_of(row) == styles


def test_renderings_are_compared_within_their_group() -> None:
    rows = [
        rendering("a", "a1", "std"), rendering("a", "a2", "nodia"), rendering("a", "a3", "shout"),
        rendering("b", "b1", "nodia"), rendering("b", "b2"),
        rendering("c", "c1"), rendering("c", "c2", "std", language="mixed"),
        rendering("alone", "d1"),
    ]  # fmt: skip
    pipeline = oracle(
        a1=analysis("care"), a2=analysis("care"), a3=analysis("care"),
        b1=analysis("sales"), b2=analysis("care", "neutral"),
        c1=analysis("sales"), c2=analysis("sales"),
    )  # fmt: skip
    assert evaluate_renderings(pipeline, rows) == {
        "pipeline": "p", "rows": 7, "groups": 3,
        "same_owner": 0.6667, "same_sentiment": 0.6667, "same_both": 0.6667,
        "same_owner_right": 0.3333, "same_sentiment_right": 0.6667, "same_both_right": 0.3333,
        "by_size": {
            "2": {
                "groups": 2, "same_owner": 0.5, "same_sentiment": 0.5, "same_both": 0.5,
                "same_owner_right": 0.0, "same_sentiment_right": 0.5, "same_both_right": 0.0,
            },
            "3": {
                "groups": 1, "same_owner": 1.0, "same_sentiment": 1.0, "same_both": 1.0,
                "same_owner_right": 1.0, "same_sentiment_right": 1.0, "same_both_right": 1.0,
            },
        },
        "by_style": {
            "nodia": {"rows": 2, "same_owner": 0.5, "same_sentiment": 0.5, "same_both": 0.5},
            "mixed": {"rows": 1, "same_owner": 1.0, "same_sentiment": 1.0, "same_both": 1.0},
            "shout": {"rows": 1, "same_owner": 1.0, "same_sentiment": 1.0, "same_both": 1.0},
        },
    }  # fmt: skip


def test_no_owner_is_an_owner_like_any_other() -> None:
    rows = [rendering("a", "a1", owner=None), rendering("a", "a2", "nodia", owner=None)]
    figures = evaluate_renderings(oracle(a1=analysis(None), a2=analysis(None)), rows)
    assert figures["same_both_right"] == 1.0


# ---- translations


def test_topic_figures_of_pairs() -> None:
    figures = topic_figures(
        ["1", "1", None, "2", None], ["1", "2", None, "2", "1"], ["a", "a", "b", "b", "b"]
    )  # fmt: skip
    assert (figures["pairs"], figures["same_topic"]) == (5, 0.4)
    assert (figures["both_without"], figures["one_without"]) == (0.2, 0.2)
    assert figures["same_topic_where_both_have_one"] == 0.6667
    # All: 1 -> a a a b, 2 -> a b b, none -> b b b; placed: 1 -> a a a b, 2 -> a b b.
    assert (figures["purity_of_themes"], figures["purity_of_themes_where_placed"]) == (0.8, 0.7143)


def test_equal_topics_agree_beyond_chance() -> None:
    same = topic_figures(["1", "2", "3", "1"], ["1", "2", "3", "1"], ["a", "b", "c", "a"])
    assert (same["ami_of_languages"], same["nmi_of_themes"], same["purity_of_themes"]) == (1.0, 1.0, 1.0)
    apart = topic_figures(["1", "1", "2", "2"], ["1", "2", "1", "2"], ["a", "a", "b", "b"])
    assert apart["ami_of_languages"] < 0


def test_purity_of_nothing_is_nothing() -> None:
    assert purity([], []) == 0.0
    assert purity(["1", "1", "2"], ["a", "b", "a"]) == 0.6667


def heaps(texts: Sequence[str]) -> NDArray[np.float32]:
    """Texts of one theme near each other, whatever their language: ``"vi … 2 17"`` has the theme 2."""
    vectors = np.empty((len(texts), 16), np.float32)
    for row, text in enumerate(texts):
        language, *_, theme, number = text.split()
        noise = np.random.default_rng([int(number), ord(language[0])])
        vectors[row] = np.eye(16)[int(theme)] + noise.normal(0, 0.05, 16)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def sentence(language: str, number: int) -> str:
    words = {"vi": ("giao hàng", "giá đắt", "nhân viên"), "en": ("delivery late", "dear price", "rude staff")}
    return f"{language} {words[language][number % 3]} {number % 3} {number}"


@pytest.mark.filterwarnings("ignore")  # umap and numba warn of what we chose
def test_topics_found_in_one_half_hold_in_the_other() -> None:
    sentences = [Translated(sentence("vi", i), sentence("en", i), f"t{i % 3}") for i in range(120)]
    figures = evaluate_topics(heaps, sentences)
    assert (figures["fitted_on"], figures["asked"], figures["topics"]) == (60, 60, 3)
    assert figures["nearest"] == {
        "pairs": 60, "same_topic": 1.0, "both_without": 0.0, "one_without": 0.0,
        "same_topic_where_both_have_one": 1.0, "ami_of_languages": 1.0, "nmi_of_themes": 1.0,
        "purity_of_themes": 1.0, "purity_of_themes_where_placed": 1.0,
    }  # fmt: skip
    serving = figures["by_threshold"]
    assert 0 < serving["same_topic"] <= 1
    assert serving["same_topic_where_both_have_one"] == 1.0
    assert serving["same_topic"] + serving["both_without"] + serving["one_without"] == pytest.approx(1)


def sib200(folder: Path, count: int = 120) -> None:
    for language in ("vi", "en"):
        for part, rows in (("train", range(count - 20)), ("dev", range(count - 20, count)), ("test", ())):
            write(
                folder / f"{language}.{part}.jsonl",
                [{"id": str(i), "text": sentence(language, i), "topic": f"t{i % 3}"} for i in rows],
            )


def test_sentences_are_joined_by_their_id(tmp_path: Path) -> None:
    sib200(tmp_path, 22)
    write(tmp_path / "en.test.jsonl", [{"id": "99", "text": "alone", "topic": "t0"}])
    found = read_sib200(tmp_path)
    assert len(found) == 22
    assert found[0] == Translated(sentence("vi", 0), sentence("en", 0), "t0")


def segment(topic: str | None, start: int, end: int) -> Segment:
    return Segment(start, end, "", "vi", "negative", 0.0, topic, None, 0.0)


def test_the_main_topic_covers_most_letters() -> None:
    parts = (
        segment("price", 0, 10),
        segment(None, 10, 90),
        segment("late", 90, 98),
        segment("late", 98, 103),
    )
    assert main_topic(analysis("care", segments=parts)) == "late"
    assert main_topic(analysis("care", segments=parts[:2])) == "price"
    assert main_topic(analysis("care")) is None


def test_a_text_and_its_translation_in_our_corpus() -> None:
    held, other = group_names(True, 3), group_names(False, 1)
    corpus = [
        Example(f"{name}{language}", "corpus", f"corpus-{name}", language=language)
        for name, languages in (
            (held[0], ("vi", "en")), (held[1], ("vi", "vi")), (held[2], ("vi", "mixed")),
            (other[0], ("vi", "en")),
        )
        for language in languages
    ]  # fmt: skip
    pairs = translated_pairs(corpus)
    assert [(a.text, b.text) for a, b in pairs] == [
        (f"{held[0]}vi", f"{held[0]}en"), (f"{held[2]}vi", f"{held[2]}mixed")
    ]  # fmt: skip
    late, both = (segment("late", 0, 5),), (segment("price", 0, 9), segment("late", 9, 12))
    said = [
        analysis("care", segments=late), analysis("care", segments=both),
        analysis("care", segments=late), analysis("sales", "neutral", segments=late),
    ]  # fmt: skip
    pipeline: Any = Oracle(dict(zip([e.text for pair in pairs for e in pair], said, strict=True)))
    assert evaluate_pairs(pipeline, pairs) == {
        "pipeline": "p", "pairs": 2, "same_topic": 0.5, "both_without": 0.0, "one_without": 0.0,
        "topic_overlap": 0.75, "shared_topic": 1.0, "same_owner": 0.5, "same_sentiment": 0.5,
    }  # fmt: skip


# ---- hops


def test_chains_are_counted_and_found() -> None:
    text = "Gọi tổng đài thì bảo ra cửa hàng, ra cửa hàng thì bảo gọi tổng đài."
    examples = [
        Example(text, "corpus", "a", hops=("care", "operations", "care")),
        Example("Giao hàng trễ ba ngày", "corpus", "b"),
        Example("Gọi tổng đài không ai nghe", "corpus", "c", hops=("care",)),
    ]
    figures = evaluate_hops(examples)
    assert (figures["rows"], figures["chains"], figures["silent"]) == (3, 1, 1.0)
    assert set(figures) == {"rows", "chains", "exact", "precision", "recall", "f1", "silent"}


# ---- the commands


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """`voc evaluate` with a corpora folder of the test's own and verdicts that are known."""
    pipeline: Any = Oracle({}, otherwise=analysis("sales"))
    pipeline.reader = SimpleNamespace(encoder=SimpleNamespace(encode=heaps))
    monkeypatch.setattr(PipelineHolder, "get", lambda _self: pipeline)
    monkeypatch.setattr("voc.cli.measuring.bundled", lambda name: tmp_path / name)
    return lambda *arguments: CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def feedback(group: str, text: str, **fields: Any) -> dict[str, Any]:
    return rendering(group, text) | {
        "cooperators": [], "touchpoint": "use", "segments": [], "hops": []
    } | fields  # fmt: skip


def test_the_renderings_command(evaluate: Callable[..., Result], tmp_path: Path) -> None:
    missing = evaluate("renderings")
    assert (missing.exit_code, "renderings.jsonl does not exist" in missing.stderr) == (2, True)
    rows = [rendering("a", "a1"), rendering("a", "a2", "nodia")]
    write(tmp_path / "corpora" / "renderings.jsonl", rows)
    told = json.loads(evaluate("renderings", "--json").stdout)
    assert (told["groups"], told["same_both"], told["same_both_right"]) == (1, 1.0, 0.0)
    assert told["by_style"]["nodia"]["rows"] == 1
    assert "# nodia\nrows" in evaluate("renderings").stdout


def test_renderings_that_nothing_learned_from(evaluate: Callable[..., Result], tmp_path: Path) -> None:
    held, other = group_names(True, 1)[0], group_names(False, 1)[0]
    rows = [feedback(name, f"{name}{i}") for name in (held, other) for i in range(2)]
    assert [row["group"] for row in held_out_rows(rows)] == [held, held]
    file = write(tmp_path / "corpora" / "feedback.jsonl", rows)
    assert json.loads(evaluate("renderings", "--held-out-of-corpus", "--json").stdout)["groups"] == 1
    assert json.loads(evaluate("renderings", file, "--json").stdout)["groups"] == 2


@pytest.mark.filterwarnings("ignore")
def test_the_translations_command(evaluate: Callable[..., Result], tmp_path: Path) -> None:
    held = group_names(True, 1)[0]
    write(
        tmp_path / "corpora" / "feedback.jsonl",
        [feedback(held, "a"), feedback(held, "b", language="en")],
    )
    sib200(tmp_path / "data" / "benchmark" / "sib200")
    told = json.loads(evaluate("translations", "--data", tmp_path / "data", "--json").stdout)
    assert list(told) == ["sib200", "corpus"]
    assert (told["sib200"]["asked"], told["corpus"]["pairs"], told["corpus"]["same_owner"]) == (60, 1, 1.0)
    shown = evaluate("translations", "--data", tmp_path / "data", "--limit", 90).stdout
    assert "# sib200\nfitted_on                        45\n" in shown
    assert "# sib200, nearest\npairs" in shown


def test_the_hops_command(evaluate: Callable[..., Result], tmp_path: Path) -> None:
    held = group_names(True, 2)
    write(
        tmp_path / "corpora" / "feedback.jsonl",
        [feedback(held[0], "giao trễ"), feedback(held[1], "ok", hops=["care", "sales"])],
    )
    told = json.loads(evaluate("hops", "--json").stdout)
    assert (told["rows"], told["chains"], told["exact"], told["silent"]) == (2, 1, 0.0, 1.0)


def test_the_held_out_command(
    evaluate: Callable[..., Result], labelled: tuple[Path, Path], tmp_path: Path
) -> None:
    write(tmp_path / "corpora" / "feedback.jsonl", [feedback(group_names(True, 1)[0], "a")])
    told = json.loads(evaluate("held-out", "--data", labelled[0], "--json").stdout)
    assert told["unseen"]["annotators"] == {"owner": 0.0, "sentiment": 1.0, "both": 0.0}
    assert len(told["real"]["risk_coverage"]) == 20
    shown = evaluate("held-out", "--data", labelled[0]).stdout
    assert "# unseen, annotators\nowner" in shown
