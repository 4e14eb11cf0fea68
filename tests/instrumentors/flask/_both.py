"""One scenario by the lane and by contrib, and all the telemetry of each, so that it compares."""

from __future__ import annotations

import contextvars
import logging
import re
import time

from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from werkzeug.test import EnvironBuilder, run_wsgi_app

from otelml import _fast_paths
from otelml._prediction import install_runtime
from otelml._privacy import clean_span, current_policy, install_policy
from otelml._startup.pipeline import Pipeline
from otelml.config import Config, PrivacyOptions
from otelml.instrumentors.flask import FlaskMLInstrumentor
from otelml.instrumentors.flask.lane import Lane
from otelml.testing import SequentialIds
from tests._contrib import LoggingHandler

SCOPE = "opentelemetry.instrumentation.flask"
_WAIT_S = 10.0


class Providers:
    """Providers that keep everything in memory."""

    def __init__(self, sampler=None, meter=None, limits=None):
        self.resource = Resource({"service.name": "test"})
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.records = InMemoryLogRecordExporter()
        self.tracer_provider = TracerProvider(
            sampler=sampler,
            id_generator=SequentialIds(),
            resource=self.resource,
            span_limits=limits,
            shutdown_on_exit=False,
        )
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meter_provider = MeterProvider(
            [self.reader], resource=self.resource, shutdown_on_exit=False, **(meter or {})
        )
        self.logger_provider = LoggerProvider(resource=self.resource, shutdown_on_exit=False)
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self.records))

    def observe(self, meter, dropped=None):
        """Export nothing of its own."""


class Run:
    """What a scenario works with, and what it gave."""

    def __init__(self, providers, pipeline):
        self.providers = providers
        self.pipeline = pipeline
        self.answers = []
        self.at_once = False  # whether requests come at the same time
        self.apps = []
        self.seen = []
        self.tracer = providers.tracer_provider.get_tracer("application")
        self.log = logging.getLogger("application")

    def app(self, name="app", cls=Flask, **options):
        """Return an application."""
        app = cls(name, **options)
        self.apps.append(app)
        return app

    def send(self, app, path="/", environ=None, without=(), buffered=True, **options):
        """Send a request, with changes of its ``environ``; keep the answer."""
        own = EnvironBuilder(path, **options).get_environ()
        own["REMOTE_ADDR"] = "127.0.0.1"
        own["REMOTE_PORT"] = "50000"
        own.update(environ or {})
        for key in without:
            own.pop(key, None)
        try:
            body, status, headers = run_wsgi_app(app, own, buffered=buffered)
            self.answers.append((status, b"".join(body), sorted(headers.items())))
            close = getattr(body, "close", None)
            if close is not None:
                close()
        except Exception as error:
            self.answers.append(repr(error))

    def flush(self):
        """Wait until everything that ended has arrived."""
        assert self.pipeline.flush(time.monotonic() + _WAIT_S)

    def metrics(self):
        """Return the metrics of the scope as of now."""
        self.flush()
        data = self.providers.reader.get_metrics_data()
        return [
            metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            if scope.scope.name == SCOPE
            for metric in scope.metrics
        ]


class Counted:
    """How many requests each way served."""

    def __init__(self, patch):
        self.lane = self.contrib = 0
        serve, instrument = Lane.serve, FlaskInstrumentor.instrument_app

        def served(*args):
            self.lane += 1
            return serve(*args)

        def given(*args, **kwargs):
            self.contrib += 1
            return instrument(*args, **kwargs)

        patch.setattr(Lane, "serve", served)
        patch.setattr(FlaskInstrumentor, "instrument_app", staticmethod(given))


def run(*args, **settings):
    """Return what :func:`_run` returns, in a context of its own, which some scenarios leave."""
    return contextvars.Context().run(lambda: _run(*args, **settings))


def _run(way, scenario, monkeypatch, level="open", environment=None, providers=None, **options):
    """Return all telemetry of a scenario that went one way, and how many requests went which."""
    before, policy = None, current_policy()
    found = Providers(**(providers or {}))
    with monkeypatch.context() as patch:
        for key, value in (environment or {}).items():
            patch.setenv(key, value)
        counted = Counted(patch)
        if way == "contrib":
            patch.setattr(_fast_paths, "_off", {_fast_paths.SERVERS: "a test"})
        pipeline = Pipeline(Config(system=False, privacy=PrivacyOptions(level=level)), found)
        pipeline.start()
        handler = LoggingHandler(logger_provider=found.logger_provider)
        logging.getLogger("application").addHandler(handler)
        instrumentor = FlaskMLInstrumentor()
        made = Run(found, pipeline)
        early = getattr(scenario, "early", None)
        if early is not None:
            early(made)
        try:
            instrumentor.instrument(
                tracer_provider=found.tracer_provider,
                meter_provider=found.meter_provider,
                skip_dep_check=True,
                **options,
            )
            scenario(made)
            result = _telemetry(made)
        finally:
            instrumentor.uninstrument()
            logging.getLogger("application").removeHandler(handler)
            pipeline.stop(time.monotonic() + _WAIT_S)
            install_runtime(before)
            install_policy(policy)
    return result, counted


