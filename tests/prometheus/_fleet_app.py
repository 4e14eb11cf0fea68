"""A service of one model, for gunicorn: a batch of rows a request, watched for drift."""

from __future__ import annotations

import json
import os

import otelml
from otelml.config import DriftOptions

otelml.init(
    "loan-api",
    model="loan",
    model_version="1",
    reference=os.environ["REFERENCE"],
    # Small windows, checked often: a new process has as many of them as others have.
    drift=DriftOptions(
        every=0.5,
        window_rows=100,
        calibrate_for=0,
        self_reference_rows=1_000,
        critical_features=("income",),
    ),
    instrument="none",
    system=False,
)


def app(environ, start_response):
    """Decide on each row of a batch."""
    rows = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    with otelml.prediction("loan", version="1", features=rows) as prediction:
        labels = ["yes" if row["income"] > LIMIT else "no" for row in rows]
        prediction.set_result(label=labels, confidence=[1 / (1 + row["income"]) for row in rows])
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(labels).encode()]


LIMIT = float(os.environ["LIMIT"])
