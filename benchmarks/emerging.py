"""How often `voc topics emerging` is wrong where nothing grows, and what it finds where something does.

The project's own corpus (no topic of it grows) is given other times: of ten weeks, the last two the present.
Every figure is printed by this command; see docs/emerging.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voc.emerging import ALIKE, FEWEST, SAMPLE, Group, Q, clusters, groups_of, grown_groups
from voc.growth import Growth
from voc.services import Services
from voc.settings import Settings
from voc.store import Stretch
from voc.topics import centred

WEEKS = 10
PRESENT = 2
#: Feedback of a topic by which the figures of what was found are shown.
SIZES = ((20, 50), (50, 100), (100, 1000))
GROWN = (1, 2, 3, 5)

Ints = NDArray[np.int64]


class Corpus:
    """The corpus as it was read, with the groups that are tested."""

    def __init__(self, db: Path) -> None:
        if not db.exists():
            db.parent.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "voc.cli", "--db", str(db), "demo", "--no-serve"]
            subprocess.run(command, check=True)
        services = Services(Settings(db=db))
        pipeline = services.pipelines.get()
        self.stretch: Stretch = services.store.stretches.read("0001", "9999", pipeline.reader.version, 10**6)
        self.points = centred(self.stretch.vectors, pipeline.topics.registry.center)
        self.groups = groups_of(self.stretch, self.points)
        self.topics = np.array([segment.topic or "" for segment in self.stretch.segments])

    @property
    def count(self) -> int:
        """Feedback."""
        return len(self.stretch.ids)

    def of_topic(self, key: str) -> Ints:
        """Feedback that mention a topic."""
        return np.unique(self.stretch.owners[self.topics == key])

    def themes(self) -> Ints:
        """What each feedback is mainly about: the largest group that it belongs to; its own thing if none."""
        themes = np.arange(self.count) + len(self.groups)
        sizes = [len(group.members) for group in self.groups]
        for number in np.argsort(sizes):
            themes[self.stretch.owners[self.groups[number].members]] = number
        return themes

    def test(self, weeks: Ints, groups: Sequence[Group], guarded: bool) -> tuple[Growth, NDArray[np.bool_]]:
        """The test of all groups, and which would be listed.

        Args:
            weeks: of each feedback; the first ones are the present.
            guarded: whether the past's own variation is taken into account.
        """
        present = weeks < PRESENT
        past = np.where(present | (not guarded), -1, weeks - PRESENT)
        grown = grown_groups(groups, self.stretch.owners, present, past)
        now = [present[np.unique(self.stretch.owners[group.members])].sum() for group in groups]
        return grown, (grown.q <= Q) & (np.array(now) >= FEWEST)


# ---- nothing grows


def steady(themes: Ints, _rng: np.random.Generator) -> NDArray[np.float64]:
    """Every week is like every other."""
    return np.ones((int(themes.max()) + 1, WEEKS))


def varying(variance: float) -> Callable[[Ints, np.random.Generator], NDArray[np.float64]]:
    """Each theme has a rate of its own each week, gamma distributed: negative binomial counts."""

    def weights(themes: Ints, rng: np.random.Generator) -> NDArray[np.float64]:
        return rng.gamma(1 / variance, variance, (int(themes.max()) + 1, WEEKS))

    return weights


def campaigns(weeks: int) -> Callable[[Ints, np.random.Generator], NDArray[np.float64]]:
    """Four times as much for some weeks, at any time; in any week about one theme in ten has a campaign."""

    def weights(themes: Ints, rng: np.random.Generator) -> NDArray[np.float64]:
        starts = rng.random((int(themes.max()) + 1, WEEKS + weeks - 1)) < 0.1 / weeks
        running = np.stack([starts[:, at : at + weeks].any(axis=1) for at in range(WEEKS)], axis=1)
        return np.where(running, 4.0, 1.0)

    return weights


NOTHING_GROWS = {
    "steady": steady,
    "varying, variance 0.1": varying(0.1),
    "varying, variance 0.3": varying(0.3),
    "campaigns of a week": campaigns(1),
    "campaigns of two weeks": campaigns(2),
}


def false_alarms(corpus: Corpus, runs: int) -> dict[str, dict[str, float]]:
    """Share of runs that list anything, and things listed in a run, with the guard and without."""
    themes = corpus.themes()
    figures: dict[str, dict[str, float]] = {}
    for number, (name, weigh) in enumerate(NOTHING_GROWS.items()):
        rng = np.random.default_rng(number)
        listed: dict[bool, list[int]] = {True: [], False: []}
        for _ in range(runs):
            weeks = drawn(weigh(themes, rng)[themes], rng)
            for guarded, counts in listed.items():
                counts.append(int(corpus.test(weeks, corpus.groups, guarded)[1].sum()))
        figures[name] = {
            f"{what}, {'guarded' if guarded else 'unguarded'}": round(float(value), 3)
            for guarded, counts in listed.items()
            for what, value in (
                ("share of runs with any", np.mean(np.array(counts) > 0)),
                ("listed in a run", np.mean(counts)),
            )
        }
    return figures


def drawn(weights: NDArray[np.float64], rng: np.random.Generator) -> Ints:
    """A week for each row with the probabilities of its weights."""
    steps = weights.cumsum(axis=1)
    return np.asarray((steps < rng.random((len(weights), 1)) * steps[:, -1:]).sum(axis=1), np.int64)


# ---- something grows


def found(corpus: Corpus, runs: int, alike: float) -> dict[str, dict[str, float]]:
    """Share of runs in which a growing topic is listed: known, and hidden (its segments belong to none).

    A hidden topic counts as found if in some listed group most feedback of the present are its own.
    """
    figures: dict[str, list[float]] = {}
    hits: dict[str, list[float]] = {}
    keys, counts = np.unique([g.topic for g in corpus.groups if g.kind == "topic"], return_counts=True)
    for number, key in enumerate(keys[counts == 1]):
        own = corpus.of_topic(key)
        size = next((f"{low}-{high - 1}" for low, high in SIZES if low <= len(own) < high), None)
        if size is None:
            continue
        hidden = [group for group in corpus.groups if group.kind == "topic" and group.topic != key]
        hidden += _groups_of_none(corpus, key, alike)
        best, purity = _gathered(corpus, hidden, own)
        hits.setdefault(f"gathered, {size} feedback", []).append(best)
        hits.setdefault(f"purity, {size} feedback", []).append(purity)
        for factor in GROWN:
            rng = np.random.default_rng([number, factor])
            weights = np.ones((corpus.count, WEEKS))
            weights[own, :PRESENT] = factor
            for _ in range(runs):
                weeks = drawn(weights, rng)
                named = f"x{factor}, {size} feedback"
                known = corpus.test(weeks, corpus.groups, True)[1]
                place = next(i for i, g in enumerate(corpus.groups) if (g.kind, g.topic) == ("topic", key))
                figures.setdefault(f"known {named}", []).append(float(known[place]))
                listed = corpus.test(weeks, hidden, True)[1]
                groups = [hidden[i] for i in np.flatnonzero(listed) if hidden[i].kind == "none"]
                figures.setdefault(f"hidden {named}", []).append(
                    float(any(_mostly(corpus, group, own, weeks < PRESENT) for group in groups))
                )
    return {
        name: {"share": round(float(np.mean(values)), 3), "of": len(values)}
        for name, values in sorted((figures | hits).items())
    }


def _groups_of_none(corpus: Corpus, key: str, alike: float) -> list[Group]:
    """The groups without a topic if one topic were not known."""
    pool = np.flatnonzero((corpus.topics == "") | (corpus.topics == key))
    parts = clusters(corpus.points, corpus.stretch.owners, pool, alike, SAMPLE)
    made = [Group("none", None, part) for part in parts]
    return [one for one in made if len(np.unique(corpus.stretch.owners[one.members])) >= FEWEST]


def _gathered(corpus: Corpus, groups: Sequence[Group], own: Ints) -> tuple[float, float]:
    """Share of a topic's feedback in the group that has most of them for its size (F1), and its purity."""
    best = (0.0, 0.0, 0.0)
    for group in groups:
        if group.kind == "none":
            members = np.unique(corpus.stretch.owners[group.members])
            common = len(np.intersect1d(members, own))
            together = 2 * common / (len(members) + len(own))
            best = max(best, (together, common / len(own), common / len(members)))
    return best[1], best[2]


def _mostly(corpus: Corpus, group: Group, own: Ints, present: NDArray[np.bool_]) -> bool:
    members = np.unique(corpus.stretch.owners[group.members])
    heard = members[present[members]]
    return bool(2 * len(np.intersect1d(heard, own)) > len(heard))


def main() -> None:
    """Prints all figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", type=Path, default=Path("runs/emerging.db"), help="made if it is not there")
    parser.add_argument("--runs", type=int, default=400, help="of each kind in which nothing grows")
    parser.add_argument("--alike", type=float, default=ALIKE, help="for the groups without a topic")
    parser.add_argument("--only", choices=["false_alarms", "found"])
    options = parser.parse_args()
    corpus = Corpus(options.db)
    kinds = [group.kind for group in corpus.groups]
    figures: dict[str, object] = {
        "feedback": corpus.count,
        "segments": len(corpus.topics),
        "tested": {kind: kinds.count(kind) for kind in ("none", "topic", "within")},
    }
    if options.only != "found":
        figures["false_alarms"] = false_alarms(corpus, options.runs)
    if options.only != "false_alarms":
        figures["found"] = found(corpus, max(1, options.runs // 40), options.alike)
    print(json.dumps(figures, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