# --- telemetry as plain data ------------------------------------------------------------------------


def _telemetry(run):
    metrics = [_metric(m) for m in run.metrics()]
    policy = current_policy()
    _check_exemplars(metrics, run.providers.exporter.get_finished_spans())
    spans = [_span(clean_span(s, policy)) for s in run.providers.exporter.get_finished_spans()]
    if run.at_once:  # which thread drew which id, chance decides
        assert len({s["span_id"] for s in spans}) == len({s["trace_id"] for s in spans})
        for span in spans:
            span.update(trace_id=0, span_id=0)
    return {
        "answers": run.answers,
        "seen": run.seen,
        "spans": sorted(spans, key=lambda s: s["span_id"]),
        "metrics": sorted(metrics, key=lambda m: m["name"]),
        "logs": [
            (str(d.log_record.body), d.log_record.trace_id, d.log_record.span_id)
            for d in run.providers.records.get_finished_logs()
            if "Failed to detach" not in str(d.log_record.body)
        ],
    }


def _span(span):
    context, parent, scope = span.context, span.parent, span.instrumentation_scope
    assert 0 < span.start_time <= span.end_time
    return {
        "name": span.name,
        "kind": span.kind.name,
        "trace_id": context.trace_id,
        "span_id": context.span_id,
        "flags": int(context.trace_flags),
        "state": context.trace_state.to_header(),
        "parent": parent and (parent.trace_id, parent.span_id, parent.is_remote),
        "parent_state": parent and parent.trace_state.to_header(),
        "attributes": list((span.attributes or {}).items()),
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "status": (span.status.status_code.name, span.status.description),
        "events": [(e.name, _event(e.attributes)) for e in span.events],
        "links": [(li.context.span_id, dict(li.attributes or {})) for li in span.links],
        "scope": (scope.name, scope.version, scope.schema_url),
        "resource": dict(span.resource.attributes),
    }


def _event(attributes):
    found = dict(attributes or {})
    stack = found.get("exception.stacktrace")
    if stack is not None:
        found["exception.stacktrace"] = _without_own_frames(stack)
    return list(found.items())


_FRAME = re.compile(r"  File \"([^\"]+)\", line .*\n(?:    .*\n)*")


def _without_own_frames(stack):
    """Drop the frames of the instrumentation itself, which are the way that was taken."""
    return _FRAME.sub(
        lambda m: "" if "/otelml/" in m[1] or "/opentelemetry/" in m[1] else m[0], stack
    )


def _metric(metric):
    data = metric.data
    return {
        "name": metric.name,
        "unit": metric.unit,
        "description": metric.description,
        "type": type(data).__name__,
        "temporality": int(getattr(data, "aggregation_temporality", 0)),
        "monotonic": getattr(data, "is_monotonic", None),
        "points": sorted(map(_point, data.data_points), key=repr),
    }


def _check_exemplars(metrics, spans):
    """Which request of many is the exemplar, time decides; that it is one is compared."""
    known = {}
    for span in spans:
        known.setdefault(span.context.trace_id, set()).add(span.context.span_id)
    for point in (p for m in metrics for p in m["points"] if p.get("count", 1) > 1):
        exemplars = point["exemplars"]
        assert all(one in known.get(trace_id, {one}) for trace_id, one in exemplars)
        point["exemplars"] = bool(exemplars)


def _point(point):
    exemplars = sorted((e.trace_id, e.span_id) for e in point.exemplars or ())
    found = {"attributes": list(point.attributes.items())}
    assert point.time_unix_nano > 0
    if hasattr(point, "value"):
        return {**found, "value": point.value}
    assert sum(point.bucket_counts) == point.count
    return {
        **found,
        "exemplars": exemplars,
        "count": point.count,
        "bounds": list(point.explicit_bounds),
        "fits": point.min * point.count <= point.sum + 1e-9 <= point.max * point.count + 1e-6,
    }


__all__ = ["Run", "run"]
