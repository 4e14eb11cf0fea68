"""Classes look and behave as they did: late ones, the user's own, conditional methods."""

from __future__ import annotations

import gc
import inspect
import subprocess
import sys
import textwrap
import weakref
from abc import ABCMeta, abstractmethod

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    OneToOneFeatureMixin,
    RegressorMixin,
    TransformerMixin,
    is_classifier,
)
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.discovery import all_estimators
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.metaestimators import available_if

from otelml.instrumentors.sklearn import SklearnInstrumentor
from otelml.instrumentors.sklearn.classes import METHODS


@pytest.mark.slow
def test_late_imports_are_instrumented():
    """Modules imported after ``instrument()``, scikit-learn itself among them, are reported."""
    script = """
        import sys
        from otelml.testing import capture
        with capture() as telemetry:
            assert "sklearn" not in sys.modules
            from sklearn.gaussian_process import GaussianProcessRegressor
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import FunctionTransformer, StandardScaler
            from sklearn.model_selection import cross_val_predict
            model = make_pipeline(StandardScaler(), GaussianProcessRegressor())
            cross_val_predict(model, [[0.0], [1.0]] * 4, [0.0, 1.0] * 4, cv=2)
            model.fit([[0.0], [1.0]], [0.0, 1.0]).predict([[0.5]])
            (prediction,) = telemetry.predictions()
            print(prediction.name, [span.name for span in telemetry.children(prediction)])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == (
        "predict GaussianProcessRegressor ['feature_extraction', 'inference', 'post_processing']"
    ), done.stderr


def test_a_method_that_calls_its_parents_is_one_prediction(data, models):
    """A subclass that extends a method makes one prediction a call."""

    class Louder(LogisticRegression):
        def predict(self, X):
            return super().predict(X) + 1

        def predict_proba(self, X):
            return super().predict_proba(X)

    X, y = data
    model = Louder().fit(X, y)
    assert set(model.predict(X)) == {1, 2}
    model.predict_proba(X)
    model.decision_function(X)
    assert models() == ["Louder"] * 3


def test_a_mixin_of_the_same_package_is_instrumented(models):
    """A prediction method that an estimator gets from a mixin beside it is reported."""

    class Constant:
        def predict(self, X):
            return np.zeros(len(X))

    class Own(Constant, RegressorMixin, BaseEstimator):
        pass

    Own().predict([[1]])
    assert models() == ["Own"]


def test_a_class_of_another_framework_is_left_alone(telemetry):
    """A foreign base class keeps its methods: its other users are no estimators."""
    Foreign = type("Foreign", (), {"predict": lambda self, X: X, "__module__": "elsewhere.net"})
    before = vars(Foreign)["predict"]
    type("Own", (Foreign, BaseEstimator), {})
    assert vars(Foreign)["predict"] is before


def test_abstract_and_odd_methods_keep_their_nature(telemetry):
    """Abstract, async, static and class methods and properties are what they were."""

    class Base(BaseEstimator, metaclass=ABCMeta):
        @abstractmethod
        def predict(self, X):
            """Predict."""

    class Odd(BaseEstimator):
        async def predict(self, X):
            return X

        @staticmethod
        def predict_proba(X):
            return X

        @classmethod
        def decision_function(cls, X):
            return X

        @property
        def score_samples(self):
            return len

    with pytest.raises(TypeError, match="abstract"):
        Base()
    assert inspect.iscoroutinefunction(Odd.predict)
    assert (Odd.predict_proba(1), Odd.decision_function(2), Odd().score_samples([1])) == (1, 2, 1)


def test_dynamic_classes_are_not_kept_alive(telemetry):
    """A class made in a function goes when nobody holds it."""

    def make():
        class Local(LogisticRegression):
            def predict(self, X):
                return super().predict(X)

        return weakref.ref(Local)

    gone = make()
    gc.collect()
    assert gone() is None


def test_conditional_methods_stay_conditional(data, telemetry):
    """``hasattr`` and the error of a method that is not available are scikit-learn's own."""
    soft, hard = (
        VotingClassifier([("a", LogisticRegression())], voting=v) for v in ("soft", "hard")
    )
    for model, expected in [(SVC(probability=False), False), (hard, False), (soft, True)]:
        assert hasattr(model, "predict_proba") is expected
    svc = SVC(probability=False).fit(*data)
    pipeline = make_pipeline(StandardScaler(), svc)
    messages = []
    for _ in range(2):
        for model in (svc, pipeline, hard):
            with pytest.raises(AttributeError) as caught:
                model.predict_proba(data[0])
            messages.append((str(caught.value), str(caught.value.__cause__)))
        SklearnInstrumentor().uninstrument()
    SklearnInstrumentor().instrument()
    assert messages[:3] == messages[3:]
    assert hasattr(Pipeline, "predict_proba")


