"""The rows that a check looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from otelml._monitor.last_rows import Pieces
from otelml._monitor.window import FeatureWindow


@dataclass(frozen=True)
class Taken:
    """What a check has before it.

    Args:
        windows: By feature the rows that no check took as evidence yet.
        rows: Rows that statistics look at.
        mismatches: What of the columns did not fit, by column.
        tested: Whether there are rows enough that were not evidence yet, so that they are now.
        counted: Whether it is a check, and no look at too few rows.
        last: Values of the last rows by feature, where statistics look at these.
    """

    windows: Mapping[str, FeatureWindow]
    rows: int
    mismatches: Mapping[str, str]
    tested: bool
    counted: bool
    last: Mapping[str, Pieces] | None = None
