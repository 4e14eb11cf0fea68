"""Unit tests of the alerts for promtool: for each, series that make it fire and series that do not.

What an alert says is spelled out here, not taken from its templates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grafana.generate import (
    alerts,
    batch_alerts,
    recording,
    scenes_drift,
    scenes_models,
    scenes_quality,
    scenes_telemetry,
)
from grafana.generate.rule_files import dump
from grafana.generate.scenes import Scene
from grafana.generate.settings import runbook_url


def scenes() -> list[Scene]:
    """Return every scene."""
    return [
        *scenes_models.scenes(),
        *scenes_drift.scenes(),
        *scenes_quality.scenes(),
        *batch_alerts.scenes(),
        *scenes_telemetry.scenes(),
    ]


@dataclass(frozen=True)
class _Test:
    scene: Scene

    def content(self) -> dict[str, Any]:
        return {
            "name": self.scene.what,
            "interval": "1m",
            "input_series": [
                {"series": series, "values": values} for series, values in self.scene.series.items()
            ],
            "alert_rule_test": [
                {
                    "eval_time": self.scene.at,
                    "alertname": self.scene.alert,
                    "exp_alerts": [self._expected(n) for n in range(len(self.scene.fires))],
                }
            ],
        }

    def _expected(self, number: int) -> dict[str, Any]:
        said = self.scene.fires[number]
        return {
            "exp_labels": {**said.labels, "severity": said.severity},
            "exp_annotations": {
                "summary": said.summary,
                "description": said.description,
                "runbook_url": runbook_url(self.scene.alert),
            },
        }


def pages() -> dict[str, str]:
    """Return the test files by the name of the alert they test."""
    # Without an order promtool takes the groups in any, and an alert may see what was recorded a
    # minute before.
    order = [*recording.groups(), *alerts.groups()]
    by_alert: dict[str, list[Scene]] = {}
    for scene in scenes():
        by_alert.setdefault(scene.alert, []).append(scene)
    return {
        name: dump(
            {
                "rule_files": ["../rules/recording.yml", "../rules/alerts.yml"],
                "evaluation_interval": "1m",
                "group_eval_order": order,
                "tests": [_Test(scene).content() for scene in found],
            }
        )
        for name, found in by_alert.items()
    }
