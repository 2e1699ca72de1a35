"""Takes a picture of every page, light and dark, in both languages, on a desk and on a telephone.

    python docs/screenshots.py                    # into build/screenshots, on the story of `voc demo`
    python docs/screenshots.py --db demo.db       # on a database that is there already
    python docs/screenshots.py --only seams --only topics
    python docs/screenshots.py --docs             # the few of docs/pictures besides, small

A real `voc serve` answers, on a free port of this machine. Needs chromium (``apt install chromium``). The
whole page is taken, with its charts drawn; those of docs/pictures show the window alone, or one part of it.
"""

from __future__ import annotations

import argparse
import io
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from voc.access import Access
from voc.organization import Organization
from voc.settings import bundled
from voc.store import Store

HERE = Path(__file__).parent
SIZES = {"desktop": (1440, 900), "phone": (375, 812)}
THEMES = ("light", "dark")
LOGIN = "login"
LOCALES = {"vi": "vi-VN", "en": "en-GB"}
#: Nothing taller than this is looked at.
TALLEST = 9000
START_S = 120.0
#: Of a picture in docs/pictures, in bytes and in pixels: the guides are read over the net.
MOST_BYTES = 85_000
HIGHEST = 1000
#: Charts are drawn when they come into sight.
DRAWN = """() => [...document.querySelectorAll('[data-chart]')].every(place => {
    const { top, bottom } = place.getBoundingClientRect();
    const away = !place.checkVisibility() || bottom < 0 || top > innerHeight;
    return away || place.dataset.drawn !== undefined;
})"""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of docs/pictures: which page, how.

    Attributes:
        part: CSS selector of what is taken; without it the window.
    """

    page: str
    language: str
    theme: str = "light"
    size: str = "desktop"
    part: str = ""

    @property
    def name(self) -> str:
        """Of its file, without the ending."""
        return f"{self.page}-{self.language}-{self.theme}-{self.size}"


#: What docs/guide.vi.md and docs/guide.en.md show, each in its language.
GUIDES = {
    "overview": "", "rising": "", "feedback_one": "", "review": "#review", "seams": "", "seam": "#seam",
    "journey": ".journey", "drivers": ".chart", "digest": ".sheet",
}  # fmt: skip
BEST = (
    *(Shot(page, language, part=part) for page, part in GUIDES.items() for language in LOCALES),
    *(Shot("overview", language, "dark") for language in LOCALES),
    Shot("overview", "vi", "light", "phone"),
)


def addresses(until: date, example: str) -> Mapping[str, str]:
    """Every page by its name, on sixteen weeks that end with ``until``.

    Args:
        example: id of a feedback.
    """
    story = f"from={until - timedelta(111)}&to={until}"
    trouble = f"from={until - timedelta(69)}&to={until - timedelta(28)}"
    return {
        "overview": "/",
        "topics": "/topics",
        "topic": f"/topics/misexplained-contract?{story}",
        "rising": "/topics/app-crash",
        "departments": "/departments",
        "department": "/departments/operations",
        "digest": "/departments/operations/digest",
        "seams": f"/seams?{trouble}",
        "seam": "/seams?department=sales&also=operations#seam",
        "journey": "/journey",
        "drivers": f"/drivers?{story}",
        "compare": "/compare",
        "emerging": "/emerging",
        "feedback": "/feedback",
        "feedback_one": f"/feedback/{example}",
        "review": "/review",
        "data": "/data",
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Takes the pictures that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--db", type=Path, help="a database; without one the story is made")
    parser.add_argument("--until", type=date.fromisoformat, default=datetime.now(UTC).date())
    parser.add_argument("--out", type=Path, default=HERE.parent / "build" / "screenshots")
    parser.add_argument("--only", action="append", help="a page; may be given often")
    parser.add_argument("--docs", action="store_true", help="write docs/pictures too")
    chosen = parser.parse_args(arguments)
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not there: apt install chromium")
    with tempfile.TemporaryDirectory(prefix="voc-screenshots-") as folder:
        db = Path(folder) / "voc.db"
        if chosen.db is None:
            voc(db, "demo", "--no-serve", "--until", chosen.until.isoformat())
        else:
            voc(chosen.db, "backup", str(db))
        with serving(db) as site, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium)
            pages = addresses(chosen.until, example(site))
            wanted = [name for name in chosen.only or [*pages, LOGIN] if name != LOGIN]
            write_all(browser, site, {name: pages[name] for name in wanted}, chosen.out)
            for shot in BEST if chosen.docs else ():
                write_small(browser, site, pages[shot.page], shot)
            if not chosen.only or LOGIN in chosen.only:
                locked = Path(folder) / "locked.db"
                add_somebody(locked)
                with serving(locked) as other:
                    write_all(browser, other, {LOGIN: "/login"}, chosen.out)
            browser.close()
        print(f"{sum(1 for _ in chosen.out.glob('*.png'))} pictures in {chosen.out}")


def add_somebody(db: Path) -> None:
    """Makes a database with a person, so that its pages ask who comes."""
    store = Store(db)
    store.prepare()
    Access(store, session_hours=1).add_person(
        Organization.read(bundled("organization.toml")),
        name="lan", password=secrets.token_urlsafe(), role="admin", department=None, by="screenshots",
    )  # fmt: skip
    store.close()


def voc(db: Path, *arguments: str) -> None:
    """Runs a command of `voc` to its end."""
    subprocess.run([executable(), "--db", str(db), *arguments], check=True)


def executable() -> str:
    """`voc` beside this Python."""
    return str(Path(sys.executable).with_name("voc"))


@contextmanager
def serving(db: Path) -> Iterator[str]:
    """A `voc serve` on a free port; leaves its address when it answers, and ends it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [executable(), "--db", str(db), "serve", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    site = f"http://127.0.0.1:{port}"
    try:
        wait_for(process, f"{site}/v1/ready")
        yield site
    finally:
        process.terminate()
        process.wait(60)


def wait_for(process: subprocess.Popen[bytes], address: str) -> None:
    """Asks until it answers."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address, timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    sys.exit(f"voc serve did not answer at {address}")


def example(site: str) -> str:
    """Id of the feedback that the guides correct; of any where that is not there."""
    asked = {"topic": "app-crash", "q": "đồng hồ thông minh", "limit": "1"}
    found = httpx.get(f"{site}/v1/feedback", params=asked, timeout=30).raise_for_status().json()["items"]
    if not found:
        found = httpx.get(f"{site}/v1/feedback", params={"limit": "1"}, timeout=30).json()["items"]
    return str(found[0]["feedback"]["id"])


def write_all(browser: Browser, site: str, pages: Mapping[str, str], out: Path) -> None:
    """Every page in every way, a file each."""
    out.mkdir(parents=True, exist_ok=True)
    for language, theme, size in product(LOCALES, THEMES, SIZES):
        for name, taken in pictures(browser, site, pages, language, theme, size):
            (out / f"{Shot(name, language, theme, size).name}.png").write_bytes(taken)


def pictures(
    browser: Browser, site: str, pages: Mapping[str, str], language: str, theme: str, size: str
) -> Iterator[tuple[str, bytes]]:
    """Each page as a PNG of its whole length."""
    with window(browser, language, theme, size) as page:
        width, height = SIZES[size]
        for name, address in pages.items():
            opened(page, site + address)
            length = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": min(max(height, length), TALLEST)})
            page.wait_for_function(DRAWN)
            yield name, page.screenshot(full_page=True)
            page.set_viewport_size({"width": width, "height": height})


@contextmanager
def window(browser: Browser, language: str, theme: str, size: str) -> Iterator[Page]:
    """A window of its own, in which nothing moves."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale=LOCALES[language],
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        has_touch=size == "phone",
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def opened(page: Page, address: str) -> None:
    """Opens a page that must be there, with nothing left to load."""
    response = page.goto(address, wait_until="networkidle")
    if response is None or not response.ok:
        sys.exit(f"{address}: {response.status if response else 'no answer'}")


def clip(page: Page, part: str) -> FloatRect | None:
    """Where the part lies on the page, as far as it is shown; None without one."""
    if not part:
        return None
    place = page.locator(part).first
    place.scroll_into_view_if_needed()
    page.wait_for_function(DRAWN)
    left, top, width, height = place.evaluate(
        "one => { const { x, y, width, height } = one.getBoundingClientRect();"
        " return [x + scrollX, y + scrollY, width, height]; }"
    )
    return FloatRect(x=left, y=top, width=width, height=min(height, HIGHEST))


def write_small(browser: Browser, site: str, address: str, shot: Shot) -> None:
    """Writes one picture of docs/pictures, as sharp as its size allows."""
    with window(browser, shot.language, shot.theme, shot.size) as page:
        opened(page, site + address)
        page.wait_for_function(DRAWN)
        taken = Image.open(io.BytesIO(page.screenshot(full_page=bool(shot.part), clip=clip(page, shot.part))))
    for quality in range(90, 20, -10):
        packed = io.BytesIO()
        taken.save(packed, "webp", quality=quality, method=6)
        if packed.tell() < MOST_BYTES:
            break
    path = HERE / "pictures" / f"{shot.name}.webp"
    path.write_bytes(packed.getvalue())
    print(f"{path}: {packed.tell():,} bytes")


if __name__ == "__main__":
    main()
