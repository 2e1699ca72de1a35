"""Programs that get events, good ones and bad ones."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Manner = Literal["good", "hangs", "drips", "fails"]


class Target:
    """A server of this machine.

    Attributes:
        events: what it was sent, as JSON, in the order of arrival.
        attempts: requests that reached it.
    """

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.events: list[dict[str, Any]] = []
        self.attempts = 0
        self.closing = threading.Event()
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                target._answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class has it so
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.attempts += 1
        self.events.append(json.loads(body))
        if self.manner == "hangs":
            self.closing.wait()
        elif self.manner == "drips":
            self._drip(handler.connection)
        else:
            handler.send_response(204 if self.manner == "good" else 500)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.close_connection = True

    def _drip(self, connection: socket.socket) -> None:
        """A byte a second of an answer that would be good."""
        for number in b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n":
            if self.closing.wait(1.0):
                return
            try:
                connection.sendall(bytes([number]))
            except OSError:
                return

    def close(self) -> None:
        """Ends it and whatever hangs in it."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def targets(*manners: Manner) -> Iterator[list[Target]]:
    """One of each, until the end of the block."""
    with ExitStack() as stack:
        made = [Target(manner) for manner in manners]
        for one in made:
            stack.callback(one.close)
        yield made


def in_order(events: list[dict[str, Any]]) -> bool:
    """Whether they came in the order of their numbers; one that came twice counts once."""
    numbers = list(dict.fromkeys(event["sequence"] for event in events))
    return numbers == sorted(numbers)
