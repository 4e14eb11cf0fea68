"""The lane where things are tight: a full queue, forks, signals, gevent; and any request."""

from __future__ import annotations

import signal
import threading

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import propagate, trace
from opentelemetry.instrumentation import _semconv
from opentelemetry.instrumentation import flask as contrib
from opentelemetry.propagators.composite import CompositePropagator

import otelml
from otelml import _guard
from otelml._servers import parts_of
from otelml.config import Config, TraceOptions
from otelml.instrumentors.conventions import prefer_stable_conventions
from otelml.instrumentors.flask import server as flask_server
from otelml.instrumentors.flask.ways import create_describer, is_known
from otelml.testing import capture
from tests._otlp_server import OtlpServer
from tests._processes import run, start

pytestmark = pytest.mark.skipif(not is_known(), reason="contrib serves all, older than the lane")

DURATION = "http.server.request.duration"
ACTIVE = "http.server.active_requests"
_REQUESTS = 60
_ROOM = 10

_APP = """
import os, signal, sys, threading, time
from flask import Flask
import otelml
from otelml.instrumentors.flask.lane import Lane
telemetry = otelml.init("service", system=False, drift=False, logs=False)
app = Flask("app")
@app.get("/<name>")
def view(name):
    return name
def ask(name):
    assert app.test_client().get("/" + name).status_code == 200
    assert app.__dict__["_otelml_entry"].lane is not None
"""


@pytest.fixture
def server():
    with OtlpServer() as one:
        yield one


def test_a_full_queue():
    """HTTP metrics and spans stay exact; predictions give way and are counted."""
    config = Config(traces=TraceOptions(queue_size=_ROOM), system=False)
    app = Flask("app")

    @app.get("/")
    def view():
        with otelml.prediction("m") as p:
            p.set_result(label="yes")
        return "x"

    with capture(config) as captured:
        worker = captured._pipeline.worker
        with worker._drain_lock:  # the worker stands still
            for _ in range(_REQUESTS):
                app.test_client().get("/")
            assert len(captured._pipeline.recorder.queue) == _ROOM
        assert captured.metric(DURATION).count() == _REQUESTS
        assert captured.metric(ACTIVE).sum() == 0
        assert len(captured.spans("GET /")) == _REQUESTS
        made = len(captured.predictions())
        assert made + captured._pipeline.recorder.dropped == _REQUESTS
        assert 0 < made <= _ROOM
    assert not _guard.errors


def test_after_the_end():
    """A request that ends when the worker has been stopped is measured all the same."""
    app = Flask("app")
    entered, go_on = threading.Event(), threading.Event()

    @app.get("/")
    def view():
        entered.set()
        go_on.wait(10)
        return "x"

    with capture() as captured:
        thread = threading.Thread(target=lambda: app.test_client().get("/"))
        thread.start()
        entered.wait(10)
        captured._pipeline.worker.stop(float("inf"))
        go_on.set()
        thread.join()
        assert captured.metric(DURATION).count() == 1
        assert [s.name for s in captured._spans.get_finished_spans()] == ["GET /"]


def test_exemplars_are_of_their_stream():
    """An exemplar of a route leads to a request of that route."""
    app = Flask("app")
    app.add_url_rule("/a", "a", lambda: "a")
    app.add_url_rule("/b", "b", lambda: "b")
    with capture() as captured:
        for path in ("/a", "/b"):
            app.test_client().get(path)
        spans = {s.context.span_id: s for s in captured.spans()}
        for route in ("/a", "/b"):
            (exemplar,) = captured.metric(DURATION).where(http__route=route).exemplars()
            assert spans[exemplar.span_id].name == f"GET {route}"
            assert spans[exemplar.span_id].context.trace_id == exemplar.trace_id


def test_an_untrusted_host_has_its_span():
    """What Flask answers 400 is a request like any other; contrib fails on it."""
    app = Flask("app")
    app.config["TRUSTED_HOSTS"] = ["good.example"]
    app.get("/")(lambda: "x")
    with capture() as captured:
        app.test_client().get("/", headers={"Host": "evil.example"})
        (span,) = captured.spans()
        assert span.attributes["http.response.status_code"] == 400
        assert captured.metric(DURATION).count() == 1
    assert not _guard.errors


def test_without_propagators():
    """With no propagator at all each request is a root; contrib fails there."""
    app, seen = Flask("app"), []
    app.get("/")(lambda: seen.append(trace.get_current_span()) or "x")
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(CompositePropagator([]))
    try:
        with capture() as captured:
            parent = f"00-{1:032x}-{1:016x}-01"
            app.test_client().get("/", headers={"traceparent": parent})
            (span,) = captured.spans()
            assert span.parent is None
            assert seen[0].get_span_context().span_id == span.context.span_id
    finally:
        propagate.set_global_textmap(before)


