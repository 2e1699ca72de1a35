"""What the analysts' page costs the service with a million feedback in its database.

    python benchmarks/page.py --folder /tmp/page --json docs/figures/page.json

Makes a database of as many feedback: texts, departments, feelings, chains and scores as they lie together in
the project's own corpus, topics of the shipped registry, two years of time with weeks and growth. No model
runs. Then measures, in one process and through the routes as a client calls them (Flask's test client, so no
network), the first load of the facts, what a change costs, each report and page, and ten filtered lists; each
list side by side, by turns, with the same query in plain ``sqlite3``.

The database is kept in ``--folder`` and used again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import numpy as np
import psutil

from voc import reports
from voc.api.schemas import ListQuery
from voc.app import Voc, create_app
from voc.facts import Facts
from voc.ingest import validate
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter, Store
from voc.store.filters import where_of
from voc.store.rows import ANALYSIS, CURRENT, as_json
from voc.text import fold

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "corpora" / "feedback.jsonl"
TOPICS = ROOT / "models" / "topics.json"
PIPELINE = "benchmark"
DAYS = 730
CHUNK = 20_000
PRODUCTS = ("basic", "fibre-100", "fibre-300", "data-90", "data-150", "card-gold", "card-blue", "family")
REGIONS = ("north", "central", "south", "delta", "highlands")
#: The filters of the lists, as they stand in an address.
LISTS: dict[str, dict[str, str]] = {
    "all": {},
    "one department": {"department": "logistics"},
    "a pair": {"department": "sales", "also": "operations"},
    "a rare pair, negative": {"department": "marketing", "also": "finance", "sentiment": "negative"},
    "one topic": {"topic": "delivery-late"},
    "topic and source": {"topic": "hotline-unreachable", "source": "app-store"},
    "review queue's state": {"status": "review", "language": "vi"},
    "firefighting": {"firefighting": "true"},
    "an attribute": {"attribute": "product:fibre-300", "sentiment": "negative"},
    "a week long ago": {"from": "2025-03-03", "to": "2025-03-09", "touchpoint": "pay"},
    "one common word": {"q": "không"},
    "two words, a department": {"q": "giao hàng", "department": "care"},
}
#: Pages, and reports of the API.
ADDRESSES = (
    "/", "/topics", "/topics/delivery-late", "/departments", "/departments/logistics", "/seams",
    "/seams?department=sales&also=operations", "/journey", "/drivers", "/feedback", "/review", "/compare",
    "/?department=logistics&sentiment=negative", "/?from=2025-01-01&to=2025-12-31",
    "/v1/reports/overview", "/v1/reports/topics", "/v1/reports/seams", "/v1/reports/journey",
    "/v1/reports/drivers", "/v1/trends?by=topic", "/v1/topics",
)  # fmt: skip


# ---- the database


def made(path: Path, rows: int, end: datetime) -> None:
    """A database with so many feedback, analyzed."""
    store = Store(path)
    store.prepare()
    store.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -400000")
    random = np.random.default_rng(6)
    corpus = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    weights = random.pareto(1.5, len(corpus)) + 0.2
    chosen = random.choice(len(corpus), rows, p=weights / weights.sum())
    moments = _moments(random, rows, end)
    topics = _topics()
    folded = [fold(row["text"]) for row in corpus]
    for start in range(0, rows, CHUNK):
        part = [
            _row(start + place, corpus[index], topics, moments[start + place], random)
            for place, index in enumerate(chosen[start : start + CHUNK])
        ]
        db.executemany(
            "INSERT INTO feedback (number, id, text, source, external_id, occurred_at, received_at, channel, "
            "touchpoint, customer_ref, scores, attributes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [feedback for feedback, _, _ in part],
        )
        db.executemany(
            "INSERT INTO feedback_words (rowid, folded) VALUES (?, ?)",
            [(start + place + 1, folded[index]) for place, index in enumerate(chosen[start : start + CHUNK])],
        )
        db.executemany(
            "INSERT INTO analyses (feedback, pipeline, language, sentiment, sentiment_score, "
            "sentiment_confidence, owner, owner_confidence, cooperators, touchpoint, status, candidates, "
            "hops) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [analysis for _, analysis, _ in part],
        )
        db.executemany(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [segment for *_, segments in part for segment in segments],
        )
        db.executemany("INSERT INTO shown VALUES (?, ?)", [(one[0][0], PIPELINE) for one in part])
        db.commit()
    db.execute("INSERT INTO feedback_words (feedback_words) VALUES ('optimize')")
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def _moments(random: np.random.Generator, rows: int, end: datetime) -> list[str]:
    """Growing by half over the time, fewer at weekends, by day; received in order, some of them days late."""
    days = np.arange(DAYS)
    weights = (1 + 0.5 * days / DAYS) * np.where(
        ((end - timedelta(days=DAYS)).weekday() + days) % 7 < 5, 1, 0.6
    )
    day = np.sort(random.choice(days, rows, p=weights / weights.sum()))
    late = np.where(random.random(rows) < 0.1, random.integers(0, 14, rows), 0)
    seconds = (day - late).clip(0) * 86_400 + random.normal(14, 4, rows).clip(0, 23.9) * 3_600
    start = np.datetime64((end - timedelta(days=DAYS)).replace(tzinfo=None), "ms")
    moments = start + (seconds * 1000).astype("timedelta64[ms]")
    return [f"{moment}Z" for moment in np.datetime_as_string(moments, "ms")]


def _topics() -> dict[str, tuple[list[str], Any]]:
    """Keys and shares of each department's topics; few are frequent."""
    found: dict[str, list[str]] = {}
    for topic in json.loads(TOPICS.read_text("utf-8"))["topics"]:
        found.setdefault(topic["department"], []).append(topic["key"])
    shares = {name: 1 / np.arange(1, len(keys) + 1) for name, keys in found.items()}
    return {name: (keys, np.cumsum(shares[name] / shares[name].sum())) for name, keys in found.items()}


