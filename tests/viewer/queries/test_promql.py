"""The PromQL of a chart names what Prometheus has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otelml.viewer.queries.promql import PROMOTED, Origins, promql


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("ml.predictions", "{prediction}", "counter", "rate", ["ml.model.name"], [], 60),
         "sum by (ml_model_name) (rate(ml_predictions_total[1m]))"),
        (("ml.prediction.duration", "s", "histogram", "p95", [], [("ml.model.name", 'a"b')], 10),
         ('histogram_quantile(0.95, sum by (le) (rate('
         'ml_prediction_duration_seconds_bucket{ml_model_name="a\\"b"}[1m])))')),
        (("ml.feature.reference.ratio", "1", "gauge", "last", [], [], 300),
         "avg (ml_feature_reference_ratio)"),
        (("process.memory.usage", "By", "updown", "last", [], [], 300),
         "sum (process_memory_usage_bytes)"),
    ],
)  # fmt: skip
def test_promql_has_the_names_that_prometheus_gives(arguments, expected):
    """By the default OTLP translation."""
    assert promql(*arguments) == expected


TARGET = Origins(frozenset({"host.name", "k8s.pod.name"}))


@pytest.mark.parametrize(
    ("by", "where", "expected"),
    [
        ([], [("a", "1", False)], 'sum (rate(m_total{a!="1"}[1m]))'),
        ([], [("a", "x.y"), ("a", "z")], 'sum (rate(m_total{a=~"x\\\\.y|z"}[1m]))'),
        ([], [("a", "x", False), ("a", "z", False)], 'sum (rate(m_total{a!~"x|z"}[1m]))'),
        (["host.name"], [],
         ("sum by (host_name) (rate(m_total[1m]) * on (job, instance) group_left (host_name)"
         " target_info)")),
        ([], [("host.name", "h"), ("a", "1")],
         ('sum (rate(m_total{a="1"}[1m]) * on (job, instance) group_left ()'
         ' target_info{host_name="h"})')),
        (["a", "k8s.pod.name"], [("host.name", "h")],
         ("sum by (a, k8s_pod_name) (rate(m_total[1m]) * on (job, instance)"
         ' group_left (k8s_pod_name) target_info{host_name="h"})')),
    ],
)  # fmt: skip
def test_filters_and_what_the_resource_says_are_in_the_query(by, where, expected):
    """Several values of a key are alternatives; the resource's attributes come by target_info."""
    assert promql("m", "", "counter", "rate", by, where, 60, TARGET) == expected


def test_promoted_attributes_are_those_of_the_stacks_prometheus():
    """What it makes labels of each series needs no join."""
    text = Path(__file__).parents[3].joinpath("prometheus", "prometheus.yml").read_text()
    block = re.search(r"promote_resource_attributes:\n((?:\s+- .*\n)+)", text)[1]
    assert set(re.findall(r"- (\S+)", block)) == PROMOTED
