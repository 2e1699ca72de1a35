"""Names for groups of segments: a phrase that customers use, in Vietnamese and in English.

Enters: segments with their words, and where their groups lie. Leaves: one phrase a group and language. What
must hold: a phrase is a run of words that stands like that in a segment, Vietnamese words whole, with their
diacritics; one that was borrowed from segments outside the group, or from the other language, is marked.

A phrase is chosen as KeyBERT does (Grootendorst 2020): by how near its own vector lies to the group's, here
times a root of how much more often the group says it than the others (class-based TF-IDF, Grootendorst 2022).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voc.phrases import runs
from voc.text import fold

#: Words of a phrase, whole Vietnamese words counted once.
SHORTEST, LONGEST = 2, 5
#: Segments of a group that must say a phrase, and phrases a group and language whose vectors are compared.
LEAST, COMPARED = 2, 40
#: Segments of a language that a group needs to be named by itself in it.
OWN_SEGMENTS = 3
#: Segments outside a group that a phrase is borrowed from.
LENDERS = 30
#: With fewer phrases that `LEAST` segments say, those that one says stand for the name too.
ENOUGH = 8
#: Words of number neither begin nor end a name.
NUMERALS = frozenset(
    (
        "một", "hai", "ba", "bốn", "tư", "năm", "sáu", "bảy", "tám", "chín", "mười", "chục", "trăm", "ngàn",
        "nghìn", "triệu", "tỷ", "tỉ", "rưỡi", "one", "two", "three", "four", "five", "six", "seven", "eight",
        "nine", "ten", "hundred", "thousand", "million", "half",
    )
)  # fmt: skip
#: How much the weight of a phrase counts beside its cosine.
WEIGHT = 0.25
#: Stop words that a phrase may begin with: "không gọi được" says another thing than "gọi được".
NEGATIONS = frozenset({"không", "chưa", "chẳng", "no", "not", "never", "khong", "chua"})

_WORD = re.compile(r"[^\W\d_]+(?:[_.'’-][^\W\d_]+)*")
#: Pieces that spaCy cuts off a word.
_ENDINGS = ("n't", "'s", "’s")
_KEY = re.compile(r"[a-z0-9]+")

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Named:
    """A name by language.

    Attributes:
        borrowed: languages whose phrase comes from segments outside the group, or is that of the other
            language where no segment at all has one.
        rare: languages whose phrase one segment of the group says.
    """

    name: dict[str, str]
    borrowed: tuple[str, ...]
    rare: tuple[str, ...]


class Namer:
    """Names groups of one set of segments.

    Args:
        words: the words of each segment, joined by blanks, the syllables of one word by ``_``.
        languages: ``vi`` or ``en`` of each segment; anything else lends no phrase.
        points: float32 (n, n_dims), unit rows to compare across languages.
        encode: vectors of phrases in the space of ``centroid`` in `name`.
        stop_words: words that a phrase neither begins nor ends with.
    """

    def __init__(
        self,
        words: Sequence[str],
        languages: Sequence[str],
        points: NDArray[np.float32],
        encode: Encode,
        stop_words: Collection[str],
    ) -> None:
        self._words = words
        self._languages = np.array(languages)
        self._points = points
        self._encode = encode
        self._stop = frozenset(stop_words) | NUMERALS

    def name(self, groups: Sequence[NDArray[np.int64]], centroids: NDArray[np.float32]) -> list[Named]:
        """A name for each group.

        Args:
            groups: rows of the segments of each.
            centroids: float32 (n_groups, n_dims), where each lies in the space of ``encode``.
        """
        found: list[dict[str, str]] = [{} for _ in groups]
        borrowed: list[list[str]] = [[] for _ in groups]
        rare: list[list[str]] = [[] for _ in groups]
        for language in ("vi", "en"):
            chosen: list[tuple[list[str], list[float]]] = []
            own = [rows[self._languages[rows] == language] for rows in groups]
            told = [self._phrases(rows, language) for rows in own]
            counts = self._counts(language, {key for phrases in told for key in phrases})
            total = int((self._languages == language).sum())
            for number, (rows, phrases) in enumerate(zip(own, told, strict=True)):
                candidates = _weighed(phrases, counts, total) if len(rows) >= OWN_SEGMENTS else ([], [])
                if not candidates[0]:
                    borrowed[number].append(language)
                    candidates = self._lent(groups[number], language)
                chosen.append(candidates)
            vectors = iter(self._encode([phrase for names, _ in chosen for phrase in names]))
            for number, (names, weights) in enumerate(chosen):
                if names:
                    cosines = np.array([next(vectors) @ centroids[number] for _ in names])
                    scores = np.power(weights, WEIGHT) * np.maximum(cosines, 0.0)
                    found[number][language] = capitalised(names[int(scores.argmax())])
                    said = told[number].get(fold(names[int(scores.argmax())]), Counter())
                    if language not in borrowed[number] and said.total() < LEAST:
                        rare[number].append(language)
        return [
            # Where no segment at all is English, none lends a phrase: the Vietnamese name stands for it;
            # where there is no phrase at all, the first words of a segment do.
            Named(
                dict.fromkeys(("vi", "en"), _any(named) or self._begun(rows)) | named,
                tuple(missing),
                tuple(once),
            )
            for named, missing, once, rows in zip(found, borrowed, rare, groups, strict=True)
        ]

    def _begun(self, rows: NDArray[np.int64]) -> str:
        """The first words of the first segment that has any."""
        texts = (self._words[row].replace("_", " ").split() for row in rows.tolist())
        return capitalised(" ".join(next((text for text in texts if text), ["?"])[:5]))

    def _phrases(self, rows: NDArray[np.int64], language: str) -> dict[str, Counter[str]]:
        """By folded letters, how often segments spell a phrase in which way; once a segment. An English one
        has no word with diacritics, which would be Vietnamese among English."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows.tolist():
            for spelled in dict.fromkeys(phrases_of(self._words[row], self._stop)):
                folded = fold(spelled)
                if language == "vi" or folded == spelled:
                    found[folded][spelled] += 1
        return found

    def _counts(self, language: str, wanted: set[str]) -> Counter[str]:
        """How many segments of all say each of the wanted phrases."""
        counts: Counter[str] = Counter()
        if wanted:
            for row in np.flatnonzero(self._languages == language).tolist():
                said = {fold(spelled) for spelled in phrases_of(self._words[row], self._stop)}
                counts.update(said & wanted)
        return counts

    def _lent(self, rows: NDArray[np.int64], language: str) -> tuple[list[str], list[float]]:
        """Phrases of the nearest segments of a language, whatever group they are in."""
        others = np.flatnonzero(self._languages == language)
        if len(others) == 0:
            return [], []
        near = others[np.argsort(-(self._points[others] @ self._points[rows].mean(axis=0)), kind="stable")]
        phrases = self._phrases(near[:LENDERS], language)  # those of the nearest segments come first
        names = [_spelling(spelled) for spelled in phrases.values()][: 2 * COMPARED]
        return names, [1.0] * len(names)


