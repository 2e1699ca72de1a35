"""The documentation says what the program does."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from click.testing import CliRunner
from flask.testing import FlaskClient

from voc.cli import main
from voc.organization import Organization
from voc.settings import bundled

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "README.vi.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def test_the_references_are_fresh(root: Path) -> None:
    generator = runpy.run_path(str(root / "docs" / "generate.py"), run_name="generate")
    assert generator["stale"]() == []


@pytest.mark.parametrize(
    ("name", "least"), [("quality", 14), ("topics-quality", 4), ("scale", 4), ("reliability", 4)]
)
def test_the_tables_show_the_kept_figures(root: Path, name: str, least: int) -> None:
    page = (root / "docs" / f"{name}.md").read_text("utf-8")
    assert runpy.run_path(str(root / "docs" / "quality.py"), run_name="quality")["filled"](page) == page
    assert page.count("<!-- table ") == page.count("<!-- end -->") >= least
    for picture in re.findall(r"\((pictures/[^)]+)\)", page):
        assert (root / "docs" / picture).exists(), picture


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_the_curl_of_the_readme_works(client: FlaskClient) -> None:
    (command,) = re.findall(r"curl -s (http\S+) .*?-d '(\{.*?\})'", README, re.DOTALL)
    response = client.post(command[0].split("8000", 1)[1], json=json.loads(command[1]))
    assert response.status_code == 201
    assert response.get_json()["analysis"]["segments"][0]["department"] == "logistics"


def commands_of(page: Path) -> list[list[str]]:
    """The words of every `voc` command in the page's blocks."""
    commands = [
        part.split("| ")[-1].strip().removeprefix("time ")
        for block in re.findall(
            r" *```bash\n(.*?)```", page.read_text("utf-8").replace("\\\n", " "), re.DOTALL
        )
        for line in block.splitlines()
        for part in line.split("#")[0].split("&&")
    ]
    return [shlex.split(line)[1:] for line in commands if line.startswith("voc ")]


def test_the_readme_shows_what_it_is_for() -> None:
    shown = {words[0] for words in commands_of(ROOT / "README.md")}
    assert shown >= {
        "init",
        "ingest",
        "analyze",
        "serve",
        "topics",
        "review",
        "correct",
        "learn",
        "reclassify",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_parses(page: Path) -> None:
    for words in commands_of(page):
        group: Any = main
        while words and hasattr(group, "commands"):
            assert words[0] in group.commands, words
            group = group.commands[words.pop(0)]
        known = {option for parameter in group.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known


def said_on_pages(language: str) -> re.Pattern[str]:
    """What can stand on a page: its texts, with anything in their places, and the names of what there is."""
    with (ROOT / "voc/dashboard/translations/vi/LC_MESSAGES/messages.po").open("rb") as file:
        messages = [message for message in read_po(file) if message.id]
    texts: set[str] = {"VI", "EN", "NPS"}
    for message in messages:
        said = message.id if language == "en" else message.string
        texts.update([said] if isinstance(said, str) else said or [])
    organization = Organization.read(bundled("organization.toml"))
    names = [*(one.name for one in organization.departments), *organization.touchpoints.values()]
    topics = json.loads((bundled("models") / "topics.json").read_text("utf-8"))["topics"]
    texts.update(getattr(name, language) for name in names)
    texts.update(topic["name"][language] for topic in topics)
    patterns = (re.sub(r"%\\\(\w+\\\)[sd]", ".+", re.escape(text)) for text in texts if text)
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_guides_name_things_as_the_pages_do(language: str) -> None:
    page = (ROOT / "docs" / f"guide.{language}.md").read_text("utf-8")
    shown = said_on_pages(language)
    bold = [" ".join(text.split()) for text in re.findall(r"\*\*(.+?)\*\*", page, re.DOTALL)]
    assert len(bold) > 80
    assert [name for name in bold if not shown.fullmatch(name)] == []


def test_the_readmes_are_one_readme() -> None:
    first, second = (ROOT / "README.md", ROOT / "README.vi.md")
    assert commands_of(first) == commands_of(second)
    links = [
        set(re.findall(r"\]\(((?:docs|models|corpora)/[\w.]+\.md)\)", page.read_text("utf-8")))
        for page in (first, second)
    ]
    assert links[0] == links[1] >= {f"docs/{page.name}" for page in (ROOT / "docs").glob("guide.*.md")}


def test_the_guides_are_one_guide() -> None:
    pages = [(ROOT / "docs" / f"guide.{language}.md").read_text("utf-8") for language in ("vi", "en")]
    for found in (r"^## (\d+)\.", r"pictures/(\w+)-\w\w-", r"\]\((\w+\.md)\)"):
        first, second = (re.findall(found, page, re.MULTILINE) for page in pages)
        assert first == second, found
    languages = ("vi", "en")
    first, second = (
        [[word for word in words if word not in languages] for words in commands_of(page)]
        for page in (ROOT / "docs" / f"guide.{language}.md" for language in languages)
    )
    assert first == second


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pictures_are_small_and_in_the_language_of_the_page(page: Path) -> None:
    language = "vi" if ".vi." in page.name else "en"
    for name in re.findall(r"pictures/([\w-]+\.webp)", page.read_text("utf-8")):
        assert f"-{language}-" in name
        assert (ROOT / "docs" / "pictures" / name).stat().st_size < 150_000


def test_no_picture_is_left_over() -> None:
    shown = "".join(page.read_text("utf-8") for page in PAGES)
    pictures = list((ROOT / "docs" / "pictures").glob("*.webp"))
    assert [picture.name for picture in pictures if picture.name not in shown] == []
    assert sum(picture.stat().st_size for picture in pictures) < 1_500_000


def test_every_dependency_is_explained(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    page = (root / "docs" / "dependencies.md").read_text("utf-8")
    for needed in project["dependencies"] + project["optional-dependencies"]["training"]:
        name = re.split(r"[\[>=<]", needed)[0]
        assert name in page, name


def test_no_file_names_a_registry(root: Path) -> None:
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt", "requirements-training.txt"):
        text = (root / name).read_text("utf-8")
        assert "://" not in text
        assert "index-url" not in text


def test_the_pins_bring_no_torch_and_no_cuda(root: Path) -> None:
    pins = (root / "requirements.txt").read_text("utf-8").lower()
    assert "bertopic==" in pins
    assert not re.search(r"^(torch|nvidia|triton|sentence-transformers)", pins, re.MULTILINE)


@pytest.mark.parametrize("command", [[], ["topics"], ["evaluate"]])
def test_help_is_there(command: list[str]) -> None:
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output
