"""Auto mode: a request, the model calls in it, and which model is which."""

from __future__ import annotations

from otelml._requests.calls import begin_call, current_call, end_call
from otelml._requests.carry import Held, Task, carry_along, is_enclosed, nothing
from otelml._requests.models import register_framework, register_model
from otelml._requests.request import RequestScope, begin_request, end_request, leave_request
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
    "current_call",
    "end_call",
    "end_request",
    "end_visit",
    "is_enclosed",
    "leave_request",
    "nothing",
    "register_framework",
    "register_model",
]
