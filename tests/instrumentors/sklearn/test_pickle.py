"""Estimators travel between instrumented and plain processes, in both directions."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import textwrap

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metaestimators import available_if

from otelml.instrumentors.sklearn import SklearnInstrumentor


@pytest.fixture
def fitted(data):
    return make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)).fit(*data)


def _joblib_dumps(value):
    buffer = io.BytesIO()
    joblib.dump(value, buffer)
    return buffer.getvalue()


DUMPS = {"pickle": pickle.dumps, "cloudpickle": cloudpickle.dumps, "joblib": _joblib_dumps}


def _python(script, stdin=b""):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("how", DUMPS)
@pytest.mark.parametrize("part", ["instance", "class", "bound method", "function"])
def test_a_pickle_is_the_same_with_and_without(how, part, fitted):
    """Byte for byte, an instrumented process pickles what a plain one does."""

    def dump():
        value = {
            "instance": fitted,
            "class": LogisticRegression,
            "bound method": fitted[-1].predict,
            "function": RandomForestClassifier.predict,
        }[part]
        return DUMPS[how](value)

    plain = dump()
    SklearnInstrumentor().instrument()
    try:
        assert dump() == plain
    finally:
        SklearnInstrumentor().uninstrument()


@pytest.mark.slow
def test_a_plain_process_loads_what_an_instrumented_one_wrote(fitted, data, telemetry):
    """A process that cannot import otelml loads and runs the model."""
    script = """
        import pickle, sys
        sys.modules["otelml"] = None
        model = pickle.load(sys.stdin.buffer)
        sys.stdout.buffer.write(pickle.dumps(model.predict([[1.0, 2.0, 3.0, 4.0]]).tolist()))
    """
    expected = fitted.predict([[1.0, 2.0, 3.0, 4.0]]).tolist()
    assert pickle.loads(_python(script, pickle.dumps(fitted))) == expected


@pytest.mark.slow
def test_an_instrumented_process_reports_what_a_plain_one_wrote(models):
    """A model from a plain process is reported like any other."""
    script = """
        import pickle, sys
        from sklearn.linear_model import LogisticRegression
        model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        sys.stdout.buffer.write(pickle.dumps(model))
    """
    pickle.loads(_python(script)).predict([[1.0]])
    assert models() == ["LogisticRegression"]


@pytest.mark.slow
def test_a_class_of_main_is_pickled_as_it_was_written():
    """Cloudpickle writes a class by value, without a trace of the instrumentation."""
    script = """
        import sys
        import cloudpickle
        from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
        from sklearn.utils.metaestimators import available_if
        from otelml.instrumentors.sklearn import SklearnInstrumentor

        SklearnInstrumentor().instrument()

        class Own(ClassifierMixin, TransformerMixin, BaseEstimator):
            def fit(self, X, y):
                self.classes_ = [0, 1]
                return self
            def transform(self, X):
                return X
            def predict(self, X):
                return [self.classes_[1] for _ in X]
            @available_if(lambda self: True)
            def predict_proba(self, X):
                return [[0.5, 0.5] for _ in X]

        assert Own.predict.__wrapped__ is not None
        written = cloudpickle.dumps([Own().fit(None, None), Own, Own.predict])
        for trace in (b"otelml.", b"otelml/instrumentors", b"otelml/_"):
            assert trace not in written, written
        sys.stdout.buffer.write(written)
    """
    load = """
        import pickle, sys
        sys.modules["otelml"] = None
        own, cls, predict = pickle.load(sys.stdin.buffer)
        assert type(own) is cls
        assert not hasattr(cls.predict, "__wrapped__")
        print(own.predict([1, 2]), predict(own, [1]), own.predict_proba([1]), own.transform([3]))
    """
    assert _python(load, _python(script)).decode().strip() == "[1, 1] [1] [[0.5, 0.5]] [3]"


@pytest.mark.slow
def test_a_class_of_main_works_in_loky_workers():
    """An estimator that is defined in the script goes to worker processes and back."""
    script = """
        import sys
        from sklearn.base import BaseEstimator, ClassifierMixin
        from sklearn.model_selection import cross_val_score
        from otelml.testing import capture

        class Own(ClassifierMixin, BaseEstimator):
            def fit(self, X, y):
                self.classes_ = [0, 1]
                return self
            def predict(self, X):
                return [1 for _ in X]

        if __name__ == "__main__":
            with capture() as telemetry:
                scores = cross_val_score(Own(), [[0]] * 8, [0, 1] * 4, cv=2, n_jobs=2)
                Own().fit(None, None).predict([[1]])
                print(scores.tolist(), len(telemetry.predictions()))
    """
    assert _python(script).decode().strip() == "[0.5, 0.5] 1"


def test_copies_and_clones_are_reported_alike(fitted, data, models):
    """A deep copy, a shallow copy and a refitted clone behave as the model does."""
    X, y = data
    expected = fitted.predict_proba(X)
    for other in (copy.deepcopy(fitted), copy.copy(fitted), clone(fitted).fit(X, y)):
        np.testing.assert_array_equal(other.predict_proba(X), expected)
        assert (type(other), vars(other).keys()) == (type(fitted), vars(fitted).keys())
    assert models() == ["RandomForestClassifier"] * 4


def test_a_dynamic_condition_survives_cloudpickle(telemetry):
    """A conditional method of a local class keeps its condition through cloudpickle."""
    from sklearn.base import BaseEstimator

    class Local(BaseEstimator):
        def __init__(self, able=True):
            self.able = able

        @available_if(lambda self: self.able)
        def predict(self, X):
            return X

    able, unable = pickle.loads(cloudpickle.dumps([Local(), Local(able=False)]))
    assert (hasattr(able, "predict"), hasattr(unable, "predict")) == (True, False)
