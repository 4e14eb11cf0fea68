"""What a model call returns becomes the prediction's label, value and confidence, or nothing."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import ARDRegression, BayesianRidge, LinearRegression, LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators

import otelml
from otelml._prediction import label_text
from otelml._privacy import Policy, install_policy
from otelml.config import PrivacyOptions


@pytest.fixture
def seen(telemetry, monkeypatch):
    """A function: results and row counts of the predictions since it was last called."""
    from otelml._worker import processor

    found = []
    real = processor.results_of

    def results_of(record):
        results = real(record)
        found.append((record.rows, results))
        return results

    monkeypatch.setattr(processor, "results_of", results_of)

    def read():
        telemetry.flush()
        now = found[:]
        found.clear()
        return now

    return read


def _confidences(results):
    if results.confidences is None:
        return [] if results.confidence is None else [results.confidence]
    return results.confidences.tolist()


class Encoded(ClassifierMixin, BaseEstimator):
    """Gives the application's labels, and the probabilities of encoded ones."""

    def fit(self, X, y):
        self.encoder_ = LabelEncoder().fit(y)
        self.inner_ = LogisticRegression().fit(X, self.encoder_.transform(y))
        return self

    def predict(self, X):
        return self.encoder_.inverse_transform(self.inner_.predict(X))

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)


class EncodedWithClasses(Encoded):
    """The same, which says its classes."""

    @property
    def classes_(self):
        return self.encoder_.classes_


