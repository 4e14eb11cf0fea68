"""Latency and confidence histograms of the rollups: their buckets, and how a row holds them."""

from __future__ import annotations

import math
import struct
from array import array

import numpy as np
import numpy.typing as npt

# Eight buckets an octave from 1 µs on: 9 % wide, 2 % off with interpolation, up to 67 minutes.
_PER_OCTAVE = 8
_FLOOR_NS = 1_000
LATENCY_BUCKETS = 32 * _PER_OCTAVE
CONFIDENCE_BUCKETS = 20
_HEADER = struct.Struct("<H")

Counts = npt.NDArray[np.int64]


def latency_bucket(duration_ns: int) -> int:
    """Return the bucket of a duration."""
    if duration_ns <= _FLOOR_NS:
        return 0
    return min(int(math.log2(duration_ns / _FLOOR_NS) * _PER_OCTAVE) + 1, LATENCY_BUCKETS - 1)


def _latency_edges_ms() -> list[float]:
    """Return the LATENCY_BUCKETS + 1 edges of the buckets, in milliseconds."""
    upper = [_FLOOR_NS / 1e6 * 2 ** (i / _PER_OCTAVE) for i in range(LATENCY_BUCKETS)]
    return [0.0, *upper]


EDGES_MS = np.array(_latency_edges_ms())
CONFIDENCE_EDGES = np.linspace(0.0, 1.0, CONFIDENCE_BUCKETS + 1)


def confidence_bucket(confidence: float) -> int:
    """Return the bucket of a confidence between 0 and 1."""
    return min(max(int(confidence * CONFIDENCE_BUCKETS), 0), CONFIDENCE_BUCKETS - 1)


def pack(counts: array[int]) -> bytes:
    """Return the counts as bytes, without the zeros at both ends."""
    filled = [i for i, count in enumerate(counts) if count]
    if not filled:
        return b""
    return _HEADER.pack(filled[0]) + counts[filled[0] : filled[-1] + 1].tobytes()


def unpack(blob: bytes, size: int = LATENCY_BUCKETS) -> array[int]:
    """Return the counts that ``pack`` wrote."""
    counts = array("Q", bytes(8 * size))
    if blob:
        (first,) = _HEADER.unpack_from(blob)
        values = array("Q", blob[_HEADER.size :])
        counts[first : first + len(values)] = values
    return counts


def add_packed(total: Counts, blob: bytes) -> None:
    """Add packed counts to ``total`` in place."""
    if blob:
        (first,) = _HEADER.unpack_from(blob)
        values = np.frombuffer(blob, np.int64, offset=_HEADER.size)
        total[first : first + len(values)] += values
