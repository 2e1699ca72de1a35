"""Which feedback to quote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voc.records import SENTIMENTS
from voc.reports.periods import Period

if TYPE_CHECKING:
    from voc.facts import Facts


def speaking(
    facts: Facts,
    period: Period,
    *,
    topic: str | None = None,
    department: str | None = None,
    sentiment: str | None = None,
) -> NDArray[np.bool_]:
    """Feedback of a period with segments that have a topic, a department and a feeling, all at once.

    What is left out does not narrow; bool (n,), to be combined with the mask of a filter.
    """
    lines = np.ones(len(facts.mention_row), np.bool_)
    for codes, keys, key in (
        (facts.mention_topic, facts.topics, topic),
        (facts.mention_department, facts.departments, department),
        (facts.mention_sentiment, SENTIMENTS, sentiment),
    ):
        if key is not None:
            lines &= codes == (keys.index(key) if key in keys else -2)
    found = np.zeros(len(facts), np.bool_)
    found[facts.mention_row[lines]] = True
    return found & (facts.at >= period.since_ms) & (facts.at < period.until_ms)
