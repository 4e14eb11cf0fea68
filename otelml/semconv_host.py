"""Process and host metrics: names, units and attributes are those of OpenTelemetry's own."""

from __future__ import annotations

from typing import Final

from otelml._metric import Kind, Metric

HOST_STATE: Final = "state"
HOST_CPU: Final = "cpu"
HOST_DEVICE: Final = "device"
HOST_DIRECTION: Final = "direction"
HOST_TYPE: Final = "type"
GC_GENERATION: Final = "cpython.gc.generation"
SYSTEM_CPU_UTILIZATION: Final = "system.cpu.utilization"
PROCESS_CPU_UTILIZATION: Final = "process.cpu.utilization"
_DEVICE = (HOST_DEVICE, HOST_DIRECTION)
_GENERATION = (GC_GENERATION,)
_GAUGE, _SUM, _LEVEL = Kind.OBSERVABLE_GAUGE, Kind.OBSERVABLE_COUNTER, Kind.UP_DOWN_COUNTER

HOST_METRICS: Final = (
    Metric(SYSTEM_CPU_UTILIZATION, _GAUGE, "1", "Share of time by CPU.", (HOST_CPU, HOST_STATE)),
    Metric("system.memory.usage", _GAUGE, "By", "Memory of the host.", (HOST_STATE,)),
    Metric("system.memory.utilization", _GAUGE, "1", "Share of the memory.", (HOST_STATE,)),
    Metric("system.disk.io", _SUM, "By", "Bytes read and written.", _DEVICE),
    Metric("system.network.io", _SUM, "By", "Bytes received and sent.", _DEVICE),
    Metric("system.network.errors", _SUM, "errors", "Network errors.", _DEVICE),
    Metric("process.cpu.time", _SUM, "s", "CPU time of the process.", (HOST_TYPE,)),
    Metric(PROCESS_CPU_UTILIZATION, _GAUGE, "1", "CPU time by elapsed time and number of CPUs."),
    Metric("process.context_switches", _SUM, "", "Context switches of the process.", (HOST_TYPE,)),
    Metric("process.memory.usage", _LEVEL, "By", "Physical memory in use."),
    Metric("process.memory.virtual", _LEVEL, "By", "Virtual memory committed."),
    Metric("process.open_file_descriptor.count", _LEVEL, "", "File descriptors in use."),
    Metric("process.thread.count", _LEVEL, "", "Threads of the process."),
    Metric("process.disk.io", _SUM, "By", "Bytes read and written.", (HOST_DIRECTION,)),
    Metric("cpython.gc.collections", _SUM, "{collection}", "Collections.", _GENERATION),
    Metric("cpython.gc.collected_objects", _SUM, "{object}", "Objects collected.", _GENERATION),
    Metric("cpython.gc.uncollectable_objects", _SUM, "{object}", "Never freed.", _GENERATION),
)
