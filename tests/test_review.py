"""The review queue and deciding: the order, what a decision moves, what outlives a run; over HTTP and CLI."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from voc import reports, review
from voc.cli import main
from voc.errors import Conflict, InvalidInput, NotFound
from voc.export import write
from voc.pipeline import Pipeline, PipelineHolder
from voc.records import Analysis, Candidate, Feedback, Reading, Span
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter, Store
from voc.store.review import Undecided

Make = Callable[..., Feedback]
LATE = "Giao hàng trễ ba ngày không báo"
MANY = (
    LATE,
    "The app keeps crashing when I try to log in",
    "Bị trừ tiền hai lần mà chưa hoàn lại",
    "Gọi tổng đài không ai nghe",
)


def undecided(
    key: str, confidence: float, *others: tuple[str, float], owner: str | None = "care"
) -> Analysis:
    """An analysis that waits for review."""
    candidates = tuple(Candidate(*pair) for pair in ((owner or "care", confidence), *others))
    return Analysis(
        key, "vi", "negative", -0.5, 0.9, owner, confidence, (), "use", "review", candidates, (), (), "p1"
    )  # fmt: skip


def vector(*values: float) -> Reading:
    rows = np.zeros((1, 4), np.float32)
    rows[0, : len(values)] = values
    return Reading((Span(0, 1),), ("vi",), ("a",), rows / np.linalg.norm(rows))


@pytest.fixture
def queue(store: Store, feedback: Make) -> Store:
    """Five that wait, two of them equally unsure, and one that does not."""
    rows = {
        "a": (0.5, ("sales", 0.2)), "b": (0.3, ("product", 0.25)), "c": (0.4,), "d": (0.4, ("sales", 0.1)),
        "e": (0.6, ("sales", 0.3)),
    }  # fmt: skip
    for key, (confidence, *others) in rows.items():
        store.add([feedback(key, key, source="t" if key == "e" else "s")], holder="h", lease_s=30)
        store.save([undecided(key, confidence, *others)], [vector(1.0)], "r1")
    store.add([feedback("sure", "x")], holder="h", lease_s=30)
    store.save([Analysis(
        "sure", "vi", "neutral", 0.0, 0.9, "care", 0.2, (), "use", "routed", (), (), (), "p1"
    )], [None], "r1")  # fmt: skip
    return store


def ids(page: review.Page) -> list[str]:
    return [entry.kept.feedback.id for entry in page.items]


# ---- least sure first


def test_the_least_sure_come_first_and_say_why(queue: Store) -> None:
    page = review.least_sure(queue, 10)
    assert (ids(page), page.following, page.waiting) == (["b", "c", "d", "a", "e"], None, 5)
    assert page.items[0].reason == "not sure enough of an owner: care 0.30, product 0.25"
    assert page.items[0].as_dict()["analysis"]["status"] == "review"


def test_nobody_is_named_too(store: Store, feedback: Make) -> None:
    store.add([feedback("n", "x")], holder="h", lease_s=30)
    store.save([undecided("n", 0.3, ("sales", 0.45), owner=None)], [None], "r1")
    assert review.least_sure(store, 1).items[0].reason == (
        "not sure enough of an owner: sales 0.45, care 0.30, none 0.30"
    )


def test_pages_hold_each_once_though_decisions_come_between(queue: Store) -> None:
    first = review.least_sure(queue, 2)
    assert (ids(first), first.waiting) == (["b", "c"], 5)
    queue.corrections.add("b", [(None, "owner", "care", None)], author="an", reason=None, departments={})
    second = review.least_sure(queue, 2, first.following)
    third = review.least_sure(queue, 2, second.following)
    assert (ids(second), ids(third), third.following, third.waiting) == (["d", "a"], ["e"], None, 4)


def test_the_queue_of_a_department_or_a_source(queue: Store) -> None:
    assert ids(review.least_sure(queue, 9, department="sales")) == ["d", "a", "e"]
    assert ids(review.least_sure(queue, 9, department="sales", source="s")) == ["d", "a"]
    assert review.least_sure(queue, 1, department="sales").waiting == 3
    assert review.least_sure(queue, 9, department="finance").items == []


def test_only_the_analysis_that_is_shown_waits(queue: Store) -> None:
    judged = undecided("a", 0.1)
    settled = replace(judged, status="routed", pipeline="p2")
    queue.save([settled], [None], "r1")
    assert ids(review.least_sure(queue, 9)) == ["b", "c", "d", "e"]


def test_the_queue_is_read_by_its_index(queue: Store) -> None:
    statements: list[str] = []
    queue.db.conn.set_trace_callback(statements.append)
    queue.queue.page(2, (0.3, 1))
    queue.db.conn.set_trace_callback(None)
    (plan,) = [
        [row["detail"] for row in queue.db.conn.execute(f"EXPLAIN QUERY PLAN {one}")] for one in statements
    ]
    assert "analyses_review" in plan[0]
    assert not [line for line in plan if "TEMP B-TREE" in line]


# ---- most informative first


def pooled(*rows: tuple[tuple[float, ...], tuple[float, ...] | None]) -> list[Undecided]:
    return [
        Undecided(
            number, str(number), shares[0], tuple(Candidate(str(i), share) for i, share in enumerate(shares)),
            None if place is None else vector(*place).vectors[0],
        )
        for number, (shares, place) in enumerate(rows)
    ]  # fmt: skip


CENTER = np.zeros(4, np.float32)


def test_information_is_uncertainty_times_likeness_to_the_rest() -> None:
    pool = pooled(((0.5, 0.25, 0.25), (1, 0)), ((0.9, 0.05, 0.05), (1, 0)), ((0.5, 0.25, 0.25), (0, 1)))
    worth, alike = review.informativeness(pool, CENTER)
    # entropies 1.5 ln 2 and 0.3944 over ln 4; likeness 1/2, 1/2 and 0 over the greatest, 1/2
    assert worth == pytest.approx([0.75, 0.2845, 0.0], abs=1e-4)
    assert alike == pytest.approx(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]), abs=1e-6)


def test_what_the_candidates_leave_counts_as_one_more() -> None:
    pool = pooled(((0.5,), None), ((1.0,), None))
    worth, _ = review.informativeness(pool, CENTER)
    assert worth == pytest.approx([1.0, 0.0])


def test_without_a_vector_a_feedback_is_as_like_as_others_are() -> None:
    pool = pooled(((0.5,), (1, 0)), ((0.5,), (1, 0.2)), ((0.5,), (0, 1)), ((0.5,), None))
    worth, _ = review.informativeness(pool, CENTER)
    assert worth[3] == pytest.approx(worth[:3].mean())


def test_near_duplicates_do_not_stand_beside_each_other() -> None:
    # two bundles of three, alike within; one bundle is a little less sure of itself throughout
    pool = pooled(
        *[((0.34, 0.33 - i / 100), (1, 0.1, i / 50)) for i in range(3)],
        *[((0.44, 0.2 - i / 100), (0.1, 1, i / 50)) for i in range(3)],
    )
    worth, alike = review.informativeness(pool, CENTER)
    plain = [int(i) for i in np.argsort(-worth, kind="stable")]
    order = review.diversified(worth, alike)
    assert sorted(order) == list(range(6))
    assert order[0] == plain[0]
    assert [i // 3 for i in order[:2]] == [0, 1]
    assert [i // 3 for i in plain[:2]] == [0, 0]
    # by its definition, step by step
    for at in range(1, 6):
        left = [i for i in range(6) if i not in order[:at]]
        marginal = {i: 0.5 * worth[i] - 0.5 * max(alike[i, j] for j in order[:at]) for i in left}
        assert marginal[order[at]] == pytest.approx(max(marginal.values()), abs=1e-6)


def test_an_empty_queue_has_an_order_too(store: Store, pipeline: Pipeline) -> None:
    page = review.most_informative(store, pipeline, 5)
    assert (page.items, page.following, page.waiting) == ([], None, 0)


def test_the_most_informative_page_by_page(services: Services, pipeline: Pipeline, feedback: Make) -> None:
    rows = [feedback(str(i), f"{text} {i}") for i, text in enumerate(MANY * 3)]
    services.store.add(rows, holder="h", lease_s=30)
    readings = pipeline.read([row.text for row in rows])
    judged = [undecided(row.id, 0.3 + i / 50, ("sales", 0.2)) for i, row in enumerate(rows)]
    services.store.save(judged, readings, pipeline.reader.version)
    whole = review.most_informative(services.store, pipeline, 50)
    assert (len(whole.items), whole.waiting, whole.following) == (12, 12, None)
    assert all(0.0 <= (entry.informativeness or 0.0) <= 1.0 for entry in whole.items)
    kinds = [int(key) % 4 for key in ids(whole)]
    assert all(one != other for one, other in pairwise(kinds[:4]))
    seen: list[str] = []
    after = None
    while True:
        page = review.most_informative(services.store, pipeline, 5, after)
        seen += ids(page)
        after = page.following
        if after is None:
            break
    assert seen == ids(whole)


# ---- deciding


@pytest.fixture
def doubtful(pipeline: Pipeline) -> Pipeline:
    """A pipeline that is sure of nothing and so another version."""
    return Pipeline.open(Settings(review_below=1.0), reader=pipeline.reader)


@pytest.fixture
def kept(services: Services, feedback: Make, doubtful: Pipeline) -> Services:
    """Four feedback, all of which wait."""
    services.pipelines.use(doubtful)
    services.worklist.submit(
        [feedback(str(i), text, occurred_at=f"2026-11-0{i + 2}T08:00:00.000Z") for i, text in enumerate(MANY)]
    )
    return services


def decide(services: Services, key: str, body: dict[str, Any], **more: Any) -> review.Decision:
    given = {"author": "an"} | more
    return review.correct(services.store, services.pipelines.get(), key, body, **given)


def counted(services: Services, tmp_path: Path) -> dict[str, Any]:
    """Every count that there is."""
    store = services.store
    facts = services.facts.now()
    rows = services.facts.rows(facts, Filter())
    trends = {
        by: {
            point.key: (point.count, point.negative)
            for point in reports.trends(facts, rows, by, "month")  # type: ignore[arg-type]
        }
        for by in ("department", "topic", "touchpoint")
    }
    topics = {
        one.topic.key: one.count
        for one in reports.topics(facts, rows, services.pipelines.get().topics.registry)
        if one.count
    }
    write(store, tmp_path / "all.csv", "csv")
    with (tmp_path / "all.csv").open(encoding="utf-8-sig") as file:
        exported = {
            row["id"]: (row["owner"], row["sentiment"], row["topics"]) for row in csv.DictReader(file)
        }
    return {"trends": trends, "topics": topics, "exported": exported, "waiting": store.queue.waiting()}


def test_a_decision_is_in_every_count_at_once(kept: Services, tmp_path: Path) -> None:
    before = counted(kept, tmp_path)
    assert before["waiting"] == 4
    assert before["trends"]["department"]["logistics"] == (1, 1)
    assert before["topics"]["delivery-late"] == 1
    topic = next(key for key in topics_of(kept) if key != "delivery-late")
    decide(kept, "0", {"owner": "sales", "topic": topic, "touchpoint": "leave", "sentiment": "positive"})
    after = counted(kept, tmp_path)
    assert after["waiting"] == 3
    assert "logistics" not in after["trends"]["department"]
    assert after["trends"]["department"]["sales"] == (1, 0)
    assert after["trends"]["touchpoint"]["leave"] == (1, 0)
    assert "delivery-late" not in after["topics"]
    assert after["topics"][topic] == before["topics"].get(topic, 0) + 1
    assert after["trends"]["topic"][topic][0] == after["topics"][topic]
    assert after["exported"]["0"] == ("sales", "positive", json.dumps([topic]))
    assert [one.feedback.id for one in kept.store.every(Filter(q="giao hang", department="sales"))] == ["0"]
    for number in (1, 2, 3, 4):
        review.withdraw(kept.store, kept.pipelines.get(), number, author="an", key="0")
    assert counted(kept, tmp_path) == before


def topics_of(services: Services) -> list[str]:
    return [topic.key for topic in services.pipelines.get().topics.topics]


def test_a_decision_outlives_a_run_of_another_version(
    kept: Services, pipeline: Pipeline, tmp_path: Path
) -> None:
    decide(kept, "0", {"owner": "sales", "topic": None})
    decide(kept, "1", {"confirm": True})
    mine = counted(kept, tmp_path)["exported"]
    kept.pipelines.use(pipeline)
    run, change = kept.history.run(Filter())
    assert (run.rows, change.corrected) == (4, 2)
    shown = kept.store.get_many([str(i) for i in range(4)])
    assert {one.analysis.pipeline for one in shown.values()} == {pipeline.version}
    assert (shown["0"].analysis.owner, shown["0"].corrected) == ("sales", ("owner", "topic"))
    assert counted(kept, tmp_path)["exported"]["0"] == mine["0"]
    assert shown["1"].corrected == ("sentiment", "owner", "cooperators")
    review.withdraw(kept.store, pipeline, 1, author="an")
    assert kept.store.get("0").analysis.owner == "logistics"
    kept.history.rollback(run.number)
    assert kept.store.get("0").analysis.status == "review"
    assert kept.store.get("1").analysis.status == "routed"


def test_one_action_takes_it_off_the_queue(kept: Services) -> None:
    pages = [ids(review.least_sure(kept.store, 9))]
    for key, body in (("0", {"confirm": True}), ("1", {"owner": "care"}), ("2", {"owner": None})):
        decide(kept, key, body)
        pages.append(ids(review.least_sure(kept.store, 9)))
    assert [len(page) for page in pages] == [4, 3, 2, 1]
    assert pages[-1] == ["3"]
    assert [kept.store.get(key).analysis.status for key in "012"] == ["routed", "routed", "no_owner"]


def test_the_same_decision_again_is_nothing_new(kept: Services) -> None:
    assert decide(kept, "0", {"confirm": True}, reason="").fresh
    again = decide(kept, "0", {"confirm": True}, author="binh")
    assert not again.fresh
    assert [(one.author, one.reason) for one in again.corrections] == [("an", None)] * 3


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"author": ""}, "by"),
        ({"author": " "}, "by"),
        ({"author": 5}, "by"),
        ({"author": "x" * 201}, "by"),
        ({"author": "a\0"}, "by"),
        ({"reason": 5}, "reason"),
        ({"reason": "x" * 2_001}, "reason"),
        ({"reason": "\ud800"}, "reason"),
    ],
)
def test_who_and_why_must_be_text(kept: Services, more: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decide(kept, "0", {"owner": "care"}, **more)
    assert (caught.value.code, caught.value.field) == ("field_invalid", field)
    assert kept.store.corrections.of("0") == []


def test_what_cannot_be_decided(kept: Services, feedback: Make) -> None:
    kept.store.add([feedback("new", "x")], holder="h", lease_s=30)
    for expected, key in ((NotFound, "none"), (Conflict, "new")):
        with pytest.raises(expected):
            decide(kept, key, {"owner": "care"})
    with pytest.raises(NotFound):
        review.corrections_of(kept.store, "none")


# ---- the command line


@pytest.fixture
def voc(kept: Services, doubtful: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command line on the database with four that wait."""
    monkeypatch.setattr(PipelineHolder, "get", lambda _self: doubtful)
    monkeypatch.setattr("getpass.getuser", lambda: "lan")

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["--db", str(kept.settings.db), *arguments])

    return run


