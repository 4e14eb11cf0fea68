"""What the drift monitor is asked: its state, a check, a new normal."""

from __future__ import annotations

from otelml._endpoints.answer import Answer, RefusedError, Request, as_json, body_of, text_of
from otelml._startup import Telemetry, running

_MAX_WAIT_S = 30.0


def telemetry_of() -> Telemetry:
    """Return what runs.

    Raises:
        RefusedError: Nothing does.
    """
    telemetry = running()
    if telemetry is None:
        raise RefusedError(503, "otelml.init() has not been called in this process")
    return telemetry


def watching() -> Telemetry:
    """Return what runs with a drift monitor.

    Raises:
        RefusedError: There is none.
    """
    telemetry = telemetry_of()
    if not telemetry.config.drift.enabled:
        raise RefusedError(503, "the drift monitor is turned off")
    return telemetry


def status(request: Request) -> Answer:
    """Tell whether the monitor is on, what is collected, what was found and what is next."""
    telemetry = telemetry_of()
    root = request.path.rpartition("/status")[0]
    models = telemetry.drift_status()
    for model in models:
        name = model.get("latest_report")
        model["latest_report_url"] = None if name is None else f"{root}/reports/{name}"
    return as_json({"enabled": telemetry.config.drift.enabled, "models": models})


def retraining(request: Request) -> Answer:
    """Tell of each model version whether it should be retrained, and what was triggered."""
    del request
    telemetry = watching()
    models = [
        {"model": one["model"], "version": one["version"], **(one["retraining"] or {})}
        for one in telemetry.drift_status()
    ]
    return as_json({"models": models, "triggers": telemetry.retrainings()})


def trigger(request: Request) -> Answer:
    """Check now."""
    telemetry = watching()
    body = body_of(request, "model", "version", "timeout")
    timeout = body.get("timeout", 5.0)
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if not is_number or not 0 <= timeout <= _MAX_WAIT_S:
        raise RefusedError(400, f"timeout must be seconds, 0 to {_MAX_WAIT_S:g}")
    reports = telemetry.check_drift(
        text_of(body, "model"), text_of(body, "version"), timeout_s=float(timeout)
    )
    # 202: nothing to check, or still at work.
    return as_json({"reports": reports}, 200 if reports else 202)


def accept(request: Request) -> Answer:
    """Make the last window the new normal."""
    telemetry = watching()
    body = body_of(request, "model", "version", "features", "who", "why")
    features = body.get("features")
    if features is not None and not (
        isinstance(features, list) and all(isinstance(one, str) for one in features)
    ):
        raise RefusedError(400, "features must be a list of names")
    who, why = text_of(body, "who"), text_of(body, "why")
    if not who or not why:
        raise RefusedError(400, "who accepts, and why, must be said")
    accepted = telemetry.accept_drift(
        text_of(body, "model"), text_of(body, "version"), features=features, who=who, why=why
    )
    if not any(one["features"] for one in accepted):
        raise RefusedError(409, "there is no checked window of such a model to accept")
    return as_json({"accepted": accepted})
