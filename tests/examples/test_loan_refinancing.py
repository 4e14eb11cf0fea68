"""Loan refinancing: system E of those that people come from, each row of it by name."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from html import unescape

import pandas as pd
import pytest
import yaml
from confluent_kafka import Producer
from google.auth.credentials import AnonymousCredentials

from examples.loan_refinancing import train
from otelml.labels import LabelStore
from otelml.reference import Reference
from tests._ids import SECRET
from tests._processes import environment
from tests.examples._alerts import check_alerts
from tests.examples._bigquery import bigquery
from tests.examples._service import EXAMPLES, STAGES, served
from tests.labels._api import Api
from tests.retraining._receiver import Receiver

KEY = "a key of the test, longer than what is too short"
OTHER = {"approved": "rejected", "rejected": "approved"}


class Bank:
    """The running service, and the systems round it."""

    def __init__(self, service, api, kafka, receiver):
        self.service, self.api, self.kafka, self.receiver = service, api, kafka, receiver
        self.rows = train.applications(4_000, seed=12).to_dict("records")
        self.number = 0

    def ask(self, **change):
        """Send the next application; return its number, its row, and what was decided."""
        row = self.rows[self.number]
        self.number += 1
        sent = {**row, **change, "application": f"A{self.number}"}
        sent.pop("outcome")
        status, body, _ = self.service.post("/predict", sent)
        assert status == 200, body
        return sent["application"], row, json.loads(body)

    def ask_known(self):
        """Send the next application; wait until labels by its number find its prediction."""
        asked = self.ask()
        store = LabelStore(f"sqlite:///{self.service.folder}/build/labels.db")
        self.service.wait(lambda: store.find_many([asked[0]]), lambda: f"{asked[0]} is not known")
        store.close()
        return asked

    def tell(self, answer, actual):
        """Send a label by the prediction's id."""
        body = {"prediction_id": answer["prediction_id"], "actual": actual}
        status, told, _ = self.service.post("/feedback", body)
        assert status < 300, told

    def know(self, number, outcome):
        """Put an outcome into the bank's database."""
        with sqlite3.connect(self.service.folder / "build/warehouse.db") as database:
            database.execute(
                "INSERT INTO outcomes VALUES (?, ?, ?)", (number, outcome, time.time())
            )

    def labelled(self, source, count=1):
        """Wait for labels of a source."""
        self.service.wait(
            lambda: self._labels(source) >= count,
            lambda: f"{source}: {self._labels(source)} of {count}",
        )

    def _labels(self, source):
        last = {}
        for point in self.service.received.points("ml.feedback"):
            of = {a.key: a.value.string_value for a in point.attributes}
            last[tuple(sorted(of.items()))] = (of.get("ml.feedback.source"), point.as_int)
        return sum(value for name, value in last.values() if name == source)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    kafka = Producer({"bootstrap.servers": "mock:1", "test.mock.num.brokers": "1"})
    kafka.list_topics("outcomes", timeout=30)  # makes the topic, or the service waits for it
    (broker,) = kafka.list_topics(timeout=30).brokers.values()
    with Api([]) as api, Receiver(KEY) as receiver, served(
        "loan_refinancing",
        tmp_path_factory.mktemp("refinancing"),
        LABELS_EVERY="1s",
        BUREAU_URL=api.url,
        KAFKA_BROKERS=f"{broker.host}:{broker.port}",
        OTELML_DRIFT_EVERY="1s",
        OTELML_DRIFT_WINDOW_ROWS="100",
        LABELS_COMPLETE_AFTER="0.3s",
        OTELML_TRAINED_AT="2020-01-01T00:00:00Z",
        OTELML_RETRAINING_WEBHOOK=receiver.url,
        OTELML_RETRAINING_SECRET=KEY,
    ) as service:  # fmt: skip
        yield Bank(service, api, kafka, receiver)