CLASSIFIERS = {
    "fixed threshold": FixedThresholdClassifier(LogisticRegression(), threshold=0.1),
    "fixed, other positive": FixedThresholdClassifier(
        LogisticRegression(), threshold=0.9, pos_label=0, response_method="predict_proba"
    ),
    "fixed, by score": FixedThresholdClassifier(
        LogisticRegression(), threshold=-1.0, response_method="decision_function"
    ),
    "tuned threshold": TunedThresholdClassifierCV(
        LogisticRegression(), scoring="recall", cv=2, random_state=0
    ),
    "fixed in a pipeline": make_pipeline(
        StandardScaler(), FixedThresholdClassifier(LogisticRegression(), threshold=0.1)
    ),
    "fixed in a search": GridSearchCV(
        FixedThresholdClassifier(LogisticRegression()), {"threshold": [0.1]}, cv=2
    ),
    "calibrated": CalibratedClassifierCV(SVC(), cv=2),
    "one against the rest": OneVsRestClassifier(LogisticRegression()),
    "one fixed against the rest": OneVsRestClassifier(
        FixedThresholdClassifier(LogisticRegression(), threshold=0.9)
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_confidence_is_the_probability_of_the_returned_label(name, data, seen):
    """With predict and predict_proba, in either order, and by a rule of the model's own."""
    X, y = data
    model = CLASSIFIERS[name].fit(X, y)
    labels, probabilities = model.predict(X), model.predict_proba(X)
    seen()
    expected = probabilities[np.arange(len(X)), np.searchsorted(model.classes_, labels)]
    for methods in (("predict", "predict_proba"), ("predict_proba", "predict")):
        with otelml.prediction("m"):
            for method in methods:
                getattr(model, method)(X)
        ((rows, results),) = seen()
        assert (rows, list(results.labels)) == (len(X), [label_text(v) for v in labels])
        assert _confidences(results) == pytest.approx(expected)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probabilities_alone_give_the_models_own_label_or_none(name, data, seen):
    """The label is the one predict returns; where it does not follow, one reason says so."""
    X, y = data
    model = CLASSIFIERS[name].fit(X, y)
    labels = model.predict(X)
    seen()
    probabilities = model.predict_proba(X)
    ((rows, results),) = seen()
    assert rows == len(X)
    if name in ("fixed, by score", "one fixed against the rest"):
        assert (list(results.labels), _confidences(results)) == ([], [])
        assert len(results.problems) == 1
        return
    assert list(results.labels) == [label_text(v) for v in labels]
    expected = probabilities[np.arange(len(X)), np.searchsorted(model.classes_, labels)]
    assert _confidences(results) == pytest.approx(expected)
    assert list(results.problems) == []


@pytest.mark.parametrize(("cls", "has_confidence"), [(Encoded, False), (EncodedWithClasses, True)])
def test_encoded_labels_have_a_confidence_where_the_classes_are_known(
    cls, has_confidence, data, seen
):
    """A wrapper around a label encoder: the columns are those of its classes, if it says them."""
    X, y = data
    model = cls().fit(X, np.array(["no", "yes"])[y])
    with otelml.prediction("m"):
        labels, probabilities = model.predict(X), model.predict_proba(X)
    ((_, results),) = seen()
    assert list(results.labels) == labels.tolist()
    expected = probabilities.max(axis=1).tolist() if has_confidence else []
    assert _confidences(results) == pytest.approx(expected)
    assert len(results.problems) == (0 if has_confidence else 1)


@pytest.mark.parametrize("regressor", [GaussianProcessRegressor, BayesianRidge, ARDRegression])
@pytest.mark.parametrize("piped", [False, True])
def test_a_mean_with_its_deviation_is_the_value(regressor, piped, data, seen):
    """``return_std=True``, given by name or by place, inside a pipeline too."""
    X, y = data
    model = make_pipeline(StandardScaler(), regressor()) if piped else regressor()
    model.fit(X, y.astype(float))
    mean, _ = model.predict(X, return_std=True)
    if not piped:
        model.predict(X, True)
    for rows, results in seen():
        assert rows == len(X)
        assert results.values.tolist() == mean.tolist()
        assert list(results.problems) == []


def test_a_covariance_is_left_aside(data, seen):
    """``return_cov=True`` is the mean as well."""
    X, y = data
    model = GaussianProcessRegressor().fit(X, y.astype(float))
    mean, _ = model.predict(X, return_cov=True)
    ((_, results),) = seen()
    assert results.values.tolist() == mean.tolist()


class Odd(ClassifierMixin, BaseEstimator):
    """Returns what it was told to."""

    def __init__(self, answer=None):
        self.answer = answer

    def predict(self, X, raw_score=False):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "labels", "problems"),
    [
        (["a", "b"], ["a", "b"], 0),
        (pd.Series(["a", "b"]), ["a", "b"], 0),
        ((np.array([1, 2]), np.array([3, 4])), [], 1),
        ({"a": [1, 2]}, [], 1),
        ([["a", "b"], ["a", "b"]], [], 1),
        (np.array([["a", "b"], ["a", "b"]]), [], 1),
        (np.array([["a"], ["b"]]), ["a", "b"], 0),
    ],
)
def test_an_answer_of_another_kind_is_right_or_left_out(answer, labels, problems, seen):
    """Lists and series are labels; tuples, mappings and several outputs are left out, once."""
    Odd(answer).predict([[1.0], [2.0]])
    ((rows, results),) = seen()
    assert (rows, list(results.labels), results.values) == (2, labels, None)
    assert len(results.problems) == problems


def test_a_keyword_that_changes_the_output_leaves_it_out(seen):
    """A margin is neither a label nor a value."""
    Odd(np.array([0.3, 1.2])).predict([[1.0], [2.0]], raw_score=True)
    ((rows, results),) = seen()
    assert (rows, list(results.labels), results.values) == (2, [], None)
    assert "raw_score" in results.problems[0]


def test_several_labels_a_row_are_left_out_with_a_reason(data, seen):
    """Chains, one a label, forests: neither labels nor a confidence that means nothing."""
    X, y = data
    Y = np.column_stack([y, 1 - y])
    for model in (
        ClassifierChain(LogisticRegression()),
        MultiOutputClassifier(LogisticRegression()),
        OneVsRestClassifier(LogisticRegression()),
        RandomForestClassifier(3, random_state=0),
    ):
        model.fit(X, Y)
        for method in ("predict", "predict_proba"):
            getattr(model, method)(X)
            ((rows, results),) = seen()
            assert (rows, list(results.labels), _confidences(results)) == (len(X), [], [])
            assert len(results.problems) == 1, (model, method)


TEXTS = ["good", "bad", "good good", "bad bad"]