def _row(
    place: int, labelled: dict[str, Any], topics: dict[str, Any], moment: str, random: np.random.Generator
) -> tuple[tuple[Any, ...], tuple[Any, ...], list[tuple[Any, ...]]]:
    """One feedback, its analysis, its segments."""
    number = place + 1
    dice = random.random(8)
    feeling = {"negative": 0.15, "mixed": 0.45, "neutral": 0.65, "positive": 0.9}[labelled["sentiment"]]
    scores = {}
    if dice[0] < 0.45:
        scores["nps"] = int(np.clip(round(11 * (feeling + 0.3 * (dice[1] - 0.5))), 0, 10))
    elif dice[0] < 0.65:
        scores["csat"] = int(np.clip(round(1 + 4 * (feeling + 0.3 * (dice[1] - 0.5))), 1, 5))
    attributes: dict[str, Any] = {}
    if dice[2] < 0.6:
        attributes = {"product": PRODUCTS[int(dice[3] ** 2 * 8)], "region": REGIONS[int(dice[4] * 5)]}
        if dice[5] < 0.3:
            attributes["order"] = f"DH{number}"
    key = uuid.UUID(int=int.from_bytes(random.bytes(16))).hex
    feedback = (
        number, key, labelled["text"], labelled["source"], f"x{number}", moment, moment, labelled["channel"],
        None, f"c{int(dice[6] * 300_000)}", as_json(scores), as_json(attributes),
    )  # fmt: skip
    owner = labelled["owner"]
    status = "no_owner" if owner is None else "review" if dice[7] < 0.13 else "routed"
    analysis = (
        number, PIPELINE, labelled["language"], labelled["sentiment"], 2 * feeling - 1, 0.9,
        owner if status == "routed" else None, 0.9, as_json(labelled["cooperators"]), labelled["touchpoint"],
        status, "[]", as_json(labelled["hops"] if len(labelled["hops"]) > 1 else []),
    )  # fmt: skip
    segments = []
    for position, part in enumerate(labelled["segments"]):
        topic = None
        if part["department"] in topics and random.random() < 0.8:
            keys, shares = topics[part["department"]]
            topic = keys[int(np.searchsorted(shares, random.random()))]
        segments.append((
            number, PIPELINE, position, part["start"], part["end"], labelled["language"], part["sentiment"],
            0.0, topic, part["department"], 0.9,
        ))  # fmt: skip
    return feedback, analysis, segments


# ---- measuring


def timed(call: Callable[[], Any], times: int) -> list[tuple[float, float]]:
    """Milliseconds of each call, by the clock and on the processor."""
    found = []
    for _ in range(times):
        start, busy = time.perf_counter(), time.process_time()
        call()
        found.append(((time.perf_counter() - start) * 1000, (time.process_time() - busy) * 1000))
    return found


def told(samples: list[tuple[float, float]]) -> dict[str, float]:
    """Median and 95th percentile by the clock, and the median on the processor."""
    clock_ms, busy_ms = zip(*samples, strict=True)
    return {
        "median_ms": round(median(clock_ms), 2),
        "p95_ms": round(float(np.percentile(clock_ms, 95)), 2),
        "cpu_ms": round(median(busy_ms), 2),
    }


