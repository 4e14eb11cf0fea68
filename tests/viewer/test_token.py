"""A viewer that others reach asks for a token: pages, API and both receivers."""

from __future__ import annotations

import urllib.error
import urllib.request
from base64 import b64encode

import grpc
import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from otelml.cli import view
from otelml.viewer import Viewer

_TOKEN = "t0ken-of-the-test"


@pytest.fixture
def viewer():
    made = Viewer(grpc_port=0, http_port=0, web_port=0, token=_TOKEN)
    made.start()
    yield made
    made.stop()


def _status(url, authorization=None, body=None):
    headers = {"Content-Type": "application/x-protobuf"}
    if authorization is not None:
        headers["Authorization"] = authorization
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as told:
            return told.status
    except urllib.error.HTTPError as error:
        return error.code


def test_pages_and_receivers_ask_for_it(viewer):
    """As a bearer token or a password; nothing else is taken."""
    password = "Basic " + b64encode(f"me:{_TOKEN}".encode()).decode()
    otlp = f"http://127.0.0.1:{viewer.ports.http}/v1/traces"
    for url, body in ((viewer.url, None), (f"{viewer.url}/api/status", None), (otlp, b"")):
        for wrong in (
            None,
            "",
            "Bearer",
            "Bearer other",
            "Basic !",
            "Basic Og==",
            f"Digest {_TOKEN}",
        ):
            assert _status(url, wrong, body) == 401
        assert _status(url, f"Bearer {_TOKEN}", body) == 200
        assert _status(url, password, body) == 200


def test_grpc_asks_for_it(viewer):
    """In the metadata, where senders put their headers."""
    with grpc.insecure_channel(f"127.0.0.1:{viewer.ports.grpc}") as channel:
        export = TraceServiceStub(channel).Export
        for metadata in ((), (("authorization", "Bearer other"),), (("authorization", _TOKEN),)):
            with pytest.raises(grpc.RpcError) as refused:
                export(ExportTraceServiceRequest(), metadata=metadata, timeout=10)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        export(
            ExportTraceServiceRequest(),
            metadata=(("authorization", f"Bearer {_TOKEN}"),),
            timeout=10,
        )


@pytest.mark.parametrize(
    ("arguments", "token", "said"),
    [
        (["--host", "0.0.0.0"], "made", "whoever has the token"),
        (["--host", "0.0.0.0", "--no-token"], "", "whoever reaches it"),
        (["--host", "0.0.0.0", "--token", "mine"], "mine", "whoever has the token"),
        (["--host", "127.0.0.1"], "", ""),
        (["--host", "127.0.0.1", "--token", "mine"], "mine", ""),
    ],
)
def test_the_command_makes_one(monkeypatch, arguments, token, said):
    """Where others reach it: said once, with how senders send it."""
    made: list[str] = []

    class Kept(Viewer):
        def __init__(self, *args):
            made.append(args[-1])
            super().__init__("127.0.0.1", 0, 0, 0)

        def serve_until_signal(self):
            self.stop()

    monkeypatch.setattr("otelml.viewer.Viewer", Kept)
    told = CliRunner().invoke(view.command, arguments)
    assert told.exit_code == 0, told.output
    if token == "made":
        assert len(made[0]) >= 32
        assert f"token      {made[0]}" in told.output
    else:
        assert made == [token]
        assert "mine" not in told.output
    assert (said in told.output) if said else ("Warning" not in told.output)
