"""The dashboard of drift: what has changed in a model's input, and how sure that is."""

from __future__ import annotations

from typing import Final

from grafana.generate import boards, settings
from grafana.generate.boards import IN_SERVICE, Row
from grafana.generate.drift_rules import Fleet
from grafana.generate.names import label
from grafana.generate.panels import Panel, Query, Spec, graph, number
from grafana.generate.promql import equals, matches, vector
from otelml import semconv

_FEATURE: Final = label(semconv.ML_FEATURE_NAME)
_BIN: Final = label(semconv.ML_FEATURE_BIN)
_VERSION: Final = label(semconv.ML_MODEL_VERSION)
_IN_MODEL: Final = (
    IN_SERVICE,
    matches(semconv.ML_MODEL_NAME, "$model"),
    matches(semconv.ML_MODEL_VERSION, "$version"),
)
_IN_FEATURE: Final = (*_IN_MODEL, matches(semconv.ML_FEATURE_NAME, "$feature"))
_ANY: Final = equals(semconv.ML_FEATURE_NAME, semconv.FEATURE_ANY)
_EACH: Final = (_VERSION, _FEATURE)
_LEGEND: Final = (
    f"{boards.legend(semconv.ML_FEATURE_NAME)} v{boards.legend(semconv.ML_MODEL_VERSION)}"
)
_HOUR: Final = Fleet("1h")
_DAY: Final = Fleet("1d")
_PSI: Final = ((settings.PSI_MODERATE, "warning"), (settings.PSI_HIGH, "critical"))
_ALERTS: Final = ("DriftDetected", "CriticalFeatureDrifted", "FleetDrift")


def _max(labels: tuple[str, ...], expression: str) -> str:
    return f"max by ({', '.join(labels)}) ({expression})"


def _verdict() -> list[Panel]:
    each = vector(semconv.ML_DRIFT_DETECTED, *_IN_MODEL, _ANY.replace("=", "!=", 1))
    checked = f"time() - {_max((_VERSION,), vector(semconv.ML_DRIFT_LAST_CHECK, *_IN_MODEL))}"
    drifted = f"count by ({_VERSION}) ({_max(_EACH, each)} == 1)\nor 0 * {_max((_VERSION,), each)}"
    version = f"v{boards.legend(semconv.ML_MODEL_VERSION)}"
    return [
        number(
            Spec(
                "Drifted features",
                "Features and predictions that have changed beyond the alarm budget, in any "
                "process.",
                "none",
                [Query(drifted, version)],
                limits=((1, "critical"),),
                width=6,
                height=5,
                runbooks=_ALERTS,
            )
        ),
        number(
            Spec(
                "Largest PSI, last hour",
                "Over all replicas. 0.1 matters, 0.2 is large.",
                "none",
                [Query(_max(_EACH[:1], vector(_HOUR.statistic("psi"), *_IN_MODEL)), version)],
                limits=_PSI,
                width=6,
                height=5,
                runbooks=("FleetDrift",),
                empty="too few rows",
            )
        ),
        number(
            Spec(
                "Since the last check",
                "How long ago a process has last compared a window with the reference.",
                "s",
                [Query(checked, version)],
                width=6,
                height=5,
            )
        ),
        number(
            Spec(
                "References",
                "Different references in use for the version; more than one must not be.",
                "none",
                [
                    Query(
                        f"count by ({_VERSION}) (count by ({_VERSION}, "
                        f"{label(semconv.ML_REFERENCE_DIGEST)}) "
                        f"({vector(semconv.ML_MODEL_INFO, *_IN_MODEL)}))",
                        version,
                    )
                ],
                limits=((2, "critical"),),
                width=6,
                height=5,
                runbooks=("ReferencesDiffer", "ReferenceMissing"),
            )
        ),
    ]


def _evidence() -> list[Panel]:
    threshold = _max((_VERSION,), vector(semconv.ML_DRIFT_EVIDENCE_THRESHOLD, *_IN_MODEL))
    psi = equals(semconv.ML_DRIFT_METHOD, "psi")
    moved = _max(_EACH, vector(semconv.ML_DRIFT_STATISTIC, *_IN_FEATURE, psi))
    weight = _max(_EACH, vector(semconv.ML_FEATURE_IMPORTANCE, *_IN_FEATURE))
    mean = f"on ({_VERSION}) group_left () avg by ({_VERSION}) ({weight})"
    return [
        graph(
            Spec(
                "Evidence against no change",
                "Grows while a feature differs from what was there, by powers of ten; from the "
                "line named alarm on it is an alarm.",
                "none",
                [
                    Query(_max(_EACH, vector(semconv.ML_DRIFT_EVIDENCE, *_IN_FEATURE)), _LEGEND),
                    Query(threshold, f"alarm v{boards.legend(semconv.ML_MODEL_VERSION)}"),
                ],
                runbooks=_ALERTS,
                width=8,
                minimum=None,
            )
        ),
        graph(
            Spec(
                "Where to look first",
                "PSI of the last window times the feature's importance for the model, beside the "
                "mean of all; PSI alone where the reference does not say it.",
                "none",
                [Query(f"{moved} * {weight} / {mean}\nor {moved}", _LEGEND)],
                width=8,
            )
        ),
        graph(
            Spec(
                "Severity",
                "By the classic thresholds: 0 none, 1 moderate, 2 significant.",
                "none",
                [Query(_max(_EACH, vector(semconv.ML_DRIFT_SEVERITY, *_IN_FEATURE)), _LEGEND)],
                width=8,
                maximum=2,
            )
        ),
    ]


