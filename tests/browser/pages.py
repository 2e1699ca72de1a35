"""What is looked for on every page: what axe finds, what stands out at the side."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

PHONE = (375, 812)
DRAWN = """() => [...document.querySelectorAll('[data-chart]')].every(place => {
    const { top, bottom } = place.getBoundingClientRect();
    const away = !place.checkVisibility() || bottom < 0 || top > innerHeight;
    return away || place.dataset.drawn !== undefined;
})"""
#: Names what stands out at the side; first what is in no box that scrolls, or that such a box does not hold.
WIDE = """() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return '';
    const isOut = one => one.checkVisibility() && one.getBoundingClientRect().right > clientWidth;
    const isLoose = one => !one.closest('.scroll') || getComputedStyle(one).position === 'absolute';
    const name = one => `${one.tagName}.${one.getAttribute('class')}: ${one.textContent.trim().slice(0, 40)}`;
    const out = [...document.querySelectorAll('body *')].filter(isOut);
    const loose = out.filter(isLoose);
    const named = (loose.length ? loose : out).slice(0, 8).map(name);
    return [`${scrollWidth} > ${clientWidth}`, ...named].join('\\n');
}"""
#: What axe found that is serious or critical, with the first places of each.
RUN = """async options => {
    const { violations } = await axe.run(document, options);
    const grave = violations.filter(one => ['serious', 'critical'].includes(one.impact));
    const places = one => one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ');
    return grave.map(one => `${one.id}: ${one.help}: ${places(one)}`);
}"""


def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe says against the page as it is drawn now; only by these rules, if any are named."""
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False, "selectors": False}
    if rules is not None:
        options["runOnly"] = {"type": "rule", "values": rules}
    page.wait_for_function(DRAWN)
    found: list[str] = page.evaluate(RUN, options)
    return found


def too_wide(page: Page) -> str:
    """What stands out at the side of a page that is wider than its window; empty where it is not."""
    return str(page.evaluate(WIDE))
