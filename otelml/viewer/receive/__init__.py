"""Takes OTLP in over gRPC and HTTP, and answers once it is stored."""

from __future__ import annotations

from otelml.viewer.receive.grpc_receiver import create_grpc_server
from otelml.viewer.receive.http_receiver import create_otlp_app

__all__ = ["create_grpc_server", "create_otlp_app"]
