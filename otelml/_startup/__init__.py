"""The boot sequence: options, providers, pipeline, instrumentors, life and end."""

from __future__ import annotations

from otelml._startup.init import Telemetry, init, is_running, running, shutdown
from otelml._startup.sources import resolve

__all__ = ["Telemetry", "init", "is_running", "resolve", "running", "shutdown"]
