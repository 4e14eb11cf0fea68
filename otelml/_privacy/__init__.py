"""One policy for all signals: what of the customers' data may leave the process."""

from __future__ import annotations

from otelml._privacy.messages import clean_message, clean_trace, words_of
from otelml._privacy.policy import HIDDEN, Cleaned, Policy, current_policy, install_policy
from otelml._privacy.spans import clean_span
from otelml._privacy.urls import clean_request_line

__all__ = [
    "HIDDEN",
    "Cleaned",
    "Policy",
    "clean_message",
    "clean_request_line",
    "clean_span",
    "clean_trace",
    "current_policy",
    "install_policy",
    "words_of",
]
