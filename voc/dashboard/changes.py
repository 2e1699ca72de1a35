"""Changes in words: what a figure did since the period before, and how sure that is.

Enters: a change of `voc.intervals`. Leaves: a sentence, its tone, where the mark of its interval lies. What
must hold: what is not more than chance is never said to have risen or fallen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from flask_babel import gettext

from voc.dashboard.shell import blueprint
from voc.dashboard.texts import number, percent, points
from voc.intervals import Change, CountChange, MeanChange

Good = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Said:
    """A change as people read it.

    Attributes:
        words: such as "Up 3.2 points".
        bounds: such as "+1.1 to +5.3 points"; None where nothing can be compared.
        tone: ``better``, ``worse``, ``moved`` (neither is good), ``unsure``.
        direction: ``up``, ``down``, ``flat``; the name of an icon.
        value, low, high, reach: of the mark, on a scale from -reach to reach.
    """

    words: str
    bounds: str | None
    tone: Literal["better", "worse", "moved", "unsure"]
    direction: Literal["up", "down", "flat"]
    value: float = 0.0
    low: float = 0.0
    high: float = 0.0
    reach: float = 1.0


@blueprint.app_template_global()
def share_said(change: Change, good: Good | None = None) -> Said:
    """A share against the same share before, in percentage points."""
    if change.difference is None or change.low is None or change.high is None:
        return _nothing()
    bounds = gettext("%(low)s to %(high)s points", low=points(change.low), high=points(change.high))
    size = number(abs(100 * change.difference), 1)
    words = (
        gettext("Up %(size)s points", size=size),
        gettext("Down %(size)s points", size=size),
    )
    found = _said(words, change.difference, is_real=change.is_real, good=good)
    return _marked(found, bounds, (change.difference, change.low, change.high), 0.02)


@blueprint.app_template_global()
def count_said(change: CountChange | None, good: Good | None = None) -> Said:
    """A count against the count before, in percent."""
    if change is None:
        return _nothing()
    if change.ratio is None:
        return Said(gettext("None in the period before"), None, "moved", "up") if change.now else _nothing()
    size = percent(abs(change.ratio - 1))
    words = (gettext("Up %(size)s", size=size), gettext("Down %(size)s", size=size))
    found = _said(words, change.ratio - 1, is_real=change.is_real, good=good)
    low, high = change.low - 1, (change.high if change.high is not None else 2 * change.ratio) - 1
    bounds = gettext("%(low)s to %(high)s", low=_signed(low), high=_signed(high))
    return _marked(found, bounds, (change.ratio - 1, low, high), 0.05)


@blueprint.app_template_global()
def mean_said(change: MeanChange | None, good: Good | None = "up") -> Said:
    """A score against the score before, in its points."""
    if change is None:
        return _nothing()
    size = number(abs(change.difference), 1)
    words = (gettext("Up %(size)s points", size=size), gettext("Down %(size)s points", size=size))
    found = _said(words, change.difference, is_real=change.is_real, good=good)
    bounds = gettext(
        "%(low)s to %(high)s points", low=points(change.low / 100), high=points(change.high / 100)
    )
    return _marked(found, bounds, (change.difference, change.low, change.high), 2.0)


def _said(words: tuple[str, str], difference: float, *, is_real: bool, good: Good | None) -> Said:
    if not is_real:
        return Said(gettext("No clear change"), None, "unsure", "flat")
    direction: Good = "up" if difference > 0 else "down"
    tone = "moved" if good is None else "better" if direction == good else "worse"
    return Said(words[direction == "down"], None, tone, direction)  # type: ignore[arg-type]


def _marked(said: Said, bounds: str, at: tuple[float, float, float], least: float) -> Said:
    """With its mark, on a scale that reaches ``least`` to both sides at the least."""
    value, low, high = at
    return replace(said, bounds=bounds, value=value, low=low, high=high, reach=max(-low, high, least))


def _nothing() -> Said:
    return Said(gettext("Nothing to compare with"), None, "unsure", "flat")


def _signed(ratio: float) -> str:
    return ("+" if ratio > 0 else "−" if ratio < 0 else "±") + percent(abs(ratio))
