"""The shell of the pages: guard, language, filter, links, files, charts in words; overview and comparison."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask.testing import FlaskClient

from tests.test_access import bearer, log_in, make_key, make_person
from voc import rights
from voc.api.headers import POLICY
from voc.app import Voc
from voc.dashboard import changes, charts, texts
from voc.dashboard.emerging import Kept
from voc.dashboard.shell import FILTERS
from voc.emerging import Findings
from voc.intervals import change, count_change, wilson
from voc.pipeline import Pipeline
from voc.records import Analysis, Feedback, Reading, Segment, Span
from voc.reports import Period
from voc.services import Services

PAGES = Path(texts.__file__).parent
HTML = {"Accept": "text/html,application/xhtml+xml"}
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


def text_of(page: str) -> str:
    """What a page says, without its tags, blanks made one."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def fill(services: Services, pipeline: Pipeline) -> Callable[..., None]:
    """Keeps feedback as if analyzed: ``count`` of one day, owner and feeling."""
    numbers = iter(range(10_000))

    def keep(count: int, day: str, **given: Any) -> None:
        said = {"owner": "logistics", "sentiment": "negative", "topic": "delivery-late", "source": "app",
                "cooperators": (), "status": "routed", "attributes": {}, "scores": {}} | given  # fmt: skip
        rows, analyses, readings = [], [], []
        for _ in range(count):
            key = f"f{next(numbers)}"
            moment = f"{day}T08:00:00.000Z"
            text = "Giao hàng trễ"
            rows.append(Feedback(
                key, text, said["source"], key, moment, moment, None, None, None,
                said["scores"], said["attributes"],
            ))  # fmt: skip
            part = Segment(
                0, len(text), text, "vi", said["sentiment"], -0.5, said["topic"], said["owner"], 0.9
            )
            analyses.append(Analysis(
                key, "vi", said["sentiment"], -0.5, 0.9, said["owner"], 0.9, said["cooperators"], "receive",
                said["status"], (), (), (part,), pipeline.version,
            ))  # fmt: skip
            vector = pipeline.topics.registry.center[None].astype("float32")
            readings.append(Reading((Span(0, len(text)),), ("vi",), ("giao_hàng trễ",), vector))
        services.store.add(rows, holder="h", lease_s=30)
        services.store.save(analyses, readings, pipeline.reader.version)

    return keep


# ---- the shell


def test_the_first_page_is_the_overview_and_the_documentation_has_its_own(client: FlaskClient) -> None:
    page = client.get("/?lang=en", headers=HTML)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert '<html lang="en">' in page.text
    assert page.headers["Content-Security-Policy"] == POLICY  # charts and all
    assert client.get("/docs").headers["Location"] == "/v1/swagger"


def test_an_empty_database_says_what_to_do_first(client: FlaskClient) -> None:
    page = client.get("/?lang=en").text
    assert "Nothing here yet" in page
    assert "curl http://localhost/v1/feedback" in page
    assert "voc --db demo.db demo" in page


@pytest.mark.parametrize(
    ("path", "cookie", "asked", "expected"),
    [
        ("/", None, None, "vi"),
        ("/", None, "en-GB,en;q=0.8", "en"),
        ("/", None, "fr", "vi"),
        ("/", "en", "vi", "en"),
        ("/?lang=vi", "en", "en", "vi"),
        ("/?lang=xx", "en", None, "en"),
    ],
)
def test_the_language_is_that_of_the_address_then_the_cookie_then_the_browser(
    client: FlaskClient, path: str, cookie: str | None, asked: str | None, expected: str
) -> None:
    if cookie:
        client.set_cookie(texts.COOKIE, cookie)
    page = client.get(path, headers={"Accept-Language": asked} if asked else {})
    assert f'<html lang="{expected}">' in page.text
    kept = page.headers.get("Set-Cookie", "")
    assert (f"{texts.COOKIE}=vi" in kept) is (path == "/?lang=vi")


def test_the_navigation_has_what_is_there_and_may_be_seen(services: Services, client: FlaskClient) -> None:
    page = client.get("/?lang=en").text
    assert re.findall(r'<a href="/" aria-current="page">', page)
    assert 'href="/compare"' in page
    make_person(services.access, role="department", department="care")
    log_in(client)
    limited = client.get("/compare?lang=en").text
    assert re.findall(r'<a href="/compare" aria-current="page">', limited)
    assert "Customer care" in limited


