"""Finds personal data in what customers write, and masks it.

Enters: a text. Leaves: `Pii`, or the text without it. What must hold: offsets are true in the text as
received; finds do not overlap; outside them a text is not changed; masking twice is masking once; time grows
with the length of the text and no faster.

Found are phone numbers, numbers of identity papers (``cccd``, twelve digits, and ``cmnd``, nine), e-mail
addresses, card and account numbers, street addresses and full names. Where it is not sure that something is
one of these it stays: order numbers, tax codes, prices, dates; hotlines (1900 1234); a card of which most is
hidden already; districts, streets and shops; given names alone.
"""

from __future__ import annotations

from voc.privacy.findings import KINDS, Kind, Pii
from voc.privacy.mask import covered, find, mask, pseudonymize

__all__ = ["KINDS", "Kind", "Pii", "covered", "find", "mask", "pseudonymize"]
