"""Files that people bring: looked at, read to the end, once, whatever dies meanwhile."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient

from voc.app import Voc
from voc.errors import Conflict, InvalidInput, NotFound
from voc.process import new_holder
from voc.services import Services
from voc.store import Filter, Upload
from voc.uploads import COLUMNS_MOST, ON_DISK, PAGE, Uploads, as_iso, suggested

CSV = (
    "Ngày;Nội dung;NPS;Khu vực\n"
    "31/10/2026 14:05;Giao hàng trễ ba ngày, gọi 0912 345 678 không ai nghe;2;Huế\n"
    "03/04/2026;Nhân viên tư vấn rất nhiệt tình;10;Hà Nội\n"
    "01/11/2026;Ứng dụng lỗi hoài;12;Hà Nội\n"
).encode()


@pytest.fixture
def uploads(services: Services) -> Uploads:
    """Of the application's installation."""
    return services.uploads


def brought(uploads: Uploads, content: bytes = CSV, name: str = "phan-hoi.csv") -> Upload:
    return uploads.take(name, content, None, author="person:lan")


def started(uploads: Uploads, content: bytes = CSV, name: str = "phan-hoi.csv") -> Upload:
    upload = brought(uploads, content, name)
    return uploads.start(upload, suggested(upload.columns), None)


def lines(count: int) -> bytes:
    rows = [{"text": f"Giao hàng trễ lần {number}"} for number in range(count)]
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_columns_are_suggested_by_their_names() -> None:
    columns = ("Mã phiếu", "Ngày", "Nội dung", "Điểm NPS", "Khu vực")
    assert suggested(columns) == {
        "text": "Nội dung", "occurred_at": "Ngày", "external_id": "Mã phiếu", "scores.nps": "Điểm NPS",
    }  # fmt: skip
    assert suggested(("Comment", "Created_At", "ID")) == {
        "text": "Comment", "occurred_at": "Created_At", "external_id": "ID",
    }  # fmt: skip
    assert suggested(("a", "b")) == {}


@pytest.mark.parametrize(
    ("written", "day_first", "month_first"),
    [
        ("03/04/2026", "2026-04-03", "2026-03-04"),
        ("31/10/2026 14:05", "2026-10-31T14:05:00", "2026-10-31T14:05:00"),
        ("10-31-2026 9:05:07", "2026-10-31T09:05:07", "2026-10-31T09:05:07"),
        ("2026-03-04", "2026-03-04", "2026-03-04"),
        ("hôm qua", "hôm qua", "hôm qua"),
    ],
)
def test_dates_as_spreadsheets_show_them(written: str, day_first: str, month_first: str) -> None:
    assert as_iso(written, "day-first") == day_first
    assert as_iso(written, "month-first") == month_first


def test_a_file_is_shown_before_anything_is_kept(uploads: Uploads, services: Services) -> None:
    upload = brought(uploads)
    assert (upload.rows, upload.columns, upload.state) == (
        3,
        ("Ngày", "Nội dung", "NPS", "Khu vực"),
        "waiting",
    )
    preview = uploads.preview(upload)
    (_, first), (_, second), (number, third) = preview.rows
    assert first.text == "Giao hàng trễ ba ngày, gọi [phone] không ai nghe"  # type: ignore[union-attr]
    assert first.occurred_at == "2026-10-31T14:05:00.000Z"  # type: ignore[union-attr]
    assert second.attributes == {"Khu vực": "Hà Nội"}  # type: ignore[union-attr]
    assert (number, third.code, third.field) == (4, "field_invalid", "scores.nps")  # type: ignore[union-attr]
    assert services.store.count(Filter()) == 0


def test_a_file_is_read_and_its_bytes_are_gone(uploads: Uploads, services: Services) -> None:
    upload = started(uploads)
    done = uploads.read_next()
    assert done is not None
    assert (done.id, done.state, done.done, done.created, done.bad) == (upload.id, "finished", 3, 2, 1)
    (problem,) = done.problems
    assert (problem.row, problem.field) == (4, "scores.nps")
    kept = {one.feedback.text: one for one in services.store.every(Filter())}
    late = kept["Giao hàng trễ ba ngày, gọi [phone] không ai nghe"]
    assert late.analysis is not None
    assert (late.analysis.owner, late.feedback.scores, late.feedback.source) == (
        "logistics",
        {"nps": 2},
        "phan-hoi",
    )
    with pytest.raises(NotFound, match=upload.id):
        services.store.uploads.content(upload.id)
    for path in services.settings.db.parent.glob(f"{services.settings.db.name}*"):  # the log beside it too
        assert b"0912 345 678" not in path.read_bytes(), path.name
    assert uploads.read_next() is None


def test_the_same_file_again_adds_nothing(uploads: Uploads, services: Services) -> None:
    started(uploads)
    uploads.read_next()
    started(uploads)
    again = uploads.read_next()
    assert again is not None
    assert (again.created, again.known, again.bad) == (0, 2, 1)
    assert services.store.count(Filter()) == 2


