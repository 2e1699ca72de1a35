"""A day's work in the browser: each step as an analyst does it, and what the database says afterwards."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.served import UNTIL, Site
from voc.store import Filter

#: What the file brings: it speaks of crashes, so that the topic rises.
CRASHES = (
    "App cứ văng khi mở mục cước",
    "App bị văng liên tục từ bản cập nhật mới",
    "ứng dụng đơ hoài, mở lên là văng",
    "cập nhật xong app lỗi, không mở được",
    "The app keeps crashing when I open my bill",
    "App crashes every time after the update",
    "app vang lien tuc, mo len la tat",
    "Mở app lên là báo lỗi rồi văng ra ngoài",
    "App lỗi hoài, bấm vào là đơ",
    "Ứng dụng bị lỗi, cứ mở là văng",
    "The app freezes and crashes all the time",
    "app bị lỗi, văng liên tục không vào được",
)
#: The weeks in which the seam is at its worst.
TROUBLE = f"from={UNTIL - timedelta(69)}&to={UNTIL - timedelta(28)}"
PRAISE = "Bạn tổng đài nhiệt tình, cảm ơn nhiều"


def month(site: Site, **chosen: str) -> int:
    """What the database has of the last four weeks."""
    since = (UNTIL - timedelta(27)).isoformat()
    return site.services.store.count(Filter(since=f"{since}T00:00:00.000Z", **chosen))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table as an office writes it: day first, columns named in Vietnamese, a row that says nothing."""
    path = tmp_path_factory.mktemp("files") / "phản hồi tuần này.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        rows = csv.writer(out, delimiter=";")
        rows.writerow(["Mã", "Nội dung", "Ngày", "NPS", "Chi nhánh"])
        for at, text in enumerate(CRASHES):
            day = UNTIL - timedelta(at % 5)
            rows.writerow([f"k{at}", text, f"{day:%d/%m/%Y}", at % 4, "Quận 7"])
        rows.writerow(["k98", "  ", f"{UNTIL:%d/%m/%Y}", 5, "Quận 7"])
        rows.writerow(["k99", PRAISE, f"{UNTIL:%d/%m/%Y}", 10, "Thủ Đức"])
    return path


def test_a_file_is_brought_and_watched(opened: Callable[..., Page], site: Site, file: Path) -> None:
    before = site.services.store.count(Filter())
    page = opened("/data")
    page.get_by_label("Choose a file, or drop it here").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(file.name)
    expect(page.get_by_label("What the customer wrote")).to_have_value("Nội dung")
    expect(page.get_by_label("When", exact=True)).to_have_value("Ngày")
    expect(page.get_by_label("NPS (0 to 10)")).to_have_value("NPS")
    first = page.get_by_role("region", name="The first rows as they would be kept").locator("tbody tr").first
    expect(first).to_contain_text(CRASHES[0])
    expect(first).to_contain_text("Chi nhánh: Quận 7")
    page.get_by_label("Your own id").select_option("Mã")
    expect(page.get_by_label("Your own id")).to_have_value("Mã")
    page.get_by_label("Source of rows that name none").fill("tuần này")
    page.get_by_role("button", name="Read all 14 rows").click()
    expect(page.get_by_role("heading", level=2, name="Done")).to_be_visible()
    counts = {
        row.split("\n")[0]: row.split("\n")[1] for row in page.locator("dl.counts div").all_inner_texts()
    }
    assert counts == {
        "New feedback": "13", "Known already": "0", "Without words": "0", "Refused": "1",
    }  # fmt: skip
    expect(page.get_by_role("region", name="Rows that were refused").get_by_role("row")).to_have_count(2)
    assert site.services.store.count(Filter()) == before + 13
    page.get_by_role("link", name="Read them").click()
    expect(page.locator("#count")).to_have_attribute("data-count", "13")
    expect(page.locator("li.said")).to_have_count(13)
    page.goto("/data")
    row = page.get_by_role("row", name=file.name)
    expect(row).to_contain_text("Done")
    expect(row).to_contain_text("14 / 14")


def test_what_rises_is_found_and_read(opened: Callable[..., Page], site: Site) -> None:
    count = month(site, topic="app-crash")
    assert count >= len(CRASHES)
    page = opened("/")
    rising = page.locator("section", has=page.get_by_role("heading", name="Rising topics"))
    crashes = page.get_by_role("link", name="App crashes and errors")
    expect(rising.get_by_role("listitem").filter(has=crashes)).to_contain_text(f"{count} feedback")
    rising.get_by_role("link", name="App crashes and errors").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("App crashes and errors")
    mentions = page.locator("dl.kpis .kpi", has_text="Feedback that mention it").get_by_role("link")
    expect(mentions).to_have_text(str(count))
    said = page.locator("article.said")
    assert any(text in CRASHES for text in said.locator("blockquote").all_inner_texts())
    for one in said.all():
        expect(one.locator("blockquote mark").first).to_be_visible()
    mentions.click()
    expect(page.locator("#count")).to_have_attribute("data-count", str(count))


def test_one_is_corrected_and_counted_elsewhere(opened: Callable[..., Page], site: Site) -> None:
    before, slow = month(site, topic="app-crash"), month(site, topic="app-slow")
    [one, *_] = [
        kept
        for kept in site.services.store.find(Filter(topic="app-crash"), limit=50)[0]
        if kept.analysis and len(kept.analysis.segments) == 1
    ]
    page = opened(f"/feedback/{one.feedback.id}")
    expect(page.locator("#words + .big")).to_have_text(one.feedback.text)
    page.get_by_role("button", name="Correct Topic: App crashes and errors").click()
    page.get_by_role("combobox", name="Topic").fill("slow")
    page.get_by_role("option", name="Slow app").click()
    expect(page.get_by_role("button", name="Correct Topic: Slow app")).to_be_visible()
    expect(page.get_by_role("region", name="What people decided")).to_contain_text("Slow app")
    for key, count in (("app-crash", before - 1), ("app-slow", slow + 1)):
        assert month(site, topic=key) == count
        page.goto(f"/topics/{key}")
        mentions = page.locator("dl.kpis .kpi", has_text="Feedback that mention it").get_by_role("link")
        expect(mentions).to_have_text(str(count))

    page.goto(f"/feedback/{one.feedback.id}")
    page.get_by_role("button", name=re.compile("^Take back")).click()
    expect(page.get_by_role("button", name="Correct Topic: App crashes and errors")).to_be_visible()
    assert month(site, topic="app-crash") == before


