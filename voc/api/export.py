"""Feedback out of the service, as a file that is written while it is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain
from typing import Any

from flask import Response
from pydantic import Field

from voc import export
from voc.acts import Act
from voc.api import schemas
from voc.api.blueprint import FEEDBACK, api, services
from voc.api.guard import caller, needs
from voc.store import Store

log = logging.getLogger(__name__)

_TYPES: dict[export.Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}
_FILE: dict[str, Any] = {
    "description": "The file, written while it is read.",
    "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _TYPES.values()},
}


class ExportQuery(schemas.FilterQuery):
    """Which feedback, and as what."""

    format: export.Format = Field("jsonl", description="What kind of file.")


@api.get("/export", tags=[FEEDBACK], summary="All feedback as a file", responses={200: _FILE})
@needs("read", act="feedback.export")
def get_export(query: ExportQuery) -> Response:
    """Every feedback that the filters let through, the latest first, with its analysis, as in `voc export`.
    The file is written while it is read, in chunks. Where something goes wrong on the way, the connection is
    closed before the last chunk: a file is whole only if your client saw the end of the answer (curl: exit
    status 0)."""
    store = services().store
    rows: list[int] = []
    chunks = export.stream(store, query.filter(), query.format, rows.append)
    first = next(chunks, b"")  # what is wrong from the start is still answered as an error
    body = _told(chain([first], chunks), rows, store, caller().actor)
    return Response(
        body,
        headers={
            "Content-Type": _TYPES[query.format],
            "Content-Disposition": f'attachment; filename="feedback.{query.format}"',
        },
    )


def _told(chunks: Iterator[bytes], rows: list[int], store: Store, actor: str) -> Iterator[bytes]:
    """The same chunks; afterwards there stands in the log how many rows left, and whether all did."""
    whole = False
    try:
        yield from chunks
        whole = True
    finally:
        told = Act(actor, "feedback.export.done", details={"rows": sum(rows), "whole": whole})
        try:
            store.audit.record(told)
        except Exception:
            log.exception("the end of an export could not be logged")
