"""The drift monitor: what models see, beside their references, in windows of time."""

from __future__ import annotations

from otelml._monitor.monitor import Asked, Monitor
from otelml._monitor.observed import observe_monitor
from otelml._monitor.references import load_reference, register_reference
from otelml._monitor.report import Finding, Report
from otelml._monitor.watch import Watch

__all__ = [
    "Asked",
    "Finding",
    "Monitor",
    "Report",
    "Watch",
    "load_reference",
    "observe_monitor",
    "register_reference",
]
