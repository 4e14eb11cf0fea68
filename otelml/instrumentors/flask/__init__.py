"""Flask: every application of the process, its requests and their predictions."""

from __future__ import annotations

from otelml.instrumentors.flask.instrumentor import FlaskMLInstrumentor

__all__ = ["FlaskMLInstrumentor"]
