"""Instruments made from ``semconv``, capped in streams, and what is read at each collection."""

from __future__ import annotations

from otelml._metrics.bound import BoundStream
from otelml._metrics.cardinality import Key, StreamCap, overflow
from otelml._metrics.instruments import Capped, Instruments, create_instrument, create_meter
from otelml._metrics.keys import model_key, variant_key
from otelml._metrics.observed import (
    Point,
    Source,
    States,
    bounded,
    observe,
    observe_self,
    observe_states,
)
from otelml._metrics.runs import LastRun, forget_runs, keep_run, observe_runs
from otelml._metrics.sums import Sums

__all__ = [
    "BoundStream",
    "Capped",
    "Instruments",
    "Key",
    "LastRun",
    "Point",
    "Source",
    "States",
    "StreamCap",
    "Sums",
    "bounded",
    "create_instrument",
    "create_meter",
    "forget_runs",
    "keep_run",
    "model_key",
    "observe",
    "observe_runs",
    "observe_self",
    "observe_states",
    "overflow",
    "variant_key",
]
