"""Every route's success and error body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from voc.pipeline import Pipeline
from voc.records import Feedback
from voc.services import Services
from voc.settings import Settings

VI = "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe"
EN = "The app keeps crashing when I try to log in"
ANALYSIS_KEYS = [
    "id", "language", "sentiment", "sentiment_score", "sentiment_confidence", "owner", "owner_confidence",
    "cooperators", "touchpoint", "status", "candidates", "hops", "segments", "pipeline",
]  # fmt: skip
SEGMENT_KEYS = [
    "start", "end", "text", "language", "sentiment", "sentiment_score", "topic", "department",
    "department_confidence",
]  # fmt: skip


def post(client: FlaskClient, path: str, body: Any) -> Any:
    return client.post(path, json=body)


def error(response: Any) -> tuple[int, str, str | None]:
    body = response.get_json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["code", "message", "field"]
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"], body["error"]["field"]


def test_post_feedback(client: FlaskClient) -> None:
    response = post(client, "/v1/feedback", {"text": VI, "source": "zendesk", "external_id": "1"})
    body = response.get_json()
    assert response.status_code == 201
    assert list(body) == ["feedback", "analysis"]
    analysis = body["analysis"]
    assert list(analysis) == ANALYSIS_KEYS
    assert all(list(segment) == SEGMENT_KEYS for segment in analysis["segments"])
    assert analysis["id"] == body["feedback"]["id"]
    assert (analysis["language"], analysis["sentiment"]) == ("vi", "negative")
    assert {analysis["owner"], *analysis["cooperators"]} == {"logistics", "care"}
    assert [VI[s["start"] : s["end"]] for s in analysis["segments"]] == [
        s["text"] for s in analysis["segments"]
    ]
    assert [s["department"] for s in analysis["segments"]] == ["logistics", "care"]


def test_vietnamese_is_written_as_it_is(client: FlaskClient) -> None:
    response = post(client, "/v1/feedback", {"text": VI})
    assert VI in response.get_data(as_text=True)


def test_the_same_pair_again_is_the_same_record(client: FlaskClient) -> None:
    given = {"text": EN, "source": "s", "external_id": "7"}
    first = post(client, "/v1/feedback", given)
    second = post(client, "/v1/feedback", given | {"channel": "chat"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.get_json() == second.get_json()


def test_another_text_under_the_pair_is_a_conflict_and_changes_nothing(client: FlaskClient) -> None:
    kept = post(client, "/v1/feedback", {"text": EN, "source": "s", "external_id": "7"}).get_json()
    refused = post(client, "/v1/feedback", {"text": VI, "source": "s", "external_id": "7"})
    assert error(refused) == (409, "external_id_conflict", "external_id")
    assert client.get(f"/v1/feedback/{kept['feedback']['id']}").get_json() == kept


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "text_missing", "text")),
        ({"text": ""}, (422, "text_empty", "text")),
        ({"text": " \n "}, (422, "text_empty", "text")),
        ({"text": "x" * 20_001}, (422, "text_too_long", "text")),
        ({"text": 5}, (422, "field_invalid", "text")),
        ({"text": None}, (422, "field_invalid", "text")),
        ({"text": ["x"]}, (422, "field_invalid", "text")),
        ({"text": "a\x00b"}, (422, "field_invalid", "text")),
        ({"text": "ok", "colour": "red"}, (422, "field_unknown", "colour")),
        ({"text": "ok", "occurred_at": "yesterday"}, (422, "field_invalid", "occurred_at")),
        ({"text": "ok", "touchpoint": "nowhere"}, (422, "field_invalid", "touchpoint")),
        ({"text": "ok", "scores": {"nps": 11}}, (422, "field_invalid", "scores.nps")),
        ({"text": "ok", "scores": {"nps": True}}, (422, "field_invalid", "scores.nps")),
        ({"text": "ok", "attributes": {"a": {"b": 1}}}, (422, "field_invalid", "attributes.a")),
    ],
)
def test_bad_feedback(client: FlaskClient, body: Any, expected: tuple[int, str, str]) -> None:
    assert error(post(client, "/v1/feedback", body)) == expected
    assert client.get("/v1/feedback").get_json()["items"] == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", (400, "json_invalid", None)),
        (b"{", (400, "json_invalid", None)),
        (b'{"text": NaN}', (400, "json_invalid", None)),
        (b"\xff\xfe\x00", (400, "json_invalid", None)),
        (b"[1]", (400, "json_not_object", None)),
        (b'"text"', (400, "json_not_object", None)),
        (b'{"a":' * 20_000, (400, "json_too_deep", None)),
        (b'{"text": "a\\ud800b"}', (422, "field_invalid", "text")),
    ],
)
def test_bad_bodies(client: FlaskClient, raw: bytes, expected: tuple[int, str, str | None]) -> None:
    answer = client.post("/v1/feedback", data=raw)
    assert error(answer) == expected
    assert "400 Bad Request" not in answer.get_json()["error"]["message"]


def test_a_megabyte_of_text_is_refused_by_name(client: FlaskClient) -> None:
    assert error(post(client, "/v1/feedback", {"text": "á" * 1_000_000})) == (422, "text_too_long", "text")


def test_a_body_over_the_limit_is_413(client: FlaskClient) -> None:
    client.application.config["MAX_CONTENT_LENGTH"] = 1_000
    assert error(post(client, "/v1/feedback", {"text": "x" * 2_000}))[:2] == (413, "body_too_large")


@pytest.mark.parametrize(
    "text",
    [
        "😍😍😍",
        "产品质量很差，客服不回复",
        "<b>giao hàng</b> chậm <script>alert(1)</script>",
        "x" * 20_000,
        ".",
        "\u202eabc",
    ],
)
def test_odd_texts_are_kept_as_themselves(client: FlaskClient, text: str) -> None:
    response = post(client, "/v1/feedback", {"text": text})
    assert response.status_code == 201
    assert response.get_json()["feedback"]["text"] == text
    assert response.get_json()["analysis"]["status"] in ("routed", "review", "no_owner")


def test_a_batch_keeps_good_rows_beside_bad_ones(client: FlaskClient) -> None:
    items = [
        {"text": VI, "source": "s", "external_id": "1"},
        {"text": ""},
        {"text": VI, "source": "s", "external_id": "1"},
        {"text": EN, "source": "s", "external_id": "1"},
        7,
        {"text": EN},
    ]
    results = post(client, "/v1/feedback/batch", {"items": items}).get_json()["results"]
    assert [r["index"] for r in results] == [0, 1, 2, 3, 4, 5]
    assert [r["status"] for r in results] == [201, 422, 200, 409, 422, 201]
    assert results[0]["feedback"] == results[2]["feedback"]
    assert results[0]["analysis"] == results[2]["analysis"]
    assert [r["error"]["field"] for r in results if "error" in r] == [
        "items[1].text", "items[3].external_id", "items[4]",
    ]  # fmt: skip
    assert len(client.get("/v1/feedback").get_json()["items"]) == 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "items_invalid", "items")),
        ({"items": {}}, (422, "items_invalid", "items")),
        ({"items": []}, (422, "items_empty", "items")),
        ({"items": [{}], "more": 1}, (422, "field_unknown", "more")),
        ({"items": [{"text": "a"}] * 1001}, (413, "batch_too_long", "items")),
    ],
)
def test_bad_batches(client: FlaskClient, body: Any, expected: tuple[int, str, str]) -> None:
    assert error(post(client, "/v1/feedback/batch", body)) == expected


def test_unknown_feedback_topic_and_route(client: FlaskClient) -> None:
    assert error(client.get("/v1/feedback/none")) == (404, "feedback_unknown", "id")
    assert error(client.get("/v1/topics/none")) == (404, "topic_unknown", "key")
    assert error(client.get("/v1/nowhere"))[:2] == (404, "not_found")
    assert error(client.delete("/v1/feedback"))[:2] == (405, "method_not_allowed")


def test_the_list_pages_and_filters(client: FlaskClient) -> None:
    items = [
        {"text": f"{VI} {i}", "source": "a" if i % 2 else "b", "occurred_at": f"2026-11-{i + 1:02d}"}
        for i in range(5)
    ]
    post(client, "/v1/feedback/batch", {"items": [*items, {"text": EN, "occurred_at": "2026-10-01"}]})
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/feedback", query_string=query).get_json()
        seen += [item["feedback"]["occurred_at"][:10] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == ["2026-11-05", "2026-11-04", "2026-11-03", "2026-11-02", "2026-11-01", "2026-10-01"]

    def count(**query: str) -> int:
        return len(client.get("/v1/feedback", query_string=query).get_json()["items"])

    assert count(q="tong dai") == 5
    assert count(q="TỔNG ĐÀI") == 5
    assert count(q="crashing") == 1
    assert count(source="a") == 2
    assert count(**{"from": "2026-11-02", "to": "2026-11-04"}) == 3
    assert count(department="care") == 5
    assert count(department="digital", role="owner") == 1
    assert count(department="digital", role="cooperator") == 0
    assert count(language="en") == 1
    assert count(sentiment="negative", q="crashing") == 1
    assert count(q="***") == 0


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/feedback?limit=0", "limit"),
        ("/v1/feedback?limit=x", "limit"),
        ("/v1/feedback?colour=red", "colour"),
        ("/v1/feedback?sentiment=angry", "sentiment"),
        ("/v1/feedback?from=gestern", "from"),
        ("/v1/feedback?to=2026-13-01", "to"),
        ("/v1/feedback?cursor=!!", "cursor"),
        ("/v1/feedback?cursor=WzFd", "cursor"),
        ("/v1/trends", "by"),
        ("/v1/trends?by=colour", "by"),
    ],
)
def test_bad_queries(client: FlaskClient, path: str, field: str) -> None:
    status, _, named = error(client.get(path))
    assert (status, named) == (422, field)


def test_analyze_says_what_would_be_masked(client: FlaskClient) -> None:
    text = "Tôi là Nguyễn Văn Nam 😀, gọi 0912 345 678 giúp, giao chậm quá"
    one = post(client, "/v1/analyze", {"text": text}).get_json()["analysis"]
    many = post(client, "/v1/analyze", {"items": [{"text": text}, {"text": VI}]}).get_json()["results"]
    assert one["pii"] == [
        {"start": 7, "end": 21, "type": "name"},
        {"start": 29, "end": 41, "type": "phone"},
    ]
    assert (text[7:21], text[29:41]) == ("Nguyễn Văn Nam", "0912 345 678")
    assert [row["analysis"]["pii"] for row in many] == [one["pii"], []]
    assert "".join(part["text"] for part in one["segments"]).replace(" ", "") == text.replace(" ", "")
    kept = post(client, "/v1/feedback", {"text": text}).get_json()
    assert kept["feedback"]["text"] == "Tôi là [name] 😀, gọi [phone] giúp, giao chậm quá"
    assert "pii" not in kept["analysis"]
    judged = ("owner", "sentiment", "touchpoint", "language", "status")
    assert [kept["analysis"][name] for name in judged] == [one[name] for name in judged]


def test_analyze_keeps_nothing(client: FlaskClient) -> None:
    one = post(client, "/v1/analyze", {"text": VI, "id": "a"}).get_json()
    assert list(one) == ["analysis"]
    assert one["analysis"]["id"] == "a"
    many = post(
        client, "/v1/analyze", {"items": [{"text": VI, "id": "a"}, {"text": ""}, {"txt": 1}]}
    ).get_json()
    assert many["results"][0]["analysis"] == one["analysis"]
    assert [(r["status"], r["error"]["field"]) for r in many["results"][1:]] == [
        (422, "items[1].text"), (422, "items[2].txt"),
    ]  # fmt: skip
    assert client.get("/v1/feedback").get_json()["items"] == []


def test_topics_trends_departments(client: FlaskClient) -> None:
    items = [{"text": VI, "occurred_at": day} for day in ("2026-11-02", "2026-11-08", "2026-11-09")]
    post(client, "/v1/feedback/batch", {"items": items})
    topics = client.get("/v1/topics").get_json()["items"]
    assert topics[0]["count"] == 3
    late = client.get("/v1/topics/delivery-late").get_json()
    assert late["department"] == "logistics"
    assert late["name"] == {"vi": "Giao hàng trễ", "en": "Late delivery"}
    assert (late["count"], late["negative"], late["negative_share"]["value"]) == (3, 3, 1.0)
    owner = client.get("/v1/feedback").get_json()["items"][0]["analysis"]["owner"]
    points = client.get("/v1/trends?by=department&grain=week").get_json()["points"]
    assert [(p["period"], p["key"], p["count"]) for p in points] == [
        ("2026-11-02", owner, 2), ("2026-11-09", owner, 1),
    ]  # fmt: skip
    departments = client.get("/v1/departments").get_json()["items"]
    assert [d["key"] for d in departments] == [
        "marketing", "sales", "digital", "product", "finance", "logistics", "care", "operations",
    ]  # fmt: skip


def test_health_ready_and_documents(client: FlaskClient) -> None:
    assert client.get("/v1/health").get_json()["status"] == "ok"
    assert client.get("/v1/health").get_json()["waiting"] == 0
    assert client.get("/v1/ready").get_json()["status"] == "ready"
    document = client.get("/v1/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    assert "/v1/feedback" in document["paths"]
    assert client.get("/docs").headers["Location"] == "/v1/swagger"
    page = client.get("/v1/swagger").get_data(as_text=True)
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_not_ready_before_the_models_are_loaded(settings) -> None:
    from voc.app import create_app

    client = create_app(settings).test_client()
    answer = client.get("/v1/ready")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "models_loading")
    assert answer.get_json()["checks"]["models"] == "models_loading"
    assert answer.headers["Retry-After"] == "1"


def test_a_failed_analysis_is_queued_and_drained_later(
    client: FlaskClient, services: Services, monkeypatch
) -> None:
    pipeline = services.pipelines.get()

    def fail(_texts: Any) -> Any:
        raise RuntimeError("the encoder is out of order")

    monkeypatch.setattr("voc.worklist.RETRY_S", 0.0)
    monkeypatch.setattr(pipeline, "read", fail)
    body = post(client, "/v1/feedback", {"text": VI}).get_json()
    assert (body["analysis"], body["status"]) == (None, "queued")
    assert client.get("/v1/health").get_json()["waiting"] == 1
    monkeypatch.undo()
    assert services.worklist.drain_once() == 1
    kept = client.get(f"/v1/feedback/{body['feedback']['id']}").get_json()
    assert kept["analysis"]["sentiment"] == "negative"
    assert client.get("/v1/health").get_json()["waiting"] == 0


CORRECTION_KEYS = [
    "number", "feedback", "field", "value", "said", "pipeline", "author", "reason", "made_at", "withdrawn_at",
    "withdrawn_by", "segment",
]  # fmt: skip


@pytest.fixture
def corrections(client: FlaskClient) -> str:
    """The path of one kept feedback's corrections."""
    key = post(client, "/v1/feedback", {"text": VI}).get_json()["feedback"]["id"]
    return f"/v1/feedback/{key}/corrections"


