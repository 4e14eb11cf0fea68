"""Scenarios of the lane: callers and samplers."""

from __future__ import annotations

from opentelemetry import baggage, context, propagate, trace
from opentelemetry.instrumentation.propagators import (
    TraceResponsePropagator,
    set_global_response_propagator,
)
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.instrumentors.flask._scenario import (
    PARENT,
    SCENARIOS,
    TRACE_ID,
    UNSAMPLED,
    Scenario,
    hello,
    scenario,
)  # fmt: skip


@scenario
def within_a_span(run):
    app = hello(run)
    with run.tracer.start_as_current_span("around"):
        run.send(app, "/users/1", headers={"traceparent": PARENT})
    run.send(app)


@scenario
def within_an_invalid_span(run):
    app = hello(run)
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(
        trace.SpanContext(0, 0, is_remote=False))))  # fmt: skip
    run.send(app)
    context.detach(token)


@scenario
def remote_parent(run):
    app = hello(run)
    run.send(app, headers={"traceparent": PARENT})
    run.send(app, headers={"traceparent": PARENT[:-2] + "03"})
    run.send(app, headers={"traceparent": PARENT[:-2] + "ff"})


@scenario
def unsampled_parent(run):
    app = hello(run)
    run.send(app, headers={"traceparent": UNSAMPLED})
    run.send(app, headers={"traceparent": UNSAMPLED[:-2] + "02"})


@scenario
def odd_parents(run):
    app = hello(run)
    for header in (
        "", "nothing", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-b7ad6b7169203331-01", f"01-{TRACE_ID}-b7ad6b7169203331-01-more",
        f"00-{TRACE_ID}-b7ad6b7169203331-01-more", f" {PARENT} ", PARENT.upper(),
        f"{PARENT}\n", f"{PARENT},{PARENT}", PARENT[:-1],
    ):  # fmt: skip
        run.send(app, environ={"HTTP_TRACEPARENT": header})


@scenario
def tracestate(run):
    app = run.app()

    @app.get("/")
    def view():
        ids = trace.get_current_span().get_span_context()
        run.seen.append(ids.trace_state.to_header())
        return "x"

    run.send(app, headers={"traceparent": PARENT, "tracestate": "a=1,b=2"})
    run.send(app, headers={"traceparent": UNSAMPLED, "tracestate": "a=1"})
    run.send(app, headers={"tracestate": "a=1"})


@scenario
def bag(run):
    app = run.app()

    @app.get("/")
    def view():
        run.seen.append(dict(baggage.get_all()))
        return "x"

    run.send(app, headers={"baggage": "user=7,plan=a%20b"})
    run.send(app, headers={"baggage": "user=8", "traceparent": PARENT})
    run.send(app, headers={"baggage": ""})


@scenario
def what_was_attached_before(run):
    app = run.app()

    @app.get("/")
    def view():
        run.seen.append(baggage.get_baggage("mine"))
        return "x"

    token = context.attach(baggage.set_baggage("mine", "yes"))
    run.send(app)
    run.seen.append(baggage.get_baggage("mine"))
    context.detach(token)


def _propagator(*parts):
    def play(run):
        before = propagate.get_global_textmap()
        propagate.set_global_textmap(CompositePropagator(list(parts)))
        try:
            app = hello(run)
            run.send(app, headers={"traceparent": PARENT, "baggage": "user=7"})
            run.send(app)
        finally:
            propagate.set_global_textmap(before)

    return play


class _Own(TraceContextTextMapPropagator):
    """A propagator of the application's own."""

    def extract(self, carrier, context=None, getter=None):
        found = getter.get(carrier, "x-own")
        ids = trace.SpanContext(
            int(found[0], 16), 9, is_remote=True, trace_flags=trace.TraceFlags(1)
        )
        return trace.set_span_in_context(trace.NonRecordingSpan(ids), context)


@scenario
def trace_propagator_alone(run):
    _propagator(TraceContextTextMapPropagator())(run)


@scenario
def own_propagator(run):
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(_Own())
    try:
        run.send(hello(run), headers={"x-own": TRACE_ID, "traceparent": PARENT})
    finally:
        propagate.set_global_textmap(before)


@scenario
def response_propagator(run):
    set_global_response_propagator(TraceResponsePropagator())
    try:
        app = hello(run)
        run.send(app)
        run.send(app)
    finally:
        set_global_response_propagator(None)


# --- samplers ---------------------------------------------------------------------------------------


class Reads(Sampler):
    """A sampler that reads all that it is given, and adds to it."""

    def should_sample(
        self, parent_context, trace_id, name, kind=None, attributes=None, links=None, **_
    ):
        keep = "users" in (attributes or {}).get("http.route", "")
        decision = Decision.RECORD_AND_SAMPLE if keep else Decision.RECORD_ONLY
        given = {"name.was": name, "kind.was": kind.name, **(attributes or {}), "rate": 0.5}
        return SamplingResult(decision, given)

    def get_description(self):
        return "reads"


class Fails(Sampler):
    """A sampler that fails."""

    def should_sample(self, *_args, **_kwargs):
        raise RuntimeError("no")

    def get_description(self):
        return "fails"


def _sampled(run):
    app = hello(run)
    for path in ("/", "/users/1", "/nowhere"):
        run.send(app, path)
        run.send(app, path, headers={"traceparent": PARENT})
        run.send(app, path, headers={"traceparent": UNSAMPLED})
    with run.tracer.start_as_current_span("around"):
        run.send(app)


for _name, _sampler in {
    "always_on": ALWAYS_ON,
    "always_off": ALWAYS_OFF,
    "parent_based": ParentBased(ALWAYS_ON),
    "parent_based_off": ParentBased(ALWAYS_OFF),
    "parent_based_remote_off": ParentBased(ALWAYS_ON, remote_parent_sampled=ALWAYS_OFF),
    "ratio": TraceIdRatioBased(0.5),
    "ratio_none": TraceIdRatioBased(0.0),
    "parent_ratio": ParentBasedTraceIdRatio(0.5),
    "reads_attributes": Reads(),
    "reads_below_parents": ParentBased(Reads()),
}.items():
    SCENARIOS[f"sampler_{_name}"] = Scenario(_sampled, providers={"sampler": _sampler})


@scenario(providers={"sampler": Fails()})
def sampler_fails(run):
    app = hello(run)
    run.send(app)
    run.send(app, headers={"traceparent": PARENT})
