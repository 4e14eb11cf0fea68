"""The command line."""

from __future__ import annotations

from otelml.cli._group import main

__all__ = ["main"]
