"""A file analyzed into a file: a row out per row in, same order, in three formats, whole or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from voc import bulk
from voc.cli import main
from voc.errors import Conflict, InvalidInput
from voc.pipeline import Pipeline, PipelineHolder

FORMATS: tuple[bulk.Format, ...] = ("jsonl", "csv", "parquet")
TEXTS = ("Giao hàng trễ ba ngày không báo", "", "the refund has not arrived yet", "tốt lắm")


@pytest.fixture
def voc(tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command line with the session's pipeline."""
    monkeypatch.setattr(PipelineHolder, "get", lambda _self: pipeline)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["--db", str(tmp_path / "cli.db"), *arguments])

    return run


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """The same four rows, one without a text, in each format."""
    files = {ending: tmp_path / f"in.{ending}" for ending in ("jsonl", "csv", "parquet")}
    rows = [{"id": f"r{i}", "text": text, "vùng": "HN"} for i, text in enumerate(TEXTS)]
    files["jsonl"].write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with files["csv"].open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "vùng"], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), files["parquet"])
    return files


def read_back(path: Path) -> list[dict[str, Any]]:
    """Rows of a written file as (id, owner, error code)."""
    if path.suffix == ".jsonl":
        found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return [
            {"id": row["id"], "owner": row.get("owner"), "error": row.get("error", {}).get("code")}
            for row in found
        ]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(csv.DictReader(file, strict=True))
    else:
        found = pq.read_table(path).to_pylist()
    return [
        {"id": row["id"], "owner": row["owner"] or None, "error": row["error_code"] or None} for row in found
    ]


SAID = [
    {"id": "r0", "owner": "logistics", "error": None}, {"id": "r1", "owner": None, "error": "text_empty"},
    {"id": "r2", "owner": "finance", "error": None},
]  # fmt: skip


@pytest.mark.parametrize("source", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_every_format_into_every_format(
    voc: Callable[..., Any], sources: dict[str, Path], tmp_path: Path, source: str, ending: str
) -> None:
    out = tmp_path / f"out.{ending}"
    result = voc("analyze", str(sources[source]), "--out", str(out), "--partition-rows", "3")
    assert (result.exit_code, result.stdout) == (1, f"{out}: 4 rows, 1 of them bad\n")
    assert read_back(out)[:3] == SAID
    assert read_back(out)[3]["id"] == "r3"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_a_folder_gets_a_file_per_partition_and_can_be_read_again(
    voc: Callable[..., Any], sources: dict[str, Path], tmp_path: Path, ending: str
) -> None:
    result = voc("analyze", str(sources[ending]), "--out", f"{tmp_path}/parts/", "--partition-rows", "3")
    assert result.exit_code == 1
    parts = sorted((tmp_path / "parts").iterdir())
    assert [path.name for path in parts] == [f"part-00000.{ending}", f"part-00001.{ending}"]
    assert read_back(parts[0]) == SAID
    assert [row["id"] for row in read_back(parts[1])] == ["r3"]
    again = voc("analyze", str(sources[ending]), "--out", f"{tmp_path}/parts/")
    assert (again.exit_code, "out_not_empty" in again.stderr) == (1, True)


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "b.jsonl").write_text('{"text": "tốt"}\n\n{"id": 7, "text": "ổn"}\n', "utf-8")
    (folder / "a.csv").write_text("text\nxấu\n", "utf-8")
    (folder / "_SUCCESS").write_text("", "utf-8")
    (folder / ".c.csv").write_text("text\nxấu\n", "utf-8")
    found = [
        (row.id, row.text, row.error.code if row.error else None) for row in bulk.read_rows(folder)
    ]  # fmt: skip
    assert found == [
        ("a.csv:2", "xấu", None), ("b.jsonl:1", "tốt", None), ("b.jsonl:2", None, "json_invalid"),
        ("7", "ổn", None),
    ]  # fmt: skip


def test_other_columns_can_hold_text_and_id(tmp_path: Path) -> None:
    rows = [{"Mã": 12, "Nội dung": "tốt", "text": "no"}, {"Mã": None, "Nội dung": None, "text": "no"}]
    mapping = {"text": "Nội dung", "id": "Mã"}
    files = [tmp_path / f"in.{ending}" for ending in ("jsonl", "csv", "parquet")]
    files[0].write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    files[1].write_text("Mã,Nội dung,text\n12,tốt,no\n,,no\n", "utf-8")
    pq.write_table(pa.Table.from_pylist(rows), files[2])
    found = [
        [(row.id, row.text, row.error and row.error.code) for row in bulk.read_rows(file, None, mapping)]
        for file in files
    ]
    assert [one[0] for one in found] == [("12", "tốt", None)] * 3
    assert [one[1] for one in found] == [
        ("2", None, "field_invalid"), ("3", None, "text_empty"), ("2", None, "text_missing"),
    ]  # fmt: skip


def test_partitions_hold_all_rows_in_order() -> None:
    rows = [bulk.BulkRow(str(i), "x") for i in range(7)]
    found = list(bulk.partitions(iter(rows), 3))
    assert [(one.start, [row.id for row in one.rows]) for one in found] == [
        (0, ["0", "1", "2"]), (3, ["3", "4", "5"]), (6, ["6"]),
    ]  # fmt: skip
    assert bulk.name_of(2, found[1]) == "partition 2 (rows 4 to 6)"


