"""Estimated accuracy against the true one, on data with labels, before and after a known change.

Handwritten digits (1,797 images, ten labels) and breast cancer (569 patients, two labels), both as
they come with scikit-learn; a logistic regression learns one half, the other half is served.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from otelml.quality import cbpe

SPLITS = {"digits": 5, "breast cancer": 20}
Change = Callable[[Any, Any, np.random.Generator], tuple[Any, Any]]


class Estimate(NamedTuple):
    """Means over splits.

    Args:
        estimated: Accuracy that CBPE expects.
        true: That of the labels.
        error: Mean distance of the two.
        worst: The largest.
    """

    estimated: float
    true: float
    error: float
    worst: float


def _same(rows: Any, labels: Any, _: np.random.Generator) -> tuple[Any, Any]:
    return rows, labels


def _noise(size: float) -> Change:
    return lambda rows, labels, rng: (rows + rng.normal(0, size, rows.shape), labels)


def _factor(size: float) -> Change:
    return lambda rows, labels, rng: (rows * (1 + rng.normal(0, size, rows.shape)), labels)


def _hard_digits(rows: Any, labels: Any, _: np.random.Generator) -> tuple[Any, Any]:
    chosen = np.isin(labels, (1, 3, 8, 9))
    return rows[chosen], labels[chosen]


def _hard_patients(rows: Any, labels: Any, _: np.random.Generator) -> tuple[Any, Any]:
    chosen = (rows[:, 0] > 12.5) & (rows[:, 0] < 17)  # the mean radius, where both occur
    return rows[chosen], labels[chosen]


def _swapped_digits(rows: Any, labels: Any, _: np.random.Generator) -> tuple[Any, Any]:
    swapped = labels.copy()
    swapped[labels == 1], swapped[labels == 7] = 7, 1
    return rows, swapped


def _swapped_patients(rows: Any, labels: Any, _: np.random.Generator) -> tuple[Any, Any]:
    turned = (rows[:, 0] > 14) & (rows[:, 0] < 17)
    return rows, np.where(turned, 1 - labels, labels)


CHANGES: dict[str, dict[str, Change]] = {
    "digits": {
        "none": _same,
        "only 1, 3, 8 and 9, which are hard": _hard_digits,
        "noise of a tenth of the range": _noise(0.1),
        "noise of a fifth of the range": _noise(0.2),
        "1 and 7 change their meaning": _swapped_digits,
    },
    "breast cancer": {
        "none": _same,
        "only tumours of a middle size, which are hard": _hard_patients,
        "10 % error of measurement": _factor(0.1),
        "30 % error of measurement": _factor(0.3),
        "tumours of one size change their meaning": _swapped_patients,
    },
}


def _data(name: str) -> tuple[Any, Any, Any]:
    if name == "digits":
        loaded: Any = load_digits()
        return loaded.data / 16, loaded.target, LogisticRegression(C=30, max_iter=200)
    loaded = load_breast_cancer()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    return loaded.data, loaded.target, model


def estimates(name: str) -> dict[str, Estimate]:
    """Return estimate and truth under each change of a data set.

    Args:
        name: A key of ``CHANGES``.
    """
    rows, labels, model = _data(name)
    found: dict[str, list[tuple[float, float]]] = {change: [] for change in CHANGES[name]}
    with threadpool_limits(1):
        for seed in range(SPLITS[name]):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(rows))
            half = len(rows) // 2
            learned, served = order[:half], order[half:]
            model.fit(rows[learned], labels[learned])
            for change, of in CHANGES[name].items():
                given, truth = of(rows[served], labels[served], rng)
                probabilities = model.predict_proba(given)
                said = model.classes_[probabilities.argmax(axis=1)]
                estimated = cbpe(probabilities.max(axis=1))["accuracy"].value
                found[change].append((estimated, float((said == truth).mean())))
    return {change: _means(np.array(pairs)) for change, pairs in found.items()}


def _means(pairs: Any) -> Estimate:
    distance = np.abs(pairs[:, 0] - pairs[:, 1])
    estimated, true = pairs.mean(axis=0).tolist()
    return Estimate(estimated, true, float(distance.mean()), float(distance.max()))
