"""OpenTelemetry names become the names Prometheus stores."""

from __future__ import annotations

import pytest

from grafana.generate.names import label, metric_name, series_names
from otelml import semconv, semconv_batch, semconv_quality, semconv_variants
from otelml.semconv import Kind, Metric

CASES = [
    ("requests", Kind.COUNTER, "{request}", "requests_total"),
    ("requests.total", Kind.COUNTER, "{request}", "requests_total"),
    ("total.requests", Kind.COUNTER, "", "requests_total"),
    ("job.duration", Kind.HISTOGRAM, "s", "job_duration_seconds"),
    ("job.duration.seconds", Kind.HISTOGRAM, "s", "job_duration_seconds"),
    ("job.latency", Kind.HISTOGRAM, "ms", "job_latency_milliseconds"),
    ("cpu.time", Kind.COUNTER, "s", "cpu_time_seconds_total"),
    ("memory", Kind.UP_DOWN_COUNTER, "By", "memory_bytes"),
    ("share", Kind.GAUGE, "1", "share_ratio"),
    ("share", Kind.OBSERVABLE_GAUGE, "1", "share_ratio"),
    ("score", Kind.HISTOGRAM, "1", "score"),
    ("tries", Kind.COUNTER, "1", "tries_total"),
    ("open", Kind.UP_DOWN_COUNTER, "1", "open"),
    ("load", Kind.GAUGE, "%", "load_percent"),
    ("rate", Kind.GAUGE, "By/s", "rate_bytes_per_second"),
    ("throughput", Kind.GAUGE, "{item}/s", "throughput_per_second"),
    ("a-b..c", Kind.GAUGE, "{x}", "a_b_c"),
    ("spent", Kind.COUNTER, "{USD}", "spent_total"),
]


@pytest.mark.parametrize(("name", "kind", "unit", "expected"), CASES)
def test_metric_name(name, kind, unit, expected):
    """A metric's name takes the suffixes of its unit and kind, once."""
    assert metric_name(Metric(name, kind, unit, "")) == expected


def test_histograms_are_three_series():
    """A histogram is stored as buckets, count and sum."""
    assert series_names(semconv.ML_STAGE_DURATION) == (
        "ml_stage_duration_seconds_bucket",
        "ml_stage_duration_seconds_count",
        "ml_stage_duration_seconds_sum",
    )


def test_labels():
    """Dots become underscores, a leading digit gets a prefix."""
    assert [label("ml.model.name"), label("1st.try")] == ["ml_model_name", "key_1st_try"]


# What is a share, a probability or a score of that kind: from 0 to 1, or a part of a whole.
RATIOS = (
    "ml.feature.reference.ratio",
    "ml.drift.p_value",
    "ml.drift.share",
    "ml.quality",
    "ml.quality.lower",
    "ml.quality.upper",
    "ml.quality.bound.lower",
    "ml.quality.bound.upper",
    "ml.quality.reference",
    "ml.quality.loss",
    "ml.quality.loss.lower",
    "ml.quality.loss.upper",
    "ml.quality.by_bin",
    "ml.quality.by_cohort",
    "ml.label.coverage",
    "ml.label.maturity",
)
GAUGES = [
    metric
    for metric in (
        *semconv.METRICS,
        *semconv_quality.QUALITY_METRICS,
        *semconv_variants.VARIANT_METRICS,
        *semconv_batch.BATCH_METRICS,
    )
    if metric.kind in {Kind.GAUGE, Kind.OBSERVABLE_GAUGE}
]


@pytest.mark.parametrize("metric", GAUGES, ids=lambda metric: metric.name)
def test_only_a_ratio_is_called_one(metric):
    """Prometheus appends ``_ratio`` to a gauge of unit 1: no income, no age, no flag is one."""
    ends = metric_name(metric).endswith("_ratio")
    assert ends is (metric.unit == "1")
    assert not ends or metric.name in RATIOS


def test_a_value_keeps_its_name():
    """What a feature is and that there is a model are no ratios."""
    assert metric_name(semconv.ML_FEATURE_MEAN) == "ml_feature_mean"
    assert metric_name(semconv.ML_MODEL_INFO) == "ml_model_info"
    assert series_names(semconv.ML_PREDICTION_VALUE)[0] == "ml_prediction_value_bucket"
