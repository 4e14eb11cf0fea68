"""Instrumentors, one framework a file, and the choice among them."""

from __future__ import annotations

from otelml.instrumentors.choice import (
    check,
    instrument,
    instrument_anew,
    instrument_app,
    uninstrument,
)

__all__ = ["check", "instrument", "instrument_anew", "instrument_app", "uninstrument"]
