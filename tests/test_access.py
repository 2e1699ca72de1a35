"""Keys, people, sessions, the open mode, limits; and a walk: no route shows what is another department's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from flask.testing import FlaskClient

from voc.access import OF_ADDRESS, OF_NAME, WINDOW_S, Access, csrf_of, digest_of
from voc.api.guard import RULES, is_loopback
from voc.api.throttling import MOST_ADDRESSES, REFUSALS_PER_MINUTE, Throttle
from voc.app import Voc, create_app
from voc.cli import main
from voc.clock import utc_at, utc_now
from voc.errors import Conflict, InvalidInput, NotFound, SettingsError, TooMany, Unauthorized
from voc.identity import Person
from voc.organization import Organization
from voc.pipeline import Pipeline
from voc.records import Analysis, Candidate, Feedback, Reading, Segment, Span
from voc.services import Services
from voc.serving import check_host
from voc.settings import Settings, bundled
from voc.store import Filter, Store

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
PASSWORD = "đúng là của tôi"  # noqa: S105  # nobody's
ORGANIZATION = Organization.read(bundled("organization.toml"))


def make_key(access: Access, *scopes: str, **given: Any) -> str:
    return access.add_key(ORGANIZATION, name="n", scopes=scopes, by="command:an", **given)[1]


def make_person(
    access: Access, name: str = "lan", role: str = "analyst", department: str | None = None
) -> None:
    access.add_person(
        ORGANIZATION, name=name, password=PASSWORD, role=role, department=department, by="command:an"
    )


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def said(response: Any) -> tuple[int, str]:
    return response.status_code, response.get_json()["error"]["code"]


@pytest.fixture
def access(services: Services) -> Access:
    """Of the application's installation."""
    return services.access


@pytest.fixture
def far(client: FlaskClient) -> FlaskClient:
    """A client on another machine."""
    client.environ_base |= ELSEWHERE
    return client


# ---- keys


def test_a_key_is_shown_once_and_kept_as_a_digest(access: Access, services: Services) -> None:
    record, whole = access.add_key(ORGANIZATION, name=" Zendesk ", scopes=["read", "ingest"], by="command:an")
    assert re.fullmatch(r"voc_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", whole)
    assert whole.split("_", 2)[1] == record.prefix
    assert (record.name, record.scopes, record.made_by) == ("Zendesk", ("ingest", "read"), "command:an")
    assert services.store.people.key(record.prefix) == (record, hashlib.sha256(whole.encode()).hexdigest())
    services.store.close()
    secret = whole.removeprefix(f"voc_{record.prefix}_").encode()
    assert all(secret not in path.read_bytes() for path in services.settings.db.parent.iterdir())
    other = access.add_key(ORGANIZATION, name="Zendesk", scopes=["read"], by="command:an")[1]
    assert other != whole


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"scopes": ["read", "write"]}, "scope_unknown"),
        ({"scopes": []}, "scope_unknown"),
        ({"scopes": ["read", "ingest"], "department": "care"}, "scope_not_for_department"),
        ({"scopes": ["admin"], "department": "care"}, "scope_not_for_department"),
        ({"scopes": ["read"], "department": "nowhere"}, "department_unknown"),
        ({"scopes": ["read"], "name": " "}, "field_invalid"),
        ({"scopes": ["read"], "expires_days": 0}, "field_invalid"),
    ],
)
def test_what_cannot_be_granted(access: Access, services: Services, given: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        access.add_key(ORGANIZATION, **{"name": "n", "by": "an"} | given)
    assert caught.value.code == code
    assert services.store.people.every_key() == []


def test_both_headers_and_who_one_is(access: Access, far: FlaskClient) -> None:
    key = make_key(access, "read", "correct", department="care")
    body = far.get("/v1/session", headers=bearer(key)).get_json()
    assert body == {
        "principal": {
            "kind": "key", "name": key[4:12], "actor": f"key:{key[4:12]}", "scopes": ["read", "correct"],
            "department": "care",
        },
        "csrf": None,
        "ends_at": None,
    }  # fmt: skip
    assert far.get("/v1/session", headers={"X-API-Key": key}).get_json() == body
    assert far.get("/v1/session", headers={"Authorization": f"bearer  {key}"}).status_code == 200
    # a proxy's own password is none of ours
    both = {"X-API-Key": key, "Authorization": "Basic YTpi"}
    assert far.get("/v1/session", headers=both).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "credentials_missing"),
        ({"Authorization": "Basic YTpi"}, "credentials_missing"),
        ({"Authorization": "Bearer"}, "key_unknown"),
        ({"Authorization": "Bearer voc_"}, "key_unknown"),
        ({"Authorization": "Bearer voc_00000000_" + "a" * 43}, "key_unknown"),
        ({"X-API-Key": ""}, "key_unknown"),
        ({"X-API-Key": "voc_0000000g_" + "a" * 43}, "key_unknown"),
        ({"X-API-Key": "é" * 5_000}, "key_unknown"),
    ],
)
def test_who_is_not_known(access: Access, far: FlaskClient, headers: dict[str, str], code: str) -> None:
    make_key(access, "read")
    response = far.get("/v1/feedback", headers=headers)
    assert said(response) == (401, code)
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_one_letter_of_a_key_is_enough_to_refuse_it(access: Access, far: FlaskClient) -> None:
    key = make_key(access, "read")
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    assert said(far.get("/v1/feedback", headers=bearer(wrong))) == (401, "key_unknown")
    assert far.get("/v1/feedback", headers=bearer(key)).status_code == 200


def test_expired_revoked_and_both_are_said(access: Access, far: FlaskClient, services: Services) -> None:
    key = make_key(access, "read", expires_days=1)
    assert far.get("/v1/feedback", headers=bearer(key)).status_code == 200
    with services.store.write() as db:
        db["api_keys"].update(key[4:12], {"expires_at": utc_at(1)})
    assert said(far.get("/v1/feedback", headers=bearer(key))) == (401, "key_expired")
    gone = services.store.people.revoke_key(key[4:12], "command:an")
    again = services.store.people.revoke_key(key[4:12], "command:binh")
    assert (again.revoked_by, again.revoked_at) == ("command:an", gone.revoked_at)
    assert said(far.get("/v1/feedback", headers=bearer(key))) == (401, "key_revoked")
    with pytest.raises(NotFound):
        services.store.people.revoke_key("00000000", "command:an")


def test_rotation(access: Access, far: FlaskClient) -> None:
    old = make_key(
        access, "read", department="care", expires_days=30, rate_per_minute=7, body_max_bytes=2_000
    )
    before = access.key(old[4:12])
    record, fresh = access.rotate_key(before.prefix, by="command:binh", grace_hours=1)
    assert (record.replaces, record.made_by) == (before.prefix, "command:binh")
    granted = ("name", "scopes", "department", "rate_per_minute", "body_max_bytes")
    assert [getattr(record, name) for name in granted] == [getattr(before, name) for name in granted]
    after = access.key(before.prefix)
    assert after.expires_at is not None
    assert before.expires_at is not None
    assert record.expires_at is not None
    assert utc_now() < after.expires_at < before.expires_at <= record.expires_at
    for key in (old, fresh):
        assert far.get("/v1/feedback", headers=bearer(key)).status_code == 200
    access.rotate_key(record.prefix, by="command:binh", grace_hours=0)
    assert said(far.get("/v1/feedback", headers=bearer(fresh))) == (401, "key_expired")
    with pytest.raises(Conflict, match="expired"):
        access.rotate_key(record.prefix, by="command:binh")
    with pytest.raises(NotFound):
        access.rotate_key("00000000", by="command:binh")
    lasting = access.key(make_key(access, "read")[4:12])
    assert access.rotate_key(lasting.prefix, by="an")[0].expires_at is None


