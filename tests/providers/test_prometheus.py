"""``/metrics`` beside OTLP."""

from __future__ import annotations

import socket
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from unittest.mock import Mock

import pytest
from opentelemetry.metrics import Observation

from grafana.generate.names import series_names
from otelml import semconv, semconv_quality
from otelml._providers import prometheus_server
from otelml.config import MetricOptions
from otelml.semconv import Kind, Metric


@pytest.fixture
def port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        return response.read().decode()


def test_served_beside_otlp(server, make, soon, port):
    """A scrape and a push show the same count."""
    providers = make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    providers.meter_provider.get_meter("m").create_counter("apples").add(3)
    assert "apples_total" in _scrape(port)
    assert providers.flush(soon())
    assert [point.as_int for point in server.points("apples")] == [3]
    assert providers.status()["metrics"]["exporters"] == [
        {"endpoint": f"{server.url}/v1/metrics", "protocol": "http/protobuf"},
        {"endpoint": f"http://127.0.0.1:{port}/metrics", "protocol": "prometheus"},
    ]


def test_asked_for_by_variables(make, monkeypatch, port):
    """``OTEL_METRICS_EXPORTER=prometheus`` serves, at the variables' port, and does not push."""
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "prometheus")
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", str(port))
    providers = make()
    providers.meter_provider.get_meter("m").create_counter("pears").add(1)
    assert "pears_total" in _scrape(port)
    assert [one["protocol"] for one in providers.status()["metrics"]["exporters"]] == ["prometheus"]


def test_port_in_use_is_said_and_survived(make, caplog):
    """A taken port is one warning with the port and the options; the service goes on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        make(metrics=MetricOptions(prometheus=True, prometheus_port=taken))
    (message,) = caplog.messages
    assert f"127.0.0.1:{taken}: Address already in use" in message
    assert "OTEL_EXPORTER_PROMETHEUS_PORT" in message
    assert "MetricOptions(prometheus_port=)" in message


def test_port_zero_serves_nothing(make, caplog):
    """Port 0 leaves serving to the application."""
    providers = make(metrics=MetricOptions(prometheus=True, prometheus_port=0))
    assert caplog.messages == []
    assert providers.status()["metrics"]["exporters"][-1] == {
        "endpoint": "prometheus_client.REGISTRY",
        "protocol": "prometheus",
    }


def test_port_is_free_after_shutdown(make, soon, port):
    """Shutdown stops listening."""
    options = MetricOptions(prometheus=True, prometheus_port=port)
    first = make(metrics=options)
    first.shutdown(soon())
    with pytest.raises(OSError, match=r"refused|reset"):
        _scrape(port)
    make(metrics=options)
    _scrape(port)


@pytest.mark.parametrize("seconds", [10.0, 0.0])
def test_its_thread_ends_however_little_time_there_is(make, soon, port, seconds):
    """In haste the socket is closed under it, and a closed socket is asked for ever."""
    before = set(threading.enumerate())
    providers = make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    _scrape(port)
    began = set(threading.enumerate()) - before
    (thread,) = [one for one in began if one.name == "otelml-prometheus"]
    providers.shutdown(soon(seconds))
    thread.join(30)
    assert not thread.is_alive()
    with pytest.raises(OSError, match=r"refused|reset"):
        _scrape(port)


def _create(meter, metric):
    """Make the metric's instrument with one value."""
    one = [lambda _: [Observation(1)]]
    if metric.kind is Kind.OBSERVABLE_GAUGE:
        meter.create_observable_gauge(metric.name, one, metric.unit)
    elif metric.kind is Kind.OBSERVABLE_COUNTER:
        meter.create_observable_counter(metric.name, one, metric.unit)
    elif metric.kind is Kind.COUNTER:
        meter.create_counter(metric.name, metric.unit).add(1)
    elif metric.kind is Kind.UP_DOWN_COUNTER:
        meter.create_up_down_counter(metric.name, metric.unit).add(1)
    elif metric.kind is Kind.HISTOGRAM:
        meter.create_histogram(metric.name, metric.unit).record(1)
    else:
        meter.create_gauge(metric.name, metric.unit).set(1)


FOREIGN = [
    Metric("process.cpu.utilization", Kind.OBSERVABLE_GAUGE, "1", ""),
    Metric("unusual.share", Kind.GAUGE, "1", ""),
    Metric("unusual.reference.ratio", Kind.GAUGE, "1", ""),
    Metric("unusual.ratio.of.things", Kind.GAUGE, "1", ""),
    Metric("unusual.open", Kind.UP_DOWN_COUNTER, "1", ""),
    Metric("unusual.score", Kind.HISTOGRAM, "1", ""),
    Metric("unusual.size", Kind.GAUGE, "By", ""),
    Metric("unusual.flag", Kind.GAUGE, "{flag}", ""),
]


def test_names_are_those_of_the_same_metrics_over_otlp(make, port):
    """Whatever a dashboard asks for, ``/metrics`` has it under the very name."""
    providers = make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    meter = providers.meter_provider.get_meter("m")
    metrics = [*semconv.METRICS, *semconv_quality.QUALITY_METRICS, *FOREIGN]
    for metric in metrics:
        _create(meter, metric)
    found = {line.split("{")[0].split(" ")[0] for line in _scrape(port).splitlines()}
    wanted = {name for metric in metrics for name in series_names(metric)}
    assert wanted - found == set()
    assert not {name for name in found if "unusual" in name} - wanted


