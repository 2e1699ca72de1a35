"""A browser before the real application: a database with a small part of the story, a server on this machine.

Needs chromium (Debian: ``apt install chromium``); where there is none, these tests are skipped and say so.
Every page watches itself: an error on its console, or a request to anywhere but the server, fails the test.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.browser.served import DESKTOP, PATIENCE_MS, SHARE, UNTIL, Site, Watched
from voc.app import create_app
from voc.ingest import validate
from voc.pipeline import Pipeline
from voc.services import Services
from voc.settings import Settings
from voc.story import Told, tell


class Silent(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def told(root: Path) -> list[Told]:
    """A small part of the story."""
    return tell(root / "corpora", UNTIL, SHARE)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, pipeline: Pipeline, told: list[Told]) -> Path:
    """A database with the told feedback, analyzed by the shipped models; each server gets a copy."""
    db = tmp_path_factory.mktemp("story") / "voc.db"
    app = create_app(Settings(db=db))
    services: Services = app.extensions["voc"]
    services.store.prepare()
    services.pipelines.use(pipeline)
    services.worklist.submit([validate(one.row) for one in told])
    services.store.close()
    return db


@pytest.fixture(scope="module")
def site(filled: Path, pipeline: Pipeline, told: list[Told], tmp_path_factory: Any) -> Iterator[Site]:
    """The application on a copy of the database, with all that runs beside its requests."""
    db = tmp_path_factory.mktemp("site") / "voc.db"
    for path in filled.parent.glob("voc.db*"):
        shutil.copy(path, db.parent / path.name)
    app = create_app(Settings(db=db))
    services: Services = app.extensions["voc"]
    services.pipelines.use(pipeline)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    background = app.start_background()
    yield Site(f"http://127.0.0.1:{server.server_port}", services, told)
    assert background.stop()
    server.shutdown()
    thread.join()
    server.server_close()
    services.store.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, without a window."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens pages in windows of their own: ``opened("/seams", locale="vi-VN")``."""
    watched = Watched()
    contexts: list[BrowserContext] = []

    def open_page(address: str = "/", *, locale: str = "en-GB", size: tuple[int, int] = DESKTOP) -> Page:
        context = browser.new_context(
            base_url=site.url, locale=locale, reduced_motion="reduce", accept_downloads=True,
            viewport={"width": size[0], "height": size[1]},
        )  # fmt: skip
        context.set_default_timeout(PATIENCE_MS)
        watched.over(context, site.url)
        contexts.append(context)
        page = context.new_page()
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert watched.errors == []
    assert watched.elsewhere == []
