"""A drift report for a person: one HTML file that needs nothing else."""

from __future__ import annotations

from otelml._report.history import History
from otelml._report.page import render, write

__all__ = ["History", "render", "write"]
