"""The pages Feedback and Review: what is listed, found, explained, corrected; what is not told to whom."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.test_access import bearer, make_key
from voc import review
from voc.dashboard.feedback import PAGE, joined, pieces
from voc.dashboard.review import letters_of
from voc.ingest import validate
from voc.records import Analysis, Candidate, Feedback, Reading, Segment, Span
from voc.rights import erase_feedback
from voc.services import Services
from voc.store import Filter

EN = {"Accept-Language": "en", "Accept": "text/html"}
LATE = "Giao hàng trễ ba ngày không báo, gọi tổng đài không ai nghe"


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'<a class="button" rel="{rel}" href="([^"]*)"', page)
    return html.unescape(found[1]) if found else None


def listed(page: str) -> list[str]:
    return re.findall(r'<a class="open" href="/feedback/([^"?]+)', page)


def marked(page: str) -> list[str]:
    return re.findall(r'<mark class="[^"]* strong"[^>]*>([^<]*)</mark>', page)


def bare(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", page)))


def keep(services: Services, *texts: str, **given: Any) -> list[str]:
    rows = [validate({"text": text, **given}, text_max_chars=20_000) for text in texts]
    return [one.added.feedback.id for one in services.worklist.submit(rows)]


@pytest.fixture
def many(services: Services, feedback: Callable[..., Feedback]) -> list[str]:
    """Sixty feedback, some of one moment, the latest first."""
    rows = [
        feedback(
            f"f{n:02}", f"Đơn hàng số {n}", source="app" if n % 2 else "shop",
            occurred_at=f"2026-11-{1 + n // 6:02}T08:00:00.000Z",
        )
        for n in range(60)
    ]  # fmt: skip
    services.store.add(rows, holder="h", lease_s=30)
    services.store.save([analyzed(one) for one in rows], [None] * 60, "r")
    return [kept.feedback.id for kept in services.store.every(Filter())]


def analyzed(one: Feedback, **given: Any) -> Analysis:
    said: dict[str, Any] = {
        "owner": "logistics",
        "cooperators": ("care",),
        "status": "routed",
        "candidates": (),
    }
    said |= given
    part = Segment(0, len(one.text), one.text, "vi", "negative", -0.5, "delivery-late", "logistics", 0.9)
    return Analysis(
        one.id, "vi", "negative", -0.5, 0.9, said["owner"], given.get("sure", 0.8), said["cooperators"],
        "receive", said["status"], said["candidates"], (), (part,), "p1",
    )  # fmt: skip


# ---- the list


def test_pages_hold_each_feedback_once_and_lead_back(client: FlaskClient, many: list[str]) -> None:
    found: list[str] = []
    addresses = ["/feedback"]
    while True:
        page = client.get(addresses[-1], headers=EN).text
        assert '<p id="count" data-count="60">60 feedback, the latest first</p>' in page
        found += listed(page)
        older = link(page, "next")
        if older is None:
            break
        addresses.append(older)
    assert found == many
    assert len(addresses) == 3
    for here, before in ((2, 1), (1, 0)):
        newer = link(client.get(addresses[here], headers=EN).text, "prev")
        assert newer is not None
        assert listed(client.get(newer, headers=EN).text) == many[before * PAGE : (before + 1) * PAGE]
    assert link(client.get("/feedback", headers=EN).text, "prev") is None


def test_a_row_says_what_was_understood(client: FlaskClient, services: Services, many: list[str]) -> None:
    review.correct(services.store, services.pipelines.get(), many[0], {"owner": "care"}, author="lan")
    first, second = re.findall(
        r'<li class="said">.*?</li>', client.get("/feedback", headers=EN).text, re.DOTALL
    )[:2]
    assert "Decided by a person" in first
    assert re.search(r'href="/feedback\?department=care&amp;role=owner"[^>]*>Customer care', first)
    assert "80% sure" in second
    assert "Decided by a person" not in second
    for expected in ("Negative", "Logistics", "Customer care", "Late delivery", "Đơn hàng số 58"):
        assert expected in bare(second)


def test_a_search_marks_what_it_found(client: FlaskClient, services: Services) -> None:
    keep(services, LATE, "Bị trừ tiền hai lần")
    page = client.get("/feedback?q=giao hang DAI", headers=EN).text
    assert 'data-count="1"' in page
    assert marked(page) == ["Giao", "hàng", "đài"]
    assert bare(re.findall(r"<blockquote.*?</blockquote>", page, re.DOTALL)[0]) == LATE


def test_what_customers_wrote_is_shown_as_text(client: FlaskClient, services: Services) -> None:
    (key,) = keep(services, "<script>alert(1)</script> hàng trễ & hỏng", source='<b onclick="x">')
    for address in ("/feedback?q=alert", f"/feedback/{key}"):
        page = client.get(address, headers=EN).text
        assert "<script>alert" not in page
        assert "<b onclick" not in page
        assert "alert" in bare(page)


def test_nothing_found_says_which_part_to_let_go(client: FlaskClient, many: list[str]) -> None:
    page = client.get("/feedback?source=app&sentiment=positive&from=2026-11-03", headers=EN).text
    offers = re.findall(r'<li><a class="button" href="([^"]*)">([^<]*)</a> <span class="note">([^<]*)', page)
    assert [(html.unescape(address), name, count) for address, name, count in offers] == [
        ("/feedback?source=app&from=2026-11-03", "Without: sentiment", "24 feedback"),
    ]  # fmt: skip
    assert client.get(html.unescape(offers[0][0]), headers=EN).text.count('data-count="24"') == 1
    assert len(many) == 60


def test_an_empty_installation_says_what_to_do(client: FlaskClient) -> None:
    page = bare(client.get("/feedback", headers=EN).text)
    assert "No feedback yet" in page
    assert "Chưa có phản hồi" in bare(client.get("/feedback?lang=vi").text)


def test_the_export_is_what_is_on_the_screen(client: FlaskClient, many: list[str]) -> None:
    page = client.get("/feedback?source=app&from=2026-11-05", headers=EN).text
    (count,) = re.findall(r'data-count="(\d+)"', page)
    (address,) = re.findall(r'href="(/v1/export\?[^"]*format=jsonl[^"]*)"', page)
    lines = client.get(html.unescape(address)).text.splitlines()
    assert len(lines) == int(count) == len([key for key in many if int(key[1:]) % 2 and int(key[1:]) >= 24])


def test_a_cursor_that_is_none_is_refused(client: FlaskClient) -> None:
    assert client.get("/feedback?cursor=x", headers=EN).status_code == 422


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=4),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=4),
)
def test_the_pieces_are_the_text(
    text: str, parts: list[tuple[int, int]], marks: list[tuple[int, int]]
) -> None:
    segments = [
        Segment(start, end, text[start:end], "vi", "neutral", 0.0, None, "care", 1.0) for start, end in parts
    ]
    found = pieces(text, segments, marks)
    assert "".join(piece for piece, *_ in found) == text
    at = 0
    for piece, department, is_marked in found:
        assert (department == "care") == any(start <= at < end for start, end in parts)
        assert is_marked == any(start <= at < end for start, end in marks)
        at += len(piece)


def test_neighbouring_words_are_joined() -> None:
    assert joined("giao hàng, trễ", [Span(5, 9), Span(0, 4), Span(11, 14)]) == [(0, 9), (11, 14)]


# ---- one feedback


def test_a_page_tells_why(client: FlaskClient, services: Services) -> None:
    (key,) = keep(
        services, LATE, source="zalo", external_id="Z-1", customer_ref="C-7", scores={"nps": 3},
        attributes={"store": "Huế"},
    )  # fmt: skip
    page = client.get(f"/feedback/{key}", headers=EN).text
    said = bare(page)
    assert marked(page)[:1] == ["Giao hàng trễ"]
    for expected in (
        "Its topic belongs to this department.", "Late delivery", "Hotline cannot be reached",
        "Words that speak for Customer care, the strongest first: tổng đài", "rather sure (78%)",
        "Nobody has corrected anything.", "Z-1", "C-7", "Huế", services.pipelines.get().version,
    ):  # fmt: skip
        assert expected in said
    assert re.search(r"<dt>NPS</dt><dd>3</dd>", page)
    for option in ("logistics", "care", "operations"):
        assert (
            f'data-value="{html.escape(json.dumps(option), quote=True).replace("&quot;", "&#34;")}"' in page
        )


def test_a_page_tells_what_people_decided(client: FlaskClient, services: Services) -> None:
    (key,) = keep(services, LATE)
    body = {"owner": "operations", "reason": "the shop", "by": "analyst"}
    assert client.post(f"/v1/feedback/{key}/corrections", json=body).status_code == 201
    page = client.get(f"/feedback/{key}", headers=EN).text
    assert "Owner: Logistics → Operations" in bare(page)
    assert "analyst," in bare(page)
    assert page.count('data-withdraw="') == 1
    assert 'data-last="1"' in page
    assert 'data-by="analyst"' in page
    assert client.delete(f"/v1/feedback/{key}/corrections/1?by=analyst").status_code == 200
    page = client.get(f"/feedback/{key}", headers=EN).text
    assert "taken back by analyst" in bare(page)
    assert 'data-withdraw="' not in page
    assert "Decided by a person" not in page


def test_what_waits_and_what_was_erased_have_a_page(client: FlaskClient, services: Services) -> None:
    erased, waiting = keep(services, "Giao hàng trễ", "Bị trừ tiền hai lần")
    erase_feedback(services.store, [erased], author="lan")
    with services.store.write() as db:
        db.conn.execute("DELETE FROM shown WHERE feedback = 2")
    page = bare(client.get(f"/feedback/{erased}", headers=EN).text)
    assert "Its text was erased on" in page
    assert "Giao hàng" not in page
    page = client.get(f"/feedback/{waiting}", headers=EN).text
    assert "Waits for its analysis" in page
    assert "feedback.js" not in page
    assert client.get("/feedback/none", headers=EN).status_code == 404


def test_who_is_limited_sees_their_own(client: FlaskClient, services: Services) -> None:
    late, money = keep(services, LATE, "Bị trừ tiền hai lần mà chưa hoàn lại")
    finance = EN | bearer(make_key(services.access, "read", department="finance"))
    assert listed(client.get("/feedback", headers=finance).text) == [money]
    assert client.get(f"/feedback/{late}", headers=finance).status_code == 404
    page = client.get(f"/feedback/{money}", headers=finance).text
    assert LATE not in bare(page)
    assert "feedback.js" not in page  # reading is no correcting
    assert 'aria-haspopup="listbox"' not in page
    assert client.get("/review", headers=finance).status_code == 403


def test_reading_is_written_down(client: FlaskClient, services: Services) -> None:
    (key,) = keep(services, LATE)
    client.get("/feedback?q=giao", headers=EN)
    client.get(f"/feedback/{key}", headers=EN)
    lines, _ = services.store.audit.entries(action="feedback.", limit=2)
    assert [(line.action, line.subject) for line in reversed(lines)] == [
        ("feedback.list", None), ("feedback.read", key),
    ]  # fmt: skip
    assert lines[-1].details["rows"] == 1


# ---- review


@pytest.fixture
def waiting(services: Services, feedback: Callable[..., Feedback]) -> str:
    """One that waits for review."""
    one = feedback("w", "Không biết của ai")
    services.store.add([one], holder="h", lease_s=30)
    candidates = (Candidate("care", 0.4), Candidate("sales", 0.3))
    vector = Reading((), (), (), np.zeros((0, 4), np.float32))
    services.store.save(
        [analyzed(one, owner="care", status="review", candidates=candidates, sure=0.4)], [vector], "r"
    )
    return "w"


def brought(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="brought">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_queue_is_brought_in_the_readers_language(client: FlaskClient, waiting: str) -> None:
    vi = brought(client.get("/review?lang=vi&department=care&order=most_informative").text)
    assert vi["queue"] == "/v1/review?order=most_informative&limit=20&department=care"
    assert {one["key"]: one["name"] for one in vi["departments"]}["logistics"] == "Giao vận"
    assert vi["texts"]["decided"] == "đã duyệt {count}"
    assert client.get(vi["queue"]).get_json()["items"][0]["feedback"]["id"] == waiting
    en = brought(client.get("/review?lang=en", headers=EN).text)
    letters = [one["letter"] for one in en["departments"]]
    assert len(set(letters)) == len(letters) == 8
    assert not set(letters) & {"s", "u"}
    assert en["by"] == "analyst"
    assert en["page"].replace("KEY", "w") == "/feedback/w"


def test_a_letter_is_of_the_name_where_one_is_left() -> None:
    assert letters_of(["Sales", "Support", "Đại lý", "Ads"]) == ["a", "p", "d", "b"]
    assert letters_of([str(n) for n in range(30)])[23:26] == ["z", "", ""]


def test_a_decision_leaves_be_what_somebody_decided_meanwhile(
    client: FlaskClient, services: Services, waiting: str
) -> None:
    path = f"/v1/feedback/{waiting}/corrections"
    first = client.post(path, json={"owner": "sales", "unless_decided": True, "by": "lan"})
    assert (first.status_code, first.get_json()["analysis"]["status"]) == (201, "routed")
    second = client.post(path, json={"owner": "care", "unless_decided": True, "by": "minh"})
    assert (second.status_code, second.get_json()["error"]["code"]) == (409, "feedback_decided")
    assert "by lan" in second.get_json()["error"]["message"]
    assert services.store.get(waiting).analysis.owner == "sales"  # type: ignore[union-attr]
    assert [one.author for one in services.store.corrections.of(waiting)] == ["lan"]
    wrong = client.post(path, json={"owner": "care", "unless_decided": "yes"})
    assert (wrong.status_code, wrong.get_json()["error"]["field"]) == (422, "unless_decided")


def test_a_decision_about_a_feeling_does_not_stand_in_the_way(client: FlaskClient, waiting: str) -> None:
    path = f"/v1/feedback/{waiting}/corrections"
    assert client.post(path, json={"sentiment": "neutral"}).get_json()["analysis"]["status"] == "review"
    assert client.post(path, json={"owner": None, "unless_decided": True}).status_code == 201
