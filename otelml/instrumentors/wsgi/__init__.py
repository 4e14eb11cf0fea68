"""What any WSGI application has: server span, HTTP metrics, a request and its predictions.

Needs ``opentelemetry-instrumentation-wsgi``, and no framework.
"""

from __future__ import annotations

from otelml.instrumentors.wsgi.bodies import AsyncHeldBody, HeldBody
from otelml.instrumentors.wsgi.http import ENTERED, Entry
from otelml.instrumentors.wsgi.instrumentor import Wrapped, WsgiInstrumentor

__all__ = ["ENTERED", "AsyncHeldBody", "Entry", "HeldBody", "Wrapped", "WsgiInstrumentor"]
