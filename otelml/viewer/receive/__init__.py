"""Takes OTLP in over gRPC, over HTTP and from files, and answers once it is stored."""

from __future__ import annotations

from otelml.viewer.receive.files import Loaded, load, load_from
from otelml.viewer.receive.grpc_receiver import create_grpc_server
from otelml.viewer.receive.http_receiver import create_otlp_app
from otelml.viewer.receive.limits import Work

__all__ = ["Loaded", "Work", "create_grpc_server", "create_otlp_app", "load", "load_from"]
