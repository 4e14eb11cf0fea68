"""Django: one prediction a request, three stages, the id in the header, under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client

import otelml
from otelml.instrumentors.wsgi import WsgiInstrumentor
from tests.instrumentors.django import _site

STAGES = ["feature_extraction", "inference", "post_processing"]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Answer:
    """What came back."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}


def by_wsgi(path, method="POST", body=b"", **environ):
    given = {"PATH_INFO": path, "REQUEST_METHOD": method, "wsgi.input": io.BytesIO(body),
             "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json", **environ}  # fmt: skip
    setup_testing_defaults(given)
    told = []
    result = WSGIHandler()(given, lambda status, headers, _=None: told.append((status, headers)))
    try:
        whole = b"".join(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    return Answer(int(told[0][0][:3]), told[0][1], whole)


def by_asgi(path, method="POST", body=b"", **environ):
    path, _, query = path.partition("?")
    headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]
    if "HTTP_TRACEPARENT" in environ:
        headers.append((b"traceparent", environ["HTTP_TRACEPARENT"].encode()))
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
             "path": path, "raw_path": path.encode(), "root_path": "", "scheme": "http",
             "query_string": environ.get("QUERY_STRING", query).encode(), "headers": headers,
             "server": ("testserver", 80), "client": ("127.0.0.1", 5)}  # fmt: skip
    sent, asked = [], [{"type": "http.request", "body": body}]

    async def receive():
        if asked:
            return asked.pop()
        await asyncio.sleep(30)
        raise AssertionError

    async def send(message):
        sent.append(message)

    asyncio.run(ASGIHandler()(scope, receive, send))
    found = [(k.decode(), v.decode()) for k, v in sent[0]["headers"]]
    return Answer(sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:]))


WAYS = {"wsgi": by_wsgi, "asgi": by_asgi}
CASES = [
    ("/plain/a", "/plain/<str:name>"), ("/async", "/async"), ("/both", "/both"),
    ("/class", "/class"), ("/async-class", "/async-class"), ("/drf/function", "/drf/function"),
    ("/drf/class", "/drf/class"), ("/regex/a", r"/regex/(?P<name>\w+)$"),
    ("/v1/in/b", "/v1/in/<str:name>"),
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("path", "route"), CASES, ids=[path for path, _ in CASES])
def test_one_prediction_a_request(capture_telemetry, way, path, route):
    """In the server span's trace, with stages that fill it; span and metric name the template."""
    for _ in range(2):
        answer = WAYS[way](path, body=b'{"n": 1}', HTTP_TRACEPARENT=PARENT)
        assert (answer.status, answer.headers["x-seen"]) == (200, "yes")
        assert b'"label":1' in answer.body.replace(b" ", b"")
    predictions = capture_telemetry.predictions()
    assert len(predictions) == 2
    servers = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    assert [span.name for span in servers] == [f"POST {route}"] * 2
    for prediction, server in zip(predictions, servers, strict=True):
        assert prediction.parent.span_id == server.context.span_id
        assert f"{server.context.trace_id:032x}" in PARENT
        assert [s.name for s in capture_telemetry.children(prediction)] == STAGES
        capture_telemetry.assert_stages_fill(prediction)
        assert server.attributes["http.route"] == route
        assert server.attributes["http.response.status_code"] == 200
    assert answer.headers["x-prediction-id"] == predictions[-1].attributes["ml.prediction.id"]
    durations = capture_telemetry.metric("http.server.request.duration")
    assert durations.where(**{"http.route": route}).count() == 2
    assert capture_telemetry.metric("http.server.active_requests").sum() == 0
    assert capture_telemetry.metric("ml.predictions").sum() == 2


@pytest.mark.parametrize(
    ("way", "path"),
    [
        ("wsgi", "/stream"),
        ("asgi", "/stream"),
        ("asgi", "/async-stream"),
        ("wsgi", "/async-stream"),
    ],
)
def test_a_stream_is_part_of_its_request(capture_telemetry, way, path):
    """What predicts while the body is sent has the server span above it, which outlasts it."""
    answer = WAYS[way](path)
    assert (answer.status, answer.body) == (200, b"[1]")
    (prediction,) = capture_telemetry.predictions()
    (server,) = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    assert prediction.parent.span_id == server.context.span_id
    assert prediction.end_time <= server.end_time
    assert [s.name for s in capture_telemetry.children(prediction)] == STAGES


@pytest.mark.parametrize("way", WAYS)
def test_a_file_is_left_alone(capture_telemetry, way):
    """Its prediction ends with the view."""
    assert WAYS[way]("/file").body == Path(_site.__file__).read_bytes()
    assert len(capture_telemetry.predictions()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_errors(capture_telemetry, way):
    """What answers the client is no error of the prediction; what fails is."""
    for path, status, failed in (("/denied", 403, False), ("/fails", 500, True)):
        answer = WAYS[way](path)
        assert answer.status == status
        assert answer.headers["x-prediction-id"]
        (prediction,) = capture_telemetry.predictions()
        assert (prediction.status.status_code.name == "ERROR") is failed
        (server,) = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
        assert server.attributes["http.response.status_code"] == status
        capture_telemetry.clear()


@pytest.mark.parametrize("way", WAYS)
def test_what_fails_before_its_prediction_counts(capture_telemetry, way):
    """Once the route has predicted, a request that could not is a failed prediction."""
    assert WAYS[way]("/before").status == 200
    assert WAYS[way]("/before", QUERY_STRING="fail=1").status == 500
    failed = capture_telemetry.metric("ml.predictions").where(**{"error.type": "ConnectionError"})
    assert failed.sum() == 1


@pytest.mark.parametrize("way", WAYS)
def test_no_route(capture_telemetry, way):
    """An unknown path has a span by its method, which names no path."""
    assert WAYS[way]("/nothing/at/all", "GET").status == 404
    (server,) = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    assert server.name == "GET"
    assert "http.route" not in server.attributes


def test_the_test_client(capture_telemetry):
    """Without a server there are predictions and ids, and no server span."""
    answer = Client().post("/plain/a")
    (prediction,) = capture_telemetry.predictions()
    assert answer.headers["X-Prediction-Id"] == prediction.attributes["ml.prediction.id"]
    assert [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"] == []


def test_a_site_that_exists_already(monkeypatch):
    """One that served before init, when it comes; nothing is left after shutdown."""
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    before = {name: vars(BaseHandler)[name] for name in ("get_response", "make_view_atomic")}
    assert "x-prediction-id" not in by_wsgi("/plain/a").headers
    otelml.init("again")
    try:
        assert by_wsgi("/plain/a").headers["x-prediction-id"]
    finally:
        otelml.shutdown()
    assert "x-prediction-id" not in by_wsgi("/plain/a").headers
    assert {name: vars(BaseHandler)[name] for name in before} == before


def test_contribs_middleware_is_not_doubled(capture_telemetry):
    """Where contrib instruments Django, its span is the only one."""
    from opentelemetry.instrumentation.django import DjangoInstrumentor

    contrib = DjangoInstrumentor()
    provider = WsgiInstrumentor().options["tracer_provider"]
    contrib.instrument(skip_dep_check=True, tracer_provider=provider)
    try:
        assert by_wsgi("/plain/a").status == 200
    finally:
        contrib.uninstrument()
    assert len([span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]) == 1
    assert len(capture_telemetry.predictions()) == 1
