"""Files that people bring: taken, looked at, read."""

from __future__ import annotations

from typing import Any

from flask_openapi3.models.tag import Tag

from voc.api import schemas_uploads as shapes
from voc.api.blueprint import api, services
from voc.api.guard import caller, needs
from voc.store import Upload
from voc.uploads import Preview

UPLOADS = Tag(name="Uploads", description="Files of feedback, read beside everything else.")
#: The endpoint whose body is the bytes of a file.
TAKES_BYTES = "v1.post_upload"


@api.post("/uploads", tags=[UPLOADS], summary="Bring a file", responses={201: shapes.PreviewOut})
@needs("ingest", act="upload.take", whole=True)
def post_upload(query: shapes.UploadQuery, raw: shapes.UploadBytes) -> tuple[dict[str, Any], int]:
    """The body is the file itself: CSV, XLSX, NDJSON, JSON, mbox, or reviews of an app store. Nothing is kept
    as feedback yet; the answer says which column seems to be what, and shows the first rows as they would be
    kept. A file that nobody lets be read is thrown away after a day."""
    uploads = services().uploads
    upload = uploads.take(query.name, raw.get_data(), query.format, author=caller().actor)
    return _shown(upload, uploads.preview(upload)), 201


@api.get("/uploads", tags=[UPLOADS], summary="Files brought lately", responses={200: shapes.UploadsOut})
@needs("ingest", whole=True)
def get_uploads() -> dict[str, Any]:
    """The latest first, with how far each was read."""
    return {"items": [upload.as_dict() for upload in services().store.uploads.latest()]}


@api.get(
    "/uploads/<id>", tags=[UPLOADS], summary="How far a file was read", responses={200: shapes.UploadOut}
)
@needs("ingest", whole=True)
def get_upload(path: shapes.UploadPath) -> dict[str, Any]:
    """`done` of `rows`; bad rows by number."""
    return services().store.uploads.get(path.id).as_dict()


@api.post(
    "/uploads/<id>/preview", tags=[UPLOADS], summary="Look at a file by another mapping",
    responses={200: shapes.PreviewOut},
)  # fmt: skip
@needs("ingest", act="upload.look", whole=True)
def post_upload_preview(path: shapes.UploadPath, body: shapes.MappingBody) -> dict[str, Any]:
    """The first rows as they would be kept; nothing changes."""
    upload = services().store.uploads.get(path.id)
    return _shown(upload, services().uploads.preview(upload, body.mapping, body.dates))


@api.post(
    "/uploads/<id>/start", tags=[UPLOADS], summary="Let a file be read",
    responses=shapes.STARTED,
)  # fmt: skip
@needs("ingest", act="upload.start", whole=True)
def post_upload_start(path: shapes.UploadPath, body: shapes.MappingBody) -> tuple[dict[str, Any], int]:
    """Its rows are kept and analyzed page by page; a row that names no `external_id` gets one, so that the
    same file brought again adds nothing."""
    upload = services().store.uploads.get(path.id)
    return services().uploads.start(upload, body.mapping, body.source, body.dates).as_dict(), 202


@api.delete(
    "/uploads/<id>", tags=[UPLOADS], summary="Stop reading a file",
    responses=shapes.CANCELLED,
)  # fmt: skip
@needs("ingest", act="upload.cancel", whole=True)
def delete_upload(path: shapes.UploadPath) -> dict[str, Any]:
    """What was kept of it stays; its bytes are thrown away."""
    return services().store.uploads.cancel(path.id).as_dict()


def _shown(upload: Upload, preview: Preview) -> dict[str, Any]:
    rows = [
        {"row": number, "feedback": None, "error": read.body()}
        if isinstance(read, Exception)
        else {"row": number, "feedback": read.as_dict(), "error": None}
        for number, read in preview.rows
    ]
    return {"upload": upload.as_dict(), "mapping": dict(preview.mapping), "rows": rows}
