"""Rows and files as people send them: kept exactly, or refused by code, field and line."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import time
import tracemalloc
import unicodedata
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voc.errors import InvalidInput
from voc.ingest import Row, files, loads, read_file, validate

NESTED = "[" * 100_000
VIETNAMESE = (
    'Đặt hàng từ thứ bảy; chờ mãi, vẫn chưa nhận được. Gọi tổng đài thì "máy bận", ôi trời ơi ế ẩm ỹ!'
)
Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of that name."""

    def file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return file


def refusal(values: Any, **options: Any) -> tuple[str, str | None]:
    with pytest.raises(InvalidInput) as caught:
        validate(values, **options)
    return caught.value.code, caught.value.field


def good(rows: list[Row]) -> list[tuple[int, Any]]:
    return [(row.number, row.values) for row in rows if row.error is None]


def bad(rows: list[Row]) -> list[tuple[int, str, str | None]]:
    return [(row.number, row.error.code, row.error.field) for row in rows if row.error is not None]


def file_refusal(path: Path, **options: Any) -> tuple[str, str | None]:
    with pytest.raises(InvalidInput) as caught:
        list(read_file(path, **options))
    return caught.value.code, caught.value.field


# ---- one row


def test_a_full_row_is_kept_as_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voc.ingest.rows.utc_now", lambda: "2026-11-21T10:00:00.000Z")
    sent = {
        "text": "  Giao trễ \n", "source": "zendesk", "external_id": "17", "channel": "chat",
        "touchpoint": "receive", "customer_ref": "c-9", "occurred_at": "2026-11-20T09:15:00+07:00",
        "scores": {"nps": 0, "csat": 5, "ces": 7},
        "attributes": {"vùng": "HN", "giá": 3.0, "lần": 2, "vip": True},
    }  # fmt: skip
    kept = validate(sent).as_dict()
    assert len(kept.pop("id")) == 32
    assert kept == sent | {
        "occurred_at": "2026-11-20T02:15:00.000Z", "received_at": "2026-11-21T10:00:00.000Z"
    }  # fmt: skip
    assert [repr(value) for value in kept["attributes"].values()] == ["'HN'", "3.0", "2", "True"]


def test_what_is_left_out_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voc.ingest.rows.utc_now", lambda: "2026-11-21T10:00:00.000Z")
    kept = validate({"text": "tốt"}).as_dict()
    assert kept.pop("id") != validate({"text": "tốt"}).id
    assert kept == {
        "text": "tốt", "source": "api", "external_id": None, "occurred_at": "2026-11-21T10:00:00.000Z",
        "received_at": "2026-11-21T10:00:00.000Z", "channel": None, "touchpoint": None,
        "customer_ref": None, "scores": {}, "attributes": {},
    }  # fmt: skip


def test_a_source_is_given_where_the_row_names_none() -> None:
    assert validate({"text": "a"}, source="survey").source == "survey"
    assert validate({"text": "a", "source": "shop"}, source="survey").source == "shop"


@pytest.mark.parametrize(
    "text",
    [
        "😡",
        "👍🏽👍🏽 👨‍👩‍👧",
        "❤️",
        pytest.param("\U0001fae8", id="shaking face"),
        "?",
        "配送太慢了，三天都没到",
        "จัดส่งช้ามาก",
        "التوصيل بطيء جدا",
        "<b>Tốt</b> <script>alert('x')</script> &amp; &lt;",
        "=1+1",
        "'; DROP TABLE feedback; --",
        unicodedata.normalize("NFD", "Giao hàng rất chậm"),
        "\ufeffcó BOM",
        pytest.param("x" * 20_000, id="20,000 letters"),
        pytest.param("😡" * 20_000, id="20,000 emoji"),
    ],
)
def test_text_is_kept_as_it_is(text: str) -> None:
    assert validate({"text": text}).text == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "text_empty"),
        (" \n\t ", "text_empty"),
        ("\u00a0\u3000", "text_empty"),
        ("\u200b\u200d\ufeff", "text_empty"),
        ("\x07", "text_empty"),
        pytest.param("x" * 20_001, "text_too_long", id="20,001 letters"),
        pytest.param("😡" * 20_001, "text_too_long", id="20,001 emoji"),
        pytest.param(" " * 20_001, "text_too_long", id="20,001 blanks"),
        ("a\x00b", "field_invalid"),
        ("\x00", "field_invalid"),
        ("a\ud800b", "field_invalid"),
        (None, "field_invalid"),
        (5, "field_invalid"),
        (1.5, "field_invalid"),
        (True, "field_invalid"),
        (["a"], "field_invalid"),
        ({"vi": "a"}, "field_invalid"),
        (b"a", "field_invalid"),
    ],
)
def test_text_that_cannot_be_kept(text: Any, code: str) -> None:
    assert refusal({"text": text}) == (code, "text")