def test_a_correction(client: FlaskClient, corrections: str) -> None:
    kept = client.get(corrections.removesuffix("/corrections")).get_json()
    given = {"owner": "sales", "sentiment": "neutral", "by": "an", "reason": "đúng là của họ"}
    response = post(client, corrections, given)
    body = response.get_json()
    assert response.status_code == 201
    assert list(body) == ["feedback", "analysis", "corrected", "corrections"]
    assert body["feedback"] == kept["feedback"]
    assert list(body["analysis"]) == ANALYSIS_KEYS
    assert (body["analysis"]["owner"], body["analysis"]["sentiment"]) == ("sales", "neutral")
    assert body["corrected"] == ["sentiment", "owner"]
    assert [list(one) for one in body["corrections"]] == [CORRECTION_KEYS] * 2
    first = body["corrections"][0]
    assert (first["field"], first["value"], first["said"]) == ("owner", "sales", kept["analysis"]["owner"])
    assert (first["author"], first["reason"], first["segment"]) == ("an", "đúng là của họ", None)
    assert (first["pipeline"], first["withdrawn_at"]) == (kept["analysis"]["pipeline"], None)
    again = post(client, corrections, {"owner": "sales", "by": "binh"})
    assert (again.status_code, again.get_json()) == (200, body)
    assert client.get(corrections).get_json() == {"corrections": body["corrections"]}
    shown = client.get(corrections.removesuffix("/corrections")).get_json()
    assert (shown["analysis"], shown["corrected"]) == (body["analysis"], body["corrected"])


