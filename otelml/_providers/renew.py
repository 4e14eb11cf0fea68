"""Running providers become those of other options: nothing is lost, sent twice or misnamed."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource

from otelml import _guard
from otelml._providers import globals as _globals
from otelml._providers.batch import Batcher
from otelml._providers.create import create_signal, nothing, put_in_place, wanted
from otelml._providers.environment import exporter_names
from otelml._providers.metrics import PushReader
from otelml._providers.prometheus import PrometheusServer
from otelml._providers.resource import create_resource, update_resource
from otelml.semconv import SERVICE_INSTANCE_ID

if TYPE_CHECKING:
    from otelml._providers.providers import Providers, Signal
    from otelml.config import Config, MetricOptions

__all__ = ["renew_providers"]

_CLOSE_S = 5.0


def renew_providers(providers: Providers, config: Config, before: Config) -> None:
    """Have providers that run follow other options; what others hold of them stays valid.

    Args:
        providers: What :func:`~otelml._providers.create_providers` returned, in place.
        config: The options from now on.
        before: Those until now.

    Raises:
        ConfigurationError: A variable of a signal that is turned on is wrong.
        MissingDependencyError: What is turned on needs an extra.
    """
    changed = _changed(providers.resource, config)
    providers.resource = providers.resource.merge(changed)
    on = wanted(config)
    for name, signal in list(providers.signals.items()):
        if signal.owned and name in on:
            _guard.call("resource", _rename, signal, changed)
        elif signal.owned:
            _turn_off(providers, signal)
        elif name in on and type(signal.provider) is type(nothing(name).provider):
            _turn_on(providers, name, config)
    if providers.prometheus is not None:
        providers.prometheus.rename()
    if "metrics" in on and _server(config.metrics) != _server(before.metrics):
        signal = providers.signals["metrics"]
        if signal.owned and not hasattr(signal.provider, "add_metric_reader"):  # before SDK 1.42
            _turn_off(providers, signal)
            _turn_on(providers, "metrics", config)
        else:
            _renew_server(providers, config.metrics)


def _changed(resource: Resource, config: Config) -> Resource:
    """Return what the options say otherwise; it is the same process, so its random id stays."""
    attributes = dict(create_resource(config).attributes)
    if SERVICE_INSTANCE_ID not in dict(config.resource_attributes):
        attributes.pop(SERVICE_INSTANCE_ID, None)
    return Resource({k: v for k, v in attributes.items() if resource.attributes.get(k) != v})


def _rename(signal: Signal, changed: Resource) -> None:
    provider = signal.provider
    update_resource(provider, changed)
    for pipe in signal.pipes:
        if isinstance(pipe, Batcher):
            pipe.rename(provider.resource)


def _turn_off(providers: Providers, signal: Signal) -> None:
    providers.signals[signal.name] = nothing(signal.name)
    _globals.retire(signal.provider)
    for pipe in signal.pipes:
        if isinstance(pipe, PushReader):
            _guard.call("shutdown", pipe.discard)
        else:
            _guard.call("shutdown", pipe.begin_close, monotonic() + _CLOSE_S)
    if isinstance(signal.provider, MeterProvider):
        _stop_server(providers)
        _guard.call("shutdown", signal.provider.shutdown, timeout_millis=1000)


def _turn_on(providers: Providers, name: str, config: Config) -> None:
    signal, server = create_signal(name, providers.resource, config)
    providers.signals[name] = signal
    providers.prometheus = server or providers.prometheus
    put_in_place(providers, signal)
    if providers.signals[name] is not signal:  # the application has its own
        return
    for pipe in signal.pipes:
        if isinstance(pipe, PushReader):
            _guard.call("metrics", pipe.start)
    if server is not None:
        _guard.call("prometheus", server.start)


def _server(options: MetricOptions) -> tuple[object, ...]:
    where = options.prometheus_host, options.prometheus_port, options.prometheus_token
    return options.enabled, options.prometheus, *where


def _renew_server(providers: Providers, options: MetricOptions) -> None:
    """Serve ``/metrics`` where the options say, if they do."""
    provider = providers.signals["metrics"].provider
    if not providers.signals["metrics"].owned:
        return
    old = providers.prometheus
    serves = options.prometheus or "prometheus" in exporter_names("metrics")
    if old is not None and serves and (old.host, old.port) == old.address(options):
        return
    if old is not None:
        _stop_server(providers)
        _guard.call("prometheus", provider.remove_metric_reader, old.reader)
    if serves:
        server = providers.prometheus = PrometheusServer(options)
        provider.add_metric_reader(server.reader)
        _guard.call("prometheus", server.start)


def _stop_server(providers: Providers) -> None:
    server, providers.prometheus = providers.prometheus, None
    if server is not None:
        _guard.call("prometheus", server.stop, monotonic() + _CLOSE_S)
