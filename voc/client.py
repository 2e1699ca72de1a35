"""A client of the service, for programs that send feedback or read what was understood of it.

    from voc.client import Client

    with Client("http://127.0.0.1:8000", key="voc_...") as voc:
        kept = voc.submit("Giao hàng trễ ba ngày không báo", source="zalo", external_id="77-1")
        print(kept["analysis"]["owner"])

Enters: rows as mappings. Leaves: the service's JSON as dictionaries. What must hold: whatever was sent again
after a lost answer is kept once; memory does not grow with the number of rows.

What goes wrong for a moment is tried again by itself: no connection, a broken one, no answer in time, and the
statuses 429, 502, 503 and 504. The wait before the n-th further attempt is drawn between nothing and
`FIRST_WAIT_S` times 2 to the power of n - 1, at most `MOST_WAIT_S` ("exponential backoff with full jitter",
Brooker 2015), and begins after the ``Retry-After`` that the service asked for.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import tenacity

from voc import __version__

Answer = TypeVar("Answer")

FIRST_WAIT_S = 0.5
MOST_WAIT_S = 30.0
#: A service that asks to wait longer than this many seconds is not waited for.
PATIENCE_S = 120.0
#: Statuses that say: not now.
AGAIN = frozenset({429, 502, 503, 504})
#: Names of parameters that are words of Python.
_NAMES = {"since": "from", "until": "to"}


class ClientError(Exception):
    """What the service answered instead, or why there is no answer.

    Attributes:
        code: stable, such as ``text_empty``; ``unreachable`` where there was no answer, ``answer_invalid``
            where it was not the service's (a proxy's page, say), ``request_invalid`` where nothing was sent.
        message: one sentence for a person.
        field: path of the value that is wrong, such as ``items[3].text``, or None.
        status: HTTP status; None where there was no answer.
    """

    def __init__(self, code: str, message: str, field: str | None = None, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field
        self.status = status


class _NotNow(Exception):  # noqa: N818  # never seen outside
    """An attempt that may be made again."""

    def __init__(self, error: ClientError, after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_s = after_s


class Client:
    """One service; may be used by many threads.

    Args:
        base_url: where it is, such as ``https://voc.example.org``; without ``/v1``.
        key: an API key; not needed on the service's own machine while it has no keys.
        timeout_s: seconds to wait for a connection, and for each part of an answer.
        retries: further attempts after the first.
        sleep: what waits; takes seconds.

    Example::

        with Client("http://127.0.0.1:8000") as voc:
            assert voc.analyze("Pin sạc mãi không đầy")["sentiment"] == "negative"
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        timeout_s: float = 60.0,
        retries: int = 8,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"User-Agent": f"voc/{__version__}"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx.Client(base_url=f"{base_url.rstrip('/')}/v1", headers=headers, timeout=timeout_s)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_NotNow),
            stop=tenacity.stop_after_attempt(retries + 1),
            wait=_wait,
            sleep=sleep,
            reraise=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()

    # ---- feedback in

    def submit(self, text: str, **fields: Any) -> dict[str, Any]:
        """Keeps and analyzes one feedback.

        Args:
            fields: ``source``, ``external_id``, ``occurred_at``, ``channel``, ``touchpoint``,
                ``customer_ref``, ``scores``, ``attributes``; see ``POST /v1/feedback``. The service keeps
                each pair of ``source`` (``api`` if left out) and ``external_id`` once. A row without
                ``external_id`` gets one here, a random UUID, so that what this call sends again is known
                again. Give your own, and it is known in your next run too.

        Returns:
            ``feedback`` and ``analysis``; the analysis is None and ``status`` is ``queued`` while it waits.

        Raises:
            ClientError: among others ``external_id_conflict`` (409): another text stands under this id.

        Example::

            voc.submit("Nhân viên rất nhiệt tình", source="store-survey", scores={"nps": 10})
        """
        return self._json("POST", "/feedback", _identified({"text": text, **fields}))

    def submit_many(self, rows: Iterable[Mapping[str, Any]], batch: int = 200) -> Iterator[dict[str, Any]]:
        """Keeps and analyzes many feedback; rows are taken as results are asked for, one batch at a time.

        Args:
            rows: mappings with ``text`` and the fields of `submit`; one without ``external_id`` gets one.
            batch: rows of one request. One that the service finds too large is halved.

        Yields:
            For each row, in order: ``index`` (its number in ``rows``, from 0), ``status`` (what it alone
            would have been answered with) and either ``feedback`` and ``analysis``, or ``error`` with
            ``code``, ``message``, ``field``. A bad row stops nothing.

        Raises:
            ClientError: a whole request failed; rows that were yielded are kept, and those of that request
                may be.

        Example::

            with open("calls.txt") as calls:
                rows = ({"text": line, "source": "calls"} for line in calls)
                bad = [result for result in voc.submit_many(rows) if "error" in result]
        """
        if batch < 1:
            raise ValueError("batch must be at least 1")
        source, first = iter(rows), 0
        while chunk := [_identified(row) for row in islice(source, batch)]:
            for result in self._submit_chunk(chunk):
                yield {**result, "index": first}
                first += 1

    def _submit_chunk(self, rows: list[Any]) -> list[dict[str, Any]]:
        try:
            results: list[dict[str, Any]] = self._json("POST", "/feedback/batch", {"items": rows})["results"]
        except ClientError as error:
            if error.status != 413:
                raise
            if len(rows) > 1:
                middle = len(rows) // 2
                return self._submit_chunk(rows[:middle]) + self._submit_chunk(rows[middle:])
            told = {"code": error.code, "message": error.message, "field": error.field}
            return [{"status": error.status, "error": told}]
        return results

    def analyze(self, text: str) -> dict[str, Any]:
        """What the service says of a text, which it does not keep.

        Raises:
            ClientError: such as ``text_empty``.
        """
        found: dict[str, Any] = self._json("POST", "/analyze", {"text": text})["analysis"]
        return found

    # ---- feedback out

    def get(self, key: str) -> dict[str, Any]:
        """One feedback by its id, as in `submit`.

        Raises:
            ClientError: ``feedback_unknown`` (404).
        """
        return self._json("GET", f"/feedback/{quote(key, safe='')}")

    def find(self, page: int = 200, **filters: Any) -> Iterator[dict[str, Any]]:
        """All feedback that match, the latest first, read page by page as they are asked for.

        Args:
            page: rows of one request, 500 at most.
            filters: ``q``, ``department``, ``role``, ``topic``, ``sentiment``, ``status``, ``language``,
                ``source``, ``since`` and ``until`` (a day or a moment, ISO 8601).

        Example::

            for kept in voc.find(department="logistics", sentiment="negative"):
                print(kept["feedback"]["text"])
        """
        chosen = {**_parameters(filters), "limit": page}
        while True:
            found = self._json("GET", "/feedback", params=chosen)
            yield from found["items"]
            if found["next"] is None:
                return
            chosen["cursor"] = found["next"]

    def trends(self, by: str, grain: str = "week", **filters: Any) -> dict[str, Any]:
        """Counts over time.

        Args:
            by: ``topic``, ``department`` or ``touchpoint``.
            grain: ``day``, ``week`` or ``month``.
            filters: as in `find`.
        """
        return self._json("GET", "/trends", params={**_parameters(filters), "by": by, "grain": grain})

    def correct(self, key: str, **said: Any) -> dict[str, Any]:
        """Says what is right of one feedback; it goes before what the service says, from now on.

        Args:
            said: what is right, such as ``owner="care"`` or ``confirm=True``, with ``reason``; see
                ``POST /v1/feedback/{id}/corrections``. Saying the same again changes nothing.

        Raises:
            ClientError: such as ``feedback_unknown`` or ``department_unknown``.
        """
        return self._json("POST", f"/feedback/{quote(key, safe='')}/corrections", said)

    def export(self, path: str | os.PathLike[str], file_format: str | None = None, **filters: Any) -> int:
        """Writes all feedback that match to a file, in constant memory; returns its bytes.

        The file is there when it is whole, not before: it is written beside its place and then moved.

        Args:
            file_format: ``csv``, ``jsonl`` or ``parquet``; by the ending of ``path`` if left out.
            filters: as in `find`.
        """
        path = Path(path)
        chosen = {**_parameters(filters), "format": file_format or path.suffix.removeprefix(".")}
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
        try:
            size = self._retried(lambda: self._download(part, chosen))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return size

    def _download(self, part: Path, chosen: Mapping[str, Any]) -> int:
        with (
            _reached(),
            self._http.stream("GET", "/export", params=chosen) as response,
            part.open("wb") as file,
        ):
            if not response.is_success:
                response.read()
                raise _told(response)
            return sum(file.write(chunk) for chunk in response.iter_bytes())

    # ---- one request

    def _json(self, method: str, path: str, body: Any = None, **given: Any) -> dict[str, Any]:
        if body is not None:
            given |= {"content": _encoded(body), "headers": {"Content-Type": "application/json"}}
        return self._retried(lambda: self._attempt(method, path, given))

    def _attempt(self, method: str, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
        with _reached():
            response = self._http.request(method, path, **given)
        if not response.is_success:
            raise _told(response)
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ClientError("answer_invalid", "the answer is not a JSON object", None, response.status_code)
        return body

    def _retried(self, attempt: Callable[[], Answer]) -> Answer:
        try:
            return self._retrying(attempt)
        except _NotNow as last:
            raise last.error from last


_JITTER = tenacity.wait_random_exponential(multiplier=FIRST_WAIT_S, max=MOST_WAIT_S)


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds before the next attempt."""
    error = state.outcome.exception() if state.outcome else None
    return _JITTER(state) + (error.after_s if isinstance(error, _NotNow) else 0.0)


@contextmanager
def _reached() -> Iterator[None]:
    """Tells what keeps an attempt from being answered."""
    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
        raise ClientError("request_invalid", str(error)) from error
    except httpx.TransportError as error:
        reason = str(error) or type(error).__name__
        raise _NotNow(ClientError("unreachable", f"there was no answer: {reason}")) from error


def _told(response: httpx.Response) -> ClientError | _NotNow:
    """The error that an answer speaks of."""
    try:
        told = response.json()["error"]
        error = ClientError(told["code"], told["message"], told["field"], response.status_code)
    except (ValueError, LookupError, TypeError):
        reason = f"the answer was {response.status_code} {response.reason_phrase}"
        error = ClientError("answer_invalid", reason, None, response.status_code)
    after_s = _seconds(response.headers.get("Retry-After", ""))
    if response.status_code not in AGAIN or after_s > PATIENCE_S:
        return error
    return _NotNow(error, after_s)


def _seconds(given: str) -> float:
    """Of ``Retry-After``: a number, or a moment as HTTP writes it; 0 for anything else."""
    if given.strip().isdecimal():
        return float(given)
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _encoded(body: Any) -> bytes:
    """As JSON; a lone surrogate, which UTF-8 cannot carry, is escaped for the service to refuse its row."""

    def encode(ascii_only: bool) -> bytes:
        return json.dumps(body, ensure_ascii=ascii_only, allow_nan=False, default=_plain).encode()

    try:
        return encode(ascii_only=False)
    except UnicodeEncodeError:
        return encode(ascii_only=True)
    except (TypeError, ValueError) as error:
        raise ClientError("request_invalid", f"a row cannot be written as JSON: {error}") from error


def _plain(value: Any) -> str:
    """Dates and times as the service reads them."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _identified(row: Any) -> Any:
    """The row with an ``external_id``; what is no mapping is left for the service to refuse."""
    if not isinstance(row, Mapping):
        return row
    return {**row, "external_id": str(uuid.uuid4())} if row.get("external_id") is None else dict(row)


def _parameters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """As the service names them, without those that are None."""
    return {_NAMES.get(name, name): value for name, value in filters.items() if value is not None}