def test_whoever_is_not_known_is_sent_to_log_in_and_back(services: Services, client: FlaskClient) -> None:
    make_person(services.access)
    asked = client.get("/compare?by=source&lang=en", headers=HTML)
    assert asked.status_code == 302
    assert asked.headers["Location"] == "/login?next=/compare?by%3Dsource%26lang%3Den"
    page = client.get(asked.headers["Location"], headers=HTML)
    assert 'data-onward="/compare?by=source&amp;lang=en"' in page.text
    plain = client.get("/compare")  # a program gets what the API would say, as a page
    assert (plain.status_code, plain.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "onward", ["https://voc.example/", "//voc.example", "/\\voc.example", "javascript:x", "", "/\tx"]
)
def test_logging_in_leads_to_no_other_place(services: Services, client: FlaskClient, onward: str) -> None:
    make_person(services.access)
    page = client.get("/login", query_string={"next": onward}).text
    assert 'data-onward="/"' in page


def test_where_nobody_can_log_in_there_is_no_login(client: FlaskClient) -> None:
    assert client.get("/login").headers["Location"] == "/"


def test_a_session_is_shown_with_what_its_requests_need(services: Services, client: FlaskClient) -> None:
    make_person(services.access)
    csrf = log_in(client).get_json()["csrf"]
    page = client.get("/").text
    assert f'<meta name="csrf" content="{csrf}">' in page
    assert "<span>lan</span>" in page
    assert client.delete("/v1/session", headers={"X-CSRF-Token": csrf}).status_code == 204
    assert client.get("/", headers=HTML).status_code == 302


def test_what_is_refused_is_said_on_a_page(services: Services, client: FlaskClient) -> None:
    key = make_key(services.access, "ingest")
    page = client.get("/?lang=en", headers=bearer(key))
    assert (page.status_code, page.mimetype) == (403, "text/html")
    assert "This is not open to you" in page.text
    assert "scope_missing" in page.text


def test_where_there_is_nothing_a_browser_gets_a_page_and_a_program_json(client: FlaskClient) -> None:
    page = client.get("/nowhere", headers=HTML | {"Accept-Language": "en"})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is no such page" in page.text
    for path, headers in (("/nowhere", {}), ("/v1/nowhere", HTML)):
        assert client.get(path, headers=headers).get_json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("path", ["/", "/topics", "/compare", "/compare?a_from=0202-01-01&a_to=2026-02-02&"])
def test_a_year_that_was_typed_wrong_is_not_cut_into_thousands_of_months(
    client: FlaskClient, fill: Callable[..., None], path: str
) -> None:
    fill(1, "2026-02-01")
    asked = path if "?" in path else f"{path}?from=0202-02-01&to=2026-02-01"
    page = client.get(asked, headers={"Accept-Language": "en"})
    assert page.status_code == 422
    assert "period_too_long" in page.text


@pytest.mark.parametrize(
    ("query", "named"),
    [("depatment=care", "depatment"), ("sentiment=angry", "sentiment"), ("from=soon", "from"),
     ("from=2026-02-02&to=2026-02-01", "to")],
)  # fmt: skip
def test_a_wrong_address_is_not_taken_for_another(
    client: FlaskClient, fill: Callable[..., None], query: str, named: str
) -> None:
    fill(1, "2026-02-01")
    page = client.get(f"/?{query}&lang=en")
    assert page.status_code == 422
    assert named in text_of(page.text.partition("<main")[2])


def test_links_keep_the_filter_and_lose_what_was_taken_out(
    client: FlaskClient, fill: Callable[..., None]
) -> None:
    fill(3, "2026-02-01")
    page = client.get(
        "/?lang=en&department=logistics&sentiment=negative&from=2026-02-01&to=2026-02-07&q="
    ).text
    kept = "department=logistics&amp;sentiment=negative&amp;from=2026-02-01&amp;to=2026-02-07"
    assert f'href="/compare?{kept}"' in page
    assert (
        'href="/?sentiment=negative&amp;from=2026-02-01&amp;to=2026-02-07"' in page
    )  # without the department
    assert "1 Feb 2026 – 7 Feb 2026" in page
    assert "lang=en" not in re.sub(r'class="languages".*?</div>', "", page, flags=re.DOTALL)


def test_the_filter_of_a_page_has_the_names_of_the_api(client: FlaskClient) -> None:
    parameters = client.get("/v1/openapi.json").get_json()["paths"]["/v1/feedback"]["get"]["parameters"]
    assert {one["name"] for one in parameters} - {"limit", "cursor"} == set(FILTERS)


