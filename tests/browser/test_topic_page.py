"""Decisions about topics: by keyboard, and taken back."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.served import Site

WHY = re.compile("^Why")


def test_a_topic_is_renamed_by_keyboard(opened: Callable[..., Page], site: Site) -> None:
    page = opened("/topics/warranty")
    button = page.get_by_role("button", name="Rename…")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Rename this topic")
    expect(dialog.get_by_label("Name (Tiếng Việt)")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("Name (English)").fill("Repairs under warranty")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Repairs under warranty")
    assert site.services.curation.registry.get("warranty").name["en"] == "Repairs under warranty"
    page.get_by_role("status").get_by_role("button", name="Take back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Warranty")


def test_topics_are_merged_and_taken_apart_again(opened: Callable[..., Page], site: Site) -> None:
    page = opened("/topics/packaging")
    page.get_by_role("button", name="Merge…").click()
    dialog = page.get_by_role("dialog", name="Merge this topic into another")
    dialog.get_by_label("Topic that stays").select_option(value="delivery-late")
    dialog.get_by_label(WHY).fill("the same to our customers")
    dialog.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Late delivery")
    history = page.get_by_role("region", name="What it is made of")
    expect(history).to_contain_text("took in Packaging")
    assert site.services.curation.registry.get("packaging").into == ("delivery-late",)
    page.goto("/topics/packaging")
    expect(page.get_by_text("merged → Late delivery")).to_be_visible()
    expect(page.get_by_role("button", name="Rename…")).to_have_count(0)
    history.get_by_role("button", name="Take back").click()
    expect(page.get_by_role("button", name="Rename…")).to_be_visible()
    assert site.services.curation.registry.get("packaging").state == "active"
