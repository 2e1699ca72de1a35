"""Files that leave: one row per feedback, in CSV, JSONL and Parquet, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from voc import export
from voc.cli import main
from voc.cli.shared import the_user
from voc.errors import InvalidInput
from voc.records import Analysis, Candidate, Feedback, Segment
from voc.services import Services
from voc.store import Filter, Store

Make = Callable[..., Feedback]
TEXT = 'Giao "trễ"; 😡,\nkhông báo'
JUDGED = Analysis(
    "b", "vi", "negative", -0.82, 0.94, "logistics", 0.97, ("care", "sales"), "receive", "routed",
    (Candidate("care", 0.5),), ("care", "sales"),
    (Segment(0, 14, TEXT[:14], "vi", "negative", -0.9, "delivery-late", "logistics", 0.97),
     Segment(15, 25, TEXT[15:25], "vi", "negative", -0.7, "no-word", "care", 0.6),
     Segment(0, 4, TEXT[:4], "vi", "neutral", 0.0, "delivery-late", None, 0.0),
     Segment(4, 5, TEXT[4:5], "und", "neutral", 0.0, None, None, 0.0)),
    "2026.11-abc",
)  # fmt: skip


@pytest.fixture
def filled(store: Store, feedback: Make) -> Store:
    """One row with everything and an analysis, one with little that still waits."""
    full = feedback(
        "b", TEXT, source="zendesk", external_id="17", channel="chat", touchpoint="buy", customer_ref="c",
        scores={"nps": 3}, attributes={"vùng": "HN", "vip": True}, occurred_at="2026-11-03T00:00:00.000Z",
    )  # fmt: skip
    store.add([full, feedback("a", "tốt", touchpoint="pay")], holder="h", lease_s=1)
    store.save([JUDGED], [None], "r1")
    return store


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


FULL = {
    "id": "b", "text": TEXT, "source": "zendesk", "external_id": "17",
    "occurred_at": "2026-11-03T00:00:00.000Z", "received_at": "2026-11-02T08:00:01.000Z", "channel": "chat",
    "customer_ref": "c", "language": "vi", "sentiment": "negative", "sentiment_score": -0.82,
    "sentiment_confidence": 0.94, "owner": "logistics", "owner_confidence": 0.97,
    "cooperators": ["care", "sales"], "touchpoint": "receive", "status": "routed", "hops": ["care", "sales"],
    "topics": ["delivery-late", "no-word"], "segments": JUDGED.as_dict()["segments"], "scores": {"nps": 3},
    "attributes": {"vùng": "HN", "vip": True}, "corrected": [], "pipeline": "2026.11-abc",
}  # fmt: skip
NESTED = ("cooperators", "hops", "topics", "segments", "scores", "attributes", "corrected")


def test_csv_holds_every_column(filled: Store, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert export.write(filled, path, "csv") == 2
    assert path.read_bytes().startswith(b"\xef\xbb\xbfid,text,")
    full, waiting = cells(path)
    assert tuple(full) == export.COLUMNS == tuple(FULL)
    for name in NESTED:
        assert json.loads(full[name]) == FULL[name]
    assert full["sentiment_score"] == "-0.82"
    plain = [name for name in FULL if name not in NESTED]
    assert [full[name] for name in plain] == [str(FULL[name]) for name in plain]
    assert (waiting["id"], waiting["text"], waiting["touchpoint"]) == ("a", "tốt", "pay")
    assert [waiting[name] for name in ("owner", "sentiment", "sentiment_score", "pipeline")] == [""] * 4
    assert json.loads(waiting["topics"]) == []


def test_jsonl_holds_the_records(filled: Store, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    assert export.write(filled, path, "jsonl") == 2
    lines = path.read_text("utf-8").split("\n")
    assert lines.pop() == ""
    kept = [filled.get("b"), filled.get("a")]
    assert [json.loads(line) for line in lines] == [
        {"feedback": kept[0].feedback.as_dict(), "analysis": JUDGED.as_dict()},
        {"feedback": kept[1].feedback.as_dict(), "analysis": None},
    ]
    assert "😡" in lines[0]


def test_what_people_decided_is_marked(filled: Store, tmp_path: Path) -> None:
    filled.corrections.add(
        "b", [(None, "owner", "sales", "logistics")], author="lan", reason=None, departments={}
    )
    for ending in ("csv", "jsonl"):
        export.write(filled, tmp_path / ending, ending)
    full, waiting = cells(tmp_path / "csv")
    assert (full["owner"], full["corrected"], waiting["corrected"]) == ("sales", '["owner"]', "[]")
    lines = [json.loads(line) for line in (tmp_path / "jsonl").read_text("utf-8").splitlines()]
    assert [line.get("corrected") for line in lines] == [["owner"], None]


def test_parquet_holds_every_column_with_its_type(filled: Store, tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert export.write(filled, path, "parquet") == 2
    table = pq.read_table(path)
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {name: "double" if name in export.NUMBERS else "string" for name in export.COLUMNS}
    full, waiting = table.to_pylist()
    assert {name: json.loads(full[name]) if name in NESTED else full[name] for name in FULL} == FULL
    assert (waiting["id"], waiting["owner"], waiting["sentiment_score"]) == ("a", None, None)


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_pages_lose_nothing_and_report_progress(
    store: Store, feedback: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    monkeypatch.setattr(export, "PAGE", 3)
    store.add([feedback(f"k{n}", "chữ") for n in range(8)], holder="h", lease_s=1)
    path, steps = tmp_path / "out", []
    assert export.write(store, path, file_format, steps.append) == 8
    assert steps == [3, 3, 2]
    found = {
        "csv": lambda: [row["id"] for row in cells(path)],
        "jsonl": lambda: [
            json.loads(line)["feedback"]["id"] for line in path.read_text("utf-8").splitlines()
        ],
        "parquet": lambda: pq.read_table(path)["id"].to_pylist(),
    }[file_format]()
    assert found == [f"k{n}" for n in reversed(range(8))]


def test_a_file_is_for_its_owner_alone(filled: Store, tmp_path: Path) -> None:
    export.write(filled, tmp_path / "a.csv", "csv")
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o600


def test_an_empty_store_gives_a_readable_file(store: Store, tmp_path: Path) -> None:
    for file_format in ("csv", "jsonl", "parquet"):
        assert export.write(store, tmp_path / file_format, file_format) == 0
    assert (tmp_path / "csv").read_bytes().decode("utf-8-sig") == ",".join(export.COLUMNS) + "\r\n"
    assert (tmp_path / "jsonl").read_text("utf-8") == ""
    assert pq.read_table(tmp_path / "parquet").column_names == list(export.COLUMNS)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+84 90", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", '=HYPERLINK("x")', "\tx",
     "  =1", " \n-1", "\u00a0+1", "\ufeff=1", "\u200b@x", "＝1+1", "　＋84", "－1", "＠a"],
)  # fmt: skip
def test_formulas_are_neutralized_in_csv_only(
    store: Store, feedback: Make, tmp_path: Path, text: str
) -> None:
    row = feedback("k", text, channel=text, external_id=text)
    store.add([row], holder="h", lease_s=1)
    export.write(store, tmp_path / "out.csv", "csv")
    export.write(store, tmp_path / "out.jsonl", "jsonl")
    export.write(store, tmp_path / "out.parquet", "parquet")
    (found,) = cells(tmp_path / "out.csv")
    assert [found[name] for name in ("text", "channel", "external_id")] == ["'" + text] * 3
    assert json.loads((tmp_path / "out.jsonl").read_text("utf-8"))["feedback"]["text"] == text
    assert pq.read_table(tmp_path / "out.parquet")["text"].to_pylist() == [text]


@pytest.mark.parametrize("text", ["1+1=2", "a@b.vn", "'=1", "a\n=1", "😡", " a=1", "  ", "–1", "0912"])
def test_harmless_cells_are_left_alone(store: Store, feedback: Make, tmp_path: Path, text: str) -> None:
    store.add([feedback("k", text)], holder="h", lease_s=1)
    export.write(store, tmp_path / "out.csv", "csv")
    assert [row["text"] for row in cells(tmp_path / "out.csv")] == [text]


def test_every_ending_leads_to_a_writer(filled: Store, tmp_path: Path) -> None:
    written: dict[str, Any] = {
        ending: export.write(filled, tmp_path / f"out{ending}", file_format)
        for ending, file_format in export.FORMATS.items()
    }
    assert written == {".csv": 2, ".jsonl": 2, ".ndjson": 2, ".parquet": 2}


def test_numbers_stay_numbers_for_a_spreadsheet() -> None:
    assert [export.safe_cell(value) for value in (-0.82, 0, None, "")] == [-0.82, 0, None, ""]


# ---- what is chosen, and a file that is whole or not there


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (Filter(), ["b", "a"]), (Filter(department="care"), ["b"]), (Filter(within="sales"), ["b"]),
        (Filter(within="finance"), []), (Filter(topic="no-word"), ["b"]), (Filter(source="test"), ["a"]),
        (Filter(until="2026-11-03"), ["a"]), (Filter(q="TRE"), ["b"]), (Filter(sentiment="positive"), []),
    ],
)  # fmt: skip
def test_a_stream_has_what_was_chosen(filled: Store, chosen: Filter, found: list[str]) -> None:
    lines = b"".join(export.stream(filled, chosen, "jsonl")).decode().splitlines()
    assert [json.loads(line)["feedback"]["id"] for line in lines] == found


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_a_stream_is_the_file(filled: Store, tmp_path: Path, file_format: export.Format) -> None:
    export.write(filled, tmp_path / "out", file_format)
    assert b"".join(export.stream(filled, Filter(), file_format)) == (tmp_path / "out").read_bytes()


def spoil(store: Store, key: str) -> None:
    """What cannot be read is met in the middle of an export."""
    with store.write() as db:
        db.conn.execute("UPDATE feedback SET scores = '{' WHERE id = ?", (key,))


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_an_export_that_fails_leaves_what_was_there(
    store: Store, feedback: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: export.Format
) -> None:
    monkeypatch.setattr(export, "PAGE", 2)
    store.add([feedback(f"k{n}", "chữ") for n in range(6)], holder="h", lease_s=1)
    path = tmp_path / "folder" / "out"
    path.parent.mkdir()
    path.write_bytes(b"before")
    spoil(store, "k1")
    steps: list[int] = []
    with pytest.raises(json.JSONDecodeError):
        export.write(store, path, file_format, steps.append)
    assert (steps, path.read_bytes(), list(path.parent.iterdir())) == ([2, 2], b"before", [path])


def test_a_file_that_cannot_be_written_is_named(filled: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere/out\.csv cannot be written") as caught:
        export.write(filled, tmp_path / "nowhere" / "out.csv", "csv")
    assert caught.value.code == "out_unwritable"


def test_a_link_is_followed_and_a_pipe_is_written_to(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert export.write(filled, tmp_path / "link", "jsonl") == 2
    assert (tmp_path / "link").is_symlink()
    assert len((tmp_path / "real").read_text("utf-8").splitlines()) == 2
    os.mkfifo(tmp_path / "pipe")
    taken: list[bytes] = []
    reader = threading.Thread(target=lambda: taken.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    assert export.write(filled, tmp_path / "pipe", "jsonl") == 2
    reader.join()
    assert taken == [(tmp_path / "real").read_bytes()]


# ---- constant memory, and nothing held while nobody reads


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """400 feedback of one source and 4,000 of another, alike in length (3.1 kB) and all analyzed."""
    store = Store(tmp_path_factory.mktemp("crowd") / "voc.db")
    store.prepare()
    with store.write() as db:
        for source, first, count in (("few", 1, 400), ("many", 401, 4_000)):
            numbers = [
                (number, f"k{number:06d}", TEXT * 100, source) for number in range(first, first + count)
            ]
            db.conn.executemany(
                "INSERT INTO feedback (number, id, text, source, occurred_at, received_at, scores, "
                "attributes) VALUES (?, ?, ?, ?, '2026-11-02T08:00:00Z', '2026-11-02T08:00:01Z', '{}', '{}')",
                numbers,
            )
        db.conn.execute(
            "INSERT INTO analyses (feedback, pipeline, language, sentiment, sentiment_score, "
            "sentiment_confidence, owner, owner_confidence, cooperators, touchpoint, status, candidates, "
            "hops, corrected) SELECT number, 'p', 'vi', 'negative', -0.5, 0.9, 'care', 0.8, '[]', 'use', "
            "'routed', '[]', '[]', '[]' FROM feedback"
        )
        db.conn.execute(
            "INSERT INTO segments SELECT number, 'p', 0, 0, 20, 'vi', 'negative', -0.5, 'no-word', 'care', "
            "0.8 FROM feedback"
        )
        db.conn.execute("INSERT INTO shown SELECT number, 'p' FROM feedback")
    yield store
    store.close()


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_ten_times_the_rows_take_no_more_memory(
    crowd: Store, file_format: export.Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    def peak(source: str) -> tuple[int, int]:
        rows: list[int] = []
        tracemalloc.start()
        for _ in export.stream(crowd, Filter(source=source), file_format, rows.append):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return sum(rows), most

    monkeypatch.setattr(export, "PAGE", 50)
    peak("few")  # what is imported and compiled at the first use
    (few, small), (many, large) = peak("few"), peak("many")
    assert (few, many) == (400, 4_000)
    assert large - small < 2**21  # the garbage collector keeps some rows a while; their texts are 11 MB


def test_nothing_is_held_open_between_two_pages(crowd: Store) -> None:
    stream = export.stream(crowd, Filter(), "jsonl")
    next(stream)
    other = Store(crowd.path, busy_timeout_ms=0)
    other.copies.add("backup", Path("x"), by="lan")
    busy, pages, moved = other.db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, pages, moved) == (0, 0, 0)  # a reader would hold it back
    stream.close()
    other.close()


# ---- over HTTP


def logged(store: Store) -> list[tuple[str, dict[str, Any]]]:
    found, _ = store.audit.entries(action="feedback.export")
    return [(line.action, line.details) for line in reversed(found)]


@pytest.fixture
def full(services: Services, feedback: Make) -> Store:
    """The application's store with the rows of `filled`."""
    store = services.store
    store.add([feedback("b", TEXT, source="zendesk"), feedback("a", "tốt")], holder="h", lease_s=1)
    store.save([JUDGED], [None], "r1")
    return store


