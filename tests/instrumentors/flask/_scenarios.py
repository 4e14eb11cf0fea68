"""What a Flask application may do: with the lane, its telemetry must be contrib's."""

from __future__ import annotations

from tests.instrumentors.flask import (
    _scenarios_apps,
    _scenarios_errors,
    _scenarios_options,
    _scenarios_parents,
    _scenarios_servers,
    _scenarios_spans,
)
from tests.instrumentors.flask._scenario import SCENARIOS

FILES = (
    _scenarios_apps,
    _scenarios_parents,
    _scenarios_errors,
    _scenarios_spans,
    _scenarios_options,
    _scenarios_servers,
)

__all__ = ["FILES", "SCENARIOS"]
