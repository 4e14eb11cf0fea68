"""The boot sequence: options from every source, checked, then telemetry."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from otelml import _guard, _process
from otelml._prediction import current_runtime
from otelml._startup.filters import kept_filters
from otelml._startup.telemetry import Telemetry, current, lock
from otelml._state import ProcessState
from otelml.config import (
    Config,
    CostOptions,
    DriftOptions,
    FeedbackOptions,
    LogOptions,
    MetricOptions,
    PrivacyOptions,
    TraceOptions,
)

if TYPE_CHECKING:
    from otelml.reference import Reference

_logger = logging.getLogger("otelml")
_provisional: ProcessState[Telemetry | None] = ProcessState(None)
# What a test puts in the place of telemetry that exports.
adopt: ProcessState[Callable[[Config, Any, Any], Telemetry] | None] = ProcessState(None)


def init(
    service_name: str | None = None,
    *,
    service_version: str | None = None,
    environment: str | None = None,
    app: Any = None,
    model: str | None = None,
    model_version: str | None = None,
    reference: Reference | str | PathLike[str] | None = None,
    traces: bool | TraceOptions = True,
    metrics: bool | MetricOptions = True,
    logs: bool | LogOptions = True,
    feedback: bool | FeedbackOptions = True,
    cost: bool | CostOptions = True,
    drift: bool | DriftOptions = True,
    privacy: str | PrivacyOptions | None = None,
    system: bool = True,
    instrument: str | Sequence[str] = "auto",
    resource_attributes: Mapping[str, str | bool | int | float] | None = None,
) -> Telemetry:
    """Set up telemetry for this process and instrument what it finds.

    Each value comes from the argument, else the environment, else ``[tool.otelml]`` of
    ``pyproject.toml``, else the default. A second call with the same options changes nothing;
    with other options it warns and changes nothing. What ``otelml run`` has started follows the
    options of the first call. After it returns, otelml raises nothing.

    Args:
        service_name: ``service.name``.
        service_version: ``service.version``.
        environment: ``deployment.environment.name``.
        app: A web application to instrument; those that exist are found without it.
        model: Name of the model, for predictions that name none.
        model_version: Its version.
        reference: What its data looked like at training: a ``Reference``, or the path of one.
        traces: False, or options of spans.
        metrics: False, or options of metrics.
        logs: False, or options of logs.
        feedback: False, or options of prediction ids.
        cost: False, or options of what the service costs.
        drift: False, or options of the drift monitor.
        privacy: ``private`` (the default: no exact feature value leaves the process),
            ``internal``, ``open``, or options.
        system: Whether process and host metrics are collected.
        instrument: ``"auto"``, ``"none"``, or the names of instrumentors.
        resource_attributes: Further attributes of the resource.

    Raises:
        ConfigurationError: A key or a value is wrong.
        InvalidReferenceError: The reference cannot be used.
        MissingDependencyError: What was asked for needs an extra.
    """
    arguments = {
        "service_name": service_name,
        "service_version": service_version,
        "environment": environment,
        "model": model,
        "model_version": model_version,
        "reference": None,
        "traces": traces,
        "metrics": metrics,
        "logs": logs,
        "feedback": feedback,
        "cost": cost,
        "drift": drift,
        "privacy": privacy,
        "system": system,
        "instrument": instrument,
        "resource_attributes": resource_attributes,
    }
    with kept_filters():
        return _init(arguments, app, reference)


def _init(
    arguments: dict[str, Any], app: Any, reference: Reference | str | PathLike[str] | None
) -> Telemetry:
    loaded = None
    if reference is not None:
        from otelml._monitor import load_reference

        loaded = load_reference(reference)
        arguments["reference"] = f"sha256:{loaded.digest}"
    from otelml import _options, instrumentors
    from otelml._cost import check as check_cost
    from otelml._feedback import check_store
    from otelml._startup.sources import resolve, warn_of_ids, warn_of_unknown_variables

    _options.forget_empty()
    _options.check_propagators()
    config = resolve(arguments)
    instrumentors.check(config)
    check_cost(config.cost)
    check_store(config.feedback)
    if loaded is None and config.reference is not None:
        from otelml._monitor import load_reference

        loaded = load_reference(config.reference)
    with lock:
        running = current.value
        provisional = _provisional.value
        if running is None and adopt.value is not None:
            return adopt.value(config, app, loaded)
        if running is None:
            running = current.value = Telemetry(config, app, loaded)
            warn_of_unknown_variables()
            warn_of_ids(config.feedback)
        elif running is provisional and running.config != config:
            running._renew(config, app, loaded)  # noqa: SLF001 - of this room
            warn_of_ids(config.feedback)
        elif running.config != config:
            _logger.warning(
                "otelml: init() was called again with other options, which are ignored; "
                "call otelml.shutdown() first to change them"
            )
        elif app is not None:
            _guard.call("instrument", instrumentors.instrument_app, app, config)
        _provisional.value = None
        return running


def init_provisionally() -> None:
    """Set up telemetry before the application can; the first ``init`` of its own decides anew.

    Raises:
        ConfigurationError: A key or a value is wrong.
        MissingDependencyError: What was asked for needs an extra.
    """
    with lock:
        if current.value is not None:
            return
        _process.is_early.value = True
        try:
            _provisional.value = init()
        finally:
            _process.is_early.value = False


def shutdown(timeout_s: float | None = None) -> bool:
    """Flush and stop telemetry; ``init`` may be called again afterwards.

    Args:
        timeout_s: Seconds that all of it may take; the configured budget by default.

    Returns:
        Whether everything was sent in time.
    """
    running = current.value
    return running.shutdown(timeout_s) if running is not None else True


def running() -> Telemetry | None:
    """Return the telemetry of this process; None before ``init`` and after ``shutdown``."""
    return current.value


def is_running() -> bool:
    """Whether ``init`` has been called and ``shutdown`` has not."""
    return current_runtime() is not None
