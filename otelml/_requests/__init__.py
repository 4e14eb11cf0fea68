"""Auto mode: a request, the model calls in it, and which model is which."""

from __future__ import annotations

from otelml._requests.calls import begin_call, current_call, end_call, is_in_request
from otelml._requests.carry import Held, Task, carry_along, is_enclosed, nothing
from otelml._requests.models import describe, forget, register_framework, register_model
from otelml._requests.request import (
    RequestScope,
    begin_request,
    close_request,
    end_request,
    leave_request,
)
from otelml._requests.visits import Route, Visit, begin_visit, end_visit

__all__ = [
    "Held",
    "RequestScope",
    "Route",
    "Task",
    "Visit",
    "begin_call",
    "begin_request",
    "begin_visit",
    "carry_along",
    "close_request",
    "current_call",
    "describe",
    "end_call",
    "end_request",
    "end_visit",
    "forget",
    "is_enclosed",
    "is_in_request",
    "leave_request",
    "nothing",
    "register_framework",
    "register_model",
]
