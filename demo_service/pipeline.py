"""The scikit-learn pipeline: applications as mappings in, probabilities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from otelml.samples import CATEGORICAL, FEATURES

_NUMERIC = [index for index, name in enumerate(FEATURES) if name not in CATEGORICAL]
_CATEGORIES = [FEATURES.index(name) for name in CATEGORICAL]


class ApplicationTable(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Turns ``n`` applications into a table of shape (n, features), in the order of training.

    A missing category becomes the category ``unknown``; a missing number becomes NaN.
    """

    def fit(self, X: Sequence[Mapping[str, Any]], y: object = None) -> ApplicationTable:  # noqa: ARG002, N803 - scikit-learn's names
        """Learn nothing; the columns are fixed."""
        self.n_features_in_ = len(FEATURES)
        return self

    def transform(self, X: Sequence[Mapping[str, Any]]) -> npt.NDArray[Any]:  # noqa: N803 - scikit-learn's name
        """Return an object array of shape (len(X), features)."""
        table = np.empty((len(X), len(FEATURES)), dtype=object)
        for row, application in enumerate(X):
            for column, name in enumerate(FEATURES):
                value = application.get(name)
                if value is None:
                    value = "unknown" if name in CATEGORICAL else np.nan
                table[row, column] = value
        return table

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[Any]:  # noqa: ARG002 - scikit-learn's signature
        """Return the names of the columns."""
        return np.array(FEATURES, dtype=object)


def build_pipeline(seed: int) -> Pipeline:
    """Return the untrained pipeline; ``seed`` fixes every random choice in it."""
    columns = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(
                    SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
                ),
                _NUMERIC,
            ),
            (
                "categories",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                _CATEGORIES,
            ),
        ]
    )
    # One thread by nature: OpenMP's pools would fight each other under a threaded server.
    classifier = GradientBoostingClassifier(
        n_estimators=120, max_depth=4, subsample=0.5, max_features="sqrt", random_state=seed
    )
    return Pipeline(
        [("table", ApplicationTable()), ("columns", columns), ("classifier", classifier)]
    )
