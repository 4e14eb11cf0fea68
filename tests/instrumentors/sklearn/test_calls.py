"""Which calls are predictions, and which are not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import make_scorer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples")


def _scaled():
    return Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])


CLASSIFIERS = {
    "LogisticRegression": (LogisticRegression(), "LogisticRegression"),
    "Pipeline": (_scaled(), "LogisticRegression"),
    "nested pipelines": (make_pipeline(StandardScaler(), _scaled()), "LogisticRegression"),
    "ColumnTransformer": (
        make_pipeline(ColumnTransformer([("s", StandardScaler(), [0, 1])]), SVC()),
        "SVC",
    ),
    "FeatureUnion": (
        make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", _scaled()[:1])]), SVC()),
        "SVC",
    ),
    "GridSearchCV": (GridSearchCV(_scaled(), {"model__C": [1, 2]}, cv=2), "LogisticRegression"),
    "RandomizedSearchCV": (
        RandomizedSearchCV(SVC(), {"C": [1, 2]}, n_iter=2, cv=2),
        "SVC",
    ),
    "search in a pipeline": (
        make_pipeline(StandardScaler(), GridSearchCV(SVC(), {"C": [1, 2]}, cv=2)),
        "SVC",
    ),
    "VotingClassifier": (
        VotingClassifier([("a", _scaled()), ("b", DecisionTreeClassifier())], voting="soft"),
        "VotingClassifier",
    ),
    "StackingClassifier": (
        StackingClassifier([("a", _scaled()), ("b", DecisionTreeClassifier())], cv=2),
        "StackingClassifier",
    ),
    "BaggingClassifier": (BaggingClassifier(_scaled(), 3), "BaggingClassifier"),
    "AdaBoostClassifier": (AdaBoostClassifier(n_estimators=3), "AdaBoostClassifier"),
    "RandomForestClassifier": (RandomForestClassifier(3), "RandomForestClassifier"),
    "GradientBoosting": (GradientBoostingClassifier(n_estimators=3), "GradientBoostingClassifier"),
    "HistGradientBoosting": (
        HistGradientBoostingClassifier(max_iter=2, early_stopping=True),
        "HistGradientBoostingClassifier",
    ),
    "CalibratedClassifierCV": (CalibratedClassifierCV(_scaled(), cv=2), "CalibratedClassifierCV"),
    "OneVsRestClassifier": (OneVsRestClassifier(_scaled()), "OneVsRestClassifier"),
    "OneVsOneClassifier": (OneVsOneClassifier(SVC()), "OneVsOneClassifier"),
    "OutputCodeClassifier": (OutputCodeClassifier(SVC()), "OutputCodeClassifier"),
    "SelfTrainingClassifier": (SelfTrainingClassifier(_scaled()), "SelfTrainingClassifier"),
    "TunedThreshold": (TunedThresholdClassifierCV(_scaled(), cv=2), "TunedThresholdClassifierCV"),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_method_of_a_classifier_is_one_prediction(name, data, models):
    """Whatever an estimator calls inside, a call of it is one prediction; a fit is none."""
    X, y = data
    estimator, expected = CLASSIFIERS[name]
    fitted = clone(estimator).fit(X, y)
    assert models() == []
    called = [method for method in METHODS if hasattr(fitted, method)]
    for method in called:
        getattr(fitted, method)(X)
        assert (method, models()) == (method, [expected])
    assert "predict" in called


@pytest.mark.parametrize(
    ("estimator", "method"),
    [
        (IsolationForest(n_estimators=3), "predict"),
        (IsolationForest(n_estimators=3), "score_samples"),
        (LocalOutlierFactor(novelty=True), "decision_function"),
        (KMeans(2, n_init=1), "predict"),
        (GaussianMixture(2), "predict_proba"),
        (TransformedTargetRegressor(LinearRegression()), "predict"),
    ],
)
def test_other_kinds_of_models_predict_too(estimator, method, data, models):
    """Outlier detectors, clusterings, mixtures and regressions are reported like classifiers."""
    X, y = data
    fitted = clone(estimator).fit(X, y)
    getattr(fitted, method)(X)
    assert len(models()) == 1


@pytest.mark.parametrize("meta", [MultiOutputClassifier, ClassifierChain])
def test_several_outputs_are_one_prediction(meta, data, models):
    """A model of several outputs calls one model for each, and is one prediction."""
    X, y = data
    fitted = meta(LogisticRegression()).fit(X, np.column_stack([y, 1 - y]))
    fitted.predict(X)
    fitted.predict_proba(X)
    assert models() == [meta.__name__] * 2


def test_a_frozen_model_is_reported_as_itself(data, models):
    """What a frozen estimator hands on is a prediction of the model inside."""
    X, y = data
    FrozenEstimator(LogisticRegression().fit(X, y)).predict(X)
    assert models() == ["LogisticRegression"]


def test_training_and_evaluation_are_no_predictions(data, models):
    """Nothing that fits, scores, transforms or evaluates is a prediction, nor what it calls."""
    X, y = data
    model = _scaled().fit(X, y)
    stack = StackingClassifier([("a", _scaled())], cv=2).fit(X, y)
    model.score(X, y)
    stack.transform(X)
    stack.fit_transform(X, y)
    SGDClassifier().partial_fit(X, y, classes=[0, 1]).partial_fit(X, y)
    KMeans(2, n_init=1).fit_predict(X)
    IsolationForest(n_estimators=2).fit_predict(X)
    FunctionTransformer(model.predict_proba).transform(X)
    cross_val_score(model, X, y, cv=2)
    cross_val_score(model, X, y, cv=2, scoring=lambda m, A, _: m.predict(A).mean())
    cross_validate(model, X, y, cv=2, scoring=["accuracy", "roc_auc"])
    cross_val_predict(model, X, y, cv=2, method="predict_proba")
    learning_curve(model, X, y, cv=2, train_sizes=[0.5, 1.0])
    make_scorer(lambda a, b: (a == b).mean())(model, X, y)
    permutation_importance(model, X, y, n_repeats=1, scoring=lambda m, A, _: m.predict(A).mean())
    partial_dependence(GridSearchCV(_scaled(), {"model__C": [1]}, cv=2).fit(X, y), X, [0])
    assert models() == []


def test_staged_results_are_no_predictions(data, models):
    """Generators of results by stage stay generators, and what they call is no prediction."""
    X, y = data
    model = AdaBoostClassifier(n_estimators=3).fit(X, y)
    stages = model.staged_predict(X)
    first = next(stages)
    assert models() == []
    LogisticRegression().fit(X, y).predict(X)
    assert models() == ["LogisticRegression"]
    assert len(first) == len(X)
    assert len([*stages, *model.staged_score(X, y)]) == 2 + 3
    assert models() == []


def test_the_callers_objects_pass_through(telemetry):
    """A model sees the very object it is given, and the caller gets the very object it returns."""
    seen = []
    result = np.array([1, 2])

    class Echo(ClassifierMixin, BaseEstimator):
        def predict(self, X, *, extra=None):
            seen.append((X, extra))
            return result

    X = np.zeros((2, 3))
    assert Echo().predict(X, extra="e") is result
    assert Echo().predict(X=X) is result
    assert [(a is X, e) for a, e in seen] == [(True, "e"), (True, None)]
    rows = [span.attributes["ml.prediction.rows"] for span in telemetry.predictions("Echo")]
    assert rows == [2, 2]


def test_an_error_passes_untouched_with_one_frame_more(telemetry):
    """The exception object is the model's own, and the traceback has one more frame."""
    error = ValueError("no")

    class Bad(BaseEstimator):
        def predict(self, _):
            raise error

    with pytest.raises(ValueError, match="no") as caught:
        Bad().predict([[1]])
    assert caught.value is error
    assert (error.__context__, error.__cause__) == (None, None)
    assert [entry.name for entry in caught.traceback][1:] == ["wrapper", "predict"]
    telemetry.assert_prediction("Bad", error="ValueError")


def test_a_missing_argument_is_the_models_own_error(telemetry):
    """A call without data raises what it always raised."""
    with pytest.raises(TypeError, match=r"predict\(\) missing 1 required positional argument: 'X'"):
        LogisticRegression().predict()
    telemetry.assert_prediction("LogisticRegression", error="TypeError")


def test_after_an_error_the_next_call_is_a_prediction(data, models):
    """An error leaves nothing behind: in a prediction, in a fit, in a staged generator."""
    X, y = data
    for wrong in (
        lambda: LogisticRegression().predict(X),
        lambda: LogisticRegression().fit(X, y[:3]),
        lambda: next(AdaBoostClassifier().staged_predict(X)),
        lambda: _scaled().predict(X),
    ):
        with pytest.raises(Exception):  # noqa: B017 - not the point here
            wrong()
    models()
    LogisticRegression().fit(X, y).predict(X)
    assert models() == ["LogisticRegression"]