def test_a_limited_reader_is_offered_nothing_of_others(
    services: Services, client: FlaskClient, fill: Callable[..., None]
) -> None:
    fill(2, "2026-02-01", owner="logistics", source="seen", attributes={"shop": "near", "kind": "x"})
    fill(2, "2026-02-01", owner="sales", source="unseen", attributes={"shop": "far", "kind": "y"})
    key = make_key(services.access, "read", department="logistics")
    page = client.get("/", headers=bearer(key), environ_overrides=ELSEWHERE).text
    assert '<option value="seen">' in page
    assert '<option value="shop:near">' in page
    assert "unseen" not in page
    assert "far" not in re.findall(r'value="shop:(\w+)"', page)


def test_a_failure_is_a_page_that_tells_nothing(
    app: Voc, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> str:
        raise RuntimeError("secret of the house")

    monkeypatch.setitem(app.view_functions, "dashboard.overview", broken)
    page = client.get("/?lang=en")
    assert (page.status_code, page.mimetype) == (500, "text/html")
    assert "internal_error" in page.text
    assert "secret" not in page.text


def test_a_database_that_cannot_be_used_is_said_as_the_api_says_it(
    services: Services, client: FlaskClient, fill: Callable[..., None]
) -> None:
    fill(1, "2026-02-01")
    with services.store.write() as db:
        db.conn.execute("ALTER TABLE shown RENAME TO hidden")
    page = client.get("/feedback", headers=HTML)
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "store_unusable" in page.text
    assert client.get("/v1/feedback").status_code == 503


# ---- files


def test_files_may_be_kept_for_ever_by_their_digest(client: FlaskClient) -> None:
    page = client.get("/").text
    (address,) = re.findall(r'href="(/static/[0-9a-f]{16}/voc\.css)"', page)
    plain = client.get(address)
    assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert plain.mimetype == "text/css"
    assert plain.data == (PAGES / "static" / "voc.css").read_bytes()
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert client.get("/static/0/voc.css").headers["Cache-Control"] == "no-cache"
    assert client.get("/static/0/none.css").status_code == 404
    assert client.get("/static/0/..%2ftexts.py").status_code == 404


def test_the_chart_library_is_the_installed_one(client: FlaskClient) -> None:
    (address,) = re.findall(r'<meta name="charts" content="([^"]+)"', client.get("/").text)
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert "immutable" in packed.headers["Cache-Control"]
    assert packed.mimetype == "text/javascript"
    assert len(packed.data) < 2_000_000
    assert gzip.decompress(packed.data) == library()


def library() -> bytes:
    spec = find_spec("plotly")
    assert spec is not None
    assert spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js").read_bytes()


def test_the_chart_library_is_kept_from_writing_styles() -> None:
    """It asks whether elements with these ids are there already; the policy would refuse what it writes."""
    (place,) = re.findall(rb'getElementById\("([0-9a-f]{64})"\)', library())
    assert place.decode() in (PAGES / "static" / "voc.js").read_text("utf-8")
    assert b'"plotly.js-style-"+e' in library()
    assert b'matches(".no-inline-styles")' in library()
    assert 'id="plotly.js-style-global" class="no-inline-styles"' in (
        PAGES / "templates" / "base.html"
    ).read_text("utf-8")


def test_the_application_does_not_import_plotly() -> None:
    script = "import sys, voc.app, voc.dashboard.assets as a; a._library(); print('plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_first_view_is_light(client: FlaskClient, fill: Callable[..., None]) -> None:
    """Bytes as they lie on the disk, before compression; the chart library comes later, by itself."""
    for day in range(1, 29):
        fill(3, f"2026-02-{day:02}", source=f"source {day % 7}", cooperators=("care",))
    page = client.get("/?from=2026-02-01&to=2026-02-28", headers=HTML)
    loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert {address.rpartition("/")[2] for address in loaded} == {"voc.css", "voc.js", "theme.js", "voc.svg"}
    assert len(page.data) + sum(len(client.get(address).data) for address in set(loaded)) < 120_000


@pytest.mark.parametrize("path", sorted((PAGES / "templates").glob("*.html")), ids=lambda path: path.name)
def test_no_template_has_anything_inline_or_from_outside(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}", "", path.read_text("utf-8"), flags=re.DOTALL)
    assert re.findall(r"\son[a-z]+\s*=", text) == []
    assert re.findall(r"\sstyle\s*=", text) == [] or path.name == "digest.html"
    scripts = re.findall(r"<script\b([^>]*)>", text)
    assert [one for one in scripts if "src=" not in one and 'type="application/json"' not in one] == []
    assert re.findall(r"""(?:src|href)=["']https?://""", text) == []


# ---- colours


def tokens() -> dict[str, dict[str, str]]:
    """Colour tokens of each theme."""
    css = (PAGES / "static" / "voc.css").read_text("utf-8")
    light = css.partition(":root {")[2].partition("}")[0]
    dark = css.partition(':root[data-theme="dark"] {')[2].partition("}")[0]
    system = css.partition(':root:not([data-theme="light"]) {')[2].partition("}")[0]
    found = {
        name: dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block))
        for name, block in (("light", light), ("dark", dark), ("system", system))
    }
    assert len(found["light"]) > 30
    return found


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_marks_can_be_told_from_what_they_stand_on(theme: str) -> None:
    color = tokens()[theme]
    for text in ("ink", "soft", "accent", "negative", "positive", "mixed"):
        for ground in ("surface", "ground", "raised"):
            assert contrast(color[text], color[ground]) >= 4.5, (text, ground)
    for feeling in ("negative", "positive", "neutral", "mixed", "accent"):
        assert contrast(color[feeling], color[f"{feeling}-tint"]) >= 4.5, feeling
    assert contrast(color["accent-ink"], color["accent"]) >= 4.5
    for slot in range(13):
        assert contrast(color[f"dept-{slot}"], color["surface"]) >= 4.5, slot
    assert contrast(color["line-strong"], color["surface"]) >= 3
    assert contrast(color["focus"], color["ground"]) >= 3


