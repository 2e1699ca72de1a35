"""People decide: corrections of what the service said, and the queue of what it would not say."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from flask import request
from flask_openapi3.models.tag import Tag

from voc import review
from voc.api import schemas
from voc.api import schemas_decisions as shapes
from voc.api.blueprint import api, services
from voc.api.guard import author, caller, needs
from voc.errors import BodyInvalid, InvalidInput
from voc.ingest import loads

DECISIONS = Tag(
    name="Decisions", description="What people decide goes before what the service says, in every later run."
)


@api.post(
    "/feedback/<key>/corrections", tags=[DECISIONS], summary="Correct or confirm one feedback",
    responses={201: shapes.DecisionOut, 200: shapes.DecisionOut, 409: schemas.ErrorBody},
)  # fmt: skip
@needs("correct", act="feedback.correct")
def post_corrections(path: schemas.KeyPath, body: shapes.CorrectionBody) -> tuple[dict[str, Any], int]:
    """201 with the feedback as it is shown from now on, here and in every count. 200 where nothing was said
    that did not hold already. One that waits for review and whose owner is named or confirmed waits no
    more. With `unless_decided`: 409 `feedback_decided`, and nothing changes, where it waits no more when the
    decision arrives."""
    said = dict(body.root)
    by, reason = said.pop("by", None), said.pop("reason", None)
    unless_decided = said.pop("unless_decided", False)
    decision = review.correct(
        services().store, services().pipelines.get(), path.key, said,
        author=author(by), reason=reason, within=caller().department, unless_decided=unless_decided,
    )  # fmt: skip
    return decision.as_dict(), 201 if decision.fresh else 200


@api.get(
    "/feedback/<key>/corrections", tags=[DECISIONS], summary="What people said of one feedback",
    responses={200: shapes.CorrectionsOut},
)  # fmt: skip
@needs("read", act="feedback.corrections")
def get_corrections(path: schemas.KeyPath) -> dict[str, Any]:
    """The oldest first, with what stood there before; those that were withdrawn too."""
    found = review.corrections_of(services().store, path.key, caller().department)
    return {"corrections": [one.as_dict() for one in found]}


@api.delete(
    "/feedback/<key>/corrections/<number>", tags=[DECISIONS], summary="Take a correction back",
    responses={200: shapes.DecisionOut, 409: schemas.ErrorBody},
)  # fmt: skip
@needs("correct", act="correction.withdraw")
def delete_correction(path: shapes.CorrectionPath, query: shapes.WithdrawQuery) -> dict[str, Any]:
    """What was said before it holds again, or else what the service says. The correction is still listed,
    with who withdrew it and when. `by` may also stand in a JSON body."""
    by = query.by if query.by is not None else _author_in_body()
    return review.withdraw(
        services().store, services().pipelines.get(), path.number,
        author=author(by), key=path.key, within=caller().department,
    ).as_dict()  # fmt: skip


@api.get("/review", tags=[DECISIONS], summary="What waits for a decision", responses={200: shapes.ReviewOut})
@needs("read", act="feedback.review")
def get_review(query: shapes.ReviewQuery) -> dict[str, Any]:
    """Feedback of whose owner the service is not sure enough. `least_sure`: the lowest confidence first.
    `most_informative`: of the 2,000 least sure those first whose decision would teach most (information
    density, put in order by maximal marginal relevance); begin again after deciding. To decide, post a
    correction that names the owner, or `{"confirm": true}`."""
    after = _decode_cursor(query.cursor, query.order) if query.cursor is not None else None
    chosen = {"department": query.department, "source": query.source, "within": caller().department}
    if query.order == "least_sure":
        page = review.least_sure(services().store, query.limit, after, **chosen)
    else:
        page = review.most_informative(
            services().store, services().pipelines.get(), query.limit, after, **chosen
        )
    return {
        "items": [entry.as_dict() for entry in page.items],
        "next": _encode_cursor(query.order, page.following) if page.following else None,
        "waiting": page.waiting,
    }


def _author_in_body() -> Any:
    raw = request.get_data()
    if not raw:
        return None
    try:
        body = loads(raw)
    except (ValueError, RecursionError) as error:
        raise BodyInvalid("json_invalid", f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise BodyInvalid("json_not_object", "the body must be a JSON object")
    unknown = sorted(str(name) for name in body if name != "by")
    if unknown:
        raise InvalidInput("field_unknown", f"{unknown[0]} is no field here; give by", unknown[0])
    return body.get("by")


def _encode_cursor(order: str, following: tuple[float, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps([order, *following]).encode()).decode().rstrip("=")


def _decode_cursor(cursor: str, order: str) -> tuple[float, int]:
    try:
        of, confidence, number = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        of, confidence, number = None, None, None
    if of != order or type(confidence) is not float or type(number) is not int or not 0 <= number < 2**63:
        raise InvalidInput(
            "cursor_invalid", "cursor must be the `next` of a page in the same order", "cursor"
        )
    return confidence, number
