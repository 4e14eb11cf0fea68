"""Two gateways with tail sampling behind an agent that sends each whole trace to one of them."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from engines.stack import Stack
from otelml import semconv
from tests.acceptance._stores import Stores, get
from tests.faults._table import Row, report
from tests.overlays._traces import Trace, send_apart, send_spans
from tests.overlays.conftest import own_ports, until

pytestmark = [pytest.mark.stack, pytest.mark.slow]

REST_PERCENT = 25
WAIT_S = 3
ACCEPTED = "otelcol_receiver_accepted_spans"
DECIDED = "otelcol_processor_tail_sampling_global_count_traces_sampled"
AGENT = """
exporters:
  load_balancing:
    resolver:
      dns: null
      static: {hostnames: [%s]}
connectors:
  span_metrics: {metrics_flush_interval: 1s}
"""
GATEWAY = """
processors:
  attributes/gateway:
    actions: [{key: gateway, value: %s, action: insert}]
service:
  pipelines:
    traces: {processors: [attributes/gateway, tail_sampling]}
"""


@dataclass
class Fleet:
    """An agent and two gateways."""

    agent: Stack
    gateways: dict[str, Stack]

    @property
    def url(self) -> str:
        """Where services send to."""
        return self.agent.url("collector")

    def found(self, service: str) -> dict[str, list[tuple[str, str]]]:
        """Return the spans of a service in Jaeger by trace: name and gateway."""
        url = f"{self.agent.url('jaeger')}/api/traces"
        traces = get(url, service=service, limit="4000")["data"]
        return {
            trace["traceID"]: [
                (span["operationName"], tag["value"])
                for span in trace["spans"]
                for tag in span["tags"]
                if tag["key"] == "gateway"
            ]
            for trace in traces
        }

    def whole(self, service: str) -> set[str]:
        """Return the ids of the traces of a service that are in Jaeger with all three spans."""
        return {trace for trace, spans in self.found(service).items() if len(spans) == 3}

    def counted(self, name: str) -> float:
        """Return a counter of both gateways."""
        return sum(
            Stores(gateway).counted(name)
            for gateway in self.gateways.values()
            if gateway.alive("collector")
        )


@pytest.fixture(scope="module")
def fleet(site):
    """The three of them, running."""
    stores = site.backends.ports
    with ExitStack() as running:
        gateways = {
            name: running.enter_context(
                site.collector(
                    name,
                    "gateway.yaml",
                    site.overlay(f"tag-{name}", GATEWAY % name),
                    OTELML_SAMPLING_WAIT=f"{WAIT_S}s",
                    OTELML_SAMPLING_REST_PERCENT=str(REST_PERCENT),
                )
            )
            for name in ("one", "two")
        }
        addresses = [g.ports.address("collector", "otlp_grpc") for g in gateways.values()]
        overlay = site.overlay("two-gateways", AGENT % ", ".join(addresses))
        agent = site.collector(
            "agent",
            "agent-loadbalancing.yaml",
            overlay,
            ports=own_ports("collector", others=stores),
        )
        running.enter_context(agent)
        yield Fleet(agent, gateways)


def stored(site, service: str) -> set[str]:
    """Return the ids of a service's traces in Jaeger."""
    url = f"{site.backends.url('jaeger')}/api/traces"
    return {trace["traceID"] for trace in get(url, service=service, limit="4000")["data"]}


def sampled_by_chance(trace: Trace) -> bool:
    """Tell whether the gateway keeps a plain trace: a hash (FNV-1a) of its id below a share."""
    hashed = 0xCBF29CE484222325
    for byte in b"default-hash-seed" + bytes.fromhex(trace.id):
        hashed = (hashed ^ byte) * 0x100000001B3 % 2**64
    return hashed <= int((2**64 - 1) * REST_PERCENT / 100)


def error() -> Trace:
    """Return a trace that is always kept."""
    return Trace(root={"status": {"code": 2}})


def interesting() -> list[Trace]:
    """Return ten traces for each reason to keep one."""
    slow = str(time.time_ns() - 1_500_000_000)
    last = [
        {semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE: 0.41},
        {semconv.ML_FEEDBACK_OUTCOME: semconv.OUTCOME_WRONG},
        {semconv.ML_FEEDBACK_OUTCOME: semconv.OUTCOME_CONFLICT},
    ]
    return [
        trace
        for _ in range(10)
        for trace in (
            error(),
            Trace(root={"startTimeUnixNano": slow}),
            *(Trace(last=reason) for reason in last),
        )
    ]


def test_what_two_gateways_keep(fleet):
    """Whole traces at one gateway each; all with a reason, of the others just those by hash."""
    plain = [Trace(last={semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE: 0.97}) for _ in range(400)]
    kept = interesting()
    decided = fleet.counted(DECIDED)
    spans = send_apart(fleet.url, [*plain, *kept], "fleet-policies")
    assert until(lambda: fleet.counted(DECIDED) - decided == len(plain) + len(kept))
    expected = {trace.id for trace in [*kept, *filter(sampled_by_chance, plain)]}
    until(lambda: fleet.whole("fleet-policies") == expected)
    found = fleet.found("fleet-policies")
    assert found.keys() == expected
    assert [sorted(n for n, _ in of_trace) for of_trace in found.values()] == [
        ["child", "child", "root"]
    ] * len(expected)
    gateways = [{gateway for _, gateway in of_trace} for of_trace in found.values()]
    assert {len(names) for names in gateways} == {1}
    assert set().union(*gateways) == {"one", "two"}
    chance = len(expected) - len(kept)
    report(
        Row(
            "gateways: tail sampling",
            "traces",
            len(plain) + len(kept),
            len(plain) + len(kept),
            len(found),
            0,
            0,
            0,
            f"{len(kept)} of {len(kept)} with a reason, {chance} of {len(plain)} plain ones kept; "
            f"{spans} spans counted before sampling",
        )
    )
    query = 'sum(traces_span_metrics_calls_total{service_name="fleet-policies"})'

    def calls() -> list[str]:
        answer = get(f"{fleet.agent.url('prometheus')}/api/v1/query", query=query)
        return [series["value"][1] for series in answer["data"]["result"]]

    assert until(lambda: calls() == [str(spans)]), calls()


