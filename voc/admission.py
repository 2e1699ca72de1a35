"""How many requests one process works on at a time; more are refused before anything is read of them.

Enters: WSGI requests. Leaves: the same, those over the limit marked. What must hold: a refusal costs next to
nothing, so that it can be given when there is most to do; health and metrics are always answered.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Paths that take no place and are never refused: how others find out how the service is.
ALWAYS = frozenset({"/health", "/ready", "/v1/health", "/v1/ready", "/metrics"})
#: Is true in the environment of a request that found no place.
REFUSED = "voc.refused"
#: Is true in the environment of a request whose answer is made while it is sent.
STREAMED = "voc.streamed"


class Admission:
    """Places for requests, as WSGI middleware.

    A place is held until the answer is made: for one that is streamed, until it is sent.

    Args:
        application: what requests are handed to; it is to answer 503 where `REFUSED` is set, and to set
            `STREAMED` where it is so.
        most: places.
    """

    def __init__(self, application: WSGIApplication, most: int) -> None:
        self._application = application
        self._most = most
        self._lock = threading.Lock()
        self.in_flight = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") in ALWAYS:
            return self._application(environ, start_response)
        if not self.enter():
            environ[REFUSED] = True
            return self._application(environ, start_response)
        try:
            answer = self._application(environ, start_response)
        except BaseException:
            self.leave()
            raise
        if environ.get(STREAMED):
            return ClosingIterator(answer, self.leave)
        self.leave()
        return answer

    def enter(self) -> bool:
        """Takes a place; False if there is none."""
        with self._lock:
            if self.in_flight >= self._most:
                return False
            self.in_flight += 1
            return True

    def leave(self) -> None:
        """Gives a place back."""
        with self._lock:
            self.in_flight -= 1
