"""Deciding and correcting by keyboard: somebody else was first, the service does not answer, by touch."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.served import PATIENCE_MS, Site
from voc import review
from voc.store import Filter


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A window whose console may tell of requests that failed: here they are meant to."""
    context = browser.new_context(base_url=site.url, locale="en-GB", has_touch=True)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def shown(page: Page) -> str:
    """The id of the feedback that is to be decided."""
    return (page.locator("#page").get_attribute("href") or "").rpartition("/")[2].partition("?")[0]


def count(site: Site) -> int:
    return site.services.store.count(Filter(status="review"))


def test_somebody_else_was_first(page: Page, site: Site) -> None:
    page.goto("/review")
    expect(page.locator("#item")).to_be_visible()
    key, waiting, pipeline = shown(page), count(site), site.services.pipelines.get()
    review.correct(site.services.store, pipeline, key, {"owner": "finance"}, author="minh")
    page.keyboard.press("0")
    expect(page.locator(".toast")).to_contain_text("Somebody else decided it meanwhile")
    expect(page.locator("#left")).to_have_text(f"{waiting - 1} wait")
    expect(page.locator("#decided")).to_have_text("0 decided")
    kept = site.services.store.get(key)
    assert kept is not None
    assert kept.analysis is not None
    assert kept.analysis.owner == "finance"
    assert [one.author for one in site.services.store.corrections.of(key)] == ["minh"]


def test_what_was_not_kept_comes_back(page: Page, site: Site) -> None:
    page.goto("/review")
    expect(page.locator("#item")).to_be_visible()
    key, waiting = shown(page), count(site)

    def refuse(route: Route) -> None:
        route.abort()

    page.route("**/corrections", refuse)
    page.keyboard.press("Enter")
    expect(page.locator(".toast.bad")).to_contain_text("the service does not answer")
    expect(page.locator("#left")).to_have_text(f"{waiting} wait")
    assert shown(page) == key
    assert count(site) == waiting
    page.unroute("**/corrections", refuse)
    page.locator("#candidates .answer").first.tap()
    expect(page.locator("#decided")).to_have_text("1 decided")
    page.wait_for_load_state("networkidle")
    assert count(site) == waiting - 1


def test_a_skipped_one_waits_and_comes_again(page: Page, site: Site) -> None:
    store = site.services.store
    source = next(one.feedback.source for one in store.every(Filter(status="review")) if one.feedback.source)
    waiting = store.count(Filter(status="review", source=source))
    page.goto(f"/review?source={source}")
    expect(page.locator("#item")).to_be_visible()
    first = shown(page)
    for _ in range(waiting):
        key = shown(page)
        page.keyboard.press("s")
        expect(page.locator(f'#page[href*="{key}"]:visible')).to_have_count(0)
    expect(page.locator("#done")).to_be_visible()
    expect(page.locator("#left")).to_have_text(f"{waiting} wait")
    page.get_by_role("button", name="Show what was skipped").click()
    expect(page.locator("#item")).to_be_visible()
    assert shown(page) == first
    assert store.count(Filter(status="review", source=source)) == waiting


def test_a_menu_by_keyboard(page: Page, site: Site) -> None:
    [one, *_] = [
        kept
        for kept in site.services.store.find(Filter(department="logistics", role="owner"), limit=20)[0]
        if not kept.corrected
    ]
    page.goto(f"/feedback/{one.feedback.id}?lang=vi")
    owner = page.locator("#owner")
    owner.focus()
    page.keyboard.press("ArrowDown")
    expect(owner).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#owner-list li.here")).to_have_text("Giao vận")
    page.keyboard.press("Escape")
    expect(owner).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("tai ch")
    expect(page.locator("#owner-list li.here")).to_have_text("Tài chính")
    expect(owner).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("Đã sửa")
    expect(page.locator("#owner .now")).to_have_text("Tài chính")
    expect(page.locator("#owner")).to_be_focused()
    kept = site.services.store.get(one.feedback.id)
    assert kept is not None
    assert kept.analysis is not None
    assert kept.analysis.owner == "finance"
    page.get_by_role("button", name=re.compile("^Hoàn tác$")).click()
    expect(page.locator("#owner .now")).to_have_text("Giao vận")
    kept = site.services.store.get(one.feedback.id)
    assert kept is not None
    assert kept.corrected == ()
    assert {made.author for made in site.services.store.corrections.of(one.feedback.id)} == {"analyst"}
