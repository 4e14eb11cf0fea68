"""When contrib serves an application instead of the lane, and what that changes over."""

from __future__ import annotations

import contextlib
import threading

import pytest
from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation import flask as contrib
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind
from werkzeug.test import Client

from otelml import _fast_paths, _guard
from otelml._prediction import install_runtime
from otelml._startup.pipeline import Pipeline
from otelml.config import Config
from otelml.instrumentors.flask import FlaskMLInstrumentor
from otelml.instrumentors.flask import ways as flask_ways
from tests.instrumentors.flask._both import Providers

known = pytest.mark.skipif(
    not flask_ways.is_known(), reason="contrib serves all, older than the lane"
)


class Starts(SpanProcessor):
    """Hears of starts."""

    def __init__(self):
        self.names = []

    def on_start(self, span, parent_context=None):
        self.names.append(span.name)


class Foreign(trace.TracerProvider):
    """A provider of another making."""

    def __init__(self, inner):
        self._inner = inner

    def get_tracer(self, *args, **kwargs):
        return self._inner.get_tracer(*args, **kwargs)


@contextlib.contextmanager
def watched(**options):
    """Yield providers, with Flask instrumented and otelml running."""
    found = Providers()
    pipeline = Pipeline(Config(system=False), found)
    pipeline.start()
    instrumentor = FlaskMLInstrumentor()
    given = {"tracer_provider": found.tracer_provider, "meter_provider": found.meter_provider}
    found.flush = lambda: pipeline.flush(float("inf"))
    try:
        instrumentor.instrument(**{**given, **options}, skip_dep_check=True)
        yield found
    finally:
        instrumentor.uninstrument()
        pipeline.stop(float("inf"))
        install_runtime(None)


def make(name="app"):
    app = Flask(name)
    app.get("/")(lambda: "hello")
    return app


def way(app):
    """Return who serves an application: lane, contrib, or nobody of ours."""
    entry = app.__dict__["_otelml_entry"]
    return "lane" if entry.lane is not None else "contrib" if entry.contrib is not None else ""


def servers(found, where=None):
    found.flush()
    spans = (where or found).exporter.get_finished_spans()
    return [s.name for s in spans if s.kind is SpanKind.SERVER]


def count(found):
    found.flush()
    data = found.reader.get_metrics_data()
    return sum(
        point.count
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "http.server.request.duration"
        for point in metric.data.data_points
    )


@known
def test_the_lane_by_default():
    """Without a reason, contrib serves nothing."""
    with watched() as found:
        app = make()
        app.test_client().get("/")
        assert way(app) == "lane"
        assert servers(found) == ["GET /"]
        assert count(found) == 1


@pytest.mark.parametrize(
    "reason",
    [
        "commenter",
        "provider",
        "meter",
        "processor",
        "counts",
        "ordinary",
        "running",
        "known",
        "dup",
        "old",
    ],
)
def test_contrib_where_it_is_needed(reason, monkeypatch):
    """What the lane does not do, contrib does: the application has its span all the same."""
    options, inner = {}, Providers()
    if reason == "commenter":
        options = {"enable_commenter": True, "commenter_options": {}}
    elif reason == "provider":
        options = {"tracer_provider": Foreign(inner.tracer_provider)}
    elif reason == "meter":
        options = {"meter_provider": NoOpMeterProvider()}
    elif reason == "counts":
        monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    elif reason == "ordinary":
        monkeypatch.setenv("OTELML_ORDINARY_SPANS", "true")
    elif reason == "known":
        original = contrib.otel_wsgi.collect_request_attributes

        def more(environ, *args, **kwargs):
            return {**original(environ, *args, **kwargs), "http.new": environ.get("HTTP_NEW", "")}

        monkeypatch.setattr(contrib.otel_wsgi, "collect_request_attributes", more)
        monkeypatch.setattr(flask_ways._checked, "value", False)
        monkeypatch.setattr(_fast_paths, "_off", {})
    elif reason == "old":
        monkeypatch.setattr(contrib, "__version__", "0.65b0")
    elif reason == "dup":
        monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup")
        stability = contrib._OpenTelemetrySemanticConventionStability
        monkeypatch.setitem(
            stability._OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING,
            contrib._OpenTelemetryStabilitySignalType.HTTP,
            contrib._StabilityMode.HTTP_DUP,
        )
    with watched(**options) as found:
        if reason == "processor":
            found.tracer_provider.add_span_processor(Starts())
        if reason == "running":
            install_runtime(None)
        app = make()
        assert app.test_client().get("/").status_code == 200
        assert way(app) == "contrib"
        assert servers(found, inner if reason == "provider" else found) == ["GET /"]
    assert not _guard.errors


