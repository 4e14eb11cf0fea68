"""Trains the classifier and writes what serving compares itself with: `python train.py`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from otelml.reference import Reference

FOLDER = Path(__file__).parent / "build"
NAMES = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def main() -> None:
    """Write the model, its digest, the reference, and flowers to send."""
    FOLDER.mkdir(exist_ok=True)
    rows, species = load_iris(return_X_y=True, as_frame=True)
    rows.columns = list(NAMES)
    names = load_iris().target_names[species]
    train, held_out, train_names, held_out_names = train_test_split(
        rows, names, test_size=0.2, random_state=0, stratify=names
    )
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, train_names)
    joblib.dump(model, FOLDER / "model.joblib")
    digest = hashlib.sha256((FOLDER / "model.joblib").read_bytes()).hexdigest()
    (FOLDER / "model.sha256").write_text(digest)
    reference = Reference.from_data(rows, predictions=model.predict(rows))
    reference = reference.with_quality(held_out_names, model.predict(held_out))
    reference.save(FOLDER / "reference.json")
    rows.to_csv(FOLDER / "flowers.csv", index=False)
    print(f"trained on {len(train)} flowers, right on {model.score(held_out, held_out_names):.0%}")


if __name__ == "__main__":
    main()
