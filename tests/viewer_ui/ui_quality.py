"""What a service with labels sends, as OTLP/HTTP JSON with known values."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

from ui_seed import attributes

from otelml import semconv
from otelml import semconv_quality as names
from otelml._metric import Kind, Metric

MODEL = {semconv.ML_MODEL_NAME: "loan", semconv.ML_MODEL_VERSION: "3"}
RESOURCE = {"service.name": "loan-api", "service.instance.id": "quality-0"}
EVERY_S, TIMES = 20, 12
RIGHT, WRONG = 18, 2
# Of the last third of the labels.
DROPPED_RIGHT, DROPPED_WRONG = 10, 10
FLAG = "Of predictions “approved” only: no “denied” has a label."
Points = dict[tuple[tuple[str, str], ...], float]


def _post(base: str, path: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"{base}/v1/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        response.read()


def _metric(metric: Metric, at_ns: int, start_ns: int, values: Points) -> dict[str, Any]:
    points = [
        {
            "attributes": attributes({**MODEL, **dict(pairs)}),
            "timeUnixNano": str(at_ns),
            "startTimeUnixNano": str(start_ns),
            "asDouble": value,
        }
        for pairs, value in values.items()
    ]
    data: dict[str, Any] = {"dataPoints": points}
    if metric.kind is Kind.COUNTER:
        data |= {"isMonotonic": True, "aggregationTemporality": 2}
        return {"name": metric.name, "unit": metric.unit, "sum": data}
    return {"name": metric.name, "unit": metric.unit, "gauge": data}


def _gauges(measured: bool) -> dict[Metric, Points]:
    measure, window = names.ML_QUALITY_METRIC, names.ML_QUALITY_WINDOW
    estimated, said = names.ML_QUALITY_ESTIMATED, semconv.ML_LABEL_PREDICTED
    accuracy = ((measure, "accuracy"),)
    value = (*accuracy, (window, "1000"), (estimated, "false"))
    guess = (*accuracy, (window, "1000"), (estimated, "true"))
    found: dict[Metric, Points] = {names.ML_QUALITY: {guess: 0.87}}
    if measured:
        found[names.ML_QUALITY] |= {value: 0.83}
        found |= {
            names.ML_QUALITY_LOWER: {value: 0.77},
            names.ML_QUALITY_UPPER: {value: 0.88},
            names.ML_QUALITY_BOUND_LOWER: {accuracy: 0.41},
            names.ML_QUALITY_BOUND_UPPER: {accuracy: 0.93},
            names.ML_LABEL_COVERAGE: {
                ((said, "approved"), (names.ML_CONFIDENCE_BAND, "0.8-0.9")): 0.4,
                ((said, "denied"), (names.ML_CONFIDENCE_BAND, "0.8-0.9")): 0.0,
            },
            names.ML_QUALITY_REFERENCE: {
                (*accuracy, (names.ML_QUALITY_BASELINE, names.BASELINE_REFERENCE)): 0.91
            },
            names.ML_QUALITY_DEGRADED: {accuracy: 1.0},
            names.ML_LABEL_MATURITY: {((names.ML_LABEL_AGE, "1m"),): 0.6},
            names.ML_RETRAINING_RECOMMENDED: {
                ((names.ML_RETRAINING_REASON, "accuracy_declining"),): 1.0,
                ((names.ML_RETRAINING_REASON, "old_model"),): 0.0,
            },
        }
    return found


def send_quality(base: str, *, measured: bool = True, dropped: bool = True) -> int:
    """Send the metrics of four minutes; return how many labels they tell of."""
    now = time.time_ns()
    start = now - (TIMES + 1) * EVERY_S * 10**9
    right = wrong = 0
    for number in range(TIMES):
        at = now - (TIMES - 1 - number) * EVERY_S * 10**9
        worse = dropped and number >= 2 * TIMES // 3
        right += DROPPED_RIGHT if worse else RIGHT
        wrong += DROPPED_WRONG if worse else WRONG
        values = _gauges(measured)
        if measured:
            actual, said = semconv.ML_LABEL_ACTUAL, semconv.ML_LABEL_PREDICTED
            values[semconv.ML_FEEDBACK] = {
                ((actual, "approved"), (said, "approved")): float(right),
                ((actual, "denied"), (said, "approved")): float(wrong),
            }
        metrics = [_metric(metric, at, start, of) for metric, of in values.items()]
        resource = {"attributes": attributes(RESOURCE)}
        _post(
            base,
            "metrics",
            {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]},
        )
    return right + wrong


def send_label(base: str, trace_id: str, span_id: str, actual: str, predicted: str) -> None:
    """Send the label of a prediction."""
    now = time.time_ns()
    said = {
        **MODEL,
        semconv.ML_LABEL_ACTUAL: actual,
        semconv.ML_LABEL_PREDICTED: predicted,
        semconv.ML_FEEDBACK_SOURCE: "crm",
        semconv.ML_FEEDBACK_DELAY_ATTRIBUTE: 12.5,
        semconv.ML_FEEDBACK_OUTCOME: "correct" if actual == predicted else "wrong",
    }
    span = {
        "traceId": f"{now:032x}"[-32:],
        "spanId": f"{now:016x}"[-16:],
        "name": semconv.SPAN_FEEDBACK.format(model="loan"),
        "kind": 1,
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 10**6),
        "attributes": attributes(said),
        "links": [{"traceId": trace_id, "spanId": span_id}],
    }
    resource = {"attributes": attributes(RESOURCE)}
    _post(
        base,
        "traces",
        {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]},
    )
