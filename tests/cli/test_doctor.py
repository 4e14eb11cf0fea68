"""Each thing that can be wrong is named, with how to mend it."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from email.utils import formatdate

import grpc
import pytest
from click.testing import CliRunner
from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk._logs import LoggerProvider

from otelml.cli import _doctor_app, _doctor_endpoint, _doctor_installation, main
from otelml.cli._finding import Finding
from tests._contrib import LoggingHandler
from tests._ids import SECRET
from tests._otlp_server import OtlpServer


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OTELML_", "PYTHONPATH")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server(monkeypatch) -> Iterator[OtlpServer]:
    with OtlpServer() as one:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", one.url)
        yield one


def endpoints(timeout_s: float = 5.0) -> dict[str, Finding]:
    return {finding.check: finding for finding in _doctor_endpoint.check_endpoints(timeout_s)}


def doctor(*arguments: str):
    return CliRunner().invoke(main, ["doctor", "--timeout", "2", *arguments])


def test_all_is_well(server, monkeypatch):
    """Exit code 0, a line for each check, nothing sent but empty requests."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "loans")
    monkeypatch.setenv("OTELML_SECRET", SECRET)
    result = doctor()
    assert (
        result.exit_code,
        [line for line in result.output.splitlines() if not line.startswith("ok  ")],
    ) == (0, [])
    assert [path for _, path, _, _ in server.requests] == ["/v1/traces", "/v1/metrics", "/v1/logs"]
    assert (server.spans, server.metrics, server.logs) == ([], [], [])


def test_json(server, monkeypatch):
    """A list of findings."""
    found = json.loads(doctor("--json").stdout)
    assert {tuple(one) for one in found} == {("check", "status", "detail", "mend")}
    (clock,) = (one for one in found if one["check"] == "clock")
    assert clock == {
        "check": "clock",
        "status": "ok",
        "detail": "agrees with the endpoint's within 5 s",
        "mend": "",
    }


def test_nothing_listens(monkeypatch):
    """It fails with exit code 1 and says what to start."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:21595")
    result = doctor()
    assert result.exit_code == 1
    assert (
        "fail  traces endpoint: http://127.0.0.1:21595/v1/traces: connection refused\n"
        in result.output
    )
    assert (
        "      -> start a Collector or `otelml view`, or set OTEL_EXPORTER_OTLP_ENDPOINT\n"
        in result.output
    )


@pytest.mark.parametrize(
    ("mode", "status", "part"),
    [
        (401, "fail", "answered 401 Unauthorized"),
        (404, "fail", "answered 404 Not Found, which is not OTLP"),
        (503, "warn", "answered 503 Service Unavailable"),
        ("html", "fail", "with a web page, which is not OTLP"),
        ("close", "fail", "/v1/traces: "),
        ("hang", "fail", "/v1/traces: "),
    ],
)
def test_an_endpoint_that_misbehaves(server, mode, status, part):
    """What it answered is said, and the other signals are tried all the same."""
    server.mode, server.paths = mode, {"/v1/traces"}
    found = endpoints(0.5)
    assert (found["traces endpoint"].status, part in found["traces endpoint"].detail) == (
        status,
        True,
    )
    assert found["traces endpoint"].mend
    assert (found["metrics endpoint"].status, found["logs endpoint"].status) == ("ok", "ok")


def test_headers_and_paths_of_the_environment_are_used(server, monkeypatch):
    """As the exporters use them."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", f"{server.url}/other")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    found = endpoints()
    assert server.requests[0][3]["authorization"] == "Bearer x"
    assert (
        found["logs endpoint"].detail
        == f"{server.url}/***: answered 404 Not Found, which is not OTLP"
    )
    assert found["metrics endpoint"] == Finding(
        "metrics endpoint", "ok", "OTLP export is not configured"
    )


