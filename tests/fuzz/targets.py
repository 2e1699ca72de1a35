"""What must hold of each parser for any bytes at all.

Enters: bytes. Leaves: nothing. What must hold: a check raises only where the parser breaks its word, be it an
error that is not documented or a result that is not true; the same bytes are judged the same way each time.

Nothing here needs atheris: `one.py` feeds what libFuzzer makes up, `tests/test_fuzz.py` the seeds.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
import sqlite3
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from pydantic import ValidationError

from tests.fuzz.seeds import (
    COMPLAINTS,
    CSVS,
    CUES,
    CURSORS,
    EXPRESSIONS,
    FORMS,
    HOOKS,
    HTML,
    JSONS,
    MAILS,
    PERSONAL,
    QUERIES,
    REVIEWS,
    utf8,
)
from voc.app import create_app
from voc.errors import InvalidInput
from voc.hooks import TOOLS, Kind, Mapping, Taken, read, shipped
from voc.hops import find_hops
from voc.ingest import FileFormat, Row, decode, loads, read_file, validate
from voc.markup import html_to_text, is_html, without_quotes
from voc.privacy import KINDS, find, mask, pseudonymize
from voc.records import BASE_DEPARTMENTS, Span
from voc.segment import MAX_SEGMENTS, segment
from voc.settings import Settings
from voc.store import Filter, match_query
from voc.text import fold, fold_with_map, has_lone_surrogate, is_visible
from voc.tokens import tokenize

ROOT = Path(__file__).parents[2]
#: Codes with which `validate` refuses a row.
ROW_CODES = frozenset(
    {
        "row_invalid",
        "text_missing",
        "text_empty",
        "text_too_long",
        "field_unknown",
        "field_missing",
        "field_invalid",
    }
)
GOOD_TEXT = "Giao hàng trễ ba ngày không báo"
#: Ways in which columns are mapped, chosen by the first byte.
MAPPINGS: tuple[dict[str, str], ...] = (
    {}, {"text": "Nội dung"}, {"text": "text", "scores.nps": "NPS", "attributes.vùng": "Vùng"},
    {"text": "a", "external_id": "a", "occurred_at": "b"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """One parser.

    Attributes:
        name: as the command line knows it.
        parser: what is tried, for the table.
        check: raises where the parser breaks its word.
        seeds: where libFuzzer begins.
        words: what it puts in beside bytes.
        max_len: bytes of the longest input.
    """

    name: str
    parser: str
    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[str, ...] = ()
    max_len: int = 1_024


@dataclass(slots=True)
class _Folder:
    """A folder of this process, and the service on a database in it."""

    held: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    def file(self, content: bytes) -> Path:
        """The content as a file."""
        path = Path(self.held.name) / "any"
        path.write_bytes(content)
        return path

    def client(self) -> FlaskClient:
        """A client of a service with one feedback that waits."""
        app = create_app(Settings(db=Path(self.held.name) / "voc.db"))
        app.extensions["voc"].store.add([validate({"text": GOOD_TEXT})], holder="fuzz", lease_s=1)
        return app.test_client()


_folder = cache(_Folder)
_client = cache(lambda: _folder().client())


def _text(data: bytes) -> str:
    """Text of a row that was let in: no lone surrogates, no NUL."""
    return data.decode("utf-8", "ignore").replace("\x00", "")


def _wrong(error: InvalidInput, codes: set[str] | frozenset[str]) -> None:
    assert error.code in codes, f"{error.code}: {error.message}"
    assert error.message
    assert not has_lone_surrogate(error.message), ascii(error.message)


def _kept_or_refused(values: Any) -> None:
    """A row becomes a feedback with the text as it was, or is refused with a known code."""
    try:
        kept = validate(values)
    except InvalidInput as error:
        _wrong(error, ROW_CODES)
        return
    assert kept.text == values["text"]
    for value in kept.attributes.values():
        assert not isinstance(value, float) or math.isfinite(value)
    json.dumps(kept.as_dict(), allow_nan=False, ensure_ascii=False).encode()


def _rows(path: Path, file_format: FileFormat, mapping: dict[str, str], codes: set[str]) -> list[Row] | None:
    """The rows of a file, each of them looked at; None where the file is refused."""
    rows: list[Row] = []
    try:
        rows.extend(read_file(path, file_format, mapping))
    except InvalidInput as error:
        _wrong(error, codes)
        return None
    for before, after in itertools.pairwise(rows):
        assert before.number < after.number
    for row in rows:
        if row.error is not None:
            _wrong(row.error, {"row_broken", "json_invalid", "field_missing", "field_invalid"})
        elif row.skipped is None:
            _kept_or_refused(row.values)
    return rows


# ---- files


def csv_file(data: bytes) -> None:
    """Any bytes are rows or a refusal; whatever stands before it, a good row at the end is read."""
    mapping = MAPPINGS[data[0] % len(MAPPINGS)] if data else {}
    content = data[1:]
    _rows(_folder().file(content), "csv", mapping, {"file_empty", "column_missing", "file_unreadable"})
    try:
        body = decode(content).replace("\x00", "")
    except UnicodeDecodeError:
        return
    whole = f"id,text\n{body}\nlast,{GOOD_TEXT}\n"
    rows = _rows(_folder().file(whole.encode()), "csv", {}, set())
    assert rows
    assert rows[-1].values == {"attributes": {"id": "last"}, "text": GOOD_TEXT}


def json_file(data: bytes) -> None:
    """JSON is what Python reads as JSON, without NaN; files of it are rows or a refusal."""
    text = data.decode("utf-8", "surrogatepass" if b"\xed" in data else "strict") if _is_utf8(data) else None
    if text is not None:
        try:
            value = loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            assert not any(isinstance(part, float) and math.isnan(part) for part in _parts(value))
            assert json.loads(text) == value
    for file_format in ("json", "ndjson"):
        mapping = MAPPINGS[len(data) % len(MAPPINGS)]
        _rows(_folder().file(data), file_format, mapping, {"json_invalid", "file_unreadable"})
    if text is not None and not has_lone_surrogate(text) and "\x00" not in text:
        lines = f"{text}\n" + json.dumps({"text": GOOD_TEXT}) + "\n"
        rows = _rows(_folder().file(lines.encode()), "ndjson", {}, set())
        assert rows
        assert rows[-1].values == {"text": GOOD_TEXT}


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _parts(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def reviews_file(data: bytes) -> None:
    """Exports of app stores are rows or a refusal."""
    path = _folder().file(data)
    for file_format in ("google-play", "app-store"):
        _rows(path, file_format, {}, {"file_empty", "column_missing", "file_unreadable"})


def mbox_file(data: bytes) -> None:
    """Mail is rows, skipped messages or a refusal; without an address in the reference to the customer."""
    rows = _rows(_folder().file(data), "mbox", {}, {"file_unreadable"})
    for row in rows or ():
        if row.values is not None:
            assert str(row.values.get("customer_ref", "mail:")).startswith("mail:")


def markup(data: bytes) -> None:
    """HTML becomes text, quotations are cut; no word is made up."""
    text = _text(data)
    is_html(text)
    shown = html_to_text(text)
    assert not shown.startswith("\n")
    lines = set(text.replace("\r", "").split("\n"))
    assert all(line in lines for line in without_quotes(text.replace("\r", "")).split("\n") if line)


# ---- hooks


@cache
def _payloads() -> tuple[tuple[str, Any], ...]:
    """The payloads of tests/data/hooks, each with its tool."""
    return tuple(
        (next(tool for tool in TOOLS if path.stem.startswith(tool)), json.loads(path.read_text("utf-8")))
        for path in sorted((ROOT / "tests" / "data" / "hooks").glob("*.json"))
    )


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a JSON value where another may be put."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        part = waiting.pop(0)
        keys = part if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
        for key in keys:
            found.append((part, key))
            waiting.append(part[key])
    return found


def _value(data: bytes) -> Any:
    """The bytes as JSON, or as text where they are none."""
    try:
        return loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


def hooks(data: bytes) -> None:
    """A payload that the tool sends, with any JSON in one or two places of it, or any JSON at all."""
    if len(data) < 4 or data[0] % 4 == 0:
        payload = _value(data[1:])
        for tool in TOOLS[:-1]:
            _read(payload, shipped(tool))
        return
    tool, payload = _payloads()[data[1] % len(_payloads())]
    payload = json.loads(json.dumps(payload))
    places = _places(payload)
    if data[0] % 4 == 1:
        place, key = places[data[3] % len(places)]
        place[key] = "x"
    place, key = places[data[2] % len(places)]
    place[key] = _value(data[4:])
    _read(payload, shipped(tool))


def _read(payload: Any, mapping: Mapping) -> None:
    """Rows, or why there are none, or what does not fit; twice the same."""
    outcomes: list[Taken | str] = []
    for _ in range(2):
        try:
            outcomes.append(read(payload, mapping))
        except InvalidInput as error:
            _wrong(error, {"field_missing", "field_invalid", "text_too_long"})
            outcomes.append(f"{error.field}: {error.message}")
    assert outcomes[0] == outcomes[1]
    assert not isinstance(outcomes[0], str) or not outcomes[0].startswith(("None", ":"))
    if isinstance(outcomes[0], Taken):
        assert bool(outcomes[0].rows) == (outcomes[0].ignored is None)
        for row in outcomes[0].rows:
            assert is_visible(row["text"])
            _kept_or_refused(row)


def mappings(data: bytes) -> None:
    """Any expression of an operator is refused when it is read, or gives rows or a refusal."""
    expression = _text(data)
    given = {
        "text": expression, "external_id": "id", "scores": {"nps": expression}, "occurred_at": expression,
        "attributes": {"a": expression}, "html": True, "quotes": True, "author": expression,
    }  # fmt: skip
    try:
        kind = Kind.model_validate(given)
    except ValidationError:
        return
    payload = {"id": 7, "a": [{"b": "tốt", "c": 3}, None, 2.5], "t": "<p>chậm</p>", "n": 9, "o": {"k": True}}
    _read(payload, Mapping(source="s", kinds={"any": kind}))


# ---- texts


def segments(data: bytes) -> None:
    """Every letter and digit in one span; spans in order, trimmed, without overlap."""
    text = _text(data)
    spans = segment(text)
    assert len(spans) <= MAX_SEGMENTS
    assert bool(spans) == is_visible(text)
    at = 0
    for span in spans:
        piece = text[span.start : span.end]
        assert span.start >= at
        assert span.end <= len(text)
        assert piece
        assert piece == piece.strip()
        between = text[at : span.start]
        assert not any(char.isalnum() for char in between), between
        at = span.end
    assert not any(char.isalnum() for char in text[at:])
    assert segment(text) == spans


def offsets(data: bytes) -> None:
    """Words stand where it is said that they stand, and folded letters know where they came from."""
    text = _text(data)
    folded, origin = fold_with_map(text)
    assert len(folded) == len(origin)
    assert origin == sorted(origin)
    for letter, place in zip(folded, origin, strict=True):
        assert letter in fold(text[place])
    for language in ("vi", "en"):
        at = 0
        for token in tokenize(text, language):
            piece = text[token.start : token.end]
            assert token.start >= at
            assert piece
            assert not piece[0].isspace()
            if language == "en":
                assert piece == token.text
            else:
                assert fold_with_map(token.text)[0] in fold_with_map(piece)[0]
            at = token.end
        assert at <= len(text)


def hops(data: bytes) -> None:
    """No chain, or one of at least two departments that we have, no two neighbours the same."""
    text = _text(data)
    chain = find_hops(text)
    assert len(chain) != 1
    assert set(chain) <= set(BASE_DEPARTMENTS)
    assert all(before != after for before, after in itertools.pairwise(chain))


def privacy(data: bytes) -> None:
    """Places in order, without overlap; nothing else is changed; what was masked stays as it is."""
    text = _text(data)
    found = find(text)
    at = 0
    for one in found:
        assert at <= one.start < one.end <= len(text)
        at = one.end
    masked = mask(text)
    assert (masked == text) == (not found)
    assert mask(masked) == masked
    assert find(masked) == ()
    coded = pseudonymize(text, b"k" * 32)
    assert pseudonymize(coded, b"k" * 32) == coded
    if found:
        _left_alone(text, masked, [Span(one.start, one.end) for one in found])


def _left_alone(text: str, masked: str, spans: list[Span]) -> None:
    """What stands between the finds that is not masked in a later pass stands in the same order after it."""
    assert masked.startswith(text[: spans[0].start]) or find(text[: spans[0].start] + "[name]")
    kept = io.StringIO(text)
    for char in "".join(_unmasked(masked)):
        while (read_char := kept.read(1)) != char:
            assert read_char, f"{char!r} stands in no text that came in"


def _unmasked(masked: str) -> Iterator[str]:
    at = 0
    while at < len(masked):
        kind = next((kind for kind in _STAND_INS if masked.startswith(kind, at)), None)
        if kind is None:
            yield masked[at]
        at += len(kind) if kind else 1


_STAND_INS = tuple(f"[{kind}]" for kind in KINDS)


# ---- the store and the service


@cache
def _words() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE VIRTUAL TABLE feedback_words USING fts5(folded, tokenize='unicode61')")
    return db


def query(data: bytes) -> None:
    """No words that a person types are an error of SQLite; a text is found by all its own words."""
    typed = data.decode("utf-8", "replace")
    found = match_query(typed)
    if not found:
        assert not any(char.isalnum() for char in fold(typed))
        return
    db = _words()
    db.execute("INSERT INTO feedback_words (rowid, folded) VALUES (1, ?)", (fold(typed),))
    try:
        rows = db.execute(
            "SELECT rowid FROM feedback_words WHERE feedback_words MATCH ?", (found,)
        ).fetchall()
    finally:
        db.execute("DELETE FROM feedback_words WHERE rowid = 1")
    if all(unicodedata.category(char)[0] in "LNZPS" for char in typed):
        assert rows == [(1,)] or not _known(typed), found


def _known(typed: str) -> bool:
    """Whether SQLite's tokenizer, which knows Unicode 6.1, takes all letters and digits for such."""
    return all(unicodedata.ucd_3_2_0.category(char) != "Cn" for char in fold(typed))


