"""Messages of other tools come in: each tool posts to its own path, in its own form."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from flask import request
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from voc.api import schemas
from voc.api.blueprint import api, rendered, services
from voc.api.guard import Rule, act_as, authenticated, needs, require
from voc.errors import (
    BodyTooLarge,
    Conflict,
    InvalidInput,
    NotFound,
    SettingsError,
    Unauthorized,
    Unavailable,
    VocError,
)
from voc.hooks import TOOLS, WINDOW_S, Hook, Mapping, Signed, read, signs, tool_of, verify
from voc.identity import LOOPBACK, Principal
from voc.ingest import validate
from voc.records import Feedback
from voc.store import Kept
from voc.worklist import Submission

log = logging.getLogger(__name__)

HOOKS = Tag(name="Hooks", description="Messages of the tools people use, as those tools send them.")
#: Seconds that a tool is kept waiting for the analysis; Chatwoot, Intercom and Formbricks give up after 5.
ANSWER_WITHIN_S = 2.0


class ToolPath(BaseModel):
    """A tool."""

    tool: str = Field(description="The tool.", json_schema_extra={"enum": list(TOOLS)})


class NamePath(BaseModel):
    """A mapping of the operator's own."""

    name: str = Field(description="As the file of the setting `hooks` has it, after `generic/`.")


class HookBody(schemas._Documented):
    """What the tool sends, in its own form."""


class HookOut(BaseModel):
    """One result per feedback that the message held, or why it held none."""

    results: list[schemas.BatchRowOut] | None = None
    ignored: str | None = Field(None, description="Why nothing is kept.")


_ANSWERS: dict[str | int, Any] = {
    201: HookOut, 200: HookOut, 401: schemas.ErrorBody, 409: schemas.ErrorBody,
}  # fmt: skip


@api.post("/hooks/<tool>", tags=[HOOKS], summary="A message of a tool", responses=_ANSWERS)
@needs(None)
def post_hook(path: ToolPath, body: HookBody) -> tuple[dict[str, Any], int]:
    """201 where something new is kept, 200 where all was known or nothing is to be kept. The signature is
    checked where the tool signs and its secret is set; otherwise a key with the scope `ingest` is needed. The
    same signed message again: 409. A row of `results` has its own status: 409 where its id is known with
    another text, 422 where it cannot be kept."""
    return _taken(path.tool, body.root)


@api.post(
    "/hooks/generic/<name>", tags=[HOOKS], summary="A message, by a mapping of one's own", responses=_ANSWERS
)
@needs(None)
def post_hook_named(path: NamePath, body: HookBody) -> tuple[dict[str, Any], int]:
    """As the route of the tools, by the mapping `generic/<name>` of the file of the setting `hooks`."""
    return _taken(f"generic/{path.name}", body.root)


def _taken(name: str, payload: Any) -> tuple[dict[str, Any], int]:
    hook, mapping = _found(name)
    signed = _admitted(name, hook)
    taken = read(payload, mapping, hook.questions)
    if taken.ignored is not None:
        return {"ignored": taken.ignored}, 200
    most = services().settings.batch_max_items
    if len(taken.rows) > most:
        raise BodyTooLarge("batch_too_long", f"a message may hold at most {most:,} feedback")
    results = _kept(taken.rows)
    statuses = {result["status"] for result in results}
    if not statuses - {InvalidInput.http_status}:
        error = results[0]["error"]
        raise InvalidInput(error["code"], error["message"], error["field"])
    if signed is not None and signed.digest is not None:
        services().store.receipts.add(signed.digest, 2 * WINDOW_S)
    return {"results": results}, 201 if 201 in statuses else 200


def _found(name: str) -> tuple[Hook, Mapping]:
    try:
        found = services().hooks.get().find(name)
    except SettingsError as error:
        log.error("%s", error.message)  # noqa: TRY400  # what is wrong stands in the message
        raise Unavailable("hooks_unusable", "the hooks are not set up rightly; the log says how") from None
    if found is None:
        known = ", ".join(TOOLS)
        raise NotFound("hook_unknown", f"there is no hook {name[:100]!r}; tools are {known}", "tool")
    return found


def _admitted(name: str, hook: Hook) -> Signed | None:
    """Lets a message in by its signature, or by a key.

    Raises:
        Unauthorized: the signature is missing, wrong or too old; or neither secret nor key is there.
        Forbidden: the key may not bring feedback.
        Conflict: ``hook_replayed``: this very message was taken before.
    """
    tool = tool_of(name)
    if hook.secrets and signs(tool):
        signed = verify(tool, hook.secrets, dict(request.headers), request.get_data(), time.time())
        act_as(Principal("hook", name, frozenset({"ingest"})))
        if signed.digest is not None and services().store.receipts.has(signed.digest):
            raise Conflict("hook_replayed", "this message was taken before")
        return signed
    known = authenticated()
    if known is None and services().access.is_open:  # the guard let in nothing but this machine
        known = LOOPBACK
    if known is None:
        needed = f"set the secret of {name}, or " if signs(tool) else ""
        raise Unauthorized("credentials_missing", f"{needed}send a key with the scope ingest")
    act_as(known)
    require(Rule("ingest"))
    return None


def _kept(values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What became of each row, same order."""
    results: list[dict[str, Any]] = [{} for _ in values]
    rows: list[tuple[int, Feedback]] = []
    for index, given in enumerate(values):
        try:
            rows.append((index, validate(given, text_max_chars=services().settings.text_max_chars)))
        except InvalidInput as error:
            results[index] = _refused(index, error)
    submissions = services().worklist.submit([row for _, row in rows], timeout_s=ANSWER_WITHIN_S)
    for (index, _), submission in zip(rows, submissions, strict=True):
        results[index] = _result(index, submission)
    return results


def _result(index: int, submission: Submission) -> dict[str, Any]:
    kept = submission.added.feedback
    if submission.added.outcome == "conflict" and kept.erased_at is not None:
        erased = "this feedback was erased and is not taken again"
        return _refused(index, Conflict("feedback_erased", erased, "external_id"))
    if submission.added.outcome == "conflict":
        known = f"{kept.source} {kept.external_id} is known with another text ({kept.id}), which stays"
        return _refused(index, Conflict("external_id_conflict", known, "external_id"))
    status = 201 if submission.added.outcome == "created" else 200
    shown = rendered(Kept(kept, submission.analysis, submission.corrected))
    return {"index": index, **shown, "status": status}


def _refused(index: int, error: VocError) -> dict[str, Any]:
    return {
        "index": index, "status": error.http_status, "error": error.within(f"results[{index}]").body(),
    }  # fmt: skip
