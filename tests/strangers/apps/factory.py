# ruff: noqa: E702, I001 - the one added line stands where a stranger may put it
"""Credit scoring: an application factory with blueprints, a pipeline over data frames."""

from __future__ import annotations

import logging

import pandas as pd
from flask import Blueprint, Flask, current_app, request
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

log = logging.getLogger(__name__)
health = Blueprint("health", __name__)
scoring = Blueprint("scoring", __name__, url_prefix="/api/v1")


def train():
    rows = [
        {"income": 1000 + 90 * i, "age": 20 + i % 40, "home": ("rent", "own", "other")[i % 3]}
        for i in range(90)
    ]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["income", "age"]),
            ("words", OneHotEncoder(handle_unknown="ignore"), ["home"]),
        ]
    )
    pipeline = make_pipeline(columns, RandomForestClassifier(n_estimators=10, random_state=0))
    return pipeline.fit(pd.DataFrame(rows), [row["income"] > 5000 for row in rows])


@health.get("/health")
def check():
    return {"status": "ok"}


@scoring.post("/score")
def score():
    applicants = [request.get_json()]
    frame = pd.DataFrame(applicants)[["income", "age", "home"]]
    probability = current_app.config["MODEL"].predict_proba(frame)[0, 1]
    log.warning("scored %s", frame.to_dict("records"))
    return {"approved": bool(probability > 0.5), "probability": float(probability)}


def create_app():
    app = Flask(__name__)
    import otelml; otelml.init("credit-api")  # fmt: skip
    app.config["MODEL"] = train()
    app.register_blueprint(health)
    app.register_blueprint(scoring)
    return app
