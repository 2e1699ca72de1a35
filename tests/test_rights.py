"""What a customer may ask for: all that is kept, and its erasure, which lasts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from voc import reports, rights
from voc.backup import backup, restore
from voc.cli import main
from voc.errors import Conflict, NotFound, Unavailable
from voc.facts import FactTable
from voc.markup import mail_code
from voc.records import Analysis, Feedback, Reading, Segment, Span
from voc.registry import Registry, rename
from voc.services import Services
from voc.store import Filter, Store

MARKER = "quacquacquac"
TEXT = f"Giao hàng trễ ba ngày {MARKER}, gọi tổng đài không ai nghe"


def analysis(key: str, pipeline: str = "p1", topic: str | None = "delivery-late") -> Analysis:
    segments = (
        Segment(0, 35, TEXT[:35], "vi", "negative", -0.9, topic, "logistics", 0.9),
        Segment(37, len(TEXT), TEXT[37:], "vi", "negative", -0.8, None, "care", 0.8),
    )
    return Analysis(
        key,
        "vi",
        "negative",
        -0.85,
        0.9,
        "logistics",
        0.9,
        ("care",),
        "receive",
        "routed",
        (),
        (),
        segments,
        pipeline,
    )


def reading() -> Reading:
    vectors = np.eye(3, 4, dtype=np.float32)
    return Reading((Span(0, 35), Span(37, len(TEXT))), ("vi", "vi", "vi"), ("a", MARKER, "c"), vectors)


@pytest.fixture
def full(store: Store, feedback: Callable[..., Feedback]) -> Store:
    """Two feedback of one customer and one of another, analyzed; one of them corrected."""
    rows = [
        feedback("a", TEXT, customer_ref="crm-1", external_id="x-1", attributes={"note": MARKER}),
        feedback("b", TEXT, customer_ref="crm-1"),
        feedback("c", "App lỗi hoài", customer_ref="crm-2"),
    ]
    store.add(rows, holder="test", lease_s=30)
    store.save([analysis("a"), analysis("b")], [reading(), reading()], "r1")
    store.corrections.add(
        "a", [(None, "sentiment", "neutral", "negative")], author="lan", reason=MARKER, departments={}
    )
    return store


def files_hold(path: Path, marker: str) -> bool:
    return any(marker.encode() in file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def test_everything_of_a_customer(full: Store) -> None:
    found = list(rights.everything_of(full, "crm-1"))
    assert [one["feedback"]["id"] for one in found] == ["a", "b"]
    first = found[0]
    assert first["feedback"]["text"] == TEXT
    assert first["feedback"]["attributes"] == {"note": MARKER}
    assert first["shown"] == "p1"
    assert [part["text"] for part in first["analyses"][0]["segments"]] == [TEXT[:35], TEXT[37:]]
    assert [one["reason"] for one in first["corrections"]] == [MARKER]
    assert first["vectors_by"] == ["r1"]
    with pytest.raises(NotFound, match="no feedback is kept"):
        list(rights.everything_of(full, "crm-9"))


def counts(store: Store) -> tuple[Any, ...]:
    table = FactTable(store)
    facts = table.now()
    rows = table.rows(facts, Filter())
    return reports.trends(facts, rows, "department", "month"), reports.topic_counts(facts, rows)


def test_an_erasure_leaves_counts_and_nothing_else(full: Store) -> None:
    before = counts(full)
    assert files_hold(full.path, MARKER)
    done = rights.erase_customer(full, "crm-1", author="lan", reason="asked")
    full.erasures.compact()
    assert (done.erasure.feedback, done.erasure.kind, done.copies) == (2, "customer", ())
    assert counts(full) == before
    kept = full.get("a")
    assert kept is not None
    assert (kept.feedback.text, kept.feedback.customer_ref, kept.feedback.external_id) == ("", None, None)
    assert kept.feedback.erased_at is not None
    assert kept.feedback.attributes == {}
    assert kept.analysis is not None
    assert {part.text for part in kept.analysis.segments} == {""}
    assert (kept.analysis.sentiment, kept.corrected) == ("neutral", ("sentiment",))
    assert full.find(Filter(q=MARKER), 10) == ([], None)
    assert not files_hold(full.path, MARKER)
    assert full.db.conn.execute("SELECT count(*) FROM readings").fetchone()[0] == 0
    other = full.get("c")
    assert other is not None
    assert other.feedback.text == "App lỗi hoài"
    with pytest.raises(NotFound):
        rights.erase_customer(full, "crm-1", author="lan")


def test_what_was_erased_is_not_judged_again_nor_saved_late(full: Store) -> None:
    rights.erase_feedback(full, ["a"], author="lan")
    assert full.runs.left("p2", Filter()) == 1
    assert [row.id for row in full.runs.page("r1", "p2", Filter(), 0, 10)] == ["b"]
    full.save([analysis("a", "p1", None)], [reading()], "r1")  # a worker that had read it before
    kept = full.get("a")
    assert kept is not None
    assert kept.analysis is not None
    assert kept.analysis.segments[0].topic == "delivery-late"
    assert full.db.conn.execute("SELECT count(*) FROM readings").fetchone()[0] == 1


def test_one_that_waits_for_its_analysis_waits_no_more(full: Store) -> None:
    assert full.waiting() == 1
    rights.erase_feedback(full, ["c"], author="lan")
    assert full.waiting() == 0
    kept = full.get("c")
    assert kept is not None
    assert (kept.analysis, kept.feedback.text) == (None, "")


def test_the_same_message_again_is_refused(client: FlaskClient, services: Services) -> None:
    body = {
        "text": "Giao hàng trễ ba ngày không báo",
        "source": "crm",
        "external_id": "7",
        "customer_ref": "crm-7",
    }
    assert client.post("/v1/feedback", json=body).status_code == 201
    rights.erase_customer(services.store, "crm-7", author="lan")
    for text in (body["text"], "Một câu khác"):
        answer = client.post("/v1/feedback", json=body | {"text": text})
        assert answer.status_code == 409
        assert answer.get_json()["error"]["code"] == "feedback_erased"
    assert services.store.count(Filter()) == 1
    assert client.get("/v1/feedback").get_json()["items"][0]["feedback"]["text"] == ""


def test_examples_of_topics_forget_the_words(full: Store, services: Services) -> None:
    registry: Registry = services.pipelines.get().topics.registry
    words = registry.topics["delivery-late"]
    quoted = replace(words, examples=(*words.examples, TEXT[:35]))
    start = replace(registry, topics={**registry.topics, "delivery-late": quoted})
    full.topics.make(rename(start, "delivery-late", {"en": "Late"}, None), start, author="lan")
    assert files_hold(full.path, MARKER)
    revision = full.revision()
    rights.erase_customer(full, "crm-1", author="lan")
    assert full.revision() != revision  # so that processes that run read the topics again
    full.erasures.compact()
    kept = full.topics.read()
    assert kept is not None
    assert kept.topics["delivery-late"].examples == words.examples
    assert MARKER not in json.dumps([event.as_dict() for event in full.topics.history()])
    assert not files_hold(full.path, MARKER)
    event = full.topics.history("delivery-late")[-1]
    full.topics.undo(event.number, author="lan")  # the line of history still fits the topic


def test_retention_goes_by_the_day_of_receipt(store: Store, feedback: Callable[..., Feedback]) -> None:
    old = feedback("old", "Cũ rồi", received_at="2020-01-01T00:00:00.000Z")
    store.add(
        [old, feedback("new", "Còn mới", received_at="2999-01-01T00:00:00.000Z")], holder="t", lease_s=1
    )
    assert rights.too_old(store, 30) == 1
    assert [one.feedback for one in rights.retire(store, 30, author="timer")] == [1]
    assert rights.too_old(store, 30) == 0
    texts = {key: kept.feedback.text for key, kept in store.get_many(["old", "new"]).items()}
    assert texts == {"old": "", "new": "Còn mới"}


def test_a_restore_brings_nothing_back_that_was_erased(
    full: Store, tmp_path: Path, feedback: Callable[..., Feedback]
) -> None:
    target = tmp_path / "copy.db"
    backup(full, target, by="lan")
    late = feedback("late", "Đến sau", external_id="x-9")
    full.add([late], holder="t", lease_s=1)
    done = rights.erase_customer(full, "crm-1", author="lan")
    rights.erase_feedback(full, ["late"], author="lan")
    assert [Path(copy.path) for copy in done.copies] == [target]
    full.close()

    def again(copy: Store, live: Store) -> int:
        return rights.reapply(copy, live, author="lan")

    put_back = restore(full.path, target, by="lan", after_restore=again, safety=False)
    assert put_back.erased == 2
    store = Store(full.path)
    texts = {key: kept.feedback.text for key, kept in store.get_many(["a", "b", "c", "late"]).items()}
    assert texts == {"a": "", "b": "", "c": "App lỗi hoài"}
    for key in ("x-1", "x-9"):
        (added,) = store.add([feedback("again", TEXT, external_id=key)], holder="t", lease_s=1)
        assert (added.outcome, added.feedback.text) == ("conflict", "")
    store.close()


def test_one_that_a_restore_left_out_is_refused_by_name(
    services: Services, tmp_path: Path, feedback: Callable[..., Feedback]
) -> None:
    live, target = services.store, tmp_path / "copy.db"
    live.add([feedback("a", TEXT)], holder="t", lease_s=1)
    backup(live, target, by="lan")
    late = feedback("late", "Đến sau", external_id="x-9")
    live.add([late], holder="t", lease_s=1)
    rights.erase_feedback(live, ["late"], author="lan")

    def again(copy: Store, live: Store) -> int:
        return rights.reapply(copy, live, author="lan")

    restore(live.path, target, by="lan", after_restore=again, safety=False)
    first, second = services.worklist.submit([replace(late, id="again"), feedback("b", "Còn đây")])
    assert (first.added.outcome, first.analysis, first.added.feedback.text) == ("conflict", None, "")
    assert first.added.feedback.erased_at is not None
    assert (second.added.outcome, second.analysis is not None) == ("created", True)


def test_nothing_more_is_said_of_what_was_erased(full: Store) -> None:
    rights.erase_feedback(full, ["a"], author="lan")
    with pytest.raises(Conflict, match="was erased"):
        full.corrections.add(
            "a", [(None, "owner", "care", "logistics")], author="lan", reason=MARKER, departments={}
        )
    assert [one.reason for one in full.corrections.of("a")] == [None]


def test_an_address_finds_what_connectors_kept_in_its_place(
    store: Store, feedback: Callable[..., Feedback]
) -> None:
    rows = [
        feedback("a", "Một", customer_ref=mail_code("lan@voc.example")),
        feedback("b", "Hai", customer_ref="Lan@VOC.example"),
        feedback("c", "Ba", customer_ref="an@voc.example"),
    ]
    store.add(rows, holder="t", lease_s=1)
    found = rights.everything_of(store, "Lan@VOC.example")
    assert [one["feedback"]["id"] for one in found] == ["a", "b"]
    assert rights.erase_customer(store, "Lan@VOC.example", author="lan").erasure.feedback == 2


def test_who_erases_is_told_if_somebody_was_in_the_way(full: Store) -> None:
    reader = sqlite3.connect(full.path)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM feedback").fetchone() == (3,)
    impatient = Store(full.path, busy_timeout_ms=50)
    rights.erase_customer(impatient, "crm-1", author="lan")
    with pytest.raises(Unavailable) as told:
        impatient.erasures.compact()
    assert told.value.code == "not_compacted"
    assert files_hold(full.path, MARKER)
    reader.close()
    impatient.close()
    done = CliRunner().invoke(main, ["--db", str(full.path), "privacy", "compact"])
    assert done.exit_code == 0, done.output
    assert not files_hold(full.path, MARKER)


def test_the_command_line(full: Store, tmp_path: Path) -> None:
    full.close()

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(main, ["--db", str(full.path), "privacy", *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    out = tmp_path / "answer.jsonl"
    run("export", "--customer", "crm-1", str(out))
    assert [json.loads(line)["feedback"]["id"] for line in out.read_text("utf-8").splitlines()] == ["a", "b"]
    assert out.stat().st_mode & 0o777 == 0o600
    done = json.loads(run("erase", "--customer", "crm-1", "--reason", "asked", "--yes", "--json"))
    assert done["feedback"] == 2
    assert [copy["path"] for copy in done["copies"]] == [str(out)]
    assert not files_hold(full.path, MARKER)
    listed = json.loads(run("list", "--json"))
    assert [(one["kind"], one["feedback"], one["reason"]) for one in listed["erasures"]] == [
        ("customer", 2, "asked")
    ]
    assert json.loads(run("retention", "--days", "36500", "--dry-run", "--json"))["feedback"] == 0
    asked = CliRunner().invoke(
        main, ["--db", str(full.path), "privacy", "erase", "--customer", "crm-2"], input="n\n"
    )
    assert asked.exit_code == 1
    assert full.get("c") is not None
