"""Scenarios of the lane: options and variables."""

from __future__ import annotations

from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, AlwaysOnExemplarFilter
from opentelemetry.sdk.metrics.view import DropAggregation, View

from tests.instrumentors.flask._scenario import (
    SCENARIOS,
    UNSAMPLED,
    Scenario,
    hello,
    scenario,
)  # fmt: skip

# --- options ----------------------------------------------------------------------------------------


def _on_request(span, environ):
    if span.is_recording():
        span.set_attribute("hook.method", environ["REQUEST_METHOD"])
        span.set_attribute("url.scheme", "hook")
        span.update_name(f"hooked {span.name}")


def _on_response(span, status, headers):
    headers.append(("X-Hook", status))
    if span is not None and span.is_recording():
        span.set_attribute("hook.status", status)


@scenario(options={"request_hook": _on_request, "response_hook": _on_response})
def hooks(run):
    app = hello(run)
    run.send(app, "/users/1")
    run.send(app, "/nowhere")
    run.send(app, headers={"traceparent": UNSAMPLED})


def _fail(*_):
    raise ValueError("hook")


@scenario(options={"request_hook": _fail})
def request_hook_fails(run):
    run.send(hello(run), "/users/1")


@scenario(options={"response_hook": _fail})
def response_hook_fails(run):
    run.send(hello(run), "/users/1")


@scenario(options={"excluded_urls": "health,users/1$"})
def excluded(run):
    app = hello(run)
    for path in ("/", "/users/1", "/users/12", "/health"):
        run.send(app, path)


@scenario(environment={"OTEL_PYTHON_FLASK_EXCLUDED_URLS": "users"})
def excluded_by_variable(run):
    app = hello(run)
    run.send(app, "/users/1")
    run.send(app)


_REQUEST = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST"
_RESPONSE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE"
_SANITIZE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS"


def _captured(run):
    app = run.app()
    app.add_url_rule(
        "/", view_func=lambda: ("x", 200, {"X-Answer": "a", "Set-Cookie": "s=1"}), endpoint="x"
    )
    run.send(app, headers={"X-Ask": "q", "Cookie": "s=1", "Authorization": "secret"})
    with run.tracer.start_as_current_span("around"):
        run.send(app, headers={"X-Ask": "q"})


SCENARIOS["captured_request_headers"] = Scenario(_captured, environment={_REQUEST: "x-.*,cookie"})
SCENARIOS["captured_response_headers"] = Scenario(
    _captured, environment={_RESPONSE: "x-.*,set-cookie"}
)
SCENARIOS["sanitized_headers"] = Scenario(
    _captured, environment={_REQUEST: ".*", _RESPONSE: ".*", _SANITIZE: ".*cookie.*,authorization"}
)


def _measured(run):
    app = hello(run)
    for path in ("/", "/users/1", "/nowhere"):
        run.send(app, path)
        run.send(app, path, headers={"traceparent": UNSAMPLED})


SCENARIOS["all_exemplars"] = Scenario(
    _measured, providers={"meter": {"exemplar_filter": AlwaysOnExemplarFilter()}}
)
SCENARIOS["no_exemplars"] = Scenario(
    _measured, providers={"meter": {"exemplar_filter": AlwaysOffExemplarFilter()}}
)
SCENARIOS["views"] = Scenario(
    _measured,
    providers={
        "meter": {
            "views": [
                View(
                    instrument_name="http.server.request.duration",
                    attribute_keys={"http.route"},
                    name="mine",
                ),
                View(instrument_name="http.server.active_requests", aggregation=DropAggregation()),
            ]
        }
    },
)
