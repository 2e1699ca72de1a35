"""One tree of errors with one body; codes are stable and the drawing is the truth."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from voc import errors
from voc.errors import InvalidInput, StoreError, VocError

TREE = {
    cls.__name__: cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, VocError) and cls is not VocError
}


def test_the_body_holds_code_message_and_field() -> None:
    error = InvalidInput("text_empty", "text must hold a letter", "text")
    assert error.body() == {"code": "text_empty", "message": "text must hold a letter", "field": "text"}
    assert str(error) == "text must hold a letter"
    assert StoreError("store_unusable", "no").body()["field"] is None


@pytest.mark.parametrize(("field", "expected"), [("text", "items[3].text"), (None, "items[3]")])
def test_a_prefix_goes_before_the_field(field: str | None, expected: str) -> None:
    error = InvalidInput("code_a", "why", field)
    moved = error.within("items[3]")
    assert type(moved) is InvalidInput
    assert moved.body() == {"code": "code_a", "message": "why", "field": expected}
    assert error.field == field


@pytest.mark.parametrize("name", TREE)
def test_a_prefix_keeps_the_kind(name: str) -> None:
    assert type(TREE[name]("c", "m", "f").within("p")) is TREE[name]


@pytest.mark.parametrize(
    ("name", "parent", "http_status", "exit_status"),
    [
        ("InvalidInput", "VocError", 422, 1),
        ("BodyInvalid", "InvalidInput", 400, 1),
        ("BodyTooLarge", "InvalidInput", 413, 1),
        ("NotFound", "VocError", 404, 1),
        ("Conflict", "VocError", 409, 1),
        ("Unauthorized", "VocError", 401, 1),
        ("Forbidden", "VocError", 403, 1),
        ("TooMany", "VocError", 429, 1),
        ("Unavailable", "VocError", 503, 1),
        ("SettingsError", "VocError", 500, 2),
        ("ArtefactError", "VocError", 503, 3),
        ("StoreError", "VocError", 503, 4),
        ("SchemaTooNew", "StoreError", 503, 4),
    ],
)
def test_each_error_has_its_place_and_its_status(
    name: str, parent: str, http_status: int, exit_status: int
) -> None:
    error = TREE[name]
    assert error.__bases__[0].__name__ == parent
    assert (error.http_status, error.exit_status) == (http_status, exit_status)


def test_the_drawing_names_every_error_and_no_other() -> None:
    drawing = errors.__doc__ or ""
    assert set(re.findall(r"[├└]── (\w+)", drawing)) == set(TREE)
    for name, status in re.findall(r"[├└]── (\w+) .* (4\d\d)$", drawing, re.MULTILINE):
        assert TREE[name].http_status == int(status)


def test_every_code_is_lower_case_words(root: Path) -> None:
    codes = [
        node.args[0].value
        for path in (root / "voc").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TREE
        if node.args and isinstance(node.args[0], ast.Constant)
    ]
    assert {"text_missing", "store_unusable", "schema_too_new"} <= set(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []
