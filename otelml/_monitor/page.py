"""A report of the monitor as a page, with what only the monitor knows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from otelml._monitor.report import Finding, RateChange, Report
from otelml._monitor.stored import Stored
from otelml._report import Verdict, render
from otelml.drift import DriftResult

_LEVEL = {
    "budget": "Evidence over windows decides, against the budget of false alarms of the model",
    "thresholds": "The classic thresholds decide",
}
_READ = {
    "budget": (
        "A feature alarms when its evidence, summed over windows, passes the dashed line, or at "
        "once when one window is improbable enough by itself. From then on the chart shows the "
        "evidence of each window alone."
    ),
    "thresholds": "A feature alarms when a statistic is high by the classic thresholds.",
}


def page_of(stored: Stored, back: str = "") -> str:
    """Return a report as one HTML page.

    Args:
        stored: The report.
        back: Where the list of all is.

    Raises:
        MissingDependencyError: The extra ``report`` is not installed.
    """
    report = stored.report
    found = {
        name: replace(one.drift, drift_detected=one.detected)
        for name, one in report.findings.items()
    }
    result = DriftResult(report.rows, report.reference_rows, found, report.mismatches, 0.05)
    model = f"{report.model} {report.version}".strip()
    return render(
        result,
        title=f"Drift of {model}{', checked on request' if stored.manual else ''}",
        digest=report.reference_digest,
        made_at=dt.datetime.fromtimestamp(report.end_ns / 1e9, dt.timezone.utc),
        history=stored.history,
        verdict=Verdict(
            level=_LEVEL[report.verdict],
            meaning=_READ[report.verdict],
            evidence_decides=report.verdict == "budget",
            notes={name: _notes(one) for name, one in report.findings.items()},
            facts=_facts(report),
            back=back,
        ),
    )


def _notes(finding: Finding) -> tuple[str, ...]:
    said = (
        ("critical", finding.critical),
        ("differs from the reference since serving began", finding.skewed),
        ("its margin is being learned", finding.learning),
    )
    return tuple(text for text, holds in said if holds)


def _facts(report: Report) -> tuple[tuple[str, str], ...]:
    facts: list[tuple[str, str]] = []
    if not report.counted:
        facts.append(("Look", "Too few rows for a check: they stay for the next one"))
    for name, features in (("New alarms", report.detected), ("Cleared", report.cleared)):
        if features:
            facts.append((name, ", ".join(features)))
    if report.rate_change is not None:
        facts.append(("Predictions", _rate(report.rate_change)))
    return tuple(facts)


def _rate(change: RateChange) -> str:
    verb = "changed" if change.changed else "changed most"
    return (
        f"The share of {change.label!r} {verb}: {100 * change.reference:.1f} % in the reference, "
        f"{100 * change.current:.1f} % in the window"
    )
