"""Resource, exporters and providers: ``create_*`` is pure, ``configure_*`` touches globals."""

from __future__ import annotations

from otelml._providers._create import configure_providers, create_providers
from otelml._providers._providers import Providers

__all__ = ["Providers", "configure_providers", "create_providers"]
