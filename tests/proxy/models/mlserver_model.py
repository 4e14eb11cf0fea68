"""Writes models for MLServer to a folder: ``mlserver_model.py FOLDER``, run in its environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def models():
    """Yield the name, version, model and parameters of each."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(300, 4))
    above = (numbers.sum(axis=1) > 0).astype(int)
    yield "iris", "7", LogisticRegression().fit(numbers, above), {}
    yield "price", "v1", LinearRegression().fit(numbers, numbers @ [1.0, 2.0, 3.0, 4.0]), {}
    signs = rng.integers(0, 2, size=(300, 3)).astype(bool)
    yield "signs", "v1", LogisticRegression().fit(signs, signs.sum(axis=1) > 1), {}
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 300),
            "debt": rng.gamma(2.0, 100.0, 300),
            "owner": rng.integers(0, 2, 300).astype(bool),
            "town": rng.choice(["Ulm", "Bonn", "Köln"], 300),
        }
    )
    paid = np.where(frame["debt"] < 4 * frame["age"], "yes", "no")
    columns = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression(max_iter=2_000)).fit(frame, paid)
    yield "loan", "3", model, {"content_type": "pd"}


def main():
    """Train and write."""
    for name, version, model, parameters in models():
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True)
        joblib.dump(model, folder / "model.joblib")
        settings = {
            "name": name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": version, **parameters},
        }
        (folder / "model-settings.json").write_text(json.dumps(settings), "utf-8")


if __name__ == "__main__":
    main()
