"""What is sent: the CloudEvent, and the headers that sign it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

from voc import __version__
from voc.store import Due

SOURCE = "/voc"
CONTENT_TYPE = "application/cloudevents+json"


def new_secret() -> str:
    """32 random bytes as Standard Webhooks writes them."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, key: str, timestamp: int, body: bytes) -> str:
    """One signature as it stands in the header.

    Args:
        key: id of the event.
        timestamp: of the attempt, in seconds since 1970.
    """
    signed = f"{key}.{timestamp}.".encode() + body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def event_of(due: Due) -> dict[str, Any]:
    """The CloudEvent; the same at each attempt and for each target."""
    return {
        "specversion": "1.0",
        "id": due.id,
        "source": SOURCE,
        "type": due.type,
        "subject": due.subject,
        "time": due.made_at,
        "sequence": f"{due.event:019d}",
        "datacontenttype": "application/json",
        "data": json.loads(due.body),
    }


def headers_of(due: Due, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers of one attempt."""
    return {
        "Content-Type": CONTENT_TYPE,
        "User-Agent": f"voc/{__version__}",
        "Webhook-Id": due.id,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": " ".join(signature(one, due.id, timestamp, body) for one in due.secrets),
    }


def body_of(due: Due) -> bytes:
    """The CloudEvent as it is signed and sent."""
    return json.dumps(event_of(due), ensure_ascii=False, separators=(",", ":")).encode()
