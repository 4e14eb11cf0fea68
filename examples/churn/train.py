"""Makes 8,000 customers up, trains on them: `python train.py`; `python train.py retrain` again."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from otelml.reference import Reference

FOLDER = Path(__file__).parent / "build"
CONTRACTS = ("monthly", "one_year", "two_years")
COUNT = 8_000


def customers(count: int, seed: int) -> pd.DataFrame:
    """Return customers with what they did: ``churned`` is ``yes`` or ``no``."""
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
    model = make_pipeline(columns, RandomForestClassifier(60, max_depth=8, random_state=0))
    model.fit(train.drop(columns="churned"), train["churned"])
    joblib.dump(model, FOLDER / "model.joblib")
    digest = hashlib.sha256((FOLDER / "model.joblib").read_bytes()).hexdigest()
    (FOLDER / "model.sha256").write_text(digest)
    features, truth = held_out.drop(columns="churned"), held_out["churned"]
    said = model.predict(features)
    reference = Reference.from_data(
        train.drop(columns="churned"), predictions=model.predict(train.drop(columns="churned"))
    ).with_quality(truth, said)
    reference.save(FOLDER / "reference.json")
    print(f"trained on {len(train)} customers, right on {np.mean(said == truth):.0%}")


if __name__ == "__main__":
    main(sys.argv[1:])
