"""Seams, journey, drivers: which figures stand on the page, where they lead, who sees what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from voc import reports
from voc.dashboard.drivers import longer
from voc.dashboard.journey import lowest, picture
from voc.dashboard.seams import SHADES, Chain, Passage, pair_of, passages, shade
from voc.intervals import change, wilson
from voc.records import Analysis, Feedback, Segment, Sentiment
from voc.reports import Period, Score, SeamCell, Stage
from voc.services import Services
from voc.store import Filter, Kept, Store

Make = Callable[..., Feedback]
EN, VI = {"Accept-Language": "en"}, {"Accept-Language": "vi"}
PERIOD = "from=2026-11-02&to=2026-11-29"
NOW, BEFORE = "2026-11-10T08:00:00.000Z", "2026-10-10T08:00:00.000Z"
#: Two departments' words, and a blank between them.
LATE, DEAF = "Giao trễ ba ngày,", "gọi tổng đài không ai nghe"


def keep(
    store: Store,
    row: Feedback,
    owner: str | None,
    *cooperators: str,
    sentiment: Sentiment = "negative",
    touchpoint: Any = "receive",
    hops: tuple[str, ...] = (),
    parts: tuple[tuple[str, str | None, str | None], ...] = (),
) -> None:
    """Keeps a row with an analysis made by hand; ``parts``: words, department, topic."""
    segments = []
    for words, department, topic in parts:
        start = row.text.index(words)
        segments.append(
            Segment(start, start + len(words), words, "vi", sentiment, 0.0, topic, department, 0.9)
        )
    judged = Analysis(
        row.id, "vi", sentiment, 0.0, 1.0, owner, 0.9, cooperators, touchpoint,
        "routed" if owner else "no_owner", (), hops, tuple(segments), "p1",
    )  # fmt: skip
    store.add([row], holder="h", lease_s=60)
    store.save([judged], [None], "r1")


@pytest.fixture
def filled(services: Services, feedback: Make) -> Services:
    """In the period 12 that need logistics and care, 2 that need sales and marketing, 6 that need one
    department; in the period before 20 that need one."""
    store = services.store
    for number in range(12):
        row = feedback(f"seam-{number:02}", f"{LATE} {DEAF} #{number}", occurred_at=NOW)
        keep(
            store, row, "logistics", "care",
            sentiment="negative" if number else "positive",
            hops=("logistics", "care", "logistics") if number < 3 else (),
            parts=((LATE, "logistics", "delivery-late"), (DEAF, "care", "hotline-unreachable")),
        )  # fmt: skip
    for number in range(2):
        row = feedback(f"promise-{number}", "Nói một đằng", occurred_at=NOW)
        keep(store, row, "sales", "marketing", sentiment="positive", touchpoint="buy")
    for number in range(6):
        row = feedback(f"one-{number}", "Một việc", occurred_at=NOW)
        keep(store, row, "care", sentiment="neutral", touchpoint="unknown")
    for number in range(20):
        row = feedback(f"old-{number}", "Chuyện cũ", occurred_at=BEFORE)
        keep(store, row, "product", sentiment="neutral", touchpoint="use")
    return services


def read(client: FlaskClient, path: str, headers: dict[str, str] = EN, status: int = 200) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == status, response.text
    return unescape(response.text)


def plain(html: str) -> str:
    """What a person reads of it."""
    return " ".join(
        re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<script.*?</script>|<svg.*?</svg>", "", html)).split()
    )


def squares(page: str) -> dict[str, str]:
    """Cells of the matrix: what a screen reader says, and where each leads."""
    table = re.search(r'(?s)<table class="matrix[^"]*">.*?</table>', page)
    assert table
    return {label: url for url, label in re.findall(r'<a href="([^"]+)" aria-label="([^"]+)"', table[0])}


# ---- the matrix


def test_each_pair_stands_once_with_its_figures_and_leads_to_what_was_said(
    client: FlaskClient, filled: Services
) -> None:
    found = squares(read(client, f"/seams?{PERIOD}"))
    assert found == {
        "Marketing and Sales: 2 feedback, 0% negative": (
            "/seams?from=2026-11-02&to=2026-11-29&department=marketing&also=sales#seam"
        ),
        "Logistics and Customer care: 12 feedback, 92% negative, more than before": (
            "/seams?from=2026-11-02&to=2026-11-29&department=logistics&also=care#seam"
        ),
    }


def test_the_matrix_is_a_table_with_headings_for_both_ways(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/seams?{PERIOD}")
    table = re.search(r'(?s)<table class="matrix[^"]*">.*?</table>', page)
    assert table
    assert "<caption" in table[0]
    heads = re.findall(r'<th scope="(col|row)"><span[^>]*>([^<]+)', table[0])
    assert heads == [
        ("col", "Sales"), ("col", "Logistics"), ("col", "Customer care"),
        ("row", "Marketing"), ("row", "Sales"), ("row", "Logistics"),
    ]  # fmt: skip
    assert table[0].count('<td class="none">') == 4  # six pairs of four departments, two with feedback


def test_a_touchpoint_narrows_the_matrix_and_keeps_its_axes(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/seams?{PERIOD}&touchpoint=buy")
    assert list(squares(page)) == ["Marketing and Sales: 2 feedback, 0% negative"]
    assert page.count('<th scope="col"><span class="dept') == 3
    assert re.search(r'touchpoint=buy" aria-current="true">Buy<', page)
    assert re.search(r'<a href="/seams\?from=2026-11-02&to=2026-11-29">All<', page)


def cell(negative: int, count: int) -> SeamCell:
    same = change(count, 10_000, count, 10_000)
    return SeamCell(
        "a",
        "b",
        count,
        wilson(count, 10_000),
        negative,
        wilson(negative, count),
        count,
        same,
        same,
        (),
        (0, 0, 0),
    )


@pytest.mark.parametrize(
    ("negative", "count", "expected"),
    [(0, 100, 0), (3, 3, 2), (20, 100, 0), (40, 100, 2), (90, 100, 5), (1, 1, 1), (300, 1000, 1)],
)
def test_the_shade_says_what_is_surely_negative(negative: int, count: int, expected: int) -> None:
    assert shade(cell(negative, count)) == expected
    assert sum(wilson(negative, count).low >= least for least in SHADES) == expected


# ---- one seam


def test_a_seam_shows_each_departments_words(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/seams?{PERIOD}&department=care&also=logistics")
    seam = re.search(r'(?s)<section class="card seam".*?</section>', page)
    assert seam
    said = plain(seam[0])
    assert "12 feedback need both, 92% of it negative (between 65% and 99%)" in said
    assert "Customer care 0 Logistics 12" in said  # who is accountable
    voices = re.findall(r'(?s)<blockquote class="spoken".*?</blockquote>', seam[0])
    assert len(voices) == 10
    passage = (
        r'class="passage dept dept-(\d+)"><span class="words">([^<]+)</span><span class="whose"[^>]*>([^<]+)'
    )
    words = re.findall(passage, voices[0])
    assert words == [("6", LATE, "Logistics"), ("7", DEAF, "Customer care")]
    assert "Owner Logistics co-operates Customer care" in said
    assert "Late delivery" in said
    assert 'aria-current="true"' in squares_of_pair(page)


def squares_of_pair(page: str) -> str:
    found = re.search(r'<a [^>]*aria-label="Logistics and Customer care[^>]*>', page)
    assert found
    return found[0]


def test_each_week_of_a_seam_leads_to_what_it_counts(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/seams?{PERIOD}&department=care&also=logistics")
    weeks = re.search(r"(?s)<caption[^>]*>Week by week</caption>.*?</table>", page)
    assert weeks
    found = re.findall(r'href="(/feedback\?[^"]+)"[^>]*>(\d+)<', weeks[0])
    assert {"sentiment=negative" in link for link, _ in found} == {True, False}
    for link, figure in found:
        listed = re.search(r'data-count="(\d+)"', read(client, unescape(link)))
        assert (listed[1] if listed else "0") == figure, link


def test_the_order_of_the_two_departments_does_not_matter(client: FlaskClient, filled: Services) -> None:
    voices = r'(?s)<blockquote class="spoken".*?</blockquote>'
    pages = [
        read(client, f"/seams?{PERIOD}&{pair}")
        for pair in ("department=care&also=logistics", "department=logistics&also=care")
    ]
    assert re.findall(voices, pages[0]) == re.findall(voices, pages[1]) != []


def test_a_seams_feedback_have_pages(client: FlaskClient, filled: Services) -> None:
    path = f"/seams?{PERIOD}&department=care&also=logistics"
    first = read(client, path)
    onward = re.search(r'<a class="button" rel="next" href="([^"]+)"', first)
    assert onward
    second = read(client, onward[1])
    texts = [re.findall(r"#(\d+)\s*</blockquote>", page) for page in (first, second)]
    assert [len(found) for found in texts] == [10, 2]
    assert sorted(int(one) for found in texts for one in found) == list(range(12))
    assert "To the newest" in second


def test_a_seam_can_be_closed_and_the_rest_of_the_filter_stays(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/seams?{PERIOD}&department=care&also=logistics&touchpoint=receive")
    closed = re.search(r'<a class="button plain" href="([^"]+)">', page)
    assert closed
    assert closed[1] == "/seams?from=2026-11-02&to=2026-11-29&touchpoint=receive"
    assert 'class="card seam"' not in read(client, closed[1])


def test_a_pair_without_feedback_says_so(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/seams?{PERIOD}&department=finance&also=product")
    assert "In this period no feedback needs both." in page
    assert len(squares(page)) == 2  # the matrix shows all seams all the same


def test_two_departments_make_a_pair_and_nothing_else_does() -> None:
    assert pair_of(Filter(department="care", also="sales")) == ("care", "sales")
    assert pair_of(Filter(department="care", also="care")) is None
    assert pair_of(Filter(department="care")) is None
    assert pair_of(Filter(also="care")) is None


def test_passages_are_the_text_and_join_what_is_of_one_department(feedback: Make) -> None:
    text = " a1. a2, b1! – a3 end"
    spans = [("a1.", "care"), ("a2,", "care"), ("b1!", "sales"), ("a3", "product")]
    parts = tuple(
        Segment(text.index(words), text.index(words) + 3, words, "vi", "negative", 0.0, None, key, 0.9)
        for words, key in spans
    )
    judged = Analysis(
        "x", "vi", "negative", 0.0, 1.0, "care", 0.9, ("sales",), "use", "routed", (), (), parts, "p1"
    )
    found = passages(Kept(feedback("x", text), judged), ("care", "sales"))
    assert "".join(one.text for one in found) == text
    assert found == [
        Passage(" ", None, is_of_pair=False), Passage("a1. a2,", "care", is_of_pair=True),
        Passage(" ", None, is_of_pair=False), Passage("b1!", "sales", is_of_pair=True),
        Passage(" – ", None, is_of_pair=False), Passage("a3 ", "product", is_of_pair=False),
        Passage("end", None, is_of_pair=False),
    ]  # fmt: skip
    assert passages(Kept(feedback("y", text), None), ("care", "sales")) == [
        Passage(text, None, is_of_pair=False)
    ]


# ---- over time


def test_a_seams_weeks_end_with_the_period_and_are_whole(
    store: Store, feedback: Make, services: Services
) -> None:
    days = {"2026-11-29": 2, "2026-11-23": 1, "2026-11-22": 4, "2026-11-30": 8, "2026-11-01": 1}
    for day, count in days.items():
        for number in range(count):
            row = feedback(f"{day}-{number}", "x", occurred_at=f"{day}T23:59:59.999Z")
            sentiment: Sentiment = "positive" if number else "negative"
            keep(store, row, "logistics", "care", "sales", sentiment=sentiment)
    facts = services.facts.now()
    rows = services.facts.rows(facts, Filter())
    found = reports.seam_history(facts, rows, Period.of(date(2026, 11, 2), date(2026, 11, 29)))
    assert (found.since, found.weeks) == ("2026-10-26", 5)
    assert [(line.a, line.b) for line in found.lines] == [
        ("care", "logistics"), ("care", "sales"), ("logistics", "sales"),
    ]  # fmt: skip
    line = found.of("sales", "care")
    assert line is not None
    assert [(week.start, week.count, week.negative_count) for week in line.weeks] == [
        ("2026-10-26", 1, 1), ("2026-11-02", 0, 0), ("2026-11-09", 0, 0), ("2026-11-16", 4, 1),
        ("2026-11-23", 3, 2),
    ]  # fmt: skip
    assert found.of("sales", "product") is None
    assert found.as_dict()["lines"][0]["weeks"][4]["negative"] == {
        "value": 0.6667,
        "low": 0.2077,
        "high": 0.9385,
    }


def test_a_history_goes_back_half_a_year_or_as_long_as_the_period(services: Services, feedback: Make) -> None:
    for day in ("2020-01-01", "2026-11-29"):
        row = feedback(day, "x", occurred_at=f"{day}T08:00:00.000Z")
        keep(services.store, row, "logistics", "care")
    facts = services.facts.now()
    rows = services.facts.rows(facts, Filter())

    def weeks(first: date, last: date = date(2026, 11, 29)) -> int:
        return reports.seam_history(facts, rows, Period.of(first, last)).weeks

    assert weeks(date(2026, 11, 2)) == 26
    assert weeks(date(2026, 4, 1)) == 35
    assert weeks(date(1900, 1, 1)) == 104
    assert weeks(date(1, 1, 1), date(1, 1, 3)) == 0  # there are no weeks before, nor any feedback


# ---- chains and firefighting


def test_the_ways_customers_were_sent_are_drawn_by_station(client: FlaskClient, filled: Services) -> None:
    page = client.get(f"/seams?{PERIOD}", headers=EN).text
    drawn = re.search(r'(?s)data-chart[^>]*></div>\s*<script type="application/json">(.*?)</script>', page)
    assert drawn
    (flow,) = json.loads(drawn[1])["data"]
    assert flow["node"]["label"] == [
        "Logistics",
        "Customer care",
        "Logistics",
    ]  # a return is one more station
    assert [flow["link"][end] for end in ("source", "target", "value")] == [[0, 1], [1, 2], [3, 3]]
    said = plain(page)
    assert "Stations: 3 in 3 feedback" in said
    assert "3 stations Logistics Customer care Logistics back once to where they had been" in said


def test_a_long_text_is_cut_between_words(feedback: Make) -> None:
    chain = Chain(("care", "sales", "care", "sales"), NOW, Kept(feedback("x", "chữ " * 100), None))
    assert chain.excerpt == "chữ " * 44 + "chữ …"
    assert chain.returns == 2
    assert replace(chain, kept=None).excerpt == ""


def test_firefighting_says_how_much_and_where_it_can_be_mended(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/seams?{PERIOD}")
    assert "Of 18 feedback that reach Customer care, 12 (67%, between 44% and 84%) are another" in page
    link = re.search(r'<th scope="row"><a href="([^"]+)"><span class="dept dept-6">Logistics', page)
    assert link
    assert (
        link[1] == "/feedback?from=2026-11-02&to=2026-11-29&department=logistics&role=owner&firefighting=true"
    )
    assert read(client, link[1]).count('<li class="said">') == 12


# ---- who sees what


def test_a_reader_of_one_department_sees_its_seams_alone(client: FlaskClient, filled: Services) -> None:
    _, key = filled.access.add_key(
        filled.organization, name="n", scopes=("read",), by="command:an", department="sales"
    )
    headers = EN | {"Authorization": f"Bearer {key}"}
    page = read(client, f"/seams?{PERIOD}", headers)
    assert list(squares(page)) == ["Marketing and Sales: 2 feedback, 0% negative"]
    page = read(client, f"/seams?{PERIOD}&department=care&also=logistics", headers)
    assert "In this period no feedback needs both." in page
    assert LATE not in page
    assert "Net feeling" not in read(client, "/journey?from=2026-10-01&to=2026-10-31", headers)


def test_reading_a_seam_stands_in_the_audit_log(client: FlaskClient, filled: Services) -> None:
    read(client, f"/seams?{PERIOD}&department=care&also=logistics")
    (last, *_), _ = filled.store.audit.entries()
    assert (last.action, last.details["rows"]) == ("reports.seams", 10)


@pytest.mark.parametrize("path", ["/seams", "/seams?department=care&also=sales", "/journey", "/drivers"])
def test_an_empty_database_makes_sense(client: FlaskClient, path: str) -> None:
    page = read(client, path)
    assert 'class="empty"' in page
    assert "<h1>" in page


# ---- journey


def stage(key: str, count: int, value: float | None, low: float = -100, high: float = 100) -> Stage:
    score = None if value is None else Score("sentiment", value, low, high, count, None, 0, None)
    same = change(0, 0, 0, 0)
    return Stage(key, count, 0, same, same, score, None, None, (), (), ())


def test_the_picture_reads_from_left_to_right() -> None:
    drawn = picture([
        stage("discover", 10, 40, 20, 60), stage("buy", 0, None), stage("use", 40, -60, -80, -40),
        stage("leave", 20, 0, -10, 10),
    ])  # fmt: skip
    assert [spot.x for spot in drawn.spots] == [12.5, 37.5, 62.5, 87.5]
    assert [spot.tone for spot in drawn.spots] == ["positive", "", "negative", ""]
    assert [spot.bar_height for spot in drawn.spots] == [5.5, 0.0, 22.0, 11.0]
    assert all(spot.bar_y + spot.bar_height == 100 for spot in drawn.spots)
    best, _, worst, even = drawn.spots
    assert best.y is not None
    assert worst.y is not None
    assert best.y < drawn.even < worst.y
    assert even.y == drawn.even
    assert (best.y_high, worst.y_low) == (9.0, 68.0)  # the scale is as wide as the intervals
    assert [(here.x, there.x) for here, there in drawn.ways] == [
        (62.5, 87.5)
    ]  # no line to where nobody spoke


def test_the_worst_touchpoint_is_named_only_where_enough_spoke() -> None:
    few, many = stage("leave", 3, -90, -100, -20), stage("pay", 40, -30, -50, -10)
    unsure = stage("use", 40, -40, -90, 5)
    found = lowest([few, many, unsure, stage("buy", 0, None)])
    assert found is not None
    assert found.touchpoint == "pay"
    assert lowest([few, unsure]) is None


def test_the_journey_counts_each_step_and_names_what_breaks_it(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/journey?{PERIOD}")
    steps = re.split(r'<li class="(lowest)?">\s*<h3><span class="place"', page)
    assert len(steps) == 15
    named = [re.findall(r'<a href="([^"]+)">([^<]+)</a></h3>', one)[0] for one in steps[2::2]]
    assert [name for _, name in named] == ["Discover", "Buy", "Pay", "Receive", "Use", "Support", "Leave"]
    assert steps[1::2] == [None, None, None, "lowest", None, None, None]
    assert named[3][0] == "/feedback?from=2026-11-02&to=2026-11-29&touchpoint=receive"
    receive = plain("<" + steps[8])
    assert "12 feedback, 60% of all" in receive
    assert "92% negative" in receive
    assert "What breaks it Late delivery 11 negative Hotline cannot be reached 11 negative" in receive
    assert "Who can mend it Logistics" in receive
    assert "Nobody spoke of it." in plain(steps[2])
    assert "6 more feedback say of no step that it was there." in plain(page)
    assert "It hurts most at Receive: net feeling −83" in plain(page)


# ---- drivers


def answers(services: Services, feedback: Make, count: int) -> None:
    """As many who mention late deliveries and are unsatisfied as there are others, who are satisfied."""
    for number in range(count):
        late = feedback(f"late-{number}", LATE, occurred_at=NOW, scores={"csat": 1 + number % 2})
        keep(services.store, late, "logistics", parts=((LATE, "logistics", "delivery-late"),))
        other = feedback(f"good-{number}", "Tốt", occurred_at=NOW, scores={"csat": 4 + number % 2})
        keep(services.store, other, "product", sentiment="positive")


def test_a_driver_is_told_with_its_interval(client: FlaskClient, services: Services, feedback: Make) -> None:
    answers(services, feedback, 30)
    page = plain(read(client, f"/drivers?{PERIOD}"))  # nobody gave an NPS: the score that there is, is shown
    assert "CSAT 50 60 answers; between 38 and 62" in page
    assert "Pulls it down most −50.0 Late delivery 30 answers" in page
    assert re.search(r"Late delivery 30 0 100 −50\.0 −\d+\.\d … −\d+\.\d pulls down", page)
    assert "Lifts it most – No topic beyond chance" in page


def test_too_few_answers_are_no_driver(client: FlaskClient, services: Services, feedback: Make) -> None:
    answers(services, feedback, 29)
    page = read(client, f"/drivers?{PERIOD}&score=csat")
    assert "No topic has 30 answers of people who mention it and 30 of people who do not." in page
    assert "1 topic without enough data" in page
    assert 'href="/drivers?from=2026-06-01&to=2026-11-29&score=csat">Look at half a year' in page
    assert "data-chart" not in page


def test_a_score_that_nobody_gave_leads_to_the_other(
    client: FlaskClient, services: Services, feedback: Make
) -> None:
    answers(services, feedback, 1)
    page = read(client, f"/drivers?{PERIOD}&score=nps")
    assert "No NPS here" in page
    assert 'href="/drivers?from=2026-11-02&to=2026-11-29&score=csat">Look at CSAT' in page
    assert client.get("/drivers?score=ces", headers=EN).status_code == 422


def test_half_a_year_is_offered_where_the_period_is_shorter() -> None:
    end = date(2026, 11, 29)
    found = longer(Period.of(date(2026, 11, 2), end))
    assert found == Period.of(date(2026, 6, 1), end)
    assert longer(found) is None
    assert longer(Period.of(date(1, 1, 1), date(1, 1, 9))) is None


# ---- languages


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/seams", "12 phản hồi cần cả hai phòng ban"),
        ("/journey", "Ai có thể khắc phục"),
        ("/drivers", "Tác động được tính thế nào"),
    ],
)
def test_the_pages_speak_vietnamese(client: FlaskClient, filled: Services, path: str, said: str) -> None:
    page = plain(read(client, f"{path}?{PERIOD}&department=care&also=logistics", VI))
    assert said in page
    assert "needs both" not in page
    if path == "/seams":
        assert "Giao vận" in page
        assert "Chăm sóc khách hàng" in page