@pytest.mark.slow
def test_e1_twelve_features_feedback_health_and_a_second_port(bank):
    """12 features; ``POST /predict``, ``/feedback`` by id, ``/health``; metrics on a second port."""
    assert len(train.NAMES) == 12
    _, _, answer = bank.ask()
    bank.tell(answer, answer["decision"])
    assert json.loads(bank.service.get("/health")) == {"status": "ok"}
    bank.service.wait(
        lambda: "ml_predictions_total{" in bank.service.scraped(), bank.service.scraped
    )
    told = bank.service.spans("feedback refinancing")[0]
    predicted = bank.service.trace("predict refinancing", "POST /predict", *STAGES)
    assert told.links[0].span_id == predicted.span_id


@pytest.mark.slow
def test_e3_latency_classes_errors_and_a_gauge_a_feature(bank):
    """Latency, values, by class, requests, successes, errors; a gauge per feature."""
    while len({bank.ask()[2]["decision"] for _ in range(5)}) < 2:
        pass
    assert bank.service.post("/predict", {"income": 1})[0] == 400
    assert bank.service.post("/predict", ["income"])[0] == 400
    of = {"ml__model__name": "refinancing"}
    for label in OTHER:
        assert bank.service.value("ml.predictions", ml__prediction__label=label, **of) >= 1
        assert bank.service.point("ml.prediction.confidence", ml__prediction__label=label).count
    assert bank.service.point("ml.prediction.duration", **of).count >= 1
    for code in (200, 400):
        of_route = {"http__route": "/predict", "http__response__status_code": code}
        assert bank.service.point("http.server.request.duration", **of_route).count >= 1
    for name in train.NAMES:
        for gauge in ("ml.feature.last", "ml.feature.mean"):
            bank.service.point(gauge, ml__feature__name=name)
    assert bank.service.event("ml.prediction")["ml.model.version"] == "1"
    check_alerts(
        bank.service, "PredictionLatencyHigh", "PredictionFailureRateHigh", "HttpFailureRateHigh"
    )


