"""What the monitor emits: spans, metrics, log events, through the whole pipeline."""

from __future__ import annotations

import json
import time

import flask
import numpy as np
import pytest

import otelml
import otelml.flask
from otelml import environment_variables as env
from otelml import semconv
from otelml._startup import running
from otelml.config import Config, DriftOptions, LogOptions
from otelml.exceptions import InvalidReferenceError
from otelml.testing import capture
from tests.monitor._driver import normal, reference_of

NAMES = ["f0", "f1", "f2"]
OFTEN = DriftOptions(every=0.2, calibrate_for=0, window_rows=100, critical_features=("f0",))


def _config(drift=OFTEN):
    return Config(
        model="loan",
        model_version="1",
        drift=drift,
        logs=LogOptions(sample_ratio=0.0, json=False),
        system=False,
        instrument=("logging",),
    )


def _predict(rows):
    with otelml.prediction("loan", version="1", features=rows) as prediction:
        prediction.set_result(label=["yes"] * len(rows))


def _until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen within ten seconds"
        time.sleep(0.02)


def _logs(captured, event):
    captured.flush()
    found = [record.log_record for record in captured._logs.get_finished_logs()]
    return [record for record in found if record.event_name == event]


def _points(captured, metric):
    return {
        tuple(value for key, value in sorted(point.attributes.items()) if "model" not in key): (
            point.value
        )
        for point in captured.metric(metric.name).points
    }


def test_bins_are_exported_from_the_first_collection_on_with_zeros():
    """Before any prediction each bin is there with 0; the reference's shares add up to 1."""
    with capture(_config(), reference=reference_of()) as captured:
        values = _points(captured, semconv.ML_FEATURE_VALUES)
        assert len(values) == 3 * 12
        assert set(values.values()) == {0}
        ratios = _points(captured, semconv.ML_FEATURE_REFERENCE_RATIO)
        assert sum(share for (_, name), share in ratios.items() if name == "f0") == pytest.approx(1)
        assert set(ratios) == set(values)
        _predict(normal(np.random.default_rng(1), 50))
        captured.flush()
        _until(lambda: sum(_points(captured, semconv.ML_FEATURE_VALUES).values()) == 150)


def test_importances_are_exported_and_order_what_is_told():
    """Of features that the reference weighs; the event names the one to look at first in front."""
    reference = reference_of(importances={"f0": 0.05, "f2": 0.9})
    with capture(_config(), reference=reference) as captured:
        assert _points(captured, semconv.ML_FEATURE_IMPORTANCE) == {("f0",): 0.05, ("f2",): 0.9}
        moved = np.array([2.0, 0.0, 1.5])
        _predict(normal(np.random.default_rng(3), 500) + moved)
        _until(lambda: _logs(captured, semconv.EVENT_DRIFT_DETECTED))
        (event, *_) = _logs(captured, semconv.EVENT_DRIFT_DETECTED)
        assert list(event.attributes[semconv.ML_DRIFT_FEATURES])[:2] == ["f2", "f0"]


def test_drift_is_told_by_event_span_and_metrics_and_clears():
    """A shift of a critical feature: one event in the span of its check, flags, and their end."""
    generator = np.random.default_rng(2)
    with capture(_config(), reference=reference_of()) as captured:
        _predict(normal(generator, 400) + np.array([2, 0, 0]))
        _until(lambda: _logs(captured, semconv.EVENT_DRIFT_DETECTED))
        (event,) = _logs(captured, semconv.EVENT_DRIFT_DETECTED)
        (span, *_) = captured.spans("drift_check loan")
        assert event.trace_id == span.context.trace_id
        assert event.severity_text == "ERROR"
        assert list(event.attributes[semconv.ML_DRIFT_FEATURES]) == ["f0"]
        assert list(event.attributes[semconv.ML_DRIFT_FEATURES_CRITICAL]) == ["f0"]
        assert event.attributes[semconv.ML_DRIFT_SEVERITY_ATTRIBUTE] == "significant"
        assert event.attributes[semconv.ML_DRIFT_EVIDENCE_ATTRIBUTE] > 10
        assert span.attributes[semconv.ML_DRIFT_FEATURES_DRIFTED] == 1
        detected = _points(captured, semconv.ML_DRIFT_DETECTED)
        assert (detected["_any",], detected["f0",], detected["f1",]) == (1, 1, 0)
        assert _points(captured, semconv.ML_DRIFT_CRITICAL) == {("f0",): 1}
        statistics = _points(captured, semconv.ML_DRIFT_STATISTIC)
        assert statistics["psi", "f0"] > 1
        assert statistics["wasserstein", "f0"] == pytest.approx(2, abs=0.3)
        methods = {method for method, name in statistics if name == "f0"}
        assert methods == {"ks", "wasserstein", "psi", "kl", "js", "chi_squared"}
        for _ in range(12):
            _predict(normal(generator, 400))
            time.sleep(0.3)
        _until(lambda: _logs(captured, semconv.EVENT_DRIFT_CLEARED))
        assert _points(captured, semconv.ML_DRIFT_DETECTED)["_any",] == 0


