"""Alerts on quality, and on the labels that it is computed from."""

from __future__ import annotations

from typing import Final

from grafana.generate import foreign, settings
from grafana.generate.alert import COUNT, DURATION, SHARE, Alert, tag
from grafana.generate.drift_rules import MODEL
from grafana.generate.names import label
from grafana.generate.promql import equals, increase, sum_by, vector
from grafana.generate.quality_rules import Quality
from otelml import semconv, semconv_quality

_WHO: Final = (
    f"{tag(semconv.ML_MODEL_NAME)} version {tag(semconv.ML_MODEL_VERSION)} "
    f"of {tag(foreign.SERVICE)}"
)
_DAY: Final = Quality("1d")
_ROUGH: Final = '{{ printf "%.1f" $value }}'
_HOUR: Final = Quality("1h")


def late_labels() -> str:
    """Return the median delay of the last day's labels, by source."""
    source = label(semconv.ML_FEEDBACK_SOURCE)
    buckets = increase(vector(semconv.ML_FEEDBACK_DELAY, part="bucket"), "1d")
    return f"histogram_quantile(0.5, {sum_by((*MODEL, source, 'le'), buckets)})"


def conflicts() -> str:
    """Return the corrections of the last day, by service."""
    conflict = equals(semconv.ML_FEEDBACK_REASON, semconv.OUTCOME_CONFLICT)
    counter = vector(semconv.ML_FEEDBACK_REJECTED, conflict)
    return sum_by((foreign.SERVICE,), increase(counter, "1d"))


def _dropped() -> str:
    """Return by how much the last hour's accuracy is below the day's, with intervals apart."""
    day, hour = _DAY.of_model("accuracy"), _HOUR.of_model("accuracy")
    return (
        f"({day} - {hour} > {settings.ACCURACY_DROP_MAX:g})\n"
        f"and {_HOUR.of_model('accuracy_upper')} < {_DAY.of_model('accuracy_lower')}"
    )


def degraded() -> str:
    """Return the processes' own verdicts, beside the quality at training."""
    by = (*MODEL, label(semconv_quality.ML_QUALITY_METRIC))
    return f"max by ({', '.join(by)}) ({vector(semconv_quality.ML_QUALITY_DEGRADED)})"


def recommended() -> str:
    """Return the rules that recommend a retraining, in any process."""
    by = (*MODEL, label(semconv_quality.ML_RETRAINING_REASON))
    return f"max by ({', '.join(by)}) ({vector(semconv_quality.ML_RETRAINING_RECOMMENDED)})"


def failed_triggers() -> str:
    """Return the triggers of the last six hours that reached nobody, by kind."""
    by = (*MODEL, label(semconv_quality.ML_RETRAINING_TRIGGER))
    failed = equals(semconv_quality.ML_RETRAINING_OUTCOME, semconv_quality.OUTCOME_FAILED)
    return grew_by(semconv_quality.ML_RETRAINING_TRIGGERS, by, "6h", failed)


def grew_by(metric: semconv.Metric, by: tuple[str, ...], window: str, *matchers: str) -> str:
    """Return by how much a counter grew, all of it where its first sample is not 0."""
    counter = vector(metric, *matchers)
    before = f"last_over_time({counter}[1d] offset {window})"
    return (
        f"({sum_by(by, increase(counter, window))} > 0\n"
        f"  or {sum_by(by, f'{counter} unless {before}')} > 0)"
    )


def _coverage() -> str:
    """Return the coverage where it is low though labels have come before."""
    return (
        f"{_DAY.of_model('coverage')} < {settings.COVERAGE_MIN:g}\n"
        f"and max_over_time({_DAY.labels}[1w]) > 0"
    )


def alerts() -> list[Alert]:
    """Return them."""
    return [*_of_models(), *_of_labels(), *_of_retraining()]


def _of_models() -> list[Alert]:
    return [
        Alert(
            "QualityDropped",
            "warning",
            _dropped(),
            "15m",
            f"{_WHO} is right less often than before",
            f"Accuracy over an hour is {_ROUGH} below the day's, and not by chance; the limit "
            f"is {settings.ACCURACY_DROP_MAX:g}.",
        ),
        Alert(
            "QualityDegraded",
            "warning",
            f"{degraded()} == 1",
            "0m",
            f"{_WHO} is worse than at training",
            "Complete labels say so beyond the alarm budget: "
            f"{tag(semconv_quality.ML_QUALITY_METRIC)}.",
        ),
        Alert(
            "QualityLow",
            "critical",
            f"{_DAY.of_model('accuracy')}\n"
            f"and {_DAY.of_model('accuracy_upper')} < {settings.ACCURACY_MIN:g}",
            "15m",
            f"{_WHO} is wrong too often",
            f"Accuracy over a day is {SHARE}, and surely below {settings.ACCURACY_MIN:.0%}.",
        ),
        Alert(
            "RegressionErrorGrew",
            "warning",
            f"{_HOUR.of_model('rmse')} / ({_DAY.of_model('rmse')} > 0)\n"
            f"> {settings.ERROR_GROWTH_MAX:g}",
            "15m",
            f"Errors of {_WHO} have grown",
            f"RMSE over an hour is {_ROUGH} times the day's; the limit is "
            f"{settings.ERROR_GROWTH_MAX:g}.",
        ),
    ]


def _of_labels() -> list[Alert]:
    labels = sum_by((foreign.SERVICE,), _DAY.labels)
    return [
        Alert(
            "LabelCoverageLow",
            "warning",
            _coverage(),
            "1h",
            f"Few labels come back for {_WHO}",
            f"Over a day, labels are {SHARE} of the predictions; at least "
            f"{settings.COVERAGE_MIN:.0%} are expected.",
        ),
        Alert(
            "LabelsLate",
            "info",
            f"{late_labels()}\n> {settings.LABEL_DELAY_MAX_S:g}",
            "1h",
            f"Labels of {_WHO} come late",
            f"Half of the labels from {tag(semconv.ML_FEEDBACK_SOURCE)} come {DURATION} or more "
            "after their prediction.",
        ),
        Alert(
            "LabelsConflict",
            "warning",
            f"({conflicts()} >= {settings.CONFLICTS_MIN})\n"
            f"and {conflicts()}\n  / ({labels} > 0) > {settings.CONFLICT_SHARE_MAX:g}",
            "15m",
            f"Labels sent to {tag(foreign.SERVICE)} contradict each other",
            f"Over a day, {COUNT} labels differ from what the same source said before of the same "
            f"prediction; more than {settings.CONFLICT_SHARE_MAX:.0%} of the labels.",
        ),
    ]


def _of_retraining() -> list[Alert]:
    return [
        Alert(
            "RetrainingRecommended",
            "warning",
            f"{recommended()} == 1",
            "5m",
            f"{_WHO} should be retrained",
            f"The rule is: {tag(semconv_quality.ML_RETRAINING_REASON)}.",
        ),
        Alert(
            "RetrainingTriggerFailed",
            "warning",
            failed_triggers(),
            "0m",
            f"The retraining of {_WHO} could not be triggered",
            f"By {tag(semconv_quality.ML_RETRAINING_TRIGGER)}: {COUNT} failed within six hours.",
        ),
    ]
