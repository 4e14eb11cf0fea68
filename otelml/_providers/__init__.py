"""Resource, exporters and providers: ``create_*`` is pure, ``configure_*`` touches globals."""

from __future__ import annotations

from otelml._providers.create import check_environment, configure_providers, create_providers
from otelml._providers.edge import trust_incoming
from otelml._providers.environment import (
    SIGNALS,
    exporter_names,
    grpc_endpoint,
    http_settings,
    otlp_protocol,
)
from otelml._providers.providers import Providers
from otelml._providers.renew import renew_providers
from otelml._providers.resource import update_resource
from otelml._providers.self_check import check_fast_paths

__all__ = [
    "SIGNALS",
    "Providers",
    "check_environment",
    "check_fast_paths",
    "configure_providers",
    "create_providers",
    "exporter_names",
    "grpc_endpoint",
    "http_settings",
    "otlp_protocol",
    "renew_providers",
    "trust_incoming",
    "update_resource",
]