def test_handed_to_itself_with_the_same_environ():
    """Each of both requests has its span; contrib loses the outer one."""
    app = Flask("app")
    app.get("/inner")(lambda: "in")

    @app.get("/outer")
    def outer():
        from flask import request

        environ = request.environ
        environ["PATH_INFO"] = "/inner"
        app.wsgi_app(environ, lambda *_: None)
        environ["PATH_INFO"] = "/outer"
        return "out"

    with capture() as captured:
        app.test_client().get("/outer")
        assert [s.name for s in captured.spans()] == ["GET /inner", "GET /outer"]
        assert captured.metric(DURATION).count() == 2
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_signals_lose_nothing(server):
    """What was answered before SIGTERM is sent, spans and counts."""
    process = start(
        _APP
        + """
for number in range(50):
    ask("a")
print("ready", flush=True)
for _ in range(1200):
    time.sleep(0.05)
""",
        **server.environment(),
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert server.span_names().count("GET /<name>") == 50
    assert max(point.count for point in server.points(DURATION)) == 50


def test_forks(server):
    """A child reports its own requests alone, and not those that its parent is in."""
    code, _, err = run(
        _APP
        + """
@app.get("/fork")
def fork():
    telemetry.force_flush(10)
    child = os.fork()
    if not child:
        ask("child")
        ask("child")
        telemetry.force_flush(10)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return "x"
ask("parent")
ask("fork")
otelml.shutdown(10)
""",
        **server.environment(),
    )
    assert (code, err) == (0, ""), err
    names = sorted(server.span_names())
    assert names == ["GET /<name>"] * 3 + ["GET /fork"]
    counts = sorted(p.count for p in server.points(DURATION))
    assert counts[-1] == 2
    assert [p.as_int for p in server.points(ACTIVE)][-1] == 0
    assert min(p.as_int for p in server.points(ACTIVE)) >= 0


def test_gevent(server):
    """Requests of greenlets that take turns on one thread keep their own spans."""
    pytest.importorskip("gevent")
    code, out, err = run(
        "import gevent.monkey; gevent.monkey.patch_all()\n"
        + _APP
        + """
import gevent
from opentelemetry import trace
from flask import request
seen = {}
@app.get("/wait/<int:n>")
def wait(n):
    before = trace.get_current_span().get_span_context()
    gevent.sleep(0.002 * (n % 5))
    after = trace.get_current_span().get_span_context()
    seen[n] = before == after and trace.get_current_span().attributes["url.path"] == request.path
    return "x"
gevent.joinall([gevent.spawn(ask, f"wait/{n}") for n in range(40)])
assert all(seen.values()) and len(seen) == 40
assert trace.get_current_span() is trace.INVALID_SPAN
otelml.shutdown(10)
print("done")
""",
        **server.environment(),
    )
    assert (code, out) == (0, "done\n"), err
    assert server.span_names().count("GET /wait/<int:n>") == 40
    assert max(point.count for point in server.points(DURATION)) == 40


# --- what is made of any request ------------------------------------------------------------------

_text = st.text(max_size=12)
_hosts = st.sampled_from(
    ("a.example", "a:1", "[::1]:2", "::1", "a:b:c", " ", "", ":5", "x:0", "x:70000", "[x")
)
_environs = st.fixed_dictionaries(
    {},
    optional={
        "REQUEST_METHOD": st.sampled_from(("GET", "get", " GET", "BREW", "", "QUERY")) | _text,
        "wsgi.url_scheme": st.sampled_from(("http", "https", "")),
        "HTTP_HOST": _hosts | _text,
        "SERVER_NAME": _text,
        "SERVER_PORT": st.sampled_from(("", "0", "80", "8000", "70000")),
        "RAW_URI": _text,
        "REQUEST_URI": _text,
        "PATH_INFO": _text,
        "QUERY_STRING": _text,
        "REMOTE_ADDR": _text,
        "REMOTE_PORT": st.sampled_from(("", "0", "80", "x", "-1")),
        "REMOTE_HOST": _text,
        "HTTP_USER_AGENT": st.sampled_from(("Googlebot/1", "alwayson", "")) | _text,
        "SERVER_PROTOCOL": st.sampled_from(("HTTP/1.1", "http/2", "HTTP/", "", "QUIC")) | _text,
    },
)


@settings(max_examples=300, deadline=None)
@given(environ=_environs)
def test_attributes_and_names_are_contrib_s(environ):
    """Attributes of any request, and their order, are those of contrib, host and port apart."""
    prefer_stable_conventions()
    mode = _semconv._StabilityMode.HTTP
    module = flask_server._Wsgi(contrib.otel_wsgi)
    describer = create_describer()
    theirs = module.collect_request_attributes(environ, mode)
    parts = parts_of(environ)
    for _ in range(2):  # made, and then known
        assert list(describer.attributes(parts, None).items()) == list(theirs.items())
    assert describer.name(parts, None) == module.get_default_span_name(environ)
