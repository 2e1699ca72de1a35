"""The JSON of reports: the fields of the records of `voc.reports`, described by their docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from functools import cache
from types import GenericAlias, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field, create_model

from voc import reports
from voc.api.caller import caller
from voc.api.schemas import FilterQuery, ShareOut, Since, Until
from voc.facts import Facts, FactTable, Mask
from voc.records import Language, Sentiment, Touchpoint
from voc.reports import Period, Share
from voc.store import Filter

# ---- requests


class ReportQuery(FilterQuery):
    """Which feedback, and which days: whole ones in UTC, by default the last 28 that have feedback."""

    def timeless(self) -> Filter:
        """The filter without its period."""
        return replace(self.filter(), since=None, until=None)

    def period(self, table: FactTable, facts: Facts) -> Period:
        """The days that are asked for.

        Raises:
            InvalidInput: ``period_empty`` or ``period_too_long``.
        """
        return reports.chosen_period(
            facts,
            reports.first_day(self.since),
            reports.last_day(self.until),
            table.rows(facts, Filter(within=caller().department)),
        )


class DriversQuery(ReportQuery):
    """What moves which score."""

    score: Literal["nps", "csat"] = Field("nps", description="Of which answers.")


_AGAINST = "Of the other side"


class CompareQuery(ReportQuery):
    """One side; the other is the same but for what begins with `against_`. If nothing does, it is the period
    before."""

    against_department: str | None = Field(
        None, max_length=100, description=f"{_AGAINST}: key of a department."
    )
    against_role: Literal["owner", "cooperator"] | None = Field(None, description=f"{_AGAINST}.")
    against_topic: str | None = Field(None, max_length=100, description=f"{_AGAINST}: key of a topic.")
    against_source: str | None = Field(None, max_length=200, description=f"{_AGAINST}.")
    against_language: Language | None = Field(None, description=f"{_AGAINST}.")
    against_touchpoint: Touchpoint | None = Field(None, description=f"{_AGAINST}.")
    against_attribute: str | None = Field(
        None, max_length=1_201, pattern="^[^:]+:", description=f"{_AGAINST}: `name:value`."
    )
    against_since: Since | None = Field(None, alias="against_from", description=f"{_AGAINST}: first day.")
    against_until: Until | None = Field(
        None, alias="against_to",
        description=f"{_AGAINST}: last day; if only the first is given, it is as long as this side.",
    )  # fmt: skip

    def sides(self, table: FactTable, facts: Facts) -> tuple[Mask, Mask, Period, Period]:
        """The masks and periods that `reports.compare` takes, the other side first.

        Raises:
            InvalidInput: ``period_empty``, ``period_too_long``, or ``period_missing``: there is no period
                before this one.
        """
        names = ("department", "role", "topic", "source", "language", "touchpoint")
        changed = {name: getattr(self, f"against_{name}") for name in names}
        if self.against_attribute is not None:
            name, _, value = self.against_attribute.partition(":")
            changed["attribute"] = (name, value)
        changed = {name: value for name, value in changed.items() if value is not None}
        chosen = self.timeless()
        period = self.period(table, facts)
        other = reports.other_period(
            period,
            reports.first_day(self.against_since),
            reports.last_day(self.against_until),
            same=bool(changed),
        )
        return table.rows(facts, replace(chosen, **changed)), table.rows(facts, chosen), other, period


# ---- answers


class PeriodOut(BaseModel):
    """Whole days in UTC."""

    first: str = Field(alias="from", description="First day.")
    last: str = Field(alias="to", description="Last day, in it.")
    days: int


class RunAroundOut(BaseModel):
    """One long chain."""

    id: str = Field(description="Of the feedback.")
    hops: list[str] = Field(description="Departments in the order of the customer's way, returns kept.")
    at: str
    sentiment: Sentiment


@cache
def shape_of(record: Any) -> type[BaseModel]:
    """A record of `voc.reports` as a model, its fields described by its docstring."""
    told = _told(inspect.getdoc(record) or "")
    fields: dict[str, Any] = {
        name: (_shaped(hint), Field(description=told.get(name)))
        for name, hint in get_type_hints(record).items()
    }
    model: type[BaseModel] = create_model(f"{record.__name__}Out", **fields)
    model.__doc__ = (inspect.getdoc(record) or "").split("\n\n")[0].replace("\n", " ")
    return model


def list_of(record: Any) -> type[BaseModel]:
    """A period with rows under ``items``."""
    fields: dict[str, Any] = {
        "period": (PeriodOut, Field()),
        "period_before": (PeriodOut | None, Field()),
        "grain": (Literal["day", "week", "month"], Field(description="What `trend` is cut into.")),
        "items": (GenericAlias(list, (shape_of(record),)), Field()),
    }
    return create_model(f"{record.__name__}sOut", **fields)


def _shaped(hint: Any) -> Any:
    """The type of a field as JSON has it."""
    if hint in _OWN:
        return _OWN[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        return shape_of(hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return Union[tuple(part if part is NoneType else _shaped(part) for part in parts)]  # noqa: UP007
    if origin is tuple:
        return GenericAlias(list, (_shaped(parts[0]),))
    if origin is Mapping:
        return GenericAlias(dict, (str, _shaped(parts[1])))
    return hint


#: Records whose JSON is described elsewhere.
_OWN: dict[Any, type[BaseModel]] = {Period: PeriodOut, Share: ShareOut}


def _told(text: str) -> dict[str, str]:
    """What the section ``Attributes:`` of a docstring says of each name."""
    found: dict[str, str] = {}
    lines = text.partition("Attributes:")[2]
    for names, said in re.findall(r"^    (\w+(?:, \w+)*): (.*(?:\n {8}.*)*)", lines, re.MULTILINE):
        for name in names.split(", "):
            text = re.sub(r"\bNone\b", "null", re.sub(r"\s+", " ", said).replace("``", "`"))
            found[name] = text[:1].upper() + text[1:]
    return found


SeamsOut: type[BaseModel] = create_model(
    "SeamsOut",
    __base__=shape_of(reports.Seams),
    longest=(list[RunAroundOut], Field(description="The longest chains, the latest first among equals.")),
)
