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
    """Counts of our feedback and of the labels on real texts, and the agreement of both second passes."""
    feedback = list(read_jsonl(corpora / "feedback.jsonl"))
    labels = list(read_jsonl(corpora / "labels" / "first.jsonl"))
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
        "agreement": {
            "feedback": agreement(feedback, _second(corpora / "feedback_second.jsonl"), "id"),
            "labels": agreement(labels, _second(corpora / "labels" / "second.jsonl"), "sha256"),
        },
    }


def agreement(first: Sequence[Row], second: Sequence[Row], key: str) -> dict[str, float]:
    """Rows labelled twice, the share on which both agree, and kappa; for owner, sentiment, touchpoint."""
    known = {row[key]: row for row in first}
    pairs = [(known[row[key]], row) for row in second if row[key] in known]
    figures: dict[str, float] = {"rows": len(pairs)}
    if not pairs:
        return figures
    for name in ("owner", "sentiment", "touchpoint"):
        one = [str(a[name]) for a, _ in pairs]
        other = [str(b[name]) for _, b in pairs]
        figures[name] = round(sum(a == b for a, b in zip(one, other, strict=True)) / len(pairs), 4)
        figures[f"{name}_kappa"] = round(float(cohen_kappa_score(one, other)), 4)
    sets = [
        ({a["owner"], *a["cooperators"]} - {None}, {b["owner"], *b["cooperators"]} - {None}) for a, b in pairs
    ]
    shared, total = sum(len(a & b) for a, b in sets), sum(len(a) + len(b) for a, b in sets)
    figures["departments_micro_f1"] = round(2 * shared / max(total, 1), 4)
    return figures


def _implicated(row: Row) -> set[str]:
    return {row["owner"], *row["cooperators"]} - {None}


def _second(path: Path) -> list[dict[str, Any]]:
    return list(read_jsonl(path)) if path.exists() else []


def _counts(rows: Sequence[Row], names: Sequence[str]) -> dict[str, dict[str, int]]:
    return {name: dict(Counter(str(row[name]) for row in rows).most_common()) for name in names}
