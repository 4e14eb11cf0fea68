"""Latency and confidence histograms of the rollups: their buckets, and how a row holds them."""

from __future__ import annotations

import math
import struct
from array import array
from bisect import bisect_right

import numpy as np
import numpy.typing as npt

# Eight buckets an octave from 1 µs on: 9 % wide, 2 % off with interpolation, up to 67 minutes.
_PER_OCTAVE = 8
_FLOOR_NS = 1_000
LATENCY_BUCKETS = 32 * _PER_OCTAVE
CONFIDENCE_BUCKETS = 20
_COUNT_BYTES = 8
_HEADER = struct.Struct("<H")

Counts = npt.NDArray[np.int64]


def _bucket_by_formula(duration_ns: int) -> int:
    if duration_ns <= _FLOOR_NS:
        return 0
    return min(int(math.log2(duration_ns / _FLOOR_NS) * _PER_OCTAVE) + 1, LATENCY_BUCKETS - 1)


def _least_of_each_bucket() -> list[int]:
    """Return the shortest whole duration of each bucket but the first."""
    found: list[int] = []
    for bucket in range(1, LATENCY_BUCKETS):
        duration_ns = int(_FLOOR_NS * 2 ** ((bucket - 1) / _PER_OCTAVE)) - 2
        while _bucket_by_formula(duration_ns) < bucket:
            duration_ns += 1
        found.append(duration_ns)
    return found


_LEAST_NS = _least_of_each_bucket()


def latency_bucket(duration_ns: int) -> int:
    """Return the bucket of a duration."""
    return bisect_right(_LEAST_NS, duration_ns)


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
    raw = counts.tobytes()
    first = (len(raw) - len(raw.lstrip(b"\0"))) // _COUNT_BYTES
    end = -(-len(raw.rstrip(b"\0")) // _COUNT_BYTES)
    return _HEADER.pack(first) + raw[first * _COUNT_BYTES : end * _COUNT_BYTES] if end else b""


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
