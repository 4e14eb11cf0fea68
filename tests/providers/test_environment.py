"""``OTEL_*`` variables: taken, or refused by name and value."""

from __future__ import annotations

import logging
import sys

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otelml._providers import create_providers
from otelml._providers import environment as _environment
from otelml.config import Config, LogOptions, MetricOptions
from otelml.exceptions import ConfigurationError, MissingDependencyError

_TRACES = Config(metrics=MetricOptions(enabled=False), logs=LogOptions(enabled=False))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OTEL_TRACES_EXPORTER", "oltp", "is 'oltp', which is not installed; did you mean otlp"),
        ("OTEL_METRICS_EXPORTER", "nope", "is 'nope', which is not installed"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/proto", "must be one of http/protobuf, grpc"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
            "thrift",
            "is a text that is not shown; it must be one of",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "is 'http/json', for which no exporter"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "is localhost:4318; it must be a URL"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:99999", "its port valid"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "ftp://x", "it must be a URL"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "is a text that is not shown; it must be a number"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1", "'-1'; it must be at least"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gz", "must be one of none, gzip, deflate; did you"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret", "it must be key=value"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere", "that file cannot be read"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/nowhere", "that file cannot be read"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "'0'; it must be at least 1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1.5", "it must be a whole number"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000", "at most OTEL_BSP_MAX_QUEUE_SIZE"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "x", "not shown; it must be a number"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "'0'; it must be at least 1"),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "all", "it must be one of trace_based"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "d", "not shown; it must be one of"),
        (
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
            "exp",
            "it must be one of explicit_bucket_histogram",
        ),
        ("OTEL_TRACES_SAMPLER", "sometimes", "is a text that is not shown, which is not installed"),
        ("OTEL_TRACES_SAMPLER", "always_onn", "did you mean always_on?"),
        ("OTEL_TRACES_EXPORTER", "noen", "did you mean none?"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "pip install opentelemetry-exporter-zipkin"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "gprc", "did you mean grpc?"),
        ("OTEL_SDK_DISABLED", "1", "'1'; it must be true or false"),
        ("OTEL_SDK_DISABLED", "maybe", "'maybe'; it must be true or false"),
        ("OTEL_LOG_LEVEL", "loud", "it must be one of none"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "hst", "did you mean host?"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "must be a whole number"),
        ("OTEL_PYTHON_ID_GENERATOR", "dice", "is a text that is not shown, which is not installed"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "99999", "it must be from 0 to 65535"),
    ],
)
def test_bad_values_name_variable_and_value(monkeypatch, name, value, message):
    """A wrong value is refused at once, by name, with what would be right."""
    monkeypatch.setenv(name, value)
    if "PROMETHEUS" in name:
        monkeypatch.setenv("OTEL_METRICS_EXPORTER", "prometheus")
    with pytest.raises(ConfigurationError) as raised:
        create_providers(Config())
    assert name in str(raised.value)
    assert message in str(raised.value)


def test_bad_ratio_is_refused(monkeypatch):
    """A sampling ratio is a number from 0 to 1."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "2")
    with pytest.raises(ConfigurationError, match=r"OTEL_TRACES_SAMPLER_ARG is '2'"):
        create_providers(Config())


def test_header_values_are_not_shown(monkeypatch):
    """An error about headers keeps their values, which may be secrets, to itself."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=b,=hunter2")
    with pytest.raises(ConfigurationError) as raised:
        create_providers(Config())
    assert "hunter2" not in str(raised.value)


def test_grpc_needs_its_extra(monkeypatch):
    """Without the extra, gRPC is refused with the command that installs it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'otelml\[grpc\]'"):
        create_providers(Config())


def test_prometheus_needs_its_extra(monkeypatch):
    """Without the extra, ``/metrics`` is refused with the command that installs it."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.prometheus", None)
    monkeypatch.delitem(sys.modules, "otelml._providers.prometheus_reader", raising=False)
    with pytest.raises(MissingDependencyError, match=r"pip install 'otelml\[prometheus\]'"):
        create_providers(Config(metrics=MetricOptions(prometheus=True)))


def test_defaults():
    """With nothing set, everything goes to the local endpoint by OTLP/HTTP."""
    status = create_providers(Config()).status()
    assert {name: one["exporters"] for name, one in status.items()} == {
        name: [{"endpoint": f"http://localhost:4318/v1/{name}", "protocol": "http/protobuf"}]
        for name in ("traces", "metrics", "logs")
    }
    assert _environment.metric_interval_s() == 15.0
    settings = _environment.batch_settings("traces")
    assert (settings.queue_size, settings.batch_size, settings.delay_s) == (8192, 512, 1.0)


def test_batch_variables(monkeypatch):
    """Queue, batch and delay are those of the variables of each signal."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100")
    monkeypatch.setenv("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "7")
    monkeypatch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "250")
    traces, logs = map(_environment.batch_settings, ("traces", "logs"))
    assert (traces.queue_size, traces.batch_size, traces.delay_s) == (100, 100, 1.0)
    assert (logs.queue_size, logs.batch_size, logs.delay_s) == (8192, 7, 0.25)


@pytest.mark.parametrize(("raw", "seconds"), [("7", 7.0), ("0.5", 0.5), ("10000", 10.0)])
def test_timeout_is_read_as_it_was_meant(monkeypatch, raw, seconds):
    """Small values are the Python SDK's seconds, large ones the specification's milliseconds."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", raw)
    assert _environment.otlp_timeout_s("traces") == seconds


