"""Files brought and read, history judged again, and what is on the screen taken out.

A file is sent to ``/v1/uploads``; then its page asks which column is what and shows how far it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext, lazy_gettext
from pydantic import ConfigDict, model_validator

from voc.api.caller import caller
from voc.dashboard.feedback import exports
from voc.dashboard.shell import View, ViewQuery, page, shown
from voc.errors import InvalidInput, VocError
from voc.history import Change
from voc.records import Feedback
from voc.store import DateOrder, Run, Upload
from voc.uploads import FIELDS, Preview, source_of

#: Runs and files that are listed, the latest first.
MOST = 20
#: How the address of a file's page says which column a field is.
COLUMN = "column."
#: What else stands in it: how dates are read, and the source of rows that name none.
OWN = ("dates", "from-source")
_ = lazy_gettext
NAMES = {
    "text": _("What the customer wrote"), "occurred_at": _("When"), "source": _("Source"),
    "channel": _("Channel"), "touchpoint": _("Touchpoint"), "customer_ref": _("Customer's reference"),
    "external_id": _("Your own id"), "scores.nps": _("NPS (0 to 10)"), "scores.csat": _("CSAT (1 to 5)"),
    "scores.ces": _("CES (1 to 7)"),
}  # fmt: skip
UPLOAD_STATES = {
    "waiting": _("Waits for you"), "running": _("Is being read"), "finished": _("Done"),
    "failed": _("Failed"), "cancelled": _("Cancelled"),
}  # fmt: skip
RUN_STATES = {
    "running": _("Going on, or stopped"), "finished": _("Done"), "final": _("Done"),
    "abandoned": _("Abandoned"), "rolled_back": _("Taken back"),
}  # fmt: skip
#: Of files that cannot be told by their endings.
REVIEWS = (("google-play", "Google Play"), ("app-store", "App Store"))


class UploadQuery(ViewQuery):
    """What a file's page is asked: columns by field, after ``column.``."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _no_other(self) -> UploadQuery:
        for name in self.model_extra or ():
            if name not in OWN and not name.startswith(COLUMN):  # links take everything over, ``_scheme`` too
                raise ValueError(f"{name} is no parameter of this page")
        return self


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a feedback and the column that it is."""

    key: str
    name: Any
    column: str | None


@page("/data", is_dated=False)
def data(view: View) -> str:
    """Files and runs for those who may bring files and see all feedback; taking out for everybody."""
    principal = caller()
    is_whole = principal.department is None
    may_bring = is_whole and principal.may("ingest")
    store = view.services.store
    return shown(
        "data.html",
        may_bring=may_bring, is_whole=is_whole, reviews=REVIEWS,
        uploads=[_shown(upload) for upload in store.uploads.latest(MOST)] if may_bring else [],
        runs=[_told(run) for run in store.runs.every()[:MOST]] if is_whole else [],
        exports=exports(view),
        count=int(view.services.facts.rows(view.facts, view.filter).sum()),
    )  # fmt: skip


@page("/data/<id>", scope="ingest", act="upload.look", whole=True, under="data", query=UploadQuery)
def upload(view: View, id: str) -> str:  # noqa: A002  # as the API's path has it
    """One file: what its columns are, or how far it is."""
    found = view.services.store.uploads.get(id)
    if found.state != "waiting":
        return shown("upload.html", upload=_shown(found), fields=(), preview=None, problem=None)
    given = {name.removeprefix(COLUMN): value for name, value in view.args.items() if name.startswith(COLUMN)}
    dates: DateOrder = "month-first" if view.args.get("dates") == "month-first" else "day-first"
    preview, problem = Preview({}, ()), None
    try:
        preview = view.services.uploads.preview(found, given if "dates" in view.args else None, dates)
    except InvalidInput as error:
        problem = error
    mapping = given if problem else preview.mapping
    return shown(
        "upload.html",
        upload=_shown(found), problem=problem, dates=dates,
        source=view.args.get("from-source", source_of(found)),
        fields=[Field(key, NAMES[key], mapping.get(key)) for key in FIELDS] if found.columns else [],
        preview=[(number, *_row(read)) for number, read in preview.rows],
    )  # fmt: skip


def _row(read: Feedback | VocError) -> tuple[Feedback | None, VocError | None]:
    return (read, None) if isinstance(read, Feedback) else (None, read)


def _shown(found: Upload) -> dict[str, Any]:
    return found.as_dict() | {"named": UPLOAD_STATES[found.state]}


def _told(run: Run) -> dict[str, Any]:
    """A run with how many feedback it moved to another owner."""
    owners = Change.of(run.change).owners if run.change else {}
    moved = sum(count for (before, after), count in owners.items() if before != after)
    return run.as_dict() | {"named": RUN_STATES[run.state], "moved": moved, "over": _over(run)}


def _over(run: Run) -> str:
    """Which feedback a run judged, in words."""
    parts = []
    if run.selection.get("source"):
        parts.append(gettext("source %(source)s", source=run.selection["source"]))
    if run.selection.get("since"):
        parts.append(gettext("since %(day)s", day=run.selection["since"][:10]))
    return ", ".join(parts) or gettext("all feedback")
