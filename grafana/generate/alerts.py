"""Alerts: when they fire, and what they say. What to do about each is in its runbook."""

from __future__ import annotations

from grafana.generate import drift_alerts, model_alerts, telemetry_alerts
from grafana.generate.alert import Alert


def groups() -> dict[str, list[Alert]]:
    """Return the alerts by group."""
    return {
        "otelml-predictions": model_alerts.predictions(),
        "otelml-service": model_alerts.service(),
        "otelml-drift": drift_alerts.alerts(),
        "otelml-telemetry": telemetry_alerts.alerts(),
    }


def all_alerts() -> list[Alert]:
    """Return every alert rule."""
    return [alert for group in groups().values() for alert in group]
