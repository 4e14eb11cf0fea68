"""What a model tells of itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from otelml.instrumentors.sklearn.identity import describe

FRAME = pd.DataFrame({"age": [1.0, 2, 3, 4], "income": [4.0, 1, 3, 2]})
Y = ["no", "yes", "no", "yes"]
NAMES = ("age", "income")


def _facts(class_name, task, classes=None, feature_names=NAMES, n_features=2):
    return {
        "framework": "scikit-learn",
        "class_name": class_name,
        "task": task,
        "classes": classes,
        "feature_names": feature_names,
        "n_features": n_features,
    }


def _logistic(*, fit=True):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return model.fit(FRAME, Y) if fit else model


CASES = {
    "pipeline": (_logistic(), _facts("LogisticRegression", "classification", ("no", "yes"))),
    "search of a pipeline": (
        GridSearchCV(_logistic(fit=False), {"logisticregression__C": [1]}, cv=2).fit(FRAME, Y),
        _facts("LogisticRegression", "classification", ("no", "yes")),
    ),
    "calibrated": (
        CalibratedClassifierCV(_logistic(fit=False), cv=2).fit(FRAME, Y),
        _facts("CalibratedClassifierCV", "classification", ("no", "yes")),
    ),
    "frozen": (
        FrozenEstimator(_logistic()),
        _facts("LogisticRegression", "classification", ("no", "yes")),
    ),
    "regression": (
        RandomForestRegressor(2).fit(FRAME, [1, 2, 3, 4]),
        _facts("RandomForestRegressor", "regression"),
    ),
    "clustering": (KMeans(2, n_init=1).fit(FRAME), _facts("KMeans", "clustering")),
    "outliers": (
        IsolationForest(n_estimators=2).fit(FRAME),
        _facts("IsolationForest", "outlier_detection"),
    ),
    "without names": (
        LogisticRegression().fit(FRAME.to_numpy(), [0, 1, 0, 1]),
        _facts("LogisticRegression", "classification", (0, 1), None),
    ),
    "unfitted": (
        _logistic(fit=False),
        _facts("LogisticRegression", "classification", None, None, None),
    ),
    "empty pipeline": (Pipeline([]), _facts("Pipeline", None, None, None, None)),
    "passthrough": (
        Pipeline([("s", StandardScaler()), ("p", "passthrough")]).fit(FRAME),
        _facts("Pipeline", None),
    ),
    "several labels": (
        OneVsRestClassifier(LogisticRegression()).fit(
            FRAME, np.array([[0, 1], [1, 0], [1, 1], [0, 0]])
        ),
        _facts("OneVsRestClassifier", "classification"),
    ),
    "several outputs": (
        MultiOutputClassifier(LogisticRegression()).fit(FRAME, [[0, 1], [1, 0], [1, 1], [0, 0]]),
        _facts("MultiOutputClassifier", "classification"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_model_describes_itself(name):
    """Class, task, classes and features are the final estimator's and the model's."""
    model, expected = CASES[name]
    assert describe(model) == expected


def test_classes_are_plain_python():
    """Labels are Python's own objects, not NumPy's."""
    classes = describe(CASES["without names"][0])["classes"]
    assert [type(c) for c in classes] == [int, int]


def test_hostile_properties_are_survived():
    """A model whose every property raises is still described."""

    class Hostile(BaseEstimator):
        @property
        def classes_(self):
            raise RuntimeError

        @property
        def feature_names_in_(self):
            raise KeyError

        n_features_in_ = "many"
        _estimator_type = 3

        def __sklearn_tags__(self):
            raise ValueError

    assert describe(Hostile()) == _facts("Hostile", None, None, None, None)
    assert describe(object()) == _facts("object", None, None, None, None)


def test_a_duck_typed_estimator_says_its_type():
    """An estimator without the mixins is known by its declared type."""

    class Duck:
        _estimator_type = "regressor"

    assert describe(Duck())["task"] == "regression"