def test_a_row_without_text() -> None:
    assert refusal({}) == ("text_missing", "text")
    assert refusal({"txt": "a"}) == ("text_missing", "text")


def test_the_longest_text_is_a_setting() -> None:
    assert validate({"text": "x" * 100}, text_max_chars=100).text == "x" * 100
    assert refusal({"text": "x" * 101}, text_max_chars=100) == ("text_too_long", "text")


def test_the_longest_text_can_be_set_higher() -> None:
    long = "x" * 20_001
    assert validate({"text": long}, text_max_chars=30_000).text == long
    assert refusal({"text": "x" * 30_001}, text_max_chars=30_000) == ("text_too_long", "text")


@pytest.mark.parametrize("values", [None, True, 5, 1.5, "text", b"text", [], [{"text": "a"}]])
def test_a_row_that_is_no_object(values: Any) -> None:
    assert refusal(values) == ("row_invalid", None)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("txet", "a", ("field_unknown", "txet")),
        ("id", "mine", ("field_unknown", "id")),
        ("received_at", "2026-01-01", ("field_unknown", "received_at")),
        *[
            (field, value, ("field_invalid", field))
            for field in ("source", "external_id", "channel", "customer_ref")
            for value in ("", "x" * 201, 5, True, ["a"], {}, "\udfff")
        ],
        ("source", None, ("field_invalid", "source")),
        ("touchpoint", "nowhere", ("field_invalid", "touchpoint")),
        ("touchpoint", "Buy", ("field_invalid", "touchpoint")),
        ("touchpoint", 1, ("field_invalid", "touchpoint")),
        ("touchpoint", ["buy"], ("field_invalid", "touchpoint")),
    ],
)
def test_fields_that_do_not_fit(field: str, value: Any, expected: tuple[str, str]) -> None:
    assert refusal({"text": "a", field: value}) == expected


@pytest.mark.parametrize("field", ["source", "external_id", "channel", "customer_ref"])
def test_two_hundred_characters_fit(field: str) -> None:
    assert getattr(validate({"text": "a", field: "ộ" * 200}), field) == "ộ" * 200


@pytest.mark.parametrize(
    ("given_time", "kept"),
    [
        ("2026-11-21", "2026-11-21T00:00:00.000Z"),
        (" 2026-11-21 ", "2026-11-21T00:00:00.000Z"),
        ("2026-11-21T08:30:00", "2026-11-21T08:30:00.000Z"),
        ("2026-11-21 08:30", "2026-11-21T08:30:00.000Z"),
        ("2026-11-21T08:30:00Z", "2026-11-21T08:30:00.000Z"),
        ("2026-11-21T08:30:00+07:00", "2026-11-21T01:30:00.000Z"),
        ("2026-11-21T03:00:00+0700", "2026-11-20T20:00:00.000Z"),
        ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000Z"),
        ("2026-11-21T08:30:00.123999Z", "2026-11-21T08:30:00.123Z"),
        ("0001-01-01", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        (date(2026, 11, 21), "2026-11-21T00:00:00.000Z"),
        (datetime(2026, 11, 21, 8, 30), "2026-11-21T08:30:00.000Z"),  # noqa: DTZ001  # as XLSX gives it
    ],
)
def test_times_are_kept_in_utc(given_time: Any, kept: str) -> None:
    assert validate({"text": "a", "occurred_at": given_time}).occurred_at == kept


def test_times_without_a_zone_are_utc_wherever_the_service_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Ho_Chi_Minh")
        time.tzset()
        kept = [validate({"text": "a", "occurred_at": day}) for day in ("2026-11-21", "2026-11-21T08:30")]
    time.tzset()
    assert [row.occurred_at[:16] for row in kept] == ["2026-11-21T00:00", "2026-11-21T08:30"]


@pytest.mark.parametrize(
    "given_time",
    ["", " ", "hôm qua", "21/11/2026", "2026-13-01", "2026-02-30", "2026-11-21T25:00", "2026-11-21T08:30:60Z",
     "2026-11-21T08:30:00+24:00", "1763712000", 1763712000, 1.5, True, [], {},
     "0001-01-01T00:00:00+07:00", "9999-12-31T23:59:59-07:00"],
)  # fmt: skip
def test_times_that_are_none(given_time: Any) -> None:
    assert refusal({"text": "a", "occurred_at": given_time}) == ("field_invalid", "occurred_at")


@pytest.mark.parametrize(("name", "low", "high"), [("nps", 0, 10), ("csat", 1, 5), ("ces", 1, 7)])
def test_scores_have_ranges(name: str, low: int, high: int) -> None:
    for value in (low, high):
        assert validate({"text": "a", "scores": {name: value}}).scores == {name: value}
    for value in (low - 1, high + 1, 10**400):
        assert refusal({"text": "a", "scores": {name: value}}) == ("field_invalid", f"scores.{name}")


@pytest.mark.parametrize("name", ["nps", "csat", "ces"])
@pytest.mark.parametrize("value", [True, False, 3.0, "3", float("nan"), float("inf"), [3], {}])
def test_scores_are_whole_numbers(name: str, value: Any) -> None:
    assert refusal({"text": "a", "scores": {name: value}}) == ("field_invalid", f"scores.{name}")


def test_scores_that_are_no_scores() -> None:
    assert refusal({"text": "a", "scores": {"stars": 3}}) == ("field_unknown", "scores.stars")
    for value in (None, 9, "9", [9]):
        assert refusal({"text": "a", "scores": value}) == ("field_invalid", "scores")


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"b": 1},
        [1],
        [],
        float("nan"),
        float("inf"),
        -float("inf"),
        "\ud800",
        pytest.param("x" * 1001, id="letters"),
        pytest.param("0" * 1001, id="zeros"),
    ],
)
def test_attributes_are_flat_and_finite(value: Any) -> None:
    assert refusal({"text": "a", "attributes": {"size": value}}) == ("field_invalid", "attributes.size")


