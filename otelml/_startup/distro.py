"""Start without a code change: by ``otelml run`` and by ``opentelemetry-instrument``.

Options come from the environment and from ``pyproject.toml``.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import EntryPoint, entry_points
from os import environ
from typing import Any

from opentelemetry.instrumentation.dependencies import DependencyConflictError
from opentelemetry.instrumentation.distro import BaseDistro
from opentelemetry.instrumentation.environment_variables import (
    OTEL_PYTHON_DISABLED_INSTRUMENTATIONS,
)

from otelml import _guard
from otelml._state import ProcessState
from otelml.exceptions import OtelmlError

__all__ = ["OtelmlConfigurator", "OtelmlDistro", "start"]

_logger = logging.getLogger("otelml")

# Frameworks that init() chooses and instruments itself, by their entry points.
_OF_INIT = frozenset({"flask", "logging", "system_metrics", "otelml_flask", "otelml_sklearn"})


_started: ProcessState[bool] = ProcessState(False)


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
        _started.value = True


class OtelmlDistro(BaseDistro):  # type: ignore[misc] # upstream has no types
    """Leaves to otelml what it instruments itself, and starts everything else."""

    def _configure(self, **_kwargs: Any) -> None:
        """Do nothing: the configurator does it all."""

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Start the instrumentor of an entry point, unless ``init`` has seen to it."""
        if not (_started.value and entry_point.name in _OF_INIT):
            super().load_instrumentor(entry_point, **kwargs)


def start() -> None:
    """Initialise otelml and start all further instrumentors that are installed."""
    OtelmlConfigurator().configure()
    if not _started.value:
        return
    distro = OtelmlDistro()
    disabled = {
        n.strip() for n in environ.get(OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, "").split(",")
    }
    if "*" in disabled:
        return
    for entry_point in entry_points(group="opentelemetry_instrumentor"):
        if entry_point.name not in disabled:
            _guard.call(f"instrumentor {entry_point.name}", _load, distro, entry_point)


def _load(distro: OtelmlDistro, entry_point: EntryPoint) -> None:
    try:
        distro.load_instrumentor(entry_point, raise_exception_on_conflict=True)
    except (DependencyConflictError, ImportError) as error:
        # The library that it is for is not there.
        _logger.debug("otelml: instrumentor %s not started: %s", entry_point.name, error)
