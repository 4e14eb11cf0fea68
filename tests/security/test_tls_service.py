"""A real service that sends through TLS and a token, and two Collectors in a row."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from engines.stack import Stack
from engines.table import TABLE, Ports
from grafana.generate.logs_query import lines
from tests._processes import run
from tests.acceptance._stores import Stores, eventually, found_lines, get
from tests.security._otlp import Items, Sender
from tests.security.conftest import ROOT, free_ports

pytestmark = pytest.mark.stack

PREDICTIONS = 20
SERVICE = """
    import json, logging, os, sys, time
    import otelml

    telemetry = otelml.init(os.environ["NAME"])
    failed = 0
    for turn in range(2):
        for _ in range(10):
            try:
                with otelml.prediction("loan") as p:
                    p.set_result(label="yes")
            except Exception:
                failed += 1
        telemetry.force_flush(8)
    telemetry.shutdown(8)
    print("STATUS " + json.dumps({"failed": failed, **telemetry.status()["signals"]}))
"""


@pytest.fixture
def serve(guarded):
    """Run the service to its end; return its name, its status and all that it said."""

    def service(protocol: str, **variables: str) -> tuple[str, dict, str]:
        name = f"tls-{secrets.token_hex(4)}"
        sender = guarded.sender(guarded.token)
        code, out, err = run(
            SERVICE,
            **{
                "NAME": name,
                "OTEL_EXPORTER_OTLP_ENDPOINT": (
                    sender.http if protocol == "http/protobuf" else f"https://{sender.grpc}"
                ),
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{guarded.token}",
                "OTEL_EXPORTER_OTLP_CERTIFICATE": str(guarded.authority.path),
                # What other programs on the machine trust must not matter.
                "REQUESTS_CA_BUNDLE": str(guarded.foreign.path),
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
                "OTELML_LOGS_SAMPLE_RATIO": "1",
                **variables,
            },
        )
        assert code == 0, err
        (status,) = [line for line in out.splitlines() if line.startswith("STATUS ")]
        return name, json.loads(status.removeprefix("STATUS ")), out + err

    return service


def spans_of(guarded, name: str) -> int:
    """Return how many spans of a service Jaeger has."""
    found = get(f"{Stores(guarded.stack).jaeger}/api/traces", service=name, limit="500")["data"]
    return sum(len(trace["spans"]) for trace in found)


PROTOCOLS = pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])


@PROTOCOLS
def test_everything_arrives(guarded, serve, protocol):
    """With the token in the headers and the authority's certificate, all three signals."""
    name, status, said = serve(protocol)
    assert status["failed"] == 0
    assert {s: status[s]["dropped"] for s in ("traces", "logs")} == {"traces": {}, "logs": {}}
    assert "cannot export" not in said
    eventually(lambda: spans_of(guarded, name), PREDICTIONS)
    stores = Stores(guarded.stack)
    eventually(lambda: len(found_lines(stores.victorialogs, lines(name))), PREDICTIONS)
    counted = f'sum(ml_prediction_duration_seconds_count{{service_name="{name}"}})'
    eventually(
        lambda: [
            float(series["value"][1])
            for series in get(f"{stores.prometheus}/api/v1/query", query=counted)["data"]["result"]
        ],
        [float(PREDICTIONS)],
    )


CASES = {
    "wrong token": ({"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20WRONG"}, "401"),
    "no token": ({"OTEL_EXPORTER_OTLP_HEADERS": ""}, "401"),
    "other authority": ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "FOREIGN"}, "unable to get local"),
    "other host": (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:PORT"},
        "IP address mismatch",
    ),
    "plain": ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:PORT"}, "to http://"),
}


def fill(guarded, variables: dict[str, str]) -> dict[str, str]:
    """Return the variables of a case for this stack."""
    port = str(guarded.stack.ports.of("collector", "otlp_http"))
    foreign = str(guarded.foreign.path)
    return {
        name: value.replace("PORT", port).replace("FOREIGN", foreign)
        for name, value in variables.items()
    }


def check_refused(guarded, name: str, status: dict, said: str, why: str) -> None:
    """Nothing failed but the export: said once for each signal, and all of it counted."""
    assert status["failed"] == 0
    for signal in ("traces", "logs"):
        assert sum(status[signal]["dropped"].values()) == PREDICTIONS
        assert status[signal]["exported"] == 0
        (warning,) = [line for line in said.splitlines() if f"cannot export {signal} to " in line]
        assert why in warning
    assert guarded.token not in said
    assert "Traceback" not in said
    assert spans_of(guarded, name) == 0


@pytest.mark.parametrize("case", CASES)
def test_refused_over_http(guarded, serve, case):
    """The service goes on, one warning a signal says why, and what was lost is counted."""
    variables, why = CASES[case]
    name, status, said = serve("http/protobuf", **fill(guarded, variables))
    check_refused(guarded, name, status, said, why)


