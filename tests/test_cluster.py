"""A real scheduler and real worker processes on loopback: killed ones cost no row, others are refused."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from voc import bulk
from voc import registry as topics
from voc.cli import main
from voc.cluster import Cluster, opened
from voc.errors import Conflict, InvalidInput, Unavailable, VocError
from voc.history import judged
from voc.pipeline import Instance, Pipeline, PipelineHolder
from voc.records import Feedback
from voc.services import Services
from voc.settings import Settings
from voc.store import Filter

TEXTS = (
    "giao hàng chậm quá, gọi tổng đài không ai nghe", "app lỗi hoài không đăng nhập được", "😍",
    "shop giao trễ ba ngày", "the parcel arrived late again", "nhân viên thô lỗ", "giao hàng trễ, hàng móp",
    "phí chuyển khoản cao", "ship lâu, shipper cọc cằn",
)  # fmt: skip
ROWS = tuple(bulk.BulkRow(str(i), TEXTS[i % len(TEXTS)]) for i in range(24))


class Dask:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[tuple[subprocess.Popen[str], threading.Thread]] = []
        self.workers: list[subprocess.Popen[str]] = []
        self.scheduler, line = self._start("Scheduler at:", "scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = line.split()[-1]

    def _start(self, sign: str, *arguments: str) -> tuple[subprocess.Popen[str], str]:
        """Starts a process and returns when it has said that it is there."""
        settings = {
            # A task may lose two workers before it is given up, and workers find this module.
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
            "PYTHONPATH": str(Path(__file__).parent),
            "OMP_NUM_THREADS": "1",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | settings,
        )  # fmt: skip
        assert process.stderr is not None
        said = ""
        while sign not in said:
            said = process.stderr.readline()
            assert said, f"dask {arguments[0]} ended before it was ready"
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        self.started.append((process, drain))
        return process, said

    def with_workers(self, number: int) -> Dask:
        """The same with so many workers that live."""
        self.workers = [one for one in self.workers if one.poll() is None]
        while len(self.workers) < number:
            worker, _ = self._start(
                "Registered to:", "worker", self.address, "--nthreads", "1", "--no-nanny",
                "--host", "127.0.0.1", "--local-directory", str(self.folder),
            )  # fmt: skip
            self.workers.append(worker)
        return self

    def lost(self) -> int:
        """How many workers were killed."""
        return sum(worker.poll() == -signal.SIGKILL for worker in self.workers)

    def stop(self) -> None:
        """Ends all of them."""
        for process, drain in reversed(self.started):
            process.kill()
            process.wait()
            drain.join()
            assert process.stderr is not None
            process.stderr.close()


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A scheduler that has no worker yet."""
    running = Dask(tmp_path_factory.mktemp("dask"))
    yield running
    running.stop()


@pytest.fixture
def two(dask: Dask) -> Dask:
    """The scheduler with two workers that live."""
    return dask.with_workers(2)


def cluster_of(dask: Dask, pipeline: Pipeline) -> AbstractContextManager[Cluster]:
    """The cluster as a client without a database opens it."""
    return opened(dask.address, Settings(), Instance(), pipeline.version)


# ---- tasks: workers import them from here


def killed_once(marker: str, chosen: Callable[[Any], bool], task: Any, pipeline: Pipeline, item: Any) -> Any:
    """Kills its own worker, the first time that a chosen item is done anywhere."""
    if chosen(item):
        try:
            Path(marker).touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return task(pipeline, item)


def at_ten(partition: bulk.Partition) -> bool:
    return partition.start == 10


def with_f4(page: Any) -> bool:
    return any(row.id == "f4" for row in page)


def poisonous(_: Pipeline, partition: bulk.Partition) -> int:
    """Kills every worker that takes the first partition."""
    if partition.start == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return partition.start


def failing(_: Pipeline, partition: bulk.Partition) -> int:
    if at_ten(partition):
        raise ZeroDivisionError("nothing to share")
    return partition.start


def repeating(_: Pipeline, partition: bulk.Partition) -> int:
    """Fails as a library does that repeats what it was given."""
    raise ValueError(f"cannot read {partition.rows[0].text!r}")


def refusing(_: Pipeline, partition: bulk.Partition) -> int:
    raise InvalidInput("text_empty", "nothing there", f"items[{partition.start}]")


def counted(pipeline: Pipeline, number: int) -> tuple[int, str]:
    return number * number, pipeline.version


# ---- a lost worker


def test_a_killed_worker_costs_no_row_and_doubles_none(two: Dask, pipeline: Pipeline, tmp_path: Path) -> None:
    task = bulk.part_of("jsonl")
    partitions = list(bulk.partitions(ROWS, 5))
    here = [task(pipeline, one) for one in partitions]
    with cluster_of(two, pipeline) as cluster:
        assert len(cluster.workers) == 2
        deadly = partial(killed_once, str(tmp_path / "killed"), at_ten, task)
        there = list(cluster.map(deadly, partitions, bulk.name_of))
        assert len(cluster.workers) == 1
    assert two.lost() == 1
    assert there == here
    lines = b"".join(part.content for part in there).decode().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [row.id for row in ROWS]


