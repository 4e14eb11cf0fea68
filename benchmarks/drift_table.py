"""The table of the calibration, as a page."""

from __future__ import annotations

import statistics
from typing import Any

from scipy.special import gammaincinv

DELAY_LIMITS = {0.1: 10, 0.2: 3, 0.3: 1}
_PROMISE = 0.8
_SIZES = ("1000/1", "1000/30", "1000/100", "10000/1", "10000/30", "10000/100")


def _cell(lists: list[list[int | None]], budget: int, horizon: int) -> tuple[str, float]:
    """Return the mean time to the first alarm over the budget, and what chance allows it to be."""
    firsts = [first for one in lists for first in one]
    alarms = sum(first is not None for first in firsts)
    watched = sum(horizon if first is None else first for first in firsts)
    ratio = watched / max(1, alarms) / budget
    # The fewest alarms expected that still give so many in one case of twenty, by Poisson.
    allowed = watched / budget / float(gammaincinv(alarms, 0.05)) if alarms else 0.0
    shown = f"> {watched / budget:.1f}" if not alarms else f"{ratio:.1f}"
    return f"{shown} ({alarms}/{len(firsts)})", float("inf") if not alarms else allowed


def document(results: dict[str, Any], budget: int, horizon: int) -> str:
    """Return the page.

    Args:
        results: Of each piece.
        budget: Windows between false alarms.
        horizon: Windows that were watched.
    """
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    delays: dict[str, list[dict[str, Any]]] = {}
    for key, found in results.items():
        parts = key.split("|")
        if parts[0] == "false":
            rows.setdefault((parts[1], int(parts[2])), []).append(found)
        else:
            delays.setdefault(parts[1], []).append(found)
    lines = [
        "# Calibration of the drift rule",
        "",
        "Made by `python -m benchmarks.drift_calibration`; what the columns mean and how to read",
        "them is in [drift](drift.md#what-the-calibration-shows).",
        "",
        f"## Without drift: mean time to the first false alarm ÷ budget ({budget} windows)",
        "",
        f"Watched for {horizon} windows after the first day. In brackets: models that alarmed, of",
        "models watched. Columns: rows of the reference / features of the model.",
        "",
        "| data | rows | " + " | ".join(_SIZES) + " | seeds |",
        "|---|---|" + "---|" * (len(_SIZES) + 1),
    ]
    missed = 0
    for (name, size), runs in sorted(rows.items(), key=lambda item: (item[0][0], item[0][1])):
        cells = []
        for column in _SIZES:
            text, allowed = _cell([run[column] for run in runs], budget, horizon)
            missed += allowed < _PROMISE
            cells.append(f"**{text}**" if allowed < _PROMISE else text)
        lines.append(f"| {name} | {size:,} | {' | '.join(cells)} | {len(runs)} |")
    lines += [
        "",
        f"Below {_PROMISE} by more than chance, in bold: {missed} of {len(rows) * len(_SIZES)}.",
        "",
        "## Delay: windows of 500 rows until 10 of 30 shifted features bring an alarm",
        "",
        "A reference of 10,000, a budget of 1,000 windows, shifts in standard",
        "deviations; median (largest) and the promise.",
        "",
        "| data | runs | 0.1 | 0.2 | 0.3 | promise |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in sorted(delays.items()):
        cells = [_delay([one[str(shift)] for one in found]) for shift in DELAY_LIMITS]
        limits = "≤ 5 at 0.3" if "sine" in name else "≤ 10 / 3 / 1"
        lines.append(f"| {name} | {len(found)} | {' | '.join(cells)} | {limits} |")
    return "\n".join(lines) + "\n"


def _delay(found: list[int | None]) -> str:
    known = [float("inf") if one is None else one for one in found]
    median, largest = statistics.median(known), max(known)
    shown = [f"{x:g}" if x < float("inf") else "> 60" for x in (median, largest)]
    return f"{shown[0]} ({shown[1]})"
