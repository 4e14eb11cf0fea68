"""Start without a code change: by ``otelml run`` and by ``opentelemetry-instrument``.

Options come from the environment and from ``pyproject.toml``.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from importlib.metadata import EntryPoint, entry_points
from os import environ
from typing import Any, Protocol

from otelml import _guard
from otelml._startup.zero_code import started
from otelml.exceptions import OtelmlError

__all__ = ["OtelmlConfigurator", "start"]

_logger = logging.getLogger("otelml")
_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


class _Distro(Protocol):
    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None: ...


class OtelmlConfigurator:
    """Sets up the providers and otelml's instrumentors: the entry point of a configurator."""

    def configure(self, **_kwargs: Any) -> None:
        """Call :func:`otelml.init`; a setting that is wrong is told on stderr, not raised."""
        from otelml._startup.init import init_provisionally

        try:
            init_provisionally()
        except OtelmlError as error:
            print(f"otelml: not started: {error}", file=sys.stderr)  # noqa: T201 - logging is not set up
            return
        started.value = True


def start() -> None:
    """Initialise otelml and start all further instrumentors that are installed."""
    OtelmlConfigurator().configure()
    if not started.value or not _has_contrib():
        return  # every other instrumentor is built on contrib's base
    from otelml._startup.distro import OtelmlDistro

    distro = OtelmlDistro()
    disabled = {name.strip() for name in environ.get(_DISABLED, "").split(",")}
    if "*" in disabled:
        return
    for entry_point in entry_points(group="opentelemetry_instrumentor"):
        if entry_point.name not in disabled:
            _guard.call(f"instrumentor {entry_point.name}", _load, distro, entry_point)


def _has_contrib() -> bool:
    try:
        return importlib.util.find_spec("opentelemetry.instrumentation.distro") is not None
    except ModuleNotFoundError:
        return False


def _load(distro: _Distro, entry_point: EntryPoint) -> None:
    from opentelemetry.instrumentation.dependencies import DependencyConflictError

    try:
        distro.load_instrumentor(entry_point, raise_exception_on_conflict=True)
    except (DependencyConflictError, ImportError) as error:
        # The library that it is for is not there.
        _logger.debug("otelml: instrumentor %s not started: %s", entry_point.name, error)