def _ask(port, head, address="127.0.0.1"):
    """Return the status and all of the answer to a request that is written by hand."""
    with socket.create_connection((address, port), timeout=5) as one:
        one.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        told = b"".join(iter(lambda: one.recv(65_536), b"")).decode()
    return int(told.split()[1]), told


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:9464", 200),
        ("127.9.8.7:1", 200),
        ("[::1]:9464", 200),
        ("evil.example", 421),
        ("evil.example:9464", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 400),
        ("localhost:9464:80", 400),
        ("[::1", 400),
        ("", 400),
        ("localhost\tevil", 400),
    ],
)
def test_for_this_machine_alone(make, port, host, status):
    """A web page that had its name lead here reads nothing; a malformed name is refused."""
    make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    told = _ask(port, f"GET /metrics HTTP/1.0\nHost: {host}")
    assert told[0] == status
    assert ("process_max_fds" in told[1]) == (status == 200)


def test_one_path_and_one_method(make, port):
    """Nothing else is answered, and no page of another origin may embed it."""
    make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    assert _ask(port, "GET /metrics HTTP/1.0")[0] == 400
    assert _ask(port, "POST /metrics HTTP/1.0\nHost: localhost\nContent-Length: 0")[0] == 405
    assert _ask(port, "GET /other HTTP/1.0\nHost: localhost")[0] == 404
    told = _ask(port, "GET /metrics HTTP/1.0\nHost: localhost\nOrigin: http://evil.example")[1]
    assert "Cross-Origin-Resource-Policy: same-origin" in told
    assert "Access-Control" not in told


def test_others_need_the_token(make, port, caplog):
    """Where others can reach it: one warning, and nothing without the token."""
    options = MetricOptions(
        prometheus=True, prometheus_port=port, prometheus_host="0.0.0.0", prometheus_token="t0ken"
    )
    make(metrics=options)
    assert "0.0.0.0, which others can reach, is served, over plain HTTP" in caplog.text
    assert "t0ken" not in caplog.text
    assert "t0ken" not in repr(options)
    ask = "GET /metrics HTTP/1.0\nHost: service.example:9464"
    assert [
        _ask(port, f"{ask}{more}")[0]
        for more in ("", "\nAuthorization: Bearer other", "\nAuthorization: Bearer t0ken")
    ] == [401, 401, 200]


def test_nothing_for_others_without_a_token(make, port, caplog, monkeypatch):
    """It is not served, and says which line to add; ``none`` opens it."""
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0")
    make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    assert "is not served: set OTELML_PROMETHEUS_TOKEN" in caplog.text
    with pytest.raises(OSError, match="refused"):
        _ask(port, "GET /metrics HTTP/1.0\nHost: x")
    make(metrics=MetricOptions(prometheus=True, prometheus_port=port, prometheus_token="none"))
    assert _ask(port, "GET /metrics HTTP/1.0\nHost: x.example")[0] == 200


def test_connections_that_say_nothing_do_not_add_up(make, port):
    """Sixteen at once; the next is turned away, and there is room again when one ends."""
    make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    idle = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(16)]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
            assert one.recv(1) == b""
        idle.pop().close()
        for _ in range(100):
            try:
                assert _ask(port, "GET /metrics HTTP/1.0\nHost: localhost")[0] == 200
                break
            except (ConnectionError, IndexError):
                continue
        else:
            pytest.fail("there is no room again")
    finally:
        for one in idle:
            one.close()


def _dribble(port, stop):
    """Hold a connection by a byte now and then, until it is ended; return whether it was."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
        one.sendall(b"GET /metrics HTTP/1.0\r\nX-Slow: ")
        one.settimeout(0.1)
        while not stop.is_set():
            try:
                one.sendall(b"a")
                if one.recv(1) == b"":
                    return True
            except TimeoutError:
                continue
            except ConnectionError:
                return True
    return False


def test_connections_that_say_little_are_ended(make, port, monkeypatch):
    """Bytes that come one by one give no more time: Prometheus would be turned away for ever."""
    monkeypatch.setattr(prometheus_server, "_ASKED_S", 1)
    make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    stop = threading.Event()
    with ThreadPoolExecutor(16) as pool:
        held = [pool.submit(_dribble, port, stop) for _ in range(16)]
        try:
            assert all(one.result(15) for one in held)
        finally:
            stop.set()
    _wait_for_room(port)


def test_an_answer_that_nobody_takes_is_ended(make, port, monkeypatch):
    """A client that asks and does not read has its time as well."""
    monkeypatch.setattr(prometheus_server, "_TAKEN_S", 1)
    providers = make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    gauge = providers.meter_provider.get_meter("m").create_gauge("wide")
    for number in range(400):
        gauge.set(1, {"text": f"{number}" * 5_000})
    idle = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(16)]
    try:
        for one in idle:
            one.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        _wait_for_room(port)
    finally:
        for one in idle:
            one.close()


def _wait_for_room(port):
    until = monotonic() + 30
    while not _has_room(port):
        assert monotonic() < until


def _has_room(port):
    try:
        return _ask(port, "GET /other HTTP/1.0\nHost: localhost")[0] == 404
    except (ConnectionError, IndexError):
        return False


def test_there_is_room_where_no_thread_was_to_be_had(monkeypatch):
    """A connection that got no thread is not counted as open."""
    server = prometheus_server.serve("127.0.0.1", 0, "", local=True)
    try:
        monkeypatch.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError))
        for _ in range(prometheus_server._MOST + 1):
            with socket.socket() as one, pytest.raises(RuntimeError):
                server.process_request(one, ("127.0.0.1", 1))
    finally:
        server.server_close()