@pytest.mark.parametrize("name", ["str", "int", "bool", "float", "size[cm]", "a-b (c)"])
def test_an_attribute_is_named_whatever_its_name(name: str) -> None:
    assert refusal({"text": "a", "attributes": {name: None}}) == ("field_invalid", f"attributes.{name}")


def test_attributes_that_look_like_numbers_stay_text() -> None:
    sent = {"a": "1", "b": "true", "c": "nan", "d": "1e400", "e": "007", "f": ""}
    assert validate({"text": "a", "attributes": sent}).attributes == sent


def test_attributes_have_names_and_a_limit() -> None:
    fifty = {f"k{number}": number for number in range(50)}
    assert validate({"text": "a", "attributes": fifty}).attributes == fifty
    assert refusal({"text": "a", "attributes": fifty | {"k50": 1}}) == ("field_invalid", "attributes")
    assert refusal({"text": "a", "attributes": {"": 1}}) == ("field_invalid", "attributes.")
    name = "k" * 201
    assert refusal({"text": "a", "attributes": {name: 1}}) == ("field_invalid", f"attributes.{name}")
    for value in ([], "a", None, 5):
        assert refusal({"text": "a", "attributes": value}) == ("field_invalid", "attributes")


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep]
    assert refusal({"text": "a", "attributes": {"size": deep}}) == ("field_invalid", "attributes.size")
    assert refusal({"text": deep}) == ("field_invalid", "text")


def test_the_mistake_is_named_before_what_follows_from_it() -> None:
    assert refusal({"txet": "a", "text": ""}) == ("text_empty", "text")


SCALARS = st.text(max_size=5) | st.integers() | st.floats() | st.booleans()


@settings(deadline=None)
@given(st.text(max_size=50), st.dictionaries(st.text(max_size=5), SCALARS, max_size=3))
@example("\ud800", {})
@example("a", {"n": float("nan")})
def test_any_row_is_kept_exactly_or_refused_with_a_field(text: str, attributes: dict[str, Any]) -> None:
    sent = {"text": text, "attributes": attributes}
    try:
        kept = validate(sent)
    except InvalidInput as error:
        field = (error.field or "").split(".")[0]
        place = "text" if field == "text" else "attributes"
        with pytest.raises(InvalidInput):  # the part that was blamed is refused alone too
            validate({"text": "a"} | {place: sent[place]})
    else:
        assert (kept.text, repr(kept.attributes)) == (text, repr(attributes))


# ---- JSON


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_json_has_no_nan_and_no_infinity(number: str) -> None:
    with pytest.raises(ValueError, match=number):
        loads(f'{{"text": {number}}}')


def test_a_number_too_large_for_json_is_not_finite() -> None:
    assert refusal(loads('{"text": "a", "attributes": {"n": 1e400}}')) == ("field_invalid", "attributes.n")


