"""How good the topics of a fit are, beside plain BERTopic on the same vectors.

    python benchmarks/topics.py octis --data ../shared/data --json docs/figures/topics-octis.json
    python benchmarks/topics.py labelled --data ../shared/data --json docs/figures/topics-labelled.json
    python benchmarks/topics.py tried --data ../shared/data --json docs/figures/topics-tried.json

* octis: words of topics on the BBC news that OCTIS ships, as Grootendorst (2022) measured them: 10, 20, 30,
  40 and 50 topics at most, three seeds each, NPMI and diversity of the first ten words, means over 15 runs.
* labelled: groups of sib200 (vi and en together) and of the segments of our corpus beside their labels, and
  how they hold when a tenth of the rows is left out.
* tried: the steps of our fit changed one at a time, on other seeds than the above.

Plain BERTopic: its defaults, UMAP with a seed, the vectors as the encoder gives them ("plain") or centred.
Vectors are kept in runs/, so that a second run starts at once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voc.pipeline import Pipeline
from voc.settings import Settings, bundled
from voc.topics import centred, centroids, fit, merged, rejoined
from voc.training import data as sets
from voc.training.table import Piece, TableReader
from voc.training.topic_quality import TOP_WORDS, Groups, diversity, label_figures, npmi, stability
from voc.training.translations import read_sib200, topic_figures

MIN_TOPIC_SIZE = 10
NUMBERS, SEEDS = (10, 20, 30, 40, 50), (0, 1, 2)
#: Changes are tried on seeds and numbers of their own, so that the main figures were not chosen by.
TRIED_NUMBERS, TRIED_SEEDS = (10, 30, 50), (100, 101)
SAMPLES, SAMPLED, SAMPLE_SEED = 2, 0.9, 7


@dataclass(frozen=True, eq=False)
class Rows:
    """What is fitted: words joined by blanks, vectors as the encoder gives them, a label each."""

    words: list[str]
    vectors: NDArray[np.float32]
    labels: list[str]

    def only(self, rows: NDArray[np.int64]) -> Rows:
        """Some of the rows."""
        return Rows(
            [self.words[row] for row in rows], self.vectors[rows], [self.labels[row] for row in rows]
        )  # fmt: skip

    @cached_property
    def moved(self) -> Rows:
        """The same with centred vectors."""
        return replace(self, vectors=self.points)

    @property
    def points(self) -> NDArray[np.float32]:
        """The vectors, centred."""
        return centred(self.vectors, self.vectors.mean(axis=0))


Fit = Callable[[Rows, int, int | None], tuple[Groups, list[list[str]]]]


# ---- the rows


def bbc_news(data: Path, tables: TableReader) -> Rows:
    """All texts of OCTIS's BBC news, which come without stop words, lemmatized."""
    folder = data / "benchmark" / "octis_bbc_news"
    rows = [row for part in ("train", "val", "test") for row in sets.read_jsonl(folder / f"{part}.jsonl")]
    texts = [row["text"] for row in rows]
    return Rows(texts, tables.read(texts).vectors, [row["label"] for row in rows])


def sib200(data: Path, tables: TableReader) -> Rows:
    """All sentences in Vietnamese, then all in English, with their themes."""
    sentences = read_sib200(data / "benchmark" / "sib200")
    table = tables.read([one.vi for one in sentences] + [one.en for one in sentences])
    return Rows(table.words, table.vectors, [one.theme for one in sentences] * 2)


def own_segments(corpora: Path, tables: TableReader) -> Rows:
    """Every segment of our corpus with its department."""
    pieces, labels = [], []
    for example in sets.corpus(corpora):
        spans = tuple((start, end) for start, end, *_ in example.parts)
        for row, (*_, department) in enumerate(example.parts, 1):
            pieces.append(Piece(example.text, spans, row if len(spans) > 1 else 0))
            labels.append(department or "none")
    table = tables.rows(pieces)
    return Rows(table.words, table.vectors, labels)


# ---- the sides


@cache
def stop_words() -> list[str]:
    """Those of a fit."""
    import voc.training

    return sets.stop_words(Path(voc.training.__file__).parent / "stopwords.toml")


