"""The boot sequence: options, providers, pipeline, instrumentors, life and end."""

from __future__ import annotations

from otelml._startup.capture import Adopted, in_place_of_service, service_config
from otelml._startup.init import init, is_running, running, shutdown
from otelml._startup.sources import read_pyproject, resolve
from otelml._startup.telemetry import Telemetry, reports_of

__all__ = [
    "Adopted",
    "Telemetry",
    "in_place_of_service",
    "init",
    "is_running",
    "read_pyproject",
    "reports_of",
    "resolve",
    "running",
    "service_config",
    "shutdown",
]