def test_ndjson_keeps_the_good_lines(write: Write) -> None:
    lines = [
        '{"text": "một"}', '{"text": ', "", '{"text": NaN}', NESTED, "5", '{"text": "hai\\nba"}\r',
        '{"text": ' + "1" * 5000 + "}", '  {"text": "bốn"}',
    ]  # fmt: skip
    rows = list(read_file(write("a.ndjson", "\n".join(lines))))
    assert good(rows) == [(1, {"text": "một"}), (6, 5), (7, {"text": "hai\nba"}), (9, {"text": "bốn"})]
    assert bad(rows) == [(number, "json_invalid", "row") for number in (2, 4, 5, 8)]
    assert all(f"line {row.number}:" in row.error.message for row in rows if row.error)


def test_json_is_a_list_or_one_object(write: Write) -> None:
    assert good(list(read_file(write("a.json", '\ufeff[{"text": "a"}, 5, {"text": "b"}]')))) == [
        (1, {"text": "a"}), (2, 5), (3, {"text": "b"})
    ]  # fmt: skip
    assert good(list(read_file(write("b.json", '{"text": "a"}')))) == [(1, {"text": "a"})]
    assert list(read_file(write("c.json", "[]"))) == []


@pytest.mark.parametrize(
    "content", ["", "[", '[{"text": NaN}]', pytest.param(NESTED, id="nested"), "text\na\n"]
)
def test_json_that_is_none(write: Write, content: str) -> None:
    assert file_refusal(write("a.json", content)) == ("json_invalid", None)


def test_mapped_json_puts_values_into_their_fields(write: Write) -> None:
    content = {"nội dung": "tốt", "điểm": 9, "vùng": "HN", "channel": "app", "attributes": {"a": 1}}
    mapping = {"text": "nội dung", "scores.nps": "điểm", "attributes.region": "vùng"}
    expected = {"text": "tốt", "scores": {"nps": 9}, "channel": "app", "attributes": {"region": "HN", "a": 1}}
    for name, sent in (("a.json", content), ("b.json", dict(reversed(content.items())))):
        path = write(name, json.dumps(sent))
        assert good(list(read_file(path, mapping=mapping))) == [(1, expected)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"body": 5}, ("field_invalid", "text")),
        ({"body": ["a"]}, ("field_invalid", "text")),
        ({"body": None}, ("field_invalid", "text")),
        ({"other": "a"}, ("text_missing", "text")),
        ({"body": "a", "scores.nps": True}, ("field_invalid", "scores.nps")),
        ({"body": "a", "source": ""}, ("field_invalid", "source")),
        ({"body": "a", "channel": 5}, ("field_invalid", "channel")),
    ],
)
def test_a_mapping_does_not_mend_wrong_types(
    write: Write, values: dict[str, Any], expected: tuple[str, str]
) -> None:
    rows = list(
        read_file(write("a.ndjson", json.dumps(values)), mapping={"text": "body", "scores.nps": "scores.nps"})
    )
    assert refusal(rows[0].values) == expected


def test_a_huge_mapped_score_spoils_its_row_alone(write: Write) -> None:
    lines = f'{{"body": "a", "nps": {"9" * 400}}}\n{{"body": "b", "nps": 3}}'
    rows = list(read_file(write("a.ndjson", lines), mapping={"text": "body", "scores.nps": "nps"}))
    assert refusal(rows[0].values) == ("field_invalid", "scores.nps")
    assert rows[1].values == {"text": "b", "scores": {"nps": 3}}


# ---- CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_csv_delimiters_and_line_ends(write: Write, delimiter: str, newline: str) -> None:
    rows = [["text", "channel", "region"], ['"tốt, rẻ; đẹp\tquá"', "chat", "HN"], ["tệ", "", ""]]
    content = newline.join(delimiter.join(row) for row in rows) + newline
    assert good(list(read_file(write("a.csv", content)))) == [
        (2, {"text": "tốt, rẻ; đẹp\tquá", "channel": "chat", "attributes": {"region": "HN"}}),
        (3, {"text": "tệ"}),
    ]


def cp1258(text: str) -> bytes:
    """Windows-1258 as Vietnamese spreadsheets write it: the letter, then its tone as a mark of its own."""
    content = b""
    for char in unicodedata.normalize("NFC", text):
        try:
            content += char.encode("cp1258")
        except UnicodeEncodeError:
            parts = unicodedata.normalize("NFD", char)
            tone = next(mark for mark in parts if mark in "\u0300\u0301\u0303\u0309\u0323")
            content += (unicodedata.normalize("NFC", parts.replace(tone, "")) + tone).encode("cp1258")
    return content


