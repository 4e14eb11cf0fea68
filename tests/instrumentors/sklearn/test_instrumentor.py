"""Instrumenting, and putting everything back."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint

import cloudpickle.cloudpickle
import joblib.parallel
import pytest
import sklearn.base
import sklearn.inspection._partial_dependence
import sklearn.inspection._permutation_importance
import sklearn.metrics._scorer
import sklearn.model_selection._validation
import sklearn.utils.parallel
from opentelemetry.instrumentation.distro import DefaultDistro
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.discovery import all_estimators

from otelml.config import Config
from otelml.instrumentors import inside as _inside
from otelml.instrumentors import patch as _patch
from otelml.instrumentors.sklearn import SklearnInstrumentor
from otelml.testing import capture

MODULES = (
    sklearn.base,
    sklearn.metrics._scorer,
    sklearn.utils.parallel,
    sklearn.model_selection._validation,
    sklearn.inspection._partial_dependence,
    sklearn.inspection._permutation_importance,
    joblib.parallel,
    cloudpickle.cloudpickle,
)


@pytest.fixture
def instrumentor():
    instrumentor = SklearnInstrumentor()
    yield instrumentor
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


def _everything():
    owners = {c for _, cls in all_estimators() for c in cls.__mro__ if c is not object}
    owners |= {v for module in MODULES for v in vars(module).values() if isinstance(v, type)}
    found = {(id(o), k): v for o in (*owners, *MODULES) for k, v in vars(o).items()}
    conditional = {key: getattr(v, "fn", None) for key, v in found.items()}
    return found, conditional


def test_everything_is_put_back(instrumentor):
    """After ``uninstrument()`` every attribute of every class and module is the same object."""
    before, conditional = _everything()
    for _ in range(2):
        instrumentor.instrument()
        changed, _ = _everything()
        assert sum(before.get(key) is not value for key, value in changed.items()) > 400
        instrumentor.uninstrument()
        after, conditional_after = _everything()
        different = {
            key[1] for key in before.keys() | after.keys() if before.get(key) is not after.get(key)
        }
        assert different <= {"__abc_impl__", "__annotations_cache__"}
        assert all(conditional[k] is conditional_after[k] for k in conditional)


def test_classes_made_meanwhile_are_put_back(instrumentor):
    """A class made while instrumented has its own functions again afterwards."""
    instrumentor.instrument()

    class Late(BaseEstimator):
        def predict(self, X):
            return X

    assert Late.predict.__wrapped__.__name__ == "predict"
    instrumentor.uninstrument()
    assert not hasattr(Late.predict, "__wrapped__")


def test_what_others_replaced_meanwhile_stays(instrumentor, monkeypatch):
    """A method that someone replaced after us is theirs; our wrapper inside it falls silent."""
    model = DummyClassifier().fit([[0]], [1])
    instrumentor.instrument()
    ours = DummyClassifier.predict

    def theirs(self, X):
        return ours(self, X)

    monkeypatch.setattr(DummyClassifier, "predict", theirs)
    instrumentor.uninstrument()
    assert DummyClassifier.predict is theirs
    with capture(Config(instrument=())) as captured:
        assert model.predict([[0]]).tolist() == [1]
        assert captured.predictions() == []
    monkeypatch.undo()
    DummyClassifier.predict = _patch.unwrapped(DummyClassifier.predict)


def test_it_is_loaded_by_its_entry_point():
    """Contrib's own loader starts what the entry point of the project names, without its base."""
    entry = EntryPoint(
        "otelml_sklearn",
        "otelml.instrumentors.sklearn:SklearnInstrumentor",
        "opentelemetry_instrumentor",
    )
    try:
        DefaultDistro().load_instrumentor(entry, raise_exception_on_conflict=True)
        assert SklearnInstrumentor().is_instrumented_by_opentelemetry
    finally:
        SklearnInstrumentor().uninstrument()
    assert SklearnInstrumentor().instrumentation_dependencies() == ("scikit-learn >= 1.3",)


def test_instrumented_twice_is_wrapped_once(instrumentor):
    """A second ``instrument()`` changes nothing."""
    instrumentor.instrument()
    once = LogisticRegression.predict_proba
    instrumentor.instrument()
    assert LogisticRegression.predict_proba is once
    assert not hasattr(once.__wrapped__, "__wrapped__")


def test_models_work_where_otelml_is_not_initialised(instrumentor, data):
    """Instrumented without ``init``, models work and leave nothing behind."""
    instrumentor.instrument()
    X, y = data
    assert LogisticRegression().fit(X, y).predict(X).shape == (80,)
    assert _inside.current() is None


def test_a_module_imported_later_is_patched_then(tmp_path, monkeypatch):
    """An action runs when its module is imported, not before, and not once it is undone."""
    for name in ("otelml_later_one", "otelml_later_two"):
        (tmp_path / f"{name}.py").write_text("def f():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    patches = _patch.ModulePatches(
        "test",
        dict.fromkeys(
            ("otelml_later_one", "otelml_later_two"),
            lambda module: patches.wrap(module, "f", _inside.quiet),
        ),
    )
    patches.apply()
    first = importlib.import_module("otelml_later_one")
    assert hasattr(first.f, "__wrapped__")
    patches.undo()
    second = importlib.import_module("otelml_later_two")
    assert not hasattr(first.f, "__wrapped__")
    assert not hasattr(second.f, "__wrapped__")
    for name in ("otelml_later_one", "otelml_later_two"):
        del sys.modules[name]