@pytest.mark.parametrize(
    ("file_format", "kind"),
    [("csv", "text/csv; charset=utf-8"), ("jsonl", "application/jsonl"),
     ("parquet", "application/vnd.apache.parquet")],
)  # fmt: skip
def test_export_over_http(client: FlaskClient, full: Store, file_format: export.Format, kind: str) -> None:
    response = client.get(f"/v1/export?format={file_format}&department=logistics")
    assert (response.status_code, response.headers["Content-Type"]) == (200, kind)
    assert response.headers["Content-Disposition"] == f'attachment; filename="feedback.{file_format}"'
    assert "Content-Length" not in response.headers
    body = response.get_data()
    assert body == b"".join(export.stream(full, Filter(department="logistics"), file_format))
    assert logged(full) == [
        ("feedback.export", {"format": file_format, "department": "logistics"}),
        ("feedback.export.done", {"rows": 1, "whole": True}),
    ]


def test_an_export_of_nothing_is_an_empty_file(client: FlaskClient) -> None:
    response = client.get("/v1/export?source=none")
    assert (response.status_code, response.get_data()) == (200, b"")
    table = pq.read_table(io.BytesIO(client.get("/v1/export?source=none&format=parquet").get_data()))
    assert (table.num_rows, table.column_names) == (0, list(export.COLUMNS))


