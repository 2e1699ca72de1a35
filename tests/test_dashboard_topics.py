"""Topics, departments and the week to print: what stands there, where it leads, who sees and decides what."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.test_access import bearer, make_key
from voc import reports
from voc.dashboard.topics import EXCERPT_CHARS, around
from voc.records import Analysis, Feedback, Segment
from voc.reports import Period
from voc.services import Services

EN, VI = {"Accept-Language": "en"}, {"Accept-Language": "vi"}
PERIOD = "from=2026-11-02&to=2026-11-29"
DAYS = Period.of(date(2026, 11, 2), date(2026, 11, 29))
NOW, BEFORE = "2026-11-27T08:00:00.000Z", "2026-10-10T08:00:00.000Z"
DEAF, LATE, KIND = "gọi tổng đài không ai nghe", "Giao trễ ba ngày,", "Em tư vấn rất tận tình"

Part = tuple[str, Any, str | None, str | None]


@pytest.fixture
def filled(services: Services, feedback: Callable[..., Feedback]) -> Services:
    """In the period 30 of a hotline that nobody answers, 20 of them late deliveries too, 5 that praise, and
    one of a thing that was never heard of; in the period before 4 and 36."""
    kept: list[tuple[Feedback, Analysis]] = []

    def keep(
        day: str, owner: str | None, *parts: Part, cooperators: tuple[str, ...] = (), **given: Any
    ) -> None:
        text = " ".join(words for words, *_ in parts)
        segments = tuple(
            Segment(
                text.index(words),
                text.index(words) + len(words),
                words,
                "vi",
                feeling,
                0.0,
                topic,
                whose,
                0.9,
            )
            for words, feeling, topic, whose in parts
        )
        row = feedback(f"f{len(kept):03}", text, occurred_at=day, source=given.get("source", "zalo"))
        judged = Analysis(
            row.id, "vi", parts[0][1], 0.0, 0.9, owner, 0.9, cooperators, given.get("touchpoint", "support"),
            given.get("status", "routed"), (), (), segments, "p1",
        )  # fmt: skip
        kept.append((row, judged))

    deaf: Part = (DEAF, "negative", "hotline-unreachable", "care")
    late: Part = (LATE, "negative", "delivery-late", "logistics")
    for number in range(30):
        if number < 20:
            keep(NOW, "logistics", late, deaf, cooperators=("care",), touchpoint="receive")
        else:
            keep(NOW, "care", deaf, status="review" if number < 23 else "routed", source="email")
    for _ in range(5):
        keep(NOW, "care", (KIND, "positive", "service-attitude-good", "care"))
    keep(NOW, "digital", ("App văng", "negative", "app-crash", "digital"))
    for _ in range(4):
        keep(BEFORE, "care", deaf)
    for _ in range(36):
        keep(BEFORE, "care", (KIND, "positive", "service-attitude-good", "care"))
    services.store.add([row for row, _ in kept], holder="t", lease_s=60)
    services.store.save([judged for _, judged in kept], [None] * len(kept), "r1")
    return services


def read(client: FlaskClient, path: str, headers: dict[str, str] = EN, status: int = 200) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == status, response.text
    return response.text


def plain(html: str) -> str:
    """What a person reads of it."""
    bare = re.sub(
        r"(?s)<script.*?</script>|<svg.*?</svg>|<dialog.*?</dialog>|<template.*?</template>", "", html
    )
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def rows(page: str) -> dict[str, str]:
    """The table of topics: what stands beside each name, in its order."""
    table = re.search(r'(?s)<table class="topics">.*?</table>', page)
    assert table
    body = re.findall(r"(?s)<tr>\s*<th scope=\"row\">(.*?)</tr>", table[0])
    found: dict[str, str] = {}
    for row in body:
        name = re.search(r"<a [^>]+>([^<]+)</a>", row)
        assert name
        found[unescape(name[1])] = plain(row)
    return found


def part(page: str, name: str) -> str:
    """What a person reads of the part of a page that a heading names."""
    found = re.search(
        rf'(?s)<(section|div) class="card[^>]*>(?:(?!</\1>).)*<h2[^>]*>{re.escape(name)}</h2>.*?</\1>', page
    )
    assert found, name
    return plain(found[0])


# ---- all topics


def test_topics_are_ranked_with_the_figures_of_the_report(client: FlaskClient, filled: Services) -> None:
    facts = filled.facts.now()
    table = {row.key: row for row in reports.topic_table(facts, facts.at >= 0, DAYS)}
    found = rows(read(client, f"/topics?{PERIOD}"))
    assert list(found) == [
        "Hotline cannot be reached", "Late delivery", "Helpful service", "App crashes and errors",
    ]  # fmt: skip
    hotline = table["hotline-unreachable"]
    assert (hotline.count, hotline.before, hotline.is_real) == (30, 4, True)
    assert hotline.share.value == round(30 / 36, 4)
    assert "30 Customer care 83%" in found["Hotline cannot be reached"]
    assert "+73.3 pts 10.0% → 83.3%, p < 0.001 (more than noise)" in found["Hotline cannot be reached"]
    assert "−76.1 pts 90.0% → 13.9%" in found["Helpful service"]
    assert "0 of 1" not in found["App crashes and errors"]
    assert "1 of 1" in found["App crashes and errors"]  # too few for a share


def test_what_was_never_heard_of_is_marked(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/topics?{PERIOD}")
    assert "2 are new" in plain(page)
    found = rows(page)
    assert [name for name, row in found.items() if " new " in row] == [
        "Late delivery",
        "App crashes and errors",
    ]


@pytest.mark.parametrize(
    ("sort", "first", "direction"),
    [
        ("count", "Hotline cannot be reached", "descending"),
        ("change", "Helpful service", "descending"),
        ("negative", "Hotline cannot be reached", "descending"),
        ("new", "Late delivery", None),
        ("name", "App crashes and errors", "ascending"),
    ],
)
def test_the_table_is_sorted_by_link(
    client: FlaskClient, filled: Services, sort: str, first: str, direction: str | None
) -> None:
    page = read(client, f"/topics?{PERIOD}&sort={sort}")
    assert next(iter(rows(page))) == first
    assert re.findall(r'aria-sort="(\w+)"', page) == ([direction] if direction else [])


def test_sorting_keeps_the_filter(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/topics?{PERIOD}&source=email")
    assert list(rows(page)) == ["Hotline cannot be reached"]
    head = re.search(r"(?s)<thead>.*?</thead>", page)
    assert head
    links = re.findall(r'href="([^"]+)"', head[0])
    assert len(links) == 4
    assert all("source=email" in link and "from=2026-11-02" in link for link in links)


def test_a_theme_holds_its_topics(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/topics?{PERIOD}&theme=delivery")
    assert list(rows(page)) == ["Late delivery"]
    chips = re.search(r'(?s)<ul class="themes">.*?</ul>', page)
    assert chips
    assert re.search(r'theme=delivery"[^>]*aria-current="true">Delivery', chips[0])
    refused = client.get("/topics?sort=loud", headers=EN)
    assert refused.status_code == 422


def test_counts_lead_to_what_they_count(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/topics?{PERIOD}")
    links = {unescape(link) for link in re.findall(r'href="([^"]+)"', page)}
    (found,) = [one for one in links if "/feedback?" in one and "topic=hotline-unreachable" in one]
    assert "from=2026-11-02" in found
    assert "to=2026-11-29" in found
    assert 'data-count="30"' in read(client, found)


def test_the_page_speaks_vietnamese(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/topics?{PERIOD}", VI)
    assert "4 chủ đề được nhắc đến" in plain(page)
    assert "+73,3 điểm" in rows(page)["Không gọi được tổng đài"]


@pytest.mark.parametrize(
    "path", ["/topics", "/topics/warranty", "/departments", "/departments/care", "/departments/care/digest"]
)
@pytest.mark.parametrize("language", [EN, VI])
def test_an_empty_database_makes_sense(client: FlaskClient, path: str, language: dict[str, str]) -> None:
    page = read(client, path, language)
    assert "<h1>" in page
    assert "nan" not in plain(page).casefold().split()


# ---- one topic


def test_a_topic_tells_its_story(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/topics/hotline-unreachable?{PERIOD}")
    said = plain(page)
    assert "<h1>Hotline cannot be reached</h1>" in page
    assert "Feedback that mention it 30 4 in the period before" in said
    assert "Speak of it negatively 100%" in said
    assert "First mentioned 10 Oct 2026" in said
    assert "Negative 30 100%" in part(page, "How they feel about it")
    assert "Customer care 30" in part(page, "Whose words these are")
    assert "Late delivery 20" in part(page, "Mentioned together with it")
    assert "Read all 30" in part(page, "What customers say")
    figures = re.findall(r'(?s)<script type="application/json">(.*?)</script>', page)
    assert len(figures) == 3  # over time, sources, touchpoints
    sources = re.search(r"(?s)<caption[^>]*>Sources</caption>.*?</table>", page)
    assert sources
    assert "zalo 20 email 10" in plain(sources[0])


def test_the_words_that_put_a_feedback_there_are_marked(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/topics/hotline-unreachable?{PERIOD}&source=zalo")
    first = re.search(r'(?s)<blockquote class="verbatim"[^>]*>(.*?)</blockquote>', page)
    assert first
    assert plain(first[1]).replace(" ", "") == f"{LATE}{DEAF}".replace(" ", "")
    marked = re.findall(r'<mark class="dept dept-7[^"]*"[^>]*>([^<]*)</mark>', first[1])
    assert unescape("".join(marked)) == DEAF
    strong = re.findall(r'<mark class="dept dept-7 strong"[^>]*>([^<]*)</mark>', first[1])
    assert unescape(strong[0]) == "gọi tổng đài"


def test_a_long_text_is_cut_around_its_words() -> None:
    before, words, after = "trước " * 100, "không ai nghe", " sau" * 200
    found = around([(before, None, False), (words, "care", False), (after, None, False)])
    assert found[0] == ("… ", None, False)
    assert found[-1] == (" …", None, False)
    assert ("không ai nghe", "care", False) in found
    assert sum(len(text) for text, _, _ in found) <= EXCERPT_CHARS + 4
    assert around([("ngắn", None, False)]) == [("ngắn", None, False)]


def test_an_unknown_topic_is_not_there(client: FlaskClient) -> None:
    assert "topic_unknown" in read(client, "/topics/none-such", status=404)


# ---- decisions


def test_a_decision_stands_in_the_history_with_what_it_changed(client: FlaskClient, filled: Services) -> None:
    renamed = client.post(
        "/v1/topics/warranty/rename", json={"name": {"en": "Repairs"}, "by": "Lan", "reason": "as we say"}
    ).get_json()
    client.post("/v1/topics/warranty/move", json={"department": "product", "by": "Lan"})
    client.post("/v1/topics/packaging/merge", json={"into": "warranty", "by": "Minh"})
    page = read(client, "/topics/warranty")
    told = part(page, "What it is made of, and how it came to be")
    assert "<h1>Repairs</h1>" in page
    assert "Renamed" in told
    assert "Lan · as we say EN: name: Warranty → Repairs" in told
    assert "department: the one that covers its field of work → Product" in told
    assert "took in Packaging" in told
    buttons = re.findall(r'<button type="button" data-undo="(\d+)"', page)
    assert buttons == [str(renamed["number"] + 2)]  # the last that stands
    gone = read(client, "/topics/packaging")
    assert "merged → Repairs" in plain(gone)
    assert "data-opens" not in gone


def test_a_change_is_taken_back(client: FlaskClient, filled: Services) -> None:
    made = client.post("/v1/topics/warranty/move", json={"department": "product", "by": "Lan"}).get_json()
    assert filled.curation.registry.get("warranty").moved_to == "product"
    undone = client.post(
        f"/v1/topics/changes/{made['number']}/undo", json={"by": "Lan", "reason": "too early"}
    )
    assert (undone.status_code, undone.get_json()["undoes"]) == (200, made["number"])
    assert filled.curation.registry.get("warranty").moved_to is None
    again = client.post(f"/v1/topics/changes/{made['number']}/undo", json={})
    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "event_undone")
    unknown = client.post("/v1/topics/changes/99/undo", json={})
    assert (unknown.status_code, unknown.get_json()["error"]["code"]) == (404, "event_unknown")
    told = part(read(client, "/topics/warranty"), "What it is made of, and how it came to be")
    assert f"takes change {made['number']} back" in told


def test_only_who_may_decide_is_offered_to(client: FlaskClient, filled: Services) -> None:
    reader = bearer(make_key(filled.access, "read"))
    limited = bearer(make_key(filled.access, "read", "correct", department="care"))
    analyst = bearer(make_key(filled.access, "read", "correct"))
    for who, offered in ((reader, False), (limited, False), (analyst, True)):
        page = read(client, f"/topics/hotline-unreachable?{PERIOD}", EN | who)
        assert ("data-opens" in page) == offered
        assert ("<dialog" in page) == offered


# ---- departments


def test_departments_stand_beside_each_other(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/departments?{PERIOD}")
    cards = [plain(card) for card in re.findall(r'(?s)<li class="card dept.*?</li>', page)]
    assert len(cards) == 8
    assert cards[0].startswith("Logistics")
    assert "Owns 20 0 before Co-operates on 0 Praised in 0 Negative 100%" in cards[0]
    care = next(card for card in cards if card.startswith("Customer care"))
    assert "Owns 15 40 before Co-operates on 20 Praised in 5 Negative 67%" in care
    assert "To review 3" in care
    assert "Nothing in this period." in next(card for card in cards if card.startswith("Finance"))


def test_a_department_reads_praise_first(client: FlaskClient, filled: Services) -> None:
    page = read(client, f"/departments/care?{PERIOD}")
    headings = [unescape(name) for name in re.findall(r"<h2[^>]*>([^<]+)</h2>", page)]
    assert headings[:3] == ["Praise for its people", "What hurts customers most", "New since last week"]
    praise = part(page, "Praise for its people")
    assert "5 feedback speak well of it" in praise
    assert "Helpful service 5 of 5" in praise
    assert KIND in praise
    pains = part(page, "What hurts customers most")
    assert "Hotline cannot be reached 30 of 30" in pains
    assert "Logistics 20 100% negative" in part(page, "Together with others")
    assert "Receive 20 57%" in part(page, "Where on the journey")
    said = plain(page)
    assert "Owns 15" in said
    assert "Co-operates on 20" in said


def test_a_linked_figure_is_that_of_the_list(client: FlaskClient, filled: Services) -> None:
    """Every figure that is a link, and the list behind it."""
    pages = ("departments/care", "topics/hotline-unreachable", "departments/care/digest", "departments")
    for path in pages:
        page = read(client, f"/{path}?{'week=2026-11-25' if 'digest' in path else PERIOD}")
        found = re.findall(r'href="(/feedback\?[^"]+)"[^>]*>(?:<b>)?(\d+)<', page)
        assert found, path
        for link, figure in found:
            listed = re.search(r'data-count="(\d+)"', read(client, unescape(link)))
            assert (listed[1] if listed else "0") == figure, (path, link)


def test_the_words_of_a_department_are_in_its_colour_and_no_others(
    client: FlaskClient, filled: Services
) -> None:
    page = read(client, f"/departments/logistics?{PERIOD}")
    quotes = re.findall(r'(?s)<blockquote class="verbatim"[^>]*>(.*?)</blockquote>', page)
    assert quotes
    for quote in quotes:
        assert [unescape(text) for text in re.findall(r"<mark[^>]*>([^<]*)</mark>", quote)] == [LATE]


def test_a_week_is_printed_as_it_is_mailed(client: FlaskClient, filled: Services) -> None:
    page = read(client, "/departments/care/digest?week=2026-11-25", VI)
    letter = filled.digester.letter("care", date(2026, 11, 23), "vi")
    said = plain(page)
    assert letter.count == 35
    assert letter.lead in said
    for section in letter.sections:
        for item in section.items:
            assert f"{item.title} {item.figure}" in said
            for quote in item.quotes:
                assert "".join(text for text, _ in quote.pieces).split()[0] in said
    links = {unescape(link) for link in re.findall(r'href="(/feedback[^"]+)"', page)}
    owned = "/feedback?department=care&role=owner&from=2026-11-23&to=2026-11-29"
    assert owned in links
    assert 'data-count="15"' in read(client, owned)
    assert "week=2026-11-16" in page  # the week before
    for week in ("soon", "0001-01-01", "9999-12-31"):
        refused = client.get(f"/departments/care/digest?week={week}", headers=EN)
        assert refused.status_code == 422, week
    assert client.get("/departments/care/digest?week=0001-01-08").status_code == 200
    assert client.get("/departments/care/digest?week=9999-12-19").status_code == 200


def test_a_department_must_be_there(client: FlaskClient) -> None:
    for path in ("/departments/nowhere", "/departments/nowhere/digest"):
        assert "department_unknown" in read(client, path, status=404)


def test_who_is_limited_to_a_department_sees_it_alone(client: FlaskClient, filled: Services) -> None:
    who = EN | bearer(make_key(filled.access, "read", department="logistics"))
    cards = re.findall(r'(?s)<li class="card dept.*?</li>', read(client, f"/departments?{PERIOD}", who))
    assert [plain(card).split()[0] for card in cards] == ["Logistics"]
    for path in ("/departments/care", "/departments/care/digest"):
        assert "department_limited" in read(client, path, who, 403)
    page = read(client, f"/departments/logistics?{PERIOD}", who)
    assert "Owns 20" in plain(page)
    table = rows(read(client, f"/topics?{PERIOD}", who))
    assert list(table) == ["Late delivery", "Hotline cannot be reached"]
    topic = read(client, f"/topics/hotline-unreachable?{PERIOD}", who)
    assert "Feedback that mention it 20" in plain(topic)  # those that it has a part in
    assert KIND not in topic


def test_reading_words_stands_in_the_audit_log(client: FlaskClient, filled: Services) -> None:
    for path, action in (
        (f"/topics/hotline-unreachable?{PERIOD}", "topic.read"),
        (f"/departments/care?{PERIOD}", "department.read"),
        ("/departments/care/digest?week=2026-11-25", "department.digest"),
    ):
        read(client, path)
        (last, *_), _ = filled.store.audit.entries()
        assert last.action == action
        assert last.details["rows"] > 0
