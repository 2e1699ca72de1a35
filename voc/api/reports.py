"""The figures of a period: the same functions as the pages and ``voc report``."""

from __future__ import annotations

from typing import Any

from flask_openapi3.models.tag import Tag

from voc import reports
from voc.api import schemas
from voc.api import schemas_reports as shapes
from voc.api.blueprint import api, services
from voc.api.guard import needs
from voc.errors import NotFound
from voc.facts import Facts, Mask
from voc.reports import Period

REPORTS = Tag(
    name="Reports",
    description="Figures of a period against the period before, with intervals.",
)


def _asked(query: shapes.ReportQuery) -> tuple[Facts, Mask, Period]:
    table = services().facts
    facts = table.now()
    return facts, table.rows(facts, query.timeless()), query.period(table, facts)


def _care() -> str:
    return services().organization.care or ""


def _departments() -> dict[str, str]:
    return services().pipelines.get().department_of_topic


@api.get(
    "/reports/overview", tags=[REPORTS], summary="The figures of a period",
    responses={200: shapes.shape_of(reports.Overview)},
)  # fmt: skip
@needs("read")
def get_report_overview(query: shapes.ReportQuery) -> dict[str, Any]:
    """Volume, feeling, NPS and CSAT, what became of them, what rises and falls, the loudest seams."""
    return reports.overview(*_asked(query), _departments(), _care()).as_dict()


@api.get(
    "/reports/topics", tags=[REPORTS], summary="Topics of a period",
    responses={200: shapes.list_of(reports.TopicRow)},
)  # fmt: skip
@needs("read")
def get_report_topics(query: shapes.ReportQuery) -> dict[str, Any]:
    """Each with its share, feeling, trend, and whether it changed by more than noise; the most frequent
    first."""
    facts, rows, period = _asked(query)
    return reports.listed(period, reports.topic_table(facts, rows, period, _departments()))


@api.get(
    "/reports/topics/<key>", tags=[REPORTS], summary="One topic over a period",
    responses={200: shapes.shape_of(reports.TopicStory)},
)  # fmt: skip
@needs("read")
def get_report_topic(path: schemas.KeyPath, query: shapes.ReportQuery) -> dict[str, Any]:
    """Over time, by source, touchpoint, language and department, and what is mentioned with it."""
    topic = services().pipelines.get().topics.registry.get(path.key)
    return reports.topic_story(*_asked(query), topic.key, _departments()).as_dict()


@api.get(
    "/reports/departments", tags=[REPORTS], summary="Departments of a period",
    responses={200: shapes.list_of(reports.DepartmentRow)},
)  # fmt: skip
@needs("read")
def get_report_departments(query: shapes.ReportQuery) -> dict[str, Any]:
    """Those that own or co-operate on anything, by key."""
    facts, rows, period = _asked(query)
    return reports.listed(period, reports.department_table(facts, rows, period))


@api.get(
    "/reports/departments/<key>", tags=[REPORTS], summary="One department over a period",
    responses={200: shapes.shape_of(reports.DepartmentLens)},
)  # fmt: skip
@needs("read")
def get_report_department(path: schemas.KeyPath, query: shapes.ReportQuery) -> dict[str, Any]:
    """What it owns and co-operates on, praise first, pains, what is new, its touchpoints and seams."""
    facts, rows, period = _asked(query)
    known = {*services().organization.by_key, *facts.departments}
    if path.key not in known:
        raise NotFound("department_unknown", f"there is no department {path.key}")
    return reports.department_lens(facts, rows, period, path.key, _departments()).as_dict()


@api.get(
    "/reports/seams", tags=[REPORTS], summary="What falls between departments",
    responses={200: shapes.SeamsOut},
)  # fmt: skip
@needs("read")
def get_report_seams(query: shapes.ReportQuery) -> dict[str, Any]:
    """Pairs of departments by touchpoint, chains that customers were sent through, what care is given that
    belongs to others."""
    found = reports.seams(*_asked(query), _care())
    return found.with_ids(services().store.columns.ids(one.number for one in found.longest))


@api.get(
    "/reports/seams/history", tags=[REPORTS], summary="Seams week by week",
    responses={200: shapes.shape_of(reports.SeamHistory)},
)  # fmt: skip
@needs("read")
def get_report_seam_history(query: shapes.ReportQuery) -> dict[str, Any]:
    """Each pair of departments in stretches of seven days up to the last day of the period: half a year, or
    as long as the period is."""
    return reports.seam_history(*_asked(query)).as_dict()


@api.get(
    "/reports/journey", tags=[REPORTS], summary="Along the customers' way",
    responses={200: shapes.shape_of(reports.Journey)},
)  # fmt: skip
@needs("read")
def get_report_journey(query: shapes.ReportQuery) -> dict[str, Any]:
    """Volume and feeling at each touchpoint, and the topics that break it."""
    return reports.journey(*_asked(query)).as_dict()


@api.get(
    "/reports/drivers", tags=[REPORTS], summary="What moves a score",
    responses={200: shapes.shape_of(reports.Drivers)},
)  # fmt: skip
@needs("read")
def get_report_drivers(query: shapes.DriversQuery) -> dict[str, Any]:
    """For each topic the score less that of those who do not mention it, with its interval."""
    return reports.drivers(*_asked(query), query.score).as_dict()


@api.get(
    "/reports/compare", tags=[REPORTS], summary="Two choices side by side",
    responses={200: shapes.shape_of(reports.Comparison)},
)  # fmt: skip
@needs("read")
def get_report_compare(query: shapes.CompareQuery) -> dict[str, Any]:
    """Side b is what the filter chooses, side a the same but for what begins with `against_`: periods,
    sources, attributes, departments. If nothing does, side a is the period before."""
    table = services().facts
    facts = table.now()
    return reports.compare(facts, *query.sides(table, facts)).as_dict()
