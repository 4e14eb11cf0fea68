"""What becomes of spans, whatever the endpoint does."""

from __future__ import annotations

import logging
import socket
from time import monotonic

import pytest

from tests._otlp_server import OtlpServer


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_spans_arrive_once_each_in_order(server, make, emit, soon):
    """A flush delivers every span that has ended, once."""
    providers = make(service_name="loan-api")
    names = [f"span-{i}" for i in range(1500)]
    emit(providers, *names)
    assert providers.flush(soon())
    assert server.span_names() == names
    assert server.resources[0]["service.name"] == "loan-api"
    assert providers.status()["traces"]["exported"] == 1500


def test_all_signals_arrive(server, make, emit, soon):
    """One flush delivers spans, data points and log records."""
    providers = make()
    emit(providers, "one")
    providers.meter_provider.get_meter("m").create_counter("c").add(3)
    providers.logger_provider.get_logger("l").emit(body="hello")
    assert providers.flush(soon())
    assert server.span_names() == ["one"]
    assert [point.as_int for point in server.points("c")] == [3]
    assert [record.body.string_value for record in server.logs] == ["hello"]


def test_unsampled_spans_are_not_queued(server, make, emit, soon, monkeypatch):
    """A span that the sampler refuses is neither sent nor counted as dropped."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    providers = make()
    emit(providers, "one")
    assert providers.flush(soon())
    assert server.spans == []
    assert providers.status()["traces"]["dropped"] == {}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retryable_status_is_retried(server, make, emit, soon, quick, status):
    """A span survives answers that ask for another attempt."""
    server.script = [status, status]
    server.paths = {"/v1/traces"}
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one")
    assert providers.flush(soon())
    assert server.span_names() == ["one"]
    assert [mode for _, _, mode, _ in server.requests] == [status, status, "ok"]
    assert providers.status()["traces"]["failures"] == 0


def test_retry_after_is_kept(server, make, emit, soon, quick):
    """The next attempt comes no sooner than the endpoint asks, even when someone waits."""
    server.script = [429]
    server.retry_after = "1"
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one")
    assert providers.flush(soon())
    first, second = (at for at, *_ in server.requests)
    assert second - first >= 0.99


@pytest.mark.parametrize("status", [400, 413, 500, 501])
def test_other_statuses_are_final(server, make, emit, soon, status):
    """A payload that the endpoint refuses is dropped at once and counted."""
    server.script = [status]
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one", "two")
    assert not providers.flush(soon())
    result = providers.status()["traces"]
    assert (result["dropped"], result["failures"]) == ({"export_failed": 2}, 1)
    assert result["last_error"].startswith(f"HTTP {status}")
    emit(providers, "three")
    assert providers.flush(soon())
    assert server.span_names() == ["three"]


def test_budget_of_retries_ends(server, make, emit, quick, monkeypatch):
    """After the exporter's timeout a payload is given up and counted."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
    server.mode = 503
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one")
    providers.flush(monotonic() + 10)
    result = providers.status()["traces"]
    assert (result["dropped"], result["failures"]) == ({"export_failed": 1}, 1)
    assert len(server.requests) > 1


def test_partial_success_is_counted(server, make, emit, soon):
    """Items that the endpoint took out of a payload are counted as rejected."""
    server.mode, server.rejected = "partial", 2
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one", "two", "three")
    assert providers.flush(soon())
    result = providers.status()["traces"]
    assert (result["exported"], result["dropped"]) == (1, {"rejected": 2})
    assert result["last_error"] == "some were refused"


def test_web_page_is_no_success(server, make, emit, soon):
    """A web server that answers 200 is told apart from an OTLP endpoint."""
    server.mode = "html"
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one")
    assert not providers.flush(soon())
    assert "not an OTLP endpoint" in providers.status()["traces"]["last_error"]


