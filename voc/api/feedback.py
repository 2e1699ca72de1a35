"""Feedback in, found, shown, analyzed without keeping."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from voc.api import schemas
from voc.api.blueprint import FEEDBACK, api, rendered, services
from voc.api.guard import caller, needs
from voc.errors import BodyTooLarge, Conflict, InvalidInput, NotFound, VocError
from voc.ingest import validate
from voc.privacy import find
from voc.records import Feedback
from voc.store import Added, Kept
from voc.text import has_lone_surrogate


@api.post(
    "/feedback", tags=[FEEDBACK], summary="Keep and analyze one feedback",
    responses={201: schemas.KeptOut, 200: schemas.KeptOut, 409: schemas.ErrorBody},
)  # fmt: skip
@needs("ingest")
def post_feedback(body: schemas.FeedbackBody) -> tuple[dict[str, Any], int]:
    """201 with the analysis. The same `(source, external_id)` again: 200 and the stored record; another
    text under it: 409, and nothing changes."""
    row = validate(body.root, text_max_chars=services().settings.text_max_chars)
    (submission,) = services().worklist.submit([row])
    if submission.added.outcome == "conflict":
        raise _conflict(submission.added)
    kept = Kept(submission.added.feedback, submission.analysis, submission.corrected)
    return rendered(kept), 201 if submission.added.outcome == "created" else 200


@api.post(
    "/feedback/batch", tags=[FEEDBACK], summary="Keep and analyze many feedback",
    responses={200: schemas.BatchOut},
)  # fmt: skip
@needs("ingest")
def post_batch(body: schemas.BatchBody) -> dict[str, Any]:
    """One result per row, same order; good rows are kept beside bad ones. What could not be analyzed in
    time has `analysis` null and is analyzed by the work list."""
    items = _items(body.root)
    results: list[dict[str, Any]] = [{} for _ in items]
    rows: list[tuple[int, Feedback]] = []
    for index, values in enumerate(items):
        try:
            rows.append((index, validate(values, text_max_chars=services().settings.text_max_chars)))
        except InvalidInput as error:
            results[index] = _row_error(index, error)
    submissions = services().worklist.submit([row for _, row in rows])
    for (index, _), submission in zip(rows, submissions, strict=True):
        if submission.added.outcome == "conflict":
            results[index] = _row_error(index, _conflict(submission.added))
            continue
        status = 201 if submission.added.outcome == "created" else 200
        kept = Kept(submission.added.feedback, submission.analysis, submission.corrected)
        results[index] = {"index": index, **rendered(kept), "status": status}
    return {"results": results}


@api.get("/feedback", tags=[FEEDBACK], summary="Find feedback", responses={200: schemas.PageOut})
@needs("read", act="feedback.list")
def get_feedback_list(query: schemas.ListQuery) -> dict[str, Any]:
    """The latest first. Words in `q` must all stand; words in double quotes, in that order."""
    after = decode_cursor(query.cursor) if query.cursor is not None else None
    found, following = services().facts.find(query.filter(), query.limit, after)
    return {
        "items": [rendered(kept) for kept in found],
        "next": encode_cursor(following) if following else None,
    }


@api.get("/feedback/<key>", tags=[FEEDBACK], summary="One feedback", responses={200: schemas.KeptOut})
@needs("read", act="feedback.read")
def get_feedback(path: schemas.KeyPath) -> dict[str, Any]:
    """The feedback with its current analysis."""
    kept = services().store.get(path.key)
    if kept is None or not caller().sees(kept.analysis):
        raise NotFound("feedback_unknown", f"no feedback has the id {path.key!r}", "id")
    return rendered(kept)


@api.post("/analyze", tags=[FEEDBACK], summary="Analyze without keeping", responses={200: schemas.AnalyzeOut})
@needs(("read", "ingest"))
def post_analyze(body: schemas.AnalyzeBody) -> dict[str, Any]:
    """`{"text"}` gives `{"analysis"}`; `{"items": [{"id", "text"}]}` gives `{"results"}`, one per row.
    Nothing is masked: `pii` of an analysis says what would be before the text is kept."""
    if isinstance(body.root, dict) and "items" not in body.root:
        (result,) = _analyze([body.root])
        if isinstance(result, VocError):
            raise result
        return {"analysis": result}
    results: list[dict[str, Any]] = []
    for index, result in enumerate(_analyze(_items(body.root))):
        if isinstance(result, VocError):
            results.append(_row_error(index, result))
        else:
            results.append({"index": index, "status": 200, "analysis": result})
    return {"results": results}


def _items(root: Any) -> list[Any]:
    items = root.get("items") if isinstance(root, dict) else None
    if not isinstance(items, list):
        raise InvalidInput("items_invalid", "items must be a list of objects", "items")
    unknown = sorted(str(name) for name in root if name != "items")
    if unknown:
        raise InvalidInput("field_unknown", f"{unknown[0]} is no field of a batch", unknown[0])
    if not items:
        raise InvalidInput("items_empty", "items must have at least one row", "items")
    most = services().settings.batch_max_items
    if len(items) > most:
        raise BodyTooLarge(
            "batch_too_long", f"items must have at most {most:,} rows, got {len(items):,}", "items"
        )
    return items


def _analyze(items: list[Any]) -> list[dict[str, Any] | VocError]:
    """An analysis or an error per row, same order."""
    results: list[dict[str, Any] | VocError] = []
    good: list[tuple[int, str, str]] = []
    for index, values in enumerate(items):
        try:
            key, text = _analyze_row(index, values)
        except InvalidInput as error:
            results.append(error)
        else:
            good.append((index, key, text))
            results.append({})
    analyses = services().worklist.analyze([key for _, key, _ in good], [text for *_, text in good])
    for (index, _, text), analysis in zip(good, analyses, strict=True):
        results[index] = analysis.as_dict() | {"pii": [found.as_dict() for found in find(text)]}
    return results


def _analyze_row(index: int, values: Any) -> tuple[str, str]:
    """The id (by default the row's number) and the text of one row."""
    if not isinstance(values, dict):
        raise InvalidInput("row_invalid", "a row must be an object with id and text")
    unknown = sorted(str(name) for name in values if name not in ("id", "text"))
    if unknown:
        raise InvalidInput("field_unknown", f"{unknown[0]} is no field here; give id and text", unknown[0])
    key = values.get("id", str(index))
    if not isinstance(key, str):
        raise InvalidInput("field_invalid", "id: must be a string", "id")
    given = {name: value for name, value in values.items() if name == "text"}
    return key, validate(given, text_max_chars=services().settings.text_max_chars).text


def _conflict(added: Added) -> Conflict:
    kept = added.feedback
    if kept.erased_at is not None:
        return Conflict("feedback_erased", "this feedback was erased and is not taken again", "external_id")
    return Conflict(
        "external_id_conflict",
        f"source {kept.source!r} and external_id {kept.external_id!r} already hold another text ({kept.id})",
        "external_id",
    )


def _row_error(index: int, error: VocError) -> dict[str, Any]:
    placed = error.within(f"items[{index}]")
    return {"index": index, "status": error.http_status, "error": placed.body()}


def encode_cursor(after: tuple[str, str]) -> str:
    """Where the next page of a list begins, as it stands in an address."""
    return base64.urlsafe_b64encode(json.dumps(after).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[str, str]:
    """The reverse of `encode_cursor`.

    Raises:
        InvalidInput: ``cursor_invalid``.
    """
    try:
        decoded = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        occurred_at, key = decoded
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise InvalidInput("cursor_invalid", "cursor must be the `next` of a page", "cursor") from None
    given = (occurred_at, key)
    if any(not isinstance(part, str) or has_lone_surrogate(part) for part in given):
        raise InvalidInput("cursor_invalid", "cursor must be the `next` of a page", "cursor")
    return occurred_at, key