def test_the_queue_and_a_decision_on_the_command_line(voc: Callable[..., Any]) -> None:
    listed = voc("review")
    assert listed.exit_code == 0
    assert "4 of 4 waiting" in listed.stdout
    assert LATE in listed.stdout
    body = json.loads(voc("review", "--json", "--limit", "1", "--order", "most-informative").stdout)
    assert (len(body["items"]), body["waiting"]) == (1, 4)
    assert list(body["items"][0]) == ["feedback", "analysis", "corrected", "reason", "informativeness"]
    done = voc("correct", "0", "--owner", "care", "--cooperators", "sales, digital", "--reason", "vì thế")
    assert done.exit_code == 0
    assert "owner care  cooperators sales, digital" in done.stdout
    assert "by lan" in done.stdout
    assert "(vì thế)" in done.stdout
    assert "3 of 3 waiting" in voc("review").stdout
    again = voc("correct", "0", "--owner", "care", "--by", "an")
    assert again.stdout.startswith("nothing new")
    assert json.loads(voc("review", "--json", "--department", "nowhere").stdout) == {
        "items": [],
        "waiting": 0,
    }


def test_none_a_segment_and_taking_back_on_the_command_line(voc: Callable[..., Any]) -> None:
    end = len(LATE)
    done = json.loads(
        voc(
            "correct", "0", "--segment", f"0:{end}", "--topic", "none", "--department", "sales", "--json"
        ).stdout
    )
    assert (done["analysis"]["owner"], done["analysis"]["segments"][0]["topic"]) == ("sales", None)
    assert [(one["field"], one["segment"]) for one in done["corrections"]] == [
        ("topic", {"start": 0, "end": end}), ("department", {"start": 0, "end": end}),
    ]  # fmt: skip
    nobody = json.loads(voc("correct", "1", "--owner", "none", "--cooperators", "none", "--json").stdout)
    assert (nobody["analysis"]["owner"], nobody["analysis"]["status"]) == (None, "no_owner")
    assert "correction 2 withdrawn" in voc("corrections", "withdraw", "2", "--by", "an").stdout
    listed = json.loads(voc("corrections", "list", "0", "--json").stdout)
    assert [(one["number"], one["withdrawn_by"]) for one in listed] == [(1, None), (2, "an")]
    assert "withdrawn by an" in voc("corrections", "list", "0").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("correct", "0"), 1, "correction_empty"),
        (("correct", "none", "--owner", "care"), 1, "feedback_unknown"),
        (("correct", "0", "--owner", "nowhere"), 1, "department_unknown"),
        (("correct", "0", "--topic", "nowhere"), 1, "topic_unknown"),
        (("correct", "0", "--department", "care"), 1, "field_unknown"),
        (("correct", "0", "--segment", "x", "--topic", "none"), 2, "START:END"),
        (("correct", "0", "--segment", "0:1", "--topic", "none"), 1, "segment_unknown"),
        (("corrections", "list", "none"), 1, "feedback_unknown"),
        (("corrections", "withdraw", "9"), 1, "correction_unknown"),
        (("review", "--limit", "0"), 2, "limit"),
    ],
)
def test_wrong_use(voc: Callable[..., Any], arguments: tuple[str, ...], status: int, said: str) -> None:
    result = voc(*arguments)
    assert result.exit_code == status
    assert said in result.stderr


# ---- over HTTP


def test_the_queue_over_http(kept: Services, client: FlaskClient) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/review", query_string=query).get_json()
        seen += [item["feedback"]["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == ["0", "1", "2", "3"]
    decided = client.post(f"/v1/feedback/{seen[0]}/corrections", json={"confirm": True})
    assert decided.status_code == 201
    first = client.get("/v1/review?limit=1").get_json()
    assert (first["items"][0]["feedback"]["id"], first["waiting"]) == (seen[1], 3)
    teaching = client.get("/v1/review?order=most_informative&limit=2").get_json()
    assert len(teaching["items"]) == 2
    rest = client.get(
        "/v1/review", query_string={"order": "most_informative", "limit": 2, "cursor": teaching["next"]}
    ).get_json()
    found = [item["feedback"]["id"] for item in teaching["items"] + rest["items"]]
    assert sorted(found) == sorted(seen[1:])
    assert rest["next"] is None
