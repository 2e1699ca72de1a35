"""Keys and people, for those who administer."""

from __future__ import annotations

from typing import Any

from voc.api import schemas
from voc.api import schemas_access as shapes
from voc.api.blueprint import api, services
from voc.api.guard import caller, needs
from voc.api.session import ACCESS
from voc.clock import utc_now
from voc.errors import InvalidInput
from voc.identity import ApiKey
from voc.organization import Organization


@api.get("/keys", tags=[ACCESS], summary="All keys", responses={200: shapes.KeysOut})
@needs("admin", act="key.list", whole=True)
def get_keys() -> dict[str, Any]:
    """The oldest first, those that ended too; nothing of their secrets."""
    now = utc_now()
    return {"items": [key.as_dict(now) for key in services().store.people.every_key()]}


@api.post("/keys", tags=[ACCESS], summary="Make a key", responses={201: shapes.NewKeyOut})
@needs("admin", act="key.add", whole=True)
def post_keys(body: shapes.KeyBody) -> tuple[dict[str, Any], int]:
    """The whole key is shown in this answer and never again. One that is limited to a department may have
    the scopes `read` and `correct`."""
    given = body.model_dump()
    return _new(services().access.add_key(_organization(), **given, by=caller().actor)), 201


@api.post(
    "/keys/<prefix>/rotate", tags=[ACCESS], summary="Replace a key",
    responses={201: shapes.NewKeyOut, 409: schemas.ErrorBody},
)  # fmt: skip
@needs("admin", act="key.rotate", whole=True)
def post_key_rotate(path: shapes.PrefixPath, body: shapes.RotateBody) -> tuple[dict[str, Any], int]:
    """A new key that may do the same; the old one ends after a time of grace."""
    access = services().access
    return _new(access.rotate_key(path.prefix, by=caller().actor, grace_hours=body.grace_hours)), 201


@api.delete("/keys/<prefix>", tags=[ACCESS], summary="Revoke a key", responses={200: shapes.KeyOut})
@needs("admin", act="key.revoke", whole=True)
def delete_key(path: shapes.PrefixPath) -> dict[str, Any]:
    """It is refused from the next request on."""
    return services().store.people.revoke_key(path.prefix, caller().actor).as_dict(utc_now())


@api.get("/people", tags=[ACCESS], summary="All people", responses={200: shapes.PeopleOut})
@needs("admin", act="person.list", whole=True)
def get_people() -> dict[str, Any]:
    """By name; nothing of their passwords."""
    return {"items": [person.as_dict() for person in services().store.people.every_person()]}


@api.post(
    "/people", tags=[ACCESS], summary="Make a person",
    responses={201: shapes.PersonOut, 409: schemas.ErrorBody},
)  # fmt: skip
@needs("admin", act="person.add", whole=True)
def post_people(body: shapes.PersonBody) -> tuple[dict[str, Any], int]:
    """`admin` may do everything, `analyst` may read and correct everything and bring files, `department` may
    read and correct what its department owns or co-operates on."""
    given = body.model_dump()
    return services().access.add_person(_organization(), **given, by=caller().actor).as_dict(), 201


@api.patch("/people/<name>", tags=[ACCESS], summary="Change a person", responses={200: shapes.PersonOut})
@needs("admin", act="person.change", whole=True)
def patch_person(path: shapes.NamePath, body: shapes.PersonChangeBody) -> dict[str, Any]:
    """Another password or role, or shut out or let in again: one of them at a time. Their sessions end."""
    given = body.model_dump(exclude_none=True)
    if set(given) - {"department"} not in ({"password"}, {"role"}, {"disabled"}):
        raise InvalidInput("field_invalid", "give one of password, role and disabled")
    if "department" in given and "role" not in given:
        raise InvalidInput("field_invalid", "department goes with role", "department")
    access, people = services().access, services().store.people
    if body.password is not None:
        person = access.set_password(path.name, body.password)
    elif body.role is not None:
        person = access.set_role(_organization(), path.name, body.role, body.department)
    else:
        person = people.disable(path.name, caller().actor) if body.disabled else people.enable(path.name)
    return person.as_dict()


def _organization() -> Organization:
    return Organization.read(services().settings.organization)


def _new(made: tuple[ApiKey, str]) -> dict[str, Any]:
    record, whole = made
    return {"key": whole, "record": record.as_dict(utc_now())}
