"""Outgoing calls: one span each, in the caller's trace, with nothing secret in it."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import subprocess
import sys
import threading

import httpx
import pytest
import requests
import urllib3
from opentelemetry import trace

import otelml
from otelml.instrumentors.clients import (
    HttpxInstrumentor,
    RequestsInstrumentor,
    Urllib3Instrumentor,
)
from tests._otlp_server import OtlpServer

LOGIN = "u5er:s3cret"


class _Handler(http.server.BaseHTTPRequestHandler):
    seen: list[str]

    def do_GET(self):
        self.server.seen.append(self.headers.get("traceparent"))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def upstream():
    """A server that keeps the ``traceparent`` of each request."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def by_requests(url):
    requests.get(url, timeout=10)


def by_session(url):
    with requests.Session() as session:
        session.get(url, timeout=10)


def by_httpx(url):
    httpx.get(url)


def by_async_httpx(url):
    async def call():
        async with httpx.AsyncClient() as client:
            await client.get(url)

    asyncio.run(call())


def by_urllib3(url):
    with urllib3.PoolManager() as pool:
        pool.request("GET", url)


CALLS = [by_requests, by_session, by_httpx, by_async_httpx, by_urllib3]


def _clients(telemetry):
    return [span for span in telemetry.spans() if span.kind.name == "CLIENT"]


@pytest.mark.parametrize("call", CALLS)
def test_one_span_a_call(capture_telemetry, upstream, call):
    """Below the caller's span; the other side hears of it; no credential and no query in it."""
    url = f"http://{LOGIN}@127.0.0.1:{upstream.server_port}/v1/score?token=t0ken&ssn=123#f4g"
    with trace.get_tracer("t").start_as_current_span("outer") as outer:
        call(url)
    (span,) = _clients(capture_telemetry)
    assert span.name == "GET"
    (header,) = upstream.seen
    ids = span.context
    assert header == f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{ids.trace_flags:02x}"
    assert ids.trace_flags.sampled
    assert span.attributes["http.response.status_code"] == 200
    told = json.loads(span.to_json())
    assert told["attributes"]["url.full"].startswith("http://")
    for secret in ("u5er", "s3cret", "t0ken", "123", "f4g"):
        assert secret not in span.to_json()
    durations = capture_telemetry.metric("http.client.request.duration")
    assert durations.count() == 1
    assert outer is not None


@pytest.mark.parametrize("call", CALLS)
def test_a_failed_call_tells_nothing_secret(capture_telemetry, call):
    """The library's own message has the URL in it."""
    with pytest.raises(Exception, match=r".*"):
        call(f"http://{LOGIN}@127.0.0.1:1/v1/score?token=t0ken")
    for span in _clients(capture_telemetry):
        for secret in ("u5er", "s3cret", "t0ken"):
            assert secret not in span.to_json()
    assert _clients(capture_telemetry)


_SERVICE = """
import otelml
otelml.init("caller")
import sys
assert "httpx" not in sys.modules  # what the service does not use is not loaded
if len(sys.argv) > 2:
    import opentelemetry.instrumentation.httpx, opentelemetry.instrumentation.requests
import httpx, requests
for call in (requests.get, httpx.get):
    call(sys.argv[1], timeout=10)
otelml.shutdown()
"""


@pytest.mark.parametrize("contrib_first", [[], ["contrib"]], ids=["library", "contrib"])
@pytest.mark.parametrize("outgoing", ["true", "false"])
def test_a_service_sends_its_calls_alone(upstream, outgoing, contrib_first):
    """What exporters send is none of them; the option turns them off.

    Contrib's modules import the library, so that it is there before they are whole.
    """
    with OtlpServer() as otlp:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL", "PYTEST"))}
        environment |= {**otlp.environment(), "OTELML_TRACE_OUTGOING": outgoing}
        url = f"http://127.0.0.1:{upstream.server_port}/"
        done = subprocess.run(
            [sys.executable, "-c", _SERVICE, url, *contrib_first],
            env=environment,
            check=True,
            timeout=120,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "kept away" not in done.stderr
        found = [(s.kind, s.name) for s in otlp.spans]
    assert found == ([(3, "GET")] * 2 if outgoing == "true" else [])
    assert [bool(header) for header in upstream.seen] == [outgoing == "true"] * 2


def test_nothing_is_left(monkeypatch):
    """After shutdown each library is as it was, and init puts it back."""
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    send = requests.Session.send
    for _ in range(2):
        otelml.init("again")
        assert requests.Session.send is not send
        assert hasattr(httpx.HTTPTransport.handle_request, "__wrapped__")
        otelml.shutdown()
        assert requests.Session.send is send
        assert not hasattr(httpx.HTTPTransport.handle_request, "__wrapped__")
    for one in (RequestsInstrumentor, HttpxInstrumentor, Urllib3Instrumentor):
        assert not one().is_instrumented_by_opentelemetry
