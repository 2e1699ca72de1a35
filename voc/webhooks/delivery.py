"""Sending, with its patience and its limits."""

from __future__ import annotations

import asyncio
import email.utils
import logging
import random
import re
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import httpx

from voc.errors import VocError
from voc.process import is_dead, new_holder
from voc.settings import Settings
from voc.store import Due, Store
from voc.webhooks.addresses import parsed, resolved
from voc.webhooks.messages import body_of, headers_of

log = logging.getLogger(__name__)

#: Days after which events are forgotten that every target has, and those that were given up or could not go.
DELIVERED_DAYS, UNSENT_DAYS = 7, 30
#: Seconds between two looks for events that are to be forgotten.
PRUNE_EVERY_S = 3_600.0
#: Answers that say: not this request, neither now nor later. Redirects are not followed.
REFUSALS = frozenset(range(300, 500)) - {408, 409, 410, 421, 423, 425, 429}
GONE = 410


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to try.

    Attributes:
        first_s, factor, most_s: seconds after the first failure until the next attempt; what each later wait
            is longer by; the longest. Up to a fifth is added at random, so that they do not all come at once.
        attempts: after which an event is given up: with the defaults after 20 to 25 hours.
        refused_attempts: the same where the target refuses the request itself, with a status of `REFUSALS`.
        patience_s: seconds in the queue after which an event gets one attempt only, so that a target that was
            away for days is not given up anew by each event.
        retry_after_most_s: the longest ``Retry-After`` that is followed.
    """

    first_s: float = 15.0
    factor: float = 3.0
    most_s: float = 28_800.0
    attempts: int = 10
    refused_attempts: int = 3
    patience_s: float = 259_200.0
    retry_after_most_s: float = 28_800.0

    def again_in_s(self, made: int, waited_s: float, answer: Answer) -> float | None:
        """Seconds until the next attempt, None to give up.

        Args:
            made: attempts so far, with the one that failed.
            waited_s: since the event was put in the queue.
        """
        most = self.refused_attempts if answer.status in REFUSALS else self.attempts
        if made >= most or waited_s > self.patience_s:
            return None
        wait = min(self.first_s * self.factor ** (made - 1), self.most_s) * random.uniform(1.0, 1.2)
        return max(wait, min(answer.retry_after_s or 0.0, self.retry_after_most_s))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process grants.

    Attributes:
        connect_s, whole_s: seconds until a connection stands, and until the answer is there, from the look-up
            of the name on, however slowly it comes.
        answer_max_bytes: read of the body of an answer; nothing is done with it.
        targets: that are served at a time.
        events, turn_s: after which a target makes room for others.
        lease_s: for which a process holds a target; more than one attempt can take.
    """

    connect_s: float = 5.0
    whole_s: float = 10.0
    answer_max_bytes: int = 65_536
    targets: int = 8
    events: int = 100
    turn_s: float = 30.0
    lease_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: a status, or the name of what went wrong before there was one."""

    status: int | None
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def good(self) -> bool:
        """Whether the target has the event."""
        return self.status is not None and 200 <= self.status < 300


class Deliverer:
    """Sends for one process.

    Args:
        settings: of which `Settings.webhook_allow_private` and `Settings.poll_s` are read.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        limits: Limits | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.limits = limits or Limits()
        self.schedule = schedule or Schedule()

    def run(self, stop: threading.Event) -> None:
        """Sends what is due until ``stop`` is set; looks again every `Settings.poll_s` seconds.

        When it returns, what was on its way has ended, or had its time.
        """
        turns: list[threading.Thread] = []
        prune_at = 0.0
        while not stop.is_set():
            turns = [turn for turn in turns if turn.is_alive()]
            begun: list[threading.Thread] = []
            try:
                self.reclaim()
                if time.monotonic() >= prune_at:
                    self.prune()
                    prune_at = time.monotonic() + PRUNE_EVERY_S
                begun = self._begin(stop, self.limits.targets - len(turns))
            except Exception:
                log.exception("events could not be sent")
            turns += begun
            if not begun:
                stop.wait(self.settings.poll_s)
        until = time.monotonic() + self.limits.whole_s
        for turn in turns:
            turn.join(max(0.0, until - time.monotonic()))

    def once(self, only: str | None = None) -> None:
        """Sends all that is due now, and what follows it; returns when nothing is.

        Args:
            only: name of the one target to serve.
        """
        self.reclaim()
        self.prune()
        turns: list[threading.Thread] = []
        never = threading.Event()
        while True:
            turns = [turn for turn in turns if turn.is_alive()]
            begun = self._begin(never, self.limits.targets - len(turns), only)
            turns += begun
            if not turns:
                return
            if not begun:
                turns[0].join(0.05)

    def reclaim(self) -> None:
        """Takes back what dead processes of this machine hold, without waiting for their leases."""
        for holder in self.store.deliveries.holders():
            if is_dead(holder):
                self.store.deliveries.release_holder(holder)

    def prune(self) -> int:
        """Forgets old events; returns how many."""
        return self.store.deliveries.prune(DELIVERED_DAYS, UNSENT_DAYS)

    def _begin(self, stop: threading.Event, free: int, only: str | None = None) -> list[threading.Thread]:
        """Begins the turns of up to ``free`` targets that have something due."""
        begun: list[threading.Thread] = []
        while len(begun) < free:
            holder = new_holder()
            target = self.store.deliveries.claim(holder, self.limits.lease_s, only)
            if target is None:
                break
            turn = threading.Thread(
                target=self._turn, args=(target, holder, stop), name="voc-webhook", daemon=True
            )
            turn.start()
            begun.append(turn)
        return begun

    def _turn(self, target: int, holder: str, stop: threading.Event) -> None:
        try:
            asyncio.run(self._serve(target, holder, stop))
        except Exception:
            log.exception("events of a target could not be sent", extra={"target": target})
        finally:
            try:
                self.store.deliveries.release(target, holder)
            finally:
                self.store.close()  # this thread's connection

    async def _serve(self, target: int, holder: str, stop: threading.Event) -> None:
        """Sends a target's events one after the other, over one connection where it stays open."""
        until = time.monotonic() + self.limits.turn_s
        timeout = httpx.Timeout(self.limits.whole_s, connect=self.limits.connect_s)
        # no proxy from the environment: it would connect for us, and not to the address that was judged
        async with httpx.AsyncClient(verify=_trusted(), trust_env=False, timeout=timeout) as client:
            for _ in range(self.limits.events):
                due = self.store.deliveries.next(target, holder)
                if due is None or stop.is_set() or time.monotonic() > until:
                    return
                self._settle(due, await self._attempt(client, due), holder)

    async def _attempt(self, client: httpx.AsyncClient, due: Due) -> Answer:
        """Sends one event once; whatever goes wrong is an answer too."""
        until = asyncio.get_running_loop().time() + self.limits.whole_s
        try:
            url = parsed(due.url)
            addresses = resolved(url, self.settings.webhook_allow_private, self.limits.connect_s)
            return await self._post(client, due, url, addresses, until)
        except VocError as error:
            return Answer(None, error.code)
        except TimeoutError:
            return Answer(None, "timeout")
        except (httpx.HTTPError, OSError) as error:
            return Answer(None, _in_a_word(error))
        except Exception as error:
            log.exception("an event could not be sent", extra={"webhook": due.name})
            return Answer(None, _in_a_word(error))

    async def _post(
        self, client: httpx.AsyncClient, due: Due, url: httpx.URL, addresses: Sequence[str], until: float
    ) -> Answer:
        """Tries the addresses until one can be connected to; what was judged is what is connected to."""
        body = body_of(due)
        headers = headers_of(due, body, int(time.time())) | {"Host": url.netloc.decode()}
        host = url.raw_host.decode().strip("[]")
        *others, last = addresses
        for address in others:
            try:
                return await self._post_to(client, url.copy_with(host=address), host, body, headers, until)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post_to(client, url.copy_with(host=last), host, body, headers, until)

    async def _post_to(
        self,
        client: httpx.AsyncClient,
        url: httpx.URL,
        host: str,
        body: bytes,
        headers: dict[str, str],
        until: float,
    ) -> Answer:
        """An answer counts from its status on; what becomes of the rest of it matters to nobody."""
        request = client.build_request(
            "POST", url, content=body, headers=headers, extensions={"sni_hostname": host}
        )
        async with asyncio.timeout_at(until):
            response = await client.send(request, stream=True, follow_redirects=False)
        try:
            async with asyncio.timeout_at(until):
                read = 0
                async for part in response.aiter_raw():
                    read += len(part)
                    if read > self.limits.answer_max_bytes:
                        break
        except (httpx.HTTPError, OSError):  # a time-out is an OSError
            pass
        finally:
            await response.aclose()
        return Answer(response.status_code, None, _retry_after(response.headers.get("Retry-After")))

    def _settle(self, due: Due, answer: Answer, holder: str) -> None:
        deliveries, lease_s = self.store.deliveries, self.limits.lease_s
        if answer.good and answer.status is not None:
            deliveries.delivered(due, answer.status, holder, lease_s)
            return
        error = answer.error or f"status {answer.status}"
        if answer.status == GONE:
            deliveries.failed(due, answer.status, error, self.schedule.first_s, holder, lease_s)
            self.store.outbox.set_state(due.name, "paused")
            log.warning("the webhook %s is gone (410) and was paused", due.name)
            return
        wait = self.schedule.again_in_s(due.attempts + 1, time.time() - due.queued_at, answer)
        deliveries.failed(due, answer.status, error, wait, holder, lease_s)
        if wait is None:
            log.warning("event %s was given up for the webhook %s: %s", due.id, due.name, error)


def _in_a_word(error: Exception) -> str:
    """``ConnectionRefusedError`` as ``connection_refused``: a message could quote the target.

    Of what httpx wraps, the error of the connection or of TLS is the one that helps.
    """
    found: BaseException | None = error
    while found is not None and not isinstance(found, ConnectionError | ssl.SSLError):
        found = found.__cause__ or found.__context__
    name = type(found or error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _retry_after(said: str | None) -> float | None:
    """Seconds from now, from a number or a date (RFC 9110, 10.2.3)."""
    if said is None:
        return None
    if said.strip().isdecimal():
        return float(said)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed: SSL_CERT_FILE or SSL_CERT_DIR, else certifi's."""
    return httpx.create_ssl_context()
