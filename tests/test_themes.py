"""Themes and remits: every topic has both, the shipped registry says what the declared one says."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

#: A remit is one line of a table of topics.
REMIT_LENGTH = 110


@pytest.fixture
def shipped(root: Path) -> dict[str, Any]:
    """The registry that the pipeline reads."""
    registry: dict[str, Any] = json.loads((root / "models" / "topics.json").read_text("utf-8"))
    return registry


@pytest.fixture
def declared(root: Path) -> dict[str, Any]:
    """The registry that people edit and the fit reads."""
    return tomllib.loads((root / "corpora" / "topics.toml").read_text("utf-8"))


@pytest.fixture(params=["shipped", "declared"])
def registry(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each of the two in turn."""
    found: dict[str, Any] = request.getfixturevalue(request.param)
    return found


def test_every_topic_has_a_theme_that_exists(registry: dict[str, Any]) -> None:
    themes = {theme["key"] for theme in registry["themes"]}
    assert registry["topics"]
    assert [topic["key"] for topic in registry["topics"] if topic.get("theme") not in themes] == []


def test_a_theme_groups_at_least_two_topics(registry: dict[str, Any]) -> None:
    sizes = Counter(topic["theme"] for topic in registry["topics"])
    assert [theme["key"] for theme in registry["themes"] if sizes[theme["key"]] < 2] == []
    assert 12 <= len(registry["themes"]) <= 18


def test_no_key_is_used_twice(registry: dict[str, Any]) -> None:
    keys = Counter(entry["key"] for entry in [*registry["themes"], *registry["topics"]])
    assert [key for key, times in keys.items() if times > 1] == []


def test_no_name_and_no_remit_is_used_twice(registry: dict[str, Any]) -> None:
    entries = [*registry["themes"], *registry["topics"]]
    for language in ("vi", "en"):
        names = Counter(entry["name"][language] for entry in entries)
        remits = Counter(topic["remit"][language] for topic in registry["topics"])
        assert [said for said, times in (names + remits).items() if times > 1] == []


def test_names_and_remits_are_said_in_both_languages(registry: dict[str, Any]) -> None:
    said = [(entry["key"], entry["name"]) for entry in [*registry["themes"], *registry["topics"]]]
    said += [(topic["key"], topic["remit"]) for topic in registry["topics"]]
    for key, by_language in said:
        assert sorted(by_language) == ["en", "vi"], key
        assert all(text == text.strip() and text for text in by_language.values()), key


def test_a_remit_is_one_short_line(registry: dict[str, Any]) -> None:
    remits = [text for topic in registry["topics"] for text in topic["remit"].values()]
    assert [text for text in remits if len(text) > REMIT_LENGTH or "\n" in text] == []


def test_shipped_and_declared_agree(shipped: dict[str, Any], declared: dict[str, Any]) -> None:
    assert shipped["themes"] == declared["themes"]
    entries = {topic["key"]: topic for topic in declared["topics"]}
    fields = ("name", "theme", "remit", "department")
    for topic in shipped["topics"]:
        entry = entries[topic["key"]]
        assert {field: topic[field] for field in fields} == {field: entry[field] for field in fields}
