"""Keeps records in SQLite, with sums for the pages, within a bound of age and size."""

from __future__ import annotations

from otelml.viewer.store.buckets import decode_buckets
from otelml.viewer.store.histograms import (
    CONFIDENCE_BUCKETS,
    CONFIDENCE_EDGES,
    EDGES_MS,
    LATENCY_BUCKETS,
    Counts,
    add_packed,
)
from otelml.viewer.store.joined import member, split
from otelml.viewer.store.oldest import newest_ns, oldest_ns
from otelml.viewer.store.resolutions import COARSE_S, FINE_RANGE_S, FINE_S
from otelml.viewer.store.rollups import MAX_LABELS
from otelml.viewer.store.store import Store, StoreUnavailableError

__all__ = [
    "COARSE_S",
    "CONFIDENCE_BUCKETS",
    "CONFIDENCE_EDGES",
    "EDGES_MS",
    "FINE_RANGE_S",
    "FINE_S",
    "LATENCY_BUCKETS",
    "MAX_LABELS",
    "Counts",
    "Store",
    "StoreUnavailableError",
    "add_packed",
    "decode_buckets",
    "member",
    "newest_ns",
    "oldest_ns",
    "split",
]