def test_a_wrong_variable_is_a_finding(monkeypatch):
    """Not an error of the command."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")
    found = endpoints()["traces endpoint"]
    assert (found.status, "OTEL_EXPORTER_OTLP_ENDPOINT is localhost:4318" in found.detail) == (
        "fail",
        True,
    )


def test_grpc():
    """A gRPC server is told from silence and from HTTP."""
    one = grpc.server(futures.ThreadPoolExecutor(1))
    port = one.add_insecure_port("127.0.0.1:0")
    one.start()
    try:
        well = _doctor_endpoint.check_grpc("traces", f"http://127.0.0.1:{port}", 5)
    finally:
        one.stop(None)
    assert well == Finding("traces endpoint", "ok", f"http://127.0.0.1:{port} takes gRPC")
    with OtlpServer() as http:
        ill = _doctor_endpoint.check_grpc("traces", http.url, 0.5)
    assert (ill.status, ill.detail) == ("fail", f"{http.url}: no gRPC server in 0.5 s")


@pytest.mark.parametrize(
    ("offset_s", "status", "detail"),
    [
        (0, "ok", "agrees with the endpoint's within 5 s"),
        (-60, "warn", "60 s ahead of the endpoint's"),
        (3600, "fail", "3600 s behind the endpoint's"),
    ],
)
def test_clock(offset_s, status, detail):
    """Their clock is ours plus the offset."""
    now_s = float(int(time.time()))
    (found,) = _doctor_endpoint.check_clock(formatdate(now_s + offset_s, usegmt=True), now_s)
    assert (found.status, found.detail) == (status, detail)


def test_a_date_that_is_none_is_left_out():
    """No clock is better than a wrong one."""
    assert list(_doctor_endpoint.check_clock("yesterday", 0.0)) == []


def settings(**environ: str) -> dict[str, Finding]:
    return {finding.check: finding for finding in _doctor_installation.check_settings(environ)}


def test_settings():
    """A disabled SDK, a missing name and a wrong value."""
    found = settings(OTEL_SDK_DISABLED="true")
    assert {check: finding.status for check, finding in found.items()} == {
        "settings": "ok",
        "OTEL_SDK_DISABLED": "warn",
        "service name": "warn",
    }
    assert settings(OTEL_SERVICE_NAME="loans")["service name"] == Finding(
        "service name", "ok", "loans"
    )
    assert settings(OTEL_RESOURCE_ATTRIBUTES="a=b,service.name=x")["service name"].status == "ok"
    wrong = settings(OTELML_TRACES="maybe")["settings"]
    assert (wrong.status, "OTELML_TRACES is 'maybe'" in wrong.detail) == ("fail", True)


def versions(monkeypatch, **known: str | None) -> dict[str, Finding]:
    names = {name.replace("_", "-"): value for name, value in known.items()}
    monkeypatch.setattr(_doctor_installation, "installed", names.get)
    return {finding.check: finding for finding in _doctor_installation.check_versions()}


def test_versions(monkeypatch):
    """Old, unequal and missing ones, and a framework without its extra."""
    both = {"opentelemetry_api": "1.45.1", "opentelemetry_sdk": "1.45.1"}
    found = versions(monkeypatch, **both, Flask="3.1")
    assert found["opentelemetry"] == Finding("opentelemetry", "ok", "1.45.1")
    assert found["flask"] == Finding(
        "flask", "warn", "3.1, but not instrumented", "pip install 'otelml[flask]'"
    )
    assert found["scikit-learn"] == Finding("scikit-learn", "ok", "not installed, not needed")
    for api, sdk in (("1.38.0", "1.38.0"), ("1.45.0", "1.46.0"), ("1.45.0", None)):
        old = versions(monkeypatch, opentelemetry_api=api, opentelemetry_sdk=sdk)["opentelemetry"]
        assert (old.status, old.mend) == (
            "fail",
            "pip install -U opentelemetry-api opentelemetry-sdk",
        )


@pytest.mark.parametrize("both", ["1.39.0", "1.44.0", "1.50.0"])
def test_a_range_of_opentelemetry_is_fine(monkeypatch, both):
    """From the oldest tested one on."""
    found = versions(monkeypatch, opentelemetry_api=both, opentelemetry_sdk=both)
    assert found["opentelemetry"] == Finding("opentelemetry", "ok", both)


def test_a_shortcut_that_is_off_is_told(monkeypatch):
    """With the SDK's version, and what to do."""
    assert _doctor_installation.check_shortcuts().status == "ok"
    monkeypatch.setattr(_doctor_installation, "check_fast_paths", lambda: {"spans": "gone"})
    found = _doctor_installation.check_shortcuts()
    assert (found.status, "spans: gone" in found.detail) == ("warn", True)
    assert found.mend.startswith("pip install -U otelml")


def test_double_instrumentation(monkeypatch):
    """Two starters on PYTHONPATH, or another agent."""
    paths = os.pathsep.join(
        ("/x/otelml/_zero_code", "/y/opentelemetry/instrumentation/auto_instrumentation")
    )
    (found,) = _doctor_installation.check_double_instrumentation({"PYTHONPATH": paths})
    assert (found.status, found.mend) == ("warn", "use one of them")
    (none,) = _doctor_installation.check_double_instrumentation(
        {"PYTHONPATH": "/x/otelml/_zero_code"}
    )
    assert none.status == "ok"
    monkeypatch.setattr(_doctor_installation, "installed", {"ddtrace": "3.0"}.get)
    (agent,) = _doctor_installation.check_double_instrumentation({})
    assert agent.detail == "ddtrace 3.0 is installed and instruments the same frameworks"


def test_a_second_log_exporter_by_setting():
    """The SDK's deprecated handler beside ours."""
    variable = "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED"
    assert _doctor_installation.check_log_settings({variable: "true"}).mend == f"unset {variable}"
    assert (
        _doctor_installation.check_log_settings({variable: "true", "OTELML_LOGS": "false"}).status
        == "ok"
    )
    assert _doctor_installation.check_log_settings({}).status == "ok"


@pytest.fixture
def root(monkeypatch) -> logging.Logger:
    logger = logging.getLogger()
    monkeypatch.setattr(logger, "handlers", [])
    return logger


