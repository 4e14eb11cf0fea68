"""Says whether a customer will leave: `flask run`."""

from __future__ import annotations

import hashlib
import io
import math
import sys
from pathlib import Path
from typing import Any

import flask
import joblib
import pandas as pd
from opentelemetry import metrics

import otelml
import otelml.flask
from otelml.config import (
    CostOptions,
    DriftOptions,
    FeedbackOptions,
    LogOptions,
    RetrainingOptions,
)

HERE = Path(__file__).parent
FOLDER = HERE / "build"
NUMBERS = ("tenure_months", "monthly_charge", "support_calls")
CONTRACTS = ("monthly", "one_year", "two_years")

otelml.init(
    "churn-api",
    model="churn",
    model_version="1",
    reference=FOLDER / "reference.json",
    cost=CostOptions(hourly_rate=0.42, currency="USD"),
    feedback=FeedbackOptions(positive="yes"),
    logs=LogOptions(features=True),  # that of a prediction which is not sure is always logged
    privacy="internal",  # or there would be no features in logs
    drift=DriftOptions(
        at="03:00",
        rolling=7,  # statistics are over the last seven days
        verdict="thresholds",
        thresholds={"psi": (0.1, 0.2), "p_value": (0.05, 0.01)},
        critical_features=("monthly_charge",),
        retraining=RetrainingOptions(
            rules=("critical",),
            command=(sys.executable, str(HERE / "train.py"), "retrain"),
            state=str(FOLDER / "retraining.db"),
        ),
    ),
)

app = flask.Flask(__name__)
app.register_blueprint(otelml.flask.blueprint())


def _load(name: str) -> Any:
    data = (FOLDER / f"{name}.joblib").read_bytes()
    if hashlib.sha256(data).hexdigest() != (FOLDER / f"{name}.sha256").read_text():
        raise SystemExit(f"{name}.joblib is not the file that train.py wrote")
    return joblib.load(io.BytesIO(data))


model, value_model = _load("model"), _load("value")
otelml.register_model(value_model, name="lifetime_value", version="1")
at_risk = metrics.get_meter("churn").create_counter(
    "churn.revenue_at_risk", "{USD}", "Monthly charges of those who are said to leave."
)


@app.get("/health")
def health() -> dict[str, str]:
    """Say that the service is up."""
    return {"status": "ok"}


@app.post("/predict")
def predict() -> tuple[dict[str, Any], int]:
    """Judge one customer."""
    try:
        row = _row(flask.request.get_json())
    except (KeyError, TypeError, ValueError):
        return {"error": f"send {', '.join(NUMBERS)} as numbers, and contract"}, 400
    shares = model.predict_proba(row)[0]
    best = int(shares.argmax())
    if model.classes_[best] == "yes":
        at_risk.add(
            float(row["monthly_charge"].iloc[0]), {"churn.contract": row["contract"].iloc[0]}
        )
    return {"churned": str(model.classes_[best]), "confidence": round(float(shares[best]), 4)}, 200


@app.post("/value")
def value() -> tuple[dict[str, Any], int]:
    """Say what a customer will still pay."""
    try:
        row = _row(flask.request.get_json())
    except (KeyError, TypeError, ValueError):
        return {"error": f"send {', '.join(NUMBERS)} as numbers, and contract"}, 400
    return {"value": round(float(value_model.predict(row)[0]), 2)}, 200


def _row(sent: Any) -> pd.DataFrame:
    values: dict[str, Any] = {name: float(sent[name]) for name in NUMBERS}
    if not all(map(math.isfinite, values.values())) or sent["contract"] not in CONTRACTS:
        raise ValueError
    return pd.DataFrame([{**values, "contract": sent["contract"]}])
