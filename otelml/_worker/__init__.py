"""The one thread that turns records into spans, measurements, log events and windows."""

from __future__ import annotations

from otelml._worker.log_records import CLEAN_PARTS, hidden_events
from otelml._worker.processor import Processor
from otelml._worker.thread import Worker

__all__ = [
    "CLEAN_PARTS",
    "Processor",
    "Worker",
    "hidden_events",
]
