"""Events go out: signed, at least once, in order, each target for itself.

Enters: what the outbox holds. Leaves: HTTP requests to the targets that people named. What must hold: an
event goes again until the target said 2xx or it was given up, and then stands among the dead, to be sent
again; no later event of a target goes before an earlier one; a target that hangs delays no other; no request
leaves for an address inside this network unless the settings allow it.

The events are CloudEvents 1.0 (structured mode, with the extension ``sequence``), signed as Standard Webhooks
1.0.0 has it: ``webhook-signature: v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.
"""

from __future__ import annotations

from voc.webhooks.addresses import is_public, parsed, resolved
from voc.webhooks.delivery import Answer, Deliverer, Limits, Schedule
from voc.webhooks.messages import signature
from voc.webhooks.targets import add, rotate

__all__ = [
    "Answer", "Deliverer", "Limits", "Schedule", "add", "is_public", "parsed", "resolved", "rotate",
    "signature",
]  # fmt: skip
