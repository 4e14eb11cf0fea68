"""The state of the monitor as plain data."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

from otelml import semconv
from otelml._monitor.report import Report
from otelml._monitor.watch import Watch

_REPORTS = 5


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


def _state(watch: Watch) -> str:
    if watch.source == semconv.REFERENCE_NONE:
        return "collecting a reference"
    if watch.report is None:
        return "collecting rows"
    return "learning" if watch.report.learning else "watching"


def status_of(watch: Watch) -> dict[str, Any]:
    """Return what is collected, what was found and what is next, of one model version."""
    report = watch.report
    progress = watch.self_reference_progress
    return {
        "model": watch.model,
        "version": watch.version,
        "state": _state(watch),
        "reference": {
            "source": watch.source,
            "digest": watch.digest,
            "rows": watch.reference.rows if watch.reference is not None else 0,
            "learned": sorted(watch.reference.learned) if watch.reference is not None else [],
            "collected": None if progress is None else {"rows": progress[0], "of": progress[1]},
        },
        "next_run": _time(watch.schedule.next_s),
        "rows_collected": watch.rows_collected,
        "rows_needed": watch.options.window_rows,
        "checks": watch.checks,
        "drift_detected": bool(report and report.drifted),
        "drifted": list(report.drifted) if report else [],
        "skewed": sorted(n for n, one in report.findings.items() if one.skewed) if report else [],
        "critical": list(report.critical) if report else [],
        "smallest_shift": _smallest(report),
        "last_reports": [_brief(one) for one in list(watch.history)[-_REPORTS:]],
    }


def _smallest(report: Report | None) -> dict[str, float]:
    """Return by feature the least distance that a window like the last one would show."""
    if report is None:
        return {}
    found = {name: one.smallest_shift for name, one in report.findings.items()}
    return {name: round(shift, 4) for name, shift in found.items() if math.isfinite(shift)}


def _brief(report: Report) -> dict[str, Any]:
    return {
        "at": _time(report.end_ns / 1e9),
        "rows": report.rows,
        "drifted": list(report.drifted),
        "detected": list(report.detected),
        "cleared": list(report.cleared),
        "learning": report.learning,
        "counted": report.counted,
        "mismatches": dict(report.mismatches),
    }