def test_dark_is_the_same_whether_chosen_or_that_of_the_system() -> None:
    found = tokens()
    assert found["dark"] == found["system"]
    assert set(found["dark"]) == set(found["light"])


def test_a_department_has_one_colour_by_its_key_alone() -> None:
    slots = [texts.department_slot(key) for key in ("marketing", "operations", "own-one", "own-one", None)]
    assert slots[:2] == [1, 8]
    assert slots[2] == slots[3]
    assert 9 <= slots[2] <= 12
    assert slots[4] == 0


# ---- charts and changes in words


@pytest.fixture
def english(app: Voc) -> Iterator[None]:
    with app.test_request_context("/?lang=en"):
        yield


def test_a_line_has_its_band_and_the_same_figures_as_a_table(english: None) -> None:
    shares = [wilson(1, 10), wilson(5, 10)]
    series = charts.Series(
        "Negative", [one.value for one in shares], [one.low for one in shares], [one.high for one in shares],
        color="$negative", is_share=True,
    )  # fmt: skip
    found = charts.line("Title", ["2026-02-01", "2026-02-02"], [series], by="Day")
    high, low, middle = found.figure["data"]
    assert (list(high["y"]), list(low["y"]), list(middle["y"])) == (
        [shares[0].high, shares[1].high], [shares[0].low, shares[1].low], [0.1, 0.5],
    )  # fmt: skip
    assert found.figure["layout"]["yaxis"]["rangemode"] == "tozero"
    assert list(found.table.columns) == ["Day", "Negative", "from", "to"]
    assert found.table.rows[1] == ["2 Feb 2026", "50.0%", "23.7%", "76.3%"]
    assert not found.is_empty


def test_a_band_has_a_gap_where_the_line_has_one(english: None) -> None:
    series = charts.Series("A", [0.1, None, 0.3], [0.0, None, 0.2], [0.2, None, 0.4], is_share=True)
    found = charts.line("T", ["2026-02-01", "2026-02-02", "2026-02-03"], [series])
    *edges, middle = found.figure["data"]
    assert [edge["x"] for edge in edges] == [[0], [0], [2], [2]]
    assert list(middle["y"]) == [0.1, None, 0.3]
    assert found.table.rows[1] == ["2 Feb 2026", "–", "–", "–"]


def test_bars_begin_at_zero_and_carry_their_intervals(english: None) -> None:
    series = charts.Series("Share", [0.3], [0.2], [0.5], is_share=True, urls=["/x"])
    found = charts.bars("Title", ["One"], [series])
    (bar,) = found.figure["data"]
    assert found.figure["layout"]["xaxis"]["rangemode"] == "tozero"
    assert bar["error_x"]["array"] == [pytest.approx(0.2)]
    assert bar["error_x"]["arrayminus"] == [pytest.approx(0.1)]
    assert bar["customdata"] == ["/x"]
    assert found.table.rows == [["One", charts.Cell("30.0%", "/x"), "20.0%", "50.0%"]]
    assert charts.bars("Title", [], [charts.Series("Share", [])]).is_empty


