"""Django: server spans, HTTP metrics, predictions and their stages."""

from __future__ import annotations

from otelml.instrumentors.django.instrumentor import DjangoMLInstrumentor

__all__ = ["DjangoMLInstrumentor"]
