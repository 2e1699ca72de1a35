"""Measures whether the language of a text changes what is said of it.

Enters: texts with their translations. Leaves: figures. What must hold: a text and its translation are never
on both sides of a split, and no label has a say in the topics.

On sib200 topics are found by BERTopic, set up as for the shipped registry, on half of the sentences of both
languages together; the sentences of the other half get the nearest of these topics, as in serving.

* Same topic: the share of pairs of which both texts get one topic; a pair without any is none such.
* AMI: adjusted mutual information of the two languages' topics (Vinh et al. 2010), 0 by chance, 1 at best;
  no topic counts as one more.
* NMI and purity: of the topics of both languages with the labelled themes.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

from voc import tokens
from voc.pipeline import Pipeline
from voc.records import Analysis, Language
from voc.registry import Registry, Topic
from voc.topics import TopicModel, centred, fit
from voc.training import data as sets
from voc.training.data import Example
from voc.training.evaluate import Progress, analyzed, share
from voc.training.topic_registry import FLOOR, MEMBER_QUANTILE, MIN_TOPIC_SIZE, RANDOM_STATE

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
NO_TOPIC = "-"


@dataclass(frozen=True, slots=True)
class Translated:
    """One sentence in both languages, and its theme."""

    vi: str
    en: str
    theme: str


def read_sib200(folder: Path) -> list[Translated]:
    """The sentences that stand in both languages (``{vi,en}.{train,dev,test}.jsonl``), by their id."""
    rows: dict[str, dict[str, Mapping[str, Any]]] = {
        language: {
            str(row["id"]): row
            for part in ("train", "dev", "test")
            for row in sets.read_jsonl(folder / f"{language}.{part}.jsonl")
        }
        for language in ("vi", "en")
    }
    both = sorted(rows["vi"].keys() & rows["en"].keys())
    return [
        Translated(rows["vi"][key]["text"], rows["en"][key]["text"], rows["vi"][key]["topic"]) for key in both
    ]


def evaluate_topics(encode: Encode, sentences: Sequence[Translated]) -> dict[str, Any]:
    """Topics fitted on one half of ``sentences`` and given to the other.

    Returns:
        Sentences of each half, topics found, and the figures of `topic_figures` twice: ``by_threshold``,
        where a text near to no topic has none, as in serving; ``nearest``, where each gets one.
    """
    mixed = list(sentences)
    random.Random(RANDOM_STATE).shuffle(mixed)
    known, asked = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
    registry = _fitted(encode, known)
    vectors = {"vi": encode([one.vi for one in asked]), "en": encode([one.en for one in asked])}
    themes = [one.theme for one in asked]

    def figures(topics: TopicModel) -> dict[str, float]:
        return topic_figures(topics.assign(vectors["vi"]), topics.assign(vectors["en"]), themes)

    return {
        "fitted_on": len(known),
        "asked": len(asked),
        "topics": len(registry.topics),
        "by_threshold": figures(TopicModel(registry)),
        "nearest": figures(TopicModel(registry, must_assign=True)),
    }


def _fitted(encode: Encode, sentences: Sequence[Translated]) -> Registry:
    """BERTopic's groups as topics: the mean of a group's members, and a low quantile of their cosines."""
    vectors = np.concatenate([encode([one.vi for one in sentences]), encode([one.en for one in sentences])])
    words = [_words(one.vi, "vi") for one in sentences] + [_words(one.en, "en") for one in sentences]
    center = vectors.mean(axis=0)
    points = centred(vectors, center)
    groups, _ = fit(
        words, points, min_topic_size=MIN_TOPIC_SIZE, random_state=RANDOM_STATE,
        stop_words=sets.stop_words(Path(__file__).parent / "stopwords.toml"),
    )  # fmt: skip
    topics, centroids, thresholds = [], [], []
    for number in sorted(set(groups.tolist()) - {-1}):
        members = points[groups == number]
        centroid = members.mean(axis=0)
        centroid /= np.linalg.norm(centroid)
        least = max(FLOOR, float(np.quantile(members @ centroid, MEMBER_QUANTILE)))
        topics.append(Topic(str(number), {}, "none", (), (), len(members)))
        thresholds.append(least)
        centroids.append(centroid)
    return Registry.flat(topics, np.array(centroids, np.float32), thresholds, np.asarray(center, np.float32))


def _words(text: str, language: Language) -> str:
    return tokens.words(tokens.tokenize(text, language))


def topic_figures(
    vi: Sequence[str | None], en: Sequence[str | None], themes: Sequence[str]
) -> dict[str, float]:
    """Agreement of the topics of texts and of their translations, and of both with the themes."""
    pairs = list(zip(vi, en, strict=True))
    one, other = [topic or NO_TOPIC for topic in vi], [topic or NO_TOPIC for topic in en]
    said, meant = [*one, *other], [*themes, *themes]
    placed = [(topic, theme) for topic, theme in zip(said, meant, strict=True) if topic != NO_TOPIC]
    return {
        "pairs": len(pairs),
        "same_topic": share([a is not None and a == b for a, b in pairs]),
        "both_without": share([a is None and b is None for a, b in pairs]),
        "one_without": share([(a is None) != (b is None) for a, b in pairs]),
        "same_topic_where_both_have_one": share([a == b for a, b in pairs if None not in (a, b)]),
        "ami_of_languages": round(float(adjusted_mutual_info_score(one, other)), 4),
        "nmi_of_themes": round(float(normalized_mutual_info_score(meant, said)), 4),
        "purity_of_themes": purity(said, meant),
        "purity_of_themes_where_placed": purity([t for t, _ in placed], [theme for _, theme in placed]),
    }


def purity(groups: Sequence[str], themes: Sequence[str]) -> float:
    """The share of texts whose theme is the most frequent one of their group; 0 of nothing."""
    by_group: dict[str, Counter[str]] = defaultdict(Counter)
    for group, theme in zip(groups, themes, strict=True):
        by_group[group][theme] += 1
    most = sum(counts.most_common(1)[0][1] for counts in by_group.values())
    return round(most / max(len(groups), 1), 4)


def translated_pairs(corpus: Iterable[Example]) -> list[tuple[Example, Example]]:
    """Held-out groups of two texts in different languages: one is the other's translation."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in sets.held_out(corpus):
        groups[example.group].append(example)
    return [
        (found[0], found[1])
        for found in groups.values()
        if len(found) == 2 and found[0].language != found[1].language
    ]


