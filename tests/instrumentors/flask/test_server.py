"""Where a request went: host and port apart."""

from __future__ import annotations

import pytest
from flask import Flask
from opentelemetry.instrumentation import flask as contrib
from opentelemetry.instrumentation import wsgi
from werkzeug.test import EnvironBuilder, run_wsgi_app

from otelml.instrumentors.flask.server import split_host
from otelml.testing import capture

ADDRESS, PORT = "server.address", "server.port"
HOSTS = [
    ("127.0.0.1:5000", "127.0.0.1", 5000),
    ("api.example", "api.example", None),
    ("api.example:8443", "api.example", 8443),
    ("api.example:", "api.example", None),
    ("API.example.:80", "API.example.", 80),
    ("[::1]:5000", "::1", 5000),
    ("[2001:db8::7]", "2001:db8::7", None),
    ("[fe80::1%25eth0]:80", "fe80::1%25eth0", 80),
    ("::1", "::1", None),
    ("2001:db8::7", "2001:db8::7", None),
    (" api.example:81 ", "api.example", 81),
    ("api.example:0", "api.example", None),
    ("api.example:65536", "api.example", None),
    ("api.example:" + "9" * 5000, "api.example", None),
    (":5000", "", None),
    ("a:b:c", "", None),
    ("[::1", "", None),
    ("api.example:http", "", None),
    ("", "", None),
]


@pytest.mark.parametrize(("header", "host", "port"), HOSTS)
def test_split_host(header, host, port):
    """Host and port of a header; of one that names no host, nothing."""
    assert split_host(header) == (host, port)


def _ask(app, host, **headers):
    environ = EnvironBuilder("/", headers=headers).get_environ()
    environ["SERVER_PORT"] = "5001"
    environ.pop("HTTP_HOST", None)
    if host is not None:
        environ["HTTP_HOST"] = host
    seen = []
    app.get("/")(lambda: seen.append(dict(environ)) or "ok")
    run_wsgi_app(app, environ)
    assert seen
    assert environ.get("HTTP_HOST") == host


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("127.0.0.1:5000", "127.0.0.1", 5000),
        ("api.example", "api.example", 5001),
        ("[::1]:5000", "::1", 5000),
        ("[::1]", "::1", 5001),
        (None, None, 5001),
        (":5000", None, 5001),
    ],
)
def test_span(seen, host, address, port):
    """Of the span: the host alone, the port that was asked for, else the server's."""
    _ask(Flask("server"), host)
    (server,) = seen.servers()
    assert (server.attributes.get(ADDRESS), server.attributes.get(PORT)) == (address, port)


def test_forwarded_is_not_looked_at(seen):
    """What a proxy says of the host is no header of ours to believe."""
    _ask(Flask("server"), "api.example:80", **{"X-Forwarded-Host": "x:1", "Forwarded": "host=y:2"})
    (server,) = seen.servers()
    assert (server.attributes[ADDRESS], server.attributes[PORT]) == ("api.example", 80)


def test_the_old_conventions(monkeypatch):
    """Spans and metrics of a user who asked for both have the host alone under both names."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup")
    semconv = contrib._OpenTelemetrySemanticConventionStability
    kind = contrib._OpenTelemetryStabilitySignalType.HTTP
    mapping = semconv._OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING
    monkeypatch.setitem(mapping, kind, contrib._StabilityMode.HTTP_DUP)
    with capture() as captured:
        _ask(Flask("server"), "127.0.0.1:5000")
        (server,) = captured.spans("GET /")
        points = captured.metric("http.server.duration").points
    assert {server.attributes["net.host.name"], server.attributes[ADDRESS]} == {"127.0.0.1"}
    assert server.attributes["http.host"] == "127.0.0.1:5000"
    assert [point.attributes["net.host.name"] for point in points] == ["127.0.0.1"]
    assert [point.attributes["net.host.port"] for point in points] == [5000]


def test_contrib_is_as_before_afterwards(watch):
    """Only Flask's instrumentation is changed, and only while ours is in place."""
    with watch():
        assert contrib.otel_wsgi is not wsgi
        assert contrib.otel_wsgi.get_default_span_name is wsgi.get_default_span_name
    assert contrib.otel_wsgi is wsgi
