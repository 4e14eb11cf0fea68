"""Turns OTLP requests, protobuf or JSON, into records."""

from __future__ import annotations

from otelml.viewer.decode.logs import decode_logs
from otelml.viewer.decode.metrics import decode_metrics
from otelml.viewer.decode.otlp_json import parse_json, render_json
from otelml.viewer.decode.traces import decode_traces

__all__ = ["decode_logs", "decode_metrics", "decode_traces", "parse_json", "render_json"]
