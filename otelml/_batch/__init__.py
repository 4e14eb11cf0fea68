"""Batch jobs: a job and its chunks, their drift, their progress, and what was delivered."""

from __future__ import annotations

from otelml._batch.job import BatchJob
from otelml._batch.result import BatchResult

__all__ = ["BatchJob", "BatchResult"]