@pytest.mark.slow
def test_e6_labels_from_everywhere(bank):
    """Labels from a database, an API, Kafka, a nightly batch, a reviewer; the most trusted counts."""
    service = bank.service
    number, _, answer = bank.ask_known()
    bank.know(number, answer["decision"])
    bank.labelled("core")
    number, _, answer = bank.ask_known()
    bank.api.rows.append({"application": number, "outcome": answer["decision"]})
    bank.labelled("bureau")
    number, _, answer = bank.ask_known()
    message = {"application": number, "outcome": answer["decision"]}
    bank.kafka.produce("outcomes", json.dumps(message).encode())
    assert bank.kafka.flush(30) == 0
    bank.labelled("bus")
    # The database is trusted more than the bureau that said otherwise.
    number, _, answer = bank.ask_known()
    bank.api.rows.append({"application": number, "outcome": OTHER[answer["decision"]]})
    bank.labelled("bureau", 2)
    bank.know(number, answer["decision"])
    differs = {"ml__feedback__decided_by": "core"}
    assert service.value("ml.feedback.disagreements", **differs) == 1
    # A nightly batch, from the command line.
    number, _, answer = bank.ask_known()
    with (service.folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["key", "actual"], [number, answer["decision"]]])
    store = f"sqlite:///{service.folder}/build/labels.db"
    command = ["-m", "otelml.cli", "feedback", "import", "labels.csv", "--store", store]
    subprocess.run(
        [sys.executable, *command], cwd=service.folder, env=environment(OTELML_SECRET=SECRET),
        check=True, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_e6_a_reviewer_decides(bank):
    """The reviewer's page: unsure decisions, with features; who decided and when is kept."""
    service = bank.service
    while not (
        ids := re.findall(
            'name="prediction_id" value="([^"]+)"', service.get("/review?reviewer=kim", "text/html")
        )
    ):
        bank.ask()
    form = {"prediction_id": unescape(ids[0]), "actual": "approved", "reviewer": "kim"}
    request = urllib.request.Request(
        f"{service.url}/review",
        urllib.parse.urlencode(form).encode(),
        {"Sec-Fetch-Site": "same-origin"},
    )
    with urllib.request.urlopen(request, timeout=30) as page:
        assert page.status == 200
    bank.labelled("review")
    store = LabelStore(f"sqlite:///{service.folder}/build/labels.db")
    (label,) = store.reviews.decided(5)
    store.close()
    assert (label.actual, label.reviewer) == ("approved", "kim")


@pytest.mark.slow
def test_e4_accuracy_of_the_last_hundred(bank):
    """Accuracy of the last 100 labelled predictions: older ones do not count."""
    for i in range(100):
        _, _, answer = bank.ask()
        bank.tell(answer, OTHER[answer["decision"]] if i < 10 else answer["decision"])
    of = {"ml__quality__metric": "accuracy", "ml__quality__window": "100"}
    bank.service.until(0.9, "ml.quality", **of)
    check_alerts(bank.service, "QualityDropped", "QualityLow", "LabelsLate")


@pytest.mark.slow
def test_e2_same_applicants_are_no_drift(bank):
    """KL, p-value by bootstrap, detected flag of each feature; the bands; the decisions."""
    for _ in range(350):
        _, row, answer = bank.ask()
        bank.tell(answer, row["outcome"])
    told = json.loads(bank.service.get("/drift"))
    assert set(told["features"]) == set(train.NAMES)
    assert sum(one["detected"] for one in told["features"].values()) <= 3
    assert all(one["kl"] < 0.1 for one in told["features"].values())
    for name in train.NAMES:
        of = {"ml__feature__name": name}
        assert bank.service.value("ml.drift.statistic", ml__drift__method="kl", **of) < 0.5
        assert 0 <= bank.service.value("ml.drift.p_value", ml__drift__method="kl", **of) <= 1
        assert bank.service.value("refinancing.kl.p_value", **of) >= 0
    bank.service.until(0, "ml.drift.severity", ml__feature__name="income")
    assert not json.loads(bank.service.get("/monitor/retraining"))["models"][0]["recommended"]
    assert bank.receiver.requests == []


@pytest.mark.slow
def test_e7_drift_and_falling_accuracy_retrain(bank):
    """Max KL above 0.5, accuracy declining, a week since training; root cause; accuracy by band."""

    def verdict():
        return json.loads(bank.service.get("/monitor/retraining"))["models"][0]

    end = time.monotonic() + 120
    while not bank.receiver.requests:
        assert time.monotonic() < end, verdict()
        for _ in range(100):
            row = bank.rows[bank.number]
            worse = {"debt_to_income": min(row["debt_to_income"] + 0.3, 1.0), "age": row["age"] + 4}
            _, row, answer = bank.ask(**worse)
            bank.tell(answer, row["outcome"])
    assert bank.receiver.problems == []
    _, body = bank.receiver.requests[0]
    assert body["data"]["rules"] == ["drift and quality and age"]
    assert len(body["data"]["reasons"]) == 3
    assert body["data"]["drifted"][0] == "debt_to_income"  # the root cause
    of = {"ml__feature__name": "debt_to_income"}
    bank.service.until(1, "ml.drift.detected", **of)
    bank.service.until(2, "ml.drift.severity", **of)
    assert bank.service.value("ml.drift.statistic", ml__drift__method="kl", **of) > 0.5
    of_decisions = {"ml__feature__name": "prediction", "ml__drift__method": "kl"}
    assert bank.service.value("ml.drift.statistic", **of_decisions) > 0.1
    assert bank.service.value("ml.feature.importance", **of) > 0
    assert bank.service.value("ml.quality.loss", ml__quality__metric="accuracy") > 0.05
    assert 0 <= bank.service.value("ml.quality.by_bin", **of) <= 1
    assert "debt_to_income" in str(bank.service.event("ml.drift.detected"))
    assert "age" in str(bank.service.event("ml.retraining.recommended"))
    bank.service.until(1, "ml.retraining.recommended")
    assert "debt_to_income" in bank.service.get("/monitor/report")
    found = json.loads(bank.service.get("/drift"))["features"]["debt_to_income"]
    assert found["detected"]
    assert found["kl"] > 0.1
    check_alerts(bank.service, "DriftDetected", "QualityDegraded", "RetrainingRecommended")


@pytest.mark.slow
def test_e5_reference_from_a_table_or_bigquery(tmp_path, monkeypatch):
    """The reference of a table of BigQuery is that of the same rows in the other database."""
    monkeypatch.setattr(train, "FOLDER", tmp_path / "sql")
    monkeypatch.setattr(train, "TABLE", tmp_path / "sql/warehouse.db")
    train.main([])
    rows = train.applications(6_000, seed=11)
    monkeypatch.setattr("google.auth.default", lambda *_, **__: (AnonymousCredentials(), "p"))
    monkeypatch.setattr(train, "FOLDER", tmp_path / "bigquery")
    with bigquery({name: rows[name].tolist() for name in rows}) as (url, asked):
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", url)
        train.main(["--bigquery", "p.d.applications"])
    assert all("FROM `p.d.applications`" in query for query in asked)
    found, other = (Reference.load(tmp_path / n / "reference.json") for n in ("bigquery", "sql"))
    assert found.digest == other.digest
    assert found.rows == len(pd.read_csv(tmp_path / "bigquery/training.csv")) == 6_000


def _manifests():
    folder = EXAMPLES / "loan_refinancing/kubernetes/service"
    found = {}
    for file in ("service.yaml", "service-monitor.yaml", "network-policies.yaml"):
        for one in yaml.safe_load_all((folder / file).read_text()):
            found[one["kind"], one["metadata"]["name"]] = one
    return found


def test_e8_manifests_fit_the_service():
    """Deployment, Service, ServiceMonitor, secret for BigQuery, and for kind and minikube."""
    found = _manifests()
    pod = found["Deployment", "refinancing"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    service = found["Service", "refinancing"]
    assert {port["targetPort"] for port in service["spec"]["ports"]} == set(ports)
    monitor = found["ServiceMonitor", "refinancing"]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [one["port"] for one in monitor["endpoints"]] == ["metrics"]
    (trains,) = pod["initContainers"]
    assert trains["command"][:3] == ["python", "train.py", "--bigquery"]
    (secret,) = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert secret["secretName"] == "refinancing"
    key = {variable["name"]: variable for variable in trains["env"]}
    path = key["GOOGLE_APPLICATION_CREDENTIALS"]["value"]
    assert path.rpartition("/")[2] == secret["items"][0]["path"]
    for policy, side in (("refinancing", "ingress"), ("prometheus-refinancing", "egress")):
        (rule,) = found["NetworkPolicy", policy]["spec"][side]
        assert rule["ports"] == [{"protocol": "TCP", "port": ports["metrics"]}]
    readme = (EXAMPLES / "loan_refinancing/README.md").read_text()
    made = [f"--from-literal={name}=" in readme or f"--from-file={name}=" in readme
            for name in ("bigquery", "table")]  # fmt: skip
    assert all(made)
    secrets = [v["valueFrom"].get("secretKeyRef", {}) for v in container["env"] if "valueFrom" in v]
    optional = [one["key"] for one in secrets if one.get("optional")]
    assert optional == ["labels", "outcomes"]
    assert [key for key in optional if f"`{key}`" not in readme] == []


@pytest.mark.stack
@pytest.mark.parametrize("overlay", ["kind", "minikube"])
def test_e8_manifests_are_valid(overlay, tmp_path):
    """Kustomize builds them on top of the whole stack, without the demo; kubeconform takes all."""
    from tests.kubernetes._tools import conform, kustomize, resources

    text = kustomize(f"../../examples/loan_refinancing/kubernetes/{overlay}")
    said = conform(text, tmp_path / "all.yaml")
    count = len(resources(text))
    assert said["summary"] == {"valid": count, "invalid": 0, "errors": 0, "skipped": 0}
    deployments = {r["metadata"]["name"] for r in resources(text) if r["kind"] == "Deployment"}
    assert "refinancing" in deployments
    assert "loan-api" not in deployments
