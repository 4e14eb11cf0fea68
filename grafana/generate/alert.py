"""What an alert rule is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from grafana.generate.names import label
from grafana.generate.settings import runbook_url

Severity = Literal["critical", "warning", "info"]

SHARE: Final = "{{ $value | humanizePercentage }}"
DURATION: Final = "{{ $value | humanizeDuration }}"
NUMBER: Final = "{{ $value | humanize }}"
DECIMAL: Final = '{{ printf "%.3g" $value }}'
# Increases are extrapolated to the ends of their window; nobody loses half an item.
COUNT: Final = '{{ printf "%.0f" $value }}'


@dataclass(frozen=True)
class Alert:
    """One alert rule; two of one name differ in severity and share a runbook.

    Args:
        name: CamelCase; also the name of its runbook.
        severity: What Alertmanager routes by.
        expr: PromQL that has a result while something is wrong.
        hold: How long it must stay so.
        summary: One line, for the subject of an e-mail.
        description: What is measured, against which limit.
    """

    name: str
    severity: Severity
    expr: str
    hold: str
    summary: str
    description: str

    @property
    def annotations(self) -> dict[str, str]:
        """What is sent with the alert."""
        return {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": runbook_url(self.name),
        }


def tag(name: str) -> str:
    """Return the template for a label's value."""
    return f"{{{{ $labels.{label(name)} }}}}"