def test_scopes(access: Access, far: FlaskClient) -> None:
    ingest, read = make_key(access, "ingest"), make_key(access, "read")
    refused = far.get("/v1/feedback", headers=bearer(ingest))
    assert said(refused) == (403, "scope_missing")
    assert "scope read," in refused.get_json()["error"]["message"]
    given = {"text": "Giao hàng trễ", "source": "s", "external_id": "1"}
    assert said(far.post("/v1/feedback", json=given, headers=bearer(read))) == (403, "scope_missing")
    first = far.post("/v1/feedback", json=given, headers=bearer(ingest))
    second = far.post("/v1/feedback", json=given, headers=bearer(ingest))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json() == second.get_json()
    for key in (ingest, read):
        assert far.post("/v1/analyze", json={"text": "tốt"}, headers=bearer(key)).status_code == 200
    admin = make_key(access, "admin")
    assert far.get("/v1/feedback", headers=bearer(admin)).status_code == 200
    assert said(far.get("/v1/keys", headers=bearer(read))) == (403, "scope_missing")


def test_what_has_no_rule_is_for_administrators(access: Access, app: Voc) -> None:
    app.add_url_rule("/new", "new", lambda: "shown")
    assert "new" not in RULES
    far = app.test_client()
    admin, read = make_key(access, "admin"), make_key(access, "read", "correct", "ingest")
    assert said(far.get("/new", headers=bearer(read))) == (403, "scope_missing")
    assert far.get("/new", headers=bearer(admin)).text == "shown"
    assert said(far.get("/new")) == (401, "credentials_missing")
    assert said(far.get("/nowhere")) == (404, "not_found")
    assert said(far.post("/v1/nowhere", data=b"{")) == (404, "not_found")


def test_keys_over_http(far: FlaskClient, access: Access) -> None:
    admin = bearer(make_key(access, "admin"))
    given = {"name": "care", "scopes": ["correct", "read"], "department": "care", "expires_days": 2}
    response = far.post("/v1/keys", json=given, headers=admin)
    made = response.get_json()
    assert response.status_code == 201
    assert far.get("/v1/feedback", headers=bearer(made["key"])).status_code == 200
    record = made["record"]
    assert (record["scopes"], record["state"]) == (["read", "correct"], "active")
    assert record["made_by"] == f"key:{admin['Authorization'][11:19]}"
    rotated = far.post(f"/v1/keys/{record['prefix']}/rotate", json={"grace_hours": 2}, headers=admin)
    assert (rotated.status_code, rotated.get_json()["record"]["replaces"]) == (201, record["prefix"])
    ended = far.delete(f"/v1/keys/{record['prefix']}", headers=admin).get_json()
    assert ended["state"] == "revoked"
    listed = far.get("/v1/keys", headers=admin).get_json()["items"]
    assert [key["state"] for key in listed] == ["active", "revoked", "active"]
    assert made["key"] not in json.dumps(listed)
    bad = far.post("/v1/keys", json=given | {"scopes": ["ingest"]}, headers=admin)
    assert said(bad) == (422, "scope_not_for_department")
    assert said(far.delete("/v1/keys/00000000", headers=admin)) == (404, "key_unknown")


# ---- people and sessions


def log_in(client: FlaskClient, name: str = "lan", password: str = PASSWORD, **given: Any) -> Any:
    return client.post("/v1/session", json={"name": name, "password": password}, **given)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": "Lan"}, "field_invalid"),
        ({"name": "lan nguyen"}, "field_invalid"),
        ({"password": "mười một kt"}, "password_too_short"),
        ({"password": "x" * 1_001}, "password_too_long"),
        ({"name": "lan.nguyen.2", "password": "LAN.nguyen.2"}, "password_is_name"),
        ({"password": "\ud800" * 12}, "field_invalid"),
        ({"role": "boss"}, "role_unknown"),
        ({"role": "department"}, "department_missing"),
        ({"role": "department", "department": "nowhere"}, "department_unknown"),
        ({"department": "care"}, "department_not_for_role"),
    ],
)
def test_who_cannot_be_made(access: Access, services: Services, given: dict[str, Any], code: str) -> None:
    whole: dict[str, Any] = {
        "name": "lan", "password": PASSWORD, "role": "analyst", "department": None, "by": "an",
    } | given  # fmt: skip
    with pytest.raises(InvalidInput) as caught:
        access.add_person(ORGANIZATION, **whole)
    assert caught.value.code == code
    assert services.store.people.every_person() == []


def test_a_session_from_login_to_logout(access: Access, far: FlaskClient, services: Services) -> None:
    make_person(access, role="department", department="care")
    with pytest.raises(Conflict):
        make_person(access)
    assert said(far.get("/v1/session")) == (401, "credentials_missing")
    response = log_in(far, name=" Lan ", base_url="https://voc.example")
    body = response.get_json()
    assert response.status_code == 201
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("voc_session=")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", "Secure", "Max-Age=43200"):
        assert f"; {part}" in cookie, part
    token = re.match("voc_session=([A-Za-z0-9_-]{43});", cookie)[1]  # type: ignore[index]
    assert body["csrf"] == hmac.new(token.encode(), b"csrf", "sha256").hexdigest() == csrf_of(token)
    assert body["principal"] == {
        "kind": "person", "name": "lan", "actor": "person:lan", "scopes": ["read", "correct"],
        "department": "care",
    }  # fmt: skip
    with services.store.write() as db:
        (row,) = db.conn.execute("SELECT digest, person, expires_at FROM sessions").fetchall()
    assert (row["digest"], row["person"], row["expires_at"]) == (digest_of(token), "lan", body["ends_at"])
    assert far.get("/v1/session", base_url="https://voc.example").get_json() == body

    def end(**headers: str) -> Any:
        return far.delete("/v1/session", base_url="https://voc.example", headers=headers)

    assert said(end()) == (403, "csrf_missing")
    assert said(end(**{"X-CSRF-Token": "é"})) == (403, "csrf_wrong")
    assert end(**{"X-CSRF-Token": body["csrf"]}).status_code == 204
    again = far.get("/v1/session", base_url="https://voc.example", headers={"Cookie": f"voc_session={token}"})
    assert said(again) == (401, "credentials_missing")
    acts = services.store.audit.entries()[0]
    assert [(line.actor, line.action) for line in acts] == [
        ("person:lan", "session.end"), ("person:lan", "session.begin"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("http://127.0.0.1:8000", False),
        ("http://localhost", False),
        ("http://[::1]:8000", False),
        ("https://localhost", True),
        ("http://voc.example", True),
    ],
)
def test_a_cookie_goes_unprotected_on_this_machine_alone(
    access: Access, client: FlaskClient, url: str, secure: bool
) -> None:
    make_person(access)
    response = log_in(client, base_url=url)
    assert response.status_code == 201
    assert ("; Secure" in response.headers["Set-Cookie"]) is secure


def test_what_a_session_has_to_prove(access: Access, client: FlaskClient) -> None:
    make_person(access)
    csrf = {"X-CSRF-Token": log_in(client).get_json()["csrf"]}
    wrong = {"X-CSRF-Token": csrf_of("another")}

    def post(**headers: str) -> Any:
        return client.post("/v1/analyze", json={"text": "tốt"}, headers=headers)

    assert client.get("/v1/topics").status_code == 200
    assert said(post()) == (403, "csrf_missing")
    assert said(post(**wrong)) == (403, "csrf_wrong")
    assert post(**csrf).status_code == 200
    assert post(**csrf, Origin="http://localhost").status_code == 200
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert said(post(**csrf, **headers)) == (403, "origin_wrong")
        assert said(log_in(client, headers=headers)) == (403, "origin_wrong")
    key = make_key(access, "ingest")
    assert post(**bearer(key)).status_code == 200  # no browser sends this by itself
    assert post(**bearer(key), Origin="http://evil.example").status_code == 200


