"""Writes an MLflow model to a folder: ``mlflow_model.py FOLDER``, run in MLflow's environment.

It is a classifier of scikit-learn whose parameters say what it gives, so that one server shows all
forms of answers.
"""

from __future__ import annotations

import sys
import time

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS, TEXTS = ["age", "debt"], ["town"]


def rows(count):
    """Return made-up applicants, and whether they paid."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, count),
            "debt": rng.gamma(2.0, 100.0, count),
            "town": rng.choice(["Ulm", "Bonn", "Köln"], count),
        }
    )
    return frame, np.where(frame["debt"] < 4 * frame["age"], "yes", "no")


class Loan(mlflow.pyfunc.PythonModel):
    """Gives labels, probabilities, a table of both, or a number."""

    def __init__(self, model):
        self.model = model

    def predict(self, context, model_input, params=None):
        """Answer as ``give`` says."""
        give = (params or {}).get("give", "label")
        if give == "sleep":
            time.sleep(30)
        elif give == "error":
            raise ValueError("as asked")
        probabilities = self.model.predict_proba(model_input)
        labels = self.model.classes_[probabilities.argmax(axis=1)]
        if give == "probability":
            return probabilities
        if give == "table":
            return pd.DataFrame({"label": labels, "score": probabilities.max(axis=1)})
        return model_input["debt"].to_numpy() / 7 if give == "value" else labels


def main():
    """Train and write."""
    frame, paid = rows(400)
    columns = make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(), TEXTS))
    model = make_pipeline(columns, LogisticRegression()).fit(frame, paid)
    signature = ModelSignature(
        Schema([ColSpec("long", "age"), ColSpec("double", "debt"), ColSpec("string", "town")]),
        Schema([ColSpec("string")]),
        ParamSchema([ParamSpec("give", "string", "label")]),
    )
    mlflow.pyfunc.save_model(
        sys.argv[1], python_model=Loan(model), signature=signature, pip_requirements=["mlflow"]
    )


if __name__ == "__main__":
    main()
