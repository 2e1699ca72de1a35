"""What the service counts, for Prometheus.

Enters: requests, rows and analyses as they are done; figures of the store as they are asked for. Leaves: the
text exposition format. What must hold: labels come from the program alone (rules of routes, never paths), so
that nobody outside can make series without end; two applications of one process count apart; processes of one
service count together where ``PROMETHEUS_MULTIPROC_DIR`` names their folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prometheus_client.core import Metric

#: Where processes of one service write what they count; read by prometheus_client when it is imported.
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Seconds; from a look-up by id to a batch of a thousand rows.
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
ANALYSIS_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Figures of the store, by name: what each says.
GAUGES: Final[Mapping[str, str]] = {
    "voc_waiting": "Feedback on the work list.",
    "voc_waiting_oldest_seconds": "Seconds since the oldest feedback on the work list was received.",
    "voc_review": "Feedback that wait for a person's decision.",
    "voc_dead_letters": "Events that were given up and wait to be sent again by a person.",
    "voc_database_bytes": "Bytes of the database file.",
    "voc_wal_bytes": "Bytes of the write-ahead log beside it.",
}


class Metrics:
    """What one application counts. Nothing of prometheus_client is imported before one is made."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry(auto_describe=False)
        own: dict[str, Any] = {"registry": self.registry}
        self._requests = Counter(
            "voc_requests", "Requests answered.", ["route", "method", "status"], **own
        )  # fmt: skip
        self._seconds = Histogram(
            "voc_request_seconds", "Seconds from the first look at a request to the last byte of its answer.",
            ["route", "method"], buckets=REQUEST_BUCKETS, **own,
        )  # fmt: skip
        self._in_flight = Gauge(
            "voc_requests_in_flight", "Requests that are being answered.", multiprocess_mode="livesum", **own
        )
        self._feedback = Counter(
            "voc_feedback", "Feedback handed in, by what became of it.", ["outcome"], **own
        )
        self._analyses = Counter("voc_analyses", "Texts analyzed.", **own)
        self._failures = Counter("voc_analysis_failures", "Texts whose analysis failed.", **own)
        self._analysis = Histogram(
            "voc_analysis_seconds", "Seconds of one batch of analyses.", buckets=ANALYSIS_BUCKETS, **own
        )
        self._shed = Counter("voc_shed_requests", "Requests refused because there were too many.", **own)

    # ---- counting

    def request_began(self) -> None:
        """One more request is being answered."""
        self._in_flight.inc()

    def request_ended(
        self, route: str, method: str, status: int, seconds: float, *, shed: bool = False
    ) -> None:
        """One request was answered.

        Args:
            route: its rule, such as ``/v1/feedback/<id>``; never its path.
            status: of HTTP; counted by its class.
            shed: whether it was refused because there were too many.
        """
        method = method if method in METHODS else "other"
        self._in_flight.dec()
        self._requests.labels(route, method, f"{status // 100}xx").inc()
        self._seconds.labels(route, method).observe(seconds)
        if shed:
            self._shed.inc()

    def submitted(self, outcomes: Iterable[str]) -> None:
        """Feedback were handed in: ``created``, ``exists`` or ``conflict`` each."""
        for outcome in outcomes:
            self._feedback.labels(outcome).inc()

    def analyzed(self, texts: int, seconds: float) -> None:
        """A batch of texts was analyzed."""
        self._analyses.inc(texts)
        self._analysis.observe(seconds)

    def analysis_failed(self) -> None:
        """The analysis of one text failed."""
        self._failures.inc()

    # ---- telling

    def exposition(self, figures: Mapping[str, float], labels: Mapping[str, str]) -> bytes:
        """All counts in the text exposition format.

        Args:
            figures: of `GAUGES`, as the store has them now; those that it could not say are left out.
            labels: what is told of the service itself, such as its version.
        """
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = self.registry
        if os.environ.get(FOLDER):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        told = CollectorRegistry()
        told.register(_Told(figures, labels))
        return generate_latest(registry) + generate_latest(told)


class _Told:
    """Figures that are read when they are asked for."""

    def __init__(self, figures: Mapping[str, float], labels: Mapping[str, str]) -> None:
        self._figures = figures
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("voc", "What runs.", value=dict(self._labels))
        for name, says in GAUGES.items():
            if name in self._figures:
                yield GaugeMetricFamily(name, says, value=self._figures[name])


def process_ended(number: int) -> None:
    """Takes a process that is no more out of what is counted of living ones."""
    from prometheus_client.multiprocess import mark_process_dead

    if os.environ.get(FOLDER):
        mark_process_dead(number)  # type: ignore[no-untyped-call]
