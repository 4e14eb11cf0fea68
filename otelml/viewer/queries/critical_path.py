"""The critical path of a trace: what would have to be faster for it to end sooner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Span = dict[str, Any]
Sections = dict[str, list[tuple[int, int]]]


def critical_path(root: Span, children: Mapping[str, list[Span]]) -> Sections:
    """Return the stretches of each span that are on the critical path, in nanoseconds.

    The walk goes backward from the root's end: the child that ended last held its parent up, and
    before that child began, the one that had ended last by then. Where no child had ended, the
    span itself worked. A child that still ran when the next one began did not hold that one up.
    Children count as far as they lie inside their parent. The stretches of all spans together
    cover the root's time once.

    Args:
        root: The span that the trace is about.
        children: Those below each span id; a span must not be below itself.

    References:
        Jaeger, critical path analysis; Eaton, Stewart, Tedesco, Tas: "Distributed Latency
        Profiling through Critical Path Tracing", ACM Queue 20(1), 2022.
    """
    found: Sections = {}
    stack = [(root, root["start_ns"], root["end_ns"])]
    while stack:
        span, low, high = stack.pop()
        until = high
        own: list[tuple[int, int]] = []
        for start, end, child in _inside(children.get(span["span_id"], []), low, high):
            if end > until:
                continue
            if end < until:
                own.append((end, until))
            stack.append((child, start, end))
            until = start
        if low < until:
            own.append((low, until))
        if own:
            found[span["span_id"]] = own[::-1]
    return found


def _inside(children: list[Span], low: int, high: int) -> list[tuple[int, int, Span]]:
    """Return the children that took time between two ends; the last to end first."""
    cut = [(max(each["start_ns"], low), min(each["end_ns"], high), each) for each in children]
    return sorted((each for each in cut if each[0] < each[1]), key=lambda each: (-each[1], each[0]))
