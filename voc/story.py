"""What `voc demo` shows: sixteen weeks of feedback on one invented company, in which something happens.

Enters: the folder ``corpora`` and the last day. Leaves: rows as people send them, oldest first. What must
hold: the same day gives the same rows; another day moves their times and nothing else, so that a database
filled yesterday takes none of them twice; a smaller share is a part of the whole story, week by week.

``story.toml`` holds what is written, and says how. Nothing learns from a text that is made here, and nothing
is measured on one.
"""

from __future__ import annotations

import json
import random
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from voc.text import fold

WEEKS = 16
#: Deals the same cards every time.
SEED = 16
LANGUAGES = ("vi", "en", "mixed")
#: The thread of what comes from ``feedback.jsonl``.
BACKGROUND = "background"
#: Times that a text is made anew where it was written already.
TRIES = 200
#: Hours of the day in UTC, 7 to 22 in Vietnam, and how much is written in each.
HOURS = (3, 5, 6, 6, 7, 6, 4, 5, 6, 6, 6, 7, 8, 9, 8, 5)
#: Share of feedback that carries a rating, by the rating of its source.
RATED = {
    "survey-nps": ("nps", 1.0), "store-csat": ("csat", 1.0), "tickets": ("csat", 0.6), "chat": ("csat", 0.5),
}  # fmt: skip
#: Which row of the scores fits a label of ``feedback.jsonl``, and which source one of its channels.
FEELS = {"negative": "bad", "mixed": "mixed", "neutral": "plain", "positive": "good"}
SOURCES = {
    "app": "app-store", "survey": "survey-nps", "store": "store-csat", "chat": "chat", "mail": "email",
    "social": "social", "web": "tickets", "call": "tickets",
}  # fmt: skip

_SLOT = re.compile(r"\{(\w+)\}")
_EITHER = re.compile(r"\(([^()]*\|[^()]*)\)")
_SENTENCE = re.compile(r"(^|[.!?]\s+)(\w)")
_BARE = str.maketrans({"đ": "d", "Đ": "D"})


@dataclass(frozen=True, slots=True)
class Told:
    """One feedback of the story.

    Attributes:
        thread: what it belongs to, a key of ``story.toml`` or `BACKGROUND`.
        week: 1 to `WEEKS`.
        row: its values as they are sent: text, source, external_id, occurred_at and the rest.
    """

    thread: str
    week: int
    row: Mapping[str, Any]


def tell(corpora: Path, until: date, share: float = 1.0) -> list[Told]:
    """The story, oldest first.

    Args:
        corpora: the folder with ``story.toml`` and ``feedback.jsonl``.
        until: the last day of the last week, UTC.
        share: how much of each thread is told, over 0 and at most 1.

    Raises:
        ValueError: a share outside of that.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie over 0 and at most 1, got {share}")
    content = tomllib.loads((corpora / "story.toml").read_text("utf-8"))
    company = _Company(content, until)
    written: set[str] = set()
    told: list[Told] = []
    for thread in content["threads"]:
        told += _thread(company, thread, _Writer(content, thread, written), share)
    told += _background(company, content["background"], corpora / "feedback.jsonl", share)
    return sorted(told, key=lambda one: (one.row["occurred_at"], one.row["external_id"]))


def _thread(company: _Company, thread: Mapping[str, Any], writer: _Writer, share: float) -> Iterator[Told]:
    chance, key = writer.chance, thread["key"]
    weeks = thread.get("weeks") or [round(thread["weekly"] * chance.uniform(0.7, 1.3)) for _ in range(WEEKS)]
    number = 0
    for week, (count, wanted) in enumerate(zip(weeks, _parts(weeks, share), strict=True), start=1):
        for place in range(count):
            number += 1
            text = writer.write(drawn(chance, company.content["company"]["languages"]))
            source = drawn(chance, company.weights("sources", thread))
            rest = company.rest(chance, week, source, thread["feels"], thread)
            if place < wanted:
                yield Told(key, week, {"text": text, "external_id": f"{key}-{number:04}"} | rest)


def _background(company: _Company, wanted: Mapping[str, Any], corpus: Path, share: float) -> Iterator[Told]:
    """Texts of the corpus, one of each group, in an order that has nothing to do with time."""
    chance = random.Random(f"{SEED}:{BACKGROUND}")
    avoided = [fold(word) for word in wanted["leave_out"]]
    groups: dict[str, Mapping[str, Any]] = {}
    for line in corpus.read_text("utf-8").splitlines():
        row = json.loads(line)
        folded = fold(row["text"])
        if row["sector"] in wanted["sectors"] and not any(word in folded for word in avoided):
            groups.setdefault(row["group"], row)
    rows = chance.sample(list(groups.values()), len(groups))
    weeks = [len(rows) * (week + 1) // WEEKS - len(rows) * week // WEEKS for week in range(WEEKS)]
    at = 0
    for week, (count, part) in enumerate(zip(weeks, _parts(weeks, share), strict=True), start=1):
        for place, row in enumerate(rows[at : at + count]):
            rest = company.rest(chance, week, SOURCES[row["channel"]], FEELS[row["sentiment"]], {})
            if place < part:
                key = f"{BACKGROUND}-{row['id']}"
                yield Told(BACKGROUND, week, {"text": row["text"], "external_id": key} | rest)
        at += count


def _parts(weeks: Sequence[int], share: float) -> list[int]:
    """How many of each week are told: rounded so that their sums follow the whole."""
    sums = [round(total * share) for total in accumulate(weeks)]
    return [after - before for before, after in pairwise([0, *sums])]


def drawn(chance: random.Random, weights: Mapping[str, float]) -> str:
    """One of the keys, as often as its weight says."""
    return chance.choices(list(weights), list(weights.values()))[0]


def without_marks(text: str) -> str:
    """The text as typed without diacritics, capitals kept: ``"Đổi trả"`` -> ``"Doi tra"``."""
    decomposed = unicodedata.normalize("NFD", text.translate(_BARE))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


class _Company:
    """What belongs to a feedback beside its text."""

    def __init__(self, content: Mapping[str, Any], until: date) -> None:
        self.content = content
        self.first = until - timedelta(days=7 * WEEKS - 1)
        self.until = until

    def weights(self, name: str, thread: Mapping[str, Any]) -> Mapping[str, float]:
        """The thread's own weights, or the company's."""
        found: Mapping[str, float] = thread.get(name) or self.content["company"][name]
        return found

    def rest(
        self, chance: random.Random, week: int, source: str, feels: str, thread: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Source, channel, time, customer, scores and attributes."""
        attributes: dict[str, Any] = {
            "plan": drawn(chance, self.weights("plans", thread)),
            "region": drawn(chance, self.weights("regions", thread)),
        }
        kind, often = RATED.get(source, ("", 0.0))
        rating = {name: _rated(chance, row) for name, row in self.content["scores"][feels].items()}
        if source == "app-store":
            attributes["stars"] = rating["csat"]
        return {
            "source": source,
            "channel": self.content["channels"][source],
            "occurred_at": self._moment(chance, week).isoformat().replace("+00:00", "Z"),
            "customer_ref": f"customer-{chance.randrange(1, 20_000):05}",
            "scores": {kind: rating[kind]} if chance.random() < often else {},
            "attributes": attributes,
        }

    def _moment(self, chance: random.Random, week: int) -> datetime:
        """Some time of the week; on the last day in its first hour, since it may not be over."""
        day = self.first + timedelta(days=7 * (week - 1) + chance.randrange(7))
        hour = chance.choices(range(len(HOURS)), HOURS)[0]
        start = datetime(day.year, day.month, day.day, 0 if day == self.until else hour, tzinfo=UTC)
        return start + timedelta(seconds=chance.randrange(3600))