def test_who_dies_over_a_file_costs_no_row_and_doubles_none(uploads: Uploads, services: Services) -> None:
    upload = started(uploads, lines(PAGE + 10), "survey.jsonl")
    assert services.store.uploads.claim(new_holder(), 0.0) is not None  # its lease is over at once

    class Killed(BaseException):
        pass

    advance = services.store.uploads.advance

    def dying(*_: Any) -> None:
        raise Killed

    services.store.uploads.advance = dying  # type: ignore[method-assign]  # a kill after rows are kept
    with pytest.raises(Killed):
        uploads.read_next()
    services.store.uploads.advance = advance  # type: ignore[method-assign]
    assert services.store.count(Filter()) == PAGE
    done = uploads.read_next()
    assert done is not None
    assert (done.id, done.state, done.done) == (upload.id, "finished", PAGE + 10)
    assert (done.created, done.known) == (10, PAGE)
    assert services.store.count(Filter()) == PAGE + 10


def test_who_lost_a_file_does_not_go_on_with_it(uploads: Uploads, services: Services) -> None:
    started(uploads, lines(3), "survey.jsonl")
    first = services.store.uploads.claim("one", 0.0)
    second = services.store.uploads.claim("two", 60.0)
    assert first is not None
    assert second is not None
    assert services.store.uploads.claim("three", 60.0) is None
    services.store.uploads.end(first, "failed", "no")
    assert services.store.uploads.get(first.id).state == "running"


def test_a_cancelled_file_is_left_where_it_is(uploads: Uploads, services: Services) -> None:
    upload = started(uploads)
    assert services.store.uploads.cancel(upload.id).state == "cancelled"
    assert uploads.read_next() is None
    with pytest.raises(Conflict) as error:
        services.store.uploads.cancel(upload.id)
    assert error.value.code == "upload_ended"


def test_files_that_nobody_let_be_read_are_thrown_away(uploads: Uploads, services: Services) -> None:
    upload = brought(uploads)
    assert services.store.uploads.forget("2026-01-01T00:00:00.000Z") == 0
    assert services.store.uploads.forget("9999-01-01T00:00:00.000Z") == 1
    assert services.store.uploads.get(upload.id).state == "cancelled"


def gone(path: Path) -> bool:
    return not path.exists()


