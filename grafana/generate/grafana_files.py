"""What Grafana is provisioned with beside dashboards: where they are, alert rules, e-mail.

Grafana fills the environment into these files; ``$$`` is a dollar sign.
"""

from __future__ import annotations

import re
from typing import Any, Final

from grafana.generate import alerts, foreign
from grafana.generate.alert import Alert
from grafana.generate.names import label
from grafana.generate.rule_files import dump
from otelml import semconv

FOLDER: Final = "otelml"
CONTACT: Final = "otelml-email"
_PROMETHEUS: Final = "prometheus"
_RANGE_S: Final = 600
_NOTE: Final = (
    "# The alerts of prometheus/rules/alerts.yml, for those who let Grafana send alerts.\n"
    "# Paused while OTELML_GRAFANA_ALERTS_PAUSED is true.\n"
)


def dashboard_provider() -> str:
    """Return ``provisioning/dashboards/otelml.yaml``."""
    return dump(
        {
            "apiVersion": 1,
            "providers": [
                {
                    "name": FOLDER,
                    "type": "file",
                    "folder": FOLDER,
                    "allowUiUpdates": False,
                    "disableDeletion": True,
                    "updateIntervalSeconds": 30,
                    "options": {"path": "/etc/grafana/dashboards"},
                }
            ],
        }
    )


def contact_points() -> str:
    """Return ``provisioning/alerting/contact-points.yaml``."""
    email = {
        "uid": CONTACT,
        "type": "email",
        "disableResolveMessage": False,
        "settings": {"addresses": "$OTELML_ALERT_EMAIL_TO", "singleEmail": True},
    }
    return dump(
        {
            "apiVersion": 1,
            "contactPoints": [{"orgId": 1, "name": CONTACT, "receivers": [email]}],
        }
    )


def policies() -> str:
    """Return ``provisioning/alerting/policies.yaml``: the same routing as Alertmanager's."""
    return dump(
        {
            "apiVersion": 1,
            "policies": [
                {
                    "orgId": 1,
                    "receiver": CONTACT,
                    "group_by": ["alertname", label(semconv.ML_MODEL_NAME), foreign.SERVICE],
                    "group_wait": "30s",
                    "group_interval": "5m",
                    "repeat_interval": "4h",
                    "routes": [
                        {
                            "receiver": CONTACT,
                            "object_matchers": [["severity", "=", "critical"]],
                            "group_wait": "10s",
                            "repeat_interval": "1h",
                        },
                        {
                            "receiver": CONTACT,
                            "object_matchers": [["severity", "=", "info"]],
                            "repeat_interval": "7d",
                        },
                    ],
                }
            ],
        }
    )


def _template(text: str) -> str:
    """Return a Prometheus template as Grafana's: another name for the value, dollars doubled."""
    return text.replace("$value", "$values.A.Value").replace("$", "$$")


def _uid(alert: Alert) -> str:
    words = re.sub(r"(?<!^)(?=[A-Z])", "-", alert.name).lower()
    return f"{words}-{alert.severity}"[:40]


def _query(ref: str, source: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": ref,
        "relativeTimeRange": {"from": _RANGE_S, "to": 0},
        "datasourceUid": source,
        "model": {"refId": ref, **model},
    }


def _rule(alert: Alert) -> dict[str, Any]:
    hold = "0s" if alert.hold == "0m" else alert.hold
    return {
        "uid": _uid(alert),
        "title": f"{alert.name} ({alert.severity})",
        "condition": "B",
        "data": [
            _query(
                "A",
                _PROMETHEUS,
                {"expr": alert.expr.replace("$", "$$"), "instant": True, "range": False},
            ),
            # PromQL has decided already: whatever has a value fires, 0 too.
            _query("B", "__expr__", {"type": "math", "expression": "is_number($$A)"}),
        ],
        "for": hold,
        "noDataState": "OK",
        "execErrState": "Error",
        "isPaused": "$OTELML_GRAFANA_ALERTS_PAUSED",
        "labels": {"severity": alert.severity},
        "annotations": {key: _template(text) for key, text in alert.annotations.items()},
    }


def grafana_rules() -> str:
    """Return ``provisioning/alerting/rules.yaml``."""
    return _NOTE + dump(
        {
            "apiVersion": 1,
            "groups": [
                {
                    "orgId": 1,
                    "name": name,
                    "folder": FOLDER,
                    "interval": "1m",
                    "rules": [_rule(alert) for alert in rules],
                }
                for name, rules in alerts.groups().items()
            ],
        }
    )
