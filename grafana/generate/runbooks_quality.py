"""Runbooks of the alerts on quality and on labels."""

from __future__ import annotations

from typing import Final

from grafana.generate.drift_rules import MODEL, Fleet
from grafana.generate.names import label
from grafana.generate.promql import increase, sum_by, vector
from grafana.generate.quality_alerts import (
    conflicts,
    degraded,
    failed_triggers,
    late_labels,
    recommended,
)
from grafana.generate.quality_rules import Quality
from grafana.generate.runbook_parts import Runbook
from otelml import semconv, semconv_quality

_HOUR: Final = Quality("1h")
_DAY: Final = Quality("1d")
_SOURCES: Final = sum_by(
    (*MODEL, label(semconv.ML_FEEDBACK_SOURCE)), increase(vector(semconv.ML_FEEDBACK), "1d")
)
_REJECTED: Final = sum_by(
    (label(semconv.ML_FEEDBACK_REASON),), increase(vector(semconv.ML_FEEDBACK_REJECTED), "1d")
)
_PREDICTIONS: Final = sum_by(MODEL, increase(vector(semconv.ML_PREDICTIONS), "1d"))
_LOSSES: Final = f"max by ({', '.join(MODEL)}) ({vector(semconv_quality.ML_QUALITY_LOSS)})"
_BIN: Final = (*MODEL, label(semconv.ML_FEATURE_NAME), label(semconv.ML_FEATURE_BIN))
_BINS: Final = f"avg by ({', '.join(_BIN)}) ({vector(semconv_quality.ML_QUALITY_BY_BIN)})"
_AGE: Final = f"max by ({', '.join(MODEL)}) ({vector(semconv_quality.ML_MODEL_AGE)})"
_CAUSES: Final = (
    "The input has changed: see DriftDetected",
    "What is true has changed though the input has not: a new rule, a new kind of fraud",
    "Only some predictions are labelled, and other ones than before",
    "Labels are wrong, or are matched with the wrong predictions",
)
_LOOK: Final = (
    ("Which classes are missed?", _DAY.of_class("recall")),
    ("What is taken for what?", _DAY.cells),
    ("Do labels come for the same share of predictions as before?", _DAY.of_model("coverage")),
    ("Has one source begun or stopped?", _SOURCES),
    ("Has the input changed?", Fleet("1d").statistic("psi")),
)


def _of_models() -> dict[str, Runbook]:
    return {
        "QualityDropped": Runbook(
            "The model is right less often in the last hour than over the day, by more than "
            "chance explains.",
            _CAUSES,
            (*_LOOK, ("Since when?", _HOUR.of_model("accuracy"))),
            (
                "If a deployment did it, roll back.",
                "If labels did it, mend their source; the alert clears as the day moves on.",
                "Otherwise retrain with recent, labelled data.",
            ),
        ),
        "QualityLow": Runbook(
            "The model is wrong more often than is tolerated, whatever it was before.",
            _CAUSES,
            _LOOK,
            (
                "Decide at once whether the model may go on answering; fall back if not.",
                "Follow QualityDropped.",
                "If the limit does not suit the model, change `ACCURACY_MIN`.",
            ),
        ),
        "RegressionErrorGrew": Runbook(
            "Predicted values are further from the true ones in the last hour than over the day.",
            (*_CAUSES, "A unit of the label or of a feature has changed"),
            (
                ("How large are the errors?", _DAY.of_model("rmse")),
                ("Are all larger, or a few very large? Then MAE stays.", _DAY.of_model("mae")),
                *_LOOK[2:],
            ),
            (
                "If few errors are very large, look at those predictions first.",
                "If all are, look for a unit or a feature that has changed; retrain otherwise.",
            ),
        ),
    }


