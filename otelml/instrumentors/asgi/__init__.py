"""What any ASGI application has: server span, HTTP metrics, a request and its predictions.

Needs ``opentelemetry-instrumentation-asgi``, and no framework.
"""

from __future__ import annotations

from otelml.instrumentors.asgi.http import ROUTE, Entry, excluded_by_environment
from otelml.instrumentors.asgi.instrumentor import AsgiInstrumentor, Wrapped
from otelml.instrumentors.asgi.views import View, wrap_dispatch, wrap_routed

__all__ = [
    "ROUTE",
    "AsgiInstrumentor",
    "Entry",
    "View",
    "Wrapped",
    "excluded_by_environment",
    "wrap_dispatch",
    "wrap_routed",
]
