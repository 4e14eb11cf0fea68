"""Whatever stands in an address: an answer with the headers of every page, and never a 500."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otelml._connections import BoundedHttp
from otelml.viewer.web import app

TRACE = "5b8efff798038103d269b633813fc60c"
ROUTES = (
    "/api/status", "/api/services", "/api/red", "/api/services/{}", "/api/calls", "/api/search",
    "/api/models", "/api/models/{}/predictions", "/api/models/{}/drift/feature",
    "/api/models/{}/drift", "/api/models/{}/quality", "/api/models/{}", "/api/spans",
    "/api/traces", "/api/traces/{}/otlp", "/api/traces/{}", "/api/traces/{}/version",
    "/api/compare/traces", "/api/compare/models/{}", "/api/traces/{}/labels", "/api/logs",
    "/api/metrics", "/api/metrics/query", "/api/{}", "/static/{}", "/{}", "/models/{}",
)  # fmt: skip
PARAMS = (
    "a", "after", "agg", "b", "by", "error", "feature", "filter", "from", "kind", "label",
    "labelled", "level", "limit", "metric", "min_ms", "max_ms", "max_confidence", "name", "order",
    "q", "query", "service", "span_id", "step", "to", "trace_id", "unit", "variant", "version",
    "where", "before", "range", "adjust", "model", "stage", "logger", "instance", "quantile",
)  # fmt: skip
ODD = (
    "", "0", "-1", "1", "nan", "inf", "-inf", "1e308", "-1e308", "1e400", "9" * 30, "-" + "9" * 30,
    "9223372036854775808", "18446744073709551616", "1e15", "253402300799000", "0x10", "1_000",
    "\x00", "%00", "%", "\ud7ff", "٣", "true", "null", "[]", "{}", "'", '"', "a=b", "a!=b", "=",
    "duration>1e308ms", "duration>nan", "a>1e999", "name~(", '"', "slow", "p99", "rate", TRACE,
    "0" * 32, "x" * 3000,
)  # fmt: skip
values = st.one_of(st.sampled_from(ODD), st.text(max_size=20), st.integers().map(str),
                   st.floats().map(str))  # fmt: skip
paths = st.tuples(st.sampled_from(ROUTES), values)
queries = st.lists(st.tuples(st.sampled_from(PARAMS), values), max_size=6)


def _encoded(value):
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


@pytest.fixture
def ask(viewer):
    """Send a request line as it stands; returns the status and the headers."""
    connection = http.client.HTTPConnection("127.0.0.1", viewer.ports.web, timeout=30)

    def send(target, method="GET"):
        connection.putrequest(method, target, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers

    yield send
    connection.close()


@pytest.fixture
def filled(viewer, seed):
    """A viewer with a minute of the fleet."""
    now = time.time_ns()
    seed.send(f"http://127.0.0.1:{viewer.ports.http}", seed.Fleet(now).period(now - 10**10, now))


def _is_like_every_page(headers):
    return (
        "default-src 'self'" in headers["Content-Security-Policy"]
        and headers["X-Content-Type-Options"] == "nosniff"
        and headers["Referrer-Policy"] == "no-referrer"
        and headers["Cross-Origin-Resource-Policy"] == "same-origin"
    )


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=paths, query=queries)
@pytest.mark.usefixtures("filled")
def test_no_address_is_a_500(ask, path, query):
    """Of what is stored and of what is not; parameters may be given twice."""
    route, name = path
    target = route.replace("{}", _encoded(name) or "x")
    status, headers = ask(f"{target}?{'&'.join(f'{k}={_encoded(v)}' for k, v in query)}")
    assert status in {200, 304, 400, 404}, (target, query)
    assert _is_like_every_page(headers)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("name", ["from", "to", "step", "limit", "after", "min_ms"])
@pytest.mark.parametrize("value", ["1e308", "-1e308", "nan", "9" * 40, "1e15"])
def test_a_number_out_of_range_is_refused_or_bounded(ask, name, value):
    """Every route that reads numbers is asked."""
    for route in ROUTES:
        status, headers = ask(f"{route.replace('{}', 'loan')}?name=x&feature=x&{name}={value}")
        assert status in {200, 400, 404}, route
        assert _is_like_every_page(headers)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/static/%00", 404),
        ("/static/%2e%2e/app.py", 404),
        ("/static/" + "x" * 5000, 404),
        ("/models/%", 200),
        ("/models/%zz", 200),
        ("/api/models/%", 404),
        ("/api/traces/%ff%fe", 400),
        ("/api/traces?from=1e308", 400),
        ("/api/nothing", 404),
    ],
)
def test_bad_addresses_have_their_status(ask, target, status):
    """The page itself answers for what only the browser can tell."""
    found, headers = ask(target)
    assert found == status
    assert _is_like_every_page(headers)


def test_another_method_is_refused_with_the_same_headers(ask):
    """As are errors that no route answers."""
    status, headers = ask("/api/traces", "DELETE")
    assert (status, set(headers["Allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert _is_like_every_page(headers)


def test_a_failure_of_the_viewer_has_the_same_headers(viewer, ask, monkeypatch, caplog):
    """Its answer says no more than that; the log has the rest."""
    monkeypatch.setattr(viewer._store, "status", lambda: 1 / 0)
    status, headers = ask("/api/status")
    assert status == 500
    assert _is_like_every_page(headers)
    assert "failed to answer /api/status" in caplog.text


def _connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=20)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_a_head_that_does_not_come_ends_the_connection(viewer, monkeypatch, sent):
    """The viewer hangs up; nothing was asked."""
    monkeypatch.setattr(BoundedHttp, "HEAD_S", 0.2)
    for port in (viewer.ports.web, viewer.ports.http):
        with _connect(port) as slow:
            slow.sendall(sent)
            assert slow.recv(100) == b""


def test_connections_that_wait_between_requests_stay(viewer, monkeypatch):
    """The time for a head begins with its first byte."""
    monkeypatch.setattr(BoundedHttp, "HEAD_S", 0.2)
    connection = http.client.HTTPConnection("127.0.0.1", viewer.ports.web, timeout=20)
    for _ in range(2):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        with _connect(viewer.ports.web) as other:  # ends when that time is over
            assert other.recv(100) == b""
    connection.close()


def test_more_connections_than_the_cap_are_turned_away(viewer, monkeypatch):
    """Those that there are go on."""
    monkeypatch.setattr(BoundedHttp, "MOST", 2)
    first = http.client.HTTPConnection("127.0.0.1", viewer.ports.web, timeout=20)
    first.request("GET", "/healthz")
    assert first.getresponse().read()
    with (
        _connect(viewer.ports.web),
        _connect(viewer.ports.web) as third,
        contextlib.suppress(ConnectionResetError),
    ):
        assert third.recv(100) == b""
    first.request("GET", "/healthz")
    assert first.getresponse().status == 200
    first.close()


def test_live_streams_have_a_cap(viewer, ask, monkeypatch):
    """A page beyond it is told so; one that is closed makes room."""
    monkeypatch.setattr(app, "MAX_STREAMS", 1)
    live = http.client.HTTPConnection("127.0.0.1", viewer.ports.web, timeout=20)
    live.request("GET", "/api/live")
    assert live.getresponse().readline() == b"event: data\n"
    status, headers = ask("/api/live")
    assert status == 503
    assert _is_like_every_page(headers)
    live.close()