def test_a_process_that_runs_throws_away_what_is_left_behind(
    uploads: Uploads, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    killed, alive = (
        tmp_path / f"{ON_DISK}{socket.gethostname()}-{number}-x" for number in (ended.pid, os.getpid())
    )
    for path in (killed, alive):
        path.write_bytes(CSV)
    running = threading.Event()  # set when the loop has made its first turn
    stop = threading.Event()
    any_to_read = services.store.uploads.any_to_read

    def looked() -> bool:
        running.set()
        return any_to_read()

    services.store.uploads.any_to_read = looked  # type: ignore[method-assign]  # to know that it runs
    thread = threading.Thread(target=uploads.run, args=(stop,))
    thread.start()
    try:
        assert running.wait(20)
        assert (gone(killed), gone(alive)) == (True, False)
        upload = brought(uploads)  # while it runs: one that came before it is thrown away at its beginning
        with services.store.write() as db:
            db.conn.execute("UPDATE uploads SET made_at = '2026-01-01T00:00:00.000Z'")
        for _ in range(2):  # the turn that goes on now may have looked before
            running.clear()
            assert running.wait(20)
    finally:
        stop.set()
        thread.join()
    assert services.store.uploads.get(upload.id).state == "cancelled"
    with pytest.raises(NotFound):
        services.store.uploads.content(upload.id)


def test_a_page_that_may_wait_long_is_held_as_long(uploads: Uploads, services: Services) -> None:
    patient = services.settings.model_copy(update={"analysis_timeout_s": 600.0})
    upload = started(uploads, lines(1), "a.jsonl")
    advance = services.store.uploads.advance
    held: list[float] = []

    def looking(*given: Any) -> Upload | None:
        row = services.store.db.conn.execute("SELECT held_until FROM uploads").fetchone()
        held.append(row[0] - time.time())
        return advance(*given)

    services.store.uploads.advance = looking  # type: ignore[method-assign]  # while it is read
    done = Uploads(services.store, services.worklist, patient).read_next()
    assert done is not None
    assert (done.id, done.state) == (upload.id, "finished")
    assert 1_100 < held[0] <= 1_200


def test_what_is_no_row_is_refused_and_the_rest_is_kept(uploads: Uploads, services: Services) -> None:
    content = '[5, {"text": "Giao hàng trễ"}, ["text"], [["text", "x"]], null, "chữ"]'.encode()
    upload = started(uploads, content, "survey.json")
    assert uploads.preview(upload).rows[0][1].code == "row_invalid"  # type: ignore[union-attr]
    done = uploads.read_next()
    assert done is not None
    assert (done.id, done.state, done.created, done.bad) == (upload.id, "finished", 1, 5)
    assert [(one.row, one.code) for one in done.problems] == [
        (1, "row_invalid"), (3, "row_invalid"), (4, "row_invalid"), (5, "text_missing"), (6, "row_invalid"),
    ]  # fmt: skip
    assert services.store.count(Filter()) == 1


def test_a_file_that_cannot_be_read_now_does_not_keep_the_next_from_being(
    uploads: Uploads, services: Services
) -> None:
    first, second = started(uploads, lines(2), "a.jsonl"), started(uploads, lines(3), "b.jsonl")
    advance = services.store.uploads.advance

    def failing(upload: Upload, *given: Any) -> Upload | None:
        if upload.id == first.id:
            raise OSError("no space left on device")
        return advance(upload, *given)

    services.store.uploads.advance = failing  # type: ignore[method-assign]  # a disk that is full
    with pytest.raises(OSError, match="no space"):
        uploads.read_next()
    done = uploads.read_next()
    assert done is not None
    assert (done.id, done.state) == (second.id, "finished")
    services.store.uploads.advance = advance  # type: ignore[method-assign]
    assert uploads.read_next() is None  # until its lease is over
    with services.store.write() as db:
        db.conn.execute("UPDATE uploads SET held_until = 0 WHERE id = ?", (first.id,))
    again = uploads.read_next()
    assert again is not None
    assert (again.id, again.state, again.done) == (first.id, "finished", 2)


@pytest.mark.parametrize(
    ("name", "content", "code", "field"),
    [
        ("a.csv", f"{','.join(f'c{n}' for n in range(COLUMNS_MOST + 1))}\nx\n".encode(),
         "columns_too_many", "file"),
        ("a.pdf", b"x", "file_format_unknown", "format"),
        ("a.csv", b"", "file_empty", "file"),
        ("a.csv", b"text\n", "file_empty", "file"),
        ("a.xlsx", b"no workbook", "file_unreadable", None),
        ("\x00.csv", b"text\nx\n", "field_invalid", "name"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(
    uploads: Uploads, name: str, content: bytes, code: str, field: str | None
) -> None:
    with pytest.raises(InvalidInput) as error:
        uploads.take(name, content, None, author="x")
    assert (error.value.code, error.value.field) == (code, field)
    assert "/voc-" not in error.value.message  # where it lay is nobody's business


def test_a_mapping_that_makes_no_sense_is_refused(uploads: Uploads) -> None:
    upload = brought(uploads)
    for mapping, code in (
        ({"text": "Text"}, "column_missing"), ({"txt": "NPS", "text": "Nội dung"}, "field_unknown"),
        ({}, "column_missing"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as error:
            uploads.start(upload, mapping, None)
        assert error.value.code == code
    uploads.start(upload, suggested(upload.columns), None)
    with pytest.raises(Conflict) as conflict:
        uploads.start(upload, suggested(upload.columns), None)
    assert conflict.value.code == "upload_started"


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Comment", "Plan"])
    sheet.append(["The app crashes at every login", "gold"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_over_http(client: FlaskClient, uploads: Uploads) -> None:
    answer = client.post(
        "/v1/uploads?name=survey.xlsx", data=workbook(), content_type="application/octet-stream"
    )
    assert answer.status_code == 201
    body = answer.get_json()
    key = body["upload"]["id"]
    assert body["mapping"] == {"text": "Comment"}
    assert body["rows"][0]["feedback"]["attributes"] == {"Plan": "gold"}
    looked = client.post(f"/v1/uploads/{key}/preview", json={"mapping": {"text": "Plan"}})
    assert looked.get_json()["rows"][0]["feedback"]["text"] == "gold"
    begun = client.post(f"/v1/uploads/{key}/start", json={"mapping": body["mapping"], "source": "q3"})
    assert (begun.status_code, begun.get_json()["state"]) == (202, "running")
    uploads.read_next()
    done = client.get(f"/v1/uploads/{key}").get_json()
    assert (done["state"], done["created"], done["source"]) == ("finished", 1, "q3")
    assert [one["id"] for one in client.get("/v1/uploads").get_json()["items"]] == [key]
    (row,) = client.get("/v1/feedback").get_json()["items"]
    assert (row["feedback"]["source"], row["analysis"]["owner"]) == ("q3", "digital")
    assert client.delete(f"/v1/uploads/{key}").status_code == 409
    assert client.get("/v1/uploads/nobody").status_code == 404


def test_a_file_that_is_longer_than_allowed_is_not_cut(app: Voc, client: FlaskClient) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1_024
    body = b"text\n" + b"late\n" * 1_000
    for given in (
        {"data": body},
        {"input_stream": io.BytesIO(body), "environ_overrides": {"wsgi.input_terminated": True},
         "headers": {"Transfer-Encoding": "chunked"}},
    ):  # fmt: skip
        answer = client.post("/v1/uploads?name=a.csv", content_type="application/octet-stream", **given)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (413, "body_too_large")
    assert client.get("/v1/uploads").get_json()["items"] == []
