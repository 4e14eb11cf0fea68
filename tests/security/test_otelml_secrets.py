"""Secrets in settings and in requests: what otelml says and sends of them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import ROOT, environment, run

SECRET = "s3cr3tValue01234"
HEADERS = f"authorization=Bearer%20{SECRET},x-key={SECRET}2"
REFUSED = "127.0.0.1:9"  # the port of "discard", which nobody serves

STATUS = """
    import json, logging
    logging.basicConfig(level=logging.DEBUG)
    import otelml

    telemetry = otelml.init("service")
    with otelml.prediction("m"):
        pass
    telemetry.force_flush(5)
    print(telemetry, telemetry.config, telemetry._providers.signals)
    print(json.dumps(telemetry.status(), default=str))
    otelml.shutdown()
"""

REQUEST = """
    import flask, otelml

    app = flask.Flask("app")
    otelml.init("service", app=app)

    @app.route("/predict/<user>", methods=["POST"])
    def predict(user):
        with otelml.prediction("m", features={"income": flask.request.json["income"]}) as p:
            p.set_result(label="yes", confidence=0.9)
        return flask.jsonify(ok=True)

    @app.route("/fail")
    def fail():
        with otelml.prediction("m"):
            raise ValueError("MESSAGE")

    client = app.test_client()
    client.set_cookie("session", "COOKIE")
    answer = client.post(
        "/predict/PATH?key=QUERY",
        json={"income": "FEATURE"},
        headers={"Authorization": "Bearer HEADER"},
    )
    assert answer.status_code == 200, answer.text
    try:
        client.get("/fail")
    except ValueError:
        pass
    otelml.shutdown()
"""


def doctor(*options: str, **variables: str) -> str:
    """Return all that ``otelml doctor`` says."""
    done = subprocess.run(
        [sys.executable, "-m", "otelml", "doctor", "--timeout=0.5", *options],
        env=environment(**variables),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert "endpoint" in said
    return said


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_doctor_says_no_header(protocol, options):
    """Neither where nothing answers nor in the list of what is set."""
    said = doctor(
        *options,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{REFUSED}",
        OTEL_EXPORTER_OTLP_HEADERS=HEADERS,
        OTELML_SECRET=f"{SECRET}3",
    )
    assert SECRET not in said


def test_doctor_says_no_header_that_was_refused():
    """A 401 is told without what was sent."""
    with OtlpServer() as server:
        server.mode = 401
        said = doctor(**server.environment(), OTEL_EXPORTER_OTLP_HEADERS=HEADERS)
        assert SECRET in str(server.requests)
    assert "401" in said
    assert SECRET not in said


@pytest.mark.parametrize("headers", [f"Bearer {SECRET}", f"authorization=Bearer x,{SECRET}"])
def test_malformed_headers_are_not_repeated(headers):
    """What has no sign in it may be the secret itself, or a part of it."""
    said = doctor(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{REFUSED}", OTEL_EXPORTER_OTLP_HEADERS=headers
    )
    assert "OTEL_EXPORTER_OTLP_HEADERS" in said
    assert SECRET not in said


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_doctor_says_no_password_of_an_endpoint(protocol):
    """An address may hold a password."""
    said = doctor(
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://user:{SECRET}@{REFUSED}",
    )
    assert REFUSED in said
    assert SECRET not in said


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_service_says_no_header(protocol):
    """Status, warnings and debug logs of a service whose exports fail."""
    code, out, err = run(
        STATUS,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{REFUSED}",
        OTEL_EXPORTER_OTLP_HEADERS=HEADERS,
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
        OTELML_SECRET=f"{SECRET}3",
    )
    assert code == 0, err
    assert "cannot export traces" in out + err
    assert SECRET not in out + err


def test_service_says_no_password_of_an_endpoint():
    """The same for its address, to which it is sent all the same."""
    with OtlpServer() as server:
        server.mode = 403
        address = server.url.removeprefix("http://")
        code, out, err = run(STATUS, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://user:{SECRET}@{address}")
        sent = [headers["authorization"] for *_, headers in server.requests]
    assert code == 0, err
    assert f"cannot export traces to http://{address}/v1/traces" in out + err
    assert SECRET not in out + err
    basic = base64.b64encode(f"user:{SECRET}".encode()).decode()
    assert set(sent) == {f"Basic {basic}"}


def test_grpc_takes_no_password_in_its_endpoint():
    """It would not use it, and say it in its errors."""
    code, out, err = run(
        STATUS,
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://user:{SECRET}@{REFUSED}",
    )
    assert code == 1
    assert "OTEL_EXPORTER_OTLP_HEADERS" in err
    assert SECRET not in out + err


def test_what_of_a_request_is_sent():
    """An exception's words that stand in the code; no place of its path, query, header, cookie."""
    with OtlpServer() as server:
        code, out, err = run(REQUEST, **server.environment(), OTELML_LOGS_SAMPLE_RATIO="1")
        assert code == 0, err
        sent = str((server.spans, server.metrics, server.logs, server.resources)) + out + err
        metrics = str(server.metrics)
    marks = ("PATH", "QUERY", "MESSAGE", "HEADER", "COOKIE", "FEATURE")
    assert [mark for mark in marks if mark in sent] == ["MESSAGE"]
    assert [mark for mark in marks if mark in metrics] == []


def test_the_command_line_is_not_sent():
    """A password given there stays there; the program's name is told."""
    with OtlpServer() as server:
        code, _, err = run(STATUS, **server.environment())
        assert code == 0, err
        keys = {key for one in server.resources for key in one}
    assert "process.command" in keys
    assert keys & {"process.command_args", "process.command_line"} == set()


def test_status_is_json():
    """The search above looked at something."""
    code, out, _ = run(STATUS, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{REFUSED}")
    assert code == 0
    assert json.loads(out.splitlines()[-1])["signals"]["traces"]["exporters"]