def test_a_correction_of_a_segment_and_taking_it_back(client: FlaskClient, corrections: str) -> None:
    kept = client.get(corrections.removesuffix("/corrections")).get_json()
    place = {name: kept["analysis"]["segments"][1][name] for name in ("start", "end")}
    body = post(client, corrections, {"segment": place, "department": "digital", "topic": None}).get_json()
    part = body["analysis"]["segments"][1]
    assert (part["department"], part["department_confidence"], part["topic"]) == ("digital", 1.0, None)
    assert "digital" in {body["analysis"]["owner"], *body["analysis"]["cooperators"]}
    assert body["corrected"] == ["segments.topic", "segments.department"]
    assert [(one["segment"], one["author"]) for one in body["corrections"]] == [(place, "api")] * 2
    numbers = [one["number"] for one in body["corrections"]]
    first = client.delete(f"{corrections}/{numbers[0]}?by=an")
    assert (first.status_code, list(first.get_json())) == (200, list(body))
    assert first.get_json()["corrected"] == [f"segments.{body['corrections'][1]['field']}"]
    second = client.delete(f"{corrections}/{numbers[1]}", json={"by": "binh"}).get_json()
    assert second["analysis"] == kept["analysis"]
    assert second["corrected"] == []
    assert [one["withdrawn_by"] for one in second["corrections"]] == ["an", "binh"]
    third = client.delete(f"{corrections}/{numbers[1]}")
    assert error(third) == (409, "correction_withdrawn", "number")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "correction_empty", None)),
        ({"by": "an"}, (422, "correction_empty", None)),
        ({"colour": "red"}, (422, "field_unknown", "colour")),
        ({"owner": "nowhere"}, (422, "department_unknown", "owner")),
        ({"cooperators": "care"}, (422, "field_invalid", "cooperators")),
        ({"topic": "nothing"}, (422, "topic_unknown", "topic")),
        ({"sentiment": "angry"}, (422, "field_invalid", "sentiment")),
        ({"touchpoint": 5}, (422, "field_invalid", "touchpoint")),
        ({"segment": {"start": 0, "end": 1}, "topic": None}, (422, "segment_unknown", "segment")),
        ({"department": "care"}, (422, "field_unknown", "department")),
        ({"confirm": "yes"}, (422, "field_invalid", "confirm")),
        ({"owner": "care", "by": ""}, (422, "field_invalid", "by")),
        ({"owner": "care", "reason": 5}, (422, "field_invalid", "reason")),
    ],
)
def test_bad_corrections(
    client: FlaskClient, corrections: str, body: Any, expected: tuple[int, str, str | None]
) -> None:
    assert error(post(client, corrections, body)) == expected
    assert client.get(corrections).get_json() == {"corrections": []}


