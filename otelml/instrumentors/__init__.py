"""Instrumentors, one framework a file, and the choice among them."""

from __future__ import annotations

from otelml.instrumentors._choice import check, instrument, instrument_app, uninstrument

__all__ = ["check", "instrument", "instrument_app", "uninstrument"]
