"""Which log lines dashboards show: the same question to either store of logs."""

from __future__ import annotations

from typing import Final

from grafana.generate.logs_query import LogsQuery, field, lines, matching
from otelml import semconv

__all__ = ["OF_MODEL", "OF_SERVICE", "SHOWN", "of_model", "of_service"]


def of_service(service: str, instance: str) -> LogsQuery:
    """Return the query for the lines of a service.

    Args:
        service: Its name.
        instance: A regular expression of ``service.instance.id``.
    """
    return lines(service).where(matching(semconv.SERVICE_INSTANCE_ID, instance))


def of_model(service: str, model: str, version: str, variant: str) -> LogsQuery:
    """Return the query for the lines that name a model.

    Args:
        service: Name of its service.
        model: Its name.
        version: A regular expression of its version.
        variant: A regular expression of its variant; ``.*`` also finds lines without one.
    """
    return lines(service).where(
        field(semconv.ML_MODEL_NAME, model),
        matching(semconv.ML_MODEL_VERSION, version),
        matching(semconv.ML_MODEL_VARIANT, variant),
    )


OF_SERVICE: Final = of_service("$service", "$instance")
OF_MODEL: Final = of_model("$service", "$model", "$version", "$variant")
SHOWN: Final = {query.logql(): query for query in (OF_SERVICE, OF_MODEL)}
"""The queries of panels, by what they are in a dashboard's file."""
