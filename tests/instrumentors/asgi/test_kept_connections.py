"""Real servers: what comes on a kept connection is a request of its own, whichever came before."""

from __future__ import annotations

import io
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import ROOT, environment
from tests.instrumentors.asgi._apps import APPS

SERVERS = {
    "uvicorn": ("uvicorn", "--port", "{port}", "--log-level", "critical"),
    "hypercorn": ("hypercorn", "--bind", "127.0.0.1:{port}", "--workers", "0"),
}
_VARIABLES = {
    "KEPT": "1",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "x-number",
    "PYTHONDONTWRITEBYTECODE": "1",
}
STAGES = ["feature_extraction", "inference", "post_processing"]
_SMALL, _LARGE = 10, 300_000  # a server stops to read while the second waits for its application

# What comes one after the other on a connection: the view, the size of the body, and whether the
# caller has a trace.
_ONE = [
    ("sync", _SMALL, False), ("async", _LARGE, False), ("sync", _SMALL, False),
    ("async", _LARGE, True), ("async", _SMALL, False), ("fail", _SMALL, False),
    ("async", _SMALL, True), ("fail", _LARGE, True), ("stream", _SMALL, False),
    ("stream", _LARGE, True), ("late", _SMALL, False), ("late", _LARGE, True),
    ("async", _LARGE, True), ("fail", _SMALL, False), ("sync", _SMALL, True),
]  # fmt: skip
_TWO = [("async", _LARGE, False), ("sync", _SMALL, True), ("fail", _LARGE, False)] * 2
_PIPELINED = [
    ("async", _SMALL, False), ("sync", _SMALL, False), ("stream", _SMALL, True),
    ("async", _LARGE, False), ("late", _SMALL, False), ("fail", _SMALL, True),
    ("sync", _SMALL, False), ("async", _SMALL, True), ("async", _SMALL, False),
]  # fmt: skip


@dataclass
class Asked:
    """A request and its answer.

    Args:
        app: The application that is asked.
        n: Its number, which is in its path.
        kind: Its view.
        size: Bytes of its body.
        has_trace: Whether it carries a ``traceparent``.
    """

    app: str
    n: int
    kind: str
    size: int
    has_trace: bool
    status: int = 0
    body: bytes = b""
    prediction_id: str | None = None

    @property
    def path(self):
        return f"/{self.app}/{self.kind}/{self.n}"

    @property
    def expected(self):
        return 500 if self.kind == "fail" else 200

    @property
    def caller(self):
        """Trace and span of its caller."""
        return f"{self.n + 1:032x}", f"{self.n + 1:016x}"

    @property
    def headers(self):
        found = {"host": "127.0.0.1", "content-length": str(self.size), "x-number": str(self.n)}
        if self.has_trace:
            found["traceparent"] = "00-{}-{}-01".format(*self.caller)
        return found

    def take(self, response):
        self.status, self.body = response.status, response.read()
        self.prediction_id = response.getheader("x-prediction-id")


class _Whole(io.BytesIO):
    """All that came on a connection; reading a response to its end does not close it."""

    def makefile(self, *_):
        return self

    def close(self):
        pass


class Run:
    """What the applications behind one server answered and emitted."""

    def __init__(self, port):
        self.port = port
        self.asked = []
        self.otlp = None

    def of(self, app):
        return [asked for asked in self.asked if asked.app == app]

    def _all(self, app, *plans):
        for kind, size, has_trace in plans:
            self.asked.append(Asked(app, len(self.asked), kind, size, has_trace))
            yield self.asked[-1]

    def one_connection(self, app):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.connect()
        first = connection.sock
        for asked in self._all(app, *_ONE):
            connection.request("POST", asked.path, b"x" * asked.size, asked.headers)
            asked.take(connection.getresponse())
            assert connection.sock is first, f"{asked.path} was the last of its connection"
        connection.close()

    def two_connections(self, app):
        two = [HTTPConnection("127.0.0.1", self.port, timeout=30) for _ in range(2)]
        for asked in self._all(app, *_TWO):
            connection = two[asked.n % 2]
            connection.request("POST", asked.path, b"x" * asked.size, asked.headers)
            asked.take(connection.getresponse())
        for connection in two:
            connection.close()

    def pipelined(self, app):
        every, sent = list(self._all(app, *_PIPELINED)), b""
        for asked in every:
            headers = dict(asked.headers)
            if asked is every[-1]:
                headers["connection"] = "close"
            lines = [f"POST {asked.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
            sent += "\r\n".join(lines).encode() + b"\r\n\r\n" + b"x" * asked.size
        whole = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(sent)
            while part := connection.recv(1 << 16):
                whole += part
        source = _Whole(whole)
        for asked in every:
            response = HTTPResponse(source, method="POST")
            response.begin()
            asked.take(response)

    def server_span(self, asked):
        """Return the one whose attribute is the number that the request carries."""
        (found,) = [
            span
            for span in self.otlp.spans
            for attribute in span.attributes
            if attribute.key == "http.request.header.x_number"
            and attribute.value.array_value.values[0].string_value == str(asked.n)
        ]
        return found

    def below(self, span):
        found = [s for s in self.otlp.spans if s.parent_span_id == span.span_id]
        return sorted(found, key=lambda s: s.start_time_unix_nano)

    def last(self, metric):
        """Return the newest point of each stream."""
        newest = {}
        for point in self.otlp.points(metric):
            key = tuple(sorted(attributes(point).items()))
            if key not in newest or newest[key].time_unix_nano <= point.time_unix_nano:
                newest[key] = point
        return [(dict(key), point) for key, point in newest.items()]


def attributes(item):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in item.attributes}


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(port, process):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server does not listen")