def test_history_is_judged_whole_though_a_worker_is_killed(
    two: Dask, services: Services, feedback: Callable[..., Feedback], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("voc.history.PAGE", 2)
    services.worklist.submit([feedback(f"f{i}", text) for i, text in enumerate(TEXTS)])
    known = services.pipelines.get().topics.registry
    services.store.topics.make(topics.move(known, "delivery-late", "sales"), known, author="lan")
    now = services.pipelines.get()
    here = services.history.try_out(Filter())
    deadly = partial(killed_once, str(tmp_path / "killed"), with_f4, judged)
    with opened(two.address, services.settings, services.instance(), now.version) as cluster:
        run, change = services.history.run(Filter(), judge=partial(cluster.map, deadly))
    assert two.lost() == 1
    assert run is not None
    assert (run.state, run.rows, change.rows, change.encoded) == ("finished", 9, 9, 0)
    assert change.as_dict() == here.as_dict()
    said = now.analyze([f"f{i}" for i in range(9)], TEXTS)
    kept = {one.feedback.id: one.analysis for one in services.store.every(Filter())}
    assert {key: (one.pipeline, one.owner) for key, one in kept.items() if one} == {
        one.id: (now.version, one.owner) for one in said
    }
    assert kept["f3"] is not None
    assert kept["f3"].owner == "sales"  # what a person decided reached the workers


def test_a_partition_that_kills_every_worker_is_named(two: Dask, pipeline: Pipeline) -> None:
    with cluster_of(two, pipeline) as cluster, pytest.raises(VocError) as caught:
        list(cluster.map(poisonous, bulk.partitions(ROWS, 5), bulk.name_of))
    assert caught.value.code == "partition_failed"
    assert caught.value.message.startswith("partition 1 (rows 1 to 5): KilledWorker: ")
    assert two.lost() == 2


# ---- order, memory, errors of a task


def test_results_come_in_order_and_few_are_on_their_way(two: Dask, pipeline: Pipeline) -> None:
    taken = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        for number in range(30):
            taken += 1
            yield number

    ahead, results = [], []
    with cluster_of(two, pipeline) as cluster:
        for result in cluster.map(counted, numbers()):
            results.append(result)
            ahead.append(taken - len(results))
    assert results == [(number * number, pipeline.version) for number in range(30)]
    assert max(ahead) == 4  # two for each worker


def test_an_error_names_its_partition(two: Dask, pipeline: Pipeline) -> None:
    with cluster_of(two, pipeline) as cluster:
        with pytest.raises(VocError) as caught:
            list(cluster.map(failing, bulk.partitions(ROWS, 5)))
        assert caught.value.code == "partition_failed"
        assert caught.value.message == "partition 3: ZeroDivisionError"
        with pytest.raises(InvalidInput) as refused:
            list(cluster.map(refusing, bulk.partitions(ROWS, 5)))
        assert refused.value.body() == {
            "code": "text_empty", "message": "nothing there", "field": "items[0]",
        }  # fmt: skip
        assert list(cluster.map(counted, [3])) == [(9, pipeline.version)]


def test_what_a_task_is_given_stands_in_no_log_and_no_error(two: Dask, pipeline: Pipeline) -> None:
    from distributed import Client

    text = "card number 4929 was charged twice"
    rows = [bulk.BulkRow("r1", text), bulk.BulkRow("r2", text)]
    with cluster_of(two, pipeline) as cluster, pytest.raises(VocError) as caught:
        list(cluster.map(repeating, bulk.partitions(rows, 2), bulk.name_of))
    assert caught.value.body() == {
        "code": "partition_failed", "message": "partition 1 (rows 1 to 2): ValueError", "field": None,
    }  # fmt: skip
    assert text not in "".join(traceback.format_exception(caught.value))
    with Client(two.address, set_as_default=False) as client:
        logs = [line for lines in client.get_worker_logs().values() for _, line in lines]
    failed = [line for line in logs if "Compute Failed" in line and "TaskFailed('ValueError')" in line]
    assert len(failed) == 1
    assert "in repeating" in failed[0]  # where it failed may be told
    assert not [line for line in logs if "4929" in line]


def test_a_parcel_says_its_size_alone() -> None:
    from voc.cluster.worker import Parcel

    parcel = Parcel(pickle.dumps(("the parcel arrived late again",)))
    assert b"arrived late" in parcel.content
    assert repr(parcel) == f"Parcel({len(parcel.content)} bytes)"
    assert b"arrived late" not in repr(("session", parcel)).encode()


# ---- who is taken for a cluster


def test_workers_with_another_pipeline_are_refused(two: Dask, pipeline: Pipeline) -> None:
    with pytest.raises(Conflict) as caught, opened(two.address, Settings(), Instance(), "2026.11-000000"):
        pass
    assert caught.value.code == "cluster_version_differs"
    assert f"pipeline {pipeline.version}," in caught.value.message
    assert "pipeline 2026.11-000000;" in caught.value.message


def test_settings_that_change_what_is_said_reach_the_workers(two: Dask, tmp_path: Path) -> None:
    words = (
        Settings().organization.read_text("utf-8").replace('key = "care"', 'key = "kh"\ncovers = ["care"]')
    )
    own = tmp_path / "organization.toml"
    own.write_text(words, "utf-8")
    settings = Settings(organization=own, review_below=0.99)
    mine = Pipeline.open(settings)
    with opened(two.address, settings, Instance(), mine.version) as cluster:
        (part,) = cluster.map(bulk.part_of("jsonl"), bulk.partitions(ROWS[:9]))
    assert part == bulk.part_of("jsonl")(mine, next(bulk.partitions(ROWS[:9])))
    assert '"kh"' in part.content.decode()


def test_a_session_leaves_nothing_on_the_workers(two: Dask, pipeline: Pipeline) -> None:
    from distributed import Client

    with Client(two.address, set_as_default=False) as client:
        before = client.run(lambda dask_worker: sorted(dask_worker.plugins))
        with cluster_of(two, pipeline):
            during = client.run(lambda dask_worker: sorted(dask_worker.plugins))
        after = client.run(lambda dask_worker: sorted(dask_worker.plugins))
    assert [len(during[one]) - len(before[one]) for one in before] == [1, 1]
    assert after == before


def test_a_scheduler_without_workers_is_no_cluster(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("voc.cluster.client.CONNECT_S", 1.0)
    lonely = Dask(tmp_path)
    try:
        with pytest.raises(Unavailable) as caught, opened(lonely.address, Settings(), Instance(), "v"):
            pass
    finally:
        lonely.stop()
    assert caught.value.code == "cluster_empty"


def test_an_address_where_nobody_answers(voc: Callable[..., Any]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = voc("analyze", "--dask", f"tcp://127.0.0.1:{port}", text='{"text": "ok"}\n')
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"voc: cluster_unreachable: no scheduler answers at tcp://127.0.0.1:{port}" in result.stderr


def test_an_address_that_is_none(voc: Callable[..., Any]) -> None:
    result = voc("analyze", "--dask", "machine-7", text='{"text": "ok"}\n')
    assert (result.exit_code, result.stdout) == (1, "")
    assert "voc: cluster_address_invalid: must be local or such as tcp://host:8786" in result.stderr


def test_without_the_extra_the_command_says_what_to_install() -> None:
    script = "import sys; sys.modules['distributed'] = None; from voc.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "analyze", "--dask", "local"],
        input='{"text": "ok"}\n', capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "cluster_not_installed" in done.stderr
    assert "pip install 'voc[cluster]'" in done.stderr


# ---- the commands


@pytest.fixture
def voc(tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command line with the session's pipeline."""
    monkeypatch.setattr(PipelineHolder, "get", lambda _self: pipeline)

    def run(*arguments: str, text: str | None = None) -> Any:
        return CliRunner().invoke(main, ["--db", str(tmp_path / "cli.db"), *arguments], input=text)

    return run


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_analyze_says_on_a_cluster_what_it_says_here(
    two: Dask, voc: Callable[..., Any], tmp_path: Path, ending: str
) -> None:
    given = "\n".join(json.dumps({"id": row.id, "text": row.text}) for row in ROWS) + "\n{broken\n"
    at = ["--dask", two.address, "--partition-rows", "4", "--out-format", ending]
    file = tmp_path / "in.jsonl"
    file.write_text(given, "utf-8")
    there = voc("analyze", str(file), *at, "--out", str(tmp_path / "there"))
    here = voc("analyze", str(file), "--out", str(tmp_path / "here"), "--out-format", ending)
    assert (there.exit_code, here.exit_code) == (1, 1)
    assert there.stdout == f"{tmp_path / 'there'}: 25 rows, 1 of them bad\n"
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    assert b"json_invalid" in (tmp_path / "there").read_bytes()


def test_reclassify_on_a_cluster(two: Dask, services: Services, feedback: Callable[..., Feedback]) -> None:
    services.worklist.submit([feedback(f"f{i}", text) for i, text in enumerate(TEXTS)])
    known = services.pipelines.get().topics.registry
    services.store.topics.make(topics.move(known, "delivery-late", "sales"), known, author="lan")
    command = ["--db", str(services.settings.db), "reclassify", "--dask", two.address, "--json"]
    dry = json.loads(CliRunner().invoke(main, [*command, "--dry-run"]).stdout)
    done = json.loads(CliRunner().invoke(main, command).stdout)
    assert (done["run"], done["rows"], done["encoded"]) == (1, 9, 0)
    assert done | {"run": None, "dry_run": True} == dry
    assert services.history.left(Filter()) == 0


def test_a_cluster_of_this_machine(tmp_path: Path, pipeline: Pipeline) -> None:
    given = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
    done = subprocess.run(
        [sys.executable, "-m", "voc.cli", "--db", str(tmp_path / "no.db"), "analyze", "--dask", "local",
         "--partition-rows", "2"],
        input=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    here = bulk.part_of("jsonl")(pipeline, next(bulk.partitions(bulk.read_lines(given.splitlines()))))
    assert done.stdout.encode() == here.content
    assert done.stderr == ""