def phrases_of(words: str, stop_words: Collection[str]) -> Iterator[str]:
    """The phrases of a segment: runs of `SHORTEST` to `LONGEST` words that no sign parts, with no stop word
    and no single letter at either end but a negation at the beginning."""
    for run in runs(words, _WORD, _ENDINGS):
        for start in range(len(run)):
            if len(run[start]) < 2 or (run[start] in stop_words and run[start] not in NEGATIONS):
                continue
            for end in range(start + SHORTEST, min(start + LONGEST, len(run)) + 1):
                if len(run[end - 1]) > 1 and run[end - 1] not in stop_words and "'" not in run[start]:
                    yield _joined(run[start:end])


def _joined(run: Sequence[str]) -> str:
    return " ".join(run).replace("_", " ").replace(" n't", "n't").replace(" 's", "'s").replace(" ’s", "’s")


def _weighed(
    phrases: dict[str, Counter[str]], counts: Counter[str], total: int
) -> tuple[list[str], list[float]]:
    """The phrases that set a group apart most, and how much."""
    least = LEAST if sum(one.total() >= LEAST for one in phrases.values()) >= ENOUGH else 1
    weights = {
        key: math.sqrt(spelled.total()) * math.log(1 + total / counts[key])
        for key, spelled in phrases.items()
        if spelled.total() >= least
    }
    best = sorted(weights, key=lambda key: (-weights[key], key))[:COMPARED]
    return [_spelling(phrases[key]) for key in best], [weights[key] for key in best]


def _any(name: dict[str, str]) -> str:
    """What it is called in some language, "" in none."""
    return next(iter(name.values()), "")


def _spelling(spelled: Counter[str]) -> str:
    """The most frequent spelling, one with diacritics before one without."""
    return min(spelled, key=lambda one: (one == fold(one), -spelled[one], one))


def capitalised(phrase: str) -> str:
    """With its first letter as a capital."""
    return phrase[:1].upper() + phrase[1:]


def key_of(name: str, used: Collection[str]) -> str:
    """A key made of a name, told apart from those that are used by a number: ``"Late delivery"`` ->
    ``late-delivery``."""
    slug = "-".join(_KEY.findall(fold(name).replace("'", "")))[:48].strip("-") or "topic"
    key, number = slug, 2
    while key in used:
        key, number = f"{slug}-{number}", number + 1
    return key
