"""Workers of a parallel call are inside the call that made them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import ClassVar

import cloudpickle
import joblib
import numpy as np
import pytest
from joblib.parallel import ThreadingBackend
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.parallel import Parallel, delayed


def _pipe():
    return make_pipeline(StandardScaler(), LogisticRegression())


class JoblibVote(ClassifierMixin, BaseEstimator):
    """A meta-estimator of the user's own, on bare joblib."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.members_ = [_pipe().fit(X, y) for _ in range(4)]
        return self

    def predict(self, X):
        tasks = [joblib.delayed(member.predict)(X) for member in self.members_]
        return np.round(np.mean(joblib.Parallel(n_jobs=2)(tasks), axis=0)).astype(int)


def _exercise(data):
    X, y = data
    for model in (
        RandomForestClassifier(4, n_jobs=2),
        BaggingClassifier(_pipe(), 4, n_jobs=2),
        VotingClassifier([("a", _pipe()), ("b", LogisticRegression())], voting="soft", n_jobs=2),
        OneVsRestClassifier(_pipe(), n_jobs=2),
        GridSearchCV(_pipe(), {"logisticregression__C": [1, 2]}, cv=2, n_jobs=2),
    ):
        model.fit(X, y)
        model.predict_proba(X)
        model.predict(X)
    cross_val_score(_pipe(), X, y, cv=2, n_jobs=2)
    cross_val_predict(_pipe(), X, y, cv=2, n_jobs=2)


EXPECTED = [
    *["RandomForestClassifier"] * 2,
    *["BaggingClassifier"] * 2,
    *["VotingClassifier"] * 2,
    *["OneVsRestClassifier"] * 2,
    *["LogisticRegression"] * 2,
]


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_workers_make_no_predictions(backend, data, models):
    """In threads and in processes a parallel model makes one prediction a call."""
    with joblib.parallel_config(backend=backend):
        _exercise(data)
    assert models() == EXPECTED


@pytest.mark.parametrize(
    "backend", ["threading", pytest.param("loky", marks=pytest.mark.slow), "multiprocessing"]
)
def test_bare_joblib_inside_a_model_makes_no_predictions(backend, data, models):
    """A user's own meta-estimator on bare joblib makes one prediction a call."""
    model = JoblibVote().fit(*data)
    with joblib.parallel_config(backend=backend):
        model.predict(data[0])
    assert models() == ["JoblibVote"]


@pytest.mark.parametrize(("run", "task"), [(Parallel, delayed), (joblib.Parallel, joblib.delayed)])
def test_an_applications_own_threads_make_predictions(run, task, data, models):
    """Where the application itself spreads its calls over threads, each is a prediction."""
    X, y = data
    model = LogisticRegression().fit(X, y)
    results = run(n_jobs=2, backend="threading")(task(model.predict)(X) for _ in range(3))
    assert len(results) == 3
    assert models() == ["LogisticRegression"] * 3


@pytest.mark.slow
def test_a_forked_worker_makes_no_predictions(telemetry):
    """A worker forked from an instrumented process emits nothing for what is inside a call."""
    script = """
        import json, os, sys, tempfile
        import joblib
        from sklearn.datasets import make_classification
        from sklearn.ensemble import BaggingClassifier
        from sklearn.linear_model import LogisticRegression
        from otelml.instrumentors.sklearn import calls
        from otelml.testing import capture

        log = tempfile.NamedTemporaryFile("a", delete=False)
        plain = calls.begin_call

        def noted(model, method, data, framework):
            with open(log.name, "a") as file:
                file.write(type(model).__name__ + "\\n")
            return plain(model, method, data, framework)

        if __name__ == "__main__":
            X, y = make_classification(random_state=0)
            calls.begin_call = noted
            with capture():
                model = BaggingClassifier(LogisticRegression(), 4).fit(X, y)
                model.set_params(n_jobs=2)
                with joblib.parallel_config(backend="multiprocessing"):
                    model.predict(X)
            print(open(log.name).read().split())
            os.unlink(log.name)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "['BaggingClassifier']", done.stderr


class Sending(ThreadingBackend):
    """Pickles each batch of tasks, as a backend of fresh processes does, and keeps the bytes."""

    uses_threads = False
    sent: ClassVar[list[bytes]] = []

    def submit(self, func, callback=None):
        self.sent.append(cloudpickle.dumps(func))
        return super().submit(func, callback)

    apply_async = submit


@pytest.fixture
def sent(monkeypatch):
    """What joblib sends to the workers of such a backend, which is in use."""
    monkeypatch.setattr(Sending, "sent", [])
    joblib.register_parallel_backend("sending", Sending)
    with joblib.parallel_config(backend="sending", n_jobs=2):
        yield Sending.sent
    del joblib.parallel.BACKENDS["sending"]


@pytest.mark.parametrize("model", [JoblibVote(), BaggingClassifier(_pipe(), 4, n_jobs=2)])
def test_what_goes_to_another_process_names_nothing_of_otelml(model, data, telemetry, sent):
    """Any process can unpickle the tasks of a model, whether it can import otelml or not."""
    model.fit(*data)
    sent.clear()
    assert len(model.predict(data[0])) == len(data[0])
    assert sent
    assert [batch for batch in sent if b"otelml." in batch] == []