def _of_labels() -> dict[str, Runbook]:
    return {
        "LabelCoverageLow": Runbook(
            "Labels came back, and now hardly do: a loss of quality would not be seen.",
            (
                "What sends labels has stopped, or sends them elsewhere",
                "Labels are refused: forged or damaged ids, another secret",
                "Many more predictions than before, of a kind that nobody labels",
            ),
            (
                ("Which source has stopped?", _SOURCES),
                ("Are labels refused, and why?", _REJECTED),
                ("Are there more predictions than before?", _PREDICTIONS),
            ),
            (
                "Mend the source; labels that come late still count.",
                "If ids are refused, give every replica the same secret.",
            ),
        ),
        "LabelsLate": Runbook(
            "Labels come so late that figures of quality are about long ago.",
            (
                "Those who label are behind",
                "A batch of old labels was sent at once",
                "The outcome itself takes so long, as of a loan",
            ),
            (
                ("How late, by source?", late_labels()),
                ("How many labels come, by source?", _SOURCES),
                ("How many predictions have labels?", _DAY.of_model("coverage")),
            ),
            (
                "If a batch did it, wait a day.",
                "If it is the nature of the outcome, raise `LABEL_DELAY_MAX_S`.",
            ),
        ),
        "LabelsConflict": Runbook(
            "One source said two things of the same predictions. Counters keep the first, so "
            "figures of quality are as wrong as it was.",
            (
                "Two systems send labels under the name of one source",
                "A first guess is sent as a label and corrected later",
                "Labels are matched with the wrong predictions",
            ),
            (
                ("How many, in which service?", conflicts()),
                ("Why else are labels refused?", _REJECTED),
                ("Which sources are there?", _SOURCES),
                ("Which predictions? The log events `ml.feedback.conflict` say both labels.", ""),
            ),
            (
                "Give each system a source of its own.",
                "Send a label when it is final.",
            ),
        ),
    }


def _beside_training() -> dict[str, Runbook]:
    return {
        "QualityDegraded": Runbook(
            "Predictions whose labels are complete are worse than the model was at training, by "
            "more than the alarm budget allows by chance.",
            (*_CAUSES, "The reference holds the quality on rows that the model was trained on"),
            (
                ("In which process and of what?", degraded()),
                ("How much is lost?", _LOSSES),
                ("In which bins of the features that drifted?", _BINS),
                *_LOOK,
            ),
            (
                "If a deployment or a pipeline did it, mend that; the alert clears by itself.",
                "Otherwise retrain with recent, labelled data.",
                "If the reference promises too much, give it the quality of held-out rows.",
                (
                    "If this is the new normal, accept it: `POST /monitor/accept`, with a reason. "
                    "Quality is then compared with what comes from now on."
                ),
            ),
        ),
    }


def _of_retraining() -> dict[str, Runbook]:
    return {
        "RetrainingRecommended": Runbook(
            "All conditions of a rule hold: the model should be trained again.",
            (
                "The input has changed, the model has become worse, and it is old",
                "A critical feature has drifted",
                "The rules do not suit the model",
            ),
            (
                ("Which rule?", recommended()),
                ("How much is lost?", _LOSSES),
                ("How old is the model?", _AGE),
                ("What has drifted?", Fleet("1d").statistic("psi")),
                ("Was it triggered? `GET /monitor/retraining` says when, why and what came.", ""),
            ),
            (
                "If a webhook or a command is configured, see that its pipeline runs.",
                "Otherwise retrain by hand, and deploy under a new version.",
                "Rules are `RetrainingOptions(rules=)`; see docs/retraining.md.",
            ),
        ),
        "RetrainingTriggerFailed": Runbook(
            "A retraining was recommended, and the pipeline was not told.",
            (
                "The receiver of the webhook is away, or refuses the signature",
                "The command ended with an error, or took too long",
                "The file that keeps the history cannot be written",
            ),
            (
                ("Of which kind?", failed_triggers()),
                ("Why? The log events `ml.retraining.triggered` say what was answered.", ""),
            ),
            (
                (
                    "A webhook whose receiver was away is tried again every quarter of an hour, "
                    "with the same id."
                ),
                "If the signature is refused, give both sides the same `OTELML_RETRAINING_SECRET`.",
                "Run a command that failed by hand; it is not run again within the cooldown.",
            ),
        ),
    }


def runbooks() -> dict[str, Runbook]:
    """Return them by the name of their alert."""
    return {**_of_models(), **_of_labels(), **_beside_training(), **_of_retraining()}
