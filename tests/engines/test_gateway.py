"""The gateway's tail sampling: which traces it keeps."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from pathlib import Path

import pytest

from engines.stack import Stack
from otelml import semconv

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
OVERLAY = """
exporters:
  file/kept: {path: "%s", flush_interval: 100ms}
service:
  pipelines:
    traces: {exporters: [file/kept]}
"""


def span(duration_ms: int = 5, *, error: bool = False, **attributes: object) -> dict:
    """Return one trace of one span, as OTLP in JSON."""
    kinds = {bool: "boolValue", float: "doubleValue", str: "stringValue"}
    end = time.time_ns()
    return {
        "traceId": uuid.uuid4().hex,
        "spanId": uuid.uuid4().hex[:16],
        "name": "predict loan",
        "kind": 1,
        "startTimeUnixNano": str(end - duration_ms * 1_000_000),
        "endTimeUnixNano": str(end),
        "status": {"code": 2 if error else 1},
        "attributes": [
            {"key": key, "value": {kinds[type(value)]: value}} for key, value in attributes.items()
        ],
    }


def confidence(value: float) -> dict:
    """Return a span whose prediction was that sure of itself."""
    return span(**{semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE: value})


def outcome(value: str) -> dict:
    """Return the span of a feedback."""
    return span(**{semconv.ML_FEEDBACK_OUTCOME: value})


def test_what_is_kept(tmp_path, ports, eventually):
    """Errors, slow, unsure and wrong traces stay; of the rest, 0 % here."""
    kept_file = tmp_path / "kept.jsonl"
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(OVERLAY % kept_file)
    kept = {
        "error": span(error=True),
        "slow": span(1500),
        "unsure": confidence(0.41),
        "wrong": outcome(semconv.OUTCOME_WRONG),
        "conflict": outcome(semconv.OUTCOME_CONFLICT),
    }
    gone = {
        "fast": span(),
        "sure": confidence(0.97),
        "right": outcome(semconv.OUTCOME_CORRECT),
    }
    stack = Stack(
        tmp_path / "data",
        ports,
        engines=("collector",),
        environment={
            "collector": {"OTELML_SAMPLING_WAIT": "1s", "OTELML_SAMPLING_REST_PERCENT": "0"}
        },
        collector_configs=(ROOT / "collector/gateway.yaml", overlay),
    )
    with stack:
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [*kept.values(), *gone.values()]}]}]}
        request = urllib.request.Request(
            f"{stack.url('collector')}/v1/traces",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert json.load(response) == {"partialSuccess": {}}
        eventually(lambda: kept_file.exists() and kept_file.stat().st_size, 15)
    found = {
        s["traceId"]
        for line in kept_file.read_text().splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for s in scope["spans"]
    }
    names = {s["traceId"]: name for name, s in {**kept, **gone}.items()}
    assert {names[trace_id] for trace_id in found} == set(kept)