@pytest.fixture(scope="module", params=SERVERS)
def run(request):
    """The applications behind one server, asked on all sorts of connections, ended by SIGTERM."""
    run = Run(_free_port())
    command = [part.format(port=run.port) for part in SERVERS[request.param]]
    with OtlpServer() as run.otlp:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "tests.instrumentors.asgi._apps:app"],
            cwd=ROOT,
            env=environment(**run.otlp.environment(), **_VARIABLES),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(run.port, process)
            for app in APPS:
                run.one_connection(app)
                run.two_connections(app)
                run.pipelined(app)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        finally:
            process.kill()
            process.wait()
        yield run


@pytest.mark.parametrize("app", APPS)
def test_answers(run, app):
    """Each request has its own answer."""
    for asked in run.of(app):
        assert asked.status == asked.expected, asked
        if asked.expected == 200:
            assert asked.body == f"{asked.n}:{int(asked.n % 4 > 1)}".encode(), asked


@pytest.mark.parametrize("app", APPS)
def test_each_is_a_trace_of_its_own(run, app):
    """One server span a request: a root, or a child of the caller's span that it carries."""
    spans = {asked.n: run.server_span(asked) for asked in run.of(app)}
    assert len({span.trace_id for span in spans.values()}) == len(run.of(app))
    for asked in run.of(app):
        span = spans[asked.n]
        assert (span.kind, span.name.startswith("POST /")) == (2, True)
        assert attributes(span)["http.response.status_code"] == asked.expected
        trace, parent = asked.caller if asked.has_trace else (span.trace_id.hex(), "")
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (trace, parent), asked


@pytest.mark.parametrize("app", APPS)
def test_one_prediction_below_each(run, app):
    """With its three stages, its error where it failed, and the id that the client was given."""
    for asked in run.of(app):
        span = run.server_span(asked)
        (prediction,) = run.below(span)
        said = attributes(prediction)
        assert [s.name for s in run.below(prediction)] == STAGES
        assert {s.trace_id for s in run.below(prediction)} == {span.trace_id}
        # An application of no framework answers its own errors, so that nobody hears of them.
        has_failed = asked.kind == "fail" and app != "middleware"
        assert said.get("error.type") == ("RuntimeError" if has_failed else None), asked
        assert asked.kind == "fail" or said["ml.prediction.label"] == str(int(asked.n % 4 > 1))
        if asked.kind != "fail":
            told = None if asked.kind == "late" else said["ml.prediction.id"]
            assert asked.prediction_id == told, asked


def test_nothing_else(run):
    """There is no other span."""
    assert len(run.otlp.spans) == len({s.span_id for s in run.otlp.spans}) == 5 * len(run.asked)


def test_requests_are_counted(run):
    """By route and status in the durations; none is under way in the end."""
    found = Counter()
    for said, point in run.last("http.server.request.duration"):
        app, view, _ = said["http.route"].strip("/").split("/")
        found[app, view, said["http.response.status_code"]] += point.count
    assert found == Counter((asked.app, asked.kind, asked.expected) for asked in run.asked)
    active = [point.as_int for _, point in run.last("http.server.active_requests")]
    assert active
    assert set(active) == {0}