def _rated(chance: random.Random, weights: Sequence[int]) -> int:
    """A score: NPS begins with 0, the five-step scales with 1."""
    first = 0 if len(weights) == 11 else 1
    return chance.choices(range(first, first + len(weights)), weights)[0]


class _Cards:
    """Deals every card of a pack before any comes again, in an order that differs each time."""

    def __init__(self, cards: Sequence[str], chance: random.Random) -> None:
        self.cards, self.chance = list(cards), chance
        self.left: list[str] = []

    def deal(self) -> str:
        if not self.left:
            self.left = self.chance.sample(self.cards, len(self.cards))
        return self.left.pop()


class _Writer:
    """Writes the texts of one thread.

    Attributes:
        written: all texts so far, of every thread.
    """

    def __init__(self, content: Mapping[str, Any], thread: Mapping[str, Any], written: set[str]) -> None:
        self.chance = random.Random(f"{SEED}:{thread['key']}")
        self.content = content
        self.frames = {language: _Cards(thread[language], self.chance) for language in LANGUAGES}
        self.packs: dict[tuple[str, str], _Cards] = {}
        self.written = written
        self.may_repeat = thread.get("again", False)

    def write(self, language: str) -> str:
        """A text that was not written before, unless the thread may repeat itself."""
        for _ in range(TRIES):
            filled = self._filled(self.frames[language].deal(), language, {})
            text = self._typed(" ".join(filled.split()), language)
            if self.may_repeat or text not in self.written:
                self.written.add(text)
                return text
        raise ValueError(f"story.toml has too few words for another text in {language}")

    def _filled(self, frame: str, language: str, chosen: dict[str, str]) -> str:
        """The frame with its words; ``chosen`` holds those that the text has used, to be used again."""

        def word(match: re.Match[str]) -> str:
            name = match[1]
            if name not in chosen:
                chosen[name] = self._filled(self._pack(name, language).deal(), language, chosen)
            return chosen[name]

        return _SLOT.sub(word, _EITHER.sub(lambda match: self.chance.choice(match[1].split("|")), frame))

    def _pack(self, name: str, language: str) -> _Cards:
        if (name, language) not in self.packs:
            words = self.content["words"]
            found = words[language].get(name) or words["vi"][name]
            self.packs[name, language] = _Cards(found, self.chance)
        return self.packs[name, language]

    def _typed(self, text: str, language: str) -> str:
        """The text as somebody types it who takes more or less care."""
        manner = drawn(self.chance, self.content["typing"][language])
        if manner in ("small", "chatted", "bare"):
            text = text.rstrip(".")
            if manner == "chatted":
                return self._chatted(text)
            return without_marks(text) if manner == "bare" else text
        text = _SENTENCE.sub(lambda match: match[1] + match[2].upper(), text)
        if manner == "shouted":
            return text.upper().rstrip(".!") + "!!!"
        return self._slipped(text) if manner == "typos" else text

    def _chatted(self, text: str) -> str:
        for word, forms in self.content["chatted"].items():
            text = re.sub(rf"\b{word}\b", self.chance.choice(forms), text)
        return text

    def _slipped(self, text: str) -> str:
        """Two letters inside a word change places, twice."""
        for _ in range(2):
            spots = [at for at in range(1, len(text) - 2) if text[at - 1 : at + 3].isalpha()]
            if spots:
                at = self.chance.choice(spots)
                text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        return text
