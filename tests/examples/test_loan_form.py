"""The loan form: each thing that its README names, from the running service."""

from __future__ import annotations

import json
import re

import pytest

from tests.examples._service import served

GOOD = {"income": 60_000, "credit_score": 760, "loan_amount": 9_000}
BAD = {"income": 20_000, "credit_score": 420, "loan_amount": 40_000}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served("loan_form", tmp_path_factory.mktemp("loan_form")) as running:
        yield running


def decide(service, fields):
    """Fill the form in; return the label and the id that the page has."""
    status, page, header = service.form("/predict", **fields)
    assert status == 200, page
    label = re.search(r"<h2>(\w+)</h2>", page)[1]
    (sent,) = re.findall(r'name="id" value="([^"]+)"', page)
    assert sent == header
    return label, sent


def test_form_predicts_in_three_stages(service):
    """A form with prediction; latency, errors, predictions by label."""
    assert decide(service, GOOD)[0] == "approved"
    assert decide(service, BAD)[0] == "rejected"
    assert service.form("/predict", income="much")[0] == 400
    assert service.value("ml.predictions", ml__prediction__label="approved") >= 1
    assert service.point("ml.prediction.duration", ml__model__name="loan").count >= 2
    (trace,) = {span.trace_id for span in service.spans("predict loan")[:1]}
    of_trace = {span.name for span in list(service.received.spans) if span.trace_id == trace}
    assert {"POST /predict", "inference", "feature_extraction"} <= of_trace, of_trace
    refused = {"http__route": "/predict", "http__response__status_code": 400}
    assert service.point("http.server.request.duration", **refused).count == 1


def test_wrong_label_lowers_the_accuracy(service):
    """Accuracy, precision, recall and F1 from the buttons of the form."""
    for fields in [GOOD] * 3:
        label, prediction_id = decide(service, fields)
        _, page, _ = service.form("/outcome", id=prediction_id, actual=label)
        assert "the prediction was correct" in page
    one = {"ml__quality__window": "100"}
    of = {**one, "ml__quality__label": "approved"}
    service.until(1.0, "ml.quality", ml__quality__metric="accuracy", **one)
    _, prediction_id = decide(service, GOOD)
    assert "was wrong" in service.form("/outcome", id=prediction_id, actual="rejected")[1]
    service.until(0.75, "ml.quality", ml__quality__metric="accuracy", **one)
    service.until(0.75, "ml.quality", ml__quality__metric="precision", **of)
    service.until(1.0, "ml.quality", ml__quality__metric="recall", **of)
    assert service.value("ml.quality", ml__quality__metric="f1", **of) == pytest.approx(6 / 7)
    assert service.form("/outcome", id="made-up", actual="approved")[0] == 400


def test_very_large_amounts_raise_the_score(service):
    """KS distance from the CSV baseline; the smallest value as a gauge."""
    with (service.folder / "build" / "baseline_data.csv").open() as file:
        names = next(file).strip().split(",")
        rows = [dict(zip(names, line.strip().split(","), strict=True)) for line in file][:120]
    for row in rows:
        decide(service, row)
    service.post("/monitor/trigger", {})
    of = {"ml__feature__name": "loan_amount", "ml__drift__method": "ks"}
    before = service.value("ml.drift.statistic", **of)
    for row in rows[:60]:
        decide(service, row)
        decide(service, {**row, "loan_amount": 900_000})
    service.post("/monitor/trigger", {})
    service.until(1, "ml.drift.detected", ml__feature__name="loan_amount")
    assert service.value("ml.drift.statistic", **of) > before + 0.3
    assert service.value("ml.drift.p_value", **of) < 0.05
    assert "loan_amount" in str(service.event("ml.drift.detected"))
    assert json.loads(service.get("/monitor/status"))["models"][0]["drift_detected"]
    assert service.value("ml.feature.min", ml__feature__name="loan_amount") > 0


def test_host_is_measured(service):
    """CPU, memory and disk."""
    for name in (
        "process.cpu.utilization",
        "system.memory.utilization",
        "system.filesystem.utilization",
    ):
        assert service.value(name) >= 0
