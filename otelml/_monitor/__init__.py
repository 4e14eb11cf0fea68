"""The drift monitor: what models see, beside their references, in windows of time."""

from __future__ import annotations

from otelml._monitor.archive import LATEST, Archive
from otelml._monitor.monitor import Asked, Monitor
from otelml._monitor.observed import observe_monitor
from otelml._monitor.references import load_reference, register_reference
from otelml._monitor.report import Finding, Report
from otelml._monitor.rows import PendingRows, places, read_as
from otelml._monitor.seen import Seen
from otelml._monitor.watch import Watch

__all__ = [
    "LATEST",
    "Archive",
    "Asked",
    "Finding",
    "Monitor",
    "PendingRows",
    "Report",
    "Seen",
    "Watch",
    "load_reference",
    "observe_monitor",
    "places",
    "read_as",
    "register_reference",
]