def cursors(data: bytes) -> None:
    """Any cursor gives a page or 422."""
    given = _value(data[1:])
    if data[:1] < b"\x80":
        made = json.dumps(given, ensure_ascii=data[:1] < b"\x40").encode("utf-8", "surrogatepass")
        cursor = base64.urlsafe_b64encode(made).decode().rstrip("=")
    else:
        cursor = data[1:].decode("utf-8", "replace")
    for path in ("/v1/feedback", "/v1/review"):
        with _client().get(path, query_string={"cursor": cursor}) as response:
            assert response.status_code in (200, 422), response.get_data(as_text=True)
            if response.status_code == 422:
                assert response.get_json()["error"]["field"] == "cursor"


def filters(data: bytes) -> None:
    """Any words in any filter are a count."""
    parts = _text(data).split("|")
    names = ("q", "department", "topic", "source", "since", "until")
    chosen = {name: part for name, part in zip(names, parts, strict=False) if part}
    store = _client().application.extensions["voc"].store
    chosen_filter = Filter(**chosen)
    assert store.count(chosen_filter) == len(store.find(chosen_filter, 10)[0])


# ---- all of them

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            "csv",
            "CSV files: encoding, delimiter, records, mapping, rows",
            csv_file,
            CSVS,
            ('"', '""', "\r\n", ";", "\t", "text", "scores.nps", "attributes.", "occurred_at", "Nội dung"),
        ),
        Target(
            "json",
            "JSON, as a body, a file, lines",
            json_file,
            JSONS,
            (
                '{"text":',
                "null",
                "true",
                "NaN",
                "Infinity",
                "1e999",
                "\\ud800",
                "[",
                "{",
                "scores",
                "Nội dung",
            ),
        ),
        Target(
            "reviews",
            "exports of Google Play and App Store",
            reviews_file,
            REVIEWS,
            ("Review Text", "Star Rating", "Date", "Nov 2, 2026", "reviewId=", "https://[", '"'),
        ),
        Target(
            "mbox",
            "mail",
            mbox_file,
            MAILS,
            (
                "From ",
                "From:",
                "Date:",
                "Content-Type:",
                "charset=",
                "multipart/mixed; boundary=q",
                "--q",
                "=?utf-8?b?",
                "Content-Transfer-Encoding:",
                "base64",
                "quoted-printable",
                "uuencode",
                "message/rfc822",
            ),
            2_048,
        ),
        Target(
            "markup",
            "HTML and quotations",
            markup,
            HTML,
            (
                "<p>",
                "</p>",
                "<blockquote>",
                "<script>",
                "</",
                "<!--",
                "-->",
                "<![",
                "&#x41;",
                "&",
                "> ",
                "-- ",
            ),
        ),
        Target(
            "hooks",
            "payloads of the tools",
            hooks,
            HOOKS,
            ("null", "true", "[]", "{}", '""', "1e400", '"2026-11-02T03:04:05Z"', "1793588645"),
        ),
        Target(
            "mappings",
            "JMESPath of an operator's mapping",
            mappings,
            EXPRESSIONS,
            (
                "[?",
                "[*]",
                "&",
                "`",
                "'",
                "@",
                "||",
                "&&",
                "sort_by(",
                "map(",
                "pairs(",
                "merge(",
                "to_array(",
            ),
            200,
        ),
        Target("segmenter", "segments of a text", segments, COMPLAINTS, CUES, 4_096),
        Target("offsets", "words of a text and their places", offsets, COMPLAINTS, CUES, 512),
        Target("hops", "chains of departments", hops, COMPLAINTS, CUES, 4_096),
        Target("privacy", "personal data: finding, masking, codes", privacy, PERSONAL, FORMS, 512),
        Target(
            "query",
            "words to search for, in SQLite FTS5",
            query,
            QUERIES,
            ('"', "AND", "NEAR(", "*", "đ", "_"),
        ),
        Target(
            "cursors",
            "cursors of pages, over HTTP",
            cursors,
            CURSORS,
            ("least_sure", "null", "\\ud800", "1e400"),
            400,
        ),
        Target(
            "filters",
            "values of filters, in SQLite",
            filters,
            utf8("giao|care|a|api|2026-01-01|2027", '"|%|_|[]|x|'),
            ("|", '"', "care", "[]"),
            400,
        ),
    )
}
