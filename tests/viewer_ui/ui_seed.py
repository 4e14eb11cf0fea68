"""Telemetry with known values, sent to a viewer as OTLP/HTTP JSON."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any

PREDICTIONS = 60
FAILED = 3
BIG_TRACE_SPANS = 5000
SPACING_MS = 5_000
RESOURCE = {"service.name": "loan-api", "service.version": "1.4.0"}
STAGES = (("feature_extraction", 0.5), ("inference", 0.4), ("post_processing", 0.1))


@dataclass
class Seed:
    """What was sent, for the tests to compare with."""

    start_ms: float
    end_ms: float
    traces: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    big: str = ""


def _value(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)}


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP JSON."""
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _nanos(ms: float) -> str:
    return str(int(ms * 1e6))


def _span(
    ids: tuple[str, str, str], name: str, at: tuple[float, float], **more: Any
) -> dict[str, Any]:
    trace_id, span_id, parent = ids
    start, duration = at
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "kind": more.get("kind", 1),
        "startTimeUnixNano": _nanos(start),
        "endTimeUnixNano": _nanos(start + duration),
        "attributes": attributes(more.get("attributes", {})),
        "links": more.get("links", []),
        "status": more.get("status", {}),
    }


def _prediction(index: int, start: float, seed: Seed) -> list[dict[str, Any]]:
    trace_id = f"{index + 1:032x}"
    duration = 10.0 + index % 10
    failed = index < FAILED
    (seed.failed if failed else seed.traces).append(trace_id)
    ids = [f"{(index + 1) * 16 + n:016x}" for n in range(5)]
    model = {"ml.model.name": "loan", "ml.model.version": "3"}
    result = (
        {"error.type": "ValueError"}
        if failed
        else {
            "ml.prediction.label": "approved" if index % 3 else "denied",
            "ml.prediction.confidence": 0.5 + (index % 50) / 100,
        }
    )
    status = {"code": 2, "message": "could not convert string to float"} if failed else {}
    spans = [
        _span(
            (trace_id, ids[0], ""),
            "POST /predict",
            (start, duration + 1),
            kind=2,
            status=status,
            attributes={"http.request.method": "POST", "http.route": "/predict"},
        ),
        _span(
            (trace_id, ids[1], ids[0]),
            "predict loan",
            (start + 0.5, duration),
            status=status,
            attributes={
                **model,
                "ml.model.framework": "sklearn",
                "ml.prediction.rows": 1,
                **result,
            },
        ),
    ]
    at = start + 0.5
    for number, (stage, share) in enumerate(STAGES):
        spans.append(
            _span(
                (trace_id, ids[2 + number], ids[1]),
                stage,
                (at, duration * share),
                attributes={
                    **model,
                    "ml.stage.name": stage,
                    "ml.stage.inferred": stage == "inference",
                },
            )
        )
        at += duration * share
    return spans


def _big_trace(start: float, seed: Seed) -> list[dict[str, Any]]:
    seed.big = "b" * 32
    root = "b" * 16
    step = 400.0 / BIG_TRACE_SPANS
    return [_span((seed.big, root, ""), "batch job", (start, 400.0), kind=2)] + [
        _span((seed.big, f"c{index:015x}", root), f"step {index}", (start + index * step, step))
        for index in range(BIG_TRACE_SPANS)
    ]


def _logs(seed: Seed) -> list[dict[str, Any]]:
    levels = {
        0: (17, "ERROR", "model artefact is stale"),
        1: (13, "WARN", "confidence below threshold"),
    }
    records = []
    for index, trace_id in enumerate(seed.traces):
        number, text, body = levels.get(index % 10, (9, "INFO", "prediction approved"))
        records.append(
            {
                "timeUnixNano": _nanos(seed.start_ms + index * SPACING_MS),
                "severityNumber": number,
                "severityText": text,
                "body": {"stringValue": body},
                "traceId": trace_id,
                "spanId": f"{(int(trace_id, 16)) * 16 + 1:016x}",
                "attributes": attributes({"amount": 1000 + index}),
            }
        )
    return records


