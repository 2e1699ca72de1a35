"""Logging in: somebody limited to a department sees what is theirs, and nothing is shown before."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.browser.pages import PHONE, too_wide, violations
from tests.browser.served import DESKTOP, Site
from voc.access import Access
from voc.organization import Organization
from voc.settings import bundled
from voc.store import Filter, Store

PASSWORD = "mot cau du dai de nho"  # noqa: S105  # of people who are made here


@pytest.fixture(scope="module")
def filled(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story with two people: one who sees all and one of logistics."""
    db = tmp_path_factory.mktemp("people") / "voc.db"
    for path in filled.parent.glob("voc.db*"):
        shutil.copy(path, db.parent / path.name)
    store = Store(db)
    for name, role, department in (("lan", "analyst", None), ("binh", "department", "logistics")):
        Access(store, session_hours=1).add_person(
            Organization.read(bundled("organization.toml")),
            name=name, password=PASSWORD, role=role, department=department, by="test",
        )  # fmt: skip
    store.close()
    return db


def log_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_the_login_page(opened: Callable[..., Page]) -> None:
    page = opened("/seams?sentiment=negative", size=PHONE)
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.evaluate(AXE_SCRIPT)
    assert violations(page) == []
    assert too_wide(page) == ""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    assert violations(page) == []


def test_one_logs_in_goes_on_and_logs_out(opened: Callable[..., Page]) -> None:
    page = opened("/topics?sentiment=negative")
    log_in(page, "lan", PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("Topics")
    assert page.url.endswith("/topics?sentiment=negative")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    page.goto("/feedback")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_one_of_a_department_sees_its_own(opened: Callable[..., Page], site: Site) -> None:
    page = opened("/feedback")
    log_in(page, "binh", PASSWORD)
    own = site.services.store.count(Filter(department="logistics"))
    assert 0 < own < site.services.store.count(Filter())
    expect(page.locator("#count")).to_have_attribute("data-count", str(own))
    page.goto("/data")
    expect(page.get_by_role("heading", name="Take out")).to_be_visible()
    expect(page.get_by_role("heading", name="Bring a file")).to_have_count(0)
    [mine], _ = site.services.store.find(Filter(department="logistics"), limit=1)
    everything, _ = site.services.store.find(Filter(), limit=500)
    others = [
        kept.feedback.id
        for kept in everything
        if kept.analysis and "logistics" not in (kept.analysis.owner, *kept.analysis.cooperators)
    ]
    assert page.request.get(f"/feedback/{mine.feedback.id}").status == 200
    assert page.request.get(f"/feedback/{others[0]}").status == 404
