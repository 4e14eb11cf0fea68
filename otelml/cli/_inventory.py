"""``otelml doctor --data``: what a service sends of the data it handles, and what switches it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otelml import semconv
from otelml._prediction import can_encrypt
from otelml._privacy import Policy
from otelml.config import Config

_CUSTOMER = "customer data"
_RESULT = "model result"
_TEXT = "free text"
_OPERATION = "operation"


@dataclass(frozen=True)
class Sent:
    """One kind of data.

    Args:
        signal: ``spans``, ``metrics``, ``logs``, ``endpoints`` or ``client``.
        what: Attributes, metrics or fields.
        kind: Its class.
        sent: What leaves with these options.
        switch: What changes that.
    """

    signal: str
    what: str
    kind: str
    sent: str
    switch: str


def inventory(config: Config) -> Iterator[Sent]:
    """Return what a service with these options sends, the most delicate first."""
    policy = Policy(config.privacy, config.logs.redact)
    yield from _metrics(config, policy)
    yield from _spans(config, policy)
    yield from _logs(config, policy)
    yield from _answers(config, policy)


def _metrics(config: Config, policy: Policy) -> Iterator[Sent]:
    if not config.metrics.enabled:
        yield Sent("metrics", "all", _OPERATION, "nothing", "metrics=")
        return
    options, level = policy.options, "privacy="
    shown = "exact"
    if policy.is_private:
        shown = f"of {options.min_rows} rows or more, {options.digits} digits"
    last = "nothing" if policy.is_private else "exact"
    allowed = ", ".join(sorted(set(options.allow) - policy.redacted))
    if policy.is_private and allowed:
        last = f"exact for {allowed}"
    yield Sent("metrics", semconv.ML_FEATURE_LAST.name, _CUSTOMER, _but(last, policy), level)
    yield Sent("metrics", "ml.feature.min .max .mean", _CUSTOMER, _but(shown, policy), level)
    bins = "counts by bin"
    if policy.is_private:
        bins += f"; levels of fewer than {options.min_rows} rows without their name"
    yield Sent(
        "metrics", "ml.feature.values .reference.ratio", _CUSTOMER, _but(bins, policy), "drift="
    )
    yield Sent("metrics", "ml.prediction.* ml.stage.*", _RESULT, "counts and sums", "metrics=")
    yield Sent("metrics", "ml.feedback ml.quality", _RESULT, "counts by label", "feedback=")
    yield Sent("metrics", "http.server.*", _OPERATION, "counts by route", "instrument=")
    yield Sent("metrics", "process.* system.*", _OPERATION, "gauges", "system=")


def _spans(config: Config, policy: Policy) -> Iterator[Sent]:
    if not config.traces.enabled:
        yield Sent("spans", "all", _OPERATION, "nothing", "traces=")
        return
    yield Sent("spans", "ml.prediction.label .value .confidence", _RESULT, "exact", "traces=")
    yield Sent("spans", semconv.ML_PREDICTION_ID, _RESULT, _ids(config), "FeedbackOptions(ids=)")
    yield Sent("spans", "url.query url.full", _CUSTOMER, _queries(policy), "queries=, privacy=")
    path = "the route where one matched, else the path" if policy.is_private else "the path"
    yield Sent("spans", "url.path", _CUSTOMER, path, "privacy=")
    yield Sent("spans", "exception.message, status", _TEXT, _messages(policy), "privacy=")
    yield Sent("spans", "exception.stacktrace", _TEXT, _traces(policy), "privacy=")
    yield Sent("spans", "attributes that the application sets", _TEXT, "as set", "redact=")
    yield Sent("spans", "client.address user_agent.original", _CUSTOMER, "as sent", "instrument=")


def _ids(config: Config) -> str:
    options = config.feedback
    if not options.enabled:
        return "nothing"
    if options.ids == "opaque":
        return "the id: it says nothing"
    has_key = bool(options.secret) or options.unsigned != "accept"
    hidden = options.ids != "signed" and has_key and can_encrypt()
    return "the id, encrypted" if hidden else "the id, which holds label and confidence"


def _logs(config: Config, policy: Policy) -> Iterator[Sent]:
    if not config.logs.enabled:
        yield Sent("logs", "all", _OPERATION, "nothing", "logs=")
        return
    values = "nothing"
    if config.logs.features:
        allowed = ", ".join(sorted(set(policy.options.allow) - policy.redacted)) or "none"
        values = f"those of {allowed}" if policy.is_private else _but("exact", policy)
    yield Sent("logs", "ml.features of ml.prediction", _CUSTOMER, values, "LogOptions(features=)")
    yield Sent("logs", "exception.message", _TEXT, _messages(policy), "privacy=")
    yield Sent("logs", "exception.stacktrace", _TEXT, _traces(policy), "privacy=")
    yield Sent("logs", "access logs", _CUSTOMER, _queries(policy), "queries=, privacy=")
    yield Sent("logs", "messages of the application", _TEXT, "as logged", "the application")
    yield Sent("logs", "fields of the application", _TEXT, _but("as logged", policy), "redact=")


def _answers(config: Config, policy: Policy) -> Iterator[Sent]:
    if config.feedback.enabled and config.feedback.header:
        yield Sent("client", "X-Prediction-Id", _RESULT, "the id", "FeedbackOptions(header=)")
    if config.drift.enabled:
        bins = _but("shares by bin", policy)
        yield Sent("endpoints", "GET /monitor/report", _CUSTOMER, bins, "drift=")


def _but(sent: str, policy: Policy) -> str:
    names = ", ".join(sorted(policy.redacted))
    return f"{sent}; nothing of {names}" if names and sent != "nothing" else sent


def _queries(policy: Policy) -> str:
    if policy.is_open:
        return "whole"
    names = ", ".join(sorted(policy.options.queries))
    return f"parameters {names}" if names else "no parameter"


def _messages(policy: Policy) -> str:
    return "words of the code, no values" if policy.is_private else "whole"


def _traces(policy: Policy) -> str:
    return "files, lines and code, no values" if policy.is_private else "whole"
