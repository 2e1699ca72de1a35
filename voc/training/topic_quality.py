"""Figures of topics: how well their words hang together, their groups fit labels and hold in a refit.

Enters: top words, groups (a number per row, -1 for none), labels. Leaves: shares and scores. What must hold:
pure functions, one definition of each figure.

* NPMI and diversity as OCTIS defines them (Terragni et al. 2021), to stand beside published figures.
* NMI and purity of the groups with the labels; rows of no topic count as one group more, and of the placed
  rows alone.
* Stability: the adjusted Rand index (Hubert and Arabie 1985) of fits on samples, over the rows of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from voc.training.evaluate import share
from voc.training.translations import purity

Groups = NDArray[np.int64]
TOP_WORDS = 10


def npmi(topics: Sequence[Sequence[str]], texts: Sequence[Sequence[str]]) -> float:
    """Mean normalized pointwise mutual information of pairs of a topic's first ten words, -1..1.

    Counted by gensim as OCTIS has it do: in all windows of ten words that slide over ``texts`` (Röder et al.
    2015, C_NPMI), mean over pairs, then over topics. 0 of no topics.

    Raises:
        ValueError: a topic's words are none of the texts'.
    """
    from gensim.corpora import Dictionary
    from gensim.models import CoherenceModel

    if not topics:
        return 0.0
    tokens = [list(text) for text in texts]
    model = CoherenceModel(
        topics=[list(topic) for topic in topics], texts=tokens, dictionary=Dictionary(tokens),
        coherence="c_npmi", topn=TOP_WORDS, processes=1,
    )  # fmt: skip
    return round(float(model.get_coherence()), 4)


def diversity(topics: Sequence[Sequence[str]]) -> float:
    """The share of the topics' first ten words that are different, 0..1; 0 of none (Dieng et al. 2020)."""
    words = [word for topic in topics for word in topic[:TOP_WORDS]]
    return round(len(set(words)) / len(words), 4) if words else 0.0


def outlier_share(groups: Groups) -> float:
    """The share of rows that no topic has; 0 of no rows."""
    return share((groups < 0).tolist())


def label_figures(groups: Groups, labels: Sequence[str]) -> dict[str, float]:
    """Topics, share of outliers, NMI (arithmetic mean) and purity with the labels.

    Args:
        groups: int64 (n,), -1 for none.
        labels: n of them.
    """
    said = groups.tolist()
    placed = [(group, label) for group, label in zip(said, labels, strict=True) if group >= 0]
    where, meant = [group for group, _ in placed], [label for _, label in placed]
    return {
        "topics": len(set(where)),
        "outliers": outlier_share(groups),
        "nmi": round(float(normalized_mutual_info_score(labels, said)), 4),
        "nmi_placed": round(float(normalized_mutual_info_score(meant, where)), 4) if placed else 0.0,
        "purity": purity([str(group) for group in said], labels),
        "purity_placed": purity([str(group) for group in where], meant),
    }


def stability(fits: Sequence[Groups]) -> dict[str, float]:
    """Adjusted Rand index of fits on samples of the same rows, mean over all pairs of fits.

    Args:
        fits: int64 (n,) each; -1 for a row of no topic, -2 for one that was not in the sample.

    Returns:
        ``ari``, where the rows of no topic are one group more; ``ari_placed``, over the rows that both fits
        gave a topic; ``both_placed``, the share of rows of both samples that these are.
    """
    found = []
    for one, other in combinations(fits, 2):
        seen = (one > -2) & (other > -2)
        both = (one >= 0) & (other >= 0)
        found.append(
            (
                adjusted_rand_score(one[seen], other[seen]),
                adjusted_rand_score(one[both], other[both]),
                both.sum() / max(seen.sum(), 1),
            )
        )
    ari, placed, share_placed = np.mean(found, axis=0) if found else (0.0, 0.0, 0.0)
    return {
        "ari": round(float(ari), 4),
        "ari_placed": round(float(placed), 4),
        "both_placed": round(float(share_placed), 4),
    }
