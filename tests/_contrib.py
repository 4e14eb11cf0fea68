"""What tests take from contrib, from where it is in each tested version of OpenTelemetry."""

from __future__ import annotations

try:
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
except ModuleNotFoundError:  # 1.39: the SDK has it
    from opentelemetry.sdk._logs import LoggingHandler

__all__ = ["LoggingHandler"]
