"""Who may come in: keys and people."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from voc.cli.shared import Context, as_json, pass_context, the_user
from voc.identity import ROLES, SCOPES


def _me() -> str:
    return f"command:{the_user()}"


# ---- keys


@click.group()
def keys() -> None:
    """Keys of programs that call the service."""


@keys.command("add")
@click.option("--name", required=True, help="What people call it.")
@click.option("--scope", "scopes", required=True, multiple=True, type=click.Choice(SCOPES),
              help="What it may do; give it once for each.")  # fmt: skip
@click.option("--department", metavar="KEY",
              help="It reads only what this department owns or co-operates on.")  # fmt: skip
@click.option("--expires-days", type=click.FloatRange(0, 3650, min_open=True), metavar="DAYS",
              help="When it expires [default: never].")  # fmt: skip
@click.option("--rate-per-minute", type=click.IntRange(0, 2**31 - 1),
              help="Requests a minute, 0 for any [default: that of the settings].")  # fmt: skip
@click.option("--body-max-bytes", type=click.IntRange(1024, 2**63 - 1),
              help="Bytes of a body; never more than the settings allow.")  # fmt: skip
@as_json
@pass_context
def keys_add(
    context: Context,
    name: str,
    scopes: tuple[str, ...],
    department: str | None,
    expires_days: float | None,
    rate_per_minute: int | None,
    body_max_bytes: int | None,
    as_json: bool,
) -> None:
    """Make a key and print it, this once.

    Scopes: ingest (send feedback), read, correct, admin (everything).
    """
    made = context.services.access.add_key(
        _organization(context), name=name, scopes=scopes, by=_me(), department=department,
        expires_days=expires_days, rate_per_minute=rate_per_minute, body_max_bytes=body_max_bytes,
    )  # fmt: skip
    _say_new(made, as_json)


@keys.command("list")
@as_json
@pass_context
def keys_list(context: Context, as_json: bool) -> None:
    """All keys, the oldest first."""
    from voc.clock import utc_now

    now = utc_now()
    found = [key.as_dict(now) for key in context.services.store.people.every_key()]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for key in found:
        until = f"  until {key['expires_at']}" if key["expires_at"] else ""
        limited = f"  {key['department']} only" if key["department"] else ""
        click.echo(
            f"{key['prefix']}  {key['state']:<8} {','.join(key['scopes']):<26} {key['name']}{limited}{until}"
        )


@keys.command("rotate")
@click.argument("prefix")
@click.option("--grace-hours", default=24.0, show_default=True, type=click.FloatRange(0, 87_600),
              help="How long the old one still holds.")  # fmt: skip
@as_json
@pass_context
def keys_rotate(context: Context, prefix: str, grace_hours: float, as_json: bool) -> None:
    """Make a key that may do the same as PREFIX, which ends after a time of grace."""
    made = context.services.access.rotate_key(prefix, by=_me(), grace_hours=grace_hours)
    _say_new(made, as_json)


@keys.command("revoke")
@click.argument("prefix")
@as_json
@pass_context
def keys_revoke(context: Context, prefix: str, as_json: bool) -> None:
    """End the key PREFIX at once."""
    from voc.clock import utc_now

    key = context.services.store.people.revoke_key(prefix, _me())
    click.echo(json.dumps(key.as_dict(utc_now()), ensure_ascii=False) if as_json else f"{prefix} is revoked")


def _say_new(made: tuple[Any, str], as_json: bool) -> None:
    from voc.clock import utc_now

    record, whole = made
    if as_json:
        click.echo(json.dumps({"key": whole, "record": record.as_dict(utc_now())}, ensure_ascii=False))
        return
    click.echo(whole)
    click.echo("It is not shown again: put it where the program finds it.", err=True)


# ---- people


@click.group()
def people() -> None:
    """People who log in."""


_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
_department = click.option("--department", metavar="KEY", help="For the role department.")


@people.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What they may do.")
@_department
@_stdin
@as_json
@pass_context
def people_add(
    context: Context, name: str, role: str, department: str | None, password_stdin: bool, as_json: bool
) -> None:
    """Make a person who logs in as NAME.

    Roles: admin (everything), analyst (read and correct everything), department (read and correct what it
    owns or co-operates on).
    """
    person = context.services.access.add_person(
        _organization(context), name=name, password=_password(password_stdin), role=role,
        department=department, by=_me(),
    )  # fmt: skip
    _say_person(person, as_json)


@people.command("list")
@as_json
@pass_context
def people_list(context: Context, as_json: bool) -> None:
    """All people, by name."""
    found = [person.as_dict() for person in context.services.store.people.every_person()]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for person in found:
        click.echo(_line(person))


@people.command("password")
@click.argument("name")
@_stdin
@as_json
@pass_context
def people_password(context: Context, name: str, password_stdin: bool, as_json: bool) -> None:
    """Give NAME another password; their sessions end."""
    _say_person(context.services.access.set_password(name, _password(password_stdin)), as_json)


@people.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@_department
@as_json
@pass_context
def people_role(context: Context, name: str, role: str, department: str | None, as_json: bool) -> None:
    """Give NAME another role; their sessions end."""
    _say_person(context.services.access.set_role(_organization(context), name, role, department), as_json)


@people.command("disable")
@click.argument("name")
@as_json
@pass_context
def people_disable(context: Context, name: str, as_json: bool) -> None:
    """Shut NAME out at once."""
    _say_person(context.services.store.people.disable(name, _me()), as_json)


@people.command("enable")
@click.argument("name")
@as_json
@pass_context
def people_enable(context: Context, name: str, as_json: bool) -> None:
    """Let NAME in again."""
    _say_person(context.services.store.people.enable(name), as_json)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    said: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return said


def _say_person(person: Any, as_json: bool) -> None:
    body = person.as_dict()
    click.echo(json.dumps(body, ensure_ascii=False) if as_json else _line(body))


def _line(person: dict[str, Any]) -> str:
    of = f" of {person['department']}" if person["department"] else ""
    shut = f"  disabled {person['disabled_at']}" if person["disabled_at"] else ""
    return f"{person['name']:<24} {person['role']}{of}{shut}"


def _organization(context: Context) -> Any:
    from voc.organization import Organization

    return Organization.read(context.settings.organization)
