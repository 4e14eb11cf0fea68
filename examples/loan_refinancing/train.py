"""Fills a table with made-up applications and trains on it: `python train.py`.

`python train.py --bigquery project.dataset.applications` reads a table of BigQuery instead.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split

from otelml.reference import Reference

FOLDER = Path(__file__).parent / "build"
TABLE = FOLDER / "warehouse.db"
NAMES = (
    "income", "property_value", "balance", "current_rate", "offered_rate", "months_left",
    "credit_score", "debt_to_income", "late_payments", "years_employed", "age", "dependents",
)  # fmt: skip
COLUMNS = ", ".join(NAMES)


def applications(count: int, seed: int) -> pd.DataFrame:
    """Return applications, and whether the bank was right to refinance: `outcome`."""
    rng = np.random.default_rng(seed)
    value = rng.lognormal(12.5, 0.35, count)
    rows = pd.DataFrame(
        {
            "income": rng.lognormal(11.0, 0.4, count).round(),
            "property_value": value.round(),
            "balance": (value * rng.beta(4, 3, count)).round(),
            "current_rate": rng.normal(6.2, 0.8, count).clip(2, 11).round(2),
            "offered_rate": rng.normal(4.9, 0.5, count).clip(2, 9).round(2),
            "months_left": rng.integers(24, 360, count),
            "credit_score": rng.normal(690, 60, count).clip(300, 850).round(),
            "debt_to_income": rng.beta(3, 6, count).round(3),
            "late_payments": rng.poisson(0.6, count),
            "years_employed": rng.gamma(2.5, 3.0, count).round(1),
            "age": rng.normal(45, 11, count).clip(21, 80).round(),
            "dependents": rng.poisson(1.2, count),
        }
    ).astype(float)
    good = (
        0.025 * (rows["credit_score"] - 670)
        - 9 * (rows["debt_to_income"] - 0.4)
        - 1.2 * rows["late_payments"]
        - 4 * (rows["balance"] / rows["property_value"] - 0.7)
        + rng.logistic(0, 0.6, count)
    )
    return rows.assign(outcome=np.where(good > 0, "approved", "rejected"))


def fill_table() -> None:
    """Write the table, and an empty one for what becomes of loans."""
    TABLE.unlink(missing_ok=True)
    rows = applications(6_000, seed=11)
    with sqlite3.connect(TABLE) as database:
        database.execute(f"CREATE TABLE applications ({COLUMNS}, outcome)")
        holes = ", ".join("?" * len(rows.columns))
        database.executemany(f"INSERT INTO applications VALUES ({holes})", rows.to_numpy().tolist())  # noqa: S608
        database.execute("CREATE TABLE outcomes (application TEXT, outcome TEXT, known_at REAL)")


def read(bigquery: str | None) -> tuple[pd.DataFrame, Any]:
    """Return all rows, and what makes a reference of them, given importances."""
    query = f"SELECT {COLUMNS} FROM {f'`{bigquery}`' if bigquery else 'applications'}"  # noqa: S608
    whole = query.replace(" FROM", ", outcome FROM")
    if bigquery:
        from google.cloud.bigquery import Client

        found = Client().query_and_wait(whole)
        names = [field.name for field in found.schema]
        rows = pd.DataFrame([dict(zip(names, row.values(), strict=True)) for row in found])
        return rows, lambda **more: Reference.from_bigquery(query, **more)
    fill_table()
    with sqlite3.connect(TABLE) as database:
        rows = pd.read_sql(whole, database)
    return rows, lambda **more: Reference.from_sql(f"sqlite:///{TABLE}", query, **more)


def main(arguments: list[str]) -> None:
    """Write the model, its digest, the reference, and the rows that KL is bootstrapped from."""
    FOLDER.mkdir(exist_ok=True)
    rows, reference_with = read(arguments[1] if arguments[:1] == ["--bigquery"] else None)
    train, held_out = train_test_split(rows, test_size=0.25, random_state=0)
    model = GradientBoostingClassifier(n_estimators=60, random_state=0)
    model.fit(train[list(NAMES)], train["outcome"])
    joblib.dump(model, FOLDER / "model.joblib")
    digest = hashlib.sha256((FOLDER / "model.joblib").read_bytes()).hexdigest()
    (FOLDER / "model.sha256").write_text(digest)
    said = model.predict(held_out[list(NAMES)])
    weights = dict(zip(NAMES, map(float, model.feature_importances_), strict=True))
    reference = reference_with(importances=weights).with_quality(held_out["outcome"], said)
    reference.save(FOLDER / "reference.json")
    rows[list(NAMES)].to_csv(FOLDER / "training.csv", index=False)
    right = np.mean(said == held_out["outcome"])
    print(f"trained on {len(train)} applications, right on {right:.0%}")


if __name__ == "__main__":
    main(sys.argv[1:])
