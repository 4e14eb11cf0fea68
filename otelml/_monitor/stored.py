"""A report that is kept: its name, and the evidence that led to it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from otelml._monitor.report import Report
from otelml._report import History


@dataclass(frozen=True)
class Stored:
    """One kept report.

    Args:
        name: Its name.
        manual: Whether someone asked for the check.
        report: What was found.
        history: Evidence until then.
    """

    name: str
    manual: bool
    report: Report
    history: History

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {"name": self.name, "manual": self.manual, **self.report.to_dict()}

    def brief(self) -> dict[str, Any]:
        """Return what a list says of it."""
        report = self.report
        return {
            "name": self.name,
            "manual": self.manual,
            "model": report.model,
            "version": report.version,
            "at": report.end_ns / 1e9,
            "rows": report.rows,
            "drifted": list(report.drifted),
            "learning": report.learning,
            "counted": report.counted,
        }


def history_of(reports: Iterable[Report], until: Report) -> History:
    """Return the evidence of the checks of one model version, up to one of them."""
    counted = [one for one in reports if one.counted and one.end_ns <= until.end_ns]
    if not until.counted:
        counted.append(until)
    if until.verdict != "budget":  # no evidence is summed
        return History()
    evidence = {
        name: array("d", [_evidence(report, name) for report in counted]) for name in until.findings
    }
    times = array("d", [one.end_ns / 1e9 for one in counted])
    return History(times, evidence, until.threshold)


def _evidence(report: Report, name: str) -> float:
    found = report.findings.get(name)
    return found.log_evidence if found is not None else 0.0
