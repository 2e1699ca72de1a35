"""Where events go, and what became of them."""

from __future__ import annotations

from typing import Any

from flask_openapi3.models.tag import Tag

from voc import webhooks
from voc.api import schemas
from voc.api import schemas_webhooks as shapes
from voc.api.blueprint import api, services
from voc.api.guard import caller, needs

WEBHOOKS = Tag(name="Webhooks", description="Events for other programs, signed and sent until they arrive.")


@api.get("/webhooks", tags=[WEBHOOKS], summary="All targets", responses={200: shapes.WebhooksOut})
@needs("admin", act="webhook.list", whole=True)
def get_webhooks() -> dict[str, Any]:
    """By name, with how many events wait for each and how many were given up."""
    return {"items": [target.as_dict() for target in services().store.outbox.targets()]}


@api.post(
    "/webhooks", tags=[WEBHOOKS], summary="Add a target",
    responses={201: shapes.WebhookMadeOut, 409: schemas.ErrorBody},
)  # fmt: skip
@needs("admin", act="webhook.add", whole=True)
def post_webhook(body: shapes.WebhookBody) -> tuple[dict[str, Any], int]:
    """201 with the secret by which events are signed; it is not shown again. A target that is limited to a
    department gets what that department owns or co-operates on. An address inside this network is refused
    unless the setting `webhook_allow_private` allows it."""
    target, secret = webhooks.add(
        services().store, services().settings, body.name, body.url, body.events, body.department,
        by=caller().actor,
    )  # fmt: skip
    return target.as_dict() | {"secret": secret}, 201


@api.get("/webhooks/<name>", tags=[WEBHOOKS], summary="One target", responses={200: shapes.WebhookOut})
@needs("admin", act="webhook.read", whole=True)
def get_webhook(path: shapes.WebhookPath) -> dict[str, Any]:
    """With how many events wait for it and how many were given up."""
    return services().store.outbox.get(path.name).as_dict()


@api.patch(
    "/webhooks/<name>", tags=[WEBHOOKS], summary="Pause or resume a target",
    responses={200: shapes.WebhookOut},
)  # fmt: skip
@needs("admin", act="webhook.change", whole=True)
def patch_webhook(path: shapes.WebhookPath, body: shapes.WebhookStateBody) -> dict[str, Any]:
    """What waited goes on when it is active again."""
    return services().store.outbox.set_state(path.name, body.state).as_dict()


@api.delete("/webhooks/<name>", tags=[WEBHOOKS], summary="Remove a target", responses={204: None})
@needs("admin", act="webhook.remove", whole=True)
def delete_webhook(path: shapes.WebhookPath) -> tuple[str, int]:
    """What it was still to get is forgotten."""
    services().store.outbox.remove(path.name)
    return "", 204


@api.post(
    "/webhooks/<name>/rotate", tags=[WEBHOOKS], summary="Give a target a new secret",
    responses={200: shapes.SecretOut},
)  # fmt: skip
@needs("admin", act="webhook.rotate", whole=True)
def post_webhook_rotate(path: shapes.WebhookPath, body: shapes.NothingBody) -> dict[str, Any]:  # noqa: ARG001
    """Shown this once. For a day events are signed by the old one as well."""
    return {"name": path.name, "secret": webhooks.rotate(services().store, path.name)}


@api.post(
    "/webhooks/<name>/test", tags=[WEBHOOKS], summary="Send an event that tells nothing",
    responses={202: shapes.QueuedOut, 409: schemas.ErrorBody},
)  # fmt: skip
@needs("admin", act="webhook.test", whole=True)
def post_webhook_test(path: shapes.WebhookPath, body: shapes.NothingBody) -> tuple[dict[str, Any], int]:  # noqa: ARG001
    """202 with its id; it goes after what waits for the target."""
    return {"event": services().store.outbox.ping(path.name)}, 202


@api.get(
    "/webhooks/<name>/dead", tags=[WEBHOOKS], summary="Events that were given up",
    responses={200: shapes.LettersOut},
)  # fmt: skip
@needs("admin", act="webhook.dead", whole=True)
def get_webhook_dead(path: shapes.WebhookPath) -> dict[str, Any]:
    """In their order, with what went wrong last."""
    return {"items": [letter.as_dict() for letter in services().store.deliveries.letters(path.name)]}


@api.post(
    "/webhooks/<name>/replay", tags=[WEBHOOKS], summary="Send events again that were given up",
    responses={200: shapes.ReplayedOut, 409: schemas.ErrorBody},
)  # fmt: skip
@needs("admin", act="webhook.replay", whole=True)
def post_webhook_replay(path: shapes.WebhookPath, body: shapes.ReplayBody) -> dict[str, Any]:
    """They go in their old order, before what came after them and waits still."""
    return {"replayed": services().store.deliveries.replay(path.name, body.events)}
