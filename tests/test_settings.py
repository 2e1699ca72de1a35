"""Settings: declared once, read from the environment, refused when unknown or wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from voc.errors import SettingsError
from voc.settings import Settings, bundled


def test_defaults(root: Path) -> None:
    assert Settings.from_environment({}).model_dump() == {
        "db": Path("voc.db"),
        "models": root / "models",
        "organization": root / "organization.toml",
        "encoder_threads": 0,
        "review_below": None,
        "must_assign_topic": False,
        "analysis_timeout_s": 20.0,
        "analysis_slots": 16,
        "max_in_flight": 24,
        "lease_s": 30.0,
        "poll_s": 1.0,
        "batch_max_items": 1000,
        "text_max_chars": 20_000,
        "body_max_bytes": 32 * 1024 * 1024,
        "pii": "mask",
        "retention_days": None,
        "hooks": None,
        "webhook_allow_private": False,
        "rate_per_minute": 6000,
        "proxies": 0,
        "session_hours": 12.0,
        "log_format": "auto",
        "disk_min_free_mb": 64,
        "busy_timeout_ms": 15_000,
        "smtp_url": None,
        "mail_from": None,
        "mail_language": "vi",
        "mail_timezone": "Asia/Ho_Chi_Minh",
        "mail_hour": 8,
        "public_url": None,
    }


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_DB", "/tmp/other.db")  # noqa: S108  # nothing is written there
    monkeypatch.setenv("VOC_REVIEW_BELOW", "0.6")
    monkeypatch.setenv("VOC_BATCH_MAX_ITEMS", "5")
    settings = Settings.from_environment()
    assert settings.db == Path("/tmp/other.db")  # noqa: S108
    assert settings.review_below == 0.6
    assert settings.batch_max_items == 5


def test_other_variables_are_nobodys_business() -> None:
    assert Settings.from_environment({"PATH": "/bin", "XVOC_DB": "a"}) == Settings.from_environment({})


def test_overrides_win_and_none_does_not() -> None:
    environment = {"VOC_DB": "a.db", "VOC_POLL_S": "2"}
    settings = Settings.from_environment(environment, db=Path("b.db"), poll_s=None)
    assert settings.db == Path("b.db")
    assert settings.poll_s == 2.0


def test_an_unknown_variable_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"VOC_DATABASE": "a.db"})
    assert (caught.value.code, caught.value.field) == ("setting_unknown", "VOC_DATABASE")
    assert all(f"VOC_{name.upper()}" in caught.value.message for name in Settings.model_fields)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VOC_ENCODER_THREADS", "-1"),
        ("VOC_ENCODER_THREADS", "1.5"),
        ("VOC_ENCODER_THREADS", "many"),
        ("VOC_REVIEW_BELOW", "1.01"),
        ("VOC_REVIEW_BELOW", "nan"),
        ("VOC_ANALYSIS_TIMEOUT_S", "-0.1"),
        ("VOC_ANALYSIS_TIMEOUT_S", "inf"),
        ("VOC_LEASE_S", "0"),
        ("VOC_POLL_S", "0"),
        ("VOC_POLL_S", ""),
        ("VOC_BATCH_MAX_ITEMS", "0"),
        ("VOC_TEXT_MAX_CHARS", "0"),
        ("VOC_BODY_MAX_BYTES", "1023"),
        ("VOC_BUSY_TIMEOUT_MS", "-1"),
    ],
)
def test_a_wrong_value_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({variable: value})
    assert caught.value.code == "setting_invalid"
    assert caught.value.field == variable.removeprefix("VOC_").lower()
    assert caught.value.message.startswith(f"{variable}: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [("encoder_threads", 256), ("review_below", 0.0), ("review_below", 1.0), ("analysis_timeout_s", 0.0),
     ("body_max_bytes", 1024), ("busy_timeout_ms", 0)],
)  # fmt: skip
def test_the_ends_of_a_range_belong_to_it(name: str, value: Any) -> None:
    assert getattr(Settings.from_environment({f"VOC_{name.upper()}": str(value)}), name) == value


def test_settings_do_not_change() -> None:
    settings = Settings.from_environment({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.db = Path("other.db")  # type: ignore[misc]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_says_what_it_is_with_its_unit(name: str) -> None:
    description = Settings.model_fields[name].description or ""
    units = {
        "_s": "Seconds",
        "_ms": "Milliseconds",
        "_bytes": "Bytes",
        "_chars": "code points",
        "_items": "Rows",
    }
    assert description.endswith(".")
    assert all(word in description for ending, word in units.items() if name.endswith(ending))


def test_what_is_shipped_is_found(root: Path) -> None:
    assert bundled("organization.toml") == root / "organization.toml"
    assert bundled("organization.toml").is_file()