def test_a_long_partition_is_the_same_as_short_ones(pipeline: Pipeline) -> None:
    rows = [bulk.BulkRow(str(i), TEXTS[0] if i % 2 else f"giao trễ {i} ngày") for i in range(bulk.CHUNK + 3)]
    (whole,) = bulk.partitions(rows)
    parts = [one for part in bulk.partitions(rows, 100) for one in bulk.analyzed(pipeline, part)]
    assert bulk.analyzed(pipeline, whole) == parts


def test_what_breaks_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("old\n", "utf-8")

    def broken() -> Iterator[bulk.Part]:
        yield bulk.Part(1, 0, b"new\n")
        raise InvalidInput("file_unreadable", "the source broke off")

    for folder, name in ((False, out), (True, tmp_path / "parts")):
        with pytest.raises(InvalidInput, match="broke off"):
            bulk.write(broken(), name, "jsonl", folder=folder, progress=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert out.read_text("utf-8") == "old\n"


def test_no_rows_make_a_file_without_rows(voc: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("", "utf-8")
    for ending in ("jsonl", "csv", "parquet"):
        out = tmp_path / f"none.{ending}"
        assert voc("analyze", str(tmp_path / "in.jsonl"), "--out", str(out)).exit_code == 0
        assert read_back(out) == []
    assert pq.read_table(tmp_path / "none.parquet").column_names == list(bulk.COLUMNS)


def test_cells_are_harmless_in_a_spreadsheet(pipeline: Pipeline) -> None:
    rows = (bulk.BulkRow("=1+1", "tốt"), bulk.BulkRow("\ud800", None, InvalidInput("x", "-2", "text")))
    content = bulk.part_of("csv")(pipeline, bulk.Partition(0, rows)).content.decode()
    first, second = csv.reader(content.splitlines())
    assert first[0] == "'=1+1"
    assert (second[0], second[-3:]) == ("\\ud800", ["x", "'-2", "text"])
    parquet = bulk.part_of("parquet")(pipeline, bulk.Partition(0, rows)).content
    assert pq.read_table(pa.BufferReader(parquet))["id"].to_pylist() == ["=1+1", "\\ud800"]


def test_numbers_are_numbers_in_parquet(pipeline: Pipeline) -> None:
    part = bulk.part_of("parquet")(pipeline, bulk.Partition(0, (bulk.BulkRow("a", TEXTS[0]),)))
    (row,) = pq.read_table(pa.BufferReader(part.content)).to_pylist()
    (said,) = pipeline.analyze(["a"], [TEXTS[0]])
    assert (part.rows, part.bad) == (1, 0)
    assert (row["sentiment_score"], row["owner"]) == (said.sentiment_score, said.owner)
    assert json.loads(row["segments"]) == said.as_dict()["segments"]
    assert json.loads(row["topics"]) == list(dict.fromkeys(s.topic for s in said.segments if s.topic))


def test_personal_data_are_reported_in_every_format(pipeline: Pipeline) -> None:
    rows = (bulk.BulkRow("a", "gọi 0912 345 678 giúp"), bulk.BulkRow("b", "tốt lắm"))
    expected = [[{"start": 4, "end": 16, "type": "phone"}], []]
    parts = {ending: bulk.part_of(ending)(pipeline, bulk.Partition(0, rows)).content for ending in FORMATS}
    lines = [json.loads(line) for line in parts["jsonl"].splitlines()]
    assert [line["pii"] for line in lines] == expected
    table = csv.DictReader(parts["csv"].decode().splitlines(), bulk.COLUMNS)
    assert [json.loads(row["pii"]) for row in table] == expected
    parquet = pq.read_table(pa.BufferReader(parts["parquet"]))
    assert [json.loads(value) for value in parquet["pii"].to_pylist()] == expected


def test_what_cannot_be_read_is_named(voc: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("nội dung\ntốt\n", "utf-8")
    (tmp_path / "in.parquet").write_bytes(b"PAR1 no")
    pq.write_table(pa.table({"words": ["tốt"]}), tmp_path / "words.parquet")
    (tmp_path / "empty").mkdir()
    cases = {
        "in.csv": "column_missing", "in.parquet": "file_unreadable", "words.parquet": "column_missing",
        "empty": "files_missing",
    }  # fmt: skip
    for name, code in cases.items():
        result = voc("analyze", str(tmp_path / name))
        assert (result.exit_code, result.stdout, code in result.stderr) == (1, "", True), name
    good = tmp_path / "in.jsonl"
    good.write_text('{"text": "tốt"}\n', "utf-8")
    assert "file_format_unknown" in voc("analyze", str(good), "--out", str(tmp_path / "out.txt")).stderr
    nowhere = voc("analyze", str(good), "--out", str(tmp_path / "no" / "out.csv"))
    assert (nowhere.exit_code, "out_unwritable" in nowhere.stderr) == (1, True)
    assert voc("analyze", str(good), "--map", "source=x").exit_code == 2


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "parts").write_text("", "utf-8")
    with pytest.raises(Conflict) as caught:
        bulk.write(iter(()), tmp_path / "parts", "jsonl", folder=True, progress=lambda _: None)
    assert caught.value.code == "out_not_empty"
