"""Who did what: a chain that shows every change, in one transaction with what was done, and no text in it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from voc import acts
from voc.acts import Act
from voc.cli import main
from voc.cli.shared import UNLOGGED, the_user
from voc.errors import NotFound
from voc.pipeline import Pipeline, PipelineHolder
from voc.records import Feedback
from voc.services import Services
from voc.store import NOTHING, Store
from voc.store import audit as chain

Make = Callable[..., Feedback]
TEXTS = ("at", "actor", "action", "subject", "details", "previous", "hash")
LINES = 6


def fill(store: Store, count: int = LINES) -> None:
    for number in range(count):
        details = {"rows": number, "filter": {"topic": "giao-trễ"}} if number % 2 else {}
        subject = f"k{number}" if number % 3 else None
        store.audit.record(Act(f"person:{number}", "feedback.read", subject, details))


@pytest.fixture
def filled(store: Store) -> Store:
    """A store whose log has `LINES` lines."""
    fill(store)
    return store


def rows(store: Store) -> list[dict[str, Any]]:
    return [dict(row) for row in store.db.conn.execute("SELECT * FROM audit ORDER BY number")]


def unlocked(connection: sqlite3.Connection) -> None:
    """Takes the triggers away, as somebody would who can write the file."""
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        if name.startswith("audit_"):
            connection.execute(f"DROP TRIGGER {name}")


def tamper(path: Path, *statements: str, values: tuple[Any, ...] = ()) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        unlocked(connection)
        for statement in statements:
            connection.execute(statement, values if "?" in statement else ())


def done(store: Store) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    """The lines but for what says when: the oldest first."""
    found, _ = store.audit.entries(limit=1000)
    return [(line.actor, line.action, line.subject, line.details) for line in reversed(found)]


# ---- the chain


def test_a_line_is_bound_to_the_one_before(filled: Store) -> None:
    found = rows(filled)
    assert [row["number"] for row in found] == [1, 2, 3, 4, 5, 6]
    assert [row["previous"] for row in found] == [NOTHING, *(row["hash"] for row in found[:-1])]
    assert [(row["actor"], row["subject"]) for row in found[:3]] == [
        ("person:0", None), ("person:1", "k1"), ("person:2", "k2"),
    ]  # fmt: skip
    assert found[1]["details"] == '{"filter":{"topic":"giao-trễ"},"rows":1}'
    verdict = filled.audit.verify()
    assert (verdict.lines, verdict.head, verdict.number, verdict.wrong) == (6, found[-1]["hash"], None, None)


def test_the_hash_is_the_one_that_is_documented() -> None:
    line = {
        "number": 1, "at": "2026-11-02T08:00:00.000Z", "actor": "person:lan", "action": "topic.merge",
        "subject": "giao-trễ", "details": "{}", "previous": NOTHING,
    }  # fmt: skip
    body = (
        '{"action":"topic.merge","actor":"person:lan","at":"2026-11-02T08:00:00.000Z","details":"{}",'
        '"number":1,"previous":"' + "0" * 64 + '","subject":"giao-trễ"}'
    )
    by_openssl = subprocess.run(
        ["openssl", "dgst", "-sha256", "-r"], input=body.encode(), capture_output=True, check=True
    )
    assert chain.hash_of(line) == by_openssl.stdout.decode().split()[0]


def test_an_empty_log_is_whole(store: Store) -> None:
    assert (store.audit.verify(), store.audit.head()) == (chain.Verdict(0, None), None)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_byte_anywhere_is_caught(filled: Store, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, LINES))
    column = data.draw(st.sampled_from(("number", *TEXTS)))
    at, flip = data.draw(st.integers(0, 63)), data.draw(st.integers(1, 255))
    old = rows(filled)[number - 1][column]
    if column == "number":
        new: Any = int.from_bytes(changed(old.to_bytes(8), at, flip), signed=True)
        assume(not 1 <= new <= LINES)
    else:
        new = changed(old.encode(), at, flip) if old else b""
    connection = filled.db.conn
    connection.execute("BEGIN")
    try:
        unlocked(connection)
        kind = "INTEGER" if column == "number" else "TEXT"
        statement = f"UPDATE audit SET {column} = CAST(? AS {kind}) WHERE number = ?"  # noqa: S608
        connection.execute(statement, (new, number))
        verdict = filled.audit.verify()
    finally:
        connection.rollback()
    assert verdict.wrong is not None
    assert (verdict.number, verdict.lines) == (number, number - 1) or column == "number"
    assert filled.audit.verify().wrong is None


def changed(raw: bytes, at: int, flip: int) -> bytes:
    """One byte of ``raw`` is another."""
    new = bytearray(raw)
    new[at % len(raw)] ^= flip
    return bytes(new)


@pytest.mark.parametrize(
    ("statements", "number", "wrong"),
    [
        (["DELETE FROM audit WHERE number = 3"], 3, "line 3 was taken out"),
        (["DELETE FROM audit WHERE number IN (2, 3)"], 2, "lines 2 to 3 were taken out"),
        (["DELETE FROM audit WHERE number = 1"], 1, "line 1 was taken out"),
        (["DELETE FROM audit WHERE number >= 5"], 5, "lines 5 to 6 were cut off the end"),
        (["DELETE FROM audit"], 1, "lines 1 to 6 were cut off the end"),
        (["UPDATE audit SET number = -number WHERE number = 6"], -6, "line -6: no line has such a number"),
        (
            ["UPDATE audit SET number = 0 WHERE number = 3", "UPDATE audit SET number = 3 WHERE number = 4",
             "UPDATE audit SET number = 4 WHERE number = 0"],
            3, "line 3 was changed: its hash does not fit",
        ),
        (["UPDATE sqlite_sequence SET seq = 4 WHERE name = 'audit'"], 5,
         "the database counts 4 lines, and there are 6"),
        (["DELETE FROM sqlite_sequence WHERE name = 'audit'"], 1,
         "the database counts 0 lines, and there are 6"),
        (["UPDATE audit SET subject = NULL WHERE number = 2"], 2,
         "line 2 was changed: its hash does not fit"),
        (["UPDATE audit SET details = '{ }' WHERE number = 1"], 1,
         "line 1 was changed: its hash does not fit"),
    ],
)  # fmt: skip
def test_what_is_taken_out_cut_off_or_swapped_is_named(
    filled: Store, statements: list[str], number: int, wrong: str
) -> None:
    tamper(filled.path, *statements)
    verdict = filled.audit.verify()
    assert (verdict.number, verdict.wrong) == (number, wrong)


def rewrite(store: Store, number: int, **changed: Any) -> None:
    """Changes a line and makes its hash fit."""
    line = rows(store)[number - 1] | changed
    line["hash"] = chain.hash_of(line)
    named = ", ".join(f"{name} = ?" for name in line)
    tamper(store.path, f"UPDATE audit SET {named} WHERE number = {number}", values=tuple(line.values()))  # noqa: S608


def test_a_line_written_anew_with_its_hash_is_given_away_by_the_next(filled: Store) -> None:
    rewrite(filled, 3, actor="person:mai")
    verdict = filled.audit.verify()
    assert (verdict.lines, verdict.number) == (3, 4)
    assert verdict.wrong == "line 4 does not follow line 3: one of them was written anew"
    rewrite(filled, 1, previous="f" * 64)
    assert filled.audit.verify().wrong == "line 1 is not the first that was written: it follows another"


def test_a_head_kept_elsewhere_tells_of_an_end_cut_off_or_written_anew(filled: Store) -> None:
    kept = rows(filled)[3]["hash"]
    fill(filled, 2)
    assert filled.audit.verify(kept).wrong is None  # the log has grown since
    tamper(filled.path, "DELETE FROM audit WHERE number > 6",
           "UPDATE sqlite_sequence SET seq = 6 WHERE name = 'audit'")  # fmt: skip
    assert filled.audit.verify(kept).wrong is None  # the end after it is not vouched for
    last = rows(filled)[5]["hash"]
    rewrite(filled, 6, actor="person:mai")
    assert filled.audit.verify().wrong is None  # nothing in the file itself gives it away
    verdict = filled.audit.verify(last)
    assert (verdict.number, verdict.lines) == (None, 6)
    assert verdict.wrong == "no line has the hash that was kept: lines were cut off, or written anew"


def test_lines_after_a_cut_do_not_hide_it(filled: Store) -> None:
    tamper(filled.path, "DELETE FROM audit WHERE number >= 5")
    fill(filled, 2)
    assert [row["number"] for row in rows(filled)] == [1, 2, 3, 4, 7, 8]
    assert filled.audit.verify().wrong == "lines 5 to 6 were taken out"


def test_the_log_is_walked_in_pages(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "PAGE", 2)
    assert filled.audit.verify().lines == LINES
    tamper(filled.path, "UPDATE audit SET actor = 'x' WHERE number = 5")
    assert filled.audit.verify().number == 5


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'x' WHERE number = 2",
        "DELETE FROM audit WHERE number = 6",
        "REPLACE INTO audit SELECT number, at, 'x', action, subject, details, previous, hash FROM audit",
        "INSERT INTO audit SELECT * FROM audit WHERE number = 1 ON CONFLICT DO UPDATE SET actor = 'x'",
    ],
)
def test_the_database_refuses_to_change_a_line(filled: Store, statement: str) -> None:
    before = rows(filled)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), filled.write() as db:
        db.conn.execute(statement)
    assert rows(filled) == before


def test_lines_of_processes_and_threads_at_once_make_one_chain(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from voc.acts import Act; from voc.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for n in range(30): store.audit.record(Act(sys.argv[2], 'a', str(n)))"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(store.path), name]) for name in ("p", "q")]

    def record(name: str) -> None:
        for number in range(30):
            store.audit.record(Act(name, "a", str(number)))
        store.close()

    threads = [threading.Thread(target=record, args=(name,)) for name in ("r", "s")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait() for other in others] == [0, 0]
    assert store.audit.verify() == chain.Verdict(120, rows(store)[-1]["hash"])
    for name in "pqrs":
        found, _ = store.audit.entries(actor=name, limit=1000)
        assert [line.subject for line in reversed(found)] == [str(n) for n in range(30)]


# ---- an act and what it changes


def fail_late(store: Store) -> None:
    """Fails when it is committed, after the line was written."""
    with store.write() as db:
        db.conn.execute("PRAGMA defer_foreign_keys = ON")
        db.conn.execute("INSERT INTO work_list (feedback) VALUES (77)")


def test_an_act_is_written_once_with_its_first_change(store: Store) -> None:
    act = Act("person:lan", "many.changes", "x", {"n": 1})
    with acts.during(act):
        assert rows(store) == []
        for number in range(3):
            store.copies.add("export", Path(f"/tmp/{number}"), by="lan")  # noqa: S108
            assert len(rows(store)) == 1
    assert act.written
    assert done(store) == [("person:lan", "many.changes", "x", {"n": 1})]
    store.audit.record(act)
    assert len(rows(store)) == 1


def test_a_change_that_fails_takes_its_line_along(store: Store, feedback: Make) -> None:
    act = Act("person:lan", "x")
    with acts.during(act):
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            store.add([feedback("k", "chữ"), feedback("k", "chữ")], holder="h", lease_s=1)
        assert (rows(store), act.written) == ([], False)
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            fail_late(store)
        assert (rows(store), act.written) == ([], False)
        with pytest.raises(NotFound):
            store.corrections.withdraw(1, author="lan", departments={})
        assert (rows(store), act.written) == ([], False)
        store.add([feedback("k", "chữ")], holder="h", lease_s=1)
    assert (len(rows(store)), act.written) == (1, True)


def test_a_line_that_cannot_be_written_takes_the_change_along(store: Store, feedback: Make) -> None:
    tamper(store.path, "CREATE TRIGGER no_more BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(sqlite3.IntegrityError, match="full"), acts.during(Act("person:lan", "x")):
        store.add([feedback("k", "chữ")], holder="h", lease_s=1)
    assert store.get("k") is None
    store.add([feedback("k", "chữ")], holder="h", lease_s=1)  # nobody's act
    assert store.get("k") is not None


def test_other_threads_have_no_act(store: Store) -> None:
    with acts.during(Act("person:lan", "x")):
        thread = threading.Thread(
            target=lambda: (store.copies.add("export", Path("x"), by="lan"), store.close())
        )
        thread.start()
        thread.join()
    assert (len(store.copies.list()), rows(store)) == (1, [])


def test_odd_characters_are_kept_as_far_as_they_can_be(store: Store) -> None:
    store.audit.record(Act("person:\ud800", "a", "giao\0trễ", {"x": "😡\udfff"}))
    assert store.audit.verify().wrong is None
    assert done(store) == [("person:?", "a", "giao?trễ", {"x": "😡?"})]


# ---- reading the log


def test_entries_are_chosen_and_paged(store: Store) -> None:
    for number, (actor, action, subject) in enumerate(
        [
            ("a", "topic.merge", "x"),
            ("b", "topic.move", "y"),
            ("a", "feedback.read", "x"),
            ("a", "topi", None),
        ]
    ):
        store.audit.record(Act(actor, action, subject, {"n": number}))

    def numbers(**chosen: Any) -> list[int]:
        return [line.number for line in store.audit.entries(**chosen)[0]]

    assert numbers() == [4, 3, 2, 1]
    assert numbers(actor="a") == [4, 3, 1]
    assert numbers(action="topic.") == [2, 1]
    assert numbers(action="topic.move") == [2]
    assert numbers(subject="x") == [3, 1]
    assert numbers(actor="a", action="topic", subject="x") == [1]
    now = rows(store)[0]["at"]
    assert numbers(since="2000-01-01", until="9999") == [4, 3, 2, 1]
    assert numbers(since=now)[-1] == 1
    assert numbers(until=now) == []
    first, following = store.audit.entries(limit=3)
    assert ([line.number for line in first], following) == ([4, 3, 2], 2)
    assert store.audit.entries(limit=3, before=following)[1] is None
    assert numbers(limit=3, before=following) == [1]
    assert store.audit.head().hash == rows(store)[-1]["hash"]  # type: ignore[union-attr]


def test_a_line_whose_details_were_spoilt_can_still_be_read(filled: Store) -> None:
    tamper(filled.path, "UPDATE audit SET details = '{' WHERE number = 6")
    assert filled.audit.entries(limit=1)[0][0].details == "{"


# ---- what stands in a line


def test_only_what_says_nothing_of_anybody_is_told() -> None:
    given = {
        "department": "logistics", "cooperators": ["care", "sales"], "owner": None, "limit": 20, "dry": True,
        "since": "2026-11-02T00:00:00.000Z", "until": date(2026, 11, 3),
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "segment": {"start": 0, "end": 4}, "file": Path("/home/lan/rows.csv"), "keys": ("a", "b"),
        "q": "số 0912 345 678", "query": "trễ",
        "reason": "khách gọi", "name": {"vi": "Giao trễ"}, "password": "s3cret", "source": "Nguyễn Văn A",
        "topic": ["x"] * 51, "scores": [0.5], "customer": "0912345678", "odd name": "x",
        "attributes": {"phone": 912345678},
    }  # fmt: skip
    assert acts.telling(given) == {
        "department": "logistics", "cooperators": ["care", "sales"], "owner": None, "limit": 20, "dry": True,
        "since": "2026-11-02T00:00:00.000Z", "until": "2026-11-03", "at": "2026-01-02T00:00:00+00:00",
        "segment": {"start": 0, "end": 4}, "file": "rows.csv", "keys": ["a", "b"], "scores": [0.5],
        "q": {"sha256": "ba00"}, "query": {"sha256": "b5ba"},
        "given": ["attributes", "customer", "name", "password", "reason", "source", "topic"],
    }  # fmt: skip


# ---- requests

MARKS = ("giao hàng trễ", "Giao hàng", "bí mật", "vì tôi thấy", "Tên mới", "zalo cũ")


def post(client: FlaskClient, path: str, body: Any) -> dict[str, Any]:
    response = client.post(path, json=body)
    assert response.status_code in (200, 201), response.get_json()
    found: dict[str, Any] = response.get_json()
    return found


def test_a_page_read_is_one_line_with_its_filter(client: FlaskClient, services: Services) -> None:
    post(client, "/v1/feedback", {"text": "Giao hàng trễ ba ngày không báo", "source": "zalo"})
    assert rows(services.store) == []  # what comes in is no act
    address = "/v1/feedback?topic=delivery-late&q=tr%E1%BB%85&from=2026-01-01&limit=7&source=zalo%20c%C5%A9"
    assert client.get(address).status_code == 200
    assert done(services.store) == [
        ("loopback", "feedback.list", None,
         {"topic": "delivery-late", "q": {"sha256": "b5ba"}, "since": "2026-01-01T00:00:00.000Z", "limit": 7,
          "given": ["source"], "rows": 0}),
    ]  # fmt: skip
    first = client.get("/v1/feedback?limit=1").get_json()
    assert client.get(f"/v1/feedback/{first['items'][0]['feedback']['id']}").status_code == 200
    assert done(services.store)[1:] == [
        ("loopback", "feedback.list", None, {"limit": 1, "rows": 1}),
        ("loopback", "feedback.read", first["items"][0]["feedback"]["id"], {}),
    ]


def test_what_fails_or_reads_no_text_is_no_line(client: FlaskClient, services: Services) -> None:
    assert client.get("/v1/feedback/unknown").status_code == 404
    assert client.get("/v1/feedback?limit=x").status_code == 422
    assert client.get("/v1/feedback?cursor=x").status_code == 422
    assert post(client, "/v1/analyze", {"text": "Giao hàng trễ"})
    for path in ("/v1/trends?by=topic", "/v1/topics", "/v1/departments", "/v1/health", "/v1/audit/head"):
        assert client.get(path).status_code == 200
    assert rows(services.store) == []


def test_no_customers_text_stands_in_the_log(client: FlaskClient, services: Services) -> None:
    body = {"text": "Giao hàng trễ ba ngày, bí mật 0912345678", "source": "zalo cũ", "customer_ref": "bí mật"}
    key = post(client, "/v1/feedback", body)["feedback"]["id"]
    path = f"/v1/feedback/{key}/corrections"
    decided = post(client, path, {"owner": "care", "cooperators": ["sales"], "reason": "vì tôi thấy bí mật"})
    number = decided["corrections"][-1]["number"]
    reads = (
        "/v1/feedback?q=giao+h%C3%A0ng+tr%E1%BB%85", f"/v1/feedback/{key}", path, "/v1/review",
        "/v1/topics/emerging", "/v1/export?format=csv&q=giao+h%C3%A0ng", "/v1/audit?action=feedback",
    )  # fmt: skip
    for address in reads:
        response = client.get(address)
        assert (response.status_code, bool(response.get_data())) == (200, True), address
    assert client.delete(f"{path}/{number}").status_code == 200
    post(client, "/v1/topics/delivery-late/rename", {"name": {"vi": "Tên mới"}, "reason": "bí mật"})

    found = done(services.store)
    assert [(action, subject) for _, action, subject, _ in found] == [
        ("feedback.correct", key), ("feedback.list", None), ("feedback.read", key),
        ("feedback.corrections", key), ("feedback.review", None), ("topics.emerging", None),
        ("feedback.export", None), ("feedback.export.done", None), ("audit.list", None),
        ("correction.withdraw", key), ("topic.rename", "delivery-late"),
    ]  # fmt: skip
    assert found[0][3] == {"owner": "care", "cooperators": ["sales"], "given": ["reason"]}
    assert found[3][3] == {"rows": 2}
    assert found[6][3] | {"q": 0} == {"format": "csv", "q": 0}
    assert found[7][3] == {"rows": 1, "whole": True}
    assert found[9][3] == {"number": number}
    assert found[10][3] == {"given": ["name", "reason"]}
    kept = json.dumps(rows(services.store), ensure_ascii=False)
    assert [mark for mark in MARKS if mark.lower() in kept.lower()] == []
    assert "0912345678" not in kept
    assert services.store.audit.verify().wrong is None


def test_what_is_not_logged_is_not_read(client: FlaskClient, services: Services, feedback: Make) -> None:
    store = services.store
    store.add([feedback("k", "Giao hàng trễ")], holder="h", lease_s=1)
    tamper(store.path, "CREATE TRIGGER no_more BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    for path in ("/v1/feedback/k", "/v1/feedback", "/v1/export?format=jsonl"):
        response = client.get(path)
        assert (response.status_code, response.get_json()["error"]["code"]) == (503, "store_unusable")
        assert "Giao" not in response.get_data(as_text=True)


def test_the_log_over_http(client: FlaskClient, services: Services) -> None:
    assert client.get("/v1/audit/head").get_json() == {"number": 0, "at": None, "hash": NOTHING}
    fill(services.store)
    first = client.get("/v1/audit?limit=4&action=feedback.").get_json()
    assert ([line["number"] for line in first["items"]], first["next"]) == ([6, 5, 4, 3], 3)
    rest = client.get(f"/v1/audit?limit=4&action=feedback.&cursor={first['next']}").get_json()
    assert ([line["number"] for line in rest["items"]], rest["next"]) == ([2, 1], None)
    head = client.get("/v1/audit/head").get_json()
    asked = client.get("/v1/audit?action=audit&subject=").get_json()
    assert asked["items"] == []
    (line, _) = client.get("/v1/audit?action=audit.list&actor=loopback&to=9000-01-01&limit=2").get_json()[
        "items"
    ]
    assert line["details"] == {"action": "audit", "given": ["subject"], "rows": 0}
    assert head["number"] == 8
    assert services.store.audit.verify(head["hash"]).wrong is None


# ---- the command line


@pytest.fixture
def voc(tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``voc`` on a database of the test's own, with the session's pipeline."""
    monkeypatch.setattr(PipelineHolder, "get", lambda _self: pipeline)

    def run(*arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(main, ["--db", str(tmp_path / "cli.db"), *arguments], input=text)

    return run


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    """The store that ``voc`` works on."""
    store = Store(tmp_path / "cli.db")
    yield store
    store.close()


def test_commands_are_acts(voc: Callable[..., Result], kept: Store, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "Giao hàng trễ ba ngày", "external_id": "1"}\n{"text": ""}\n', "utf-8")
    assert voc("ingest", str(file), "--source", "zalo cũ").exit_code == 1
    (line,) = json.loads(voc("search", "trễ", "--json").stdout)
    key = line["feedback"]["id"]
    assert voc("correct", key, "--owner", "care", "--reason", "vì tôi thấy").exit_code == 0
    assert voc("corrections", "list", key).exit_code == 0
    assert voc("review", "--limit", "3").exit_code == 0
    assert voc("topics", "emerging").exit_code == 0
    assert voc("topics", "merge", "app-slow", "--into", "delivery-late").exit_code == 0
    assert voc("runs", "list", "--json").exit_code == 0
    assert voc("reclassify", "--dry-run").exit_code == 0
    assert voc("models", "list").exit_code == 0
    assert voc("export", str(tmp_path / "out.csv"), "--department", "care", "--q", "trễ").exit_code == 0
    assert voc("trends").exit_code == 0
    assert voc("analyze", text='{"text": "Giao hàng"}\n').exit_code == 0
    assert voc("audit", "head").exit_code == 0
    assert voc("audit", "verify").exit_code == 0
    assert voc("topics", "merge", "nothing", "--into", "delivery-late").exit_code == 1

    me = f"command:{the_user()}"
    found = done(kept)
    assert {actor for actor, *_ in found} == {me}
    counts = {"created": 1, "exists": 0, "bad": 1, "queued": 0}
    assert [line[1:] for line in found] == [
        ("cli.ingest", None, {"file": "rows.jsonl", "given": ["source"]}),
        ("cli.ingest.done", None, counts),
        ("cli.search", None, {"query": {"sha256": "b5ba"}, "as_json": True}),
        ("cli.correct", key, {"owner": "care", "given": ["reason"]}),
        ("cli.corrections.list", key, {}),
        ("cli.review", None, {"limit": 3}),
        ("cli.topics.emerging", None, {}),
        ("cli.topics.merge", None, {"keys": ["app-slow"], "into": "delivery-late"}),
        ("cli.runs.list", None, {"as_json": True}),
        ("cli.reclassify", None, {"dry_run": True}),
        ("cli.models.list", None, {}),
        ("cli.export", None, {"file": "out.csv", "department": "care", "q": {"sha256": "b5ba"}}),
        ("cli.export.done", None, {"rows": 1}),
    ]
    text = json.dumps(rows(kept), ensure_ascii=False).lower()
    assert [mark for mark in MARKS if mark.lower() in text] == []


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["search", "--help"], ["train", "--help"], ["analyze"], ["evaluate", "hops", "--json"],
     ["ingest", "/nowhere"], ["export", "out.doc"]],
)  # fmt: skip
def test_what_keeps_nothing_makes_no_database(
    voc: Callable[..., Result], tmp_path: Path, arguments: list[str]
) -> None:
    voc(*arguments, text='{"text": "Giao hàng"}\n')
    assert not (tmp_path / "cli.db").exists()


