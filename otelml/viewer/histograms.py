"""Latency and confidence histograms of the rollups, and quantiles of any histogram."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable, Sequence

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


def latency_edges_ms() -> list[float]:
    """Return the LATENCY_BUCKETS + 1 edges of the buckets, in milliseconds."""
    upper = [_FLOOR_NS / 1e6 * 2 ** (i / _PER_OCTAVE) for i in range(LATENCY_BUCKETS)]
    return [0.0, *upper]


EDGES_MS = np.array(latency_edges_ms())
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


def quantiles(
    edges: npt.NDArray[np.float64], counts: Counts, qs: Sequence[float]
) -> list[float] | None:
    """Return the quantiles of a histogram by linear interpolation, or None when it is empty."""
    cumulative = np.cumsum(counts)
    total = int(cumulative[-1]) if len(cumulative) else 0
    if total == 0:
        return None
    found: list[float] = []
    for q in qs:
        rank = q * total
        # The first non-empty bucket that reaches the rank.
        index = int(np.searchsorted(cumulative, max(rank, 1e-9), side="left"))
        before = int(cumulative[index - 1]) if index else 0
        share = (rank - before) / (int(cumulative[index]) - before)
        low, high = float(edges[index]), float(edges[index + 1])
        found.append(low + (high - low) * min(max(share, 0.0), 1.0))
    return found


def bucket_quantile(buckets: Iterable[tuple[float, float, float]], q: float) -> float | None:
    """Return the quantile of ``(low, high, count)`` buckets, or None when they are empty.

    An unbounded bucket answers its finite edge, as Prometheus does.
    """
    ordered = sorted((each for each in buckets if each[2] > 0), key=lambda each: each[:2][::-1])
    total = sum(count for _, _, count in ordered)
    if not total:
        return None
    rank, seen = q * total, 0.0
    for low, high, count in ordered:
        if seen + count >= rank:
            if math.isinf(high):
                return low if math.isfinite(low) else None
            if math.isinf(low):
                return min(high, 0.0) if high > 0 else high
            return low + (high - low) * max(0.0, rank - seen) / count
        seen += count
    return ordered[-1][1]


def wilson(successes: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a share (Wilson 1927)."""
    if total == 0:
        return 0.0, 1.0
    share = successes / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)