def evaluate_pairs(
    pipeline: Pipeline, pairs: Sequence[tuple[Example, Example]], progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Whether both of a pair get the same topic, owner and sentiment.

    A text's topic is the one that covers most of its letters. ``shared_topic``: any topic of any segment is
    the same; ``topic_overlap``: mean Jaccard of the topics of all segments, where either has one.
    """
    said = [analysis for _, analysis in analyzed(pipeline, [e for pair in pairs for e in pair], progress)]
    both = list(zip(said[::2], said[1::2], strict=True))
    topics = [(main_topic(a), main_topic(b)) for a, b in both]
    return {
        "pipeline": pipeline.version,
        "pairs": len(pairs),
        "same_topic": share([a is not None and a == b for a, b in topics]),
        "both_without": share([a is None and b is None for a, b in topics]),
        "one_without": share([(a is None) != (b is None) for a, b in topics]),
        "topic_overlap": _mean_overlap([(_topics(a), _topics(b)) for a, b in both]),
        "shared_topic": share([bool(_topics(a) & _topics(b)) for a, b in both]),
        "same_owner": share([a.owner == b.owner for a, b in both]),
        "same_sentiment": share([a.sentiment == b.sentiment for a, b in both]),
    }


def main_topic(analysis: Analysis) -> str | None:
    """The topic whose segments are longest together, the first one of equals; None where none has a topic."""
    lengths: Counter[str] = Counter()
    for segment in analysis.segments:
        if segment.topic is not None:
            lengths[segment.topic] += segment.end - segment.start
    return lengths.most_common(1)[0][0] if lengths else None


def _mean_overlap(pairs: Sequence[tuple[set[str], set[str]]]) -> float:
    overlaps = [len(a & b) / len(a | b) for a, b in pairs if a or b]
    return round(float(np.mean(overlaps)), 4) if overlaps else 0.0


def _topics(analysis: Analysis) -> set[str]:
    return {segment.topic for segment in analysis.segments if segment.topic is not None}
