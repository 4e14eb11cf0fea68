"""The numbers behind dashboards and alerts. Change them here, then ``make generate``."""

from __future__ import annotations

from typing import Final

# What is promised: the share of predictions that succeed, and that are quick enough.
SLO_SUCCESS: Final = 0.995
SLO_LATENCY: Final = 0.99
# Must be a bucket boundary of ml.prediction.duration: the share is then counted, not estimated.
SLO_LATENCY_S: Final = 0.5

CPU_SHARE_MAX: Final = 0.8
P95_MAX_S: Final = 2.0
FAILURE_SHARE_MAX: Final = 0.1
# What panels write money in, and the budget is in: OTELML_COST_CURRENCY of the services.
CURRENCY: Final = "USD"
COST_PER_1000_MAX: Final = 1.0
# The classic threshold of PSI from which a change matters, and how often a model that has not
# changed may raise an alarm over the fleet. Windows slide, so more of them than hours are tested.
PSI_MODERATE: Final = 0.1
PSI_HIGH: Final = 0.2
RATE_CHANGE_MAX: Final = 0.1
# In windows of few rows chance exceeds that limit: by so much only once in so many windows.
RATE_CHANGE_CHANCE_MAX: Final = 1e-5
FALSE_ALARM_DAYS: Final = 30
# Quality: what is too low over a day, how far the last hour may be below the day, and how much
# larger errors of a regression may be in it.
ACCURACY_MIN: Final = 0.7
ACCURACY_DROP_MAX: Final = 0.05
ERROR_GROWTH_MAX: Final = 1.25
# Labels: their share of predictions, their delay, and how many may contradict each other.
COVERAGE_MIN: Final = 0.05
LABEL_DELAY_MAX_S: Final = 604_800
CONFLICT_SHARE_MAX: Final = 0.05
CONFLICTS_MIN: Final = 10
TESTS_A_WINDOW: Final = 4
# Batch jobs: how late a run may be, in intervals, and how far back their last runs are looked for,
# as a job that has ended sends nothing more.
BATCH_LATE_FACTOR: Final = 1.5
BATCH_LOOK_BACK: Final = "15d"
# Experiments: the size of difference between shares that a test of two variants looks for, how far
# back it looks (as far as Prometheus keeps data here), the fewest of each variant of which it says
# anything, and from which p-value on they differ.
EXPERIMENT_EFFECT: Final = 0.02
EXPERIMENT_LOOK_BACK: Final = "15d"
EXPERIMENT_ROWS: Final = 100
EXPERIMENT_ALPHA: Final = 0.05
DISAGREEMENT_HIGH: Final = 0.1
QUEUE_SHARE_MAX: Final = 0.8
DISK_SHARE_WARNING: Final = 0.85
DISK_SHARE_CRITICAL: Final = 0.95
# Telemetry dated this far ahead means a clock that is wrong, not a network that is quick.
CLOCK_AHEAD_S: Final = 60

# Burn rates of the Google SRE workbook: budget share spent, long window, short window, factor.
BURN_FAST: Final = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
BURN_SLOW: Final = (("1d", "2h", 3.0), ("3d", "6h", 1.0))
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

# Okabe-Ito: told apart by people with any colour vision. The viewer uses the same for stages.
STAGE_COLOURS: Final = ("#0072B2", "#E69F00", "#009E73")
PALETTE: Final = {
    "good": "#009E73",
    "warning": "#E69F00",
    "critical": "#D55E00",
    "neutral": "#56B4E9",
}

REPOSITORY: Final = "https://github.com/otelml/otelml/blob/main"
EVALUATION_INTERVAL: Final = "15s"
# Rules that read a long window of many series, and how often they are evaluated.
SLOW_GROUPS: Final = {
    "otelml-drift-1h": "1m",
    "otelml-drift-1d": "1m",
    "otelml-quality-1h": "1m",
    "otelml-quality-1d": "1m",
    "otelml-experiments": "1m",
}
# How often services export metrics, 15 s by default; a rate spans four of these. Raise it with
# OTEL_METRIC_EXPORT_INTERVAL, or graphs have gaps.
EXPORT_INTERVAL: Final = "15s"


def runbook_url(alert: str) -> str:
    """Return where the runbook of an alert is read."""
    return f"{REPOSITORY}/docs/runbooks/{alert}.md"
