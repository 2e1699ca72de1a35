"""Learning from corrections: what is learned, what is measured, when it is promoted, how it is taken back."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.sparse.csgraph import connected_components

from voc.cli import main
from voc.errors import Conflict, NotFound
from voc.heads import open_classifier
from voc.organization import Organization
from voc.pipeline import Pipeline
from voc.records import Feedback, Span
from voc.services import Services
from voc.settings import Settings, bundled
from voc.store import Store
from voc.training.adapt import Strength, adapt
from voc.training.decisions import BLOCK, TWIN, Label, gather, joined
from voc.training.learn import (
    Learner,
    Outcome,
    Yardstick,
    as_bytes,
    decide,
    fields_as_departments,
    with_heads,
)

#: Of a shopping centre that sells the charging of cars as a product; the shipped heads name others.
*CHARGING, ELEVENTH = (
    json.loads(line)["text"]
    for line in (Path(__file__).parent / "data" / "charging.jsonl").read_text("utf-8").splitlines()
)
#: Of anything; no two of one topic.
OTHERS = (
    "Giao hàng trễ ba ngày mà không ai báo một tiếng",
    "Gọi tổng đài nửa tiếng không ai nghe máy",
    "App cứ mở lên là văng ra ngoài",
    "Bị trừ tiền hai lần cho một đơn",
    "Vải áo mỏng, giặt một lần đã xù lông",
    "Nhân viên quầy nói chuyện rất khó nghe",
    "Voucher giảm giá ghi trên poster mà không áp dụng được",
    "Tư vấn mua gói cao hơn hẳn nhu cầu của tôi",
    "The room smelled of smoke and the towels were dirty",
    "I never received the invoice for last month",
)
AT_RANDOM = (
    "marketing", "logistics", "finance", "product", "care", "digital", "operations", "logistics", "sales",
    "product",
)  # fmt: skip


@pytest.fixture(scope="module")
def yardstick(pipeline: Pipeline) -> Yardstick:
    """Our corpus to measure on, read once."""
    found = Yardstick(pipeline.reader, bundled("corpora"))
    found.read(lambda _: None)
    assert 1000 < found.rows < 1200
    return found


@pytest.fixture(scope="module")
def small(yardstick: Yardstick, tmp_path_factory: pytest.TempPathFactory) -> Yardstick:
    """A tenth of the same, for what does not hang on a point more or less."""
    folder = tmp_path_factory.mktemp("corpora")
    lines = (bundled("corpora") / "feedback.jsonl").read_text("utf-8").splitlines()
    groups = set(sorted({json.loads(line)["group"] for line in lines})[::10])
    kept = [line for line in lines if json.loads(line)["group"] in groups]
    (folder / "feedback.jsonl").write_text("\n".join(kept), "utf-8")
    return Yardstick(yardstick.reader, folder)


@dataclass
class House:
    """A store with feedback, and what a test does with it."""

    services: Services
    yardstick: Yardstick

    @property
    def store(self) -> Store:
        return self.services.store

    def correct(self, key: str, value: Any, field: str = "owner", span: Span | None = None) -> None:
        analysis = self.store.get_many([key])[key].analysis
        assert analysis is not None
        said = getattr(analysis, field, None) if span is None else None
        self.store.corrections.add(
            key, [(span, field, value, said)], author="An", reason=None,
            departments=self.services.pipelines.get().department_of_topic,
        )  # fmt: skip

    def learn(self, *, dry_run: bool = False) -> Outcome:
        services = self.services
        learner = Learner(services.store, services.pipelines, services.settings, self.yardstick)
        return learner.learn(author="An", dry_run=dry_run)

    def says(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        pipeline = self.services.pipelines.get()
        return [one.as_dict() for one in pipeline.analyze([""] * len(texts), texts)]


@pytest.fixture
def house(
    settings: Settings, pipeline: Pipeline, yardstick: Yardstick, feedback: Callable[..., Feedback]
) -> Iterator[House]:
    """Feedback ``c0`` to ``c9`` on charging, ``o0`` to ``o9`` on anything, all analyzed."""
    services = Services(settings)
    services.pipelines.use(pipeline)
    rows = [feedback(f"c{i}", text) for i, text in enumerate(CHARGING)]
    rows += [feedback(f"o{i}", text) for i, text in enumerate(OTHERS)]
    services.worklist.submit(rows)
    yield House(services, yardstick)
    services.store.close()


def test_ten_corrections_are_learned_once_move_the_eleventh_text_and_are_taken_back(
    house: House, feedback: Callable[..., Feedback]
) -> None:
    texts = [*CHARGING, ELEVENTH, *OTHERS]
    version, said = house.services.pipelines.get().version, house.says(texts)
    assert said[len(CHARGING)]["owner"] == "operations"
    for number in range(10):
        house.correct(f"c{number}", "product")
    once = house.learn(dry_run=True)
    assert once.promoted
    assert house.store.models.versions() == []
    for number in range(10):  # posted again, taken back and posted again, and of the same words once more
        house.correct(f"c{number}", "product")
        house.correct(f"c{number}", "care")
        house.correct(f"c{number}", "product")
    house.services.worklist.submit([feedback("twin", CHARGING[0])])
    house.correct("twin", "product")

    outcome = house.learn()

    assert (outcome.version, outcome.verdict) == (once.version, once.verdict)
    assert outcome.figures["held_out"] == once.figures["held_out"]
    assert outcome.figures["learned"] == {
        "owner": 10, "segment_department": 0, "sentiment": 0, "segment_sentiment": 0, "touchpoint": 0,
    }  # fmt: skip
    assert outcome.verdict.startswith("promoted: it meets 0.0000 -> ")
    corrected = outcome.figures["held_out"]["corrected"]
    assert (corrected["rows"], corrected["before"]) == (9, 0.0)  # the service had said one of the ten itself
    assert corrected["after"] >= 0.5
    committed = outcome.figures["committed"]
    assert committed["owner_accuracy"]["shipped"] == committed["owner_accuracy"]["before"] > 0.65
    assert committed["owner_accuracy"]["after"] >= committed["owner_accuracy"]["before"] - 0.01
    assert set(committed["departments"]) == {
        "care", "digital", "finance", "logistics", "marketing", "operations", "product", "sales",
    }  # fmt: skip
    used = house.services.pipelines.get()
    assert used.version == outcome.pipeline != version
    assert house.says([ELEVENTH])[0]["owner"] == "product"
    moved = [new["owner"] != old["owner"] for new, old in zip(house.says(OTHERS), said[-10:], strict=True)]
    assert sum(moved) <= 1

    again = house.learn()  # nothing was said since
    assert again.verdict == "refused: 0 corrections that can be learned are new, 10 are needed"
    assert house.store.models.promoted() == outcome.version

    assert house.store.models.rollback(author="An") is None
    assert house.services.pipelines.get().version == version
    assert house.says(texts) == said
    with pytest.raises(Conflict, match="the shipped heads are in use"):
        house.store.models.rollback(author="An")


def test_too_few_corrections_are_refused_before_anything_is_fitted(house: House) -> None:
    for number in range(9):
        house.correct(f"c{number}", "product")
    outcome = house.learn()
    assert (outcome.version, outcome.promoted) == (None, False)
    assert outcome.verdict == "refused: 9 corrections that can be learned are new, 10 are needed"
    assert "held_out" not in outcome.figures
    assert house.store.models.versions() == []


def test_corrections_that_teach_nothing_are_refused_kept_and_promoted_by_hand(
    house: House, small: Yardstick
) -> None:
    house.yardstick = small
    before = house.services.pipelines.get().version
    for number, department in enumerate(AT_RANDOM):
        house.correct(f"o{number}", department)
    outcome = house.learn()
    corrected = outcome.figures["held_out"]["corrected"]
    assert corrected["before"] == corrected["after"] == 0.0
    assert not outcome.promoted
    assert "it meets 0.0000 -> 0.0000 of the held-out corrections, not 0.02 more" in outcome.verdict
    assert house.services.pipelines.get().version == outcome.pipeline == before
    [kept] = house.store.models.versions()
    assert (kept.version, kept.verdict, kept.promoted) == (outcome.version, outcome.verdict, False)
    assert set(kept.files) == {"departments.skops"}  # nothing was said of sentiment or touchpoint

    house.store.models.promote(kept.version, author="Bình", reason="we know better")
    assert house.services.pipelines.get().version != before
    assert house.store.models.versions()[0].promoted
    assert house.store.models.rollback(author="Bình") is None
    assert house.services.pipelines.get().version == before


def test_sentiment_is_learned_too(house: House, small: Yardstick) -> None:
    house.yardstick = small
    for number in range(10):
        house.correct(f"c{number}", "neutral", "sentiment")
    outcome = house.learn(dry_run=True)
    held_out = outcome.figures["held_out"]
    assert held_out["sentiment"]["rows"] == 10
    assert held_out["sentiment"]["after"] > held_out["sentiment"]["before"]
    assert held_out["owner"]["rows"] == 0


@dataclass
class Bench:
    """What `gather` makes of corrections."""

    house: House
    pipeline: Pipeline

    def labels(self, organization: Organization | None = None) -> tuple[list[Label], dict[str, int]]:
        shipped = with_heads(self.pipeline, {}, organization=organization)
        taught = gather(self.house.store, shipped)
        return [label for case in taught.cases for label in case.labels], dict(taught.left_out)


@pytest.fixture
def bench(house: House, pipeline: Pipeline) -> Bench:
    """The house's corrections as labels."""
    return Bench(house, pipeline)


