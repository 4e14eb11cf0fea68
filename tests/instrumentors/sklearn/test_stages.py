"""Where the final estimator of a pipeline starts and ends."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

PAUSE_S = 0.02


class Slow(TransformerMixin, BaseEstimator):
    """A transformer that takes its time."""

    def __init__(self, pause_s=PAUSE_S):
        self.pause_s = pause_s

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        time.sleep(self.pause_s)
        return X


class Model(ClassifierMixin, BaseEstimator):
    """A classifier that takes three times as long."""

    def __init__(self, C=1):
        self.C = C

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        time.sleep(3 * PAUSE_S)
        return np.full((len(X), 2), 0.5)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Regressor(RegressorMixin, BaseEstimator):
    """A regression that takes three times as long as the transformer."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        time.sleep(3 * PAUSE_S)
        return np.zeros(len(X))


class MyPipeline(Pipeline):
    """A pipeline of the user's own, with a method that calls its parent's."""

    def predict(self, X, **params):
        return super().predict(X, **params)


def _pipe():
    return make_pipeline(Slow(), Model())


PIPELINES = {
    "pipeline": _pipe(),
    "own subclass": MyPipeline([("slow", Slow()), ("model", Model())]),
    "nested": make_pipeline(Slow(0), Pipeline([("slow", Slow()), ("model", Model())])),
    "search": GridSearchCV(_pipe(), {"model__C": [1]}, cv=2),
    "search in a pipeline": make_pipeline(Slow(), GridSearchCV(Model(), {"C": [1]}, cv=2)),
    "calibrated": CalibratedClassifierCV(_pipe(), cv=2, ensemble=False),
    "columns": make_pipeline(ColumnTransformer([("s", Slow(), [0, 1])]), Model()),
    "frozen": make_pipeline(Slow(), FrozenEstimator(Model().fit(None, [0, 1]))),
    "frozen inside": CalibratedClassifierCV(
        FrozenEstimator(_pipe().fit([[0.0], [1.0]], [0, 1])), cv=2
    ),
    "target": make_pipeline(Slow(), TransformedTargetRegressor(Regressor())),
}


def _stages(telemetry):
    (prediction,) = telemetry.predictions()
    telemetry.assert_stages_fill(prediction)
    return {
        span.name: (span.end_time - span.start_time) / 1e9
        for span in telemetry.children(prediction)
    }


@pytest.mark.parametrize("name", PIPELINES)
def test_transformers_are_feature_extraction(name, telemetry, data):
    """A pipeline's transformers count as feature extraction, its final step as inference."""
    X, y = data
    fitted = PIPELINES[name].fit(X, y)
    fitted.predict(X[:1])
    stages = _stages(telemetry)
    assert stages["feature_extraction"] >= PAUSE_S
    assert stages["inference"] >= 3 * PAUSE_S


def test_transformers_are_feature_extraction_with_metadata_routing(telemetry, data):
    """The same holds where scikit-learn routes metadata."""
    X, y = data
    with config_context(enable_metadata_routing=True):
        _pipe().fit(X, y).predict(X[:1])
    assert _stages(telemetry)["feature_extraction"] >= PAUSE_S


def test_a_pipeline_inside_a_transformer_is_feature_extraction(telemetry, data):
    """A model whose output is a feature belongs to feature extraction with its transformers."""
    X, y = data
    features = StackingClassifier([("p", _pipe())], cv=2).fit(X, y)
    model = make_pipeline(FunctionTransformer(features.transform), LogisticRegression()).fit(X, y)
    model.predict(X[:1])
    assert _stages(telemetry)["feature_extraction"] >= 4 * PAUSE_S


def test_an_error_of_a_transformer_leaves_a_prediction(telemetry, data):
    """A pipeline that fails before its final step is a failed prediction, and the next is not."""
    X, y = data
    model = make_pipeline(FunctionTransformer(np.log), LogisticRegression()).fit(np.abs(X), y)
    with pytest.raises(TypeError):
        model.predict("text")
    model.predict(np.abs(X))
    first, second = (span.attributes.get("error.type", "") for span in telemetry.predictions())
    assert (first.endswith("TypeError"), second) == (True, "")


@pytest.mark.parametrize("steps", [[], [None], [("only",)], 7])
def test_a_broken_pipeline_fails_as_it_does_without(steps, telemetry):
    """Steps that make no sense are reported by scikit-learn, not by us."""
    pipeline = Pipeline.__new__(Pipeline)
    pipeline.steps = steps
    with pytest.raises((AttributeError, IndexError, TypeError, ValueError)):
        Pipeline.predict(pipeline, [[1.0]])
