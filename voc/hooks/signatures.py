"""Whether a message came from the tool it says it came from, and whether it came just now.

Enters: the bytes of a request's body, its headers, the secrets. Leaves: a `Signed`, or a refusal. What must
hold: signatures are compared in constant time; what a signature does not cover is not believed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from voc.errors import Unauthorized

#: Seconds that a signed time may lie before or after ours: five minutes, as Standard Webhooks has it.
WINDOW_S = 300.0


@dataclass(frozen=True, slots=True)
class Signed:
    """A message whose signature is right.

    Attributes:
        digest: SHA-256, in hexadecimal, of tool, time and signature: the same for the same signed message and
            no other; None where the tool signs no time, so that a retry looks like a replay.
    """

    digest: str | None


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How one tool signs.

    Attributes:
        signature: the header that has it.
        timestamp: the header that has the signed time, None where none is signed.
        content: what is signed, out of the headers (small letters) and the body.
        expected: the signature of a content under a secret, as the header has it.
        seconds: a signed time as Unix seconds.
        others: more headers that must be there.
    """

    signature: str
    timestamp: str | None
    content: Callable[[Mapping[str, str], bytes], bytes]
    expected: Callable[[str, bytes], str]
    seconds: Callable[[str], float] = float
    others: tuple[str, ...] = ()


def _hex(prefix: str, algorithm: str) -> Callable[[str, bytes], str]:
    def expected(secret: str, content: bytes) -> str:
        return prefix + hmac.new(secret.encode(), content, algorithm).hexdigest()

    return expected


def _base64(prefix: str) -> Callable[[str, bytes], str]:
    def expected(secret: str, content: bytes) -> str:
        return prefix + base64.b64encode(hmac.new(secret.encode(), content, "sha256").digest()).decode()

    return expected


def _standard(secret: str, content: bytes) -> str:
    """Standard Webhooks, v1: the key is what follows ``whsec_``, in base64; another secret is the key."""
    key = secret.encode()
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, content, "sha256").digest()).decode()


def _dotted(*headers: str) -> Callable[[Mapping[str, str], bytes], bytes]:
    """The headers' values and the body, with a dot between each two."""

    def content(given: Mapping[str, str], body: bytes) -> bytes:
        return b"".join(given[name].encode() + b"." for name in headers) + body

    return content


def _body(_given: Mapping[str, str], body: bytes) -> bytes:
    return body


def _iso_seconds(text: str) -> float:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _whole_seconds(text: str) -> float:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError("no Unix time")
    return float(text)


_OURS = _Scheme(
    "x-voc-signature",
    "x-voc-timestamp",
    _dotted("x-voc-timestamp"),
    _hex("sha256=", "sha256"),
    _whole_seconds,
)
#: By tool; a tool that is not here signs nothing.
_SCHEMES: dict[str, _Scheme] = {
    # developer.zendesk.com/documentation/webhooks/verifying: base64(HMACSHA256(TIMESTAMP + BODY))
    "zendesk": _Scheme(
        "x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp",
        lambda given, body: given["x-zendesk-webhook-signature-timestamp"].encode() + body,
        _base64(""), _iso_seconds,
    ),
    # chatwoot/chatwoot pull request 13573: sha256= and HMAC-SHA256 of "{timestamp}.{body}" in hexadecimal
    "chatwoot": _Scheme(
        "x-chatwoot-signature", "x-chatwoot-timestamp", _dotted("x-chatwoot-timestamp"),
        _hex("sha256=", "sha256"), _whole_seconds,
    ),
    # developers.intercom.com, Signed Notifications: sha1= and HMAC-SHA1 of the body in hexadecimal
    "intercom": _Scheme("x-hub-signature", None, _body, _hex("sha1=", "sha1")),
    # formbricks.com/docs, Webhooks, Webhook Security with Standard Webhooks
    "formbricks": _Scheme(
        "webhook-signature", "webhook-timestamp", _dotted("webhook-id", "webhook-timestamp"), _standard,
        _whole_seconds, ("webhook-id",),
    ),
    # typeform.com/developers/webhooks/secure-your-webhooks: sha256= and HMAC-SHA256 of the body in base64
    "typeform": _Scheme("typeform-signature", None, _body, _base64("sha256=")),
    "google-forms": _OURS,
    "generic": _OURS,
}  # fmt: skip


def signs(tool: str) -> bool:
    """Whether the tool can sign its messages."""
    return tool in _SCHEMES


def check_secret(tool: str, secret: str) -> None:
    """Refuses a secret that the tool's scheme cannot use.

    Raises:
        ValueError: what follows ``whsec_`` is not base64.
    """
    if _SCHEMES[tool].expected is _standard and secret.startswith("whsec_"):
        try:
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("what follows whsec_ must be base64, as the tool shows it") from None


def verify(tool: str, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> Signed:
    """Checks the signature of a message under any of the secrets.

    Args:
        headers: of the request; their names in any case.
        now: Unix seconds.

    Raises:
        Unauthorized: ``signature_missing``, ``signature_wrong`` or ``signature_expired``, naming the header.
    """
    scheme = _SCHEMES[tool]
    given = {name.lower(): value for name, value in headers.items()}
    for name in (scheme.signature, scheme.timestamp, *scheme.others):
        if name is not None and not given.get(name):
            raise Unauthorized("signature_missing", f"the header {name} is missing", name)
    content = scheme.content(given, body)
    offered = [word.encode("utf-8", "replace") for word in _offered(scheme, given[scheme.signature])]
    matching = [
        signature
        for secret in secrets
        for signature in (scheme.expected(secret, content).encode(),)
        if any([hmac.compare_digest(signature, word) for word in offered])  # noqa: C419  # compares all of them
    ]
    if not matching:
        raise Unauthorized(
            "signature_wrong", f"{scheme.signature} is not right for this body", scheme.signature
        )
    if scheme.timestamp is None:
        return Signed(None)
    at = given[scheme.timestamp]
    try:
        away = abs(now - scheme.seconds(at))
    except (ValueError, OverflowError):
        raise Unauthorized("signature_wrong", f"{scheme.timestamp} is no time", scheme.timestamp) from None
    if not away <= WINDOW_S:
        raise Unauthorized(
            "signature_expired",
            f"{scheme.timestamp} is more than {WINDOW_S:.0f} s away from now",
            scheme.timestamp,
        )
    told = "\n".join((tool, at, matching[0].decode()))
    return Signed(hashlib.sha256(told.encode()).hexdigest())


def _offered(scheme: _Scheme, header: str) -> Iterator[str]:
    """The signatures in a header: one, or several with blanks between in Standard Webhooks."""
    words = header.split() if scheme.expected is _standard else [header.strip()]
    yield from words[:16]
