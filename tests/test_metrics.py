"""What the service counts, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from voc.app import create_app
from voc.metrics import CONTENT_TYPE, GAUGES, Metrics
from voc.records import Feedback
from voc.services import Services
from voc.settings import Settings

ROW = {"text": "giao hàng trễ ba ngày", "source": "s", "external_id": "1"}

Make = Callable[..., Feedback]


def samples(text: str) -> dict[tuple[Any, ...], float]:
    """Values by name and labels, labels in the order of their names."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(client: FlaskClient) -> dict[tuple[Any, ...], float]:
    answer = client.get("/metrics")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, CONTENT_TYPE)
    return samples(answer.get_data(as_text=True))


def test_requests_are_counted_by_rule_and_never_by_path(client: FlaskClient) -> None:
    client.get("/v1/feedback/a-customer")
    client.get("/v1/feedback/another?q=bí+mật")
    client.get("/nobody/knows/0912345678")
    client.open("/v1/feedback", method="BREW")
    text = client.get("/metrics").get_data(as_text=True)
    found = samples(text)
    rule = "/v1/feedback/<key>"
    assert found["voc_requests_total", "GET", rule, "4xx"] == 2
    assert found["voc_request_seconds_count", "GET", rule] == 2
    assert found["voc_request_seconds_bucket", "+Inf", "GET", rule] == 2
    assert 0 < found["voc_request_seconds_sum", "GET", rule] < 60
    assert found["voc_requests_total", "GET", "none", "4xx"] == 1
    assert (
        sum(value for key, value in found.items() if key[0] == "voc_requests_total" and "other" in key) == 1
    )
    assert not any(word in text for word in ("a-customer", "another", "0912345678", "BREW", "mật"))


def test_the_scrape_itself_is_the_only_one_in_flight(client: FlaskClient) -> None:
    for _ in range(3):
        client.get("/health")
    assert scraped(client)["voc_requests_in_flight",] == 1


def test_feedback_and_analyses(client: FlaskClient) -> None:
    for text in (ROW["text"], ROW["text"], "khác hẳn"):
        client.post("/v1/feedback", json=ROW | {"text": text})
    found = scraped(client)
    assert [found["voc_feedback_total", outcome] for outcome in ("created", "exists", "conflict")] == [
        1,
        1,
        1,
    ]
    assert found["voc_analyses_total",] == 1
    assert found["voc_analysis_seconds_count",] == 1
    assert found["voc_analysis_failures_total",] == 0
    assert found["voc_shed_requests_total",] == 0


def test_a_failed_analysis_is_counted(client: FlaskClient, services: Services, monkeypatch: Any) -> None:
    def fail(_texts: Any) -> Any:
        raise RuntimeError("out of order")

    monkeypatch.setattr(services.pipelines.get(), "read", fail)
    client.post("/v1/feedback", json=ROW)
    found = scraped(client)
    assert (found["voc_analysis_failures_total",], found["voc_analyses_total",]) == (1, 0)
    assert found["voc_waiting",] == 1


def test_the_store_is_read_at_the_scrape(client: FlaskClient, services: Services, feedback: Make) -> None:
    found = scraped(client)
    assert (found["voc_waiting",], found["voc_waiting_oldest_seconds",]) == (0, 0)
    rows = [feedback("a", "một", received_at="2026-11-02T08:00:00.000Z"), feedback("b", "hai")]
    services.store.add(rows, holder="somebody", lease_s=600)
    found = scraped(client)
    assert found["voc_waiting",] == 2
    assert found["voc_waiting_oldest_seconds",] > 86_400
    assert (found["voc_review",], found["voc_dead_letters",]) == (0, 0)
    assert found["voc_database_bytes",] == services.settings.db.stat().st_size
    assert found["voc_wal_bytes",] > 0
    assert found["voc_info", services.pipelines.get().version, "0.1.0"] == 1
    assert {key[0] for key in found} >= set(GAUGES)


def test_a_database_that_cannot_be_read_leaves_the_counts(client: FlaskClient, services: Services) -> None:
    client.get("/health")
    services.settings.db.rename(services.settings.db.with_name("away"))
    found = scraped(client)
    assert found["voc_requests_total", "GET", "/health", "2xx"] == 1
    assert not {key[0] for key in found} & set(GAUGES)


def test_a_refused_request_is_counted_as_shed(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"max_in_flight": 1}))
    assert app.admission.enter()  # the one place is taken
    client = app.test_client()
    assert client.get("/v1/topics").status_code == 503
    assert client.get("/health").status_code == 200
    found = scraped(client)
    assert found["voc_shed_requests_total",] == 1
    assert found["voc_requests_total", "GET", "/v1/topics", "5xx"] == 1
    app.extensions["voc"].close()


def test_a_stream_is_counted_when_its_last_byte_is_out(client: FlaskClient) -> None:
    client.post("/v1/feedback", json=ROW)
    route = "/v1/export"
    answer = client.get(f"{route}?format=jsonl")
    body = answer.get_data()
    answer.close()
    assert b"giao h" in body
    assert scraped(client)["voc_requests_total", "GET", route, "2xx"] == 1


def test_two_applications_count_apart() -> None:
    one, two = Metrics(), Metrics()
    one.submitted(["created"])
    assert samples(one.exposition({}, {}).decode())["voc_feedback_total", "created"] == 1
    assert ("voc_feedback_total", "created") not in samples(two.exposition({}, {}).decode())