def test_log_handlers(root):
    """Two exporters lose nothing but say everything twice; two writers print twice."""
    assert _doctor_app.check_log_handlers().status == "ok"
    root.handlers.extend(logging.StreamHandler(sys.stderr) for _ in range(2))
    assert _doctor_app.check_log_handlers().status == "warn"
    root.handlers[:] = [
        LoggingHandler(logger_provider=LoggerProvider(shutdown_on_exit=False)) for _ in range(2)
    ]
    assert _doctor_app.check_log_handlers().status == "fail"


def test_flask(monkeypatch):
    """Not instrumented, once, and twice."""
    app = Flask("strangers")
    module = type(sys)("strangers")
    module.app = app
    monkeypatch.setitem(sys.modules, "strangers", module)

    def status():
        return [
            (f.status, f.detail.partition(":")[0]) for f in _doctor_app.check_flask("strangers:app")
        ]

    assert status() == [("warn", "not instrumented in this process")]
    FlaskInstrumentor().instrument_app(app)
    assert status() == [("ok", "instrumented once")]
    app.wsgi_app = OpenTelemetryMiddleware(app.wsgi_app)
    assert status() == [("warn", "its server spans are made twice")]
    FlaskInstrumentor().uninstrument_app(app)


def test_an_app_is_imported(tmp_path, server, monkeypatch):
    """What it prints does not spoil the answer; one that fails is a finding."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    place = " (broken_app.py:1)"
    (tmp_path / "quiet_app.py").write_text("print('noise'); application = object()")
    (tmp_path / "broken_app.py").write_text("1 / 0")
    found = json.loads(doctor("--json", "--app", "quiet_app:application").stdout)
    assert [one["detail"] for one in found if one["check"] == "app"] == ["quiet_app is imported"]
    broken = doctor("--json", "--app", "broken_app")
    (one,) = (one for one in json.loads(broken.stdout) if one["check"] == "app")
    assert (broken.exit_code, one["detail"]) == (
        1,
        f"broken_app cannot be imported: ZeroDivisionError: division by zero{place}",
    )
    assert json.loads(broken.stdout)[0] == one  # what was asked for comes first
    assert (broken.stderr, "Traceback" in broken.output) == ("", False)
    nothing = _doctor_app.load("quiet_app:aplication")
    assert (nothing.detail, nothing.mend) == (
        "quiet_app has no aplication",
        "did you mean application?",
    )
    assert "No module named 'nosuch'" in _doctor_app.load("nosuch").detail


@pytest.mark.parametrize(
    ("api", "sdk", "status"),
    [
        ("1.45.2", "1.45.1", "ok"),
        ("1.45.1", "1.44.0", "fail"),
        ("1.38.0", "1.38.0", "fail"),
        (None, "1.45.1", "fail"),
    ],
)
def test_versions_of_opentelemetry(api, sdk, status):
    """A fix of one may come before that of the other; a minor version may not."""
    assert _doctor_installation._check_opentelemetry(api, sdk).status == status


_READABLE = "trace, time, model, version, variant, label, confidence and row"


@pytest.mark.parametrize(
    ("variables", "status", "said", "mend"),
    [
        ({"SECRET": SECRET}, "ok", "encrypted: a client can read nothing", ""),
        ({"SECRET": f"{SECRET},{SECRET}2,{SECRET}3"}, "ok", "2 older keys are read", ""),
        ({"SECRET": f"{SECRET},old"}, "warn", "short enough to be guessed", "take it out"),
        ({"SECRET": SECRET, "IDS": "signed"}, "ok", f"signed: a client can read {_READABLE}", ""),
        ({"IDS": "opaque"}, "ok", "opaque: a client can read nothing", ""),
        ({}, "warn", "without OTELML_SECRET only the process", "openssl rand -base64 32"),
        ({"FEEDBACK_UNSIGNED": "accept"}, "warn", f"anybody can make them, and can read {_READABLE}", "openssl rand"),
        ({"FEEDBACK_UNSIGNED": "accept", "SECRET": SECRET}, "warn", "anybody can have made", "unset OTELML_FEEDBACK_UNSIGNED"),
        ({"FEEDBACK": "false"}, "ok", "turned off", ""),
    ],
)  # fmt: skip
def test_prediction_ids(monkeypatch, variables, status, said, mend):
    """Who can make ids, and what their client can read in them."""
    for name, value in variables.items():
        monkeypatch.setenv(f"OTELML_{name}", value)
    (finding,) = filter(None, map(_parts, _findings()))
    assert finding.status == status
    assert said in finding.detail
    assert mend in finding.mend


def _findings():
    return json.loads(doctor("--json").output)


def _parts(found):
    return Finding(**found) if found["check"] == "prediction ids" else None


def test_ids_without_the_library(monkeypatch):
    """They are signed then; what can be read in them is said, and the extra that mends it."""
    monkeypatch.setattr("otelml._prediction.keys._new_siv", lambda _: None)
    monkeypatch.setenv("OTELML_SECRET", SECRET)
    (finding,) = filter(None, map(_parts, _findings()))
    assert finding.status == "warn"
    assert _READABLE in finding.detail
    assert finding.mend == "pip install 'otelml[ids]'"
