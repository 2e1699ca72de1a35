"""The command line on real files, with its exit statuses."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from voc import __version__
from voc.cli import main
from voc.cli.shared import Group, the_user
from voc.pipeline import Pipeline, PipelineHolder
from voc.settings import Settings, bundled
from voc.store import Filter, Store

ROWS = [
    {
        "text": "Giao hàng trễ ba ngày không báo",
        "external_id": "1",
        "source": "s",
        "occurred_at": "2026-11-02",
    },
    {
        "text": "app lỗi hoài không đăng nhập được",
        "external_id": "2",
        "source": "s",
        "occurred_at": "2026-11-03",
    },
    {
        "text": "The refund has not arrived yet",
        "external_id": "3",
        "source": "t",
        "occurred_at": "2026-11-09",
    },
]


@pytest.fixture(autouse=True)
def _shipped(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session's pipeline, so that the models are not opened once a test."""
    monkeypatch.setattr(PipelineHolder, "get", lambda _self: pipeline)


@pytest.fixture
def voc(tmp_path: Path):
    def run(*arguments: str, text: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, ["--db", str(tmp_path / "cli.db"), *arguments], input=text)

    return run


@pytest.fixture
def filled(voc, tmp_path: Path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    result = voc("ingest", str(file), "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (
        0,
        {"created": 3, "exists": 0, "bad": 0, "queued": 0},
    )
    return voc


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_version_and_init(voc) -> None:
    assert voc("--version").stdout == f"voc, version {__version__}\n"
    assert voc("init").exit_code == 0
    assert voc("init").stdout == "up to date\n"


def test_analyze_answers_line_for_line(voc) -> None:
    given = "\n".join(
        [
            json.dumps({"id": "a", "text": ROWS[0]["text"], "label": "ignored"}),
            "{broken",
            json.dumps({"text": ""}),
            "",
            json.dumps({"id": 7, "text": "ok"}),
            json.dumps({"id": "n"}),
            '{"text": NaN}',
        ]
    )
    result = voc("analyze", text=given + "\n")
    out = lines(result)
    assert result.exit_code == 1
    assert [row["id"] for row in out] == ["a", "2", "3", "4", "7", "n", "7"]
    assert [row["error"]["code"] if "error" in row else None for row in out] == [
        None, "json_invalid", "text_empty", "json_invalid", None, "text_missing", "json_invalid",
    ]  # fmt: skip
    assert out[0]["owner"] == "logistics"
    assert out[0]["segments"][0]["text"] == ROWS[0]["text"]


def test_analyze_succeeds_on_good_lines(voc, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS * 100), "utf-8")
    result = voc("analyze", str(file))
    assert result.exit_code == 0
    assert len(lines(result)) == 300
    assert lines(result)[299]["id"] == "300"


def test_analyze_keeps_nothing(voc, tmp_path: Path) -> None:
    voc("analyze", text='{"text": "ok"}\n')
    assert not (tmp_path / "cli.db").exists()