def test_what_stands_becomes_labels_of_the_rows_that_it_is_about(bench: Bench) -> None:
    text = CHARGING[1]
    second = text.index("sạc mãi")
    bench.house.correct("c1", "finance")
    bench.house.correct("c1", "care", "department", Span(second, len(text)))
    bench.house.correct("c1", "positive", "sentiment", Span(second, len(text)))
    bench.house.correct("c1", "use", "touchpoint")
    labels, left_out = bench.labels()
    assert left_out == {}
    asked = {(one.kind, one.row, one.value, one.weight) for one in labels if one.asked}
    assert asked == {
        ("owner", 0, "finance", 1.0),
        ("segment_department", 2, "care", 0.7),
        ("segment_sentiment", 2, "positive", 0.7),
        ("touchpoint", 0, "use", 1.0),
    }
    implied = [(one.row, one.value) for one in labels if not one.asked]
    assert implied == [(1, "finance")]  # the segment of the owner that the service would have named


def test_a_topic_is_learned_as_its_field_of_work(bench: Bench) -> None:
    bench.house.correct("o0", "hotline-unreachable", "topic")
    labels, _ = bench.labels()
    assert {(one.kind, one.value, one.wanted) for one in labels} == {("segment_department", "care", "care")}


def test_departments_are_learned_as_the_field_that_they_cover(bench: Bench) -> None:
    ours = fields_as_departments()
    by_key = ours.by_key
    both = by_key["product"].model_copy(update={"key": "shop", "covers": ("product", "operations")})
    board = by_key["care"].model_copy(update={"key": "board", "covers": ()})
    organization = ours.model_copy(
        update={"departments": (*(by_key[key] for key in ("care", "finance")), both, board)}
    )
    for key, department in (("c0", "shop"), ("o4", "shop"), ("o1", "board"), ("o2", None)):
        bench.house.correct(key, department)
    labels, left_out = bench.labels(Organization.model_validate(organization.model_dump()))
    assert left_out == {"departments that cover no field of work": 1}
    assert {(one.value, one.wanted) for one in labels if one.asked} == {
        ("operations", "shop"),  # the field that the head holds for the more probable of the two
        ("product", "shop"),
        ("none", None),
    }


