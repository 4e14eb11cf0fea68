"""A model that MLflow has saved, whatever library it is of."""

from __future__ import annotations

import tempfile

import mlflow
import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from .rows import NAMES, X, Y

_frame = pd.DataFrame(X, columns=NAMES).astype(float)
with tempfile.TemporaryDirectory() as _folder:
    mlflow.sklearn.save_model(
        LogisticRegression().fit(_frame, Y), f"{_folder}/loan", pip_requirements=[],
        signature=infer_signature(_frame, Y), serialization_format="cloudpickle",
    )  # fmt: skip
    _model = mlflow.pyfunc.load_model(f"{_folder}/loan")


def predict(row):
    return _model.predict(pd.DataFrame([row], columns=NAMES))[0]
