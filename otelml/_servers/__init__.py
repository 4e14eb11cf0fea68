"""Requests of an HTTP server without a framework: their spans, their metrics, their callers."""

from __future__ import annotations

from otelml._servers.describe import KEYS, Describer, Parts, parts_of
from otelml._servers.exchange import Exchange
from otelml._servers.hosts import split_host
from otelml._servers.measures import HttpMeasures, measures_after_fork
from otelml._servers.parents import Parents
from otelml._servers.spans import ServerSpan

__all__ = [
    "KEYS",
    "Describer",
    "Exchange",
    "HttpMeasures",
    "Parents",
    "Parts",
    "ServerSpan",
    "measures_after_fork",
    "parts_of",
    "split_host",
]