def test_signatures_and_metadata_are_unchanged(telemetry):
    """Every method of every estimator keeps name, module, doc and signature."""

    def facts():
        return {
            (cls, name): (
                method.__name__,
                method.__qualname__,
                method.__module__,
                method.__doc__,
                str(inspect.signature(method)),
                inspect.isfunction(method),
                inspect.isgeneratorfunction(method),
                inspect.getsourcefile(inspect.unwrap(method)),
            )
            for _, cls in all_estimators()
            for name in METHODS
            if inspect.isfunction(method := getattr(cls, name, None))
        }

    SklearnInstrumentor().uninstrument()
    plain = facts()
    SklearnInstrumentor().instrument()
    assert facts() == plain
    assert len(plain) > 800


def test_set_output_works_on_late_classes(telemetry, data):
    """A transformer defined later answers with a frame, and is put back as it was defined."""

    class Twice(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.n_features_in_ = X.shape[1]
            return self

        def transform(self, X):
            return X * 2

    frame = pd.DataFrame(data[0], columns=list("abcd"))
    model = Twice().set_output(transform="pandas")
    model.feature_names_in_ = np.array(list("abcd"), dtype=object)
    pd.testing.assert_frame_equal(model.fit(frame).transform(frame), frame * 2)
    SklearnInstrumentor().uninstrument()
    restored = vars(Twice)["transform"]
    SklearnInstrumentor().instrument()
    assert restored.__code__.co_filename.endswith("_set_output.py")
    assert "transform" in restored.__wrapped__.__qualname__
    assert not hasattr(restored.__wrapped__, "__wrapped__")


def test_metadata_requests_of_late_classes_are_complete(telemetry):
    """Metadata routing sees the parameters of wrapped methods."""

    class Weighted(ClassifierMixin, BaseEstimator):
        def fit(self, X, y, sample_weight=None):
            self.classes_ = np.unique(y)
            return self

        def predict(self, X, flavour=None):
            return np.full(len(X), flavour)

    with config_context(enable_metadata_routing=True):
        model = Weighted().set_fit_request(sample_weight=True).set_predict_request(flavour=True)
        requested = str(model.get_metadata_routing())
        pipeline = make_pipeline(FunctionTransformer(), model)
        pipeline.fit([[0.0], [1.0]], [0, 1], sample_weight=[1, 2])
        assert pipeline.predict([[1.0]], flavour="mint").tolist() == ["mint"]
    assert "'sample_weight': True" in requested
    assert "'flavour': True" in requested


def test_keyword_arguments_of_class_definitions_arrive(telemetry):
    """``class C(TransformerMixin, auto_wrap_output_keys=None)`` keeps its meaning."""

    class Bare(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
        def transform(self, X):
            return X

    assert not hasattr(Bare(), "set_output")


def test_conditional_methods_of_late_classes(models):
    """``available_if`` in a class of the user's own is reported, and stays conditional."""

    class Maybe(BaseEstimator):
        def __init__(self, able=True):
            self.able = able

        @available_if(lambda self: self.able)
        def predict(self, X):
            return X

    Maybe().predict([[1]])
    assert models() == ["Maybe"]
    assert not hasattr(Maybe(able=False), "predict")


def test_other_views_of_an_estimator_are_unchanged(telemetry):
    """Type, HTML and kind of an estimator are what they were."""
    model = make_pipeline(SelectKBest(), LogisticRegression())
    assert is_classifier(model)
    assert isinstance(model, BaseEstimator)
    assert "SelectKBest" in model._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [LogisticRegression(), StandardScaler()])
def test_estimator_checks_pass(estimator, telemetry):
    """scikit-learn's checks of an estimator pass as they do without."""
    check_estimator(estimator)