def _metrics(seed: Seed) -> list[dict[str, Any]]:
    bounds = [0.005, 0.01, 0.015, 0.02, 0.05]
    points = []
    counter = []
    for slot in range(1, 11):
        at = _nanos(seed.start_ms + slot * 30_000)
        base = {"startTimeUnixNano": _nanos(seed.start_ms), "timeUnixNano": at}
        points.append(
            {
                **base,
                "attributes": attributes({"ml.model.name": "loan"}),
                "count": str(slot * 6),
                "sum": slot * 0.09,
                "explicitBounds": bounds,
                "bucketCounts": [str(n) for n in (0, 0, slot * 3, slot * 3, 0, 0)],
                "exemplars": [
                    {
                        "timeUnixNano": at,
                        "asDouble": 0.014,
                        "traceId": seed.traces[slot],
                        "spanId": f"{int(seed.traces[slot], 16) * 16 + 1:016x}",
                    }
                ],
            }
        )
        counter.extend(
            {
                **base,
                "attributes": attributes({"ml.model.name": "loan", "ml.prediction.label": label}),
                "asInt": str(slot * each),
            }
            for label, each in (("approved", 4), ("denied", 2))
        )
    return [
        {
            "name": "ml.prediction.duration",
            "unit": "s",
            "description": "Duration of a prediction.",
            "histogram": {"aggregationTemporality": 2, "dataPoints": points},
        },
        {
            "name": "ml.predictions",
            "unit": "{prediction}",
            "description": "Rows predicted.",
            "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": counter},
        },
    ]


def post(endpoint: str, signal: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"{endpoint}/v1/{signal}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 200, response.read()


def _feedback(seed: Seed) -> dict[str, Any]:
    target = seed.traces[5]
    link = {"traceId": target, "spanId": f"{int(target, 16) * 16 + 1:016x}"}
    return _span(
        ("f" * 32, "f" * 16, ""),
        "feedback loan",
        (seed.end_ms - 60_000, 0.4),
        links=[link],
        attributes={
            "ml.model.name": "loan",
            "ml.model.version": "3",
            "ml.label.actual": "denied",
            "ml.label.predicted": "approved",
            "ml.feedback.source": "api",
        },
    )


def send(endpoint: str) -> Seed:
    """Sends everything to an OTLP/HTTP endpoint and says what it was."""
    now = time.time() * 1000
    seed = Seed(start_ms=now - PREDICTIONS * SPACING_MS - 30_000, end_ms=now)
    spans = [
        span
        for index in range(PREDICTIONS)
        for span in _prediction(index, seed.start_ms + index * SPACING_MS, seed)
    ]
    spans += [*_big_trace(seed.end_ms - 20_000, seed), _feedback(seed)]
    resource = {"attributes": attributes(RESOURCE)}
    scope = {"name": "otelml", "version": "0.1.0"}
    for first in range(0, len(spans), 1000):
        post(
            endpoint,
            "traces",
            {
                "resourceSpans": [
                    {
                        "resource": resource,
                        "scopeSpans": [{"scope": scope, "spans": spans[first : first + 1000]}],
                    }
                ]
            },
        )
    post(
        endpoint,
        "logs",
        {
            "resourceLogs": [
                {
                    "resource": resource,
                    "scopeLogs": [{"scope": {"name": "loan.api"}, "logRecords": _logs(seed)}],
                }
            ]
        },
    )
    post(
        endpoint,
        "metrics",
        {
            "resourceMetrics": [
                {
                    "resource": resource,
                    "scopeMetrics": [{"scope": scope, "metrics": _metrics(seed)}],
                }
            ]
        },
    )
    return seed


def send_log(endpoint: str, text: str) -> None:
    """Sends one log record of this moment."""
    record = {
        "timeUnixNano": _nanos(time.time() * 1000),
        "severityNumber": 9,
        "severityText": "INFO",
        "body": {"stringValue": text},
    }
    post(
        endpoint,
        "logs",
        {
            "resourceLogs": [
                {
                    "resource": {"attributes": attributes(RESOURCE)},
                    "scopeLogs": [{"scope": {"name": "t"}, "logRecords": [record]}],
                }
            ]
        },
    )
