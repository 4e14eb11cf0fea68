"""The order of drifted features where the reference knows their importance."""

from __future__ import annotations

import pytest

from otelml import semconv
from otelml.viewer.store import Store
from tests.viewer.queries.test_drift import FEATURE, METHOD, Sender, ask


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "d.db")
    yield opened
    opened.close()


def test_where_importance_is_known_drifted_features_stand_by_drift_times_importance(store):
    """A small shift of what the model relies on comes before a large one of what it ignores."""
    process = Sender(store)
    process.check(30, age=6.0, amount=9.0, income=1.0, town=3.0)
    psi = {"age": 0.3, "amount": 1.2, "income": 0.1, "town": 0.2}
    process.send(
        semconv.ML_DRIFT_STATISTIC,
        30,
        {((FEATURE, name), (METHOD, "psi")): value for name, value in psi.items()},
    )
    assert [one["name"] for one in ask(store)["features"]] == ["amount", "age", "town", "income"]
    process.send(
        semconv.ML_FEATURE_IMPORTANCE,
        30,
        {((FEATURE, name),): value for name, value in {"age": 0.6, "amount": 0.01}.items()},
    )
    features = ask(store)["features"]
    assert [one["name"] for one in features] == ["age", "amount", "town", "income"]
    assert [one["importance"] for one in features] == [0.6, 0.01, None, None]