def ours(rows: Rows, seed: int, most: int | None) -> tuple[Groups, list[list[str]]]:
    """`voc.topics.fit` as it is."""
    groups, top = fit(
        rows.words, rows.points, min_topic_size=MIN_TOPIC_SIZE, stop_words=stop_words(), most=most,
        random_state=seed,
    )  # fmt: skip
    return groups, [top[number] for number in sorted(top) if number >= 0]


@lru_cache(maxsize=len(SEEDS))
def plainly_fitted(rows: Rows, seed: int) -> Any:
    """BERTopic's defaults, UMAP with a seed."""
    from bertopic import BERTopic
    from umap import UMAP

    model = BERTopic(
        umap_model=UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=seed)
    )
    model.fit_transform(rows.words, rows.vectors)
    return model


def plain(rows: Rows, seed: int, most: int | None) -> tuple[Groups, list[list[str]]]:
    """BERTopic, which counts the outliers as one topic where it is asked for so many."""
    model = plainly_fitted(rows, seed)
    if most is not None:
        model = deepcopy(model).reduce_topics(rows.words, nr_topics=most + 1)
    groups = np.asarray(model.topics_, np.int64)
    numbers = sorted(set(groups.tolist()) - {-1})
    return groups, [[word for word, _ in model.get_topic(number) if word] for number in numbers]


def plain_centred(rows: Rows, seed: int, most: int | None) -> tuple[Groups, list[list[str]]]:
    """The same on centred vectors."""
    return plain(rows.moved, seed, most)


# ---- octis


def word_figures(rows: Rows, groups: Groups, topics: Sequence[Sequence[str]]) -> dict[str, float]:
    """NPMI and diversity of the topics, and the groups beside the labels."""
    return {
        "npmi": npmi(topics, [text.split() for text in rows.words]),
        "diversity": diversity(topics),
        **label_figures(groups, rows.labels),
    }


