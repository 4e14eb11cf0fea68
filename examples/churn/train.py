"""Makes 8,000 customers up, trains on them: `python train.py`; `python train.py retrain` again."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from otelml.reference import Reference

FOLDER = Path(__file__).parent / "build"
CONTRACTS = ("monthly", "one_year", "two_years")
COUNT = 8_000


def customers(count: int, seed: int) -> pd.DataFrame:
    """Return customers: whether they ``churned``, ``yes`` or ``no``, and what they paid since."""
    rng = np.random.default_rng(seed)
    contract = rng.choice(CONTRACTS, count, p=(0.55, 0.25, 0.2))
    tenure = rng.gamma(2.0, 14.0, count).round()
    charge = rng.normal(65, 18, count).clip(15, 130).round(2)
    calls = rng.poisson(1.3, count)
    risk = (
        -1.2 + 1.4 * (contract == "monthly") - 0.03 * tenure + 0.018 * (charge - 65) + 0.5 * calls
    )
    churned = np.where(rng.random(count) < 1 / (1 + np.exp(-risk)), "yes", "no")
    return pd.DataFrame(
        {
            "tenure_months": tenure,
            "monthly_charge": charge,
            "support_calls": calls.astype(float),
            "contract": contract,
            "churned": churned,
            "value": (charge * rng.gamma(3.0, np.where(churned == "yes", 1, 8))).round(2),
        }
    )


def main(argv: list[str]) -> None:
    """Write the model, its digest and the reference."""
    FOLDER.mkdir(exist_ok=True)
    rows = customers(COUNT, seed=len(argv))
    train, held_out = train_test_split(rows, test_size=0.25, random_state=0)
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["contract"]), remainder="passthrough"
    )
    features, answers = train.drop(columns=["churned", "value"]), ["churned", "value"]
    model = make_pipeline(columns, GradientBoostingClassifier(n_estimators=60, random_state=0))
    model.fit(features, train["churned"])
    value_model = make_pipeline(columns, GradientBoostingRegressor(n_estimators=30, random_state=0))
    value_model.fit(features, train["value"])
    for name, fitted in (("model", model), ("value", value_model)):
        joblib.dump(fitted, FOLDER / f"{name}.joblib")
        digest = hashlib.sha256((FOLDER / f"{name}.joblib").read_bytes()).hexdigest()
        (FOLDER / f"{name}.sha256").write_text(digest)
    said, truth = model.predict(held_out.drop(columns=answers)), held_out["churned"]
    reference = Reference.from_data(features, predictions=model.predict(features))
    reference = reference.with_quality(truth, said)
    reference.save(FOLDER / "reference.json")
    print(f"trained on {len(train)} customers, right on {np.mean(said == truth):.0%}")


if __name__ == "__main__":
    main(sys.argv[1:])
