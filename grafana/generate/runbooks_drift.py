"""Runbooks of the alerts on drift."""

from __future__ import annotations

from typing import Final

from grafana.generate.drift_rules import FEATURE, MODEL, Fleet
from grafana.generate.names import label
from grafana.generate.promql import increase, rate, sum_by, vector
from grafana.generate.runbook_parts import Runbook
from otelml import semconv

_HOUR: Final = Fleet("1h")
_EVIDENCE: Final = f"max by ({', '.join(FEATURE)}) ({vector(semconv.ML_DRIFT_EVIDENCE)})"
_BY_LABEL: Final = sum_by(
    (*MODEL, label(semconv.ML_PREDICTION_LABEL)), rate(vector(semconv.ML_PREDICTIONS), "1h")
)
_INFO: Final = sum_by(
    (*MODEL, label(semconv.ML_REFERENCE_DIGEST), label(semconv.ML_REFERENCE_SOURCE)),
    vector(semconv.ML_MODEL_INFO),
)
_MISMATCH: Final = sum_by(
    (*MODEL, label(semconv.ML_SCHEMA_MISMATCH_REASON)),
    increase(vector(semconv.ML_FEATURE_SCHEMA_MISMATCH), "1h"),
)
_CAUSES: Final = (
    (
        "A caller or a pipeline before the model changed: a unit, an encoding, a default for "
        "missing values"
    ),
    "The world changed: a campaign, a season, prices, a new kind of customer",
    "The reference is of other data than what is served",
)
_LOOK: Final = (
    ("Which features, and how strong is the evidence?", _EVIDENCE),
    ("How large is the change over the fleet? 0.1 matters, 0.2 is large.", _HOUR.statistic("psi")),
    ("Which bins grew, and which shrank?", f"{_HOUR.share} - {_HOUR.reference}"),
    ("Does the input still have the right shape?", _MISMATCH),
    ("Do predictions change with it?", _BY_LABEL),
)
_ACCEPT: Final = (
    "If this is the new normal and quality holds, accept it: `POST /monitor/accept`, with a reason."
)


def runbooks() -> dict[str, Runbook]:
    """Return them by the name of their alert."""
    return {
        "DriftDetected": Runbook(
            "What the model is asked about is no longer what it was trained on. Its answers may be "
            "worse, though nothing has failed.",
            _CAUSES,
            _LOOK,
            (
                (
                    "If one caller or pipeline changed by mistake, mend it there; the alert clears "
                    "by itself."
                ),
                "If the world changed, look at quality, and retrain with recent data.",
                _ACCEPT,
            ),
        ),
        "CriticalFeatureDrifted": Runbook(
            "A feature that the model's owners named critical has changed: answers are not to be "
            "trusted until somebody has looked.",
            _CAUSES,
            _LOOK,
            (
                "Decide at once whether the model may go on answering; fall back if not.",
                "Mend the pipeline of that feature, or retrain.",
                _ACCEPT,
            ),
        ),
        "PredictionRateChanged": Runbook(
            "One label is predicted much more, or much less, often than in the reference.",
            (
                "The input drifted: see DriftDetected",
                "Another model or threshold was deployed under the same version",
                "The mixture of callers changed",
            ),
            (("Which label, since when?", _BY_LABEL), *_LOOK[:2]),
            (
                "If a deployment did it, roll back or give the model a new version.",
                "If the input drifted, follow DriftDetected.",
            ),
        ),
        "FleetDrift": Runbook(
            "Over all replicas and a whole day, a feature differs from the reference by more than "
            "chance and by enough to matter.",
            _CAUSES,
            _LOOK,
            (
                "As DriftDetected. Processes that restart often see too few rows to notice alone.",
                "If serving differed from the first day on, build the reference from recent rows.",
            ),
        ),
        "ReferencesDiffer": Runbook(
            "Replicas of one model version hold different references, so figures of the fleet are "
            "wrong.",
            (
                "A deployment is half done",
                "The file was replaced without a new model version",
                "Processes without a reference made one each of their own first rows",
            ),
            (("Which references are there?", _INFO),),
            (
                "Finish the deployment, or give every replica the same file.",
                "A new reference belongs to a new model version.",
            ),
        ),
        "ReferenceMissing": Runbook(
            "The model serves, and nobody would notice drift.",
            (
                "`init` or `register_model` was called without a reference",
                "The file was not part of the image",
            ),
            (("Which models?", _INFO),),
            (
                (
                    "Build one from the training data: `otelml reference build train.csv`, and "
                    "pass it as `reference=`."
                ),
                "Or let the first rows be the reference, by the option `self_reference_rows`.",
            ),
        ),
    }
