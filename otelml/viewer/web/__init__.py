"""Answers the browser: the JSON API, the live events and the pages in ``static/``."""

from __future__ import annotations

from otelml.viewer.web.app import WebApp
from otelml.viewer.web.hosts import OriginGuard, is_loopback
from otelml.viewer.web.token_guard import TokenGuard

__all__ = ["OriginGuard", "TokenGuard", "WebApp", "is_loopback"]