def mean(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Figure by figure."""
    return {name: round(float(np.mean([one[name] for one in figures])), 4) for name in figures[0]}


def octis(data: Path, tables: TableReader) -> dict[str, Any]:
    """15 runs of each side."""
    rows = bbc_news(data, tables)
    sides: dict[str, Fit] = {"ours": ours, "plain_centred": plain_centred, "plain": plain}
    found: dict[str, Any] = {"rows": len(rows.words), "top_words": TOP_WORDS}
    for name, side in sides.items():
        runs = []
        for most in NUMBERS:
            for seed in SEEDS:
                runs.append({"most": most, "seed": seed} | word_figures(rows, *side(rows, seed, most)))
                print(name, runs[-1], file=sys.stderr)
        by_number = {most: mean([run for run in runs if run["most"] == most]) for most in NUMBERS}
        found[name] = {"runs": runs, "mean": mean(runs), "by_number": by_number}
    return found


# ---- labelled


def samples(count: int) -> list[NDArray[np.int64]]:
    """Sorted row numbers of samples."""
    random = np.random.default_rng(SAMPLE_SEED)
    size = int(SAMPLED * count)
    return [np.sort(random.permutation(count)[:size]) for _ in range(SAMPLES)]


def spread(groups: Groups, rows: NDArray[np.int64], count: int) -> Groups:
    """The groups of a sample among all rows; -2 for a row outside of it."""
    found = np.full(count, -2, np.int64)
    found[rows] = groups
    return found


def group_figures(name: str, rows: Rows, group: Callable[[Rows], Groups]) -> dict[str, float]:
    """Labels, translations (where rows are sib200's), stability."""
    count, groups = len(rows.words), group(rows)
    found = label_figures(groups, rows.labels)
    if name == "sib200":
        keys = [str(number) if number >= 0 else None for number in groups]
        pairs = topic_figures(keys[: count // 2], keys[count // 2 :], rows.labels[: count // 2])
        found |= {name: pairs[name] for name in ("same_topic", "same_topic_where_both_have_one")}
    return found | stability([spread(group(rows.only(part)), part, count) for part in samples(count)])


def groups_of(side: Fit, rows: Rows) -> Groups:
    """As many topics as there are, by the first seed."""
    return side(rows, SEEDS[0], None)[0]


def labelled(data: Path, tables: TableReader) -> dict[str, Any]:
    """Groups of each side on sib200 and on our corpus."""
    sides: dict[str, Fit] = {"ours": ours, "plain_centred": plain_centred, "plain": plain}
    found: dict[str, Any] = {}
    for name, rows in (
        ("sib200", sib200(data, tables)),
        ("corpus", own_segments(bundled("corpora"), tables)),
    ):
        found[name] = {"rows": len(rows.words)}
        for side, run in sides.items():
            found[name][side] = group_figures(name, rows, partial(groups_of, run))
            print(name, side, found[name][side], file=sys.stderr)
    return found


# ---- tried


@dataclass(frozen=True)
class Setting:
    """One way to fit; the defaults are those of `voc.topics.fit`."""

    neighbours: int = 30
    min_samples: int | None = None
    selection: str = "eom"
    largest: float = 0.1
    centred: bool = True
    removed: int = 0
    merge: str = "smallest"
    rejoin: str = "tenth"
    once: bool = True
    reduce_frequent: bool = True
    bm25: bool = False


#: What is changed, by the name that the table shows.
TRIED = {
    "as shipped": Setting(),
    "vectors as they are": Setting(centred=False),
    "first principal component removed": Setting(removed=1),
    "first two removed": Setting(removed=2),
    "15 neighbours": Setting(neighbours=15),
    "clusters of any size": Setting(largest=1.0),
    "min_samples 5": Setting(min_samples=5),
    "min_samples 3, 15 neighbours, any size, no rejoining (before)": Setting(
        neighbours=15, min_samples=3, largest=1.0, rejoin="none"
    ),
    "leaves of the hierarchy": Setting(selection="leaf"),
    "no outlier rejoins": Setting(rejoin="none"),
    "every outlier rejoins": Setting(rejoin="all"),
    "merged by average linkage": Setting(merge="average"),
    "a word counts each time": Setting(once=False),
    "frequent words not reduced": Setting(reduce_frequent=False),
    "BM25 weighting": Setting(bm25=True),
}


def points_by(setting: Setting, rows: Rows) -> NDArray[np.float32]:
    """Unit rows."""
    if not setting.centred:
        return rows.vectors
    moved = rows.vectors - rows.vectors.mean(axis=0)
    if setting.removed:
        first = np.linalg.svd(moved, full_matrices=False)[2][: setting.removed]
        moved = moved - moved @ first.T @ first
    return centred(moved, np.zeros(moved.shape[1], np.float32))


LAID: dict[tuple[str, int, int], NDArray[np.float32]] = {}


def laid_out(points: NDArray[np.float32], neighbours: int, seed: int) -> NDArray[np.float32]:
    """UMAP's ten dimensions, once for all settings that share them."""
    from umap import UMAP

    key = (hashlib.sha256(points.tobytes()).hexdigest(), neighbours, seed)
    if key not in LAID:
        LAID[key] = UMAP(
            n_neighbors=neighbours, n_components=10, min_dist=0.0, metric="cosine", random_state=seed
        ).fit_transform(points)
    return LAID[key]


def groups_by(setting: Setting, rows: Rows, seed: int, most: int | None = None) -> Groups:
    """The steps of `voc.topics.fit`, which does not offer what was found to be worse."""
    from hdbscan import HDBSCAN

    points = points_by(setting, rows)
    clusters = HDBSCAN(
        min_cluster_size=MIN_TOPIC_SIZE, min_samples=setting.min_samples,
        cluster_selection_method=setting.selection,
        max_cluster_size=0 if setting.largest == 1
        else max(20 * MIN_TOPIC_SIZE, int(setting.largest * len(points))),
    )  # fmt: skip
    found = clusters.fit_predict(laid_out(points, setting.neighbours, seed)).astype(np.int64)
    groups = merged(found, points, most) if setting.merge == "smallest" else averaged(found, points, most)
    if setting.rejoin == "all":
        return np.where(groups < 0, (points @ centroids(groups, points).T).argmax(axis=1), groups)
    return rejoined(groups, points) if setting.rejoin == "tenth" else groups


def words_by(setting: Setting, rows: Rows, groups: Groups) -> list[list[str]]:
    """The first ten words of each group."""
    from bertopic.vectorizers import ClassTfidfTransformer
    from sklearn.feature_extraction.text import CountVectorizer

    by_group: dict[int, list[str]] = defaultdict(list)
    for number, text in zip(groups.tolist(), rows.words, strict=True):
        by_group[number] += dict.fromkeys(text.split()) if setting.once else text.split()
    numbers = sorted(by_group)
    counter = CountVectorizer(token_pattern=r"(?u)[^\W\d_][\w]+")  # noqa: S106
    counts = counter.fit_transform([" ".join(by_group[number]) for number in numbers])
    weighting = ClassTfidfTransformer(
        reduce_frequent_words=setting.reduce_frequent, bm25_weighting=setting.bm25
    )
    names = counter.get_feature_names_out()
    return [
        [str(names[i]) for i in np.argsort(-row, kind="stable")[:TOP_WORDS]]
        for number, row in zip(numbers, weighting.fit_transform(counts).toarray(), strict=True)
        if number >= 0
    ]


def averaged(groups: Groups, points: NDArray[np.float32], most: int | None) -> Groups:
    """At most so many groups, merged as BERTopic's ``nr_topics`` does today."""
    from sklearn.cluster import AgglomerativeClustering

    if most is None or groups.max() < most:
        return groups
    means = centroids(groups, points)
    distances = np.clip(1 - means @ means.T, 0, None)
    into = AgglomerativeClustering(most, metric="precomputed", linkage="average").fit_predict(distances)
    return np.array([-1 if number < 0 else into[number] for number in groups], np.int64)


def changes() -> Iterator[tuple[str, Setting, bool]]:
    """Name, setting, and whether it is tried on the labelled rows too: not what touches words alone."""
    for name, setting in TRIED.items():
        same = replace(setting, once=True, reduce_frequent=True, bm25=False, merge="smallest") == Setting()
        yield name, setting, name == "as shipped" or not same


def tried(data: Path, tables: TableReader) -> dict[str, Any]:
    """Every change on the news; those of groups on sib200 and, but for the vectors, a third of our corpus."""
    news = bbc_news(data, tables)
    news = news.only(np.sort(np.unique(news.words, return_index=True)[1]))
    found: dict[str, Any] = {}
    for name, setting, _ in changes():
        runs = [
            word_figures(news, groups, words_by(setting, news, groups))
            for seed in TRIED_SEEDS
            for most in TRIED_NUMBERS
            for groups in [groups_by(setting, news, seed, most)]
        ]
        found[name] = {"octis": mean(runs)}
        print(name, found[name], file=sys.stderr)
    own = own_segments(bundled("corpora"), tables)
    third = own.only(np.arange(0, len(own.words), 3))
    for part, rows in (("sib200", sib200(data, tables)), ("corpus", third)):
        for name, setting, of_groups in changes():
            if of_groups and (part == "sib200" or (setting.centred and not setting.removed)):
                found[name][part] = group_figures(
                    part, rows, partial(groups_by, setting, seed=TRIED_SEEDS[0])
                )
                print(part, name, found[name][part], file=sys.stderr)
    return found


def main() -> None:
    """Measures one part; prints it, and keeps it where asked to."""
    warnings.simplefilter("ignore")  # umap and numba warn of what we chose
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("part", choices=("octis", "labelled", "tried"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--cache", type=Path, default=Path("runs/topics-benchmark.npz"), help="for vectors")
    options = parser.parse_args()
    tables = TableReader(Pipeline.open(Settings()).reader, options.cache)
    measure = {"octis": octis, "labelled": labelled, "tried": tried}[options.part]
    figures = json.dumps(measure(options.data, tables), ensure_ascii=False, indent=1)
    print(figures)
    if options.json:
        options.json.write_text(figures + "\n", "utf-8")


if __name__ == "__main__":
    main()