def test_columns_stand_on_each_other_and_pale_where_cut(english: None) -> None:
    found = charts.columns(
        "Title", ["2026-02-01", "2026-02-08"], [charts.Series("A", [1, 2]), charts.Series("B", [3, 4])],
        partial=[True, False],
    )  # fmt: skip
    assert found.figure["layout"]["barmode"] == "stack"
    assert [bar["marker"]["opacity"] for bar in found.figure["data"]] == [[0.45, 1.0]] * 2
    assert found.table.rows == [["1 Feb 2026", "1", "3"], ["8 Feb 2026", "2", "4"]]


def test_a_matrix_leaves_out_what_is_not_there(english: None) -> None:
    found = charts.heatmap(
        "T", ["a", "b"], ["x", "y"], [[1, None], [4, 0]], urls=[["/1", None], ["/4", "/0"]]
    )
    (cells,) = found.figure["data"]
    assert (cells["x"], cells["text"], cells["customdata"]) == (
        [0, 0, 1],
        ["1", "4", "0"],
        ["/1", "/4", "/0"],
    )
    assert [str(cell) for cell in found.table.rows[0]] == ["a", "1", "–"]
    assert cells["marker"]["color"][1] == "$scale-1/1.000"


def test_a_flow_links_nodes_by_their_place(english: None) -> None:
    found = charts.sankey("T", [("a", "b", 3), ("b", "c", 2)], names={"a": "Care"}, colors={"a": "$dept-7"})
    link = found.figure["data"][0]["link"]
    assert (link["source"], link["target"], link["value"]) == ([0, 1], [1, 2], [3, 2])
    assert link["color"] == ["$dept-7/0.35", "$accent/0.35"]
    assert [str(cell) for cell in found.table.rows[0]] == ["Care", "b", "3"]


def test_a_name_is_no_markup_and_no_token_of_a_chart(english: None) -> None:
    name = '<a href="https://voc.example">R&D</a> %{x}'
    shown = '&lt;a href="https://voc.example"&gt;R&amp;D&lt;/a&gt; &#37;{x}'
    assert (charts.as_text(name), charts.as_text("$accent 5 %")) == (shown, "&#36;accent 5 %")
    series = charts.Series(name, [0.3], [0.2], [0.5])
    figures = [
        charts.line("T", ["2026-02-01"], [series], marks={"2026-02-01": name}),
        charts.columns("T", ["2026-02-01"], [series]), charts.bars("T", [name], [series]),
        charts.intervals("T", [name], [series]), charts.heatmap("T", [name], [name], [[1]]),
        charts.sankey("T", [("a", name, 1)], names={"a": name}),
    ]  # fmt: skip
    for found in figures:
        said = json.dumps(found.figure)
        assert "https://voc.example" in said
        assert "<a " not in said
        assert "%{x}" not in said
    assert figures[2].table.rows[0][0] == name  # the table is text anyway


def test_the_buckets_of_a_period_are_linked_to_its_own_days() -> None:
    period = Period.of(date(2026, 2, 4), date(2026, 2, 10))  # from a Wednesday: its first week is cut
    found = charts.bucket_periods(["2026-02-02", "2026-02-09"], period)
    assert [(one.since.day, one.last.day) for one in found] == [(4, 8), (9, 10)]


def test_what_may_be_chance_is_not_said_to_have_changed(english: None) -> None:
    unsure = changes.share_said(change(52, 100, 48, 100), "down")
    assert (unsure.words, unsure.tone, unsure.direction) == ("No clear change", "unsure", "flat")
    assert unsure.bounds is not None
    assert unsure.low < 0 < unsure.high <= unsure.reach
    worse = changes.share_said(change(520, 1000, 400, 1000), "down")
    assert (worse.words, worse.tone) == ("Up 12.0 points", "worse")
    assert changes.share_said(change(520, 1000, 400, 1000)).tone == "moved"
    assert changes.share_said(change(5, 10, 0, 0)).words == "Nothing to compare with"
    assert changes.count_said(count_change(300, 200)).words == "Up 50%"
    assert changes.count_said(count_change(3, 0)).words == "None in the period before"
    assert changes.count_said(None).words == "Nothing to compare with"


