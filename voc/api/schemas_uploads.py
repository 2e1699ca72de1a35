"""The JSON of uploads."""

from __future__ import annotations

from typing import Any, Literal

from flask_openapi3.models import RawModel
from pydantic import BaseModel, ConfigDict, Field

from voc.api import schemas
from voc.ingest import FileFormat, ShortText
from voc.store import DateOrder
from voc.text import PHRASE_PATTERN


class UploadBytes(RawModel):
    """The bytes of a file, as they are on disk."""

    mimetypes = ["application/octet-stream"]  # noqa: RUF012  # as flask-openapi3 declares it


class UploadQuery(BaseModel):
    """What is said of a file."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1, max_length=200, description="Its name; the ending tells the format.",
        json_schema_extra={"pattern": PHRASE_PATTERN},
    )  # fmt: skip
    format: FileFormat | None = Field(None, description="Needed for app reviews, which end in .csv.")


class UploadPath(BaseModel):
    """An upload."""

    id: str = Field(description="The upload's id.")


class MappingBody(BaseModel):
    """Which column is what."""

    model_config = ConfigDict(extra="forbid")

    mapping: dict[str, ShortText] = Field(
        description="Field of a feedback -> column; other columns become attributes.", max_length=60
    )
    source: ShortText | None = Field(None, description="Of rows that name none; the file's name if left out.")
    dates: DateOrder = Field("day-first", description="How dates such as 03/04/2026 are read.")


class ProblemOut(BaseModel):
    """Why one row was not kept."""

    row: int
    code: str
    message: str
    field: str | None


class UploadOut(BaseModel):
    """A file and how far it was read."""

    id: str
    name: str
    format: FileFormat
    bytes: int
    sha256: str
    rows: int = Field(description="Rows that it has, its header not counted.")
    columns: list[str] = Field(description="None for formats whose columns are known.")
    mapping: dict[str, str]
    source: str | None
    dates: DateOrder
    state: Literal["waiting", "running", "finished", "failed", "cancelled"]
    author: str
    made_at: str
    started_at: str | None
    finished_at: str | None
    done: int = Field(description="Rows that were read so far.")
    created: int = Field(description="New feedback.")
    known: int = Field(description="Feedback that was there already.")
    skipped: int = Field(description="Rows that hold no feedback.")
    queued: int = Field(description="New feedback whose analysis was left to the work list.")
    bad: int = Field(description="Rows that were refused.")
    problems: list[ProblemOut] = Field(description="The first 200 of them.")
    error: str | None


class UploadsOut(BaseModel):
    """The latest files first, 50 at most."""

    items: list[UploadOut]


class PreviewRowOut(BaseModel):
    """One row as it would be kept, or what is wrong with it."""

    row: int
    feedback: schemas.FeedbackOut | None = None
    error: schemas.ErrorDetail | None = None


class PreviewOut(BaseModel):
    """What a file would become."""

    upload: UploadOut
    mapping: dict[str, str]
    rows: list[PreviewRowOut]


STARTED: dict[str | int, Any] = {202: UploadOut, 409: schemas.ErrorBody}
CANCELLED: dict[str | int, Any] = {200: UploadOut, 409: schemas.ErrorBody}
