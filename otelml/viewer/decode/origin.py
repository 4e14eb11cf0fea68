"""Who sent what a request holds."""

from __future__ import annotations

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otelml.semconv import SERVICE_INSTANCE_ID, SERVICE_NAME
from otelml.viewer.records import Origin, label, plain

UNKNOWN_SERVICE = "unknown_service"


def origin_of(resource: Resource, scope: InstrumentationScope) -> Origin:
    """Return who sent what follows."""
    service = instance = ""
    for pair in resource.attributes:
        if pair.key == SERVICE_NAME:
            service = label(plain(pair.value))
        elif pair.key == SERVICE_INSTANCE_ID:
            instance = label(plain(pair.value))
    return Origin(
        resource.SerializeToString(),
        service or UNKNOWN_SERVICE,
        instance,
        scope.SerializeToString(),
        scope.name,
    )
