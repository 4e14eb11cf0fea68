"""What a user holds on the request thread: predictions, their stages and their ids."""

from __future__ import annotations

from otelml._prediction.calls import leave_out, take_result
from otelml._prediction.context import (
    PREDICTION_KEY,
    beneath,
    current_open,
    detach,
    leave_inferred,
    model_called,
    opened,
    prediction_ended,
    request_scope,
    request_visit,
)
from otelml._prediction.decorators import declared_model, predict, stage
from otelml._prediction.ids import Ids, LateIds
from otelml._prediction.keys import can_encrypt
from otelml._prediction.open import OpenPrediction
from otelml._prediction.prediction import Prediction, current_prediction
from otelml._prediction.reader import IdReader, codec_of
from otelml._prediction.recorder import Recorder
from otelml._prediction.results import label_text, results_of
from otelml._prediction.runtime import Runtime, current_runtime, install_runtime
from otelml._prediction.serving import is_suppressed, not_serving
from otelml._prediction.text import error_type
from otelml._prediction.tokens import Token

__all__ = [
    "PREDICTION_KEY",
    "IdReader",
    "Ids",
    "LateIds",
    "OpenPrediction",
    "Prediction",
    "Recorder",
    "Runtime",
    "Token",
    "beneath",
    "can_encrypt",
    "codec_of",
    "current_open",
    "current_prediction",
    "current_runtime",
    "declared_model",
    "detach",
    "error_type",
    "install_runtime",
    "is_suppressed",
    "label_text",
    "leave_inferred",
    "leave_out",
    "model_called",
    "not_serving",
    "opened",
    "predict",
    "prediction_ended",
    "request_scope",
    "request_visit",
    "results_of",
    "stage",
    "take_result",
]