def test_what_is_no_act_names_commands_that_are_there() -> None:
    for name in UNLOGGED:
        group: Any = main
        for word in name.split("."):
            group = group.commands[word]


def test_verify_on_the_command_line(voc: Callable[..., Result], kept: Store) -> None:
    assert voc("audit", "head").stdout == "nothing was logged yet\n"
    assert voc("audit", "verify").stdout == "0 lines, all as they were written; head -\n"
    fill(kept)
    head = voc("audit", "head").stdout.strip()
    assert head == rows(kept)[-1]["hash"]
    assert json.loads(voc("audit", "head", "--json").stdout)["number"] == LINES
    whole = voc("audit", "verify", "--head", head.upper())
    assert (whole.exit_code, whole.stdout) == (0, f"6 lines, all as they were written; head {head}\n")
    strange = voc("audit", "verify", "--head", "0" * 64)
    assert strange.exit_code == 1
    assert strange.stdout.startswith(
        "no line has the hash that was kept: lines were cut off, or written anew\n"
    )

    with closing(sqlite3.connect(kept.path)) as connection, connection:  # one byte
        unlocked(connection)
        connection.execute("UPDATE audit SET details = replace(details, ':3', ':4') WHERE number = 4")
    broken = voc("audit", "verify")
    assert broken.exit_code == 1
    assert broken.stdout == (
        "line 4 was changed: its hash does not fit\n3 lines before it are as they were written\n"
    )
    told = json.loads(voc("audit", "verify", "--json").stdout)
    assert (told["number"], told["lines"], told["head"]) == (4, 3, rows(kept)[2]["hash"])


def test_list_on_the_command_line(voc: Callable[..., Result], kept: Store) -> None:
    assert voc("init").exit_code == 0
    fill(kept)
    plain = voc("audit", "list", "--subject", "k2").stdout
    assert plain.count("\n") == 1
    assert plain.split()[0] == "3"
    assert plain.split()[2:] == ["person:2", "feedback.read", "k2"]
    found = json.loads(voc("audit", "list", "--json", "--limit", "2", "--action", "feedback").stdout)
    assert [line["number"] for line in found] == [6, 5]
    assert found == [line.as_dict() for line in kept.audit.entries(action="feedback", limit=2)[0]]
    assert voc("audit", "list", "--until", "2000-01-01").stdout == ""
    assert done(kept)[-1] == (
        f"command:{the_user()}",
        "cli.audit.list",
        None,
        {"until": "2000-01-01T00:00:00"},
    )
