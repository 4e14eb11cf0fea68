"""Starlette and FastAPI: every application of the process, its requests and their predictions."""

from __future__ import annotations

from otelml.instrumentors.starlette.instrumentor import StarletteMLInstrumentor

__all__ = ["StarletteMLInstrumentor"]
