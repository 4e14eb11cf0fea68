"""The boot sequence: options, providers, pipeline, instrumentors, life and end."""

from __future__ import annotations

from otelml._startup.pipeline import Pipeline

__all__ = ["Pipeline"]
