"""Making the providers, and putting them in place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    MeterProvider,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracerProvider

from otelml._options import text
from otelml._providers import environment as _environment
from otelml._providers import globals as _globals
from otelml._providers.batch import LogBatcher, SpanBatcher
from otelml._providers.entry_points import load
from otelml._providers.log_level import log_level, set_log_level
from otelml._providers.metrics import PushReader, aggregation, temporality
from otelml._providers.prometheus import PrometheusServer
from otelml._providers.providers import Providers, Signal
from otelml._providers.resource import check_detectors, create_resource
from otelml._providers.samplers import create_sampler
from otelml._providers.stats import Stats
from otelml._providers.targets import SdkTarget, create_target
from otelml.exceptions import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    from otelml.config import Config, MetricOptions

_EXEMPLARS = {
    "trace_based": TraceBasedExemplarFilter(),
    "always_on": AlwaysOnExemplarFilter(),
    "always_off": AlwaysOffExemplarFilter(),
}
_NOTHING: dict[str, Any] = {
    "traces": NoOpTracerProvider,
    "metrics": NoOpMeterProvider,
    "logs": NoOpLoggerProvider,
}


def create_providers(config: Config) -> Providers:
    """Return providers for the configuration and the ``OTEL_*`` variables; no global is touched.

    Args:
        config: The resolved configuration.

    Raises:
        ConfigurationError: A variable is wrong.
        MissingDependencyError: An exporter needs an extra.
    """
    set_log_level()
    resource = create_resource(config)
    providers = Providers(resource, {name: nothing(name) for name in _environment.SIGNALS})
    for name in wanted(config):
        providers.signals[name], server = create_signal(name, resource, config)
        providers.prometheus = server or providers.prometheus
    return providers


def wanted(config: Config) -> tuple[str, ...]:
    """Return the signals that are turned on."""
    if _environment.is_disabled():
        return ()
    on = {
        "traces": config.traces.enabled,
        "metrics": config.metrics.enabled,
        "logs": config.logs.enabled and config.logs.otlp,
    }
    return tuple(name for name in _environment.SIGNALS if on[name])


def create_signal(
    name: str, resource: Resource, config: Config
) -> tuple[Signal, PrometheusServer | None]:
    """Return one signal with its exporters, and the server of ``/metrics`` if it has one.

    Raises:
        ConfigurationError: A variable is wrong.
        MissingDependencyError: An exporter needs an extra.
    """
    try:
        if name == "metrics":
            return _metrics(resource, config.metrics)
        return (_traces(resource) if name == "traces" else _logs(resource)), None
    except ConfigurationError:
        raise
    except ValueError as error:  # the SDK's limits name the variable
        raise ConfigurationError(_limit_of(str(error))) from None


def _limit_of(said: str) -> str:
    """Return what is wrong with a limit of the SDK's, which repeats its value."""
    name = next(iter(re.findall(r"OTEL_[A-Z_]+", said)), "a limit of OTEL_*")
    return f"{name} must be a whole number, at least 0"


def check_environment() -> None:
    """Read the ``OTEL_*`` variables that :func:`create_providers` reads, and make nothing of them.

    Raises:
        ConfigurationError: One is wrong.
    """
    _environment.is_disabled()
    log_level()
    create_sampler()
    _id_generator()
    check_detectors()
    _environment.check_metrics()
    _environment.metric_interval_s()
    for signal in _environment.SIGNALS:
        _environment.otlp_compression(signal)
        if _environment.otlp_protocol(signal) == "grpc":
            _environment.otlp_insecure(signal)
        _environment.otlp_timeout_s(signal)
    for signal in ("traces", "logs"):
        _environment.batch_settings(signal)


def configure_providers(providers: Providers) -> None:
    """Make the providers the global ones; where the application has its own, use those.

    Args:
        providers: What :func:`create_providers` returned; its signals change accordingly.
    """
    for signal in list(providers.signals.values()):
        put_in_place(providers, signal)
    providers.start()


def put_in_place(providers: Providers, signal: Signal) -> None:
    """Make a signal's provider the global one; where the application has its own, use that."""
    if not signal.owned:
        return
    name = signal.name
    used = _globals.put(name, signal.provider)
    if used is not signal.provider:
        providers.signals[name] = Signal(name, used, (), signal.stats, owned=False)
        if name == "metrics":
            providers.prometheus = None


def nothing(name: str) -> Signal:
    """Return a signal that is turned off."""
    return Signal(name, _NOTHING[name](), (), Stats(name), owned=False)


def _traces(resource: Resource) -> Signal:
    stats = Stats("traces")
    provider = TracerProvider(
        sampler=create_sampler(),
        resource=resource,
        id_generator=_id_generator(),
        shutdown_on_exit=False,
    )
    settings = _environment.batch_settings("traces")
    pipes = [
        SpanBatcher(create_target("traces", name), stats, settings)
        for name in _environment.exporter_names("traces")
    ]
    for pipe in pipes:
        provider.add_span_processor(pipe)
    return Signal("traces", provider, pipes, stats, owned=True)


def _logs(resource: Resource) -> Signal:
    stats = Stats("logs")
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    settings = _environment.batch_settings("logs")
    pipes = [
        LogBatcher(create_target("logs", name), stats, settings)
        for name in _environment.exporter_names("logs")
    ]
    for pipe in pipes:
        provider.add_log_record_processor(pipe)
    return Signal("logs", provider, pipes, stats, owned=True)


def _metrics(resource: Resource, options: MetricOptions) -> tuple[Signal, PrometheusServer | None]:
    stats = Stats("metrics")
    checked = _environment.check_metrics()
    interval_s = _environment.metric_interval_s()
    names = _environment.exporter_names("metrics")
    wanted = options.prometheus or "prometheus" in names
    server = PrometheusServer(options) if wanted else None
    readers: list[MetricReader] = [server.reader] if server else []
    pipes: list[PushReader] = []
    for name in names:
        if name == "prometheus":
            continue
        target = create_target("metrics", name)
        if isinstance(target, SdkTarget) and isinstance(target.exporter, MetricReader):
            readers.append(target.exporter)
            continue
        kinds: Any = temporality(checked["temporality"])
        histograms: Any = aggregation(checked["histograms"])
        if isinstance(target, SdkTarget):
            kinds = target.exporter._preferred_temporality  # noqa: SLF001 - as the SDK's own reader
            histograms = target.exporter._preferred_aggregation  # noqa: SLF001 - as above
        pipes.append(PushReader(target, stats, interval_s, kinds, histograms))
    provider = MeterProvider(
        metric_readers=[*readers, *pipes],
        resource=resource,
        exemplar_filter=_EXEMPLARS[checked["exemplars"]],
        shutdown_on_exit=False,
    )
    return Signal("metrics", provider, pipes, stats, owned=True), server


def _id_generator() -> IdGenerator | None:
    name = text("OTEL_PYTHON_ID_GENERATOR", "random")
    if name.lower() == "random":
        return None
    generator: IdGenerator = load(
        "opentelemetry_id_generator", name, "OTEL_PYTHON_ID_GENERATOR", ("random",)
    )()
    return generator