def test_windows_1258_really_has_combining_marks() -> None:
    assert cp1258("ế") == b"\xea\xec"
    assert len(cp1258(VIETNAMESE)) > len(VIETNAMESE)


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(lambda text: text.encode("utf-8"), id="utf-8"),
        pytest.param(lambda text: text.encode("utf-8-sig"), id="utf-8-bom"),
        pytest.param(lambda text: b"\xff\xfe" + text.encode("utf-16-le"), id="utf-16-le-bom"),
        pytest.param(lambda text: b"\xfe\xff" + text.encode("utf-16-be"), id="utf-16-be-bom"),
        pytest.param(lambda text: text.encode("utf-16-le"), id="utf-16-le"),
        pytest.param(lambda text: text.encode("utf-16-be"), id="utf-16-be"),
        pytest.param(cp1258, id="windows-1258"),
    ],
)
def test_csv_encodings(write: Write, encoded: Callable[[str], bytes]) -> None:
    cell = VIETNAMESE.replace('"', '""')
    path = write("a.csv", encoded(f'text,khu vực\n"{cell}",Đà Nẵng\n'))
    assert good(list(read_file(path))) == [(2, {"text": VIETNAMESE, "attributes": {"khu vực": "Đà Nẵng"}})]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("content", ["text,a\nok,b\n", "Đơn,text\nb,Giao hàng chậm quá\n"])
def test_utf16_without_a_mark_whatever_its_letters(write: Write, encoding: str, content: str) -> None:
    rows = list(read_file(write("a.csv", content.encode(encoding))))
    assert [row.values["text"] for row in rows if row.values] in (["ok"], ["Giao hàng chậm quá"])


def test_utf8_text_is_not_composed(write: Write) -> None:
    text = unicodedata.normalize("NFD", "Giao hàng rất chậm")
    assert good(list(read_file(write("a.csv", f"text\n{text}\n")))) == [(2, {"text": text})]


@pytest.mark.parametrize("content", [b"text\n\x81\x8d\xd2\n", b"\xff\xfet", b"\xff\xfe\x00\xd8\x00\xd8"])
def test_bytes_that_are_no_text(write: Write, content: bytes) -> None:
    for name in ("a.csv", "a.ndjson", "a.json"):
        assert file_refusal(write(name, content)) == ("file_unreadable", None)


def test_quoted_cells_run_over_lines(write: Write) -> None:
    content = 'text,n\r\n"một\r\nhai\r\n\r\nba",1\r\n"nói ""ừ"" thôi",2\r\n'
    assert good(list(read_file(write("a.csv", content)))) == [
        (2, {"text": "một\r\nhai\r\n\r\nba", "attributes": {"n": "1"}}),
        (6, {"text": 'nói "ừ" thôi', "attributes": {"n": "2"}}),
    ]


@pytest.mark.parametrize(
    "broken",
    ['"never closed', 'màn 5" đẹp', '"closed" and more', '"""', '"a""', 'a "b", c "d'],
)
@pytest.mark.parametrize(
    "after",
    ["3,ok\n4,fine\n", '3,ok\n4,"two\nlines"\n', '3,"quoted"\n4,"say ""x"""\n', '3,"a\nb"\n4,"c\nd"\n'],
)
def test_a_broken_quote_costs_its_own_line_only(write: Write, broken: str, after: str) -> None:
    rows = list(read_file(write("a.csv", f"n,text\n1,before\n2,{broken}\n{after}")))
    texts = [row.values["text"] for row in rows if row.values]
    expected = [row.values["text"] for row in read_file(write("b.csv", "n,text\n" + after)) if row.values]
    assert len(expected) == 2
    assert texts == ["before", *expected]
    assert bad(rows) == [(3, "row_broken", "row")]
    assert "line 3" in next(row.error.message for row in rows if row.error)


def test_every_broken_line_is_named(write: Write) -> None:
    rows = list(read_file(write("a.csv", 'text,n\n"a,1\nb,2\n"c"d,3\ne,4\n"f,5\ng,6\n')))
    assert [row.values["text"] for row in rows if row.values] == ["b", "e", "g"]
    assert bad(rows) == [(number, "row_broken", "row") for number in (2, 4, 6)]


def test_a_quote_that_swallows_a_thousand_lines_gives_them_back(write: Write) -> None:
    lines = [f"dòng {number}" for number in range(2_500)]
    rows = list(read_file(write("a.csv", 'text\n"open\n' + "\n".join(lines) + '\nend"\n')))
    assert [row.values["text"] for row in rows if row.values] == lines
    assert bad(rows) == [(2, "row_broken", "row"), (2_503, "row_broken", "row")]


def test_rows_of_the_wrong_length(write: Write) -> None:
    rows = list(read_file(write("a.csv", "text,channel\na,chat,extra\nb\n,\n\n ,chat\nc,app\n")))
    assert bad(rows) == [(2, "row_broken", "row")]
    assert good(rows) == [
        (3, {"text": "b"}), (6, {"text": " ", "channel": "chat"}), (7, {"text": "c", "channel": "app"})
    ]  # fmt: skip
    assert refusal(good(rows)[1][1]) == ("text_empty", "text")


