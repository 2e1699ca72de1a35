"""Topics and themes: what they are, how many feedback have them, how they came to be, and changes of them."""

from __future__ import annotations

from typing import Any

from flask_openapi3.models.tag import Tag

from voc import reports
from voc.api import schemas
from voc.api import schemas_topics as shapes
from voc.api.blueprint import READING, api, services
from voc.api.guard import author, caller, needs
from voc.curation import themes
from voc.errors import InvalidInput

TOPICS = Tag(name="Topics", description="Changes of topics: dated, with an author, and undone when wrong.")
_CHANGE: dict[str | int, Any] = {200: shapes.TopicEventOut, 409: schemas.ErrorBody}


@api.get("/topics", tags=[READING], summary="All topics", responses={200: schemas.TopicsOut})
@needs("read")
def get_topics(query: schemas.FilterQuery) -> dict[str, Any]:
    """Topics with how many feedback mention them, and how many speak of them negatively; the filters narrow
    what is counted."""
    facts = services().facts.now()
    rows = services().facts.rows(facts, query.filter())
    found = reports.topics(facts, rows, services().pipelines.get().topics.registry)
    return {"items": [_shown(summary) for summary in found]}


@api.get("/topics/<key>", tags=[READING], summary="One topic", responses={200: schemas.TopicOut})
@needs("read")
def get_topic(path: schemas.KeyPath) -> dict[str, Any]:
    """Name, words, examples, department, lineage and counts; also of a topic that is no longer active."""
    topic = services().pipelines.get().topics.registry.get(path.key)
    facts = services().facts.now()
    counts = reports.topic_counts(facts, services().facts.rows(facts, schemas.FilterQuery().filter()))
    return _shown(reports.TopicSummary(topic, *counts.get(path.key, (0, 0))))


@api.get("/themes", tags=[READING], summary="All themes", responses={200: shapes.ThemesOut})
@needs("read")
def get_themes() -> dict[str, Any]:
    """Themes with their topics: the two levels that topics are read by."""
    return {"items": themes(services().pipelines.get().topics.registry)}


@api.get(
    "/topics/<key>/history", tags=[TOPICS], summary="How a topic came to be",
    responses={200: shapes.TopicHistoryOut},
)  # fmt: skip
@needs("read", whole=True)
def get_topic_history(path: schemas.KeyPath) -> dict[str, Any]:
    """Every change, the oldest first; none for a topic that is as it was shipped."""
    return {"items": [event.as_dict() for event in services().curation.history(path.key)]}


@api.post("/topics/<key>/rename", tags=[TOPICS], summary="Name a topic otherwise", responses=_CHANGE)
@needs("correct", act="topic.rename", whole=True)
def post_rename(path: schemas.KeyPath, body: shapes.RenameBody) -> dict[str, Any]:
    """Its key stays, and what belongs to it."""
    if not body.name and not body.remit:
        raise InvalidInput("name_missing", "give a name or a remit", "name")
    event = services().curation.rename(
        path.key, body.name, body.remit, author=author(body.by), reason=body.reason
    )
    return event.as_dict()


@api.post("/topics/<key>/merge", tags=[TOPICS], summary="Merge a topic into another", responses=_CHANGE)
@needs("correct", act="topic.merge", whole=True)
def post_merge(path: schemas.KeyPath, body: shapes.MergeBody) -> dict[str, Any]:
    """The other topic takes its segments from now on."""
    event = services().curation.merge([path.key], body.into, author=author(body.by), reason=body.reason)
    return event.as_dict()


@api.post("/topics/<key>/move", tags=[TOPICS], summary="Send a topic to a department", responses=_CHANGE)
@needs("correct", act="topic.move", whole=True)
def post_move(path: schemas.KeyPath, body: shapes.MoveBody) -> dict[str, Any]:
    """Its segments stay; they concern another department from now on."""
    event = services().curation.move(path.key, body.department, author=author(body.by), reason=body.reason)
    return event.as_dict()


@api.post("/topics/<key>/retire", tags=[TOPICS], summary="Retire a topic", responses=_CHANGE)
@needs("correct", act="topic.retire", whole=True)
def post_retire(path: schemas.KeyPath, body: shapes.RetireBody) -> dict[str, Any]:
    """It takes no more segments; they belong to none."""
    return services().curation.retire(path.key, author=author(body.by), reason=body.reason).as_dict()


@api.post("/topics/changes/<int:number>/undo", tags=[TOPICS], summary="Take a change back", responses=_CHANGE)
@needs("correct", act="topic.undo", whole=True)
def post_undo(path: shapes.ChangePath, body: shapes.UndoBody) -> dict[str, Any]:
    """Its topics are again what they were before."""
    (event,) = services().curation.undo([path.number], author=author(body.by), reason=body.reason)
    return event.as_dict()


def _shown(summary: reports.TopicSummary) -> dict[str, Any]:
    """A topic as the caller may see it: its examples are what customers of any department said."""
    body = summary.as_dict()
    return body if caller().department is None else body | {"examples": []}
