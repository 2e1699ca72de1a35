"""Questions that people ask of the facts. One definition of each figure, for page, API and CLI alike.

Enters: facts, a mask of the feedback that a filter chooses, a period. Leaves: frozen records with counts,
shares and intervals. What must hold: counts add up to rows of the database; a share comes with its interval,
a change with the period before and with whether it is more than noise.

Every report takes the mask of the filter *without* its period, so that one call looks at the period before
too::

    facts = services.facts.now()
    rows = services.facts.rows(facts, replace(chosen, since=None, until=None))
    found = overview(facts, rows, default_period(facts))

docs/metrics.md defines each figure with its formula and interval.
"""

from __future__ import annotations

from voc.intervals import Change, CountChange, MeanChange, Share
from voc.reports.compare import CompareRow, Comparison, Side, compare
from voc.reports.departments import (
    DepartmentLens,
    DepartmentRow,
    NewTopic,
    department_lens,
    department_table,
)
from voc.reports.drivers import Driver, Drivers, drivers
from voc.reports.examples import speaking
from voc.reports.figures import Bucket, Part, Score, SeamCell, TopicPart, TopicRow
from voc.reports.journey import Journey, Stage, journey
from voc.reports.overview import Coverage, Overview, overview
from voc.reports.periods import (
    Period,
    before,
    bounded,
    bucket_of,
    chosen_period,
    default_period,
    first_day,
    last_day,
    listed,
    other_period,
    starts,
)
from voc.reports.seam_history import SeamHistory, SeamLine, seam_history
from voc.reports.seams import Link, RunAround, Seams, seams
from voc.reports.topics import Together, TopicStory, pains, praised, topic_story, topic_table
from voc.reports.trends import TopicSummary, TrendPoint, topic_counts, topics, trends

__all__ = [
    "Bucket", "Change", "CompareRow", "Comparison", "CountChange", "Coverage", "DepartmentLens",
    "DepartmentRow", "Driver", "Drivers", "Journey", "Link", "MeanChange", "NewTopic", "Overview",
    "Part", "Period", "RunAround", "Score", "SeamCell", "SeamHistory", "SeamLine", "Seams", "Share",
    "Side", "Stage", "Together", "TopicPart", "TopicRow", "TopicStory", "TopicSummary", "TrendPoint",
    "before", "bounded", "bucket_of", "chosen_period", "compare", "default_period", "department_lens",
    "department_table", "drivers", "first_day", "journey", "last_day", "listed", "other_period", "overview",
    "pains", "praised", "seam_history", "seams", "speaking", "starts", "topic_counts", "topic_story",
    "topic_table", "topics", "trends",
]  # fmt: skip
