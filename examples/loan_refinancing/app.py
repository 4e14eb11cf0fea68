"""Decides whether to refinance a loan: `flask run`."""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import joblib
import pandas as pd
from opentelemetry import metrics

import otelml
import otelml.flask
from otelml import drift
from otelml.config import FeedbackOptions, KafkaLabels, RestLabels, SqlLabels

FOLDER = Path(__file__).parent / "build"


def _labels() -> Iterator[SqlLabels | RestLabels | KafkaLabels]:
    """Yield where it becomes known what became of a loan; each by the application's number."""
    every = os.environ.get("LABELS_EVERY", "1m")
    table = FOLDER / "warehouse.db"  # not there where the rows came from BigQuery
    if url := os.environ.get("CORE_DATABASE", f"sqlite:///{table}" if table.exists() else ""):
        query = "SELECT application AS key, outcome AS actual, known_at FROM outcomes"
        yield SqlLabels(name="core", url=url, query=query, watermark="known_at", every=every)
    if url := os.environ.get("BUREAU_URL"):
        fields = {"key": "application", "actual": "outcome"}
        yield RestLabels(
            name="bureau", url=url, records="data.items", cursor="next", fields=fields, every=every
        )
    if brokers := os.environ.get("KAFKA_BROKERS"):
        fields = {"key": "application", "actual": "outcome"}
        yield KafkaLabels(name="bus", brokers=brokers, topic="outcomes", fields=fields)


otelml.init(  # the rest is in pyproject.toml
    "refinancing-api",
    feedback=FeedbackOptions(
        positive="approved",
        store=os.environ.get("OTELML_FEEDBACK_STORE", f"sqlite:///{FOLDER}/labels.db"),
        sources=tuple(_labels()),
        trust=("core", "bus", "bureau", "review", "api"),
        mature_after=os.environ.get("LABELS_COMPLETE_AFTER", "90d"),
        review_below=0.7,
        review_features=("income", "credit_score", "debt_to_income", "late_payments"),
    ),
)

app = flask.Flask(__name__)
app.register_blueprint(otelml.flask.blueprint(with_review=True))


def _load() -> Any:
    data = (FOLDER / "model.joblib").read_bytes()
    if hashlib.sha256(data).hexdigest() != (FOLDER / "model.sha256").read_text():
        raise SystemExit("model.joblib is not the file that train.py wrote")
    return joblib.load(io.BytesIO(data))


model = _load()
training = pd.read_csv(FOLDER / "training.csv")
recent: deque[dict[str, float]] = deque(maxlen=500)
p_values = metrics.get_meter("refinancing").create_gauge(
    "refinancing.kl.p_value", "1", "Bootstrapped, of the last 500 applications."
)


@app.get("/health")
def health() -> dict[str, str]:
    """Say that the service is up."""
    return {"status": "ok"}


@app.post("/predict")
def predict() -> tuple[dict[str, Any], int]:
    """Decide on one application."""
    sent = flask.request.get_json()
    try:
        row = {name: float(sent[name]) for name in training.columns}
        number = str(sent["application"])
    except (KeyError, TypeError, ValueError):
        return {"error": f"send application, and as numbers {', '.join(training.columns)}"}, 400
    if not all(map(math.isfinite, row.values())):
        return {"error": "a number is not finite"}, 400
    shares = model.predict_proba(pd.DataFrame([row]))[0]
    best = int(shares.argmax())
    prediction = otelml.current_prediction()
    prediction_id = prediction.id if prediction else ""
    otelml.register_key(number, prediction_id)
    recent.append(row)
    answer = {"decision": str(model.classes_[best]), "confidence": round(float(shares[best]), 4)}
    return {**answer, "prediction_id": prediction_id}, 200


@app.get("/drift")
def bootstrap() -> dict[str, Any]:
    """Compare the last 500 applications with the table, by KL and its bootstrap."""
    seen, found = pd.DataFrame(list(recent), columns=training.columns), {}
    for name in training.columns:
        value, p_value, _ = drift.kl(training[name], seen[name], bootstrap=1_000, seed=1)
        if math.isfinite(value):
            p_values.set(p_value, {"ml.feature.name": name})
            found[name] = {"kl": value, "p_value": p_value, "detected": p_value < 0.05}
    return {"rows": len(seen), "features": found}
