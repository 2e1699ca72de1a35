"""Every command of docs/examples.md does what the page says, and every route is on it."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jmespath
import pytest
from werkzeug.serving import make_server

from voc.app import Voc
from voc.settings import Settings

PAGE = (Path(__file__).parents[1] / "docs" / "examples.md").read_text("utf-8")
EXAMPLE = re.compile(r"^### (\w+) (\S+)\n.*?```bash\n(.*?)```\n\n(\d{3})([.;].*?)$", re.DOTALL | re.MULTILINE)
#: Pages for people, and what holds others.
FOR_PEOPLE = {"/", "/docs"}
PAGES = {"openapi", "swagger", "dashboard", "assets"}


@dataclass(frozen=True)
class Example:
    """A route with its command and what the page says of the answer."""

    method: str
    path: str
    command: str
    status: int
    told: str

    @property
    def values(self) -> dict[str, Any]:
        found = re.findall(r"`([\w.\[\]]+)` is `([^`]+)`", self.told)
        return {path: json.loads(value) for path, value in found}

    @property
    def names(self) -> dict[str, str]:
        return dict(re.findall(r"`\$(\w+)` is `([\w.\[\]]+)`", self.told))

    @property
    def words(self) -> list[str]:
        return re.findall(r"`([^`]+)` stands in it", self.told)


EXAMPLES = [
    Example(method, path, command, int(status), told)
    for method, path, command, status, told in EXAMPLE.findall(PAGE)
]


class Recorder:
    """Remembers which route each request was for."""

    def __init__(self, application: Voc) -> None:
        self.application = application
        self.seen: list[tuple[str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        adapter = self.application.url_map.bind("127.0.0.1")
        rule, _ = adapter.match(quote(environ["PATH_INFO"]), method, return_rule=True)
        self.seen.append((method, named(rule.rule)))
        return self.application(environ, start_response)


def named(rule: str) -> str:
    """A route as documents write it: ``{key}`` for ``<key>``."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    hooks = tmp_path / "hooks.json"
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    hooks.write_text(block, "utf-8")
    hooks.chmod(0o600)
    return Settings(db=tmp_path / "voc.db", hooks=hooks, webhook_allow_private=True)


@pytest.fixture
def recorder(app: Voc) -> Recorder:
    return Recorder(app)


@pytest.fixture
def port(recorder: Recorder) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, recorder, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_route_is_on_the_page_once(app: Voc) -> None:
    routes = {
        (method, named(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.partition(".")[0] not in PAGES and rule.rule not in FOR_PEOPLE
    }
    shown = [(example.method, example.path) for example in EXAMPLES]
    assert len(shown) == len(set(shown)) == PAGE.count("\n### ") == PAGE.count("```bash")
    assert set(shown) == routes


def test_the_page_says_something_of_every_answer() -> None:
    silent = [example for example in EXAMPLES if not (example.values or example.words or example.names)]
    assert [example.status for example in silent] == [204] * len(silent)


def test_every_command_does_what_the_page_says(port: int, recorder: Recorder, tmp_path: Path) -> None:
    taken: dict[str, str] = {}
    for example in EXAMPLES:
        assert example.command.count("curl -s ") == 1
        assert "http://127.0.0.1:8000/" in example.command
        asked = example.command.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        asked = asked.replace("curl -s ", "curl -s --max-time 60 -o answer -w '%{http_code}' ", 1)
        done = subprocess.run(
            ["bash", "-euc", asked], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **taken},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        answer = (tmp_path / "answer").read_text("utf-8")
        (tmp_path / "answer").unlink()
        assert int(done.stdout) == example.status, (example, answer)
        assert recorder.seen[-1] == (example.method, example.path)
        for word in example.words:
            assert word in answer, (example, answer)
        if example.values or example.names:
            body = json.loads(answer)
            for path, value in example.values.items():
                assert jmespath.search(path, body) == value, (example, path, answer)
            for name, path in example.names.items():
                taken[name] = str(jmespath.search(path, body))
                assert taken[name] not in ("None", ""), (example, answer)
    assert len(recorder.seen) == len(EXAMPLES)
