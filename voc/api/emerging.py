"""What grows."""

from __future__ import annotations

from typing import Any

from voc.api.blueprint import READING, api, services
from voc.api.guard import needs
from voc.api.schemas_emerging import EmergingQuery, FindingsOut
from voc.emerging import emerging


@api.get("/topics/emerging", tags=[READING], summary="What grows", responses={200: FindingsOut})
@needs("read", act="topics.emerging")
def get_emerging(query: EmergingQuery) -> dict[str, Any]:
    """What is said more often than it was, per feedback: among segments without a topic, inside a topic, and
    topics as a whole. Of all that is listed, 5 % is there by chance at most, on average."""
    pipeline = services().pipelines.get()
    found = emerging(services().store, pipeline.topics.registry, pipeline.reader.version, query.question())
    return found.as_dict(query.limit)
