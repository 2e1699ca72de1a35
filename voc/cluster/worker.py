"""On a worker: the client's pipeline, opened once in a process, and a task done by it."""

from __future__ import annotations

import pickle
import threading
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

from voc import __version__
from voc.errors import Conflict, VocError
from voc.pipeline import Instance, Pipeline
from voc.settings import Settings


@dataclass(frozen=True, slots=True)
class Recipe:
    """What goes along to the workers, which see neither the database nor the files of the client.

    Attributes:
        organization: content of ``organization.toml``.
        instance: the installation's own topics and heads.
        models: folder of the model files; None for the one that the worker's own settings name.
    """

    organization: bytes
    instance: Instance
    review_below: float | None
    must_assign_topic: bool
    models: Path | None = None

    @classmethod
    def of(cls, settings: Settings, instance: Instance, *, same_machine: bool) -> Recipe:
        """What a process with these settings works by; paths mean something on the same machine only."""
        return cls(
            settings.organization.read_bytes(), instance, settings.review_below, settings.must_assign_topic,
            settings.models if same_machine else None,
        )  # fmt: skip

    def open(self) -> Pipeline:
        """The pipeline from the worker's own installation.

        The encoder takes one thread, since a worker has its tasks side by side, unless
        ``VOC_ENCODER_THREADS`` says otherwise there.
        """
        own = Settings.from_environment()
        with TemporaryDirectory() as folder:
            organization = Path(folder) / "organization.toml"
            organization.write_bytes(self.organization)
            settings = own.model_copy(
                update={
                    "models": self.models or own.models,
                    "organization": organization,
                    "review_below": self.review_below,
                    "must_assign_topic": self.must_assign_topic,
                    "encoder_threads": own.encoder_threads or 1,
                }
            )
            return Pipeline.open(settings, self.instance)


@dataclass(frozen=True, slots=True, repr=False)
class Parcel:
    """Pickled work. What Dask logs of a task that fails may hold its arguments: they say nothing of it."""

    content: bytes

    def __repr__(self) -> str:
        """Its size alone."""
        return f"Parcel({len(self.content)} bytes)"


class TaskFailed(Exception):  # noqa: N818  # named for what happened
    """A task raised an error that is none of ours, whose name alone is said here: its message, which Dask
    would log, may repeat what it was given."""


class OpenedPipeline(WorkerPlugin):
    """Holds the pipeline of one session on one worker.

    The scheduler gives a plugin to workers that join later too, and keeps it when all workers are lost, which
    scattered data would not survive.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def setup(self, worker: Worker) -> None:  # noqa: ARG002  # the plugin's contract
        """Called by the worker; opens nothing yet."""
        self._lock = threading.Lock()
        self._pipeline: Pipeline | None = None

    def pipeline(self) -> Pipeline:
        """The pipeline; the first caller opens it while the others wait."""
        with self._lock:
            if self._pipeline is None:
                self._pipeline = self._recipe.open()
            return self._pipeline


def versions(session: str, dask_worker: Worker) -> tuple[str, str]:
    """Versions of voc and of the pipeline of the worker that is asked."""
    plugin: OpenedPipeline = dask_worker.plugins[session]  # type: ignore[assignment]
    return __version__, plugin.pipeline().version


def done(session: str, expected: tuple[str, str], work: Parcel) -> Any:
    """The result of one task.

    Args:
        expected: versions of the client's voc and pipeline.
        work: pickled function of a pipeline and an item, and the item: the scheduler carries it unread.

    Raises:
        Conflict: ``cluster_version_differs`` if the worker joined later with another pipeline.
        VocError: that of the task.
        TaskFailed: in place of any other error of the task.
    """
    worker = get_worker()
    found = versions(session, worker)
    if found != expected:
        raise differs(worker.address, found, expected)
    pipeline = worker.plugins[session].pipeline()  # type: ignore[attr-defined]
    try:
        # Whoever reaches the scheduler may run anything: docs/scale.md says where it may be reached from.
        task, item = pickle.loads(work.content)  # noqa: S301
        return task(pipeline, item)
    except VocError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a task may raise
        failed = TaskFailed(type(error).__name__).with_traceback(error.__traceback__)
    raise failed  # here, so that the error it stands for does not go along as its context


def differs(address: str, found: tuple[str, str], expected: tuple[str, str]) -> Conflict:
    """The error of a worker that would say something else than the client."""
    return Conflict(
        "cluster_version_differs",
        f"worker {address} has voc {found[0]} with pipeline {found[1]}, "
        f"here is voc {expected[0]} with pipeline {expected[1]}; install the same version and models there",
    )
