"""Metrics that otelml does not emit itself, but shows: HTTP, process, host, GPU and the engines.

OpenTelemetry's own are spelled by its package of semantic conventions. The engines are scraped,
so theirs are Prometheus names as each engine writes them; the Collector's carry no ``_total``.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.semconv._incubating.attributes import system_attributes
from opentelemetry.semconv._incubating.metrics import hw_metrics as hw
from opentelemetry.semconv._incubating.metrics import process_metrics as process
from opentelemetry.semconv._incubating.metrics import system_metrics as system
from opentelemetry.semconv.attributes import http_attributes, service_attributes
from opentelemetry.semconv.metrics import http_metrics

from grafana.generate.names import label
from otelml.semconv import Kind, Metric

SERVICE: Final = label(service_attributes.SERVICE_NAME)
SERVICE_VERSION: Final = label(service_attributes.SERVICE_VERSION)
ROUTE: Final = label(http_attributes.HTTP_ROUTE)
STATUS: Final = label(http_attributes.HTTP_RESPONSE_STATUS_CODE)
# As a service has it; the Collector's host metrics have a shorter name.
MOUNTPOINT: Final = label(system_attributes.SYSTEM_FILESYSTEM_MOUNTPOINT)
# Prometheus makes this label from service.instance.id.
INSTANCE: Final = "instance"
# The service name under which the Collector's host_metrics receiver reports.
HOST: Final = "host"


def _metric(name: str, kind: Kind, unit: str) -> Metric:
    return Metric(name, kind, unit, "")


HTTP_DURATION: Final = _metric(http_metrics.HTTP_SERVER_REQUEST_DURATION, Kind.HISTOGRAM, "s")
HTTP_ACTIVE: Final = _metric("http.server.active_requests", Kind.UP_DOWN_COUNTER, "{request}")

PROCESS_CPU_TIME: Final = _metric(process.PROCESS_CPU_TIME, Kind.COUNTER, "s")
PROCESS_CPU_UTILIZATION: Final = _metric(process.PROCESS_CPU_UTILIZATION, Kind.GAUGE, "1")
PROCESS_MEMORY: Final = _metric(process.PROCESS_MEMORY_USAGE, Kind.UP_DOWN_COUNTER, "By")
PROCESS_MEMORY_VIRTUAL: Final = _metric(process.PROCESS_MEMORY_VIRTUAL, Kind.UP_DOWN_COUNTER, "By")
PROCESS_THREADS: Final = _metric(process.PROCESS_THREAD_COUNT, Kind.UP_DOWN_COUNTER, "{thread}")
PROCESS_FILES: Final = _metric(
    "process.open_file_descriptor.count", Kind.UP_DOWN_COUNTER, "{count}"
)
PROCESS_DISK_IO: Final = _metric(process.PROCESS_DISK_IO, Kind.COUNTER, "By")
GC_COLLECTIONS: Final = _metric("cpython.gc.collections", Kind.COUNTER, "{collection}")

SYSTEM_CPU: Final = _metric(system.SYSTEM_CPU_UTILIZATION, Kind.GAUGE, "1")
SYSTEM_MEMORY: Final = _metric(system.SYSTEM_MEMORY_UTILIZATION, Kind.GAUGE, "1")
SYSTEM_DISK_IO: Final = _metric(system.SYSTEM_DISK_IO, Kind.COUNTER, "By")
SYSTEM_NETWORK_IO: Final = _metric(system.SYSTEM_NETWORK_IO, Kind.COUNTER, "By")
SYSTEM_NETWORK_ERRORS: Final = _metric(system.SYSTEM_NETWORK_ERRORS, Kind.COUNTER, "{error}")
FILESYSTEM: Final = _metric(system.SYSTEM_FILESYSTEM_UTILIZATION, Kind.GAUGE, "1")
FILESYSTEM_USAGE: Final = _metric(system.SYSTEM_FILESYSTEM_USAGE, Kind.UP_DOWN_COUNTER, "By")

GPU_UTILIZATION: Final = _metric(hw.HW_GPU_UTILIZATION, Kind.GAUGE, "1")
GPU_MEMORY: Final = _metric(hw.HW_GPU_MEMORY_UTILIZATION, Kind.GAUGE, "1")

# --- the engines' own -------------------------------------------------------------------------
UP: Final = "up"
ITEMS: Final = ("spans", "metric_points", "log_records")
QUEUE_SIZE: Final = "otelcol_exporter_queue_size"
QUEUE_CAPACITY: Final = "otelcol_exporter_queue_capacity"
COLLECTOR_CPU: Final = "otelcol_process_cpu_seconds"
COLLECTOR_MEMORY: Final = "otelcol_process_memory_rss"
# Its OTLP endpoint answers 200 all the same: this is the one sign that points are gone.
PROMETHEUS_WAL_FAILED: Final = "prometheus_tsdb_wal_writes_failed_total"
LOKI_WAL_FULL: Final = "loki_ingester_wal_disk_full_failures_total"
PROMETHEUS_TOO_OLD: Final = "prometheus_tsdb_too_old_samples_total"
PROMETHEUS_OUT_OF_BOUNDS: Final = "prometheus_tsdb_out_of_bound_samples_total"
# Left out by collector/config.yaml, so that Prometheus does not refuse all of the request.
COLLECTOR_WRONG_TIME: Final = (
    "otelcol_processor_filter_datapoints_filtered",
    "otelcol_processor_filter_logs_filtered",
)
PROMETHEUS_SERIES: Final = "prometheus_tsdb_head_series"
PROMETHEUS_BLOCKS: Final = "prometheus_tsdb_storage_blocks_bytes"
JAEGER_SIZES: Final = (
    "jaeger_storage_badger_size_bytes_lsm",
    "jaeger_storage_badger_size_bytes_vlog",
)
LOKI_WAL_SHARE: Final = "loki_ingester_wal_disk_usage_percent"
NOTIFICATIONS: Final = "alertmanager_notifications_total"
NOTIFICATIONS_FAILED: Final = "alertmanager_notifications_failed_total"


def received(outcome: str) -> tuple[str, ...]:
    """Return the Collector's counters of items that came in: accepted, refused or failed."""
    return tuple(f"otelcol_receiver_{outcome}_{items}" for items in ITEMS)


def exported(outcome: str) -> tuple[str, ...]:
    """Return the Collector's counters of items going out: sent, send_failed, enqueue_failed."""
    return tuple(f"otelcol_exporter_{outcome}_{items}" for items in ITEMS)
