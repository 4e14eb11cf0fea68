"""Features as the caller has them: copied at once, read as numbers later, kept in a window."""

from __future__ import annotations

from otelml._features.snapshots import (
    Snapshot,
    Table,
    frame_numbers,
    last_rows,
    numbers,
    snapshot,
    table,
)
from otelml._features.window import CurrentWindow, Summary

__all__ = [
    "CurrentWindow",
    "Snapshot",
    "Summary",
    "Table",
    "frame_numbers",
    "last_rows",
    "numbers",
    "snapshot",
    "table",
]
