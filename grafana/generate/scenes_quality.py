"""Unit tests of the alerts on quality and on labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grafana.generate import foreign
from grafana.generate.alert import Severity
from grafana.generate.scenes import MODEL, Fired, Scene, named, series
from otelml import semconv, semconv_quality

_WHO: Final = "loan version 1 of loan-api"
_API: Final = {**MODEL, semconv.ML_FEEDBACK_SOURCE: "api"}
_SERVICE: Final = {foreign.SERVICE: "loan-api"}


def _fired(
    severity: Severity, labels: Mapping[str, str], summary: str, description: str
) -> list[Fired]:
    return [Fired(severity, named(labels), summary, description)]


def _cells(right: str, wrong: str) -> dict[str, str]:
    def cell(actual: str) -> str:
        labels = {semconv.ML_LABEL_ACTUAL: actual, semconv.ML_LABEL_PREDICTED: "yes"}
        return series(semconv.ML_FEEDBACK, {**_API, **labels})

    return {cell("yes"): right, cell("no"): wrong}


def _quality() -> list[Scene]:
    dropped, low = "QualityDropped", "QualityLow"
    return [
        Scene(
            dropped,
            "nine of ten were right, for half an hour none",
            _cells("0+9x120 1080x60", "0+1x120 120+10x60"),
            "150m",
            _fired(
                "warning",
                MODEL,
                f"{_WHO} is right less often than before",
                "Accuracy over an hour is 0.3 below the day's, and not by chance; the limit is "
                "0.05.",
            ),
        ),
        Scene(
            dropped,
            "the same among a dozen labels is chance",
            _cells("0+0.09x120 10.8x60", "0+0.01x120 1.2+0.1x60"),
            "150m",
        ),
        Scene(dropped, "as ever", _cells("0+9x180", "0+1x180"), "150m"),
        Scene(
            low,
            "half are wrong",
            _cells("0+1x150", "0+1x150"),
            "150m",
            _fired(
                "critical",
                MODEL,
                f"{_WHO} is wrong too often",
                "Accuracy over a day is 50%, and surely below 70%.",
            ),
        ),
        Scene(low, "two of three labels are wrong", _cells("0x5 1x150", "0x5 2x150"), "150m"),
        Scene(low, "three of four are right", _cells("0+3x150", "0+1x150"), "150m"),
    ]


def _errors() -> list[Scene]:
    name = "RegressionErrorGrew"
    squared = series(semconv_quality.ML_FEEDBACK_ERROR_SQUARED, MODEL)
    values = series(semconv_quality.ML_FEEDBACK_ERROR_VALUES, MODEL)
    return [
        Scene(
            name,
            "errors are three times as large for half an hour",
            {squared: "0+1x120 120+9x60", values: "0+1x180"},
            "150m",
            _fired(
                "warning",
                MODEL,
                f"Errors of {_WHO} have grown",
                "RMSE over an hour is 1.4 times the day's; the limit is 1.25.",
            ),
        ),
        Scene(
            name,
            "twice as many values, each as far off",
            {squared: "0+1x120 120+2x60", values: "0+1x120 120+2x60"},
            "150m",
        ),
    ]


def _coverage() -> list[Scene]:
    name = "LabelCoverageLow"
    made = series(semconv.ML_PREDICTIONS, MODEL)
    failed = series(semconv.ML_PREDICTIONS, {**MODEL, semconv.ERROR_TYPE: "ValueError"})
    return [
        Scene(
            name,
            "labels of one in a hundred",
            {made: "0+100x150", **_cells("0+1x150", "0x150")},
            "150m",
            _fired(
                "warning",
                MODEL,
                f"Few labels come back for {_WHO}",
                "Over a day, labels are 1% of the predictions; at least 5% are expected.",
            ),
        ),
        Scene(name, "it never had labels", {made: "0+100x150"}, "150m"),
        Scene(
            name,
            "only failed predictions have none",
            {made: "0+1x150", failed: "0+100x150", **_cells("0+1x150", "0x150")},
            "150m",
        ),
    ]


def _delays() -> list[Scene]:
    name = "LabelsLate"

    def delays(sooner: str, later: str) -> dict[str, str]:
        ends = {"604800": sooner, "1209600": later, "+Inf": later}
        return {
            series(semconv.ML_FEEDBACK_DELAY, {**_API, "le": end}, "bucket"): values
            for end, values in ends.items()
        }

    return [
        Scene(
            name,
            "all labels come between a week and two",
            delays("0x150", "0+10x150"),
            "150m",
            _fired(
                "info",
                _API,
                f"Labels of {_WHO} come late",
                "Half of the labels from api come 10d 12h 0m 0s or more after their prediction.",
            ),
        ),
        Scene(name, "six of ten come within a week", delays("0+6x150", "0+10x150"), "150m"),
    ]


def _conflicts() -> list[Scene]:
    name = "LabelsConflict"

    def rejected(reason: str) -> str:
        return series(
            semconv.ML_FEEDBACK_REJECTED, {**_SERVICE, semconv.ML_FEEDBACK_REASON: reason}
        )

    conflict = rejected(semconv.OUTCOME_CONFLICT)
    return [
        Scene(
            name,
            "one in ten is contradicted",
            {conflict: "0+1x150", **_cells("0+10x150", "0x150")},
            "150m",
            _fired(
                "warning",
                _SERVICE,
                "Labels sent to loan-api contradict each other",
                "Over a day, 150 labels differ from what the same source said before of the same "
                "prediction; more than 5% of the labels.",
            ),
        ),
        Scene(
            name,
            "one in a hundred",
            {conflict: "0+1x150", **_cells("0+100x150", "0x150")},
            "150m",
        ),
        Scene(
            name,
            "duplicates contradict nothing",
            {
                rejected(semconv.OUTCOME_DUPLICATE): "0+9x150",
                **_cells("0+10x150", "0x150"),
            },
            "150m",
        ),
    ]


def _degraded() -> list[Scene]:
    name = "QualityDegraded"
    labels = {**MODEL, semconv_quality.ML_QUALITY_METRIC: "accuracy"}

    def flag(instance: str) -> str:
        return series(
            semconv_quality.ML_QUALITY_DEGRADED, {**labels, "service_instance_id": instance}
        )

    return [
        Scene(
            name,
            "one process of two says so",
            {flag("1"): "0x10 1x30", flag("2"): "0x40"},
            "30m",
            _fired(
                "warning",
                labels,
                f"{_WHO} is worse than at training",
                "Complete labels say so beyond the alarm budget: accuracy.",
            ),
        ),
        Scene(name, "it has recovered", {flag("1"): "1x10 0x30", flag("2"): "0x40"}, "30m"),
    ]


def _retraining() -> list[Scene]:
    advised, failing = "RetrainingRecommended", "RetrainingTriggerFailed"
    rule = "drift and quality and age"
    labels = {**MODEL, semconv_quality.ML_RETRAINING_REASON: rule}
    flag = series(semconv_quality.ML_RETRAINING_RECOMMENDED, labels)
    other = series(
        semconv_quality.ML_RETRAINING_RECOMMENDED,
        {**MODEL, semconv_quality.ML_RETRAINING_REASON: "critical"},
    )
    kind = {**MODEL, semconv_quality.ML_RETRAINING_TRIGGER: "webhook"}

    def triggers(outcome: str) -> str:
        return series(
            semconv_quality.ML_RETRAINING_TRIGGERS,
            {**kind, semconv_quality.ML_RETRAINING_OUTCOME: outcome},
        )

    return [
        Scene(
            advised,
            "one of two rules holds",
            {flag: "0x5 1x60", other: "0x65"},
            "30m",
            _fired("warning", labels, f"{_WHO} should be retrained", f"The rule is: {rule}."),
        ),
        Scene(advised, "it held for two minutes", {flag: "0x5 1x2 0x60", other: "0x65"}, "30m"),
        Scene(advised, "no rule holds", {flag: "0x65", other: "0x65"}, "30m"),
        Scene(
            failing,
            "the first trigger of a process failed",
            {triggers("failed"): "_x10 1x60"},
            "40m",
            _fired(
                "warning",
                kind,
                f"The retraining of {_WHO} could not be triggered",
                "By webhook: 1 failed within six hours.",
            ),
        ),
        Scene(
            failing,
            "triggers arrive",
            {triggers("done"): "_x10 1x60", triggers("dry_run"): "0x30 1x30"},
            "40m",
        ),
        Scene(failing, "one failed seven hours ago", {triggers("failed"): "1x500"}, "430m"),
    ]


def scenes() -> list[Scene]:
    """Return them."""
    return [
        *_quality(),
        *_errors(),
        *_coverage(),
        *_delays(),
        *_conflicts(),
        *_degraded(),
        *_retraining(),
    ]
