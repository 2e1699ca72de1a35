"""What people say goes before what the service says.

Enters: an analysis and the corrections of its feedback. Leaves: the analysis as it is shown. What must hold:
a correction wins over every pipeline version; what it does not name stays as it was, but for what follows
from it.

What follows:

* A segment whose topic was corrected goes to that topic's department. The topic of the whole is that of every
  segment. A topic that is no longer active stands for the one that took its place.
* A department named for a segment, or as owner, is sure (confidence 1), and a feedback whose owner people
  decided needs no review.
* An owner who was named and has no segment takes over those of the owner before.
* An owner who has lost every segment gives way to the department that got them.
* Cooperators are again the departments with a segment of their own; where nobody is the owner, those only
  that people named.
* One segment alone and the whole feel the same; where all segments, one of them corrected, feel the same, so
  does the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from voc.errors import InvalidInput
from voc.records import (
    SENTIMENTS,
    TOUCHPOINTS,
    Analysis,
    Correction,
    Segment,
    Sentiment,
    Span,
    Status,
    Touchpoint,
)

WHOLE_FIELDS = ("sentiment", "owner", "cooperators", "topic", "touchpoint")
SEGMENT_FIELDS = ("sentiment", "topic", "department")
#: ``mixed`` is said of a whole text only.
SEGMENT_SENTIMENTS = tuple(label for label in SENTIMENTS if label != "mixed")
#: A corrected sentiment whose score pointed elsewhere gets this one.
SCORES: dict[str, float] = {"negative": -1.0, "neutral": 0.0, "positive": 1.0, "mixed": 0.0}
#: Topics that are no longer active, each with those that took its place: none, one, or the parts of a split.
Successors = Mapping[str, Sequence[str]]


def standing(corrections: Sequence[Correction]) -> list[Correction]:
    """Those that hold, in order: the last of each field and segment that was not withdrawn."""
    last: dict[tuple[Span | None, str], Correction] = {}
    for correction in sorted(corrections, key=lambda one: one.number):
        if correction.withdrawn_at is None:
            last[correction.span, correction.field] = correction
    return sorted(last.values(), key=lambda one: one.number)


def decided(corrections: Sequence[Correction]) -> tuple[str, ...]:
    """The fields that people decided, such as ``owner`` or ``segments.topic``, in a fixed order."""
    names = {one.field if one.span is None else f"segments.{one.field}" for one in standing(corrections)}
    order = [*WHOLE_FIELDS, *(f"segments.{name}" for name in SEGMENT_FIELDS)]
    return tuple(name for name in order if name in names)


def is_new(
    held: Sequence[Correction], span: Span | None, field: str, value: str | tuple[str, ...] | None
) -> bool:
    """Whether saying this changes anything of what holds; it does not if it was said already and nothing said
    of the same field since could have gone over it.

    Args:
        held: what is `standing`.
    """
    before = next((one for one in held if (one.span, one.field) == (span, field)), None)
    if before is None or before.value != value:
        return True
    return any(one.field == field and one.number > before.number for one in held)


def apply(
    analysis: Analysis,
    corrections: Sequence[Correction],
    departments: Mapping[str, str],
    successors: Successors | None = None,
) -> Analysis:
    """The analysis with all that people said of it.

    Args:
        corrections: of this feedback; those that were withdrawn or followed by another do not count.
        departments: key of the department that each topic belongs to.
        successors: what became of topics that are no longer active.
    """
    held = standing(corrections)
    if not held:
        return analysis
    whole = {one.field: one.value for one in held if one.span is None}
    parts = _corrected(analysis.segments, held, departments, successors or {})
    changed = _with_departments(analysis, parts, whole)
    changed = _with_sentiment(changed, parts, whole)
    if "touchpoint" in whole:
        changed = replace(changed, touchpoint=cast(Touchpoint, whole["touchpoint"]))
    return changed


@dataclass(slots=True)
class _Parts:
    """Segments as corrected, and the positions of those of which a person said something.

    ``named`` got their department by name, ``led`` by their topic, ``felt`` another feeling.
    """

    segments: list[Segment]
    named: set[int] = field(default_factory=set)
    led: set[int] = field(default_factory=set)
    felt: set[int] = field(default_factory=set)

    @property
    def decided(self) -> set[int]:
        """Segments whose department people decided."""
        return self.named | self.led

    @property
    def departments(self) -> list[str | None]:
        return [part.department for part in self.segments]


def _corrected(
    segments: Sequence[Segment],
    held: Sequence[Correction],
    departments: Mapping[str, str],
    successors: Successors,
) -> _Parts:
    """The segments with what people said of them, and of the topic of the whole."""
    parts = _Parts(list(segments))
    for correction in sorted(held, key=lambda one: one.field == "department"):  # a department named goes last
        for i in _meant(segments, correction):
            part, value = parts.segments[i], cast("str | None", correction.value)
            if correction.field == "sentiment":
                parts.segments[i] = _felt(part, cast(Sentiment, value))
                parts.felt.add(i)
            elif correction.field == "topic":
                topic = _current(value, segments[i].topic, successors)
                owner = departments.get(topic) if topic else None
                parts.segments[i] = replace(part, topic=topic)
                if owner is not None:
                    parts.segments[i] = _belonging(parts.segments[i], owner)
                    parts.led.add(i)
            elif correction.field == "department":
                parts.segments[i] = _belonging(part, value)
                parts.named.add(i)
    return parts


def _meant(segments: Sequence[Segment], correction: Correction) -> list[int]:
    """Positions of the segments that a correction is about.

    Segments may be cut otherwise by a later version: it is about those that lie within its span by more than
    half, or else about the one that shares most of its letters.
    """
    if correction.span is None:
        return list(range(len(segments))) if correction.field == "topic" else []
    span = correction.span
    shared = [min(part.end, span.end) - max(part.start, span.start) for part in segments]
    within = [i for i, part in enumerate(segments) if shared[i] > 0 and 2 * shared[i] > part.end - part.start]
    if within:
        return within
    return [shared.index(max(shared))] if shared and max(shared) > 0 else []


def _current(topic: str | None, judged: str | None, successors: Successors) -> str | None:
    """The active topic that stands for ``topic``; among the parts of a split the one that the service chose
    itself, or else the first."""
    passed: set[str] = set()
    while topic is not None and topic in successors and topic not in passed:
        passed.add(topic)
        into = successors[topic]
        topic = judged if judged in into else next(iter(into), None)
    return topic


def _belonging(part: Segment, department: str | None) -> Segment:
    return replace(part, department=department, department_confidence=1.0)


def _felt(part: Segment, label: Sentiment) -> Segment:
    return replace(part, sentiment=label, sentiment_score=_score(label, part.sentiment_score))


def _with_departments(analysis: Analysis, parts: _Parts, whole: Mapping[str, Any]) -> Analysis:
    """Owner, cooperators, status and the departments of the segments."""
    if "owner" in whole:
        owner, sure = whole["owner"], True
        _hand_over(parts, analysis.owner, owner)
    else:
        owner, sure = _owner_by_segments(analysis, parts)
    if "cooperators" in whole:
        cooperators = tuple(key for key in whole["cooperators"] if key != owner)
    elif parts.decided or sure:
        cooperators = _cooperators(analysis, parts, owner)
    else:
        cooperators = analysis.cooperators
    changed = replace(analysis, segments=tuple(parts.segments), cooperators=cooperators)
    if not sure:
        return changed
    status: Status = "routed" if owner else "no_owner"
    return replace(changed, owner=owner, owner_confidence=1.0, status=status, candidates=())


def _hand_over(parts: _Parts, before: str | None, owner: str | None) -> None:
    """Gives the segments of the owner before to one who was named and has none."""
    if owner is not None and owner in parts.departments:
        return
    alone = len(parts.segments) == 1
    for i, part in enumerate(parts.segments):
        if i not in parts.named and (alone or i in parts.led or part.department == before):
            parts.segments[i] = _belonging(part, owner)


def _owner_by_segments(analysis: Analysis, parts: _Parts) -> tuple[str | None, bool]:
    """The owner as the segments' departments leave it, and whether people decided so."""
    owner = analysis.owner
    if not parts.decided:
        return owner, False
    if owner is not None and owner in parts.departments:
        return owner, len(parts.decided) == len(parts.segments) and set(parts.departments) == {owner}
    chosen = [parts.departments[i] for i in sorted(parts.decided)]
    implicated = [key for key in parts.departments if key in analysis.cooperators]
    heirs = [key for key in (*chosen, *implicated, *parts.departments) if key is not None]
    if owner is None and not any(chosen):
        return None, len(parts.decided) == len(parts.segments)
    return next(iter(heirs), None), True


