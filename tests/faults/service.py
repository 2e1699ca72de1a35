"""A real service in processes of its own, for faults to be done to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]


class Service:
    """`voc serve` on a free port of this machine."""

    def __init__(
        self, db: Path, log: Path, environment: Mapping[str, str] | None = None, workers: int = 2
    ) -> None:
        self.db = db
        self.log = log
        self.workers = workers
        self.environment = {**os.environ, "VOC_DB": str(db), **(environment or {})}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, prefix: tuple[str, ...] = ()) -> None:
        """Starts it and waits until it takes requests.

        Args:
            prefix: a command to run it under, such as ``faketime``.
        """
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "voc.cli", "serve", "--port", str(self.port),
                 "--workers", str(self.workers)],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.wait()

    def wait(self, limit_s: float = 120.0) -> None:
        """Until it is ready to take requests.

        Raises:
            RuntimeError: it ended, or was not ready in time.
        """
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/v1/ready", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the service is not ready; see {self.log}")

    def worker_pids(self) -> list[int]:
        """Processes of its workers."""
        assert self.process is not None
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def kill(self) -> None:
        """SIGKILL to all of it at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_worker(self, pid: int) -> None:
        """SIGKILL to one worker."""
        os.kill(pid, signal.SIGKILL)

    def voc(self, *words: str, status: int | None = 0, said: str = "") -> subprocess.CompletedProcess[str]:
        """A command on the same database.

        Args:
            status: that it must end with; None for any.
            said: on its standard input.
        """
        done = subprocess.run(
            [sys.executable, "-m", "voc.cli", *words], input=said,
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert status is None or done.returncode == status, f"{words}: {done.stdout}{done.stderr}"
        return done

    def end(self) -> None:
        """SIGKILL to what is left of it, if it runs still."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)