def memory_of(facts: Facts) -> int:
    """Bytes of all columns."""
    columns = [facts.implicated(), *(getattr(facts, name) for name in facts.__slots__)]
    parts = [*columns, *facts.scores.values(), *(one.codes for one in facts.attributes.values())]
    return sum(part.nbytes for part in parts if isinstance(part, np.ndarray))


class Plain:
    """The same list in plain ``sqlite3``, as somebody would write it who has nothing but the tables."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path)
        self.db.row_factory = sqlite3.Row

    def find(self, chosen: Filter, limit: int = 50) -> list[dict[str, Any]]:
        """The latest feedback with their analyses and segments as JSON values."""
        where, values = where_of(chosen)
        rows = self.db.execute(
            f"SELECT f.*, {ANALYSIS} FROM feedback f {CURRENT} WHERE {' AND '.join(where) or '1'} "  # noqa: S608
            "ORDER BY f.occurred_at DESC, f.id DESC LIMIT ?",
            (*values, limit + 1),
        ).fetchall()[:limit]
        found = []
        for row in rows:
            segments = self.db.execute(
                "SELECT * FROM segments WHERE (feedback, pipeline) = (?, ?) ORDER BY position",
                (row["number"], row["pipeline"]),
            ).fetchall()
            found.append({**dict(row), "segments": [dict(segment) for segment in segments]})
        return found

    def overview(self, since: str, until: str) -> list[tuple[Any, ...]]:
        """Counts, feelings and owners of a period, and its topics: a part of what the overview shows."""
        return [
            tuple(row)
            for query in (
                "SELECT a.status, a.sentiment, a.owner, count(*) FROM feedback f "
                "JOIN shown h ON h.feedback = f.number "
                "JOIN analyses a ON (a.feedback, a.pipeline) = (h.feedback, h.pipeline) "
                "WHERE f.occurred_at >= ? AND f.occurred_at < ? GROUP BY 1, 2, 3",
                "SELECT s.topic, count(DISTINCT s.feedback), sum(s.sentiment = 'negative') FROM feedback f "
                "JOIN shown h ON h.feedback = f.number "
                "JOIN segments s ON (s.feedback, s.pipeline) = (h.feedback, h.pipeline) "
                "WHERE f.occurred_at >= ? AND f.occurred_at < ? GROUP BY 1",
            )
            for row in self.db.execute(query, (since, until)).fetchall()
        ]


def turns(calls: dict[str, Callable[[], Any]], times: int, limit_s: float) -> dict[str, dict[str, float]]:
    """Each call so many times, by turns; one that takes long fewer times."""
    for call in calls.values():
        call()  # once to warm up
    found = {name: timed(call, 1) for name, call in calls.items()}
    for _ in range(times - 1):
        for name, call in calls.items():
            if sum(took for took, _ in found[name]) < limit_s * 1000:
                found[name] += timed(call, 1)
    return {name: told(samples) | {"calls": len(samples)} for name, samples in found.items()}


def loading(services: Services) -> dict[str, Any]:
    """The first load, what a look costs when nothing changed, and after a change."""
    process = psutil.Process()
    before = process.memory_info().rss
    table = services.facts
    ((first, busy),) = timed(table.now, 1)
    facts = table.now()
    figures: dict[str, Any] = {
        "feedback": len(facts),
        "mentions": len(facts.mention_row),
        "first_load_s": round(first / 1000, 2),
        "first_load_cpu_s": round(busy / 1000, 2),
        "bytes_per_feedback": round(memory_of(facts) / max(1, len(facts)), 1),
        "process_grew_bytes_per_feedback": round(
            (process.memory_info().rss - before) / max(1, len(facts)), 1
        ),
        "unchanged": told(timed(table.now, 200)),
    }
    added, corrected = [], []
    for turn in range(10):
        row = validate({"text": f"Giao hàng trễ, lần {turn}", "source": "benchmark"})
        services.store.add([row], holder="benchmark", lease_s=1e6)
        added += timed(table.now, 1)
        services.store.erasures.erase([int(facts.number[-1 - turn])], kind="feedback", author="benchmark")
        corrected += timed(table.now, 1)
    return figures | {"after_one_added": told(added), "after_one_changed": told(corrected)}


def lists(app: Voc, services: Services, plain: Plain, times: int, limit_s: float) -> list[dict[str, Any]]:
    """Each filtered list through the route, through the facts alone, and in plain SQL; one row each."""
    client = app.test_client()
    found = []
    for name, address in LISTS.items():
        query = ListQuery.model_validate(address)
        with app.app_context():
            chosen = query.filter()
        items = client.get("/v1/feedback", query_string=address).get_json()["items"]
        same = [row["id"] for row in plain.find(chosen)]
        assert [item["feedback"]["id"] for item in items] == same, name

        def route(address: dict[str, str] = address) -> None:
            services.facts.forget_searches()  # as when nobody searched for it before
            assert client.get("/v1/feedback", query_string=address).status_code == 200

        def columns(chosen: Filter = chosen) -> None:
            services.facts.forget_searches()
            services.facts.find(chosen, 50)

        def sql(chosen: Filter = chosen) -> None:
            plain.find(chosen)

        calls: dict[str, Callable[[], Any]] = {"route": route, "facts": columns, "plain": sql}
        row: dict[str, Any] = {"list": name, "address": urlencode(address), **turns(calls, times, limit_s)}
        row["matching"] = int(services.facts.rows(services.facts.now(), chosen).sum())
        for side in ("facts", "route"):
            row[f"{side}_to_plain"] = round(row[side]["cpu_ms"] / row["plain"]["cpu_ms"], 3)
        found.append(row)
        shown = {side: (row[side]["median_ms"], row[side]["cpu_ms"]) for side in calls}
        print(f"{name:<28} {row['matching']:>9,} clock, processor: {shown}", flush=True)
    return found


def pages(app: Voc, times: int) -> list[dict[str, Any]]:
    """Each page and each report of the API that is there, with the bytes of its answer."""
    client = app.test_client()
    found = []
    for address in ADDRESSES:
        answer = client.get(address)
        if answer.status_code != 200:
            print(f"{address:<44} {answer.status_code}", flush=True)
            continue
        samples = timed(partial(client.get, address), times)
        found.append({"address": address, "bytes": len(answer.data), **told(samples)})
        print(f"{address:<44} {found[-1]}", flush=True)
    return found


def functions(services: Services, times: int) -> list[dict[str, Any]]:
    """The functions of `voc.reports` over all feedback, and what a filter's mask takes."""
    facts = services.facts.now()
    everything = services.facts.rows(facts, Filter())
    period = reports.default_period(facts)
    departments = services.pipelines.get().department_of_topic
    earlier = reports.before(period) or period
    quarter = reports.Period(period.until - timedelta(days=91), period.until)
    care = services.organization.care or ""
    calls: dict[str, Callable[[], Any]] = {
        "mask of a pair": lambda: services.facts.rows(facts, Filter(department="sales", also="operations")),
        "overview": lambda: reports.overview(facts, everything, period),
        "overview, 91 days": lambda: reports.overview(facts, everything, quarter),
        "topic table": lambda: reports.topic_table(facts, everything, period, departments),
        "topic story": lambda: reports.topic_story(facts, everything, period, "delivery-late"),
        "department lens": lambda: reports.department_lens(facts, everything, period, "logistics"),
        "seams": lambda: reports.seams(facts, everything, period),
        "journey": lambda: reports.journey(facts, everything, period),
        "drivers": lambda: reports.drivers(facts, everything, period),
        "compare": lambda: reports.compare(
            facts, everything, everything, period, earlier
        ),
        "firefighting": lambda: facts.firefighting(care),
    }  # fmt: skip
    found = []
    for name, call in calls.items():
        call()
        found.append({"function": name, **told(timed(call, times))})
        print(f"{name:<28} {found[-1]}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the database lies; about 1.3 GB a million")
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for one list in plain SQL")
    parser.add_argument("--end", type=date.fromisoformat, default=date(2026, 11, 16), help="last day")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"page-{given.rows}.db"
    if not path.exists():
        ((took, _),) = timed(lambda: made(path, given.rows, datetime.combine(given.end, clock(), UTC)), 1)
        print(f"made in {took / 1000:.0f} s, {path.stat().st_size / 1e6:.0f} MB", flush=True)
    app = create_app(Settings(db=path, rate_per_minute=0))
    services: Services = app.extensions["voc"]
    figures: dict[str, Any] = {
        "machine": {"cpus": os.cpu_count(), "load": os.getloadavg()[0], "processor": platform.machine()},
        "database_mb": round(path.stat().st_size / 1e6),
        "loading": loading(services),
    }
    print(json.dumps(figures["loading"]), flush=True)
    services.pipelines.get()
    plain = Plain(path)
    figures["lists"] = lists(app, services, plain, given.times, given.limit)
    figures["functions"] = functions(services, given.times)
    figures["pages"] = pages(app, given.times)
    since, until = (f"{given.end - timedelta(days=days)}T00:00:00.000Z" for days in (27, -1))
    figures["overview_plain"] = told(timed(lambda: plain.overview(since, until), 5))
    print(json.dumps(figures["overview_plain"]), flush=True)
    services.close()
    figures["machine"]["load_at_the_end"] = os.getloadavg()[0]
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