def test_columns_find_their_fields(write: Write) -> None:
    content = (
        "Text,NPS,scores.csat,Occurred At,EXTERNAL_ID,Khu vực,Trống,\n"
        "tốt,9,4.0,2026-11-21,17,Hà Nội, ,nobody\n"
    )
    rows = list(read_file(write("a.csv", content)))
    assert good(rows) == [
        (2, {"text": "tốt", "scores": {"nps": 9, "csat": 4}, "occurred_at": "2026-11-21",
             "external_id": "17", "attributes": {"Khu vực": "Hà Nội"}})
    ]  # fmt: skip
    assert validate(rows[0].values).occurred_at == "2026-11-21T00:00:00.000Z"


def test_columns_are_mapped(write: Write) -> None:
    path = write("a.csv", "Nội dung,Điểm,Vùng,text\ntốt,9,HN,id-1\n")
    mapping = {"text": "Nội dung", "scores.nps": "Điểm", "attributes.region": "Vùng", "external_id": "text"}
    expected = {"text": "tốt", "scores": {"nps": 9}, "attributes": {"region": "HN"}, "external_id": "id-1"}
    assert good(list(read_file(path, mapping=mapping))) == [(2, expected)]


def test_a_mapped_field_is_not_filled_by_the_column_of_its_name(write: Write) -> None:
    path = write("a.csv", "text,body\nold,new\n")
    rows = good(list(read_file(path, mapping={"text": "body"})))
    assert rows == [(2, {"text": "new", "attributes": {"text": "old"}})]


def test_one_column_can_fill_two_fields(write: Write) -> None:
    path = write("a.csv", "body\nnew\n")
    rows = good(list(read_file(path, mapping={"text": "body", "attributes.raw": "body"})))
    assert rows == [(2, {"text": "new", "attributes": {"raw": "new"}})]


def test_columns_that_are_not_there(write: Write) -> None:
    path = write("a.csv", "Nội dung,n\na,1\n")
    assert file_refusal(path) == ("column_missing", "text")
    assert file_refusal(path, mapping={"text": "nội dung"}) == ("column_missing", "text")
    mapping = {"text": "Nội dung", "channel": "Kênh"}
    assert file_refusal(path, mapping=mapping) == ("column_missing", "channel")


@pytest.mark.parametrize(
    "score",
    ["9.5", "chín", "nan", "inf", "11", "-1", "TRUE", "1e400", "1_0"],
)
def test_scores_of_a_cell_that_are_none(write: Write, score: str) -> None:
    rows = list(read_file(write("a.csv", f"text,nps\na,{score}\nb,9\n")))
    assert refusal(rows[0].values) == ("field_invalid", "scores.nps")
    assert validate(rows[1].values).scores == {"nps": 9}


def test_cells_of_json_fill_scores_and_attributes(write: Write) -> None:
    content = 'text,vùng,attributes,nps,scores\na,HN,"{""n"": 1}",9,"{""csat"": 4}"\n'
    assert good(list(read_file(write("a.csv", content)))) == [
        (2, {"text": "a", "attributes": {"vùng": "HN", "n": 1}, "scores": {"nps": 9, "csat": 4}})
    ]


@pytest.mark.parametrize("cell", ["abc", "5", "[1]", NESTED], ids=["word", "number", "list", "nested"])
@pytest.mark.parametrize(("group", "column"), [("scores", "nps"), ("attributes", "vùng")])
def test_cells_of_broken_json_spoil_their_row_alone(write: Write, group: str, column: str, cell: str) -> None:
    rows = list(read_file(write("a.csv", f"text,{group},{column}\na,{cell},3\nb,,3\n")))
    assert refusal(rows[0].values) == ("field_invalid", group)
    assert rows[1].values == {"text": "b", group: {column: 3 if group == "scores" else "3"}}


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", '"never closed\n'])
def test_csv_without_a_header(write: Write, content: str) -> None:
    assert file_refusal(write("a.csv", content)) == ("file_empty", "row")


def test_a_header_alone_has_no_rows(write: Write) -> None:
    assert list(read_file(write("a.csv", "text,n\n"))) == []


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.csv.gz", "a.xls"])
def test_an_unknown_ending(write: Write, name: str) -> None:
    assert file_refusal(write(name, "text\na\n")) == ("file_format_unknown", "format")
    assert good(list(read_file(write(name, "text\na\n"), "csv"))) == [(2, {"text": "a"})]