@pytest.mark.parametrize("change", ["disable", "password", "role", "expire"])
def test_what_ends_sessions_at_once(
    access: Access, client: FlaskClient, services: Services, change: str
) -> None:
    make_person(access)
    log_in(client)
    assert client.get("/v1/topics").status_code == 200
    if change == "disable":
        person = services.store.people.disable("lan", "command:an")
        assert (person.disabled_by, person.name) == ("command:an", "lan")
    elif change == "password":
        access.set_password("lan", "another password")
    elif change == "role":
        assert access.set_role(ORGANIZATION, "lan", "department", "care").department == "care"
    else:
        with services.store.write() as db:
            db.conn.execute("UPDATE sessions SET expires_at = ?", (utc_now(),))
    assert said(client.get("/v1/topics")) == (401, "credentials_missing")
    if change == "disable":
        assert said(log_in(client)) == (401, "login_wrong")
        assert services.store.people.enable("lan").disabled_at is None
        assert said(client.get("/v1/topics")) == (401, "credentials_missing")
        assert log_in(client).status_code == 201
    elif change == "password":
        assert said(log_in(client)) == (401, "login_wrong")
    for call in (services.store.people.enable, lambda name: services.store.people.disable(name, "an")):
        with pytest.raises(NotFound):
            call("nobody")


def test_letters_typed_in_another_way_are_the_same_password(access: Access) -> None:
    make_person(access)
    decomposed = PASSWORD.replace("ú", "u\u0301").replace("ủ", "u\u0309")
    assert decomposed != PASSWORD
    assert access.log_in("lan", decomposed, "::1").known.principal.name == "lan"


def test_a_hash_of_older_parameters_is_made_anew(access: Access, services: Services) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    services.store.people.add_person(Person("lan", "analyst", None, utc_now(), "an"), weak)
    login = access.log_in("lan", PASSWORD, "::1")
    kept = services.store.people.person("lan")
    assert kept is not None
    assert kept[1] != weak
    assert kept[1].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert access.with_session(login.token) is not None
    assert access.log_in("lan", PASSWORD, "::1").token != login.token


def test_a_password_that_changed_while_it_was_looked_at(access: Access, services: Services) -> None:
    people = services.store.people
    people.add_person(Person("lan", "analyst", None, utc_now(), "an"), "old")
    attempt = people.attempt("lan", "::1", window_s=60, of_name=5, of_address=5)
    people.set_password("lan", "new")
    with pytest.raises(NotFound):
        people.begin_session("d", "lan", "2999", attempt, verified="old", rehashed="old")
    assert people.session("d") is None
    people.begin_session("d", "lan", "2999", attempt, verified="new", rehashed="new")
    assert people.session("d") is not None


def test_people_over_http(far: FlaskClient, access: Access) -> None:
    admin = bearer(make_key(access, "admin"))
    given = {"name": "lan", "password": PASSWORD, "role": "department", "department": "care"}
    made = far.post("/v1/people", json=given, headers=admin)
    assert (made.status_code, made.get_json()["department"]) == (201, "care")
    assert PASSWORD not in made.text
    assert said(far.post("/v1/people", json=given, headers=admin)) == (409, "person_exists")

    def change(**body: Any) -> Any:
        return far.patch("/v1/people/lan", json=body, headers=admin)

    assert change(role="analyst").get_json()["department"] is None
    assert change(disabled=True).get_json()["disabled_by"].startswith("key:")
    assert change(disabled=False).get_json()["disabled_at"] is None
    assert change(password=PASSWORD[::-1]).status_code == 200
    assert said(change(password=PASSWORD[:8])) == (422, "password_too_short")
    for body in ({}, {"department": "care"}, {"role": "admin", "disabled": True}, {"password": None}):
        assert said(change(**body)) == (422, "field_invalid")
    assert said(far.patch("/v1/people/binh", json={"disabled": True}, headers=admin)) == (
        404,
        "person_unknown",
    )
    assert [person["name"] for person in far.get("/v1/people", headers=admin).get_json()["items"]] == ["lan"]


# ---- throttling of logins


class Nothing(PasswordHasher):
    """Finds every password wrong, and counts how often it was asked."""

    asked = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002, ARG002
        Nothing.asked += 1
        return super().verify(PasswordHasher(1, 8, 1).hash("right"), password)


def test_after_five_failures_the_right_password_waits_too(access: Access, services: Services) -> None:
    make_person(access)
    for _ in range(OF_NAME):
        with pytest.raises(Unauthorized, match="name or password is wrong"):
            access.log_in("lan", "wrong", "192.0.2.1")
    with pytest.raises(TooMany) as caught:
        access.log_in("lan", PASSWORD, "192.0.2.2")
    assert caught.value.code == "login_too_often"
    assert WINDOW_S - 60 < caught.value.retry_after_s <= WINDOW_S
    with services.store.write() as db:  # a quarter of an hour later
        db.conn.execute("UPDATE login_failures SET at = at - ?", (WINDOW_S,))
    assert access.log_in("lan", PASSWORD, "192.0.2.2").known.principal.name == "lan"
    with services.store.write() as db:
        assert db.conn.execute("SELECT count(*) FROM login_failures").fetchone()[0] == 0


def test_who_got_in_begins_anew_from_there(access: Access, services: Services) -> None:
    make_person(access)
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        with pytest.raises(Unauthorized):
            access.log_in("lan", "wrong", address)
    access.log_in("lan", PASSWORD, "192.0.2.1")
    with services.store.write() as db:
        left = db.conn.execute("SELECT name, address FROM login_failures").fetchall()
    assert [tuple(row) for row in left] == [("lan", "192.0.2.2")]


