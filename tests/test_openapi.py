"""The OpenAPI document says what the service does: a small run of what tests/fuzz/api.py does at length."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.fuzz.api import WAYS, Way, attack, filled
from voc.pipeline import Pipeline
from voc.settings import Settings
from voc.text import PHRASE_PATTERN, VISIBLE_PATTERN, is_phrase, is_visible

Json = dict[str, Any]


@pytest.fixture
def document(client: FlaskClient) -> Json:
    found: Json = client.get("/v1/openapi.json").get_json()
    return found


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_schemathesis_finds_nothing(way: Way, tmp_path: Path, pipeline: Pipeline) -> None:
    target = filled(Settings(db=tmp_path / "voc.db", rate_per_minute=0), pipeline, way)
    outcome = attack(target, way, 1, 1, ("fuzzing",))
    target.app.extensions["voc"].close()
    assert outcome.failures == {}
    assert outcome.cases >= 40
    assert 500 not in outcome.statuses


def test_every_operation_says_how_to_be_known_and_what_can_go_wrong(document: Json) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            label = f"{method.upper()} {path}"
            assert {"401", "403", "413", "422", "429", "503"} <= set(operation["responses"]), label
            if path not in ("/health", "/ready"):
                assert operation["security"], label


def test_what_is_no_json_is_described_too(document: Json) -> None:
    def kinds(path: str) -> set[str]:
        return {
            kind.partition(";")[0] for kind in document["paths"][path]["get"]["responses"]["200"]["content"]
        }

    assert kinds("/metrics") == {"text/plain"}
    assert kinds("/v1/export") == {"text/csv", "application/jsonl", "application/vnd.apache.parquet"}


def test_parameters_are_never_null(document: Json) -> None:
    parameters = document["paths"]["/v1/feedback"]["get"]["parameters"]
    schemas = {one["name"]: one["schema"] for one in parameters}
    assert schemas["from"]["anyOf"] == [
        {"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}
    ]  # fmt: skip
    assert schemas["q"] == {
        "title": "Q",
        "type": "string",
        "maxLength": 500,
        "description": schemas["q"]["description"],
    }


def test_the_patterns_of_the_document_are_the_rules_of_the_service() -> None:
    visible, phrase = re.compile(VISIBLE_PATTERN), re.compile(PHRASE_PATTERN)
    letters = [chr(code) for code in range(0x11_0000) if not 0xD800 <= code < 0xE000]
    assert [
        ascii(one) for one in letters if bool(visible.search(one)) != (is_visible(one) and one != "\0")
    ] == []
    assert [ascii(one) for one in letters if bool(phrase.search(one)) != is_phrase(one, 1)] == []
    assert not visible.search("a\0") and not phrase.search("a\0")  # noqa: PT018


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/keys", {"name": "a", "scopes": ["read"], "rate_per_minute": False}, "rate_per_minute"),
        ("/v1/keys", {"name": "a", "scopes": ["read"], "expires_days": "3"}, "expires_days"),
        ("/v1/keys/0a1b2c3d/rotate", {"grace_hours": True}, "grace_hours"),
    ],
)
def test_a_truth_is_no_number(client: FlaskClient, path: str, body: Json, field: str) -> None:
    response = client.post(path, json=body)
    assert (response.status_code, response.get_json()["error"]["field"]) == (422, field)


@pytest.mark.parametrize("day", ["0", "1763712000", "2026-11-21T00:00", "20261121T"])
def test_a_day_is_a_day(client: FlaskClient, day: str) -> None:
    response = client.get("/v1/topics/emerging", query_string={"to": day})
    assert (response.status_code, response.get_json()["error"]["field"]) == (422, "to")


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59.999Z"])
def test_the_first_and_the_last_day_are_days(client: FlaskClient, name: str, day: str) -> None:
    assert client.get("/v1/feedback", query_string={name: day}).status_code == 200
    assert client.get("/v1/trends", query_string={name: day, "by": "department"}).status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_growth_at_the_ends_of_time(client: FlaskClient, day: str) -> None:
    response = client.get("/v1/topics/emerging", query_string={"to": day, "past_days": 3660})
    assert response.status_code == 200


#: Half of a surrogate pair, which JSON can carry and UTF-8 cannot; schemathesis sends none.
HALF = "a\ud800"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/session", {"name": HALF, "password": HALF}),
        ("/v1/keys", {"name": HALF, "scopes": ["read"]}),
        ("/v1/keys", {"name": "a", "scopes": ["read"], "department": HALF}),
        ("/v1/people", {"name": "lan", "password": HALF * 9, "role": "admin"}),
        ("/v1/topics/delivery-late/rename", {"name": {"vi": HALF}}),
        ("/v1/topics/delivery-late/rename", {"remit": {"vi": HALF}}),
        ("/v1/topics/delivery-late/rename", {"name": {"vi": "a"}, "reason": HALF}),
        ("/v1/topics/delivery-late/merge", {"into": HALF}),
        ("/v1/topics/delivery-late/move", {"department": HALF}),
        ("/v1/webhooks", {"name": "a", "url": f"https://example.com/{HALF}", "events": ["run.finished"]}),
        ("/v1/webhooks", {"name": HALF, "url": "https://example.com/", "events": ["run.finished"]}),
        ("/v1/feedback", {"text": "a", "attributes": {HALF: 1}}),
        ("/v1/feedback", {"text": "a", HALF: 1}),
        ("/v1/feedback/a/corrections", {"owner": HALF}),
    ],
)
def test_half_a_letter_is_refused_and_no_error_of_the_service(
    client: FlaskClient, path: str, body: Json
) -> None:
    with client.post(path, data=json.dumps(body), content_type="application/json") as response:
        assert response.status_code in (401, 404, 422), response.get_data(as_text=True)