@pytest.mark.parametrize("address", ["/v1/export?format=xlsx", "/v1/export?from=x", "/v1/export?limit=5"])
def test_a_wrong_export_is_refused(client: FlaskClient, full: Store, address: str) -> None:
    assert client.get(address).status_code == 422
    assert logged(full) == []


def test_an_export_is_logged_before_its_first_byte(
    client: FlaskClient, full: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 1)
    response = client.get("/v1/export", buffered=False)
    assert logged(full) == [("feedback.export", {})]
    chunks = response.iter_encoded()
    assert json.loads(next(chunks))["feedback"]["id"] == "b"
    response.close()  # the reader goes away
    assert logged(full)[1:] == [("feedback.export.done", {"rows": 1, "whole": False})]


def test_what_is_wrong_from_the_start_is_an_error(client: FlaskClient, full: Store) -> None:
    spoil(full, "b")
    assert client.get("/v1/export").status_code == 500
    assert logged(full) == []


# ---- as it is served


@pytest.fixture
def served(store: Store, feedback: Make) -> Iterator[int]:
    """gunicorn with the application on 3,000 feedback of which the last cannot be read; its port."""
    rows = [feedback(f"k{n:04d}", "chữ " * 200, source="well" if n else "ill") for n in range(3_000)]
    store.add(rows, holder="h", lease_s=1)
    spoil(store, "k0000")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "2", "--bind",
         f"127.0.0.1:{port}", "voc.app:create_app()"],
        env={**os.environ, "VOC_DB": str(store.path)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    while "Listening at" not in process.stderr.readline():
        assert process.poll() is None
    reader = threading.Thread(target=process.stderr.read)
    reader.start()
    yield port
    process.terminate()
    process.wait()
    reader.join()
    process.stderr.close()


def test_a_reader_can_tell_a_whole_export_from_one_that_broke(served: int, store: Store) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served, timeout=60)
    connection.request("GET", "/v1/export?source=well")
    assert len(connection.getresponse().read().splitlines()) == 2_999
    connection.request("GET", "/v1/export")
    response = connection.getresponse()
    assert response.status == 200  # said before the page that cannot be read
    with pytest.raises(http.client.IncompleteRead) as caught:
        response.read()
    assert caught.value.partial.count(b"\n") == 2_000
    connection.close()
    assert logged(store)[1::2] == [
        ("feedback.export.done", {"rows": 2_999, "whole": True}),
        ("feedback.export.done", {"rows": 2_000, "whole": False}),
    ]


