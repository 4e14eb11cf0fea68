"""A loan service with a web form and a JSON API: what otelml looks like in a real application."""

from __future__ import annotations

__version__ = "1.0.0"
