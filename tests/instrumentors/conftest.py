"""Fixtures of the logging tests."""

from __future__ import annotations

from tests.instrumentors._logs import log, sink

__all__ = ["log", "sink"]
