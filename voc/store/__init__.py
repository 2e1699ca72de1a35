"""Keeps everything in one SQLite file. The one room that knows SQL.

Enters: records. Leaves: records. What must hold: what was added is on disk (WAL, ``synchronous=FULL``)
when `Store.add` returns; a ``(source, external_id)`` is kept once; a feedback has one analysis per
pipeline version, and the table ``shown`` names the one that counts; what people said is applied to every
analysis; a row waits on the work list, in the same transaction as it was added, until its analysis is kept.
"""

from __future__ import annotations

from voc.store.emerging import Stretch
from voc.store.filters import Filter, match_query
from voc.store.models import ModelVersion, Promotion
from voc.store.proposals import KINDS, KeptSegment, Kind, Proposal, ProposalItem
from voc.store.rows import KeptReading, as_kept
from voc.store.runs import Run
from voc.store.store import Added, Dimension, Grain, Kept, Outcome, Store, TrendCount
from voc.store.topics import TopicEvent

__all__ = [
    "KINDS", "Added", "Dimension", "Filter", "Grain", "Kept", "KeptReading", "KeptSegment", "Kind",
    "ModelVersion", "Outcome", "Promotion", "Proposal", "ProposalItem", "Run", "Store", "Stretch",
    "TopicEvent", "TrendCount", "as_kept", "match_query",
]  # fmt: skip