@pytest.mark.parametrize("make", [list, iter, tuple, np.array, pd.Series])
def test_texts_are_rows_however_they_are_given(make, seen):
    """A generator's rows are known from the result; a series or a list says them itself."""
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 1, 0])
    for method in ("predict", "predict_proba"):
        getattr(model, method)(make(TEXTS))
        ((rows, results),) = seen()
        assert (rows, list(results.labels)) == (4, ["1", "0", "1", "0"])


def test_one_mapping_is_one_row(seen):
    """The entries of a mapping are features, not rows."""
    model = make_pipeline(DictVectorizer(), LogisticRegression())
    model.fit([{"a": 1.0, "b": 2.0, "c": 0.0}, {"a": 0.0, "b": 0.0, "c": 1.0}], [1, 0])
    model.predict({"a": 1.0, "b": 2.0, "c": 0.0})
    ((rows, results),) = seen()
    assert (rows, list(results.labels)) == (1, ["1"])


def test_the_last_model_of_a_prediction_gives_its_result(data, seen):
    """A mixture's groups are no labels of the classifier that follows."""
    X, y = data
    groups = GaussianMixture(2, random_state=0).fit(X)
    model = LogisticRegression().fit(X, np.array(["no", "yes"])[y])
    labels = model.predict(X).tolist()
    seen()
    with otelml.prediction("m"):
        groups.predict(X)
        probabilities = model.predict_proba(X)
    ((_, results),) = seen()
    assert list(results.labels) == labels
    assert _confidences(results) == pytest.approx(probabilities.max(axis=1))


# What scikit-learn cannot fit on plain rows and two classes, or needs much time for.
_SPECIAL = {
    "IsotonicRegression", "MultiOutputClassifier", "MultiOutputRegressor", "ClassifierChain",
    "RegressorChain",
}  # fmt: skip


def _fitted(name, cls, X, y):
    try:
        model = cls()
    except TypeError:
        inner = LogisticRegression() if issubclass(cls, ClassifierMixin) else LinearRegression()
        for arguments in ({"estimator": inner}, {"estimators": [("a", inner)]}):
            try:
                model = cls(**arguments)
                break
            except TypeError:
                continue
        else:
            return None
    try:
        return model.fit(X, y)
    except Exception:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 3])
def test_every_estimator_is_reported_as_it_answers(classes, seen):
    """Rows, labels, values and confidences equal what each of scikit-learn's estimators gives."""
    rng = np.random.default_rng(3)
    X = np.abs(rng.normal(size=(60, 4)))
    y = np.digitize(X[:, 0], np.quantile(X[:, 0], np.arange(1, classes) / classes))
    checked = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, cls in all_estimators(["classifier", "regressor", "cluster"]):
            model = None if name in _SPECIAL else _fitted(name, cls, X, y)
            if model is None or not hasattr(model, "predict"):
                continue
            answer = model.predict(X)
            ((rows, results),) = seen()
            assert rows == 60, name
            if is_regressor(model):
                assert results.values.tolist() == answer.ravel().tolist(), name
            else:
                assert list(results.labels) == [label_text(v) for v in answer], name
            checked += 1
            if is_classifier(model) and hasattr(model, "predict_proba"):
                probabilities = model.predict_proba(X)
                ((rows, results),) = seen()
                chosen = probabilities[np.arange(60), np.searchsorted(model.classes_, answer)]
                assert rows == 60, name
                if results.labels:
                    assert list(results.labels) == [label_text(v) for v in answer], name
                    assert _confidences(results) == pytest.approx(chosen), name
                else:
                    assert len(results.problems) == 1, name
    assert checked > 60


@pytest.mark.parametrize("make", [np.array, list, pd.Series, lambda v: np.array(v)[:, None]])
def test_one_number_a_row_is_one_feature(make, telemetry, seen):
    """Isotonic regression takes a flat array: rows, whose number is no width of a schema."""
    install_policy(Policy(PrivacyOptions(level="internal")))
    model = IsotonicRegression().fit([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
    for values in ([0.5, 1.5], [0.25], [0.1, 0.2, 0.3, 0.4]):
        answer = model.predict(make(values))
        ((rows, results),) = seen()
        assert (rows, results.values.tolist()) == (len(values), answer.tolist())
    assert telemetry.metric("ml.feature.schema_mismatch").points == ()
    assert len(telemetry.metric("ml.feature.last").points) == 1
