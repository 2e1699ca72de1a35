"""Reviews of apps, as Google Play and the App Store and the tools around it export them.

Google Play: the monthly files `reviews_<package>_YYYYMM.csv` of the Play Console, in UTF-16 (Google,
"Download and export monthly reports"). App Store: Apple gives no file of reviews, so the columns are those of
its API (App Store Connect, CustomerReview: rating, title, body, reviewerNickname, createdDate, territory)
under the names that export tools give them. What must hold: a review has one id, so that overlapping files
add nothing twice; who wrote it is not kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from voc.errors import InvalidInput
from voc.ingest.rows import Row

Store: TypeAlias = Literal["google-play", "app-store"]
Record: TypeAlias = tuple[int, list[str], str | None]

#: Columns by store and field, the first there wins; in small letters, without blanks and signs. A review's
#: text is as it was last changed, and so is its time.
_COLUMNS: dict[Store, dict[str, tuple[str, ...]]] = {
    "google-play": {
        "text": ("reviewtext",),
        "title": ("reviewtitle",),
        "rating": ("starrating",),
        "milliseconds": ("reviewlastupdatemillissinceepoch", "reviewsubmitmillissinceepoch"),
        "time": ("reviewlastupdatedateandtime", "reviewsubmitdateandtime"),
        "link": ("reviewlink",),
        "app": ("packagename",),
        "app_version": ("appversionname", "appversioncode"),
        "language": ("reviewerlanguage",),
        "device": ("device",),
    },
    "app-store": {
        "text": ("review", "body", "reviewbody", "reviewtext", "content", "text", "comment"),
        "title": ("title", "reviewtitle", "subject"),
        "rating": ("rating", "stars", "starrating", "score"),
        "time": (
            "date", "reviewdate", "createddate", "createdat", "created", "submissiondate", "lastmodified",
            "updatedat", "updated", "publishedat",
        ),
        "id": ("reviewid", "id"),
        "link": ("reviewlink", "link", "url"),
        "app": ("appname", "app", "appid", "appleid", "bundleid"),
        "app_version": ("appversion", "version"),
        "territory": ("territory", "country", "storefront", "store", "countrycode"),
        "language": ("language",),
        "device": ("device",),
    },
}  # fmt: skip
_ATTRIBUTES = ("app", "app_version", "territory", "language", "device")
#: Beside ISO 8601; none that reads one day as another in another country.
_DATES = ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d", "%Y.%m.%d")
#: Longer ids are replaced by the beginning of their SHA-256.
_ID_MOST = 200


def read_reviews(path: Path, records: Iterable[Record], store: Store) -> Iterator[Row]:
    """The reviews of an export, one by one; a rating without words is skipped.

    A title and a text become one text of two lines, 1 to 5 stars become ``scores.csat``.

    Args:
        records: line number, cells, and what is broken, of each CSV record, the header first.

    Raises:
        InvalidInput: ``file_empty``, or ``column_missing`` if no column holds the text.
    """
    header: list[str] | None = None
    columns: dict[str, list[int]] = {}
    for number, cells, problem in records:
        if header is None:
            if problem or not any(cells):
                raise InvalidInput("file_empty", f"{path} has no readable header line", "row")
            header = cells
            columns = _columns(header, store)
        elif problem:
            yield Row(number, None, InvalidInput("row_broken", f"line {number}: {problem}", "row"))
        elif len(cells) > len(header):
            message = f"line {number} has {len(cells)} cells under {len(header)} columns"
            yield Row(number, None, InvalidInput("row_broken", message, "row"))
        elif any(cell.strip() for cell in cells):
            yield _review(number, {field: _first(cells, places) for field, places in columns.items()})
    if header is None:
        raise InvalidInput("file_empty", f"{path} has no header line", "row")


def _columns(header: list[str], store: Store) -> dict[str, list[int]]:
    """The places of each field's columns."""
    bare = [re.sub(r"[\W_]+", "", name.lower()) for name in header]
    found = {
        field: [bare.index(name) for name in names if name in bare]
        for field, names in _COLUMNS[store].items()
    }
    if not found["text"]:
        known = ", ".join(_COLUMNS[store]["text"])
        raise InvalidInput("column_missing", f"no column holds the reviews of {store}: {known}", "text")
    return found


def _first(cells: list[str], places: list[int]) -> str:
    """The first cell that says something."""
    given = (cells[place].strip() for place in places if place < len(cells))
    return next((cell for cell in given if cell), "")


def _review(number: int, given: Mapping[str, str]) -> Row:
    text, title = given["text"], given["title"]
    if title and not text.startswith(title):
        text = f"{title}\n{text}".strip()
    if not text:
        return Row(number, None, skipped="without text")
    try:
        occurred_at = _time(given)
    except InvalidInput as error:
        return Row(number, None, error)
    rating = re.fullmatch(r"([1-5])(?:[.,]0+)?", given["rating"])
    values: dict[str, Any] = {
        "text": text,
        "external_id": _id(given),
        "channel": "app-review",
        "scores": {"csat": int(rating.group(1))} if rating else {},
        "attributes": {name: given[name][:1_000] for name in _ATTRIBUTES if given.get(name)},
    }
    return Row(number, values | ({"occurred_at": occurred_at} if occurred_at else {}))


def _id(given: Mapping[str, str]) -> str:
    """The store's id of a review; without one, a digest of what does not change with the next export."""
    link = given["link"]
    key = given.get("id", "")
    if link and not key:
        found = parse_qs(_query(link))
        key = next((found[name][0] for name in ("reviewId", "reviewid") if name in found), link)
    if not key:
        told = (given["app"], given.get("milliseconds", ""), given["time"], given["title"], given["text"])
        return "row:" + _digest("\n".join(told))
    return key if len(key) <= _ID_MOST else "id:" + _digest(key)


def _query(link: str) -> str:
    try:
        return urlsplit(link).query
    except ValueError:
        return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _time(given: Mapping[str, str]) -> str | None:
    """When the review was written, ISO 8601; None where the export does not say.

    Raises:
        InvalidInput: ``field_invalid`` for a date that cannot be read, or that could be one of two days.
    """
    milliseconds, text = given.get("milliseconds", ""), given["time"]
    try:
        if milliseconds:
            return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat()
        return _iso(text) if text else None
    except (ValueError, OverflowError, OSError):
        said = milliseconds or text
        raise InvalidInput(
            "field_invalid",
            f"{said[:50]!r} is no date that can be read; write it as 2026-11-21",
            "occurred_at",
        ) from None


def _iso(text: str) -> str:
    for form in _DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).isoformat()
        except ValueError:
            continue
    at = datetime.fromisoformat(re.sub(r"\s*(?:UTC|GMT)$", "+00:00", text))
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
