"""Learns the table of `voc.language` from texts whose language is known.

Enters: Vietnamese texts, typed as they are and with every diacritic dropped, and English texts. Leaves:
``language.json``. Multinomial naive Bayes log odds with Laplace smoothing.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from voc.language import _WORD, CERTAIN
from voc.text import fold

#: A word must have stood this often; rarer ones are weighed by their trigrams.
MIN_COUNT = 4


def learn(vietnamese: Iterable[str], english: Iterable[str]) -> dict[str, dict[str, float]]:
    """Log odds of folded words and trigrams, Vietnamese over English, rounded to two digits."""
    sides = [_counts(vietnamese), _counts(english)]
    words = _log_odds(sides[0][0], sides[1][0], MIN_COUNT)
    trigrams = _log_odds(sides[0][1], sides[1][1], MIN_COUNT * 3)
    return {"words": words, "trigrams": trigrams}


def write(table: dict[str, dict[str, float]], path: Path) -> None:
    """Writes the table as compact JSON with sorted keys."""
    path.write_text(
        json.dumps(table, ensure_ascii=False, sort_keys=True, separators=(",", ":")), encoding="utf-8"
    )


def _counts(texts: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    words: Counter[str] = Counter()
    trigrams: Counter[str] = Counter()
    for text in texts:
        for word in _WORD.findall(fold(text)):
            words[word] += 1
            padded = f" {word} "
            trigrams.update(padded[i : i + 3] for i in range(len(padded) - 2))
    return words, trigrams


def _log_odds(one: Counter[str], other: Counter[str], least: int) -> dict[str, float]:
    keys = [key for key in one | other if one[key] + other[key] >= least]
    total_one = sum(one.values()) + len(keys)
    total_other = sum(other.values()) + len(keys)
    return {
        key: round(
            max(
                -CERTAIN,
                min(
                    CERTAIN,
                    math.log((one[key] + 1) / total_one) - math.log((other[key] + 1) / total_other),
                ),
            ),
            2,
        )
        for key in keys
    }
