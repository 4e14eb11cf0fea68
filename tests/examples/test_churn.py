"""Churn: system C of those that people come from, each row by name, from the running service."""

from __future__ import annotations

import json

import pytest

from examples.churn.train import customers
from tests.examples._alerts import check_alerts
from tests.examples._service import STAGES, served

pytestmark = pytest.mark.slow

CHURN = {"ml__model__name": "churn", "ml__model__version": "1"}
RECENT = {"ml__quality__window": "100", "ml__quality__estimated": "false"}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served("churn", tmp_path_factory.mktemp("churn")) as running:
        yield running


def send(service, rows, path="/predict"):
    """Send customers; return each one's answer and the id of its prediction."""
    answers = []
    for row in rows.drop(columns=["churned", "value"]).to_dict("records"):
        status, body, prediction_id = service.post(path, row)
        assert status == 200, body
        answers.append((json.loads(body), prediction_id))
    return answers


def label(service, answers, truth):
    """Send what became of customers."""
    for (_, prediction_id), actual in zip(answers, truth, strict=True):
        body = {"prediction_id": prediction_id, "actual": actual}
        status, told, _ = service.post("/feedback", body)
        assert status < 300, told


def test_c4_daily_check_is_at_three(service):
    """A daily check at a fixed hour."""
    send(service, customers(1, seed=4))
    service.wait(
        lambda: json.loads(service.get("/monitor/status"))["models"],
        lambda: service.get("/monitor/status"),
    )
    assert "T03:00" in service.monitored("churn")["next_run"]


def test_bad_input_is_told(service):
    assert service.post("/predict", {"tenure_months": 1})[0] == 400
    assert service.post("/predict", ["monthly"])[0] == 400


def test_c1_c2_labelled_customers(service):
    """Predictions by version and label; rolling accuracy and the other measures of the labels."""
    rows = customers(120, seed=3)
    label(service, send(service, rows), rows["churned"])
    for answer in ("yes", "no"):
        assert service.value("ml.predictions", ml__prediction__label=answer, **CHURN) >= 1
        of = {"ml__prediction__label": answer, **CHURN}
        assert service.point("ml.prediction.confidence", **of).count >= 1
    assert service.point("ml.prediction.duration", **CHURN).count >= 100
    for name in ("accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc"):
        of = {"ml__quality__metric": name, **RECENT, **CHURN}
        assert 0.3 < service.value("ml.quality", **of) <= 1, name
    check_alerts(service, "QualityDropped", "QualityLow", "PredictionLatencyHigh")


def test_c1_unsure_predictions_are_logged_with_features(service):
    """Confidence, its low-confidence counter, and a log with the features."""
    assert service.value("ml.prediction.low_confidence", **CHURN) >= 1
    service.event("ml.prediction")
    unsure = [
        line for line in service.lines()
        if line.get("event_name") == "ml.prediction"
        and line.get("ml.prediction.confidence", 1) < 0.6
    ]  # fmt: skip
    assert unsure
    assert "monthly_charge" in json.dumps(unsure[0])


def test_c6_stages_and_json_logs(service):
    """Spans of the stages, with feature count and prediction; JSON logs with trace and latency."""
    predicted = service.trace("predict churn", "POST /predict", *STAGES)
    of = {pair.key: pair.value for pair in predicted.attributes}
    assert of["ml.feature.count"].int_value == 4
    assert of["ml.prediction.label"].string_value in ("yes", "no")
    line = next(one for one in service.lines() if one.get("event_name") == "ml.prediction")
    assert {"ml.prediction.label", "trace_id", "span_id"} <= set(line)


def test_c2_values_and_a_metric_of_the_business(service):
    """MAE and RMSE of a regression; a custom business metric."""
    rows = customers(40, seed=8)
    label(service, send(service, rows, "/value"), rows["value"])
    of = {"ml__model__name": "lifetime_value", "ml__quality__window": "100"}
    mae = service.value("ml.quality", ml__quality__metric="mae", **of)
    assert 0 < mae <= service.value("ml.quality", ml__quality__metric="rmse", **of)
    assert service.value("churn.revenue_at_risk") > 0


def test_c3_same_customers_are_no_drift(service):
    """KS and chi-squared with p-value and severity, PSI: beside the training data."""
    send(service, customers(150, seed=5))
    service.post("/monitor/trigger", {})
    service.until(0, "ml.drift.detected", ml__feature__name="monthly_charge")
    for feature, method in (
        ("monthly_charge", "psi"), ("monthly_charge", "ks"), ("contract", "chi_squared"),
    ):  # fmt: skip
        of = {"ml__feature__name": feature, "ml__drift__method": method, **CHURN}
        assert service.value("ml.drift.statistic", **of) >= 0
    for feature, method in (("monthly_charge", "ks"), ("contract", "chi_squared")):
        of = {"ml__feature__name": feature, "ml__drift__method": method, **CHURN}
        assert 0 <= service.value("ml.drift.p_value", **of) <= 1
    service.until(0, "ml.drift.severity", ml__feature__name="monthly_charge")
    assert not service.monitored("churn", "/monitor/retraining")["recommended"]


def test_c7_c8_cost_cpu_and_memory(service):
    """Cost, of which the stack makes that of 1,000 predictions and an alert; CPU, memory."""
    assert service.value("ml.cost") > 0
    assert service.value("process.cpu.utilization") >= 0
    assert service.value("process.memory.usage") > 0
    check_alerts(service, "PredictionCostHigh", "ProcessCpuHigh")


def test_c4_c5_drift_of_a_critical_feature_retrains_once(service):
    """Detected, with its reason; more of them leave; ``train.py`` runs once."""
    model = service.folder / "build" / "model.joblib"
    before = model.stat().st_mtime_ns
    dearer = customers(300, seed=6)
    dearer["monthly_charge"] += 40
    dearer["support_calls"] += 2
    send(service, dearer)
    service.post("/monitor/trigger", {})
    service.until(1, "ml.drift.detected", ml__feature__name="monthly_charge")
    service.until(2, "ml.drift.severity", ml__feature__name="monthly_charge")
    assert "monthly_charge" in str(service.event("ml.drift.detected"))
    of = {"ml__feature__name": "prediction", "ml__drift__method": "rate_change", **CHURN}
    assert abs(service.value("ml.drift.statistic", **of)) > 0.1
    check_alerts(service, "CriticalFeatureDrifted", "DriftDetected", "PredictionRateChanged")
    assert "monthly_charge" in service.get("/monitor/report")
    assert "critical" in str(service.event("ml.retraining.recommended"))
    service.wait(lambda: model.stat().st_mtime_ns != before, lambda: "train.py was not run")
    told = json.loads(service.get("/monitor/retraining"))
    assert service.monitored("churn", "/monitor/retraining")["recommended"]
    assert len(told["triggers"]) == 1, told
    check_alerts(service, "RetrainingRecommended", "RetrainingTriggerFailed")
