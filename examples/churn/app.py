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

import otelml
import otelml.flask
from otelml.config import CostOptions, DriftOptions, RetrainingOptions

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
    drift=DriftOptions(
        at="03:00",
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


def _load() -> Any:
    data = (FOLDER / "model.joblib").read_bytes()
    if hashlib.sha256(data).hexdigest() != (FOLDER / "model.sha256").read_text():
        raise SystemExit("model.joblib is not the file that train.py wrote")
    return joblib.load(io.BytesIO(data))


model = _load()


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
    return {"churned": str(model.classes_[best]), "confidence": round(float(shares[best]), 4)}, 200


def _row(sent: Any) -> pd.DataFrame:
    values: dict[str, Any] = {name: float(sent[name]) for name in NUMBERS}
    if not all(map(math.isfinite, values.values())) or sent["contract"] not in CONTRACTS:
        raise ValueError
    return pd.DataFrame([{**values, "contract": sent["contract"]}])
