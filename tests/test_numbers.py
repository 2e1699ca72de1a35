"""Ten filters by chance: each figure of page, API and command line is that of plain SQL."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from pydantic import BaseModel

from voc import reports
from voc.api import schemas_reports as shapes
from voc.cli import main
from voc.records import LANGUAGES, SENTIMENTS, TOUCHPOINTS, Analysis, Feedback, Segment
from voc.services import Services

DEPARTMENTS = ("marketing", "sales", "digital", "product", "finance", "logistics", "care", "operations")
TOPICS = ("delivery-late", "hotline-unreachable", "price-high", "app-crash", "unexpected-charge")
SOURCES = ("zalo", "tickets", "app-store")
WORDS = ("giao hàng trễ", "nhân viên tốt", "ứng dụng lỗi", "giá cao quá")
LAST = date(2026, 11, 21)
#: The first of the ten by which chance chooses something of every kind.
SALT = 80
#: What is chosen, with the analyses that count.
CHOSEN = (
    "WITH chosen AS (SELECT f.number, f.occurred_at, f.source, h.pipeline, a.sentiment, a.owner, "
    "a.cooperators, a.status FROM feedback f LEFT JOIN shown h ON h.feedback = f.number "
    "LEFT JOIN analyses a ON a.feedback = f.number AND a.pipeline = h.pipeline WHERE {0}), "
    "member AS (SELECT number, sentiment, owner AS key FROM chosen WHERE owner IS NOT NULL "
    "UNION SELECT number, sentiment, value FROM chosen, json_each(cooperators)) "
)
IMPLICATED = "(a.owner = :{0} OR instr(a.cooperators, '\"' || :{0} || '\"') > 0)"
#: Figures in the pages.
KPI = re.compile(r'<p class="label">(\w+)</p>\s*<p class="figure">(?:<a [^>]*>)?([\d,.]+%?)')
TOPIC_ROW = re.compile(
    r'<th scope="row"><a href="/topics/([\w-]+)[?"].*?<td class="amount"><a [^>]*>(\d+)<', re.DOTALL
)
CELL = re.compile(r'<td class="shade-\d+"><a href="([^"]+)"[^>]*><span class="many">(\d+)')
#: What each part of a filter means, over those tables.
CONDITIONS = {
    "q": "f.text LIKE '%' || :q || '%'",
    "topic": "f.number IN (SELECT feedback FROM segments WHERE pipeline = h.pipeline AND topic = :topic)",
    "department": IMPLICATED.format("department"),
    "also": IMPLICATED.format("also"),
    "sentiment": "a.sentiment = :sentiment",
    "status": "a.status = :status",
    "language": "a.language = :language",
    "source": "f.source = :source",
    "touchpoint": "a.touchpoint = :touchpoint",
    "attribute": "json_extract(f.attributes, '$.region') = substr(:attribute, 8)",
    "firefighting": "(a.owner <> 'care' AND instr(a.cooperators || a.hops, '\"care\"') > 0)",
}
ROLES = {
    "owner": "a.owner = :department",
    "cooperator": "instr(a.cooperators, '\"' || :department || '\"') > 0",
}


def made(chance: random.Random, number: int) -> tuple[Feedback, Analysis | None]:
    """One feedback of the last ten weeks."""
    key = f"f{number}"
    day = LAST - timedelta(days=chance.randrange(70))
    text = ", ".join(chance.sample(WORDS, chance.randint(1, 3)))
    row = Feedback(
        key, text, chance.choice(SOURCES), None, f"{day}T{chance.randrange(24):02d}:30:00.000Z",
        f"{LAST}T23:59:59.000Z", scores={"nps": chance.randrange(11)} if chance.random() < 0.3 else {},
        attributes={"region": chance.choice(["Huế", "Hà Nội"])} if chance.random() < 0.7 else {},
    )  # fmt: skip
    if chance.random() < 0.06:
        return row, None
    owner = chance.choice([*DEPARTMENTS, "care", "logistics", None])
    others = [key for key in DEPARTMENTS if key != owner]
    segments = tuple(
        Segment(
            i, i + 1, "", "vi", chance.choice(["negative", "neutral", "positive"]), 0.0,
            chance.choice([*TOPICS, None]), chance.choice([*DEPARTMENTS, None]), 0.5,
        )
        for i in range(chance.randint(0, 4))
    )  # fmt: skip
    hops = chance.choices(DEPARTMENTS, k=chance.randint(2, 5)) if chance.random() < 0.2 else []
    return row, Analysis(
        key, chance.choice(LANGUAGES), chance.choice(SENTIMENTS), 0.0, 1.0, owner, 0.9,
        tuple(chance.sample(others, chance.choice([0, 0, 1, 2]))), chance.choice(TOUCHPOINTS),
        "no_owner" if owner is None else chance.choice(["routed", "routed", "review"]), (), tuple(hops),
        segments, "p1",
    )  # fmt: skip


@pytest.fixture
def filled(services: Services) -> Services:
    """Four hundred feedback; of some an older version said something else, which must not count."""
    chance = random.Random(11)
    rows = [made(chance, number) for number in range(400)]
    services.store.add([row for row, _ in rows], holder="h", lease_s=1)
    analyses = [analysis for _, analysis in rows if analysis is not None]
    older = [
        Analysis(
            one.id, "vi", "negative", 0.0, 1.0, "care", 0.9, ("sales",), "buy", "routed", (), (),
            (Segment(0, 1, "", "vi", "negative", 0.0, "price-high", "sales", 0.5),), "p0",
        )
        for one in analyses[::5]
    ]  # fmt: skip
    for batch in (older, analyses):
        services.store.save(batch, [None] * len(batch), "r1")
    return services


@dataclass(frozen=True)
class Chosen:
    """A filter by the names of the API, and its days."""

    parts: dict[str, str]
    first: date
    last: date

    @property
    def query(self) -> dict[str, str]:
        return self.parts | {"from": str(self.first), "to": str(self.last)}

    @property
    def options(self) -> list[str]:
        found = ["--since", str(self.first), "--until", str(self.last)]
        for name, value in self.parts.items():
            found += ["--firefighting"] if name == "firefighting" else [f"--{name}", value]
        return found


def chosen_by_chance(seed: int) -> Chosen:
    chance = random.Random(SALT + seed)
    values = {
        "q": "trễ", "topic": chance.choice(TOPICS), "department": chance.choice(DEPARTMENTS),
        "also": chance.choice(DEPARTMENTS), "sentiment": chance.choice(SENTIMENTS),
        "status": chance.choice(["routed", "review", "no_owner"]), "language": chance.choice(LANGUAGES),
        "source": chance.choice(SOURCES), "touchpoint": chance.choice(TOUCHPOINTS),
        "attribute": chance.choice(["region:Huế", "region:Hà Nội"]), "firefighting": "true",
    }  # fmt: skip
    parts = {name: values[name] for name in chance.sample(sorted(values), chance.choice([1, 2, 2]))}
    if "department" in parts and chance.random() < 0.6:
        parts["role"] = chance.choice(["owner", "cooperator"])
    last = LAST - timedelta(days=chance.randrange(15))
    return Chosen(parts, last - timedelta(days=chance.choice([6, 27, 27, 50])), last)


class Sql:
    """Plain SQL over the tables, with the conditions of one filter."""

    def __init__(self, services: Services, chosen: Chosen) -> None:
        self._db = services.store.db.conn
        self._values = chosen.query
        conditions = {name: CONDITIONS[name] for name in chosen.parts if name != "role"}
        if "role" in chosen.parts:
            conditions["department"] = ROLES[chosen.parts["role"]]
        days = "date(f.occurred_at) BETWEEN :from AND :to"
        self._chosen = CHOSEN.format(" AND ".join([days, *conditions.values()]))

    def rows(self, query: str) -> list[Any]:
        """What a query over ``chosen`` and ``member`` gives."""
        return [tuple(row) for row in self._db.execute(self._chosen + query, self._values)]


@pytest.fixture
def voc(filled: Services) -> Callable[..., Any]:
    """Runs ``voc report`` on the same database and reads its JSON."""
    runner = CliRunner()

    def run(*args: str) -> Any:
        done = runner.invoke(main, ["--db", str(filled.settings.db), "report", *args, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("seed", range(10))
def test_service_command_and_sql_agree(
    filled: Services, client: FlaskClient, voc: Callable[..., Any], seed: int
) -> None:
    chosen = chosen_by_chance(seed)
    sql = Sql(filled, chosen)
    answers = {}
    for name in ("overview", "topics", "seams"):
        response = client.get(f"/v1/reports/{name}", query_string=chosen.query)
        assert response.status_code == 200, response.text
        answers[name] = response.get_json()
        assert answers[name] == voc(name, *chosen.options), chosen
    figures = answers["overview"]

    ((count, analyzed, negative),) = sql.rows(
        "SELECT count(*), count(sentiment), coalesce(sum(sentiment = 'negative'), 0) FROM chosen"
    )
    assert (figures["count"], figures["analyzed"]) == (count, analyzed)
    assert (figures["negative"]["count"], figures["negative"]["total"]) == (negative, analyzed)

    states = dict(sql.rows("SELECT coalesce(status, 'waiting'), count(*) FROM chosen GROUP BY 1"))
    names = ("routed", "review", "no_owner", "waiting")
    assert [figures["coverage"][name] for name in names] == [states.get(name, 0) for name in names]
    assert sum(states.values()) == count

    owners = sql.rows(
        "SELECT owner, count(*), sum(sentiment = 'negative') FROM chosen "
        "WHERE status IS NOT NULL GROUP BY owner"
    )
    assert triples(figures["owners"], "key") == set(owners)
    assert sum(one["count"] for one in figures["owners"]) + states.get("waiting", 0) == count

    days = dict(sql.rows("SELECT date(occurred_at), count(*) FROM chosen GROUP BY 1"))
    if figures["grain"] == "day":
        assert {one["start"]: one["count"] for one in figures["series"] if one["count"]} == days
    assert sum(one["count"] for one in figures["series"]) == sum(days.values()) == count

    topics = sql.rows(
        "SELECT s.topic, count(DISTINCT s.feedback), "
        "count(DISTINCT CASE WHEN s.sentiment = 'negative' THEN s.feedback END) FROM chosen c "
        "JOIN segments s ON s.feedback = c.number AND s.pipeline = c.pipeline "
        "WHERE s.topic IS NOT NULL GROUP BY 1"
    )
    assert triples(answers["topics"]["items"], "key") == set(topics)

    pairs = sql.rows(
        "SELECT x.key, y.key, count(*), sum(x.sentiment = 'negative') FROM member x "
        "JOIN member y ON y.number = x.number AND x.key < y.key GROUP BY 1, 2"
    )
    assert triples(answers["seams"]["pairs"], "a", "b") == set(pairs)
    ((several,),) = sql.rows(
        "SELECT count(*) FROM (SELECT number FROM member GROUP BY number HAVING count(*) > 1)"
    )
    assert answers["seams"]["between"]["count"] == several


@pytest.mark.parametrize("seed", range(10))
def test_the_page_shows_what_sql_counts(filled: Services, client: FlaskClient, seed: int) -> None:
    chosen = chosen_by_chance(seed)
    sql = Sql(filled, chosen)

    def page(path: str) -> str:
        response = client.get(path, query_string=chosen.query, headers={"Accept-Language": "en"})
        assert response.status_code == 200, chosen
        return html.unescape(response.text)

    ((count, analyzed, negative),) = sql.rows(
        "SELECT count(*), count(sentiment), coalesce(sum(sentiment = 'negative'), 0) FROM chosen"
    )
    overview = dict(KPI.findall(page("/")))
    assert overview["Feedback"] == f"{count:,}"
    assert analyzed
    assert abs(float(overview["Negative"].rstrip("%")) - 100 * negative / analyzed) <= 0.5
    assert f'data-count="{count}"' in page("/feedback")

    topics = sql.rows(
        "SELECT s.topic, count(DISTINCT s.feedback) FROM chosen c "
        "JOIN segments s ON s.feedback = c.number AND s.pipeline = c.pipeline "
        "WHERE s.topic IS NOT NULL GROUP BY 1"
    )
    rows = {(key, int(found)) for key, found in TOPIC_ROW.findall(page("/topics"))}
    assert {row for row in rows if row[1]} == set(topics)  # with none: it was mentioned in the period before

    pairs = sql.rows(
        "SELECT x.key, y.key, count(*) FROM member x "
        "JOIN member y ON y.number = x.number AND x.key < y.key GROUP BY 1, 2"
    )
    cells = set()
    for address, found in CELL.findall(page("/seams")):
        query = parse_qs(urlsplit(address).query)
        a, b = sorted((query["department"][0], query["also"][0]))
        cells.add((a, b, int(found)))
    assert cells == set(pairs)


def triples(items: list[dict[str, Any]], *keys: str) -> set[tuple[Any, ...]]:
    """Keys, count and negative ones of all that have any."""
    return {
        (*(one[key] for key in keys), one["count"], one["negative_count"]) for one in items if one["count"]
    }


def test_trends_and_the_list_agree_with_sql(filled: Services, client: FlaskClient) -> None:
    for seed in range(10):
        chosen = chosen_by_chance(seed)
        sql = Sql(filled, chosen)
        ids = {key for (key,) in sql.rows("SELECT f.id FROM chosen c JOIN feedback f ON f.number = c.number")}
        found = client.get("/v1/feedback", query_string=chosen.query | {"limit": 500}).get_json()["items"]
        assert {item["feedback"]["id"] for item in found} == ids
        points = client.get(
            "/v1/trends", query_string=chosen.query | {"by": "department", "grain": "month"}
        ).get_json()["points"]
        assert [(one["period"], one["key"], one["count"], one["negative"]) for one in points] == sql.rows(
            "SELECT substr(occurred_at, 1, 7) || '-01', owner, count(*), sum(sentiment = 'negative') "
            "FROM chosen WHERE owner IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
        )


def test_a_limited_reader_counts_what_is_theirs(filled: Services, client: FlaskClient) -> None:
    """Their figures are those of everybody who filters by their department."""
    organization = filled.pipelines.get().router.organization
    _, key = filled.access.add_key(
        organization, name="k", scopes=("read",), by="command:an", department="logistics"
    )
    _, admin = filled.access.add_key(organization, name="a", scopes=("admin",), by="command:an")
    for seed in range(10):
        chosen = chosen_by_chance(seed)
        if "department" in chosen.parts or "also" in chosen.parts:
            continue
        for name in ("overview", "topics", "seams", "journey", "departments"):
            path = f"/v1/reports/{name}"
            mine = client.get(path, query_string=chosen.query, headers=bearer(key))
            theirs = client.get(
                path, query_string=chosen.query | {"department": "logistics"}, headers=bearer(admin)
            )
            assert mine.get_json() == theirs.get_json()
            assert mine.status_code == 200


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_the_filters_are_of_all_kinds_and_find_something(filled: Services) -> None:
    filters = [chosen_by_chance(seed) for seed in range(10)]
    assert {name for chosen in filters for name in chosen.parts} == {*CONDITIONS, "role"}
    counts = [Sql(filled, chosen).rows("SELECT count(*) FROM chosen")[0][0] for chosen in filters]
    assert min(counts) > 0
    assert max(counts) > 50


def test_every_report_reads_as_a_table(filled: Services) -> None:
    runner = CliRunner()

    def run(*args: str) -> str:
        days = ["--since", "2026-10-25", "--until", "2026-11-21"]
        done = runner.invoke(main, ["--db", str(filled.settings.db), "report", *args, *days])
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith("2026-10-25 to 2026-11-21")
        return done.stdout

    ((now,), (before,)) = (
        filled.store.db.conn.execute(
            "SELECT count(*) FROM feedback WHERE date(occurred_at) BETWEEN ? AND ?", days
        ).fetchone()
        for days in (("2026-10-25", "2026-11-21"), ("2026-09-27", "2026-10-24"))
    )
    overview = run("overview")
    assert f"feedback      {now:>8,}   x{now / before:.2f} (x" in overview
    assert f") against {before:,}" in overview
    assert "routed (" in overview
    assert "nothing to compare with" not in overview
    assert sum(f"\n{key} " in run("topics") for key in TOPICS) == len(TOPICS)
    assert "together with" in run("topic", "delivery-late")
    assert "care + logistics" in run("seams")
    assert "pains" in run("department", "care")
    assert all(f"\n{key} " in run("department") for key in DEPARTMENTS)
    assert all(f"\n{name} " in run("journey") for name in TOUCHPOINTS)
    assert "Efron" in run("drivers")
    assert "no csat in this period" in run("drivers", "--score", "csat")
    compared = run("compare", "--against", "source=zalo", "--against", "attribute=region:Huế")
    assert "feedback are on both sides" in compared
    assert "x" not in compared.splitlines()[1]


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("department", "nowhere"), 1, "department_unknown"),
        (("topic", "nowhere"), 1, "topic_unknown"),
        (("overview", "--since", "2026-11-02", "--until", "2026-11-01"), 1, "period_empty"),
        (("overview", "--since", "0001-01-01", "--until", "2026-11-01"), 1, "period_too_long"),
        (("compare", "--against", "colour=red"), 2, "NAME=VALUE"),
        (("compare", "--against", "from=yesterday"), 2, "a day such as"),
        (("compare", "--against", "attribute=plan"), 2, "NAME:VALUE"),
    ],
)
def test_what_cannot_be_reported(filled: Services, args: tuple[str, ...], status: int, said: str) -> None:
    done = CliRunner().invoke(main, ["--db", str(filled.settings.db), "report", *args])
    assert (done.exit_code, said in done.stderr) == (status, True), done.output


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("departments/nowhere", 404, "department_unknown"),
        ("topics/nowhere", 404, "topic_unknown"),
        ("overview?from=2026-11-02&to=2026-11-01", 422, "period_empty"),
        ("overview?from=0001-01-01&to=2026-11-01", 422, "period_too_long"),
        ("compare?from=0001-01-01&to=0001-01-02", 422, "period_missing"),
        ("drivers?score=ces", 422, "field_invalid"),
        ("overview?colour=red", 422, "field_unknown"),
    ],
)
def test_what_cannot_be_asked(client: FlaskClient, path: str, status: int, code: str) -> None:
    response = client.get(f"/v1/reports/{path}")
    assert (response.status_code, response.get_json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("overview", shapes.shape_of(reports.Overview)),
        ("topics", shapes.list_of(reports.TopicRow)),
        ("topics/delivery-late", shapes.shape_of(reports.TopicStory)),
        ("departments", shapes.list_of(reports.DepartmentRow)),
        ("departments/care", shapes.shape_of(reports.DepartmentLens)),
        ("seams", shapes.SeamsOut),
        ("journey", shapes.shape_of(reports.Journey)),
        ("drivers", shapes.shape_of(reports.Drivers)),
        ("compare", shapes.shape_of(reports.Comparison)),
    ],
)
def test_the_answers_are_what_is_documented(
    filled: Services, client: FlaskClient, path: str, shape: type[BaseModel]
) -> None:
    answer = client.get(f"/v1/reports/{path}?from=2026-10-25&to=2026-11-21").get_json()
    assert shape.model_validate(answer).model_dump(by_alias=True) == answer
    assert answer.get("items") != []


def test_the_document_describes_every_field(client: FlaskClient) -> None:
    schemas = client.get("/v1/openapi.json").get_json()["components"]["schemas"]
    for name in ("OverviewOut", "SeamCellOut", "TopicRowOut", "ChangeOut", "DriverOut", "CoverageOut"):
        missing = [key for key, field in schemas[name]["properties"].items() if "description" not in field]
        assert missing == [], name
