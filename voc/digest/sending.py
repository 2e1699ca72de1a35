"""Each Monday every department that named addresses gets its week by mail, once."""

from __future__ import annotations

import logging
import random
import threading
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from voc.acts import Act, during
from voc.digest.letter import Letter
from voc.digest.mail import hand_over, message_of
from voc.digest.writing import QUOTES, Writer
from voc.errors import Conflict, SettingsError
from voc.pipeline import PipelineHolder
from voc.process import new_holder
from voc.settings import Settings
from voc.store import SentDigest, Store

if TYPE_CHECKING:
    from voc.facts import FactTable

log = logging.getLogger(__name__)

#: Seconds between two looks at the clock.
LOOK_S = 60.0
#: Seconds for which a process holds a department's week: longer than all answers of a mail server take.
LEASE_S = 600.0
#: Seconds after the first failure until the next attempt, what each later wait is longer by, the longest.
FIRST_S, FACTOR, MOST_S = 120.0, 3.0, 7_200.0
#: Days from Monday on in which a week is still sent, by a service that was away or a server that refused.
DAYS = 3


def last_week(today: date) -> date:
    """The Monday of the last full week before a day."""
    return today - timedelta(days=today.weekday() + 7)


def due_week(now: float, timezone: str, hour: int) -> date | None:
    """The Monday of the week that is to be sent at a moment; None where none is.

    It is due from Monday at ``hour`` on for `DAYS` days, and not before it has ended in UTC, by which weeks
    are counted.

    Args:
        now: seconds since 1970.
        timezone: IANA name of the zone that Monday and the hour are of.
    """
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now, zone).date()
    monday = today - timedelta(days=today.weekday())
    begins = datetime.combine(monday, time_of_day(hour), zone)
    ended = datetime.combine(monday, time_of_day(), UTC)
    if now < max(begins, ended).timestamp() or today >= monday + timedelta(days=DAYS):
        return None
    return monday - timedelta(days=7)


class Digester:
    """Writes and sends digests for one process."""

    def __init__(self, store: Store, settings: Settings, pipelines: PipelineHolder, facts: FactTable) -> None:
        self.store = store
        self.settings = settings
        self.pipelines = pipelines
        self.facts = facts

    def run(self, stop: threading.Event) -> None:
        """Sends what is due until ``stop`` is set; without a mail server it waits for that alone."""
        while not stop.is_set():
            if self.settings.smtp_url is not None:
                self.once(time.time())
            stop.wait(LOOK_S if self.settings.smtp_url is not None else None)

    def once(self, now: float) -> list[SentDigest]:
        """Sends all that is due at a moment; what it tried, with what became of it.

        Args:
            now: seconds since 1970.
        """
        week = due_week(now, self.settings.mail_timezone, self.settings.mail_hour)
        if week is None:
            return []
        tried: list[SentDigest] = []
        for department in self.pipelines.get().router.organization.departments:
            if not department.mail_to:
                continue
            try:
                found = self._send(department.key, week, now)
            except Exception:  # what is wrong with one department's keeps no other from its own
                log.exception("a digest could not be sent", extra={"department": department.key})
                continue
            if found is not None:
                tried.append(found)
        return tried

    def letter(
        self, department: str, week: date, language: str | None = None, *, quotes: int = QUOTES
    ) -> Letter:
        """One department's week to read.

        Raises:
            NotFound: ``department_unknown``.
        """
        pipeline = self.pipelines.get()
        facts = self.facts.now()
        writer = Writer(
            self.facts, facts, pipeline.router.organization, pipeline.topics.registry,
            pipeline.department_of_topic,
        )  # fmt: skip
        return writer.letter(department, week, language or self.settings.mail_language, quotes=quotes)

    def send(self, department: str, week: date, now: float, *, again: bool = False) -> SentDigest:
        """Sends one department's week now, whatever day it is; what became of it.

        Args:
            now: seconds since 1970.
            again: also if it was sent, or may have been.

        Raises:
            NotFound: ``department_unknown``.
            SettingsError: ``smtp_missing``, or ``recipients_missing``: the organization names none.
            Conflict: ``digest_sent`` if it was sent, may have been, or is being sent.
        """
        self.letter(department, week)  # what is wrong with either is said first
        found = self._send(department, week, now, again=again, asked=True)
        if found is None:
            raise Conflict(
                "digest_sent", f"the week {week} of {department} was sent, or may have been; say again to "
                "send it once more", "department",
            )  # fmt: skip
        return found

    def _send(
        self, department: str, week: date, now: float, *, again: bool = False, asked: bool = False
    ) -> SentDigest | None:
        """None where it is not ours to send."""
        settings, digests = self.settings, self.store.digests
        recipients = self.pipelines.get().router.organization.by_key[department].mail_to
        if settings.smtp_url is None or settings.mail_from is None:
            raise SettingsError("smtp_missing", "VOC_SMTP_URL names no mail server", "VOC_SMTP_URL")
        if not recipients:
            raise SettingsError(
                "recipients_missing", f"the organization names no mail_to for {department}", "mail_to"
            )
        day, holder = week.isoformat(), new_holder()
        if asked:
            digests.hasten(day, department)
        if not digests.claim(day, department, holder, now, LEASE_S, again=again):
            return None
        message = message_of(
            self.letter(department, week), sender=settings.mail_from, recipients=recipients,
            public_url=settings.public_url, now=now, serial=int(now) if again else 0,
        )  # fmt: skip
        act = Act("digest", "digest.send", department, {"week": day, "recipients": len(recipients)})

        def before() -> None:
            with during(act):  # customers' words leave: the log has it, or they stay
                digests.hand_over(day, department, holder)

        outcome = hand_over(
            settings.smtp_url.get_secret_value(), message, settings.mail_from, recipients, before
        )
        known = digests.get(day, department)
        attempts = known.attempts if known else 1
        if outcome.taken:
            digests.sent(day, department, holder, now, outcome.taken, outcome.error)
        else:
            log.warning("the digest of %s was not sent: %s", department, outcome.error)
            again_at = None if outcome.is_unsure else now + _wait_s(attempts)
            digests.failed(day, department, holder, outcome.error or "error", again_at)
        return digests.get(day, department)


def _wait_s(attempts: int) -> float:
    """Seconds until the next attempt; up to a fifth at random, so that not all departments come at once."""
    return float(min(FIRST_S * FACTOR ** (attempts - 1), MOST_S) * random.uniform(1.0, 1.2))
