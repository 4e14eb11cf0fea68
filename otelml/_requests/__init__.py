"""Auto mode: a request, the model calls in it, and which model is which."""

from __future__ import annotations

from otelml._requests.calls import begin_call, current_call, end_call
from otelml._requests.models import register_framework, register_model
from otelml._requests.request import RequestScope, begin_request, end_request

__all__ = [
    "RequestScope",
    "begin_call",
    "begin_request",
    "current_call",
    "end_call",
    "end_request",
    "register_framework",
    "register_model",
]
