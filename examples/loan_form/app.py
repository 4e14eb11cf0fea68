"""A form that decides on a loan, and takes what became of it: `flask run`."""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path
from typing import Any

import flask
import joblib
import numpy as np

import otelml
import otelml.flask
from otelml.config import DriftOptions, FeedbackOptions, MetricOptions
from otelml.exceptions import FeedbackError

FOLDER = Path(__file__).parent / "build"
NAMES = ("income", "credit_score", "loan_amount")

otelml.init(
    "loan-form",
    model="loan",
    model_version="1",
    reference=FOLDER / "reference.json",
    metrics=MetricOptions(prometheus=True),
    feedback=FeedbackOptions(positive="approved"),
    drift=DriftOptions(verdict="thresholds", thresholds={"p_value": (0.05, 0.01)}),
    privacy="internal",  # the smallest and largest value of a window are gauges here
)

app = flask.Flask(__name__)
app.register_blueprint(otelml.flask.blueprint())


def _load() -> Any:
    data = (FOLDER / "model.joblib").read_bytes()
    if hashlib.sha256(data).hexdigest() != (FOLDER / "model.sha256").read_text():
        raise SystemExit("model.joblib is not the file that train.py wrote")
    return joblib.load(io.BytesIO(data))


model = _load()
otelml.register_model(model, name="loan", version="1", feature_names=NAMES)


@app.get("/")
def form() -> str:
    """Show the form."""
    return flask.render_template("form.html", names=NAMES)


@app.get("/health")
def health() -> dict[str, str]:
    """Say that the service is up."""
    return {"status": "ok"}


@app.post("/predict")
def predict() -> tuple[str, int]:
    """Decide on what the form says."""
    sent = flask.request.form
    try:
        values = [float(sent[name]) for name in NAMES]
    except (KeyError, ValueError):
        return flask.render_template("form.html", names=NAMES, error="Fill in all numbers."), 400
    if not all(map(math.isfinite, values)):
        return flask.render_template("form.html", names=NAMES, error="Fill in all numbers."), 400
    shares = model.predict_proba(np.array([values]))[0]
    best = int(shares.argmax())
    prediction = otelml.current_prediction()
    page = flask.render_template(
        "form.html",
        names=NAMES,
        label=model.classes_[best],
        confidence=shares[best],
        prediction_id=prediction.id if prediction else "",
    )
    return page, 200


@app.post("/outcome")
def outcome() -> tuple[str, int]:
    """Take what became of the loan."""
    sent = flask.request.form
    try:
        told = otelml.feedback(sent.get("id", ""), sent.get("actual", ""), source="form")
    except FeedbackError:
        return flask.render_template("form.html", names=NAMES, error="This id is not known."), 400
    return flask.render_template("form.html", names=NAMES, outcome=told.outcome), 200
