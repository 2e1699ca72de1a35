"""What is said of the finding of personal data: the figures by hand, and the corpus they are taken on."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from stdnum import luhn

from voc.cli import main
from voc.errors import InvalidInput
from voc.text import fold
from voc.training.pii import TYPES, Finder, Item, Row, read_rows, score

# ---- the figures


def said(*items: Item) -> Finder:
    """A finder that says the same of every text."""
    return lambda _text: items


def row(*items: Item) -> Row:
    return Row("r", "x" * 40, items)


A, B = Item(0, 10, "phone"), Item(12, 20, "name")


def hits(find: Finder, *rows: Row, name: str = "all") -> tuple[int, int]:
    part = score(find, rows)["by_type"][name]
    return part["exact"]["hits"], part["overlap"]["hits"]


@pytest.mark.parametrize(
    ("found", "expected", "kinds"),
    [
        ((A, B), (2, 2), []),
        ((B, A), (2, 2), []),
        ((), (0, 0), ["missed", "missed"]),
        ((A, Item(12, 19, "name")), (1, 2), ["shifted"]),
        ((A, Item(12, 20, "address")), (1, 1), ["false", "missed"]),  # seen, called something else
        ((A, B, Item(30, 34, "phone")), (2, 2), ["false"]),
        ((Item(0, 4, "phone"), Item(5, 10, "phone"), B), (1, 2), ["shifted", "false"]),  # in two pieces
        ((Item(0, 20, "phone"),), (0, 1), ["shifted", "missed"]),
        ((Item(10, 12, "phone"), B), (1, 1), ["missed", "false"]),  # they touch, nothing is shared
    ],
)
def test_what_is_found_is_matched(
    found: tuple[Item, ...], expected: tuple[int, int], kinds: list[str]
) -> None:
    assert hits(said(*found), row(A, B)) == expected
    assert [error["kind"] for error in score(said(*found), [row(A, B)])["errors"]] == kinds


def test_one_found_item_is_right_once() -> None:
    wide = row(Item(0, 4, "phone"), Item(6, 10, "phone"))
    assert hits(said(Item(0, 10, "phone")), wide) == (0, 1)
    assert hits(said(A, A), row(A)) == (1, 1)
    assert score(said(A, A), [row(A)])["found"] == 1


def test_an_exact_item_is_not_taken_by_its_neighbour() -> None:
    labelled = row(Item(0, 4, "phone"), Item(6, 10, "phone"))
    assert hits(said(Item(3, 7, "phone"), Item(6, 10, "phone")), labelled) == (1, 2)


def test_the_shares_and_their_intervals() -> None:
    rows = [row(A, B), row(A), row(), row()]
    figures = score(said(A), rows)
    assert [figures[name] for name in ("rows", "rows_with_items", "items", "found")] == [4, 2, 3, 4]
    assert figures["false_alarms"] == {"rows": 2, "value": 0.5, "low": 0.15, "high": 0.85}
    phone = figures["by_type"]["phone"]
    assert (phone["items"], phone["found"]) == (2, 4)
    assert phone["exact"] == {
        "hits": 2,
        "precision": {"value": 0.5, "low": 0.15, "high": 0.85},
        "recall": {"value": 1.0, "low": 0.3424, "high": 1.0},
        "f1": 0.6667,
    }
    assert figures["by_type"]["all"]["overlap"]["recall"]["value"] == 0.6667
    assert figures["by_type"]["name"]["exact"] == {
        "hits": 0,
        "precision": {"value": 0.0, "low": 0.0, "high": 1.0},
        "recall": {"value": 0.0, "low": 0.0, "high": 0.7935},
        "f1": 0.0,
    }
    assert list(figures["by_type"]) == ["all", *TYPES]


def test_the_errors_say_where() -> None:
    errors = score(said(Item(2, 9, "phone"), Item(30, 33, "card")), [row(A, B)])["errors"]
    assert errors == [
        {"id": "r", "kind": "shifted", "type": "phone", "start": 0, "end": 10}
        | {"found_start": 2, "found_end": 9},
        {"id": "r", "kind": "missed", "type": "name", "start": 12, "end": 20},
        {"id": "r", "kind": "false", "type": "card", "start": 30, "end": 33},
    ]


def test_no_rows_give_no_figures() -> None:
    figures = score(said(A), [])
    assert figures["by_type"]["all"]["exact"]["f1"] == 0.0
    assert figures["errors"] == []


# ---- reading


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    return path


def test_rows_are_read_in_order_of_place(tmp_path: Path) -> None:
    pii = [{"start": 4, "end": 6, "type": "name"}, {"start": 0, "end": 3, "type": "phone"}]
    found = read_rows(lines(tmp_path / "a.jsonl", {"id": "a", "text": "abcdef", "pii": pii}))
    assert found == [Row("a", "abcdef", (Item(0, 3, "phone"), Item(4, 6, "name")))]


@pytest.mark.parametrize(
    ("pii", "code"),
    [
        ([{"start": 0, "end": 3, "type": "passport"}], "type_unknown"),
        ([{"start": 3, "end": 3, "type": "name"}], "offsets_invalid"),
        ([{"start": 0, "end": 7, "type": "name"}], "offsets_invalid"),
        ([{"start": -1, "end": 3, "type": "name"}], "offsets_invalid"),
        ([{"start": 0, "end": 3, "type": "name"}, {"start": 2, "end": 4, "type": "name"}], "offsets_invalid"),
        ([{"start": 0, "type": "name"}], "row_invalid"),
        ([{"start": "a", "end": 3, "type": "name"}], "row_invalid"),
        (None, "row_invalid"),
    ],
)
def test_wrong_labels_are_refused(tmp_path: Path, pii: object, code: str) -> None:
    good = {"id": "a", "text": "abcdef", "pii": []}
    path = lines(tmp_path / "a.jsonl", good, {"id": "b", "text": "abcdef", "pii": pii})
    with pytest.raises(InvalidInput) as error:
        read_rows(path)
    assert error.value.code == code
    assert (error.value.field or "").startswith("line 2")


# ---- the command


def test_the_command_prints_the_figures(tmp_path: Path) -> None:
    text = "gọi mình số 0912345678 nhé"
    right = {"id": "a", "text": text, "pii": [{"start": 12, "end": 22, "type": "phone"}]}
    wrong = {"id": "b", "text": "giao hàng nhanh", "pii": [{"start": 0, "end": 4, "type": "name"}]}
    file = str(lines(tmp_path / "a.jsonl", right, wrong))
    told = json.loads(CliRunner().invoke(main, ["evaluate", "pii", file, "--json", "--errors"]).stdout)
    assert (told["rows"], told["items"], told["found"]) == (2, 2, 1)
    assert told["by_type"]["phone"]["exact"]["hits"] == 1
    assert told["errors"] == [{"id": "b", "kind": "missed", "type": "name", "start": 0, "end": 4}]
    shown = CliRunner().invoke(main, ["evaluate", "pii", file, "--errors"]).stdout
    assert "phone        1     1  1.0000 0.2065-1.0000  1.0000 0.2065-1.0000  1.0000\n" in shown
    assert shown.endswith("missed   name     b              0-4\n")
    assert "missed" not in CliRunner().invoke(main, ["evaluate", "pii", file]).stdout


# ---- the corpus


@pytest.fixture(scope="module")
def files(root: Path) -> dict[str, list[Row]]:
    return {name: read_rows(root / "corpora" / "pii" / f"{name}.jsonl") for name in ("dev", "test")}


def values(files: dict[str, list[Row]], *types: str) -> list[tuple[str, str]]:
    """Id and value of every item of ``types``."""
    return [
        (one.id, one.text[item.start : item.end])
        for rows in files.values()
        for one in rows
        for item in one.items
        if item.type in types
    ]


def digits(value: str) -> str:
    return "".join(str(unicodedata.digit(char)) for char in value if char.isdigit())


def test_there_is_enough_of_each_type(files: dict[str, list[Row]]) -> None:
    rows = files["test"]
    counts = Counter(item.type for one in rows for item in one.items)
    assert set(counts) == set(TYPES)
    assert min(counts.values()) >= 15
    assert 0.4 <= sum(bool(one.items) for one in rows) / len(rows) <= 0.6


def test_what_rules_were_tuned_on_is_no_part_of_the_test(files: dict[str, list[Row]]) -> None:
    authors = {name: Counter(one.id.rpartition("-")[0] for one in rows) for name, rows in files.items()}
    assert authors == {"dev": {"pii-dev": 348, "pii-test": 613}, "test": {"pii-test2": 503}}


def test_ends_are_tight(files: dict[str, list[Row]]) -> None:
    for key, value in values(files, *TYPES):
        assert value[0].isalnum() or value[0] in "+(", key
        assert value[-1].isalnum() or unicodedata.combining(value[-1]), key


def test_ends_split_no_word(files: dict[str, list[Row]]) -> None:
    for rows in files.values():
        for one in rows:
            for item in one.items:
                assert not one.text[: item.start][-1:].isalnum(), one.id
                assert not one.text[item.end :][:1].isalnum(), one.id


def test_numbers_have_the_shape_of_their_type(files: dict[str, list[Row]]) -> None:
    for key, value in values(files, "card"):
        assert luhn.is_valid(digits(value)), key
    for key, value in values(files, "cccd"):
        number = digits(value)
        assert len(number) == 12, key
        assert 1 <= int(number[:3]) <= 96, key  # the provinces, as coded for these cards
        assert number[3] in "0123", key  # sex and century
    assert {len(digits(value)) for _, value in values(files, "cmnd")} <= {9, 12}


def test_nothing_stands_twice(files: dict[str, list[Row]]) -> None:
    """Nor the same sentence with another number in it."""

    def bare(text: str) -> str:
        return "".join("0" if char.isdigit() else char for char in fold(text))

    rows = [one for found in files.values() for one in found]
    assert [key for key, count in Counter(one.id for one in rows).items() if count > 1] == []
    assert [text for text, count in Counter(bare(one.text) for one in rows).items() if count > 1] == []


def test_the_two_files_share_no_value(files: dict[str, list[Row]]) -> None:
    dev, test = (
        {fold(value) for _, value in values({name: files[name]}, *TYPES)} for name in ("dev", "test")
    )
    assert dev & test == set()
