"""A model of MLflow behind the proxy: system B of those that people come from, each row by name."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys

import pytest
import yaml

from tests._processes import ROOT, environment
from tests.examples._alerts import check_alerts
from tests.examples._mlflow import model_server
from tests.examples._service import EXAMPLES, STAGES, served

README = (EXAMPLES / "mlflow_proxy/README.md").read_text()
MODEL = {"ml__model__name": "wine", "ml__model__version": "1"}


@pytest.fixture(scope="module")
def server():
    with model_server() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server, tmp_path_factory):
    """The proxy by the README's command, with the stand-in where the model server is."""
    command = "otelml proxy http://127.0.0.1:5000 --port 8000"
    assert f"$ {command}\n" in README
    here = command.replace("http://127.0.0.1:5000", server.url)
    folder = tmp_path_factory.mktemp("wine")
    with served("mlflow_proxy", folder, here, OTELML_DRIFT_EVERY="1s") as running:
        yield running


@pytest.fixture(scope="module")
def wines(proxy):
    with (proxy.folder / "build/wines.csv").open() as file:
        columns, *rows = csv.reader(file)
    return columns, [[float(value) for value in row] for row in rows]


def send(proxy, wines, count=1):
    columns, rows = wines
    body = {"dataframe_split": {"columns": columns, "data": rows[:count]}}
    return proxy.post("/invocations", body)


@pytest.mark.slow
def test_b1_dataframe_split_is_passed_on(proxy, server, wines):
    """``dataframe_split`` goes to the model server, its answer comes back; one trace spans both."""
    status, body, prediction_id = send(proxy, wines, 3)
    assert status == 200
    assert len(json.loads(body)["predictions"]) == 3
    assert prediction_id
    predicted = proxy.trace("predict wine", "POST /invocations", *STAGES)
    _, trace, span, _ = server.seen[0]["traceparent"].split("-")
    assert (trace, span) == (predicted.trace_id.hex(), predicted.span_id.hex())
    below = [s.name for s in list(proxy.received.spans) if s.parent_span_id == predicted.span_id]
    assert sorted(below) == sorted(STAGES)


@pytest.mark.slow
def test_b2_requests_durations_active_successes_failures(proxy, server, wines):
    """Requests, duration histogram, throughput, active requests, success and failure totals."""
    send(proxy, wines)
    server.failing = 500
    try:
        assert send(proxy, wines)[:2] == (500, '{"error_code": "INTERNAL_ERROR"}')
    finally:
        server.failing = 200
    of_route = {"http__route": "/invocations"}
    for code in (200, 500):
        of = {**of_route, "http__response__status_code": code}
        assert proxy.point("http.server.request.duration", **of).count >= 1
    proxy.point("http.server.active_requests")
    proxy.until(0, "ml.prediction.active", **MODEL)
    assert proxy.point("ml.prediction.duration", **MODEL).count >= 1
    assert proxy.value("ml.predictions", error__type="500", **MODEL) == 1
    assert proxy.value("ml.predictions", ml__prediction__label="barolo", **MODEL) >= 1
    for stage in STAGES:
        assert proxy.point("ml.stage.duration", ml__stage__name=stage).count >= 1
    assert proxy.event("ml.prediction")["ml.model.name"] == "wine"


@pytest.mark.slow
def test_b3_cpu_memory_and_disk(proxy):
    """CPU, RAM, memory, disk: of the process and of the machine."""
    for name in (
        "process.cpu.utilization", "process.memory.usage", "system.cpu.utilization",
        "system.memory.utilization", "system.memory.usage", "system.filesystem.utilization",
    ):  # fmt: skip
        assert proxy.value(name) >= 0


