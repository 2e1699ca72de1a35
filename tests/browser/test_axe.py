"""Every page, light and dark, on a desk and on a telephone: axe finds nothing serious, nothing scrolls
sideways."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import PHONE, too_wide, violations
from tests.browser.served import DESKTOP, Site
from voc.api.guard import RULES
from voc.store import Filter

#: Where each page is; {id} is that of a feedback, {upload} of a file.
PAGES = {
    "overview": "/",
    "topics": "/topics",
    "topic": "/topics/app-crash",
    "departments": "/departments",
    "department": "/departments/operations",
    "digest": "/departments/operations/digest",
    "seams": "/seams",
    "seams, one": "/seams?department=sales&also=operations",
    "journey": "/journey",
    "drivers": "/drivers",
    "compare": "/compare",
    "emerging": "/emerging",
    "feedback": "/feedback",
    "feedback, searched": "/feedback?q=mang+cham&sentiment=negative",
    "feedback_one": "/feedback/{id}",
    "review": "/review",
    "data": "/data",
    "upload": "/data/{upload}",
    "nothing there": "/feedback?q=khongcochunaynhuthe",
}
#: Answers without a page of their own: a login where nobody logs in sends on.
NO_PAGES = {"login"}


@pytest.fixture(scope="module")
def places(site: Site) -> Mapping[str, str]:
    """What stands for the parts of an address."""
    upload = site.services.uploads.take(
        "câu hỏi.csv", "Nội dung,Ngày\nMạng chậm quá,06/09/2026\n".encode(), None, author="test"
    )
    [newest], _ = site.services.store.find(Filter(department="sales", also="operations"), limit=1)
    return {"id": newest.feedback.id, "upload": upload.id}


def test_every_page_is_walked() -> None:
    pages = {name.removeprefix("dashboard.") for name in RULES if name.startswith("dashboard.")}
    assert pages - {name.partition(",")[0] for name in PAGES} == NO_PAGES


def test_what_is_wrong_is_found(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": PHONE[0], "height": PHONE[1]})
    page.set_content(
        '<html lang="en"><title>Wrong</title><main><h1>Wrong</h1><img src="data:,">'
        '<p style="color: #bbb">pale</p><div style="width: 600px">wide</div></main>'
    )
    page.evaluate(AXE_SCRIPT)
    assert [one.partition(":")[0] for one in violations(page)] == ["color-contrast", "image-alt"]
    assert too_wide(page).splitlines()[1:] == ["DIV.null: wide"]
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page(name: str, opened: Callable[..., Page], places: Mapping[str, str]) -> None:
    page = opened(PAGES[name].format_map(places))
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.evaluate(AXE_SCRIPT)
    assert violations(page) == []
    assert too_wide(page) == ""
    page.emulate_media(color_scheme="dark")
    assert violations(page, ["color-contrast"]) == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert violations(page, ["color-contrast"]) == []
    page.emulate_media(color_scheme="light")
    assert violations(page) == []
    assert too_wide(page) == ""
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


def test_the_same_in_vietnamese(opened: Callable[..., Page]) -> None:
    page = opened("/", locale="vi-VN", size=PHONE)
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    page.evaluate(AXE_SCRIPT)
    assert violations(page) == []
    assert too_wide(page) == ""
