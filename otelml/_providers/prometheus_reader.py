"""The reader behind ``/metrics``, which names metrics as Prometheus does when they come by OTLP.

The exporter of OpenTelemetry's own gives a gauge of unit ``1`` no suffix, where Prometheus and the
Collector append ``_ratio``: one query would not do for both.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData

__all__ = ["PrometheusReader"]

_SUFFIX: Final = "ratio"
_WORD: Final = re.compile(r"[a-zA-Z0-9:]+")


def _named(metric: Metric) -> Metric:
    """Return a metric under a name that becomes the one Prometheus would give it."""
    if metric.unit != "1" or not isinstance(metric.data, Gauge):
        return metric
    words = [word for word in _WORD.findall(metric.name) if word != _SUFFIX]
    return replace(metric, name="_".join([*words, _SUFFIX]))


class PrometheusReader(PrometheusMetricReader):
    """OpenTelemetry's reader for Prometheus, with ``_ratio`` after gauges of unit ``1``."""

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        named = metrics_data and MetricsData(
            [
                replace(
                    resource,
                    scope_metrics=[
                        replace(scope, metrics=[_named(metric) for metric in scope.metrics])
                        for scope in resource.scope_metrics
                    ],
                )
                for resource in metrics_data.resource_metrics
            ]
        )
        super()._receive_metrics(named, timeout_millis, **kwargs)
