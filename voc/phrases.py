"""A phrase that is typical of some segments among others.

Enters: words of segments. Leaves: a phrase of up to four words. What must hold: the phrase stands in the
segments.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

#: Words of a phrase at most; a Vietnamese word of several syllables is one.
LONGEST = 4
#: A word that more of the other segments have, such as an article, neither begins nor ends a phrase.
COMMON = 0.02
#: Share of a phrase's segments that a longer one has at least to be taken in its place.
LEFT = 1 / 3
_WORD = re.compile(r"[^\W\d_]\w*")


def typical_phrase(segments: Sequence[str], among: Sequence[str]) -> str:
    """The phrase by whose share in ``segments`` they differ most from ``among``; "" if there is no word.

    First the one with the largest ``f log(f / g)``, f and g the shares of the segments that have it: its part
    of the Kullback-Leibler divergence (informativeness, Tomokiyo and Hurst 2003). Then the longest that
    contains it and stands in at least a third of its segments, since a longer phrase says more to its reader.

    Args:
        segments: words joined by blanks, the syllables of one joined by ``_``; some of ``among``.
        among: the same of all segments.
    """
    inside = Counter(phrase for words in segments for phrase in _phrases(words))
    if not inside:
        return ""
    outside = Counter(phrase for words in among for phrase in _phrases(words) if phrase in inside)

    def common(word: str) -> bool:
        return outside[word] - inside[word] > COMMON * (len(among) - len(segments))

    def weight(phrase: str) -> tuple[float, str]:
        share = inside[phrase] / len(segments)
        whole = max(outside[phrase], inside[phrase]) / len(among)
        return share * math.log(share / whole), phrase

    telling = [one for one in inside if not common(one.split()[0]) and not common(one.split()[-1])]
    best = max(telling or inside, key=weight)
    longer = [
        one for one in telling if f" {best} " in f" {one} " and inside[one] >= max(2, LEFT * inside[best])
    ]
    return max(longer, key=lambda one: (len(one.split()), weight(one)), default=best).replace("_", " ")


def _phrases(words: str) -> set[str]:
    """Runs of up to `LONGEST` words with nothing but blanks between them."""
    return {
        " ".join(run[start:end])
        for run in runs(words, _WORD)
        for start in range(len(run))
        for end in range(start + 1, min(start + LONGEST, len(run)) + 1)
    }


def runs(words: str, word: re.Pattern[str], endings: Collection[str] = ()) -> Iterator[list[str]]:
    """The longest runs of words with nothing but blanks between them: one a clause.

    Args:
        words: words and signs joined by blanks.
        word: what a word looks like; anything else ends a run.
        endings: pieces that go on a run though they are no word, such as ``n't``, but begin none.
    """
    run: list[str] = []
    for piece in words.split():
        if word.fullmatch(piece) or (run and piece in endings):
            run.append(piece)
        elif run:
            yield run
            run = []
    if run:
        yield run
