"""What the panels' queries return, as series with names."""

from __future__ import annotations

import json
import math
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from grafana.generate.queries import fill
from grafana.generate.shown_lines import SHOWN

STEP_S: Final = 15
_LABEL: Final = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Series:
    """A line of a panel.

    Args:
        name: As the legend says.
        labels: Of the series.
        points: Times and values; NaN where there is a gap.
    """

    name: str
    labels: dict[str, str]
    points: list[tuple[float, float]]

    @property
    def finite(self) -> list[float]:
        """The values there are."""
        return [value for _, value in self.points if math.isfinite(value)]


@dataclass(frozen=True)
class Line:
    """A log line.

    Args:
        time: RFC 3339.
        severity: ``INFO`` and alike; may be empty.
        text: The line.
    """

    time: str
    severity: str
    text: str


@dataclass(frozen=True)
class Window:
    """The time that is shown, in seconds since the epoch."""

    start: float
    end: float

    @property
    def steps(self) -> list[float]:
        """Return every time there is a value for."""
        return [self.start + n * STEP_S for n in range(int((self.end - self.start) // STEP_S) + 1)]


class Source:
    """A Prometheus, and a VictoriaLogs where there is one.

    Args:
        url: Address of Prometheus.
        window: The time to ask for.
        values: Variables of the dashboard, by name.
        logs: Address of VictoriaLogs; without it there are no lines.
    """

    def __init__(self, url: str, window: Window, values: dict[str, str], logs: str = "") -> None:
        self._url = url.rstrip("/")
        self.window = window
        self._values = values
        self._logs = logs.rstrip("/")

    def _get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        address = f"{self._url}/api/v1/{path}?{query}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - Prometheus
            return json.load(answer)["data"]

    def series(self, target: dict[str, Any]) -> list[Series]:
        """Return what a query of a panel finds, by name."""
        expr = fill(target["expr"], self._values)
        if target.get("instant"):
            found = self._get("query", query=expr, time=str(self.window.end))["result"]
            lines = [(each["metric"], [each["value"]]) for each in found]
        else:
            bounds = {"start": str(self.window.start), "end": str(self.window.end)}
            found = self._get("query_range", query=expr, step=str(STEP_S), **bounds)["result"]
            lines = [(each["metric"], each["values"]) for each in found]
        return sorted(
            (
                Series(
                    _name(target["legendFormat"], labels),
                    labels,
                    [(float(at), float(value)) for at, value in points],
                )
                for labels, points in lines
            ),
            key=lambda series: series.name,
        )

    def exemplars(self, target: dict[str, Any]) -> list[tuple[float, float]]:
        """Return times and values of the exemplars behind a query, where the panel asks for any."""
        if not target.get("exemplar"):
            return []
        bounds = {"start": str(self.window.start), "end": str(self.window.end)}
        found = self._get("query_exemplars", query=fill(target["expr"], self._values), **bounds)
        return [
            (float(exemplar["timestamp"]), float(exemplar["value"]))
            for series in found
            for exemplar in series["exemplars"]
        ]

    def lines(self, target: dict[str, Any], most: int) -> list[Line]:
        """Return the newest lines that a query of a panel finds, the newest first."""
        if not self._logs:
            return []
        query = f"{fill(SHOWN[target['expr']].logsql(), self._values)} | sort by (_time desc)"
        bounds = {"start": str(self.window.start), "end": str(self.window.end)}
        asked = urllib.parse.urlencode({"query": f"{query} | limit {most}", **bounds})
        address = f"{self._logs}/select/logsql/query?{asked}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - VictoriaLogs
            found = [json.loads(line) for line in answer]
        return [Line(line["_time"], line.get("severity_text", ""), line["_msg"]) for line in found]


def _name(legend: str, labels: dict[str, str]) -> str:
    filled = _LABEL.sub(lambda found: labels.get(found[1], ""), legend)
    return " ".join(filled.split()) or "Value"
