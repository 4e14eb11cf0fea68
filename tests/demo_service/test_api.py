from __future__ import annotations

import ast
import inspect

import pytest

import demo_service.app
from demo_service import __version__
from otelml import semconv
from otelml.samples import generate

STAGES = ["feature_extraction", "inference", "post_processing"]


def test_predict(client, application, telemetry):
    """One application, one decision with its ids, one prediction of three explicit stages."""
    response = client.post("/predict", json=application)
    answer = response.get_json()
    assert response.status_code == 200
    assert set(answer) == {"approved", "label", "confidence", "prediction_id", "trace_id"}
    assert answer["approved"] == (answer["label"] == "approved")
    assert 0.5 <= answer["confidence"] <= 1
    telemetry.assert_prediction(model="loan", stages=STAGES)
    [span] = telemetry.predictions("loan")
    assert span.attributes[semconv.ML_PREDICTION_LABEL] == answer["label"]
    assert span.attributes[semconv.ML_PREDICTION_ID] == answer["prediction_id"]
    assert f"{span.context.trace_id:032x}" == answer["trace_id"]


def test_predict_batch(client, telemetry):
    """A list is one prediction with inferred stages, and an id for each row."""
    rows = generate(7, 3).applications
    response = client.post("/predict/batch", json=rows)
    answer = response.get_json()
    assert response.status_code == 200
    assert len({row["prediction_id"] for row in answer["predictions"]}) == 7
    telemetry.assert_prediction(model="loan", stages=STAGES)
    [span] = telemetry.predictions("loan")
    assert span.attributes[semconv.ML_PREDICTION_INFERRED_STAGES] is True
    assert span.attributes[semconv.ML_PREDICTION_ROWS_ATTRIBUTE] == 7
    assert f"{span.context.trace_id:032x}" == answer["trace_id"]


def test_both_endpoints_agree(client):
    """The same application gets the same decision from both."""
    rows = generate(5, 8).applications
    batch = client.post("/predict/batch", json=rows).get_json()["predictions"]
    single = [client.post("/predict", json=row).get_json() for row in rows]
    keys = ("approved", "label", "confidence")
    assert [[r[k] for k in keys] for r in batch] == [[r[k] for k in keys] for r in single]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/feedback"])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_body_that_is_not_json(client, path, body):
    """It is the client's mistake, and the service goes on."""
    response = client.post(path, data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.get_json()["error"].startswith("the body is not JSON")


def test_invalid_application(client, application):
    """Every wrong field has its message."""
    response = client.post("/predict", json={**application, "age": 7, "sex": "x"})
    assert response.status_code == 422
    assert response.get_json() == {
        "errors": {"age": "must be 18 to 100, not 7", "sex": "is not a field"}
    }


def test_invalid_batch(client, application):
    """The bad row is named."""
    response = client.post("/predict/batch", json=[application, {**application, "age": 7}])
    assert response.status_code == 422
    assert response.get_json() == {"errors": {"1.age": "must be 18 to 100, not 7"}}


def test_body_that_is_too_large(client):
    """It is refused without being read."""
    response = client.post(
        "/predict", data=b" " * (5 * 1024 * 1024), content_type="application/json"
    )
    assert response.status_code == 413
    assert "error" in response.get_json()


def test_feedback(client, application, telemetry):
    """A label finds its prediction, right or wrong, once."""
    answer = client.post("/predict", json=application).get_json()
    body = {"prediction_id": answer["prediction_id"], "actual": answer["label"]}
    outcomes = [client.post("/feedback", json=body).get_json()["outcome"] for _ in range(2)]
    other = "rejected" if answer["label"] == "approved" else "approved"
    wrong = client.post("/feedback", json={**body, "actual": other, "source": "officer"})
    assert outcomes == ["correct", "duplicate"]
    assert wrong.get_json() == {"outcome": "wrong", "predicted": answer["label"], "actual": other}


def test_feedback_on_a_batch(client):
    """Each row has its own id."""
    rows = generate(3, 3).applications
    predictions = client.post("/predict/batch", json=rows).get_json()["predictions"]
    for prediction in predictions:
        body = {"prediction_id": prediction["prediction_id"], "actual": "approved"}
        assert client.post("/feedback", json=body).status_code == 200


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ([], {"feedback": "must be an object"}),
        ({}, {"prediction_id": "is required", "actual": "is required"}),
        ({"prediction_id": "x", "actual": "yes"}, {"actual": "must be approved or rejected"}),
        ({"prediction_id": 3, "actual": "approved"}, {"prediction_id": "must be text"}),
    ],
)
def test_invalid_feedback(client, body, errors):
    """What is missing or wrong is named."""
    response = client.post("/feedback", json=body)
    assert (response.status_code, response.get_json()) == (422, {"errors": errors})


def test_forged_prediction_id(client):
    """An id that otelml did not make is refused."""
    response = client.post("/feedback", json={"prediction_id": "forged", "actual": "approved"})
    assert response.status_code == 400
    assert "prediction id" in response.get_json()["error"]


def test_healthz(client, model):
    """It says which model is served."""
    assert client.get("/healthz").get_json() == {
        "status": "ok",
        "model": "loan",
        "version": "1",
        "trained_at": model.metadata.trained_at,
    }


def test_model_that_fails(client, application, telemetry):
    """The client gets 500 and a trace id; the prediction is an error; the next one is fine."""
    response = client.post("/predict", json=application, headers={"X-Demo-Fail": "inference"})
    assert response.status_code == 500
    assert len(response.get_json()["trace_id"]) == 32
    assert client.post("/predict", json=application).status_code == 200
    failed, good = telemetry.predictions("loan")
    assert failed.attributes[semconv.ERROR_TYPE] == "demo_service.faults.FeatureStoreError"
    assert semconv.ERROR_TYPE not in good.attributes


def test_slow_stage(client, application, telemetry):
    """A request can ask for a slow feature extraction, and gets one."""
    client.post("/predict", json=application, headers={"X-Demo-Slow": "feature_extraction"})
    [span] = telemetry.predictions("loan")
    [stage] = [s for s in telemetry.children(span) if s.name == "feature_extraction"]
    assert stage.end_time - stage.start_time >= 0.25e9


def test_faults_can_be_turned_off(client, application, monkeypatch):
    """With DEMO_FAULTS=0 the headers mean nothing."""
    monkeypatch.setenv("DEMO_FAULTS", "0")
    response = client.post("/predict", json=application, headers={"X-Demo-Fail": "inference"})
    assert response.status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/predict", 405)])
def test_wrong_address(client, path, status):
    """It is answered in JSON."""
    response = client.get(path)
    assert response.status_code == status
    assert response.get_json()["error"]


def test_one_line_of_otelml():
    """The application factory needs one line of otelml: its set-up."""
    tree = ast.parse(inspect.getsource(demo_service.app))
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "otelml"]
    assert len(uses) == 1
    assert __version__ == "1.0.0"
