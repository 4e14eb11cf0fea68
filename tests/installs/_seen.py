"""What a receiver must have got from the small service: every signal, and its parts."""

from __future__ import annotations

from tests._otlp_server import OtlpServer

REQUESTS = 3
_METRICS = {
    "http.server.request.duration", "ml.prediction.duration", "ml.stage.duration",
    "ml.predictions", "ml.prediction.rows", "ml.feature.last", "ml.feature.min", "ml.feature.max",
    "ml.feature.mean", "ml.model.info", "otelml.worker.duration", "process.cpu.time",
    "process.memory.usage", "system.memory.usage", "cpython.gc.collections",
}  # fmt: skip
_SPANS = {
    "GET /predict/<float:value>": REQUESTS,
    "predict small": REQUESTS,
    "inference": REQUESTS,
    "feature_extraction": REQUESTS,
    "post_processing": REQUESTS,
}


def problems(server: OtlpServer) -> list[str]:
    """Return what is missing of spans, metrics, exemplars and log records."""
    wrong = []
    names = [span.name for span in server.spans]
    for name, count in _SPANS.items():
        if names.count(name) != count:
            wrong.append(f"{names.count(name)} spans {name!r}, not {count}: {sorted(set(names))}")
    metrics = {metric.name for metric in server.metrics}
    missing = sorted(_METRICS - metrics)
    if missing:
        wrong.append(f"no {', '.join(missing)}")
    traces = {span.trace_id for span in server.spans}
    duration = next((m for m in server.metrics if m.name == "ml.prediction.duration"), None)
    points = list(duration.histogram.data_points) if duration is not None else []
    exemplars = [e.trace_id for point in points for e in point.exemplars]
    if not exemplars or not set(exemplars) <= traces:
        wrong.append(f"{len(exemplars)} exemplars of ml.prediction.duration lead to a trace")
    if sum(point.count for point in points) != REQUESTS:
        wrong.append("ml.prediction.duration does not count each prediction")
    own = [r for r in server.logs if r.body.string_value.startswith("asked for")]
    if len(own) != REQUESTS or not {r.trace_id for r in own} <= traces:
        wrong.append(f"{len(own)} log records of the service, in their traces")
    return wrong
