"""Runs the application under gunicorn. The models are loaded in each worker before it takes requests."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from voc import logs, metrics
from voc.api.guard import is_loopback
from voc.app import Background, Voc, create_app
from voc.artefacts import Artefacts
from voc.errors import SettingsError, StoreError
from voc.process import is_dead
from voc.services import Services
from voc.settings import Settings
from voc.store import Store, Vitals

log = logging.getLogger(__name__)

#: Connections that the kernel keeps until a worker takes them. Behind these, clients cannot connect, which is
#: better than a long line that nobody sees.
BACKLOG = 128
#: Beginning of the name of the folder where the processes of one service count.
COUNTS = "voc-counts-"


class _Logs(Logger):  # type: ignore[misc]
    """gunicorn's own lines go where all go; requests are logged by the application."""

    def setup(self, cfg: Any) -> None:
        """Takes gunicorn's handlers away."""
        super().setup(cfg)
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with options handed over in code."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self._settings = settings
        self._options = options
        self._background: Background | None = None
        super().__init__()

    def load_config(self) -> None:
        """Takes the options over."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Voc:
        """The application of one worker, made after the fork: ONNX threads do not survive one."""
        app = create_app(self._settings, workers=self._options["workers"])
        app.extensions["voc"].pipelines.get()
        self._background = app.start_background()
        log.info("the worker is ready", extra={"worker": os.getpid()})
        return app

    def end(self) -> None:
        """A worker's last act, when its requests are answered: what runs beside them ends too."""
        if self._background is not None and not self._background.stop():
            log.warning("what ran in the background did not end in time; others will go on with it")


def check_host(settings: Settings, host: str) -> bool:
    """Whether the service, listening on ``host``, is open: to all of this machine and to nobody else.

    It is while the installation has neither keys nor people; then it may listen nowhere else.

    Raises:
        SettingsError: ``not_configured``.
    """
    store = Store(settings.db, settings.busy_timeout_ms)
    store.prepare()
    is_open = not store.people.any()
    store.close()  # a connection must not cross the fork
    if is_open and not is_loopback(host):
        raise SettingsError(
            "not_configured",
            f"there are no keys and no people, so the service may not listen on {host}: make the first key "
            "with `voc keys add --name NAME --scope admin` or the first person with "
            "`voc people add NAME --role admin`, or listen on 127.0.0.1",
            "host",
        )
    return is_open


def run(settings: Settings, *, host: str, port: int, workers: int, threads: int) -> None:
    """Serves until a signal ends it. SIGTERM lets requests finish, ends what runs beside them, and writes the
    log of the database back into it.

    Raises:
        SettingsError: see `check_host`.
        ArtefactError: a model file is missing or altered: it is named before anything is served.

    Args:
        workers: processes; the cores are shared out among their encoders.
        threads: requests that one process handles at a time; at least two more than `Settings.max_in_flight`,
            so that some are left to refuse requests and to say how the service is.
    """
    Artefacts(settings.models).check()
    check_host(settings, host)
    _check_instance(settings)
    if settings.encoder_threads == 0:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        settings = settings.model_copy(update={"encoder_threads": max(1, cores // workers)})
    options = {
        "bind": f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}",
        "workers": workers,
        "threads": max(threads, settings.max_in_flight + 2),
        "backlog": BACKLOG,
        "worker_class": "gthread",
        "timeout": int(settings.analysis_timeout_s) + 60,
        "graceful_timeout": int(settings.analysis_timeout_s) + 10,
        "proc_name": "voc",
        "control_socket_disable": True,
        # Whom to believe about where a request came from is said by `Settings.proxies` alone.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "logger_class": _Logs,
        "worker_exit": lambda _arbiter, worker: worker.app.end(),
        "child_exit": lambda _arbiter, worker: metrics.process_ended(worker.pid),
    }
    logs.configure(settings.log_format)
    with _counting_together(), _closing(settings.db):
        _Server(settings, options).run()


def _check_instance(settings: Settings) -> None:
    """Reads what each worker reads first, so that damage there is said before anything listens."""
    services = Services(settings)
    try:
        services.instance()
    finally:
        services.close()  # a connection must not cross the fork


@contextmanager
def _counting_together() -> Iterator[None]:
    """A folder in which all processes of this service count, named in the environment."""
    own = os.getpid()
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{COUNTS}*"):  # of a service that was killed
        number = left.name.removeprefix(COUNTS).partition("-")[0]
        if is_dead(f"{socket.gethostname()}/{number}"):
            shutil.rmtree(left, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=f"{COUNTS}{own}-")
    os.environ[metrics.FOLDER] = folder  # read when prometheus_client is imported, in each worker
    try:
        yield
    finally:
        if os.getpid() == own:  # workers are forks, and leave through here too
            del os.environ[metrics.FOLDER]
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _closing(db: Path) -> Iterator[None]:
    """Writes the database's log back when the last worker is gone."""
    own = os.getpid()
    try:
        yield
    finally:
        if os.getpid() == own:
            try:
                Vitals(db).checkpoint()
            except StoreError:
                log.warning("the database's log was not written back; the next start does it", exc_info=True)
            log.info("the service has stopped")
