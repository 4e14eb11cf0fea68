"""Trains a classifier of wines and writes it as an MLflow model: `python train.py`."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from otelml.reference import Reference

FOLDER = Path(__file__).parent / "build"
CULTIVARS = ("barolo", "grignolino", "barbera")


def main() -> None:
    """Write the model, the reference, and wines to send."""
    FOLDER.mkdir(exist_ok=True)
    rows, classes = load_wine(return_X_y=True, as_frame=True)
    rows.columns = [name.partition("/")[0] for name in rows.columns]
    names = classes.map(dict(enumerate(CULTIVARS)))
    train, held_out, train_names, held_out_names = train_test_split(
        rows, names, test_size=0.25, random_state=0, stratify=names
    )
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, train_names)
    shutil.rmtree(FOLDER / "model", ignore_errors=True)
    mlflow.sklearn.save_model(
        model,
        FOLDER / "model",
        signature=infer_signature(train, model.predict(train)),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
    reference = Reference.from_data(rows, predictions=model.predict(rows))
    reference.with_quality(held_out_names, model.predict(held_out)).save(FOLDER / "reference.json")
    held_out.to_csv(FOLDER / "wines.csv", index=False)
    print(f"trained on {len(train)} wines, right on {model.score(held_out, held_out_names):.0%}")


if __name__ == "__main__":
    main()