def test_what_no_head_learns_is_counted(bench: Bench) -> None:
    bench.house.correct("o0", ("care",), "cooperators")
    bench.house.correct("o0", "mixed", "sentiment")
    labels, left_out = bench.labels()
    assert labels == []
    assert left_out == {
        "cooperators that no head learns": 1,
        "mixed sentiments, which the second head finds": 1,
    }


def test_near_twins_share_a_group(bench: Bench, feedback: Callable[..., Feedback]) -> None:
    bench.house.services.worklist.submit([feedback("twin", CHARGING[0].upper() + "!")])
    for key in ("c0", "twin", "o4"):
        bench.house.correct(key, "care")
    cases = gather(bench.house.store, bench.pipeline).cases
    groups = {case.text: case.group for case in cases}
    assert len(groups) == 3
    assert groups[CHARGING[0]] == groups[CHARGING[0].upper() + "!"] != groups[OTHERS[4]]


@pytest.mark.parametrize("spread", [0.0, 0.4, 0.44, 8.0])  # from 1 group over 163 and 311 to 388
def test_groups_are_joined_block_by_block_as_at_once(spread: float) -> None:
    rng = np.random.default_rng(3)
    count = 2 * BLOCK + 90
    points = rng.standard_normal((40, 64))[rng.integers(0, 40, count)]
    points += spread * rng.standard_normal((count, 64))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    same = np.unique(rng.integers(0, count, count), return_inverse=True)[1]
    near = (points @ points.T >= TWIN) | (same[:, None] == same[None, :])
    assert joined(points, same).tolist() == connected_components(near, directed=False)[1].tolist()
    assert joined(points, np.arange(count)).tolist() == (
        connected_components(points @ points.T >= TWIN, directed=False)[1].tolist()
    )