def test_a_topic_is_moved_to_another_department(opened: Callable[..., Page], site: Site) -> None:
    def owner_of(text: str) -> str:
        answer = page.request.post("/v1/analyze", data={"text": text}).json()
        return str(answer["analysis"]["segments"][0]["department"])

    page = opened("/topics/app-crash")
    lead = page.locator(".heading")
    expect(lead.get_by_role("link", name="Digital")).to_be_visible()
    assert owner_of(CRASHES[1]) == "digital"
    page.get_by_role("button", name="Move…").click()
    dialog = page.get_by_role("dialog", name="Move this topic to another department")
    dialog.get_by_label("Department", exact=True).select_option("Product")
    dialog.get_by_label(re.compile("^Why")).fill("the new team for the app is there")
    dialog.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Moved.")
    expect(lead.get_by_role("link", name="Product")).to_be_visible()
    expect(page.get_by_role("region", name="What it is made of")).to_contain_text("the new team for the app")
    assert owner_of(CRASHES[1]) == "product"
    page.get_by_role("button", name="Take back").last.click()
    expect(page.get_by_role("status")).to_contain_text("Taken back.")
    expect(lead.get_by_role("link", name="Digital")).to_be_visible()
    assert owner_of(CRASHES[1]) == "digital"


def test_a_seam_is_opened(opened: Callable[..., Page], site: Site) -> None:
    page = opened(f"/seams?{TROUBLE}")
    loudest = page.get_by_role("region", name="Loudest first").get_by_role("listitem").first
    expect(loudest.get_by_role("link")).to_have_text(re.compile(r"Operations\s*×\s*Sales"))
    begin, end = UNTIL - timedelta(69), UNTIL - timedelta(27)
    chosen = Filter(
        department="operations", also="sales",
        since=f"{begin}T00:00:00.000Z", until=f"{end}T00:00:00.000Z",
    )  # fmt: skip
    count = site.services.store.count(chosen)
    assert count > 10
    expect(loudest.locator("b")).to_have_text(str(count))
    loudest.get_by_role("link").click()
    seam = page.locator("#seam")
    expect(seam.locator(".answer")).to_contain_text(f"{count} feedback need both")
    voices = seam.locator("ol.voices > li")
    whose = voices.first.locator(".passage .whose")
    assert {"Operations", "Sales"} <= set(whose.all_inner_texts())
    seam.get_by_role("link", name="All of them as a list").click()
    expect(page.locator("#count")).to_have_attribute("data-count", str(count))


def test_three_wait_no_longer(opened: Callable[..., Page], site: Site) -> None:
    def kept(method: str) -> Callable[[Response], bool]:
        return lambda answer: answer.request.method == method and "/corrections" in answer.url

    waiting = site.services.store.count(Filter(status="review"))
    page = opened("/review")
    expect(page.locator("#left")).to_have_text(f"{waiting} wait")
    texts = []
    for done, key in enumerate(("1", "Enter", "0"), start=1):
        texts.append(page.locator("#words").inner_text())
        with page.expect_response(kept("POST")) as answer:
            page.keyboard.press(key)
        assert answer.value.ok
        expect(page.locator("#decided")).to_have_text(f"{done} decided")
        expect(page.locator("#words")).not_to_have_text(texts[-1])
        assert site.services.store.count(Filter(status="review")) == waiting - done
    assert len(set(texts)) == 3
    expect(page.locator("#left")).to_have_text(f"{waiting - 3} wait")
    with page.expect_response(kept("DELETE")):
        page.keyboard.press("u")
    expect(page.locator("#words")).to_have_text(texts[-1])
    assert site.services.store.count(Filter(status="review")) == waiting - 2


def test_the_language_is_switched_and_kept(opened: Callable[..., Page]) -> None:
    page = opened("/topics?sentiment=negative")
    expect(page.get_by_role("heading", level=1)).to_have_text("Topics")
    page.get_by_role("link", name="Tiếng Việt").click()
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    expect(page.get_by_role("heading", level=1)).to_have_text("Chủ đề")
    assert "sentiment=negative" in page.url
    page.get_by_role("navigation", name="Trang").get_by_role("link", name="Điểm nứt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Điểm nứt")


def test_what_is_on_the_screen_is_exported(opened: Callable[..., Page], site: Site, tmp_path: Path) -> None:
    page = opened("/feedback?department=care&role=owner&sentiment=positive")
    count = site.services.store.count(Filter(department="care", role="owner", sentiment="positive"))
    assert count > 5
    expect(page.locator("#count")).to_have_attribute("data-count", str(count))
    page.locator("details.export summary").click()
    for name in ("CSV", "JSONL"):
        with page.expect_download() as download:
            page.locator("details.export").get_by_role("link", name=name, exact=True).click()
        download.value.save_as(tmp_path / name)
    with (tmp_path / "CSV").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "JSONL").read_text("utf-8").splitlines()]
    assert len(rows) == len(lines) == count
    assert {row["owner"] for row in rows} == {"care"}
    assert {row["sentiment"] for row in rows} == {"positive"}
