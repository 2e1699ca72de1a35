"""Exports of app reviews, and mail: what is taken of each row, what is skipped, that nothing comes twice."""

from __future__ import annotations

import base64
import csv
import io
import json
import tracemalloc
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from voc.cli import main
from voc.errors import InvalidInput
from voc.ingest import FileFormat, Row, read_file, validate
from voc.markup import mail_code

Write = Callable[[str, bytes], Path]

GOOGLE = (
    "Package Name", "App Version Code", "App Version Name", "Reviewer Language", "Device",
    "Review Submit Date and Time", "Review Submit Millis Since Epoch", "Review Last Update Date and Time",
    "Review Last Update Millis Since Epoch", "Star Rating", "Review Title", "Review Text",
    "Developer Reply Date and Time", "Developer Reply Millis Since Epoch", "Developer Reply Text",
    "Review Link",
)  # fmt: skip
LINK = "https://play.google.com/console/developers/1/app/2/user-feedback/review-details?reviewId=gp%3AAOqp&corpus="


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of that name."""

    def file(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return file


def table(header: Sequence[str], *lines: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *lines])
    return text.getvalue()


def google(**changes: str) -> list[str]:
    given = {
        "Package Name": "vn.example.shop", "App Version Code": "77", "App Version Name": "1.0.6",
        "Reviewer Language": "vi", "Device": "star2qltechn",
        "Review Submit Date and Time": "2026-11-02T03:04:05Z",
        "Review Submit Millis Since Epoch": "1793588645000",
        "Review Last Update Date and Time": "2026-11-03T03:04:05Z",
        "Review Last Update Millis Since Epoch": "1793675045123", "Star Rating": "2", "Review Title": "",
        "Review Text": 'Hay bị "đứng" lúc trả tiền,\nmất đơn', "Review Link": LINK,
    } | changes  # fmt: skip
    return [given.get(name, "") for name in GOOGLE]


def values(rows: Sequence[Row]) -> list[Any]:
    return [row.values for row in rows if row.values is not None]


def refused(path: Path, file_format: FileFormat, **options: Any) -> tuple[str, str | None]:
    with pytest.raises(InvalidInput) as caught:
        list(read_file(path, file_format, **options))
    return caught.value.code, caught.value.field


# ---- Google Play


def test_google_play(write: Write) -> None:
    text = table(
        GOOGLE, google(),
        google(**{
            "Review Title": "Tệ", "Review Text": "Không mở được", "Review Link": LINK.replace("AOqp", "B")
        }),
        google(**{"Review Text": ""}),
    )  # fmt: skip
    path = write("reviews_vn.example.shop_202611.csv", b"\xff\xfe" + text.encode("utf-16-le"))
    rows = list(read_file(path, "google-play"))
    assert values(rows) == [
        {
            "text": 'Hay bị "đứng" lúc trả tiền,\nmất đơn', "external_id": "gp:AOqp", "channel": "app-review",
            "scores": {"csat": 2}, "occurred_at": "2026-11-03T03:04:05.123000+00:00",
            "attributes": {
                "app": "vn.example.shop", "app_version": "1.0.6", "language": "vi", "device": "star2qltechn",
            },
        },
        {
            "text": "Tệ\nKhông mở được", "external_id": "gp:B", "channel": "app-review",
            "scores": {"csat": 2}, "occurred_at": "2026-11-03T03:04:05.123000+00:00",
            "attributes": {
                "app": "vn.example.shop", "app_version": "1.0.6", "language": "vi", "device": "star2qltechn",
            },
        },
    ]  # fmt: skip
    assert [row.skipped for row in rows] == [None, None, "without text"]
    assert validate(rows[0].values, source="google-play").occurred_at == "2026-11-03T03:04:05.123Z"


def test_google_play_of_other_times(write: Write) -> None:
    older = [name for name in GOOGLE if "Last Update" not in name and "Version Name" not in name]
    line = dict(zip(GOOGLE, google(**{"Review Link": ""}), strict=True))
    path = write("reviews.csv", table(older, [line[name] for name in older]).encode())
    (row,) = values(list(read_file(path, "google-play")))
    assert row["occurred_at"] == "2026-11-02T03:04:05+00:00"
    assert row["attributes"]["app_version"] == "77"
    assert row["external_id"].startswith("row:")
    assert [values(list(read_file(path, "google-play")))[0]["external_id"]] == [row["external_id"]]


# ---- App Store


@pytest.mark.parametrize(
    ("header", "line", "expected"),
    [
        (
            ("Date", "Review ID", "Title", "Review", "Rating", "Author", "Version", "Territory"),
            ("2026-11-03", "991", "Crashes", "Every time I pay", "1", "nick", "3.2", "VNM"),
            ("Crashes\nEvery time I pay", "991", "2026-11-03T00:00:00+00:00", {"csat": 1}, "VNM"),
        ),
        (
            ("id", "rating", "title", "body", "reviewerNickname", "createdDate", "territory"),
            ("00000001-ab", "5", "Tốt", "Tốt lắm", "nick", "2026-11-03T10:00:00-07:00", "VNM"),
            ("Tốt lắm", "00000001-ab", "2026-11-03T10:00:00-07:00", {"csat": 5}, "VNM"),
        ),
        (
            ("Review_ID", "Stars", "Subject", "Content", "Nickname", "Review Date", "Country"),
            ("7", "4.0", "", "Ổn", "nick", "Nov 3, 2026", "vn"),
            ("Ổn", "7", "2026-11-03T00:00:00+00:00", {"csat": 4}, "vn"),
        ),
    ],
)  # fmt: skip
def test_app_store(write: Write, header: Any, line: Any, expected: Any) -> None:
    (row,) = values(list(read_file(write("a.csv", table(header, line).encode()), "app-store")))
    assert (
        row["text"], row["external_id"], row["occurred_at"], row["scores"], row["attributes"]["territory"]
    ) == expected  # fmt: skip
    assert "nick" not in json.dumps(row)


def test_a_row_that_is_wrong_is_named_and_the_next_is_read(write: Write) -> None:
    text = table(
        ("Date", "Review", "Rating", "Review ID"),
        ("03/11/2026", "which day?", "1", "1"), ("2026-11-03", "ok", "none", "x" * 300),
        ("2026-11-03", "a", "6", "3", "too many"),
    )  # fmt: skip
    rows = list(read_file(write("a.csv", text.encode()), "app-store"))
    assert [row.error.field if row.error else None for row in rows] == ["occurred_at", None, "row"]
    assert rows[1].values is not None
    assert (rows[1].values["scores"], len(rows[1].values["external_id"])) == ({}, 35)


def test_a_file_that_is_no_export_is_refused(write: Write) -> None:
    path = write("a.csv", b"Date,Rating\n2026-11-03,5\n")
    assert refused(path, "app-store") == ("column_missing", "text")
    assert refused(path, "google-play") == ("column_missing", "text")
    assert refused(write("b.csv", b""), "google-play") == ("file_empty", "row")
    assert refused(path, "app-store", mapping={"text": "Date"}) == ("mapping_unused", "map")


@hypothesis_settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300))
def test_any_bytes_give_rows_or_a_refusal(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    formats: tuple[FileFormat, ...] = ("google-play", "app-store", "mbox")
    for prefix in (b"", b"Review Text,Date,Review Link,Review\n", b"From a\nSubject: b\n"):
        path.write_bytes(prefix + content)
        for file_format in formats:
            try:
                rows = list(read_file(path, file_format))
            except InvalidInput:
                continue
            assert all((row.values is None) == bool(row.error or row.skipped) for row in rows)


# ---- mail


def mail(text: str | None = "Giao trễ ba ngày", **headers: str) -> EmailMessage:
    message = EmailMessage()
    given = {
        "From": "Khách Hàng <Khach@Example.com>", "To": "cs@example.com", "Subject": "Đơn 17",
        "Date": "Fri, 20 Nov 2026 09:15:00 +0700", "Message-ID": "<1@example.com>",
    } | {name.replace("_", "-"): value for name, value in headers.items()}  # fmt: skip
    for name, value in given.items():
        if value:
            message[name] = value
    if text is not None:
        message.set_content(text)
    return message


def mbox(*messages: EmailMessage | bytes) -> bytes:
    parts = []
    for message in messages:
        content = message if isinstance(message, bytes) else message.as_bytes(policy=SMTP.clone(linesep="\n"))
        parts.append(b"From - Fri Nov 20 02:15:09 2026\n" + content.replace(b"\nFrom ", b"\n>From ") + b"\n")
    return b"\n".join(parts)


def read_mail(write: Write, *messages: EmailMessage | bytes) -> list[Row]:
    return list(read_file(write("in.mbox", mbox(*messages))))


def test_a_mail(write: Write) -> None:
    (row,) = read_mail(write, mail("Giao trễ ba ngày\nFrom the shop: nothing\n\n-- \nKhách"))
    assert row.values == {
        "text": "Giao trễ ba ngày\nFrom the shop: nothing", "external_id": "1@example.com",
        "occurred_at": "2026-11-20T09:15:00+07:00", "channel": "email",
        "attributes": {"subject": "Đơn 17"}, "customer_ref": mail_code("khach@example.com"),
    }  # fmt: skip
    assert "khach" not in json.dumps(row.values).lower()
    kept = validate(row.values, source="email")
    assert (kept.occurred_at, kept.source) == ("2026-11-20T02:15:00.000Z", "email")


def test_html_is_read_where_there_is_no_plain_part(write: Write) -> None:
    both = mail("plain")
    both.add_alternative("<p>html</p>", subtype="html")
    both.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    only, empty = mail(None), mail(" \n")
    only.set_content(
        "<p>Mới</p><div>On 3 Nov 2026 at 10:00, A &lt;a@b.vn&gt; wrote:<br></div><blockquote>cũ</blockquote>",
        subtype="html",
    )
    empty.add_alternative("<b>chỉ có HTML</b>", subtype="html")
    assert [row["text"] for row in values(read_mail(write, both, only, empty))] == [
        "plain",
        "Mới",
        "chỉ có HTML",
    ]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"From": "Mail Delivery <MAILER-DAEMON@example.com>"}, "bounces"),
        ({"Return_Path": "<>"}, "bounces"),
        ({"Auto_Submitted": "auto-replied"}, "automatic replies"),
        ({"X_Autoreply": "yes"}, "automatic replies"),
        ({"Precedence": "bulk"}, "bulk mail"),
        ({"Auto_Submitted": "no"}, None),
    ],
)
def test_what_no_customer_wrote_is_skipped(write: Write, headers: dict[str, str], reason: str | None) -> None:
    (row,) = read_mail(write, mail(**headers))
    assert row.skipped == reason


def test_a_report_and_a_bare_quotation_are_skipped(write: Write) -> None:
    report = b"From: a@b.vn\nContent-Type: multipart/report; boundary=x\n\n--x\n\nfailed\n--x--\n"
    quoted = mail("On 3 Nov 2026 at 10:00, A <a@b.vn> wrote:\n> cũ")
    picture = mail(None)
    picture.add_attachment(b"x", maintype="image", subtype="png", filename="a.png")
    rows = read_mail(write, report, quoted, picture)
    assert [row.skipped for row in rows] == ["bounces", "without text", "without text"]


@pytest.mark.parametrize(
    ("charset", "content"),
    [
        ("utf-8", "được".encode()), ("us-ascii", "được".encode()), ("no-such-charset", "được".encode()),
        ("windows-1258", b"\xf0\xfd\xf5\xf2c"), ("utf-8", b"\xf0\xfd\xf5\xf2c"),
        ("utf-16", "được".encode("utf-16")),
    ],
)  # fmt: skip
def test_a_charset_that_is_wrong_is_no_error(write: Write, charset: str, content: bytes) -> None:
    head = (
        f"From: a@b.vn\nDate: Fri, 20 Nov 2026 09:15:00 +0700\nContent-Type: text/plain; charset={charset}\n"
    )
    body = head.encode() + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(content)
    (row,) = read_mail(write, body)
    assert row.values is not None
    assert row.values["text"] == "được"


def test_a_mail_without_what_it_should_have(write: Write) -> None:
    bare = mail(Date="", Message_ID="", From="nobody", Subject="")
    odd = mail(Message_ID="<" + "x" * 300 + "@y>")
    broken = b"From: =?utf-8?q?=ZZ?= <a@b\nDate: never\nMessage-ID: \nContent-Type: ;;;\n\nStill words\n"
    first, second, third = (row.values for row in read_mail(write, bare, odd, broken))
    assert first is not None
    assert second is not None
    assert third is not None
    assert first["occurred_at"] == "2026-11-20T02:15:09+00:00"  # of the line that begins the message
    assert (first["external_id"][:4], "customer_ref" in first, first["attributes"]) == ("row:", False, {})
    assert second["external_id"].startswith("id:")
    assert third["text"] == "Still words"


def test_flowed_lines_are_joined(write: Write) -> None:
    head = b"Date: Fri, 20 Nov 2026 09:15:00 +0700\nContent-Type: text/plain; format=flowed\n\n"
    message = head + b"mot \nhai\nba\n-- \nx\n"
    (row,) = read_mail(write, message)
    assert row.values is not None
    assert row.values["text"] == "mot hai\nba"


def test_a_file_that_is_no_mbox_is_refused(write: Write) -> None:
    assert refused(write("a.mbox", b"hello\n"), "mbox") == ("file_unreadable", "row")


def test_memory_holds_one_message(write: Write) -> None:
    one = mail("Giao trễ")
    one.add_attachment(b"x" * 200_000, maintype="application", subtype="zip", filename="a.zip")
    path = write("in.mbox", mbox(one) * 60)
    assert path.stat().st_size > 15_000_000
    tracemalloc.start()
    count = sum(1 for _ in read_file(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 60
    assert peak < 6_000_000


# ---- the command


def voc(tmp_path: Path, *words: str) -> Any:
    return CliRunner().invoke(main, ["--db", str(tmp_path / "voc.db"), *words])


def test_ingest_counts_what_is_skipped_and_adds_nothing_twice(write: Write, tmp_path: Path) -> None:
    text = table(GOOGLE, google(), google(**{"Review Text": ""}), google(**{"Review Text": " "}))
    path = write("reviews.csv", b"\xff\xfe" + text.encode("utf-16-le"))
    first = voc(tmp_path, "ingest", str(path), "--format", "google-play", "--json")
    assert json.loads(first.stdout) == {"created": 1, "exists": 0, "bad": 0, "queued": 0, "skipped": 2}
    assert "skipped: 2 without text" in first.stderr
    again = voc(tmp_path, "ingest", str(path), "--format", "google-play", "--json")
    assert json.loads(again.stdout) == {"created": 0, "exists": 1, "bad": 0, "queued": 0, "skipped": 2}
    inbox = write("in.mbox", mbox(mail(), mail(Precedence="bulk")))
    for expected in ({"created": 1, "exists": 0}, {"created": 0, "exists": 1}):
        result = voc(tmp_path, "ingest", str(inbox), "--json")
        assert json.loads(result.stdout) == expected | {"bad": 0, "queued": 0, "skipped": 1}
    out = tmp_path / "all.jsonl"
    assert voc(tmp_path, "export", str(out)).exit_code == 0
    sources = [json.loads(line)["feedback"]["source"] for line in out.read_text("utf-8").splitlines()]
    assert sorted(sources) == ["email", "google-play"]
