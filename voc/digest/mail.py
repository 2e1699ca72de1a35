"""A letter as a mail, and handing it to a mail server.

What must hold: whether the server may have a mail is known before it can have it; a password goes over an
encrypted connection or not at all.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from voc.digest.letter import Letter, Link
from voc.digest.words import words

#: Seconds that each answer of the mail server may take.
ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mail.

    Attributes:
        taken: how many addresses the server took it for.
        error: what went wrong, in a word; never an address, nor what the server said.
        is_unsure: it was handed over whole, and the server never said whether it took it.
    """

    taken: int
    error: str | None = None
    is_unsure: bool = False


def message_of(
    letter: Letter, *, sender: str, recipients: Sequence[str], public_url: str | None, now: float, serial: int
) -> EmailMessage:
    """The mail: plain text, and the same as HTML.

    Args:
        now: seconds since 1970.
        serial: 0 for a week's mail, whose ``Message-ID`` is the same however often it is tried; another
            number for one that is sent once more.
    """
    message = EmailMessage(policy.SMTP)
    message["From"] = f"voc <{sender}>"
    message["To"] = ", ".join(recipients)
    message["Subject"] = " ".join(letter.subject.split())  # a name may run over lines, a header may not
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    name = f"digest.{letter.week}.{letter.department}" + (f".{serial}" if serial else "")
    message["Message-ID"] = f"<{name}@{_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = letter.language
    message.set_content(plain(letter, public_url), cte="quoted-printable")
    html = _rendered("mail.html", letter, public_url)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message


def plain(letter: Letter, public_url: str | None = None) -> str:
    """The letter as plain text; links begin with ``public_url``, and there are none without it."""
    return _rendered("mail.txt", letter, public_url)


def hand_over(
    server: str, message: EmailMessage, sender: str, recipients: Sequence[str], before: Callable[[], None]
) -> Outcome:
    """Gives a mail to a mail server.

    Args:
        server: ``smtp://`` or ``smtps://`` address, with user and password or without.
        before: called when all is ready and the server has nothing yet.
    """
    is_handed = False
    try:
        with closing(_connected(server, _domain(sender))) as smtp:
            if smtp.mail(sender)[0] != 250:
                return Outcome(0, "sender_refused")
            taken = sum(smtp.rcpt(address)[0] in (250, 251) for address in recipients)
            if not taken:
                return Outcome(0, "recipients_refused")
            if smtp.docmd("DATA")[0] != 354:
                return Outcome(0, "data_refused")
            before()
            smtp.send(
                _dotted(message.as_bytes())
            )  # one that is cut off before its last line counts for nothing
            is_handed = True
            if smtp.getreply()[0] != 250:
                return Outcome(0, "message_refused")
            with suppress(OSError, smtplib.SMTPException):  # it has the mail, whatever it says now
                smtp.quit()
            return Outcome(taken, None if taken == len(recipients) else "some_recipients_refused")
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(0, _in_a_word(error), is_handed)


def _connected(server: str, name: str) -> smtplib.SMTP:
    """A connection on which mail can be sent; ``name`` is what we call ourselves."""
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port
    is_private = parts.scheme == "smtps"
    smtp = (
        smtplib.SMTP_SSL(host, port or 465, name, timeout=ANSWER_S, context=_trusted())
        if is_private
        else smtplib.SMTP(host, port or 587, name, timeout=ANSWER_S)
    )
    try:
        smtp.ehlo_or_helo_if_needed()
        if not is_private and smtp.has_extn("starttls"):
            smtp.starttls(context=_trusted())
            smtp.ehlo()
            is_private = True
        if parts.username is not None:
            _log_in(smtp, unquote(parts.username), unquote(parts.password or ""), is_private)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _log_in(smtp: smtplib.SMTP, user: str, password: str, is_private: bool) -> None:
    if not is_private:
        raise smtplib.SMTPNotSupportedError("no password without TLS")
    smtp.login(user, password)


def _dotted(content: bytes) -> bytes:
    """As it goes over the wire: a dot that begins a line is doubled, a lone one ends it (RFC 5321, 4.5.2)."""
    return re.sub(rb"(?m)^\.", b"..", content).rstrip(b"\r\n") + b"\r\n.\r\n"


def _in_a_word(error: Exception) -> str:
    """``SMTPAuthenticationError`` as ``authentication``: a message could quote an address."""
    name = type(error).__name__.removeprefix("SMTP").removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower() or "error"


def _domain(sender: str) -> str:
    return sender.rpartition("@")[2]


def _rendered(template: str, letter: Letter, public_url: str | None) -> str:
    def address(link: Link) -> str:
        """Where a link leads; nowhere without the address of the service."""
        if public_url is None:
            return ""
        return public_url + link.path + (f"?{urlencode(link.query)}" if link.query else "")

    return (
        _templates()
        .get_template(template)
        .render(letter=letter, address=address, words=words(letter.language))
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]), trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed: the system's, or SSL_CERT_FILE."""
    return ssl.create_default_context()
