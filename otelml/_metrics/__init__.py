"""Instruments made from ``semconv``, capped in streams, and what is read at each collection."""

from __future__ import annotations

from otelml._metrics.bound import BoundStream
from otelml._metrics.cardinality import Key, StreamCap, overflow
from otelml._metrics.instruments import Capped, Instruments, create_instrument, create_meter
from otelml._metrics.keys import model_key, variant_key
from otelml._metrics.observed import Source, States, observe, observe_self, observe_states
from otelml._metrics.sums import Sums

__all__ = [
    "BoundStream",
    "Capped",
    "Instruments",
    "Key",
    "Source",
    "States",
    "StreamCap",
    "Sums",
    "create_instrument",
    "create_meter",
    "model_key",
    "observe",
    "observe_self",
    "observe_states",
    "overflow",
    "variant_key",
]