# ---- on the command line


def test_the_command_writes_what_is_chosen_and_notes_where(
    store: Store, feedback: Make, tmp_path: Path
) -> None:
    full = feedback("b", TEXT, source="zendesk", occurred_at="2026-11-03T10:00:00.000Z")
    store.add([full, feedback("a", "tốt")], holder="h", lease_s=1)
    store.save([JUDGED], [None], "r1")

    def run(name: str, *options: str) -> list[str]:
        command = ["--db", str(store.path), "export", str(tmp_path / name), *options]
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
        lines = (tmp_path / name).read_text("utf-8").splitlines()
        return [json.loads(line)["feedback"]["id"] for line in lines]

    assert run("all.jsonl") == ["b", "a"]
    for options, found in (
        (["--department", "care", "--role", "cooperator"], ["b"]),
        (["--department", "care", "--role", "owner"], []),
        (["--topic", "no-word"], ["b"]), (["--source", "test"], ["a"]), (["--since", "2026-11-03"], ["b"]),
        (["--until", "2026-11-02"], ["a"]), (["--until", "2026-11-03"], ["b", "a"]), (["--q", "tot"], ["a"]),
        (["--sentiment", "negative"], ["b"]), (["--status", "routed", "--language", "vi"], ["b"]),
    ):  # fmt: skip
        assert run("some.jsonl", *options) == found
    copies = store.copies.list()
    assert len(copies) == 11
    assert copies[-1].as_dict() == {
        "number": 1, "kind": "export", "path": str(tmp_path / "all.jsonl"), "made_at": copies[-1].made_at,
        "made_by": the_user(), "rows": 2,
    }  # fmt: skip
    assert (store.copies.list("backup"), copies[-1].made_at[:2]) == ([], "20")

    nowhere = tmp_path / "nowhere" / "out.csv"
    result = CliRunner().invoke(main, ["--db", str(store.path), "export", str(nowhere)])
    assert (result.exit_code, result.stderr.split(":")[1]) == (1, " out_unwritable")
    assert len(store.copies.list()) == 11


@given(
    st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from("=+-@＝＋－＠\t\r\n '")
        )
    )
)
@example(["\u200b=1+1", "\n＠x", "'=1", "", "-", "đ=1"])
def test_any_cells_are_harmless_and_come_back(cells: list[str]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([export.safe_cell(cell)] for cell in cells)
    read = [row[0] if row else "" for row in csv.reader(io.StringIO(written.getvalue(), newline=""))]
    assert [cell.removeprefix("'") for cell in read] == [cell.removeprefix("'") for cell in cells]
    for cell, back in zip(cells, read, strict=True):
        assert back in (cell, "'" + cell)
        seen = back.lstrip("\0\t\n\r\x0b\x0c \xa0\u200b\ufeff")
        assert not seen.startswith(tuple("=+-@＝＋－＠"))
