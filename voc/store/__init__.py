"""Keeps everything in one SQLite file. The one room that knows SQL.

Enters: records. Leaves: records. What must hold: what was added is on disk (WAL, ``synchronous=FULL``)
when `Store.add` returns; a ``(source, external_id)`` is kept once; a feedback has one analysis per
pipeline version, and the table ``shown`` names the one that counts; what people said is applied to every
analysis; a row waits on the work list, in the same transaction as it was added, until its analysis is kept.
"""

from __future__ import annotations

from voc.store.audit import NOTHING, AuditLine, Verdict
from voc.store.changes import Stamp
from voc.store.columns import FeedbackColumns, SegmentColumns
from voc.store.copies import Copy, CopyKind
from voc.store.deliveries import Due, Letter
from voc.store.digests import SentDigest
from voc.store.emerging import Stretch
from voc.store.erasure import Erased, Erasure
from voc.store.failures import UNUSABLE, translated
from voc.store.filters import Filter, match_query, value_text
from voc.store.matches import matches
from voc.store.models import ModelVersion, Promotion
from voc.store.outbox import EVENTS, UNLIMITED, Target
from voc.store.precedents import Neighbours, Past
from voc.store.proposals import KINDS, KeptSegment, Kind, Proposal, ProposalItem
from voc.store.rows import KeptReading, as_kept
from voc.store.runs import Run
from voc.store.store import Added, Kept, Outcome, Store
from voc.store.topics import TopicEvent
from voc.store.uploads import DateOrder, RowProblem, Upload, UploadPage
from voc.store.vitals import Figures, Findings, Vitals, engine, synchronous

__all__ = [
    "EVENTS", "KINDS", "NOTHING", "UNLIMITED", "UNUSABLE", "Added", "AuditLine", "Copy",
    "CopyKind", "DateOrder", "Due", "Erased", "Erasure", "FeedbackColumns", "Figures", "Filter",
    "Findings", "Kept", "KeptReading", "KeptSegment", "Kind", "Letter", "ModelVersion",
    "Neighbours", "Outcome", "Past", "Promotion", "Proposal", "ProposalItem",
    "RowProblem", "Run", "SegmentColumns", "SentDigest", "Stamp", "Store", "Stretch", "Target",
    "TopicEvent", "Upload", "UploadPage", "Verdict", "Vitals", "as_kept", "engine",
    "match_query", "matches", "synchronous", "translated", "value_text",
]  # fmt: skip