def test_corrections_of_what_is_not_there(client: FlaskClient, corrections: str, services: Services) -> None:
    nowhere = "/v1/feedback/none/corrections"
    assert error(post(client, nowhere, {"owner": "care"})) == (404, "feedback_unknown", "id")
    assert error(client.get(nowhere)) == (404, "feedback_unknown", "id")
    assert error(client.delete(f"{nowhere}/1")) == (404, "feedback_unknown", "id")
    assert error(client.delete(f"{corrections}/1")) == (404, "correction_unknown", "number")
    assert error(client.delete(f"{corrections}/x")) == (422, "field_invalid", "number")
    assert error(client.delete(f"{corrections}/1", data=b"{")) == (400, "json_invalid", None)
    assert error(client.delete(f"{corrections}/1", data=b"[]")) == (400, "json_not_object", None)
    assert error(client.delete(f"{corrections}/1", json={"who": "an"})) == (422, "field_unknown", "who")
    assert error(client.delete(f"{corrections}/1?who=an")) == (422, "field_unknown", "who")
    waiting = Feedback("new", EN, "s", None, "2026-11-02T08:00:00.000Z", "2026-11-02T08:00:00.000Z")
    services.store.add([waiting], holder="h", lease_s=60)
    queued = post(client, "/v1/feedback/new/corrections", {"owner": "care"})
    assert error(queued) == (409, "feedback_queued", "id")