def test_a_head_moves_towards_its_labels_and_rests_without(pipeline: Pipeline) -> None:
    head = pipeline.router.segment_head
    [reading] = pipeline.read([CHARGING[0]])
    [old] = pipeline.read([OTHERS[0]])
    features = pipeline.features.transform(reading.vectors, reading.words)
    rehearsed = pipeline.features.transform(old.vectors, old.words)
    n_dims = reading.vectors.shape[1]
    column = list(head.classes_).index("product")

    def moved(labels: list[str], **strength: float) -> Any:
        rows = features[: len(labels)]
        return adapt(
            head, rows, labels, [1.0] * len(labels), rehearsed, n_dims=n_dims, strength=Strength(**strength)
        )

    assert np.array_equal(moved([]).coef_, head.coef_)
    before = head.coef_.copy()
    first = moved(["product"])
    assert np.array_equal(head.coef_, before)
    assert np.array_equal(first.coef_, moved(["product"]).coef_)
    assert np.array_equal(first.intercept_, head.intercept_)
    was = head.predict_proba(features)[0, column]
    firm, loose = (moved(["product"], prior=prior).predict_proba(features)[0, column] for prior in (5, 0.1))
    assert was < firm < loose
    drift = [
        np.abs(moved(["product"], rehearsal=weight).predict_proba(rehearsed) - head.predict_proba(rehearsed))
        for weight in (0.0, 10.0)
    ]
    assert drift[1].max() < drift[0].max()


def test_a_learned_head_is_kept_as_the_same_bytes(pipeline: Pipeline) -> None:
    head = pipeline.sentiment.head
    kept = as_bytes(head)
    opened = open_classifier(kept)
    assert np.array_equal(opened.coef_, head.coef_)
    assert list(opened.classes_) == list(head.classes_)
    assert as_bytes(copy.deepcopy(opened)) == kept


