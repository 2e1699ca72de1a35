"""Measures how far what is said of a complaint depends on how it is typed.

Enters: rows in the form of ``corpora/feedback.jsonl``, renderings of one complaint sharing their ``group``.
Leaves: figures. What must hold: a rendering's labels are the same as its standard one's, so that whatever
differs between two verdicts is the program's doing.

* Standard: the first rendering of a group that is in none of `STYLES`.
* Agreement of a style: the share of its renderings of which the same is said as of the standard one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from voc.pipeline import Pipeline
from voc.training import data as sets
from voc.training.data import Example
from voc.training.evaluate import Pair, Progress, analyzed, owner_right, share

Row = Mapping[str, Any]

#: As typed without diacritics, in abbreviations, in two languages at once, in a dialect, in capitals.
STYLES = ("nodia", "teencode", "mixed", "dialect", "shout")


def held_out_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows of our corpus that nothing learned from."""
    return [row for row in rows if sets.is_held_out(f"corpus-{row['group']}")]


def styles_of(row: Row) -> tuple[str, ...]:
    """Styles that a rendering is written in; one in two languages is mixed even where nobody named it so."""
    named = tuple(style for style in STYLES if style in row.get("styles", ()))
    return named or (("mixed",) if row.get("language") == "mixed" else ())


def evaluate_renderings(
    pipeline: Pipeline, rows: Sequence[Row], progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Figures over the groups of at least two rows.

    Returns:
        ``rows``, ``groups``; shares of groups of which all renderings get one owner, one sentiment, both, and
        the same where they are also as labelled (``…_right``); ``by_size``, the same by the number of
        renderings; ``by_style``, for each of `STYLES` how often it agrees with the standard rendering.
    """
    by_group: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_group[row["group"]].append(row)
    kept = [row for found in by_group.values() if len(found) > 1 for row in found]
    pairs = analyzed(pipeline, [_example(row) for row in kept], progress)
    groups: dict[str, list[tuple[Row, Pair]]] = defaultdict(list)
    for row, pair in zip(kept, pairs, strict=True):
        groups[row["group"]].append((row, pair))
    sizes = sorted({len(found) for found in groups.values()})
    said = [[pair for _, pair in found] for found in groups.values()]
    return {
        "pipeline": pipeline.version,
        "rows": len(kept),
        **_steady(said),
        "by_size": {str(size): _steady([found for found in said if len(found) == size]) for size in sizes},
        "by_style": _by_style(list(groups.values())),
    }


def _example(row: Row) -> Example:
    return Example(
        row["text"], "renderings", row["group"], row["sentiment"], row["owner"] or "none",
        language=row["language"],
    )  # fmt: skip


def _steady(groups: Sequence[Sequence[Pair]]) -> dict[str, float]:
    """Shares of groups in which all renderings get the same."""
    owner = [len({a.owner for _, a in group}) == 1 for group in groups]
    feeling = [len({a.sentiment for _, a in group}) == 1 for group in groups]
    owners_right = [all(owner_right(*pair) for pair in group) for group in groups]
    feelings_right = [all(e.sentiment == a.sentiment for e, a in group) for group in groups]
    return {
        "groups": len(groups),
        "same_owner": share(owner),
        "same_sentiment": share(feeling),
        "same_both": share([a and b for a, b in zip(owner, feeling, strict=True)]),
        "same_owner_right": share(owners_right),
        "same_sentiment_right": share(feelings_right),
        "same_both_right": share([a and b for a, b in zip(owners_right, feelings_right, strict=True)]),
    }


def _by_style(groups: Sequence[Sequence[tuple[Row, Pair]]]) -> dict[str, dict[str, float]]:
    owner: dict[str, list[bool]] = {style: [] for style in STYLES}
    feeling: dict[str, list[bool]] = {style: [] for style in STYLES}
    for group in groups:
        standard = next((pair for row, pair in group if not styles_of(row)), None)
        if standard is None:
            continue
        for row, (_, analysis) in group:
            for style in styles_of(row):
                owner[style].append(analysis.owner == standard[1].owner)
                feeling[style].append(analysis.sentiment == standard[1].sentiment)
    return {
        style: {
            "rows": len(owner[style]),
            "same_owner": share(owner[style]),
            "same_sentiment": share(feeling[style]),
            "same_both": share([a and b for a, b in zip(owner[style], feeling[style], strict=True)]),
        }
        for style in STYLES
        if owner[style]
    }