def test_an_address_that_tries_many_names(
    access: Access, far: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_hasher", Nothing(1, 8, 1))
    make_key(access, "read")
    for number in range(OF_ADDRESS):
        assert said(log_in(far, f"name{number}", "wrong")) == (401, "login_wrong")
    response = log_in(far, "another", "wrong")
    assert said(response) == (429, "login_too_often")
    assert 0 < int(response.headers["Retry-After"]) <= WINDOW_S
    elsewhere = log_in(far, "another", "wrong", environ_base={"REMOTE_ADDR": "192.0.2.8"})
    assert said(elsewhere) == (401, "login_wrong")


def test_unknown_names_are_looked_at_as_known_ones(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    make_person(access)
    monkeypatch.setattr(access, "_hasher", Nothing(1, 8, 1))
    before = Nothing.asked
    said_of = []
    for name in ("lan", "nobody", "\ud800", "x" * 500):
        with pytest.raises(Unauthorized) as caught:
            access.log_in(name, "\ud800 wrong", "::1")
        said_of.append((caught.value.code, caught.value.message))
    assert Nothing.asked == before + 4
    assert len(set(said_of)) == 1


@pytest.mark.parametrize(
    ("counted", "address"),
    [("2001:db8::/64", "2001:db8::7"), ("192.0.2.1", "192.0.2.1"), ("192.0.2.1", "::ffff:192.0.2.1")],
)
def test_failures_of_one_network_count_together(
    access: Access, client: FlaskClient, services: Services, counted: str, address: str
) -> None:
    """Whoever has one IPv6 address has 2^64 of them; whoever comes by IPv4 to an IPv6 socket has one."""
    make_person(access)
    for number in range(OF_ADDRESS):
        services.store.people.attempt(
            f"n{number}", counted, window_s=WINDOW_S, of_name=OF_NAME, of_address=OF_ADDRESS
        )
    far, near = {"REMOTE_ADDR": "2001:db8:0:1::1"}, {"REMOTE_ADDR": address}
    assert said(log_in(client, environ_overrides=near)) == (429, "login_too_often")
    assert log_in(client, environ_overrides=far).status_code == 201


def test_attempts_at_one_time_by_many_processes_are_no_more_than_allowed(settings: Settings) -> None:
    """Each thread has connections of its own, as each process has; the file is what they share."""
    Store(settings.db).prepare()
    allowed: list[bool] = []
    gate = threading.Barrier(16)

    def attempt() -> None:
        store = Store(settings.db)
        gate.wait()
        found = store.people.attempt("lan", "192.0.2.1", window_s=WINDOW_S, of_name=OF_NAME, of_address=99)
        allowed.append(found.number is not None)
        store.close()

    threads = [threading.Thread(target=attempt) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (allowed.count(True), allowed.count(False)) == (OF_NAME, 16 - OF_NAME)


# ---- the open mode


@pytest.mark.parametrize(
    ("host", "environ", "headers", "status"),
    [
        ("localhost", "127.0.0.1", {}, 200),
        ("127.0.0.1:8000", "127.0.0.1", {}, 200),
        ("[::1]:8000", "::1", {}, 200),
        ("localhost:8000", "::1", {}, 200),
        ("localhost", "192.0.2.7", {}, 403),
        ("voc.example", "127.0.0.1", {}, 403),
        ("127.0.0.1.voc.example", "127.0.0.1", {}, 403),
        ("localhost@voc.example", "127.0.0.1", {}, 403),
        ("0.0.0.0", "127.0.0.1", {}, 403),  # noqa: S104
        ("localhost", "127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 403),
        ("localhost", "127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 403),
        ("localhost", "127.0.0.1", {"X-Real-IP": "127.0.0.1"}, 403),
        ("localhost", "127.0.0.1", {"X-Forwarded-Server": "voc.example"}, 403),
        ("localhost", "127.0.0.1", {"CF-Connecting-IP": "192.0.2.7"}, 403),
        ("localhost:1,0.0.0.0", "127.0.0.1", {}, 403),
        ("localhost", "", {}, 403),
    ],
)
def test_without_keys_and_people_this_machine_alone(
    client: FlaskClient, host: str, environ: str, headers: dict[str, str], status: int
) -> None:
    for method, path, body in (
        ("GET", "/v1/feedback", None),
        ("GET", "/v1/openapi.json", None),
        ("POST", "/v1/analyze", {"text": "tốt"}),
    ):
        response = client.open(
            path, method=method, json=body, headers={"Host": host} | headers,
            environ_overrides={"REMOTE_ADDR": environ},
        )  # fmt: skip
        assert response.status_code == status, path
        if status == 403:
            assert said(response) == (403, "not_configured")
            assert "voc keys add" in response.get_json()["error"]["message"]


def test_a_proxy_that_adds_nothing_is_told_by_its_old_http(client: FlaskClient) -> None:
    """As nginx sends it unless it is told otherwise; probes are answered all the same."""
    old = {"SERVER_PROTOCOL": "HTTP/1.0"}
    assert said(client.get("/v1/feedback", environ_overrides=old)) == (403, "not_configured")
    assert client.get("/v1/health", environ_overrides=old).status_code == 200


def test_no_web_page_may_post_to_the_open_service(client: FlaskClient, services: Services) -> None:
    for headers in (
        {"Origin": "http://evil.example"}, {"Origin": "http://localhost:3000"}, {"Origin": "null"},
        {"Origin": "http://[", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):  # fmt: skip
        response = client.post("/v1/feedback", json={"text": "bịa"}, headers=headers)
        assert said(response) == (403, "origin_wrong"), headers
    assert services.store.count(Filter()) == 0
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/feedback", json={"text": "thật"}, headers=own).status_code == 201


def test_the_first_key_made_elsewhere_counts_at_the_next_request(
    client: FlaskClient, services: Services
) -> None:
    assert client.get("/v1/session").get_json()["principal"]["kind"] == "loopback"
    assert said(client.get("/v1/feedback", headers=bearer("voc_x"))) == (401, "key_unknown")
    result = CliRunner().invoke(
        main, ["--db", str(services.settings.db), "keys", "add", "--name", "n", "--scope", "read"]
    )
    assert said(client.get("/v1/session")) == (401, "credentials_missing")
    key = result.stdout.strip()
    assert client.get("/v1/session", headers=bearer(key)).status_code == 200
    services.store.people.revoke_key(key[4:12], "command:an")
    assert said(client.get("/v1/session")) == (401, "credentials_missing")  # it does not open again


def test_the_first_person_closes_it_too(client: FlaskClient, access: Access) -> None:
    make_person(access)
    assert said(client.get("/v1/session")) == (401, "credentials_missing")


def test_health_is_open_and_logging_in_from_elsewhere_is_not(far: FlaskClient) -> None:
    assert far.get("/v1/health").status_code == 200
    assert far.get("/v1/ready").status_code == 200
    assert said(log_in(far)) == (403, "not_configured")


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True), ("127.8.9.1:80", True), ("localhost:1", True), ("::1", True), ("[::1]", True),
        ("0.0.0.0", False), ("", False),  # noqa: S104
        ("::", False), ("10.0.0.1", False), ("voc.example", False),
        ("127.0.0.1@voc.example", False), ("[", False),
        ("localhost:1,0.0.0.0", False), ("localhost/x", False), ("localhost#x", False),
        ("localhost?x", False), ("localhost:99999", False),
    ],
)  # fmt: skip
def test_what_is_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_where_an_open_service_may_listen(settings: Settings) -> None:
    assert check_host(settings, "127.0.0.1") is True
    assert check_host(settings, "::1") is True
    with pytest.raises(SettingsError, match="voc keys add"):
        check_host(settings, "0.0.0.0")  # noqa: S104
    refused = CliRunner().invoke(main, ["--db", str(settings.db), "serve", "--host", "0.0.0.0"])  # noqa: S104
    assert refused.exit_code == 2
    assert "not_configured" in refused.stderr
    assert "voc people add" in refused.stderr
    assert "serves" not in refused.stdout
    store = Store(settings.db)
    make_key(Access(store, 1), "read")
    assert check_host(settings, "0.0.0.0") is False  # noqa: S104
    store.close()


# ---- limits


def test_a_key_has_a_rate_of_its_own(access: Access, far: FlaskClient) -> None:
    slow, other = make_key(access, "read", rate_per_minute=3), make_key(access, "read", rate_per_minute=3)
    found = [far.get("/v1/themes", headers=bearer(slow)) for _ in range(4)]
    assert [one.status_code for one in found] == [200, 200, 200, 429]
    assert [one.headers["RateLimit-Remaining"] for one in found] == ["2", "1", "0", "0"]
    assert {one.headers["RateLimit-Limit"] for one in found} == {"3"}
    assert said(found[3]) == (429, "rate_limited")
    assert 1 <= int(found[3].headers["Retry-After"]) <= 60
    assert far.get("/v1/themes", headers=bearer(other)).status_code == 200
    free = make_key(access, "read", rate_per_minute=0)
    assert "RateLimit-Limit" not in far.get("/v1/themes", headers=bearer(free)).headers


def test_the_rate_is_shared_out_among_the_workers(settings: Settings, pipeline: Pipeline) -> None:
    app = create_app(settings.model_copy(update={"rate_per_minute": 5}), workers=2)
    services: Services = app.extensions["voc"]
    services.pipelines.use(pipeline)
    key = make_key(services.access, "read")
    found = [app.test_client().get("/v1/themes", headers=bearer(key)) for _ in range(4)]
    assert [one.status_code for one in found] == [200, 200, 200, 429]
    assert found[0].headers["RateLimit-Limit"] == "3"
    services.store.close()


def test_strangers_are_told_to_wait_and_nobody_else(access: Access, far: FlaskClient) -> None:
    key = make_key(access, "read")
    wrong = [far.get("/v1/themes").status_code for _ in range(REFUSALS_PER_MINUTE + 1)]
    assert wrong == [401] * REFUSALS_PER_MINUTE + [429]
    assert said(far.get("/v1/themes", headers=bearer("voc_x"))) == (429, "rate_limited")
    assert far.get("/v1/themes", headers=bearer(key)).status_code == 200
    elsewhere = far.get("/v1/themes", environ_overrides={"REMOTE_ADDR": "192.0.2.99"})
    assert elsewhere.status_code == 401


def test_what_is_counted_of_strangers_has_a_bound() -> None:
    throttle = Throttle(1)
    for number in range(MOST_ADDRESSES + 5):
        throttle.hit_stranger(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(throttle._addresses) == 5
    one = [throttle.hit_stranger(f"2001:db8::{number:x}") for number in range(REFUSALS_PER_MINUTE + 1)]
    assert [share.wait_s > 0 for share in one] == [False] * REFUSALS_PER_MINUTE + [True]


def test_a_body_is_not_read_of_who_may_not_send_it(access: Access, far: FlaskClient) -> None:
    class Untouched(BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

        readline = read

    read = make_key(access, "read")
    for headers, expected in (
        ({}, (401, "credentials_missing")), (bearer("voc_x"), (401, "key_unknown")),
        (bearer(read), (403, "scope_missing")),
    ):  # fmt: skip
        response = far.post(
            "/v1/feedback", headers=headers, input_stream=Untouched(), content_length=10_000_000
        )
        assert said(response) == expected


def test_a_key_has_a_body_limit_of_its_own(access: Access, far: FlaskClient) -> None:
    small = bearer(make_key(access, "ingest", body_max_bytes=1_024))
    large = bearer(make_key(access, "ingest", body_max_bytes=10**12))
    body = json.dumps({"text": "x" * 1_100}).encode()
    refused = far.post("/v1/feedback", data=body, headers=small)
    assert said(refused) == (413, "body_too_large")
    assert "1,024 bytes" in refused.get_json()["error"]["message"]
    chunked = far.post(
        "/v1/feedback", input_stream=BytesIO(body), headers=small | {"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )  # fmt: skip
    assert said(chunked) == (413, "body_too_large")
    assert far.post("/v1/analyze", data=body, headers=large).status_code == 200
    far.application.config["MAX_CONTENT_LENGTH"] = 1_050
    assert said(far.post("/v1/analyze", data=body, headers=large)) == (413, "body_too_large")


# ---- headers


def test_what_every_answer_tells_a_browser(access: Access, client: FlaskClient) -> None:
    for path in ("/v1/feedback", "/v1/nowhere", "/v1/health", "/v1/swagger", "/"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; ")
        assert "frame-ancestors 'none'" in policy
        assert "Strict-Transport-Security" not in headers
    page = client.get("/v1/swagger")
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = hashlib.sha256(script.encode()).digest()
    assert f"'sha256-{base64.b64encode(digest).decode()}'" in page.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"].split("script-src")[1].split(";")[0]
    make_key(access, "read")
    secure = client.get("/v1/health", base_url="https://voc.example")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_document_says_how_to_be_known(client: FlaskClient) -> None:
    document = client.get("/v1/openapi.json").get_json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header", "session"}
    route = document["paths"]["/v1/feedback"]["get"]
    assert route["security"] == [{"bearer": []}, {"header": []}, {"session": []}]
    assert {"401", "403", "413", "429"} <= set(route["responses"])


def test_a_proxy_is_believed_where_the_settings_say_so(settings: Settings, pipeline: Pipeline) -> None:
    app = create_app(settings.model_copy(update={"proxies": 1}))
    services: Services = app.extensions["voc"]
    services.pipelines.use(pipeline)
    client = app.test_client()
    proxied = {"X-Forwarded-For": "198.51.100.9", "X-Forwarded-Proto": "https"}
    assert said(client.get("/v1/feedback", headers=proxied)) == (403, "not_configured")
    make_person(services.access)
    assert said(log_in(client, "lan", "wrong", headers=proxied)) == (401, "login_wrong")
    with services.store.write() as db:
        assert [row[0] for row in db.conn.execute("SELECT address FROM login_failures")] == ["198.51.100.9"]
    assert "max-age" in client.get("/v1/health", headers=proxied).headers["Strict-Transport-Security"]
    services.store.close()


# ---- who decided


def test_who_decides_is_who_calls(access: Access, client: FlaskClient) -> None:
    key = client.post("/v1/feedback", json={"text": "Giao hàng trễ ba ngày"}).get_json()["feedback"]["id"]
    path = f"/v1/feedback/{key}/corrections"

    def correct(owner: str, by: Any = None, **headers: str) -> Any:
        body = {"owner": owner} | ({} if by is None else {"by": by})
        return client.post(path, json=body, headers=headers)

    def last(response: Any) -> str:
        found: str = response.get_json()["corrections"][-1]["author"]
        return found

    assert last(correct("sales")) == "api"
    assert last(correct("care", "lan")) == "lan"
    program = make_key(access, "correct", "read")
    actor = f"key:{program[4:12]}"
    assert last(correct("sales", **bearer(program))) == actor
    assert last(correct("care", "lan", **bearer(program))) == f"lan via {actor}"
    assert said(correct("care", "x" * 190, **bearer(program))) == (422, "field_invalid")
    assert said(correct("care", 5, **bearer(program))) == (422, "field_invalid")
    number = client.get(path, headers=bearer(program)).get_json()["corrections"][-1]["number"]
    taken = client.delete(f"{path}/{number}", headers=bearer(program)).get_json()
    assert taken["corrections"][-1]["withdrawn_by"] == actor
    moved = {"department": "care", "by": "lan"}
    event = client.post("/v1/topics/delivery-late/move", json=moved, headers=bearer(program)).get_json()
    assert event["author"] == f"lan via {actor}"
    make_person(access)
    csrf = {"X-CSRF-Token": log_in(client).get_json()["csrf"]}
    assert last(correct("finance", **csrf)) == "person:lan"
    assert last(correct("product", "lan", **csrf)) == "person:lan"
    assert said(correct("sales", "binh", **csrf)) == (422, "author_wrong")


# ---- the command line


def run(db: Path, *words: str, given: str | None = None) -> Any:
    result = CliRunner().invoke(main, ["--db", str(db), *words], input=given)
    assert result.exit_code == 0, result.output
    return result


def test_keys_on_the_command_line(settings: Settings) -> None:
    db = settings.db
    made = run(db, "keys", "add", "--name", "Zendesk", "--scope", "ingest", "--scope", "read")
    whole = made.stdout.strip()
    assert re.fullmatch(r"voc_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", whole)
    assert "not shown again" in made.stderr
    words = (
        "--department",
        "care",
        "--expires-days",
        "3",
        "--rate-per-minute",
        "60",
        "--body-max-bytes",
        "9999",
    )
    other = json.loads(run(db, "keys", "add", "--name", "c", "--scope", "read", *words, "--json").stdout)
    assert other["record"] | {} == other["record"]
    assert (other["record"]["department"], other["record"]["rate_per_minute"]) == ("care", 60)
    listed = run(db, "keys", "list").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [[whole[4:12], "active"], [other["key"][4:12], "active"]]
    assert "care only" in listed[1]
    fresh = run(db, "keys", "rotate", whole[4:12], "--grace-hours", "0").stdout.strip()
    run(db, "keys", "revoke", fresh[4:12])
    found = json.loads(run(db, "keys", "list", "--json").stdout)
    assert [key["state"] for key in found] == ["expired", "active", "revoked"]
    assert found[2]["replaces"] == whole[4:12]
    assert found[0]["made_by"].startswith("command:")
    bad = CliRunner().invoke(
        main, ["--db", str(db), "keys", "add", "--name", "x", "--scope", "admin", "--department", "care"]
    )
    assert (bad.exit_code, "scope_not_for_department" in bad.stderr) == (1, True)


def test_people_on_the_command_line(settings: Settings) -> None:
    db = settings.db
    run(db, "people", "add", "lan", "--role", "analyst", "--password-stdin", given=f"{PASSWORD}\r\n")
    asked = run(
        db, "people", "add", "binh", "--role", "department", "--department", "care",
        given=f"{PASSWORD}\n{PASSWORD}\n",
    )  # fmt: skip
    assert PASSWORD not in asked.output
    store = Store(db)
    access = Access(store, 1)
    assert access.log_in("lan", PASSWORD, "::1").known.principal.department is None
    assert access.log_in("binh", PASSWORD, "::1").known.principal.department == "care"
    run(db, "people", "password", "lan", "--password-stdin", given="another password\n")
    assert access.log_in("lan", "another password", "::1").known.principal.name == "lan"
    run(db, "people", "role", "lan", "department", "--department", "sales")
    run(db, "people", "disable", "binh")
    assert run(db, "people", "list").stdout.splitlines()[1].startswith("lan")
    found = json.loads(run(db, "people", "list", "--json").stdout)
    assert [(one["name"], one["role"], one["disabled_at"] is None) for one in found] == [
        ("binh", "department", False), ("lan", "department", True),
    ]  # fmt: skip
    assert json.loads(run(db, "people", "enable", "binh", "--json").stdout)["disabled_by"] is None
    store.close()


# ---- the walk

#: Stands in everything that is kept of what the department may not see, and in nothing else.
HIDDEN = "kxhidden"
SHOWN = "kxshown"
LAST = date(2025, 11, 21)
MINE = "logistics"


def of(
    pipeline: Pipeline, number: int, *, shown: bool, owner: str | None, cooperators: tuple[str, ...] = (),
    status: str = "routed", days: int = 1, at: int = 0, topic: str | None = None,
) -> tuple[Feedback, Analysis, Reading]:  # fmt: skip
    """One feedback as it would be kept, its vector near direction ``at``."""
    mark = SHOWN if shown else HIDDEN
    text = f"Giao hàng trễ {mark}{number}"
    key = f"{'shown' if shown else 'other'}-{number}"
    moment = f"{LAST - timedelta(days=days)}T08:00:00.000Z"
    row = Feedback(
        key, text, mark, f"{mark}e{number}", moment, moment, mark, None, f"{mark}c{number}", {}, {"a": mark}
    )
    part = Segment(0, len(text), text, "vi", "negative", -0.5, topic, owner, 0.9)
    candidates = (Candidate("care", 0.4), Candidate(MINE, 0.35)) if status == "review" else ()
    analysis = Analysis(
        key, "vi", "negative", -0.5, 0.9, owner, 0.4, cooperators, "receive", status,  # type: ignore[arg-type]
        candidates, (), (part,), pipeline.version,
    )  # fmt: skip
    center = pipeline.topics.registry.center
    vector = np.random.default_rng(number).standard_normal(len(center)) * 0.01 + center * 1e-3
    vector[at] += 1.0
    reading = Reading(
        (Span(0, len(text)),), ("vi",), (f"giao_hàng trễ {mark}",),
        (vector / np.linalg.norm(vector))[None].astype(np.float32),
    )  # fmt: skip
    return row, analysis, reading


@dataclass
class House:
    """An installation with feedback of several departments, and keys for it."""

    client: FlaskClient
    services: Services
    limited: dict[str, str]
    admin: dict[str, str]
    #: Ids that the department may see, and those it may not.
    shown: set[str]
    hidden: set[str]
    #: Number of a correction of a hidden feedback.
    correction: int


@pytest.fixture
def house(app: Voc, services: Services, pipeline: Pipeline) -> House:
    """Owned, co-operated on, of others, waiting for review here and there, queued, and moved away."""
    mine, others = partial(of, pipeline, shown=True), partial(of, pipeline, shown=False)
    late = "delivery-late"
    kept = [
        *(mine(n, owner=MINE, days=20 + n, at=n % 5) for n in range(30)),
        *(mine(n, owner=MINE, days=n % 10, topic=late) for n in range(30, 42)),
        *(mine(n, owner="care", cooperators=("sales", MINE), days=3) for n in range(42, 46)),
        mine(46, owner=None, cooperators=(MINE,), status="review"),
        mine(47, owner=MINE, status="review"),
        *(others(n, owner="care", days=20 + n % 30, at=n % 5) for n in range(100, 130)),
        *(others(n, owner="care", days=n % 10, topic=late) for n in range(130, 150)),
        *(others(n, owner="sales", cooperators=("care",), days=n % 10) for n in range(150, 165)),
        others(165, owner=None, status="review"),
        others(166, owner="care", status="review"),
        others(167, owner=MINE),
    ]
    store = services.store
    store.add([row for row, _, _ in kept], holder="h", lease_s=30)
    store.save([one for _, one, _ in kept], [reading for *_, reading in kept], pipeline.reader.version)
    queued = others(168, owner=MINE)[0]
    store.add([queued], holder="h", lease_s=3_000)
    access = services.access
    admin, limited = make_key(access, "admin"), make_key(access, "read", "correct", department=MINE)
    client = app.test_client()
    client.environ_base |= ELSEWHERE
    moved = client.post(
        "/v1/feedback/other-167/corrections", headers=bearer(admin),
        json={"owner": "finance", "reason": f"{HIDDEN} reason"},
    )  # fmt: skip
    rows = [row for row, _, _ in kept] + [queued]
    return House(
        client, services, bearer(limited), bearer(admin),
        {row.id for row in rows if row.source == SHOWN}, {row.id for row in rows if row.source == HIDDEN},
        moved.get_json()["corrections"][0]["number"],
    )  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One request of the walk, and the status that the department's key gets for it.

    ``path`` may name ``{shown}``, ``{hidden}``, ``{queued}``, ``{moved}`` and ``{correction}``.
    """

    path: str
    status: int = 200
    body: Any = None
    #: What anybody gets who is not known.
    stranger: int = 401


def forbidden(path: str, body: Any = None) -> list[Call]:
    """A route that is not for departments."""
    return [Call(path, 403, body)]


_ANY_TOPIC = "/v1/topics/delivery-late"
_QUERIES = (
    "", f"?q={HIDDEN}", f"?q={HIDDEN}130", "?q=giao", "?department=care", "?department=care&role=owner",
    f"?source={HIDDEN}", "?topic=delivery-late", "?status=review", "?sentiment=negative", "?from=2025-01-01",
)  # fmt: skip

#: Of pages, which repeat what was asked for: without the words that nothing else may show.
_PAGE_QUERIES = tuple(query for query in _QUERIES if HIDDEN not in query)

#: Every route of the application, by method and endpoint. A new route needs its line here: what a
#: department's key gets of it, with the parameters by which it would be likeliest to give something away.
WALK: dict[str, list[Call]] = {
    "GET dashboard.overview": [Call(f"/{query}") for query in _PAGE_QUERIES],
    "GET dashboard.emerging": [Call(f"/emerging{query}") for query in _PAGE_QUERIES],
    "GET dashboard.compare": [
        *(Call(f"/compare{query}") for query in _PAGE_QUERIES),
        *(Call(f"/compare?by={by}") for by in ("source", "department", "attribute", "touchpoint")),
        Call("/compare?a_from=2025-01-01&a_to=2025-06-30&from=2025-07-01&to=2025-12-31"),
    ],
    "GET dashboard.seams": [
        *(Call(f"/seams{query}") for query in _PAGE_QUERIES),
        Call("/seams?department=care&also=logistics&from=2025-01-01"),
        Call("/seams?department=product&also=finance&touchpoint=receive&from=2025-01-01"),
    ],
    "GET dashboard.journey": [Call(f"/journey{query}") for query in _PAGE_QUERIES],
    "GET dashboard.drivers": [
        Call(f"/drivers{query}{'&' if query else '?'}score={score}")
        for score in ("nps", "csat") for query in _PAGE_QUERIES
    ],
    "GET dashboard.topics": [
        *(Call(f"/topics{query}") for query in _PAGE_QUERIES), Call("/topics?sort=change&theme=delivery"),
    ],
    "GET dashboard.topic": [Call(f"/topics/delivery-late{query}") for query in _PAGE_QUERIES],
    "GET dashboard.departments": [Call(f"/departments{query}") for query in _PAGE_QUERIES],
    "GET dashboard.department": [
        *(Call(f"/departments/{MINE}{query}") for query in _PAGE_QUERIES), Call("/departments/care", 403),
    ],
    "GET dashboard.digest": [
        Call(f"/departments/{MINE}/digest"), Call(f"/departments/{MINE}/digest?week=2026-11-03"),
        Call("/departments/care/digest", 403),
    ],
    "GET dashboard.login": [Call("/login", stranger=200)],
    "GET assets.static_file": [Call("/static/none/voc.css", stranger=200)],
    "GET docs": [Call("/docs", 302)],
    "GET swagger.swagger": [Call("/v1/swagger")],
    "GET swagger.static": [Call("/v1/swagger/css/swagger-ui.css")],
    "GET swagger.oauth2-redirect": [Call("/v1/oauth2-redirect.html")],
    "GET openapi.openapi": [Call("/v1/")],
    "GET openapi.doc_url": [Call("/v1/openapi.json")],
    "GET openapi.static": [Call("/v1/static/none", 404)],
    "GET health": [Call("/health", stranger=200)],
    "GET ready": [Call("/ready", stranger=200)],
    "GET v1.get_health": [Call("/v1/health", stranger=200)],
    "GET v1.get_ready": [Call("/v1/ready", stranger=200)],
    "GET metrics": forbidden("/metrics"),
    "GET v1.get_feedback_list": [
        *(Call(f"/v1/feedback{query}") for query in _QUERIES), Call("/v1/feedback?limit=3"),
    ],
    "GET v1.get_feedback": [
        Call("/v1/feedback/{shown}"),
        *(Call(f"/v1/feedback/{{{which}}}", 404) for which in ("hidden", "queued", "moved")),
    ],
    "GET dashboard.feedback": [
        *(Call(f"/feedback{query}") for query in _PAGE_QUERIES),
        Call("/feedback?cursor=WyIyMDI2LTExLTIxIiwgImYiXQ&newer=0"),
    ],
    "GET dashboard.feedback_one": [
        Call("/feedback/{shown}"),
        *(Call(f"/feedback/{{{which}}}", 404) for which in ("hidden", "queued", "moved")),
    ],
    "GET dashboard.data": [Call(f"/data{query}") for query in _PAGE_QUERIES],
    "GET dashboard.upload": forbidden("/data/none"),
    "GET dashboard.review": [*(Call(f"/review{query}") for query in _PAGE_QUERIES)],
    "GET v1.get_evidence": [
        Call("/v1/feedback/{shown}/evidence"),
        Call("/v1/feedback/{hidden}/evidence", 404), Call("/v1/feedback/{queued}/evidence", 404),
    ],
    "POST v1.post_feedback": forbidden(
        "/v1/feedback", {"text": "x", "source": HIDDEN, "external_id": f"{HIDDEN}e130"}
    ),
    "POST v1.post_batch": forbidden("/v1/feedback/batch", {"items": [{"text": "x"}]}),
    "POST v1.post_analyze": [Call("/v1/analyze", 200, {"text": "Giao hàng trễ"})],
    "POST v1.post_upload": forbidden("/v1/uploads?name=a.csv", {"text": "x"}),
    "GET v1.get_uploads": forbidden("/v1/uploads"),
    "GET v1.get_upload": forbidden("/v1/uploads/none"),
    "POST v1.post_upload_preview": forbidden("/v1/uploads/none/preview", {"mapping": {}}),
    "POST v1.post_upload_start": forbidden("/v1/uploads/none/start", {"mapping": {}}),
    "DELETE v1.delete_upload": forbidden("/v1/uploads/none"),
    "GET v1.get_export": [
        Call(f"/v1/export{query}{'&' if query else '?'}format={kind}")
        for kind in ("jsonl", "csv", "parquet") for query in _QUERIES
    ],
    "GET v1.get_corrections": [
        Call("/v1/feedback/{shown}/corrections"),
        *(Call(f"/v1/feedback/{{{which}}}/corrections", 404) for which in ("hidden", "queued", "moved")),
    ],
    "POST v1.post_corrections": [
        Call(f"/v1/feedback/{{{which}}}/corrections", 404, {"owner": MINE})
        for which in ("hidden", "queued", "moved")
    ],
    "DELETE v1.delete_correction": [
        Call("/v1/feedback/{moved}/corrections/{correction}", 404),
        Call("/v1/feedback/{shown}/corrections/{correction}", 404),
    ],
    "GET v1.get_review": [
        Call(f"/v1/review?order={order}{more}")
        for order in ("least_sure", "most_informative")
        for more in ("", "&department=care", f"&department={MINE}", f"&source={HIDDEN}", "&limit=1")
    ],
    "GET v1.get_emerging": [
        Call("/v1/topics/emerging"), Call("/v1/topics/emerging?topic=delivery-late"),
        Call("/v1/topics/emerging?window_days=60&past_days=60"),
    ],
    "GET v1.get_trends": [
        Call(f"/v1/trends{query}{'&' if query else '?'}by={by}&grain=day")
        for by in ("topic", "department", "touchpoint") for query in _QUERIES
    ],
    "GET v1.get_departments": [Call("/v1/departments")],
    **{
        f"GET v1.get_report_{name}": [Call(f"/v1/reports/{path}{query}") for query in _QUERIES]
        for name, path in (
            ("overview", "overview"), ("topics", "topics"), ("topic", "topics/delivery-late"),
            ("departments", "departments"), ("department", "departments/care"), ("seams", "seams"),
            ("seam_history", "seams/history"), ("journey", "journey"),
        )
    },
    "GET v1.get_report_drivers": [
        Call(f"/v1/reports/drivers{query}{'&' if query else '?'}score=csat") for query in _QUERIES
    ],
    "GET v1.get_report_compare": [
        *(Call(f"/v1/reports/compare{query}") for query in _QUERIES),
        Call(f"/v1/reports/compare?against_source={HIDDEN}"),
        Call("/v1/reports/compare?against_department=care"),
    ],
    "GET v1.get_themes": [Call("/v1/themes")],
    "GET v1.get_topics": [Call(f"/v1/topics{query}") for query in _QUERIES],
    "GET v1.get_topic": [Call(_ANY_TOPIC)],
    "GET v1.get_topic_history": forbidden(f"{_ANY_TOPIC}/history"),
    "POST v1.post_rename": forbidden(f"{_ANY_TOPIC}/rename", {"name": {"en": "x"}}),
    "POST v1.post_merge": forbidden(f"{_ANY_TOPIC}/merge", {"into": "hotline-unreachable"}),
    "POST v1.post_move": forbidden(f"{_ANY_TOPIC}/move", {"department": MINE}),
    "POST v1.post_retire": forbidden(f"{_ANY_TOPIC}/retire", {}),
    "POST v1.post_undo": forbidden("/v1/topics/changes/1/undo", {}),
    "POST v1.post_hook": forbidden("/v1/hooks/zendesk", {"text": "x"}),
    "POST v1.post_hook_named": [Call("/v1/hooks/generic/none", 404, {"text": "x"}, stranger=404)],
    "POST v1.post_session": [Call("/v1/session", 401, {"name": "nobody", "password": "x"})],
    "GET v1.get_session": [Call("/v1/session")],
    "DELETE v1.delete_session": [Call("/v1/session", 404)],
    "GET v1.get_audit": forbidden("/v1/audit"),
    "GET v1.get_audit_head": forbidden("/v1/audit/head"),
    "GET v1.get_keys": forbidden("/v1/keys"),
    "POST v1.post_keys": forbidden("/v1/keys", {"name": "n", "scopes": ["admin"]}),
    "POST v1.post_key_rotate": forbidden("/v1/keys/00000000/rotate", {}),
    "DELETE v1.delete_key": forbidden("/v1/keys/00000000"),
    "GET v1.get_people": forbidden("/v1/people"),
    "POST v1.post_people": forbidden("/v1/people", {"name": "n", "password": PASSWORD, "role": "admin"}),
    "PATCH v1.patch_person": forbidden("/v1/people/n", {"role": "admin"}),
    "GET v1.get_webhooks": forbidden("/v1/webhooks"),
    "POST v1.post_webhook": forbidden(
        "/v1/webhooks", {"name": "n", "url": "https://voc.example", "events": []}
    ),
    "GET v1.get_webhook": forbidden("/v1/webhooks/n"),
    "PATCH v1.patch_webhook": forbidden("/v1/webhooks/n", {"state": "active"}),
    "DELETE v1.delete_webhook": forbidden("/v1/webhooks/n"),
    "POST v1.post_webhook_rotate": forbidden("/v1/webhooks/n/rotate", {}),
    "POST v1.post_webhook_test": forbidden("/v1/webhooks/n/test", {}),
    "GET v1.get_webhook_dead": forbidden("/v1/webhooks/n/dead"),
    "POST v1.post_webhook_replay": forbidden("/v1/webhooks/n/replay", {}),
}  # fmt: skip


def routes(app: Voc) -> set[str]:
    """Method and endpoint of every route of the live application."""
    return {
        f"{method} {rule.endpoint}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def path_of(call: Call, house: House) -> str:
    return call.path.format(
        shown="shown-30", hidden="other-130", queued="other-168", moved="other-167",
        correction=house.correction,
    )  # fmt: skip


def text_of(response: Any) -> str:
    """All that an answer says, headers included, as text; nothing more can be read of it then."""
    data: bytes = response.get_data()
    response.close()
    if data and response.mimetype == "application/vnd.apache.parquet":
        data = json.dumps(pyarrow.parquet.read_table(BytesIO(data)).to_pylist(), default=str).encode()
    return f"{response.headers}{data.decode('utf-8')}"


def test_every_route_is_walked(app: Voc) -> None:
    assert routes(app) - set(WALK) == set(), "add a line to WALK"
    assert set(WALK) - routes(app) == set()


@pytest.mark.parametrize("route", sorted(WALK))
def test_no_route_shows_what_the_department_may_not_see(house: House, route: str) -> None:
    method = route.split()[0]
    # werkzeug leaves the file of a HEAD request open, which is a warning, and warnings are errors
    also = () if method != "GET" or "static" in route else ("HEAD", "OPTIONS")
    before = [kept.as_dict() for kept in house.services.store.every(Filter())]
    for number, call in enumerate(WALK[route]):
        path = path_of(call, house)
        for verb in (method, *also):
            response = house.client.open(
                path, method=verb, json=call.body, headers=house.limited, buffered=True
            )
            if verb != "OPTIONS":
                assert response.status_code == call.status, (verb, path, response.text)
            answer = text_of(response)
            own_words = answer.replace(f"{HIDDEN}e130", "") if call.status == 403 else answer
            assert HIDDEN not in own_words, (verb, path)
            asked = {key for key in house.hidden if key in path}
            assert {key for key in house.hidden if f'"{key}"' in answer} <= asked, (verb, path)
            stranger = house.client.open(
                path, method=verb, json=call.body, buffered=True,
                environ_overrides={"REMOTE_ADDR": f"198.51.100.{number}"},
            )  # fmt: skip
            if verb == "OPTIONS":  # of a path that several routes share, it is that of one of them
                assert stranger.status_code in (200, 401)
                continue
            stranger.close()
            assert stranger.status_code == call.stranger, (verb, path)
            if call.stranger == 401:
                assert stranger.headers["WWW-Authenticate"] == "Bearer"
    assert [kept.as_dict() for kept in house.services.store.every(Filter())] == before


def test_the_walk_would_find_something(house: House) -> None:
    """The same requests with a key that is not limited show what the others may not."""
    leaks = set()
    for route, calls in WALK.items():
        if route.startswith("GET v1."):
            for call in calls:
                response = house.client.get(path_of(call, house), headers=house.admin, buffered=True)
                if HIDDEN in text_of(response):
                    leaks.add(route.removeprefix("GET v1.get_"))
    assert leaks >= {"feedback_list", "feedback", "export", "corrections", "review", "emerging"}


def test_the_counts_are_those_of_what_is_seen(house: House) -> None:
    def ask(path: str, who: dict[str, str] | None = None) -> Any:
        return house.client.get(path, headers=who or house.limited).get_json()

    seen: list[str] = []
    cursor = ""
    while True:
        page = ask(f"/v1/feedback?limit=7{cursor}")
        seen += [item["feedback"]["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == sorted(house.shown)
    assert len(seen) == 48
    exported = house.client.get(
        "/v1/export?format=jsonl", headers=house.limited, buffered=True
    ).text.splitlines()
    assert len(exported) == 48
    for by, expected in (("touchpoint", 48), ("department", 47), ("topic", 12)):
        points = ask(f"/v1/trends?by={by}")["points"]
        assert sum(point["count"] for point in points) == expected, by
    topics = {topic["key"]: topic for topic in ask("/v1/topics")["items"]}
    assert sum(topic["count"] for topic in topics.values()) == 12
    assert ask("/v1/topics/delivery-late")["count"] == topics["delivery-late"]["count"] == 12
    assert all(topic["examples"] == [] for topic in topics.values())
    whole = ask("/v1/topics/delivery-late", house.admin)
    assert (whole["count"], bool(whole["examples"])) == (32, True)
    queue = ask("/v1/review")
    assert (queue["waiting"], {item["feedback"]["id"] for item in queue["items"]}) == (
        2, {"shown-46", "shown-47"},
    )  # fmt: skip
    assert ask("/v1/review", house.admin)["waiting"] == 4
    grown = ask("/v1/topics/emerging")
    assert grown["now"] + grown["past"] + grown["left_out"] == 48
    late = next(item for item in grown["items"] if item["kind"] == "topic")
    assert (late["topic"], late["now"], late["past"]) == ("delivery-late", 12, 0)
    assert {example["id"] for example in late["examples"]} <= house.shown
    everything = ask("/v1/topics/emerging", house.admin)
    assert everything["now"] + everything["past"] + everything["left_out"] == 116


def test_a_person_of_a_department_sees_the_same(house: House) -> None:
    make_person(house.services.access, role="department", department=MINE)
    person = house.client.application.test_client()
    log_in(person)
    for path in ("/v1/feedback?limit=500", "/v1/topics", "/v1/review", "/v1/trends?by=department"):
        assert person.get(path).get_json() == house.client.get(path, headers=house.limited).get_json()
    assert said(person.get("/v1/feedback/other-130")) == (404, "feedback_unknown")
    assert said(person.get("/v1/topics/delivery-late/history")) == (403, "department_limited")


def test_what_a_correction_moves_away_is_shown_once_more_and_gone(house: House) -> None:
    path = "/v1/feedback/shown-30/corrections"
    decision = house.client.post(path, json={"owner": "sales"}, headers=house.limited)
    assert decision.status_code == 201
    assert decision.get_json()["analysis"]["owner"] == "sales"
    number = decision.get_json()["corrections"][0]["number"]
    for response in (
        house.client.get("/v1/feedback/shown-30", headers=house.limited),
        house.client.get(path, headers=house.limited),
        house.client.post(path, json={"owner": MINE}, headers=house.limited),
        house.client.delete(f"{path}/{number}", headers=house.limited),
    ):
        assert said(response) == (404, "feedback_unknown")
    assert house.client.delete(f"{path}/{number}", headers=house.admin).status_code == 200
    assert house.client.get("/v1/feedback/shown-30", headers=house.limited).status_code == 200
    unknown = house.client.get("/v1/feedback/none", headers=house.limited).get_json()["error"]
    hidden = house.client.get("/v1/feedback/other-130", headers=house.limited).get_json()["error"]
    assert unknown | {"message": ""} == hidden | {"message": ""}
    assert unknown["message"].replace("none", "other-130") == hidden["message"]