def test_ingest_names_bad_rows_and_keeps_good_ones(voc, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes("Nội dung;nps\ngiao chậm quá;3\n;4\ntốt lắm;99\n".encode("utf-8-sig"))
    result = voc("ingest", str(file), "--map", "text=Nội dung", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"created": 1, "exists": 0, "bad": 2, "queued": 0}
    assert "row 3: text: text_empty" in result.stderr
    assert "row 4: scores.nps: field_invalid" in result.stderr


def test_ingest_again_adds_nothing(filled, tmp_path: Path) -> None:
    result = filled("ingest", str(tmp_path / "rows.jsonl"), "--json")
    assert json.loads(result.stdout) == {"created": 0, "exists": 3, "bad": 0, "queued": 0}


def test_search_and_trends(filled) -> None:
    found = json.loads(filled("search", "dang nhap", "--json").stdout)
    assert [row["feedback"]["external_id"] for row in found] == ["2"]
    assert "digital" in filled("search", "đăng nhập").stdout
    points = json.loads(filled("trends", "--by", "department", "--json").stdout)
    assert sum(point["count"] for point in points) == 3
    assert {point["period"] for point in points} == {"2026-11-02", "2026-11-09"}


def test_topics(filled) -> None:
    rows = json.loads(filled("topics", "list", "--json").stdout)
    assert rows[0]["count"] >= 1
    assert json.loads(filled("topics", "show", "delivery-late", "--json").stdout)["count"] == 1
    missing = filled("topics", "show", "nothing")
    assert (missing.exit_code, "topic_unknown" in missing.stderr) == (1, True)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_export(filled, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"out.{ending}"
    assert filled("export", str(file)).stdout == f"{file}: 3 feedback\n"
    if ending == "csv":
        with file.open(encoding="utf-8-sig", newline="") as opened:
            owners = [row["owner"] for row in csv.DictReader(opened)]
    elif ending == "jsonl":
        owners = [json.loads(line)["analysis"]["owner"] for line in file.read_text("utf-8").splitlines()]
    else:
        owners = pq.read_table(file)["owner"].to_pylist()
    assert owners == ["finance", "digital", "logistics"]


def test_reclassify_says_what_would_move(filled, pipeline: Pipeline, monkeypatch) -> None:
    assert json.loads(filled("reclassify", "--json").stdout)["rows"] == 0
    monkeypatch.setattr(pipeline, "version", "2099.01-cccccc")
    dry = json.loads(filled("reclassify", "--dry-run", "--json").stdout)
    assert (dry["dry_run"], dry["rows"], dry["encoded"], dry["owners_moved"]) == (True, 3, 0, [])
    assert json.loads(filled("reclassify", "--source", "s", "--json").stdout)["rows"] == 2
    assert json.loads(filled("reclassify", "--json").stdout)["rows"] == 1


def test_runs_are_told_in_the_words_of_reclassify(filled, pipeline: Pipeline, monkeypatch) -> None:
    doubtful = Pipeline.open(Settings(review_below=1.0), reader=pipeline.reader)
    monkeypatch.setattr(PipelineHolder, "get", lambda _self: doubtful)
    done = json.loads(filled("reclassify", "--json").stdout)
    assert done["statuses_moved"] == [{"from": "routed", "to": "review", "count": 3}]
    (run,) = json.loads(filled("runs", "list", "--json").stdout)
    assert (run["run"], run["state"], run["rows"]) == (1, "finished", 3)
    assert run["change"] == {name: done[name] for name in run["change"]}
    assert list(run["change"]) == [
        "rows", "encoded", "corrections_kept", "owners_moved", "departments", "sentiments_moved",
        "statuses_moved", "topics_moved",
    ]  # fmt: skip
    back = json.loads(filled("reclassify", "--rollback", "1", "--json").stdout)
    assert (back["state"], back["change"]) == ("rolled_back", run["change"])


def test_reclassify_since_a_day(filled, pipeline: Pipeline, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "version", "2099.01-cccccc")
    for since, rows in (("2026-11-10", 0), ("2026-11-09", 1), ("2026-11-3", 2)):
        dry = json.loads(filled("reclassify", "--dry-run", "--since", since, "--json").stdout)
        assert dry["rows"] == rows
    for since in ("01/05/2026", "2026-13-01", "2026-11-09T08:00:00Z", ""):
        refused = filled("reclassify", "--dry-run", "--since", since)
        assert (refused.exit_code, "--since" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ("topics", "undo"),
        ("topics", "undo", "1"),
        ("topics", "diff", "--proposal"),
        ("topics", "accept", "--all", "--proposal"),
        ("topics", "reject", "--all", "--proposal"),
        ("corrections", "withdraw"),
        ("reclassify", "--rollback"),
        ("runs", "prune", "--keep"),
    ],
)
@pytest.mark.parametrize("number", [str(2**63), str(2**64), "-1"])
def test_numbers_that_the_database_cannot_hold_are_wrong_use(
    voc, command: tuple[str, ...], number: str
) -> None:
    result = voc(*command, number)
    assert result.exit_code == 2
    assert number == "-1" or "is not in the range" in result.stderr


def test_the_greatest_number_is_only_unknown(voc) -> None:
    for command in (("topics", "undo"), ("corrections", "withdraw"), ("reclassify", "--rollback")):
        result = voc(*command, str(2**63 - 1))
        assert (result.exit_code, "_unknown" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    "command",
    [
        ("topics", "retire", "packaging"),
        ("models", "rollback"),
        ("corrections", "withdraw", "1"),
        ("learn",),
    ],
)
@pytest.mark.parametrize("by", ["", "  ", "x" * 201, "\udc80", "a\0"])
def test_who_decides_must_be_text(voc, command: tuple[str, ...], by: str) -> None:
    result = voc(*command, "--by", by)
    assert result.exit_code == 2
    assert "Invalid value for '--by': must be text of 1 to 200 characters" in result.stderr


def test_why_must_be_text(voc) -> None:
    for command in (("topics", "retire", "packaging"), ("models", "rollback"), ("correct", "1", "--confirm")):
        result = voc(*command, "--reason", "x" * 2_001)
        assert (result.exit_code, "'--reason': must be text of 1 to 2,000" in result.stderr) == (2, True)


def test_who_decides_is_the_user_or_unknown(voc, monkeypatch) -> None:
    def author(*more: str) -> str:
        done = voc("topics", "move", "packaging", "--department", "care", "--json", *more)
        assert done.exit_code == 0, done.output
        name = str(json.loads(done.stdout)["author"])
        assert voc("topics", "move", "packaging", "--back", "--by", "x").exit_code == 0
        return name

    monkeypatch.setenv("LOGNAME", "lan")
    assert (author(), author("--by", " x" + "y" * 199 + " ")) == ("lan", "x" + "y" * 199)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)  # a user that no list of users names
    assert (the_user(), author()) == ("unknown", "unknown")