@pytest.mark.parametrize("name", ["a.CSV", "a.tsv", "a.txt"])
def test_endings_of_csv(write: Write, name: str) -> None:
    assert good(list(read_file(write(name, "text\tchannel\na\tapp\n")))) == [
        (2, {"text": "a", "channel": "app"})
    ]


@pytest.mark.parametrize("name", ["none.csv", "none.ndjson", "none.json", "none.xlsx"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    assert file_refusal(tmp_path / name) == ("file_unreadable", None)
    (tmp_path / name).mkdir()
    assert file_refusal(tmp_path / name) == ("file_unreadable", None)


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20).filter(
            str.strip
        ),
        max_size=8,
    )
)
def test_any_cells_come_back_from_csv(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    quoted = ['"' + text.replace('"', '""') + '"' for text in texts]
    path.write_text("\n".join(["text", *quoted]), "utf-8", newline="")
    assert [values["text"] for _, values in good(list(read_file(path)))] == texts


# ---- XLSX


def workbook(path: Path, rows: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_xlsx_cells_become_values(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        [
            ["Text", "nps", "csat", "external_id", "occurred_at", "Khu vực", "ngày", "vip"],
            ["Giao hàng\nchậm", 9, 4.0, 1001, datetime(2026, 11, 21, 8, 30), "HN", date(2026, 11, 20), True],  # noqa: DTZ001
            [None] * 8,
            [5, None, None, None, date(2026, 11, 22), 3.5, None, None],
            [None, 3],
        ],
    )
    rows = list(read_file(path))
    assert [row.number for row in rows] == [2, 4, 5]
    first, second = validate(rows[0].values), validate(rows[1].values)
    assert (first.text, first.scores, first.external_id) == ("Giao hàng\nchậm", {"nps": 9, "csat": 4}, "1001")
    assert first.occurred_at == "2026-11-21T08:30:00.000Z"
    assert first.attributes == {"Khu vực": "HN", "ngày": "2026-11-20 00:00:00", "vip": True}
    assert (second.text, second.scores, second.external_id) == ("5", {}, None)
    assert second.occurred_at == "2026-11-22T00:00:00.000Z"
    assert second.attributes == {"Khu vực": 3.5}
    assert refusal(rows[2].values) == ("text_empty", "text")


def test_xlsx_columns_are_mapped(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["Nội dung", "Vùng"], ["tốt", "HN"]])
    assert file_refusal(path) == ("column_missing", "text")
    rows = good(list(read_file(path, mapping={"text": "Nội dung"})))
    assert rows == [(2, {"text": "tốt", "attributes": {"Vùng": "HN"}})]


def test_an_xlsx_boolean_is_no_score(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["text", "nps"], ["a", True]])
    assert refusal(next(read_file(path)).values) == ("field_invalid", "scores.nps")


def test_an_xlsx_without_rows(tmp_path: Path) -> None:
    assert file_refusal(workbook(tmp_path / "a.xlsx", [])) == ("file_empty", None)
    assert list(read_file(workbook(tmp_path / "b.xlsx", [["text"]]))) == []


@pytest.mark.parametrize("content", [b"", b"text\na\n", b"PK\x03\x04 not really"])
def test_a_file_that_is_no_xlsx(write: Write, content: bytes) -> None:
    assert file_refusal(write("a.xlsx", content)) == ("file_unreadable", None)


def repacked(path: Path, name: str, content: str) -> Path:
    """The same archive with one member written anew."""
    original = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with zipfile.ZipFile(path, "w") as archive:
        for member in original.namelist():
            archive.writestr(member, content if member == name else original.read(member))
    return path


def test_a_workbook_without_a_sheet(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["text"], ["a"]])
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    # BUG: files.py:263, IndexError is not among _BROKEN_WORKBOOK.
    empty = repacked(path, "xl/workbook.xml", f'<workbook xmlns="{namespace}"><sheets/></workbook>')
    assert file_refusal(empty) == ("file_unreadable", None)


def test_an_archive_that_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert file_refusal(path) == ("file_unreadable", None)


@pytest.mark.parametrize("member", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"])
def test_a_workbook_of_broken_xml(tmp_path: Path, member: str) -> None:
    path = repacked(workbook(tmp_path / "a.xlsx", [["text"], ["a"]]), member, "<broken")
    assert file_refusal(path) == ("file_unreadable", None)


def test_a_workbook_of_broken_bytes(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["text"], ["a"]])
    name = b"xl/workbook.xml"
    content = path.read_bytes()
    start = content.index(name) + len(name)
    path.write_bytes(content[:start] + b"\xff" * 20 + content[start + 20 :])
    assert file_refusal(path) == ("file_unreadable", None)