def test_refused_over_grpc(guarded, serve):
    """The same where the token is wrong over gRPC."""
    name, status, said = serve("grpc", **CASES["wrong token"][0])
    check_refused(guarded, name, status, said, "UNAUTHENTICATED")


def test_expired_certificate(guarded, serve):
    """The warning says that it has expired."""
    try:
        guarded.authority.write(*guarded.certificate, age_days=30)
        name, status, said = serve("http/protobuf")
    finally:
        guarded.authority.write(*guarded.certificate)
    check_refused(guarded, name, status, said, "certificate has expired")


def agent_of(guarded, folder: Path, gateway: Stack, **variables: str) -> Stack:
    """Return a Collector that sends its spans to another one."""
    return Stack(
        folder / "agent",
        free_ports(30500, 30900),
        engines=("collector",),
        environment={
            "collector": {
                "OTELML_GATEWAY_HOST": "localhost",
                "OTELML_GATEWAY_PORT": str(gateway.ports.of("collector", "otlp_grpc")),
                "OTELML_GATEWAY_NAME": "localhost",
                "OTELML_TOKEN_FILE": str(guarded.token_file),
                "OTELML_TLS_CA_FILE": str(guarded.authority.path),
                **variables,
            }
        },
        collector_configs=(
            ROOT / "collector/agent-loadbalancing.yaml",
            ROOT / "collector/overlays/tls-token-client.yaml",
        ),
    )


def send_span(agent: Stack) -> Items:
    """Send one span to an agent, which takes it; return what it belongs to."""
    items = Items()
    assert Sender(agent.url("collector"), "").post("traces", items.requests()["traces"]) == 200
    return items


def test_agent_sends_to_gateway(guarded, tmp_path):
    """Through two Collectors, by TLS and the token, which no log tells."""
    with agent_of(guarded, tmp_path, guarded.stack) as agent:
        items = send_span(agent)
        eventually(lambda: guarded.stored(items)["traces"], 1)
        assert guarded.token not in agent.process("collector").log.read_text()


def test_agent_that_trusts_somebody_else(guarded, tmp_path):
    """It says why, and keeps what it could not send."""
    foreign = str(guarded.foreign.path)
    with agent_of(guarded, tmp_path, guarded.stack, OTELML_TLS_CA_FILE=foreign) as agent:
        items, stores = send_span(agent), Stores(agent)
        log = agent.process("collector").log
        eventually(lambda: "certificate signed by unknown authority" in log.read_text(), True)
        assert guarded.stored(items)["traces"] == 0
        assert stores.counted("otelcol_exporter_send_failed_spans", exporter="load_balancing") == 0


def test_agent_with_a_wrong_token(guarded, tmp_path):
    """It says why, and counts what it lost: a refusal is final, so tokens must overlap."""
    token = tmp_path / "token"
    token.write_text("another")
    with agent_of(guarded, tmp_path, guarded.stack, OTELML_TOKEN_FILE=str(token)) as agent:
        items, stores = send_span(agent), Stores(agent)
        failed = "otelcol_exporter_send_failed_spans"
        eventually(lambda: stores.counted(failed, exporter="load_balancing"), 1)
        assert "Unauthenticated" in agent.process("collector").log.read_text()
        assert guarded.stored(items)["traces"] == 0
        # The file is watched here too.
        token.write_text(guarded.token)
        sent: list[Items] = []

        def arrives() -> bool:
            sent.append(send_span(agent))
            return any(guarded.stored(each)["traces"] for each in sent[-10:])

        eventually(arrives, True)


def test_agent_with_a_certificate(guarded, tmp_path):
    """A gateway that asks for certificates of clients lets in the agent that has one."""
    certificate, key = tmp_path / "agent.pem", tmp_path / "agent.key"
    guarded.authority.write(certificate, key)
    apart = free_ports(29600, 30000)
    own = {f"collector.{port}": apart.of("collector", port) for port in TABLE["collector"].ports}
    gateway = Stack(
        tmp_path / "gateway",
        Ports(guarded.stack.ports.offset, own),
        engines=("collector",),
        environment={
            "collector": {
                **guarded.environment,
                "OTELML_TLS_CLIENT_CA_FILE": str(guarded.authority.path),
            }
        },
        collector_configs=(ROOT / "collector/overlays/tls-token.yaml",),
    )
    agent = agent_of(
        guarded,
        tmp_path,
        gateway,
        OTELML_TLS_CLIENT_CERT_FILE=str(certificate),
        OTELML_TLS_CLIENT_KEY_FILE=str(key),
    )
    with gateway, agent:
        items = send_span(agent)
        eventually(lambda: guarded.stored(items)["traces"], 1)
