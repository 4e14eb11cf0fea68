"""Nothing that goes wrong in the instrumentation reaches the service."""

from __future__ import annotations

import os

import pytest
from flask import Flask
from opentelemetry.instrumentation import _semconv
from opentelemetry.instrumentation.flask import FlaskInstrumentor

from otelml import _fast_paths, _guard
from otelml.instrumentors.conventions import prefer_stable_conventions


class BrokenError(Exception):
    """What goes wrong."""


def fail(*_args, **_kwargs):
    raise BrokenError


@pytest.fixture
def app(model):
    """An application that predicts."""
    app = Flask("app")
    app.get("/")(lambda: {"y": model.predict()})
    return app


@pytest.fixture
def no_lane(monkeypatch):
    """Contrib serves all applications."""
    monkeypatch.setattr(_fast_paths, "_off", {_fast_paths.SERVERS: "a test"})


@pytest.mark.parametrize(
    "broken",
    [
        "collect_request_attributes",
        "add_response_attributes",
        "_parse_active_request_count_attrs",
        "_parse_duration_attrs",
    ],
)
def test_contrib_fails(no_lane, seen, app, monkeypatch, broken):
    """Where contrib fails, before, during or after the request, the answer is the same."""
    from opentelemetry.instrumentation import wsgi

    app.test_client().get("/")
    monkeypatch.setattr(wsgi, broken, fail)
    response = app.test_client().get("/")
    assert (response.status_code, response.json) == (200, {"y": [0]})
    assert len(seen.predictions()) == 2
    assert _guard.errors["flask"] > 0


def test_contrib_cannot_instrument(no_lane, watch, app, monkeypatch):
    """Where contrib cannot instrument an application, its predictions are still seen."""
    monkeypatch.setattr(FlaskInstrumentor, "instrument_app", fail)
    with watch() as seen:
        assert app.test_client().get("/").status_code == 200
        assert len(seen.predictions()) == 1
    assert _guard.errors["flask"] > 0


def test_untrusted_host(seen, app):
    """A host that Flask refuses is answered 400 as without instrumentation."""
    app.config["TRUSTED_HOSTS"] = ["good.example"]
    client = app.test_client()
    assert client.get("/", headers={"Host": "good.example"}).status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_server_fails(seen, app):
    """An error of the server's own ``start_response`` is the server's."""
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "s", "SERVER_PORT": "80",
        "wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1",
    }  # fmt: skip
    with pytest.raises(BrokenError):
        app(environ, fail)
    assert not _guard.errors


def test_without_otelml_running(seen, app):
    """After ``shutdown`` the hooks only pass the request on."""
    from otelml._prediction.runtime import current_runtime, install_runtime

    before = current_runtime()
    install_runtime(None)
    try:
        assert app.test_client().get("/").status_code == 200
    finally:
        install_runtime(before)
    assert not seen.predictions()


@pytest.mark.parametrize(("chosen", "mode"), [(None, "HTTP"), ("http/dup", "DEFAULT")])
def test_conventions(monkeypatch, chosen, mode):
    """The stable conventions are switched on late, unless the user chose which."""
    stability = _semconv._OpenTelemetrySemanticConventionStability
    signal = _semconv._OpenTelemetryStabilitySignalType.HTTP
    kept = {signal: _semconv._StabilityMode.DEFAULT}
    monkeypatch.setattr(stability, "_OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING", kept)
    monkeypatch.setattr(stability, "_initialized", True)
    monkeypatch.delenv("OTEL_SEMCONV_STABILITY_OPT_IN", raising=False)
    if chosen:
        monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", chosen)
    before = dict(os.environ)
    prefer_stable_conventions()
    assert kept[signal] is _semconv._StabilityMode[mode]
    assert dict(os.environ) == before
