"""The client's side of a Dask cluster: it hands out tasks and takes their results in order."""

from __future__ import annotations

import logging
import pickle
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from voc import __version__
from voc.errors import InvalidInput, SettingsError, Unavailable, VocError
from voc.pipeline import Instance, Pipeline
from voc.settings import Settings

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

#: The address that stands for a cluster of this machine, one process per core.
LOCAL = "local"
#: Seconds in which the scheduler must answer, and then in which a first worker must be there.
CONNECT_S = 5.0
#: Seconds for which a task may wait while there is no worker at all.
PATIENCE_S = 60.0
#: Tasks that are on their way for each thread of a worker: one that it does, one that it has next.
AHEAD = 2


class Cluster:
    """Workers that have the same pipeline as the client."""

    def __init__(self, client: Client, session: str, expected: tuple[str, str]) -> None:
        self._client = client
        self._session = session
        self._expected = expected

    @property
    def workers(self) -> dict[str, int]:
        """Threads of each worker by its address, as of now."""
        try:
            return dict(self._client.nthreads())
        except OSError as error:
            raise Unavailable("cluster_lost", f"the scheduler is gone: {error}") from error

    def map(
        self,
        task: Callable[[Pipeline, T], R],
        items: Iterable[T],
        name: Callable[[int, T], str] = lambda number, _: f"partition {number}",
    ) -> Iterator[R]:
        """One result per item, same order; only a few items are on their way at any time.

        A task whose worker dies is done by another. It must be pure, and a function that workers can import.

        Args:
            name: how an error calls an item, by its number, which is counted from 1, and itself.

        Raises:
            VocError: that of a task; ``partition_failed`` if it raises another, which is named without its
                message, or if every worker that took it died (more than
                Dask's ``distributed.scheduler.allowed-failures``, which is 3).
            Unavailable: ``cluster_lost`` or ``cluster_empty``.
            Conflict: ``cluster_version_differs`` by a worker that joined later.
        """
        waiting: deque[tuple[str, Future[R]]] = deque()
        try:
            for number, item in enumerate(items, start=1):
                while len(waiting) >= self._window():
                    yield self._result(*waiting.popleft())
                waiting.append((name(number, item), self._submit(task, item)))
            while waiting:
                yield self._result(*waiting.popleft())
        finally:
            self._client.cancel([future for _, future in waiting])

    def _window(self) -> int:
        return AHEAD * max(1, sum(self.workers.values()))

    def _submit(self, task: Callable[[Pipeline, T], R], item: T) -> Future[R]:
        from voc.cluster.worker import Parcel, done

        work = Parcel(pickle.dumps((task, item), pickle.HIGHEST_PROTOCOL))
        return self._client.submit(done, self._session, self._expected, work, pure=False)

    def _result(self, name: str, future: Future[R]) -> R:
        """Waits as long as there are workers: a result that was lost with one is made again."""
        while True:
            try:
                return future.result(timeout=PATIENCE_S)
            except VocError:
                raise
            except CancelledError as error:
                raise Unavailable("cluster_lost", f"{name}: the scheduler is gone: {error}") from error
            except Exception as error:
                if isinstance(error, TimeoutError) and future.status != "error":
                    if not self.workers:
                        raise Unavailable("cluster_empty", f"{name} waits: all workers are gone") from error
                    continue
                # no context: whoever prints it would print the message of the error too
                raise VocError("partition_failed", f"{name}: {_kind(error)}") from None


def _kind(error: Exception) -> str:
    """What an error is called: its message may repeat what the task was given, unless it is Dask's own."""
    from distributed import KilledWorker

    from voc.cluster.worker import TaskFailed

    if isinstance(error, KilledWorker):
        return f"KilledWorker: {error}"
    return str(error) if isinstance(error, TaskFailed) else type(error).__name__


def require_dask() -> None:
    """Says what to install before anything is opened.

    Raises:
        SettingsError: ``cluster_not_installed``.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise SettingsError(
            "cluster_not_installed", "Dask is not installed here; install it with: pip install 'voc[cluster]'"
        ) from None


@contextmanager
def opened(address: str, settings: Settings, instance: Instance, version: str) -> Iterator[Cluster]:
    """A cluster whose workers all have the client's pipeline.

    Args:
        address: of a scheduler, such as ``tcp://10.0.0.7:8786``, or ``local`` for one process per core here.
        instance: the installation's own topics and heads.
        version: of the client's pipeline.

    Raises:
        SettingsError: ``cluster_not_installed``.
        InvalidInput: ``cluster_address_invalid``.
        Unavailable: ``cluster_unreachable`` or ``cluster_empty``.
        Conflict: ``cluster_version_differs``.
        VocError: ``cluster_worker_unfit`` if voc cannot be opened on a worker.
    """
    require_dask()
    import dask

    from voc.cluster.worker import OpenedPipeline, Recipe

    with ExitStack() as stack:
        # A page of history with its vectors is larger than what Dask expects in a task.
        stack.enter_context(dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}))
        client = stack.enter_context(_local() if address == LOCAL else _connected(address))
        session, expected = f"voc-{uuid.uuid4().hex}", (__version__, version)
        recipe = Recipe.of(settings, instance, same_machine=address == LOCAL)
        _wait_for_a_worker(client, address)
        try:
            client.register_plugin(OpenedPipeline(recipe), name=session)
        except Exception as error:
            raise VocError(
                "cluster_worker_unfit", f"a worker cannot load voc: {type(error).__name__}: {error}"
            ) from error
        stack.callback(_forget, client, session)
        _compare(client, session, expected)
        yield Cluster(client, session, expected)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    if "://" not in address:
        raise InvalidInput(
            "cluster_address_invalid", f"must be local or such as tcp://host:8786, got {address!r}", "dask"
        )
    _quieten()
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except ValueError as error:
        raise InvalidInput("cluster_address_invalid", f"{address!r}: {error}", "dask") from None
    except OSError as error:
        raise Unavailable("cluster_unreachable", f"no scheduler answers at {address}: {error}") from None
    with client:
        yield client


@contextmanager
def _local() -> Iterator[Client]:
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    _quieten()
    with (
        LocalCluster(
            n_workers=CPU_COUNT, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):  # fmt: skip
        yield client


def _quieten() -> None:
    """Dask logs what we say ourselves, such as a connection that broke."""
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _wait_for_a_worker(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        raise Unavailable("cluster_empty", f"the scheduler at {address} has no worker") from None


def _compare(client: Client, session: str, expected: tuple[str, str]) -> None:
    """Refuses workers that would say something else; opens the pipeline on each on the way."""
    from voc.cluster.worker import differs, versions

    found: dict[str, Any] = client.run(versions, session, on_error="return")
    for address, version in found.items():
        if isinstance(version, Exception):
            raise VocError(
                "cluster_worker_unfit",
                f"worker {address} cannot open voc: {type(version).__name__}: {version}",
            )
        if version != expected:
            raise differs(address, version, expected)


def _forget(client: Client, session: str) -> None:
    """Lets the workers close the pipeline; nobody minds if the scheduler is gone."""
    with suppress(OSError, TimeoutError):
        client.unregister_worker_plugin(session)
