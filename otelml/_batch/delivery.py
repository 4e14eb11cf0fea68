"""What of a job's telemetry has arrived when the job ends."""

from __future__ import annotations

from collections import Counter
from typing import Any

from otelml import _guard
from otelml._startup import running

_WORKER = "predictions"


def lost_so_far() -> Counter[str]:
    """Return what this process has dropped so far, by signal."""
    telemetry = running()
    status = telemetry.status() if telemetry is not None else {}
    counts = Counter({_WORKER: int(_part(status, "worker").get("dropped", 0))})
    for name, signal in _part(status, "signals").items():
        counts[name] = sum(signal["dropped"].values())
    return counts


def deliver(before: Counter[str], timeout_s: float) -> tuple[bool, dict[str, int]]:
    """Send everything; return whether that was done, and the items that did not arrive.

    Args:
        before: What had been dropped before the job.
        timeout_s: Seconds that it may take.
    """
    telemetry = running()
    if telemetry is None:
        return False, {}
    flushed = telemetry.force_flush(timeout_s)
    found = _guard.call("batch", lost_so_far) or Counter[str]()
    status = telemetry.status()
    found[_WORKER] += int(_part(status, "worker").get("waiting", 0))
    for name, signal in _part(status, "signals").items():
        found[name] += int(signal["queue_size"])
    lost = {name: count - before[name] for name, count in found.items() if count > before[name]}
    return flushed and not lost, lost


def _part(status: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = status.get(name, {})
    return found
