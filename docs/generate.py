"""Writes the references from the live program: docs/cli.md, docs/http.md, docs/settings.md.

    python docs/generate.py           writes them
    python docs/generate.py --check   fails if one is stale

The test suite runs the check.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

from voc.app import create_app
from voc.cli import main as command
from voc.settings import PREFIX, Settings

HERE = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py; edit the program, not this page. -->\n\n"


def cli_page() -> str:
    """Every command with its help text."""
    parts = [NOTE + "# Command line\n\n" + _exit_statuses()]
    for path, entry in _commands(command, "voc"):
        options: Any = command.context_settings | {"terminal_width": 100}
        context = click.Context(entry, info_name=path, **options)
        parts.append(f"## `{path}`\n\n```text\n{entry.get_help(context)}\n```\n")
    return "\n".join(parts)


def _exit_statuses() -> str:
    from voc import cli

    text = (cli.__doc__ or "").split("Exit statuses:", 1)[1].strip()
    return "Exit statuses: " + " ".join(text.split()) + "\n"


def _commands(entry: click.Command, path: str) -> list[tuple[str, click.Command]]:
    found = [(path, entry)]
    if isinstance(entry, click.Group):
        for name in sorted(entry.commands):
            found += _commands(entry.commands[name], f"{path} {name}")
    return found


def http_page() -> str:
    """Every route with its parameters, answers and error codes."""
    document = create_app(Settings()).api_doc
    parts = [
        NOTE + "# HTTP\n\nThe same as a browsable page: `/docs`; as OpenAPI: `/v1/openapi.json`.\n",
        _errors(),
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(_route(path, method, operation))
    return "\n".join(parts)


def _route(path: str, method: str, operation: dict[str, Any]) -> str:
    lines = [f"## {method.upper()} {path}\n", f"{operation['summary']}.\n"]
    if operation.get("description"):
        lines.append(" ".join(operation["description"].replace("<br/>", " ").split()) + "\n")
    if operation.get("parameters"):
        lines += ["| parameter | in | needed | meaning |", "|---|---|---|---|"]
        for given in operation["parameters"]:
            needed = "yes" if given.get("required") else "no"
            meaning = given.get("description") or _values(given.get("schema", {}))
            lines.append(f"| `{given['name']}` | {given['in']} | {needed} | {meaning} |")
        lines.append("")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        lines.append(f"Body: `{body.get('$ref', '').rsplit('/', 1)[-1]}`.\n")
    answers = [
        f"{status} `{_schema_name(answer)}`" if _schema_name(answer) else status
        for status, answer in sorted(operation["responses"].items())
        if not status.startswith("4") and status != "503"
    ]
    lines.append(f"Answers: {', '.join(answers)}; errors have the body `ErrorBody`.\n")
    return "\n".join(lines)


def _schema_name(answer: dict[str, Any]) -> str:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]


def _values(schema: dict[str, Any]) -> str:
    for option in schema.get("anyOf", [schema]):
        if "enum" in option:
            return "one of " + ", ".join(f"`{value}`" for value in option["enum"])
    return ""


def _errors() -> str:
    """Every code that stands in the program, found where it is raised."""
    pattern = re.compile(
        r"(?:InvalidInput|BodyInvalid|BodyTooLarge|Unauthorized|Forbidden|NotFound|Conflict|TooMany|Unavailable"
        r'|SettingsError|ArtefactError|StoreError|SchemaTooNew|_body)\(\s*"([a-z_]+)"'
    )
    source = HERE.parent / "voc"
    codes = sorted(
        {code for path in source.rglob("*.py") for code in pattern.findall(path.read_text("utf-8"))}
    )
    return "Error codes: " + ", ".join(f"`{code}`" for code in codes) + ".\n"


def settings_page() -> str:
    """Every setting with its variable, default and meaning."""
    lines = [
        NOTE + "# Settings\n",
        "Read from the environment; the command line's options win. A variable that begins with "
        f"`{PREFIX}` and is not named here is refused.\n",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "shipped" if field.default_factory else field.default
        shown = "model's own" if default is None else default
        lines.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines) + "\n"


PAGES = {"cli.md": cli_page, "http.md": http_page, "settings.md": settings_page}


def stale() -> list[str]:
    """Names of the pages that do not say what the program says now."""
    return [
        name
        for name, page in PAGES.items()
        if not (HERE / name).exists() or (HERE / name).read_text("utf-8") != page()
    ]


if __name__ == "__main__":
    if "--check" in sys.argv:
        found = stale()
        sys.exit(f"stale: {', '.join(found)}; run python docs/generate.py" if found else 0)
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), "utf-8")
