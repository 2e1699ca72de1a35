"""Topics: what they are and how many feedback have them."""

from __future__ import annotations

from typing import Any

from voc import reports
from voc.api import schemas
from voc.api.blueprint import READING, api, services
from voc.errors import NotFound


@api.get("/topics", tags=[READING], summary="All topics", responses={200: schemas.TopicsOut})
def get_topics(query: schemas.FilterQuery) -> dict[str, Any]:
    """Topics with how many feedback mention them; the filters narrow what is counted."""
    found = reports.topics(services().store, services().pipelines.get().topics, query.filter())
    return {"items": [summary.as_dict() for summary in found]}


@api.get("/topics/<key>", tags=[READING], summary="One topic", responses={200: schemas.TopicOut})
def get_topic(path: schemas.KeyPath) -> dict[str, Any]:
    """Name, words, examples, department and counts."""
    for summary in reports.topics(services().store, services().pipelines.get().topics):
        if summary.topic.key == path.key:
            return summary.as_dict()
    raise NotFound("topic_unknown", f"no topic has the key {path.key!r}", "key")