def test_a_database_that_fails_is_one_line(filled, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "cli.db")) as other:
        other.execute("DROP TABLE shown")
    result = filled("search", "giao hang")
    assert result.exit_code == 4
    assert result.stderr == "voc: store_unusable: the database cannot be used: no such table: shown\n"


def test_a_database_that_is_held_is_busy(tmp_path: Path) -> None:
    store = Store(tmp_path / "held.db", busy_timeout_ms=1)
    store.prepare()

    @click.group(cls=Group)
    def tool() -> None:
        pass

    @tool.command()
    def write() -> None:
        store.release_holder("nobody")

    @tool.command()
    def fail() -> None:
        raise ValueError("a mistake of ours")

    with closing(sqlite3.connect(tmp_path / "held.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        held = CliRunner().invoke(tool, ["write"])
    assert held.exit_code == 4
    assert held.stderr.startswith("voc: store_busy: the database cannot take this now; try again")
    assert CliRunner().invoke(tool, ["write"]).exit_code == 0
    assert isinstance(CliRunner().invoke(tool, ["fail"]).exception, ValueError)
    store.close()


def test_demo_fills_the_database_once(voc, tmp_path: Path, monkeypatch) -> None:
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    row = {
        "id": "d-1", "group": "d-1", "text": ROWS[0]["text"], "channel": "survey", "sector": "telecom",
        "sentiment": "negative",
    }  # fmt: skip
    story = (bundled("corpora") / "story.toml").read_text("utf-8").partition("\n[[threads]]")[0]
    (corpora / "story.toml").write_text(f"threads = []\n{story}\n", "utf-8")
    (corpora / "feedback.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    monkeypatch.setattr("voc.cli.service.bundled", lambda name: tmp_path / name)
    assert "1 new, 0 already there" in voc("demo", "--no-serve", "--until", "2026-11-22").stdout
    assert "0 new, 1 already there" in voc("demo", "--no-serve").stdout
    (found,) = json.loads(voc("search", "giao hang tre", "--json").stdout)
    assert found["feedback"]["external_id"] == "background-d-1"
    assert "2026-08-03" <= found["feedback"]["occurred_at"] < "2026-11-23"


def test_demo_keeps_off_a_database_that_somebody_works_with(voc, tmp_path: Path, feedback) -> None:
    store = Store(tmp_path / "cli.db")
    store.prepare()
    store.add([feedback("a", "giao trễ")], holder="t", lease_s=60)
    done = voc("demo", "--no-serve")
    assert done.exit_code == 1
    assert "demo_elsewhere" in done.stderr
    assert store.count(Filter()) == 1
    store.close()


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["--models", "/nowhere", "topics", "list"], 3, "manifest_missing"),
        (["--db", "/dev/null/x.db", "init"], 4, "store_unusable"),
        (["--organization", "/nowhere.toml", "analyze"], 2, "organization_missing"),
    ],
)
def test_exit_statuses(arguments: list[str], status: int, code: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)  # the database that is used by default lies here
    result = CliRunner().invoke(main, arguments, input='{"text": "ok"}\n')
    assert (result.exit_code, code in result.stderr) == (status, True)


def test_an_unknown_setting_is_refused() -> None:
    result = CliRunner().invoke(main, ["init"], env={"VOC_COLOUR": "red"})
    assert result.exit_code == 2
    assert "setting_unknown" in result.stderr