def test_model_info_names_the_reference():
    """``ml.model.info`` has the digest, so that two references of one version can be told."""
    reference = reference_of()
    with capture(_config(), reference=reference) as captured:
        _predict(normal(np.random.default_rng(3), 5))
        captured.flush()
        (point,) = captured.metric(semconv.ML_MODEL_INFO.name).points
        assert point.attributes[semconv.ML_REFERENCE_DIGEST] == reference.digest
        assert point.attributes[semconv.ML_REFERENCE_SOURCE] == semconv.REFERENCE_GIVEN


def test_turned_off_there_is_nothing():
    """``drift=False`` emits none of it."""
    with capture(_config(DriftOptions(enabled=False)), reference=reference_of()) as captured:
        _predict(normal(np.random.default_rng(4), 5))
        captured.flush()
        assert not captured.metric(semconv.ML_FEATURE_VALUES.name).points


@pytest.fixture
def client(monkeypatch, tmp_path):
    """A service with the blueprint, initialised from a file of a reference."""
    path = tmp_path / "reference.json"
    reference_of().save(path)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    otelml.init(
        "test", model="loan", model_version="1", reference=path, drift=OFTEN, system=False,
        instrument="none", logs=LogOptions(json=False),
    )  # fmt: skip
    app = flask.Flask(__name__)
    app.register_blueprint(otelml.flask.blueprint())
    yield app.test_client()
    otelml.shutdown()


def test_the_endpoints_tell_check_and_accept(client):
    """Status, trigger, report and accept, as a person would use them."""
    (model,) = client.get("/monitor/status").get_json()["models"]
    assert model["state"] == "collecting rows"
    assert client.get("/monitor/report").status_code == 404
    _predict(normal(np.random.default_rng(5), 90) + np.array([2, 0, 0]))
    (report,) = client.post("/monitor/trigger").get_json()["reports"]
    assert report["detected"] == ["f0"]
    (again,) = client.get("/monitor/report?model=loan").get_json()["reports"]
    assert again["features"]["f0"]["drift_detected"] is True
    refused = client.post("/monitor/accept", json={"model": "loan"})
    assert refused.status_code == 400
    body = {"model": "loan", "who": "ann", "why": "a new product"}
    (accepted,) = client.post("/monitor/accept", json=body).get_json()["accepted"]
    assert accepted["features"] == ["f0"]
    json.dumps(client.get("/monitor/status").get_json(), allow_nan=False)


@pytest.mark.parametrize(
    "body",
    ["[1]", "{", '{"model": 1}', '{"modell": "loan"}', '{"timeout": "x"}', '{"timeout": 99}'],
)
def test_a_wrong_body_is_refused(client, body):
    """400, with what is wrong."""
    answer = client.post("/monitor/trigger", data=body)
    assert answer.status_code == 400
    assert answer.get_json()["error"]


def test_the_monitor_asks_for_the_token(client, monkeypatch):
    """With a token set, another one and none are refused; the right one is let in."""
    monkeypatch.setenv(env.OTELML_ADMIN_TOKEN, "secret")
    for path in ("/monitor/status", "/monitor/report"):
        assert client.get(path).status_code == 401
    for path in ("/monitor/trigger", "/monitor/accept"):
        assert client.post(path).status_code == 401
    for wrong in ("Bearer wrong", "Basic secret", "secret", "Bearer", "Bearer s\u00e9cret"):
        answer = client.get("/monitor/status", headers={"Authorization": wrong})
        assert answer.status_code == 401, wrong
    assert (
        client.get("/monitor/status", headers={"Authorization": "Bearer secret"}).status_code == 200
    )


def test_feedback_comes_in_by_the_blueprint(client):
    """A label for a prediction, and what is refused."""
    with otelml.prediction("loan", version="1", features={"f0": 1.0}) as prediction:
        prediction.set_result(label="yes")
    body = {"prediction_id": prediction.id, "actual": "yes"}
    assert client.post("/feedback", json=body).get_json()["outcome"] == "correct"
    assert client.post("/feedback", json={"actual": "yes"}).status_code == 400
    assert client.post("/feedback", json={**body, "prediction_id": "forged"}).status_code == 400


def test_without_init_the_endpoints_say_so():
    """503 rather than an error."""
    app = flask.Flask(__name__)
    app.register_blueprint(otelml.flask.blueprint(url_prefix="/ml"))
    assert running() is None
    assert app.test_client().get("/ml/monitor/status").status_code == 503


def test_a_reference_that_is_none_is_refused_at_init(tmp_path):
    """A wrong path, a damaged file and another object are told by ``init``, which starts nothing."""
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    for wrong in (tmp_path / "none.json", damaged, 5):
        with pytest.raises(InvalidReferenceError):
            otelml.init("test", reference=wrong)
    assert running() is None


def test_a_registered_reference_is_its_models(client):
    """``register_model(reference=)`` watches that model against that reference."""
    from otelml._monitor.references import forget_references

    class Model:
        pass

    model = Model()
    try:
        otelml.register_model(model, name="other", version="7", reference=reference_of(seed=9))
        _until(lambda: len(client.get("/monitor/status").get_json()["models"]) == 2)
        models = client.get("/monitor/status").get_json()["models"]
        assert {m["model"]: m["reference"]["source"] for m in models}["other"] == "given"
    finally:
        forget_references()