@pytest.mark.parametrize("header", ["text", "nội dung"])
def test_a_workbook_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    opened: list[Any] = []

    def open_and_note(*args: Any, **options: Any) -> Any:
        opened.append(openpyxl.reader.excel.load_workbook(*args, **options))
        return opened[-1]

    monkeypatch.setattr(openpyxl, "load_workbook", open_and_note)
    with contextlib.suppress(InvalidInput):
        assert len(list(read_file(workbook(tmp_path / "a.xlsx", [[header], ["a"]])))) == 1
    assert [book._archive.fp for book in opened] == [None]


def sheet(path: Path, rows: str, size: str = "A1:B3") -> Path:
    """A workbook whose sheet says what size it has, and what its rows are."""
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    inside = f'<dimension ref="{size}"/><sheetData>{rows}</sheetData>'
    content = f'<worksheet xmlns="{namespace}">{inside}</worksheet>'
    return repacked(workbook(path, [["text"]]), "xl/worksheets/sheet1.xml", content)


def texts(first: int, last: int, further: str = "") -> str:
    said = {row: "text" if row == 1 else f"row {row}" for row in range(first, last + 1)}
    return "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>{text}</t></is></c>'
        f"{further.format(row=row)}</row>"
        for row, text in said.items()
    )


@pytest.mark.parametrize("size", ["A1", "A1:XFD1048576", "A1:A99999999999"])
def test_a_sheet_has_the_rows_that_it_has_and_not_those_that_it_says(tmp_path: Path, size: str) -> None:
    found = list(read_file(sheet(tmp_path / "a.xlsx", texts(1, 4), size)))
    assert good(found) == [(row, {"text": f"row {row}"}) for row in (2, 3, 4)]


def test_a_cell_at_the_edge_of_the_grid_makes_no_row_wide(tmp_path: Path) -> None:
    path = sheet(tmp_path / "a.xlsx", texts(1, 1) + texts(2, 1_500, '<c r="XFD{row}"><v>1</v></c>'))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_file(path)) == 1_499
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 32_000_000  # all rows at once, 16,384 cells each, are 200 million


def test_a_row_below_all_rows_is_none(tmp_path: Path) -> None:
    path = sheet(tmp_path / "a.xlsx", texts(1, 2) + texts(99_999_999_999, 99_999_999_999))
    assert file_refusal(path) == ("file_unreadable", None)


def test_a_workbook_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "a.xlsx", [["text"], ["a"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/picture.bmp", b"\0" * 3_000_000)
    assert len(list(read_file(path))) == 1
    monkeypatch.setattr(files, "UNPACKED_BYTES", 1_000_000)
    assert file_refusal(path) == ("file_unreadable", None)


def test_a_locked_workbook_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", [["text"], ["a"]])
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1  # what says that a member is encrypted
            at = content.find(signature, at + 1)
    path.write_bytes(bytes(content))
    assert file_refusal(path) == ("file_unreadable", None)


def test_many_columns_take_no_time(write: Write) -> None:
    names = [f"c{number}" for number in range(100_000)]
    path = write("a.csv", f"text,{','.join(names)}\na,{','.join(names)}\n")
    began = time.monotonic()
    ((_, values),) = good(list(read_file(path)))
    assert len(values["attributes"]) == 100_000
    assert time.monotonic() - began < 3


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(CELL.filter(str.strip), CELL), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@example([("a", '"\r\n'), ("\ufeff=b;", "c\rd\x85\u2028")], ",", "utf-8-sig")
def test_rows_come_back_from_what_csv_writers_write(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str, encoding: str
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerows([("Lời", "Vùng"), *rows])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(written.getvalue().encode(encoding))
    read = good(list(read_file(path, mapping={"text": "Lời"})))
    assert [values["text"] for _, values in read] == [text for text, _ in rows]
    told = [{"Vùng": cell} if cell.strip() else {} for _, cell in rows]
    assert [values.get("attributes", {}) for _, values in read] == told


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | CELL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELL, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(rows=st.lists(ANY_JSON, max_size=5), ascii_only=st.booleans())
def test_any_json_comes_back_from_both_kinds_of_files(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], ascii_only: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole, lines = folder / "any.json", folder / "any.jsonl"
    whole.write_text(json.dumps(rows, ensure_ascii=ascii_only), "utf-8")
    lines.write_text(
        "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows), "utf-8", newline=""
    )
    for path in (whole, lines):
        read = list(read_file(path))
        assert [row.values for row in read] == rows
        assert [row.number for row in read] == list(range(1, len(rows) + 1))