def _cooperators(analysis: Analysis, parts: _Parts, owner: str | None) -> tuple[str, ...]:
    """In order of appearance: decided by people, or implicated before and still with a segment."""
    before = {*analysis.cooperators, analysis.owner} if owner is not None else set()
    counted = parts.decided if owner is not None else parts.named
    return tuple(
        dict.fromkeys(
            key
            for i, key in enumerate(parts.departments)
            if key and key != owner and (i in counted or key in before)
        )
    )


def _with_sentiment(analysis: Analysis, parts: _Parts, whole: Mapping[str, Any]) -> Analysis:
    """The feeling of the whole, and of a segment that is alone."""
    feelings = {part.sentiment for part in analysis.segments}
    if "sentiment" in whole:
        label = cast(Sentiment, whole["sentiment"])
        if len(analysis.segments) == 1 and not parts.felt and label != "mixed":
            analysis = replace(analysis, segments=(_felt(analysis.segments[0], label),))
    elif parts.felt and len(feelings) == 1:
        (label,) = feelings
    else:
        return analysis
    score = _score(label, analysis.sentiment_score)
    return replace(analysis, sentiment=label, sentiment_score=score, sentiment_confidence=1.0)


def _score(label: Sentiment, score: float) -> float:
    """The score where it agrees with the label, else the label's own."""
    agrees = {"negative": score < 0, "positive": score > 0, "neutral": abs(score) < 0.5, "mixed": True}
    return score if agrees[label] else SCORES[label]