def test_endpoint_of_one_signal_is_taken_as_it_is(monkeypatch):
    """The common endpoint gets a path, a signal's own does not, and it wins."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1/base/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://b:2/in")
    endpoints = [_environment.http_settings(s).endpoint for s in ("traces", "metrics", "logs")]
    assert endpoints == ["http://a:1/base/v1/traces", "http://a:1/base/v1/metrics", "http://b:2/in"]


def test_certificates(monkeypatch, tmp_path):
    """Certificates are paths that can be read; a signal's own wins."""
    paths = {}
    for name in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY", "TRACES_CERTIFICATE"):
        path = tmp_path / name
        path.write_text("x")
        paths[name] = str(path)
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", str(path))
    traces, logs = map(_environment.http_settings, ("traces", "logs"))
    assert (traces.verify, logs.verify) == (paths["TRACES_CERTIFICATE"], paths["CERTIFICATE"])
    assert logs.cert == (paths["CLIENT_CERTIFICATE"], paths["CLIENT_KEY"])


def test_none_exports_nothing(monkeypatch):
    """``none`` leaves the provider without an exporter."""
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    status = create_providers(Config()).status()
    assert [one["exporters"] for one in status.values()] == [[], [], []]


def test_list_of_exporters(server, make, emit, soon, monkeypatch, capsys):
    """A list sends to each of its exporters."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console,otlp")
    providers = make(metrics=MetricOptions(enabled=False))
    emit(providers, "one")
    assert providers.flush(soon())
    assert server.span_names() == ["one"]
    assert '"name": "one"' in capsys.readouterr().out


def test_console_of_all_signals(make, emit, soon, monkeypatch, capsys):
    """The console exporters of the SDK work behind our queues and reader."""
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "console")
    providers = make()
    emit(providers, "one-span")
    providers.meter_provider.get_meter("m").create_counter("one-counter").add(1)
    providers.logger_provider.get_logger("l").emit(body="one-log")
    assert providers.flush(soon())
    out = capsys.readouterr().out
    assert all(word in out for word in ("one-span", "one-counter", "one-log"))


def test_sampler_is_taken(monkeypatch):
    """``OTEL_TRACES_SAMPLER`` reaches the provider."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert create_providers(_TRACES).tracer_provider.sampler is ALWAYS_OFF


def test_limits_are_taken(monkeypatch, make, soon, server):
    """Span limits are the SDK's."""
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    providers = make()
    span = providers.tracer_provider.get_tracer("t").start_span("one")
    span.set_attributes({"a": 1, "b": 2})
    span.end()
    assert providers.flush(soon())
    assert (len(server.spans[0].attributes), server.spans[0].dropped_attributes_count) == (1, 1)


def test_signals_that_are_off_do_nothing():
    """A signal that is off has a provider that does nothing and belongs to nobody."""
    providers = create_providers(_TRACES)
    assert providers.owned == {"traces"}
    assert type(providers.meter_provider).__name__ == "NoOpMeterProvider"


def test_disabled_sdk(monkeypatch):
    """``OTEL_SDK_DISABLED`` turns everything off."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "TRUE")
    providers = create_providers(Config())
    assert providers.owned == frozenset()
    assert type(providers.tracer_provider).__name__ == "NoOpTracerProvider"


def test_only_what_works_is_proposed(monkeypatch):
    """``http/json`` needs an exporter that is not ours, so nobody is sent there."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/xml")
    with pytest.raises(ConfigurationError) as raised:
        create_providers(Config())
    assert str(raised.value).startswith(
        "OTEL_EXPORTER_OTLP_PROTOCOL is a text that is not shown; it must be one of http/protobuf, grpc"
    )
    assert "json" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", " GRPC "),
        ("OTEL_TRACES_EXPORTER", " Console, NONE"),
        ("OTEL_TRACES_SAMPLER", " Always_On "),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "ALWAYS_ON"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", " GZip"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta"),
        ("OTEL_SDK_DISABLED", "False"),
        ("OTEL_SDK_DISABLED", "0"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "otel, *"),
    ],
)
def test_case_and_spaces_do_not_matter(monkeypatch, name, value):
    """Where a variable has few values."""
    monkeypatch.setenv(name, value)
    create_providers(Config())


@pytest.mark.parametrize("value", ["", "  "])
def test_empty_is_not_set(monkeypatch, value):
    """For those that the SDK reads, too."""
    from otelml._options import forget_empty

    for name in (
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
        "OTEL_METRICS_EXEMPLAR_FILTER",
        "OTEL_TRACES_SAMPLER",
        "OTEL_SDK_DISABLED",
        "OTEL_TRACES_EXPORTER",
        "OTEL_LOG_LEVEL",
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    forget_empty()
    status = create_providers(Config()).status()
    assert [one["exporters"][0]["protocol"] for one in status.values()] == ["grpc"] * 3


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("COMPRESSION", "gz", "it must be one of none, gzip, deflate"),
        ("ENDPOINT", "http://localhost:99999", "its port valid"),
        ("INSECURE", "perhaps", "it must be true or false"),
    ],
)
def test_grpc_refuses_what_http_refuses(monkeypatch, protocol, variable, value, message):
    """In the same words; without TLS is for gRPC alone to decide."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{variable}", value)
    if (protocol, variable) == ("http/protobuf", "INSECURE"):
        create_providers(Config())
        return
    with pytest.raises(ConfigurationError, match=message):
        create_providers(Config())


def test_log_level(monkeypatch):
    """``OTEL_LOG_LEVEL`` is that of the loggers of OpenTelemetry and otelml."""
    loggers = [logging.getLogger(name) for name in ("opentelemetry", "otelml")]
    before = [logger.level for logger in loggers]
    try:
        monkeypatch.setenv("OTEL_LOG_LEVEL", "Warn")
        create_providers(Config())
        assert [logger.level for logger in loggers] == [logging.WARNING] * 2
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
