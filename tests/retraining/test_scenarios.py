"""A service whose model should be retrained, and three that lack one condition each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone

import flask
import numpy as np
import pytest

import otelml
import otelml.flask
from otelml.config import DriftOptions, FeedbackOptions, LogOptions, RetrainingOptions
from otelml.reference import Reference
from tests.retraining._receiver import Receiver

SECRET = "a key of the test"
NAMES = ["income", "age"]
OLD = "2020-01-01T00:00:00Z"


def _young():
    return datetime.now(timezone.utc).isoformat()


def _reference():
    """Nine of ten answers were right."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(4000, 2))
    said = np.where(rows[:, 0] > 0, "yes", "no")
    wrong = generator.random(4000) < 0.1
    true = np.where(wrong, np.where(said == "yes", "no", "yes"), said)
    return Reference.from_data(rows, feature_names=NAMES, predictions=said, y=true)


@dataclass
class Service:
    """A Flask service, and those who send it applications and labels."""

    client: object
    telemetry: object
    generator: object

    def serve(self, rows, shift, wrong):
        """Send applications, and at once what was true."""
        for _ in range(rows):
            income, age = self.generator.normal(size=2).tolist()
            answer = self.client.post("/predict", json=[income, age + shift]).get_json()
            other = "no" if answer["label"] == "yes" else "yes"
            actual = other if self.generator.random() < wrong else answer["label"]
            label = {"prediction_id": answer["id"], "actual": actual}
            assert self.client.post("/ml/feedback", json=label).status_code < 300

    def verdict(self):
        """What the service says of itself."""
        told = self.client.get("/ml/monitor/retraining").get_json()
        return told["models"][0], told["triggers"]

    def serve_until(self, condition, shift, wrong):
        """Serve until the service says so; ten seconds of it at most."""
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, self.verdict()
            self.serve(100, shift, wrong)


@pytest.fixture
def service(monkeypatch):
    """Begin a service; it ends with the test."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "")
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    app = flask.Flask(__name__)
    app.register_blueprint(otelml.flask.blueprint(url_prefix="/ml"))

    @app.post("/predict")
    def predict():
        row = flask.request.get_json()
        with otelml.prediction(
            "loan", version="3", features=dict(zip(NAMES, row, strict=True))
        ) as p:
            label = "yes" if row[0] > 0 else "no"
            p.set_result(label=label, confidence=0.9)
        return {"label": label, "id": p.id}

    def begin(**options):
        retraining = RetrainingOptions(webhook_secret=SECRET, **options)
        telemetry = otelml.init(
            "loan-api", model="loan", model_version="3", reference=_reference(), system=False,
            drift=DriftOptions(every=0.2, calibrate_for=0, window_rows=100, retraining=retraining),
            feedback=FeedbackOptions(mature_after="0.3s"),
            instrument="none", logs=LogOptions(json=False),
        )  # fmt: skip
        return Service(app.test_client(), telemetry, np.random.default_rng(3))

    yield begin
    otelml.shutdown()


def _holds(model):
    return {one["name"] for one in model.get("conditions", ()) if one["holds"]}


def _known(model):
    """Whether drift and quality have been looked at."""
    values = {one["name"]: one["value"] for one in model.get("conditions", ())}
    return values.get("drift") is not None and values.get("quality") is not None


def test_drift_falling_accuracy_and_an_old_model_trigger_once(service, tmp_path):
    """One POST, signed, with its reasons; none more while it goes on, nor after a restart."""
    state = str(tmp_path / "retraining.db")
    with Receiver(SECRET) as receiver:
        options = {"webhook": receiver.url, "trained_at": OLD, "state": state}
        running = service(**options)
        running.serve_until(lambda: bool(receiver.requests), shift=3, wrong=0.5)
        for _ in range(5):
            running.serve(100, 3, 0.5)
        model, triggers = running.verdict()
        assert model["recommended"]
        assert [one["outcome"] for one in triggers] == ["done"]
        otelml.shutdown()
        running = service(**options)
        running.serve_until(lambda: running.verdict()[0].get("recommended"), 3, 0.5)
        running.serve(200, 3, 0.5)
        assert len(running.verdict()[1]) == 1
    assert receiver.problems == []
    assert len(receiver.requests) == 1
    _, body = receiver.requests[0]
    assert body["type"] == "ml.retraining.recommended"
    told = body["data"]
    assert (told["service"], told["model"], told["version"]) == ("loan-api", "loan", "3")
    assert told["rules"] == ["drift and quality and age"]
    assert len(told["reasons"]) == 3
    assert "age" in told["drifted"]
    assert told["quality"]["loss"] > 0.2


@pytest.mark.parametrize(
    ("shift", "wrong", "trained_at", "missing"),
    [(0, 0.5, OLD, "drift"), (3, 0.1, OLD, "quality"), (3, 0.5, None, "age")],
    ids=["no drift", "as good as ever", "just trained"],
)
def test_one_condition_is_missing(service, shift, wrong, trained_at, missing):
    """The other two hold, and nobody is told."""
    with Receiver(SECRET) as receiver:
        running = service(webhook=receiver.url, trained_at=trained_at or _young())
        wanted = {"drift", "quality", "age"} - {missing}
        running.serve_until(
            lambda: _known(running.verdict()[0]) and wanted <= _holds(running.verdict()[0]),
            shift,
            wrong,
        )
        running.serve(300, shift, wrong)
        model, triggers = running.verdict()
        assert missing not in _holds(model)
        assert not model["recommended"]
        assert triggers == []
    assert receiver.requests == []
