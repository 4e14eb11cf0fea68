"""The local viewer: OTLP receivers, a SQLite store, a JSON API and a web UI in one process."""

from __future__ import annotations

from otelml.viewer.viewer import Viewer

__all__ = ["Viewer"]
