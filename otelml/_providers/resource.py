"""The resource: what this process is."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import (
    OTELResourceDetector,
    ProcessResourceDetector,
    Resource,
    get_aggregated_resources,
)

from otelml._hints import hint
from otelml._options import text
from otelml._shown import shown
from otelml._version import __version__
from otelml.exceptions import ConfigurationError
from otelml.semconv import SERVICE_INSTANCE_ID, SERVICE_NAME

if TYPE_CHECKING:
    from otelml.config import Config

_logger = logging.getLogger("otelml")
_ATTRIBUTES: Final = "OTEL_RESOURCE_ATTRIBUTES"
_DETECTORS: Final = "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"


def create_resource(config: Config) -> Resource:
    """Return the resource; code comes before ``OTEL_SERVICE_NAME``, that before the rest.

    Args:
        config: The resolved configuration.

    Raises:
        ConfigurationError: A detector that is named is not installed.
    """
    check_detectors()
    with _told_without_values():
        return _created(config)


def _created(config: Config) -> Resource:
    environment = OTELResourceDetector().detect().attributes
    attributes: dict[str, Any] = {
        "telemetry.distro.name": "otelml",
        "telemetry.distro.version": __version__,
        **dict(config.resource_attributes),
    }
    named = {
        SERVICE_NAME: config.service_name,
        "service.version": config.service_version,
        "deployment.environment.name": config.environment,
    }
    attributes.update({key: value for key, value in named.items() if value is not None})
    if SERVICE_NAME not in attributes and not environment.get(SERVICE_NAME):
        attributes[SERVICE_NAME] = f"unknown_service:{_program()}"
    if SERVICE_INSTANCE_ID not in attributes and not environment.get(SERVICE_INSTANCE_ID):
        attributes[SERVICE_INSTANCE_ID] = str(uuid.uuid4())
    created = Resource.create(attributes)
    return created if os.environ.get(_DETECTORS) else _detected().merge(created)


@contextmanager
def _told_without_values() -> Generator[None]:
    """Say which entry of ``OTEL_RESOURCE_ATTRIBUTES`` is malformed; the SDK would repeat it."""
    logger = logging.getLogger("opentelemetry.sdk.resources")

    def keep(record: logging.LogRecord) -> bool:
        return "resource attribute pair" not in str(record.msg)

    entries = os.environ.get(_ATTRIBUTES, "").split(",")
    for number, entry in enumerate(entries, 1):
        if entry.strip() and "=" not in entry:
            _logger.warning(
                "otelml: entry %d of %s is not key=value, and ignored", number, _ATTRIBUTES
            )
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def check_detectors() -> None:
    """Refuse the names of resource detectors that are not installed.

    Raises:
        ConfigurationError: There is one.
    """
    installed = [point.name for point in entry_points(group="opentelemetry_resource_detector")]
    known = ("*", "otel", "service_instance", *installed)
    for name in filter(None, (part.strip() for part in text(_DETECTORS).split(","))):
        if name not in known:
            meant = hint(name, sorted(set(known)))
            raise ConfigurationError(
                f"{_DETECTORS} names {shown(name, known)}, which is not installed; {meant}"
            )


def _detected() -> Resource:
    host = entry_points(group="opentelemetry_resource_detector", name="host")
    detectors = [ProcessResourceDetector(), *(point.load()() for point in host)]
    return get_aggregated_resources(detectors, Resource.get_empty())


def _program() -> str:
    path = Path(sys.argv[0] if sys.argv else "")
    name = path.parent.name if path.name == "__main__.py" else path.name
    return name if name not in {"", "-", "-c", "-m"} else Path(sys.executable or "python").name


def child_resource(resource: Resource, parent_pid: int) -> Resource:
    """Return the attributes by which a forked child differs from its parent.

    An instance id that someone set by hand is kept and told apart by the process id: two processes
    with one identity would overwrite each other's metrics.

    Args:
        resource: The parent's resource.
        parent_pid: The parent's process id.
    """
    own = str(resource.attributes.get(SERVICE_INSTANCE_ID, ""))
    changed: dict[str, Any] = {SERVICE_INSTANCE_ID: str(uuid.uuid4())}
    if own and not _is_random(own):
        base = own.removesuffix(f".{parent_pid}")
        changed[SERVICE_INSTANCE_ID] = f"{base}.{os.getpid()}"
    if "process.pid" in resource.attributes:
        changed.update({"process.pid": os.getpid(), "process.parent_pid": os.getppid()})
    return Resource(changed)


def update_resource(provider: Any, changed: Resource) -> None:
    """Change the resource of a provider, and of all that was made by it.

    Args:
        provider: A provider of the SDK.
        changed: The attributes that are other than before.
    """
    update = getattr(provider, "_update_resource", None)  # newer SDKs have this, none a public way
    if update is not None:
        update(changed)
        return
    config = getattr(provider, "_sdk_config", None)
    held: Any = provider.resource if config is None else config.resource
    # Tracers and loggers each keep the object, and nobody knows them all: so it is what changes.
    held._attributes = held.merge(changed)._attributes  # noqa: SLF001 - as said above


def _is_random(value: str) -> bool:
    try:
        return uuid.UUID(value).version == 4  # noqa: PLR2004 - the random kind
    except ValueError:
        return False
