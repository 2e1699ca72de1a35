"""Runs the application under gunicorn. The models are loaded in each worker before it takes requests."""

from __future__ import annotations

import os
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from voc.app import Voc, create_app
from voc.settings import Settings


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with options handed over in code."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self._settings = settings
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Takes the options over."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Voc:
        """The application of one worker, made after the fork: ONNX threads do not survive one."""
        app = create_app(self._settings)
        app.extensions["voc"].pipelines.get()
        app.start_background()
        print(f"voc: worker {os.getpid()} is ready", file=sys.stderr, flush=True)  # noqa: T201
        return app


def run(settings: Settings, *, host: str, port: int, workers: int, threads: int) -> None:
    """Serves until a signal ends it; a graceful stop lets requests finish.

    Args:
        workers: processes; the cores are shared out among their encoders.
        threads: requests that one process handles at a time.
    """
    from voc.store import Store

    store = Store(settings.db, settings.busy_timeout_ms)
    store.prepare()
    store.close()  # a connection must not cross the fork
    if settings.encoder_threads == 0:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        settings = settings.model_copy(update={"encoder_threads": max(1, cores // workers)})
    options = {
        "bind": f"{host}:{port}",
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "timeout": int(settings.analysis_timeout_s) + 60,
        "graceful_timeout": int(settings.analysis_timeout_s) + 10,
        "proc_name": "voc",
        "control_socket_disable": True,
    }
    _Server(settings, options).run()