def test_late_spans_follow_the_decision(fleet):
    """A span that comes after the decision is kept with its trace, or dropped with it."""
    kept, dropped = error(), next(t for t in iter(Trace, None) if not sampled_by_chance(t))
    late = [trace.spans()[0] | {"name": "late"} for trace in (kept, dropped)]
    send_apart(fleet.url, [kept, dropped], "fleet-late")
    assert until(lambda: kept.id in fleet.whole("fleet-late"))
    send_spans(fleet.url, late, "fleet-late")
    assert until(lambda: len(fleet.found("fleet-late")[kept.id]) == 4)
    assert fleet.found("fleet-late").keys() == {kept.id}


def test_a_gateway_ends(fleet):
    """A gateway that is told to end decides at once: nothing is lost."""
    traces = [error() for _ in range(100)]
    taken = fleet.counted(ACCEPTED)
    send_apart(fleet.url, traces, "fleet-ends")
    assert until(lambda: fleet.counted(ACCEPTED) - taken == 300)
    fleet.gateways["one"].restart("collector")
    until(lambda: len(fleet.whole("fleet-ends")) == len(traces))
    assert fleet.whole("fleet-ends") == {trace.id for trace in traces}
    there = len(fleet.whole("fleet-ends"))
    report(Row("gateway SIGTERM", "traces", len(traces), len(traces), there, 0, 0, 0))


def test_a_gateway_is_killed(fleet):
    """Lost is what the dead gateway had not decided on; the rest goes on, and its share waits."""
    begun = [Trace(errors=True) for _ in range(60)]
    spans = [trace.spans() for trace in begun]
    send_spans(fleet.url, [of_trace[0] for of_trace in spans], "fleet-begun")
    assert until(lambda: len(fleet.found("fleet-begun")) == len(begun))
    owners = {trace: seen[0][1] for trace, seen in fleet.found("fleet-begun").items()}
    undecided = [error() for _ in range(100)]
    taken = fleet.counted(ACCEPTED)
    send_apart(fleet.url, undecided, "fleet-undecided")
    assert until(lambda: fleet.counted(ACCEPTED) - taken == 300)
    fleet.gateways["one"].kill("collector")
    for _, *children in spans:
        send_spans(fleet.url, children, "fleet-begun")
    alive = {trace for trace, owner in owners.items() if owner == "two"}
    until(lambda: fleet.whole("fleet-begun") >= alive, 20)
    assert fleet.whole("fleet-begun") == alive
    fleet.gateways["one"].restart("collector")
    until(lambda: len(fleet.whole("fleet-begun")) == len(begun))
    assert fleet.whole("fleet-begun") == owners.keys()
    note = f"{len(alive)} went on while the other gateway was away, {60 - len(alive)} waited"
    report(
        Row(
            "gateway SIGKILL, what came after",
            "traces",
            60,
            60,
            len(fleet.whole("fleet-begun")),
            0,
            0,
            0,
            note,
        )
    )
    survived = fleet.found("fleet-undecided")
    assert {gateway for seen in survived.values() for _, gateway in seen} == {"two"}
    assert fleet.whole("fleet-undecided") == survived.keys()
    lost = 100 - len(survived)
    note = f"all that the dead one of two had in memory, {WAIT_S} s of traces: it keeps no queue"
    report(Row("gateway SIGKILL, undecided", "traces", 100, 100, 100 - lost, 0, lost, 0, note))


def test_a_gateway_leaves(fleet, site):
    """What waits for a gateway goes to the others once the agent's list is without it."""
    fleet.gateways["one"].kill("collector")
    traces = [error() for _ in range(30)]
    send_apart(fleet.url, traces, "fleet-leaves")
    fleet.agent.kill("collector")
    fleet.agent.stop()
    address = fleet.gateways["two"].ports.address("collector", "otlp_grpc")
    overlay = site.overlay("one-gateway", AGENT % address)
    with site.collector("agent", "agent-loadbalancing.yaml", overlay):
        until(lambda: len(fleet.whole("fleet-leaves")) == len(traces))
    found = fleet.found("fleet-leaves")
    assert fleet.whole("fleet-leaves") == {trace.id for trace in traces}
    assert {gateway for seen in found.values() for _, gateway in seen} == {"two"}
    report(Row("gateway leaves, agent SIGKILL", "traces", 30, 30, len(found), 0, 0, 0))


def test_more_traces_than_fit(fleet, site):
    """A full gateway lets its senders wait, rather than forget what it has not decided on."""
    small = site.collector(
        "small", "gateway.yaml", OTELML_SAMPLING_WAIT="1s", OTELML_SAMPLING_TRACES="50"
    )
    traces = [error() for _ in range(120)]
    with small:
        for first in range(0, len(traces), 20):
            send_apart(small.url("collector"), traces[first : first + 20], "fleet-full")
        until(lambda: len(stored(site, "fleet-full")) == len(traces), 30)
    assert stored(site, "fleet-full") == {trace.id for trace in traces}
