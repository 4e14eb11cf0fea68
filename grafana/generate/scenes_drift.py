"""Unit tests of the alerts on drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from grafana.generate.alert import Severity
from grafana.generate.scenes import MODEL, Fired, Scene, named, series
from otelml import semconv

_WHO: Final = "loan version 1 of loan-api"
_INCOME: Final = {**MODEL, semconv.ML_FEATURE_NAME: "income"}
_ANY: Final = {**MODEL, semconv.ML_FEATURE_NAME: semconv.FEATURE_ANY}
_BINS: Final = ("low", "middle", "high")


def _fired(
    severity: Severity, labels: Mapping[str, str], summary: str, description: str
) -> list[Fired]:
    return [Fired(severity, named(labels), summary, description)]


def _verdicts() -> list[Scene]:
    detected, critical = "DriftDetected", "CriticalFeatureDrifted"
    flag = series(semconv.ML_DRIFT_DETECTED, _INCOME)
    other = series(semconv.ML_DRIFT_DETECTED, {**_INCOME, semconv.ML_FEATURE_NAME: "age"})
    whole = series(semconv.ML_DRIFT_DETECTED, _ANY)
    grave = series(semconv.ML_DRIFT_CRITICAL, _INCOME)
    return [
        Scene(
            detected,
            "two features have drifted",
            {flag: "0x5 1x20", other: "0x5 1x20", whole: "0x5 1x20"},
            "10m",
            _fired(
                "warning",
                MODEL,
                f"Input of {_WHO} has drifted",
                "2 features or predictions have changed more than the alarm budget allows by "
                "chance.",
            ),
        ),
        Scene(detected, "it has cleared", {flag: "1x5 0x20", whole: "1x5 0x20"}, "10m"),
        Scene(
            critical,
            "a critical feature has drifted",
            {grave: "0x5 1x20"},
            "10m",
            _fired(
                "critical",
                _INCOME,
                f"Critical feature income of {_WHO} has drifted",
                "income is named critical, and has changed more than the alarm budget allows by "
                "chance.",
            ),
        ),
        Scene(critical, "only another feature has", {flag: "1x20", grave: "0x20"}, "10m"),
    ]


def _rates() -> list[Scene]:
    name = "PredictionRateChanged"
    labels = {**MODEL, semconv.ML_FEATURE_NAME: semconv.FEATURE_PREDICTION}
    rate = {**labels, semconv.ML_DRIFT_METHOD: semconv.METHOD_RATE_CHANGE}
    change = series(semconv.ML_DRIFT_STATISTIC, rate)
    p_value = series(semconv.ML_DRIFT_P_VALUE, rate)
    psi = series(semconv.ML_DRIFT_STATISTIC, {**labels, semconv.ML_DRIFT_METHOD: "psi"})

    def fired(amount: str) -> list[Fired]:
        return _fired(
            "warning",
            labels,
            f"{_WHO} predicts other labels than before",
            f"The share of a label differs by {amount} from the reference; the limit is 0.1.",
        )

    return [
        Scene(
            name,
            "a label is 0.2 rarer",
            {change: "-0.2x20", p_value: "1e-9x20"},
            "5m",
            fired("0.2"),
        ),
        Scene(
            name,
            "0.05 more often; PSI is no rate",
            {change: "0.05x20", p_value: "1e-9x20", psi: "3x20"},
            "5m",
        ),
        Scene(
            name,
            "0.2 more often in fifty rows, which is chance",
            {change: "0.2x20", p_value: "0.004x20"},
            "5m",
        ),
    ]


def _shares(name: str, values: Sequence[str]) -> dict[str, str]:
    """Return a feature whose bins count these values; a third of the reference is in each bin."""
    feature = {**MODEL, semconv.ML_FEATURE_NAME: name}
    found = {series(semconv.ML_FEATURE_REFERENCE_VALUES, feature): "10000x400"}
    for bin_name, counted in zip(_BINS, values, strict=True):
        labels = {**feature, semconv.ML_FEATURE_BIN: bin_name}
        found[series(semconv.ML_FEATURE_REFERENCE_RATIO, labels)] = f"{1 / 3}x400"
        found[series(semconv.ML_FEATURE_VALUES, labels)] = counted
    return found


def _restarted() -> dict[str, str]:
    """Return a feature whose bins are of one process each, of which one has been replaced."""
    feature = {**MODEL, semconv.ML_FEATURE_NAME: "multivariate"}
    found: dict[str, str] = {}
    for process, living in {"a": "x400", "b": "x300 stale", "c": ""}.items():
        own = {**feature, "instance": process}
        after = "_x301 " if not living else ""
        until = living or "x98"
        found[series(semconv.ML_FEATURE_REFERENCE_VALUES, own)] = f"{after}2000{until}"
        for place in range(4):
            labels = {**own, semconv.ML_FEATURE_BIN: f"{process} {place}"}
            found[series(semconv.ML_FEATURE_REFERENCE_RATIO, labels)] = f"{after}0.25{until}"
            found[series(semconv.ML_FEATURE_VALUES, labels)] = f"{after}0+10{until}"
    return found


def _fleet() -> list[Scene]:
    name = "FleetDrift"
    same = ("0+10x400", "0+10x400", "0+10x400")
    return [
        Scene(
            name,
            "half of the low values have become high",
            {**_shares("income", ("0+5x400", "0+10x400", "0+15x400")), **_shares("age", same)},
            "6h",
            _fired(
                "warning",
                _INCOME,
                f"income of {_WHO} has drifted over a day",
                "PSI over all replicas and the last day is 0.183, and not by chance.",
            ),
        ),
        Scene(
            name,
            "a change too small to matter, in very many rows",
            _shares("income", ("0+950x400", "0+1000x400", "0+1050x400")),
            "6h",
        ),
        Scene(
            name,
            "a large difference in few rows is chance",
            _shares("income", ("0+0.05x400", "0+0.08x400", "0+0.1x400")),
            "6h",
        ),
        Scene(name, "a process with bins of its own was replaced", _restarted(), "6h"),
        Scene(
            name,
            "missing values are no bin",
            {
                **_shares("income", same),
                series(
                    semconv.ML_FEATURE_VALUES,
                    {**_INCOME, semconv.ML_FEATURE_BIN: semconv.BIN_MISSING},
                ): "0+90x400",
            },
            "6h",
        ),
    ]


def _references() -> list[Scene]:
    differ, missing = "ReferencesDiffer", "ReferenceMissing"

    def info(digest: str, source: str, instance: str) -> str:
        own = {"service_instance_id": instance, semconv.ML_REFERENCE_SOURCE: source}
        return series(semconv.ML_MODEL_INFO, {**MODEL, **own, semconv.ML_REFERENCE_DIGEST: digest})

    given, none = semconv.REFERENCE_GIVEN, semconv.REFERENCE_NONE
    return [
        Scene(
            differ,
            "two digests for an hour",
            {info("aa", given, "1"): "1x60", info("bb", given, "2"): "1x60"},
            "60m",
            _fired(
                "warning",
                MODEL,
                f"Replicas of {_WHO} compare with different references",
                "There are 2 references for one version, so their counts must not be added up.",
            ),
        ),
        Scene(
            differ,
            "a deployment of ten minutes",
            {info("aa", given, "1"): "1x20 stale", info("bb", given, "2"): "_x10 1x60"},
            "60m",
        ),
        Scene(
            differ,
            "two replicas of one reference, one without",
            {
                info("aa", given, "1"): "1x60",
                info("aa", given, "2"): "1x60",
                info("", none, "3"): "1x60",
            },
            "60m",
        ),
        Scene(
            missing,
            "no reference for two hours",
            {info("", none, "1"): "1x120"},
            "120m",
            _fired(
                "info",
                MODEL,
                f"{_WHO} has no reference",
                "Without a reference there is nothing to compare its input with.",
            ),
        ),
        Scene(missing, "it has one", {info("aa", given, "1"): "1x120"}, "120m"),
    ]


def scenes() -> list[Scene]:
    """Return them."""
    return [*_verdicts(), *_rates(), *_fleet(), *_references()]