@pytest.mark.slow
def test_b4_a_client_that_sends_rows(proxy, server):
    """The client sends every wine, and says how long answers took."""
    command = re.search(r"^\$ otelml (predict .+)$", README, re.MULTILINE)[1]
    words = command.replace("http://127.0.0.1:8000", proxy.url).split()
    before = len(server.seen)
    done = subprocess.run(
        [sys.executable, "-m", "otelml", *words], cwd=proxy.folder, env=environment(),
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "p95" in done.stdout + done.stderr
    with (proxy.folder / "build/wines.csv").open() as file:
        assert len(server.seen) - before == len(file.readlines()) - 1


def test_b4_dashboards_show_it():
    """The dashboards that the README names ask for what the proxy sends."""
    asked = {
        "overview": ("ml_prediction_duration_seconds",),
        "model": ("ml_stage_duration_seconds", "ml_predictions_total"),
        "service": ("http_server_request_duration_seconds", "process_cpu_utilization_ratio"),
    }
    for name, series in asked.items():
        assert f"*{name.capitalize()}*" in README
        text = (ROOT / f"grafana/dashboards/{name}.json").read_text()
        assert [one for one in series if one not in text] == [], name


@pytest.mark.slow
def test_drift_of_each_column(proxy, wines):
    """Columns of ``dataframe_split`` are features with drift."""
    columns, rows = wines
    shifted = [[value * 3 for value in row] for row in rows]
    for start in range(0, 240, 40):
        data = [shifted[(start + i) % len(shifted)] for i in range(40)]
        proxy.post("/invocations", {"dataframe_split": {"columns": columns, "data": data}})
    proxy.until(1, "ml.drift.detected", ml__feature__name="alcohol")
    assert (
        proxy.value("ml.drift.statistic", ml__feature__name="alcohol", ml__drift__method="psi")
        > 0.2
    )
    assert "alcohol" in str(proxy.event("ml.drift.detected"))


RULES = {
    "ProcessCpuHigh": "> 0.8",
    "HostCpuHigh": "> 0.8",
    "PredictionLatencyHigh": "> 2",
    "PredictionFailureRateHigh": "> 0.1",
    "HttpFailureRateHigh": "> 0.1",
}


@pytest.mark.slow
def test_b5_alerts_for_cpu_latency_and_failures(proxy):
    """CPU > 80 % for 1 min, p95 > 2 s, failures > 10 %: each from what the proxy sends."""
    groups = yaml.safe_load((ROOT / "prometheus/rules/alerts.yml").read_text())["groups"]
    found = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    for name, bound in RULES.items():
        assert f"`{name}`" in README
        assert found[name]["expr"].strip().endswith(bound), name
        assert found[name]["for"] == "1m"
    check_alerts(proxy, *RULES)


def test_b5_mails_go_to_the_contact_point(tmp_path):
    """E-mail with contact point, policy 30 s / 5 m / 4 h, resolved mails: Alertmanager's own file."""
    lines = (EXAMPLES / "mlflow_proxy/alerts.env").read_text().splitlines()
    mine = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    template = ROOT / "alertmanager/alertmanager.yml"
    assert [name for name in mine if name not in template.read_text()] == []
    made = tmp_path / "alertmanager.yml"
    subprocess.run(
        ["/bin/sh", str(ROOT / "alertmanager/start.sh"), str(template), str(made)],
        env={"PATH": "/usr/bin:/bin", **mine}, check=True, timeout=60,
    )  # fmt: skip
    config = yaml.safe_load(made.read_text())
    assert config["global"]["smtp_smarthost"] == "smtp.example.org:587"
    route = config["route"]
    waits = [route[name] for name in ("group_wait", "group_interval", "repeat_interval")]
    assert waits == ["30s", "5m", "4h"]
    mails = {one["name"]: one.get("email_configs", []) for one in config["receivers"]}
    assert [one["to"] for one in mails["warning"]] == ["team@example.org"]
    assert [one["to"] for one in mails["critical"]] == ["pager@example.org"]
    assert all(one["send_resolved"] for each in mails.values() for one in each)


def test_b6_each_system_is_set_up():
    """Linux, macOS, Windows: the README says how."""
    heading = re.search(r"^## (.+)$\n\n(.+)$", README[README.index("## Linux") :], re.MULTILINE)
    assert heading[1] == "Linux, macOS, Windows"
    assert "PowerShell" in heading[2]
    assert "WSL" in heading[2]