def test_a_number_that_stands_in_a_template_follows_the_language_too(app: Voc) -> None:
    with app.test_request_context("/?lang=vi"):  # Jinja may work out at once what does not change
        template = app.jinja_env.from_string("{{ 0.001 | number(3) }}")
    said = []
    for language in ("vi", "en"):
        with app.test_request_context(f"/?lang={language}"):
            said.append(template.render())
    assert said == ["0,001", "0.001"]


def test_numbers_are_written_in_the_way_of_the_language(app: Voc) -> None:
    for language, expected in (
        ("en", ("1,234", "1,234.5", "0.4%", "−1.5")),
        ("vi", ("1.234", "1.234,5", "0,4%", "−1,5")),
    ):
        with app.test_request_context(f"/?lang={language}"):
            found = (texts.number(1234), texts.number(1234.5, 1), texts.percent(0.004), texts.points(-0.015))
            assert found == expected
    with app.test_request_context("/?lang=en"):
        assert (texts.number(-0.4), texts.number(-0.04, 1), texts.number(-1_000)) == ("0", "0.0", "−1,000")
        assert (texts.points(-0.0004), texts.points(0.0004), texts.signed(-0.04)) == ("±0.0", "±0.0", "0.0")


# ---- pages


def kpis(page: str) -> dict[str, str]:
    """Label and figure of each card of the overview."""
    found = re.findall(r'<p class="label">(.*?)</p>\s*<p class="figure">(.*?)</p>', page, re.DOTALL)
    return {text_of(label).strip(): text_of(figure).strip() for label, figure in found}


def test_the_overview_has_the_figures_of_its_period_and_filter(
    client: FlaskClient, fill: Callable[..., None]
) -> None:
    fill(30, "2026-02-10", sentiment="negative", scores={"nps": 2})
    fill(10, "2026-02-11", sentiment="positive", owner="care", topic="support-praise", scores={"nps": 10})
    fill(20, "2026-01-20", sentiment="positive")
    fill(20, "2026-01-21", sentiment="negative")
    fill(2, "2026-02-12", owner=None, status="no_owner", sentiment="neutral", topic=None)
    page = client.get("/?lang=en&from=2026-02-01&to=2026-02-28").text
    found = kpis(page)
    assert found["Feedback"] == "42"
    assert found["Negative"] == "71%"
    assert found["NPS"] == "−50.0"
    assert "CSAT" not in found
    assert found["Routed to a department"] == "95%"
    assert "2 without owner" in page
    assert 'class="figure"><a href="/feedback?from=2026-02-01&amp;to=2026-02-28">42</a>' in page
    narrowed = kpis(client.get("/?lang=en&from=2026-02-01&to=2026-02-28&department=care").text)
    assert (narrowed["Feedback"], narrowed["Negative"]) == ("10", "0%")
    none = client.get("/?lang=en&from=2020-02-01&to=2020-02-28").text
    assert "Nothing to show" in none


def test_without_a_period_the_overview_shows_the_last_weeks_with_feedback(
    client: FlaskClient, fill: Callable[..., None]
) -> None:
    fill(3, "2020-03-28")
    page = client.get("/?lang=en").text
    assert "1 Mar 2020 – 28 Mar 2020" in page
    assert kpis(page)["Feedback"] == "3"
    assert "So few feedback leave much open" in page


