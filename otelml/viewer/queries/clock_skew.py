"""Clocks of several machines brought together, as far as causes and effects tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelml import semconv, semconv_host

_HOSTS = (semconv_host.HOST_ID, semconv_host.HOST_NAME)
_ASYNC = frozenset({"producer", "consumer"})

Span = dict[str, Any]


def adjust_clocks(roots: list[Span], children: Mapping[str, list[Span]]) -> int:
    """Shift spans whose sender's clock disagrees with that of their caller; return how many.

    A child on another machine that does not lie inside its parent is moved to its middle, as if
    the network took as long there as back, and what its machine did below it moves with it. One
    that lasted longer than its parent, or that a queue lies before, is only moved where it would
    begin before its parent. Jaeger does the same. ``start_ns`` and ``end_ns`` change; ``skew_ns``
    says by how much.

    Args:
        roots: The spans to start at, which keep their times.
        children: Those below each span id; a span must not be below itself.
    """
    shifted = 0
    stack: list[tuple[Span, Span | None, int]] = [(root, None, 0) for root in roots]
    while stack:
        span, parent, skew_ns = stack.pop()
        if parent is not None and not _same_clock(span, parent):
            skew_ns = _skew(span, parent)
        span["skew_ns"] = skew_ns
        if skew_ns:
            shifted += 1
            span["start_ns"] += skew_ns
            span["end_ns"] += skew_ns
        stack.extend((child, span, skew_ns) for child in children.get(span["span_id"], []))
    return shifted


def _same_clock(span: Span, parent: Span) -> bool:
    mine, other = span["resource"], parent["resource"]
    if mine == other:
        return True
    for key in _HOSTS:
        if key in mine and key in other:
            return bool(mine[key] == other[key])
    keys = (semconv.SERVICE_NAME, semconv.SERVICE_INSTANCE_ID)
    return all(mine.get(key) == other.get(key) for key in keys)


def _skew(span: Span, parent: Span) -> int:
    """Return by how many nanoseconds a span moves to where its parent can have caused it."""
    if span["no_start"] or span["no_end"] or parent["no_start"] or parent["no_end"]:
        return 0
    early: int = parent["start_ns"] - span["start_ns"]
    slack: int = (parent["end_ns"] - parent["start_ns"]) - (span["end_ns"] - span["start_ns"])
    if slack < 0 or span["kind"] in _ASYNC or parent["kind"] in _ASYNC:
        return max(early, 0)
    if early <= 0 and span["end_ns"] <= parent["end_ns"]:
        return 0
    return early + slack // 2
