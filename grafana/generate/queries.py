"""The queries of dashboards, ready for Prometheus: what checks run against the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DASHBOARDS: Final = Path(__file__).resolve().parents[1] / "dashboards"
LOGS: Final = "logs"
"""The type of a panel whose queries go to the store of logs."""
_VARIABLE: Final = re.compile(r"\$\{?(\w+)\}?")
_BUILT_IN: Final = {"__rate_interval": "1m", "__interval": "15s", "__range": "1h"}


@dataclass(frozen=True)
class PanelQuery:
    """One query of one panel.

    Args:
        dashboard: The dashboard's file name without ``.json``.
        panel: The panel's title.
        expr: PromQL, variables filled in.
        exemplars: Whether the panel asks for exemplars.
        may_be_empty: Whether the panel says what it means when there is no data.
    """

    dashboard: str
    panel: str
    expr: str
    exemplars: bool
    may_be_empty: bool


def fill(expr: str, values: dict[str, str] | None = None) -> str:
    """Return PromQL with variables filled in; those not in ``values`` match everything."""
    known = {**_BUILT_IN, **(values or {})}
    return _VARIABLE.sub(lambda found: known.get(found[1], ".*"), expr)


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels of a dashboard, those in collapsed rows too; rows themselves not."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels") or []
        else:
            yield panel


def queries(folder: Path = DASHBOARDS, values: dict[str, str] | None = None) -> list[PanelQuery]:
    """Return every query to Prometheus of every dashboard in a folder."""
    return [
        PanelQuery(
            file.stem,
            panel["title"],
            fill(target["expr"], values),
            bool(target.get("exemplar")),
            bool(panel["fieldConfig"]["defaults"].get("noValue")),
        )
        for file in sorted(folder.glob("*.json"))
        for panel in panels(json.loads(file.read_text("utf-8")))
        for target in panel["targets"]
        if panel["type"] != LOGS
    ]
