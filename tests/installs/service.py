"""A small service with a scikit-learn model; run with any Python that has otelml installed.

It serves itself three predictions, and then ends: what it emitted is its receiver's to count.
"""

from __future__ import annotations

import logging

import flask
import numpy as np
from sklearn.linear_model import LogisticRegression

import otelml

REQUESTS = 3

telemetry = otelml.init("installed", model="small", privacy="internal")
app = flask.Flask(__name__)
model = LogisticRegression().fit(np.array([[0.0], [1.0], [2.0], [3.0]]), ["no", "no", "yes", "yes"])


@app.get("/predict/<float:value>")
def predict(value: float) -> dict[str, str]:
    """Answer with the model's decision."""
    logging.getLogger("service").info("asked for %s", value)
    return {"answer": str(model.predict(np.array([[value]]))[0])}


client = app.test_client()
for number in range(REQUESTS):
    answer = client.get(f"/predict/{number}.5")
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Prediction-Id"]
status = telemetry.status()
assert not status["fast_paths_off"], status["fast_paths_off"]
assert not status["errors"], status["last_errors"]
assert telemetry.force_flush(20), "not all was sent in time"
assert otelml.shutdown(), "not all was sent in time"
