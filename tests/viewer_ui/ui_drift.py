"""What a drift monitor sends, as OTLP/HTTP JSON with known values."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

from ui_seed import attributes

from otelml import semconv

MODEL = {semconv.ML_MODEL_NAME: "loan", semconv.ML_MODEL_VERSION: "3"}
RESOURCE = {"service.name": "loan-api", "service.instance.id": "drift-0"}
THRESHOLD = 4.0
CHECKS, EVERY_S = 8, 20
ODD = "größe <b>&\"'"
FEATURES = {"income": 1.0, "loan_amount": 6.0, ODD: 2.0, **{f"f{i:02}": 0.01 for i in range(20)}}

IMPORTANCE = {"income": 0.55, "loan_amount": 0.31}


def _post(base: str, path: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"{base}/v1/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        response.read()


def _points(at_ns: int, values: dict[tuple[tuple[str, str], ...], float]) -> list[dict[str, Any]]:
    return [
        {
            "attributes": attributes({**MODEL, **dict(pairs)}),
            "timeUnixNano": str(at_ns),
            "startTimeUnixNano": str(at_ns - 10**9),
            "asDouble": value,
        }
        for pairs, value in values.items()
    ]


def _gauges(at_ns: int, amounts: dict[str, float], learning: bool) -> dict[str, Any]:
    named = {name: ((semconv.ML_FEATURE_NAME, name),) for name in amounts}
    found: dict[Any, dict[tuple[tuple[str, str], ...], float]] = {
        semconv.ML_DRIFT_EVIDENCE: {named[n]: v for n, v in amounts.items()},
        semconv.ML_DRIFT_EVIDENCE_THRESHOLD: {(): THRESHOLD},
        semconv.ML_DRIFT_LEARNING: {(): float(learning)},
        semconv.ML_DRIFT_LAST_CHECK: {(): at_ns / 1e9},
        semconv.ML_DRIFT_DETECTED: {
            **{named[n]: float(v >= THRESHOLD and not learning) for n, v in amounts.items()},
            ((semconv.ML_FEATURE_NAME, semconv.FEATURE_ANY),): float(
                max(amounts.values()) >= THRESHOLD and not learning
            ),
        },
        semconv.ML_DRIFT_SEVERITY: {named[n]: 2.0 if v > THRESHOLD else 0.0 for n, v in amounts.items()},
        semconv.ML_DRIFT_STATISTIC: {
            (*named[n], (semconv.ML_DRIFT_METHOD, "psi")): v / 20 for n, v in amounts.items()
        },
        semconv.ML_FEATURE_IMPORTANCE: {
            named[n]: share for n, share in IMPORTANCE.items() if n in named
        },
        semconv.ML_FEATURE_REFERENCE_RATIO: {
            (*named[n], (semconv.ML_FEATURE_BIN, b)): 0.5 for n in amounts for b in ("low", "high")
        },
    }  # fmt: skip
    return {
        "metrics": [
            {"name": metric.name, "unit": metric.unit, "gauge": {"dataPoints": _points(at_ns, of)}}
            for metric, of in found.items()
        ]
    }


def _counts(at_ns: int, number: int) -> dict[str, Any]:
    values: dict[tuple[tuple[str, str], ...], float] = {
        ((semconv.ML_FEATURE_NAME, name), (semconv.ML_FEATURE_BIN, each)): float(of * number)
        for name in FEATURES
        for each, of in (("low", 10), ("high", 30))
    }
    points = _points(at_ns, values)
    return {
        "metrics": [
            {
                "name": semconv.ML_FEATURE_VALUES.name,
                "unit": semconv.ML_FEATURE_VALUES.unit,
                "sum": {
                    "dataPoints": points,
                    "isMonotonic": True,
                    "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
                },
            }
        ]
    }


def send_drift(base: str, *, learning: bool = False, checks: int = CHECKS) -> None:
    """Send some checks, of which the second half finds that ``loan_amount`` has drifted."""
    now = time.time_ns()
    resource = {"attributes": attributes(RESOURCE)}
    for number in range(checks):
        at_ns = now - (checks - 1 - number) * EVERY_S * 10**9
        scale = 1.0 if number >= checks // 2 else 0.2
        amounts = {name: value * scale for name, value in FEATURES.items()}
        scopes = [_gauges(at_ns, amounts, learning), _counts(at_ns, 1)]
        _post(
            base, "metrics", {"resourceMetrics": [{"resource": resource, "scopeMetrics": scopes}]}
        )
    event = {
        "timeUnixNano": str(now - (checks - 1 - checks // 2) * EVERY_S * 10**9 - 10**9),
        "eventName": semconv.EVENT_DRIFT_DETECTED,
        "body": {"stringValue": "model loan: loan_amount drifted"},
        "attributes": [
            *attributes(MODEL),
            {
                "key": semconv.ML_DRIFT_FEATURES,
                "value": {"arrayValue": {"values": [{"stringValue": "loan_amount"}]}},
            },
        ],
    }
    logs = {"resource": resource, "scopeLogs": [{"logRecords": [event]}]}
    _post(base, "logs", {"resourceLogs": [logs]})
