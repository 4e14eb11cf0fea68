"""The API's global providers: set where the application set none, never replaced."""

from __future__ import annotations

import logging
import weakref
from typing import Any

from opentelemetry import _logs, metrics, trace
from opentelemetry._logs import _internal as logs_internal
from opentelemetry.metrics import _internal as metrics_internal
from opentelemetry.util._once import Once

_logger = logging.getLogger("otelml")
_retired: weakref.WeakSet[Any] = weakref.WeakSet()
_PLACES: dict[str, tuple[Any, str, Any]] = {
    "traces": (trace, "_TRACER_PROVIDER", trace.set_tracer_provider),
    "metrics": (metrics_internal, "_METER_PROVIDER", metrics.set_meter_provider),
    "logs": (logs_internal, "_LOGGER_PROVIDER", _logs.set_logger_provider),
}
_GETTERS: dict[str, Any] = {
    "traces": trace.get_tracer_provider,
    "metrics": metrics.get_meter_provider,
    "logs": _logs.get_logger_provider,
}
_UNSET = ("Proxy", "_Proxy")


def retire(provider: Any) -> None:
    """Remember that a provider of ours has been shut down: the next one may take its place."""
    _retired.add(provider)
    module, name, _ = _PLACES["metrics"]
    if getattr(module, name) is provider:
        # Some SDKs ask it for a meter with each new tracer provider, and complain each time.
        _clear("metrics")
        proxy: Any = getattr(module, "_PROXY_METER_PROVIDER", None)
        if getattr(proxy, "_real_meter_provider", None) is provider:
            proxy._real_meter_provider = None  # noqa: SLF001 - as the API has it before the first one


def _clear(signal: str) -> None:
    module, name, _ = _PLACES[signal]
    setattr(module, name, None)
    setattr(module, f"{name}_SET_ONCE", Once())


def configured(signal: str) -> Any:
    """Return the provider that the application configured for a signal, or None."""
    module, name, _ = _PLACES[signal]
    provider = getattr(module, name)
    if provider in _retired:
        return None
    if provider is None:
        # Asking may create the provider that an OTEL_PYTHON_*_PROVIDER variable names.
        provider = _GETTERS[signal]()
        if type(provider).__name__.startswith(_UNSET):
            return None
    return provider


def put(signal: str, provider: Any) -> Any:
    """Make ``provider`` the global one unless there is one; return the one that is."""
    existing = configured(signal)
    if existing is not None and existing is not provider:
        _logger.info(
            "otelml: the application has already set up %s; otelml uses its %s unchanged",
            signal,
            type(existing).__name__,
        )
        return existing
    module, name, setter = _PLACES[signal]
    if getattr(module, name) in _retired:
        # The API lets a provider be set once, which would leave init after shutdown without one.
        _clear(signal)
    setter(provider)
    return provider
