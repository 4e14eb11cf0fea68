"""OTLP over gRPC, by the SDK's exporters."""

from __future__ import annotations

import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service

from otelml.config import LogOptions, MetricOptions


class _Traces(service.TraceServiceServicer):
    def __init__(self):
        self.names = []

    def Export(self, request, context):  # noqa: N802 - the name of the call
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.names.extend(span.name for span in scope.spans)
        return messages.ExportTraceServiceResponse()


@pytest.fixture(params=["http://", ""])
def traces(monkeypatch, request):
    server = grpc.server(ThreadPoolExecutor(2))
    taken = _Traces()
    service.add_TraceServiceServicer_to_server(taken, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{request.param}127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
    yield taken
    server.stop(0)


def _make(make):
    return make(metrics=MetricOptions(enabled=False), logs=LogOptions(enabled=False))


def test_spans_arrive(traces, make, emit, soon):
    """The protocol variable switches to gRPC; the endpoint needs no scheme."""
    providers = _make(make)
    emit(providers, "one", "two")
    assert providers.shutdown(soon())
    assert traces.names == ["one", "two"]
    assert providers.status()["traces"]["exporters"][0]["protocol"] == "grpc"


def test_nothing_listening(make, emit, monkeypatch, caplog):
    """Where nothing listens, shutdown keeps its deadline and the exporter's own lines stay out."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    caplog.set_level(logging.WARNING)
    providers = _make(make)
    emit(providers, "one")
    started = monotonic()
    assert not providers.shutdown(started + 0.5)
    assert monotonic() - started < 10
    assert providers.status()["traces"]["dropped"] == {"shutdown": 1}
    assert [record.name for record in caplog.records] == ["otelml"]
