"""logging: every record as a JSON line on stdout and over OTLP, with its trace."""

from __future__ import annotations

from otelml.instrumentors.logging.instrumentor import (
    instrument_logging,
    is_instrumented,
    is_otel_handler,
    uninstrument_logging,
)

__all__ = ["instrument_logging", "is_instrumented", "is_otel_handler", "uninstrument_logging"]
