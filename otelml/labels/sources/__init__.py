"""Readers of the sources that labels are fetched from."""

from __future__ import annotations

from otelml.labels.sources.batch import Batch, Reader, Row, Stop, Unreadable
from otelml.labels.sources.open import check_source, open_reader

__all__ = ["Batch", "Reader", "Row", "Stop", "Unreadable", "check_source", "open_reader"]
