"""The JSON of evidence, as the OpenAPI document shows it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from voc.api.schemas import AnalysisOut, CandidateOut, KeptOut
from voc.api.schemas_decisions import SpanOut
from voc.evidence import Ground


class WordOut(SpanOut):
    """Words that count; `text[start:end]` of the feedback, in code points."""

    text: str
    weight: float = Field(description="How much less the log-odds are without them.")


class NearOut(BaseModel):
    """A topic with how near a segment is to it."""

    topic: str
    cosine: float
    threshold: float = Field(description="From this cosine on a segment belongs to it.")


class PartOut(SpanOut):
    """Why one segment belongs where it does."""

    topic: str | None
    department: str | None
    ground: Ground | None = Field(
        description="Said by a person; its topic was sent there; its topic belongs there; its words say so."
    )
    departments: list[CandidateOut] = Field(description="What the segment's head says, surest first.")
    words: list[WordOut] = Field(description="That speak for the department.")
    near: list[NearOut] = Field(description="Topics, the nearest first.")
    topic_words: list[SpanOut] = Field(description="Where typical words of the topic stand.")


class ClaimOut(BaseModel):
    """A department that could own the whole."""

    department: str
    confidence: float
    words: list[WordOut] = Field(description="That speak for it.")


class LikeOut(KeptOut):
    """Another feedback that is like it."""

    cosine: float = Field(description="Of the whole texts, from the centre of the topics.")
    is_decided: bool = Field(description="Whether people decided whose it is.")


class PastOut(BaseModel):
    """What one pipeline version says."""

    analysis: AnalysisOut = Field(description="With what people said.")
    own: AnalysisOut = Field(description="Without.")
    run: int | None = Field(description="The pass over history that it comes from; null for none.")
    at: str
    is_shown: bool = Field(description="Whether it is the one that counts.")


class EvidenceOut(BaseModel):
    """Why a feedback was routed as it was."""

    id: str
    pipeline: str = Field(description="The version that tells it.")
    are_words_known: bool = Field(description="False where the text is too long to weigh its words.")
    owners: list[ClaimOut] = Field(description="Departments that could own the whole, surest first.")
    segments: list[PartOut]
    like: list[LikeOut]
    analyses: list[PastOut] = Field(description="The one that counts first.")