def test_the_charts_of_the_overview_add_up(client: FlaskClient, fill: Callable[..., None]) -> None:
    for day in (1, 5, 9):
        fill(4, f"2026-02-{day:02}")
        fill(2, f"2026-02-{day:02}", sentiment="positive")
    page = client.get("/?lang=en&from=2026-02-01&to=2026-02-14").text
    (table,) = re.findall(
        r"<caption class=\"aside\">How much was said</caption>(.*?)</table>", page, re.DOTALL
    )
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)[1:]
    cells = [
        [text_of(cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows
    ]
    assert len(cells) == 14
    assert cells[0] == ["1 Feb 2026", "4", "2"]
    assert (sum(int(row[1]) for row in cells), sum(int(row[2]) for row in cells)) == (12, 6)


def test_a_rise_that_is_more_than_chance_is_listed(client: FlaskClient, fill: Callable[..., None]) -> None:
    fill(100, "2026-01-10", topic="delivery-late")
    fill(100, "2026-01-10", topic="hotline-unreachable")
    fill(170, "2026-02-10", topic="delivery-late")
    fill(30, "2026-02-10", topic="hotline-unreachable")
    page = client.get("/?lang=en&from=2026-02-01&to=2026-02-28").text
    rising = page.partition("Rising topics")[2].partition("</section>")[0]
    falling = page.partition("Falling topics")[2].partition("</section>")[0]
    assert "+35.0 points" in text_of(rising)
    assert "−35.0 points" in text_of(falling)
    assert "50.0% → 85.0%" in text_of(rising)


def test_two_periods_two_sources_and_two_departments_are_compared(
    client: FlaskClient, fill: Callable[..., None]
) -> None:
    fill(50, "2026-01-10", source="app", sentiment="positive")
    fill(50, "2026-02-10", source="app", sentiment="negative")
    fill(30, "2026-02-11", source="hotline", owner="care", attributes={"shop": "north"})
    fill(10, "2026-02-11", source="hotline", owner="care", attributes={"shop": "south"})

    def figures(query: str) -> list[str]:
        page = client.get(f"/compare?lang=en&{query}").text
        rows = re.findall(
            r'<th scope="row" role="rowheader">(Feedback|Negative)</th>(.*?)</tr>', page, re.DOTALL
        )
        return [
            text_of(cell).strip()
            for _, row in rows
            for cell in re.findall(r'<td role="cell" class="amount">(.*?)</td>', row)
        ]

    assert figures("from=2026-02-01&to=2026-02-28")[:4] == ["50", "90", "0.0%", "100.0%"]
    assert figures("from=2026-02-01&to=2026-02-28&a_from=2026-02-10&a_to=2026-02-10")[:2] == ["50", "90"]
    inside = "from=2026-02-01&to=2026-02-28"
    assert figures(f"{inside}&by=source&a=hotline&b=app")[:2] == ["40", "50"]
    assert figures(f"{inside}&by=source")[:2] == ["50", "40"]
    assert figures(f"{inside}&by=department&a=logistics&b=care")[:2] == ["50", "40"]
    assert figures(f"{inside}&by=attribute&a=shop:north&b=shop:south")[:2] == ["30", "10"]
    assert (
        "lie on both sides" in client.get(f"/compare?lang=en&{inside}&a_from=2026-02-10&a_to=2026-02-12").text
    )
    assert client.get("/compare?by=attribute&a=none&b=shop:south").status_code == 422
    assert client.get("/compare?a_from=2026-02-02&a_to=2026-02-01").status_code == 422


def test_what_is_emerging_is_logged_and_looked_for_once(
    client: FlaskClient, services: Services, fill: Callable[..., None]
) -> None:
    fill(40, "2026-01-10", topic="hotline-unreachable")
    fill(40, "2026-02-10", topic="delivery-late")
    page = client.get("/emerging?lang=en&from=2026-02-01&to=2026-02-14").text
    grown = page.partition('id="emerging"')[2]
    assert "new" in text_of(grown)
    assert text_of(grown).count("Giao hàng trễ") >= 1
    (line,), _ = services.store.audit.entries(action="topics.emerging")
    assert line.details["rows"] >= 1


def test_of_the_filter_what_is_emerging_follows_the_topic_and_says_so(
    client: FlaskClient, fill: Callable[..., None]
) -> None:
    fill(40, "2026-01-10", topic="hotline-unreachable")
    fill(40, "2026-02-10", topic="delivery-late")

    def told(query: str) -> str:
        page = client.get(f"/emerging?lang=en&from=2026-02-01&to=2026-02-14{query}").text
        return text_of(page.partition('id="emerging"')[2])

    note = "Of the filter only the topic and the last day count here."
    assert "Late delivery" in told("&topic=delivery-late")
    assert note not in told("&topic=delivery-late")
    assert "Late delivery" not in told("&topic=hotline-unreachable")
    assert note in told("&source=app")
    topic = client.get("/topics/delivery-late?lang=en&from=2026-02-01&to=2026-02-14").text
    assert 'data-part="/emerging?from=2026-02-01&amp;to=2026-02-14&amp;topic=delivery-late"' in topic


def test_who_has_no_owner_is_told_apart_from_who_waits_for_a_person(
    client: FlaskClient, fill: Callable[..., None]
) -> None:
    fill(5, "2026-02-10")
    fill(4, "2026-02-10", owner=None, status="no_owner")
    fill(2, "2026-02-10", owner=None, status="review")
    period = "lang=en&from=2026-02-01&to=2026-02-28"
    said = " ".join(text_of(client.get(f"/?{period}").text.partition("Who it concerns")[2]).split())
    assert "No department 2 of them are still to review 6" in said
    fill(30, "2026-01-10")
    page = client.get(f"/compare?{period}").text
    row = re.search(r'(?s)<th scope="row" role="rowheader">No department</th>(.*?)</tr>', page)
    assert row
    assert text_of(row[1]).split()[:3] == ["0", "0.0%", "6"]
    assert "href" not in row[1]  # no filter finds those six


def test_the_loudest_seams_lead_to_the_seam_with_the_words_of_both(
    client: FlaskClient, fill: Callable[..., None]
) -> None:
    fill(3, "2026-02-10", cooperators=("care",))
    page = client.get("/?lang=en&from=2026-02-01&to=2026-02-28").text
    assert (
        'href="/seams?from=2026-02-01&amp;to=2026-02-28&amp;department=care&amp;also=logistics#seam"' in page
    )


def test_what_was_erased_or_given_away_since_is_no_example_any_more(
    client: FlaskClient, services: Services, fill: Callable[..., None]
) -> None:
    fill(40, "2026-01-10", topic="hotline-unreachable")
    fill(40, "2026-02-10", topic="delivery-late")
    key = make_key(services.access, "read", department="logistics")
    path, headers = "/emerging?lang=en&from=2026-02-01&to=2026-02-14", bearer(key)

    def examples() -> list[str]:
        page = client.get(path, headers=headers, environ_overrides=ELSEWHERE).text
        return re.findall(r'href="/feedback/(f\d+)[?"]', page)

    (first,) = set(examples())
    said = [(None, "owner", "sales", "logistics"), (None, "cooperators", (), [])]
    services.store.corrections.add(first, said, author="Lan", reason=None, departments={})
    assert examples() == []
    headers = bearer(make_key(services.access, "read"))
    assert set(examples()) == {first}
    rights.erase_feedback(services.store, [first], author="Lan")
    assert examples() == []


def test_findings_are_kept_for_a_while() -> None:
    kept, asked = Kept(), []

    def look() -> Findings:
        asked.append(1)
        return Findings(None, None, None, 0, 0, 0, 0, ())

    first = kept.get("a", look)
    assert kept.get("a", look) is first
    assert kept.get("b", look) is not first
    assert len(asked) == 2


# ---- translations

CATALOGUE = texts.FOLDER / "vi" / "LC_MESSAGES" / "messages.po"


def translated() -> dict[Any, str]:
    """Vietnamese by what the code says; of several forms there is one."""
    with CATALOGUE.open("rb") as file:
        catalog = read_po(file, locale="vi")
    return {
        one.id: one.string if isinstance(one.string, str) else (one.string or ("",))[0]
        for one in catalog if one.id
    }  # fmt: skip


def test_every_string_has_its_vietnamese() -> None:
    with (PAGES / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    words = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2), "lazy_ngettext": (1, 2)}
    found = extract_from_dir(PAGES, methods, options, keywords=words)
    strings = {message: name for name, _, message, _, _ in found}
    assert len(strings) > 150
    kept = translated()
    assert [(name, message) for message, name in strings.items() if not kept.get(message)] == []
    assert [message for message in kept if message not in strings] == []


def test_translations_keep_what_is_put_into_them() -> None:
    for message, given in translated().items():
        forms = (message,) if isinstance(message, str) else message
        wanted = {name for form in forms for name in re.findall(r"%\((\w+)\)[sd]", form)}
        assert set(re.findall(r"%\((\w+)\)[sd]", given)) <= wanted, message
        assert given.count("%%") == forms[0].count("%%"), message


def test_the_compiled_translations_are_those_of_the_catalogue() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    kept = {
        one.id if isinstance(one.id, str) else tuple(one.id):
        one.string if isinstance(one.string, str) else one.string[0]
        for one in compiled if one.id
    }  # fmt: skip
    assert kept == translated()


def test_a_page_in_vietnamese_has_no_english_left(client: FlaskClient, fill: Callable[..., None]) -> None:
    fill(40, "2026-02-10")
    page = text_of(client.get("/?from=2026-02-01&to=2026-02-28").text)
    assert "Tổng quan" in page
    assert "Giao vận" in page  # names of departments too
    for word in ("Overview", "Feedback", "Negative", "Filter", "clear change", "Rising"):
        assert word not in page
