"""Histogram buckets in the store: as bytes, and what lies between two points."""

from __future__ import annotations

import json
from array import array

from otelml.viewer.records import Buckets

EXPONENTIAL = -1


def encode_buckets(buckets: Buckets) -> bytes:
    """Return bucket counts as bytes; explicit bounds are kept apart."""
    if buckets.scale is None:
        return array("Q", buckets.counts).tobytes()
    return json.dumps(
        [
            buckets.scale,
            buckets.zero,
            list(buckets.positive.items()),
            list(buckets.negative.items()),
        ]
    ).encode()


def decode_buckets(raw: bytes, bounds: tuple[float, ...] | None) -> Buckets:
    """Return what ``encode_buckets`` wrote; ``bounds`` is None for exponential buckets."""
    if bounds is not None:
        return Buckets(tuple(array("Q", raw)), bounds)
    scale, zero, positive, negative = json.loads(raw)
    return Buckets(scale=scale, zero=zero, positive=dict(positive), negative=dict(negative))


def difference(new: Buckets, old: Buckets) -> Buckets | None:
    """Return what was added between two cumulative points, or None where that is not known."""
    if new.scale is None or old.scale is None:
        if new.bounds != old.bounds or new.scale != old.scale:
            return None
        counts = tuple(a - b for a, b in zip(new.counts, old.counts, strict=True))
        return None if min(counts, default=0) < 0 else Buckets(counts, new.bounds)
    scale = min(new.scale, old.scale)
    new, old = _downscale(new, scale), _downscale(old, scale)
    positive = _subtract(new.positive, old.positive)
    negative = _subtract(new.negative, old.negative)
    zero = new.zero - old.zero
    if positive is None or negative is None or zero < 0:
        return None
    return Buckets(scale=scale, zero=zero, positive=positive, negative=negative)


def addition(one: Buckets, other: Buckets) -> Buckets | None:
    """Return the sum of two sets of buckets, or None where their explicit bounds differ."""
    if one.scale is None or other.scale is None:
        if one.bounds != other.bounds or one.scale != other.scale:
            return None
        counts = tuple(a + b for a, b in zip(one.counts, other.counts, strict=True))
        return Buckets(counts, one.bounds)
    scale = min(one.scale, other.scale)
    one, other = _downscale(one, scale), _downscale(other, scale)
    return Buckets(
        scale=scale,
        zero=one.zero + other.zero,
        positive=_add(one.positive, other.positive),
        negative=_add(one.negative, other.negative),
    )


def _add(one: dict[int, int], other: dict[int, int]) -> dict[int, int]:
    return {index: one.get(index, 0) + other.get(index, 0) for index in one.keys() | other.keys()}


def _downscale(buckets: Buckets, scale: int) -> Buckets:
    shift = (buckets.scale or 0) - scale
    if shift <= 0:
        return buckets
    merged = Buckets(scale=scale, zero=buckets.zero)
    for source, target in (
        (buckets.positive, merged.positive),
        (buckets.negative, merged.negative),
    ):
        for index, count in source.items():
            target[index >> shift] = target.get(index >> shift, 0) + count
    return merged


def _subtract(new: dict[int, int], old: dict[int, int]) -> dict[int, int] | None:
    left = {index: new.get(index, 0) - old.get(index, 0) for index in new.keys() | old.keys()}
    if any(count < 0 for count in left.values()):
        return None
    return {index: count for index, count in left.items() if count}
