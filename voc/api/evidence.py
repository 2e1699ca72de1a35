"""Why a feedback was routed as it was."""

from __future__ import annotations

from typing import Any

from voc import evidence
from voc.api import schemas
from voc.api import schemas_evidence as shapes
from voc.api.blueprint import FEEDBACK, api, services
from voc.api.guard import caller, needs


@api.get(
    "/feedback/<key>/evidence", tags=[FEEDBACK], summary="Why it was routed so",
    responses={200: shapes.EvidenceOut, 409: schemas.ErrorBody},
)  # fmt: skip
@needs("read", act="feedback.evidence")
def get_evidence(path: schemas.KeyPath) -> dict[str, Any]:
    """Topics and how near they are; the words without which a department would be less probable, by how much
    its log-odds fall; feedback that is like it, those first of which people decided; what every pipeline
    version said. It takes as long as analyzing a few dozen texts."""
    found = evidence.explain(
        services().store, services().pipelines.get(), path.key, within=caller().department
    )
    return found.as_dict()
