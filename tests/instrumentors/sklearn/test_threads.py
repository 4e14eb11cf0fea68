"""Models that use threads, and models that threads of a request use."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from flask import Flask
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from otelml import _guard
from otelml.config import Config, LogOptions
from otelml.testing import capture

_LIMIT_S = 10


@pytest.fixture
def both():
    """Everything that otelml emits, with Flask and scikit-learn instrumented."""
    config = Config(instrument=("flask", "sklearn"), system=False, logs=LogOptions(json=False))
    with capture(config) as captured:
        yield captured
        assert dict(_guard.errors) == {}
        assert captured.metric("ml.prediction.active").sum() == 0


class Vote(ClassifierMixin, BaseEstimator):
    """Asks its members, each on a thread.

    Args:
        how: ``executor``, or ``threads`` that it starts itself.
    """

    def __init__(self, how="executor"):
        self.how = how

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.members_ = [LogisticRegression(C=c).fit(X, y) for c in (0.1, 1.0, 10.0)]
        return self

    def predict(self, X):
        votes = []
        if self.how == "executor":
            with ThreadPoolExecutor(3) as pool:
                votes = list(pool.map(lambda member: member.predict(X), self.members_))
        else:
            threads = [
                threading.Thread(target=lambda m=m: votes.append(m.predict(X)))
                for m in self.members_
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return np.median(votes, axis=0).astype(int)


@pytest.mark.parametrize("how", ["executor", "threads"])
@pytest.mark.parametrize("in_request", [False, True])
def test_a_model_that_uses_threads(both, data, how, in_request):
    """What a model asks on its threads is part of it, in a request and outside."""
    model = Vote(how).fit(*data)
    if in_request:
        app = Flask("app")
        app.get("/")(lambda: {"y": model.predict(data[0]).tolist()})
        assert app.test_client().get("/").status_code == 200
    else:
        model.predict(data[0])
    (prediction,) = both.predictions()
    assert prediction.attributes["ml.model.name"] == "Vote"


def test_a_model_that_starts_a_thread_for_good(both, data):
    """A thread that a model started, and that outlives the call, predicts for itself later."""
    waiting, done = queue.Queue(), queue.Queue()
    inner = LogisticRegression().fit(*data)

    class Lazy(LogisticRegression):
        def predict(self, X):
            if not hasattr(self, "thread"):
                self.thread = threading.Thread(target=serve)
                self.thread.start()
            return super().predict(X)

    def serve():
        while (rows := waiting.get(timeout=_LIMIT_S)) is not None:
            done.put(inner.predict(rows))

    model = Lazy().fit(*data)
    model.predict(data[0])
    for i in range(3):
        waiting.put(data[0][i : i + 1])
        done.get(timeout=_LIMIT_S)
    waiting.put(None)
    model.thread.join()
    names = [p.attributes["ml.model.name"] for p in both.predictions()]
    assert names == ["Lazy"] + ["LogisticRegression"] * 3


@pytest.mark.parametrize("way", ["submit", "joblib", "forest", "thread"])
def test_a_request(both, data, way):
    """A pipeline that a thread of a request asks has its stages and one prediction."""
    last = RandomForestClassifier(5, n_jobs=2) if way == "forest" else LogisticRegression()
    model = make_pipeline(StandardScaler(), last).fit(*data)
    app, rows = Flask("app"), data[0][:2]

    def answer():
        return [model.predict(rows).tolist(), model.predict_proba(rows).tolist()]

    @app.get("/")
    def view():
        if way == "joblib":
            return joblib.Parallel(2, backend="threading")([joblib.delayed(answer)()])
        if way == "thread":
            found = []
            thread = threading.Thread(target=lambda: found.append(answer()))
            thread.start()
            thread.join()
            return found
        with ThreadPoolExecutor(1) as pool:
            return [pool.submit(answer).result()]

    response = app.test_client().get("/")
    (prediction,) = both.predictions()
    assert prediction.attributes["ml.prediction.id"] == response.headers["X-Prediction-Id"]
    both.assert_stages_fill(prediction)
    names = [s.name for s in both.children(prediction)]
    assert names == ["feature_extraction", "inference", "post_processing"]


def test_what_serves_nobody(both, data):
    """A cross-validation on threads of a request is no prediction, as before."""
    app = Flask("app")

    def task():
        with joblib.parallel_config(backend="threading"):
            return cross_val_score(LogisticRegression(), *data, n_jobs=2).mean()

    @app.get("/")
    def view():
        with ThreadPoolExecutor(1) as pool:
            return {"score": pool.submit(task).result()}

    assert app.test_client().get("/").status_code == 200
    assert both.predictions() == []