def _fleet() -> list[Panel]:
    def by_feature(name: str) -> list[Query]:
        return [Query(_max(_EACH, vector(_HOUR.statistic(name), *_IN_FEATURE)), _LEGEND)]

    few = "too few rows"
    return [
        graph(
            Spec(
                "PSI, last hour",
                "Over all replicas, by feature.",
                "none",
                by_feature("psi"),
                limits=_PSI,
                width=8,
                runbooks=("FleetDrift",),
                empty=few,
            )
        ),
        graph(
            Spec(
                "KL divergence, last hour",
                "Reference to current, over all replicas.",
                "none",
                by_feature("kl"),
                width=8,
                empty=few,
            )
        ),
        graph(
            Spec(
                "Jensen-Shannon distance, last hour",
                "0 is the same, 1 has nothing in common; over all replicas.",
                "none",
                by_feature("js"),
                width=8,
                maximum=1,
                empty=few,
            )
        ),
        graph(
            Spec(
                "PSI, last day",
                "A day holds the daily pattern, so it is not mistaken for drift.",
                "none",
                [Query(_max(_EACH, vector(_DAY.statistic("psi"), *_IN_FEATURE)), _LEGEND)],
                limits=_PSI,
                runbooks=("FleetDrift",),
                empty=few,
            )
        ),
        graph(
            Spec(
                "Surprise, last day",
                "How improbable the last day is without a change, as powers of ten.",
                "none",
                [
                    Query(
                        f"-log10({_max(_EACH, vector(_DAY.p_value, *_IN_FEATURE))})",
                        _LEGEND,
                    )
                ],
                runbooks=("FleetDrift",),
                empty=few,
            )
        ),
    ]


def _shares() -> list[Panel]:
    by_bin = (_FEATURE, _BIN)
    legend = boards.legend(semconv.ML_FEATURE_NAME, semconv.ML_FEATURE_BIN)
    return [
        graph(
            Spec(
                "Current shares",
                "Share of each bin in the last hour, over all replicas.",
                "percentunit",
                [Query(_max(by_bin, vector(_HOUR.share, *_IN_FEATURE)), legend)],
                maximum=1,
                empty="too few rows",
            ),
            stacked=True,
        ),
        graph(
            Spec(
                "Shares of the reference",
                "What the bins looked like at training, or in the first rows.",
                "percentunit",
                [Query(_max(by_bin, vector(_HOUR.reference, *_IN_FEATURE)), legend)],
                maximum=1,
                empty="no rows",
            ),
            stacked=True,
        ),
    ]


def _checks() -> list[Panel]:
    method = label(semconv.ML_DRIFT_METHOD)
    statistic = _max((_FEATURE, method), vector(semconv.ML_DRIFT_STATISTIC, *_IN_FEATURE))
    rows = _max((_VERSION,), vector(semconv.ML_DRIFT_WINDOW_ROWS, *_IN_MODEL))
    return [
        graph(
            Spec(
                "Statistics of the last window",
                "By process; the largest is shown. Wasserstein is in standard deviations.",
                "none",
                [Query(statistic, boards.legend(semconv.ML_FEATURE_NAME, semconv.ML_DRIFT_METHOD))],
            )
        ),
        graph(
            Spec(
                "Rows of the last window",
                "A small shift needs many rows to be seen.",
                "none",
                [Query(rows, f"v{boards.legend(semconv.ML_MODEL_VERSION)}")],
            )
        ),
    ]


def render() -> str:
    """Return ``drift.json``."""
    metric = semconv.ML_FEATURE_REFERENCE_RATIO
    model = equals(semconv.ML_MODEL_NAME, "$model")
    version = matches(semconv.ML_MODEL_VERSION, "$version")
    return boards.render(
        "drift",
        "Drift",
        "What has changed in a model's input and predictions, how sure that is, and where.",
        [
            *boards.model_variables(metric),
            boards.variable(
                "feature",
                "Feature",
                boards.label_values(metric, semconv.ML_FEATURE_NAME, IN_SERVICE, model, version),
            ),
        ],
        [
            Row("Verdict", _verdict()),
            Row("Evidence", _evidence()),
            Row("Fleet", _fleet()),
            Row("Reference and now", _shares()),
            Row("Checks of each process", _checks()),
        ],
        one_service=True,
    )
