"""Answers the browser: the JSON API, the live events and the pages in ``static/``."""

from __future__ import annotations

from otelml.viewer.web.app import WebApp

__all__ = ["WebApp"]
