"""The frozen records that all rooms share. They hold values and no behaviour beyond their own JSON form.

Offsets are counted in Unicode code points, as Python's ``str`` indexes them. Times are ISO 8601 in UTC
with a trailing ``Z``, so that they sort as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Language: TypeAlias = Literal["vi", "en", "mixed", "und"]
Sentiment: TypeAlias = Literal["negative", "neutral", "positive", "mixed"]
Status: TypeAlias = Literal["routed", "review", "no_owner"]
Touchpoint: TypeAlias = Literal["discover", "buy", "pay", "receive", "use", "support", "leave", "unknown"]
Scalar: TypeAlias = str | int | float | bool

LANGUAGES: tuple[Language, ...] = ("vi", "en", "mixed", "und")
SENTIMENTS: tuple[Sentiment, ...] = ("negative", "neutral", "positive", "mixed")
STATUSES: tuple[Status, ...] = ("routed", "review", "no_owner")
TOUCHPOINTS: tuple[Touchpoint, ...] = (
    "discover", "buy", "pay", "receive", "use", "support", "leave", "unknown",
)  # fmt: skip
#: The departments that the shipped routing head was trained on, in the order of the guide.
BASE_DEPARTMENTS: tuple[str, ...] = (
    "marketing", "sales", "digital", "product", "finance", "logistics", "care", "operations",
)  # fmt: skip


def _fields(record: Feedback | Analysis | Candidate | Segment) -> dict[str, Any]:
    """The fields by name, in order: as `dataclasses.asdict`, but what they hold is not copied, which is most
    of what a page of feedback would cost."""
    return {name: getattr(record, name) for name in record.__slots__}


@dataclass(frozen=True, slots=True)
class Feedback:
    """One verbatim as it is kept; one that was erased has no text any more, and says when."""

    id: str
    text: str
    source: str
    external_id: str | None
    occurred_at: str
    received_at: str
    channel: str | None = None
    touchpoint: Touchpoint | None = None
    customer_ref: str | None = None
    scores: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    erased_at: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The feedback as JSON values; ``erased_at`` is left out where nothing was erased."""
        body = _fields(self) | {"scores": dict(self.scores), "attributes": dict(self.attributes)}
        if self.erased_at is None:
            del body["erased_at"]
        return body


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range ``[start, end)`` of a text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its place in the text; ``text[start:end]`` is what the customer typed."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from one text before anything is judged: segments, languages, words, vectors.

    ``languages``, ``words`` and the rows of ``vectors`` belong together: one per segment, and where there
    are several segments one more, the first, for the whole text.
    ``words`` holds a segment's words joined by blanks, the syllables of one word joined by ``_``.
    ``vectors`` is float32 of shape (n_segments, n_dims) with unit rows. A text without any letter or
    sign has no segment.
    """

    spans: tuple[Span, ...]
    languages: tuple[Language, ...]
    words: tuple[str, ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A department the service would consider, with its calibrated probability."""

    department: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Segment:
    """One clause with what was judged of it; ``text`` equals ``feedback.text[start:end]``."""

    start: int
    end: int
    text: str
    language: Language
    sentiment: Sentiment
    sentiment_score: float
    topic: str | None
    department: str | None
    department_confidence: float


@dataclass(frozen=True, slots=True)
class Correction:
    """A person's word on one feedback, which wins over what the service says.

    Attributes:
        number: in the order in which they were made; 0 before it is kept.
        feedback: the feedback's id.
        span: the segment that it is about, None for the whole text.
        field: ``sentiment``, ``touchpoint`` or ``topic``; of the whole also ``owner`` and ``cooperators``, of
            a segment also ``department``.
        value: a key; for ``cooperators`` a tuple of keys; None for no owner, topic or department.
        said: what stood there before, in the same form.
        pipeline: the version whose word it was.
        author: who decided, as given.
        withdrawn_at: when it was taken back, None while it holds.
    """

    number: int
    feedback: str
    span: Span | None
    field: str
    value: str | tuple[str, ...] | None
    said: str | tuple[str, ...] | None
    pipeline: str
    author: str
    reason: str | None
    made_at: str
    withdrawn_at: str | None = None
    withdrawn_by: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The correction as JSON values."""
        body = asdict(self)
        del body["span"]
        body["segment"] = asdict(self.span) if self.span else None
        for name in ("value", "said"):
            if isinstance(body[name], tuple):
                body[name] = list(body[name])
        return body


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one pipeline version said of one feedback.

    ``hops`` are the departments that the customer turned to or was sent to, in order, returns kept; fewer
    than two are no chain and are left out.
    """

    id: str
    language: Language
    sentiment: Sentiment
    sentiment_score: float
    sentiment_confidence: float
    owner: str | None
    owner_confidence: float
    cooperators: tuple[str, ...]
    touchpoint: Touchpoint
    status: Status
    candidates: tuple[Candidate, ...]
    hops: tuple[str, ...]
    segments: tuple[Segment, ...]
    pipeline: str

    def as_dict(self) -> dict[str, Any]:
        """The analysis as JSON values, in the order of the contract."""
        return _fields(self) | {
            "cooperators": list(self.cooperators),
            "candidates": [_fields(c) for c in self.candidates],
            "hops": list(self.hops),
            "segments": [_fields(s) for s in self.segments],
        }
