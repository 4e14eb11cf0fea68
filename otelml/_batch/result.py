"""What came of a batch job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otelml.drift import DriftResult


@dataclass(frozen=True)
class BatchResult:
    """A run of a batch job that has ended.

    Args:
        name: The job.
        rows: Rows of the chunks that ended well.
        chunks: Those chunks.
        failed_chunks: Chunks that raised.
        duration_s: Seconds from the start of the job to the end of its block.
        error: Type of the error that ended it; empty where none did.
        drift: The whole batch beside the reference; None without one, or where it failed.
        compared_rows: Rows that ``drift`` is of: all, or a uniform sample of them.
        delivered: Whether all telemetry of the process was delivered; False without ``init``.
        undelivered: Items that were not delivered, by signal.
    """

    name: str
    rows: int
    chunks: int
    failed_chunks: int
    duration_s: float
    error: str = ""
    drift: DriftResult | None = None
    compared_rows: int = 0
    delivered: bool = False
    undelivered: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def rows_per_s(self) -> float:
        """Rows a second, whatever the job did in between."""
        return self.rows / self.duration_s if self.duration_s else 0.0
