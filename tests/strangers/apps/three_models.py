# ruff: noqa: E402, E702, I001 - the one added line stands where a stranger may put it
"""Three models behind one endpoint: the label and its probability for a data frame."""

from __future__ import annotations

import otelml; otelml.init("ensemble-api", service_version="2.0")  # fmt: skip

import logging

import flask
import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from werkzeug.middleware.proxy_fix import ProxyFix

COLUMNS = ["a", "b", "c"]
LOG = logging.getLogger("ensemble")


class Service(flask.Flask):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        rng = np.random.default_rng(0)
        x = pd.DataFrame(rng.normal(size=(300, 3)), columns=COLUMNS)
        y = np.where(x.a + x.b > 0, "churn", "stay")
        estimators = (
            GradientBoostingClassifier(n_estimators=20),
            GaussianNB(),
            DecisionTreeClassifier(),
        )
        self.models = {type(m).__name__: m.fit(x, y) for m in estimators}


app = Service(__name__)
app.wsgi_app = ProxyFix(app.wsgi_app)


@app.post("/predict/<name>")
def predict(name):
    if name not in app.models:
        flask.abort(404)
    df = pd.DataFrame([flask.request.json], columns=COLUMNS)
    label = app.models[name].predict(df)[0]
    confidence = app.models[name].predict_proba(df).max()
    LOG.error("%s says %s", name, label)
    return flask.jsonify({"label": label, "confidence": float(confidence)})
