"""Flask, FastAPI and plain ASGI answer alike, byte for byte."""

from __future__ import annotations

import json

import pytest

import otelml
from otelml import environment_variables as env
from tests.endpoints._services import FRAMEWORKS, PREFIX, service_of

LONG = b" " * (64 * 1024 + 1)
TABLE = [
    ("GET", "/monitor/status", None, 200),
    ("HEAD", "/monitor/status", None, 200),
    ("GET", "/monitor/report", None, 404),
    ("GET", "/monitor/retraining", None, 200),
    ("POST", "/monitor/trigger", b"{}", 200),
    ("POST", "/monitor/trigger", b"", 200),
    ("POST", "/monitor/trigger", b'{"model": "no"}', 202),
    ("POST", "/monitor/trigger", b"[1]", 400),
    ("POST", "/monitor/trigger", b"{", 400),
    ("POST", "/monitor/trigger", b"[" * 60_000, 400),
    ("POST", "/monitor/trigger", b"\xff", 400),
    ("POST", "/monitor/trigger", LONG, 413),
    ("POST", "/monitor/trigger", b'{"modell": "loan"}', 400),
    ("POST", "/monitor/trigger", b'{"timeout": true}', 400),
    ("POST", "/monitor/trigger", b'{"timeout": 31}', 400),
    ("POST", "/monitor/trigger", b'{"timeout": NaN}', 400),
    ("POST", "/monitor/accept", b'{"who": "ann"}', 400),
    ("POST", "/monitor/accept", b'{"who": "ann", "why": "so", "features": "f0"}', 400),
    ("POST", "/monitor/accept", b'{"who": "ann", "why": "so"}', 409),
    ("POST", "/feedback", b"{}", 400),
    ("POST", "/feedback", LONG, 413),
    ("POST", "/feedback", b'{"prediction_id": "forged", "actual": 1}', 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), TABLE)
def test_the_same_question_has_the_same_answer(start, method, path, body, status):
    """Status, type and body are one, also for what is refused."""
    told = []
    for framework in FRAMEWORKS:
        start()
        told.append(service_of(framework, PREFIX)(method, PREFIX + path, body))
        otelml.shutdown()
    assert {one.status for one in told} == {status}
    assert {one.media for one in told} == {"application/json"}
    if status >= 300:
        assert len({one.body for one in told}) == 1
    elif method == "HEAD":
        assert {one.body for one in told} == {b""}
    else:
        assert len({tuple(json.loads(one.body)) for one in told}) == 1


@pytest.mark.parametrize("path", ["/monitor/status", "/monitor/report", "/monitor/reports/"])
def test_one_state_reads_the_same_everywhere(start, predict, path):
    """With one monitor behind them, the answers are equal byte for byte."""
    telemetry = start()
    predict()
    assert telemetry.check_drift()
    told = [service_of(framework)("GET", path) for framework in FRAMEWORKS]
    assert {one.status for one in told} == {200}
    assert len({one.body for one in told}) == 1
    assert told[0].body.endswith(b"}\n")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_token_is_asked_for(start, monkeypatch, framework):
    """Other tokens are refused with the header that says what is wanted; feedback needs none."""
    start()
    ask = service_of(framework)
    monkeypatch.setenv(env.OTELML_ADMIN_TOKEN, "secret")
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic secret"}):
        for method, path in (("GET", "/monitor/status"), ("POST", "/monitor/trigger")):
            told = ask(method, path, headers=wrong)
            assert (told.status, told.headers["www-authenticate"]) == (401, "Bearer")
        assert ask("GET", "/monitor/reports/latest", headers=wrong).status == 401
    assert ask("GET", "/monitor/status", headers={"Authorization": "bearer secret"}).status == 200
    assert ask("POST", "/feedback", b"{}").status == 400


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_label_comes_in(start, predict, framework):
    """By each framework a label finds its prediction."""
    start()
    prediction = predict(rows=1)
    body = json.dumps({"prediction_id": prediction.id, "actual": "no"}).encode()
    told = service_of(framework)("POST", "/feedback", body)
    assert json.loads(told.body) == {"actual": "no", "outcome": "wrong", "predicted": "yes"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_without_telemetry_or_monitor_it_is_said(start, framework):
    """503 before ``init``; with the monitor off, status says so and the rest is 503."""
    ask = service_of(framework, with_feedback=False)
    assert ask("GET", "/monitor/status").status == 503
    start(enabled=False)
    status = ask("GET", "/monitor/status")
    assert json.loads(status.body) == {"enabled": False, "models": []}
    assert ask("POST", "/monitor/trigger").status == 503
    assert ask("GET", "/monitor/report").status == 503
    assert ask("POST", "/feedback").status in {404, 405}
    assert ask("GET", "/monitor/nothing").status == 404
    assert ask("GET", "/monitor/trigger").status == 405


def test_fastapi_documents_the_endpoints():
    """The service's own schema has each path once."""
    from tests.endpoints._services import application

    paths = application("fastapi", PREFIX).openapi()["paths"]
    assert set(paths) == {
        f"{PREFIX}{path}"
        for path in (
            "/monitor/status", "/monitor/report", "/monitor/reports/", "/monitor/reports/{name}",
            "/monitor/retraining", "/monitor/trigger", "/monitor/accept", "/feedback",
        )
    }  # fmt: skip
    assert set(paths[f"{PREFIX}/monitor/trigger"]) == {"post"}