def test_the_review_queue(client: FlaskClient, services: Services) -> None:
    assert client.get("/v1/review").get_json() == {"items": [], "next": None, "waiting": 0}
    doubtful = Pipeline.open(Settings(review_below=1.0), reader=services.pipelines.get().reader)
    services.pipelines.use(doubtful)
    post(client, "/v1/feedback/batch", {"items": [{"text": VI}, {"text": EN}]})
    page = client.get("/v1/review?limit=1").get_json()
    assert (list(page), page["waiting"]) == (["items", "next", "waiting"], 2)
    assert list(page["items"][0]) == ["feedback", "analysis", "corrected", "reason"]
    assert page["items"][0]["analysis"]["status"] == "review"
    teaching = client.get("/v1/review?order=most_informative").get_json()
    assert list(teaching["items"][0]) == ["feedback", "analysis", "corrected", "reason", "informativeness"]
    assert (len(teaching["items"]), teaching["next"]) == (2, None)
    key = page["items"][0]["feedback"]["id"]
    assert post(client, f"/v1/feedback/{key}/corrections", {"confirm": True}).status_code == 201
    assert client.get("/v1/review").get_json()["waiting"] == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("order=random", "order"), ("limit=0", "limit"), ("limit=501", "limit"), ("colour=red", "colour"),
        ("cursor=!!", "cursor"), ("cursor=WzFd", "cursor"),
        ("order=most_informative&cursor=WyJsZWFzdF9zdXJlIiwgMC4zLCAxXQ", "cursor"),
    ],
)  # fmt: skip
def test_bad_queries_of_the_queue(client: FlaskClient, query: str, field: str) -> None:
    status, _, named = error(client.get(f"/v1/review?{query}"))
    assert (status, named) == (422, field)


def test_no_route_answers_500(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        path = str(rule).replace("<key>", "x").replace("<number>", "1").replace("<path:filename>", "x")
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            for data in (b"", b"{}", b'{"items": [{}]}', json.dumps({"text": "a"}).encode()):
                response = client.open(path, method=method, data=data, buffered=True)
                assert response.status_code < 500, (method, path, data)
