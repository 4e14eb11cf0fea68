"""Makes `baseline_data.csv` and a model from it: `python train.py`."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from otelml.reference import Reference

FOLDER = Path(__file__).parent / "build"
NAMES = ("income", "credit_score", "loan_amount")
COUNT = 4_000


def main() -> None:
    """Write the baseline, the model, its digest and the reference."""
    FOLDER.mkdir(exist_ok=True)
    rng = np.random.default_rng(7)
    income = rng.lognormal(10.7, 0.4, COUNT).round()
    score = rng.normal(660, 70, COUNT).clip(300, 850).round()
    amount = rng.lognormal(9.7, 0.5, COUNT).round()
    good = 0.02 * (score - 620) - 3.5 * (amount / income - 0.4) + rng.logistic(0, 0.7, COUNT) > 0
    rows = np.column_stack([income, score, amount])
    with (FOLDER / "baseline_data.csv").open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *rows.tolist()])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    labels = np.where(good, "approved", "rejected")
    model.fit(rows[1_000:], labels[1_000:])
    joblib.dump(model, FOLDER / "model.joblib")
    digest = hashlib.sha256((FOLDER / "model.joblib").read_bytes()).hexdigest()
    (FOLDER / "model.sha256").write_text(digest)
    reference = Reference.from_csv(FOLDER / "baseline_data.csv")
    reference = reference.with_quality(labels[:1_000], model.predict(rows[:1_000]))
    reference.save(FOLDER / "reference.json")
    right = model.score(rows[:1_000], labels[:1_000])
    print(f"trained on {COUNT - 1_000} loans, right on {right:.0%}")


if __name__ == "__main__":
    main()
