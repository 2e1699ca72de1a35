"""A head moved from the weights that it came with, as far as a few labels ask for it.

Enters: a fitted head, labelled rows, and rows on which it shall go on saying what it says. Leaves: another
head. What must hold: without labels it has the same weights; the same rows in the same order give the same
weights.

The weights W minimize, with W0 those that it came with,

    sum_i w_i CE(y_i, p(x_i; W)) + rho sum_r CE(p(x_r; W0), p(x_r; W)) + prior / 2 sum_j |W_j - W0_j|^2 / s_j

where CE is the cross-entropy. The last term is a Gaussian prior around W0 (maximum a posteriori adaptation,
Chelba and Acero 2006); the middle one rehearses old rows with the head's own former answers as targets (Li
and Hoiem 2018, "Learning without forgetting"), for the rows that W0 learned from are not there any more. s_j
is `Strength.freedom` for columns of the encoder's vector and 1 for those of words: with equal freedom ten
texts are learned by heart by their words, and other texts of their topic stay where they were. Intercepts
stay: moving one would move every text.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True, slots=True)
class Strength:
    """How far labels may move a head; docs/learning.md says what each is for.

    Attributes:
        prior: inverse variance of the prior on a column of words.
        freedom: how many times that variance a column of the encoder's vector has.
        rehearsal: weight of each rehearsed row.
    """

    prior: float = 0.2
    freedom: float = 16.0
    rehearsal: float = 0.03


def adapt(
    head: LogisticRegression,
    features: sp.csr_matrix,
    labels: Sequence[str],
    weights: Sequence[float],
    rehearsed: sp.csr_matrix,
    *,
    n_dims: int,
    strength: Strength,
) -> LogisticRegression:
    """A copy of ``head`` with other weights.

    Args:
        features: (n, n_features) by `voc.heads.FeatureMap`, the first ``n_dims`` columns the encoder's.
        labels, weights: one per row; each label is one of ``head.classes_``.
        rehearsed: (n_rehearsed, n_features).
    """
    moved = copy.copy(head)
    moved.coef_ = head.coef_.copy()
    if not len(labels):
        return moved
    rows = sp.vstack([features, rehearsed], format="csr")
    words = n_dims + np.unique(features[:, n_dims:].indices)
    freedom = np.sqrt(strength.freedom)
    vectors = rows[:, :n_dims].toarray() * freedom  # full rows are multiplied faster as such
    seen = sp.csr_matrix(rows[:, words], dtype=np.float64)
    start = np.asarray(rows @ head.coef_.T.astype(np.float64) + head.intercept_)
    targets = np.zeros_like(start)
    targets[np.arange(len(labels)), np.searchsorted(head.classes_, list(labels))] = 1.0
    targets[len(labels) :] = softmax(start[len(labels) :], axis=1)
    counts = np.concatenate([weights, np.full(rehearsed.shape[0], strength.rehearsal)])[:, None]
    shape = (n_dims + len(words), len(head.classes_))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        shift = flat.reshape(shape)
        logs = log_softmax(start + vectors @ shift[:n_dims] + seen @ shift[n_dims:], axis=1)
        error = counts * (np.exp(logs) - targets)
        slope = np.concatenate([vectors.T @ error, seen.T @ error]).ravel()
        value = -float((counts * targets * logs).sum()) + strength.prior / 2 * float(flat @ flat)
        return value, slope + strength.prior * flat

    found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B")
    shift = found.x.reshape(shape).T.astype(head.coef_.dtype)
    moved.coef_[:, :n_dims] += shift[:, :n_dims] * freedom
    moved.coef_[:, words] += shift[:, n_dims:]
    return moved
