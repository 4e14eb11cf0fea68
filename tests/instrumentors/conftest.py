"""Fixtures of the logging tests."""

from __future__ import annotations

from tests.instrumentors._logs import log, logging_state, sink

__all__ = ["log", "logging_state", "sink"]
