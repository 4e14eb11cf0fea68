"""Scenarios of the lane: what applications do with the span."""

from __future__ import annotations

from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.trace import SpanKind, Status, StatusCode

from tests.instrumentors.flask._scenario import (
    PARENT,
    UNSAMPLED,
    hello,
    scenario,
)  # fmt: skip

# --- what applications do with the span ---------------------------------------------------------------


@scenario
def touched(run):
    app = run.app()

    @app.get("/set/<name>")
    def view(name):
        span = trace.get_current_span()
        span.set_attribute("own", 1)
        span.set_attribute("http.route", "mine")
        span.set_attributes({"more": True, "url.scheme": "gopher"})
        span.add_event("event", {"a": 1})
        span.add_link(trace.SpanContext(1, 2, is_remote=True), {"b": 2})
        span.update_name("renamed")
        return name

    run.send(app, "/set/a?q=1")


@scenario
def read(run):
    app = run.app()

    def look(_error=None):
        span = trace.get_current_span()
        run.seen.append((
            span.name, span.kind.name, list(span.attributes.items()), span.is_recording(),
            span.status.status_code.name, span.parent and span.parent.span_id,
        ))  # fmt: skip

    app.before_request(look)
    app.teardown_request(look)

    @app.after_request
    def after(response):
        look()
        return response

    app.add_url_rule("/", view_func=lambda: look() or "x", endpoint="x")
    run.send(app)
    run.send(app, headers={"traceparent": PARENT})


@scenario
def status_by_the_view(run):
    app = run.app()
    statuses = {
        "ok": Status(StatusCode.OK), "bad": Status(StatusCode.ERROR, "bad"), "unset": StatusCode.UNSET,
    }  # fmt: skip

    @app.get("/<name>")
    def view(name):
        trace.get_current_span().set_status(statuses[name])
        return name, 500 if name == "ok" else 200

    for name in statuses:
        run.send(app, f"/{name}")


@scenario
def recorded_error(run):
    app = run.app()

    @app.get("/")
    def view():
        trace.get_current_span().record_exception(ValueError("seen"), {"x": 1})
        return "x"

    run.send(app)


@scenario
def ended_by_the_view(run):
    app = run.app()

    @app.get("/")
    def view():
        trace.get_current_span().end()
        trace.get_current_span().set_attribute("late", 1)
        return "x"

    run.send(app)


@scenario
def in_teardown(run):
    app = hello(run)
    app.teardown_request(lambda _: trace.get_current_span().set_attribute("late", 1))
    app.teardown_request(lambda _: trace.get_current_span().set_attribute("url.scheme", "x"))
    run.send(app)


@scenario
def children_and_logs(run):
    app = run.app()

    @app.get("/")
    def view():
        with run.tracer.start_as_current_span("child", kind=SpanKind.CLIENT):
            run.log.warning("in the child")
        run.log.warning("in the view")
        headers = {}
        propagate.inject(headers)
        run.seen.append(headers)
        return "x"

    run.send(app)
    run.send(app, headers={"traceparent": PARENT})
    run.send(app, headers={"traceparent": UNSAMPLED})


@scenario(providers={"limits": SpanLimits(max_span_attributes=4, max_span_attribute_length=3)})
def few_attributes(run):
    app = hello(run)
    run.send(app, "/users/1")


@scenario(providers={"limits": SpanLimits(max_span_attribute_length=4)})
def short_attributes(run):
    run.send(hello(run), "/users/1?query=1", headers={"User-Agent": "long agent"})


@scenario(providers={"limits": SpanLimits(max_span_attributes=70)})
def more_attributes_than_may_be(run):
    app = run.app()

    @app.get("/")
    def view():
        span = trace.get_current_span()
        for number in range(80):
            span.set_attribute(f"k{number}", number)
        return "x"

    run.send(app)