def figures(**changes: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Held-out and committed figures in which nothing changes but what is named."""

    def still(name: str, value: float, rows: int = 100) -> dict[str, Any]:
        after = round(value + changes.get(name, 0.0), 4)
        return {"rows": rows, "shipped": value, "before": value, "after": after}

    held_out = {"corrected": still("corrected", 0.4), "confirmed": still("confirmed", 0.9)}
    names = ("owner_accuracy", "departments_micro_f1", "sentiment_macro_f1")
    departments = {"care": still("care", 0.7, 60), "sales": still("sales", 0.7, 14)}
    return held_out, {name: still(name, 0.72) for name in names} | {"departments": departments}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"corrected": 0.02}, None),
        ({"corrected": 0.0199}, "it meets 0.4000 -> 0.4199 of the held-out corrections, not 0.02 more"),
        ({"confirmed": -0.05}, None),
        ({"confirmed": -0.06}, "it meets 0.9000 -> 0.8400 of what people confirmed, over 0.05 less"),
        ({"owner_accuracy": -0.01}, None),
        ({"owner_accuracy": -0.011}, "owner accuracy on the committed set falls 0.7200 -> 0.7090, over 0.01"),
        (
            {"sentiment_macro_f1": -0.02},
            "sentiment macro f1 on the committed set falls 0.7200 -> 0.7000, over 0.01",
        ),
        ({"care": -0.05}, None),
        ({"care": -0.051}, "care on the committed set falls 0.7000 -> 0.6490, over 0.05"),
        ({"sales": -0.3}, None),  # 14 rows are too few to tell
    ],
)
def test_the_rule(changes: dict[str, float], fault: str | None) -> None:
    assert decide(*figures(**{"corrected": 0.1, **changes})) == ([fault] if fault else [])


def add(store: Store, version: str, content: bytes = b"head", verdict: str = "promoted: better") -> None:
    store.models.add(
        version, {"sentiment.skops": content}, author="An", parent=None, figures={"new": 10}, verdict=verdict
    )


def test_rollback_goes_back_one_promotion_at_a_time(store: Store) -> None:
    for version in ("learned-a", "learned-b"):
        add(store, version, version.encode())
        store.models.promote(version, author="An")
    assert store.models.files() == {"sentiment.skops": b"learned-b"}
    revision = store.revision()
    assert store.models.rollback(author="Bình", reason="too many calls") == "learned-a"
    assert store.revision() != revision
    assert store.models.files() == {"sentiment.skops": b"learned-a"}
    assert store.models.rollback(author="Bình") is None
    assert store.models.files() == {}
    assert [(one.version, one.author, one.reason) for one in store.models.promotions()][2:] == [
        ("learned-a", "Bình", "too many calls"),
        (None, "Bình", "rolled back from learned-a"),
    ]
    with pytest.raises(Conflict, match="nothing was promoted"):
        store.models.rollback(author="Bình")
    with pytest.raises(NotFound, match="learned-c"):
        store.models.promote("learned-c", author="An")


def test_rollback_after_an_earlier_version_was_promoted_again(store: Store) -> None:
    for version in ("learned-a", "learned-b"):
        add(store, version, version.encode())
    for version in ("learned-a", "learned-b", "learned-a"):
        store.models.promote(version, author="An")
    assert [store.models.rollback(author="An") for _ in range(3)] == ["learned-b", "learned-a", None]


def test_a_version_measured_again_keeps_its_files(store: Store) -> None:
    add(store, "learned-a", b"first")
    add(store, "learned-a", b"second", "refused: worse")
    store.models.promote("learned-a", author="An")
    assert store.models.files() == {"sentiment.skops": b"first"}
    assert [one.verdict for one in store.models.versions()] == ["refused: worse"]


def test_the_commands(house: House, tmp_path: Path) -> None:
    db = str(house.services.settings.db)

    def voc(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(main, ["--db", db, *arguments])
        assert done.exit_code == status, done.output
        return done.output

    for number in range(3):
        house.correct(f"c{number}", "product")
    said = voc("learn", "--by", "An")
    assert said.splitlines()[:2] == [
        "3 corrections can be learned (owner 3)",
        "refused: 3 corrections that can be learned are new, 10 are needed",
    ]
    body = json.loads(voc("learn", "--dry-run", "--json"))
    assert (body["version"], body["promoted"], body["dry_run"]) == (None, False, True)
    assert body["figures"]["new"] == 3
    assert voc("models", "list") == "* shipped\n"
    assert "model_unknown" in voc("models", "promote", "learned-x", status=1)
    assert "model_not_promoted" in voc("models", "rollback", status=1)
    shipped = house.services.pipelines.get().version
    assert "model_in_use" in voc("models", "promote", "shipped", status=1)
    add(house.store, "learned-a", (Settings().models / "sentiment.skops").read_bytes())
    used = json.loads(voc("models", "promote", "learned-a", "--by", "An", "--json"))
    assert (used["version"], list(used)) == ("learned-a", ["version", "pipeline"])
    assert voc("models", "list").startswith("  shipped\n* learned-a  ")
    used = json.loads(voc("models", "rollback", "--by", "An", "--json"))
    assert used == {"version": "shipped", "pipeline": shipped}
