"""Alerts: when they fire, and what they say. What to do about each is in its runbook."""

from __future__ import annotations

from grafana.generate import (
    batch_alerts,
    drift_alerts,
    model_alerts,
    quality_alerts,
    telemetry_alerts,
)
from grafana.generate.alert import Alert


def groups() -> dict[str, list[Alert]]:
    """Return the alerts by group."""
    return {
        "otelml-predictions": model_alerts.predictions(),
        "otelml-service": model_alerts.service(),
        "otelml-drift": drift_alerts.alerts(),
        "otelml-quality": quality_alerts.alerts(),
        "otelml-batch": batch_alerts.alerts(),
        "otelml-telemetry": telemetry_alerts.alerts(),
    }


def all_alerts() -> list[Alert]:
    """Return every alert rule."""
    return [alert for group in groups().values() for alert in group]
