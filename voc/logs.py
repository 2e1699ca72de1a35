"""Logs for machines and for people, without a word of a customer.

Enters: what rooms tell the logger of the standard library. Leaves: one line on standard error for each, JSON
or text. What must hold: no line carries what somebody sent. A record of our own has fixed words and fields
beside them; of an exception there stand its type, its code and where it was raised, never its message, for
messages of parsers, of the database and of validation quote what they were given; of another library's record
the words it gives as arguments are left out.
"""

from __future__ import annotations

import errno
import logging
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Literal, TypeAlias

import structlog

LogFormat: TypeAlias = Literal["json", "text"]

#: A request id that a proxy gave: short, and of letters that can stand anywhere.
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: Frames of a traceback that are kept, the innermost.
_FRAMES = 12
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


#: Name of the handler that stands for all of this; there is one at most.
HANDLER = "voc"


def configure(log_format: Literal["auto", "json", "text"], level: int = logging.INFO) -> None:
    """Sends all logs of a process that serves to standard error in one format; may be called again.

    Args:
        log_format: see `formatter`; ``auto`` is ``json``.
        level: below which a record is left out.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(HANDLER)
    handler.setFormatter(formatter("json" if log_format == "auto" else log_format))
    root = logging.getLogger()
    for old in [one for one in root.handlers if one.get_name() == HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    threading.excepthook = _of_thread
    sys.excepthook = _of_process


def formatter(log_format: LogFormat) -> logging.Formatter:
    """Makes a line of a record.

    Args:
        log_format: ``json`` gives an object a line, ``text`` words for people.
    """
    rendered: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if log_format == "text":
        rendered = _as_text
    return structlog.stdlib.ProcessorFormatter(
        use_get_message=False,
        pass_foreign_args=True,
        foreign_pre_chain=[
            _of_record,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _in_order, rendered],
    )


def request_id(given: str | None) -> str:
    """The id of a request: the one that was given if it is safe to repeat, else a new one."""
    return given if given and _SAFE_ID.fullmatch(given) else secrets.token_hex(8)


def begin(**fields: Any) -> None:
    """From here on these fields stand in every line of this thread or context; earlier ones do not."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**fields)


def end() -> None:
    """No more fields from `begin`."""
    structlog.contextvars.clear_contextvars()


def told_of(error: BaseException) -> dict[str, Any]:
    """What may be told of an exception: its type and code, where it was raised, and what it came from."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    told: dict[str, Any] = {
        "type": type(error).__qualname__,
        "code": _code_of(error),
        "at": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["from"] = {"type": type(cause).__qualname__, "code": _code_of(cause)}
    return {name: value for name, value in told.items() if value is not None}


def _code_of(error: BaseException) -> str | None:
    """A code that the error's own library names it by; of a fixed set, so nobody's words."""
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno)
    for name in ("sqlite_errorname", "code"):
        found = getattr(error, name, None)
        if isinstance(found, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,60}", found):
            return found
    errors = getattr(error, "errors", None)
    if callable(errors) and hasattr(error, "error_count"):  # pydantic's, which quotes the input all over
        kinds = sorted({str(one["type"]) for one in errors(include_input=False, include_context=False)})
        return ",".join(kinds)[:200]
    return None


def _short(path: str) -> str:
    """A file's path from its package on: how the machine is laid out is nobody's business."""
    for mark in ("/site-packages/", "/lib/python3.", "/voc/"):
        if mark in path:
            rest = path.rsplit(mark, 1)[1]
            return rest if mark == "/site-packages/" else f"{mark.strip('/')}/{rest}".replace("lib/", "")
    return path.rsplit("/", 1)[-1]


def _of_record(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The words and fields of a record, and what may be told of its exception."""
    record: logging.LogRecord = event["_record"]
    ours = record.name == "voc" or record.name.startswith("voc.")
    given = event.pop("positional_args", ()) or ()
    event["event"] = _filled(str(record.msg), given) if ours else _without_words(record, given)
    if ours:
        event.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
    caught = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(caught, tuple) and caught[1] is not None:
        event["error"] = told_of(caught[1])
    return event


def _without_words(record: logging.LogRecord, given: Any) -> str:
    """Another library's message, which may quote a request. Of its arguments the numbers are kept; where it
    was put together before, what follows its first colon goes. gunicorn's of starting and stopping quote
    none."""
    template = str(record.msg)
    if record.name.startswith("gunicorn") and record.levelno == logging.INFO:
        return _filled(template, given)
    if not given:
        return template.split(":", 1)[0]
    if isinstance(given, Mapping):
        return template
    kept = tuple(value if isinstance(value, int | float) else "…" for value in given)
    return _filled(template, kept)


def _filled(template: str, given: Any) -> str:
    try:
        return template % given if given else template
    except (KeyError, TypeError, ValueError):
        return template


def _in_order(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """When, how bad and what come first."""
    first = {name: event.pop(name) for name in ("time", "level", "logger", "event") if name in event}
    return first | dict(event)


def _as_text(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    moment, level, logger = event.pop("time"), event.pop("level"), event.pop("logger")
    what, error = event.pop("event"), event.pop("error", None)
    fields = "".join(f" {name}={value}" for name, value in event.items())
    line = f"{moment} {str(level).upper()} {logger}: {what}{fields}"
    if error:
        line += f" [{error['type']}{' ' + error['code'] if 'code' in error else ''}]"
        line += "".join(f"\n    {place}" for place in error["at"])
    return line


def _of_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None and given.exc_type is not SystemExit:
        caught = (given.exc_type, given.exc_value, given.exc_traceback)
        logging.getLogger(__name__).error("a thread ended by an error", exc_info=caught)


def _of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger(__name__).critical("the process ended by an error", exc_info=(kind, error, trace))