def read(
    body: Mapping[str, Any], analysis: Analysis, *, departments: Sequence[str], topics: Sequence[str]
) -> list[tuple[Span | None, str, str | tuple[str, ...] | None, Any]]:
    """What a person's decision, given as JSON, says of an analysis.

    Args:
        body: ``{"owner", "cooperators", "sentiment", "touchpoint", "topic"}`` for the whole, or with
            ``"segment": {"start", "end"}`` any of ``{"sentiment", "topic", "department"}``;
            ``{"confirm": true}`` says that owner, cooperators and sentiment are right as they are, but for
            those that are named beside it.
        analysis: as it is shown now.
        departments, topics: the keys that there are.

    Returns:
        Span (None for the whole), field, value, and what stands there now, for each field.

    Raises:
        InvalidInput: ``correction_empty``, ``field_unknown``, ``segment_unknown``, ``department_unknown``,
            ``topic_unknown`` or ``field_invalid``, naming the field.
    """
    values = {name: value for name, value in body.items() if name not in ("segment", "confirm")}
    part = _segment(body["segment"], analysis) if body.get("segment") is not None else None
    allowed = WHOLE_FIELDS if part is None else SEGMENT_FIELDS
    for name in values:
        if name not in allowed:
            of = "a segment" if part else "the whole"
            raise InvalidInput(
                "field_unknown", f"{name} cannot be corrected of {of}; {', '.join(allowed)} can", name
            )
    checked = {name: _value(name, value, part, departments, topics) for name, value in values.items()}
    if _confirmed(body, part):
        checked = _as_it_stands(analysis, checked) | checked
    if not checked:
        raise InvalidInput("correction_empty", f"a correction needs one of {', '.join(allowed)}")
    if checked.get("topic") is not None and not analysis.segments:
        raise InvalidInput("field_invalid", "topic: nothing in this text could have one", "topic")
    owner = checked.get("owner", analysis.owner)
    if owner is not None and owner in checked.get("cooperators", ()):
        raise InvalidInput(
            "field_invalid", f"cooperators: {owner!r} is the owner and so no cooperator", "cooperators"
        )
    span = Span(part.start, part.end) if part else None
    return [(span, name, value, _stands(analysis, part, name)) for name, value in checked.items()]


def _confirmed(body: Mapping[str, Any], part: Segment | None) -> bool:
    confirm = body.get("confirm", False)
    if not isinstance(confirm, bool):
        raise InvalidInput("field_invalid", f"confirm must be true or false, got {confirm!r}", "confirm")
    if confirm and part is not None:
        raise InvalidInput("field_invalid", "confirm: only the whole can be confirmed", "confirm")
    return confirm


def _as_it_stands(analysis: Analysis, named: Mapping[str, Any]) -> dict[str, Any]:
    """What is confirmed beside what was named."""
    owner = named.get("owner", analysis.owner)
    others = tuple(key for key in analysis.cooperators if key != owner)
    return {"owner": owner, "cooperators": others, "sentiment": analysis.sentiment}


def _segment(given: Any, analysis: Analysis) -> Segment:
    if isinstance(given, Mapping) and set(given) == {"start", "end"}:
        for part in analysis.segments:
            if (part.start, part.end) == (given["start"], given["end"]):
                return part
    places = ", ".join(f"{part.start}-{part.end}" for part in analysis.segments)
    raise InvalidInput(
        "segment_unknown", f"segment must be start and end of one of the segments ({places})", "segment"
    )


def _value(
    name: str, value: Any, part: Segment | None, departments: Sequence[str], topics: Sequence[str]
) -> Any:
    if name == "cooperators":
        if not isinstance(value, list | tuple):
            raise InvalidInput("field_invalid", "cooperators must be a list of department keys", name)
        return tuple(dict.fromkeys(_one_of(key, departments, "department", name) for key in value))
    if name in ("owner", "department"):
        return None if value is None else _one_of(value, departments, "department", name)
    if name == "topic":
        return None if value is None else _one_of(value, topics, "topic", name)
    known: Sequence[str] = TOUCHPOINTS
    if name == "sentiment":
        known = SENTIMENTS if part is None else SEGMENT_SENTIMENTS
    if value not in known:
        raise InvalidInput("field_invalid", f"{name} must be one of {', '.join(known)}, got {value!r}", name)
    return value


def _one_of(key: Any, known: Sequence[str], what: str, name: str) -> str:
    if not isinstance(key, str) or key not in known:
        raise InvalidInput(f"{what}_unknown", f"{name}: no {what} has the key {key!r}", name)
    return key


def _stands(analysis: Analysis, part: Segment | None, name: str) -> Any:
    if part is not None:
        return getattr(part, name)
    if name != "topic":
        return getattr(analysis, name)
    topics = tuple(dict.fromkeys(segment.topic for segment in analysis.segments if segment.topic))
    return topics[0] if len(topics) == 1 else topics or None