def test_wrong_path_is_explained(server, make, emit, soon, monkeypatch):
    """A 404 says what to look at."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{server.url}/wrong")
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one")
    assert not providers.flush(soon())
    error = providers.status()["traces"]["last_error"]
    assert error == "HTTP 404 Not Found; is it an OTLP/HTTP endpoint?"


def test_stale_connection_is_replaced_at_once(server, make, emit, soon, monkeypatch):
    """A connection that was closed while idle costs no backoff and no span."""
    monkeypatch.setattr("otelml._providers.delivery._FIRST_BACKOFF_S", 1000.0)
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one")
    assert providers.flush(soon())
    server.script = ["close"]
    emit(providers, "two")
    assert providers.flush(soon())
    assert server.span_names() == ["one", "two"]


def test_nothing_listening_warns_once(make, emit, soon, quick, caplog, monkeypatch):
    """An endpoint that is away costs one line, then counts; its return is one line too."""
    port = _free_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.05")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    caplog.set_level(logging.INFO, "otelml")
    providers = make(metrics=_off(), logs=_no_logs())
    stats = providers.signals["traces"].stats
    _until(lambda: emit(providers, "lost") or stats.failures >= 3)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert caplog.messages == [
        (
            f"otelml: cannot export traces to http://127.0.0.1:{port}/v1/traces: connection "
            "refused; further failures are counted in otelml.export.failures (otelml doctor "
            "tells more)"
        )
    ]
    with OtlpServer(port) as server:
        _until(lambda: emit(providers, "found") or bool(server.spans))
        assert providers.flush(soon())
    assert caplog.messages[1:] == [
        f"otelml: traces are exported to http://127.0.0.1:{port}/v1/traces again"
    ]


def test_flush_with_nothing_listening_does_not_wait(make, emit, monkeypatch):
    """A flush fails at once where nothing listens; the spans stay for the next attempt."""
    port = _free_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("otelml._providers.delivery._FIRST_BACKOFF_S", 4.0)
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one")
    deadline = monotonic() + 60
    assert not providers.flush(deadline)
    assert monotonic() < deadline - 30
    with OtlpServer(port) as server:
        assert providers.flush(monotonic() + 10)
        assert server.span_names() == ["one"]


@pytest.mark.parametrize("mode", ["hang", "close", 503])
def test_shutdown_ends_by_its_deadline(server, make, emit, mode):
    """Whatever the endpoint does, shutdown returns, and what it could not send is counted."""
    server.mode = mode
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, *["lost"] * 1000)
    started = monotonic()
    assert not providers.shutdown(started + 0.3)
    assert monotonic() - started < 5
    result = providers.status()["traces"]
    assert (result["dropped"], result["queue_size"]) == ({"shutdown": 1000}, 0)


def test_slow_endpoint_gets_everything(server, make, emit, soon):
    """A slow answer delays, and loses nothing."""
    server.mode = "slow"
    providers = make()
    emit(providers, *["one"] * 600)
    assert providers.shutdown(soon())
    assert len(server.spans) == 600


def test_spans_after_shutdown_are_counted(server, make, emit, soon):
    """A span that ends after shutdown is counted, not lost in silence."""
    providers = make()
    emit(providers, "one")
    assert providers.shutdown(soon())
    emit(providers, "two")
    assert server.span_names() == ["one"]
    assert providers.status()["traces"]["dropped"] == {"shutdown": 1}
    assert providers.shutdown(soon())


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
def test_compression_and_headers(server, make, emit, soon, monkeypatch, compression):
    """The variables for compression and headers reach the request."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x, tenant=a")
    providers = make(metrics=_off(), logs=_no_logs())
    emit(providers, "one")
    assert providers.flush(soon())
    headers = server.requests[0][3]
    assert server.span_names() == ["one"]
    assert headers["authorization"] == "Bearer x"
    assert headers["tenant"] == "a"
    assert headers.get("content-encoding", "none") == compression


def test_logs_of_the_export_do_not_beget_logs(server, make, soon):
    """What is logged on an exporting thread is not exported: it would never end."""
    providers = make(metrics=_off())
    bridge = _Bridge(providers.logger_provider.get_logger("urllib3"))
    urllib3 = logging.getLogger("urllib3")
    level = urllib3.level
    urllib3.addHandler(bridge)
    urllib3.setLevel(logging.DEBUG)
    try:
        providers.logger_provider.get_logger("app").emit(body="mine")
        assert providers.flush(soon())
        assert providers.flush(soon())
    finally:
        urllib3.removeHandler(bridge)
        urllib3.setLevel(level)
    assert bridge.seen > 0
    assert [record.body.string_value for record in server.logs] == ["mine"]


class _Bridge(logging.Handler):
    def __init__(self, logger):
        super().__init__()
        self.logger, self.seen = logger, 0

    def emit(self, record):
        self.seen += 1
        self.logger.emit(body=record.getMessage())


def _off():
    from otelml.config import MetricOptions

    return MetricOptions(enabled=False)


def _no_logs():
    from otelml.config import LogOptions

    return LogOptions(enabled=False)


def _until(condition, timeout_s=20.0):
    from time import sleep

    end = monotonic() + timeout_s
    while not condition():
        assert monotonic() < end, "it did not come to pass"
        sleep(0.01)
