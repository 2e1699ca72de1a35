"""Counts of the corpora, and how far two passes of labelling agree.

Enters: the folder ``corpora``. Leaves: figures as JSON values. Agreement is the share of equal labels, and
Cohen's kappa (1960), which takes away what two would agree on by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.metrics import cohen_kappa_score

from voc.training.data import read_jsonl

Row = Mapping[str, Any]


def describe(corpora: Path) -> dict[str, Any]:
    """Counts of our feedback and of the labels on real texts, and the agreement of all second passes."""
    feedback = list(read_jsonl(corpora / "feedback.jsonl"))
    labels = list(read_jsonl(corpora / "labels" / "first.jsonl"))
    picked = _optional(corpora / "labels" / "neutral.jsonl")
    return {
        "feedback": {
            "rows": len(feedback),
            "groups": len({row["group"] for row in feedback}),
            "segments": sum(len(row["segments"]) for row in feedback),
            "several_departments": sum(bool(row["cooperators"]) for row in feedback),
            "chains": sum(len(row["hops"]) > 1 for row in feedback),
            **_counts(feedback, ("language", "sentiment", "owner", "touchpoint", "sector")),
        },
        "labels": {"rows": len(labels), **_counts(labels, ("source", "sentiment", "owner", "touchpoint"))},
        "picked_labels": {"rows": len(picked), **_counts(picked, ("source", "sentiment", "owner"))},
        "agreement": {
            "feedback": agreement(feedback, _optional(corpora / "feedback_second.jsonl"), "id"),
            "labels": agreement(labels, _optional(corpora / "labels" / "second.jsonl"), "source", "sha256"),
            "unseen": agreement(labels, _optional(corpora / "labels" / "unseen.jsonl"), "source", "sha256"),
        },
    }


def agreement(first: Sequence[Row], second: Sequence[Row], *key: str) -> dict[str, float]:
    """Rows labelled twice, the share on which both agree, and kappa; for owner, sentiment, touchpoint.

    ``both`` is the share on which owner and sentiment agree together. A row is known by its ``key`` fields.
    """

    def name_of(row: Row) -> tuple[Any, ...]:
        return tuple(row[field] for field in key)

    known = {name_of(row): row for row in first}
    pairs = [(known[name_of(row)], row) for row in second if name_of(row) in known]
    figures: dict[str, float] = {"rows": len(pairs)}
    if not pairs:
        return figures
    for name in ("owner", "sentiment", "touchpoint"):
        one = [str(a[name]) for a, _ in pairs]
        other = [str(b[name]) for _, b in pairs]
        figures[name] = round(sum(a == b for a, b in zip(one, other, strict=True)) / len(pairs), 4)
        figures[f"{name}_kappa"] = _kappa(one, other)
    both = [a["owner"] == b["owner"] and a["sentiment"] == b["sentiment"] for a, b in pairs]
    figures["both"] = round(sum(both) / len(pairs), 4)
    sets = [(_implicated(a), _implicated(b)) for a, b in pairs]
    shared, total = sum(len(a & b) for a, b in sets), sum(len(a) + len(b) for a, b in sets)
    figures["departments_micro_f1"] = round(2 * shared / max(total, 1), 4)
    return figures


def _implicated(row: Row) -> set[str]:
    return {row["owner"], *row["cooperators"]} - {None}


def _kappa(one: Sequence[str], other: Sequence[str]) -> float:
    """Cohen's kappa; 1 where both know but one label and agree on it, for which it is not defined."""
    if len({*one, *other}) == 1:
        return 1.0
    return round(float(cohen_kappa_score(one, other)), 4)


def _optional(path: Path) -> list[dict[str, Any]]:
    return list(read_jsonl(path)) if path.exists() else []


def _counts(rows: Sequence[Row], names: Sequence[str]) -> dict[str, dict[str, int]]:
    return {name: dict(Counter(str(row[name]) for row in rows).most_common()) for name in names}
