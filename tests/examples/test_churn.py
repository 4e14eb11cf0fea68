"""Churn: each thing that its README names, from the running service."""

from __future__ import annotations

import json
import time

import pytest

from examples.churn.train import customers
from tests.examples._service import served


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served("churn", tmp_path_factory.mktemp("churn")) as running:
        yield running


def send(service, rows):
    for row in rows.drop(columns="churned").to_dict("records"):
        status, body, _ = service.post("/predict", row)
        assert status == 200, body


def test_daily_check_is_at_three(service):
    (status,) = json.loads(service.get("/monitor/status"))["models"]
    assert "T03:00" in status["next_run"], status


def test_bad_input_is_told(service):
    assert service.post("/predict", {"tenure_months": 1})[0] == 400
    assert service.post("/predict", ["monthly"])[0] == 400


def test_same_customers_are_no_drift(service):
    """PSI, KS, chi-squared beside the training data; the cost of a prediction."""
    send(service, customers(150, seed=5))
    service.post("/monitor/trigger", {})
    service.until(0, "ml.drift.detected", ml__feature__name="monthly_charge")
    for feature, method in (
        ("monthly_charge", "psi"), ("monthly_charge", "ks"), ("contract", "chi_squared"),
    ):  # fmt: skip
        of = {"ml__feature__name": feature, "ml__drift__method": method}
        assert service.value("ml.drift.statistic", **of) >= 0
    assert service.value("ml.cost") > 0
    (model,) = json.loads(service.get("/monitor/retraining"))["models"]
    assert model["recommended"] is False


def test_drift_of_a_critical_feature_retrains_once(service):
    """Customers who pay more: detected, with its reason, and ``train.py`` runs once."""
    model = service.folder / "build" / "model.joblib"
    before = model.stat().st_mtime_ns
    dearer = customers(150, seed=6)
    dearer["monthly_charge"] += 40
    send(service, dearer)
    service.post("/monitor/trigger", {})
    service.until(1, "ml.drift.detected", ml__feature__name="monthly_charge")
    assert service.value("ml.drift.severity", ml__feature__name="monthly_charge") == 2
    assert "critical" in str(service.event("ml.retraining.recommended"))
    end = time.monotonic() + 120
    while model.stat().st_mtime_ns == before:
        assert time.monotonic() < end, "train.py was not run"
        time.sleep(0.1)
    told = json.loads(service.get("/monitor/retraining"))
    assert told["models"][0]["recommended"] is True
    assert len(told["triggers"]) == 1, told
