"""Stretches of whole days in UTC, and how they are cut for a line over time.

Enters: days. Leaves: periods and their buckets. What must hold: the buckets of a period meet without gap or
overlap and fill it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from voc.errors import InvalidInput

if TYPE_CHECKING:
    from voc.facts import Facts

Grain = Literal["day", "week", "month"]

DAY_MS = 86_400_000
#: A century: a longer period would be cut into thousands of months.
DAYS_LONGEST = 36_600
#: Days of a period that nobody chose.
DEFAULT_DAYS = 28
#: The longest periods that are cut into days, and into weeks.
DAYS_MOST = 35
WEEKS_MOST = 400
_LAST = date.max - timedelta(days=1)
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Whole days in UTC, ``since`` up to but without ``until``.

    In JSON and in addresses the last day is named instead: ``{"from": since, "to": last, "days": n}``.

    Raises:
        ValueError: it has no day.
    """

    since: date
    until: date

    def __post_init__(self) -> None:
        if self.until <= self.since:
            raise ValueError(f"until must lie after since, got {self.since} and {self.until}")

    @classmethod
    def of(cls, first: date, last: date) -> Period:
        """From the first day to the last, both in it; the last day of the calendar is in none."""
        last = min(last, _LAST)
        return cls(min(first, _LAST), last + timedelta(days=1))

    @property
    def last(self) -> date:
        """The last day in it."""
        return self.until - timedelta(days=1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.until - self.since).days

    @property
    def since_ms(self) -> int:
        """Its first moment, ms since 1970."""
        return (self.since.toordinal() - _EPOCH) * DAY_MS

    @property
    def until_ms(self) -> int:
        """The first moment after it, ms since 1970."""
        return (self.until.toordinal() - _EPOCH) * DAY_MS

    @property
    def grain(self) -> Grain:
        """What its buckets are: days up to 35 days, weeks up to 400, else months."""
        return "day" if self.days <= DAYS_MOST else "week" if self.days <= WEEKS_MOST else "month"

    def as_dict(self) -> dict[str, object]:
        """As JSON values; ``to`` is the last day in it."""
        return {"from": self.since.isoformat(), "to": self.last.isoformat(), "days": self.days}


def before(period: Period) -> Period | None:
    """As long, and just before it; None where the calendar has no such days."""
    ordinal = period.since.toordinal() - period.days
    return Period(date.fromordinal(ordinal), period.since) if ordinal >= 1 else None


def listed(period: Period, found: Sequence[Any]) -> dict[str, Any]:
    """Records of a period, each with ``as_dict``, as JSON values with the period and the one before it."""
    earlier = before(period)
    return {
        "period": period.as_dict(),
        "period_before": earlier.as_dict() if earlier else None,
        "grain": period.grain,
        "items": [row.as_dict() for row in found],
    }


def default_period(facts: Facts, rows: NDArray[np.bool_] | None = None, today: date | None = None) -> Period:
    """The last 28 days up to today; up to the newest feedback if those hold none.

    Args:
        rows: of the feedback that the caller may see; all, if left out. Give the mask of
            ``Filter(within=...)`` without the filter's other parts, so that the period stays while people
            filter.
        today: the last day; now in UTC, if left out.
    """
    last = today or datetime.now(UTC).date()
    chosen = Period.of(last - timedelta(days=DEFAULT_DAYS - 1), last)
    at = facts.at if rows is None else facts.at[rows]
    if not len(at) or bool(((at >= chosen.since_ms) & (at < chosen.until_ms)).any()):
        return chosen
    past = at[at < chosen.until_ms]
    newest = day_of(int(past.max() if len(past) else at.max()))
    newest = max(newest, date.min + timedelta(days=DEFAULT_DAYS))
    return Period.of(newest - timedelta(days=DEFAULT_DAYS - 1), newest)


def chosen_period(
    facts: Facts, first: date | None, last: date | None, rows: NDArray[np.bool_] | None = None
) -> Period:
    """What somebody chose: from the first day to the last, both in it.

    Where they name no day, `default_period`; no last day: up to today; no first day: 28 days.

    Args:
        rows: as `default_period`.

    Raises:
        InvalidInput: ``period_empty``: it ends before it begins; ``period_too_long``: more than a century.
    """
    if first is None and last is None:
        return default_period(facts, rows)
    if last is None:
        last = max(datetime.now(UTC).date(), first or date.min)
    if first is None:
        first = date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS + 1))
    return bounded(first, last)


def bounded(first: date, last: date) -> Period:
    """From the first day to the last, both in it.

    Raises:
        InvalidInput: as `chosen_period`.
    """
    if last < first:
        raise InvalidInput("period_empty", f"to: {last} lies before from, {first}", "to")
    if (last - first).days >= DAYS_LONGEST:
        raise InvalidInput("period_too_long", f"must have at most {DAYS_LONGEST:,} days", "from")
    return Period.of(first, last)


def other_period(period: Period, first: date | None, last: date | None, *, same: bool) -> Period:
    """The period that another is compared with.

    Args:
        first, last: its days; where only one is given, it is as long as the other.
        same: whether it is the same days if none is given; the ones before otherwise.

    Raises:
        InvalidInput: ``period_empty``, ``period_too_long`` or ``period_missing``.
    """
    if first is None and last is None:
        found = period if same else before(period)
        if found is None:
            raise InvalidInput("period_missing", "there are no days before this period", "from")
        return found
    reach = timedelta(days=period.days - 1)
    try:
        begin = first if first is not None else (last or date.min) - reach
        return bounded(begin, last if last is not None else begin + reach)
    except OverflowError:
        raise InvalidInput("period_missing", "the calendar has no such days", "against_from") from None


def first_day(moment: str | None) -> date | None:
    """The day of the first moment of a filter."""
    return None if moment is None else date.fromisoformat(moment[:10])


def last_day(moment: str | None) -> date | None:
    """The last day that lies before the moment at which a filter ends."""
    day = first_day(moment)
    if moment is None or day is None or moment[10:] not in ("", "T00:00:00.000Z") or day == date.min:
        return day
    return day - timedelta(days=1)


def day_of(ms: int) -> date:
    """The day of a moment."""
    return date.fromordinal(ms // DAY_MS + _EPOCH)


def start_of(day: date, grain: Grain) -> date:
    """First day of the day, week (Monday) or month that a day lies in."""
    if grain == "day":
        return day
    if grain == "week":
        return date.fromordinal(max(day.toordinal() - day.weekday(), 1))
    return day.replace(day=1)


def end_of(start: date, grain: Grain) -> date:
    """The day after a bucket, by its first day; the last day of the calendar where there is none."""
    if grain == "month":
        return date.max if start >= date(9999, 12, 1) else (start + timedelta(days=31)).replace(day=1)
    days = 1 if grain == "day" else 7
    return date.fromordinal(min(start.toordinal() + days, date.max.toordinal()))


def starts(period: Period, grain: Grain) -> list[date]:
    """First days of the period's buckets; the first of them may lie before the period."""
    found = [start_of(period.since, grain)]
    while (start := end_of(found[-1], grain)) < period.until:
        found.append(start)
    return found


def bucket_of(at: NDArray[np.int64], period: Period, grain: Grain) -> NDArray[np.int64]:
    """Index of the bucket of each moment, all of which lie in the period; int64 of the same shape."""
    firsts = starts(period, grain)
    edges = np.array([(first.toordinal() - period.since.toordinal()) for first in firsts], np.int64)
    table = np.searchsorted(edges, np.arange(period.days), side="right") - 1
    return np.asarray(table[(at - period.since_ms) // DAY_MS], np.int64)
