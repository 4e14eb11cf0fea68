"""Alerts on drift: of the processes' own verdicts, and of the fleet."""

from __future__ import annotations

from typing import Final

from grafana.generate import foreign, settings
from grafana.generate.alert import COUNT, DECIMAL, Alert, tag
from grafana.generate.drift_rules import FEATURE, MODEL, Fleet
from grafana.generate.names import label
from grafana.generate.promql import equals, vector
from otelml import semconv

_WHO: Final = (
    f"{tag(semconv.ML_MODEL_NAME)} version {tag(semconv.ML_MODEL_VERSION)} "
    f"of {tag(foreign.SERVICE)}"
)
_DAY: Final = Fleet("1d")
_DIGEST: Final = label(semconv.ML_REFERENCE_DIGEST)


def _max_by(labels: tuple[str, ...], expression: str) -> str:
    return f"max by ({', '.join(labels)}) ({expression})"


def _fleet() -> str:
    """Return the condition: too improbable for the budget of all features, and not too small."""
    by_feature, by_model = (f"on ({', '.join(labels)})" for labels in (FEATURE, MODEL))
    features = f"count by ({', '.join(MODEL)}) ({_DAY.p_value})"
    tests = 2 * settings.FALSE_ALARM_DAYS * settings.TESTS_A_WINDOW
    return (
        f"{_DAY.statistic('psi')} >= {settings.PSI_MODERATE:g}\n"
        f"and {by_feature} ({_DAY.p_value} * {by_model} group_left () ({tests} * {features}) < 1)"
    )


def alerts() -> list[Alert]:
    """Return them."""
    any_feature = equals(semconv.ML_FEATURE_NAME, semconv.FEATURE_ANY)
    drifted = vector(semconv.ML_DRIFT_DETECTED, any_feature.replace("=", "!=", 1))
    rate = equals(semconv.ML_DRIFT_METHOD, semconv.METHOD_RATE_CHANGE)
    chance = f"{vector(semconv.ML_DRIFT_P_VALUE, rate)} < {settings.RATE_CHANGE_CHANCE_MAX:g}"
    info = vector(semconv.ML_MODEL_INFO, f'{_DIGEST}!=""')
    source = equals(semconv.ML_REFERENCE_SOURCE, semconv.REFERENCE_NONE)
    feature = tag(semconv.ML_FEATURE_NAME)
    return [
        Alert(
            "DriftDetected",
            "warning",
            f"count by ({', '.join(MODEL)}) ({_max_by(FEATURE, drifted)} == 1)",
            "0m",
            f"Input of {_WHO} has drifted",
            f"{COUNT} features or predictions have changed more than the alarm budget allows "
            "by chance.",
        ),
        Alert(
            "CriticalFeatureDrifted",
            "critical",
            f"{_max_by(FEATURE, vector(semconv.ML_DRIFT_CRITICAL))} == 1",
            "0m",
            f"Critical feature {feature} of {_WHO} has drifted",
            f"{feature} is named critical, and has changed more than the alarm budget allows "
            "by chance.",
        ),
        Alert(
            "PredictionRateChanged",
            "warning",
            _max_by(
                FEATURE,
                f"abs({vector(semconv.ML_DRIFT_STATISTIC, rate)}) > {settings.RATE_CHANGE_MAX:g}\n"
                f"and {chance}",
            ),
            "0m",
            f"{_WHO} predicts other labels than before",
            f"The share of a label differs by {DECIMAL} from the reference; the limit is "
            f"{settings.RATE_CHANGE_MAX:g}.",
        ),
        Alert(
            "FleetDrift",
            "warning",
            _fleet(),
            "10m",
            f"{feature} of {_WHO} has drifted over a day",
            f"PSI over all replicas and the last day is {DECIMAL}, and not by chance.",
        ),
        Alert(
            "ReferencesDiffer",
            "warning",
            f"count by ({', '.join(MODEL)}) "
            f"(count by ({', '.join((*MODEL, _DIGEST))}) ({info})) > 1",
            "15m",
            f"Replicas of {_WHO} compare with different references",
            f"There are {COUNT} references for one version, so their counts must not be added up.",
        ),
        Alert(
            "ReferenceMissing",
            "info",
            f"{_max_by(MODEL, vector(semconv.ML_MODEL_INFO, source))} == 1",
            "1h",
            f"{_WHO} has no reference",
            "Without a reference there is nothing to compare its input with.",
        ),
    ]
