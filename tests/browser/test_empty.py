"""Every page of an installation that has no feedback yet says so, and shows nothing broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.browser.pages import PHONE, too_wide, violations
from voc.store import Store

#: What each page has to say where there is nothing.
PAGES = {
    "/": "",
    "/topics": "",
    "/topics/app-crash": "",
    "/departments": "",
    "/departments/operations": "",
    "/departments/operations/digest": "",
    "/seams": "Nothing between departments yet",
    "/journey": "",
    "/drivers": "",
    "/compare": "",
    "/emerging": "",
    "/feedback": "No feedback yet",
    "/review": "Nothing waits",
    "/data": "No file was brought yet",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with nothing in it."""
    db = tmp_path_factory.mktemp("empty") / "voc.db"
    store = Store(db)
    store.prepare()
    store.close()
    return db


@pytest.mark.parametrize("address", PAGES)
def test_a_page_without_feedback(address: str, opened: Callable[..., Page]) -> None:
    page = opened(address, size=PHONE)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("main")).to_contain_text(PAGES[address])
    expect(page.get_by_role("main")).not_to_contain_text("NaN")
    page.evaluate(AXE_SCRIPT)
    assert violations(page) == []
    assert too_wide(page) == ""
