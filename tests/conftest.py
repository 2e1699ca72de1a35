"""Shared fixtures: the shipped models, opened once; a new database file for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from voc.app import Voc, create_app
from voc.pipeline import Pipeline
from voc.records import Feedback
from voc.services import Services
from voc.settings import Settings
from voc.store import Store

ROOT = Path(__file__).parents[1]

# HYPOTHESIS_PROFILE=long: many more examples of each property that does not say itself how many.
hypothesis_settings.register_profile(
    "long",
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "2000")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    """The shipped pipeline."""
    return Pipeline.open(Settings())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a database of the test's own."""
    return Settings(db=tmp_path / "voc.db")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """A new, empty store."""
    store = Store(settings.db)
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def app(settings: Settings, pipeline: Pipeline) -> Iterator[Voc]:
    """The application on a new database, with the session's pipeline."""
    app = create_app(settings)
    services: Services = app.extensions["voc"]
    services.pipelines.use(pipeline)
    yield app
    services.store.close()


@pytest.fixture
def client(app: Voc) -> FlaskClient:
    """A client of the application."""
    return app.test_client()


@pytest.fixture
def services(app: Voc) -> Services:
    """What the application works with."""
    found: Services = app.extensions["voc"]
    return found


@pytest.fixture
def feedback() -> Callable[..., Feedback]:
    """Makes feedback records with only what a test cares about."""

    def make(key: str, text: str, **fields: Any) -> Feedback:
        given = {
            "source": "test", "external_id": None,
            "occurred_at": "2026-11-02T08:00:00.000Z", "received_at": "2026-11-02T08:00:01.000Z",
        } | fields  # fmt: skip
        return Feedback(id=key, text=text, **given)

    return make
