"""Serves the classifier: `uvicorn app:app`."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, Field

import otelml
import otelml.fastapi
from otelml.config import DriftOptions

FOLDER = Path(__file__).parent / "build"

otelml.init(
    "iris-api",
    model="iris",
    model_version="1",
    reference=FOLDER / "reference.json",
    drift=DriftOptions(
        every="5m",
        window="last",
        window_rows=500,
        min_rows=10,
        verdict="thresholds",
        thresholds={"p_value": (0.05, 0.01)},
        report_folder=str(FOLDER),
    ),
)

app = FastAPI(title="Iris")
app.include_router(otelml.fastapi.router())


class Flower(BaseModel):
    """Sizes in centimetres."""

    sepal_length: float = Field(gt=0, lt=100)
    sepal_width: float = Field(gt=0, lt=100)
    petal_length: float = Field(gt=0, lt=100)
    petal_width: float = Field(gt=0, lt=100)


class Species(BaseModel):
    """What the model says, and how sure it is."""

    species: str
    confidence: float


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
def predict(flower: Flower) -> Species:
    """Classify one flower."""
    row = pd.DataFrame([flower.model_dump()])
    shares = model.predict_proba(row)[0]
    best = int(shares.argmax())
    return Species(species=str(model.classes_[best]), confidence=round(float(shares[best]), 4))