@known
def test_a_processor_that_comes_later():
    """From then on contrib serves the application, and the processor hears of each start."""
    with watched() as found:
        app, starts = make(), Starts()
        client = app.test_client()
        client.get("/")
        assert way(app) == "lane"
        found.tracer_provider.add_span_processor(starts)
        client.get("/")
        client.get("/")
        assert way(app) == "contrib"
        assert starts.names == ["GET /"] * 2
        assert servers(found) == ["GET /"] * 3
        assert count(found) == 3
    assert app.test_client().get("/").status_code == 200
    assert not [hook for hooks in app.before_request_funcs.values() for hook in hooks]
    assert not [hook for hooks in app.teardown_request_funcs.values() for hook in hooks]
    assert not _guard.errors


@known
def test_a_processor_that_comes_during_a_request():
    """A request of the lane ends in the lane, although contrib's hooks are there by then."""
    with watched() as found:
        app, starts = Flask("app"), Starts()

        @app.get("/outer")
        def outer():
            found.tracer_provider.add_span_processor(starts)
            thread = threading.Thread(target=lambda: app.test_client().get("/inner"))
            thread.start()
            thread.join()
            return "x"

        app.get("/inner")(lambda: "y")
        app.test_client().get("/outer")
        assert starts.names == ["GET /inner"]
        found.flush()
        ended = found.exporter.get_finished_spans()  # the thread brings the request along
        assert [(s.name, s.kind.name) for s in ended] == [
            ("GET /inner", "INTERNAL"),
            ("GET /outer", "SERVER"),
        ]
        assert count(found) == 2
    assert not _guard.errors


@known
def test_a_processor_that_comes_before_the_hooks_of_a_request():
    """A request that has entered by the lane is not begun by contrib's hook as well."""
    with watched() as found:
        app, starts = make(), Starts()

        @app.url_value_preprocessor
        def preprocess(_endpoint, _values):
            if not starts.names and way(app) == "lane":
                found.tracer_provider.add_span_processor(starts)
                thread = threading.Thread(target=lambda: app.test_client().get("/"))
                thread.start()
                thread.join()

        app.test_client().get("/")
        assert starts.names == ["GET /"]
        assert servers(found) == ["GET /"] * 2
        assert count(found) == 2
    assert not _guard.errors


@known
def test_a_processor_that_comes_later_past_the_entry():
    """The same for an application that a server holds by its function."""
    app = make()
    client = Client(app.wsgi_app)
    with watched() as found:
        client.get("/")
        assert servers(found) == ["GET /"]
        starts = Starts()
        found.tracer_provider.add_span_processor(starts)
        client.get("/")
        client.get("/")
        assert starts.names == ["GET /"] * 2
        assert servers(found) == ["GET /"] * 3
    assert not _guard.errors


@known
def test_given_to_contrib_before():
    """An application that was given to contrib is contrib's, and others are the lane's."""
    mine, theirs = make("mine"), make("theirs")
    with watched() as found:
        FlaskInstrumentor.instrument_app(
            theirs, tracer_provider=found.tracer_provider, meter_provider=found.meter_provider
        )
        for app in (mine, theirs):
            app.test_client().get("/")
        assert way(mine) == "lane"
        assert servers(found) == ["GET /"] * 2
        data = found.reader.get_metrics_data().resource_metrics[0].scope_metrics
        names = [m.name for s in data for m in s.metrics if m.name.startswith("http.")]
        assert sorted(names) == ["http.server.active_requests", "http.server.request.duration"]
        assert count(found) == 2
    FlaskInstrumentor.uninstrument_app(theirs)


@known
def test_two_providers():
    """A provider of the application's own, whose processors only hear of ends, has the lane."""
    own = TracerProvider(shutdown_on_exit=False)
    with watched(tracer_provider=own):
        app = make()
        app.test_client().get("/")
        assert way(app) == "lane"
