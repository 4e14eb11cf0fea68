"""The one thread that turns records into spans, measurements, log events and windows."""

from __future__ import annotations

from otelml._worker.log_records import (
    CLEAN_PARTS,
    EVENT_NAME,
    event_writer,
    hidden_events,
    lets_pass,
    write_record,
)
from otelml._worker.processor import Processor
from otelml._worker.thread import Worker

__all__ = [
    "CLEAN_PARTS",
    "EVENT_NAME",
    "Processor",
    "Worker",
    "event_writer",
    "hidden_events",
    "lets_pass",
    "write_record",
]
