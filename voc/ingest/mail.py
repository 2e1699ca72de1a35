"""Mail out of an mbox file: what each sender wrote, without what they quote.

Messages are read one at a time, so that memory holds one message and never the file. What must hold: answers
that machines gave are no feedback; an address of a customer is not kept, only a reference made from it.
"""

from __future__ import annotations

import email.utils
import hashlib
import mailbox
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

from voc.errors import InvalidInput
from voc.ingest.rows import Row
from voc.markup import html_to_text, mail_code, without_quotes
from voc.text import is_visible

#: What the standard library raises on headers and parts that are broken somewhere.
_BROKEN = (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError, AssertionError)
_DAEMONS = ("mailer-daemon", "postmaster", "mail-daemon")
_ID_MOST = 200


def read_mbox(path: Path) -> Iterator[Row]:
    """The messages of an mbox file in order, numbered from 1; bounces, answers by machines and messages
    without words of the sender are skipped.

    Raises:
        InvalidInput: ``file_unreadable`` if the file holds no message.
    """
    try:
        box = mailbox.mbox(path, create=False)
    except mailbox.Error as error:
        raise InvalidInput("file_unreadable", f"{path} cannot be read: {error}") from None
    try:
        number = 0
        for number, key in enumerate(box.iterkeys(), start=1):
            with box.get_file(key, from_=True) as file:
                postmark = file.readline()
                yield _message(number, postmark, file)
        if not number:
            raise InvalidInput(
                "file_unreadable", f"{path} is no mbox file: no line begins with 'From '", "row"
            )
    finally:
        box.close()


def _message(number: int, postmark: bytes, file: Any) -> Row:
    try:
        message = BytesParser(_class=EmailMessage, policy=default).parse(file)
        reason = _by_a_machine(message)
        text = "" if reason else _text(message)
        if reason or not text:
            return Row(number, None, skipped=reason or "without text")
        return Row(number, _values(message, text, postmark))
    except InvalidInput as error:
        return Row(number, None, error)
    except _BROKEN as error:
        said = f"message {number} cannot be read: {type(error).__name__}"
        return Row(number, None, InvalidInput("row_broken", said, "row"))


def _header(message: EmailMessage, name: str) -> str:
    """The text of a header; empty where it is missing or cannot be read."""
    try:
        return str(message.get(name, "")).strip()
    except _BROKEN:
        return ""


def _by_a_machine(message: EmailMessage) -> str | None:
    """Why a message is no customer's (RFC 3834, RFC 3464); None if nothing says so."""
    _, sender = email.utils.parseaddr(_header(message, "From"))
    if (
        sender.partition("@")[0].lower() in _DAEMONS
        or message.get_content_type() == "multipart/report"
        or _header(message, "Return-Path") == "<>"
    ):
        return "bounces"
    submitted = _header(message, "Auto-Submitted").lower()
    precedence = _header(message, "Precedence").lower()
    if (submitted and submitted.partition(";")[0].strip() != "no") or precedence == "auto_reply":
        return "automatic replies"
    if _header(message, "X-Autoreply") or _header(message, "X-Autorespond"):
        return "automatic replies"
    return "bulk mail" if precedence in ("bulk", "junk", "list") else None


def _text(message: EmailMessage) -> str:
    """What the sender wrote: the plain part, or the HTML where there is none or it is empty."""
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        if part is None:
            continue
        text = _decoded(part)
        if kind == "html":
            text = html_to_text(text)
        elif part.get_param("format") == "flowed":
            text = re.sub(r"(?<!\n--) \n(?!>|-- )", " ", text)
        text = without_quotes(re.sub(r"^>(>*From )", r"\1", text, flags=re.MULTILINE)).strip()
        if is_visible(text):
            return text
    return ""


def _decoded(part: Any) -> str:
    """A part's text in the charset that it names, or in the one it must have been.

    Windows-1258 keeps tone marks as separate characters, which are composed (NFC).
    """
    content = part.get_payload(decode=True) or b""
    text = ""
    for charset in (part.get_content_charset("utf-8"), "utf-8", "cp1258"):
        try:
            text = content.decode(charset, "replace" if charset == "cp1258" else "strict")
        except (LookupError, ValueError):
            continue
        if charset in ("windows-1258", "cp1258"):
            text = unicodedata.normalize("NFC", text)
        break
    return text.replace("\r\n", "\n").replace("\x00", "")


def _values(message: EmailMessage, text: str, postmark: bytes) -> dict[str, Any]:
    _, sender = email.utils.parseaddr(_header(message, "From"))
    at = _time(message, postmark)
    key = _header(message, "Message-ID").strip("<>")
    if not key:
        key = "row:" + _digest(f"{sender}\n{at}\n{text}")
    elif len(key) > _ID_MOST:
        key = "id:" + _digest(key)
    subject = _header(message, "Subject")[:1_000]
    values = {
        "text": text,
        "external_id": key,
        "occurred_at": at,
        "channel": "email",
        "attributes": {"subject": subject} if is_visible(subject) else {},
    }
    return values | ({"customer_ref": mail_code(sender)} if "@" in sender else {})


def _time(message: EmailMessage, postmark: bytes) -> str:
    """The Date header; else the time at the end of the line with which mbox begins the message."""
    for given in (_header(message, "Date"), postmark.decode("ascii", "replace").strip().split(" ", 2)[-1]):
        try:
            at = email.utils.parsedate_to_datetime(given)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
    raise InvalidInput("field_missing", "the message has no Date that can be read", "occurred_at")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
