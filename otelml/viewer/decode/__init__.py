"""Turns OTLP requests, protobuf or JSON, into records."""

from __future__ import annotations

from otelml.viewer.decode.jaeger import is_jaeger, parse_jaeger
from otelml.viewer.decode.logs import decode_logs
from otelml.viewer.decode.metrics import decode_metrics
from otelml.viewer.decode.otlp_json import parse_json, render_json, salvage_json
from otelml.viewer.decode.salvage import salvage
from otelml.viewer.decode.traces import decode_traces
from otelml.viewer.decode.weight import TooMuchError, tables, weigh, weigh_json

__all__ = [
    "TooMuchError",
    "decode_logs",
    "decode_metrics",
    "decode_traces",
    "is_jaeger",
    "parse_jaeger",
    "parse_json",
    "render_json",
    "salvage",
    "salvage_json",
    "tables",
    "weigh",
    "weigh_json",
]
